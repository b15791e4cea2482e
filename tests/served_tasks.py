"""What local processes compute in tests: networks with a closed form, tasks that fail or die, streams of texts."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from test_streams import StandIn

from affex.features.networks.asking import Ask
from affex.features.networks.batches import Batches
from affex.pipeline.extraction import streams
from affex.pipeline.extraction.work import AudioBatch, Extracted


@dataclass(frozen=True)
class Greys:
    """A network: the mean of each picture, times `gain`; it fails where a picture is brighter than `most`."""

    gain: float = 1.0
    most: float = 255.0

    def batches(self, device: str, weights: str) -> Batches:
        def compute(pictures: torch.Tensor) -> torch.Tensor:
            means = pictures.float().mean((1, 2, 3))
            if (means > self.most).any():
                raise ValueError(f"a picture is brighter than {self.most:g}")
            return self.gain * means[:, None]

        return Batches(compute, device)


def grey(values: list[int], size: tuple[int, int] = (4, 6)) -> np.ndarray:
    """Return a picture of each grey value."""
    return np.broadcast_to(np.uint8(values)[:, None, None, None], (len(values), *size, 3)).copy()


def asks(network: Greys, requests: list[list[int]], size: tuple[int, int], ask: Ask) -> Iterator[list[float]]:
    """Yield the network's numbers of each request."""
    with ask.turn:
        for values in requests:
            yield np.concatenate(ask(network, grey(values, size)))[:, 0].tolist()


def names_itself(ask: Ask) -> Iterator[int]:
    yield os.getpid()


def dies(ask: Ask) -> Iterator[str]:
    yield "alive"
    os.kill(os.getpid(), signal.SIGKILL)


def cannot_be_sent(ask: Ask) -> Iterator[None]:
    class Local(Exception):  # noqa: N818
        pass

    raise Local("where it broke")
    yield


def watches_texts(batch: AudioBatch, ask: Ask) -> Iterator[Extracted]:
    """Compute streams whose videos are texts (`test_streams.StandIn`)."""
    streams.windows = StandIn()
    return streams.watched(batch)

"""The stages of the way from film to embedding, each alone, for `gpu`: decoding, landmarks and crops, networks."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affex.features.base import Runtime
from affex.features.detectors import crops
from affex.features.detectors.landmarks import landmarks
from affex.features.face import Face
from affex.features.faces import Faces, sharpness
from affex.features.networks.asking import Ask
from affex.features.networks.batches import Batches, kind_of
from affex.features.pictures.sampling import sampling
from affex.pipeline.execution.runner import Inline
from affex.pipeline.execution.work import Work
from affex.pipeline.execution.workers import GPU_THREADS
from affex.pipeline.extraction.extract import Summary, extract
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.media.video import Wanted, Window, windows
from affex.pipeline.serving.pool import Pool
from affex.pipeline.specs.features import spec_of


@dataclass(frozen=True)
class Rate:
    """How many frames went through a stage, and in which time, s."""

    frames: int
    seconds: float

    @property
    def value(self) -> float:
        """Frames a second."""
        return self.frames / self.seconds


def decoded(folder: Path, name: str, _: Ask) -> Iterator[int]:
    """Yield how many frames of a film are decoded, 5 a second, in windows."""
    for event in windows(folder, name, [Wanted("film", sampling("5/s"))]):
        yield len(event.frames.pictures) if isinstance(event, Window) else 0


def decoding(pool: Pool, folder: Path, names: list[str]) -> Rate:
    """Measure decoding, in all processes of a pool at once."""
    began = time.perf_counter()
    with ThreadPoolExecutor(GPU_THREADS) as threads:
        counts = list(threads.map(lambda name: sum(pool.run(decoded, folder, name)), names))
    return Rate(sum(counts), time.perf_counter() - began)


def described(picture: np.ndarray, box: np.ndarray, n: int, _: Ask) -> Iterator[int]:
    """Compute, so many times, what is computed for a face that was found; yield how many times it was."""
    for _ in range(n):
        landmarks(picture, box)
        sharpness(picture, box)
        crops.encoded(picture, box)
    yield n


def describing(pool: Pool, processes: int, picture: np.ndarray, box: np.ndarray, n: int = 200) -> Rate:
    """Measure landmarks, sharpness and the JPEG of the crop, in all processes of a pool at once."""
    began = time.perf_counter()
    with ThreadPoolExecutor(processes) as threads:
        counts = list(threads.map(lambda _: sum(pool.run(described, picture, box, n)), range(processes)))
    return Rate(sum(counts), time.perf_counter() - began)


def network(batches: Batches, size: int, picture: np.ndarray, seconds: float = 2.0) -> tuple[Rate, float]:
    """Measure batches of a size one after another; return also how long the device computed, s."""
    for _ in range(20 if kind_of(batches.device) == "cuda" else 1):  # libraries and graphs prepare themselves
        batches.begin([picture] * size, size).numbers()
    began, n, busy = time.perf_counter(), 0, 0.0
    before = batches.begin([picture] * size, size)
    while time.perf_counter() - began < seconds:
        batch = batches.begin([picture] * size, size)
        before.numbers()
        n, busy, before = n + size, busy + before.seconds(), batch
    before.numbers()
    return Rate(n + size, time.perf_counter() - began), busy + before.seconds()


class Threads(Inline):
    """Work in threads of this process, as on a worker with a GPU."""

    def run(self, work: Work, pieces: Any) -> Iterator[tuple[Any, Any]]:
        """Yield (piece, result) as pieces end, in order."""
        with ThreadPoolExecutor(GPU_THREADS) as threads:
            yield from threads.map(lambda piece: (piece, work.through(piece)), pieces)


class Quiet:
    """A console that says nothing."""

    def print(self, message: str) -> None:
        """Ignore a message."""

    @contextmanager
    def progress(self, *_: Any) -> Iterator[Any]:
        """Ignore progress."""
        yield lambda _: None


def dataset(films: Path, names: list[str], cache: Path) -> Dataset:
    """Return a corpus of films."""
    utterances = tuple(
        Utterance(id=f"{number:05d}", corpus="films", speaker="s", video=Media(name))
        for number, name in enumerate(names)
    )
    return Dataset("films", films, cache, utterances)


def whole_way(corpus: Dataset, runtime: Runtime, runner: Inline) -> tuple[list[Summary], list[float]]:
    """Extract faces, then their embeddings; return what came of each, and how long each took, s."""
    summaries, times = [], []
    for feature in (Faces(missing="keep"), Face(faces=Faces(missing="keep"))):
        began = time.perf_counter()
        *_, summary = extract(corpus, [spec_of(feature)], lambda: nullcontext(runner), Quiet(), runtime, verify=False)
        summaries.append(summary)
        times.append(time.perf_counter() - began)
    return summaries, times

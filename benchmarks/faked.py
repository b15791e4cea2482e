"""Stages that are faked by waiting, for `simulation`: a decoder, a network, and what comes after it."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from affex.features.base import Frames, Rows, Runtime, VideoFeature
from affex.features.networks.asking import Ask
from affex.features.networks.batches import LADDER, Numbers, Pictures
from affex.pipeline.extraction import streams
from affex.pipeline.extraction.work import AudioBatch, Extracted, Job
from affex.pipeline.manifest.utterance import Media
from affex.pipeline.media.video import Ended, Window

#: One frame in this many is searched whole.
EVERY = 10


@dataclass(frozen=True)
class Stages:
    """How long each stage takes, s: a batch of the network, decoding a frame, landmarks and the crop of a frame."""

    batch: float
    decode: float
    after: float


@dataclass(frozen=True)
class Faked:
    """A network whose batches take the same time, whatever their size."""

    seconds: float

    def batches(self, device: str, weights: str) -> "Faked":  # noqa: ARG002
        """Return the network."""
        return self

    def sizes(self, height: int, width: int) -> tuple[int, ...]:  # noqa: ARG002
        """Return the sizes of batches on a GPU."""
        return LADDER["cuda"]

    def begin(self, pictures: Sequence[Pictures], size: int) -> "FakedBatch":  # noqa: ARG002
        """Begin a batch."""
        return FakedBatch(len(pictures), time.monotonic() + self.seconds, self.seconds)


@dataclass(frozen=True)
class FakedBatch:
    """A batch of a faked network: how many pictures it has, and when it ends."""

    n: int
    end: float
    took: float

    @property
    def is_done(self) -> bool:
        """Whether it has ended."""
        return time.monotonic() >= self.end

    def numbers(self) -> Numbers:
        """Wait for its end; return a number for each picture."""
        time.sleep(max(0.0, self.end - time.monotonic()))
        return np.zeros((self.n, 1), np.float32)

    def seconds(self) -> float:
        """Return how long it took, s."""
        return self.took


@dataclass(frozen=True, kw_only=True)
class Followed(VideoFeature):
    """A face that is followed: a request for each frame, then landmarks and a crop."""

    packages: ClassVar[tuple[str, ...]] = ()

    stages: Stages

    @property
    def sampling(self) -> float:
        """Each frame."""
        return 1.0

    @property
    def framewise(self) -> bool:
        """One row per frame."""
        return True

    @property
    def columns(self) -> tuple[str, ...]:
        """The number of the network."""
        return ("number",)

    def load(self, runtime: Runtime) -> Ask | None:
        """Return the way to the network."""
        return runtime.ask

    def extract_stream(self, windows: Iterator[Frames], model: Any) -> Rows:
        """Ask for each frame."""
        values, times = [], []
        for window in windows:
            for picture, at in zip(window.pictures, window.times, strict=True):
                shown = picture if len(values) % EVERY == 0 else picture[:256, :256]
                [[number]] = model(Faked(self.stages.batch), shown[None])
                time.sleep(self.stages.after)  # with the turn, as one core has it
                values.append(number)
                times.append(at)
        return Rows(np.array(values, np.float32), np.array(times))


def watched(batch: AudioBatch, ask: Ask) -> Iterator[Extracted]:
    """Watch films whose decoder is faked."""
    [feature] = batch.features
    n_frames = int(batch.jobs[0].media.end or 0)

    def windows(*given: Any, **_: int) -> Iterator[Window | Ended]:
        [wanted] = given[2]
        picture = np.zeros((1, 480, 640, 3), np.uint8)
        for frame in range(n_frames):
            with _core(ask):
                time.sleep(feature.stages.decode)
            yield Window(wanted.id, Frames(picture, np.array([float(frame)])))
        yield Ended(wanted.id, n_frames)

    streams.windows = windows
    return streams.watched(replace(batch, runtime=Runtime(ask=ask)))


@contextmanager
def _core(ask: Ask) -> Iterator[None]:
    """Take the turn of a process, without a stream."""
    ask.turn.acquire()
    try:
        yield
    finally:
        ask.turn.release()


def started(_: Ask) -> Iterator[bool]:
    """Show that a process has started."""
    time.sleep(1)
    yield True


def film(n_frames: int, stages: Stages) -> AudioBatch:
    """Return an utterance of a number of frames; its file is this one."""
    here = Path(__file__)
    stat = here.stat()
    job = Job("film", Media(here.name, 0.0, float(n_frames)), stat.st_size, stat.st_mtime_ns, (0,))
    return AudioBatch((job,), here.parent, (Followed(stages=stages),), Runtime(), (here.parent / "none",))

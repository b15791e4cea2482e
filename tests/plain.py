"""Features for tests of the machinery: quick, closed forms, and some that kill their worker."""

import os
import signal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from affex.features.base import (
    AudioFeature,
    ChainedFeature,
    ExtractionError,
    Feature,
    Frames,
    Rows,
    Runtime,
    Signal,
    VideoFeature,
)
from affex.features.pictures.spool import Spool


@dataclass(frozen=True, kw_only=True)
class Level(AudioFeature):
    """Mean, peak and length of an utterance, times `gain`; refuses an utterance under `least` s; dies of an utterance
    over `deadly` s."""

    version: ClassVar[int] = 1

    gain: float = 1.0
    least: float = 0.0
    deadly: float = 60.0

    @property
    def framewise(self) -> bool:
        return False

    @property
    def columns(self) -> tuple[str, ...]:
        return ("mean", "peak", "length")

    def extract(self, utterance: Signal) -> Rows:
        if utterance.duration < self.least:
            raise ExtractionError(f"too short: {utterance.duration:.3f} s, and at least {self.least} s are needed")
        if utterance.duration > self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        x = utterance.samples
        return Rows(self.gain * np.array([[x.mean(), np.abs(x).max(), len(x)]], np.float32))


@dataclass(frozen=True, kw_only=True)
class Samples(AudioFeature):
    """The samples themselves, one a frame."""

    @property
    def framewise(self) -> bool:
        return True

    @property
    def columns(self) -> tuple[str, ...]:
        return ("sample",)

    def extract(self, utterance: Signal) -> Rows:
        return Rows(utterance.samples[:, None].copy(), np.arange(len(utterance.samples)) / utterance.rate)


@dataclass(frozen=True, kw_only=True)
class Seen(AudioFeature):
    """Whether each tenth of a second was found: in an utterance of n hundredths over 20, all but the first n, n < 5."""

    @property
    def framewise(self) -> bool:
        return True

    @property
    def columns(self) -> tuple[str, ...]:
        return ("time", "found", "score")

    def extract(self, utterance: Signal) -> Rows:
        times = np.arange(5) / 10
        found = np.arange(5) >= round(100 * utterance.duration) - 20
        if utterance.duration > 0.255:
            raise ExtractionError("nobody is there")
        return Rows(np.column_stack([times, found, 9 * found]).astype(np.float32), times)


@dataclass(frozen=True, kw_only=True)
class Broken(AudioFeature):
    """Gives what must not reach a cache: `how` says what."""

    how: str = "nan"

    @property
    def framewise(self) -> bool:
        return False

    @property
    def columns(self) -> tuple[str, ...]:
        return ("only",)

    def extract(self, utterance: Signal) -> Rows:
        if self.how == "error":
            raise RuntimeError("a library's own trouble")
        if self.how == "shape":
            return Rows(np.zeros((1, 2), np.float32))
        if self.how == "empty":
            return Rows(np.zeros((0, 1), np.float32))
        if self.how == "float64":
            return Rows(np.zeros((1, 1)))  # type: ignore[arg-type]
        return Rows(np.full((1, 1), np.nan, np.float32))


@dataclass(frozen=True, kw_only=True)
class Tiles(AudioFeature):
    """The level of each 10 ms, which carries its samples as a picture; every third row has an empty one.

    Refuses an utterance whose first sample is exactly zero: nobody is there.
    """

    with_crops: ClassVar[bool] = True

    gain: float = 1.0

    @property
    def framewise(self) -> bool:
        return True

    @property
    def columns(self) -> tuple[str, ...]:
        return ("level",)

    def extract(self, utterance: Signal) -> Rows:
        if utterance.samples[0] == 0:
            raise ExtractionError("nobody is there")
        n = len(utterance.samples) // 160
        tiles = self.gain * utterance.samples[: 160 * n].reshape(n, 160)
        crops = tuple(b"" if row % 3 == 2 else tile.astype("<f4").tobytes() for row, tile in enumerate(tiles))
        return Rows(tiles.std(axis=1, keepdims=True).astype(np.float32), np.arange(n) / 100, crops)


@dataclass(frozen=True, kw_only=True)
class Peaks(ChainedFeature):
    """The largest sample of the pictures of an utterance, and where it was computed; what it refuses, `most` says.

    Dies of an utterance over `deadly` rows. With `echo` its row carries the first picture.
    """

    on_device: ClassVar[bool] = True

    tiles: Tiles = Tiles()
    most: float = 9.0
    deadly: int = 10**6
    place: bool = False

    @property
    def upstream(self) -> Feature:
        return self.tiles

    @property
    def framewise(self) -> bool:
        return False

    @property
    def columns(self) -> tuple[str, ...]:
        return ("peak", "pictures", "process", "loads") if self.place else ("peak", "pictures")

    def load(self, runtime: Runtime) -> list[str]:
        LOADED.append(runtime.device)
        return LOADED

    def extract_many(self, utterances: Iterable[Rows], model: Any) -> list[Rows]:
        return [self._rows(utterance, model) for utterance in utterances]

    def _rows(self, utterance: Rows, model: list[str]) -> Rows:
        if len(utterance.values) > self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        pictures = [np.frombuffer(crop, "<f4") for crop in utterance.crops if crop]
        peak = max(float(np.abs(picture).max()) for picture in pictures)
        if peak > self.most:
            raise ExtractionError(f"a peak of {peak:.3f}, over {self.most}")
        where = [os.getpid(), len(model)] if self.place else []
        return Rows(np.array([[peak, len(pictures), *where]], np.float32))


#: The devices that `Peaks` was loaded for in this process.
LOADED: list[str] = []


@dataclass(frozen=True, kw_only=True)
class Copies(ChainedFeature):
    """The rows of `Tiles` again, pictures and all, each utterance's turned around; a link that others may read."""

    with_crops: ClassVar[bool] = True

    tiles: Tiles = Tiles()

    @property
    def upstream(self) -> Feature:
        return self.tiles

    @property
    def framewise(self) -> bool:
        return True

    @property
    def columns(self) -> tuple[str, ...]:
        return ("level",)

    def extract_many(self, utterances: Iterable[Rows], model: Any) -> list[Rows]:
        return [
            Rows(utterance.values[::-1].copy(), utterance.times, tuple(utterance.crops)[::-1])
            for utterance in utterances
        ]


@dataclass(frozen=True, kw_only=True)
class Last(ChainedFeature):
    """The last level of `Copies`: the end of a chain of three."""

    copies: Copies = Copies()

    @property
    def upstream(self) -> Feature:
        return self.copies

    @property
    def framewise(self) -> bool:
        return False

    @property
    def columns(self) -> tuple[str, ...]:
        return ("last",)

    def extract_many(self, utterances: Iterable[Rows], model: Any) -> list[Rows]:
        return [Rows(utterance.values[-1:].copy()) for utterance in utterances]


@dataclass(frozen=True, kw_only=True)
class Greys(VideoFeature):
    """The mean grey of every frame, which carries its first pixel; reads at most `most` windows.

    It dies of a frame with the grey `deadly`, or with a file `once` only the first time.
    """

    with_crops: ClassVar[bool] = True

    fps: float = 10.0
    most: int = 10**6
    deadly: int = -1
    once: str = ""

    @property
    def sampling(self) -> float:
        return self.fps

    @property
    def framewise(self) -> bool:
        return True

    @property
    def columns(self) -> tuple[str, ...]:
        return ("grey",)

    def extract_stream(self, windows: Iterator[Frames], model: Any) -> Rows:
        seen = [frames for _, frames in zip(range(self.most), windows, strict=False)]
        if not seen:
            raise ExtractionError("no frame was shown")
        pictures = np.concatenate([frames.pictures for frames in seen])
        crops = Spool()
        for picture in pictures:
            crops.append(picture[0, 0].tobytes())
        greys = pictures.mean(axis=(1, 2, 3), dtype=np.float64)
        if self.deadly in greys and not (self.once and Path(self.once).exists()):
            Path(self.once or os.devnull).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return Rows(greys[:, None].astype(np.float32), np.concatenate([frames.times for frames in seen]), crops)


@dataclass(frozen=True, kw_only=True)
class Weighted(Level):
    """The level, where a file lies in the folder of weights."""

    def require(self, runtime: Runtime) -> None:
        if not Path(runtime.weights, "gain").is_file():
            raise ValueError(f"no gain in {runtime.weights}")

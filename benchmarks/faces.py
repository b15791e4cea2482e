"""Speed of face detection and embedding against dlib's own, and how far the results are from dlib's.

::

    python benchmarks/faces.py CLIPS                    # both parts
    python benchmarks/faces.py CLIPS --parts speed
    python benchmarks/faces.py CLIPS --parts agreement

``speed``: each round runs dlib and every precision one after the other on the same frames of 640 x 480 (one of each
utterance) and the same chips, so that all see the same load of the machine, with one thread of torch and with one a
core (``--threads``; dlib has one). Printed are the median of all rounds and of the ratios within rounds, with the least
and the greatest.

``agreement``: from every video below the folder frames are taken evenly spaced: ``--frames`` of each as they are, or
640 px wide where they are wider, and of the latter ``--large`` as they are, since dlib takes some 10 s for a frame of
1920 x 1080. dlib's boxes on whole frames are looked for among ours (intersection over union of 0.8), and what is not
found there is named; then the embeddings of the chips of all those frames are compared with
``compute_face_descriptor``, and the nearest neighbour of each chip among all with dlib's. With the default numbers (330
frames of 25 utterances) dlib alone takes some 10 minutes of one processor.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, get_args

import av
import cv2
import dlib
import numpy as np
import torch

from affex.features.detectors.base import Faces
from affex.features.detectors.chips import aligned
from affex.features.detectors.landmarks import landmarks
from affex.features.detectors.mmod import Mmod
from affex.features.networks import dlib_resnet
from affex.features.networks.base import Precision
from affex.features.networks.dlib_weights import DETECTOR, EMBEDDING
from affex.features.networks.weights import packaged

SUFFIXES = {".mp4", ".mpg", ".avi", ".mov", ".mkv"}
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
WIDE = 640
SAME = 0.8


@dataclass(frozen=True)
class View:
    """A frame that faces are looked for in: which of which utterance, and the picture, (height, width, 3) uint8."""

    utterance: str
    number: int
    picture: np.ndarray

    @property
    def size(self) -> str:
        """Width and height."""
        return f"{self.picture.shape[1]}x{self.picture.shape[0]}"


def videos(folder: Path) -> list[Path]:
    """Return every video below a folder."""
    return sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES)


def frames_of(path: Path, count: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the number and the picture of some frames of a video, evenly spaced."""
    with av.open(str(path)) as container:
        n_frames = sum(1 for _ in container.decode(video=0))
    chosen = set(np.linspace(0, n_frames - 1, count + 2).astype(int)[1:-1].tolist())
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number in chosen:
                yield number, frame.to_ndarray(format="rgb24")


def middle(frame: np.ndarray, width: int = 640, height: int = 480) -> np.ndarray:
    """Return the middle of a frame at a size, px."""
    h, w = min(frame.shape[0], frame.shape[1] * height // width), min(frame.shape[1], frame.shape[0] * width // height)
    top, left = (frame.shape[0] - h) // 2, (frame.shape[1] - w) // 2
    return cv2.resize(frame[top : top + h, left : left + w], (width, height), interpolation=cv2.INTER_AREA)


def views(path: Path, frames: int, large: int) -> Iterator[View]:
    """Yield the frames of an utterance in which faces are looked for; but `large` of them are at most `WIDE` wide."""
    widest = 0
    for number, picture in frames_of(path, frames):
        height, widest = picture.shape[:2]
        size = (WIDE, round(height * WIDE / widest))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if widest > WIDE else picture
        yield View(path.name, number, small)
    if widest > WIDE:
        yield from (View(path.name, number, picture) for number, picture in frames_of(path, large))


def found_by(precision: Precision, pictures: Iterable[np.ndarray]) -> list[Faces]:
    """Return the faces that our detector finds in each picture."""
    detector = Mmod(precision=precision)
    return [detector.detect(picture[None])[0] for picture in pictures]


def chips_of(pictures: Iterable[np.ndarray], found: Iterable[Faces]) -> np.ndarray:
    """Return the aligned chip of each picture's best face, (n_faces, 150, 150, 3) uint8."""
    best = ((picture, faces.boxes[0]) for picture, faces in zip(pictures, found, strict=True) if len(faces))
    return np.stack([aligned(picture, landmarks(picture, box)) for picture, box in best])


@cache
def finder() -> Any:
    """Return dlib's detector."""
    return dlib.cnn_face_detection_model_v1(str(packaged(DETECTOR)))


@cache
def describer() -> Any:
    """Return dlib's embedding."""
    return dlib.face_recognition_model_v1(str(packaged(EMBEDDING)))


def found_by_dlib(picture: np.ndarray) -> Faces:
    """Return what dlib's detector finds."""
    found = finder()(picture, 0)
    boxes = [(one.rect.left(), one.rect.top(), one.rect.right() + 1, one.rect.bottom() + 1) for one in found]
    return Faces(np.array(boxes, np.float32).reshape(-1, 4), np.array([one.confidence for one in found], np.float32))


def described_by_dlib(chips: np.ndarray) -> np.ndarray:
    """Return dlib's embedding of each chip, (n_chips, 128)."""
    return np.array([describer().compute_face_descriptor(chip) for chip in chips])


# Speed


def race(title: str, runners: dict[str, Callable[[], object]], items: dict[str, int], rounds: int) -> None:
    """Time the runners in turn, and print items a second and ratios to dlib."""
    speeds: dict[str, list[float]] = {name: [] for name in runners}
    for run in runners.values():
        run()
    for _ in range(rounds):
        for name, run in runners.items():
            began = time.perf_counter()
            run()
            speeds[name].append(items[name] / (time.perf_counter() - began))
    for name, found in speeds.items():
        ratios = [one / own for one, own in zip(found, speeds["dlib"], strict=True)]
        print(f"{title}, {name}: {spread(found)} a second, {spread(ratios)} times dlib", flush=True)


def spread(values: list[float]) -> str:
    """Return median, least and greatest."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def speed(paths: list[Path], rounds: int, threads: list[int]) -> None:
    """Race detection and embedding."""
    frames = np.stack([middle(picture) for path in paths for _, picture in frames_of(path, 1)])
    chips = chips_of(frames, found_by("float32", frames))
    for number in threads:
        torch.set_num_threads(number)
        detection: dict[str, Callable[[], object]] = {"dlib": lambda: found_by_dlib(frames[0])}
        detection |= {p: partial(Mmod(precision=p).detect, frames[:8]) for p in PRECISIONS}
        title = f"detection at 640x480, torch on {number} threads, frames"
        race(title, detection, {"dlib": 1} | dict.fromkeys(PRECISIONS, len(frames[:8])), rounds)
        embedding: dict[str, Callable[[], object]] = {"dlib": lambda: described_by_dlib(chips[:8])}
        embedding |= {p: partial(dlib_resnet.load("cpu", p).embed, chips[:24]) for p in PRECISIONS}
        title = f"embedding, torch on {number} threads, faces"
        race(title, embedding, {"dlib": len(chips[:8])} | dict.fromkeys(PRECISIONS, len(chips[:24])), rounds)


# Agreement


def agreement(paths: list[Path], frames: int, large: int) -> None:
    """Print how many of dlib's boxes are found, how far scores and embeddings are from dlib's, and the neighbours."""
    seen = [view for path in paths for view in views(path, frames, large)]
    torch.set_num_threads(1)
    began = time.perf_counter()
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        own = list(pool.map(found_by_dlib, (view.picture for view in seen)))
    print(f"{len(seen)} frames of {len(paths)} utterances, dlib took {time.perf_counter() - began:.0f} s", flush=True)
    ours = {precision: found_by(precision, (view.picture for view in seen)) for precision in PRECISIONS}
    for precision, found in ours.items():
        compare(precision, seen, own, found)
    chips = chips_of((view.picture for view in seen), ours["float32"])
    vectors = described_by_dlib(chips)
    for precision in PRECISIONS:
        embedded = dlib_resnet.load("cpu", precision).embed(chips)
        same = nearest(embedded) == nearest(vectors)
        apart = np.linalg.norm(embedded - vectors, axis=1)
        for chip in np.flatnonzero(~same):
            near, other = (distance(vectors[chip], vectors[nearest(v)[chip]]) for v in (vectors, embedded))
            print(f"    {precision}: chip {chip}'s nearest is one that dlib has at {other:.5f}, not that at {near:.5f}")
        print(
            f"{precision}: {len(chips)} chips, numbers at most {np.abs(embedded - vectors).max():.1e} from dlib's, "
            f"distance at most {apart.max():.1e}; {same.sum()} ({same.mean():.1%}) with the same nearest neighbour",
            flush=True,
        )


def compare(precision: str, seen: list[View], own: list[Faces], ours: list[Faces]) -> None:
    """Print how many of dlib's boxes are found, size by size and in all, and name those that are not."""
    apart: dict[str, list[float]] = {view.size: [] for view in seen}  # by size; NaN for a box that is not found
    more = 0
    for view, theirs, faces in zip(seen, own, ours, strict=True):
        more += max(0, len(faces) - len(theirs))
        for box, score in zip(theirs.boxes, theirs.scores, strict=True):
            overlaps = np.array([overlap(box, other) for other in faces.boxes])
            best = overlaps.max(initial=0)
            apart[view.size].append(abs(score - faces.scores[overlaps.argmax()]) if best >= SAME else np.nan)
            if best < SAME:
                where = f"{view.clip}, frame {view.number}, {view.size}"
                print(f"    {precision}: {where}: dlib's box of score {score:.3f} overlaps by {best:.2f} at most")
    apart["all"] = [one for each in apart.values() for one in each]
    for size, scores in apart.items():
        share = np.isfinite(scores).mean() if scores else np.nan
        print(
            f"{precision}, {size}: {np.isfinite(scores).sum()} of dlib's {len(scores)} boxes matched ({share:.2%}), "
            f"scores at most {np.nanmax(scores, initial=0):.1e} apart",
            flush=True,
        )
    print(f"{precision}: {more} boxes more than dlib's", flush=True)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Return the intersection over the union of two boxes."""
    shared = np.prod(np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0))
    return float(shared / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared))


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return how far two embeddings are from each other."""
    return float(np.linalg.norm(a - b))


def nearest(vectors: np.ndarray) -> np.ndarray:
    """Return the number of each vector's nearest neighbour."""
    distances = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    return distances.argmin(axis=1)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("--parts", nargs="+", default=("speed", "agreement"), choices=("speed", "agreement"))
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, os.cpu_count() or 1}))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=12, help="an utterance")
    parser.add_argument(
        "--large", type=int, default=3, help="an utterance, as they are where that is more than 640 px wide"
    )
    options = parser.parse_args()
    paths = videos(options.clips)
    if "speed" in options.parts:
        speed(paths, options.rounds, options.threads)
    if "agreement" in options.parts:
        agreement(paths, options.frames, options.large)


if __name__ == "__main__":
    main()

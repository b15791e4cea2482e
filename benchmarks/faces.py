"""Speed of face detection and embedding against dlib's own, and how far the results are from dlib's.

::

    python benchmarks/faces.py CLIPS

From every video below the folder, frames are taken evenly spaced. Each round runs dlib, float32 and bfloat16 one
after the other on the same frames of 640 x 480 (and the same chips), so that all see the same load of the machine;
printed are the median of all rounds and of the ratios within rounds, with the least and the greatest. Then dlib's
boxes on whole frames are looked for among ours (intersection over union of 0.8).
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import cv2
import dlib
import numpy as np
import torch

from features.detectors.chips import aligned
from features.detectors.landmarks import landmarks
from features.detectors.mmod import Mmod
from features.networks import dlib_resnet
from features.networks.dlib_weights import DETECTOR, EMBEDDING
from features.networks.weights import packaged

SUFFIXES = {".mp4", ".mpg", ".avi", ".mov", ".mkv"}
PRECISIONS = ("float32", "bfloat16")


def frames_of(folder: Path, each: int) -> Iterator[tuple[Path, np.ndarray]]:
    """Yield every video and `each` of its frames, (each, height, width, 3) uint8."""
    for path in sorted(p for p in folder.rglob("*") if p.suffix in SUFFIXES):
        with av.open(path) as container:
            decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        chosen = np.linspace(0, len(decoded) - 1, each + 2).astype(int)[1:-1]
        yield path, np.stack([decoded[i] for i in chosen])


def at_640(frame: np.ndarray) -> np.ndarray:
    """Return the middle of a frame, 640 x 480."""
    height, width = frame.shape[:2]
    h, w = min(height, width * 3 // 4), min(width, height * 4 // 3)
    top, left = (height - h) // 2, (width - w) // 2
    return cv2.resize(frame[top : top + h, left : left + w], (640, 480), interpolation=cv2.INTER_AREA)


def chip_of(frame: np.ndarray) -> np.ndarray | None:
    """Return the aligned chip of a frame's best face."""
    faces = Mmod().detect(frame[None])[0]
    return aligned(frame, landmarks(frame, faces.boxes[0])) if len(faces) else None


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


def speed(frames: np.ndarray, chips: np.ndarray, rounds: int) -> None:
    """Race detection and embedding."""
    finder = dlib.cnn_face_detection_model_v1(str(packaged(DETECTOR)))
    describer = dlib.face_recognition_model_v1(str(packaged(EMBEDDING)))
    detection = {"dlib": lambda: finder(frames[0], 0)}
    detection |= {p: lambda p=p: Mmod(precision=p).detect(frames[:8]) for p in PRECISIONS}
    race("detection at 640x480, frames", detection, {"dlib": 1, "float32": 8, "bfloat16": 8}, rounds)
    networks = {p: dlib_resnet.load("cpu", p) for p in PRECISIONS}
    embedding = {"dlib": lambda: [describer.compute_face_descriptor(chip) for chip in chips[:8]]}
    embedding |= {p: lambda p=p: networks[p].embed(chips[:32]) for p in PRECISIONS}
    race("embedding, faces", embedding, {"dlib": 8, "float32": 32, "bfloat16": 32}, rounds)
    own = np.array([describer.compute_face_descriptor(chip) for chip in chips])
    neighbours = nearest(own)
    for precision in PRECISIONS:
        found = networks[precision].embed(chips)
        same = (nearest(found) == neighbours).mean()
        print(
            f"{len(chips)} chips in {precision}: at most {np.abs(found - own).max():.1e} from dlib's, "
            f"distance at most {np.linalg.norm(found - own, axis=1).max():.1e}, same nearest neighbour {same:.1%}"
        )


def nearest(vectors: np.ndarray) -> np.ndarray:
    """Return the number of each vector's nearest neighbour."""
    distances = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    return distances.argmin(axis=1)


def agreement(clips: dict[Path, np.ndarray]) -> None:
    """Print how many of dlib's boxes are found, and how far scores are from dlib's."""
    finder = dlib.cnn_face_detection_model_v1(str(packaged(DETECTOR)))
    own = {path: [finder(np.ascontiguousarray(frame), 0) for frame in frames] for path, frames in clips.items()}
    for precision in PRECISIONS:
        total = matched = more = 0
        worst = 0.0
        for path, frames in clips.items():
            for faces, dlibs in zip(Mmod(precision=precision).detect(frames), own[path], strict=True):
                total += len(dlibs)
                more += max(0, len(faces) - len(dlibs))
                for one in dlibs:
                    box = np.array([one.rect.left(), one.rect.top(), one.rect.right() + 1, one.rect.bottom() + 1])
                    overlaps = [overlap(box, other) for other in faces.boxes]
                    if overlaps and max(overlaps) >= 0.8:
                        matched += 1
                        worst = max(worst, abs(one.confidence - faces.scores[int(np.argmax(overlaps))]))
        print(f"{precision}: {matched} of dlib's {total} boxes matched, {more} more, scores at most {worst:.1e} apart")


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Return the intersection over the union of two boxes."""
    shared = np.prod(np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0))
    return float(shared / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared))


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("--threads", type=int, default=1, help="of torch; dlib has one, and so has a worker")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=2, help="a clip")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    clips = dict(frames_of(options.clips, options.frames))
    small = np.stack([at_640(frame) for frames in clips.values() for frame in frames])
    chips = [chip for chip in map(chip_of, small) if chip is not None]
    print(f"{len(clips)} clips, {len(small)} frames, {len(chips)} faces, {options.threads} threads")
    speed(small, np.stack(chips), options.rounds)
    agreement(clips)


if __name__ == "__main__":
    main()

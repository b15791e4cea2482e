"""How exact landmarks are: from the crop against from the frame, and how a still face jitters.

::

    python benchmarks/landmarks.py CLIPS

All distances are in those between the outer corners of the eyes. First, for each folder of CLIPS (a corpus), faces as
`faces` finds them: how far the 68 points of the kept crop are from those of the frame, found in the same way (what the
crop's shrinking and JPEG do), and dlib's own, in whole pixels and in the detector's box, of the crop from those of the
frame. Then the middle frame of each utterance, shrunk until the face has a width, put down some times in another place
between the pixels, leaning by another angle, with noise, in a box that is off by another two parts in a hundred: by how
much each coordinate then deviates (the median, and the root of the mean square, over coordinates and utterances), after
a similarity is taken out.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from faces import videos
from found import seen
from numpy.typing import NDArray

from affex.features.base import Runtime
from affex.features.detectors import crops
from affex.features.detectors.landmarks import landmarks, refined, squared
from affex.features.faces import COLUMNS, Faces
from affex.features.landmarks import normalised

FOUND, BOX, FIVE = COLUMNS.index("found"), slice(COLUMNS.index("x0"), COLUMNS.index("y1") + 1), slice(7, 17)

Picture = NDArray[np.uint8]
Points = NDArray[np.float64]
#: From a picture, the detector's box and the five points in it to the 68.
Find = Callable[[Picture, Points, Points], Points]


@dataclass(frozen=True)
class Sight:
    """A frame with its face: box (4,) and five points (5, 2), px of the frame, and the crop that was kept."""

    frame: Picture
    box: Points
    five: Points
    crop: Picture

    @property
    def box_in_crop(self) -> Points:
        """The box, px of the crop."""
        return crops.placed(self.box.reshape(2, 2) - 0.5, self.box, self.crop).ravel() + 0.5


def fine(picture: Picture, box: Points, five: Points) -> Points:  # noqa: ARG001
    """Find the points as the feature does."""
    return refined(picture, five)


def whole(picture: Picture, box: Points, five: Points) -> Points:  # noqa: ARG001
    """Find the points as dlib does."""
    return landmarks(picture, squared(box), 68).astype(np.float64)


def of_frame(find: Find, sight: Sight) -> Points:
    """Return the points found in the frame."""
    return find(sight.frame, sight.box, sight.five)


def of_crop(find: Find, sight: Sight) -> Points:
    """Return the points found in the crop, px of the frame."""
    found = find(sight.crop, sight.box_in_crop, crops.placed(sight.five, sight.box, sight.crop))
    left, top, right, bottom = crops.area(sight.box)
    scale = np.array([sight.crop.shape[1] / (right - left), sight.crop.shape[0] / (bottom - top)])
    return (found + 0.5) / scale - 0.5 + (left, top)


def apart(points: Points, others: Points) -> Points:
    """Return how far each point is from the other, (68,)."""
    return np.linalg.norm(points - others, axis=1) / np.linalg.norm(others[36] - others[45])


def sights(path: Path, rate: str) -> list[Sight]:
    """Return the sampled frames of a video that have a face."""
    feature = Faces(frames=rate, missing="keep")
    pictures, rows = seen(path, feature, feature.load(Runtime()))
    return [
        Sight(pictures[k], row[BOX], row[FIVE].reshape(5, 2), crops.decoded(rows.crops[k]))
        for k, row in enumerate(rows.values.astype(float))
        if row[FOUND]
    ]


def put_down(sight: Sight, width: float, degrees: float, random: np.random.Generator) -> Sight:
    """Shrink the face of a frame to a width, and put it down somewhere between the pixels, leaning, with noise."""
    middle = sight.box.reshape(2, 2).mean(axis=0)
    scale = width / (sight.box[2] - sight.box[0]) * random.uniform(0.98, 1.02)
    matrix = cv2.getRotationMatrix2D(tuple(middle), random.uniform(-degrees, degrees), scale)
    size = round(3 * width)
    place = size / 2 + random.uniform(0, 1, 2)
    matrix[:, 2] += place - middle
    smooth = cv2.GaussianBlur(sight.frame, (0, 0), 0.4 / scale)
    frame = cv2.warpAffine(smooth, matrix, (size, size)) + random.normal(0, 2, (size, size, 3))
    frame = np.clip(frame + 0.5, 0, 255).astype(np.uint8)
    half, off = width / 2 * (1 + random.normal(0, 0.02)), random.normal(0, 0.02 * width, 2)
    box = np.concatenate([place + off - half, place + off + half])
    five = landmarks(frame, squared(box)).astype(np.float64)
    return Sight(frame, box, five, crops.decoded(crops.encoded(frame, box)))


def jitter(sight: Sight, width: float, degrees: float, times: int) -> dict[str, Points]:
    """Return the deviation of each coordinate of the normalised points, (136,), as dlib finds them and as we do."""
    random = np.random.default_rng(0)
    seen = [put_down(sight, width, degrees, random) for _ in range(times)]
    ways = {"dlib": partial(of_frame, whole), "ours": partial(of_crop, fine)}
    return {name: np.std([normalised(way(one)).ravel() for one in seen], axis=0) for name, way in ways.items()}


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("--frames", default="2/s")
    parser.add_argument("--times", type=int, default=12, help="how often each face is put down")
    options = parser.parse_args()
    folders = sorted(path for path in options.clips.iterdir() if path.is_dir())
    middles: list[Sight] = []
    print(f"{'crop against frame':28}{'faces':>7}{'ours: median':>14}{'95 %':>8}{'dlib: median':>14}{'95 %':>8}")
    for folder in folders:
        distances: dict[Find, list[Points]] = {fine: [], whole: []}
        for path in videos(folder):
            found = sights(path, options.frames)
            middles.extend(found[len(found) // 2 :][:1])
            for find, all_of_them in distances.items():
                all_of_them.extend(apart(of_crop(find, sight), of_frame(find, sight)) for sight in found)
        cells = (f"{np.median(d):14.4f}{np.quantile(d, 0.95):8.4f}" for d in distances.values())
        print(f"{folder.name:28}{len(distances[fine]):7}{''.join(cells)}", flush=True)
    print(f"\n{'jitter':28}{'faces':>7}{'ours: median':>14}{'rms':>8}{'dlib: median':>14}{'rms':>8}")
    for width, degrees in ((55, 0), (55, 20), (110, 0), (110, 20), (220, 0)):
        large = [sight for sight in middles if sight.box[2] - sight.box[0] > width]
        found = [jitter(sight, width, degrees, options.times) for sight in large]
        deviations = (np.stack([one[name] for one in found]) for name in ("ours", "dlib"))
        cells = (f"{np.median(d):14.4f}{np.sqrt(np.mean(d**2)):8.4f}" for d in deviations)
        print(f"{f'{width} px, leaning {degrees} degrees':28}{len(large):7}{''.join(cells)}", flush=True)


if __name__ == "__main__":
    main()

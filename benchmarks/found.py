"""In how many frames of real utterances a face is found, as they are and scaled down until the face is small.

::

    python benchmarks/found.py CLIPS [--small mead] [--width 55] [--faces faces:detector=yunet]

Each folder of CLIPS is a corpus; its videos go through `faces` as the pipeline would show them. Those of the corpora
named by ``--small`` come a second time, every frame scaled so that the median width of the film's boxes becomes
``--width`` px. For each video the table has its frames, those with a face, their share, how often there was more than
one face, and the median width of the boxes; for each corpus the sums.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from faces import videos
from numpy.typing import NDArray

from affex.features.base import ExtractionError, Frames, Rows, Runtime
from affex.features.faces import COLUMNS, Faces, is_found
from affex.pipeline.media import video
from affex.pipeline.specs.features import feature_specs

LINE = "{:44}{:>8}{:>8}{:>9}{:>9}{:>9}"

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Found:
    """How many frames a video has, in how many a face was found and in how many several, and how wide it was, px."""

    name: str
    n_frames: int
    n_found: int
    n_several: int
    width: float

    @property
    def line(self) -> str:
        """A line of the table."""
        share = f"{self.n_found / self.n_frames:.1%}" if self.n_frames else ""
        return LINE.format(self.name, self.n_frames, self.n_found, share, self.n_several, f"{self.width:.0f}")


def frames_of(path: Path, feature: Faces, change: Callable[[Picture], Picture] = np.asarray) -> Iterator[Frames]:
    """Yield the frames that the feature samples, changed.

    Raises
    ------
    SystemExit
        If the video cannot be read to its end.
    """
    for output in video.windows(path.parent, path.name, [video.Wanted("film", feature.sampling)]):
        if isinstance(output, video.Ended) and output.problem:
            raise SystemExit(output.problem)
        if isinstance(output, video.Window):
            yield Frames(np.stack([change(picture) for picture in output.frames.pictures]), output.frames.times)


def seen(path: Path, feature: Faces, model: Any) -> tuple[list[Picture], Rows]:
    """Return the sampled frames of a video, and the rows of their faces."""
    pictures: list[Picture] = []

    def kept() -> Iterator[Frames]:
        for frames in frames_of(path, feature):
            pictures.extend(frames.pictures)
            yield frames

    rows = feature.extract_stream(kept(), model)
    return pictures, rows


def look(path: Path, name: str, feature: Faces, model: Any, scale: float = 1.0) -> Found:
    """Look for the face in every sampled frame of a video, scaled."""
    n_frames = 0

    def change(picture: Picture) -> Picture:
        nonlocal n_frames
        n_frames += 1
        return picture if scale == 1 else cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)

    try:
        rows = feature.extract_stream(frames_of(path, feature, change), model)
    except ExtractionError:
        return Found(name, n_frames, 0, 0, float("nan"))
    n_found = len(np.unique(rows.values[is_found(rows.values), 0]))  # whoever it is: a cut begins another track
    values = feature.one_person(rows).values
    values = values[is_found(values)]
    widths = values[:, COLUMNS.index("x1")] - values[:, COLUMNS.index("x0")]
    n_several = int((values[:, COLUMNS.index("n_faces")] > 1).sum())
    return Found(name, n_frames, n_found, n_several, float(np.median(widths)) if len(widths) else float("nan"))


def together(name: str, films: Sequence[Found]) -> Found:
    """Return the sums of a corpus, and the median of its widths."""
    sums = (sum(getattr(film, what) for film in films) for what in ("n_frames", "n_found", "n_several"))
    return Found(name, *sums, float(np.nanmedian([film.width for film in films])))


def main() -> None:
    """Look, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("--small", nargs="*", default=["mead"], help="corpora that come a second time, scaled down")
    parser.add_argument("--width", type=float, default=55, help="of the small faces, px")
    parser.add_argument("--faces", default="faces", help="the feature, as in FEATURES")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--weights", default="", help="the folder of weight files")
    options = parser.parse_args()
    [spec] = feature_specs(options.faces)
    assert isinstance(spec.feature, Faces), f"{spec} does not look for faces"
    model = spec.feature.load(Runtime(device=options.device, weights=options.weights))
    corpora: list[Found] = []

    def report(name: str, found: Iterator[Found]) -> list[Found]:
        films = []
        for film in found:
            print(film.line, flush=True)
            films.append(film)
        corpora.append(together(name, films))
        return films

    print(f"{spec}\n" + LINE.format("film", "frames", "found", "share", "several", "width"))
    for folder in sorted(path for path in options.clips.iterdir() if path.is_dir()):
        paths = videos(folder)
        if not paths:
            continue
        films = report(folder.name, (look(p, f"{folder.name}/{p.stem}", spec.feature, model) for p in paths))
        if folder.name in options.small:
            name = f"{folder.name} at {options.width:g} px"
            small = zip(paths, films, strict=True)
            scaled = ((p, options.width / film.width) for p, film in small if film.n_found)
            report(name, (look(p, f"{name}/{p.stem}", spec.feature, model, scale) for p, scale in scaled))
    print("\n".join(["", *(corpus.line for corpus in corpora)]))


if __name__ == "__main__":
    main()

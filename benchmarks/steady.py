"""How steady boxes and expressions are: stills shown for a second, and from one sampled frame of a video to the next.

::

    python benchmarks/steady.py CLIPS [--weights FOLDER] [--faces faces] [--fer fer] [--stills 113]

Frames of all videos below CLIPS, evenly spaced over what `faces` samples, are written as films of a second each (h264,
5 frames a second), so that nothing moves but what the coding changes. Printed are, over these films, by how much the
width of the box varies within a film (greatest minus least, as a share of the median), and in how many films the most
likely expression of `fer` changes. Then, over consecutive sampled frames of the videos themselves, by how much the
logarithm of the width changes.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from faces import videos
from found import Picture, seen
from numpy.typing import NDArray

from affex.features.base import Rows, Runtime
from affex.features.faces import COLUMNS, Faces, is_found
from affex.features.fer import Fer
from affex.pipeline.specs.features import feature_specs

RATE = 5
X0, X1 = COLUMNS.index("x0"), COLUMNS.index("x1")


def film(picture: Picture, path: Path) -> None:
    """Write a picture as a film of one second; its sides become even."""
    height, width = (side // 2 * 2 for side in picture.shape[:2])
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=RATE, options={"crf": "18", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for _ in range(RATE):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[:height, :width]), format="rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def widths(rows: Rows) -> NDArray[np.float64]:
    """Return the width of the box in each row, px; NaN in a row without a face."""
    values = rows.values.astype(np.float64)
    return np.where(is_found(rows.values), values[:, X1] - values[:, X0], np.nan)


def changes(rows: Rows) -> NDArray[np.float64]:
    """Return by how much the logarithm of the width changes between consecutive rows with a face."""
    moved = np.abs(np.diff(np.log(widths(rows))))
    return moved[np.isfinite(moved)]


def variation(rows: Rows) -> float:
    """Return by how much the width varies, as a share of its median."""
    wide = widths(rows)[is_found(rows.values)]
    return float(np.ptp(wide) / np.median(wide))


def flips(stills: Sequence[Rows], fer: Fer, network: Any) -> int:
    """Return in how many films of stills the most likely expression changes."""
    scores = (rows.values[:, : len(fer.network.scores)] for rows in fer.extract_many(stills, network))
    return sum(len(set(each.argmax(axis=1))) > 1 for each in scores)


def spread(pictures: Sequence[Picture], count: int) -> list[Picture]:
    """Return some of the pictures, evenly spaced."""
    return [pictures[k] for k in np.linspace(0, len(pictures) - 1, min(count, len(pictures))).round().astype(int)]


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("--faces", default="faces", help="the feature, as in FEATURES")
    parser.add_argument("--fer", nargs="+", default=["fer"], help="the expressions, as in FEATURES")
    parser.add_argument("--stills", type=int, default=113)
    parser.add_argument("--weights", default="", help="the folder of weight files")
    options = parser.parse_args()
    runtime = Runtime(weights=options.weights)
    [faces] = (spec.feature for spec in feature_specs(options.faces))
    assert isinstance(faces, Faces), f"{options.faces} does not look for faces"
    model = faces.load(runtime)
    clips = [seen(path, faces, model) for path in videos(options.clips)]
    moved = np.concatenate([changes(rows) for _, rows in clips])
    print(
        f"{len(clips)} videos, {len(moved)} pairs of frames: the log of the width changes by {moved.mean():.4f} "
        f"(mean; median {np.median(moved):.4f}; root of the mean square {np.sqrt(np.mean(moved**2)):.4f})",
        flush=True,
    )
    shown = spread([picture for pictures, _ in clips for picture in pictures], options.stills)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"{number:03d}.mp4") for number in range(len(shown))]
        for still, path in zip(shown, paths, strict=True):
            film(still, path)
        stills = [seen(path, faces, model)[1] for path in paths]
    wide = [variation(rows) for rows in stills]
    found = np.concatenate([is_found(rows.values) for rows in stills])
    print(
        f"{len(stills)} stills, a face in {found.sum()} of {len(found)} frames: the width varies by "
        f"{np.median(wide):.2%} (median; 95 %: {np.quantile(wide, 0.95):.2%}; greatest {max(wide):.2%})",
        flush=True,
    )
    for name in options.fer:
        [fer] = (spec.feature for spec in feature_specs(name))
        assert isinstance(fer, Fer), f"{name} does not recognise expressions"
        print(
            f"{name}: the most likely expression changes in {flips(stills, fer, fer.load(runtime))} stills", flush=True
        )


if __name__ == "__main__":
    main()

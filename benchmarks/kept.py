"""What keeping faces as crops changes in an embedding, and what half precision does.

::

    python benchmarks/kept.py CLIPS [--frames 5/s] [--weights FOLDER]

Faces are found in every video below the folder. The embedding of the chip cut from the kept crop is held against that
of the chip cut from the picture itself (``face``: both are aligned by the same five points); then every network's, in
every precision, against its own in float32. Printed are distances (median, 95 %, largest), the largest difference of a
number, how far a chip's nearest neighbour lies, and for how many chips it is the same one. ``fer`` takes part if its
weights are found.
"""

import argparse
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from faces import videos
from found import seen
from numpy.typing import NDArray

from affex.features.base import Runtime
from affex.features.detectors.chips import Picture, aligned
from affex.features.face import Face
from affex.features.faces import COLUMNS, Faces, is_found
from affex.features.fer import Fer
from affex.features.networks.base import Precision
from affex.features.networks.embedding import Embedding
from affex.features.networks.weights import WeightError

#: The five points of a row, px of the picture.
FIVE = slice(COLUMNS.index("eye_right_outer_x"), COLUMNS.index("nose_y") + 1)


def chips_of(paths: list[Path], faces: Faces, embeddings: list[Embedding]) -> list[NDArray[np.uint8]]:
    """Return the chips of all faces: those of the pictures, aligned, then what each embedding cuts from the crops."""
    cut: list[list[Picture]] = [[] for _ in range(1 + len(embeddings))]
    model = faces.load(Runtime())
    for pictures, rows in (seen(path, faces, model) for path in paths):
        assert rows.crops is not None
        for number in map(int, np.flatnonzero(is_found(rows.values))):
            row, crop = rows.values[number], rows.crops[number]
            cut[0].append(aligned(pictures[number], row[FIVE].reshape(5, 2)))
            for chips, embedding in zip(cut[1:], embeddings, strict=True):
                chips.append(embedding.cut(row, crop))
    return [np.stack(chips) for chips in cut]


def compare(title: str, vectors: NDArray[np.float32], truth: NDArray[np.float32]) -> None:
    """Print how far embeddings are from others of the same faces, and whether their neighbours are the same."""
    apart = np.linalg.norm(vectors - truth, axis=1)
    (near, ours), (_, theirs) = (neighbours(some) for some in (truth, vectors))
    same = ours == theirs
    print(
        f"{title}: {len(vectors)} faces, distance median {np.median(apart):.4f}, 95 % {np.quantile(apart, 0.95):.4f}, "
        f"largest {apart.max():.4f}; numbers at most {np.abs(vectors - truth).max():.1e} apart; nearest neighbours at "
        f"{np.median(near):.3f} (median), {same.sum()} ({same.mean():.2%}) the same",
        flush=True,
    )


def neighbours(vectors: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return how far each vector's nearest neighbour lies, and which it is."""
    wide = vectors.astype(np.float64)
    squares = (wide**2).sum(axis=1)
    distances = squares[:, None] + squares - 2 * wide @ wide.T
    np.fill_diagonal(distances, np.inf)
    return np.sqrt(distances.min(axis=1).clip(0)), distances.argmin(axis=1)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("--frames", default="5/s")
    parser.add_argument("--weights", default="", help="the folder of weight files")
    options = parser.parse_args()
    torch.set_num_threads(1)
    runtime, embeddings = Runtime(weights=options.weights), [Face(), Fer()]
    try:
        Fer().require(runtime)
    except WeightError as error:
        print(f"without fer: {error}")
        embeddings.pop()
    whole, *cut = chips_of(videos(options.clips), Faces(frames=options.frames), embeddings)
    for embedding, chips in zip(embeddings, cut, strict=True):
        vectors = embedding.load(runtime).embedder.embed(chips)
        if embedding.name == "face":
            of_pictures = embedding.load(runtime).embedder.embed(whole)
            compare("face, of the crop against of the picture", vectors, of_pictures)
        for precision in get_args(Precision)[1:]:
            other = type(embedding)(precision=precision).load(runtime).embedder.embed(chips)
            compare(f"{embedding.name}, {precision} against float32", other, vectors)


if __name__ == "__main__":
    main()

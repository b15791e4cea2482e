"""Matrices of frames: within the arrow from the cache to a table, from the frames of an utterance to one row.

Other statistics look at each column by itself; these look at how columns vary together, and learn nothing. They are the
three models of a set of frames in Liu et al. 2014 (doi:10.1145/2663204.2666274), each as a symmetric matrix:

``cov``
    The covariance ``C``, regularised, through its matrix logarithm: straight distances between logarithms are the
    log-Euclidean metric of covariances (Arsigny et al. 2006, doi:10.1002/mrm.20965).
``gauss``
    The mean ``m`` and the covariance as one matrix ``|C|^(-1 / (d + 1)) [[C + m m', m], [m', 1]]`` of determinant 1
    (Lovric, Min-Oo and Ruh 2000, as in Liu et al.), through its logarithm, too.
``subspace``
    The projection ``U U'`` onto the directions ``U`` in which the frames are largest: the leading eigenvectors of
    their second moment about 0. The basis of the space has no effect.

A row is the upper triangle of the matrix, line by line, with what lies beside the diagonal times sqrt(2): the distance
of two rows is the Frobenius distance of their matrices.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: What is added to a covariance's diagonal, as a share of its trace: as in Wang et al. 2012, Covariance discriminative
#: learning. Fewer frames than columns have a singular covariance, which has no logarithm.
SHARE = 1e-3
#: What is added beside, in squared units of the columns: a single frame, or frames that do not vary, have trace 0.
LEAST = 1e-6
#: The most directions of a subspace; at most half as many as there are columns, since all columns span one space only.
DIRECTIONS = 10
#: An eigenvalue below this share of the largest is rounding alone, and no direction of the frames.
ROUNDING = 1e-10
#: The most columns: 256 make rows of 32 896 numbers.
MOST = 256


def logarithm(matrix: Floats) -> Floats:
    """Return the logarithm of a symmetric matrix with eigenvalues above 0, ``(d, d)``."""
    values, vectors = np.linalg.eigh(matrix)
    found: Floats = (vectors * np.log(values)) @ vectors.T
    return found


def triangle(matrix: Floats) -> Floats:
    """Return the upper triangle of a symmetric matrix, ``(d (d + 1) / 2,)``, off-diagonals times sqrt(2)."""
    lines, places = np.triu_indices(len(matrix))
    found: Floats = np.where(lines == places, 1.0, np.sqrt(2)) * matrix[lines, places]
    return found


def covariance(frames: Floats) -> Floats:
    """Return the regularised covariance, ``(d, d)``: divided by the number of frames, so one frame has one, too."""
    deviations = frames - frames.mean(axis=0)
    found: Floats = deviations.T @ deviations / len(frames)
    found[np.diag_indices_from(found)] += SHARE * np.trace(found) + LEAST
    return found


def cov(frames: Floats) -> Floats:
    """Return the logarithm of the covariance of frames ``(n_frames, d)``, as a row."""
    return triangle(logarithm(covariance(frames)))


def gauss(frames: Floats) -> Floats:
    """Return the logarithm of the matrix of mean and covariance of frames ``(n_frames, d)``, as a row."""
    within, mean = covariance(frames), frames.mean(axis=0)
    joint = np.block([[within + np.outer(mean, mean), mean[:, None]], [mean, np.ones(1)]])
    # The determinant of the joint matrix is that of the covariance.
    scale = np.linalg.slogdet(within)[1] / len(joint)
    return triangle(logarithm(joint) - scale * np.eye(len(joint)))


def subspace(frames: Floats) -> Floats:
    """Return the projection onto the leading directions of frames ``(n_frames, d)``, as a row; 0 if all are 0."""
    values, vectors = np.linalg.eigh(frames.T @ frames / len(frames))
    n_found = int((values > ROUNDING * values[-1]).sum())
    leading = vectors[:, len(values) - min(n_found, DIRECTIONS, max(1, len(values) // 2)) :]
    return triangle(leading @ leading.T) if n_found else triangle(np.zeros_like(vectors))


#: Of frames ``(n_frames, d)``, at least one, without missing values.
MATRICES: Mapping[str, Callable[[Floats], Floats]] = {"cov": cov, "gauss": gauss, "subspace": subspace}

#: What a paper that uses them cites.
CITED: Mapping[str, tuple[str, ...]] = {
    "cov": ("arsigny2006", "liu2014"),
    "gauss": ("arsigny2006", "liu2014"),
    "subspace": ("liu2014",),
}


def columns(names: Sequence[str], statistic: str) -> tuple[str, ...]:
    """Return the names of a row's numbers: ``a.cov`` on the diagonal, ``a.b.cov`` beside it.

    Of ``gauss``, the last line stands for the mean: ``a.mean.gauss``.
    """
    lines = (*names, "mean") if statistic == "gauss" else tuple(names)
    pairs = zip(*np.triu_indices(len(lines)), strict=True)
    return tuple(f"{lines[i]}.{statistic}" if i == j else f"{lines[i]}.{lines[j]}.{statistic}" for i, j in pairs)


def size(n_columns: int, statistic: str) -> int:
    """Return how many numbers a row has."""
    n_lines = n_columns + (statistic == "gauss")
    return n_lines * (n_lines + 1) // 2


def projection(n_columns: int, dims: int) -> Floats:
    """Return a fixed projection of columns, ``(n_columns, dims)``, that keeps lengths on average and learns nothing.

    Its entries are +1 or -1 over sqrt(dims) (Achlioptas 2003, doi:10.1016/S0022-0000(03)00025-4): the bits of a digest
    of the two numbers, the same on every machine.
    """
    n_bytes = -(-n_columns * dims // 8)
    drawn = hashlib.shake_256(f"{n_columns} x {dims}".encode()).digest(n_bytes)
    signs = 2.0 * np.unpackbits(np.frombuffer(drawn, np.uint8))[: n_columns * dims] - 1
    found: Floats = signs.reshape(n_columns, dims) / np.sqrt(dims)
    return found

"""Identity: the arrow from embeddings of voices or faces to names that may be one person, and those that may be two.

What one speaker says in different ways must not count as two speakers. So embeddings are freed of what a class shifts
in all speakers, centred, and whitened by the covariance within speakers (within-class covariance normalisation: Hatch,
Kajarekar and Stolcke, Interspeech 2006), shrunk towards a multiple of the identity.

**One person under two names.** The likeness of two names is the cosine of their mean embeddings, divided by what the
same person would reach with so many utterances: the geometric mean of both reliabilities, which random halves of each
name give by Spearman and Brown's formula. That is Spearman's correction for attenuation (1904, doi:10.2307/1412159):
near 1 for one person, however noisy the recordings are, so that one bound serves for all. Two names are reported if
each is the most alike to the other, and their likeness is at least `ALIKE`.

**Two persons under one name.** The utterances of a name are divided in two by 2-means, in a space whitened by all
other names. The share of the spread that this explains is compared with that of Gaussian rows (as in SigClust: Liu,
Hayes, Nobel and Marron 2008, doi:10.1198/016214508000000454), and its excess with the median of all names.

``benchmarks/identity.py`` measures how many planted renames are found, and how often there is a false alarm.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.text.names import quoted

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

#: The fewest utterances of a name that is checked for another name of its person, and for a second person.
LEAST, LEAST_DIVIDED = 10, 30
#: The fewest names.
LEAST_NAMES = 4
#: The likeness from which on two names may be one person. In 100 random sets of EMO-DB's speakers each, as recorded,
#: through a telephone band and with noise, no two persons reached it where nothing was planted.
ALIKE = 0.85
#: By how much the excess of the explained share, in logarithms, must exceed the median of all names.
EXCESS = 0.36
#: The share of the identity in the covariance within speakers: for means of many utterances, and for single ones.
SHRUNK, SHRUNK_DIVIDED = 0.5, 0.1
#: How often a name is divided at random; Gaussian sets for each of so many sizes; the most rows divided in two.
HALVES, SETS, SIZES, MOST = 16, 12, 8, 150
#: With more names, one covariance serves all: a name is too small a part of it to hide itself.
MOST_APART = 60
#: The seed of random halves and sets.
SEED = 0

LIMIT = (
    "A person who speaks (or looks) very differently under two names, as aroused under one and calm under the other, "
    "is not found."
)


@dataclass(frozen=True)
class Same:
    """Two names that may be one person, and their likeness, near 1 for one person."""

    first: str
    second: str
    likeness: float


@dataclass(frozen=True)
class Several:
    """A name whose utterances may be of two persons, and how many utterances each would have."""

    name: str
    parts: tuple[int, int]


@dataclass(frozen=True)
class Identity:
    """Whether each speaker's name is one person, by one embedding.

    Parameters
    ----------
    feature
        The embedding.
    names, counts
        The names that are checked, and how many utterances each has.
    n_unchecked
        How many other names there are: of fewer than `LEAST` utterances, or all where there are too few names.
    halves
        How alike random halves of each name are (cosine).
    likeness : (n_names, n_names)
        Of every two names, as above; 1 on the diagonal.
    same, several
        What is reported.
    """

    feature: str
    names: tuple[str, ...]
    counts: tuple[int, ...]
    n_unchecked: int
    halves: tuple[float, ...]
    likeness: tuple[tuple[float, ...], ...]
    same: tuple[Same, ...]
    several: tuple[Several, ...]


def identity(feature: str, X: NDArray[np.float32], speakers: Sequence[str], labels: Sequence[str] = ()) -> Identity:
    """Return which names may be one person, and which may be two.

    Parameters
    ----------
    feature
        The name of the embedding.
    X : (n_utterances, n_columns) float32
        The mean embedding of each utterance; scaled to length 1 here.
    speakers
        The speaker of each utterance; empty where unknown.
    labels
        The class of each; without them, fewer names of two persons are found.
    """
    names, counts = np.unique([name for name in speakers if name], return_counts=True)
    checked = names[counts >= LEAST]
    n_unchecked = len(names) - len(checked)
    if len(checked) < LEAST_NAMES:
        return Identity(feature, (), (), len(names), (), (), (), ())
    own = np.flatnonzero(np.isin(np.asarray(speakers), checked)).tolist()
    of = np.searchsorted(checked, np.asarray(speakers)[own])
    U = X[own].astype(np.float64)
    U /= np.maximum(np.linalg.norm(U, axis=1, keepdims=True), 1e-12)
    U = freed(U, of, [labels[i] for i in own]) if len(labels) else U
    halves, likeness = _likeness(U, of)
    shown = np.round(likeness, 4)
    return Identity(
        feature=feature,
        names=tuple(str(name) for name in checked),
        counts=tuple(int(n) for n in np.bincount(of)),
        n_unchecked=n_unchecked,
        halves=tuple(round(float(one), 4) for one in halves),
        likeness=tuple(tuple(float(value) for value in row) for row in shown),
        same=tuple(
            Same(str(checked[a]), str(checked[b]), float(shown[a, b]))
            for a, b in _mutual(likeness)
            if shown[a, b] >= ALIKE
        ),
        several=_several(U, of, checked),
    )


def sentences(found: Identity) -> tuple[str, ...]:
    """Return what was found of the speakers' names, and the limit of that, a sentence each."""
    by = f"by {found.feature}"
    if not found.names:
        return (f"Who is who ({by}): not checked; that needs {LEAST_NAMES} speakers of {LEAST} utterances or more.",)
    said = [
        f"Speakers {quoted((one.first, one.second))} may be one person ({by}: a likeness of {one.likeness:.2f}; one "
        f"person has about 1, two persons less than {ALIKE}): then a fold that leaves out one trains on the other."
        for one in found.same
    ]
    said += [
        f"Speaker {quoted((one.name,))} may be two persons ({by}: {one.parts[0]} and {one.parts[1]} utterances)."
        for one in found.several
    ]
    unchecked = f"; {found.n_unchecked} with fewer than {LEAST} utterances were not" if found.n_unchecked else ""
    n = len(found.names)
    none = "" if said else f", and none of {n} speakers seems to be two persons, or to have two names"
    return (*said, f"Who is who was checked {by}{none}{unchecked}. {LIMIT}")


def freed(U: Floats, of: Numbers, labels: Sequence[str]) -> Floats:
    """Return rows without what a class shifts in all speakers: the class part of an additive model of both."""
    _, kind = np.unique(np.asarray(labels), return_inverse=True)
    shifts = np.zeros((kind.max() + 1, U.shape[1]))
    for _ in range(5):
        speakers = _means(U - shifts[kind], of)
        shifts = _means(U - speakers[of], kind)
    return U - shifts[kind]


def _means(U: Floats, of: Numbers) -> Floats:
    """Return the mean of the rows of each group, ``(n_groups, n_columns)``."""
    order = np.argsort(of, kind="stable")
    counts = np.bincount(of)
    sums = np.add.reduceat(U[order], np.concatenate([[0], np.cumsum(counts)[:-1]]))
    means: Floats = sums / counts[:, None]
    return means


def _whitening(residuals: Floats, n_free: int, shrunk: float) -> Floats:
    """Return the matrix that whitens residuals, ``(n_columns, n_columns)``."""
    covariance = residuals.T @ residuals / n_free
    size = len(covariance)
    mean = max(float(np.trace(covariance)) / size, 1e-12)
    lower = np.linalg.cholesky((1 - shrunk) * covariance + shrunk * mean * np.eye(size))
    whitening: Floats = np.linalg.inv(lower).T
    return whitening


def _cosines(A: Floats, B: Floats) -> Floats:
    """Return the cosine of each row with the same row of the other."""
    lengths = np.linalg.norm(A, axis=-1) * np.linalg.norm(B, axis=-1)
    cosines: Floats = (A * B).sum(axis=-1) / np.maximum(lengths, 1e-12)
    return cosines


def _likeness(U: Floats, of: Numbers) -> tuple[Floats, Floats]:
    """Return how alike halves of each name are, and the likeness of every two names."""
    means = _means(U, of)
    A = _whitening(U - means[of], len(U) - len(means), SHRUNK)
    centre = means.mean(axis=0)
    Z, rng = (U - centre) @ A, np.random.default_rng(SEED)
    halves = np.zeros(len(means))
    for _ in range(HALVES):
        order = rng.permutation(len(Z))
        order = order[np.argsort(of[order], kind="stable")]
        begins = np.concatenate([[0], np.cumsum(np.bincount(of))[:-1]])
        second = np.empty(len(Z), np.int64)
        second[order] = (np.arange(len(Z)) - begins[of[order]]) % 2
        both = _means(Z, 2 * of + second).reshape(len(means), 2, -1)
        halves += _cosines(both[:, 0], both[:, 1]) / HALVES
    known = np.clip(halves, 0.05, 1.0)
    reliability = np.sqrt(2 * known / (1 + known))
    C = (means - centre) @ A
    C /= np.maximum(np.linalg.norm(C, axis=1, keepdims=True), 1e-12)
    likeness = C @ C.T / np.outer(reliability, reliability)
    np.fill_diagonal(likeness, 1.0)
    return halves, likeness


def _mutual(likeness: Floats) -> list[tuple[int, int]]:
    """Return the pairs of names of which each is the most alike to the other."""
    apart = likeness - 1e9 * np.eye(len(likeness))
    nearest = apart.argmax(axis=1)
    return [(a, int(b)) for a, b in enumerate(nearest) if nearest[b] == a and a < b]


def _several(U: Floats, of: Numbers, names: NDArray[np.str_]) -> tuple[Several, ...]:
    """Return the names whose utterances may be of two persons."""
    counts = np.bincount(of)
    large = np.flatnonzero(counts >= LEAST_DIVIDED)
    if len(large) < LEAST_NAMES:
        return ()
    excess, shares = _excesses(U, of, large)
    reported = np.flatnonzero(excess > np.median(excess) + EXCESS)
    parts = [(n, round(n * max(share, 1 - share))) for n, share in zip(counts[large], shares, strict=True)]
    return tuple(Several(str(names[large[i]]), (parts[i][1], int(parts[i][0]) - parts[i][1])) for i in reported)


def _excesses(U: Floats, of: Numbers, large: Numbers) -> tuple[Floats, list[float]]:
    """Return the logarithm of what two clusters of each name explain, less that by chance, and the share of one."""
    means, rng = _means(U, of), np.random.default_rng(SEED)
    residuals, counts = U - means[of], np.bincount(of)
    sizes = np.unique(np.geomspace(LEAST_DIVIDED, min(MOST, counts[large].max()), SIZES).round().astype(int))
    by_chance = [_by_chance(int(n), U.shape[1]) for n in sizes]
    whole = _whitening(residuals, len(U) - len(means), SHRUNK_DIVIDED) if len(means) > MOST_APART else None
    excess, shares = np.zeros(len(large)), []
    for place, name in enumerate(large):
        rest = of != name
        A = _whitening(residuals[rest], int(rest.sum()) - len(means) + 1, SHRUNK_DIVIDED) if whole is None else whole
        rows = rng.permutation(np.flatnonzero(~rest))[:MOST]
        explained, first = _divided(residuals[rows] @ A)
        excess[place] = explained - np.interp(math.log(len(rows)), np.log(sizes), by_chance)
        shares.append(float(first.mean()))
    return excess, shares


@functools.cache
def _by_chance(n_rows: int, n_columns: int) -> float:
    """Return the mean of what two clusters explain of Gaussian rows, as `_divided` has it."""
    rng = np.random.default_rng(SEED)
    return float(np.mean([_divided(rng.standard_normal((n_rows, n_columns)))[0] for _ in range(SETS)]))


def _divided(Z: Floats) -> tuple[float, NDArray[np.bool_]]:
    """Return the logarithm of the share of the spread that two clusters explain, and which rows are in the first.

    2-means (Lloyd's algorithm) that begins with the signs of the first principal component.
    """
    Z = Z - Z.mean(axis=0)
    products = Z @ Z.T
    whole = float(np.trace(products))
    first: NDArray[np.bool_] = np.linalg.eigh(products)[1][:, -1] > 0
    for _ in range(20):
        n = int(first.sum())
        if n in (0, len(Z)):
            break
        # Twice the product with the difference of both means, less that of the means themselves.
        one, other = products[:, first].mean(axis=1), products[:, ~first].mean(axis=1)
        lengths = one[first].mean() - other[~first].mean()
        new = 2 * (one - other) > lengths
        if (new == first).all():
            break
        first = new
    n = int(first.sum())
    if n in (0, len(Z)) or whole <= 0:
        return math.log(1e-6), first
    mean = float(products[np.ix_(first, first)].mean())  # both means lie on a line through 0
    return math.log(max(mean * n * len(Z) / (len(Z) - n) / whole, 1e-6)), first

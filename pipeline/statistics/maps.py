"""Maps: the arrow from rows to points in a plane, in which similar utterances lie close to each other.

Columns are standardised. PCA keeps distances as far as a plane can, and says how much of the spread that is. t-SNE and
UMAP keep neighbours: sizes of groups and distances between them mean little. The same rows give the same map. Of a
large corpus a sample is shown, each speaker with the same share of utterances as in the corpus.

References
----------
H. Hotelling, Analysis of a complex of statistical variables into principal components, doi:10.1037/h0071325 (PCA).
L. van der Maaten, G. Hinton, Visualizing data using t-SNE, Journal of Machine Learning Research 9, 2579-2605, 2008.
L. McInnes, J. Healy, N. Saul, L. Großberger, UMAP, doi:10.21105/joss.00861.
"""

import importlib.util
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.statistics.standard import standardised, varying

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

#: The most points of a map: t-SNE of so many takes some seconds, and a plane is full.
MOST = 800
#: The seed of the sample and of the maps.
SEED = 0
#: t-SNE and UMAP are given so many principal components: fewer are quicker, and noise is left out.
COMPONENTS = 50
#: t-SNE's balance between near and far neighbours (van der Maaten and Hinton: 5 to 50).
PERPLEXITY = 30.0
#: t-SNE's steps, half of scikit-learn's default: maps of `MOST` points change little after that.
STEPS = 500
#: Significant digits of coordinates: a picture shows fewer, and the last bits differ between processors.
DIGITS = 4


@dataclass(frozen=True)
class Map:
    """A plane with a point for each utterance of a sample.

    Parameters
    ----------
    method
        ``"PCA"``, ``"t-SNE"`` or ``"UMAP"``.
    about
        How it was made and what it keeps, in sentences.
    x, y
        The coordinates.
    """

    method: str
    about: str
    x: tuple[float, ...]
    y: tuple[float, ...]


def sample(speakers: Sequence[str], most: int = MOST) -> Numbers:
    """Return the numbers of the utterances that are shown, increasing; of each speaker the same share, at least one.

    Parameters
    ----------
    speakers
        The speaker of each utterance.
    most
        About how many utterances there are at most: with more speakers than that, one each of some.
    """
    if len(speakers) <= most:
        return np.arange(len(speakers))
    rng = np.random.default_rng(SEED)
    shuffled = rng.permutation(len(speakers))
    names = np.asarray(speakers)[shuffled]
    _, of_speaker, counts = np.unique(names, return_inverse=True, return_counts=True)
    ranks = np.empty(len(names))
    for number, count in enumerate(counts):
        ranks[of_speaker == number] = (np.arange(count) + 0.5) / count
    return np.sort(shuffled[np.argsort(ranks, kind="stable")[:most]])


def maps(X: NDArray[np.float32]) -> tuple[Map, ...]:
    """Return the maps of some rows; none with fewer than three rows, or columns that do not vary.

    Parameters
    ----------
    X : (n_utterances, n_columns) float32
        One row an utterance, finite.
    """
    if len(X) < 3 or not varying(X).any():
        return ()
    Z = standardised(X)
    components, explained = _components(Z)
    found = [_pca(components, explained)]
    if len(Z) > 4:
        found.append(_tsne(components))
    if len(Z) > 4 and importlib.util.find_spec("umap"):
        found.append(_umap(components))
    return tuple(found)


def _components(Z: Floats) -> tuple[Floats, Floats]:
    """Return the first principal components of each row, and the share of the spread of each; signs are fixed."""
    from scipy.linalg import eigh

    products = Z @ Z.T  # of utterances, of which there are at most `MOST`: far fewer than columns may be
    n = min(COMPONENTS, *Z.shape)
    powers, vectors = eigh(products, subset_by_index=[len(Z) - n, len(Z) - 1])
    powers, vectors = np.maximum(powers[::-1], 0), vectors[:, ::-1]
    largest = np.abs(vectors).argmax(axis=0)
    signs = np.sign(vectors[largest, np.arange(n)])
    return vectors * np.sqrt(powers) * signs, powers / np.trace(products)


def _pca(components: Floats, explained: Floats) -> Map:
    plane = np.pad(components[:, :2], ((0, 0), (0, max(0, 2 - components.shape[1]))))
    kept = explained[:2].sum()
    return _map(
        "PCA", f"The first two principal components keep {kept:.0%} of the spread of standardised columns.", plane
    )


def _tsne(components: Floats) -> Map:
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(PERPLEXITY, (len(components) - 1) / 3)
    with threadpool_limits(1):  # the number of threads changes the last bits, and a map that follows them
        init = "pca" if components.shape[1] > 1 else "random"
        fit = TSNE(perplexity=perplexity, init=init, max_iter=STEPS, random_state=SEED, n_jobs=1)
        plane = fit.fit_transform(components)
    about = f"Of {components.shape[1]} principal components, perplexity {perplexity:.3g}. It keeps neighbours only."
    return _map("t-SNE", about, plane)


def _umap(components: Floats) -> Map:
    import umap  # type: ignore[import-not-found, unused-ignore]

    n_neighbors = min(15, len(components) - 1)
    plane = umap.UMAP(n_neighbors=n_neighbors, random_state=SEED, n_jobs=1).fit_transform(components)
    about = f"Of {components.shape[1]} principal components, {n_neighbors} neighbours. It keeps neighbours only."
    return _map("UMAP", about, plane)


def _map(method: str, about: str, plane: Floats) -> Map:
    x, y = ([_rounded(value) for value in column] for column in np.asarray(plane, np.float64).T)
    return Map(method, about, tuple(x), tuple(y))


def _rounded(value: float) -> float:
    """Return a number with `DIGITS` significant digits."""
    return 0.0 if value == 0 else round(value, DIGITS - 1 - math.floor(math.log10(abs(value))))

"""Duplicates: the arrow from fingerprints to pairs of utterances that contain the same sound.

A copy may have been encoded again, resampled, made louder, padded or cut, so its rows are nearly the same, at some
shift. Two stages, as in Haitsma and Kalker (ISMIR 2002): utterances that share words (signs of changes that survive
most treatment) are candidates, found for all pairs at once by a product of sparse matrices; then the rows of each
candidate pair are correlated at every shift, and the best one decides.

``python tests/copies.py <EMO-DB>`` measures the reliability (copies of 45 of the 535 utterances, compared with all
utterances): it finds all copies and nothing else. Lowest similarity of a copy: 1.00 at 8 kHz or doubled to stereo;
0.98 resampled and padded by any silence, or cut by 0.1 s at either end; 0.94 under white noise 30 dB below, or as mp4
(AAC at 64 kbit/s); 0.97 and 0.89 as mp3 and AAC at 32 kbit/s. Highest similarity of different utterances, among them
takes of the same sentence by the same speaker: 0.58 over all 142845 pairs. Copies at another speed or pitch are not
found, nor copies in which less than half of either utterance is left.

The two ranges of similarity overlap. The highest known similarity of different recordings is 0.82: one speaker says
the same carrier sentence in TESS. 4 of 3.92 million such pairs reach `SIMILAR`, and none of 11 million pairs across
speakers does. The lowest similarity of a copy 20 dB softer is 0.74: a fingerprint leaves out what 16 bits round away
(`ROUNDING` there), so it changes with the level of a recording whose loudest band lies less than 50 dB (`DEPTH`) above
that. EMO-DB's utterances (rms -23 to -13 dB) stay at 1.00 down to 30 dB softer and at 0.93 at 40 dB; at 50 dB the
lowest is 0.73, and 3 of 90 copies are missed. The threshold is still 0.75. A false alarm matters only if one speaker
is on both sides of a fold, which is a leak already. A threshold above 0.82 would miss more of the quiet copies, and no
threshold below 0.82 lies above all different recordings. Without the floor, the rounding noise of two pauses would be
compared as if it were sound.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.features.fingerprint import HOP

Rows = NDArray[np.float32]
Numbers = NDArray[np.int64]

#: How many columns a fingerprint has.
N_COLUMNS = 32

#: From neighbouring bands to neighbouring triples of bands: the difference of two triples' means.
TRIPLES = np.array([1, 2, 3, 2, 1]) / 3

#: A word is the signs of the ten differences, smoothed over 4 rows, at two places 8 rows apart.
SMOOTH, APART = 4, 8

#: A pair is a candidate if it shares at least this proportion of the words of the utterance that has fewer.
SHARED_WORDS = 0.05

#: From this correlation on, the sound is the same. Different utterances reach 0.58 (EMO-DB), once in a million 0.82
#: (one speaker, one sentence: TESS); copies begin at 0.89, much softer ones of quiet recordings at 0.73. See above.
SIMILAR = 0.75

#: The same threshold if both sound for less than `BRIEF`, s.
SIMILAR_BRIEF, BRIEF = 0.9, 1.0

#: The common part must cover at least this proportion of one utterance's fingerprint.
LEAST_SHARE = 0.5

#: From this common proportion of either fingerprint on, two utterances are one recording; with less, they overlap.
WHOLE = 0.5

#: The shortest sounding overlap that counts, s: shorter pieces of speech resemble others by chance.
LEAST_OVERLAP = 0.5

#: An energy below that of any sound; it prevents division by zero in silence.
TINY = 1e-9

#: How many utterances are compared with all others at a time; bounds the memory.
BLOCK = 512


@dataclass(frozen=True)
class Match:
    """Two utterances that contain the same sound.

    Parameters
    ----------
    first, second
        Their numbers, the smaller first.
    similarity
        Correlation of their rows where they overlap, at most 1.
    share
        The proportion of each fingerprint that lies in the overlap, in [0, 1]; the smaller of the two.
    seconds : float, s
        How long both sound there.
    """

    first: int
    second: int
    similarity: float
    share: float
    seconds: float

    @property
    def is_whole(self) -> bool:
        """Whether the two are one recording, rather than overlapping parts of one."""
        return self.share >= WHOLE


def find(X: Rows, offsets: Numbers) -> list[Match]:
    """Return the pairs of utterances that contain the same sound.

    Parameters
    ----------
    X : (n_rows, 32) float32
        Fingerprints, one utterance's rows after another's.
    offsets : (n_clips + 1,) int64
        Utterance ``i`` owns rows ``offsets[i]`` to ``offsets[i + 1]``; one without rows has no match.

    Raises
    ------
    ValueError
        If these are no fingerprints.
    """
    alike = (match for match in near(X, offsets) if is_alike(match) and lasts(match))
    return sorted(alike, key=lambda match: (match.first, match.second))


def near(X: Rows, offsets: Numbers) -> Iterator[Match]:
    """Yield every pair of utterances that shares enough words to be compared, alike or not; see `find`."""
    utterances = split(X, offsets)
    return (compared(utterances, *pair) for pair in _candidates([_words(utterance) for utterance in utterances]))


def is_alike(match: Match) -> bool:
    """Return whether two utterances are similar enough, given how long both sound, to contain the same sound."""
    return match.similarity >= (SIMILAR if match.seconds >= BRIEF else SIMILAR_BRIEF)


def comparable(X: Rows, offsets: Numbers) -> NDArray[np.bool_]:
    """Return which utterances contain enough sound for a comparison, ``(n_clips,) bool``."""
    return np.array([len(_words(utterance)) > 0 for utterance in split(X, offsets)], dtype=bool)


def split(X: Rows, offsets: Numbers) -> list[Rows]:
    """Return the rows of each utterance.

    Raises
    ------
    ValueError
        If these are no fingerprints.
    """
    if X.ndim != 2 or X.shape[1] != N_COLUMNS or offsets[-1] != len(X):
        raise ValueError(
            f"expected fingerprints, (n_rows, {N_COLUMNS}) with their offsets; got rows of shape {X.shape}"
        )
    return [X[start:end] for start, end in itertools.pairwise(offsets.tolist())]


def _words(utterance: Rows) -> Numbers:
    """Return the different words of an utterance, sorted; none of silence, or where it is too short."""
    n_words = len(utterance) - SMOOTH + 1 - APART
    if n_words < 1:
        return np.empty(0, np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(utterance, len(TRIPLES), axis=1)[:, ::3]
    summed = np.cumsum(np.pad(windows @ TRIPLES, ((1, 0), (0, 0))), axis=0)
    changes = summed[SMOOTH:] - summed[:-SMOOTH]
    silent = np.concatenate([[0], np.cumsum(~utterance.any(axis=1))])
    sounding = silent[SMOOTH:] == silent[:-SMOOTH]
    halves = (changes > 0) @ (1 << np.arange(changes.shape[1]))
    words = halves[:n_words] << changes.shape[1] | halves[APART:]
    return np.unique(words[sounding[:n_words] & sounding[APART:]])


def _candidates(words: list[Numbers]) -> Iterator[tuple[int, int]]:
    """Yield the pairs that share enough words."""
    lengths = np.array([len(its) for its in words])
    holds = _incidence(words)
    for start in range(0, len(words), BLOCK):
        shared = (holds[start : start + BLOCK] @ holds.T).tocoo()
        first, second = shared.row + start, shared.col
        enough = shared.data >= SHARED_WORDS * np.minimum(lengths[first], lengths[second])
        kept = enough & (first < second)
        yield from zip(first[kept].tolist(), second[kept].tolist(), strict=True)


def _incidence(words: list[Numbers]) -> Any:
    """Return which utterance holds which word, a sparse matrix of ones."""
    from scipy.sparse import csr_array

    vocabulary, columns = np.unique(np.concatenate([*words, np.empty(0, np.int64)]), return_inverse=True)
    bounds = np.concatenate([[0], np.cumsum([len(its) for its in words])])
    return csr_array((np.ones(len(columns), np.int32), columns, bounds), shape=(len(words), len(vocabulary)))


def compared(utterances: list[Rows], first: int, second: int) -> Match:
    """Return how similar two utterances are at their best shift, whether they match or not.

    Only shifts count at which at least half of either's print overlaps the other.
    """
    one, other = utterances[first].astype(np.float64), utterances[second].astype(np.float64)
    product, energy, its_energy = _correlations(one, other)
    share, its_share = energy / _energy(one), its_energy / _energy(other)
    allowed = np.maximum(share, its_share) >= LEAST_SHARE
    similarity = np.where(allowed, product / np.sqrt(np.maximum(energy * its_energy, TINY)), -1.0)
    best = int(similarity.argmax())
    seconds = _sounding(one, other, best - len(other) + 1) * HOP
    return Match(first, second, float(similarity[best]), float(min(share[best], its_share[best])), seconds)


def lasts(match: Match) -> bool:
    """Return whether the common part of two utterances is long enough for a match."""
    return match.is_whole or match.seconds >= LEAST_OVERLAP


def _energy(utterance: NDArray[np.float64]) -> float:
    return max(float(np.square(utterance).sum()), TINY)


def _sounding(one: NDArray[np.float64], other: NDArray[np.float64], shift: int) -> int:
    """Return how many rows sound in both when the other's first row meets row `shift` of the one."""
    start, end = max(0, shift), min(len(one), shift + len(other))
    both = one[start:end].any(axis=1) & other[start - shift : end - shift].any(axis=1)
    return int(both.sum())


def _correlations(one: NDArray[np.float64], other: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Return, at every shift, the product of two utterances' rows, and the energy of each where they overlap.

    Element ``k`` is the shift at which the other's first row meets row ``k - (len(other) - 1)`` of the one.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    n_shifts = len(one) + len(other) - 1
    size = next_fast_len(n_shifts, real=True)
    turned = other[::-1]
    product = irfft((rfft(one, size, axis=0) * rfft(turned, size, axis=0)).sum(axis=1), size)[:n_shifts]
    starts = np.arange(n_shifts) - len(other) + 1
    energy = _within(one, starts, starts + len(other))
    its_energy = _within(other, -starts, len(one) - starts)
    return product, energy, its_energy


def _within(utterance: NDArray[np.float64], starts: Numbers, ends: Numbers) -> NDArray[np.float64]:
    """Return the energy of the rows from each start to each end; rows outside the utterance have no energy."""
    summed = np.concatenate([[0.0], np.cumsum(np.square(utterance).sum(axis=1))])
    energy: NDArray[np.float64] = summed[np.clip(ends, 0, len(utterance))] - summed[np.clip(starts, 0, len(utterance))]
    return energy

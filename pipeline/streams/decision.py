"""Decision: the arrow from the log-likelihoods of frames to the decision on their utterance."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Floats = NDArray[np.float64]


def decide(
    log_likelihood: Floats,
    log_prior: Floats,
    offsets: Numbers,
    rule: Literal["sum", "vote"],
    noise: Floats | None = None,
) -> tuple[Numbers, Floats]:
    """Return decisions and scores of utterances from the log-likelihoods of their frames.

    Parameters
    ----------
    log_likelihood : (n_rows, n_classes)
        ``log p(row | class)``.
    log_prior : (n_classes,)
        ``log P(class)``.
    offsets : (n_utterances + 1,) int64
        Utterance ``i`` owns rows ``offsets[i]`` to ``offsets[i + 1]``, one at least.
    rule
        ``"sum"``: the utterance's posterior with frames taken as independent, ``log P(class)`` once an utterance plus
        the sum of ``log p(row | class)``. ``"vote"``: each frame votes for its most probable class; the
        scores are the shares of the votes.
    noise : (n_rows,)
        ``log p(row | noise)``, if there is a noise model. A frame does not count if the noise model gives it a larger
        likelihood than every class. If no frame of an utterance is left, all its frames count.

    Returns
    -------
    decision : (n_utterances,) int64
        The number of the class with the largest score, the first of equal ones.
    scores : (n_utterances, n_classes) float64
        They sum to 1 in each utterance.
    """
    from scipy.special import softmax

    counts = np.ones((len(log_likelihood), 1), dtype=np.bool_)
    if noise is not None:
        alone = np.repeat(noise_alone(log_likelihood, offsets, noise), np.diff(offsets))
        counts = (_is_speech(log_likelihood, noise) | alone)[:, None]
    if rule == "sum":
        joint = np.add.reduceat(np.where(counts, log_likelihood, 0), offsets[:-1], axis=0) + log_prior
        return joint.argmax(axis=1), softmax(joint, axis=1)
    votes = counts * np.eye(len(log_prior))[(log_likelihood + log_prior).argmax(axis=1)]
    n_votes = np.add.reduceat(votes, offsets[:-1], axis=0)
    return n_votes.argmax(axis=1), n_votes / n_votes.sum(axis=1, keepdims=True)


def noise_alone(log_likelihood: Floats, offsets: Numbers, noise: Floats) -> NDArray[np.bool_]:
    """Return which utterances contain noise only, ``(n_utterances,) bool``; see `decide`."""
    alone: NDArray[np.bool_] = ~np.logical_or.reduceat(_is_speech(log_likelihood, noise), offsets[:-1])
    return alone


def _is_speech(log_likelihood: Floats, noise: Floats) -> NDArray[np.bool_]:
    speech: NDArray[np.bool_] = noise <= log_likelihood.max(axis=1)
    return speech

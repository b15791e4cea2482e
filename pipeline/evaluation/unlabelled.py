"""Unlabelled: the arrow from a protocol to utterances without a class that counts, from which a model may learn.

Some models learn a part of themselves without any class (`Classifier.unlabelled`). Protocols that leave out speakers or
sessions say nothing of an utterance without a class, so it is left out with whatever it is tied to: its speaker (or
what stands for speakers), its dialog, its recordings. A fixed split and the protocol across corpora say on which side
it is. Other protocols do not, and under them none is read.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.corpora.base import Protocol
from affex.pipeline.evaluation.folds import cluster_of, corpora_of, sides
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.streams.examples import Unlabelled
from affex.pipeline.text.names import normal

#: The protocols under which utterances are left out with what they are tied to.
WITH_TIES = ("loso", "group-k", "session")
#: The protocols that say on which side an utterance without a class is.
WITH_SIDES = ("split", "cross")


def refused(protocol: Protocol, n_others: int) -> tuple[str, ...]:
    """Return a sentence if a protocol lets a model learn from no utterance without a class, and there are some."""
    if not n_others or protocol.scheme in (*WITH_TIES, *WITH_SIDES):
        return ()
    return (
        f"{n_others} utterances without a class that counts are not learned from: PROTOCOL={protocol} does not say on "
        f"which side they are. {', '.join(WITH_TIES)}, {' and '.join(WITH_SIDES)} do",
    )


def able(protocol: Protocol, utterances: Sequence[Utterance]) -> NDArray[np.bool_]:
    """Return which utterances a protocol lets a model learn from if they have no class, ``(n_utterances,)``."""
    if protocol.scheme in WITH_TIES:
        return np.ones(len(utterances), bool)
    if protocol.scheme == "split":
        return np.asarray(sides(protocol, utterances) == "train")
    if protocol.scheme == "cross":
        train, _ = corpora_of(protocol, utterances)
        return np.array([utterance.corpus in train for utterance in utterances], bool)
    return np.zeros(len(utterances), bool)


def unlabelled(protocol: Protocol, utterances: Sequence[Utterance], n_counted: int, unit: str) -> Unlabelled:
    """Return the utterances after those that count, with what ties them to others.

    Parameters
    ----------
    n_counted
        How many count; the later ones have no class that counts.
    unit
        What the utterances that count are grouped by, as in `folds.Clusters`.
    """
    numbers: dict[tuple[str, str], int] = {}
    ties = [
        (place, numbers.setdefault(tie, len(numbers)))
        for place, utterance in enumerate(utterances)
        for tie in _ties(utterance, {unit, protocol.scheme})
    ]
    known = np.array([bool(cluster_of(utterance, unit)) for utterance in utterances], bool)
    return Unlabelled(
        n_counted,
        ids=np.array([utterance.id for utterance in utterances]),
        speakers=np.array([utterance.speaker or "" for utterance in utterances]),
        allowed=known & able(protocol, utterances),
        ties=np.array(ties, np.int64).reshape(-1, 2),
    )


def _ties(utterance: Utterance, units: set[str]) -> Iterator[tuple[str, str]]:
    """Yield what an utterance shares with those that must be left out with it: kinds and names."""
    if utterance.speaker:
        yield "speaker", normal(utterance.speaker)
    if utterance.session and "session" in units:
        yield "session", normal(utterance.session)
    if utterance.dialog:
        yield "dialog", "/".join((utterance.corpus, utterance.session or "", utterance.dialog))
    for media in (*utterance.media(), *filter(None, [utterance.origin])):
        yield from (("file", path) for path in media.files)

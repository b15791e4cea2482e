"""The description of a corpus: what is known of it before any model, in one record.

`pipeline.workspace.describing` fills it, `pipeline.pages.corpus` shows it, and ``description.json`` holds it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.statistics import effects, maps, variance
from affex.pipeline.statistics.agreement import Agreement
from affex.pipeline.statistics.counts import Counts, Crossed, Dimension
from affex.pipeline.statistics.effects import Effects
from affex.pipeline.statistics.identity import Identity
from affex.pipeline.statistics.maps import Map
from affex.pipeline.statistics.raters import Raters
from affex.pipeline.statistics.recordings import Named, Recordings
from affex.pipeline.statistics.twins import Twins
from affex.pipeline.statistics.variance import Shares

#: How many ids of a failure are named.
SHOWN = 5
#: Numbers inside a failure's message, which differ from utterance to utterance.
NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True)
class Finding:
    """Something to know before a model: how grave it is, and a sentence."""

    weight: Literal["serious", "warning", "note"]
    text: str


@dataclass(frozen=True)
class Failure:
    """Why some utterances have no rows of a feature; `reason` is that of the first of them."""

    feature: str
    reason: str
    utterances: Named


@dataclass(frozen=True)
class View:
    """What a feature shows of a corpus.

    Parameters
    ----------
    feature
        The feature, as FEATURES spells it.
    n_utterances
        The utterances that have rows of it.
    shares
        What speaker and class explain; None where there are fewer than two of either.
    effects
        The columns that each class shifts most.
    sampled
        The numbers of the utterances on the maps, in the order of their points.
    maps
        The maps of these.
    """

    feature: str
    n_utterances: int
    shares: Shares | None
    effects: Effects
    sampled: tuple[int, ...]
    maps: tuple[Map, ...]


@dataclass(frozen=True)
class Description:
    """What is known of a corpus before any model.

    Parameters
    ----------
    corpus
        Its name.
    target, chosen_classes
        What the classes are, as TARGET and CLASSES name it; both empty for the labels as they are.
    ids, speakers, labels
        Of each utterance, in the corpus's order; empty where unknown.
    findings
        What to know first, the most serious first.
    classes, fields
        The utterances by class, and by each other field.
    crossed
        How classes meet speakers.
    dimensions
        Valence, arousal and dominance.
    recordings
        Durations, levels, formats.
    failures
        Why utterances have no rows, by feature and reason.
    agreement
        How far raters agree; None where no utterance has two votes.
    raters
        How each rater answers; None where the corpus does not say who voted.
    views
        Of each feature.
    twins
        Utterances with the same recording.
    identities
        Whether each speaker is one person, by voice and by face; empty where that was not checked.
    notes
        Remarks on the corpus, one sentence each.
    """

    corpus: str
    target: str
    chosen_classes: str
    ids: tuple[str, ...]
    speakers: tuple[str, ...]
    labels: tuple[str, ...]
    findings: tuple[Finding, ...]
    classes: Counts
    fields: tuple[Counts, ...]
    crossed: Crossed
    dimensions: tuple[Dimension, ...]
    recordings: Recordings
    failures: tuple[Failure, ...]
    agreement: Agreement | None
    raters: Raters | None
    views: tuple[View, ...]
    twins: Twins
    identities: tuple[Identity, ...]
    notes: tuple[str, ...]


def view(
    feature: str,
    rows: tuple[Sequence[str], NDArray[np.float32]],
    numbers: NDArray[np.int64],
    speakers: Sequence[str],
    labels: Sequence[str],
) -> View:
    """Return what a feature shows.

    Parameters
    ----------
    rows
        The names of its columns, and one row an utterance, ``(n_present, n_columns)``.
    numbers : (n_present,) int64
        The numbers of the utterances that have a row.
    speakers, labels
        Of all utterances; empty where unknown.
    """
    columns, X = rows
    who, what = ([names[number] for number in numbers] for names in (speakers, labels))
    known = np.array([bool(one and other) for one, other in zip(who, what, strict=True)], dtype=bool)
    own = X[known], [who[i] for i in np.flatnonzero(known)], [what[i] for i in np.flatnonzero(known)]
    sampled = maps.sample(who)
    return View(
        feature=feature,
        n_utterances=len(X),
        shares=variance.shares(*own),
        effects=effects.effects(own[0], columns, *own[1:]),
        sampled=tuple(int(numbers[place]) for place in sampled),
        maps=maps.maps(X[sampled]),
    )


def failures(feature: str, messages: Mapping[str, str], utterances: Sequence[Utterance]) -> tuple[Failure, ...]:
    """Return the reasons why utterances have no rows, the most frequent first.

    Messages that differ in numbers and in the names of files only are one reason.

    Parameters
    ----------
    messages
        Why an utterance has no rows, by its id.
    """
    groups: dict[str, list[str]] = {}
    for utterance in utterances:
        if utterance.id in messages:
            groups.setdefault(_general(messages[utterance.id], utterance), []).append(utterance.id)
    order = sorted(groups.values(), key=lambda ids: -len(ids))
    return tuple(Failure(feature, messages[ids[0]], Named(len(ids), tuple(ids[:SHOWN]))) for ids in order)


def _general(message: str, utterance: Utterance) -> str:
    """Return a message without the names of the utterance's files and without numbers."""
    for path in sorted((path for media in utterance.media() for path in media.files), key=len, reverse=True):
        message = message.replace(path, "")
    return NUMBER.sub("0", message)

"""Twins: the arrow from matches of recordings to pairs of utterances with the same recording, or parts of one."""

from collections.abc import Sequence
from dataclasses import dataclass

from affex.pipeline.evaluation.shared_recordings import Match, apart, shared
from affex.pipeline.manifest.utterance import MEDIA, Utterance
from affex.pipeline.streams.table import Table

#: How many pairs are kept; further ones are counted.
MOST = 200


@dataclass(frozen=True)
class Pair:
    """Two utterances with the same recording or parts of one.

    Parameters
    ----------
    first, second
        Their ids.
    speakers, labels
        Those of both; empty where unknown.
    note
        How it shows.
    """

    first: str
    second: str
    speakers: tuple[str, str]
    labels: tuple[str, str]
    note: str


@dataclass(frozen=True)
class Twins:
    """The pairs with the same recording, those with overlapping parts of one, and dialog partners.

    Parameters
    ----------
    n_same, n_parts, n_partners
        All pairs: with the same recording, with overlapping parts, of dialog partners who speak at the same time.
    n_labels_differ, n_speakers_differ
        The pairs with the same recording whose two classes, or speakers, differ.
    same, parts
        The first `MOST` pairs.
    was_compared
        Whether sounds were compared by their fingerprints, not files and spans only.
    """

    n_same: int
    n_parts: int
    n_partners: int
    n_labels_differ: int
    n_speakers_differ: int
    same: tuple[Pair, ...]
    parts: tuple[Pair, ...]
    was_compared: bool


def twins(utterances: Sequence[Utterance], labels: Sequence[str | None], prints: Table | None) -> Twins:
    """Return the pairs of utterances that contain the same recording.

    Parameters
    ----------
    labels
        The class of each utterance.
    prints
        The rows of the feature `fingerprint` of all utterances; None where they have no sound.
    """
    media = [kind for kind in MEDIA if any(getattr(utterance, kind) for utterance in utterances)]
    same, parts, partners = apart(utterances, *shared(utterances, prints, media))
    pairs = [_pair(utterances, labels, match) for match in same]
    return Twins(
        n_same=len(same),
        n_parts=len(parts),
        n_partners=len(partners),
        n_labels_differ=sum(all(pair.labels) and len(set(pair.labels)) > 1 for pair in pairs),
        n_speakers_differ=sum(all(pair.speakers) and len(set(pair.speakers)) > 1 for pair in pairs),
        same=tuple(pairs[:MOST]),
        parts=tuple(_pair(utterances, labels, match) for match in parts[:MOST]),
        was_compared=prints is not None,
    )


def _pair(utterances: Sequence[Utterance], labels: Sequence[str | None], match: Match) -> Pair:
    one, other = (utterances[number] for number in match.pair)
    own = (labels[match.first] or "", labels[match.second] or "")
    return Pair(one.id, other.id, (one.speaker, other.speaker), own, match.note)

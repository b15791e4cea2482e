"""Tuned networks: from what a feature's network was tuned on to the utterances that it has seen, or whose speaker.

An utterance is the same if its corpus and id are, or its recording: the same media bytes and span, under whatever name.
A speaker is the same if the corpus and the name are.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from affex.pipeline.caching.tuned import Tuning
from affex.pipeline.manifest.utterance import Utterance


class Exposure(NamedTuple):
    """What a network saw of an utterance: the utterance that it was tuned on, and what both share."""

    taught: str
    note: str


def exposed(
    tuning: Tuning, utterances: Sequence[Utterance], sources: Mapping[tuple[str, str], str]
) -> dict[int, Exposure]:
    """Return what a network saw, by the number of the utterance.

    Parameters
    ----------
    utterances
        The utterances of an evaluation.
    sources
        The source of each one's media, by corpus and id, as in `pipeline.caching.tuned.Taught`; of some only, if others
        have none.
    """
    ids = {(one.corpus, _plain(one.id, one.corpus)): one for one in reversed(tuning.utterances)}
    recordings = {one.source: one for one in reversed(tuning.utterances) if one.source}
    speakers = {(one.corpus, _plain(one.speaker, one.corpus)): one for one in reversed(tuning.utterances)}
    found = {}
    for number, utterance in enumerate(utterances):
        corpus = utterance.corpus
        id_, speaker = _plain(utterance.id, corpus), _plain(utterance.speaker, corpus)
        if same := ids.get((corpus, id_)):
            found[number] = Exposure(f"{same.corpus}/{same.id}", "the very same utterance")
        elif same := recordings.get(sources.get((corpus, id_), "")):
            found[number] = Exposure(f"{same.corpus}/{same.id}", "the same recording")
        elif speaker and (same := speakers.get((corpus, speaker))):
            found[number] = Exposure(f"{same.corpus}/{same.id}", f"speaker {speaker}")
    return found


def _plain(name: str, corpus: str) -> str:
    """Return a name without that of its corpus, which utterances of several corpora have before their own."""
    return name.removeprefix(f"{corpus}/")

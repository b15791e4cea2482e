"""Text folds: the arrow from what utterances say to folds whose models never heard the tested sentence.

Leaving a speaker out leaves the speaker's sentences in: in a corpus of ten sentences a model learns how each sentence
sounds, emotion by emotion, from the other speakers. Under ``loso+text`` one fold tests what one speaker says of one
text, and trains on utterances of neither. The audit and the folds take two texts as the same by one function,
`texts_of`.

A text that only one speaker says joins a fold of that speaker, which trains on all other speakers; so does an utterance
whose text is not known. More than `MOST` shared texts are dealt into `GROUPS` groups.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.evaluation.dealing import evenly
from affex.pipeline.manifest.utterance import Utterance

Numbers = NDArray[np.int64]
Labels = NDArray[np.str_]
#: (train, validation), each numbers of rows.
Pair = tuple[Numbers, Numbers]

#: The largest number of shared texts that have a fold each, and the number of groups that more texts are dealt into.
MOST, GROUPS = 20, 10
#: The largest number of inner folds.
INNER = 5
#: The longest name of a text in the name of a fold.
LONGEST = 40


@dataclass(frozen=True, eq=False)
class Part:
    """The utterances that one fold trains on and tests, by number, and the fold's name."""

    name: str
    train: Numbers
    test: Numbers


def texts_of(utterances: Sequence[Utterance]) -> list[str | None]:
    """Return what identifies the text of each utterance; None where it is not known.

    This is the code of its sentence or, without one, the words of its transcript in lower case and without
    punctuation. Codes belong to their corpus; words are the same in every corpus.
    """
    several = len({utterance.corpus for utterance in utterances}) > 1
    return [_text(utterance, utterance.corpus if several else "") for utterance in utterances]


def _text(utterance: Utterance, corpus: str) -> str | None:
    if code := _plain(utterance.sentence):
        return f"{corpus}/{code}" if corpus else code
    return _plain(utterance.text) or None


def _plain(text: str | None) -> str:
    """Return the words of a text without what may differ between two transcripts; empty if there are no words."""
    return " ".join("".join(c if c.isalnum() else " " for c in (text or "").casefold()).split())


def shared(speakers: Labels, texts: Sequence[str | None]) -> Labels:
    """Return the text of each utterance if several speakers say it, else an empty name, ``(n,)``."""
    said_by: dict[str, set[str]] = {}
    for speaker, text in zip(speakers.tolist(), texts, strict=True):
        if text:
            said_by.setdefault(text, set()).add(speaker)
    return np.array([text if text and len(said_by[text]) > 1 else "" for text in texts], dtype=np.str_)


def apart(speakers: Labels, texts: Sequence[str | None]) -> Iterator[Part]:
    """Yield one fold a speaker and shared text (or group of texts), then one of the speaker's own texts.

    Parameters
    ----------
    speakers : (n_utterances,) str
    texts
        The text of each utterance, as `texts_of` returns it.
    """
    group = grouped(shared(speakers, texts))
    for speaker in np.unique(speakers):
        own = speakers == speaker
        for text in sorted(set(group[own].tolist()), key=lambda name: (not name, name)):
            tested, trained = own & (group == text), ~own & ((group != text) | (text == ""))
            yield Part(f"{speaker}, {text or 'own texts'}", np.flatnonzero(trained), np.flatnonzero(tested))


def each_once(utterances: Sequence[Utterance]) -> Labels:
    """Return the text of each utterance; its id where it is not known, so that it is a text of its own, ``(n,)``."""
    texts = texts_of(utterances)
    return np.array([text or f"utterance {u.id}" for text, u in zip(texts, utterances, strict=True)], dtype=np.str_)


def grouped(texts: Labels) -> Labels:
    """Return the name of each utterance's text or group of texts, ``(n,)``; an empty name stays empty.

    Up to `MOST` texts are a group each, under their own names if these are short; more are dealt into `GROUPS` groups
    of about equally many utterances.
    """
    counts = Counter(filter(None, texts.tolist()))
    if len(counts) > MOST:
        group_of = {text: f"texts {number + 1:02d}" for text, number in evenly(counts, GROUPS).items()}
    else:
        short = all(len(text) <= LONGEST for text in counts)
        group_of = {text: text if short else f"text {place:02d}" for place, text in enumerate(sorted(counts), 1)}
    return np.array([group_of.get(text, "") for text in texts.tolist()], dtype=np.str_)


def inner_pairs(speakers: Labels, texts: Labels) -> tuple[Pair, ...] | None:
    """Return inner folds that keep speakers and texts apart; None where fewer than two texts are shared.

    Speakers, and the texts that several of them say, are dealt into equally many groups. Inner fold ``i`` leaves out
    speaker group ``i`` and text group ``i``, and is validated on what group ``i`` of speakers says of group ``i`` of
    texts, or of texts of their own. With one speaker there is no inner fold.

    Parameters
    ----------
    speakers, texts : (n_rows,) str
        The speaker and the text of each training utterance; an empty text is not known.
    """
    said = shared(speakers, texts.tolist())
    n_texts, n_speakers = len(set(said.tolist()) - {""}), len(np.unique(speakers))
    k = min(INNER, n_speakers, n_texts)
    if n_speakers < 2:
        return ()
    if k < 2:
        return None
    speaker_of = evenly(Counter(speakers.tolist()), k)
    text_of = evenly(Counter(filter(None, said.tolist())), k)
    by_speaker = np.array([speaker_of[name] for name in speakers.tolist()])
    by_text = np.array([text_of.get(name, group) for name, group in zip(said.tolist(), by_speaker, strict=True)])
    pairs = (
        (np.flatnonzero((by_speaker != i) & (by_text != i)), np.flatnonzero((by_speaker == i) & (by_text == i)))
        for i in range(k)
    )
    return tuple(pair for pair in pairs if all(map(len, pair)))

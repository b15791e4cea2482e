"""Patterns of keys: the arrow from a corpus's name to what its keys in public tables of folds say.

A corpus with a reader has its patterns in its own module (`Corpus.speaker_key`, `Corpus.text_key`); those that only
public tables of folds name are here. The patterns were read off the keys of EmoBox's files.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from affex.pipeline.corpora.misspelt import plain
from affex.pipeline.specs import discovery, grammar
from affex.pipeline.text.errors import UsageError, unknown

#: The longest pattern of a user.
LONGEST = 500


@dataclass(frozen=True)
class KeyPatterns:
    """What finds the speaker and the text in a key; None where a key does not say it. Groups are joined."""

    speaker: re.Pattern[str] | None = None
    text: re.Pattern[str] | None = None


#: The speaker and the text in keys of corpora without a reader.
OTHERS: Mapping[str, tuple[str, str]] = {
    "casia": (r"casia-\d+-([a-z]+)-", r"casia-(\d+)-"),
    "emovdb": (r"emovdb-([a-z]+)-", r"-(\d+)$"),
    "oreau": (r"oreau-(\d\d)", r"oreau-\d\d([a-z]\d\d)"),
    "polish": (r"polish-([a-z]\d+)", r"_([^_]+)_\d+$"),
    "turevdb": (r"turevdb-(\d+)", r"turevdb-\d+_[a-z]+_(\w+)"),
}


def of_corpus(name: str) -> KeyPatterns:
    """Return the patterns of a corpus by its name in any spelling; none for an unknown one."""
    speaker, text = _known().get(plain(name), ("", ""))
    return KeyPatterns(*(re.compile(pattern) if pattern else None for pattern in (speaker, text)))


def require_corpus(name: str) -> str:
    """Return a corpus's name that a user typed, without its settings.

    Raises
    ------
    UsageError
        If there is no such corpus.
    """
    if plain(grammar.name_of(name)) not in _known():
        raise unknown("corpus", name, {*OTHERS, *discovery.corpora()})
    return grammar.name_of(name)


def _known() -> dict[str, tuple[str, str]]:
    """Return the patterns of speaker and text of all corpora, by all their names."""
    found = dict(OTHERS)
    for corpus in discovery.corpora().values():
        found |= dict.fromkeys(map(plain, (*corpus.also, corpus.name)), (corpus.speaker_key, corpus.text_key))
    return found


def of_user(pattern: str) -> re.Pattern[str]:
    r"""Return the pattern of speakers that a user typed, as in ``"s(\d+)_"``.

    Raises
    ------
    UsageError
        If it is no regular expression, or has no group, so that nothing says what of a match is the speaker.
    """
    try:
        found = re.compile(pattern) if len(pattern) <= LONGEST else None
    except (re.error, RecursionError, OverflowError) as error:
        raise UsageError(f"SPEAKER='{pattern}' is no regular expression: {error}.") from error
    if found is None:
        raise UsageError(f"SPEAKER='{pattern[:20]}...' has {len(pattern)} characters: expected {LONGEST} at the most.")
    if not found.groups:
        raise UsageError(
            f"SPEAKER='{pattern}' has no group: put what is the speaker into brackets, as in SPEAKER='s(\\d+)_'."
        )
    return found

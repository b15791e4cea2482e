"""Corpora: the arrow from the setting ``DATASET`` to a corpus with its settings."""

import dataclasses
import functools

from affex.pipeline.corpora import misspelt
from affex.pipeline.corpora.base import Corpus
from affex.pipeline.specs import discovery, grammar


def corpus_of(text: str) -> Corpus:
    """Return a corpus by its name, with its settings if any, as in ``"iemocap:marked=right"``.

    Raises
    ------
    UsageError
        If there is no such corpus or setting.
    """
    name, known = grammar.name_of(text), discovery.corpora()
    if name not in known:
        raise misspelt.unknown(name, known)
    found = known[name]
    chosen = grammar.chosen(text, found.settings)
    return dataclasses.replace(found, find=functools.partial(found.find, **chosen)) if chosen else found

"""Protocols: the arrow from the settings ``PROTOCOL``, ``TARGET`` and ``CLASSES`` to a protocol."""

from collections.abc import Sequence
from dataclasses import replace

from affex.pipeline.corpora.base import Protocol
from affex.pipeline.evaluation.folds import SCHEMES
from affex.pipeline.evaluation.settings import Settings
from affex.pipeline.specs import grammar
from affex.pipeline.specs.corpora import corpus_of


def protocol(text: str, own: Sequence[Protocol]) -> Protocol:
    """Return a protocol with its parameters: one of the corpus's own, or a general one on the whole corpus.

    Parameters
    ----------
    text
        The setting ``PROTOCOL``, as in ``"group-k:k=5"``; empty for the first protocol of the corpus.
    own
        The corpus's protocols.

    Raises
    ------
    UsageError
        If there is no such protocol or parameter.
    """
    named = {protocol: Protocol(protocol, protocol) for protocol in SCHEMES} | {one.name: one for one in own}
    if not text:
        return own[0] if own else named["loso"]
    found: Protocol = grammar.parsed("protocol", text, named, only=("k", "train", "test", "file", "agreement"))
    return found if found.agreement == named[grammar.name_of(text)].agreement else _unasserted(found)


def of_settings(settings: Settings) -> Protocol:
    """Return the protocol that settings name, with their target and their classes.

    Raises
    ------
    UsageError
        As `protocol`.
    """
    names = (settings.dataset or "").split()
    own = corpus_of(names[0]).protocols if len(names) == 1 else ()
    return with_target(protocol(settings.protocol, own), settings.target, settings.classes)


def with_target(protocol: Protocol, target: str | None, classes: str | None) -> Protocol:
    """Return a protocol with another target or other classes; it then asserts no counts."""
    if target is None and classes is None:
        return protocol
    changed = target is not None and target != protocol.target
    return _unasserted(
        replace(protocol, target=target or protocol.target, classes=classes or ("" if changed else protocol.classes))
    )


def _unasserted(protocol: Protocol) -> Protocol:
    """Return a protocol without its asserted counts, since other utterances count under it."""
    return replace(protocol, counts={}, total=None)

"""Protocols: the arrow from the settings ``PROTOCOL``, ``TARGET`` and ``CLASSES`` to a protocol."""

from collections.abc import Sequence
from dataclasses import replace

from affex.pipeline.corpora.base import LOSO, Protocol
from affex.pipeline.evaluation.folds import SCHEMES
from affex.pipeline.evaluation.settings import Settings
from affex.pipeline.specs import grammar
from affex.pipeline.specs.corpora import corpus_of
from affex.pipeline.text.errors import unknown


def protocol(text: str, own: Sequence[Protocol]) -> Protocol:
    """Return a protocol with its parameters: one of the corpus's own, or a general one on the whole corpus.

    Parameters
    ----------
    text
        The setting ``PROTOCOL``, as in ``"group-k:k=5"``; empty for the first protocol of the corpus. With a scheme, as
        in ``"speech:scheme=loso"``, it is a corpus's protocol with other folds.
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
    only = ("k", "train", "test", "file", "agreement", "scheme")
    found: Protocol = grammar.parsed("protocol", text, named, only=only)
    if found.scheme not in SCHEMES:
        raise unknown("scheme", found.scheme, SCHEMES)
    if found.scheme != named[grammar.name_of(text)].scheme:
        return with_scheme(found, found.scheme, found.k if "k" in grammar.parameters(text) else LOSO.k)
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


def with_scheme(protocol: Protocol, scheme: str, k: int = LOSO.k) -> Protocol:
    """Return a protocol on the same utterances and classes with other folds, named by their scheme.

    It asserts no counts, since the folds alone may need other utterances.
    """
    return Protocol(
        scheme,
        scheme,
        parts=protocol.parts,
        target=protocol.target,
        classes=protocol.classes,
        agreement=protocol.agreement,
        k=k,
    )


def spec_with_scheme(text: str, scheme: str) -> str:
    """Return the setting ``PROTOCOL`` that `with_scheme` belongs to, as in ``"speech:scheme=loso"``."""
    kept = {key: value for key, value in grammar.parameters(text).items() if key == "agreement"}
    return grammar.spec(grammar.name_of(text), kept | {"scheme": scheme})


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

"""Cards: from what ``PROTOCOL``, ``TARGET`` and ``CLASSES`` say to the protocol card that is meant."""

from collections.abc import Sequence
from dataclasses import replace

from affex.pipeline.corpora.base import Card
from affex.pipeline.evaluation.folds import PROTOCOLS
from affex.pipeline.specs import grammar


def card(text: str, own: Sequence[Card]) -> Card:
    """Return a protocol card: one of a corpus's own, or a protocol on the whole corpus, with its parameters.

    Parameters
    ----------
    text
        What ``PROTOCOL`` says, as in ``"group-k:k=5"``; empty for the first card.
    own
        The corpus's cards.

    Raises
    ------
    UsageError
        If nothing is called so, or a parameter does not exist.
    """
    named = {protocol: Card(protocol, protocol) for protocol in PROTOCOLS} | {one.name: one for one in own}
    if not text:
        return own[0] if own else named["loso"]
    found: Card = grammar.parsed("protocol", text, named, only=("k", "train", "test", "file", "agreement"))
    return found if found.agreement == named[text.partition(":")[0]].agreement else _unasserted(found)


def with_target(card: Card, target: str | None, classes: str | None) -> Card:
    """Return a card with another target or other classes, of which it then asserts no counts."""
    if target is None and classes is None:
        return card
    changed = target is not None and target != card.target
    return _unasserted(
        replace(card, target=target or card.target, classes=classes or ("" if changed else card.classes))
    )


def _unasserted(card: Card) -> Card:
    """Return a card that others count under than it says."""
    return replace(card, counts={}, total=None)

"""Splits: the arrow from the utterances of a corpus to folds, who is learned from and who is tested.

First it is chosen what counts (the parts of a protocol card, the target, the classes), then folds choose
utterances; their rows follow, so no clip can straddle training and test. Utterances are numbered by their
place in the sequence given. The same utterances under the same card give the same folds everywhere.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.corpora.base import Card
from pipeline.errors import AffexError, UsageError, unknown
from pipeline.manifest import Utterance

Numbers = NDArray[np.int64]

#: Fields of an utterance that can be predicted as classes.
CATEGORICAL = ("label", "sex", "text", "part", "session", "dialog", "split")
CONTINUOUS = ("valence", "arousal", "dominance")


@dataclass(frozen=True, eq=False)
class Fold:
    """One round of an evaluation.

    Parameters
    ----------
    name
        Who is tested, as in the speaker's name.
    train, test : (n,) int64
        The numbers of the utterances learned from and of those tested.
    """

    name: str
    train: Numbers
    test: Numbers


@dataclass(frozen=True, eq=False)
class Selection:
    """The utterances that count, with their classes.

    Parameters
    ----------
    chosen : (n_chosen,) int64
        Their numbers.
    y : (n_chosen,) str
        The class of each.
    classes
        All classes, in the order in which results show them.
    left_out
        How many utterances do not count, by reason.
    """

    chosen: Numbers
    y: NDArray[np.str_]
    classes: tuple[str, ...]
    left_out: Mapping[str, int]


def find_card(cards: Sequence[Card], name: str = "") -> Card:
    """Return the card called `name`: one of a corpus's own, or a protocol on the whole corpus.

    Parameters
    ----------
    cards
        The corpus's cards.
    name
        What ``PROTOCOL`` says; empty for the first card.

    Raises
    ------
    UsageError
        If nothing is called so.
    """
    named = {protocol: Card(protocol, protocol) for protocol in PROTOCOLS} | {card.name: card for card in cards}
    if not name:
        return cards[0]
    if name not in named:
        raise unknown("protocol", name, named)
    return named[name]


def folds(card: Card, utterances: Sequence[Utterance]) -> tuple[Fold, ...]:
    """Return the folds of a card's protocol.

    Raises
    ------
    UsageError
        If the protocol is unknown.
    AffexError
        If the utterances cannot be split so.
    """
    if card.protocol not in PROTOCOLS:
        raise unknown("protocol", card.protocol, PROTOCOLS)
    return PROTOCOLS[card.protocol](utterances)


def loso(utterances: Sequence[Utterance]) -> tuple[Fold, ...]:
    """Leave one speaker out: one fold a speaker, in the order of their names.

    Raises
    ------
    AffexError
        If there are fewer than two speakers.
    """
    speakers = np.array([utterance.speaker for utterance in utterances])
    names = np.unique(speakers)
    if len(names) < 2:
        found = ", ".join(f"'{name}'" for name in names) or "none"
        raise AffexError(
            f"Leave-one-speaker-out needs at least 2 speakers, found {len(names)}: {found}.\n"
            "Add recordings of other speakers, or check the corpus's speaker names."
        )
    return tuple(_fold(str(name), speakers == name) for name in names)


def _fold(name: str, tested: NDArray[np.bool_]) -> Fold:
    return Fold(name, train=np.flatnonzero(~tested), test=np.flatnonzero(tested))


#: Who is left out together, by the name of the protocol.
PROTOCOLS: Mapping[str, Callable[[Sequence[Utterance]], tuple[Fold, ...]]] = {"loso": loso}


def in_parts(utterances: Sequence[Utterance], parts: Sequence[str]) -> NDArray[np.bool_]:
    """Tell which utterances belong to the parts of a card, ``(n_utterances,) bool``; no parts are all parts.

    Raises
    ------
    AffexError
        If a part has no utterance.
    """
    found = {utterance.part for utterance in utterances}
    missing = [part for part in parts if part not in found]
    if missing:
        there = ", ".join(sorted(filter(None, found))) or "no named part"
        raise AffexError(f"The corpus has no utterance in the part '{missing[0]}' (it has: {there}).")
    return np.array([not parts or utterance.part in parts for utterance in utterances], dtype=bool)


def select(utterances: Sequence[Utterance], target: str = "label", classes: str = "") -> Selection:
    """Choose the utterances of the classes asked for.

    Parameters
    ----------
    utterances
        What there is.
    target
        The field whose values are predicted, one of `CATEGORICAL`.
    classes
        The values that count, as in ``"ang,neu,sad,hap+exc"`` (a plus merges values into one class); empty
        for all, each a class of its own, in alphabetical order.

    Raises
    ------
    UsageError
        If the target or a class does not exist, or a value is named twice.
    AffexError
        If fewer than two classes are left.
    """
    values = _values(utterances, target)
    class_of = class_map(classes, {value for value in values if value is not None}, target)
    chosen = np.array([i for i, value in enumerate(values) if value in class_of], dtype=np.int64)
    y = np.array([class_of[value] for value in values if value in class_of], dtype=np.str_)
    there = set(y.tolist())
    if len(there) < 2:
        raise AffexError(_too_few_classes(utterances, target, sorted(there)))
    without = values.count(None)
    reasons = {f"without a {target}": without, f"of another {target}": len(values) - without - len(chosen)}
    return Selection(chosen, y, tuple(dict.fromkeys(class_of.values())), {k: n for k, n in reasons.items() if n})


def class_map(classes: str, known: Iterable[str], target: str = "label") -> dict[str, str]:
    """Return the class of each value that counts.

    Examples
    --------
    >>> class_map("ang,hap+exc", ["ang", "exc", "hap", "xxx"])
    {'ang': 'ang', 'hap': 'hap+exc', 'exc': 'hap+exc'}

    Raises
    ------
    UsageError
        If a value is not known or is named twice, or there are fewer than two classes.
    """
    known = sorted(known)
    if not classes.strip():
        return {value: value for value in known}
    named = [[value.strip() for value in group.split("+")] for group in classes.split(",")]
    class_of: dict[str, str] = {}
    for group in named:
        for value in group:
            if value not in known:
                raise unknown(target, value, known)
            if value in class_of:
                raise UsageError(f"CLASSES='{classes}' names '{value}' twice: it can be in one class only.")
            class_of[value] = "+".join(group)
    if len(named) < 2:
        raise UsageError(f"CLASSES='{classes}' is one class; telling classes apart needs at least 2.")
    return class_of


def notes(y: NDArray[np.str_], rounds: Sequence[Fold]) -> tuple[str, ...]:
    """Return a sentence for each class that the folds cannot do justice to.

    These are classes with a single utterance, and folds whose training speakers never show a class that is
    tested there.
    """
    single = [str(name) for name, n in sorted(Counter(y.tolist()).items()) if n == 1]
    return tuple(f"'{name}' has 1 utterance: its recall can only be 0 or 1" for name in single) + tuple(
        f"fold {fold.name}: '{name}' is in no training utterance, so it cannot be predicted there (score 0)"
        for fold in rounds
        for name in sorted(set(y.tolist()) - set(y[fold.train].tolist()))
    )


def _values(utterances: Sequence[Utterance], target: str) -> list[str | None]:
    if target in CONTINUOUS:
        raise UsageError(
            f"TARGET={target} is continuous: it comes with regression, which is not built yet.\n"
            f"Until it is, a target is one of: {', '.join(CATEGORICAL)}."
        )
    if target not in CATEGORICAL:
        raise unknown("target", target, (*CATEGORICAL, *CONTINUOUS))
    return [getattr(utterance, target) for utterance in utterances]


def _too_few_classes(utterances: Sequence[Utterance], target: str, there: Sequence[str]) -> str:
    found = f"every {target} is '{there[0]}'" if there else f"none has a {target}"
    return f"Telling classes apart needs at least 2 classes, but of {len(utterances)} utterances {found}."

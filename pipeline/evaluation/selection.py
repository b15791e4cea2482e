"""Selection: the arrow from the utterances of a corpus to those that count, with their targets.

A protocol defines the parts, the target, the classes and the minimum agreement of the raters. Other utterances are
left out; results report their number by reason.
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.corpora.base import Protocol
from affex.pipeline.evaluation import raters
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.text import names
from affex.pipeline.text.errors import AffexError, UsageError, unknown

Numbers = NDArray[np.int64]

#: The fields of an utterance that can be targets, as classes and as values; its aspects can also be, as classes.
CATEGORICAL = ("label", "sex", "text", "sentence", "part", "session", "dialog", "split")
CONTINUOUS = ("valence", "arousal", "dominance")


#: A range of values as CLASSES has it, as in ``2.5..3.5``; a limit may be missing.
RANGE = re.compile(r"([-]?\d*\.?\d+)?\.\.([-]?\d*\.?\d+)?")
#: A value of CLASSES or a name, in quotes or not, and the mark that follows it.
PIECE = re.compile(r'\s*(?:"((?:[^"]|"")*)"\s*|([^,+=]*))([,+=]|\Z)')


@dataclass(frozen=True, eq=False)
class Selection:
    """The utterances that count, with their targets.

    Parameters
    ----------
    chosen : (n_chosen,) int64
        Their numbers.
    y : (n_chosen,) str or float64
        The class of each, or its value.
    classes
        All classes, in the order in which results show them; empty where values are predicted.
    class_of
        The class of each value of the target, as `class_map` gives it.
    left_out
        How many utterances do not count, by reason.
    notes
        Further notes, a sentence each.
    """

    chosen: Numbers
    y: NDArray[Any]
    classes: tuple[str, ...]
    class_of: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def in_parts(utterances: Sequence[Utterance], parts: Sequence[str]) -> NDArray[np.bool_]:
    """Return which utterances belong to the parts of a protocol, ``(n_utterances,) bool``; no parts means all parts.

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


def select(utterances: Sequence[Utterance], protocol: Protocol) -> Selection:
    """Select the utterances that count under a protocol (`in_parts` handles its parts).

    Raises
    ------
    UsageError
        If the target or a class does not exist, or a value is named twice.
    AffexError
        If there are fewer than two classes, or fewer than two different values.
    """
    require_target(protocol.target, utterances)
    return _values(utterances, protocol) if has_values(protocol) else _classes(utterances, protocol)


def has_values(protocol: Protocol) -> bool:
    """Return whether values are predicted: the target has values, and no classes are made of them."""
    return protocol.target in CONTINUOUS and not protocol.classes


def require_target(target: str, utterances: Iterable[Utterance]) -> None:
    """Raise an error if a target is neither a field nor an aspect of the utterances.

    Raises
    ------
    UsageError
        The message suggests the most similar target.
    """
    fields = (*CATEGORICAL, *CONTINUOUS)
    if target in fields:
        return
    aspects = {name for utterance in utterances for name, _ in utterance.aspects}
    if target not in aspects:
        raise unknown("target", target, {*fields, *aspects})


def _class(utterance: Utterance, target: str) -> str | None:
    """Return the label of an utterance, from a field or from an aspect."""
    found: str | None = getattr(utterance, target) if target in CATEGORICAL else dict(utterance.aspects).get(target)
    return found


def ranges(protocol: Protocol) -> dict[str, tuple[float, float]]:
    """Return the ranges of a continuous target that a protocol's classes name, each up to below its upper limit.

    Raises
    ------
    UsageError
        If one is not written as a range, or two overlap.
    """
    written = [value for _, values in _groups(protocol.classes) for value in values]
    found = {}
    for value in written:
        match = RANGE.fullmatch(value)
        low, high = (float(match[1] or "-inf"), float(match[2] or "inf")) if match else (0.0, 0.0)
        if not low < high:
            raise UsageError(
                f"CLASSES='{protocol.classes}': {protocol.target} has values, and '{value}' is no range of them: "
                "expected ranges up to below a value, as in 'low=..2.5,high=2.5..'."
            )
        found[value] = (low, high)
    limits = sorted((*limits, value) for value, limits in found.items())
    for (_, end, value), (begin, _, other) in itertools.pairwise(limits):
        if begin < end:
            raise UsageError(f"CLASSES='{protocol.classes}': the ranges {value} and {other} overlap.")
    return found


def _level(utterance: Utterance, target: str, made: Mapping[str, tuple[float, float]]) -> str | None:
    """Return the range that an utterance's value lies in, the value itself if it lies in none, or None."""
    value: float | None = getattr(utterance, target)
    if value is None:
        return None
    return next((name for name, (low, high) in made.items() if low <= value < high), f"{value:g}")


def _classes(utterances: Sequence[Utterance], protocol: Protocol) -> Selection:
    made = ranges(protocol) if protocol.target in CONTINUOUS else {}
    labels = [_level(u, protocol.target, made) if made else _class(u, protocol.target) for u in utterances]
    known = {label for label in labels if label is not None} | {*made}
    full = [None if x is None else f"{u.corpus}:{x}" for u, x in zip(utterances, labels, strict=True)]
    own = {name for name in full if name is not None} - known  # "anger:hot" may be a label itself, of any corpus
    class_of = class_map(protocol.classes, known, protocol.target, own)
    named = [
        None if x is None else class_of[name] if name in own and name in class_of else class_of.get(x)
        for name, x in zip(full, labels, strict=True)
    ]
    chosen = [i for i, name in enumerate(named) if name is not None and _agreed(utterances[i], protocol)]
    y = np.array([named[i] for i in chosen], dtype=np.str_)
    there = set(y.tolist())
    if len(there) < 2:
        raise AffexError(_too_few_classes(utterances, protocol.target, sorted(there)))
    reasons = {
        f"without a {protocol.target}": labels.count(None),
        f"of another {protocol.target}": sum(x is not None for x in labels) - sum(name is not None for name in named),
        f"with agreement below {protocol.agreement:g}": sum(name is not None for name in named) - len(chosen),
    }
    classes = tuple(name for name in dict.fromkeys(class_of.values()) if protocol.classes or name in there)
    left_out = {reason: n for reason, n in reasons.items() if n}
    notes = (*_alike(protocol.target, labels, named), *_otherwise_voted(utterances, protocol.target))
    return Selection(np.array(chosen, dtype=np.int64), y, classes, class_of, left_out, notes)


def _alike(target: str, labels: Sequence[str | None], named: Sequence[str | None]) -> Iterator[str]:
    """Yield a sentence for each two labels that may be the same class but count as two."""
    what = "labels" if target == "label" else f"values of {target}"
    class_of = dict(zip(labels, named, strict=True))
    for group in names.alike(label for label in labels if label is not None):
        counted = {class_of[label] for label in group} - {None}
        lost = [label for label in group if class_of[label] is None]
        if lost and counted:
            yield f"{what} {names.quoted(group)} may be one class: {names.quoted(lost)} is left out"
        elif len(counted) > 1:
            yield f"{what} {names.quoted(group)} may be one class: they are counted as {len(counted)}"


def _otherwise_voted(utterances: Sequence[Utterance], target: str) -> Iterator[str]:
    """Yield a sentence for each label with another spelling in the raters' votes."""
    labels = {utterance.label for utterance in utterances if utterance.label is not None}
    votes = {label for utterance in utterances for vote in utterance.votes for label in vote}
    for group in names.alike([*sorted(labels), *sorted(votes - labels)]) if target == "label" else ():
        if other := [label for label in group if label not in labels]:
            yield f"votes for {names.quoted(other)} may mean the label {names.quoted(group[:1])}: they count for none"


def _values(utterances: Sequence[Utterance], protocol: Protocol) -> Selection:
    values = [getattr(utterance, protocol.target) for utterance in utterances]
    chosen = [i for i, value in enumerate(values) if value is not None]
    y = np.array([values[i] for i in chosen], dtype=np.float64)
    if len(np.unique(y)) < 2:
        found = f"every {protocol.target} is {y[0]:g}" if len(y) else f"none has a {protocol.target}"
        raise AffexError(f"Predicting values needs at least 2 different ones, but of {len(values)} utterances {found}.")
    left_out = {f"without a {protocol.target}": values.count(None)} if None in values else {}
    return Selection(np.array(chosen, dtype=np.int64), y, (), left_out=left_out)


def require_counts(protocol: Protocol, selection: Selection) -> tuple[str, ...]:
    """Return a sentence for each count (of a class, or the total) that differs from the one the protocol asserts."""
    found = Counter(selection.y.tolist()) if selection.classes else Counter[str]()
    wrong = tuple(
        f"the protocol {protocol} asserts {n} utterances of '{name}', found {found[name]}"
        for name, n in protocol.counts.items()
        if found[name] != n
    )
    if protocol.total in (None, len(selection.y)):
        return wrong
    return (*wrong, f"the protocol {protocol} asserts {protocol.total} utterances, found {len(selection.y)}")


def class_map(classes: str, known: Iterable[str], target: str = "label", own: Iterable[str] = ()) -> dict[str, str]:
    r"""Return the class of each value that counts.

    Parameters
    ----------
    classes
        Classes separated by commas. A plus merges values into one class, ``name=`` before them names it, and
        ``corpus:`` before a value limits it to that corpus; empty for all values, each a class of its own, in
        alphabetical order. A value or a name that contains one of these marks is written in double quotes, and a double
        quote inside is written twice.
    known
        The values there are.
    own
        The values with their corpus before a colon.

    Examples
    --------
    >>> class_map("ang,hap+exc", ["ang", "exc", "hap", "xxx"])
    {'ang': 'ang', 'hap': 'hap+exc', 'exc': 'hap+exc'}
    >>> class_map("anger=a:ang+b:wut,sad", ["ang", "sad", "wut"], own=["a:ang", "b:wut"])
    {'a:ang': 'anger', 'b:wut': 'anger', 'sad': 'sad'}
    >>> class_map('"so, so",yes', ["so, so", "yes"])
    {'so, so': 'so, so', 'yes': 'yes'}

    Raises
    ------
    UsageError
        If a value is not known or is named twice, or there are fewer than two classes.
    """
    plain, own = sorted(known), set(own)
    if not classes.strip():
        return {value: value for value in plain}
    class_of: dict[str, str] = {}
    for name, written in _groups(classes):
        values = [value if value in own else names.resolved(value, plain) for value in written]
        for value in values:
            if value not in own and value not in plain:
                raise unknown(target, value, map(spelt, (*plain, *(own if ":" in value else ()))))
            if value in class_of:
                raise UsageError(f"CLASSES='{classes}' names '{value}' twice: it can be in one class only.")
            class_of[value] = name or "+".join(values)
    if len(set(class_of.values())) < 2:
        raise UsageError(f"CLASSES='{classes}' is one class; expected at least 2.")
    return class_of


def _groups(classes: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the name of each class, empty where it has none, and its values."""
    name, values = "", list[str]()
    for piece in PIECE.finditer(classes):
        quoted, plain, mark = piece.groups()
        values.append(plain.strip() if quoted is None else quoted.replace('""', '"'))
        if mark == "=":
            name, values = "=".join(filter(None, (name, "+".join(values)))), []
        elif mark != "+":
            yield name, values
            name, values = "", []
        if not mark:
            return


def spelt(value: str) -> str:
    """Return a value as `CLASSES` spells it, in quotes if necessary."""
    return '"' + value.replace('"', '""') + '"' if any(mark in value for mark in ',+="') else value


def _agreed(utterance: Utterance, protocol: Protocol) -> bool:
    """Return whether enough raters chose the most frequent label; an utterance without ratings has no agreement."""
    return not protocol.agreement or raters.agreement(utterance.votes) >= protocol.agreement


def _too_few_classes(utterances: Sequence[Utterance], target: str, there: Sequence[str]) -> str:
    found = f"every {target} is '{there[0]}'" if there else f"none has a {target}"
    return f"Classification needs at least 2 classes, but of {len(utterances)} utterances {found}."

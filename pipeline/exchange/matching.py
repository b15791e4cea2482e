"""Matching: the arrow from the keys of a foreign file to utterances.

A key is an utterance's id, possibly with the number of a part in brackets. Otherwise it names a recording: by its path,
its file name, or its file name without the suffix. The rows of a recording go to the utterances that are parts of it;
a row goes to every utterance whose span contains its middle.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from affex.pipeline.exchange.record import Floats, Part, Source
from affex.pipeline.manifest.recordings import Recordings
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.text.errors import AffexError

#: A prefix for names as MATLAB would write them, which are searched last; no other name begins with it.
MATLAB = "\0"

#: The number of names that a sentence shows.
SHOWN = 5


@dataclass(frozen=True)
class Owner:
    """The keys of an utterance in a foreign file.

    Parameters
    ----------
    keys
        The keys with the utterance's rows, in order.
    span
        The utterance's span of the recording that the keys name; None where they name the utterance itself.
    alone
        Whether the recording has no other utterance.
    """

    keys: tuple[str, ...]
    span: Media | None = None
    alone: bool = True


@dataclass(frozen=True)
class Match:
    """The assignment of a file's keys to utterances.

    Parameters
    ----------
    owners
        The keys of each utterance, by its id.
    unknown
        Keys that match no utterance.
    ambiguous
        Keys that match several utterances or recordings.
    """

    owners: Mapping[str, Owner]
    unknown: tuple[str, ...] = ()
    ambiguous: tuple[str, ...] = field(default=())


def match(source: Source, utterances: Sequence[Utterance]) -> Match:
    """Return the assignment of a file's keys to utterances."""
    ids = {utterance.id for utterance in utterances}
    recordings = Recordings(utterances, lambda stem: MATLAB + in_matlab(stem))
    own: dict[str, list[str]] = defaultdict(list)
    of_file: dict[tuple[str, str], list[str]] = defaultdict(list)
    unknown, ambiguous = [], []
    for key in source.keys:
        base = source.base(key)
        named = ids & {key, base}
        if len(named) > 1:
            ambiguous.append(key)
            continue
        if named:
            own[named.pop()].append(key)
            continue
        found = recordings.find(base, f"{MATLAB}{base}")
        if not found:
            unknown.append(key)
        elif len(found) > 1:
            ambiguous.append(key)
        else:
            of_file[found[0]].append(key)
    owners = {id_: Owner(tuple(sorted(keys, key=_number))) for id_, keys in own.items()}
    for place, keys in of_file.items():
        parts = recordings.parts[place]
        if len(keys) > 1 and len({source.base(key) for key in keys}) > 1:
            ambiguous += keys
            continue
        for id_, span in parts:
            owners.setdefault(id_, Owner(tuple(sorted(keys, key=_number)), span, alone=len(parts) == 1))
    return Match(owners, tuple(unknown), tuple(ambiguous))


def _number(key: str) -> tuple[int, str]:
    """Return the sort key of a recording's parts: the number in brackets, if there is one."""
    digits = key.rpartition("[")[2].removesuffix("]")
    return (int(digits) if digits.isdecimal() else -1, key)


def in_matlab(name: str) -> str:
    """Return the valid variable name that MATLAB makes of a name (``matlab.lang.makeValidName``).

    Examples
    --------
    >>> in_matlab("03-01-06"), in_matlab("DC_a01")
    ('x03_01_06', 'DC_a01')
    """
    valid = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return valid if valid[:1].isalpha() else f"x{valid}"


def rows_of(source: Source, utterance: Utterance, owner: Owner, parts: Sequence[Part]) -> Part:
    """Return an utterance's rows in order of time, with times from its beginning.

    Parameters
    ----------
    parts
        The content of its keys, in order.

    Raises
    ------
    AffexError
        If its rows cannot be identified, or it has none.
    """
    whole = _joined(parts)
    middles, span = whole.middles, owner.span
    if span is None and source.clock == "media":
        span = next(iter(utterance.parts()), None)
    if middles is None:
        if not owner.alone:
            raise AffexError(f"its recording has several utterances, and the rows of {owner.keys[0]} have no times")
        return whole
    begin = 0.0 if span is None else span.start or 0.0
    if span is None:
        _require_inside(middles)
        return _ordered(whole.values, middles)
    inside = ~np.isfinite(middles) | (middles >= begin) & (middles < (np.inf if span.end is None else span.end))
    if not inside.any():
        raise AffexError(f"no row of {owner.keys[0]} lies in its span, from {begin:g} s to {_end(span)}")
    return _ordered(whole.values[inside], middles[inside] - begin if begin else middles[inside])


def _require_inside(middles: Floats) -> None:
    """Refuse rows before the beginning of their utterance."""
    n_before = np.count_nonzero(middles < 0)
    if n_before:
        raise AffexError(
            f"{n_before} of its {len(middles)} rows lie before its beginning, the first at {middles.min():g} s"
        )


def _end(span: Media) -> str:
    return "the end" if span.end is None else f"{span.end:g} s"


def _joined(parts: Sequence[Part]) -> Part:
    if len(parts) == 1:
        return parts[0]
    middles = [part.middles for part in parts]
    known: list[Floats] = [middle for middle in middles if middle is not None]
    return Part(
        np.concatenate([part.values for part in parts]),
        times=np.concatenate(known) if len(known) == len(parts) else None,
    )


def _ordered(values: "np.ndarray[tuple[int, ...], np.dtype[np.float32]]", times: Floats) -> Part:
    if (np.diff(times) >= 0).all():
        return Part(values, times=times)
    order = np.argsort(times, kind="stable")
    return Part(values[order], times=times[order])


def summary(match: Match, n_utterances: int) -> list[str]:
    """Return sentences on a match: how many utterances have rows, and which keys are left out."""
    sentences = [f"{len(match.owners)} of {n_utterances} utterances have rows in it."]
    if match.unknown:
        sentences.append(f"{len(match.unknown)} of its keys match no utterance: {_some(match.unknown)}")
    if match.ambiguous:
        sentences.append(
            f"{len(match.ambiguous)} of its keys match several recordings and are left out: {_some(match.ambiguous)}"
        )
    return sentences


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (" ..." if len(names) > SHOWN else "")

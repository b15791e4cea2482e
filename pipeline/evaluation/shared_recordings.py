"""Recordings: the arrow from utterances to pairs with the same recording, parts of one, or simultaneous speech.

Different channels of a file are different sounds, and different halves of a picture different pictures; sounds are
compared as `pipeline.evaluation.duplicates` does.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from affex.pipeline.evaluation import duplicates
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.streams.table import Table

#: Spans of one file that touch by less than this are neighbours, s: labels are cut by hand.
TOUCH = 0.05


@dataclass(frozen=True)
class Match:
    """Two utterances, by number, that contain the same recording or parts of one."""

    first: int
    second: int
    note: str

    @property
    def pair(self) -> tuple[int, int]:
        """The two numbers."""
        return self.first, self.second


class _Span(NamedTuple):
    """The position of an utterance in a file, s."""

    start: float
    end: float
    number: int
    channel: int | None
    region: str | None


class _Clock(NamedTuple):
    """The origin of times: the beginning of a ``"file"`` or of a ``"dialog"`` of a corpus."""

    of: str
    corpus: str
    name: str


def shared(
    utterances: Sequence[Utterance], prints: Table | None, media: Collection[str]
) -> tuple[list[Match], list[Match]]:
    """Return the utterances with the same recording, and those with overlapping parts of one."""
    same: dict[tuple[int, int], Match] = {}
    parts: dict[tuple[int, int], Match] = {}
    for first, second, seconds in _overlapping(utterances, media):
        kept = same if seconds is None else parts
        note = "the same span of the same file" if seconds is None else f"{_seconds(seconds)} of one file in common"
        kept.setdefault((first, second), Match(first, second, note))
    for turns in _at_once(utterances) if "audio" in media else ():
        parts.setdefault(turns.pair, turns)
    for match in duplicates.find(prints.X, prints.offsets) if prints else ():
        kept = same if match.is_whole else parts
        note = f"the same sound for {match.seconds:.1f} s, similarity {match.similarity:.2f}"
        kept.setdefault((match.first, match.second), Match(match.first, match.second, note))
    return list(same.values()), [match for key, match in parts.items() if key not in same]


def _overlapping(utterances: Sequence[Utterance], media: Collection[str]) -> Iterator[tuple[int, int, float | None]]:
    """Yield pairs of utterances whose media overlap, and by how much, s; None where they are one span."""
    files: dict[Hashable, list[_Span]] = defaultdict(list)
    for number, utterance in enumerate(utterances):
        for kind in (*media, "origin"):
            if (medium := getattr(utterance, kind)) is not None:
                files[kind, utterance.corpus, medium.path].append(_span(number, medium))
    for span, later in _meeting(files.values()):
        if _overlap(span.channel, later.channel) and _overlap(span.region, later.region):
            first, second = sorted((span.number, later.number))
            yield first, second, None if span[:2] == later[:2] else _common(span, later)


def _meeting(files: Iterable[list[_Span]]) -> Iterator[tuple[_Span, _Span]]:
    """Yield each two spans of one file that overlap, the earlier first."""
    for spans in files:
        spans.sort(key=lambda span: (span.start, span.end, span.number))
        for place, span in enumerate(spans):
            for later in islice(spans, place + 1, None):
                if later.start >= span.end - TOUCH:
                    break
                yield span, later


def apart(
    utterances: Sequence[Utterance], same: Sequence[Match], parts: Sequence[Match]
) -> tuple[list[Match], list[Match], list[Match]]:
    """Return the matches of `shared` without dialog partners who speak at the same time, and these pairs separately.

    The times of speech come from the dialog's time if the corpus has it, else from the spans of the sound, or from
    those of the pictures if each turn's sound is a file of its own. Two turns with similar sound but different times
    are two recordings: both contain the partner's voice.
    """
    timed = {match.pair: match for match in _at_once(utterances)}
    audible = {match.pair: match for match in parts if _are_partners(utterances, match)}
    return (
        [match for match in same if match.pair not in timed],
        [match for match in parts if match.pair not in timed | audible],
        list((timed | audible).values()),
    )


def _at_once(utterances: Sequence[Utterance]) -> Iterator[Match]:
    """Yield the partners whose turns overlap in time, but are not of one span."""
    clocks: dict[_Clock, list[_Span]] = defaultdict(list)
    for number, utterance in enumerate(utterances):
        if time_span := _time_span(number, utterance):
            clocks[time_span[0]].append(time_span[1])
    for clock, spans in clocks.items():
        for span, later in _meeting([spans]):
            first, second = sorted((span.number, later.number))
            match = Match(first, second, f"{_seconds(_common(span, later))} of one {clock.of} in common")
            if span[:2] != later[:2] and _share_sound(utterances, span, later) and _are_partners(utterances, match):
                yield match


def _time_span(number: int, utterance: Utterance) -> tuple[_Clock, _Span] | None:
    """Return the time of a turn, and its origin: the dialog, or else the file from which the turn is cut."""
    if utterance.audio is None:
        return None
    if utterance.dialog_start is not None:
        end = math.inf if utterance.dialog_end is None else utterance.dialog_end
        clock = _Clock("dialog", utterance.corpus, f"{utterance.session}/{utterance.dialog}")
        return clock, _Span(utterance.dialog_start, end, number, utterance.audio.channel, None)
    cut = [medium for medium in (utterance.audio, utterance.video) if medium and medium.start is not None]
    return (_Clock("file", utterance.corpus, cut[0].path), _span(number, cut[0])) if cut else None


def _share_sound(utterances: Sequence[Utterance], span: _Span, later: _Span) -> bool:
    """Return whether one turn may contain the other speaker's voice; turns on different channels of a file do not."""
    one, other = (utterances[which.number].audio for which in (span, later))
    return one is None or other is None or one.path != other.path or _overlap(span.channel, later.channel)


def _are_partners(utterances: Sequence[Utterance], match: Match) -> bool:
    """Return whether two turns are from two named speakers of one dialog."""
    one, other = utterances[match.first], utterances[match.second]
    dialogs = [(utterance.corpus, utterance.session, utterance.dialog) for utterance in (one, other)]
    speakers = {one.speaker, other.speaker}
    return one.dialog is not None and dialogs[0] == dialogs[1] and len(speakers) == 2 and all(speakers)


def _common(span: _Span, later: _Span) -> float:
    """Return how long two spans overlap, s."""
    return min(span.end, later.end) - later.start


def _seconds(common: float) -> str:
    """Return a length in words; spans without an end have no length."""
    return f"{common:.2f} s" if math.isfinite(common) else "the end"


def _span(number: int, medium: Media) -> _Span:
    end = math.inf if medium.end is None else medium.end
    return _Span(medium.start or 0.0, end, number, medium.channel, medium.region)


def _overlap(one: Hashable, other: Hashable) -> bool:
    """Return whether two channels, or two parts of the picture, overlap; None is the whole."""
    return one is None or other is None or one == other

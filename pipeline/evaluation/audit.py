"""Audit: the arrow from folds to their leaks; it runs before anything is scored.

A leak is something that a test utterance shares with a training utterance. Fatal leaks invalidate every figure: the
same speaker, the same recording (a file and span named twice, or the same sound in another file, however it was
encoded, resampled or padded), and overlapping parts of one recording. Common leaks only cause a warning: the same
session (two speakers share each session of IEMOCAP, and leaving one out leaves the other in), the same dialog, the
same text. Partners of a dialog who speak at the same time also cause only a warning: each turn contains the other
speaker's voice, and a protocol that leaves one speaker out always separates the two. Some protocols and models make
shared sessions and dialogs fatal. Simultaneous speech is fatal if a speaker is on both sides of any fold. A network
that was tuned (`make tune`) on a test utterance, or on its speaker, is a fatal leak under every protocol.

Names of speakers, sessions, dialogs and files belong to their corpus: ``03`` of one corpus is not ``03`` of another.
Texts are compared across corpora, the codes of sentences are not. An utterance without a session (dialog, text) shares
none. Names with different spellings count as different; the audit lists those that may be the same (see
`pipeline.text.names`).

Kapoor and Narayanan survey leaks and their costs, field by field: Leakage and the reproducibility crisis in
machine-learning-based science (2023, doi:10.1016/j.patter.2023.100804).
"""

import itertools
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from affex.classifiers.base import Context
from affex.pipeline.caching.tuned import Tuning
from affex.pipeline.evaluation import duplicates, revealing_columns, shared_recordings, tuned_networks
from affex.pipeline.evaluation.folds import Fold
from affex.pipeline.evaluation.shared_recordings import Match
from affex.pipeline.evaluation.text_folds import texts_of
from affex.pipeline.manifest.utterance import MEDIA, Utterance
from affex.pipeline.streams.stream import Stream
from affex.pipeline.streams.table import Table
from affex.pipeline.text.names import alike, quoted

Kind = Literal[
    "speaker",
    "duplicate",
    "overlap",
    "at once",
    "session",
    "dialog",
    "text",
    "conflict",
    "nameless",
    "alike",
    "unprinted",
    "telltale",
    "tuned",
]
Labels = NDArray[np.str_] | NDArray[np.float64]

#: How many names a sentence shows, and how many pairs a refusal.
SHOWN_NAMES, SHOWN_PAIRS = 3, 10


class Pair(NamedTuple):
    """Two utterances on both sides of a fold, by id (``corpus/id`` with several corpora), and what they share.

    The fold's name is empty if no fold separates the two.
    """

    trained: str
    tested: str
    fold: str
    note: str


@dataclass(frozen=True)
class Finding:
    """One kind of thing that the audit found.

    Parameters
    ----------
    kind
        What is shared, or the kind of warning.
    fatal
        Whether it forbids scoring.
    message
        One sentence with the counts, without a full stop.
    pairs
        Every pair of duplicates or overlaps, once, under the first fold that separates them. Many pairs share a
        speaker, session, dialog or text; of these, only the first pair of each fold.
    """

    kind: Kind
    fatal: bool
    message: str
    pairs: tuple[Pair, ...] = ()


def audit(
    utterances: Sequence[Utterance],
    labels: Labels,
    folds: Sequence[Fold],
    *,
    prints: Table | None = None,
    rows: Table | None = None,
    media: Collection[str] = MEDIA,
    strict_dialogs: bool = False,
    strict_sessions: bool = False,
    context: Context = "none",
    tunings: Mapping[str, Tuning] = MappingProxyType({}),
    sources: Mapping[tuple[str, str], str] = MappingProxyType({}),
) -> tuple[Finding, ...]:
    """Search the folds for leaks.

    Parameters
    ----------
    utterances
        The utterances; the folds refer to them by position.
    labels : (n_utterances,) str or float
        The target of each utterance.
    folds
        The training and test utterances of each fold.
    prints
        The rows of the feature ``fingerprint`` of the same utterances in the same order. With None, duplicates are
        found by file and span only.
    rows
        The model's input: a table with the rows of these utterances, possibly among others; None if there is none. The
        audit reports a column that determines the label or the speaker.
    media
        The media, of `MEDIA`, that the model uses. Overlapping spans of other media are ignored.
    strict_dialogs, strict_sessions
        Whether a dialog (a session) on both sides is fatal, as it is under ``session``.
    context
        Which other turns of its dialog the model uses to predict an utterance. With ``"dialog"``, a dialog on both
        sides is fatal; with ``"speaker"``, one speaker's turns of a dialog on both sides are fatal.
    tunings
        What the networks of the model's features were tuned on, by feature, of those that were tuned.
    sources
        As in `pipeline.evaluation.tuned_networks.exposed`.

    Returns
    -------
    tuple of Finding
        One per kind of leak that was found, fatal ones first.

    Raises
    ------
    ValueError
        If the number of labels or of fingerprints differs from the number of utterances.
    """
    utterances = list(utterances)
    _check(utterances, labels, prints)
    ids = [str(name) for name in _own(utterances, "id")]
    texts = texts_of(utterances)
    same, parts = shared_recordings.shared(utterances, prints, media)
    at_once: list[Match] = []
    if "audio" in media and _part_speakers(utterances, folds):
        same, parts, at_once = shared_recordings.apart(utterances, same, parts)
    same += [Match(number, number, "the very same utterance") for number in _on_both_sides(folds)]
    found = [
        _shared("speaker", _own(utterances, "speaker"), ids, folds, fatal=True),
        _duplicates(same, ids, labels, folds),
        _overlaps(parts, ids, folds),
        _together(at_once, ids, folds),
        _shared("session", _own(utterances, "session"), ids, folds, fatal=strict_sessions),
        _dialogs(utterances, ids, folds, context, strict=strict_dialogs),
        _shared("text", texts, ids, folds, fatal=False),
        _conflicts(same, ids, labels, folds),
        _nameless(utterances, folds),
        _alike(utterances, folds),
        _unprinted(utterances, prints, folds),
        _telltale(utterances, labels, rows),
        _tuned(utterances, ids, folds, tunings, sources),
    ]
    return tuple(sorted(filter(None, found), key=lambda finding: not finding.fatal))


def errors(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings that forbid scoring."""
    return tuple(finding for finding in findings if finding.fatal)


def warnings(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Return a sentence for every finding that does not forbid scoring; every output of a run shows them."""
    return tuple(finding.message for finding in findings if not finding.fatal)


def refusal(findings: Iterable[Finding]) -> str:
    """Return the error message for the fatal findings: what leaks, the first pairs, and how to go on."""
    return "\n".join(
        [
            "These folds leak, so their figures would not hold for new speakers:",
            *itertools.chain.from_iterable(map(_paragraph, errors(findings))),
            *_remedies(errors(findings)),
            "To evaluate nevertheless, with a warning in every output: ALLOW_LEAKS=1.",
        ]
    )


def _remedies(findings: Sequence[Finding]) -> Iterator[str]:
    kinds = {finding.kind for finding in findings}
    if kinds - {"tuned"}:
        yield "Remove the copies, or give utterances that belong together the same name, and run again."
    if "tuned" in kinds:
        yield "Tune without the speakers that are tested (`make tune EXCLUDE=names`), or test others."


def _paragraph(finding: Finding) -> Iterator[str]:
    yield f"- {finding.message}:"
    for pair in finding.pairs[:SHOWN_PAIRS]:
        yield f"    fold {pair.fold}: {pair.trained} is in training, {pair.tested} in test ({pair.note})"
    if len(finding.pairs) > SHOWN_PAIRS:
        yield f"    and {len(finding.pairs) - SHOWN_PAIRS} more"


def _check(utterances: Sequence[Utterance], labels: Labels, prints: Table | None) -> None:
    if len(labels) != len(utterances):
        raise ValueError(f"{len(labels)} labels of {len(utterances)} utterances")
    if prints is not None and [_key(u) for u in prints.utterances] != [_key(u) for u in utterances]:
        raise ValueError("the fingerprints are those of other utterances, or in another order")


def _key(utterance: Utterance) -> tuple[str, str]:
    return utterance.corpus, utterance.id


def _own(utterances: Sequence[Utterance], *fields: str) -> list[str | None]:
    """Return the last field's value, preceded by the fields above it and, with several corpora, by the corpus."""
    several = len({utterance.corpus for utterance in utterances}) > 1

    def name(utterance: Utterance) -> str | None:
        values = [getattr(utterance, field) for field in fields]
        owners = [utterance.corpus] if several else []
        return "/".join([*owners, *filter(None, values)]) if values[-1] else None

    return [name(utterance) for utterance in utterances]


def _shared(
    kind: Kind, names: Sequence[str | None], ids: Sequence[str], folds: Sequence[Fold], *, fatal: bool
) -> Finding | None:
    """Return the finding that something with a name is on both sides of a fold, or None."""
    found: dict[str, None] = {}
    pairs: dict[frozenset[int], Pair] = {}
    leaking, n_tested, n_affected = 0, 0, 0
    for fold in folds:
        learned, tested = _firsts(names, fold.train), _firsts(names, fold.test)
        common = [name for name in tested if name in learned]
        found.update(dict.fromkeys(common))
        for name in common:
            a, b = learned[name], tested[name]
            pairs.setdefault(frozenset((a, b)), _pair(ids, a, b, fold.name, f"{kind} {name}"))
        leaking += bool(common)
        n_tested += len(fold.test)
        n_affected += sum(names[i] in learned for i in fold.test)
    if not found:
        return None
    message = (
        f"{_counted(len(found), kind)} ({_listed(list(found))}) on both sides of {leaking} of {len(folds)} folds: "
        f"{n_affected} of {n_tested} test utterances share theirs with training utterances"
    )
    return Finding(kind, fatal, message, tuple(pairs.values()))


def _dialogs(
    utterances: Sequence[Utterance], ids: Sequence[str], folds: Sequence[Fold], context: Context, *, strict: bool
) -> Finding | None:
    """Return the finding that a dialog, or the part of it that a model reads together, is on both sides of a fold."""
    dialogs = _own(utterances, "session", "dialog")
    found = _shared("dialog", dialogs, ids, folds, fatal=strict or context == "dialog")
    if found is None or found.fatal or context == "none":
        return found
    own = [None if name is None else f"{name} of {u.speaker}" for name, u in zip(dialogs, utterances, strict=True)]
    return _shared("dialog", own, ids, folds, fatal=True) or found


def _firsts(names: Sequence[str | None], numbers: NDArray[np.int64]) -> dict[str, int]:
    """Return the first utterance of each name."""
    firsts: dict[str, int] = {}
    for i in numbers.tolist():
        if (name := names[i]) is not None:
            firsts.setdefault(name, i)
    return firsts


def _part_speakers(utterances: Sequence[Utterance], folds: Sequence[Fold]) -> bool:
    """Return whether no speaker with a name is on both sides of any fold."""
    speakers = _own(utterances, "speaker")
    return all(not _firsts(speakers, fold.train).keys() & _firsts(speakers, fold.test).keys() for fold in folds)


def _duplicates(same: Sequence[Match], ids: Sequence[str], labels: Labels, folds: Sequence[Fold]) -> Finding | None:
    """Return the finding that one recording is on both sides of a fold, or None."""
    leaking = _parted(same, ids, folds)
    if not leaking:
        return None
    conflicting = sum(_conflict(labels, match) for match, _ in leaking)
    pairs = [
        pair._replace(note=f"{pair.note}{_labels_note(labels, match)}") if _conflict(labels, match) else pair
        for match, pair in leaking
    ]
    said = f", {conflicting} of them under conflicting labels" if conflicting else ""
    message = f"{_counted(len(pairs), 'pair')} of duplicates on both sides of a fold{said}"
    return Finding("duplicate", True, message, tuple(pairs))


def _overlaps(parts: Sequence[Match], ids: Sequence[str], folds: Sequence[Fold]) -> Finding | None:
    """Return the finding that overlapping parts of a recording are on both sides of a fold, or None."""
    leaking = _parted(parts, ids, folds)
    if not leaking:
        return None
    message = f"{_counted(len(leaking), 'pair')} of overlapping parts of a recording on both sides of a fold"
    return Finding("overlap", True, message, tuple(pair for _, pair in leaking))


def _together(at_once: Sequence[Match], ids: Sequence[str], folds: Sequence[Fold]) -> Finding | None:
    """Return the note that a fold separates dialog partners who speak at the same time, or None."""
    leaking = _parted(at_once, ids, folds)
    if not leaking:
        return None
    places = {place for match, _ in leaking for place in (match.first, match.second)}
    message = (
        f"{_counted(len(leaking), 'pair')} of turns in which partners of a dialog speak at once ({len(places)} "
        "utterances), one in training and one in test: each may contain the other speaker's voice"
    )
    return Finding("at once", False, message, tuple(pair for _, pair in leaking))


def _conflicts(same: Sequence[Match], ids: Sequence[str], labels: Labels, folds: Sequence[Fold]) -> Finding | None:
    """Return the note that duplicates have conflicting labels although no fold separates them, or None."""
    parted = {(match.first, match.second) for match, _ in _parted(same, ids, folds)}
    used = _used(len(ids), folds)
    pairs = tuple(
        _pair(ids, match.first, match.second, "", f"{match.note}{_labels_note(labels, match)}")
        for match in same
        if (match.first, match.second) not in parted
        and used[[match.first, match.second]].all()
        and _conflict(labels, match)
    )
    if not pairs:
        return None
    message = (
        f"{_counted(len(pairs), 'pair')} of duplicates under conflicting labels, always on one side of a fold: "
        + _listed([f"{pair.trained} and {pair.tested}" for pair in pairs])
    )
    return Finding("conflict", False, message, pairs)


def _parted(matches: Sequence[Match], ids: Sequence[str], folds: Sequence[Fold]) -> list[tuple[Match, Pair]]:
    """Return the matches that a fold separates, each with its pair under the first such fold."""
    first = np.array([match.first for match in matches], dtype=np.int64)
    second = np.array([match.second for match in matches], dtype=np.int64)
    found: dict[int, Pair] = {}
    for fold in folds:
        learned, tested = (_used(len(ids), [fold], side) for side in ("train", "test"))
        for a, b in ((first, second), (second, first)):
            for place in np.flatnonzero(learned[a] & tested[b]).tolist():
                pair = _pair(ids, int(a[place]), int(b[place]), fold.name, matches[place].note)
                found.setdefault(place, pair)
    return [(matches[place], found[place]) for place in sorted(found)]


def _on_both_sides(folds: Sequence[Fold]) -> list[int]:
    """Return the utterances that are both training and test utterances of one fold."""
    return sorted({number for fold in folds for number in np.intersect1d(fold.train, fold.test).tolist()})


def _used(n: int, folds: Sequence[Fold], *sides: str) -> NDArray[np.bool_]:
    """Return which utterances are on the given sides of any fold; without given sides, on either side."""
    used = np.zeros(n, dtype=bool)
    for fold in folds:
        for side in sides or ("train", "test"):
            used[getattr(fold, side)] = True
    return used


def _conflict(labels: Labels, match: Match) -> bool:
    """Return whether two labels differ; two missing values do not."""
    one, other = labels[[match.first, match.second]]
    both_missing = isinstance(one, float) and math.isnan(one) and math.isnan(other)
    return bool(one != other) and not both_missing


def _labels_note(labels: Labels, match: Match) -> str:
    return f", labels {labels[match.first]} and {labels[match.second]}"


def _nameless(utterances: Sequence[Utterance], folds: Sequence[Fold]) -> Finding | None:
    """Return the note that some utterances have no speaker, or None."""
    used = _used(len(utterances), folds)
    nameless = used & np.array([not utterance.speaker for utterance in utterances], dtype=bool)
    if not nameless.any():
        return None
    message = f"{nameless.sum()} of {used.sum()} utterances have no speaker: a shared speaker cannot be detected"
    return Finding("nameless", False, message)


def _alike(utterances: Sequence[Utterance], folds: Sequence[Fold]) -> Finding | None:
    """Return the note that differently spelled names may be the same speaker, session or dialog, or None."""
    said = [
        *_alike_in(_own(utterances, "speaker"), "speaker", "person", folds),
        *_alike_in(_own(utterances, "session"), "session", "session", folds),
        *_alike_in(_own(utterances, "session", "dialog"), "dialog", "dialog", folds),
    ]
    if not said:
        return None
    more = f"; and {len(said) - SHOWN_NAMES} more such names" if len(said) > SHOWN_NAMES else ""
    return Finding("alike", False, "; ".join(said[:SHOWN_NAMES]) + more)


def _alike_in(names: Sequence[str | None], kind: str, what: str, folds: Sequence[Fold]) -> Iterator[str]:
    """Yield a sentence for each group of names that may be the same, and whether folds separate them."""
    used = _used(len(names), folds)
    for group in alike(name for name, counts in zip(names, used, strict=True) if name and counts):
        if kind == "dialog" and len({name.rpartition("/")[0] for name in group}) > 1:
            continue  # only their sessions are alike, and those are reported
        n = sum(_is_parted(names, group, fold) for fold in folds)
        effect = f"they are trained on and tested, in {n} of {len(folds)} folds" if n else f"they count as {len(group)}"
        yield f"{kind}s {quoted(group)} may be one {what}: {effect}"


def _is_parted(names: Sequence[str | None], group: Sequence[str], fold: Fold) -> bool:
    learned, tested = ({names[i] for i in side.tolist()} & set(group) for side in (fold.train, fold.test))
    return any(one != other for one in learned for other in tested)


def _unprinted(utterances: Sequence[Utterance], prints: Table | None, folds: Sequence[Fold]) -> Finding | None:
    """Return the note that some utterances could not be compared by their sound, or None."""
    used = _used(len(utterances), folds)
    lacking = used if prints is None else used & ~duplicates.comparable(prints.X, prints.offsets)
    if not lacking.any():
        return None
    why = "no fingerprints are at hand" if prints is None else "no sound, only silence, or too short"
    message = (
        f"{lacking.sum()} of {used.sum()} utterances could not be compared by their sound ({why}): "
        "duplicates among them are found by file and span only"
    )
    return Finding("unprinted", False, message)


def _telltale(utterances: Sequence[Utterance], labels: Labels, rows: Table | None) -> Finding | None:
    """Return the note that a column determines the label or the speaker, or None."""
    if rows is None:
        return None
    place = {_key(utterance): number for number, utterance in enumerate(rows.utterances)}
    chosen = [place[_key(utterance)] for utterance in utterances]
    kinds = {"label": labels, "speaker": np.array([name or "" for name in _own(utterances, "speaker")])}
    said = [sentence for stream in rows.streams for sentence in _telling(stream, chosen, kinds)]
    return Finding("telltale", False, "; ".join(said)) if said else None


def _telling(stream: Stream, chosen: Sequence[int], kinds: Mapping[str, Labels]) -> Iterator[str]:
    """Yield a sentence for each kind of name (label, speaker) that columns of a stream determine."""
    least, greatest = (of[chosen] for of in revealing_columns.ranges(stream))
    for what, names in kinds.items():
        for find, says in (
            (revealing_columns.telltales, f"what the {what} of every utterance is"),
            (revealing_columns.marks, f"which utterances have one certain {what}"),
        ):
            found = find(least, greatest, names)
            yield from revealing_columns.sentences([stream.columns[number] for number in found], says)


def _tuned(
    utterances: Sequence[Utterance],
    ids: Sequence[str],
    folds: Sequence[Fold],
    tunings: Mapping[str, Tuning],
    sources: Mapping[tuple[str, str], str],
) -> Finding | None:
    """Return the finding that a network was tuned on test utterances, or on their speakers, or None."""
    tested = {number: fold.name for fold in reversed(folds) for number in fold.test.tolist()}
    pairs, said = [], []
    for feature, tuning in tunings.items():
        seen = tuned_networks.exposed(tuning, utterances, sources)
        own = [Pair(seen[n].taught, ids[n], tested[n], seen[n].note) for n in sorted(tested) if n in seen]
        pairs += own
        if own:
            said.append(f"{feature} was tuned on {len(own)} of {len(tested)} test utterances, or on their speakers")
    return Finding("tuned", True, "; ".join(said), tuple(pairs)) if said else None


def _pair(ids: Sequence[str], trained: int, tested: int, fold: str, note: str) -> Pair:
    return Pair(ids[trained], ids[tested], fold, note)


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"


def _listed(names: Sequence[str]) -> str:
    shown = [name if len(name) <= 60 else f"{name[:57]}..." for name in names[:SHOWN_NAMES]]
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return ", ".join(shown) + more

"""Differences: the arrow from two runs of the same settings to what is not the same in them, causes first.

The records are compared field by field: settings, protocol, corpus, features with their keys, versions, and the digests
of what a result is made from (code, utterances, rows). A field that follows from another one that differs, as a
classifier's parameters from the classifier, is not named twice. Figures, decisions and files come last.
"""

import csv
import io
import itertools
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from affex.pipeline.evaluation import runs
from affex.pipeline.evaluation.results import FusionSettings, ModelSettings
from affex.pipeline.evaluation.summary import Summary
from affex.pipeline.storage import bundle
from affex.pipeline.storage.bundle import Bundle
from affex.pipeline.storage.records import plain
from affex.pipeline.text import csv_cells

#: What differs where a digest of `pipeline.reporting.report.digests` does.
DIGESTS: Mapping[str, str] = {
    "code": "the code of affex that computes results has another text",
    "utterances": "the utterances of the corpus are not the same (ids, labels, speakers, parts, times or media)",
    "rows": "the rows of the features are not the same numbers, or not the same utterances have them",
    "fingerprints": "the sound that the audit compares is not the same",
}
#: What stands in a file of settings and says where a result comes from, not what it is.
PLACES = ("data",)
#: The fields of a protocol's record that follow from the settings of these names.
OF_PROTOCOL = {"protocol", "target", "classes", "leak", "dataset"}
#: How many utterances a sentence names.
SHOWN = 3


@dataclass(frozen=True)
class Difference:
    """One thing in which two runs differ.

    Parameters
    ----------
    what
        Its kind: ``"setting"``, ``"protocol"``, ``"corpus"``, ``"feature"``, ``"version"``, ``"code"`` ...
    name
        Its name, as in ``"seed"``; empty where the kind says all.
    before, after
        What the two runs have; empty for a sentence in `name`.
    given
        Whether the user asked for it.
    member
        The member of a fusion in which it differs; empty for the run itself.
    """

    what: str
    name: str
    before: str = ""
    after: str = ""
    given: bool = False
    member: str = ""

    def __str__(self) -> str:
        """Return it as one line."""
        values = f": {self.before} -> {self.after}" if self.before or self.after else ""
        of, why = f" of {self.member}" if self.member else "", " (as you set it)" if self.given else ""
        return f"{self.what}{of}{self._named}{values}{why}"

    @property
    def _named(self) -> str:
        if not self.name:
            return ""
        return f" {self.name}" if self.before or self.after else f": {self.name}"


@dataclass(frozen=True)
class Figures:
    """How far the figures of two runs lie apart.

    Parameters
    ----------
    headlines
        The headline figures that differ, by name: before and after; None where one is undefined.
    largest
        The name of the figure, or of an end of its interval, that differs most; empty where none differs.
    by
        By how much, after less before; None where one is undefined.
    decisions, of
        For how many of how many utterances that both tested the decision differs.
    score
        The largest difference of a score of a class.
    """

    headlines: Mapping[str, tuple[float | None, float | None]]
    largest: str
    by: float | None
    decisions: int
    of: int
    score: float | None


@dataclass(frozen=True)
class Repeated:
    """A run's files as they were read, verified, and its summary."""

    summary: Summary
    files: Bundle

    @property
    def settings(self) -> Mapping[str, Any]:
        """The content of its ``settings.toml``; empty where it has none."""
        return tomllib.loads(self.files.contents.get(runs.SETTINGS, b"").decode())


def causes(before: Repeated, after: Repeated, given: Collection[str] = ()) -> tuple[Difference, ...]:
    """Return the settings, versions, keys and digests that differ, in this order.

    Parameters
    ----------
    given
        The names of the settings that the user changed.
    """
    changed = {name for name in _names(before.settings, after.settings) if name not in PLACES}
    return (
        *_settings(before, after, sorted(changed), given),
        *_protocol(before.summary, after.summary, changed),
        *_models(before.summary.about.settings, after.summary.about.settings, changed),
        *_versions(before.summary, after.summary),
        *_digests(before.summary, after.summary),
        *_utterances(before.files, after.files),
    )


def results(before: Repeated, after: Repeated) -> tuple[str, ...]:
    """Return the parts of the record, and the other files, that differ; figures stand in `figures`."""
    one, other = plain(before.summary), plain(after.summary)
    derived = {"about", "versions", "made_from", "depends_on", "protocol_hash"}
    parts = [name for name in one if name not in derived and one[name] != other[name]]
    digests = [run.files.record[bundle.FILES] for run in (before, after)]
    return (*parts, *sorted(_names(*digests)))


def figures(before: Repeated, after: Repeated) -> Figures:
    """Return how far the figures lie apart."""
    one, other = before.summary, after.summary
    numbers = [dict(_numbers(summary)) for summary in (one, other)]
    apart = {name: _apart(numbers[0].get(name), numbers[1].get(name)) for name in {**numbers[0], **numbers[1]}}
    largest = max(apart, key=lambda name: abs(apart[name] or 0), default="") if any(apart.values()) else ""
    return Figures(
        headlines={
            name: (one.figures[name].value, other.figures[name].value)
            for name in one.headlines
            if name in other.figures and one.figures[name].value != other.figures[name].value
        },
        largest=largest,
        by=apart.get(largest),
        **_decisions(before.files, after.files),
    )


def _settings(
    before: Repeated, after: Repeated, changed: Collection[str], given: Collection[str]
) -> Iterator[Difference]:
    """Yield the settings that differ, those that the user gave first."""
    for name in sorted(changed, key=lambda name: name not in given):
        one, other = _shown(before.settings.get(name)), _shown(after.settings.get(name))
        yield Difference("setting", name, one, other, given=name in given)


def _protocol(before: Summary, after: Summary, changed: Collection[str]) -> Iterator[Difference]:
    if before.about.corpus != after.about.corpus:
        yield Difference("corpus", "", before.about.corpus, after.about.corpus)
    if OF_PROTOCOL & {*changed}:
        return
    found = [*_fields("protocol", plain(before.about.protocol), plain(after.about.protocol))]
    yield from found
    if not found and before.protocol_hash != after.protocol_hash:
        yield Difference("protocol", "the file that says who is in which part has another content")


def _models(
    before: ModelSettings | FusionSettings, after: ModelSettings | FusionSettings, changed: Collection[str]
) -> Iterator[Difference]:
    """Yield the fields of the models' record that differ, and do not follow from a setting that does."""
    if isinstance(before, FusionSettings) and isinstance(after, FusionSettings):
        for one, other in zip(before.members, after.members, strict=False):
            for found in _models(one.settings, other.settings, changed):
                yield replace(found, member=one.run)
        return
    if isinstance(before, ModelSettings) and isinstance(after, ModelSettings):
        yield from _keys(before, after)
        for found in _fields("setting", _without_keys(before), _without_keys(after)):
            if not found.name.startswith(tuple(changed)):
                yield found


def _without_keys(settings: ModelSettings) -> dict[str, Any]:
    return {name: value for name, value in plain(settings).items() if name != "feature_keys"}


def _keys(before: ModelSettings, after: ModelSettings) -> Iterator[Difference]:
    """Yield the features whose parameters are the same, and whose keys are not."""
    keys = dict(zip(after.features, after.feature_keys, strict=True))
    for feature, key in zip(before.features, before.feature_keys, strict=True):
        if keys.get(feature, key) != key:
            yield Difference("feature", f"{feature} has another key: another version of it, of a library or decoder")


def _versions(before: Summary, after: Summary) -> Iterator[Difference]:
    for name in _names(before.versions, after.versions):
        yield Difference("version", name, _shown(before.versions.get(name)), _shown(after.versions.get(name)))


def _digests(before: Summary, after: Summary) -> Iterator[Difference]:
    for name in _names(before.made_from, after.made_from):
        yield Difference(name, DIGESTS.get(name, "it is not the same"))


def _utterances(before: Bundle, after: Bundle) -> Iterator[Difference]:
    """Yield what differs in who was tested: ids, and an utterance's speaker, fold or target."""
    (names, one), (_, other) = _table(before), _table(after)
    for word, ids in (("no longer tested", one.keys() - other.keys()), ("tested now", other.keys() - one.keys())):
        if ids:
            yield Difference("utterances", f"{_some(ids)} {word}")
    for place, name in enumerate(names[:3]):
        ids = {id_ for id_ in one.keys() & other.keys() if one[id_][place] != other[id_][place]}
        if ids:
            yield Difference("utterances", f"{_some(ids)}: another {name}")


def _decisions(before: Bundle, after: Bundle) -> dict[str, Any]:
    """Return how many decisions differ, of how many, and the largest difference of a score."""
    (names, one), (others, other) = _table(before), _table(after)
    both = sorted(one.keys() & other.keys())
    alike = both and names == others
    pairs = [pair for id_ in both for pair in zip(one[id_][4:], other[id_][4:], strict=True)] if alike else []
    return {
        "decisions": sum(one[id_][3] != other[id_][3] for id_ in both),
        "of": len(both),
        "score": max((abs(float(x) - float(y)) for x, y in pairs), default=None),
    }


def _table(files: Bundle) -> tuple[list[str], dict[str, list[str]]]:
    """Return the columns of the predictions after the id, and the cells by id: speaker, fold, true, predicted ..."""
    lines = csv.reader(io.StringIO(files.contents[runs.PREDICTIONS].decode(), newline=""))
    header, *rows = ([*map(csv_cells.restored, row)] for row in lines)
    return header[1:], {row[0]: row[1:] for row in rows}


def _numbers(summary: Summary) -> Iterator[tuple[str, float | None]]:
    """Yield every figure of all tested utterances, and the ends of its interval, by name."""
    for name, figure in summary.figures.items():
        yield name, figure.value
        if figure.interval is not None:
            yield f"{name} (lower end)", figure.interval.low
            yield f"{name} (upper end)", figure.interval.high
        yield from ((f"{name} (of seed number {number})", value) for number, value in enumerate(figure.of_seeds, 1))


def _apart(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before


def _fields(what: str, before: Any, after: Any, name: str = "") -> Iterator[Difference]:
    """Yield the fields of two records that differ, by dotted name."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for inner in _names(before, after):
            yield from _fields(what, before.get(inner), after.get(inner), f"{name}.{inner}" if name else inner)
    elif before != after:
        yield Difference(what, name, _shown(before), _shown(after))


def _names(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the names whose values differ, or that only one has."""
    every = dict.fromkeys(itertools.chain(before, after))
    return [name for name in every if before.get(name) != after.get(name)]


def _shown(value: object) -> str:
    return "none" if value is None or value == "" else str(value)


def _some(ids: Collection[str]) -> str:
    """Return how many utterances, and the first of them."""
    first = ", ".join(sorted(ids)[:SHOWN])
    return f"{len(ids)} ({first}{', ...' if len(ids) > SHOWN else ''})"

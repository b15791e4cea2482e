"""Inputs: the arrow from the cached features of a run to what they lack: failures by reason, and frames without a face.

They lie beside a run's other files in ``inputs.json``, in no bundle: a failure may be tried again and fail otherwise,
and that changes no row. The file states what the run depends on, as its times do.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from affex.features.base import Feature
from affex.pipeline.caching import feature_rows
from affex.pipeline.caching.cache import FeatureFile
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.reporting import coverage
from affex.pipeline.reporting.coverage import Coverage
from affex.pipeline.specs.features import FeatureSpec, spec_of
from affex.pipeline.specs.pooling import FOUND
from affex.pipeline.storage import record_file
from affex.pipeline.streams.table import joined, load

#: The file in a run's folder.
FILE = "inputs.json"
#: What differs between messages of one reason: numbers.
NUMBER = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True)
class FailureReason:
    """Why some utterances have no rows.

    Parameters
    ----------
    n
        How many utterances.
    first
        The id of the first of them.
    message
        Its message; those of the others differ in numbers and names of files at most.
    """

    n: int
    first: str
    message: str


@dataclass(frozen=True)
class Failures:
    """The utterances of a corpus that have no rows of a feature, by reason, the most frequent reason first."""

    corpus: str
    feature: str
    n_utterances: int
    n_failed: int
    reasons: tuple[FailureReason, ...]


@dataclass(frozen=True)
class FaceCoverage:
    """The share of frames with a face, for a feature of faces: of all utterances together, and of each speaker.

    `source` is the feature whose column ``found`` says so: the feature itself, or one that it reads.
    """

    feature: str
    source: str
    all: Coverage
    speakers: tuple[Coverage, ...]


@dataclass(frozen=True)
class Inputs:
    """What the cached features of a run lack.

    Parameters
    ----------
    depends_on
        What the run depends on, as in its record.
    failures
        One record for each corpus and feature.
    coverage
        One record for each feature of faces.
    """

    depends_on: str
    failures: tuple[Failures, ...]
    coverage: tuple[FaceCoverage, ...]


def inputs_of(datasets: Sequence[Dataset], specs: Sequence[FeatureSpec], depends_on: str = "") -> Inputs:
    """Return what the cached features of some corpora lack."""
    cached = tuple(dict.fromkeys(spec.unpooled for spec in specs))
    return Inputs(
        depends_on,
        tuple(failures_of(dataset, spec) for spec in cached for dataset in datasets),
        tuple(_coverage(datasets, spec, source) for spec in cached if (source := _with_found(spec.feature))),
    )


def failures_of(dataset: Dataset, spec: FeatureSpec) -> Failures:
    """Return the utterances of a corpus that have no rows of a feature, by reason, as its file records them."""
    file = FeatureFile(dataset.folder, spec.unpooled)
    failed = feature_rows.contents(file.path, file.key, dataset.command("features", FEATURES=spec.unpooled)).failures
    own = [utterance for utterance in dataset.utterances if utterance.id in failed]
    return Failures(dataset.name, str(spec.unpooled), len(dataset.utterances), len(own), _reasons(own, failed))


def together(depends_on: str, parts: Iterable[Inputs]) -> Inputs:
    """Return what the features of several runs lack, each once."""
    known = list(parts)
    failures = dict.fromkeys(one for part in known for one in part.failures)
    return Inputs(depends_on, tuple(failures), tuple(dict.fromkeys(one for part in known for one in part.coverage)))


def write(folder: Path, inputs: Inputs) -> None:
    """Write what the features of the run in a folder lack.

    Raises
    ------
    AffexError
        If it cannot be written.
    """
    record_file.write(folder / FILE, inputs)


def read(folder: Path, depends_on: str) -> Inputs | None:
    """Return what the features of the run in a folder lack; None if it is not known, damaged, or of another run."""
    inputs = record_file.read(folder / FILE, Inputs)
    return inputs if inputs and inputs.depends_on == depends_on else None


def _reasons(utterances: Sequence[Utterance], failed: Mapping[str, str]) -> tuple[FailureReason, ...]:
    alike: dict[str, list[FailureReason]] = {}
    for utterance in utterances:
        message = _unnamed(failed[utterance.id], utterance)
        alike.setdefault(NUMBER.sub("#", message), []).append(FailureReason(1, utterance.id, message))
    reasons = [FailureReason(len(some), some[0].first, some[0].message) for some in alike.values()]
    return tuple(sorted(reasons, key=lambda reason: -reason.n))


def _unnamed(message: str, utterance: Utterance) -> str:
    """Return a message with the names of the utterance's own files left out."""
    for path in sorted({path for media in utterance.media() for path in media.files}, key=len, reverse=True):
        message = message.replace(path, "the file")
    return message


def _with_found(feature: Feature) -> Feature | None:
    """Return the feature that says in which frames a face was found: itself, one that it reads, or None."""
    if feature.framewise and FOUND in feature.columns:
        return feature
    read = (*feature.beside, *filter(None, [feature.upstream]))
    return next(filter(None, map(_with_found, read)), None)


def _coverage(datasets: Sequence[Dataset], spec: FeatureSpec, source: Feature) -> FaceCoverage:
    found_by = spec if source == spec.feature else spec_of(source)
    tables = [load(dataset, (found_by,)) for dataset in datasets]
    table = joined(tables) if len(tables) > 1 else tables[0]
    return FaceCoverage(str(spec), str(found_by), coverage.of_all(table), coverage.of_speakers(table))

"""From labelled faces or sound to a weight file: a network is tuned, or trained from the beginning, on a corpus.

The network's pictures are those of its feature: chips of the cached `faces`, or pictures of sound. All are shown; those
of an utterance together count as much as those of another, and all classes as much as each other. The number of epochs
is that with the least loss on inner folds of speakers, or fixed. The last layer, with an output for each class, is not
kept: the file holds what the feature needs, and what was learned from (`pipeline.caching.tuned`).

Equal settings on equal rows give equal bytes on the CPU.
"""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from affex.features.base import ExtractionError, Feature, Rows
from affex.features.networks import weights
from affex.features.networks.base import Inputs
from affex.features.networks.feature import Plan
from affex.features.networks.local import Layered
from affex.features.networks.weights import WeightError
from affex.pipeline.caching import store, tuned
from affex.pipeline.caching.cache import FeatureFile
from affex.pipeline.caching.tuned import Taught, Tuning
from affex.pipeline.evaluation import protocols
from affex.pipeline.evaluation.folds import folds
from affex.pipeline.evaluation.selection import CONTINUOUS, in_parts, select
from affex.pipeline.evaluation.settings import Settings
from affex.pipeline.extraction.order import inputs
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.models import model_card, network_card
from affex.pipeline.specs import data_sheets, discovery, grammar
from affex.pipeline.specs.features import feature_specs, spec_of
from affex.pipeline.storage import atomic
from affex.pipeline.storage.provenance import versions
from affex.pipeline.text import names
from affex.pipeline.text.errors import AffexError, UsageError, unknown
from affex.pipeline.workspace.workspace import Workspace, extracted

if TYPE_CHECKING:
    from torch import nn

SUFFIX = ".safetensors"
#: Inner folds on which the number of epochs is searched; each has a network in memory.
FOLDS = 2
#: The learning rate of a network with weights, and of one without.
RATES = (1e-4, 1e-3)
#: Packages that may change the weights.
PACKAGES = ("torch", "numpy", "scikit-learn", "opencv-python-headless")


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a network is tuned.

    Parameters
    ----------
    epochs
        Most epochs; 0 writes the network as it begins.
    patience
        How many epochs without improvement on inner speakers end the search; 0 trains for `epochs` without a search.
    rate
        The learning rate; None for one of `RATES`.
    batch
        Pictures in a batch.
    scratch
        Whether the network begins at random even where it has weights.

    Raises
    ------
    UsageError
        If a value is out of range.
    """

    epochs: int = 20
    patience: int = 3
    rate: float | None = None
    batch: int = 32
    scratch: bool = False

    def __post_init__(self) -> None:
        for name, least in (("epochs", 0), ("patience", 0), ("batch", 2)):
            if getattr(self, name) < least:
                raise UsageError(f"{name} = {getattr(self, name)}: expected {least} or more.")
        if self.rate is not None and not self.rate > 0:
            raise UsageError(f"rate = {self.rate}: expected more than 0.")


@dataclass(frozen=True)
class Counted:
    """An utterance that counts, with its corpus and its class."""

    dataset: Dataset
    utterance: Utterance
    label: str


@dataclass(frozen=True, eq=False)
class Shown:
    """The pictures of utterances, one utterance after another.

    Parameters
    ----------
    pictures : (n, height, width, channels) uint8 or float32
        In a file.
    taught, labels
        The utterances, and the class of each.
    lengths : (n_utterances,) int64
        How many pictures each has.
    lacking
        How many others have none.
    """

    pictures: Inputs
    taught: tuple[Taught, ...]
    labels: NDArray[np.str_]
    lengths: NDArray[np.int64]
    lacking: int

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, in order."""
        return tuple(sorted(set(self.labels.tolist())))


def tune(
    workspace: Workspace,
    network: str,
    settings: Settings,
    how: Training,
    path: Path | None = None,
    *,
    exclude: Sequence[str] = (),
) -> Path:
    """Extract what a network reads, tune it on all but the excluded speakers, print a summary; return its weight file.

    Parameters
    ----------
    network
        The spec of an embedding of faces or of sound. It begins with the weights that the spec names, or else with the
        published ones, or else at random.
    settings
        Their protocol, target and classes say which utterances count, and which class each has. Under ``split`` those
        that are tested do not count.
    path
        Where the file goes; None for one below ``<cache>/<corpus>/models``.
    exclude
        Speakers who are not used.

    Raises
    ------
    UsageError
        If the network cannot be tuned, the target is a value, no speaker has one of the names in `exclude`, or the path
        has another ending.
    AffexError
        If there are not two classes with pictures, or the file cannot be written.
    """
    feature = tunable(network)
    start = None if how.scratch else _start(feature, workspace)
    given = _counted(workspace, settings, exclude)
    path = path or workspace.folder / "models" / f"{feature.name}-tuned{SUFFIX}"
    if path.suffix != SUFFIX:
        raise UsageError(f"OUT={path}: expected a file *{SUFFIX}, the format of the weight file.")
    atomic.require_writable(path.parent)
    extracted(workspace, [spec_of(one) for one in inputs(feature)])
    with tempfile.TemporaryFile() as file:
        shown = _gathered(workspace, feature, given, file)
        module, tuning = _tuned(feature, start, shown, how, settings)
    content = weights.packed(module.state_dict(), tuning.text)
    with atomic.writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic.temporary(path) as out:
            out.write(content)
    for sentence in _summary(shown, tuning):
        workspace.console.print(sentence)
    workspace.console.print(f"Weights: {path.stat().st_size / 1e6:.1f} MB, sha256 {weights.sha256(path)} -> {path}")
    workspace.console.print(f"Their card: what they learned from, and what they are for -> {_write_card(tuning, path)}")
    return path


def _write_card(tuning: Tuning, path: Path) -> Path:
    """Write the card of a network beside its weight file, and return its path."""
    sheets = [data_sheets.of_corpus(name) for name in sorted({one.corpus for one in tuning.utterances})]
    file = model_card.File(path.name, path.stat().st_size, weights.sha256(path))
    card = path.with_name(path.name + model_card.SUFFIX)
    atomic.write_text(card, [network_card.text(tuning, file, sheets)])
    return card


def tunable(network: str) -> Layered:
    """Return the feature of a network that can be tuned.

    Raises
    ------
    UsageError
        If the text names no such feature; the message lists them.
    """
    spec, *others = feature_specs(network)
    feature = spec.feature
    if others or not isinstance(feature, Layered):
        able = [name for name, one in discovery.feature_presets().items() if isinstance(one, Layered)]
        raise UsageError(f"NETWORK='{network}' cannot be tuned: expected one of {', '.join(able)}.")
    plain = {"output": "vector", "pca": "none", "views": "one"}
    whole = all(getattr(feature, name, value) == value for name, value in plain.items())
    if spec.pool or spec.only or spec.fft or not whole:
        raise UsageError(
            f"NETWORK='{network}': pool, columns, fft, output, pca and views are for rows, and a network is tuned as a "
            "whole: leave them out."
        )
    return feature


def _start(feature: Layered, workspace: Workspace) -> Path | None:
    """Return the weight file that a network begins with; None if it has none.

    Raises
    ------
    AffexError
        If it is not found.
    """
    if not feature.digest:
        return None
    try:
        return feature.weight_file(workspace.runtime)
    except WeightError as error:
        raise AffexError(str(error)) from error


def _counted(workspace: Workspace, settings: Settings, exclude: Sequence[str]) -> list[Counted]:
    """Return the utterances that are learned from."""
    protocol = protocols.of_settings(settings)
    if protocol.target in CONTINUOUS:
        raise UsageError(f"TARGET={protocol.target}: a network is tuned on classes, not on values.")
    every = [(dataset, utterance) for dataset in workspace.datasets for utterance in dataset.utterances]
    inside = np.flatnonzero(in_parts([utterance for _, utterance in every], protocol.parts))
    selection = select([every[i][1] for i in inside], protocol)
    labelled = zip(inside[selection.chosen].tolist(), selection.y.tolist(), strict=True)
    found = [Counted(every[number][0], every[number][1], label) for number, label in labelled]
    if protocol.scheme == "split":
        (fold,) = folds(protocol, [one.utterance for one in found])
        found = [found[i] for i in fold.train]
    speakers = {one.utterance.speaker for one in found}
    without = {names.resolved(name, speakers) for name in exclude}
    for name in sorted(without - speakers):
        raise unknown("speaker", name, speakers)
    return [one for one in found if one.utterance.speaker not in without]


def _gathered(workspace: Workspace, feature: Layered, given: Sequence[Counted], file: IO[bytes]) -> Shown:
    """Write the pictures of utterances into a file.

    Raises
    ------
    AffexError
        If fewer than two classes have any.
    """
    taught, labels, lengths = [], [], []
    with workspace.console.progress("gathering pictures", len(given), "utterances") as tick:
        for one, source, rows in _read(feature, given):
            tick(1)
            plans: list[Plan] = []
            try:
                file.writelines(np.ascontiguousarray(make()).tobytes() for make in feature.pictures([rows], plans))
            except ExtractionError:  # before the first picture
                continue
            own = one.utterance
            taught.append(Taught(own.corpus, own.id, own.speaker, source))
            labels.append(one.label)
            lengths.append(len(plans[0].shown))
    if len(set(labels)) < 2:
        raise AffexError(
            f"{len(taught)} of {len(given)} utterances have pictures, of {len(set(labels))} classes: expected two at "
            "least. Leave out fewer speakers, or find more faces (faces.detector, faces.score)."
        )
    file.flush()
    network = feature.network
    pictures = np.memmap(file, network.dtype, "r", shape=(sum(lengths), *network.input_size, network.depth))
    return Shown(pictures, tuple(taught), np.array(labels), np.array(lengths), len(given) - len(taught))


def _read(feature: Feature, given: Sequence[Counted]) -> Iterator[tuple[Counted, str, Rows]]:
    """Yield the rows that a feature reads of each utterance that has them, and the source of its pictures."""
    for dataset in {id(one.dataset): one.dataset for one in given}.values():
        with ExitStack() as stack:
            files = [FeatureFile(dataset.folder, spec_of(one)) for one in inputs(feature)]
            readers = [stack.enter_context(store.reading(file.path)) for file in files]
            for one in given:
                if one.dataset is not dataset:
                    continue
                found = [r.find(one.utterance.id, file.key) for r, file in zip(readers, files, strict=True)]
                entries = [entry for entry in found if entry is not None]
                rows = [Rows(e.values, e.times, e.crops) for e in entries if e.values is not None]
                if len(rows) == len(files):
                    yield one, entries[0].source, replace(rows[0], beside=tuple(rows[1:]))


def _tuned(
    feature: Layered, start: Path | None, shown: Shown, how: Training, settings: Settings
) -> "tuple[nn.Module, Tuning]":
    """Return the layers after training, and the record of it."""
    from affex.classifiers.estimators.nets import pictures
    from affex.classifiers.estimators.nets.training import Schedule
    from affex.classifiers.estimators.training import balanced
    from affex.features.networks.architectures import Normalised

    rate = how.rate or RATES[start is None]
    target = np.searchsorted(shown.classes, shown.labels)
    weight = balanced(target, np.ones(len(target)))
    labelled = pictures.Labelled(
        shown.pictures, np.repeat(target, shown.lengths), np.repeat(weight / shown.lengths, shown.lengths),
        len(shown.classes),
    )  # fmt: skip
    module, epochs = pictures.trained(
        lambda: (Normalised(feature.module(start), feature.network), feature.network.width),
        labelled,
        Schedule(rate=rate, batch=how.batch),
        _inner(shown) if how.patience else [],
        how.epochs,
        how.patience,
        settings.seed,
        settings.device,
    )
    before = tuned.of_file(start) if start else None
    seen = {*(shown.taught if epochs else ()), *(before.utterances if before else ())}
    named = str(spec_of(feature))
    without = {key: value for key, value in grammar.parameters(named).items() if key != "digest"}
    tuning = Tuning(
        network=grammar.spec(grammar.name_of(named), without),
        start=feature.digest if start else "",
        classes=shown.classes,
        epochs=epochs,
        patience=how.patience,
        rate=rate,
        batch=how.batch,
        seed=settings.seed,
        device=settings.device,
        utterances=tuple(sorted(seen)),
        versions=versions(PACKAGES),
    )
    return module.get_submodule("layers"), tuning


def _inner(shown: Shown) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return inner folds of the pictures that keep each speaker whole; none with one speaker."""
    from affex.classifiers.base import inner_folds

    speakers = [f"{one.corpus}/{one.speaker or one.id}" for one in shown.taught]
    groups = np.repeat(np.array(speakers), shown.lengths)
    return list(inner_folds(groups, FOLDS)) if len(set(speakers)) > 1 else []


def _summary(shown: Shown, tuning: Tuning) -> Iterator[str]:
    counts = ", ".join(f"{name} {n}" for name, n in sorted(Counter(shown.labels.tolist()).items()))
    n_speakers = len({(one.corpus, one.speaker) for one in shown.taught})
    lacking = f"; {shown.lacking} others have none" if shown.lacking else ""
    began = f"the weights {tuning.start[:12]}" if tuning.start else "random weights"
    yield (
        f"{tuning.network}: {tuning.epochs} epochs from {began}, on {len(shown.pictures)} pictures of "
        f"{len(shown.taught)} utterances of {n_speakers} speakers ({counts}){lacking}"
    )

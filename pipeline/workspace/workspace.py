"""Workspace: from corpora at hand to extracted features and a table of rows.

This module joins the arrows from corpora to a table, for evaluations, fits and predictions. Each arrow is a function of
another module.
"""

import contextlib
import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from affex.classifiers.base import Classifier
from affex.features.base import Runtime
from affex.features.external.imported import Imported
from affex.pipeline.caching import cache, imports
from affex.pipeline.evaluation.settings import expected, shown
from affex.pipeline.execution import stages
from affex.pipeline.execution.runner import Runner
from affex.pipeline.execution.stopwatch import Stopwatch
from affex.pipeline.extraction.extract import Summary, extract
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.specs.features import FeatureSpec, feature_specs
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import AffexError, UsageError

if TYPE_CHECKING:
    from affex.pipeline.streams.table import Table

#: The largest number of local processes.
MOST_JOBS = 1024
#: How many failures are named; further failures are only counted.
SHOWN = 8


@dataclass(frozen=True)
class Workspace:
    """Corpora, the terminal, the place where work runs (opened at the first use), and the settings of features.

    `processes` is the number of local processes that do the work; None if a scheduler elsewhere gives it to workers.
    """

    datasets: Sequence[Dataset]
    console: Terminal
    runner: Callable[[], Runner]
    runtime: Runtime = field(default_factory=Runtime)
    watch: Stopwatch = field(default_factory=Stopwatch)
    processes: int | None = None

    @property
    def name(self) -> str:
        """The corpora's names, joined with a plus."""
        return "+".join(dataset.name for dataset in self.datasets)

    @property
    def folder(self) -> Path:
        """The cache folder of the corpus, or of the corpora together."""
        return self.datasets[0].folder.parent / self.name

    @functools.cached_property
    def imported(self) -> dict[str, Imported]:
        """The imported features of other projects in the cache, by name."""
        return imports.found(self.datasets[0].folder.parent, [dataset.folder.name for dataset in self.datasets])

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes that belong beside every figure."""
        return tuple(sentence for dataset in self.datasets for sentence in dataset.notes)


@dataclass(frozen=True)
class Running:
    """Where work runs.

    Parameters
    ----------
    scheduler
        As in `pipeline.execution.stages.opened`.
    jobs
        Number of local processes; None for one per core.
    device
        Device of the features' networks; with ``"cuda"``, a local cluster has one more worker per GPU.
    weights
        The folder of weight files. Workers on other machines must have it under the same path.

    Raises
    ------
    UsageError
        If a value has another type, or is out of range.
    """

    scheduler: str = "local"
    jobs: int | None = None
    device: str = "cpu"
    weights: Path | None = None

    def __post_init__(self) -> None:
        """Raise an error for invalid values, which Python may pass."""
        if self.jobs is not None and not (type(self.jobs) is int and 1 <= self.jobs <= MOST_JOBS):
            raise UsageError(f"jobs = {self.jobs}: expected a whole number from 1 to {MOST_JOBS}, or none.")
        if wanted := expected("device", self.device):
            raise UsageError(f"device = {shown(self.device)}: expected {wanted}.")
        if not isinstance(self.scheduler, str):
            raise UsageError(f"scheduler = {self.scheduler}: expected local, inline or an address.")


@contextlib.contextmanager
def open_workspace(datasets: Sequence[Dataset], console: Terminal, running: Running) -> Iterator[Workspace]:
    """Open a workspace; extraction and folds share one cluster, which starts with the first work."""
    from joblib import cpu_count

    device, weights = running.device, running.weights
    _require_device(running)
    jobs, watch = running.jobs or cpu_count(), Stopwatch()

    with contextlib.ExitStack() as stack:
        yield Workspace(
            datasets,
            console,
            functools.cache(
                lambda: stack.enter_context(
                    stages.opened(running.scheduler, jobs, _gpus(device), console.print, watch.add)
                )
            ),
            Runtime(
                device=device,
                # GPUs share the cores; without a GPU every core has a worker of its own.
                threads=max(2, cpu_count() // max(1, _gpus(device))) if device == "cuda" else 1,
                weights=str(weights.absolute()) if weights else "",
            ),
            watch,
            {"local": jobs, "inline": 1}.get(running.scheduler),
        )


def _require_device(running: Running) -> None:
    """Refuse a GPU that does not exist; only the workers of a remote scheduler can see theirs.

    Raises
    ------
    UsageError
        If there is no GPU; the message says what to do.
    """
    if running.scheduler in ("local", "inline") and running.device == "cuda" and not _gpus(running.device):
        raise UsageError(
            "DEVICE=cuda: torch sees no GPU on this machine. Say DEVICE=cpu; where there is a GPU, `make install "
            "TORCH=cuda` takes the build of torch that knows it."
        )


def _gpus(device: str) -> int:
    """Return the number of GPUs of this machine to use."""
    if device != "cuda":
        return 0
    import torch

    return torch.cuda.device_count()


def extracted(
    workspace: Workspace, specs: Sequence[FeatureSpec], beside: Sequence[FeatureSpec] = (), *, verify: bool = True
) -> None:
    """Extract missing features, decoding each utterance once for all features, and print the result.

    Parameters
    ----------
    beside
        Features to extract as well, reported only if rows were missing; it is no error if no utterance has them.
    verify
        Whether stored rows are read to verify them. False if `table_of` follows, which verifies them while it reads
        them.

    Raises
    ------
    If a requirement of a feature is missing, or no utterance of a corpus has any of the features.
        If what a feature needs is not there, or no utterance of a corpus has any of the features.
    """
    specs = list(dict.fromkeys(spec.unpooled for spec in specs))
    extra = [spec for spec in beside if spec not in specs]
    for dataset in workspace.datasets:
        began = time.monotonic()
        summaries = brought_up_to_date(workspace, dataset, [*specs, *extra], verify=verify)
        for summary in summaries:
            if summary.computed or summary.spec not in extra:
                _show(workspace.console, summary)
        workspace.console.print(
            f"{dataset.name}: {len(dataset.utterances)} utterances, {time.monotonic() - began:.1f} s"
        )
        asked = [summary for summary in summaries if summary.spec in specs]
        if asked and all(len(summary.failures) == len(dataset.utterances) for summary in asked):
            raise _nothing(specs, asked[0])


def _nothing(specs: Sequence[FeatureSpec], summary: Summary) -> AffexError:
    """Return the error for features that no utterance has, with the first reason: from Python, no other is seen."""
    first = "".join(f" {id_}: {reason}" for id_, reason in list(summary.failures.items())[:1])
    return AffexError(
        f"No utterance has any of the features ({' '.join(map(str, specs))}). The first:{first}\n"
        "Name features of media that are there."
    )


def brought_up_to_date(
    workspace: Workspace, dataset: Dataset, specs: Sequence[FeatureSpec], *, verify: bool = True
) -> list[Summary]:
    """Extract missing features of one corpus, and return the outcome of each; nothing is printed.

    Parameters
    ----------
    specs
        Features as they are cached (`FeatureSpec.unpooled`).
    verify
        As in `extracted`.
    """
    wanted = [spec for spec in specs if not imports.is_imported(spec)]
    summaries = [_imported(dataset, spec, verify=verify) for spec in specs if imports.is_imported(spec)]
    if wanted:
        running = lambda: contextlib.nullcontext(workspace.runner())  # noqa: E731 - a name for what it is
        summaries += extract(dataset, wanted, running, workspace.console, workspace.runtime, verify=verify)
    return summaries


def _imported(dataset: Dataset, spec: FeatureSpec, *, verify: bool) -> Summary:
    """Return the state of an imported feature, which is never extracted."""
    held = imports.stock(dataset, spec, verify=verify)
    failures = {id_: message for id_, (_, message) in held.failures.items()}
    return Summary(spec, cache.FeatureFile(dataset.folder, spec).path, cached=len(held.places), failures=failures)


def _show(console: Terminal, summary: Summary) -> None:
    """Print the result for one feature."""
    counts = f"{summary.cached} cached, {summary.computed} computed, {len(summary.failures)} failed"
    console.print(f"{summary.spec}: {counts} -> {summary.path}")
    for reason, count in summary.reasons.most_common(SHOWN):
        console.print(f"  computed {count}: {reason}")
    for id_, note in list(summary.notes.items())[:SHOWN]:
        console.print(f"  note {id_}: {note}")
    if len(summary.notes) > SHOWN:
        console.print(f"  ... and {len(summary.notes) - SHOWN} more were read so")
    for id_, message in list(summary.failures.items())[:SHOWN]:
        console.print(f"  failed {id_}: {message}")
    if len(summary.failures) > SHOWN:
        console.print(f"  ... and {len(summary.failures) - SHOWN} more (failed/ in the file has them all)")


def readable(
    console: Terminal,
    names: Sequence[str],
    classifier: Classifier,
    imported: Mapping[str, Imported] | None = None,
) -> tuple[FeatureSpec, ...]:
    """Return the features in a form that the classifier can read, and print which are pooled for it.

    Raises
    ------
    UsageError
        As `pipeline.specs.features.feature_specs` and `pipeline.streams.readers.Reader.require`.
    """
    from affex.pipeline.streams.readers import reader_of

    asked = feature_specs(" ".join(names), imported)
    reader = reader_of(classifier)
    specs = reader.wanted(asked)
    reader.require(specs)
    for before, spec in zip(asked, specs, strict=True):
        if before != spec:
            console.print(
                f"{before} has one row a frame, and {classifier.name} reads one an utterance: pooled, as {spec}"
            )
    return specs


def utterances_of(workspace: Workspace) -> tuple[Utterance, ...]:
    """Return the utterances of the corpora, in the order of `table_of`."""
    from affex.pipeline.streams.table import placed

    every = tuple(utterance for dataset in workspace.datasets for utterance in dataset.utterances)
    return tuple(map(placed, every)) if len(workspace.datasets) > 1 else every


def table_of(workspace: Workspace, specs: Sequence[FeatureSpec]) -> "Table":
    """Return the rows of the corpora, joined if there are several; damaged rows are extracted again."""
    from affex.pipeline.caching.feature_rows import DamagedRowsError
    from affex.pipeline.streams.table import joined

    try:
        tables = [_read(dataset, specs) for dataset in workspace.datasets]
    except DamagedRowsError:
        extracted(workspace, specs)
        tables = [_read(dataset, specs) for dataset in workspace.datasets]
    return joined(tables) if len(tables) > 1 else tables[0]


def _read(dataset: Dataset, specs: Sequence[FeatureSpec]) -> "Table":
    from affex.pipeline.streams.table import load

    return load(dataset, specs).read()

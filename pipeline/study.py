"""Study: from a wish to finished runs: extract what is missing, audit the folds, evaluate, write, show.

Here (and in `takeaway`, for models) the arrows are joined; each of them is a function elsewhere.
"""

import contextlib
import functools
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from classifiers.base import Classifier
from features.base import Runtime
from features.imported import Imported
from pipeline import registry
from pipeline.caching import cache, imports
from pipeline.caching.cache import recipe
from pipeline.console import Terminal
from pipeline.corpora.base import Card
from pipeline.errors import AffexError, UsageError
from pipeline.extraction import stages, work
from pipeline.extraction.extract import Summary, extract
from pipeline.extraction.stages import Runner
from pipeline.manifest import Dataset
from pipeline.registry import FeatureSpec, Member

if TYPE_CHECKING:
    from pipeline.judging.results import Result
    from pipeline.judging.task import Settings, Task
    from pipeline.matrix import Matrix, SpeakerNorm

#: How many failures are shown by name before they are only counted.
SHOWN = 8

#: What the audit compares sound by.
PRINTS = "fingerprint"

#: What LEAK=1 sets beside an honest protocol.
LEAKY = Card("random-k", "random-k")


@dataclass(frozen=True)
class Desk:
    """Corpora at hand, the terminal, where work runs (opened when first asked for), and how features are run."""

    datasets: Sequence[Dataset]
    console: Terminal
    runner: Callable[[], Runner]
    runtime: Runtime = field(default_factory=Runtime)

    @property
    def name(self) -> str:
        """The corpora's names, joined with a plus."""
        return "+".join(dataset.name for dataset in self.datasets)

    @property
    def folder(self) -> Path:
        """The cache folder of the corpus, or of the corpora together."""
        return self.datasets[0].folder.parent / self.name

    @property
    def imported(self) -> dict[str, Imported]:
        """The features of other projects that the cache holds, by name."""
        return imports.found(self.datasets[0].folder.parent, [dataset.folder.name for dataset in self.datasets])


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What an evaluation is asked for besides features and classifiers; fields as in `pipeline.judging.task.Settings`.

    Parameters
    ----------
    partial
        Whether a card's asserted counts may be missed.
    inner
        Whether a run keeps what a fusion may learn from.
    allow_leaks
        Whether to go on where the audit finds leaks.
    """

    card: Card
    speaker_norm: "SpeakerNorm" = False
    reweight: bool = False
    soft: bool = False
    seed: int = 0
    device: str = "cpu"
    partial: bool = False
    inner: bool = False
    allow_leaks: bool = False


@dataclass(frozen=True)
class Running:
    """Where work runs.

    Parameters
    ----------
    scheduler
        As `pipeline.extraction.stages.opened` has it.
    jobs
        How many local processes; None for one a core.
    device
        Where networks of features run; with ``"cuda"``, a local cluster has one more worker a GPU.
    weights
        The folder of weight files, which workers on other machines must have under the same path.
    """

    scheduler: str = "local"
    jobs: int | None = None
    device: str = "cpu"
    weights: Path | None = None


@contextlib.contextmanager
def opened(datasets: Sequence[Dataset], console: Terminal, running: Running) -> Iterator[Desk]:
    """Open a desk; extraction and folds share one cluster, which is started when there is something to do."""
    from joblib import cpu_count

    device, weights = running.device, running.weights
    jobs = running.jobs or cpu_count()

    with contextlib.ExitStack() as stack:
        yield Desk(
            datasets,
            console,
            functools.cache(lambda: stack.enter_context(stages.opened(running.scheduler, jobs, _gpus(device)))),
            Runtime(
                device=device,
                # One process feeds a GPU; on processors every core has a process of its own.
                threads=cpu_count() if device == "cuda" else 1,
                weights=str(weights.absolute()) if weights else "",
            ),
        )


def _gpus(device: str) -> int:
    """Return how many GPUs of this machine are meant."""
    if device != "cuda":
        return 0
    import torch

    return torch.cuda.device_count()


def extracted(desk: Desk, specs: Sequence[FeatureSpec], beside: Sequence[FeatureSpec] = ()) -> None:
    """Extract what is missing, each clip decoded once for all, and say how it went.

    Parameters
    ----------
    beside
        What is extracted along, and spoken of only where something was missing; it is no error if no clip has it.

    Raises
    ------
    AffexError
        If what a feature needs is not there, or no clip of a corpus has any of the features.
    """
    specs = list(dict.fromkeys(spec.unpooled for spec in specs))
    extra = [spec for spec in beside if spec not in specs]
    for dataset in desk.datasets:
        began = time.monotonic()
        wanted = [spec for spec in (*specs, *extra) if not imports.is_imported(spec)]
        summaries = [_imported(dataset, spec) for spec in specs if imports.is_imported(spec)]
        if wanted:
            running = lambda: contextlib.nullcontext(desk.runner())  # noqa: E731 - a name for what it is
            summaries += extract(dataset, wanted, running, desk.console, desk.runtime)
        for summary in summaries:
            if summary.computed or summary.spec not in extra:
                _show(desk.console, summary)
        desk.console.say(f"{dataset.name}: {len(dataset.utterances)} utterances, {time.monotonic() - began:.1f} s")
        asked = [summary for summary in summaries if summary.spec in specs]
        if asked and all(len(summary.failures) == len(dataset.utterances) for summary in asked):
            raise AffexError(
                f"No clip has any of the features ({' '.join(map(str, specs))}); the reasons stand above. Leave out of "
                "FEATURES what reads media that are not there."
            )


def _imported(dataset: Dataset, spec: FeatureSpec) -> Summary:
    """Return what there is of a feature that is never extracted."""
    held = imports.stock(dataset, spec)
    failures = {id_: message for id_, (_, message) in held.failures.items()}
    return Summary(spec, cache.published(dataset.folder, spec), cached=len(held.places), failures=failures)


def single(desk: Desk, member: Member, wish: Wish, out: Path | None, *, leak: bool) -> None:
    """Evaluate one model; with `leak`, also as if speakers did not matter, and say the difference."""
    from pipeline.reporting import comparison

    _require_honest(wish.card, leak=leak)
    folder = run(desk, member, wish, out)
    if leak:
        leaky = replace(wish, card=_leaky(wish.card), allow_leaks=True)
        comparison.show_leak(desk.console, folder, run(desk, member, leaky, out and out / "random-k"))


def fused(desk: Desk, members: Sequence[Member], wish: Wish, fusion: str, out: Path | None, *, leak: bool) -> None:
    """Evaluate several models on one card and fuse their scores; with `leak`, also as if speakers did not matter."""
    from pipeline.fusing import fusion as rules
    from pipeline.reporting import comparison

    rule = rules.rule_of(fusion)
    _require_honest(wish.card, leak=leak)
    folders = [_fused(desk, members, wish, rule, out)]
    if leak:
        leaky = replace(wish, card=_leaky(wish.card), allow_leaks=True)
        folders.append(_fused(desk, members, leaky, rule, out and out / "random-k"))
        comparison.show_leak(desk.console, *folders)


def _fused(desk: Desk, members: Sequence[Member], wish: Wish, rule: str, out: Path | None) -> Path:
    from pipeline.fusing import fusion as rules

    wish = replace(wish, inner=wish.inner or rules.RULES[rule].learns)
    planned = [_settings(desk, member, wish) for member in members]
    extracted(desk, [spec for specs, _ in planned for spec in specs], beside=_prints())
    folders = [_evaluated(desk, specs, settings, wish, None) for specs, settings in planned]
    return fuse_runs(desk.console, [str(folder) for folder in folders], f"late:{rule}", desk.folder.parent, out)


def fuse_runs(console: Terminal, names: Sequence[str], fusion: str, cache: Path, out: Path | None) -> Path:
    """Fuse the scores of finished runs, or show again what rests on the same; return the folder of the fused one."""
    from pipeline.fusing import fusion as rules
    from pipeline.judging import runs
    from pipeline.reporting import report

    members, rule = runs.find(names, cache), rules.rule_of(fusion)
    about = rules.about(members, rule)
    folder = out or cache / about.corpus / "runs" / report.run_name(about)
    basis = report.rests_on(None, about)
    if not _shown_again(console, folder, basis):
        _written(console, rules.late(members, rule), folder, basis)
    return folder


def run(desk: Desk, member: Member, wish: Wish, out: Path | None) -> Path:
    """Extract what is missing and evaluate one model under a card; return the run's folder.

    Raises
    ------
    AffexError
        As `extracted`; or if the audit finds leaks and was not told to go on, or the evaluation cannot be done.
    """
    specs, settings = _settings(desk, member, wish)
    extracted(desk, specs, beside=_prints())
    return _evaluated(desk, specs, settings, wish, out)


def _prints() -> tuple[FeatureSpec, ...]:
    return registry.feature_specs(PRINTS)


def _evaluated(desk: Desk, specs: Sequence[FeatureSpec], settings: "Settings", wish: Wish, out: Path | None) -> Path:
    """Evaluate a model whose features are there, or show again what rests on the same; return the run's folder."""
    from pipeline.judging.task import prepare
    from pipeline.reporting import report

    folder = out or desk.folder / "runs" / report.run_name(settings.about())
    matrix, prints = (matrix_of(desk, wanted) for wanted in (specs, _prints()))
    basis = report.rests_on(matrix, settings.about(), _digest(prints), str(wish.allow_leaks), *_notes(desk))
    if _shown_again(desk.console, folder, basis, inner=wish.inner):
        return folder
    task = prepare(matrix, settings, partial=wish.partial)
    media = _media(specs)
    leaks, warnings = _audited(task, settings, prints, media, allow=wish.allow_leaks)
    result = _judged(desk, task, settings, inner=wish.inner)
    notes = (*_notes(desk), *warnings, *result.notes)
    _written(desk.console, replace(result, notes=notes, leaks=leaks), folder, basis)
    return folder


def _settings(desk: Desk, member: Member, wish: Wish) -> "tuple[tuple[FeatureSpec, ...], Settings]":
    from pipeline.judging.selection import require_target
    from pipeline.judging.task import Settings

    require_target(wish.card.target, (utterance for dataset in desk.datasets for utterance in dataset.utterances))
    names, classifier = member
    specs = readable(desk.console, names, classifier, desk.imported)
    return specs, Settings(
        corpus=desk.name,
        features=tuple(map(str, specs)),
        keys=tuple(recipe(spec.feature).key for spec in specs),
        classifier=classifier,
        card=wish.card,
        speaker_norm=wish.speaker_norm,
        reweight=wish.reweight,
        soft=wish.soft,
        seed=wish.seed,
        device=wish.device,
    )


def _media(specs: Sequence[FeatureSpec]) -> tuple[str, ...]:
    """Return the kinds of media that are learned from; all of them where rows are another project's."""
    from pipeline.judging.recordings import MEDIA

    if any(imports.is_imported(spec) for spec in specs):
        return MEDIA
    return tuple(sorted({spec.feature.media for spec in specs}))


def readable(
    console: Terminal,
    names: Sequence[str],
    classifier: Classifier,
    imported: Mapping[str, Imported] | None = None,
) -> tuple[FeatureSpec, ...]:
    """Return the features as a classifier can read them, and say which are pooled because of it.

    Raises
    ------
    UsageError
        As `pipeline.registry.feature_specs`, and `pipeline.registry.require_level`.
    """
    asked = registry.feature_specs(" ".join(names), imported)
    specs = registry.pooled_for(classifier, asked)
    registry.require_level(classifier, specs)
    for before, spec in zip(asked, specs, strict=True):
        if before != spec:
            console.say(f"{before} has one row a frame, and {classifier.name} reads one a clip: pooled, as {spec}")
    return specs


def matrix_of(desk: Desk, specs: Sequence[FeatureSpec]) -> "Matrix":
    """Return the rows of the corpora, joined where there are several."""
    from pipeline.matrix import joined, load

    matrices = [load(dataset, specs) for dataset in desk.datasets]
    return joined(matrices) if len(matrices) > 1 else matrices[0]


def _audited(
    task: "Task", settings: "Settings", prints: "Matrix", media: tuple[str, ...], *, allow: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what is a leak but allowed, and what is to be warned of, sentences each.

    Raises
    ------
    AffexError
        If there is a leak and it is not allowed.
    """
    from pipeline.judging import audit

    place = {utterance.id: number for number, utterance in enumerate(prints.utterances)}
    findings = audit.audit(
        task.utterances,
        task.examples.y,
        task.folds,
        prints=prints.take([place[utterance.id] for utterance in task.utterances]),
        media=media,
        strict_dialogs=settings.classifier.context or settings.card.protocol == "session",
        strict_sessions=settings.card.protocol == "session",
    )
    errors = audit.errors(findings)
    if errors and not allow:
        raise AffexError(audit.refusal(findings))
    return tuple(error.message for error in errors), audit.warnings(findings)


def _judged(desk: Desk, task: "Task", settings: "Settings", *, inner: bool) -> "Result":
    """Evaluate with a progress bar of the folds."""
    from pipeline.judging.evaluate import judge
    from pipeline.reporting.report import DISTRIBUTIONS

    runner = desk.runner()
    work.require_alike(runner, DISTRIBUTIONS)
    with desk.console.progress(f"evaluating {settings.classifier.name}", len(task.folds), "folds") as tick:
        return judge(task, settings, runner=runner, inner=inner, progress=lambda *_: tick(1))


def _written(console: Terminal, result: "Result", folder: Path, basis: str) -> None:
    from pipeline.reporting import report, tables

    tables.show(report.write(result, folder, basis), folder, console.rich)


def _shown_again(console: Terminal, folder: Path, basis: str, *, inner: bool = False) -> bool:
    """Show a run that rests on the same, and return whether there is one."""
    from pipeline.reporting import report

    text = report.kept(folder, basis, inner=inner)
    if text is not None:
        console.say(f"{text}Nothing has changed since this run: it is not computed again -> {folder}")
    return text is not None


def _notes(desk: Desk) -> tuple[str, ...]:
    return tuple(sentence for dataset in desk.datasets for sentence in dataset.notes)


def _require_honest(card: Card, *, leak: bool) -> None:
    """Refuse to show what a leak is worth beside the leak itself.

    Raises
    ------
    UsageError
        If the card's own protocol is the leaky one.
    """
    if leak and card.protocol == LEAKY.protocol:
        raise UsageError(f"LEAK=1 sets {LEAKY.protocol} beside an honest protocol: name that, as in PROTOCOL=loso.")


def _leaky(card: Card) -> Card:
    return replace(LEAKY, parts=card.parts, target=card.target, classes=card.classes, agreement=card.agreement)


def _digest(prints: "Matrix") -> str:
    return hashlib.sha256(prints.X.tobytes() + prints.offsets.tobytes()).hexdigest()


def _show(console: Terminal, summary: Summary) -> None:
    """Print what became of one feature."""
    counts = f"{summary.cached} cached, {summary.computed} computed, {len(summary.failures)} failed"
    console.say(f"{summary.spec}: {counts} -> {summary.path}")
    for reason, count in summary.reasons.most_common(SHOWN):
        console.say(f"  computed {count}: {reason}")
    for id_, message in list(summary.failures.items())[:SHOWN]:
        console.say(f"  failed {id_}: {message}")
    if len(summary.failures) > SHOWN:
        console.say(f"  ... and {len(summary.failures) - SHOWN} more (failed/ in the file has them all)")

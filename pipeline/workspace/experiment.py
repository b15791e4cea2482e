"""Study: from a wish to finished runs: extract what is missing, audit the folds, evaluate, write, show.

Here (and in `takeaway`, for models) the arrows from a matrix on are joined; each of them is a function elsewhere.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from affex.pipeline.caching import imports
from affex.pipeline.caching.cache import recipe
from affex.pipeline.corpora.base import Protocol
from affex.pipeline.execution.proof import Likeness
from affex.pipeline.manifest.utterance import MEDIA
from affex.pipeline.specs.classifiers import Member
from affex.pipeline.specs.features import FeatureSpec, feature_specs
from affex.pipeline.storage import atomic
from affex.pipeline.storage.provenance import code_digest
from affex.pipeline.storage.sealed import DamagedError
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import AffexError, UsageError
from affex.pipeline.workspace.workspace import Workspace, extracted, matrix_of, readable, utterances_of

if TYPE_CHECKING:
    from affex.pipeline.evaluation.finished_folds import FinishedFolds
    from affex.pipeline.evaluation.results import Result
    from affex.pipeline.evaluation.task import Settings, Task
    from affex.pipeline.streams.table import Matrix, SpeakerNorm

#: What the audit compares sound by.
PRINTS = "fingerprint"

#: The rooms that compute a result, and those that fuse results. What they import counts as their code, and so does
#: this module, which joins them; reports, the command line and other classifiers do not. Features and corpora need not:
#: a result depends on their rows and utterances themselves.
EVALUATING = ("affex.pipeline.evaluation", "affex.pipeline.streams")
FUSING = ("affex.pipeline.evaluation", "affex.pipeline.fusion")

#: What LEAK=1 sets beside an honest protocol.
LEAKY = Protocol("random-k", "random-k")


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What an evaluation is asked for besides features and classifiers; fields as in `task.Settings`.

    Parameters
    ----------
    partial
        Whether a protocol's asserted counts may be missed.
    inner
        Whether a run keeps what a fusion may learn from.
    allow_leaks
        Whether to go on where the audit finds leaks.
    """

    protocol: Protocol
    speaker_norm: "SpeakerNorm" = False
    reweight: bool = False
    soft: bool = False
    seed: int = 0
    device: str = "cpu"
    partial: bool = False
    inner: bool = False
    allow_leaks: bool = False


def single(workspace: Workspace, member: Member, wish: Wish, out: Path | None, *, leak: bool) -> Path:
    """Evaluate one model; with `leak`, also as if speakers did not matter, and say the difference.

    Returns
    -------
    Path
        The folder of the honest run.
    """
    from affex.pipeline.reporting import comparison

    _require_honest(wish.protocol, leak=leak)
    folder = run(workspace, member, wish, out)
    if leak:
        leaky = replace(wish, protocol=_leaky(wish.protocol), allow_leaks=True)
        comparison.show_leak(workspace.console, folder, run(workspace, member, leaky, out and out / "random-k"))
    return folder


def fused(
    workspace: Workspace, members: Sequence[Member], wish: Wish, fusion: str, out: Path | None, *, leak: bool
) -> Path:
    """Evaluate several models on one protocol and fuse their scores; with `leak`, also as if speakers did not matter.

    Returns
    -------
    Path
        The folder of the honest fused run.
    """
    from affex.pipeline.fusion import fusion as rules
    from affex.pipeline.reporting import comparison

    rule = rules.rule_of(fusion)
    rules.require_able(rule, wish.protocol.target)
    _require_honest(wish.protocol, leak=leak)
    folders = [_fused(workspace, members, wish, rule, out)]
    if leak:
        leaky = replace(wish, protocol=_leaky(wish.protocol), allow_leaks=True)
        folders.append(_fused(workspace, members, leaky, rule, out and out / "random-k"))
        comparison.show_leak(workspace.console, *folders)
    return folders[0]


def _fused(workspace: Workspace, members: Sequence[Member], wish: Wish, rule: str, out: Path | None) -> Path:
    from affex.pipeline.fusion import fusion as rules

    wish = replace(wish, inner=wish.inner or rules.RULES[rule].learns)
    planned = [_settings(workspace, member, wish) for member in members]
    _foresee(workspace, [settings for _, settings in planned])
    extracted(workspace, [spec for specs, _ in planned for spec in specs], beside=_prints())
    folders = [_evaluated(workspace, specs, settings, wish, None) for specs, settings in planned]
    return fuse_runs(
        workspace.console, [str(folder) for folder in folders], f"late:{rule}", workspace.folder.parent, out
    )


def fuse_runs(console: Terminal, names: Sequence[str], fusion: str, cache: Path, out: Path | None) -> Path:
    """Fuse the scores of finished runs, or show again what rests on the same; return the folder of the fused one."""
    from affex.pipeline.evaluation import runs
    from affex.pipeline.fusion import fusion as rules
    from affex.pipeline.reporting import report

    members, rule = runs.find(names, cache), rules.rule_of(fusion)
    about = rules.about(members, rule)
    folder = out or cache / about.corpus / "runs" / report.run_name(about)
    basis = report.depends_on(None, about, code_digest(FUSING, alone=[__name__]))
    if not _shown_again(console, folder, basis):
        _written(console, rules.late(members, rule), folder, basis)
    return folder


def run(workspace: Workspace, member: Member, wish: Wish, out: Path | None) -> Path:
    """Extract what is missing and evaluate one model under a protocol; return the run's folder.

    Raises
    ------
    AffexError
        As `extracted`; or if the audit finds leaks and was not told to go on, or the evaluation cannot be done.
    """
    specs, settings = _settings(workspace, member, wish)
    _foresee(workspace, [settings])
    extracted(workspace, specs, beside=_prints())
    return _evaluated(workspace, specs, settings, wish, out)


def _foresee(workspace: Workspace, planned: "Sequence[Settings]") -> None:
    """Say once what evaluations will have to do without, or refuse them, before anything is extracted."""
    from affex.pipeline.evaluation.prechecks import foreseen

    utterances = utterances_of(workspace)
    for sentence in dict.fromkeys(sentence for settings in planned for sentence in foreseen(utterances, settings)):
        workspace.console.say(sentence)


def _prints() -> tuple[FeatureSpec, ...]:
    return feature_specs(PRINTS)


def _evaluated(
    workspace: Workspace, specs: Sequence[FeatureSpec], settings: "Settings", wish: Wish, out: Path | None
) -> Path:
    """Evaluate a model whose features are there, or show again what rests on the same; return the run's folder."""
    from affex.pipeline.evaluation.finished_folds import FinishedFolds, inside
    from affex.pipeline.evaluation.task import prepare
    from affex.pipeline.reporting import report

    folder = out or workspace.folder / "runs" / report.run_name(settings.about())
    matrix, prints = (matrix_of(workspace, wanted) for wanted in (specs, _prints()))
    code = code_digest([*EVALUATING, type(settings.classifier).__module__], alone=[__name__])
    basis = report.depends_on(matrix, settings.about(), code, _digest(prints), str(wish.allow_leaks), *workspace.notes)
    kept = FinishedFolds(inside(folder), basis, wish.inner)
    if _shown_again(workspace.console, folder, basis, inner=wish.inner):
        kept.clear()
        return folder
    task = prepare(matrix, settings, partial=wish.partial)
    media = _media(specs)
    leaks, warnings = _audited(task, settings, prints, matrix, media, allow=wish.allow_leaks)
    atomic.require_writable(folder)
    result = _cross_validated(workspace, task, settings, kept)
    notes = (*workspace.notes, *warnings, *result.notes)
    _written(workspace.console, replace(result, notes=notes, leaks=leaks), folder, basis)
    kept.clear()
    return folder


def _settings(workspace: Workspace, member: Member, wish: Wish) -> "tuple[tuple[FeatureSpec, ...], Settings]":
    from affex.pipeline.evaluation import task
    from affex.pipeline.evaluation.selection import require_target

    require_target(
        wish.protocol.target, (utterance for dataset in workspace.datasets for utterance in dataset.utterances)
    )
    names, classifier = member
    specs = readable(workspace.console, names, classifier, workspace.imported)
    settings = task.Settings(
        corpus=workspace.name,
        features=tuple(map(str, specs)),
        keys=tuple(recipe(spec.feature).key for spec in specs),
        classifier=classifier,
        protocol=wish.protocol,
        speaker_norm=wish.speaker_norm,
        reweight=wish.reweight,
        soft=wish.soft,
        seed=wish.seed,
        device=wish.device,
    )
    task.require_target(settings)
    return specs, settings


def _media(specs: Sequence[FeatureSpec]) -> tuple[str, ...]:
    """Return the kinds of media that are learned from; all of them where rows are another project's."""
    if any(imports.is_imported(spec) for spec in specs):
        return MEDIA
    return tuple(sorted({spec.feature.media for spec in specs}))


def _audited(
    task: "Task", settings: "Settings", prints: "Matrix", rows: "Matrix", media: tuple[str, ...], *, allow: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what is a leak but allowed, and what is to be warned of, sentences each.

    Raises
    ------
    AffexError
        If there is a leak and it is not allowed.
    """
    from affex.pipeline.evaluation import audit

    place = {utterance.id: number for number, utterance in enumerate(prints.utterances)}
    findings = audit.audit(
        task.utterances,
        task.examples.y,
        task.folds,
        prints=prints.take([place[utterance.id] for utterance in task.utterances]),
        rows=rows,
        media=media,
        strict_dialogs=settings.classifier.context or settings.protocol.scheme == "session",
        strict_sessions=settings.protocol.scheme == "session",
    )
    errors = audit.errors(findings)
    if errors and not allow:
        raise AffexError(audit.refusal(findings))
    return tuple(error.message for error in errors), audit.warnings(findings)


def _cross_validated(workspace: Workspace, task: "Task", settings: "Settings", kept: "FinishedFolds") -> "Result":
    """Evaluate with a progress bar of the folds, those that a run left behind excepted; keep each as it ends."""
    from affex.pipeline.evaluation.evaluate import judge
    from affex.pipeline.reporting.report import DISTRIBUTIONS

    known, n_folds = kept.read(task.folds), len(task.folds)
    if known:
        workspace.console.say(
            f"{len(known)} of {n_folds} folds were kept by a run that did not end: it goes on from there"
        )
    with workspace.console.progress(f"evaluating {settings.classifier.name}", n_folds, "folds") as tick:
        tick(len(known))
        return judge(
            task,
            settings,
            runner=workspace.runner() if len(known) < n_folds else None,
            inner=kept.inner,
            progress=lambda *_: tick(1),
            known=known,
            keep=lambda number, outcome: kept.keep(number, task.folds[number], outcome),
            likeness=Likeness((*DISTRIBUTIONS, "python")),
        )


def _written(console: Terminal, result: "Result", folder: Path, basis: str) -> None:
    from affex.pipeline.reporting import report, tables

    tables.show(report.write(result, folder, basis), folder, console.rich)


def _shown_again(console: Terminal, folder: Path, basis: str, *, inner: bool = False) -> bool:
    """Show a run that rests on the same, and return whether there is one."""
    from affex.pipeline.reporting import report

    try:
        text = report.kept(folder, basis, inner=inner)
    except (OSError, DamagedError) as error:
        console.say(f"The run in {folder} is made again: {error}.")
        return False
    if text is not None:
        console.say(f"{text}Nothing has changed since this run: it is not computed again -> {folder}")
    return text is not None


def _require_honest(protocol: Protocol, *, leak: bool) -> None:
    """Refuse to show what a leak is worth beside the leak itself.

    Raises
    ------
    UsageError
        If the protocol's own protocol is the leaky one.
    """
    if leak and protocol.scheme == LEAKY.scheme:
        raise UsageError(f"LEAK=1 sets {LEAKY.scheme} beside an honest protocol: name that, as in PROTOCOL=loso.")


def _leaky(protocol: Protocol) -> Protocol:
    return replace(
        LEAKY, parts=protocol.parts, target=protocol.target, classes=protocol.classes, agreement=protocol.agreement
    )


def _digest(prints: "Matrix") -> str:
    return hashlib.sha256(prints.X.tobytes() + prints.offsets.tobytes()).hexdigest()

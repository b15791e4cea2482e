"""Experiment: from settings to finished runs: extract what is missing, audit the folds, evaluate, write, show.

This module joins the arrows from a table on (`pipeline.models.fit_predict` does so for models). Each arrow is a
function of another module.
"""

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affex.features.external.imported import Imported
from affex.pipeline.caching import imports, tuned
from affex.pipeline.caching.cache import recipe
from affex.pipeline.evaluation import protocols
from affex.pipeline.evaluation.settings import Plan, Settings
from affex.pipeline.execution.stopwatch import Lap, Stopwatch
from affex.pipeline.manifest.utterance import MEDIA
from affex.pipeline.specs.classifiers import Member, classifier_spec, members_of
from affex.pipeline.specs.features import FeatureSpec, feature_specs
from affex.pipeline.storage import atomic
from affex.pipeline.storage.provenance import code_digest
from affex.pipeline.storage.sealed import DamagedError
from affex.pipeline.systems.needs import require
from affex.pipeline.systems.system import departures
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import AffexError, UsageError
from affex.pipeline.workspace import companions
from affex.pipeline.workspace.identities import with_remarks
from affex.pipeline.workspace.workspace import Workspace, extracted, readable, table_of, utterances_of

if TYPE_CHECKING:
    from affex.pipeline.evaluation.audit import Finding
    from affex.pipeline.evaluation.results import Result
    from affex.pipeline.evaluation.task import Task
    from affex.pipeline.reporting.inputs import Inputs
    from affex.pipeline.streams.table import Table

#: Returns the rows of features, which the models of a run share: each is read once.
Read = Callable[[tuple[FeatureSpec, ...]], "Table"]

#: The feature by which the audit compares sound.
PRINTS = "fingerprint"

#: The folders that compute a result, and those that fuse results. Their imports count as their code, and so does this
#: module. Reports, the command line and other classifiers do not count. Neither do features and corpora, because a
#: result depends on their rows and utterances directly.
EVALUATING = ("affex.pipeline.evaluation", "affex.pipeline.streams")
FUSING = ("affex.pipeline.evaluation", "affex.pipeline.fusion")

#: The folder for the members inside that of a repeated fusion.
MEMBERS = "members"


def run(
    workspace: Workspace, settings: Settings, out: Path | None = None, members: Sequence[Member] | None = None
) -> Path:
    """Extract missing features, and evaluate one model, or several models with fused scores.

    With ``settings.leak`` it also evaluates with other folds, and shows what a leak adds: `leak.beside` says which.

    Parameters
    ----------
    settings
        Settings with the names of the workspace's corpora, which have protocols of their own.
    out
        The folder of the run; None for one in the cache, named after the settings.
    members
        The models; None for those in the settings.

    Returns
    -------
    Path
        The folder of the run (with ``settings.leak``, of that under the protocol of the settings).

    Raises
    ------
    AffexError
        As `extracted`; or if the corpora lack what a system needs, the audit finds a leak that is not allowed, or the
        evaluation is impossible.
    """
    from affex.pipeline.evaluation import runs
    from affex.pipeline.reporting import leak

    models = members or models_of(workspace.console, settings, workspace.imported)
    require(workspace.datasets, models, settings)
    workspace = with_remarks(workspace) if settings.identity else workspace
    companions.require_single(settings)
    read = functools.cache(functools.partial(table_of, workspace))
    folder = _run(workspace, models, companions.with_controls(settings), out, read)
    if settings.leak:
        beside = leak.beside(runs.read(folder).summary)
        others = [
            _run(workspace, models, companions.under(settings, scheme), out and out / scheme, read) for scheme in beside
        ]
        leak.show(workspace.console, folder, others)
    return folder


def repeat(workspace: Workspace, settings: Settings, out: Path) -> Path:
    """Evaluate what a run's ``settings.toml`` says into an empty folder, without stored runs; return the folder.

    The models of a late fusion are evaluated in ``members`` inside the folder.

    Parameters
    ----------
    settings
        The content of the file.

    Raises
    ------
    AffexError
        As `run`.
    """
    models = models_of(workspace.console, settings, workspace.imported)
    require(workspace.datasets, models, settings)
    workspace = with_remarks(workspace) if settings.identity else workspace
    read = functools.cache(functools.partial(table_of, workspace))
    return _run(workspace, models, settings, out, read, out / MEMBERS)


def models_of(console: Terminal, settings: Settings, imported: Mapping[str, Imported]) -> list[Member]:
    """Return the models of the settings, and print their default features if the settings name none.

    Parameters
    ----------
    imported
        The imported features of other projects in the cache, by name.

    Raises
    ------
    UsageError
        As `pipeline.specs.classifiers.members_of`.
    """
    found = members_of(settings.features, settings.classifier, settings.fusion, imported)
    for names, classifier in found if settings.features is None else ():
        console.print(f"FEATURES={' '.join(names)} (what {classifier.name} prefers)")
    return found


def planned(workspace: Workspace, member: Member, settings: Settings) -> tuple[tuple[FeatureSpec, ...], Plan]:
    """Return the features that a model reads, and its plan, whose settings contain that model only.

    Raises
    ------
    UsageError
        If the settings contain unknown names, or do not fit together.
    """
    from affex.pipeline.evaluation import task
    from affex.pipeline.evaluation.selection import require_target
    from affex.pipeline.streams.readers import reader_of, without_moments

    protocol = protocols.of_settings(settings)
    utterances = (utterance for dataset in workspace.datasets for utterance in dataset.utterances)
    require_target(protocol.target, utterances)
    names, classifier = member
    if settings.moments and not reader_of(classifier).has_moments:
        raise UsageError(without_moments(classifier))
    specs = readable(workspace.console, names, classifier, workspace.imported)
    plan = Plan(
        corpus=workspace.name,
        features=tuple(map(str, specs)),
        keys=tuple(recipe(spec.feature).key for spec in specs),
        classifier=classifier,
        protocol=protocol,
        settings=replace(
            settings,
            features=" ".join(names),
            classifier=classifier_spec(classifier),
            protocol=settings.protocol or protocol.name,
            fusion="early",
        ),
    )
    task.require_target(plan)
    return specs, plan


def fuse_runs(
    console: Terminal,
    names: Sequence[str],
    settings: Settings,
    cache: Path,
    out: Path | None = None,
    lap: Lap | None = None,
) -> Path:
    """Fuse the scores of finished runs, or show a stored run with the same dependencies; return the fused run's folder.

    Parameters
    ----------
    names
        The runs, by folder or by name.
    settings
        The fusion rule, and the content of the run's ``settings.toml``.
    lap
        The stages before; None if there were none.
    """
    from affex.pipeline.evaluation import runs
    from affex.pipeline.fusion import fusion as rules
    from affex.pipeline.reporting import inputs, report

    companions.require_single(settings)
    lap = lap or Stopwatch().lap()
    members, rule = runs.find(names, cache), rules.rule_of(settings.fusion)
    about, changed = rules.about(members, rule, settings.system), departures(settings)
    folder = out or cache / about.corpus / "runs" / report.run_name(about)
    made_from = report.digests(code_digest(FUSING, alone=[__name__]))
    basis = report.depends_on(about, made_from, *changed)
    wanted = replace(settings, inner=False, moments=any(member.summary.moments for member in members))
    if not _shown_again(console, folder, basis, wanted):
        with lap.stage("fusion"):
            result = rules.late(members, rule)
        result = replace(result, about=about, notes=(*changed, *result.notes))
        lacking = [inputs.read(member.folder, member.summary.depends_on) for member in members]
        known = inputs.together(basis, filter(None, lacking))
        stated = replace(settings, fusion=f"late:{rule}")
        _written(console, result, folder, basis, stated, made_from, lap, known)
    return folder


def _run(
    workspace: Workspace,
    members: Sequence[Member],
    settings: Settings,
    out: Path | None,
    read: Read,
    beside: Path | None = None,
) -> Path:
    """Return the folder of an evaluation; the models of a late fusion lie in `beside`, or in the cache."""
    if settings.fusion.startswith("late"):
        return _fused(workspace, members, settings, out, read, beside)
    specs, plan = planned(workspace, members[0], settings)
    _foresee(workspace, [plan])
    lap, rows, prints = _measured(workspace, specs, read)
    return _evaluated(workspace, specs, rows, prints, plan, out, lap)


def _measured(workspace: Workspace, specs: Sequence[FeatureSpec], read: Read) -> tuple[Lap, "Table", "Table"]:
    """Extract features; return the times of that, their rows, and the rows by which the audit compares sound."""
    lap = workspace.watch.lap(workspace.processes)
    with lap.stage("extraction"):
        extracted(workspace, specs, beside=_prints(), verify=False)
    with lap.stage("reading rows"):
        return lap, read(tuple(specs)), read(_prints())


def _fused(
    workspace: Workspace,
    members: Sequence[Member],
    settings: Settings,
    out: Path | None,
    read: Read,
    beside: Path | None,
) -> Path:
    from affex.pipeline.fusion import fusion as rules
    from affex.pipeline.reporting import report
    from affex.pipeline.streams.readers import reader_of, without_moments

    if settings.seeds > 1:
        raise UsageError(
            f"SEEDS={settings.seeds} is for one model: a fusion reads one run a member. Evaluate each with one seed."
        )
    rule = rules.rule_of(settings.fusion)
    rules.require_able(rule, protocols.of_settings(settings))
    rules.require_dialogs(rule, workspace.datasets)
    inner = settings.inner or rules.RULES[rule].learns
    if settings.moments and not any(reader_of(classifier).has_moments for _, classifier in members):
        raise UsageError(without_moments(members[0][1]))
    each = [
        planned(
            workspace,
            member,
            replace(settings, inner=inner, system=None, moments=settings.moments and reader_of(member[1]).has_moments),
        )
        for member in members
    ]
    _foresee(workspace, [plan for _, plan in each])
    every = tuple(dict.fromkeys(spec for specs, _ in each for spec in specs))
    lap, whole, prints = _measured(workspace, every, read)
    shared = lap.fork()
    with lap.stage("members"):
        folders = [
            _evaluated(
                workspace,
                specs,
                whole.under(list(map(every.index, specs))),
                prints,
                plan,
                beside and beside / report.run_name(plan.about()),
                shared.fork(),
            )
            for specs, plan in each
        ]
    stated = replace(
        settings,
        features=settings.features or " ".join(name for names, _ in members for name in names),
        protocol=each[0][1].settings.protocol,
    )
    return fuse_runs(workspace.console, [str(folder) for folder in folders], stated, workspace.folder.parent, out, lap)


def _foresee(workspace: Workspace, plans: Sequence[Plan]) -> None:
    """Warn once of the limits of evaluations, or refuse them, before any extraction."""
    from affex.pipeline.evaluation.prechecks import foreseen

    utterances = utterances_of(workspace)
    for sentence in dict.fromkeys(sentence for plan in plans for sentence in foreseen(utterances, plan)):
        workspace.console.print(sentence)


def _prints() -> tuple[FeatureSpec, ...]:
    return feature_specs(PRINTS)


def _evaluated(
    workspace: Workspace,
    specs: Sequence[FeatureSpec],
    rows: "Table",
    prints: "Table",
    plan: Plan,
    out: Path | None,
    lap: Lap,
) -> Path:
    """Evaluate a model on the rows of its features, or show a stored run that depends on the same; return its folder.

    Parameters
    ----------
    prints
        The rows by which the audit compares sound.
    lap
        The stages before.
    """
    from affex.pipeline.evaluation import seeds
    from affex.pipeline.evaluation.finished_folds import FinishedFolds, inside
    from affex.pipeline.evaluation.task import prepare
    from affex.pipeline.reporting import report
    from affex.pipeline.reporting.inputs import inputs_of
    from affex.pipeline.streams.readers import reader_of
    from affex.pipeline.workspace.cross_validation import cross_validated, with_enrolment, with_seed

    seeds.require_able(plan)
    settings, remarks = plan.settings, (*departures(plan.settings), *workspace.notes)
    allowed = settings.allow_leaks
    folder = out or workspace.folder / "runs" / report.run_name(plan.about())
    table = reader_of(plan.classifier).arranged(rows)
    code = code_digest([*EVALUATING, type(plan.classifier).__module__], alone=[__name__, cross_validated.__module__])
    made_from = report.digests(code, table, prints)
    basis = report.depends_on(plan.about(), made_from, str(allowed), *remarks)
    kept = FinishedFolds(inside(folder), basis, settings.keeps_inner, settings.moments, settings.controls)
    if _shown_again(workspace.console, folder, basis, settings):
        kept.clear()
        return folder
    with lap.stage("audit"):
        task = prepare(table, plan)
        leaks, warnings = _audited(workspace, specs, task, plan, prints, table, allow=allowed)
    atomic.require_writable(folder)
    with lap.stage("folds"):
        result = cross_validated(workspace, task, plan, kept)
        result = seeds.with_others(result, plan, functools.partial(with_seed, workspace, task, kept))
        if settings.enrol:
            result = with_enrolment(workspace, table, plan, kept, result)
    result = replace(result, notes=(*remarks, *warnings, *result.notes), leaks=leaks, alpha=settings.sets)
    known = inputs_of(workspace.datasets, specs, basis)
    _written(workspace.console, result, folder, basis, settings, made_from, lap, known)
    kept.clear()
    return folder


def _media(specs: Sequence[FeatureSpec]) -> tuple[str, ...]:
    """Return the kinds of media that a model learns from (no file holds text); all if rows come from elsewhere."""
    if any(imports.is_imported(spec) for spec in specs):
        return MEDIA
    return tuple(sorted({spec.feature.media for spec in specs}.intersection(MEDIA)))


def _audited(
    workspace: Workspace,
    specs: Sequence[FeatureSpec],
    task: "Task",
    plan: Plan,
    prints: "Table",
    rows: "Table",
    *,
    allow: bool,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the allowed leaks and the warnings of the audit, one sentence each.

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
        media=_media(specs),
        strict_dialogs=plan.protocol.scheme == "session",
        strict_sessions=plan.protocol.scheme == "session",
        context=plan.classifier.context,
        **_tuned(workspace, specs),
    )
    errors = audit.errors(findings)
    if errors and not allow:
        raise AffexError(audit.refusal(findings))
    return tuple(error.message for error in errors), (*audit.warnings(findings), *_hint(plan, findings))


def _hint(plan: Plan, findings: Sequence["Finding"]) -> tuple[str, ...]:
    """Return what would show the worth of shared texts, if a run that leaves speakers out has some."""
    shown = plan.protocol.scheme == "loso" and any(finding.kind == "text" for finding in findings)
    return ("PROTOCOL=loso+text LEAK=1 shows how much of the figure comes from texts that training has heard",) * shown


def _tuned(workspace: Workspace, specs: Sequence[FeatureSpec]) -> dict[str, Any]:
    """Return what networks of the features were tuned on, and the sources of the media that they read, for the audit.

    Raises
    ------
    AffexError
        If it is not known of a network with a user's own weights.
    """
    found: dict[str, Any] = {"tunings": {}, "sources": {}}
    for spec in specs:
        for network, dataset in itertools.product(tuned.networks(spec.feature), workspace.datasets):
            tuning = tuned.recorded(dataset.folder, network, workspace.runtime)
            if tuning is not None:
                found["tunings"][str(spec)] = tuning
                found["sources"] |= tuned.sources(dataset, network)
    return found


def _written(
    console: Terminal,
    result: "Result",
    folder: Path,
    basis: str,
    settings: Settings,
    made_from: Mapping[str, str],
    lap: Lap,
    known: "Inputs",
) -> None:
    """Write a run's files, what its features lack and how long it took; show it."""
    from affex.pipeline.evaluation import times
    from affex.pipeline.reporting import inputs, report, tables

    with lap.stage("report"):
        summary = report.write(result, folder, basis, settings, made_from)
        inputs.write(folder, known)
    times.write(folder, times.times_of(result, basis, lap, summary.versions))
    tables.show(summary, folder, console.rich)


def _shown_again(console: Terminal, folder: Path, basis: str, settings: Settings) -> bool:
    """Show a stored run with the same dependencies, and all that the settings ask for; return whether there is one."""
    from affex.pipeline.reporting import report

    try:
        text = report.kept(folder, basis, settings)
    except (OSError, DamagedError) as error:
        console.print(f"The run in {folder} is made again: {error}.")
        return False
    if text is not None:
        console.print(f"{text}Nothing has changed since this run: it is not computed again -> {folder}")
    return text is not None

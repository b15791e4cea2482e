"""Cross-validation: the arrow from a prepared task to its result, with progress, and with folds that are kept."""

from dataclasses import replace

from affex.pipeline.evaluation import enrolment
from affex.pipeline.evaluation.evaluate import evaluate_task
from affex.pipeline.evaluation.finished_folds import FinishedFolds
from affex.pipeline.evaluation.results import Result
from affex.pipeline.evaluation.settings import Plan
from affex.pipeline.evaluation.summary import DISTRIBUTIONS
from affex.pipeline.evaluation.task import Task, prepare
from affex.pipeline.execution.proof import Likeness
from affex.pipeline.reporting import pictures
from affex.pipeline.streams.enrolment import CURVE
from affex.pipeline.streams.table import Table
from affex.pipeline.workspace.workspace import Workspace


def with_enrolment(workspace: Workspace, table: Table, plan: Plan, kept: FinishedFolds, result: Result) -> Result:
    """Return a result without normalisation by speaker with the decisions of the same model on enrolled utterances."""
    own = replace(
        plan, settings=replace(plan.settings, speaker_norm=CURVE, enrol=False, inner=False, sets=0.0, moments=False)
    )
    other = cross_validated(
        workspace, prepare(table, own), own, replace(kept, inner=False, moments=False), len(result.folds)
    )
    pairs = zip(result.seconds, other.seconds, strict=True)
    taken = tuple(replace(one, wall=one.wall + more.wall, cpu=one.cpu + more.cpu) for one, more in pairs)
    short = enrolment.shortages(other.enrolled) if other.enrolled else ()
    return replace(result, enrolled=other.enrolled, seconds=taken, notes=(*result.notes, *short))


def with_seed(workspace: Workspace, task: Task, kept: FinishedFolds, plan: Plan) -> Result:
    """Evaluate with a further seed; its folds are kept beside those of the first."""
    return cross_validated(workspace, task, plan, replace(kept, seed=plan.settings.seed, inner=False))


def cross_validated(workspace: Workspace, task: Task, plan: Plan, kept: FinishedFolds, begin: int = 0) -> Result:
    """Evaluate with a progress bar; reuse the folds of an interrupted run, and keep each fold as it ends.

    Parameters
    ----------
    begin
        The number under which the first fold is kept: how many were kept of another evaluation of the same run.
    """
    n_folds = len(task.folds)
    found = kept.read([*task.folds] * (2 if begin else 1))
    known = {number - begin: one for number, one in found.items() if begin <= number < begin + n_folds}
    if known:
        workspace.console.print(
            f"{len(known)} of {n_folds} folds were kept by a run that did not end: it goes on from there"
        )
    pictures.import_ahead()
    with workspace.console.progress(f"evaluating {plan.classifier.name}", n_folds, "folds") as tick:
        tick(len(known))
        return evaluate_task(
            task,
            plan,
            runner=workspace.runner() if len(known) < n_folds else None,
            inner=kept.inner,
            progress=lambda *_: tick(1),
            known=known,
            keep=lambda number, outcome: kept.keep(begin + number, task.folds[number], outcome),
            likeness=Likeness((*DISTRIBUTIONS, "python")),
        )

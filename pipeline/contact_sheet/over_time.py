"""The arrow from a finished run to the scores of an utterance's rows over time."""

from affex.pipeline.contact_sheet.record import OverTime
from affex.pipeline.evaluation import runs
from affex.pipeline.evaluation.runs import Run
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.text.errors import UsageError, unknown


def scores_over_time(name: str, dataset: Dataset, id_: str) -> OverTime:
    """Return the scores of an utterance's rows by the model that did not learn from it.

    Parameters
    ----------
    name
        The run, by name or folder.

    Raises
    ------
    UsageError
        If there is no such run, it kept no scores of rows, or it did not test the utterance.
    """
    [run] = runs.find([name], dataset.folder.parent)
    found = runs.moments(run)
    if found is None:
        raise UsageError(_lacking(run))
    tested = run.scores.ids.tolist()
    if id_ not in tested:
        raise unknown(f"utterance tested by {run.name}", id_, tested)
    place = tested.index(id_)
    own = found.take([place])
    true, predicted = (_in_words(column[place], run) for column in (run.scores.true, run.scores.predicted))
    return OverTime(run.name, own.times, own.values, run.scores.classes, true, predicted)


def _in_words(value: object, run: Run) -> str:
    return str(value) if run.scores.classes else f"{value:.2f}"


def _lacking(run: Run) -> str:
    """Return why a run has no scores of rows, and what to do."""
    members = [one.member for one in run.summary.moments if one.member]
    if members:
        return f"{run.name} fuses runs, whose rows are scored by its members: name the run of one. They are {members}."
    return f"{run.name} kept no scores of rows over time: evaluate it again with MOMENTS=1."

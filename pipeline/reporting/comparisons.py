"""Comparisons: from a run to the finished comparisons beside it that it is part of."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from affex.pipeline.evaluation.runs import Run
from affex.pipeline.reporting.compared import Compared
from affex.pipeline.reporting.comparison import RECORD
from affex.pipeline.storage import bundle
from affex.pipeline.storage.records import restored
from affex.pipeline.storage.sealed import DamagedError


@dataclass(frozen=True)
class Found:
    """A finished comparison and its folder."""

    folder: Path
    compared: Compared


def of_run(run: Run) -> list[Found]:
    """Return the comparisons of the run's corpus, in the same cache, that the run is part of.

    One that is damaged, or that another version of affex wrote, is not among them.
    """
    folders = sorted((run.folder.resolve().parent.parent / "comparisons").glob("*"))
    return [one for one in _read(folders) if _has(one.compared, run)]


def _read(folders: list[Path]) -> Iterator[Found]:
    for folder in folders:
        try:
            record = bundle.read(folder, RECORD).record
            yield Found(folder, restored(Compared, {k: v for k, v in record.items() if k != bundle.FILES}))
        except (OSError, ValueError, DamagedError):
            continue


def _has(compared: Compared, run: Run) -> bool:
    return any(one.depends_on and one.depends_on == run.summary.depends_on for one in compared.runs)

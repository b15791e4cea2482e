"""Reproduction: the arrow from a finished run's settings to the same run again, and to what differs.

Neither the stored result nor its finished folds are used. The rows of features come from the cache, where they are
verified as they are read; another cache computes them again.
"""

import contextlib
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from affex.pipeline.caching.dataset import TABLE
from affex.pipeline.evaluation import runs
from affex.pipeline.evaluation.results import FusionSettings, Member
from affex.pipeline.evaluation.runs import Run
from affex.pipeline.evaluation.settings import FIELDS, Settings
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.reporting import differences
from affex.pipeline.reporting.differences import Difference, Repeated
from affex.pipeline.reporting.reproduced import Reproduction
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import AffexError, UsageError
from affex.pipeline.workspace import experiment
from affex.pipeline.workspace.corpora import Corpora, parted
from affex.pipeline.workspace.experiment import MEMBERS
from affex.pipeline.workspace.workspace import Running, open_workspace

#: The difference of a member of a fusion whose stored run cannot be compared.
GONE = Difference("member", "its result rests on other things, and the run that was fused is gone or was made again")


@dataclass(frozen=True)
class Place:
    """Where a run is repeated.

    Parameters
    ----------
    cache
        The folder of all caches, with the rows of features.
    running
        Where work runs; the device is that of the run's settings.
    changes
        The settings that the user gives beside the run, by name. Its ``data`` says where the recordings lie now, which
        is no setting of the result.
    """

    cache: Path
    running: Running
    changes: Mapping[str, Any]


def reproduce(console: Terminal, name: str, place: Place, out: Path | None = None) -> Reproduction:
    """Repeat a finished run from its settings, and say what differs.

    Parameters
    ----------
    name
        The run, as `pipeline.evaluation.runs.find` takes it.
    out
        An empty folder for the new run, or a new one; None for a temporary one.

    Raises
    ------
    UsageError
        If there is no such run, it cannot be repeated, its data are gone, or the folder is not empty.
    AffexError
        As `pipeline.workspace.experiment.run`.
    """
    (run,) = runs.find([name], place.cache)
    with _folder(out) as folder:
        _repeated(console, run, folder, place)
        return _compared(run, folder, place, kept=out is not None)


@contextlib.contextmanager
def _folder(out: Path | None) -> Iterator[Path]:
    """Yield the folder for the new run, which is removed at the end unless the user named it."""
    if out is None:
        with tempfile.TemporaryDirectory() as passing:
            yield Path(passing, "run")
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"OUT={out} is not an empty folder: a repeated run needs one of its own. Name another one.")
    else:
        yield out


def _repeated(console: Terminal, run: Run, folder: Path, place: Place) -> None:
    """Evaluate a run again, or fuse again what its members give when they are repeated."""
    settings = _settings(run)
    changed = replace(settings, **{name: value for name, value in place.changes.items() if name != "data"})
    if settings.runs is None:
        _evaluated(console, run, changed, folder, place)
    else:
        members = enumerate(_members(run, settings, place.cache), 1)
        again = [str(_member(console, member, folder / MEMBERS / str(number), place)) for number, member in members]
        experiment.fuse_runs(Terminal(quiet=True), again, changed, place.cache, folder)


def _settings(run: Run) -> Settings:
    """Return the settings that a run states.

    Raises
    ------
    UsageError
        If it has none, or holds an estimator that was passed from Python.
    """
    if run.summary.about.settings.passed is not None:
        raise UsageError(
            f"{run.name} cannot be repeated from its files: its classifier is an estimator object that was passed "
            f"from Python. {run.folder / runs.SETTINGS} says its class and parameters: pass `affex.evaluate` an equal "
            "one, and compare the two metrics.json."
        )
    text = runs.whole(run.folder).contents.get(runs.SETTINGS)
    if text is None:
        raise UsageError(f"{run.name} cannot be repeated: it holds no {runs.SETTINGS}. {runs.AGAIN}")
    stated = tomllib.loads(text.decode())
    if not stated.keys() <= FIELDS.keys():
        raise UsageError(f"{run.folder} holds {runs.OTHER_VERSION}. {runs.AGAIN}")
    return Settings(**stated)


def _members(run: Run, settings: Settings, cache: Path) -> list[Run]:
    """Return the members of a fusion of finished runs: from the cache that the fusion lies in, or else from ours.

    Raises
    ------
    UsageError
        If a member is gone.
    """
    names, folder = parted(settings.runs or ""), run.folder.absolute().parent
    own = folder.parent.parent if folder.name == "runs" else cache
    try:
        return runs.find(names, own)
    except UsageError as error:
        raise UsageError(f"{run.name} fuses runs, and one of these cannot be read. {error}") from error


def _member(console: Terminal, member: Run, folder: Path, place: Place) -> Path:
    """Repeat a member of a fusion; return its folder, which has the member's name: the fusion's record states it."""
    own = folder / member.name
    console.print(f"Repeating {member.name} ...")
    _repeated(console, member, own, place)
    return own


def _evaluated(console: Terminal, run: Run, settings: Settings, folder: Path, place: Place) -> None:
    """Evaluate in the corpora that the settings name."""
    datasets = _opened(console, run, settings, place)
    running = replace(place.running, device=settings.device)
    with open_workspace(datasets, Terminal(quiet=True), running) as workspace:
        experiment.repeat(workspace, settings, folder)


def _opened(console: Terminal, run: Run, settings: Settings, place: Place) -> list[Dataset]:
    """Open the corpora of a run.

    Raises
    ------
    UsageError
        If their files are gone, or no longer the corpus.
    """
    data = place.changes.get("data") or settings.data
    corpora = Corpora(settings.dataset, data, settings.partial, place.cache)
    try:
        return corpora.opened(console)
    except AffexError as error:
        where = f"DATA={data}" if data else f"the usual place of {settings.dataset}"
        table = " (the table)" if settings.dataset == TABLE else ""
        raise UsageError(
            f"{run.name} cannot be repeated: its data cannot be read from {where}. {error}\n"
            f"If they lie elsewhere now, say DATA=...{table}."
        ) from error


def _compared(run: Run, folder: Path, place: Place, *, kept: bool) -> Reproduction:
    before, after = _read(run.folder), _read(folder)
    tables = [found.files.contents[runs.PREDICTIONS] for found in (before, after)]
    same = (run.folder / runs.RECORD).read_bytes() == (folder / runs.RECORD).read_bytes()
    return Reproduction(
        run=run.name,
        folder=str(folder) if kept else "",
        same=same,
        same_predictions=tables[0] == tables[1],
        causes=() if same else _distinct(_causes(run.folder, folder, place)),
        results=() if same else differences.results(before, after),
        figures=differences.figures(before, after),
    )


def _read(folder: Path) -> Repeated:
    return Repeated(runs.read(folder).summary, runs.whole(folder))


def _causes(one: Path, other: Path, place: Place) -> Iterator[Difference]:
    """Yield what differs in two runs, and what differs in the members of a fusion."""
    before, after = _read(one), _read(other)
    yield from differences.causes(before, after, tuple(place.changes))
    fused = before.summary.about.settings, after.summary.about.settings
    if isinstance(fused[0], FusionSettings) and isinstance(fused[1], FusionSettings):
        for number, (member, again) in enumerate(zip(fused[0].members, fused[1].members, strict=False), 1):
            if member.depends_on != again.depends_on:
                stored = _stored(member, one, place.cache / before.summary.about.corpus / "runs")
                found = _causes(stored, _place_of(other, number, again.run), place) if stored else [GONE]
                yield from (replace(one, member=one.member or member.run) for one in found if not one.given)


def _stored(member: Member, fusion: Path, home: Path) -> Path | None:
    """Return the folder of a member as it was fused; None if it is gone, or was made again since."""
    names = parted(str(_read(fusion).settings.get("runs", "")))
    for folder in (*map(Path, names), fusion.absolute().parent / member.run, home / member.run):
        with contextlib.suppress(UsageError):
            if folder.name == member.run and runs.read(folder).summary.depends_on == member.depends_on:
                return folder
    return None


def _place_of(folder: Path, number: int, name: str) -> Path:
    """Return the folder of a member inside that of a repeated fusion; a fusion of finished runs numbers them."""
    numbered = folder / MEMBERS / str(number) / name
    return numbered if numbered.exists() else folder / MEMBERS / name


def _distinct(found: Iterator[Difference]) -> tuple[Difference, ...]:
    """Return differences, each once: what differs in a fusion is not said again of its members."""
    once: dict[Difference, Difference] = {}
    for one in found:
        once.setdefault(replace(one, member=""), one)
    return tuple(once.values())

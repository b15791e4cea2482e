"""Pages: from finished runs, and the corpora as far as they are at hand, to the pages of runs and of all runs."""

import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

from affex.pipeline.evaluation import runs
from affex.pipeline.evaluation.results import FusionSettings
from affex.pipeline.evaluation.runs import Run
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.pages import all_runs, run
from affex.pipeline.pages import comparison as comparison_page
from affex.pipeline.pages.all_runs import CorpusRuns
from affex.pipeline.reporting import comparison, leak, listing
from affex.pipeline.reporting.compared import Compared
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import AffexError, UsageError
from affex.pipeline.workspace.corpora import Corpora


def is_written(folder: Path) -> bool:
    """Whether a run has its page."""
    return (folder / run.PAGE).is_file()


def write_run(console: Terminal, folder: Path, datasets: Sequence[Dataset], *, media: bool) -> None:
    """Write the page of a run, and of the runs beside it that it names: its members, and what shows a leak's price.

    A page that cannot be written costs a line, not the result.

    Parameters
    ----------
    datasets
        The corpora of the run; empty where they are not at hand.
    media
        Whether recordings are shown although a licence may bind them.
    """
    beside = run.Beside(datasets, media)
    try:
        own = runs.read(folder)
        for other in _named_by(own):
            run.write(runs.read(other), beside)
        console.print(f"Page: {run.write(own, beside)}")
    except AffexError as error:
        console.print(f"The page of {folder} was not written: {error}")


def _named_by(own: Run) -> list[Path]:
    """Return the folders of the runs that a run names, if they lie beside it."""
    settings = own.summary.about.settings
    members = [own.folder.parent / one.run for one in settings.members] if isinstance(settings, FusionSettings) else []
    return [folder for folder in (*members, *(other.folder for other in leak.near(own))) if runs.exists(folder)]


def write_all(console: Terminal, corpora: Corpora, out: Path | None, *, media: bool) -> Path:
    """Write the page of all runs of some corpora, and the pages of these runs; return its path.

    Parameters
    ----------
    corpora
        The corpora. Their recordings need not be there: then pages of runs show none.
    out
        The file; None for ``report.html`` in the corpus's cache folder or, for several, in the folder of all caches.
    """
    found = [_runs_of(console, one, media=media) for one in corpora.each]
    path = out or (found[0].folder if len(found) == 1 else corpora.cache) / all_runs.PAGE
    all_runs.write(found, path)
    return path


def _runs_of(console: Terminal, corpus: Corpora, *, media: bool) -> CorpusRuns:
    """Return the runs of a corpus after their pages were written."""
    beside, folder = run.Beside(at_hand(console, corpus), media), corpus.folder
    folders = listing.folders(folder)
    with console.progress(f"pages of {folder.name}", len(folders), "runs") as tick:
        read = [one for one in (_page(console, each, beside, tick) for each in folders) if one]
    return CorpusRuns(folder.name, folder, listing.of_corpus(folder), read)


def _page(console: Terminal, folder: Path, beside: run.Beside, tick: Callable[[int], None]) -> Run | None:
    """Write the page of a run; return the run, or None if it cannot be read."""
    try:
        read = runs.read(folder)
    except UsageError as error:
        console.print(str(error))
        return None
    else:
        run.write(read, beside)
        return read
    finally:
        tick(1)


def compare(
    console: Terminal,
    names: Sequence[str],
    cache: Path,
    out: Path | None,
    metric: str,
    rope: float | None = None,
    against: str = "",
) -> tuple[Path, Compared]:
    """Compare finished runs as `pipeline.reporting.comparison.report` does, and write the page of the comparison."""
    members, base = comparison.chosen(names, against, cache)
    folder, found = comparison.report(console, members, cache, out, metric, rope, base)
    console.print(f"Page: {comparison_page.write(found, folder, [one.folder for one in members])}")
    return folder, found


def of_settings(folder: Path, cache: Path) -> list[Dataset]:
    """Return the corpora that the settings of a run name, if they are at hand; else none."""
    try:
        read = tomllib.loads((folder / runs.SETTINGS).read_text(encoding="utf-8"))
        named = Corpora(read["dataset"], read.get("data"), partial=True, cache=cache)
        return named.opened(Terminal(quiet=True))
    except (OSError, ValueError, KeyError, AffexError):
        return []


def at_hand(console: Terminal, corpora: Corpora) -> list[Dataset]:
    """Return the corpora with their recordings; none, and a line that says why, where they cannot be opened."""
    try:
        return corpora.opened(console)
    except AffexError as error:
        console.print(f"Pages show no recordings: {error}")
        return []

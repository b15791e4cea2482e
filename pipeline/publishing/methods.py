"""Methods: from a run to the paragraph of a paper that says what was done, and to the BibTeX of what it rests on.

Everything follows from the summary of a verified run and from what the code's plugins say of themselves. What makes a
figure too good (test utterances used without labels, leaks) is said in plain words.
"""

from collections.abc import Iterator

from affex.pipeline.evaluation.summary import Summary
from affex.pipeline.publishing import described, prose
from affex.pipeline.publishing.methods_data import data
from affex.pipeline.publishing.methods_figures import figures
from affex.pipeline.publishing.methods_models import fusion, models
from affex.pipeline.publishing.methods_protocol import protocol
from affex.pipeline.publishing.prose import Cite, Words
from affex.pipeline.publishing.references import AFFEX, Reference, of_system
from affex.pipeline.reporting.compared import Compared
from affex.pipeline.systems.system import systems


def paragraph(summary: Summary, comparison: Compared | None = None) -> str:
    """Return the methods of a run as a paragraph of plain text.

    Parameters
    ----------
    comparison
        A comparison with other runs, whose test is then described, too.
    """
    return prose.as_text(words(summary, comparison))


def latex(summary: Summary, comparison: Compared | None = None) -> str:
    r"""Return the methods of a run as a paragraph of LaTeX, with ``\cite`` of the keys of `bibtex`."""
    return prose.as_latex(words(summary, comparison)) + "\n"


def bibtex(summary: Summary, comparison: Compared | None = None) -> str:
    """Return the BibTeX entries of what the methods of a run cite, in that order."""
    return "\n".join(one.bibtex for one in cited(summary, comparison))


def cited(summary: Summary, comparison: Compared | None = None) -> list[Reference]:
    """Return what the methods of a run cite."""
    return prose.cited(words(summary, comparison))


def words(summary: Summary, comparison: Compared | None = None) -> Words:
    """Return the methods of a run as sentences with citations."""
    return tuple(_words(summary, comparison))


def _words(summary: Summary, comparison: Compared | None) -> Iterator[str | Cite]:
    yield from data(summary)
    yield from _system(summary)
    yield from models(summary)
    yield from fusion(summary)
    yield from protocol(summary)
    yield from figures(summary, comparison)
    yield from _software(summary)


def _system(summary: Summary) -> Iterator[str | Cite]:
    """Yield which published system this is, and what differs from its source."""
    found = systems().get(summary.about.settings.system or "")
    if found is None:
        return
    yield from ("The settings are those of the published system ", found.name, Cite((of_system(found),)))
    changed = [note for note in summary.notes if note.startswith(found.name)]
    yield f"; {changed[0]}. " if changed else ". "
    if found.differs:
        yield f"What differs from its source: {' '.join(found.differs)} "


def _software(summary: Summary) -> Iterator[str | Cite]:
    settings = summary.about.settings
    every = summary.seeds or settings.every_seed
    yield f"All random numbers have the {'seeds' if len(every) > 1 else 'seed'} {prose.listed(list(map(str, every)))}. "
    versions = dict(summary.versions)
    own = versions.pop("affex", "")
    devices = {model.settings.device for model in described.models(settings)} - {"cpu"}
    where = f", on the device {prose.listed(sorted(devices))}" if devices else ""
    others = prose.listed([f"{name} {version}" for name, version in versions.items()])
    yield from (f"All was computed by affex {own}", Cite((AFFEX,)), f" with {others}{where}.")

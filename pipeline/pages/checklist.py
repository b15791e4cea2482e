"""The checklist of a run, for reviewers: from its items to ``checklist.html`` and ``checklist.md`` in its folder."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from affex.pipeline.evaluation.runs import Run
from affex.pipeline.pages import page
from affex.pipeline.publishing import checklist as reforms
from affex.pipeline.publishing.checklist import PUBLISHED, STATUS, Checklist, Item, checklist
from affex.pipeline.publishing.checklist_answers import AUTHOR
from affex.pipeline.publishing.question import question
from affex.pipeline.storage import atomic
from affex.pipeline.text.markdown import escaped

#: The files in the run's folder.
HTML, MARKDOWN = "checklist.html", "checklist.md"
#: What the checklist is, above its items.
ABOUT = (
    "REFORMS asks what reviewers of a study with machine learning need to know: 32 items in 8 modules (Kapoor et al., "
    "Science Advances, 2024). The subjects are in our words; what each item asks for stands in the published table, "
    "under its number."
)


def write(run: Run) -> Checklist:
    """Write the checklist of a run into its folder, as a page and as Markdown; return it.

    Raises
    ------
    AffexError
        If the folder cannot be written.
    """
    found = checklist(run)
    page.write(run.folder / HTML, "checklist.html", _content(run, found))
    _write_text(run.folder / MARKDOWN, run, found)
    return found


def _write_text(path: Path, run: Run, found: Checklist) -> None:
    with atomic.writing(path.parent):
        atomic.write_text(path, lines(run, found))


def _content(run: Run, found: Checklist) -> dict[str, object]:
    return {
        "title": f"Checklist of {run.name}",
        "kind": "Checklist for reviewers",
        "about": ABOUT,
        "published": PUBLISHED,
        "question": question(run.summary),
        "summary": found.in_words,
        "modules": [(name, list(items)) for name, items in groupby(found.items, key=lambda item: item.module)],
        "status": STATUS,
        "author": AUTHOR,
    }


def lines(run: Run, found: Checklist) -> Iterator[str]:
    """Yield the checklist as lines of Markdown."""
    yield f"# Checklist of {escaped(run.name)}\n\n"
    yield f"{escaped(question(run.summary))}\n\n{ABOUT} [The published table]({PUBLISHED})\n\n"
    yield f"**{escaped(found.in_words)}.**\n"
    for name, items in groupby(found.items, key=lambda item: item.module):
        yield f"\n## {name}\n"
        for item in items:
            yield from _item(item)


def _item(item: Item) -> Iterator[str]:
    answer = item.answer
    yield f"\n### {item.number} {item.subject}\n\n**{reforms.STATUS[answer.status]}**\n"
    if answer.text:
        yield f"\n{escaped(answer.text)}\n\nFrom: {escaped(answer.source)}\n"
    if answer.open:
        yield f"\nThe author: {escaped(answer.open)}\n"

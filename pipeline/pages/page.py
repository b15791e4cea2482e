"""Page: from records to one HTML file that needs no network, no server and no other file.

Pages are jinja2 templates in ``templates``. Text is escaped by jinja2, control characters are shown as escapes, and the
Content-Security-Policy of every page allows its own script only and no request. Numbers, tables and pictures are
records of this module, which ``macros.html`` turns into HTML in one way.
"""

import base64
import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from affex.pipeline.storage import atomic
from affex.pipeline.text.printable import printable
from affex.version import __version__

#: The folder of the templates, of the style sheet and of the script.
TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Parameters
    ----------
    text
        What is shown.
    order
        The key by which the table is sorted; None for the text.
    link
        A relative address, or ``#anchor``; empty for none.
    """

    text: str
    order: float | str | None = None
    link: str = ""


#: The cells of a row.
Row = Sequence[Cell | str]


@dataclass(frozen=True)
class Table:
    """A table that can be sorted by each column.

    Parameters
    ----------
    caption
        What it shows; read by screen readers first.
    columns
        The heads of the columns.
    rows
        The cells of each row; the first names the row.
    filterable
        Whether there is a field that filters its rows.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Row]
    filterable: bool = False

    @property
    def numeric(self) -> list[bool]:
        """Whether each column is one of numbers, which stand on the right."""
        columns = zip(*self.rows, strict=True) if self.rows else [()] * len(self.columns)
        return [any(isinstance(cell, Cell) and isinstance(cell.order, float | int) for cell in one) for one in columns]


@dataclass(frozen=True)
class Picture:
    """A picture with its alternative in words.

    Parameters
    ----------
    image
        An ``svg`` element, or an ``img`` element with its data.
    caption
        What it shows, below it.
    table
        The numbers that it shows, for everybody who cannot see it; None if `caption` says all.
    """

    image: Markup
    caption: str
    table: Table | None = None


def rendered(template: str, content: Mapping[str, object]) -> bytes:
    """Return a page as UTF-8.

    Parameters
    ----------
    template
        The name of a file of ``templates`` that extends ``base.html``.
    content
        The values of its variables; each must be there.
    """
    style, script = _text("style.css"), _text("page.js")
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    own = {"version": __version__, "style": Markup(style), "script": Markup(script), "script_hash": allowed}
    return _environment().get_template(template).render({**own, **content}).encode()


def write(path: Path, template: str, content: Mapping[str, object]) -> None:
    """Write a page, whole or not at all.

    Raises
    ------
    AffexError
        If the folder cannot be written.
    """
    page = rendered(template, content)
    with atomic.writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic.temporary(path) as file:
            file.write(page)


def data_address(content: bytes, kind: str) -> str:
    """Return bytes as an address that a page contains itself; `kind` as in ``image/png``."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


@functools.cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )


def _shown(value: object) -> object:
    """Return text with its control characters as escapes; markup of affex's own as it is."""
    return printable(value, keep="\n") if isinstance(value, str) and not isinstance(value, Markup) else value


@functools.cache
def _text(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")

"""Listing: from the systems to a list of them, for display."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from affex.pipeline.evaluation.settings import Settings
from affex.pipeline.systems.needs import needs
from affex.pipeline.systems.system import Ours, Published, System, systems
from affex.pipeline.text import wording

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class ListedSystem:
    """A published system: the row of its source, whether it runs, by which command, and figures.

    Parameters
    ----------
    needs
        What a corpus must have for it; empty if it is not built.
    command
        For make; None if it cannot run.
    """

    name: str
    row: str
    title: str
    paper: str
    doi: str
    status: str
    reason: str
    command: str | None
    needs: tuple[str, ...]
    settings: Mapping[str, Any]
    corpora: Mapping[str, Mapping[str, Any]]
    differs: tuple[str, ...]
    parameters: int
    published: Published
    ours: tuple[Ours, ...]


def listed() -> tuple[ListedSystem, ...]:
    """Return every system, in the order of the rows."""
    return tuple(map(_listed, systems().values()))


def _listed(one: System) -> ListedSystem:
    own = needs(one.members, Settings(**one.settings)) if one.is_built else ()
    shared = {field.name: getattr(one, field.name) for field in fields(ListedSystem) if field.name != "needs"}
    return ListedSystem(**shared, needs=own)


def show(console: "Console", found: Sequence[ListedSystem]) -> None:
    """Print the systems as a table, and how one is run."""
    from rich.table import Column, Table

    table = Table("row", Column("system", no_wrap=True), "what it is", "status", title="Systems", title_justify="left")
    for one in found:
        table.add_row(one.row, one.name, one.title, f"{one.status}: {one.reason}" if one.reason else one.status)
    console.print(table)
    command = next(one.command for one in found if one.status == "works")
    console.print(wording.as_typed(f"To run one: {command}"))

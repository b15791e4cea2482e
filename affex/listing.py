"""What there is: corpora, features, classifiers and published systems as tables."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def list_corpora() -> "pd.DataFrame":
    """Return the corpora that affex reads, indexed by name: what each is, its protocols and its licence."""
    from affex.pipeline.caching import inventory

    found = inventory.plugins().corpora
    rows = [(one.title, " ".join(protocol.name for protocol in one.protocols), one.licence) for one in found]
    return _table([one.name for one in found], ("title", "protocols", "licence"), rows)


def list_features() -> "pd.DataFrame":
    """Return the features, indexed by name: what each is, what a row is of, and its parameters."""
    from affex.pipeline.caching import inventory

    found = inventory.plugins().features
    rows = [(one.title, one.rows, dict(one.parameters)) for one in found]
    return _table([one.name for one in found], ("title", "rows", "parameters"), rows)


def list_classifiers() -> "pd.DataFrame":
    """Return the classifiers, indexed by name: what a row is of, the features it prefers, and its parameters."""
    from affex.pipeline.caching import inventory

    found = inventory.plugins().classifiers
    rows = [(one.rows, one.prefers, dict(one.parameters)) for one in found]
    return _table([one.name for one in found], ("rows", "prefers", "parameters"), rows)


def list_systems() -> "pd.DataFrame":
    """Return the published systems, indexed by name: row of the source, what each is, whether it runs, its command."""
    from affex.pipeline.systems import listing

    found = listing.listed()
    rows = [(one.row, one.title, one.status, one.reason, one.command) for one in found]
    return _table([one.name for one in found], ("row", "title", "status", "reason", "command"), rows)


def _table(names: list[str], columns: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(rows, pd.Index(names, name="name"), list(columns))

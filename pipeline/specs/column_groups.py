"""Parts: within the arrow from the cache to a table, the selection of a feature's columns.

The name of a part is the beginning of its columns' names, up to an underscore or a dot, or a whole name: ``mouth``
selects ``mouth_00_x`` and ``mouth_d1_00_x``, but not ``mouthing_00``. Columns keep their order. The cache contains the
whole feature, so the selected parts do not change its key.
"""

from collections.abc import Sequence

from affex.features.base import Feature
from affex.pipeline.text.errors import UsageError, unknown

#: The characters that may follow the name of a part in the name of a column.
SEPARATORS = ("_", ".")


def named(text: str, feature: Feature) -> tuple[str, ...]:
    """Return the parts of a text as in ``"mouth+chin"``, in the order of their columns.

    Raises
    ------
    UsageError
        If no column of the feature begins so, or a part comes twice.
    """
    names = tuple(text.split("+"))
    for name in names:
        if not any(_belongs(column, name) for column in feature.columns):
            raise unknown(f"part of the columns of {feature.name}", name, feature.parts or feature.columns)
    if len(set(names)) < len(names):
        raise UsageError(f"columns={text} names a part twice.")
    return tuple(sorted(names, key=lambda name: places(feature.columns, [name])))


def places(columns: Sequence[str], names: Sequence[str]) -> list[int]:
    """Return the positions of the columns that belong to any of the parts; of all columns if no part is named."""
    return [i for i, column in enumerate(columns) if not names or any(_belongs(column, name) for name in names)]


def chosen(columns: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that belong to any of the parts; all columns if no part is named."""
    return tuple(columns[i] for i in places(columns, names))


def _belongs(column: str, name: str) -> bool:
    return bool(name) and (column == name or column.startswith(tuple(name + separator for separator in SEPARATORS)))

"""Example: what writes the example that each corpus carries, a tiny tree in the layout that its owners ship.

Beside the arrow from files to utterances. An example shows how a corpus lies on disk, and the tests read it: names are
real, labels are invented, and recordings, which no reader opens, are empty files.
"""

import zipfile
from collections.abc import Sequence
from pathlib import Path


def lay(root: Path, *names: str) -> Path:
    """Make empty files below a folder, whose own folders are made, too; return the folder."""
    for name in names:
        lay_text(root, name)
    return root


def lay_text(root: Path, name: str, *lines: str) -> Path:
    """Write lines (UTF-8) as a file below a folder, as a table or a transcript has them; return the folder."""
    _room_for(root / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return root


def lay_workbook(root: Path, name: str, *rows: Sequence[str | int]) -> Path:
    """Write rows as the one sheet of an Excel workbook below a folder; return the folder.

    Texts are shared among the cells, as Excel writes them (ECMA-376, part 1).
    """
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    texts = sorted({cell for row in rows for cell in row if isinstance(cell, str)})

    def written(cell: str | int) -> str:
        return f'<c t="s"><v>{texts.index(cell)}</v></c>' if isinstance(cell, str) else f"<c><v>{cell}</v></c>"

    sheet = "".join(f"<row>{''.join(map(written, row))}</row>" for row in rows)
    with zipfile.ZipFile(_room_for(root / name), "w") as parts:
        parts.writestr("xl/sharedStrings.xml", f"<sst {main}>{''.join(f'<si><t>{t}</t></si>' for t in texts)}</sst>")
        parts.writestr("xl/worksheets/sheet1.xml", f"<worksheet {main}><sheetData>{sheet}</sheetData></worksheet>")
    return root


def _room_for(path: Path) -> Path:
    """Return a path whose folder is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path

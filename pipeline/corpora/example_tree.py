"""Functions that write the example of each corpus: a tiny tree in the layout of the corpus's owners.

Beside the arrow from files to utterances. An example shows the layout of a corpus, and the tests read it. Names are
real, labels are invented, and recordings are empty files, because readers do not open them.
"""

import zipfile
from collections.abc import Sequence
from pathlib import Path


def lay(root: Path, *names: str) -> Path:
    """Make empty files below a folder, with their folders; return the folder."""
    for name in names:
        lay_text(root, name)
    return root


def lay_text(root: Path, name: str, *lines: str) -> Path:
    """Write lines (UTF-8) as a file below a folder, for example a table or a transcript; return the folder."""
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
    """Return a path after making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path

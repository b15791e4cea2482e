"""Write docs/notebook.ipynb from docs/notebook.md: its Python becomes cells of code, all else cells of text.

::

    .venv/bin/python tools/notebook.py
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE, NOTEBOOK = DOCS / "notebook.md", DOCS / "notebook.ipynb"


def notebook(page: str) -> str:
    """Return the notebook of a page as text; it holds no outputs."""
    cells = [{"id": f"cell-{n:02}", "metadata": {}, **cell} for n, cell in enumerate(_cells(page))]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _cells(page: str) -> Iterator[dict[str, Any]]:
    """Yield a page's cells: text, code, text, and so on."""
    for n, part in enumerate(re.split(r"^```python\n(.*?)\n```$", page, flags=re.DOTALL | re.MULTILINE)):
        text = re.sub(r"<!--.*?-->\n", "", part).strip()
        if n % 2:
            yield {"cell_type": "code", "execution_count": None, "outputs": [], "source": text}
        elif text:
            yield {"cell_type": "markdown", "source": text}


if __name__ == "__main__":
    NOTEBOOK.write_text(notebook(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(NOTEBOOK)

"""The blocks of code that README, CONTRIBUTING and docs show: one list, from which every test takes what it runs.

A comment above a block says what is to be known of it:

* ``<!-- not run: network -->``: why it is not run, one of the `REASONS`; the verbs of make in it are read with ``-n``;
* ``<!-- one shell -->``: its lines are typed into one shell, since one starts what another one uses;
* ``<!-- file: pipeline/corpora/mine.py -->``: the block is that file;
* ``<!-- tests/test_examples.py runs this -->``: that test runs it, or, with ``<!-- run: numpy -->``, `clients` where
  these packages are installed.

All others are run by `tests/test_docs.py` (``make test-docs``), page by page: commands in bash, one after the other;
Python between them as one program; of a ``console``, what stands behind ``$`` is typed, and the other lines must be
said.
"""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

#: Why a block is not run.
REASONS = {
    "network": "it fetches something",
    "GPU": "it needs a GPU",
    "licence": "it needs recordings that a licence binds",
    "machines": "it needs several machines",
    "long": "it takes more than some minutes",
    "sources": "it changes the installation or the sources",
    "yours": "the reader puts a name or a file of his own",
}
#: What is run; other blocks show text or other languages.
RUN = ("sh", "python", "console")

BLOCK = re.compile(
    r"^(?:<!-- (?P<marker>[^\n]*?) -->\n)?(?P<fence>```+)(?P<language>[^\n]*)\n(?P<code>.*?)^(?P=fence)$", re.S | re.M
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Parameters
    ----------
    page
        The page, relative to the checkout.
    line
        The line of the page with the fence.
    language
        What stands behind the fence.
    code
        What stands in the block.
    marker
        What the comment above it says; empty without one.
    """

    page: str
    line: int
    language: str
    code: str
    marker: str

    @property
    def where(self) -> str:
        """The page and the line."""
        return f"{self.page}:{self.line}"

    @property
    def reason(self) -> str:
        """Why it is not run; empty where it is."""
        return self.marker.removeprefix("not run: ") if self.marker.startswith("not run: ") else ""

    @property
    def file(self) -> str:
        """The file that it is; empty where it is none."""
        return self.marker.removeprefix("file: ") if self.marker.startswith("file: ") else ""

    @property
    def runner(self) -> str:
        """The test beside `tests/test_docs.py` that runs it; empty where there is none."""
        if self.marker.startswith("run: "):
            return "tests/clients.py"
        return found[1] if (found := re.fullmatch(r"(tests/\w+\.py) runs this", self.marker)) else ""

    @property
    def commands(self) -> list[str]:
        """What is typed: its lines, or all of them at once."""
        if self.language == "console":
            return re.findall(r"^\$ (.*)$", self.code, re.MULTILINE)
        return [self.code.strip()] if self.marker == "one shell" else [one for one in self.code.splitlines() if one]

    @property
    def said(self) -> list[str]:
        """What the commands of a console say, line by line."""
        return [line.strip() for line in self.code.splitlines() if line.strip() and not line.startswith("$ ")]


def pages() -> list[Path]:
    """Return README and the other pages that show commands."""
    return [
        ROOT / "README.md",
        *sorted((ROOT / "docs").glob("*.md")),
        ROOT / "cache" / "README.md",
        ROOT / "CONTRIBUTING.md",
    ]


def of(page: Path) -> list[Block]:
    """Return the blocks of a page in their order."""
    text, name = page.read_text(encoding="utf-8"), page.relative_to(ROOT).as_posix()
    return [
        Block(
            page=name,
            line=text.count("\n", 0, found.start("fence")) + 1,
            language=found["language"],
            code=found["code"],
            marker=found["marker"] or "",
        )
        for found in BLOCK.finditer(text)
    ]


def shown() -> list[Block]:
    """Return the blocks of all pages."""
    return [block for page in pages() for block in of(page)]

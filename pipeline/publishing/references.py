"""References: from keys, and from plugins' own BibTeX, to what a bibliography and a text say.

The shared ones stand in ``references.toml``. A plugin may bring its own as a whole BibTeX entry, so that adding one
stays one file; a published system brings its paper in its file.
"""

import functools
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from affex.pipeline.systems.system import System
from affex.pipeline.text.latex import latex
from affex.version import __version__

#: The table of references.
TABLE = Path(__file__).parent / "references.toml"
#: The field of a BibTeX entry for `Reference.where`, by the kind of the entry.
WHERE = {
    "article": "journal",
    "inproceedings": "booktitle",
    "incollection": "booktitle",
    "book": "publisher",
    "misc": "howpublished",
}
#: The last author of an entry whose further authors are not named.
OTHERS = "others"
#: How the file of a system names its paper: ``Poria et al. 2017, Context-dependent ...``.
PAPER = re.compile(r"(?P<authors>[^;]+?) (?P<year>\d{4}), (?P<title>.+)", re.DOTALL)
#: The beginning of a BibTeX entry.
ENTRY = re.compile(r"\s*@\w+\{\s*(?P<key>[^\s,{}]+)\s*,")


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A source.

    Parameters
    ----------
    key
        Its key in a bibliography.
    kind
        The kind of its BibTeX entry.
    authors
        ``Family, initials``, or the family name alone; braces keep a name together.
    title, where, volume, number, year, doi, arxiv, url
        As in a bibliography; empty, or None, where they are not known. At least one of the last three is known.
    entry
        The whole BibTeX entry as its plugin has it; empty for one that is made of the other fields.
    """

    key: str
    kind: str = "misc"
    authors: tuple[str, ...] = ()
    title: str = ""
    where: str = ""
    volume: str = ""
    number: str = ""
    year: int | None = None
    doi: str = ""
    arxiv: str = ""
    url: str = ""
    entry: str = ""

    @property
    def label(self) -> str:
        """How a text names it, as in ``Burkhardt et al., 2005``; the key where its authors are not known."""
        families = [author.partition(",")[0].strip("{}") for author in self.authors]
        if not families:
            return self.key
        several = f"{families[0]} et al." if len(families) > 2 or families[-1] == OTHERS else " and ".join(families)
        return f"{several}, {self.year}" if self.year else several

    @property
    def address(self) -> str:
        """Where it is found; empty where that is not known."""
        found = ((self.doi, f"https://doi.org/{self.doi}"), (self.arxiv, f"https://arxiv.org/abs/{self.arxiv}"))
        return next((address for known, address in found if known), self.url)

    @property
    def bibtex(self) -> str:
        """Its BibTeX entry."""
        if self.entry:
            return self.entry.strip() + "\n"
        lines = (f"  {name} = {{{value}}},\n" for name, value in self._fields())
        return f"@{self.kind}{{{self.key},\n{''.join(lines)}}}\n"

    def _fields(self) -> Iterator[tuple[str, str]]:
        """Yield the fields of the BibTeX entry that are known, in LaTeX."""
        fields = {
            "author": " and ".join(map(_author, self.authors)),
            "title": f"{{{latex(self.title)}}}",
            WHERE[self.kind]: latex(self.where),
            "volume": latex(self.volume),
            "number": latex(self.number),
            "year": str(self.year or ""),
            "doi": self.doi,
            "eprint": self.arxiv,
            "archiveprefix": "arXiv" if self.arxiv else "",
            "url": self.url,
        }
        yield from ((name, value) for name, value in fields.items() if value)


def _author(author: str) -> str:
    whole = author.startswith("{") and author.endswith("}")
    return f"{{{latex(author[1:-1])}}}" if whole else latex(author)


#: affex itself; its address is that of the checkout, which only the author knows.
AFFEX = Reference(
    key="affex",
    authors=("{the affex authors}",),
    title=f"affex {__version__}: audio-visual emotion recognition, offline and in Python",
    where="Software, MIT licence",
)


@functools.cache
def references() -> dict[str, Reference]:
    """Return every shared reference by its key."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return {key: Reference(key=key, **{**one, "authors": tuple(one["authors"])}) for key, one in table.items()}


def reference(cite: str) -> Reference:
    """Return what a plugin cites.

    Parameters
    ----------
    cite
        A key of ``references.toml``, or a BibTeX entry.

    Raises
    ------
    KeyError
        If it is neither.
    """
    own = ENTRY.match(cite)
    if own is not None:
        year = re.search(r"year\s*=\s*[{\"]?\s*(\d{4})", cite)
        return Reference(key=own["key"], year=int(year[1]) if year else None, entry=cite)
    if cite not in references():
        raise KeyError(f"'{cite}' is neither a key of {TABLE.name} nor a BibTeX entry, '@article{{key, ...}}'")
    return references()[cite]


def of_system(system: System) -> Reference:
    """Return the paper of a published system: the shared reference with its DOI, or one made of the system's file."""
    arxiv = system.doi.removeprefix("arXiv:") if system.doi.startswith("arXiv:") else ""
    doi = "" if arxiv else system.doi
    same = (one for one in references().values() if (doi and one.doi == doi) or (arxiv and one.arxiv == arxiv))
    return next(same, None) or _made(system, doi, arxiv)


def _made(system: System, doi: str, arxiv: str) -> Reference:
    paper = PAPER.fullmatch(system.paper)
    if paper is None:
        return Reference(key=system.name, title=system.paper, doi=doi, arxiv=arxiv)
    names = re.split(r", (?!\w\.)| and ", paper["authors"].replace(" et al.", f" and {OTHERS}"))
    return Reference(
        key=system.name,
        authors=tuple(name.strip() for name in names if name.strip()),
        title=paper["title"],
        year=int(paper["year"]),
        doi=doi,
        arxiv=arxiv,
    )

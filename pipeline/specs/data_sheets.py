"""Data sheets: the arrow from a corpus's name to what is known of it: title, licence, source, and its sheet by heading.

The docstring of a corpus's module is its data sheet, as `Datasheets for Datasets` (Gebru et al. 2021,
doi:10.1145/3458723) asks for one: headings at the beginning of a line, and paragraphs below them, indented.
"""

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from textwrap import dedent

from affex.pipeline.specs import discovery

#: The corpus that is a table, whose sheet says nothing of the recordings.
TABLE = "csv"
#: A licence of Creative Commons that needs no further words, as in "CC BY-NC-SA 4.0 (not for commercial use)".
CREATIVE = re.compile(r"CC (BY(?:-NC)?(?:-SA|-ND)?) (4\.0)(?: \(.*\))?")
#: Other licences: their words, their names in the Hugging Face Hub, and their addresses.
OTHERS = {"Open Database License 1.0": ("odbl", "https://opendatacommons.org/licenses/odbl/1-0/")}

#: The languages that the data sheets name; "Chinese" is Mandarin in all of them.
LANGUAGES = (
    *("Bangla", "English", "French", "German", "Greek", "Italian", "Mandarin", "Persian", "Polish", "Punjabi"),
    *("Turkish", "Urdu"),
)
ACTED = re.compile(r"\bact(?:ed|ors?|resses)\b", re.IGNORECASE)


@dataclass(frozen=True)
class DataSheet:
    """What is known of a corpus.

    Parameters
    ----------
    name, title, licence, source
        As in `pipeline.corpora.base.Corpus`; those of a user's table say that its owner knows them.
    sections
        The sections of the sheet, by heading; empty for a user's table.
    is_synthetic
        Whether affex makes the corpus.
    """

    name: str
    title: str
    licence: str
    source: str
    sections: Mapping[str, str] = field(default_factory=dict)
    is_synthetic: bool = False

    @property
    def url(self) -> str:
        """The address in the source; empty if it has none."""
        found = re.search(r"https?://\S+", self.source)
        return found[0] if found else ""

    @property
    def licence_id(self) -> str:
        """The licence's name in the Hugging Face Hub; ``"other"`` if it has none, or holds for a copy only."""
        if found := CREATIVE.fullmatch(self.licence):
            return f"cc-{found[1]}-{found[2]}".lower()
        return OTHERS.get(self.licence, ("other", ""))[0]

    @property
    def licence_url(self) -> str:
        """The licence's address; empty if it has none."""
        if found := CREATIVE.fullmatch(self.licence):
            return f"https://creativecommons.org/licenses/{found[1].lower()}/{found[2]}/"
        return OTHERS.get(self.licence, ("other", ""))[1]

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that the title, or the section What, names; none if they name none."""
        text = f"{self.title} {self.sections.get('What', '')}"
        return tuple(language for language in LANGUAGES if re.search(rf"\b{language}\b", text))

    @property
    def is_acted(self) -> bool:
        """Whether the sheet says that actors speak, or that utterances are acted."""
        return any(ACTED.search(text) for text in (self.title, *map(self.sections.get, ("What", "Who"))) if text)


def of_corpus(name: str) -> DataSheet:
    """Return the data sheet of a corpus; of any other name, that of a user's table."""
    corpus = discovery.corpora().get(name)
    if corpus is None or corpus.name == TABLE:
        return DataSheet(name, "recordings that a table lists", "that of the recordings' owner", "the table's owner")
    text = importlib.import_module(corpus.find.__module__).__doc__ or ""
    return DataSheet(
        name, corpus.title, corpus.licence, corpus.source, sections(text), is_synthetic=corpus.make is not None
    )


def sections(text: str) -> dict[str, str]:
    """Return the sections of a data sheet, by heading; the paragraphs before the first heading are left out."""
    _, _, rest = text.partition("\n\n")
    found: dict[str, str] = {}
    heading = ""
    for is_heading, lines in groupby(rest.splitlines(), lambda line: bool(line) and not line[0].isspace()):
        if is_heading:
            heading = " ".join(lines).strip()
        elif heading:
            found[heading] = dedent("\n".join(lines)).strip()
    return found

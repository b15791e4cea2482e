"""Unknown names: the arrow from a name that no corpus has to an error with the right name, or with the next step.

Beside the arrow from a corpus's name to its reader. Users write ``crema-d``, ``EMO-DB`` or ``tes``.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping

from affex.pipeline.corpora.base import Corpus
from affex.pipeline.text.errors import UsageError

#: The smallest similarity of a misspelt name and a known one (`difflib.SequenceMatcher.ratio`).
ALIKE = 0.7


def plain(name: str) -> str:
    """Return a name for comparisons: only letters, in lower case, and digits."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def unknown(name: str, corpora: Mapping[str, Corpus]) -> UsageError:
    """Return the error for an unknown name: with the name here, or the nearest name, or how to use a table.

    Parameters
    ----------
    name
        The unknown name.
    corpora
        All corpora, by name.
    """
    of_name = dict(_names(corpora.values()))
    if found := of_name.get(plain(name)):
        return UsageError(f"There is no corpus '{name}': here it is called {found}, as in DATASET={found}.")
    nearest = difflib.get_close_matches(plain(name), of_name, n=1, cutoff=ALIKE)
    suggestion = f" Did you mean {of_name[nearest[0]]}?" if nearest else ""
    return UsageError(
        f"There is no corpus '{name}'.{suggestion}\nKnown: {', '.join(sorted(corpora))}.\n"
        "Any other can be listed in a table with the columns file, speaker, label: say DATASET=csv DATA=mine.csv. A "
        "reader of its own is one file (see CONTRIBUTING.md)."
    )


def _names(corpora: Iterable[Corpus]) -> Iterator[tuple[str, str]]:
    """Yield each name of each corpus, as `plain` spells it, and the corpus's name here."""
    for corpus in corpora:
        yield from ((plain(name), corpus.name) for name in (corpus.name, *corpus.also))

r"""Prose: from words with citations to plain text, or to LaTeX with ``\cite``.

Words are a sequence of texts and of `Cite`s. Texts may hold what people wrote (labels, names): only the functions of
this module put them into a page or a paper.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from affex.pipeline.publishing.references import Reference, reference
from affex.pipeline.text.latex import latex
from affex.pipeline.text.printable import printable


@dataclass(frozen=True)
class Cite:
    """Sources of what stands before it."""

    references: tuple[Reference, ...]


Words = Sequence[str | Cite]


def cite(*keys: str) -> tuple[Cite, ...]:
    """Return a citation of what plugins cite, each once; nothing where there is nothing to cite."""
    found = tuple(reference(key) for key in dict.fromkeys(keys))
    return (Cite(found),) if found else ()


def as_text(words: Iterable[str | Cite]) -> str:
    """Return words as one line, with authors and years in brackets."""
    return "".join(map(_in_text, words)).strip()


def as_latex(words: Iterable[str | Cite]) -> str:
    r"""Return words as LaTeX, with ``\cite``."""
    return "".join(map(_in_latex, words)).strip()


def cited(words: Iterable[str | Cite]) -> list[Reference]:
    """Return what words cite, each once, in the order of the first citation."""
    every = (one for word in words if isinstance(word, Cite) for one in word.references)
    return list({one.key: one for one in every}.values())


def _in_text(word: str | Cite) -> str:
    return printable(word) if isinstance(word, str) else f" ({'; '.join(one.label for one in word.references)})"


def _in_latex(word: str | Cite) -> str:
    return latex(word) if isinstance(word, str) else f"~\\cite{{{','.join(one.key for one in word.references)}}}"


def listed(names: Sequence[str]) -> str:
    """Return names as in ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def counted(n: int, noun: str) -> str:
    """Return a number with its noun, as in ``2 folds``."""
    return f"{n} {noun}{'s' * (n != 1)}"


def settings(values: Mapping[str, Any]) -> str:
    """Return settings as in ``C = 1, weights = balanced``."""
    return ", ".join(f"{name} = {_value(value)}" for name, value in values.items())


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)

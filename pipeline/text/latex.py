"""LaTeX: from any text to LaTeX that prints it; nothing in the text is a command."""

import unicodedata

from affex.pipeline.text.printable import printable

#: What LaTeX reads as commands, and how it is printed.
SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
}
#: Accents by Unicode's combining marks, as BibTeX sorts them.
ACCENTS = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0304": "=",
    "\u0306": "u",
    "\u0307": ".",
    "\u0308": '"',
    "\u030b": "H",
    "\u030c": "v",
    "\u0327": "c",
}


def latex(text: str) -> str:
    r"""Return LaTeX that prints a text.

    Examples
    --------
    >>> print(latex("50 % of R&D, Wöllmer"))
    50 \% of R\&D, W{\"o}llmer
    """
    return "".join(map(_character, printable(text)))


def _character(character: str) -> str:
    decomposed = unicodedata.normalize("NFD", character)
    accent = ACCENTS.get(decomposed[1:])
    if accent and decomposed[0].isascii():
        return f"{{\\{accent}{' ' * accent.isalpha()}{decomposed[0]}}}"
    return SPECIAL.get(character, character)

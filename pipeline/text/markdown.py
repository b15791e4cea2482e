"""Markdown: from any text to Markdown that shows it; nothing in the text is markup, HTML or a link."""

import re

from affex.pipeline.text.printable import printable

#: What Markdown (CommonMark and GitHub's) may read as markup anywhere in a line, or at its beginning.
MARKUP = re.compile(r"[\\`*_\[\]|~$]|^[#+=-]")
#: A number that begins a list at the beginning of a line.
NUMBERED = re.compile(r"^(\d+)([.)])")
#: What begins an address or a mention that GitHub's Markdown makes a link of.
ADDRESS = re.compile(r"://|www\.|@", re.IGNORECASE)


def markdown(text: str) -> str:
    r"""Return Markdown that shows a text in one line.

    Examples
    --------
    >>> print(markdown("<b>*a*</b>"))
    &lt;b&gt;\*a\*&lt;/b&gt;
    """
    plain = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    marked = NUMBERED.sub(r"\1\\\2", MARKUP.sub(lambda found: f"\\{found[0]}", plain.lstrip()))
    return ADDRESS.sub(_broken, marked)


def _broken(match: re.Match[str]) -> str:
    return "".join(f"&#{ord(character)};" if character in ":.@" else character for character in match[0])

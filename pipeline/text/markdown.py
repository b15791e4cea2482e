"""Markdown: from any text to Markdown that shows it; nothing in the text is markup, HTML or a link."""

import re

from affex.pipeline.text.printable import printable

#: What Markdown (CommonMark and GitHub's) may read as markup anywhere in a line.
MARKUP = re.compile(r"([\\`*_{}\[\]()#+!|~$-])")
#: What begins an address that GitHub's Markdown makes a link of, or a mention.
ADDRESS = re.compile(r"(://|www\.|@)", re.IGNORECASE)


def markdown(text: str) -> str:
    r"""Return Markdown that shows a text in one line.

    Examples
    --------
    >>> print(markdown("<b>*a*</b>"))
    &lt;b&gt;\*a\*&lt;/b&gt;
    """
    plain = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return ADDRESS.sub(_broken, MARKUP.sub(r"\\\1", plain))


def _broken(match: re.Match[str]) -> str:
    return "".join(f"&#{ord(character)};" if character in ":.@" else character for character in match[0])

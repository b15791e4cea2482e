"""Text of users is shown literally by a Markdown reader, whatever it holds."""

import re

import pytest
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from test_hostile_text import HOSTILE, ORDERS

from affex.pipeline.text.markdown import escaped, table
from affex.pipeline.text.printable import printable

MARKED = (
    *HOSTILE,
    *(
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[a](javascript:alert(1))",
        "![a](http://a.b/c.png)",
    ),
    *("www.a.example", "http://a.example", "a@b.example", "&lt;b&gt;", "`code`", "a | b", "# a", "- a", "+ a", "12) a"),
    *("1. a", "---", "===", "***", "> a", "~~~", "```", "a  \nb", "\\", "\\*a\\*", "$x$", "[^1]", "{{a}}", "  four"),
)
READER = MarkdownIt("gfm-like", {"linkify": False, "html": True})


@pytest.mark.parametrize("text", MARKED)
def test_a_text_is_shown_as_it_is(text):
    shown = printable(" ".join(text.split("\n"))).strip()
    for before, after in (("", ""), ("before ", " after")):
        assert READER.render(f"{before}{escaped(text)}{after}\n") == f"<p>{escapeHtml(f'{before}{shown}{after}')}</p>\n"
    assert READER.render(f"- {escaped(text)}\n") == f"<ul>\n<li>{escapeHtml(shown)}</li>\n</ul>\n"
    assert not ORDERS & {*escaped(text)}


def test_a_table_keeps_its_cells():
    lines = [*table(("label", "n"), [(text, 1) for text in MARKED])]
    rendered = READER.render("\n".join(lines) + "\n")
    cells = re.findall(r"<td>(.*?)</td>", rendered)
    assert cells[::2] == [escapeHtml(printable(" ".join(text.split("\n"))).strip()) for text in MARKED]
    assert cells[1::2] == ["1"] * len(MARKED)


def test_plain_text_stays_readable():
    assert [escaped(text) for text in ("anger", "-1.5", "0.11.0", "2 of 3 (66 %)")] == [
        "anger", "-1.5", "0.11.0", "2 of 3 (66 %)"
    ]  # fmt: skip

"""Raters on the page of a corpus: the arrow from how each rater answers to a picture and its table."""

from typing import TYPE_CHECKING

from affex.pipeline.pages.corpus_pictures import ROW, WIDTH
from affex.pipeline.pages.corpus_tables import FILTERED, count, number, share
from affex.pipeline.pages.drawing import BESIDE, INK, MAIN, axes_of, picture
from affex.pipeline.pages.page import Cell, Picture, Table
from affex.pipeline.reporting.pictures import shown
from affex.pipeline.statistics.raters import FEW, RANDOM, RaterFigures, Raters

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: The most raters that are drawn, and in the table; the record of the corpus has all.
DRAWN, LISTED = 30, 300


def raters_picture(found: Raters) -> Picture | None:
    """Draw how far the raters agree with the others, those who follow the utterance least first; None without any."""
    every = [one for one in found.raters if one.agreement]
    drawn = every[:DRAWN]
    if not drawn:
        return None

    def draw(figure: "Figure") -> None:
        with axes_of(figure) as axes:
            for place, one in enumerate(drawn):
                assert one.agreement is not None
                colour = BESIDE if one.looks_random else MAIN
                axes.plot([one.agreement.low, one.agreement.high], [place] * 2, color=colour, linewidth=1)
                axes.plot(one.agreement.value, place, "D" if one.looks_random else "o", color=colour, markersize=4)
                axes.plot([one.chance] * 2, [place - 0.4, place + 0.4], color=INK, linewidth=1, linestyle=":")
            axes.set_yticks(range(len(drawn)), shown([one.name for one in drawn]))
            axes.set_ylim(len(drawn) - 0.5, -0.5)
            axes.set_xlim(0, 1)
            axes.set_xlabel("agreement with the class that most others chose")

    first = f"The {DRAWN} of {len(every)} raters whose votes follow the utterance least" if drawn != every else "Raters"
    caption = (
        f"{first}: share of their votes that agree with the majority of the others, with 95 % intervals that take "
        "votes as independent (lines); dotted: the same votes in any order; diamonds: raters who look random."
    )
    return picture((WIDTH, 0.7 + ROW * len(drawn)), draw, caption, raters_table(found))


def raters_table(found: Raters) -> Table:
    """Return the figures of each rater."""
    listed = found.raters[:LISTED]
    rows: list[list[Cell | str]] = [
        [
            one.name,
            number(one.n_votes, 0),
            share(one.agreement.value) if one.agreement else "-",
            f"[{one.agreement.low:.1%}, {one.agreement.high:.1%}]" if one.agreement else "-",
            share(one.chance),
            "too few votes" if one.follows is None else share(one.follows),
            "looks random" if one.looks_random else "",
            *_leaning(one, found.classes),
        ]
        for one in listed
    ]
    columns = (
        *("rater", "votes", "agreement", "95 % interval", "by chance", "follow the utterance", "verdict"),
        *("chooses more often than others", "less often"),
    )
    more = f"; the first {LISTED} of {len(found.raters)}" if len(found.raters) > LISTED else ""
    return Table(f"Raters, those who follow the utterance least first{more}", columns, rows, len(rows) >= FILTERED)


def raters_facts(found: Raters) -> list[tuple[str, str]]:
    """Return how many raters there are, how many look random and how many gave too few votes, in words."""
    few = sum(one.follows is None for one in found.raters)
    pairs = [
        ("Named raters", f"{count(len(found.raters)).text}"),
        ("Look random", f"{len(found.random)}: fewer than {RANDOM:.0%} of their votes follow the utterance"),
        ("Not judged", f"{few}: fewer than {FEW} votes"),
    ]
    nameless = [("Without a name", f"{found.n_nameless:g} votes")] if found.n_nameless else []
    return [*pairs, *nameless]


def _leaning(one: RaterFigures, classes: tuple[str, ...]) -> tuple[str, str]:
    """Return the class that a rater chooses more often than the others, and the one less often, with the difference."""
    pairs = sorted(zip(one.bias, classes, strict=True))
    (less, rare), (more, frequent) = pairs[0], pairs[-1]
    return f"{frequent} {more:+.1%}", f"{rare} {less:+.1%}"

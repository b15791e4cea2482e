"""Pages, as a browser shows them: a run, a comparison and all runs; nothing that a user wrote is obeyed."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import WAYS, looked_at, showing
from synthetic import Bayes
from test_comparison import result_of, valued
from test_hostile_text import HOSTILE

from affex.pipeline.corpora.base import Protocol
from affex.pipeline.evaluation import runs
from affex.pipeline.evaluation.results import FoldSummary, Result, Scores
from affex.pipeline.evaluation.settings import Plan
from affex.pipeline.pages import all_runs, drawing, page
from affex.pipeline.pages import comparison as comparison_page
from affex.pipeline.pages import league as league_page
from affex.pipeline.pages import run as run_page
from affex.pipeline.pages.page import Cell, Picture, Table
from affex.pipeline.reporting import comparison, listing, report
from affex.pipeline.reporting import league as record
from affex.pipeline.text.printable import printable

#: Names that a browser would obey if a page did not escape them.
SCRIPTS = (
    "<script>window.obeyed = 1</script>",
    "</script><script>window.obeyed = 1</script>",
    '"><img src=x onerror="window.obeyed = 1">',
    "' onmouseover='window.obeyed = 1",
    "</title><svg onload=window.obeyed=1>",
    "</style><script>window.obeyed = 1</script>",
    "javascript:window.obeyed=1",
    "{{ 7 * 7 }}{% raw %}",
    "--><script>window.obeyed = 1</script><!--",
    "]]><script>window.obeyed = 1</script>",
    "<a href=https://example.org/>here</a>",
    "<iframe src=https://example.org/></iframe>",
    "&lt;b&gt;&#x3c;script&#x3e;",
    "<b>bold",
    '<meta http-equiv="refresh" content="0;url=https://example.org/">',
    "$x^2$ \\frac{1}{2}",
    '#010203 id="f-1" url(#p1)',
    "<style>*{display:none}</style>",
    "..\\..\\%2e%2e/%00",
    "<template><p>",
)
#: The page of a run holds these.
SECTIONS = ("Confusion", "Classes and speakers", "Calibration", "Folds and search", "Methods, for a paper", "Repeat it")


def many(classes: Sequence[str], speakers: Sequence[str], n_each: int = 2) -> Result:
    """Return a result in which each speaker has so many classes, and two thirds of the utterances are recognised."""
    classes = tuple(sorted(classes))
    true = np.array(
        [classes[(first + more) % len(classes)] for first in range(len(speakers)) for more in range(n_each)]
    )
    clusters = np.repeat(speakers, n_each)
    rng = np.random.default_rng(0)
    predicted = np.where(rng.random(len(true)) < 2 / 3, true, rng.choice(classes, len(true)))
    values = rng.dirichlet(np.ones(len(classes)), len(true))
    ids = np.array([f"{name}/{number}" for number, name in enumerate(clusters.tolist())])
    scores = Scores(ids, clusters, clusters, true, predicted, classes, values)
    folds = tuple(FoldSummary(name, 10, 10, {"C": 1.0}) for name in speakers)
    about = Plan(corpus="toy", features=("made",), classifier=Bayes(), keys=("0123456789ab",)).about()
    return Result(about, scores, folds, {"without a label": 3}, ("a note",), folds_hash="f")


def written(folder: Path, result: Result) -> Path:
    report.write(result, folder)
    return run_page.write(runs.read(folder), run_page.Beside())


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three comparable runs of a corpus, one of values, and the pages of all."""
    folder = tmp_path_factory.mktemp("cache") / "toy" / "runs"
    results = {
        "good": result_of(*[9] * 6, model=("made", "good")),
        "bad": result_of(*[5] * 6, model=("made", "bad")),
        "same": result_of(*[5] * 6, model=("made", "bad")),
        "values": valued(0.5, 1),
    }
    for name, result in results.items():
        written(folder / name, result)
    return folder.parents[1]


def all_of(cache: Path) -> Path:
    folder = cache / "toy"
    read = [runs.read(one) for one in listing.folders(folder)]
    all_runs.write([all_runs.CorpusRuns("toy", folder, listing.of_corpus(folder), read)], folder / all_runs.PAGE)
    return folder / all_runs.PAGE


def compared(cache: Path) -> Path:
    members = [runs.read(cache / "toy" / "runs" / name) for name in ("good", "bad", "same")]
    found = comparison.compare(members)
    return comparison_page.write(found, cache / "toy" / "comparisons" / "one", [run.folder for run in members])


def league(cache: Path) -> Path:
    """Write the page of a league over two corpora, which are one here; a run of it failed."""
    names = ("good", "bad", "same")
    tried = [record.Tried(runs.read(cache / "toy" / "runs" / name)) for name in names]
    failed = [*tried[:2], record.Tried(None, "no rows <script>window.obeyed = 1</script>")]
    found = record.league(names, {"toy": tried, "toy again": failed}, {"toy": tried}, {"emodb": "It was not found."})
    return league_page.write(found, cache / "toy" / "league")


# In a browser


@pytest.mark.parametrize("way", WAYS)
def test_pages_are_sound_in_a_browser(browser, cache, way) -> None:
    in_the_dark = way == "dark"
    shown = ("good", "values") if in_the_dark else ("good",)
    pages = [
        all_of(cache),
        *(() if in_the_dark else (compared(cache), league(cache))),
        *(cache / "toy" / "runs" / name / "report.html" for name in shown),
    ]
    found = {path.parent.name: looked_at(browser, path, way) for path in pages}
    assert len(found) == len(pages)
    for name, seen in found.items():
        assert (name, seen.errors, seen.requests, seen.findings) == (name, [], [], [])
        assert seen.overflow <= 0, name


def test_many_classes_and_speakers_fit(browser, tmp_path) -> None:
    names = [[f"{kind} {number:02d}" for number in range(n)] for kind, n in {"class": 40, "speaker": 60}.items()]
    path = written(tmp_path / "many", many(*names, n_each=3))
    seen = looked_at(browser, path, "phone")
    assert (seen.errors, seen.requests, seen.overflow) == ([], [], 0)
    assert path.stat().st_size < 2e6


def test_a_page_is_printed(browser, cache) -> None:
    with showing(browser, all_of(cache)) as (shown, _):
        shown.emulate_media(media="print")
        assert shown.locator("nav").is_hidden()
        assert shown.pdf().startswith(b"%PDF")


def test_tables_are_sorted_and_filtered(browser, cache) -> None:
    with showing(browser, all_of(cache)) as (shown, seen):
        head = shown.get_by_role("columnheader", name="value")
        column = head.evaluate("head => head.cellIndex")
        cells = shown.locator(f"main table.filterable tbody tr td:nth-child({column + 1})")
        for order in ("ascending", "descending"):
            head.get_by_role("button").press("Enter")
            assert head.get_attribute("aria-sort") == order
            values = [float(text) for text in cells.all_inner_texts()]
            assert values == sorted(values, reverse=order == "descending")
        shown.get_by_label("Only rows with").fill("good")
        assert shown.get_by_role("status").inner_text() == "1 of 4"
        assert next(row for row in cells.all() if row.is_visible()).inner_text() == "0.900"
        assert seen.errors == []


def test_sections_are_listed_and_reached(browser, cache) -> None:
    with showing(browser, cache / "toy" / "runs" / "good" / "report.html") as (shown, _):
        assert [*SECTIONS] == [text for text in shown.locator("nav a").all_inner_texts() if text in SECTIONS]
        shown.locator("nav a", has_text="Calibration").click()
        assert shown.evaluate("location.hash") == "#calibration"


def test_a_page_links_to_the_pages_of_its_runs(browser, cache) -> None:
    with showing(browser, all_of(cache)) as (shown, _):
        links = shown.locator("main table a")
        targets = {links.nth(number).evaluate("link => link.href") for number in range(links.count())}
        assert targets == {path.as_uri() for path in (cache / "toy" / "runs").glob("*/report.html")}


def test_hostile_names_are_inert_on_every_page(browser, tmp_path) -> None:
    names = (*SCRIPTS, *HOSTILE)
    folders = [tmp_path / "toy" / "runs" / name for name in ("one", "two")]
    for seed, folder in enumerate(folders):
        result = many(names, names)
        result = replace(result, leaks=names[:1], notes=names, left_out=dict.fromkeys(names, 1))
        model = (names[seed], names[2])
        report.write(replace(result, about=replace(result.about, corpus=names[1], model=model)), folder)
    last = run_page.write(runs.read(folders[0]), run_page.Beside())
    pages = [all_of(tmp_path), _compared(tmp_path, folders), last]
    for path in pages:
        with showing(browser, path) as (shown, seen):
            assert shown.evaluate("window.obeyed") is None, path
            assert (seen.errors, seen.requests) == ([], []), path
            assert (
                shown.locator("main iframe, main img, main script, main style:not(svg style), main meta").count() == 0
            )
            assert shown.locator("footer").is_visible()
    with showing(browser, pages[-1]) as (shown, _):
        text = shown.locator("main").text_content()
        assert [name for name in names if printable(name, keep="\n") not in text] == []


def _compared(cache: Path, folders: list[Path]) -> Path:
    members = [runs.read(folder) for folder in folders]
    return comparison_page.write(comparison.compare(members), cache / "compared", folders)


# Without a browser


def test_an_svg_keeps_to_itself() -> None:
    """Two pictures on one page share no id, and names of users stay text."""

    def draw(figure: Any) -> None:
        figure.subplots().set_title('#010203 id="x" <b> & url(#p)')

    one, other = (drawing.picture((2, 1), draw, caption) for caption in ("a", "b"))
    larger = drawing.picture((3, 1), draw, "a")
    assert "<title>" not in one.image
    assert '#010203 id="x" &lt;b&gt; &amp; url(#p)' in one.image
    ids = [{*re.findall(r'<[^>]* id="([^"]+)"', image)} for image in (one.image, larger.image)]
    assert ids[0]
    assert not ids[0] & ids[1]
    assert "currentColor" in one.image
    assert other.image.startswith('<svg role="img" aria-label="b"')


def test_a_page_without_a_variable_is_an_error() -> None:
    with pytest.raises(Exception, match="undefined"):
        page.rendered("comparison.html", {"version": "1", "kind": "x", "title": "y"})


def test_columns_of_numbers_stand_on_the_right() -> None:
    found = Table("t", ("a", "b", "c"), [("x", Cell("1", 1), Cell("-", None)), ("y", Cell("2", 2), Cell("3", 3))])
    assert found.numeric == [False, True, True]
    assert Table("t", ("a",), []).numeric == [False]


def test_many_series_have_styles_of_their_own() -> None:
    assert len(set(drawing.styles(60))) == 60


def test_a_page_is_written_again_only_where_something_changed(tmp_path) -> None:
    path = written(tmp_path / "run", result_of(*[9] * 6))
    first = path.stat().st_mtime_ns
    run_page.write(runs.read(path.parent), run_page.Beside())
    assert path.stat().st_mtime_ns == first
    report.write(result_of(*[8] * 6), path.parent)
    run_page.write(runs.read(path.parent), run_page.Beside())
    assert path.stat().st_mtime_ns > first


def test_the_leaky_twin_beside_a_run_shows_its_price(tmp_path) -> None:
    random = Protocol("random-k", "random-k")
    written(tmp_path / "made_bayes_random-10-1", result_of(*[9] * 6, protocol=random))
    text = written(tmp_path / "made_bayes_loso-2", result_of(*[6, 5, 7, 6, 5, 7])).read_text()
    assert "The price of a leak" in text
    assert "The price of a leak" not in (tmp_path / "made_bayes_random-10-1" / "report.html").read_text()


def test_a_picture_has_words_and_a_table() -> None:
    made = drawing.picture((2, 1), lambda figure: None, "what it shows", Table("t", ("a",), [("x",)]))
    assert isinstance(made, Picture)
    assert 'aria-label="what it shows"' in made.image

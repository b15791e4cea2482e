"""Text that people write, or that stands in foreign files: it counts, is shown as it is, and steers nothing."""

import csv
import io
import struct
import subprocess
import sys
import unicodedata
import warnings
from dataclasses import replace

import numpy as np
import pytest
from conftest import ROOT
from foreign import corpus
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import Bayes, make_table
from test_experiment import run, table

from affex.pipeline.caching import inventory
from affex.pipeline.contact_sheet.draw import drawn, heading
from affex.pipeline.contact_sheet.record import ContactSheet
from affex.pipeline.corpora.base import LOSO, Protocol
from affex.pipeline.evaluation import runs
from affex.pipeline.evaluation.evaluate import evaluate
from affex.pipeline.evaluation.outcomes import FoldScores
from affex.pipeline.evaluation.results import Result
from affex.pipeline.evaluation.selection import class_map, select
from affex.pipeline.evaluation.settings import Plan
from affex.pipeline.evaluation.summary import summarise
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.models.fit_predict import lines
from affex.pipeline.models.models import Predictions
from affex.pipeline.reporting import pictures, report, tables
from affex.pipeline.text import csv_cells
from affex.pipeline.text.console import Terminal, plain_console
from affex.pipeline.text.errors import UsageError
from affex.pipeline.text.printable import printable

HOSTILE = (
    "win $5_$",
    "anger:hot",
    "a,b+c=d",
    'she said "no"',
    "[red]x[/red]",
    "[/]",
    "{0} %s",
    ":angry_face:",
    "two\nlines",
    "tab\there",
    "\x1b[31mred\x1b]0;title\x07",
    "\u202egnirts\u2066",
    "=cmd|' /C calc'!A0",
    "@SUM(A1)",
    "'quoted",
    "+49 30 1234",
    "غضب",
    "怒り喜び",
    "😀👩‍👩‍👧",
    "x" * 200,
    "x" * 199 + "y",
)
#: What a terminal obeys.
ORDERS = {"\x1b", "\x07", "\u202e", "\u2066", "\x9b"}


def judged(*labels: str) -> Result:
    """Return the result of an evaluation whose classes are called so."""
    matrix = make_table(n_speakers=2, classes=labels)
    wanted = Plan(corpus="toy[red]", features=("made",), classifier=Bayes(), keys=("0123456789ab",))
    return evaluate(matrix, wanted)


@pytest.fixture(scope="module")
def hostile() -> Result:
    return judged(*HOSTILE)


# Labels count


def spoken(*labels: str, corpus: str = "toy") -> list[Utterance]:
    return [Utterance(f"u{i}", corpus, "ada", label) for i, label in enumerate(labels)]


def test_a_label_with_a_colon_counts():
    selection = select(spoken("anger:hot", "anger:cold", "joy"), LOSO)
    assert selection.y.tolist() == ["anger:hot", "anger:cold", "joy"]
    assert selection.classes == ("anger:cold", "anger:hot", "joy")
    assert not selection.left_out
    named = select(spoken("anger:hot", "anger:cold", "joy"), Protocol("c", classes="anger:hot+anger:cold,joy"))
    assert named.y.tolist() == ["anger:hot+anger:cold"] * 2 + ["joy"]


def test_a_label_with_a_colon_is_not_that_of_a_corpus_of_this_name():
    utterances = [*spoken("anger:hot", "joy"), *spoken("hot", "joy", corpus="anger")]
    assert select(utterances, Protocol("c", classes="anger:hot,joy")).y.tolist() == ["anger:hot", "joy", "joy"]
    assert select(utterances, LOSO).y.tolist() == ["anger:hot", "joy", "hot", "joy"]


@pytest.mark.parametrize("label", HOSTILE)
def test_any_label_can_be_named(label):
    quoted = '"' + label.replace('"', '""') + '"'
    assert class_map(f"{quoted},joy", [label, "joy"]) == {label: label, "joy": "joy"}
    merged = class_map(f'"a=b,c"={quoted} + fear, joy', [label, "joy", "fear"])
    assert merged == {label: "a=b,c", "fear": "a=b,c", "joy": "joy"}


def test_a_label_that_needs_quotes_is_shown_in_quotes():
    with pytest.raises(UsageError, match='Known: "a,b""c", joy'):
        class_map("a,joy", ['a,b"c', "joy"])


# What a terminal is shown


def test_text_is_printable_and_stays_what_it_is_otherwise():
    assert printable("Größe 怒り 😀 غضب a\u200db") == "Größe 怒り 😀 غضب a\u200db"
    assert printable("a\x1b[31m\u202e\r\x9b\ud800\u2028", keep="\n") == r"a\x1b[31m\u202e\r\x9b\ud800\u2028"
    assert printable("a\nb") == r"a\nb"


@settings(max_examples=60)
@given(st.text())
def test_nothing_that_is_printable_steers(text):
    assert not {unicodedata.category(c) for c in printable(text) if c not in "\u200c\u200d"} & {"Cc", "Cf", "Cs"}


def out(print_to) -> str:
    """Return what a terminal with colours is sent."""
    file = io.StringIO()
    print_to(plain_console(file=file, width=300, force_terminal=True, color_system=None))
    return file.getvalue()


def test_a_console_shows_text_as_it_is():
    for text in HOSTILE:
        output = out(lambda console, text=text: console.print(text, soft_wrap=True))
        assert not ORDERS & set(output)
        if text.isprintable():
            assert output.rstrip("\n") == text


def test_a_terminal_says_text_as_it_is(capsys):
    for text in HOSTILE:
        Terminal().print(text)
    output = capsys.readouterr().out
    assert not ORDERS & set(output)
    assert "win $5_$\nanger:hot\na,b+c=d\n" in output
    assert "[red]x[/red]\n[/]\n{0} %s\n:angry_face:\ntwo\nlines\n" in output
    assert r"\x1b[31mred\x1b]0;title\x07" in output


def test_the_tables_of_a_run(hostile):
    found = summarise(hostile)
    output = out(lambda console: tables.show(found, None, console))
    assert not ORDERS & set(output)
    for text in ("[/]", "{0} %s", ":angry_face:", r"two\nlines", r"\x1b[31mred", "toy[red]"):
        assert text in output
    assert not ORDERS & set(tables.as_text(lambda console: tables.show(found, None, console)))


def test_the_table_of_the_cache(tmp_path):
    folder = tmp_path / "[red]" / "a\x1b[2J[b]"
    folder.mkdir(parents=True)
    (folder / "[b]\x1b.h5").write_bytes(b"")
    output = out(lambda console: inventory.show_cache(console, inventory.cached(tmp_path / "[red]")))
    assert r"a\x1b[2J[b]/[b]\x1b.h5" in output
    assert not ORDERS & set(output)


def test_a_progress_bar_has_no_markup():
    file = io.StringIO()
    console = Terminal()
    console.bars = plain_console(file=file, force_terminal=True, width=100, color_system=None)
    with console.progress("[red]t\u202e[/]", 3, "[bold]") as tick:
        tick(1)
    assert "[red]t" in file.getvalue()
    assert "\u202e" not in file.getvalue()


@pytest.mark.parametrize("arguments", [["features", "--dataset", "a\x1b[31m[/]"], ["--a\x1b[31m"], ["a\x1b[31m"]])
def test_errors_do_not_steer(arguments):
    command = [sys.executable, "-m", "affex.pipeline.cli", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert r"\x1b[31m" in done.stderr
    assert not ORDERS & set(done.stdout + done.stderr)


# Cells


@given(st.text(alphabet=st.one_of(st.characters(codec="utf-8"), st.sampled_from("=+-@'\t\r\n,;\"1.e"))))
def test_a_cell_is_restored_and_is_no_formula(text):
    assert csv_cells.restored(csv_cells.escaped(text)) == text
    (row,) = csv.reader(io.StringIO(csv_cells.line([text, "x"]), newline=""))
    assert [csv_cells.restored(cell) for cell in row] == [text, "x"]
    cell = csv_cells.escaped(text)
    assert not cell.startswith(tuple(csv_cells.FORMULA)) or csv_cells.NUMBER.fullmatch(cell)


@pytest.mark.parametrize("text", ["-1.5", "+3", "1e-05", "-inf", "nan", "-1", "0.25", "joy", "", "-.5"])
def test_numbers_and_plain_words_stay_as_they_are(text):
    assert csv_cells.escaped(text) == text


@pytest.mark.parametrize("text", ["=1+1", "-1+1", "+49 30", "@x", "\tx", "\rx", "\nx", "＝1", "'", "-", "-1e", "'=x"])
def test_what_would_run_is_escaped(text):
    assert csv_cells.escaped(text) == "'" + text


def test_a_run_with_hostile_names_is_read_again(hostile, tmp_path):
    ids = np.array([f"{HOSTILE[n % len(HOSTILE)]}{n}" for n in range(len(hostile.scores))])
    speakers = np.array(["=ada" if name == "00" else "-ben" for name in hostile.scores.clusters])
    scores = replace(hostile.scores, ids=ids, clusters=speakers, folds=speakers)
    report.write(replace(hostile, scores=scores), tmp_path)
    text = (tmp_path / "predictions.csv").read_text(encoding="utf-8")
    assert not {row[0] for line in csv.reader(io.StringIO(text)) for row in line if row} & set("=@")
    read = runs.read(tmp_path).scores
    for name in ("ids", "clusters", "folds", "true", "predicted"):
        assert getattr(read, name).tolist() == getattr(scores, name).tolist()


def test_a_table_of_predictions_is_escaped(tmp_path):
    dataset = corpus(tmp_path)
    utterances = (replace(dataset.utterances[0], id="=1+1"),)
    matrix = replace(make_table().take(np.array([0])), utterances=utterances)
    output = FoldScores(np.array([0]), np.array(["-x"]), np.array([[-1.5]]))
    found = "".join(lines(matrix, Predictions(output, {"=1+1": "+note"}), ["-x"]))
    assert found.splitlines()[1].startswith("'=1+1,")
    assert ",'-x,-1.5,'+note" in found


# Pictures


def size(picture: bytes) -> tuple[int, int]:
    return struct.unpack(">II", picture[16:24])


def test_a_picture_of_hostile_labels_is_drawn_and_has_a_bounded_size(hostile):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = pictures.confusion_picture(summarise(hostile))
    plain = pictures.confusion_picture(summarise(judged(*(f"label {n}" for n in range(len(HOSTILE))))))
    assert size(picture)[0] < 1.2 * size(plain)[0]
    assert size(picture)[1] == size(plain)[1]


def test_long_names_are_cut_and_still_told_apart():
    names = pictures.shown(HOSTILE)
    assert len({*names}) == len(HOSTILE)
    assert max(map(len, names)) <= pictures.LONGEST + len("00: ")
    assert names[0] == "win $5_$"
    twins = pictures.shown(["x" * 100 + "a" + "x" * 100, "x" * 100 + "b" + "x" * 100])
    assert len({*twins}) == 2


def test_nothing_in_a_picture_is_mathematics(hostile):
    with pictures.drawing(2, 2, io.BytesIO()) as figure:
        text = figure.text(0, 0, "$x_1$ and $\\frac$")
        assert not text.get_parse_math()


def test_a_sheet_of_a_hostile_utterance():
    utterance = Utterance("a\x1b$5_$\u202e", "mine", "[red]$_$", "win $5_$")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sheet = ContactSheet(utterance, "faces", "HOG", "0" * 12, "no $frames_$", "no $sound_$")
        assert drawn(sheet).startswith(b"\x89PNG")
    assert r"a\x1b$5_$\u202e" in heading(sheet)
    assert not ORDERS & set(heading(sheet))


# All of it together


def test_no_hostile_label_is_lost_on_the_way(tmp_path):
    path = table(tmp_path, labels=("anger:hot", "win $5_$"))
    found = run([path], tmp_path / "cache")
    assert found.n_utterances == 16
    assert found.classes == ("anger:hot", "win $5_$")
    assert found.left_out == {}
    named = run([path], tmp_path / "cache", classes="hot=anger:hot,win $5_$")
    assert (named.n_utterances, named.classes) == (16, ("hot", "win $5_$"))

"""What leaks of text and of speakers add, in one table: companions of a protocol, their order and their words."""

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_runs import held
from synthetic import Bayes, make_table

from affex.pipeline.corpora.base import LOSO, Protocol
from affex.pipeline.evaluation import protocols, runs
from affex.pipeline.evaluation.evaluate import evaluate
from affex.pipeline.evaluation.results import Result
from affex.pipeline.evaluation.runs import Run
from affex.pipeline.evaluation.settings import Plan, Settings
from affex.pipeline.evaluation.summary import from_json, summarise, to_json
from affex.pipeline.pages import run as run_page
from affex.pipeline.publishing import methods
from affex.pipeline.publishing.question import question
from affex.pipeline.reporting import leak, report, tables
from affex.pipeline.text.errors import UsageError

BOTH, RANDOM = Protocol("loso+text", "loso+text"), Protocol("random-k", "random-k")
TEXT = Protocol("text", "text")
PLAN = Plan(corpus="toy", features=("made",), keys=("key",), classifier=Bayes())


@functools.cache
def results() -> dict[str, Result]:
    """Return evaluations of one corpus whose texts shift the rows, under each protocol by name."""
    rng, matrix = np.random.default_rng(3), make_table(n_speakers=5, n_each=6, speaker_shift=0.5)
    of_text = rng.normal(scale=1.0, size=(24, matrix.X.shape[1]))
    said = [number % 24 for number in range(len(matrix))]  # each text goes with one class
    utterances = tuple(
        replace(u, sentence=f"{(text * 5) % 24 // 4}") for u, text in zip(matrix.utterances, said, strict=True)
    )
    matrix = replace(matrix, utterances=utterances)
    matrix.X[:] += of_text[said]
    plans = {
        "loso+text": replace(PLAN, protocol=BOTH, settings=Settings(controls=4)),
        "loso": replace(PLAN, protocol=LOSO),
        "text": replace(PLAN, protocol=TEXT),
        "random-k": replace(PLAN, protocol=RANDOM),
    }
    found = {name: evaluate(matrix, plan) for name, plan in plans.items()}
    seen = {name: replace(found[name], leaks=("5 speakers on both sides",)) for name in ("text", "random-k")}
    return found | seen


@pytest.fixture(scope="module")
def members() -> dict[str, Run]:
    return {name: held(name, result) for name, result in results().items()}


# What stands beside a protocol


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("loso+text", ("loso", "random-k")),
        ("loso", ("random-k",)),
        ("text", ("loso",)),
        ("random-k", ("loso",)),
    ],
)
def test_beside_a_protocol_stands_what_shows_its_leak(members, name, beside):
    assert leak.beside(members[name].summary) == beside


def test_beside_any_folds_that_leak_stands_the_honest_protocol(members):
    summary = members["loso"].summary
    grouped = replace(summary, about=replace(summary.about, protocol=Protocol("group-k", "group-k")))
    assert leak.beside(grouped) == ("random-k",)
    assert leak.beside(replace(grouped, leaks=("a copy",))) == ("loso",)
    assert leak.beside(replace(summary, leaks=("a copy",))) == ("random-k",)


def test_a_scheme_puts_other_folds_on_the_utterances_of_a_protocol():
    speech = Protocol("speech", parts=("speech",), classes="a,b", counts={"a": 1}, agreement=0.5)
    found = protocols.protocol("speech:scheme=loso+text", [speech])
    assert found == Protocol("loso+text", "loso+text", parts=("speech",), classes="a,b", agreement=0.5)
    assert protocols.protocol("speech:scheme=random-k,k=3", [speech]).k == 3
    assert protocols.protocol("speech:scheme=loso", [speech]) == speech
    assert protocols.spec_with_scheme("speech:k=5,agreement=1", "loso") == "speech:agreement=1,scheme=loso"
    with pytest.raises(UsageError, match=r"no scheme 'lsoo'\. Did you mean loso"):
        protocols.protocol("speech:scheme=lsoo", [speech])


# The ladder


def test_the_ladder_goes_from_the_strictest_protocol_on(members):
    found = leak.ladder(members["random-k"], [members["loso+text"], members["loso"]])
    assert [rung.name for rung in found.rungs] == ["loso+text", leak.CONTROL, "loso", "random-k"]
    assert [step.names for step in found.steps] == [
        ("loso+text", leak.CONTROL),
        ("loso+text", "loso"),
        ("loso", "random-k"),
    ]
    figures = {rung.name: rung.figure.value for rung in found.rungs}
    for step in found.steps:
        lower, upper = step.names
        assert step.difference.value == pytest.approx(figures[upper] - figures[lower])
    control = members["loso+text"].summary.control
    assert figures[leak.CONTROL] == pytest.approx(np.mean(control.figures))
    text = " ".join(tables.as_text(lambda console: console.print(leak.as_table(found))).split())
    assert f"loso+text {tables.number(found.steps[0].difference.value)} [" in text
    said = [*leak.lines(found)]
    assert "four times" in said[0]
    assert f"(loso+text; {found.rungs[0].n_train:.0f} training utterances a fold): UAR" in said[1]
    assert f"(mean of 4 draws, {tables.number(min(control.figures))} to" in said[2]
    assert said[4].endswith("(with leaks)")
    assert said[5].startswith("size-matched control minus loso+text is ")
    assert said[6].startswith("loso minus loso+text is ")


def test_a_leaking_protocol_stands_below_the_honest_one(members):
    found = leak.ladder(members["text"], [members["loso"]])
    assert [rung.name for rung in found.rungs] == ["loso", "text"]
    assert "texts kept apart, so that the same speakers are in training and test" in [*leak.lines(found)][2]


def test_controls_stand_in_the_record_the_tables_the_methods_and_the_question(members):
    result = results()["loso+text"]
    summary = summarise(result)
    assert from_json(to_json(summary)) == summary
    assert len(summary.control.figures) == 4
    assert summary.control.n_removed == pytest.approx(
        np.mean([fold.n_train for fold in summarise(results()["loso"]).folds]) - result.folds[0].n_train, abs=5
    )
    text = tables.as_text(lambda console: tables.show(summary, None, console))
    assert "Texts: UAR " in text
    assert "(4 draws from" in " ".join(text.split())
    said = methods.paragraph(summary)
    assert "One speaker and one text (or group of texts) at a time are left out" in said
    assert "(4 draws a fold, hyperparameters of the fold) reach UAR" in said
    assert "An audit of the folds found no speaker and no recording on both sides" in said
    assert question(summary).endswith("that it was not trained on, nor on the texts that they say?")
    assert "of texts that it was not trained on, although" in question(members["text"].summary)


def test_the_page_of_a_run_shows_the_ladder_of_the_runs_beside_it(tmp_path: Path):
    found = results()
    for name in ("loso+text", "loso", "random-k"):
        report.write(found[name], tmp_path / report.run_name(found[name].about), "basis")
    folder = tmp_path / report.run_name(found["loso+text"].about)
    own = runs.read(folder)
    assert [other.summary.about.protocol.scheme for other in leak.near(own)] == ["loso", "random-k"]
    text = run_page.write(own, run_page.Beside()).read_text()
    for words in ("The price of a leak", leak.CONTROL, "loso minus loso+text", "random-k minus loso"):
        assert words in text


def test_a_run_with_other_controls_is_made_again(tmp_path: Path):
    result = results()["loso+text"]
    report.write(result, tmp_path, "basis")
    assert report.kept(tmp_path, "basis")
    assert report.kept(tmp_path, "basis", Settings(controls=4))
    assert report.kept(tmp_path, "basis", Settings(controls=5)) is None

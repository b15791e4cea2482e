"""How many classes speakers have, and that normalisation takes away the class of those who have one."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from synthetic import EMOTIONS, Bayes, make_table, relabelled, with_values

from affex.pipeline.corpora.base import Protocol
from affex.pipeline.evaluation import runs, speakers
from affex.pipeline.evaluation.evaluate import evaluate
from affex.pipeline.evaluation.folds import Clusters
from affex.pipeline.evaluation.runs import Run
from affex.pipeline.evaluation.settings import Plan, Settings
from affex.pipeline.evaluation.speakers import ClassLost
from affex.pipeline.evaluation.summary import summarise
from affex.pipeline.fusion import fusion
from affex.pipeline.models import models
from affex.pipeline.models.fit_predict import _fitted
from affex.pipeline.reporting import comparison, comparison_tables, pictures, report, tables
from affex.pipeline.streams.table import Table

SETTINGS = Plan(corpus="toy", features=("made",), classifier=Bayes(), keys=("key",))
LOST = "9 of 12 speakers have one class only: normalisation by speaker takes the class away with the speaker"
MARK = "9 of 12 have one class, which normalisation removes"


def of(*names: str) -> Clusters:
    return Clusters("speaker", np.array(names))


def test_speakers_are_counted_by_how_many_classes_they_have():
    clusters, y = of(*"aaabbccd"), np.array([*"xyzxxxyx"])
    assert speakers.spread(clusters, y) == {1: 2, 2: 1, 3: 1}
    assert speakers.spread(of(*"aabb"), np.array([*"xyxy"])) == {2: 2}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({1: 26, 4: 3}, "26 of 29 speakers have 1 of 4 classes, 3 have 4"),
        ({4: 10}, "all 10 speakers have all 4 classes"),
        ({4: 9, 3: 1}, "9 of 10 speakers have 4 of 4 classes, 1 has 3"),
        ({2: 2}, "2 of 2 speakers have 2 of 4 classes"),
    ],
)
def test_the_count_in_words(found, expected):
    assert speakers.in_words(found, 4, "speaker") == expected


def one_class_each(n_speakers: int = 12, n_whole: int = 3) -> Table:
    """Speakers who have one class each, but for a few who have all; the class shifts the columns, clearly."""
    matrix = make_table(n_speakers=n_speakers, class_shift=3.0, speaker_shift=0.3)
    own = [EMOTIONS[int(u.speaker) % 4] for u in matrix.utterances]
    kept = [i for i, u in enumerate(matrix.utterances) if int(u.speaker) < n_whole or u.label == own[i]]
    return matrix.take(np.array(kept))


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Callable[..., Run]:
    def make(name: str = "run", matrix: Table | None = None, **changes) -> Run:
        plan, folder = replace(SETTINGS, settings=Settings(**changes)), tmp_path_factory.mktemp("run") / name
        report.write(evaluate(matrix or one_class_each(), plan, inner=True), folder, name)
        return runs.read(folder)

    return make


def text_of(folder: Path) -> str:
    return (folder / "report.txt").read_text(encoding="utf-8").replace("\n", " ")


@pytest.mark.parametrize("norm", [True, "mean"])
def test_normalisation_takes_the_class_of_whoever_has_one_and_every_output_says_so(run, norm):
    plain, normed = run("plain"), run("normed", speaker_norm=norm)
    assert plain.summary.uar > 0.9
    poor = [row.figures["war"] for row in normed.summary.per_speaker if row.n_classes == 1]
    assert np.mean(poor) < 0.4  # the class went with the speaker: chance is 0.25
    assert normed.summary.class_lost == ClassLost(9, 12, "class")
    assert normed.summary.speakers_by_classes == {1: 9, 4: 3}
    assert [note for note in normed.summary.notes if note.startswith(LOST)]
    assert LOST in text_of(normed.folder)
    assert MARK in tables.headline(normed.summary)
    assert MARK in pictures._heading(normed.summary, 6.0).replace("\n", " ")

    assert plain.summary.class_lost is None
    assert MARK not in tables.headline(plain.summary)
    assert "9 of 12 speakers have 1 of 4 classes, 3 have 4." in text_of(plain.folder)
    (output,) = [note for note in plain.summary.notes if note.startswith("9 of 12 speakers")]
    assert "who speaks and which class it is are the same thing to a model" in output


def test_a_comparison_and_a_fusion_say_it_too(run):
    plain, normed = run("plain"), run("normed", speaker_norm=True)
    found = comparison.compare([plain, normed])
    assert found.runs[1].class_lost == ClassLost(9, 12, "class")
    assert any("normed: 9 of 12 speakers have only one class" in note for note in found.notes)
    text = io.StringIO()
    comparison_tables.show_comparison(found, Console(file=text, width=200))
    assert text.getvalue().count(MARK) == 1

    fused = summarise(fusion.late([plain, normed], "mean"))
    assert fused.class_lost == ClassLost(9, 12, "class")
    assert fused.speakers_by_classes == {1: 9, 4: 3}
    (output,) = [note for note in fused.notes if LOST in note]
    assert output.startswith(" ".join(normed.summary.about.model) + ": ")  # the other one lost nothing
    assert MARK in tables.headline(fused)


def test_a_model_to_take_away_says_it():
    model = models.fit(one_class_each(), replace(SETTINGS, settings=Settings(speaker_norm=True)))
    assert any(LOST in sentence for sentence in _fitted(model))


def test_whoever_has_all_classes_is_warned_of_nothing(run):
    whole = run("whole", matrix=make_table(n_speakers=4), speaker_norm=True)
    assert (whole.summary.class_lost, whole.summary.notes) == (None, ())
    assert "all 4 speakers have all 4 classes." in text_of(whole.folder)


def test_a_speaker_with_one_utterance_is_no_news_without_normalisation():
    matrix = make_table(n_speakers=4)
    once = matrix.take(np.array([*range(48), 48]))
    assert not evaluate(once, SETTINGS).notes
    assert any(note.startswith("1 of 4 speakers have one class only") for note in speakers_notes(once))


def speakers_notes(matrix: Table) -> tuple[str, ...]:
    return tuple(evaluate(matrix, replace(SETTINGS, settings=Settings(speaker_norm=True))).notes)


def test_a_speaker_whose_values_are_all_one_is_said():
    matrix = with_values(make_table(n_speakers=4))
    utterances = tuple(replace(u, valence=1.0 if u.speaker == "00" else u.valence) for u in matrix.utterances)
    settings = replace(SETTINGS, protocol=Protocol("valence", target="valence"), settings=Settings(speaker_norm=True))
    result = evaluate(replace(matrix, utterances=utterances), settings)
    assert any(
        note.startswith("1 of 4 speakers have one value only: normalisation by speaker") for note in result.notes
    )
    assert "1 of 4 have one value, which normalisation removes" in tables.mark(summarise(result))


def test_the_largest_score_and_the_decision_are_counted(run):
    matrix = make_table(n_speakers=4, class_shift=0.5)
    result = evaluate(relabelled(matrix, [u.label for u in matrix.utterances]), SETTINGS)
    values = result.scores.values.copy()
    place = np.array([EMOTIONS.index(name) for name in result.scores.predicted])
    values[[0, 5, 9], place[[0, 5, 9]]] = 0.0  # now another class has the largest
    values[7] = 0.25  # all alike: no other is larger than that of the decision
    scores = replace(result.scores, values=values / values.sum(axis=1, keepdims=True))
    found = summarise(replace(result, scores=scores))
    assert (found.largest_score.differs, found.largest_score.of) == (3, 64)
    right = scores.best_scored == scores.true
    assert found.largest_score.uar == pytest.approx(np.mean([right[scores.true == e].mean() for e in EMOTIONS]))
    text = tables.as_text(lambda console: tables.show(found, None, console))
    assert "Scores: the largest is not that of the decision for 3 of 64 utterances (by the largest, UAR is 0." in text
    whole = run("counted", matrix=matrix)
    assert "Scores: the largest is that of the decision for all 64 utterances." in text_of(whole.folder)

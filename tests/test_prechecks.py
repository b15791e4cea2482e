"""What labels and speakers alone show is said, or refused, before an utterance is decoded; one training speaker is
enough."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic import EMOTIONS, make_table, with_values

from affex.pipeline.caching.dataset import opened
from affex.pipeline.corpora.base import LOSO, Protocol
from affex.pipeline.evaluation import runs
from affex.pipeline.evaluation.evaluate import evaluate
from affex.pipeline.evaluation.prechecks import foreseen
from affex.pipeline.evaluation.results import Result
from affex.pipeline.evaluation.settings import Plan, Settings
from affex.pipeline.models import fit_predict, models
from affex.pipeline.models.fit_predict import _fitted
from affex.pipeline.reporting import report, tables
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.streams.table import Table
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import AffexError, UsageError
from affex.pipeline.workspace import experiment
from affex.pipeline.workspace.workspace import Running, open_workspace

SVM = Plan(corpus="toy", features=("made",), classifier=classifier_of("svm"), keys=("key",))
VALENCE = Protocol("loso", target="valence")
TWO = with_values(make_table(n_speakers=2, class_shift=2.0))


def plan(spec: str, **changes) -> Plan:
    return replace(SVM, classifier=classifier_of(spec), **changes)


def with_fields(matrix: Table, **columns) -> Table:
    """Return the matrix with other fields, each a function of an utterance."""
    changed = (replace(u, **{name: f(u) for name, f in columns.items()}) for u in matrix.utterances)
    return replace(matrix, utterances=tuple(changed))


def limits(result: Result) -> list[dict[str, str]]:
    return [dict(fold.limits) for fold in result.folds]


# One training speaker


@pytest.mark.parametrize(
    ("spec", "protocol", "chosen", "limited"),
    [
        ("svm", LOSO, {"C": 1.0, "gamma": 1.0}, {"search", "calibration"}),
        ("svm:C=1,gamma=1", LOSO, {"C": 1.0, "gamma": 1.0}, {"calibration"}),
        ("svm:select=anova", LOSO, {"C": 1.0, "gamma": 1.0, "keep": 0.3}, {"search", "calibration"}),
        ("svm", Protocol("group-k", "group-k", k=2), {"C": 1.0, "gamma": 1.0}, {"search", "calibration"}),
        ("svm", Protocol("session", "session"), {"C": 1.0, "gamma": 1.0}, {"search", "calibration"}),
        ("xgboost", LOSO, {"rounds": 100}, {"search"}),
        ("svm", VALENCE, {"C": 1.0, "epsilon": 0.1, "gamma": 1.0}, {"search"}),
        ("xgboost", VALENCE, {"rounds": 100}, {"search"}),
    ],
)
def test_two_speakers_are_evaluated_with_fixed_settings_which_is_said(tmp_path, spec, protocol, chosen, limited):
    matrix = with_fields(TWO, session=lambda u: f"session {u.speaker}")
    asked = plan(spec, protocol=protocol)
    result = evaluate(matrix, asked, inner=True)
    assert [dict(fold.best_params) for fold in result.folds] == [chosen, chosen]
    assert [set(of_fold) for of_fold in limits(result)] == [limited | {"inner"}] * 2
    assert {reason for of_fold in limits(result) for reason in of_fold.values()} == {"1 training speaker"}
    output = [note for note in result.notes if note.startswith("settings were fixed, not searched for in 2 of 2 folds")]
    assert bool(output) == ("search" in limited)
    found = report.write(result, tmp_path / "run")
    assert all(set(fold.limits) == limited | {"inner"} for fold in found.folds)
    assert runs.read(tmp_path / "run").scores.predicted.tolist()
    if protocol is not VALENCE:
        assert found.uar > 0.5  # chance is 0.25
        assert found.largest_score.differs == 0
        assert "too few speakers to tell (2)" in tables.chance_words(found)
    assert foreseen(matrix.utterances, asked)[0].startswith("2 of 2 folds train on 1 speaker")


@pytest.mark.parametrize("norm", [True, "mean"])
def test_normalised_speakers_too(norm):
    result = evaluate(TWO, plan("svm", settings=Settings(speaker_norm=norm)))
    assert [set(of_fold) for of_fold in limits(result)] == [{"search", "calibration"}] * 2


def test_a_split_with_one_training_speaker():
    matrix = with_fields(make_table(n_speakers=3), split=lambda u: "train" if u.speaker == "00" else "test")
    asked = plan("svm", protocol=Protocol("split", "split"))
    assert set(*limits(evaluate(matrix, asked))) == {"search", "calibration"}
    assert foreseen(matrix.utterances, asked)[0].startswith("1 of 1 folds train on 1 speaker")
    tuned = with_fields(matrix, split=lambda u: {"00": "train", "01": "validation"}.get(u.speaker, "test"))
    assert limits(evaluate(tuned, asked))[0].keys() <= {"sigmoids"}  # the split says what is tuned on
    assert foreseen(tuned.utterances, asked) == ()


def test_what_is_foreseen_is_true_of_three_speakers_in_two_groups_too():
    (output,) = foreseen(make_table(n_speakers=3).utterances, plan("svm", protocol=Protocol("group-k", "group-k", k=2)))
    assert output.startswith("1 of 2 folds train on 1 speaker")
    assert output.endswith("With 2 training speakers or more, it searches.")  # "with 3 speakers" would be untrue
    assert "calibrat" not in foreseen(TWO.utterances, plan("xgboost"))[0]  # it calibrates nothing


def test_speakers_enough_are_searched_among():
    assert foreseen(make_table(n_speakers=3).utterances, SVM) == ()
    result = evaluate(make_table(n_speakers=5, class_shift=2.0), SVM)
    assert limits(result) == [{}] * 5
    assert all("the edge of its grid" in note for note in result.notes)


def test_what_searches_for_nothing_has_nothing_to_do_without():
    frames = make_table(n_speakers=2, n_frames=12)
    gmm = plan("gmm:components=2")
    assert foreseen(frames.utterances, gmm) == ()
    assert limits(evaluate(frames, gmm)) == [{}, {}]


def test_a_model_fitted_without_one_of_two_speakers_says_what_it_did_without():
    model = models.fit(TWO, SVM, exclude=["01"])
    assert dict(model.chosen) == {"C": 1.0, "gamma": 1.0}
    assert "settings were fixed, not searched for (1 training speaker): C=1, gamma=1" in model.learned.notes
    assert any("scores are not calibrated: only their order counts" in sentence for sentence in _fitted(model))
    output = models.predict(model, TWO).fold_scores
    assert (np.array(model.classes)[output.scores.argmax(axis=1)] == output.predicted).all()
    assert foreseen(TWO.utterances, SVM, ["01"])[0].startswith("The model trains on 1 speaker")
    assert foreseen(TWO.utterances, SVM, []) == ()
    with pytest.raises(UsageError, match="no speaker '02'"):
        foreseen(TWO.utterances, SVM, ["02"])
    with pytest.raises(AffexError, match=r"0 training utterances of 0 speakers .*, and there is none"):
        foreseen(TWO.utterances, SVM, ["00", "01"])


# Refused beforehand


def test_a_fold_that_learns_one_class_is_refused_with_the_way_out():
    matrix = make_table(n_speakers=2)
    own = {"00": "joy", "01": "anger"}
    poor = matrix.take(np.flatnonzero([u.label == own[u.speaker] for u in matrix.utterances]))
    expected = r"(?s)Fold 00: it has 4 training utterances of 1 speaker \(01\), and all of them are 'anger'.*=split"
    for refuse in (lambda: foreseen(poor.utterances, SVM), lambda: evaluate(poor, SVM)):
        with pytest.raises(AffexError, match=expected):
            refuse()
    assert models.fit(poor, SVM).learned.n_clusters == 2  # all of them together have both classes


def test_speakers_without_any_other_value_are_refused():
    constant = with_fields(TWO, valence=lambda u: 1.0 if u.speaker == "01" else u.valence)
    with pytest.raises(AffexError, match=r"Fold 00: .* all of them are '1.0'"):
        foreseen(constant.utterances, plan("svm", protocol=VALENCE))


@pytest.fixture
def nowhere(tmp_path: Path):
    """A table of recordings that are not there: whoever decodes one will say so."""

    def make(*speakers: str, labels: tuple[str, ...] = EMOTIONS):
        rows = [f"{s}-{k}-{n}.wav,{s},{name}" for s in speakers for k, name in enumerate(labels) for n in (0, 1)]
        for row in rows:
            (tmp_path / row.partition(",")[0]).touch()
        (tmp_path / "mine.csv").write_text("\n".join(["file,speaker,label", *rows]) + "\n", encoding="utf-8")
        console = Terminal()
        return console, [opened("csv", tmp_path / "mine.csv", tmp_path / "cache", partial=False, console=console)]

    return make


@pytest.mark.parametrize(
    ("speakers", "protocol", "expected"),
    [
        ("a", "loso", "at least 2 speakers, found 1: 'a'"),
        ("a", "group-k:k=5", "group-k makes k=5 groups of speakers, and there is only one, 'a'"),
        ("ab", "group-k:k=5", "there are 2: expected 2"),
        ("ab", "session", "16 of 16 utterances have no session"),
        ("ab", "split", "needs utterances called train"),
    ],
)
def test_nothing_is_decoded_for_what_cannot_be_evaluated(nowhere, capsys, speakers, protocol, expected):
    console, datasets = nowhere(*speakers)
    settings = Settings(dataset="csv", features="gemaps", protocol=protocol)
    with open_workspace(datasets, console, Running("inline", 1)) as workspace:
        with pytest.raises(AffexError, match=expected):
            experiment.run(workspace, settings)
        assert "computed" not in capsys.readouterr().out
        with pytest.raises(AffexError, match=expected):
            fit_predict.fit(workspace, settings)
        assert "computed" not in capsys.readouterr().out


def test_what_will_be_done_without_is_said_before_anything_is_decoded(nowhere, capsys):
    console, datasets = nowhere(*"ab")
    settings = Settings(dataset="csv", features="gemaps is09", protocol="loso", fusion="late")
    with (
        open_workspace(datasets, console, Running("inline", 1)) as workspace,
        pytest.raises(AffexError, match="No utterance has any of the features"),
    ):
        experiment.run(workspace, settings)
    output = capsys.readouterr().out
    assert output.count("2 of 2 folds train on 1 speaker") == 1
    assert output.index("2 of 2 folds train on 1 speaker") < output.index("failed")

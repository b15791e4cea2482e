"""The report: what a run's files hold, and what a person reads."""

import csv
import dataclasses
import io
import json
import struct
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from rich.console import Console
from sklearn.metrics import balanced_accuracy_score
from synthetic import EMOTIONS, Bayes, make_matrix, relabelled

from pipeline import report
from pipeline.corpora.base import Card
from pipeline.errors import AffexError
from pipeline.evaluate import FoldSummary, Result, Scores, Settings, evaluate
from pipeline.manifest import Utterance
from pipeline.matrix import Matrix

SETTINGS = Settings(corpus="toy", features=("made",), classifier=Bayes(), keys=("0123456789ab",))
FILES = ("metrics.json", "predictions.csv", "confusion.png", "report.txt")


@pytest.fixture
def by_hand() -> Result:
    """Two speakers, three classes; the second speaker has no sadness."""
    scores = Scores(
        ids=np.array(["a1", "a2", "a3", "a4", "b1", "b2"]),
        speakers=np.array(["ada"] * 4 + ["ben"] * 2),
        folds=np.array(["ada"] * 4 + ["ben"] * 2),
        true=np.array(["joy", "joy", "anger", "sadness", "joy", "anger"]),
        predicted=np.array(["joy", "anger", "anger", "anger", "joy", "anger"]),
        classes=("anger", "joy", "sadness"),
        values=np.array(
            [[0.1, 0.9, 0], [0.6, 0.4, 0], [1, 0, 0], [0.5, 0.25, 0.25], [1 / 3, 2 / 3, 0], [0.7, 0.2, 0.1]]
        ),
    )
    folds = (FoldSummary("ada", 2, 4, {"C": np.float64(10), "n": np.int64(3)}), FoldSummary("ben", 4, 2))
    return Result(SETTINGS, scores, folds, {"without a label": 2}, ("'sadness' has 1 utterance",))


def shown(result: Result, width: int = 100) -> str:
    text = io.StringIO()
    report.show(result, Path("here"), Console(file=text, width=width))
    return text.getvalue()


def test_the_figures_worked_by_hand(by_hand):
    found = report.summary(by_hand)
    assert found["confusion"] == [[2, 0, 0], [1, 2, 0], [1, 0, 0]]
    assert found["uar"] == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert found["war"] == pytest.approx(4 / 6)
    assert found["macro_f1"] == pytest.approx((4 / 6 + 4 / 5 + 0) / 3)
    assert found["chance"] == pytest.approx({"uar": 1 / 3, "war": 3 / 6, "macro_f1": 2 * 3 / 9 / 3})
    assert found["per_class"]["joy"] == pytest.approx(
        {"n": 3, "correct": 2, "recall": 2 / 3, "precision": 1, "f1": 0.8}
    )
    assert found["per_class"]["sadness"] == {"n": 1, "correct": 0, "recall": 0, "precision": None, "f1": 0}


def test_a_speaker_who_lacks_a_class_is_judged_on_the_others(by_hand):
    per_speaker = report.summary(by_hand)["per_speaker"]
    assert per_speaker["ben"] == {
        "n": 2,
        "n_classes": 2,
        "uar": 1.0,
        "war": 1.0,
        "correct_of": {"anger": [1, 1], "joy": [1, 1]},
    }
    assert per_speaker["ada"]["uar"] == pytest.approx((1 + 1 / 2 + 0) / 3)
    assert per_speaker["ada"]["war"] == pytest.approx(2 / 4)


def test_metrics_json_says_what_made_the_figures(by_hand, tmp_path):
    report.write(by_hand, tmp_path)
    found = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    expected = {
        "n_utterances": 6,
        "n_speakers": 2,
        "classes": ["anger", "joy", "sadness"],
        "corpus": "toy",
        "protocol": "loso",
        "features": "made",
        "feature_keys": ["0123456789ab"],
        "classifier": "synthetic",
        "classifier_settings": {"smoothing": 1e-9},
        "scores": "posterior probabilities",
        "speaker_norm": False,
        "transductive": None,
        "seed": 0,
        "left_out": {"without a label": 2},
        "warnings": ["'sadness' has 1 utterance"],
    }
    assert {key: found[key] for key in expected} == expected
    assert found["folds"]["ada"] == {"n_train": 2, "n_test": 4, "best_params": {"C": 10.0, "n": 3}}
    assert {"python", "affex", "numpy", "scikit-learn", "xgboost"} <= found["versions"].keys()


def test_predictions_csv(by_hand, tmp_path):
    report.write(by_hand, tmp_path)
    text = (tmp_path / "predictions.csv").read_bytes().decode()
    assert text.splitlines()[:2] == [
        "id,speaker,fold,true,predicted,score_anger,score_joy,score_sadness",
        "a1,ada,ada,joy,joy,0.100000,0.900000,0.000000",
    ]
    assert text.endswith("\n")
    assert "\r" not in text


def test_predictions_csv_gives_the_figures_again(tmp_path):
    result = evaluate(make_matrix(), SETTINGS)
    report.write(result, tmp_path)
    with (tmp_path / "predictions.csv").open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    found = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    again = balanced_accuracy_score([row["true"] for row in rows], [row["predicted"] for row in rows])
    assert found["uar"] == pytest.approx(again)
    assert len(rows) == found["n_utterances"] == 96
    assert sum(float(rows[0][f"score_{name}"]) for name in EMOTIONS) == pytest.approx(1, abs=1e-5)


def test_names_with_commas_umlauts_and_brackets_survive(by_hand, tmp_path):
    names = np.array(["[bold]ärger, groß[/bold]", "joy", "sadness"])
    turn = {"anger": names[0], "joy": "joy", "sadness": "sadness"}
    scores = replace(
        by_hand.scores,
        true=np.array([turn[name] for name in by_hand.scores.true]),
        predicted=np.array([turn[name] for name in by_hand.scores.predicted]),
        classes=tuple(names.tolist()),
    )
    result = replace(by_hand, scores=scores)
    report.write(result, tmp_path)
    with (tmp_path / "predictions.csv").open(newline="", encoding="utf-8") as lines:
        assert [row["true"] for row in csv.DictReader(lines)] == scores.true.tolist()
    assert "[bold]ärger, groß[/bold]" in shown(result)


def test_two_runs_write_the_same_bytes(tmp_path):
    matrix = make_matrix()
    for name, jobs in (("one", 1), ("two", 1), ("three", 2)):
        report.write(evaluate(matrix, SETTINGS, jobs=jobs), tmp_path / name)
    for file in FILES:
        first = (tmp_path / "one" / file).read_bytes()
        assert first == (tmp_path / "two" / file).read_bytes() == (tmp_path / "three" / file).read_bytes()


def test_a_user_s_style_does_not_reach_the_picture(by_hand):
    plain = report.confusion_picture(by_hand)
    with mpl.rc_context({"font.size": 30, "savefig.transparent": True, "savefig.dpi": 10}):
        assert report.confusion_picture(by_hand) == plain


@pytest.mark.parametrize("n_classes", [2, 12])
def test_the_picture_grows_with_the_classes(n_classes):
    classes = tuple(f"emotion {chr(97 + i)}" for i in range(n_classes))
    picture = report.confusion_picture(evaluate(make_matrix(n_speakers=2, classes=classes), SETTINGS))
    width, height = struct.unpack(">II", picture[16:24])
    assert picture.startswith(b"\x89PNG")
    assert height == pytest.approx(120 * (2.2 + 0.75 * n_classes), abs=1)
    assert width >= max(height, 720)


def test_nothing_is_left_beside_the_files(by_hand, tmp_path):
    report.write(by_hand, tmp_path / "runs" / "run")
    report.write(by_hand, tmp_path / "runs" / "run")
    assert sorted(path.name for path in (tmp_path / "runs" / "run").iterdir()) == sorted(FILES)


def test_a_folder_that_cannot_be_written(by_hand, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AffexError, match=r"cannot be written: .*OUT"):
        report.write(by_hand, tmp_path / "file" / "run")


def test_the_terminal_shows_figures_chance_and_notes(by_hand):
    text = shown(by_hand)
    assert "toy: made, synthetic, loso" in text
    assert "6 utterances of 2 speakers in 2 folds, 3 classes, seed 0; left out: 2 without a label" in text
    lines = [line.split() for line in text.splitlines()]
    assert ["UAR", "0.556", "0.333"] in lines
    assert ["WAR", "0.667", "0.500"] in lines
    assert ["sadness", "1", "0.000", "-", "0.000"] in lines
    assert ["joy", "1", "2", "."] in lines
    assert ["ben", "2", "1.000", "1.000", "1/1", "1/1", "-"] in lines
    assert "Note: 'sadness' has 1 utterance." in text
    assert "transductive" not in text
    assert "\x1b" not in text  # no terminal, no colours


def test_every_figure_under_speaker_normalisation_is_called_transductive(tmp_path):
    result = evaluate(make_matrix(), replace(SETTINGS, speaker_norm=True))
    report.write(result, tmp_path)
    found = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert found["speaker_norm"] is True
    assert found["transductive"].startswith("transductive")
    lines = shown(result).splitlines()
    for start in (" UAR", " WAR", " macro F1", "By class", "By speaker", "Confusion", "UAR"):
        (line,) = (line for line in lines if line.startswith(start))
        assert "(transductive)" in line
    assert any(line.startswith("Note: transductive") for line in lines)


def test_no_number_is_cut_off_in_a_narrow_terminal():
    classes = tuple(f"{chr(97 + i)} long name" for i in range(12))
    result = evaluate(make_matrix(n_speakers=2, classes=classes), SETTINGS)
    text = shown(result, width=60)
    assert "…" not in text
    assert "see confusion.png" in text
    assert max(map(len, text.splitlines())) <= 60
    assert "see confusion.png" not in shown(result, width=200)


def test_more_speakers_than_one_reads_are_in_the_file_only():
    result = evaluate(make_matrix(n_speakers=45, n_each=1, classes=("joy", "anger")), SETTINGS)
    text = shown(result)
    assert "5 more in metrics.json" in text
    assert "\n 39 " in text
    assert "\n 40 " not in text
    assert len(report.summary(result)["per_speaker"]) == 45


def test_run_names_are_readable_and_tell_settings_apart():
    norm = replace(SETTINGS, speaker_norm=True)
    assert report.run_name(SETTINGS).startswith("made_synthetic_loso-")
    assert report.run_name(norm).startswith("made_synthetic_loso_spknorm-")
    two = replace(SETTINGS, features=("mfcc:n=20,hop=0.005", "größe/compare"))
    assert report.run_name(two).startswith("mfcc-n=20-hop=0.005+gr-e-compare_synthetic_loso-")
    others = (
        replace(SETTINGS, seed=1),
        replace(SETTINGS, classes="joy,anger"),
        replace(SETTINGS, classifier=Bayes(smoothing=1e-3)),
        replace(SETTINGS, card=Card("loso", parts=("speech",))),
        replace(SETTINGS, keys=("another",)),
        replace(SETTINGS, target="sex"),
    )
    assert len({report.run_name(settings) for settings in (SETTINGS, norm, *others)}) == 8
    assert report.run_name(SETTINGS) == report.run_name(replace(SETTINGS))


def test_a_label_with_one_clip_reaches_the_report():
    matrix = make_matrix()
    result = evaluate(relabelled(matrix, ["awe", *(u.label for u in matrix.utterances[1:])]), SETTINGS)
    assert any("'awe' has 1 utterance" in warning for warning in report.summary(result)["warnings"])
    assert "'awe' has 1 utterance" in shown(result)


def test_a_run_is_kept_while_it_rests_on_the_same_and_its_files_are_whole(by_hand, tmp_path):
    assert report.kept(tmp_path, "basis") is None
    report.write(by_hand, tmp_path, "basis")
    text = report.kept(tmp_path, "basis")
    assert text is not None
    assert "UAR" in text
    assert report.kept(tmp_path, "another basis") is None
    (tmp_path / "predictions.csv").write_text("tampered")
    assert report.kept(tmp_path, "basis") is None


def test_what_a_run_rests_on(by_hand):
    utterances = tuple(Utterance(str(n), "c", f"s{n}", label="ab"[n % 2]) for n in range(4))
    X = np.arange(8, dtype=np.float32).reshape(4, 2)
    matrix = Matrix(X, np.arange(5), utterances, ("x", "y"), np.ones((4, 1), bool))
    relabelled = (dataclasses.replace(utterances[0], label="b"), *utterances[1:])
    others = [
        report.rests_on(matrix, by_hand.settings),
        report.rests_on(dataclasses.replace(matrix, X=X + 1), by_hand.settings),
        report.rests_on(dataclasses.replace(matrix, utterances=relabelled), by_hand.settings),
        report.rests_on(matrix, dataclasses.replace(by_hand.settings, seed=9)),
    ]
    assert len(set(others)) == 4
    assert report.rests_on(matrix, by_hand.settings) == others[0]

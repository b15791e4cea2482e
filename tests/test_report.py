"""The report: what a run's files hold, and what a person reads."""

import csv
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
from synthetic import EMOTIONS, Bayes, changed, make_table, relabelled, with_values

from affex.pipeline.corpora.base import LOSO, Protocol
from affex.pipeline.evaluation import intervals, metrics, runs
from affex.pipeline.evaluation.evaluate import evaluate
from affex.pipeline.evaluation.folds import protocol_hash
from affex.pipeline.evaluation.raters import AgainstShares, Ceiling
from affex.pipeline.evaluation.results import TRANSDUCTIVE, FoldSummary, FusionSettings, Member, Result, Scores
from affex.pipeline.evaluation.settings import Plan, Settings
from affex.pipeline.evaluation.summary import ClassFigures, SpeakerFigures, Summary, from_json, summarise, to_json
from affex.pipeline.evaluation.training_variation import with_training
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.reporting import pictures, report, tables
from affex.pipeline.storage.sealed import DamagedError
from affex.pipeline.streams.table import Table
from affex.pipeline.text.errors import AffexError, UsageError

SETTINGS = Plan(corpus="toy", features=("made",), classifier=Bayes(), keys=("0123456789ab",))
VALENCE = replace(SETTINGS, protocol=Protocol("loso", target="valence"))
SHARES = AgainstShares(n_utterances=5, cross_entropy=1.25, divergence=0.5, cosine=0.8, chance=0.625)
CEILING = Ceiling(
    metric="uar", value=0.75, n_judgements=12, n_utterances=5, n_classes=3, n_ties=2, n_outside=1, n_alone=0
)
FILES = ("metrics.json", "predictions.csv", "label_errors.csv", "confusion.png", "report.txt")


@pytest.fixture
def by_hand() -> Result:
    """Two speakers, three classes; the second speaker has no sadness."""
    scores = Scores(
        ids=np.array(["a1", "a2", "a3", "a4", "b1", "b2"]),
        clusters=np.array(["ada"] * 4 + ["ben"] * 2),
        folds=np.array(["ada"] * 4 + ["ben"] * 2),
        true=np.array(["joy", "joy", "anger", "sadness", "joy", "anger"]),
        predicted=np.array(["joy", "anger", "anger", "anger", "joy", "anger"]),
        classes=("anger", "joy", "sadness"),
        values=np.array(
            [[0.1, 0.9, 0], [0.6, 0.4, 0], [1, 0, 0], [0.5, 0.25, 0.25], [1 / 3, 2 / 3, 0], [0.7, 0.2, 0.1]]
        ),
    )
    folds = (FoldSummary("ada", 2, 4, {"C": np.float64(10), "n": np.int64(3)}), FoldSummary("ben", 4, 2))
    return Result(SETTINGS.about(), scores, folds, {"without a label": 2}, ("'sadness' has 1 utterance",))


@pytest.fixture(scope="module")
def of_values() -> Result:
    return evaluate(with_values(make_table()), VALENCE)


def shown(result: Result, width: int = 100) -> str:
    text = io.StringIO()
    tables.show(summarise(result), Path("here"), Console(file=text, width=width))
    return text.getvalue()


def test_the_figures_worked_by_hand(by_hand):
    found = summarise(by_hand)
    assert found.confusion == ((2, 0, 0), (1, 2, 0), (1, 0, 0))
    assert found.counts.tolist() == [[2, 0, 0], [1, 2, 0], [1, 0, 0]]
    assert found.uar == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert found.war == pytest.approx(4 / 6)
    assert found.figure("macro_f1").value == pytest.approx((4 / 6 + 4 / 5 + 0) / 3)
    assert chances(found) == pytest.approx({"uar": 1 / 3, "war": 3 / 6, "macro_f1": 2 * 3 / 9 / 3})
    _, joy, sadness = found.per_class
    given = intervals.jackknife(lambda part: [2 / 3, 1, 1 / 2][len(part) % 3], ["ada"] * 4 + ["ben"] * 2)
    over_speakers = with_training(given, [2, 1], 2, bounds=(0, 1), of_values=False)
    assert joy == ClassFigures("joy", 3, 2, pytest.approx(2 / 3), 1, pytest.approx(0.8), over_speakers)
    assert sadness == ClassFigures("sadness", 1, 0, 0, None, 0, sadness.interval)
    assert (sadness.interval.value, sadness.interval.low) == (0, None)
    assert (
        sadness.interval.reason == "the figure is undefined without speaker ada (does only one of them have a class?)"
    )


def chances(found: Summary) -> dict[str, float | None]:
    return {name: found.figure(name).chance for name in found.headlines}


def test_a_speaker_who_lacks_a_class_is_judged_on_the_others(by_hand):
    ada, ben = summarise(by_hand).per_speaker
    correct_of = {"anger": (1, 1), "joy": (1, 1)}
    assert ben == SpeakerFigures("ben", 2, 2, {"uar": 1.0, "war": 1.0}, correct_of, intervals.wilson(2, 2))
    assert ada.figures["uar"] == pytest.approx((1 + 1 / 2 + 0) / 3)
    assert ada.figures["war"] == pytest.approx(2 / 4)


def test_metrics_json_says_what_made_the_figures(by_hand, tmp_path):
    report.write(by_hand, tmp_path)
    found = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    expected = {
        "n_utterances": 6,
        "n_clusters": 2,
        "classes": ["anger", "joy", "sadness"],
        "chance_is": "always 'joy'",
        "leaks": [],
        "ceiling": None,
        "against_shares": None,
        "transductive": "",
        "left_out": {"without a label": 2},
        "notes": ["'sadness' has 1 utterance"],
        "protocol_hash": protocol_hash(LOSO),
    }
    assert {key: found[key] for key in expected} == expected
    about = {"corpus": "toy", "model": ["made", "synthetic"], "scores": "posterior probabilities", "unit": "speaker"}
    assert {key: found["about"][key] for key in about} == about
    assert (found["about"]["protocol"]["name"], found["about"]["protocol"]["scheme"]) == ("loso", "loso")
    assert found["about"]["settings"] == {
        "features": ["made"],
        "feature_keys": ["0123456789ab"],
        "classifier": "synthetic",
        "classifier_settings": {"smoothing": 1e-9},
        "system": None,
        "speaker_norm": False,
        "reweight": False,
        "soft": False,
        "seed": 0,
        "seeds": 1,
        "device": "cpu",
    }
    first = {"name": "ada", "n_train": 2, "n_test": 4, "best_params": {"C": 10.0, "n": 3}, "n_noise": None}
    assert found["folds"][0] == {**first, "limits": {}}
    assert {"python", "affex", "numpy", "scikit-learn", "xgboost"} <= found["versions"].keys()


@pytest.mark.parametrize("settings", [SETTINGS, VALENCE, replace(SETTINGS, settings=Settings(speaker_norm="mean"))])
def test_what_is_read_back_is_the_summary(settings):
    result = replace(evaluate(with_values(make_table()), settings), ceiling=CEILING, against_shares=SHARES)
    summary = summarise(result, "basis")
    read = from_json(json.loads(json.dumps(to_json(summary), allow_nan=False)))
    assert read == summary
    assert to_json(read) == to_json(summary)


def fused(*norms: bool | str) -> FusionSettings:
    settings = [replace(SETTINGS, settings=Settings(speaker_norm=norm)).about().settings for norm in norms]
    return FusionSettings("late:mean", tuple(Member("run", ("a", "b"), "sha", one) for one in settings))


def test_a_fusion_of_fusions_is_read_back(by_hand):
    member = Member("run", ("a", "b"), "sha", fused(True))
    about = replace(by_hand.about, settings=replace(fused(False), members=(*fused(False).members, member)))
    summary = summarise(replace(by_hand, about=about))
    assert from_json(to_json(summary)) == summary
    assert summary.transductive == TRANSDUCTIVE[True]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda record: record.pop("notes"), "notes is missing"),
        (lambda record: record.update(card={}), "card is unknown"),
        (lambda record: record["figures"]["uar"].pop("chance"), r"figures\.uar\.chance is missing"),
        (lambda record: record["about"]["protocol"].update(k="ten"), r"about\.protocol\.k is 'ten', expected int"),
        (lambda record: record["folds"][1].update(n_test=None), r"folds\[1\]\.n_test is None, expected int"),
        (lambda record: record.update(confusion=3), "confusion is 3, expected list"),
        (lambda record: record.update(left_out=[]), r"left_out is \[\], expected mapping"),
        (lambda record: record["per_speaker"][0]["correct_of"].update(joy=[1]), "has 1 members, expected 2"),
    ],
)
def test_a_record_of_another_version_is_refused(by_hand, edit, message):
    record = to_json(summarise(by_hand))
    edit(record)
    with pytest.raises(ValueError, match=message):
        from_json(record)


def test_figures_are_asked_for_by_name(by_hand, of_values):
    classes, values = summarise(by_hand), summarise(of_values)
    assert classes.interval("uar").value == classes.uar
    assert values.ccc == values.figure("ccc").value
    with pytest.raises(UsageError, match="ccc"):
        _ = classes.ccc
    with pytest.raises(UsageError, match="uar, war"):
        classes.interval("auc")


def test_predictions_are_columns(by_hand):
    columns = by_hand.scores.columns()
    assert list(columns) == ["id", "speaker", "fold", "true", "predicted", "score_anger", "score_joy", "score_sadness"]
    assert [column[1] for column in columns.values()] == ["a2", "ada", "ada", "joy", "anger", 0.6, 0.4, 0]


def test_predictions_csv(by_hand, tmp_path):
    report.write(by_hand, tmp_path)
    text = (tmp_path / "predictions.csv").read_bytes().decode()
    assert text.splitlines()[:2] == [
        "id,speaker,fold,true,predicted,score_anger,score_joy,score_sadness",
        "a1,ada,ada,joy,joy,0.1,0.9,0",
    ]
    assert text.splitlines()[5] == "b1,ben,ben,joy,joy,0.333333333,0.666666667,0"
    assert text.endswith("\n")
    assert "\r" not in text


def test_predictions_csv_gives_the_figures_again(tmp_path):
    result = evaluate(make_table(), SETTINGS)
    report.write(result, tmp_path)
    with (tmp_path / "predictions.csv").open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    found = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    again = balanced_accuracy_score([row["true"] for row in rows], [row["predicted"] for row in rows])
    assert found["figures"]["uar"]["value"] == pytest.approx(again)
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


@pytest.mark.parametrize("settings", [SETTINGS, VALENCE])
def test_two_runs_write_the_same_bytes(settings, tmp_path):
    matrix = with_values(make_table())
    for name in ("one", "two"):
        report.write(evaluate(matrix, settings, inner=True), tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert {"metrics.json", "inner.csv"} < set(files)
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_user_s_style_does_not_reach_the_picture(by_hand):
    found = summarise(by_hand)
    plain = pictures.confusion_picture(found)
    with mpl.rc_context({"font.size": 30, "savefig.transparent": True, "savefig.dpi": 10}):
        assert pictures.confusion_picture(found) == plain


@pytest.mark.parametrize("n_classes", [2, 12])
def test_the_picture_grows_with_the_classes(n_classes):
    classes = tuple(f"emotion {chr(97 + i)}" for i in range(n_classes))
    picture = pictures.confusion_picture(summarise(evaluate(make_table(n_speakers=2, classes=classes), SETTINGS)))
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
    with pytest.raises(AffexError, match=r"cannot be written: .*Is it the right folder"):
        report.write(by_hand, tmp_path / "file" / "run")


def test_the_terminal_shows_figures_chance_and_notes(by_hand):
    text = shown(by_hand)
    assert "toy: made, synthetic, loso" in text
    assert f"6 utterances of 2 speakers in 2 folds, 3 classes, seed 0, protocol {protocol_hash(LOSO)[:8]}; " in text
    assert "left out: 2 without a label" in " ".join(text.split())
    figures = "Figures: 95% intervals over 2 speakers, for models trained on other speakers; chance is always 'joy'"
    assert figures in " ".join(text.split())
    lines = [line.split() for line in text.splitlines()]
    assert ["UAR", "0.556", "none", "none", "0.333"] in lines
    assert ["WAR", "0.667", "[0.000,", "1.000]", "[0.000,", "1.000]", "0.500"] in lines
    assert ["sadness", "1", "0.000", "-", "0.000"] in lines
    assert ["joy", "1", "2", "."] in lines
    assert ["ben", "2", "1.000", "1.000", "1/1", "1/1", "-"] in lines
    assert "Note: 'sadness' has 1 utterance." in text
    assert "Note: no interval for UAR, macro F1: the figure is undefined without speaker ada" in text
    assert text.rstrip().endswith("UAR 0.556, WAR 0.667 -> here")
    assert "transductive" not in text
    assert "LEAK" not in text
    assert "\x1b" not in text  # no terminal, no colours


def test_every_figure_under_speaker_normalisation_is_called_transductive(tmp_path):
    result = evaluate(make_table(), replace(SETTINGS, settings=Settings(speaker_norm=True)))
    report.write(result, tmp_path)
    found = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert found["about"]["settings"]["speaker_norm"] is True
    assert found["transductive"].startswith("transductive")
    assert_marked(result, "(transductive)")
    assert any(line.startswith("Note: transductive") for line in shown(result).splitlines())


def test_taking_the_mean_of_the_speaker_away_is_called_transductive_too(tmp_path):
    result = evaluate(make_table(), replace(SETTINGS, settings=Settings(speaker_norm="mean")))
    report.write(result, tmp_path)
    found = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert found["about"]["settings"]["speaker_norm"] == "mean"
    assert found["transductive"].startswith("transductive: every column has the mean of each speaker taken away, over")
    assert "spkmean" in report.run_name(result.about)
    assert_marked(result, "(transductive)")
    assert any(line.startswith("Note: transductive: every column has the mean") for line in shown(result).splitlines())


def test_a_fusion_says_how_each_of_its_members_was_normalised(by_hand):
    about = replace(by_hand.about, settings=fused("mean", False, True, "mean"))
    output = summarise(replace(by_hand, about=about)).transductive
    assert output == "; ".join(TRANSDUCTIVE[norm] for norm in ("mean", True))


def normalised(result: Result) -> Result:
    """Return a result as if rows were normalised by speaker."""
    settings = replace(result.about.settings, speaker_norm=True)
    return replace(result, about=replace(result.about, settings=settings))


def assert_marked(result: Result, mark: str) -> None:
    lines = shown(result).splitlines()
    for start in ("Figures", " UAR", " WAR", " macro F1", "By class", "By speaker", "Confusion", "UAR"):
        (line,) = (line for line in lines if line.startswith(start))
        assert mark in line


def test_every_figure_that_a_leak_has_made_too_good_says_so(by_hand, tmp_path):
    leak = "ada and ben are one person"
    result = replace(by_hand, leaks=(leak,))
    assert summarise(result).leaks == (leak,)
    assert f"LEAK: {leak}." in shown(result)
    assert_marked(result, "(with leaks)")
    assert_marked(normalised(result), "(transductive, with leaks)")
    report.write(result, tmp_path)
    assert f"LEAK: {leak}." in (tmp_path / "report.txt").read_text(encoding="utf-8")
    assert pictures.of_result(result, summarise(result)) != pictures.of_result(by_hand, summarise(by_hand))


def test_headline_figures_have_intervals_over_speakers():
    result = evaluate(make_table(), SETTINGS)
    found, scores = summarise(result), result.scores
    headlines = tuple(name for name, figure in found.figures.items() if figure.interval)
    assert headlines == tuple(found.headlines) == metrics.CLASS_HEADLINES
    by_itself = intervals.jackknife(
        lambda part: balanced_accuracy_score(scores.true[part], scores.predicted[part]), scores.clusters
    )
    assert found.given_models("uar") == by_itself
    interval = found.interval("uar")
    sizes = np.unique(scores.clusters, return_counts=True)[1]
    assert interval == with_training(by_itself, sizes, 6, bounds=(0, 1), of_values=False)
    assert interval.low < found.uar == interval.value < interval.high
    assert (interval.n_clusters, found.about.unit, interval.level) == (6, "speaker", 0.95)
    assert "jackknife" in found.interval_method
    assert found.interval_method != found.given_models_method
    assert f"UAR {found.uar:.3f} [{interval.low:.3f}, {interval.high:.3f}], WAR" in shown(result)


def test_where_there_is_no_interval_the_reason_is_kept(by_hand):
    interval = summarise(by_hand).interval("uar")
    assert interval.low is interval.high is None
    assert "undefined without speaker ada" in interval.reason


def test_what_a_cluster_is_stands_in_every_output(by_hand, tmp_path):
    result = replace(by_hand, about=SETTINGS.about("session"))
    report.write(result, tmp_path)
    assert (tmp_path / "predictions.csv").read_text(encoding="utf-8").startswith("id,session,fold,")
    text = shown(result)
    assert "2 sessions" in text
    assert "By session" in text
    assert "speaker" not in text.replace("has 1 utterance", "")


def test_values_have_a_report_of_their_own(of_values, tmp_path):
    report.write(of_values, tmp_path)
    found = runs.read(tmp_path).summary
    scores = of_values.scores
    for name, metric in metrics.VALUE_METRICS.items():
        figure = found.figure(name)
        assert figure.value == pytest.approx(metric.function(scores.true, scores.predicted))
        assert figure.interval.low < figure.value < figure.interval.high
    assert chances(found) == pytest.approx(
        {"ccc": 0, "pearson": None, "rmse": np.std(scores.true), "mae": np.abs(scores.true - scores.true.mean()).mean()}
    )
    assert (found.about.protocol.target, found.classes, found.chance_is) == ("valence", (), "always the mean")
    assert found.per_speaker[2].name == "02"
    assert found.per_speaker[2].figures.keys() == metrics.VALUE_METRICS.keys()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ("metrics.json", "predictions.csv", "groups.csv", "scatter.png", "report.txt")
    )
    assert (tmp_path / "scatter.png").read_bytes().startswith(b"\x89PNG")
    text = shown(of_values)
    assert "toy: valence, made, synthetic, loso" in text
    assert f"CCC {found.ccc:.3f} [" in text
    for absent in ("By class", "Confusion", "classes", "UAR"):
        assert absent not in text


@pytest.mark.parametrize("settings", [SETTINGS, VALENCE])
def test_a_run_that_was_written_can_be_read_again(settings, tmp_path):
    result = evaluate(with_values(make_table()), settings, inner=True)
    report.write(result, tmp_path / "run")
    run = runs.read(tmp_path / "run")
    assert run.name == "run"
    assert run.scores.classes == result.scores.classes
    assert len(run.inner) == len(result.inner) == 6
    for one, other in zip((run.scores, *run.inner), (result.scores, *result.inner), strict=True):
        for name in ("ids", "clusters", "folds"):
            assert getattr(one, name).tolist() == getattr(other, name).tolist()
        assert one.values == pytest.approx(other.values, rel=1e-8)
        if settings is VALENCE:
            assert one.predicted == pytest.approx(other.predicted, rel=1e-8)
        else:
            assert one.predicted.tolist() == other.predicted.tolist()
    assert run.summary == summarise(result)


def test_the_human_ceiling_stands_beside_the_machine(by_hand):
    result = replace(by_hand, ceiling=CEILING)
    assert summarise(result).ceiling == CEILING
    text = " ".join(shown(result).split())
    assert "Note: a human rater against the majority of the others reaches UAR 0.750, over 12 votes on 5" in text
    assert "(3 votes left out, 2 of them as the others were tied)." in text
    assert "human" not in shown(by_hand)
    undefined = replace(by_hand, ceiling=replace(CEILING, value=None))
    assert "human" not in shown(undefined)


def test_scores_are_compared_with_the_raters_shares(by_hand):
    text = " ".join(shown(replace(by_hand, against_shares=SHARES)).split())
    assert (
        "Note: the scores differ from the raters' shares of the classes by 0.500 nats (Kullback-Leibler; always the "
        "mean shares: 0.625), cross-entropy 1.250, cosine 0.800, over 5 utterances with votes."
    ) in text
    assert "raters' shares" not in shown(by_hand)


def test_no_number_is_cut_off_in_a_narrow_terminal():
    classes = tuple(f"{chr(97 + i)} long name" for i in range(12))
    result = evaluate(make_table(n_speakers=2, classes=classes), SETTINGS)
    text = shown(result, width=60)
    assert "…" not in text
    assert "see confusion.png" in text
    assert max(map(len, text.splitlines())) <= 60
    longest = normalised(replace(result, leaks=("one",)))
    assert "…" not in shown(longest, width=60)
    assert "see confusion.png" not in shown(result, width=200)


def test_more_speakers_than_one_reads_are_in_the_file_only():
    result = evaluate(make_table(n_speakers=45, n_each=1, classes=("joy", "anger")), SETTINGS)
    text = shown(result)
    assert "5 more in metrics.json" in text
    assert "\n 39 " in text
    assert "\n 40 " not in text
    assert len(summarise(result).per_speaker) == 45


def test_run_names_are_readable_and_tell_settings_apart():
    norm = replace(SETTINGS, settings=Settings(speaker_norm=True))
    assert name_of(SETTINGS).startswith("made_synthetic_loso-")
    assert name_of(norm).startswith("made_synthetic_loso_spknorm-")
    assert name_of(VALENCE).startswith("valence_made_synthetic_loso-")
    assert name_of(replace(SETTINGS, protocol=Protocol("random-k", "random-k"))).startswith("made_synthetic_random-10-")
    two = replace(SETTINGS, features=("mfcc:n=20,hop=0.005", "größe/compare"))
    assert name_of(two).startswith("mfcc-n=20-hop=0.005+gr-e-compare_synthetic_loso-")
    others = (
        replace(SETTINGS, settings=Settings(seed=1)),
        replace(SETTINGS, protocol=Protocol("loso", classes="joy,anger")),
        replace(SETTINGS, classifier=Bayes(smoothing=1e-3)),
        replace(SETTINGS, protocol=Protocol("loso", parts=("speech",))),
        replace(SETTINGS, keys=("another",)),
        replace(SETTINGS, protocol=Protocol("loso", target="sex")),
        replace(SETTINGS, settings=Settings(reweight=True)),
        replace(SETTINGS, settings=Settings(soft=True)),
    )
    assert len({name_of(settings) for settings in (SETTINGS, norm, *others)}) == 10
    assert name_of(SETTINGS) == name_of(replace(SETTINGS))


def name_of(settings: Plan) -> str:
    return report.run_name(settings.about())


def test_a_label_with_one_clip_reaches_the_report():
    matrix = make_table()
    result = evaluate(relabelled(matrix, ["awe", *(u.label for u in matrix.utterances[1:])]), SETTINGS)
    assert any("'awe' has 1 utterance" in warning for warning in summarise(result).notes)
    assert "'awe' has 1 utterance" in shown(result)


def test_a_run_is_kept_while_it_rests_on_the_same_and_its_files_are_whole(by_hand, tmp_path):
    assert report.kept(tmp_path, "basis") is None
    report.write(by_hand, tmp_path, "basis")
    text = report.kept(tmp_path, "basis")
    assert text is not None
    assert "UAR" in text
    assert report.kept(tmp_path, "another basis") is None
    assert report.kept(tmp_path, "basis", Settings(inner=True)) is None  # it kept nothing for a fusion
    (tmp_path / "predictions.csv").write_text("tampered")
    with pytest.raises(DamagedError, match=r"predictions\.csv was changed after it was written"):
        report.kept(tmp_path, "basis")


def test_what_a_run_depends_on():
    utterances = tuple(Utterance(str(n), "c", f"s{n}", label="ab"[n % 2]) for n in range(4))
    X = np.arange(8, dtype=np.float32).reshape(4, 2)
    matrix = Table.of(X, np.arange(5), utterances, ("x", "y"), np.ones((4, 1), bool))
    relabelled = (replace(utterances[0], label="b"), *utterances[1:])
    about = SETTINGS.about()

    def basis(table, about=about, code="code", *more):
        return report.depends_on(about, report.digests(code, table), *more)

    others = [
        basis(matrix),
        basis(changed(matrix, X=X + 1)),
        basis(replace(matrix, present=~matrix.present)),
        basis(replace(matrix, utterances=relabelled)),
        basis(matrix, replace(SETTINGS, settings=Settings(seed=9)).about()),
        basis(matrix, replace(SETTINGS, protocol=Protocol("loso", classes="a,b")).about()),
        basis(matrix, about, "code", "leaks allowed"),
        basis(matrix, about, "other code"),
    ]
    assert len(set(others)) == 8
    assert basis(matrix) == others[0]
    assert report.depends_on(about, report.digests("code", matrix, matrix)) not in others

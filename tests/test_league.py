"""Leagues: the verdict over corpora, by hand and on simulated leagues; runs on made tables, killed and resumed."""

import importlib.util
import json
import math
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from itertools import permutations, product
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy import stats
from test_experiment import added, table
from test_significance import of_classes

import affex
from affex.pipeline.corpora import ravdess, tess
from affex.pipeline.evaluation import emotions, metrics, runs
from affex.pipeline.evaluation.intervals import Interval
from affex.pipeline.evaluation.league import WIDENED, InCorpus, across, friedman, is_undecidable, mean_of, over_corpora
from affex.pipeline.evaluation.selection import class_map
from affex.pipeline.evaluation.settings import Settings
from affex.pipeline.evaluation.significance import BETTER, Predictions, pairwise, sums_of
from affex.pipeline.pages import league as page
from affex.pipeline.reporting import league as record
from affex.pipeline.reporting import league_tables
from affex.pipeline.reporting.league_record import League
from affex.pipeline.storage import bundle
from affex.pipeline.storage.records import restored
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import AffexError, UsageError
from affex.pipeline.workspace import league as rounds
from affex.pipeline.workspace.competitors import competitors
from affex.pipeline.workspace.workspace import Running

ROOT = Path(__file__).resolve().parents[1]
UAR = metrics.CLASS_METRICS["uar"].function
#: Two competitors that are quick.
MODELS = "gemaps/svm:C=1,gamma=1 gemaps/logistic"


def in_corpus(named: dict[str, Predictions]) -> InCorpus:
    pairs = pairwise(named)
    figures = {name: Interval(figure(run), 0.4, 0.8, 0.1, 0.95, 6) for name, run in named.items()}
    between = {(pair.one, pair.other): pair.difference for pair in pairs}
    return InCorpus(figures, {name: sums_of(run) for name, run in named.items()}, between)


def figure(run: Predictions, predicted: Any = None) -> float:
    return UAR(run.true, run.predicted if predicted is None else predicted, None, run.classes)


def corpus(*qualities: float, n_speakers: int, seed: int) -> dict[str, Predictions]:
    names = ("one", "other", "third")
    return {
        name: of_classes(q, n_speakers, seed + 10 * n)
        for n, (name, q) in enumerate(zip(names, qualities, strict=False))
    }


# The verdict over corpora


def test_the_p_of_two_corpora_equals_a_loop_over_all_swaps_that_counts_them_equally():
    small, large = corpus(0.7, 0.5, n_speakers=3, seed=0), corpus(0.6, 0.5, n_speakers=5, seed=1)
    (pair,) = over_corpora(["one", "other"], {"a": in_corpus(small), "b": in_corpus(large)}).pairs
    means = []
    for swapped in product((False, True), repeat=8):
        gaps = []
        for runs_of, own in ((small, swapped[:3]), (large, swapped[3:])):
            mask = np.array(own)[runs_of["one"].clusters]
            one, other = (runs_of[name].predicted for name in ("one", "other"))
            swaps = np.where(mask, other, one), np.where(mask, one, other)
            gaps.append(figure(runs_of["one"], swaps[0]) - figure(runs_of["one"], swaps[1]))
        means.append(abs(np.mean(gaps)))
    assert pair.exact
    assert pair.p == pair.p_holm == pytest.approx(np.mean(WIDENED * np.array(means) >= means[0] - 1e-12))
    assert pair.difference.value == pytest.approx(
        np.mean([figure(own["one"]) - figure(own["other"]) for own in (small, large)])
    )


def test_one_corpus_is_judged_as_by_compare_but_for_the_allowance_for_training():
    named = corpus(0.8, 0.6, 0.5, n_speakers=7, seed=3)
    found = over_corpora([*named], {"a": in_corpus(named)})
    for mine, theirs in zip(found.pairs, pairwise(named), strict=True):
        assert theirs.p <= mine.p <= 1
        assert (mine.difference.value, mine.least_p) == (theirs.difference.value, theirs.least_p)
        assert mine.difference.standard_error == pytest.approx(WIDENED * theirs.difference.standard_error)
    assert found.friedman is None


def test_the_interval_of_a_mean_is_that_of_independent_parts():
    part = Interval(0.1, None, None, 0.02, 0.95, 5)
    found = mean_of([part, replace(part, value=0.3)], (-1, 1))
    error = 0.02 / math.sqrt(2)
    assert (found.value, found.standard_error, found.n_clusters) == pytest.approx((0.2, error, 10))
    assert found.high - found.value == pytest.approx(stats.t.ppf(0.975, 8) * error)  # equal errors: the sum of freedoms
    alone = mean_of([part, replace(part, standard_error=0.0)], (-1, 1))  # no doubt in the other: the freedom of the one
    assert alone.high - alone.value == pytest.approx(stats.t.ppf(0.975, 4) * 0.01)
    assert mean_of([part, replace(part, standard_error=None, reason="why")], (-1, 1)).reason == "why"


def test_the_interval_over_corpora_is_students():
    values = [0.02, 0.05, -0.01, 0.04]
    found = across(values, (-1, 1))
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert (found.low, found.high, found.n_clusters) == pytest.approx((low, high, 4))
    assert across(values[:1], (-1, 1)).low is None


@pytest.mark.parametrize(
    "ranks", [[[1, 2, 3], [1, 3, 2], [1, 2, 3], [2, 1, 3]], [[1.5, 1.5, 3], [1, 2, 3], [2.5, 1, 2.5]]]
)
def test_friedmans_statistic_is_scipys_and_its_p_counts_all_permutations(ranks):
    ranks = np.array(ranks, dtype=np.float64)
    found = friedman(ranks)
    assert found.statistic == pytest.approx(stats.friedmanchisquare(*ranks.T).statistic)
    spreads = [np.var(np.sum(ways, axis=0)) for ways in product(*(list(permutations(row)) for row in ranks))]
    assert found.p == pytest.approx(np.mean(np.array(spreads) >= np.var(ranks.sum(axis=0)) - 1e-9))
    assert found.exact


def test_friedmans_p_of_many_competitors_is_drawn():
    ranks = np.tile(np.arange(1.0, 6.0), (4, 1))
    found = friedman(ranks)
    assert not found.exact
    assert found.p == pytest.approx(1 / 10_001)
    assert friedman(np.full((3, 5), 3.0)).p == 1


def test_a_corpus_of_two_speakers_decides_nothing_alone_and_counts_like_others():
    assert is_undecidable(2, 1, 0.05)
    assert is_undecidable(6, 3, 0.05)
    assert not is_undecidable(7, 3, 0.05)
    many, few = corpus(0.9, 0.5, n_speakers=10, seed=0), corpus(0.5, 0.5, n_speakers=2, seed=5)
    (pair,) = over_corpora(["one", "other"], {"many": in_corpus(many), "few": in_corpus(few)}).pairs
    gaps = [figure(own["one"]) - figure(own["other"]) for own in (many, few)]
    assert pair.difference.value == pytest.approx(np.mean(gaps))
    assert (pair.n_corpora, pair.verdict, pair.winner) == (2, BETTER, "one")


def test_a_competitor_that_lacks_a_corpus_is_judged_on_the_others():
    whole = {name: in_corpus(corpus(0.9, 0.7, 0.5, n_speakers=7, seed=n)) for n, name in enumerate("ab")}
    found = over_corpora(["one", "other", "third"], whole | {"c": in_corpus(corpus(0.9, 0.7, n_speakers=7, seed=9))})
    assert found.corpora == ("a", "b")
    assert {(pair.one, pair.other): pair.n_corpora for pair in found.pairs} == {
        ("one", "other"): 3,
        ("one", "third"): 2,
        ("other", "third"): 2,
    }
    assert [placed.rank for placed in found.placed] == [1, 2, 3]


def test_equal_predictions_are_equal_without_doubt():
    same = {name: in_corpus({"one": own, "other": own}) for name, own in corpus(0.8, 0.6, n_speakers=6, seed=0).items()}
    (pair,) = over_corpora(["one", "other"], same).pairs
    assert (pair.p, pair.verdict, pair.difference.low, pair.difference.high) == (1, "equal within 0.01", 0, 0)


def test_bars_join_neighbours_that_no_verdict_parts():
    whole = {name: in_corpus(corpus(0.9, 0.5, 0.5, n_speakers=8, seed=n)) for n, name in enumerate("ab")}
    (group,) = page.together(over_corpora(["one", "other", "third"], whole))
    assert set(group) == {"other", "third"}


# Simulated leagues


@pytest.fixture(scope="module")
def simulated() -> ModuleType:
    """The module of ``benchmarks/league.py``."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        spec = importlib.util.spec_from_file_location("benchmark_of_leagues", ROOT / "benchmarks" / "league.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # where dataclasses look for it
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.pop(0)


def shares(simulated: ModuleType, n_leagues: int, effect: float, seed: int) -> tuple[float, float]:
    """Return in which shares of leagues the order is found, and a verdict is wrong."""
    hits = simulated.tried(
        lambda rng, favours: simulated.given(rng, favours, effect), n_leagues, seed, planted=effect > 0
    )
    return float(hits[:, 0].mean()), float(hits[:, 1].mean())


def test_a_planted_order_is_found_and_none_where_there_is_none(simulated):
    order, wrong = shares(simulated, 5, 0.12, 3)
    assert (order, wrong) == (1, 0)
    assert shares(simulated, 5, 0.0, 4)[1] == 0


@pytest.mark.slow
def test_of_200_leagues_the_planted_order_is_found_in_most_and_none_where_there_is_none(simulated):
    order, wrong = shares(simulated, 200, 0.1, 0)
    assert order >= 0.95
    assert wrong <= 0.05
    assert shares(simulated, 200, 0.0, 0)[1] <= 0.05


# Classes that corpora share


def test_usual_names_of_an_emotion_are_one_class():
    labels = {
        "emodb": ["anger", "boredom", "happiness", "neutral"],
        "ravdess": ["angry", "calm", "happy", "neutral", "other"],
        "meld": ["anger", "joy", "neutral", "other"],
    }
    found = emotions.shared(labels)
    assert dict(found.classes) == {
        "anger": ("anger", "angry"),
        "happiness": ("happiness", "happy", "joy"),
        "neutral": ("neutral",),
    }
    assert found.left_out == {"emodb": ("boredom",), "ravdess": ("calm", "other"), "meld": ("other",)}
    assert class_map(found.setting, {label for own in labels.values() for label in own}) == {
        label: name for name, own in found.classes.items() for label in own
    }


def test_names_of_ones_own_are_shared_as_they_are_and_may_hold_any_mark():
    labels = {"a": ['so, "so"', "Loud+clear", "x"], "b": ['so, "so"', "loud+clear", "y"]}
    found = emotions.shared(labels)
    assert class_map(found.setting, {label for own in labels.values() for label in own}) == {
        'so, "so"': emotions.emotion_of('so, "so"'),
        "Loud+clear": "loud+clear",
        "loud+clear": "loud+clear",
    }


def test_no_spelling_belongs_to_two_emotions_and_corpora_are_covered():
    every = [one for own in emotions.SPELLINGS.values() for one in own]
    assert len(set(every)) == len(every)
    for label in {*ravdess.LABELS.values(), *tess.LABELS.values()}:
        assert emotions.emotion_of(label) in emotions.SPELLINGS


# Competitors and corpora, as they are named


def names(models: str | None, features: str | None = None, classifiers: str = "svm") -> list[str]:
    return [one.name for one in competitors(models, features, classifiers, {})]


def test_competitors_are_pairs_or_every_combination():
    assert names("compare/svm egemaps+mfcc:pool=mean+std/xgboost") == [
        "compare/svm",
        "egemaps+mfcc:pool=mean+std/xgboost",
    ]
    assert names(None, "compare egemaps+gemaps", "svm logistic") == [
        "compare/svm",
        "compare/logistic",
        "egemaps+gemaps/svm",
        "egemaps+gemaps/logistic",
    ]
    assert names(None, None, "svm xgboost") == ["compare/svm", "compare/xgboost"]


@pytest.mark.parametrize(
    ("models", "features", "says"),
    [
        ("compare", None, "expected features and a classifier"),
        ("compare/svm compare/svm", None, "named twice"),
        ("compare/svm", None, "2 to 26 competitors, got 1 \\(compare/svm\\)"),
        ("compare/svn egemaps/svm", None, "Did you mean svm"),
        ("compare/svm egmaps/svm", None, "egemaps"),
        (None, None, "FEATURES='compare egemaps'"),
    ],
)
def test_competitors_that_make_no_sense(models, features, says):
    with pytest.raises(UsageError, match=says):
        names(models, features)


def test_corpora_are_named_by_name_and_tables_by_path_or_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.csv").touch()
    found = rounds.named(["emodb", "mine", "other.csv"], "here", Path("cache"), partial=False)
    assert [(one.dataset, one.data) for one in found] == [("emodb", "here"), ("csv", "mine.csv"), ("csv", "other.csv")]
    for wrong, data in ((["emodb", "emodb"], None), ([], None), (["emodb"], "a b"), (["emodbb"], None)):
        with pytest.raises(UsageError):
            rounds.named(wrong, data, Path("cache"), partial=False)


# Runs


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two tables that name two emotions in their own ways."""
    folder = tmp_path_factory.mktemp("tables")
    table(folder, "one", labels=("sad", "Angry"))
    table(folder, "other", labels=("sadness", "anger"))
    return folder


def played(
    folder: Path, cache: Path, *corpora: str, cross: bool = True, models: str = MODELS, **settings: Any
) -> League:
    paths = [name if name == "emodb" else str(folder / f"{name}.csv") for name in corpora]
    named = rounds.named(paths, None, cache, partial=False)
    competing = competitors(models, None, "svm", {})
    running = Running("inline", 1)
    return rounds.run(Terminal(), named, competing, Settings(**settings), running, cross=cross, media=None)


@pytest.fixture(scope="module")
def league(tables: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[League, Path]:
    cache = tmp_path_factory.mktemp("league") / "cache"
    return played(tables, cache, "one", "emodb", "other"), cache


def test_every_competitor_runs_on_every_corpus_and_across(league, tables):
    found, cache = league
    assert found.competitors == ("gemaps/svm:C=1,gamma=1", "gemaps/logistic")
    assert [one.name for one in found.own.corpora] == ["one", "other"]
    assert found.own.standing.corpora == ("one", "other")
    for corpus_ in found.own.corpora:
        assert corpus_.undecidable  # of 4 speakers no p is below .125
        for entry in corpus_.entries:
            run = runs.read(Path(entry.run))
            assert run.folder.is_relative_to(cache / corpus_.name)
            assert entry.figure.value == run.summary.uar
    assert "DATASET=emodb" in found.skipped["emodb"] or "--dataset emodb" in found.skipped["emodb"]
    assert [(one.name, one.protocol, one.classes) for one in found.cross.corpora] == [
        ("one", "cross--one", ("anger", "sadness")),
        ("other", "cross--other", ("anger", "sadness")),
    ]
    assert min(entry.figure.value for one in found.cross.corpora for entry in one.entries) > 0.8
    assert "anger=Angry+anger,sadness=sad+sadness" in found.cross.notes[0]
    assert "too few speakers" in league_tables.notes(found.own)[0]


def test_a_league_is_written_and_read_back(league, tmp_path):
    found, _ = league
    record.write(found, tmp_path)
    held = dict(bundle.read(tmp_path, record.RECORD).record)
    del held["files"]
    assert restored(League, held) == restored(League, json.loads(json.dumps(held)))
    assert restored(League, held).own.standing.pairs == found.own.standing.pairs
    text = (tmp_path / record.TEXT).read_text()
    assert "UAR of 2 competitors on 2 corpora, trained on all other corpora" in text
    assert "gemaps/logistic" in page.write(found, tmp_path).read_text()


def written(run: Path) -> int:
    return (run / "metrics.json").stat().st_mtime_ns


def test_finished_runs_are_not_made_again(league, tables, capfd):
    found, cache = league
    entries = [entry for part in (found.own, found.cross) for corpus_ in part.corpora for entry in corpus_.entries]
    before = {Path(entry.run, "metrics.json"): written(Path(entry.run)) for entry in entries}
    assert len(before) == 8
    again = played(tables, cache, "one", "emodb", "other")
    assert capfd.readouterr().out.count("(finished before)") == 8
    assert {path: written(path.parent) for path in before} == before
    assert again == found


def test_no_label_of_the_tested_corpus_reaches_its_models(league, tables, tmp_path):
    """The canary: other labels of the tested corpus change no prediction for it."""
    found, _ = league
    shutil.copytree(tables, tmp_path, dirs_exist_ok=True)
    text = (tmp_path / "other.csv").read_text()
    swapped = text.replace("sadness", "?").replace("anger", "sadness").replace("?", "anger")
    (tmp_path / "other.csv").write_text(swapped)
    poisoned = played(tmp_path, tmp_path / "cache", "one", "other", models=MODELS)
    for before, after in zip(found.cross.corpora[1].entries, poisoned.cross.corpora[1].entries, strict=True):
        old, new = (runs.read(Path(entry.run)).scores for entry in (before, after))
        assert (old.true != new.true).all()
        assert (old.predicted == new.predicted).all()
        assert old.values.tobytes() == new.values.tobytes()


def test_a_leak_fails_its_corpus_with_its_reason_and_the_others_go_on(league, tables):
    _, cache = league
    table(tables, "leaky", n_speakers=3)
    shutil.copy(tables / "leaky-wav" / "0-0.wav", tables / "leaky-wav" / "copy.wav")
    added(tables / "leaky.csv", "leaky-wav/copy.wav,s2,soft")  # one recording of two speakers
    found = played(tables, cache, "one", "leaky", cross=False)
    assert "copy" in found.own.corpora[1].entries[0].failed
    assert found.own.standing.corpora == ("one",)
    assert found.cross is None
    notes = league_tables.notes(found.own)
    assert any(note.startswith("gemaps/logistic has no figure on leaky: ") for note in notes)
    allowed = played(tables, cache, "leaky", cross=False, allow_leaks=True)
    assert "with leaks" in allowed.own.corpora[0].entries[0].mark


def test_corpora_without_common_classes_are_not_crossed(league, tables, capfd):
    _, cache = league
    table(tables, "own", labels=("soft", "loud"), n_speakers=2)
    assert played(tables, cache, "own", "one").cross is None
    assert "No training across corpora: these corpora do not share two classes (own: loud, soft; one: Angry, sad)" in (
        capfd.readouterr().out.replace("\n", " ")
    )


def test_no_corpus_at_hand_is_an_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AffexError, match="None of the corpora is at hand:\nemodb"):
        played(tmp_path, tmp_path / "cache", "emodb")


@pytest.mark.slow
def test_a_killed_league_goes_on(tables, tmp_path):
    told = ("--corpora", "one.csv other.csv", "--models", MODELS, "--cache", str(tmp_path / "cache"), "--no-cross")
    command = [sys.executable, "-m", "affex.pipeline.cli", "league", *told, "--scheduler", "inline"]
    with subprocess.Popen(command, cwd=tables, stdout=subprocess.PIPE, text=True) as first:
        line = next(line for line in first.stdout if line.startswith("one, "))
        first.send_signal(signal.SIGKILL)
    assert "finished before" not in line
    done = {path.parent: written(path.parent) for path in tmp_path.rglob("metrics.json")}
    assert 1 <= len(done) < 4
    second = subprocess.run(command, cwd=tables, capture_output=True, text=True, check=True)
    assert second.stdout.count("finished before") == len(done)
    assert {run: written(run) for run in done} == done
    assert len([*tmp_path.rglob("metrics.json")]) == 4
    assert (tmp_path / "cache" / "league.html").is_file()


def test_a_league_from_python(league, tables, tmp_path):
    found, cache = league
    paths = [tables / "one.csv", tables / "other.csv"]
    again = affex.league(paths, models=MODELS.split(), cross=False, cache=cache, scheduler="inline", out=tmp_path)
    assert list(again.figures.columns) == ["one", "other", "mean rank"]
    assert again.pairs.loc[0, "p"] == found.own.standing.pairs[0].p
    assert repr(again) in (tmp_path / record.TEXT).read_text()

"""Raters who are told apart: Dawid and Skene's model, the canary over it, how each rater answers, and random ones."""

import importlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from synthetic import EMOTIONS, changed, make_table
from test_cli import affex
from test_evaluate import BAYES, corrupted, evaluate, fitted_states, prepare
from test_experiment import table

from affex.pipeline.evaluation import dawid_skene, runs
from affex.pipeline.evaluation.dawid_skene import CLOSE, STRENGTH, fitted, soft_targets
from affex.pipeline.evaluation.named_votes import named_votes
from affex.pipeline.evaluation.settings import Plan, Settings
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.models import model_file
from affex.pipeline.pages import corpus as corpus_page
from affex.pipeline.publishing import methods
from affex.pipeline.statistics.description import Description
from affex.pipeline.statistics.raters import FEW, raters
from affex.pipeline.storage.records import restored
from affex.pipeline.storage.sealed import opened as unsealed
from affex.pipeline.streams.table import Table
from affex.pipeline.streams.votes import NamedVotes
from affex.pipeline.text.errors import AffexError, UsageError

MODEL = replace(BAYES, settings=Settings(soft="dawid-skene"))
BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "raters.py"


def votes_of(*rows: dict[str, str], classes: str = "ab") -> NamedVotes:
    """The votes of utterances: by rater, the letters of the labels that the rater chose."""
    utterances = [
        Utterance(str(n), "toy", "s", votes=tuple(tuple(given) for given in row.values()), raters=tuple(row))
        for n, row in enumerate(rows)
    ]
    found = named_votes(utterances, {}, tuple(classes))
    assert found is not None
    return found


@pytest.fixture(scope="module")
def made():
    """The maker of votes of the benchmark."""
    spec = importlib.util.spec_from_file_location("measured_raters", BENCHMARK)
    module = sys.modules["measured_raters"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# The matrix of votes


def test_votes_are_a_row_for_each_utterance_and_count_in_parts():
    found = votes_of({"x": "a", "y": "ab"}, {"y": "bz", "z": ""}, {})
    assert found.raters == ("x", "y", "z")
    assert found.given.toarray().tolist() == [[1, 0, 0.5, 0.5, 0, 0], [0, 0, 0, 0.5, 0, 0], [0] * 6]
    assert found.totals.tolist() == [[1.5, 0.5], [0, 0.5], [0, 0]]
    assert found.rated.tolist() == [True, True, False]
    assert (found.of_raters.tolist(), found.most_raters) == ([1, 1.5, 0], 2)
    assert found.take(np.array([1])).given.toarray().tolist() == [[0, 0, 0, 0.5, 0, 0]]


def test_a_name_is_one_person_within_a_corpus_and_votes_without_a_name_are_of_one_more():
    one = Utterance("1", "one", "s", votes=(("a",),), raters=("x",))
    other = Utterance("2", "other", "s", votes=(("b",), ("b",)), raters=("x", "y"))
    nameless = Utterance("3", "other", "s", votes=(("a",), ("b",)))
    assert named_votes([one, other, nameless], {}, ("a", "b")).raters == ("one:x", "other:x", "other:y", "")
    assert named_votes([nameless], {}, ("a", "b")) is None


# Dawid and Skene's model


def test_one_round_by_hand(monkeypatch):
    monkeypatch.setattr(dawid_skene, "MOST_ROUNDS", 1)
    found = fitted(votes_of({"x": "a", "y": "a"}, {"x": "a", "y": "b"}, {"x": "b", "y": "b"}))
    # It begins with the shares: a is 1, 1/2 and 0. All raters together: a is met with a in 2.5, with b in .5.
    typical = np.array([[3.5, 1.5], [1.5, 3.5]]) / 5
    x = np.array([[1.5, 0.0], [0.5, 1.0]]) + STRENGTH * typical  # x chose a where a was 1 and 1/2, b where it was 0
    y = np.array([[1.0, 0.5], [0.0, 1.5]]) + STRENGTH * typical
    tables = np.stack([one / one.sum(axis=1, keepdims=True) for one in (x, y)])
    assert found.tables == pytest.approx(tables)
    assert found.shares == pytest.approx([0.5, 0.5])
    joint = np.array([tables[0, :, 0] * tables[1, :, k] for k in (0, 1)] + [tables[0, :, 1] * tables[1, :, 1]]) / 2
    assert found.classes == pytest.approx(joint / joint.sum(axis=1, keepdims=True))
    priors = STRENGTH * (typical * np.log(tables)).sum() + 2 * np.log(0.5)
    assert found.objective == pytest.approx([np.log(joint.sum(axis=1)).sum() + priors])
    assert not found.converged


def test_a_vote_in_parts_is_the_probability_to_that_power(monkeypatch):
    monkeypatch.setattr(dawid_skene, "MOST_ROUNDS", 1)
    found = fitted(votes_of({"x": "ab", "y": "a"}, {"x": "b", "y": "b"}))
    joint = found.shares * np.sqrt(found.tables[0, :, 0] * found.tables[0, :, 1]) * found.tables[1, :, 0]
    assert found.classes[0] == pytest.approx(joint / joint.sum())


def test_unanimous_raters_are_believed_and_a_class_is_symmetric():
    found = fitted(votes_of(*[{"x": "a", "y": "a", "z": "a"}] * 20, *[{"x": "b", "y": "b", "z": "b"}] * 20))
    assert found.classes[:20, 0] == pytest.approx(1, abs=1e-3)
    assert found.classes[:, 0] == pytest.approx(found.classes[::-1, 1])
    assert found.converged


@pytest.mark.parametrize("seed", range(4))
def test_what_it_climbs_never_falls_and_it_ends(made, seed):
    votes, _, _ = made.made(made.Case(n_each=20), seed)
    found = fitted(votes)
    assert np.diff(found.objective).min() > -1e-9 * abs(found.objective[0])
    assert found.converged
    again = fitted(votes)
    assert found.classes.tobytes() == again.classes.tobytes()
    tables, shares = dawid_skene._maximised(
        votes.given,
        found.classes,
        dawid_skene._typical(votes.totals / votes.totals.sum(axis=1, keepdims=True), votes.totals),
    )
    assert np.abs(dawid_skene._expected(votes.given, tables, shares)[0] - found.classes).max() < CLOSE


def test_it_knows_better_than_the_majority_who_is_right(made):
    better = []
    for seed in range(5):
        votes, classes, _ = made.made(made.Case(random=0.3), seed)
        right = fitted(votes).classes.argmax(axis=1) == classes
        better.append(right.mean() - (votes.totals.argmax(axis=1) == classes).mean())
    assert np.mean(better) > 0.02


def test_a_contrary_rater_is_understood():
    """One rater says b for a and a for b: two right ones and this one then agree."""
    rows = [{"x": c, "y": c, "z": "ba"["ab".index(c)]} for c in "ab" * 30]
    found = fitted(votes_of(*rows, {"x": "a", "z": "b"}, {"z": "b"}))
    assert found.tables[2, 0, 1] > 0.6
    assert found.classes[-1, 0] > 0.6


def test_a_rater_of_few_votes_is_held_near_the_typical_one():
    rows = [{"x": c, "y": c} for c in "ab" * 30]
    found = fitted(votes_of(*rows, {"x": "a", "y": "a", "new": "b"}))
    assert found.tables[2, 0, 0] > 0.85


# In the folds


def rated(matrix: Table, seed: int = 0, accuracy: float = 0.8) -> Table:
    """Return the matrix with the votes of four named raters, who are right so often."""
    rng = np.random.default_rng(seed)
    own = []
    for utterance in matrix.utterances:
        votes = tuple((utterance.label if rng.random() < accuracy else EMOTIONS[rng.integers(4)],) for _ in range(4))
        own.append(replace(utterance, votes=votes, raters=("r1", "r2", "r3", "r4")))
    return replace(matrix, utterances=tuple(own))


def other_votes(matrix: Table, speaker: str) -> Table:
    """Return the matrix with other votes, and other raters, on a speaker's utterances."""
    own = [
        replace(u, votes=(("joy",), ("anger",)), raters=("r2", "stranger")) if u.speaker == speaker else u
        for u in matrix.utterances
    ]
    return replace(matrix, utterances=tuple(own))


@pytest.mark.parametrize("plan", [MODEL, replace(MODEL, settings=Settings(soft=True))], ids=["model", "shares"])
def test_the_votes_on_the_tested_speaker_leave_no_trace_in_what_was_fitted(plan: Plan):
    matrix = rated(make_table(n_speakers=4))
    state = fitted_states(matrix, plan, "02")
    assert state == fitted_states(other_votes(matrix, "02"), plan, "02")
    assert state == fitted_states(corrupted(matrix, "02"), plan, "02")
    assert state != fitted_states(other_votes(matrix, "03"), plan, "02")


def test_the_canary_dies_when_the_raters_are_learned_from_all_votes(monkeypatch):
    def leaky(examples, train):
        return soft_targets(examples, np.arange(len(examples.y)))

    monkeypatch.setattr("affex.pipeline.evaluation.evaluate.soft_targets", leaky)
    matrix = rated(make_table(n_speakers=4))
    assert fitted_states(matrix, MODEL, "02") != fitted_states(other_votes(matrix, "02"), MODEL, "02")


def test_the_votes_on_the_tested_speaker_change_no_score_of_inner_models_either():
    matrix = rated(make_table(n_speakers=4))
    one, other = (evaluate(m, MODEL, inner=True) for m in (matrix, other_votes(matrix, "02")))
    fold = one.scores.folds == "02"
    assert one.scores.values[fold].tobytes() == other.scores.values[fold].tobytes()
    assert one.inner[2].values.tobytes() == other.inner[2].values.tobytes()


def test_targets_are_the_models_and_the_label_where_nobody_voted():
    matrix = rated(make_table(n_speakers=3))
    silent = replace(matrix.utterances[20], votes=(), raters=())
    matrix = replace(matrix, utterances=(*matrix.utterances[:20], silent, *matrix.utterances[21:]))
    task = prepare(matrix, MODEL)
    train = task.folds[0].train
    found = soft_targets(task.examples, train)
    voted = train[train != 20]
    model = fitted(task.examples.votes.take(train)).classes[train != 20]
    assert found.shares[voted] == pytest.approx(model, abs=4e-3)
    assert found.shares[voted].sum(axis=1) == pytest.approx(1)
    assert (found.shares[voted][model < 1e-3] == 0).all()
    assert (model < 1e-3).any()
    assert found.shares[20].tolist() == [float(name == silent.label) for name in task.examples.classes]
    assert found.shares[task.folds[0].test].sum() == 0
    assert "the model of raters knows 4 raters, 47 votes each (median)" in task.notes
    assert "1 of 48 utterances have no vote for a class: they count for their label" in task.notes


def test_a_random_rater_harms_the_shares_and_not_the_model():
    matrix = make_table(n_speakers=6, n_each=6, class_shift=1.5)
    rng = np.random.default_rng(0)
    own = []
    for u in rated(matrix, accuracy=0.9).utterances:
        noise = tuple((EMOTIONS[rng.integers(4)],) for _ in range(5))
        own.append(replace(u, votes=(*u.votes, *noise), raters=(*u.raters, *(f"noise{n}" for n in range(5)))))
    matrix = replace(matrix, utterances=tuple(own))
    loss = {}
    for name, plan in (("model", MODEL), ("shares", replace(MODEL, settings=Settings(soft=True)))):
        task = prepare(matrix, plan)
        fold = task.folds[0]
        targets = soft_targets(task.examples, fold.train).shares[fold.train]
        y = [task.examples.classes.index(name) for name in task.examples.y[fold.train]]
        loss[name] = -np.log(targets[np.arange(len(y)), y]).mean()
    assert loss["model"] < 0.5 * loss["shares"]


def test_votes_without_names_are_refused_and_say_why():
    matrix = rated(make_table(n_speakers=3))
    nameless = replace(matrix, utterances=tuple(replace(u, raters=()) for u in matrix.utterances))
    with pytest.raises(
        AffexError, match=r"SOFT=dawid-skene learns how far each rater .* no vote here says who gave it"
    ):
        evaluate(nameless, MODEL)
    alone = [replace(u, votes=u.votes[:1], raters=u.raters[:1]) for u in matrix.utterances]
    with pytest.raises(AffexError, match="no utterance here has votes of 2 raters"):
        evaluate(replace(matrix, utterances=tuple(alone)), MODEL)
    with pytest.raises(AffexError, match="SOFT=dawid-skene learns from raters' votes, and no utterance here has any"):
        evaluate(make_table(), MODEL)
    with pytest.raises(UsageError, match='soft = "mace": expected true, false or "dawid-skene"'):
        Settings(soft="mace")


def test_the_model_is_named_in_the_runs_name_and_record():
    about = evaluate(rated(make_table(n_speakers=3)), MODEL).about
    assert about.model[-1] == "dawid-skene"
    assert about.settings.soft == "dawid-skene"


def test_from_a_table_with_names_to_a_run_a_model_and_a_page(tmp_path):
    def votes(s: int, k: int) -> str:
        right = "loud" if k % 2 else "soft"
        return f"{right};{right};{'soft' if (s + k // 2) % 2 else 'loud'}"

    path = table(tmp_path, votes=votes, raters=lambda *_: "anna;bob;dice")
    options = ("--dataset", "csv", "--data", str(path), "--cache", str(tmp_path / "cache"), "--scheduler", "inline")
    model = (*options, "--features", "gemaps", "--classifier", "logistic", "--soft", "dawid-skene")
    told = affex("evaluate", *model, "--out", str(tmp_path / "run"))
    assert told.returncode == 0, told.stdout + told.stderr
    assert "the model of raters knows 3 raters, 16 votes each (median)" in told.stdout
    summary = runs.read(tmp_path / "run").summary
    assert summary.about.settings.soft == "dawid-skene"
    assert 'soft = "dawid-skene"' in (tmp_path / "run" / runs.SETTINGS).read_text()
    assert "as a model of the raters has it (Dawid and Skene, 1979), fitted in each fold" in methods.paragraph(summary)
    assert affex("fit", *model, "--model", str(tmp_path / "m.affex")).returncode == 0
    assert model_file.read(tmp_path / "m.affex").plan.settings.soft == "dawid-skene"
    told = affex("describe", *options, "--features", "")
    assert "1 of 3 raters looks random (dice)" in told.stdout
    found = restored(Description, unsealed((tmp_path / "cache" / "mine" / corpus_page.RECORD).read_text()))
    assert found.raters.raters[0].name == "dice"
    assert found.raters.raters[0].agreement.value == 0.5
    assert "Each rater" in (tmp_path / "cache" / "mine" / corpus_page.PAGE).read_text()


def test_no_other_model_of_raters_is_known():
    told = affex("evaluate", "--soft", "mace")
    assert "'mace' is neither 1, 0 nor dawid-skene" in told.stderr


# How each rater answers


def test_agreement_confusion_and_bias_by_hand():
    rows = [{"x": "a", "y": "a", "z": "b"}] * 6 + [{"x": "b", "y": "b", "z": "b"}] * 4 + [{"x": "a"}]
    found = raters(votes_of(*rows), ("a", "b"))
    one = {rater.name: rater for rater in found.raters}
    # To z, x and y always agree; to x, the others are tied in the first six.
    assert one["z"].confusion == ((0, 6), (0, 4))
    assert (one["z"].agreement.value, one["z"].agreement.n) == (0.4, 10)
    assert one["z"].chance == pytest.approx(0.6 * 0 + 0.4 * 1)
    assert one["z"].bias == pytest.approx((-0.6, 0.6))
    assert one["x"].confusion == ((0, 0), (0, 4))
    assert (one["x"].agreement.n, one["x"].n_votes) == (4, 10)  # a vote beside nobody's is none
    assert one["x"].bias == pytest.approx((0.3, -0.3))


def test_who_gave_few_votes_is_not_judged():
    rows = [{"x": c, "y": c, "z": c} for c in "ab" * 10]
    found = raters(votes_of(*rows, *[{"x": "a", "y": "a", "new": "b"}] * (FEW - 1)), ("a", "b"))
    assert [(one.name, one.follows is None, one.looks_random) for one in found.raters][-1] == ("new", True, False)
    assert found.random == ()
    assert raters(votes_of(*rows[:1]), ("a", "b")).raters[0].follows is None
    assert raters(None, ("a", "b")) is None
    assert raters(votes_of({"x": "a"}, {"y": "b"}), ("a", "b")) is None


def test_honest_raters_do_not_look_random_however_many_there_are(made):
    case = made.Case(n_raters=600, n_each=30, n_beside=8, n_classes=6)
    votes, _, random = made.made(replace(case, random=0.0), 0)  # one is random at the least
    found = raters(votes, tuple("012345"))
    assert sum(not random[votes.raters.index(one.name)] for one in found.random) <= 3


@pytest.mark.parametrize(
    "case",
    [
        {"n_each": 30},
        {"n_each": 50, "n_beside": 3},
        {"n_each": 50, "random": 0.3},
        {"n_raters": 300, "n_each": 20, "n_beside": 8, "n_classes": 6},
    ],
    ids=str,
)
def test_planted_random_raters_are_found(made, case):
    """Recall .9 at precision .8, of uniform raters, of those with preferences, and of those with one answer."""
    recall, precision, *_ = made.measured(made.Case(**case), range(8 if case.get("n_raters", 60) == 60 else 2))
    assert recall >= 0.9
    assert precision >= 0.8


@pytest.mark.slow
def test_planted_random_raters_are_found_over_more_seeds(made):
    for case in ({"n_each": 30}, {"n_each": 50}, {"n_each": 100}, {"n_each": 100, "right": 0.5}):
        recall, precision, *_ = made.measured(made.Case(**case), range(20, 60))
        assert recall >= 0.9, case
        assert precision >= 0.8, case


def test_a_rater_who_knows_one_class_only_is_not_random():
    rng = np.random.default_rng(0)
    labels = rng.choice(list("abcd"), 200)
    rows = [{**{f"r{n}": c if rng.random() < 0.8 else rng.choice(list("abcd")) for n in range(4)}} for c in labels]
    half = [{**row, "half": c if c in "ab" else rng.choice(list("cd"))} for row, c in zip(rows, labels, strict=True)]
    assert raters(votes_of(*half, classes="abcd"), tuple("abcd")).random == ()


def test_no_vote_at_all_is_no_model():
    with pytest.raises(ValueError, match="no vote"):
        fitted(NamedVotes(csr_matrix((2, 4)), ("x", "y"), 2))


def test_votes_do_not_change_what_the_rows_say():
    matrix = make_table(n_speakers=3)
    assert (
        evaluate(rated(matrix), BAYES).scores.values.tobytes()
        == evaluate(changed(matrix), BAYES).scores.values.tobytes()
    )

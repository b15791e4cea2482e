"""Fusion: every rule by hand, nothing of those tested in what a rule has learned, and what cannot be fused."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import softmax
from synthetic import EMOTIONS, Bayes, changed, make_table, relabelled, with_values

from affex.pipeline.corpora.base import Protocol
from affex.pipeline.evaluation import metrics, runs, training_limits
from affex.pipeline.evaluation.evaluate import evaluate
from affex.pipeline.evaluation.figures import confusion_of
from affex.pipeline.evaluation.runs import Run
from affex.pipeline.evaluation.settings import Plan, Settings
from affex.pipeline.evaluation.summary import summarise
from affex.pipeline.fusion import fusion, probabilities, rules
from affex.pipeline.fusion.aligned_scores import AlignedScores
from affex.pipeline.fusion.registry import CLASS_RULES, VALUE_RULES
from affex.pipeline.reporting import report
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.specs.fusions import OF_DIALOGS
from affex.pipeline.streams.table import Table
from affex.pipeline.text.errors import AffexError, UsageError

A, B = (Plan(corpus="toy", features=(name,), classifier=Bayes(), keys=(f"key-{name}",)) for name in ("face", "voice"))
#: The rule of a network takes longer: tests/test_dialog_fusion.py has what is shown of it.
QUICK = [name for name in CLASS_RULES if name != "lstm"]
LEARN = [name for name in QUICK if CLASS_RULES[name].learns]


def aligned(
    values: Sequence[Sequence[Sequence[float]]],
    true: Sequence[str] = (),
    decided: Sequence[Sequence[str]] = (),
    classes: Sequence[str] = ("a", "b"),
) -> AlignedScores:
    """Return a panel of members' probabilities, ``[member][utterance][class]``; None for one that is lacking."""
    output = [[row or [np.nan] * len(classes) for row in member] for member in values]
    array = np.array(output, dtype=np.float64)
    present = ~np.isnan(array).any(axis=2)
    n = array.shape[1]
    most = np.array(list(classes))[np.nan_to_num(array).argmax(axis=2)]
    return AlignedScores(
        ids=np.array([f"u{i}" for i in range(n)]),
        clusters=np.array([f"s{i % 3}" for i in range(n)]),
        folds=np.full(n, "f"),
        true=np.array(true or [classes[0]] * n),
        classes=tuple(classes),
        present=present,
        predicted=np.array(decided) if decided else most,
        values=array,
        dialogs=np.array([f"d{i % 3}" for i in range(n)]),
        turns=np.arange(n),
    )


def values_panel(output: Sequence[Sequence[float]], true: Sequence[float]) -> AlignedScores:
    array, n = np.array(output, dtype=np.float64), len(true)
    ids = np.array([f"u{i}" for i in range(n)])
    empty = np.empty((*array.shape, 0))
    return AlignedScores(ids, ids, np.full(n, "f"), np.array(true), (), ~np.isnan(array), array, empty)


# Rules by hand


def test_mean():
    two = aligned([[[0.9, 0.1], [0.4, 0.6]], [[0.2, 0.8], [0.3, 0.7]]])
    output = rules.Mean.fit(two).apply(two)
    assert output.values == pytest.approx(np.array([[0.55, 0.45], [0.35, 0.65]]))
    assert output.predicted.tolist() == ["a", "b"]


def test_product():
    two = aligned([[[0.9, 0.1]], [[0.2, 0.8]]])
    output = rules.Product.fit(two).apply(two)
    assert output.values == pytest.approx(np.array([[0.18 / 0.26, 0.08 / 0.26]]))
    assert output.predicted.tolist() == ["a"]


def test_a_zero_in_a_product_is_no_veto_and_two_zeros_are_no_nan():
    two = aligned([[[1, 0], [1, 0]], [[1e-20, 1 - 1e-20], [0, 1]]])
    assert rules.Product().apply(two).values == pytest.approx(np.array([[0.5, 0.5], [0.5, 0.5]]))
    three = aligned([[[1, 0, 0]], [[0, 1, 0]], [[0, 0.9, 0.1]]], classes="abc")
    assert rules.Product().apply(three).values == pytest.approx(np.array([[0, 1, 0]]), abs=1e-12)


def test_vote_counts_decisions_not_scores():
    three = aligned([[[0.9, 0.1]], [[0.9, 0.1]], [[0.9, 0.1]]], decided=[["b"], ["b"], ["a"]])
    output = rules.Vote().apply(three)
    assert output.values == pytest.approx(np.array([[1 / 3, 2 / 3]]))
    assert output.predicted.tolist() == ["b"]


def test_a_tied_vote_goes_to_the_larger_mean_among_those_tied():
    output = rules.Vote().apply(
        aligned([[[0.35, 0.25, 0.4]], [[0.1, 0.5, 0.4]]], decided=[["a"], ["b"]], classes="abc")
    )  # c has the largest mean, and no vote
    assert output.values == pytest.approx(np.array([[0.5, 0.5, 0]]))
    assert output.predicted.tolist() == ["b"]


def test_a_tied_ordered_vote_goes_to_the_member_that_was_named_first():
    output = fusion.OrderedVote().apply(
        aligned(
            [[[0.1, 0.9]] * 3, [[0.1, 0.9]] * 3, [[0.1, 0.9]] * 3, [[0.1, 0.9]] * 3],
            decided=[["a", "b", "b"], ["b", "a", "a"], ["b", "b", "a"], ["a", "b", "b"]],
        )
    )
    assert output.predicted.tolist() == ["a", "b", "b"]
    assert output.values == pytest.approx(np.array([[0.5, 0.5], [0.25, 0.75], [0.5, 0.5]]))


def test_the_temperature_of_a_member_that_is_too_sure():
    """Right in 3 of 4 and always 99 % sure: calibrated it is 75 % sure, ``(1/99)^(1/T) = 1/3``."""
    values = np.array([[0.99, 0.01], [0.99, 0.01], [0.99, 0.01], [0.99, 0.01]] * 2)
    values[4:] = values[4:, ::-1]
    place = np.array([0, 0, 0, 1, 1, 1, 1, 0])
    assert probabilities.temperature(values, place) == pytest.approx(np.log(99) / np.log(3), rel=1e-5)


def test_the_temperature_weighs_classes_alike():
    """9 utterances of a, 1 of b: 8/9 of a and 0 of b right are 4/9 in the balance, so nothing is believed."""
    values = np.array([[0.9, 0.1]] * 8 + [[0.1, 0.9]] + [[0.9, 0.1]])
    place = np.array([0] * 9 + [1])
    assert probabilities.temperature(values, place) == pytest.approx(probabilities.TEMPERATURES[1], rel=1e-3)
    assert probabilities.temperature(values[:9], place[:9]) == pytest.approx(np.log(9) / np.log(8), rel=1e-5)


def test_a_member_that_is_always_right_is_taken_at_its_word():
    values = np.array([[0.6, 0.4], [0.4, 0.6]])
    assert probabilities.temperature(values, np.array([0, 1])) == pytest.approx(probabilities.TEMPERATURES[0], rel=1e-3)


def test_mixture_weights_by_hand():
    """Half the time one gives .8 and the other .2, else .4 and .6: ``w = 1/2`` where ``.6/(.2+.6w) = .2/(.6-.2w)``."""
    given, weight = np.array([[0.8, 0.4], [0.2, 0.6]]), np.array([0.5, 0.5])
    assert probabilities.mixture_weights(given, weight) == pytest.approx([1, 0], abs=1e-6)
    given = np.array([[0.8, 0.1], [0.2, 0.9]])
    # d/dw: .6/(.2+.6w) = .8/(.9-.8w)
    w = (0.6 * 0.9 - 0.8 * 0.2) / (2 * 0.6 * 0.8)
    assert probabilities.mixture_weights(given, weight) == pytest.approx([w, 1 - w], abs=1e-6)


def test_mixture_weights_are_those_of_most_likelihood():
    rng = np.random.default_rng(0)
    given, weight = rng.uniform(size=(3, 200)), rng.dirichlet(np.ones(200))
    weight[:50] = 0
    found = probabilities.mixture_weights(given, weight / weight.sum())
    best = minimize(lambda z: -(weight * np.log(softmax(z) @ given)).sum(), np.zeros(3), method="BFGS")
    assert found == pytest.approx(softmax(best.x), abs=1e-4)
    assert found.sum() == pytest.approx(1, abs=1e-15)


def test_mixture():
    two = aligned([[[0.9, 0.1], [0.4, 0.6]], [[0.2, 0.8], [0.3, 0.7]]])
    rule = rules.Mixture(np.array([0.75, 0.25]), np.array([1.0, 0.5]))
    squares = [0.04 / 0.68, 0.64 / 0.68], [0.09 / 0.58, 0.49 / 0.58]
    expected = 0.75 * np.array([[0.9, 0.1], [0.4, 0.6]]) + 0.25 * np.array(squares)
    output = rule.apply(two)
    assert output.values == pytest.approx(expected)
    assert output.predicted.tolist() == ["a", "b"]


def test_a_mixture_learns_whom_to_trust_and_how_far():
    rng = np.random.default_rng(0)
    true = np.arange(400) % 2
    sure = np.where(rng.random(400) < 0.9, 1, -1) * (2 * true - 1) * 6.0  # right in 90 %, says 99.8 %
    none = rng.normal(size=400)  # knows nothing
    logits = np.stack([np.stack([-one, one], axis=1) / 2 for one in (sure, none)])
    inner = aligned(softmax(logits, axis=2).tolist(), ["ab"[k] for k in true])
    rule = rules.Mixture.fit(inner)
    wrong = np.mean(np.sign(sure) != 2 * true - 1)
    assert rule.temperatures[0] == pytest.approx(6 / np.log((1 - wrong) / wrong), rel=1e-2)
    assert rule.temperatures[1] > 3
    assert rule.weights[0] > 0.98
    assert rule.best_params == {"weights": rule.weights, "temperatures": rule.temperatures}


def test_accuracies_weigh_the_mean():
    inner = aligned(
        [[[1, 0]] * 4, [[0, 1]] * 4, [[0, 1], None, None, [1, 0]]],
        true=["a", "a", "b", "a"],
        decided=[["a", "a", "a", "a"], ["b", "b", "b", "b"], ["b", "", "", "a"]],
    )
    rule = rules.AccuracyWeighted.fit(inner)
    assert rule.accuracies.tolist() == [3 / 4, 1 / 4, 1 / 2]
    output = rule.apply(aligned([[[0.2, 0.8]], [[0.9, 0.1]], [[0.6, 0.4]]]))
    of_a = (0.75 * 0.2 + 0.25 * 0.9 + 0.5 * 0.6) / 1.5
    assert output.values == pytest.approx(np.array([[of_a, 1 - of_a]]))
    assert output.predicted.tolist() == ["b"]
    assert rule.best_params == {"accuracies": rule.accuracies}


def test_equal_accuracies_give_the_mean_and_so_do_none():
    members = aligned([[[0.9, 0.1], [0.4, 0.6]], [[0.2, 0.8], [0.3, 0.7]]])
    for accuracies in ([0.6, 0.6], [0, 0]):
        output = rules.AccuracyWeighted(np.array(accuracies, float)).apply(members)
        assert output.values == pytest.approx(rules.Mean().apply(members).values)


def test_bayes():
    inner = aligned(
        [[[1, 0]] * 5, [[0, 1]] * 5],
        true=["a", "a", "b", "a", "b"],
        decided=[["a", "a", "a", "b", "b"], ["b", "b", "b", "b", "b"]],
    )
    rule = rules.ErrorWeighted.fit(inner)
    # One more of each: of 3 decisions on a 2 were right, of 2 on b 1; the other never decided on a.
    meaning = [[[3 / 5, 2 / 4], [2 / 5, 2 / 4]], [[1 / 2, 4 / 7], [1 / 2, 3 / 7]]]
    assert rule.meaning == pytest.approx(np.array(meaning))
    assert rule.best_params["precisions"] == pytest.approx(np.array([[3 / 5, 2 / 4], [1 / 2, 3 / 7]]))
    output = rule.apply(aligned([[[0.7, 0.3]], [[0.1, 0.9]]]))
    of_a = (0.7 * 3 / 5 + 0.3 / 2 + 0.1 / 2 + 0.9 * 4 / 7) / 2
    assert output.values == pytest.approx(np.array([[of_a, 1 - of_a]]))
    assert output.predicted.tolist() == ["a"]


def test_bayes_understands_a_member_that_always_says_the_opposite():
    inner = aligned([[[0.1, 0.9]] * 10 + [[0.9, 0.1]] * 10], true=["a"] * 10 + ["b"] * 10)
    assert rules.ErrorWeighted.fit(inner).apply(inner).predicted.tolist() == inner.true.tolist()


def test_the_svm_is_one_on_all_probabilities_side_by_side():
    from affex.classifiers.estimators.svm import RBFMachine

    rng = np.random.default_rng(0)
    true = np.arange(60) % 3
    logits = rng.normal(size=(2, 60, 3)) + 2 * np.eye(3)[true]
    inner = aligned(softmax(logits, axis=2).tolist(), ["abd"[k] for k in true], classes="abd")
    inner = replace(inner, classes=("a", "b", "c", "d"), values=np.insert(inner.values, 2, 0, axis=2))
    rule = rules.Stacked.fit(inner)
    X = np.concatenate(list(inner.values), axis=1)
    by_hand = RBFMachine().fit(X, inner.true, groups=inner.clusters)
    output = rule.apply(inner)
    assert output.predicted.tolist() == by_hand.predict(X).tolist()
    assert output.values[:, [0, 1, 3]] == pytest.approx(by_hand.predict_proba(X))
    assert (output.values[:, 2] == 0).all()  # never learned
    assert rule.best_params == by_hand.best_params_


def test_the_mean_of_values():
    two = values_panel([[1, 4], [3, np.nan]], [0, 0])
    assert rules.MeanValue().apply(two).predicted.tolist() == [2, 4]
    assert rules.MeanValue().apply(two).values.shape == (2, 0)


def test_a_combination_of_values_by_hand():
    """One member goes along with the target exactly but for level and spread, the other is against it."""
    true = np.array([1.0, 2, 3, 6])
    rule = rules.Combination.fit(values_panel([10 + 0.5 * true, -true], true))
    assert rule.weights == pytest.approx([2, 0])
    assert rule.apply(values_panel([[10.5, 13], [0, 0]], [0, 0])).predicted == pytest.approx([1, 6])
    assert rule.best_params == {"weights": pytest.approx([2, 0]), "mean": 3}


def test_no_other_combination_has_a_larger_ccc():
    rng = np.random.default_rng(0)
    true = rng.normal(3, 2, size=80)
    output = np.stack([0.2 * true + rng.normal(size=80), true + rng.normal(0, 3, size=80), rng.normal(size=80)])
    inner = values_panel(output, true)
    found = metrics.ccc(true, rules.Combination.fit(inner).apply(inner).predicted)

    def loss(parameters):
        return -metrics.ccc(true, parameters[0] + parameters[1:] @ output)

    best = minimize(loss, [0, 0.1, 0.1, 0.1], bounds=[(None, None), (0, None), (0, None), (0, None)], tol=1e-12)
    assert found == pytest.approx(-best.fun, abs=1e-6)


def test_values_that_nobody_foretells_are_their_mean():
    rule = rules.Combination.fit(values_panel([[3, 2, 1], [5, 5, 5]], [1, 2, 3]))
    assert rule.weights.tolist() == [0, 0]
    assert rule.apply(values_panel([[9], [9]], [0])).predicted.tolist() == [2]


# A member that lacks an utterance


@pytest.mark.parametrize("name", QUICK)
def test_an_utterance_that_one_member_lacks_is_the_others_to_say(name):
    rng = np.random.default_rng(0)
    true = np.arange(30) % 2
    values = softmax(rng.normal(size=(2, 30, 2)) + 2 * np.eye(2)[true], axis=2).tolist()
    values[0][4] = None
    inner = aligned(values, ["ab"[k] for k in true])
    rule = CLASS_RULES[name].fit(inner)
    output = rule.apply(aligned([[None, [0.9, 0.1]], [[0.2, 0.8], None]]))
    assert output.predicted.tolist() == ["b", "a"]
    assert np.isfinite(output.values).all()
    assert output.values.sum(axis=1) == pytest.approx(1)
    if name in ("mean", "product"):
        assert output.values == pytest.approx(np.array([[0.2, 0.8], [0.9, 0.1]]))


def test_whoever_is_trusted_with_nothing_speaks_where_nobody_else_does():
    rule = rules.Mixture(np.array([1.0, 0.0]), np.ones(2))
    assert rule.apply(aligned([[None], [[0.2, 0.8]]])).values == pytest.approx(np.array([[0.2, 0.8]]))


def test_a_value_that_a_member_lacks_is_its_mean():
    rule = rules.Combination(2.0, np.array([1.0, 3.0]), np.array([5.0, 7.0]))
    assert rule.apply(values_panel([[6], [np.nan]], [0])).predicted.tolist() == [3]


@pytest.mark.parametrize("kind", [rules.Mixture, rules.Combination])
def test_members_that_never_spoke_of_the_same_cannot_be_weighed(kind):
    apart = values_panel([[1, np.nan], [np.nan, 1]], [0, 1])
    if kind is rules.Mixture:
        apart = aligned([[[1, 0], None], [None, [1, 0]]])
    with pytest.raises(ValueError, match="no training utterance has scores of all members"):
        kind.fit(apart)


# Runs, from evaluation to fusion


def toy(columns: slice = slice(None), **settings) -> Table:
    """Return four speakers' utterances, of their columns only some."""
    matrix = in_dialogs(make_table(n_speakers=4, n_columns=6, **settings))
    return changed(matrix, X=matrix.X[:, columns], columns=matrix.columns[columns])


FACE, VOICE = slice(0, 3), slice(3, 6)


def in_dialogs(matrix: Table) -> Table:
    """Return the matrix with two dialogs a speaker, whose turns alternate."""
    turns = (
        replace(u, session=u.speaker, dialog=f"d{n % 2}", dialog_start=float(n))
        for n, u in enumerate(matrix.utterances)
    )
    return replace(matrix, utterances=tuple(turns))


def corrupted(matrix: Table, speaker: str) -> Table:
    """Return the matrix with a speaker's rows, labels and values turned to nonsense."""
    own = matrix.speakers == speaker
    labels = [EMOTIONS[(EMOTIONS.index(u.label) + o) % 4] for u, o in zip(matrix.utterances, own, strict=True)]
    matrix = relabelled(changed(matrix, X=np.where(own[:, None], 7 - 1000 * matrix.X, matrix.X)), labels)
    pairs = zip(matrix.utterances, own, strict=True)
    utterances = (replace(u, valence=u.valence and (40 if o else 1) * u.valence) for u, o in pairs)
    return replace(matrix, utterances=tuple(utterances))


@pytest.fixture(scope="module", autouse=True)
def _no_pictures():
    """Pictures take most of the time of writing a run, and no fusion looks at them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report.pictures, "of_result", lambda result, found: {})
        yield


def made(matrix: Table, settings: Plan, folder: Path, *, inner: bool = True, **changes) -> Run:
    """Evaluate, write the run's files, and read them."""
    result = replace(evaluate(matrix, settings, inner=inner), **changes)
    folder = folder / report.run_name(result.about)
    report.write(result, folder, f"basis of {folder.name}")
    return runs.read(folder)


def pair(folder: Path, change=lambda matrix: matrix, protocol: Protocol | None = None, **settings) -> list[Run]:
    """Return the runs of two members, one on the first columns and one on the last."""
    matrix = change(with_values(toy(**settings)))
    parts = [changed(matrix, X=matrix.X[:, own], columns=matrix.columns[own]) for own in (FACE, VOICE)]
    return [
        made(part, replace(member, protocol=protocol or member.protocol), folder)
        for part, member in zip(parts, (A, B), strict=True)
    ]


VALENCE = Protocol("loso", target="valence")


@pytest.fixture(scope="module")
def members(tmp_path_factory) -> list[Run]:
    return pair(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def valued(tmp_path_factory) -> list[Run]:
    return pair(tmp_path_factory.mktemp("values"), protocol=VALENCE)


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory) -> list[Run]:
    return pair(tmp_path_factory.mktemp("spoilt"), lambda matrix: corrupted(matrix, "02"))


@pytest.fixture(scope="module")
def spoilt_values(tmp_path_factory) -> list[Run]:
    return pair(tmp_path_factory.mktemp("spoilt-values"), lambda matrix: corrupted(matrix, "02"), protocol=VALENCE)


def states(members: Sequence[Run], rule: str) -> dict[str, str]:
    """What a rule has learned in each fold, to the bit."""
    return {fold: joblib.hash(one) for fold, one in fusion.learned(members, rule).items()}


@pytest.mark.parametrize("rule", LEARN)
def test_the_tested_speaker_leaves_no_trace_in_what_a_fusion_learned(rule, members, spoilt):
    before, after = states(members, rule), states(spoilt, rule)
    assert before["02"] == after["02"]
    assert all(before[fold] != after[fold] for fold in ("00", "01", "03"))


@pytest.mark.parametrize("rule", [name for name, kind in VALUE_RULES.items() if kind.learns])
def test_the_tested_speaker_leaves_no_trace_in_what_a_fusion_of_values_learned(rule, valued, spoilt_values):
    before, after = states(valued, rule), states(spoilt_values, rule)
    assert before["02"] == after["02"]
    assert all(before[fold] != after[fold] for fold in ("00", "01", "03"))


def test_the_canary_dies_where_a_fusion_learns_from_those_tested(members, spoilt, monkeypatch):
    monkeypatch.setattr(fusion, "_inner", lambda member, fold: member.scores)
    monkeypatch.setattr(fusion, "_require_apart", lambda inner, aligned: None)
    assert states(members, "weights")["02"] != states(spoilt, "weights")["02"]


@pytest.mark.parametrize("rule", [name for name in LEARN if name not in OF_DIALOGS])
def test_a_fold_is_what_one_gets_by_hand(rule, members):
    (inner,) = ([one.inner[2] for one in members],)
    shared = {"clusters": inner[0].clusters, "folds": inner[0].folds, "true": inner[0].true, "ids": inner[0].ids}
    stacked = {name: np.stack([getattr(one, name) for one in inner]) for name in ("predicted", "values")}
    by_hand = CLASS_RULES[rule].fit(
        AlignedScores(**shared, **stacked, classes=EMOTIONS, present=np.ones((2, len(inner[0])), dtype=bool))
    )
    own = members[0].scores.folds == "02"
    assert set(inner[0].clusters) == {"00", "01", "03"}
    tested = AlignedScores(
        **{name: getattr(members[0].scores, name)[own] for name in ("ids", "clusters", "folds", "true")},
        **{name: np.stack([getattr(one.scores, name)[own] for one in members]) for name in ("predicted", "values")},
        classes=EMOTIONS,
        present=np.ones((2, own.sum()), dtype=bool),
    )
    fused = fusion.late(members, rule).scores
    assert fused.predicted[own].tolist() == by_hand.apply(tested).predicted.tolist()
    assert fused.values[own] == pytest.approx(by_hand.apply(tested).values, abs=1e-6)


@pytest.mark.parametrize("rule", QUICK)
def test_a_fused_run_has_its_members_utterances_in_their_order(rule, members):
    result = fusion.late(members, rule)
    for name in ("ids", "clusters", "folds", "true"):
        assert getattr(result.scores, name).tolist() == getattr(members[0].scores, name).tolist()
    assert result.scores.classes == EMOTIONS
    assert result.scores.values.sum(axis=1) == pytest.approx(1)
    assert result.folds_hash == members[0].summary.folds_hash
    assert [(f.name, f.n_train, f.n_test) for f in result.folds] == [(f"0{i}", 48, 16) for i in range(4)]
    assert all(bool(fold.best_params) == (rule in LEARN) for fold in result.folds)


@pytest.mark.parametrize("rule", VALUE_RULES)
def test_values_are_fused(rule, valued):
    result = fusion.late(valued, rule)
    assert result.scores.values.shape == (64, 0)
    assert result.scores.true.dtype == result.scores.predicted.dtype == np.float64
    assert metrics.ccc(result.scores.true, result.scores.predicted) > 0.5


@pytest.mark.parametrize("rule", QUICK)
def test_the_same_members_give_the_same_bytes(rule, members, tmp_path):
    for name in ("one", "other"):
        report.write(fusion.late(members, rule), tmp_path / name)
    for file in ("metrics.json", "predictions.csv", "report.txt"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()


def test_what_a_fused_run_says_of_itself(members, tmp_path):
    result = fusion.late(members, "weights")
    assert report.run_name(result.about).startswith("face+voice_synthetic_loso_late-weights-")
    report.write(result, tmp_path / "fused")
    run = runs.read(tmp_path / "fused")
    about = run.summary.about
    assert (about.corpus, about.unit, about.transductive) == ("toy", "speaker", "")
    assert about.model == ("face+voice", "synthetic", "late-weights")
    assert about.protocol == members[0].summary.about.protocol
    assert (about.settings.fusion, about.settings.every_seed) == ("late:weights", (0,))
    fused = about.settings.members
    assert [member.run for member in fused] == [member.name for member in members]
    assert [member.depends_on for member in fused] == [member.summary.depends_on for member in members]
    assert [member.settings.feature_keys for member in fused] == [("key-face",), ("key-voice",)]
    learned = run.summary.fold("02").best_params
    assert set(learned) == {"weights", "temperatures"}
    assert sum(learned["weights"]) == pytest.approx(1)
    text = (tmp_path / "fused" / "report.txt").read_text(encoding="utf-8")
    assert text.startswith("toy: face+voice, synthetic, loso, late-weights\n")


def test_a_fused_run_can_be_fused_again(members, tmp_path):
    report.write(fusion.late(members, "mean"), tmp_path / "fused")
    again = fusion.late([runs.read(tmp_path / "fused"), members[0]], "mean").scores
    values = [member.scores.values for member in members]
    assert again.values == pytest.approx(0.75 * values[0] + 0.25 * values[1], abs=1e-6)


def test_leaks_notes_and_normalisation_of_any_member_are_the_fusion_s(members, tmp_path):
    other = made(
        toy(VOICE), replace(B, settings=Settings(speaker_norm=True)), tmp_path, leaks=("a copy",), notes=("a note",)
    )
    result = fusion.late([members[0], other], "mean")
    assert result.about.transductive
    assert result.about.model == ("face+voice", "synthetic", "spknorm", "late-mean")
    assert result.leaks == ("a copy",)
    assert result.notes == (f"{' '.join(other.summary.about.model)}: a note",)
    shared = [
        made(toy(one), settings, tmp_path / "shared", notes=("of all",)) for one, settings in ((FACE, A), (VOICE, B))
    ]
    assert fusion.late(shared, "mean").notes == ("of all",)


# Better than each alone


@pytest.mark.parametrize("rule", LEARN)
def test_members_that_each_tell_other_classes_apart_are_better_together(rule, tmp_path):
    matrix = toy(n_each=8, speaker_shift=0.3, class_shift=0)
    kind = np.array([EMOTIONS.index(utterance.label) for utterance in matrix.utterances])
    X = matrix.X.copy()
    X[:, 0] += 4 * (kind == 0) - 4 * (kind == 1)
    X[:, 3] += 4 * (kind == 2) - 4 * (kind == 3)
    parts = [changed(matrix, X=X[:, own], columns=matrix.columns[own]) for own in (FACE, VOICE)]
    both = [made(part, settings, tmp_path) for part, settings in zip(parts, (A, B), strict=True)]
    fused = metrics.uar(confusion_of(fusion.late(both, rule).scores))
    assert max(member.summary.uar for member in both) < 0.85
    assert fused > max(member.summary.uar for member in both) + 0.1


def test_weights_know_a_member_that_knows_nothing(tmp_path):
    matrix = toy(n_each=8, class_shift=2.0)
    noise = changed(matrix, X=np.random.default_rng(1).normal(size=matrix.X.shape).astype(np.float32))
    both = [made(matrix, A, tmp_path), made(noise, B, tmp_path)]
    result = fusion.late(both, "weights")
    assert all(fold.best_params["weights"][0] > 0.9 for fold in result.folds)
    assert metrics.uar(confusion_of(result.scores)) > both[0].summary.uar - 0.02


# A member that lacks utterances


def without(matrix: Table, numbers: Sequence[int]) -> Table:
    present = matrix.present.copy()
    present[list(numbers)] = False
    return replace(matrix, present=present)


@pytest.mark.parametrize("rule", QUICK)
def test_what_one_member_lacks_is_fused_from_the_others_and_counted(rule, members, tmp_path):
    lacking = [5, 40, 41]
    other = made(without(toy(VOICE), lacking), B, tmp_path)
    assert len(other.scores) == 61
    for both in ([members[0], other], [other, members[0]]):
        result = fusion.late(both, rule)
        assert sorted(result.scores.ids) == sorted(members[0].scores.ids)
        assert "3 of 64 utterances lack voice synthetic: they are fused without it" in result.notes
        assert result.left_out == {}
        assert result.folds_hash not in (other.summary.folds_hash, members[0].summary.folds_hash)
        assert [fold.n_test for fold in result.folds] == [16, 16, 16, 16]


def test_scores_stay_with_their_utterance_whatever_the_order(members, tmp_path):
    """A member that comes first and lacks some has them, in the fused run, at the end, far from their fold."""
    lacking = [5, 40, 41]
    other = made(without(toy(VOICE), lacking), B, tmp_path)
    one, turned = (fusion.late(both, "mean").scores for both in ([members[0], other], [other, members[0]]))
    assert turned.ids[-3:].tolist() == one.ids[lacking].tolist()
    assert one.values[lacking] == pytest.approx(members[0].scores.values[lacking], abs=1e-6)
    back = [turned.ids.tolist().index(id_) for id_ in one.ids.tolist()]
    for name in ("true", "predicted", "folds", "clusters", "values"):
        assert getattr(turned, name)[back].tolist() == getattr(one, name).tolist()


def test_whom_all_members_lack_is_left_out(tmp_path):
    both = [made(without(toy(own), gone), s, tmp_path) for own, gone, s in ((FACE, [3, 9], A), (VOICE, [3, 7], B))]
    result = fusion.late(both, "mean")
    assert len(result.scores) == 63
    assert result.left_out == {"without features": 1}


def test_a_member_may_lack_a_whole_fold(members, tmp_path):
    other = made(without(toy(VOICE), range(16, 32)), B, tmp_path)  # all that speaker 01 said
    result = fusion.late([members[0], other], "weights")
    assert len(result.scores) == 64
    assert result.folds[1].best_params["weights"].tolist() == [1, 0]
    assert result.folds[1].n_train == 48


# What cannot be fused


def test_one_run_is_no_fusion_and_twice_the_same_is_none_either(members):
    with pytest.raises(UsageError, match="needs 2 runs at least, got 1"):
        fusion.late(members[:1], "mean")
    with pytest.raises(UsageError, match=f"{members[1].name} was named twice"):
        fusion.late([*members, members[1]], "mean")


def test_fusions_of_many_have_names_of_their_own_that_say_how(tmp_path):
    """A name is cut where it gets long, in its features; what it stands for is not."""
    one, other, third = (made(toy(VOICE), replace(B, features=(f"{'long' * 20}-{n}",)), tmp_path) for n in range(3))
    fusions = [([one, other], "mean"), ([one, other], "vote"), ([other, one], "mean"), ([one, other, third], "mean")]
    names = [report.run_name(fusion.about(runs, rule)) for runs, rule in fusions]
    for name, (_, rule) in zip(names, fusions, strict=True):
        readable, mark = name[:80], name[80:]
        assert readable == ("long" * 20)[: -len(f"_synthetic_loso_late-{rule}")] + f"_synthetic_loso_late-{rule}"
        assert len(mark) == len("-1f0c9a52")
    assert len(set(names)) == 4


def test_runs_on_other_cards_say_what_differs(members, tmp_path):
    other = made(toy(VOICE), replace(B, protocol=Protocol("group-k", "group-k", k=2)), tmp_path)
    with pytest.raises(UsageError, match=r"scheme is 'loso' against 'group-k'; k is 10 against 2.\nEvaluate both"):
        fusion.late([members[0], other], "mean")


def test_runs_on_other_classes_or_corpora_say_what_differs(members, tmp_path):
    three = made(toy(VOICE), replace(B, protocol=Protocol("loso", classes="anger,joy")), tmp_path)
    with pytest.raises(UsageError, match=r"classes is '' against 'anger,joy'"):
        fusion.late([members[0], three], "mean")
    other = made(toy(VOICE), replace(B, corpus="other"), tmp_path)
    with pytest.raises(UsageError, match=r"cannot be fused: corpus is 'toy' against 'other'"):
        fusion.late([members[0], other], "mean")


def test_a_card_of_another_name_that_says_the_same_is_the_same(members, tmp_path):
    other = made(toy(VOICE), replace(B, protocol=Protocol("mine")), tmp_path)
    assert len(fusion.late([members[0], other], "mean").scores) == 64


def test_a_label_changed_between_the_runs_is_found(members, tmp_path):
    labels = [utterance.label for utterance in toy().utterances]
    other = made(relabelled(toy(VOICE), ["joy", *labels[1:]]), B, tmp_path)
    with pytest.raises(
        UsageError, match=rf"00-anger-0: its target is 'anger' in {members[0].name}, and 'joy' in {other.name}"
    ):
        fusion.late([members[0], other], "mean")


def test_a_rule_that_learns_needs_inner_scores(members, tmp_path):
    bare = made(toy(VOICE), B, tmp_path, inner=False)
    assert len(fusion.late([members[0], bare], "mean").scores) == 64
    with pytest.raises(UsageError, match=f"'weights' is trained on inner scores, and {bare.name} kept none.*INNER=1"):
        fusion.late([members[0], bare], "weights")


def test_inner_scores_of_those_tested_are_refused(members):
    swapped = replace(members[1], inner=tuple(replace(s, folds=np.full(len(s), "01")) for s in members[1].inner[:1]))
    with pytest.raises(UsageError, match="Fold 01: 01-anger-0 is in test, and in the inner scores"):
        fusion.late([members[0], swapped], "weights")


def test_values_are_not_voted_on(valued):
    with pytest.raises(UsageError, match=r"late:vote fuses classes, and TARGET=valence has values.*: mean, weights\."):
        fusion.late(valued, "vote")


def test_scores_that_are_no_probabilities_are_refused(members):
    scores = members[1].scores
    for wrong in (scores.values * 2, scores.values - 0.5, np.full_like(scores.values, np.nan)):
        odd = replace(members[1], scores=replace(scores, values=wrong))
        with pytest.raises(UsageError, match=f"00-anger-0: {odd.name} says .*; expected probabilities that sum to 1"):
            fusion.late([members[0], odd], "mean")


def test_what_rounding_took_from_probabilities_is_given_back(members):
    rounded = replace(members[1], scores=replace(members[1].scores, values=members[1].scores.values * 0.9995))
    exact, fused = (fusion.late([members[0], one], "mean").scores for one in (members[1], rounded))
    assert fused.values == pytest.approx(exact.values, abs=1e-12)


def test_a_rule_that_cannot_learn_says_in_which_fold(tmp_path):
    both = [made(toy(own), settings, tmp_path) for own, settings in ((FACE, A), (VOICE, B))]
    one_class = [replace(run, inner=tuple(replace(s, true=np.full(len(s), "joy")) for s in run.inner)) for run in both]
    with pytest.raises(AffexError, match=r"(?s)Fold 00: the fusion 'svm' could not be trained on .* 48 .*late:mean"):
        fusion.late(one_class, "svm")


@pytest.fixture(scope="module")
def two_speakers(tmp_path_factory) -> list[Run]:
    """Two support-vector machines, each of which learns from one speaker at a time."""
    folder, matrix = tmp_path_factory.mktemp("two"), in_dialogs(make_table(n_speakers=2, n_columns=6, class_shift=0.7))
    parts = [changed(matrix, X=matrix.X[:, own], columns=matrix.columns[own]) for own in (FACE, VOICE)]
    svm = classifier_of("svm")
    return [made(part, replace(s, classifier=svm), folder) for part, s in zip(parts, (A, B), strict=True)]


@pytest.mark.parametrize("rule", QUICK)
def test_members_whose_scores_are_not_calibrated_are_voted_on(two_speakers, rule):
    fused = fusion.late(two_speakers, rule)
    both = [run.scores for run in two_speakers]
    agreed = both[0].predicted == both[1].predicted
    assert 0 < agreed.sum() < len(agreed)
    assert (fused.scores.predicted[agreed] == both[0].predicted[agreed]).all()
    if rule != "vote":  # two votes are a tie where they differ, and no score of these two may decide it
        assert fused.scores.predicted.tolist() == both[0].predicted.tolist()
    limited = {fold.limits.get("fusion") for fold in fused.folds}
    reason = "face svm: 1 training speaker; voice svm: 1 training speaker"
    assert limited == ({None} if rule == "vote" else {reason})
    output = [note for note in fused.notes if note.startswith("members' scores could not be held against each other")]
    assert bool(output) == (rule != "vote")
    assert all("in 2 of 2 folds" in note and reason in note for note in output)


def test_each_reason_for_a_limit_is_said_once_and_whose_it_is():
    inner = training_limits.of_inner([{"calibration": "a"}, {"calibration": "b"}, {}])
    assert inner == {"inner": "inside: a; inside: b"}
    assert training_limits.each_of("svm", training_limits.without_scores(inner)) == "svm: inside: a; svm: inside: b"
    folds = [({}, inner), ({}, {"inner": "inside: b; inside: c"}), ({}, {})]
    (output,) = training_limits.sentences(folds)
    assert output.endswith("not calibrated in 2 of 3 folds (inside: a; inside: b; inside: c)")


def test_inner_models_of_one_speaker_leave_a_fusion_its_votes(tmp_path):
    matrix, svm = make_table(n_speakers=3, n_columns=6), classifier_of("svm:C=1,gamma=1")
    parts = [changed(matrix, X=matrix.X[:, own], columns=matrix.columns[own]) for own in (FACE, VOICE)]
    both = [made(part, replace(s, classifier=svm), tmp_path) for part, s in zip(parts, (A, B), strict=True)]
    assert all(len(run.inner) == 3 for run in both)
    assert {fold.limits["inner"] for run in both for fold in run.summary.folds} == {"inside: 1 training speaker"}
    fused = fusion.late(both, "weights")
    assert all("inside: 1 training speaker" in fold.limits["fusion"] for fold in fused.folds)
    assert np.isin(fused.scores.values, (0, 0.5, 1)).all()


def test_values_of_one_training_speaker_are_fused_by_their_mean(tmp_path):
    matrix = with_values(make_table(n_speakers=2, n_columns=6))
    parts = [changed(matrix, X=matrix.X[:, own], columns=matrix.columns[own]) for own in (FACE, VOICE)]
    svm = classifier_of("svm")
    both = [made(p, replace(s, classifier=svm, protocol=VALENCE), tmp_path) for p, s in zip(parts, (A, B), strict=True)]
    fused = fusion.late(both, "weights")
    assert fused.scores.predicted == pytest.approx((both[0].scores.predicted + both[1].scores.predicted) / 2)
    assert all("1 training speaker" in fold.limits["fusion"] for fold in fused.folds)


def test_a_run_that_could_keep_no_inner_scores_is_not_made_again(two_speakers):
    assert not any(run.inner for run in two_speakers)
    assert report.kept(two_speakers[0].folder, f"basis of {two_speakers[0].name}", Settings(inner=True))


def test_a_split_file_that_has_changed_since(members, tmp_path):
    table = tmp_path / "split.csv"
    rows = [f"{u.id},{'test' if u.speaker == '00' else 'train'}\n" for u in toy().utterances]
    table.write_text("id,split\n" + "".join(rows))
    protocol = Protocol("split", "split", file=str(table))
    both = [made(toy(own), replace(s, protocol=protocol), tmp_path) for own, s in ((FACE, A), (VOICE, B))]
    assert len(fusion.late(both, "weights").scores) == 16
    table.write_text("id,split\n" + "".join(rows[:-1]))
    with pytest.raises(UsageError, match=r"split\.csv was edited since"):
        fusion.late(both, "weights")


# FUSION


def test_what_fusion_says():
    assert fusion.rule_of("late") == "weights"
    assert [fusion.rule_of(f"late:{name}") for name in fusion.RULES] == list(fusion.RULES)
    with pytest.raises(UsageError, match=r"no rule of late fusion 'wieghts'\. Did you mean weights"):
        fusion.rule_of("late:wieghts")
    with pytest.raises(UsageError, match=r"no late fusion 'lat'\. Did you mean late"):
        fusion.rule_of("lat")


def test_which_rules_learn():
    assert {name for name, rule in fusion.RULES.items() if not rule.learns} == {"mean", "product", "vote"}
    assert all(rule.learns == fusion.RULES[name].learns for name, rule in VALUE_RULES.items())


@pytest.mark.parametrize("seed", (1, 2))
def test_scores_go_with_the_decisions_over_two_speakers_and_so_does_a_fusion(seed, tmp_path):
    """Two speakers dealt at random: sigmoids fitted to one speaker at a time contradicted most decisions."""
    names = tuple("abcdefg")
    matrix = make_table(n_speakers=2, n_columns=12, classes=names, class_shift=0.6, speaker_shift=1.5, seed=seed)
    protocol, svm = Protocol("random-k", "random-k", k=3), classifier_of("svm")
    parts = [changed(matrix, X=matrix.X[:, own], columns=matrix.columns[own]) for own in (slice(0, 6), slice(6, 12))]
    both = [
        made(p, replace(s, classifier=svm, protocol=protocol), tmp_path, inner=False)
        for p, s in zip(parts, (A, B), strict=True)
    ]
    for run in both:
        assert run.summary.largest_score.differs <= 0.1 * len(matrix)
        assert run.summary.largest_score.uar == pytest.approx(run.summary.uar, abs=0.02)
        assert any("scores are not calibrated" in note for note in run.summary.notes)
    fused = summarise(fusion.late(both, "mean"))
    assert fused.uar >= min(run.summary.uar for run in both) - 1e-12
    assert fused.uar == both[0].summary.uar  # of two members that differ, the first decides
    assert any("so their decisions were fused" in note for note in fused.notes)

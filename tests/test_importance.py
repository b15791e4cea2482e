"""Which columns the decisions need: planted in one family, by hand, and nothing of a test fold in a training."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, HistGradientBoostingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from synthetic import changed, make_table, with_values

from affex.classifiers.base import of_estimator
from affex.classifiers.estimators.inspection import is_linear_or_trees
from affex.pipeline.corpora.base import Protocol
from affex.pipeline.evaluation import drops, evaluate, importance, intervals, metrics
from affex.pipeline.evaluation.figures import figure_of, interval_of
from affex.pipeline.evaluation.folds import Fold
from affex.pipeline.evaluation.results import Scores
from affex.pipeline.evaluation.settings import Plan, Settings
from affex.pipeline.evaluation.summary import from_json, summarise, to_json
from affex.pipeline.evaluation.task import prepare
from affex.pipeline.specs import discovery
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.specs.column_families import SMILE, families
from affex.pipeline.streams.table import Table

#: Columns as openSMILE names them: two of each of four families.
NAMES = ("F0final_sma_amean", "F0final_sma_stddev", "mfcc_sma[1]_amean", "mfcc_sma[2]_amean", "pcm_zcr_sma_amean",
         "pcm_zcr_sma_range", "jitterLocal_sma_amean", "shimmerLocal_sma_amean")  # fmt: skip
PLAN = Plan(corpus="toy", features=("compare",), keys=("0" * 64,), classifier=of_estimator(LogisticRegression()))


def planted(n_speakers: int = 8) -> Table:
    """Return rows in which the class shows in F0 only; jitter and shimmer are constant."""
    table = make_table(n_speakers=n_speakers, n_columns=8, class_shift=0.0, speaker_shift=0.2)
    shown = np.array([utterance.label in ("anger", "joy") for utterance in table.utterances], float)
    other = np.array([utterance.label in ("anger", "sadness") for utterance in table.utterances], float)
    X = table.X.copy()
    X[:, 0] += 6 * shown
    X[:, 1] += 6 * other
    X[:, 6:] = 0.5
    return changed(table, X=X, columns=NAMES)


@pytest.fixture(scope="module")
def found() -> importance.Importance:
    return evaluate.evaluate(planted(), PLAN).importance


def test_the_family_that_shows_the_class_is_first_and_the_others_are_worth_nothing(found):
    assert (found.figure, found.repeats, found.reason) == ("uar", importance.REPEATS, "")
    assert found.before > 0.9
    first, *others = found.groups
    assert (first.name, first.n_columns) == ("F0", 2)
    assert first.after < 0.5
    assert first.drop.value == pytest.approx(found.before - first.after)
    assert first.drop.low > 0.3
    assert {group.name for group in others} == {"MFCC", "zero crossings", "voice quality"}
    for group in others:
        assert group.drop.low is None or group.drop.low <= 0 <= group.drop.high


def test_constant_columns_are_worth_exactly_nothing(found):
    (constant,) = [group for group in found.groups if group.name == "voice quality"]
    assert (constant.drop.value, constant.after) == (0, found.before)
    assert constant.drop.reason == "the figure is the same without any one speaker"


@pytest.mark.parametrize("spec", ["xgboost:rounds=20", "forest:trees=20", "lda"])
def test_trees_and_linear_models_find_it(spec):
    found = evaluate.evaluate(planted(5), replace(PLAN, classifier=classifier_of(spec))).importance
    assert found.groups[0].name == "F0"
    assert found.groups[0].drop.low > 0


def test_of_values_it_is_the_ccc():
    table = with_values(changed(make_table(class_shift=2.0), columns=("a_x", "b_x", "c_x", "d_x", "e_x")))
    plan = replace(PLAN, protocol=Protocol("loso", target="valence"), classifier=of_estimator(Ridge()))
    found = evaluate.evaluate(table, plan).importance
    assert (found.figure, found.groups[0].name) == ("ccc", "a")
    assert found.groups[0].drop.low > 0


def test_the_drop_is_that_of_the_pooled_figure_with_a_jackknife_over_speakers():
    rng = np.random.default_rng(0)
    true, speakers = np.array(list("abc") * 8), np.repeat(list("wxyz"), 6)
    predicted, after = rng.choice(list("abc"), 24), rng.choice(list("abc"), (2, 24))
    scores = Scores(speakers, speakers, speakers, true, predicted, ("a", "b", "c"), np.zeros((24, 3)))
    codes = np.stack([metrics.places(row, scores.classes) for row in after])[None].astype(np.int16)
    found = drops.of_decisions(scores, {"all": np.arange(5)}, codes, "speaker")
    figures = [figure_of(replace(scores, predicted=row), "uar") for row in after]
    before = figure_of(scores, "uar")
    drop = intervals.jackknife(
        lambda part: before(part) - np.mean([one(part) for one in figures]), speakers, bounds=(-1, 1)
    )
    (group,) = found.groups
    assert vars(group.drop) == pytest.approx(vars(drop))
    assert found.before == interval_of(scores, "uar", "speaker").value


def test_a_speaker_who_alone_has_a_class_leaves_no_interval():
    scores = Scores(
        *[np.array(list("xxyy"))] * 3, np.array(list("aaab")), np.array(list("aaab")), ("a", "b"), np.ones(1)
    )
    (group,) = drops.of_decisions(scores, {"all": np.arange(1)}, np.zeros((1, 1, 4), np.int16), "speaker").groups
    assert group.drop.value == 0.5
    assert group.drop.reason.startswith("the figure is undefined without speaker y")


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        (LogisticRegression(), True),
        (make_pipeline(StandardScaler(), RandomForestClassifier(2)), True),
        (GridSearchCV(LogisticRegression(), {"C": [1, 2]}, cv=2), True),
        (HistGradientBoostingClassifier(max_iter=2), True),
        (BaggingClassifier(n_estimators=2), True),
        (VotingClassifier([("a", LogisticRegression()), ("b", RandomForestClassifier(2))]), True),
        (VotingClassifier([("a", LogisticRegression()), ("b", GaussianNB())]), False),
        (CalibratedClassifierCV(LogisticRegression(), cv=2), True),
        (SVC(kernel="linear"), True),
        (SVC(kernel="rbf"), False),
        (GaussianNB(), False),
        (GridSearchCV(SVC(), {"C": [1, 2]}, cv=2), False),
    ],
)
def test_which_estimators_are_asked(estimator, expected):
    rng = np.random.default_rng(0)
    assert is_linear_or_trees(estimator.fit(rng.normal(size=(20, 3)), ["a", "b"] * 10)) is expected


@pytest.mark.parametrize(
    ("classifier", "reason"),
    [
        (of_estimator(GaussianNB()), "GaussianNB is neither linear nor made of trees"),
        (of_estimator(LogisticRegression(), rows="each"), "columns are permuted only for models that read one row"),
    ],
)
def test_why_there_is_none(classifier, reason):
    found = evaluate.evaluate(planted(3), replace(PLAN, classifier=classifier))
    assert found.importance.reason.startswith(reason)
    assert found.importance == importance.Importance(reason=found.importance.reason)
    summary = summarise(found)
    assert from_json(to_json(summary)) == summary


def test_one_group_of_columns_is_not_permuted():
    table = changed(planted(3), X=planted(3).X[:, :1], columns=("x",))
    assert evaluate.evaluate(table, PLAN).importance.reason == "there is one group of columns only"


def asked(groups: list[np.ndarray], fold: Fold | None = None) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
    """Return the rows of the first fold's test utterances, those that a model decides on, and its decisions."""
    task, met = prepare(planted(3), PLAN), []
    fold = fold or task.folds[0]
    before = task.examples.X.tobytes()

    def decide(own, alone):
        rows = own.streams[0].flat
        assert len(rows) == len(alone.test)  # there are no rows of training utterances
        assert own.y[alone.train].tolist() == task.examples.y[fold.train].tolist()
        met.extend(rows.copy().reshape(-1, len(fold.test), rows.shape[1]))
        return np.array(["joy"] * len(rows))

    codes = importance.permuted(decide, task.examples, fold, groups, (0, 0))
    assert task.examples.X.tobytes() == before
    return task.examples.X[fold.test], met, codes


@pytest.mark.parametrize("at_once", [importance.BYTES, 1, 1500])
def test_a_group_is_permuted_jointly_and_nothing_else_is(at_once, monkeypatch):
    monkeypatch.setattr(importance, "BYTES", at_once)
    groups = [np.array([0, 1]), np.array([4])]
    own, met, codes = asked(groups)
    assert codes.shape == (2, importance.REPEATS, len(own))
    assert len(met) == 2 * importance.REPEATS
    for number, rows in enumerate(met):
        columns = groups[number % 2]
        others = np.setdiff1d(np.arange(own.shape[1]), columns)
        assert rows[:, others].tolist() == own[:, others].tolist()
        assert sorted(rows[:, columns].tolist()) == sorted(own[:, columns].tolist())
        assert rows[:, columns].tolist() != own[:, columns].tolist()


def test_a_fold_of_one_utterance_has_nothing_to_permute():
    own, met, _ = asked([np.array([0])], Fold("one", np.arange(16, 48), np.arange(1)))
    assert [rows.tolist() for rows in met] == [own.tolist()] * importance.REPEATS


def test_weights_of_classes_are_those_of_the_training_utterances():
    """REWEIGHT=1 reads the training targets: a model's own decisions come back where nothing is permuted."""
    plan = replace(PLAN, settings=Settings(reweight=True))
    table = planted(3).take(np.flatnonzero(np.arange(48) % 5 != 0))
    task = prepare(table, plan)
    fold = task.folds[0]
    fitted = evaluate.fit(evaluate.build(plan, task.examples), task.examples, fold, plan)
    own = evaluate.score(fitted, task.examples, fold, plan).decided
    constant = [np.array([6, 7])]
    codes = importance.permuted(
        lambda rows, alone: evaluate.score(fitted, rows, alone, plan).decided, task.examples, fold, constant, (0, 0)
    )
    assert (codes == metrics.places(own, task.examples.classes)).all()


@pytest.mark.parametrize(
    "name", [name for name, one in discovery.feature_presets().items() if "smile" in type(one).__module__]
)
def test_every_column_of_opensmile_has_a_family(name):
    columns = discovery.feature_presets()[name].columns
    found = families((name,), columns)
    assert set(found) <= {family for family, _ in SMILE}
    assert sorted(np.concatenate(list(found.values())).tolist()) == list(range(len(columns)))


@pytest.mark.parametrize("name", list(discovery.feature_presets()))
def test_every_feature_has_groups_that_share_its_columns(name):
    columns = discovery.feature_presets()[name].columns
    found = families((name,), columns)
    assert 2 <= len(found) <= 30
    assert sorted(np.concatenate(list(found.values())).tolist()) == list(range(len(columns)))


def test_groups_by_name():
    faces = families(("landmarks",), [f"{name}.mean" for name in discovery.feature_presets()["landmarks"].columns])
    assert list(faces) == ["brows", "eyes", "nose", "cheeks", "mouth", "chin"]
    assert next(iter(families(("x",), [f"v{n:02}" for n in range(40)]))) == "v00 to v03"
    assert list(families(("x",), ["pitch", "energy"])) == ["pitch", "energy"]


def test_columns_of_several_features():
    columns = ["egemaps.F0_sma3", "egemaps.loudness_sma3", "fer.fer_000", "fer.fer_001", "fer.x"]
    found = families(("egemaps", "fer"), columns)
    assert {name: places.tolist() for name, places in found.items()} == {
        "egemaps: F0": [0],
        "egemaps: loudness and energy": [1],
        "fer: fer": [2, 3],
        "fer: x": [4],
    }
    many = [f"a.p{n}_x" for n in range(20)] + [f"b.q{n}_x" for n in range(20)]
    assert {name: len(places) for name, places in families(("a", "b"), many).items()} == {"a": 20, "b": 20}

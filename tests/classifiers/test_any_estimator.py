"""Any estimator of scikit-learn: what it is handed, what it says, how it is saved; plain scikit-learn says the same."""

from dataclasses import replace

import numpy as np
import pytest
import skops.io
from scipy.stats import loguniform
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - makes the next import work
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, Ridge, RidgeClassifier
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    LeaveOneGroupOut,
    RandomizedSearchCV,
    cross_val_predict,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier
from synthetic import changed, make_table, with_values

from affex.classifiers.base import Wrapped, inner_folds, of_estimator
from affex.classifiers.estimators import fitting
from affex.classifiers.estimators.inspection import cross_validations, spelled
from affex.classifiers.estimators.svm import RBFMachine
from affex.classifiers.estimators.trusted import is_trusted
from affex.pipeline.corpora.base import LOSO, Protocol
from affex.pipeline.evaluation.evaluate import build, evaluate, fit
from affex.pipeline.evaluation.prechecks import foreseen, require_able
from affex.pipeline.evaluation.settings import Plan, Settings
from affex.pipeline.evaluation.task import prepare
from affex.pipeline.models import model_file, models
from affex.pipeline.text.errors import AffexError, UsageError

MATRIX = make_table(n_speakers=4, class_shift=0.7)
LABELS = np.array([utterance.label for utterance in MATRIX.utterances])
GRID = {"logisticregression__C": [0.001, 0.1, 10.0]}


def wanted(estimator, **changes) -> Plan:
    return Plan(corpus="toy", features=("made",), keys=("0" * 64,), classifier=of_estimator(estimator), **changes)


def regression(**settings):
    return make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(max_iter=1000, **settings))


def search(kind=GridSearchCV, **settings):
    return kind(regression(), GRID, scoring="balanced_accuracy", **settings)


# The same as in plain scikit-learn


@pytest.mark.parametrize(
    "estimator",
    [
        regression(class_weight="balanced"),
        LinearDiscriminantAnalysis(),
        make_pipeline(StandardScaler(), SVC()),
        RandomForestClassifier(10, random_state=3),
        make_pipeline(SelectKBest(f_classif, k=3), KNeighborsClassifier(3)),
    ],
    ids=lambda estimator: of_estimator(estimator).name,
)
def test_leave_one_group_out_in_plain_scikit_learn_predicts_the_same(estimator):
    plain = cross_val_predict(clone(estimator), MATRIX.X, LABELS, groups=MATRIX.speakers, cv=LeaveOneGroupOut())
    assert evaluate(MATRIX, wanted(estimator)).scores.predicted.tolist() == plain.tolist()


def test_values_as_well():
    matrix = with_values(MATRIX)
    values = np.array([utterance.valence for utterance in matrix.utterances])
    plain = cross_val_predict(Ridge(), matrix.X, values, groups=matrix.speakers, cv=LeaveOneGroupOut())
    found = evaluate(matrix, wanted(Ridge(), protocol=Protocol("valence", target="valence"))).scores
    assert found.predicted.tolist() == plain.astype(np.float64).tolist()
    with pytest.raises(UsageError, match="predicts classes; TARGET=valence has values"):
        evaluate(matrix, wanted(regression(), protocol=Protocol("valence", target="valence")))


def test_a_search_chooses_as_with_folds_of_speakers_in_plain_scikit_learn():
    result = evaluate(MATRIX, wanted(search()))
    for fold in result.folds:
        train = fold.name != MATRIX.speakers
        plain = search(cv=GroupKFold(3)).fit(MATRIX.X[train], LABELS[train], groups=MATRIX.speakers[train])
        assert fold.best_params == plain.best_params_
        own = result.scores.folds == fold.name
        assert result.scores.predicted[own].tolist() == plain.predict(MATRIX.X[~train]).tolist()
        assert np.array_equal(result.scores.values[own], plain.predict_proba(MATRIX.X[~train]))


@pytest.mark.parametrize(
    "estimator",
    [
        search(),
        make_pipeline(StandardScaler(), GridSearchCV(SVC(), {"C": [0.1, 10.0]}, cv=7)),
        search(HalvingGridSearchCV, random_state=0),
        search(RandomizedSearchCV, n_iter=2, random_state=0),
        LogisticRegressionCV(Cs=2, l1_ratios=(0.0,), use_legacy_attributes=False),
        CalibratedClassifierCV(LinearSVC(random_state=0)),
        StackingClassifier([("bayes", GaussianNB()), ("tree", DecisionTreeClassifier(random_state=0))]),
        VotingClassifier([("bayes", GaussianNB()), ("search", search())]),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_no_trace_of_the_tested_speaker_stays_in_what_cross_validates_inside(estimator):
    settings, rng = wanted(estimator), np.random.default_rng(5)

    def state(matrix):
        task = prepare(matrix, settings)
        fitted = fit(build(settings, task.examples), task.examples, task.folds[2], settings)
        return model_file._canonical(skops.io.dumps(fitted))

    def spoilt(speaker):
        own = (MATRIX.speakers == speaker)[:, None]
        return changed(MATRIX, X=np.where(own, rng.normal(size=MATRIX.X.shape), MATRIX.X).astype(np.float32))

    assert state(MATRIX) == state(spoilt("02"))
    assert state(MATRIX) != state(spoilt("03"))


class Watching(ClassifierMixin, BaseEstimator):
    """Keeps what it was shown; a parameter for a search to try."""

    def __init__(self, try_: int = 0) -> None:
        self.try_ = try_

    def fit(self, X, y, groups=None):
        self.classes_, self.n_features_in_ = np.unique(y), X.shape[1]
        self.shown_ = (X.dtype, np.asarray(y).dtype, frozenset() if groups is None else frozenset(groups))
        Watching.fits.append(self.shown_[2])
        return self

    def predict(self, X):
        Watching.predicted.append(len(X))
        return np.full(len(X), self.classes_[0])


def test_no_speaker_stands_on_both_sides_of_an_inner_fold():
    Watching.fits, Watching.predicted = [], []
    speakers = MATRIX.speakers
    chain = make_pipeline(Watching())
    fitting.fit(GridSearchCV(chain, {"watching__try_": [1, 2]}), MATRIX.X, LABELS, groups=speakers)
    inner = [set(speakers[train]) for train, _ in inner_folds(speakers)]
    assert [set(fit) for fit in Watching.fits] == [*inner, *inner, set(speakers)]
    assert set(Watching.predicted) == {16}


def test_the_folds_that_a_protocol_names_are_those_that_are_searched_on():
    rows = np.arange(len(MATRIX))
    named = [(rows[MATRIX.speakers != "03"], rows[MATRIX.speakers == "03"])]
    found = fitting.fit(search(), MATRIX.X, LABELS, groups=MATRIX.speakers, inner=named)
    plain = search(cv=named).fit(MATRIX.X, LABELS)
    assert found.best_params_ == plain.best_params_
    assert found.cv_results_["mean_test_score"].tolist() == plain.cv_results_["mean_test_score"].tolist()
    assert found.n_splits_ == 1
    assert found.cv is None  # what was set before comes back


# What it is handed


def test_rows_are_float32_and_groups_come_where_they_are_taken():
    Watching.fits, Watching.predicted = [], []
    for estimator in (Watching(), make_pipeline(StandardScaler(), Watching())):
        task = prepare(MATRIX, wanted(estimator))
        fitted = fit(build(wanted(estimator), task.examples), task.examples, task.folds[0], wanted(estimator))
        last = fitted[-1] if hasattr(fitted, "steps") else fitted
        assert last.shown_ == (np.float32, LABELS.dtype, frozenset({"01", "02", "03"}))


def test_weights_go_to_every_step_that_takes_them():
    weight = np.random.default_rng(0).uniform(0.5, 2, len(MATRIX))
    found = fitting.fit(regression(), MATRIX.X, LABELS, groups=MATRIX.speakers, sample_weight=weight)
    both = {f"{step}__sample_weight": weight for step in ("standardscaler", "logisticregression")}
    plain = regression().fit(MATRIX.X, LABELS, **both)
    assert np.array_equal(found.predict_proba(MATRIX.X), plain.predict_proba(MATRIX.X))
    searched = fitting.fit(search(), MATRIX.X, LABELS, groups=MATRIX.speakers, sample_weight=weight)
    of_speakers = search(cv=list(inner_folds(MATRIX.speakers))).fit(MATRIX.X, LABELS, **both)
    assert np.array_equal(searched.predict_proba(MATRIX.X), of_speakers.predict_proba(MATRIX.X))


def test_weights_go_where_metadata_routing_requests_them():
    weight = np.random.default_rng(0).uniform(0.5, 2, len(MATRIX))
    with config_context(enable_metadata_routing=True):
        model = LogisticRegression(max_iter=1000).set_fit_request(sample_weight=True)
        scale = StandardScaler().set_fit_request(sample_weight=False)
        plain = make_pipeline(clone(scale), clone(model)).fit(MATRIX.X, LABELS, sample_weight=weight)
    found = fitting.fit(make_pipeline(scale, model), MATRIX.X, LABELS, groups=MATRIX.speakers, sample_weight=weight)
    assert np.array_equal(found.predict_proba(MATRIX.X), plain.predict_proba(MATRIX.X))


@pytest.mark.parametrize(
    "estimator",
    [
        KNeighborsClassifier(),
        make_pipeline(StandardScaler(), KNeighborsClassifier()),
        CalibratedClassifierCV(make_pipeline(StandardScaler(), LinearSVC())),
        VotingClassifier([("a", GaussianNB()), ("b", KNeighborsClassifier())]),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_soft_labels_for_what_takes_no_weights_are_refused(estimator):
    settings = wanted(estimator, settings=Settings(soft=True))
    with pytest.raises(UsageError, match=r"takes no sample_weight, .*soft labels \(SOFT=1\)"):
        foreseen(MATRIX.utterances, settings)
    votes = [replace(u, votes=((u.label,), ("joy",))) for u in MATRIX.utterances]
    with pytest.raises(AffexError, match="takes no sample_weight"):
        evaluate(replace(MATRIX, utterances=tuple(votes)), settings)


def test_seeds_left_open_are_those_of_the_evaluation():
    settings = wanted(make_pipeline(StandardScaler(), RandomForestClassifier(3)), settings=Settings(seed=7))
    assert require_able(settings).get_params()["randomforestclassifier__random_state"] == 7
    one, other = (evaluate(MATRIX, settings).scores.values for _ in range(2))
    assert np.array_equal(one, other)


# What cannot be


def test_a_search_needs_two_speakers():
    two = make_table(n_speakers=2)
    with pytest.raises(
        UsageError, match=r"GridSearchCV cross-validates over training speakers, and 2 of the folds train"
    ):
        foreseen(two.utterances, wanted(search()))
    with pytest.raises(AffexError, match=r"Fold 00: .*\n.*at least 2 training speakers, found 1"):
        evaluate(two, wanted(search()))


@pytest.mark.parametrize(
    "estimator",
    [
        CalibratedClassifierCV(search()),
        GridSearchCV(CalibratedClassifierCV(LinearSVC()), {"method": ["sigmoid"]}),
        BaggingClassifier(search()),
        GridSearchCV(make_pipeline(LinearSVC()), {"linearsvc": [CalibratedClassifierCV(LinearSVC()), GaussianNB()]}),
    ],
    ids=["calibrated", "searched", "drawn", "in a grid"],
)
def test_what_cannot_be_told_whose_rows_it_sees_is_refused(estimator):
    with pytest.raises(UsageError, match="expected no cross-validation inside another one"):
        foreseen(MATRIX.utterances, wanted(estimator))


def test_what_is_shown_other_rows_is_refused_in_its_fit():
    class Half(ClassifierMixin, BaseEstimator):
        def __init__(self, model):
            self.model = model

        def fit(self, X, y):
            self.model.fit(X[::2], y[::2])

    with pytest.raises(ValueError, match="model gets 32 of 64 training rows, whose speakers are unknown"):
        fitting.fit(Half(search()), MATRIX.X, LABELS, groups=MATRIX.speakers)


def test_groups_that_a_search_would_keep_to_itself_are_refused():
    with pytest.raises(ValueError, match="GridSearchCV does not pass on groups, which RBFMachine takes"):
        fitting.fit(GridSearchCV(RBFMachine(), {"C": [1.0]}), MATRIX.X, LABELS, groups=MATRIX.speakers)


@pytest.mark.parametrize("thing", [StandardScaler(), "svm", None, SVC])
def test_what_is_no_estimator_that_predicts_is_refused(thing):
    with pytest.raises(
        ValueError,
        match=r"expected an estimator of scikit-learn that predicts classes or values, got (an object|the class SVC)",
    ):
        of_estimator(thing)


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (MLPClassifier(early_stopping=True), "MLPClassifier stops early on training rows drawn at random"),
        (make_pipeline(SVC(probability=True)), "svc calibrates its probabilities on training rows drawn at random"),
        (HistGradientBoostingClassifier(), "stops early, where it learns from more than 10 000 rows,"),
        (GradientBoostingClassifier(n_iter_no_change=5), "GradientBoostingClassifier stops early on"),
    ],
)
def test_rows_that_are_set_aside_at_random_are_noted(estimator, message):
    notes = prepare(MATRIX, wanted(estimator)).notes
    assert any(message in note for note in notes)
    assert not prepare(MATRIX, wanted(regression())).notes


# What it says


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (regression(), "class probabilities as the estimator gives them"),
        (SVC(), "softmax of the estimator's decision values"),
        (RidgeClassifier(), "only their order counts"),
        (SVC(decision_function_shape="ovo"), "1 for the class that the estimator decides on"),
    ],
)
@pytest.mark.parametrize("n_classes", [2, 4])
def test_scores_are_what_the_estimator_offers(estimator, words, n_classes):
    protocol = replace(LOSO, classes="anger,joy" if n_classes == 2 else "")
    settings = wanted(estimator, protocol=protocol)
    assert words in settings.about().scores
    result = evaluate(MATRIX, settings)
    scores = result.scores
    assert scores.values.sum(axis=1) == pytest.approx(1)
    largest = np.array(scores.classes)[scores.values.argmax(axis=1)]
    if not isinstance(estimator, SVC) or estimator.decision_function_shape == "ovo" or n_classes == 2:
        assert largest.tolist() == scores.predicted.tolist()
    uncalibrated = "probabilities" not in words
    assert all(("calibration" in fold.limits) == uncalibrated for fold in result.folds)


def test_what_searches_chose_is_told_for_each_fold():
    result = evaluate(MATRIX, wanted(make_pipeline(StandardScaler(), GridSearchCV(SVC(), {"C": [1.0]}))))
    assert [fold.best_params for fold in result.folds] == [{"C": 1.0}] * 4
    several = GridSearchCV(make_pipeline(SVC()), {"svc": [SVC(C=2.0)]})
    assert evaluate(MATRIX, wanted(several)).folds[0].best_params["svc"]["C"] == 2.0


# How it is spelled, and saved


def test_equal_estimators_are_equal_classifiers_and_others_are_not():
    assert of_estimator(search()) == of_estimator(search())
    assert of_estimator(regression(C=1.0)) != of_estimator(regression(C=2.0))
    assert of_estimator(search()).name == of_estimator(regression()).name == "LogisticRegression"
    settings = of_estimator(RandomizedSearchCV(SVC(), {"C": loguniform(0.1, 10)})).settings
    assert settings["param_distributions"]["C"] == {"class": "scipy.stats.loguniform", "args": [0.1, 10], "kwds": {}}
    assert spelled(FunctionTransformer(np.log1p))["func"] == "numpy.log1p"
    with pytest.raises(ValueError, match="has no fixed text form"):
        of_estimator(RandomForestClassifier(random_state=np.random.RandomState(0)))


@pytest.mark.parametrize(
    "estimator",
    [
        search(),
        search(HalvingGridSearchCV),
        make_pipeline(SelectKBest(f_classif, k=3), SVC(C=2.0)),
        CalibratedClassifierCV(LinearSVC()),
        VotingClassifier([("bayes", GaussianNB()), ("search", search())]),
        HistGradientBoostingClassifier(max_iter=3),
        GradientBoostingClassifier(n_estimators=2),
        make_pipeline(FunctionTransformer(np.arctan), KNeighborsClassifier()),
        BaggingClassifier(DecisionTreeClassifier(max_depth=2), 3),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_an_estimator_that_was_passed_is_saved_and_read(estimator, tmp_path):
    settings = wanted(estimator)
    for name in ("one", "other"):
        model_file.write(models.fit(MATRIX, settings, exclude=("02",), recipes=["{}"]), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    again = model_file.read(tmp_path / "one")
    assert again.plan == settings
    assert isinstance(again.plan.classifier, Wrapped)
    assert spelled(again.plan.classifier.model) == spelled(estimator)
    scores = evaluate(MATRIX, settings).scores
    own = scores.folds == "02"
    message = models.predict(again, MATRIX.take(np.flatnonzero(own))).fold_scores
    assert message.scores.tolist() == scores.values[own].tolist()


class Mine(GaussianNB):
    """Somebody's own."""


@pytest.mark.parametrize(
    ("estimator", "named"),
    [
        (make_pipeline(FunctionTransformer(lambda X: X), GaussianNB()), r"<lambda>"),
        (make_pipeline(StandardScaler(), Mine()), r"test_any_estimator\.Mine"),
        (RandomizedSearchCV(SVC(), {"C": loguniform(0.1, 10)}), "scipy.stats"),
    ],
)
def test_what_cannot_be_saved_without_a_pickle_is_refused_by_name_and_evaluated(estimator, named):
    settings = wanted(estimator)
    with pytest.raises(UsageError, match=f"{named}.*, and a model file holds types of scikit-learn, numpy and affex"):
        model_file.require_savable(require_able(settings), settings.classifier)
    assert len(evaluate(MATRIX, settings).scores.ids) == 64


def test_functions_that_scikit_learn_happens_to_import_are_not_trusted():
    assert is_trusted("sklearn.svm._classes.SVC")
    assert is_trusted("affex.classifiers.estimators.svm.RBFMachine")
    for name in (
        "sklearn.utils._testing.check_output",
        "sklearn.datasets._base.load_files",
        "sklearn.pipeline.islice",
        "sklearn.metrics._ranking.partial",
        "sklearn.model_selection._search.np.savetxt",
        "sklearn.nothing.at_all",
        "os.system",
    ):
        assert not is_trusted(name)


def test_every_cross_validation_inside_is_found():
    assert set(cross_validations(search())) == {""}
    assert set(cross_validations(make_pipeline(StandardScaler(), search()))) == {"gridsearchcv"}
    assert not cross_validations(CalibratedClassifierCV(LinearSVC(), cv="prefit"))

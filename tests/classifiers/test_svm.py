"""The RBF-SVM: scikit-learn's own decisions and choices, and probabilities that know their speakers."""

import numpy as np
import pytest
import skops.io
from scipy.special import softmax
from sklearn.calibration import CalibratedClassifierCV
from sklearn.impute import SimpleImputer
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from toys import speakers_and_classes

from affex.classifiers.base import inner_folds
from affex.classifiers.estimators.calibration import SLOPES, against_decisions, is_uninformative, slope
from affex.classifiers.estimators.kernel import GAMMAS
from affex.classifiers.estimators.svm import COSTS, RBFMachine
from affex.classifiers.estimators.training import ONE_SPEAKER
from affex.classifiers.estimators.trusted import foreign
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.text.errors import UsageError


def plain(n_columns, C=1.0, gamma=1.0):
    machine = SVC(kernel="rbf", C=C, gamma=gamma / n_columns, class_weight="balanced")
    return make_pipeline(StandardScaler(), SimpleImputer(strategy="constant", fill_value=0), machine)


def hard(**settings):
    """Classes that overlap, of unequal size, with holes: no two points of the grid are likely to agree."""
    X, y, speakers = speakers_and_classes(n_speakers=8, n_columns=20, shift=0.5, **settings)
    X[np.random.default_rng(1).random(X.shape) < 0.05] = np.nan
    kept = (y != "sad") | (np.arange(len(y)) % 3 == 0)
    return X[kept] * np.linspace(0.1, 100, 20, dtype=np.float32), y[kept], speakers[kept]


def most_probable(machine, X):
    return machine.classes_[machine.predict_proba(X).argmax(axis=1)].tolist()


def test_it_parts_what_no_plane_parts():
    rng = np.random.default_rng(0)
    corner = rng.integers(0, 2, size=(80, 2))
    X = corner + 0.1 * rng.normal(size=corner.shape)
    y = np.where(corner[:, 0] == corner[:, 1], "same", "other")
    machine = RBFMachine().fit(X, y, groups=np.arange(80) % 8)
    assert machine.predict([[0, 0], [1, 1], [0, 1], [1, 0]]).tolist() == ["same", "same", "other", "other"]


@pytest.mark.parametrize("classes", [("ang", "sad"), ("ang", "hap", "sad")])
def test_it_chooses_and_decides_what_scikit_learn_does(classes):
    X, y, speakers = hard(classes=classes)
    tested = speakers == "s3"
    machine = RBFMachine().fit(X[~tested], y[~tested], groups=speakers[~tested])
    grid = {"svc__C": COSTS, "svc__gamma": [gamma / 20 for gamma in GAMMAS]}
    search = GridSearchCV(plain(20), grid, cv=GroupKFold(5), scoring="balanced_accuracy")
    search.fit(X[~tested], y[~tested], groups=speakers[~tested])
    recalls = np.array([search.cv_results_[f"split{fold}_test_score"] for fold in range(5)])
    assert np.array_equal(machine.grid_recalls_.reshape(16, 5), recalls.T)
    assert len(np.unique(recalls.mean(axis=0))) > 8
    assert machine.best_params_["C"] == search.best_params_["svc__C"]
    assert machine.best_params_["gamma"] / 20 == search.best_params_["svc__gamma"]
    assert machine.predict(X[tested]).tolist() == search.predict(X[tested]).tolist()
    assert machine.decision_function(X[tested]) == pytest.approx(search.decision_function(X[tested]), abs=1e-9)


def test_a_tie_goes_to_the_first_point_of_the_grid():
    X, y, speakers = speakers_and_classes(shift=50.0)
    machine = RBFMachine().fit(X, y, groups=speakers)
    assert (machine.grid_recalls_[0, :, 0].mean(axis=1) == 1).all()
    assert machine.best_params_ == {"C": 0.1, "gamma": 0.1}


def test_what_is_set_is_not_searched():
    X, y, speakers = hard()
    machine = classifier_of("svm:C=3,gamma=0.5").estimator(seed=0, device="cpu").fit(X, y, groups=speakers)
    assert machine.best_params_ == {"C": 3.0, "gamma": 0.5}
    assert machine.predict(X).tolist() == plain(20, 3.0, 0.5).fit(X, y).predict(X).tolist()
    assert RBFMachine(C=3.0).fit(X, y, groups=speakers).grid_recalls_.shape == (1, 1, 4, 5)


@pytest.mark.parametrize("classes", [("ang", "sad"), ("ang", "hap", "sad")])
def test_probabilities_are_platts_on_inner_speakers(classes):
    X, y, speakers = hard(classes=classes)
    machine = RBFMachine(C=1.0, gamma=1.0).fit(X, y, groups=speakers)
    theirs = CalibratedClassifierCV(plain(20), cv=list(inner_folds(speakers)), ensemble=False).fit(X, y)
    assert machine.predict_proba(X) == pytest.approx(theirs.predict_proba(X), abs=1e-4)


def test_probabilities_are_those_of_the_point_that_was_chosen():
    X, y, speakers = hard()
    searched = RBFMachine().fit(X, y, groups=speakers)
    told = RBFMachine(**searched.best_params_).fit(X, y, groups=speakers)
    assert searched.best_params_ != {"C": COSTS[0], "gamma": GAMMAS[0]}
    assert np.array_equal(searched.predict_proba(X), told.predict_proba(X))


def test_of_two_classes_the_more_decided_is_the_more_probable():
    X, y, speakers = hard(classes=("ang", "sad"))
    machine = RBFMachine().fit(X, y, groups=speakers)
    order = np.argsort(machine.decision_function(X))
    assert (np.diff(machine.predict_proba(X)[order, 1]) >= 0).all()
    assert machine.predict_proba(X)[order[-1], 1] > machine.predict_proba(X)[order[0], 1]


def test_what_speakers_do_not_share_makes_no_probability_sure():
    rng = np.random.default_rng(0)
    speakers = np.repeat(np.arange(60), 5)
    X = 10 * rng.normal(size=(60, 3))[speakers] + 0.1 * rng.normal(size=(300, 3))
    y = np.array(["ang", "sad"])[rng.permutation(60) % 2][speakers]  # by speaker, for no reason
    heard = speakers < 30
    grouped = RBFMachine(C=1.0, gamma=1.0).fit(X[heard], y[heard], groups=speakers[heard])
    assert (grouped.predict(X[heard]) == y[heard]).mean() > 0.8
    assert log_loss(y[~heard], grouped.predict_proba(X[~heard])) == pytest.approx(np.log(2), abs=0.02)
    fooled = RBFMachine(C=1.0, gamma=1.0).fit(X[heard], y[heard])
    assert log_loss(y[~heard], fooled.predict_proba(X[~heard])) > 1.2


def test_a_class_that_one_speaker_alone_has_leaves_one_slope_for_all():
    X, y, speakers = speakers_and_classes()
    y = np.where((speakers == "s2") & (y == "hap"), "awe", y)
    machine = RBFMachine().fit(X, y, groups=speakers)
    assert machine.limits_ == {"sigmoids": "1 of 4 classes are one speaker's alone"}
    assert set(machine.predict(X)) == {"ang", "awe", "hap", "sad"}
    assert most_probable(machine, X) == machine.predict(X).tolist()


def test_an_inner_fold_with_one_class_to_learn_from_has_no_say():
    X, y, speakers = speakers_and_classes(n_speakers=3, classes=("ang", "sad"))
    only = (speakers == "s0") | (y == "ang")  # the others are never sad
    machine = RBFMachine().fit(X[only], y[only], groups=speakers[only])
    assert machine.grid_recalls_.shape == (1, 4, 4, 2)
    assert np.isfinite(machine.predict_proba(X)).all()


def test_one_training_speaker_takes_fixed_settings_and_scores_in_the_order_of_the_decision():
    X, y, _ = speakers_and_classes(shift=0.5)
    machine = RBFMachine(select="pca").fit(X, y, groups=np.zeros(len(X)))
    assert machine.best_params_ == {"C": 1.0, "gamma": 1.0, "keep": 0.8}
    assert machine.limits_ == {"search": ONE_SPEAKER, "calibration": ONE_SPEAKER}
    assert most_probable(machine, X) == machine.predict(X).tolist()
    told = RBFMachine(C=1.0, gamma=1.0).fit(X, y, groups=np.zeros(len(X)))  # the same as scikit-learn's defaults
    assert told.predict(X).tolist() == plain(8).fit(X, y).predict(X).tolist()
    assert told.limits_ == {"calibration": ONE_SPEAKER}  # nothing was left open


def test_two_speakers_with_one_class_each_have_nothing_to_tune_with():
    X, y, speakers = speakers_and_classes(n_speakers=2, classes=("ang", "sad"))
    one_each = (speakers == "s0") == (y == "ang")
    machine = RBFMachine().fit(X[one_each], y[one_each], groups=speakers[one_each])
    assert machine.limits_["search"] == "no inner fold has two classes to learn from"
    assert most_probable(machine, X) == machine.predict(X).tolist()


def test_where_sigmoids_fall_one_slope_keeps_the_order_of_the_decision():
    X, y, speakers = speakers_and_classes(n_speakers=2, shift=0.3, classes=("ang", "fea", "hap", "neu", "sad"))
    machine = RBFMachine(C=1.0, gamma=1.0).fit(X, y, groups=speakers)
    assert machine.limits_["calibration"].endswith("sigmoids fall where the decision rises")
    rng = np.random.default_rng(1)
    new = 2 * rng.normal(size=(3000, 8)).astype(np.float32)
    assert most_probable(machine, new) == machine.predict(new).tolist()
    tied = machine.classes_[machine.decision_function(new).argmax(axis=1)] != machine.predict(new)
    assert tied.any()  # of equally many wins the first class is decided on, not the clearest
    values = machine.predict_proba(new)[~tied]
    assert values == pytest.approx(softmax(machine.slope_ * machine.decision_function(new)[~tied], axis=1))


def test_sigmoids_that_contradict_the_decisions_are_seen():
    decisions = np.tile([[1.0, 0.9], [0.9, 1.0]], (5, 1))
    steep, flat = np.array([[9.0, -9.0], [9.0, -9.0]]), np.array([[9.0, -9.0], [0.1, 3.0]])
    assert against_decisions(steep, decisions, np.ones(10)) == ""
    assert against_decisions(flat, decisions, np.ones(10)) == "sigmoids contradict 50% of the decisions"
    rare = np.where(np.arange(10) % 2, 1.0, 0.2)  # 1 of 6, by weight
    assert against_decisions(flat, decisions, rare) == ""
    assert against_decisions(-steep, decisions, rare) == "2 of 2 sigmoids fall where the decision rises"
    decisions[:, 1] = np.nan  # what was not learned cannot be contradicted
    assert against_decisions(flat, decisions, np.ones(10)) == ""


def test_of_two_classes_too_the_order_is_that_of_the_decision():
    X, y, _ = speakers_and_classes(classes=("ang", "sad"), shift=0.5)
    machine = RBFMachine().fit(X, y, groups=np.zeros(len(X)))
    assert most_probable(machine, X) == machine.predict(X).tolist()


def test_the_slope_is_the_likeliest_one():
    rng = np.random.default_rng(0)
    decisions, classes = rng.normal(size=(20000, 3)), np.array(["a", "b", "c"])
    true = classes[(rng.gumbel(size=decisions.shape) + 1.7 * decisions).argmax(axis=1)]  # drawn from softmax(1.7 d)
    assert slope(decisions, true, np.ones(20000), classes) == pytest.approx(1.7, rel=0.05)
    against = slope(-decisions, true, np.ones(20000), classes)
    assert is_uninformative(against)
    assert against >= SLOPES[0]
    assert not is_uninformative(1.7)
    decisions[:, 0] = np.nan  # no machine learned the class: others still count
    assert slope(decisions, true, np.ones(20000), classes) == pytest.approx(1.7, rel=0.05)


@pytest.mark.parametrize("classes", [("ang", "sad"), ("ang", "hap", "sad")])
def test_distances_serve_in_the_place_of_rows(classes):
    X, y, speakers = speakers_and_classes(n_speakers=8, shift=0.5, classes=classes)
    Z = ((X - X.mean(axis=0)) / X.std(axis=0)).astype(np.float32)
    preset = classifier_of("svm")
    D = preset.distances(Z, device="cpu")
    expected = ((Z[:, None] - Z) ** 2).mean(axis=2)
    assert np.allclose(D, expected, rtol=0, atol=1e-5)
    tested = speakers == "s3"
    machine = preset.estimator(precomputed=True, seed=0, device="cpu")
    machine.fit(D[np.ix_(~tested, ~tested)], y[~tested], groups=speakers[~tested])
    grid = {"C": COSTS, "gamma": [gamma / 8 for gamma in GAMMAS]}
    search = GridSearchCV(SVC(class_weight="balanced"), grid, cv=GroupKFold(5), scoring="balanced_accuracy")
    search.fit(Z[~tested], y[~tested], groups=speakers[~tested])
    assert machine.best_params_["C"] == search.best_params_["C"]
    assert machine.best_params_["gamma"] / 8 == search.best_params_["gamma"]
    others = D[np.ix_(tested, ~tested)]
    assert machine.predict(others).tolist() == search.predict(Z[tested]).tolist()
    assert machine.predict_proba(others).sum(axis=1) == pytest.approx(1)
    with pytest.raises(ValueError, match="features"):
        machine.predict(D[tested])


def test_distances_that_are_none_are_refused():
    X, y, speakers = speakers_and_classes()
    machine = RBFMachine(precomputed=True)
    with pytest.raises(ValueError, match="are square"):
        machine.fit(np.ones((len(X), 3)), y, groups=speakers)
    with pytest.raises(ValueError, match="0 or more; got -1"):
        machine.fit(-np.ones((len(X), len(X))), y, groups=speakers)


@pytest.mark.parametrize("spec", ["svm:select=anova", "svm:select=pca,keep=0.9"])
def test_where_the_fold_has_a_say_there_are_no_distances(spec):
    X = speakers_and_classes()[0]
    assert classifier_of(spec).distances(X, device="cpu") is None
    with pytest.raises(ValueError, match="no column can be selected"):
        classifier_of(spec).estimator(precomputed=True, seed=0, device="cpu")
    X[0, 0] = np.nan
    assert classifier_of("svm").distances(X, device="cpu") is None


def test_classes_weigh_as_they_are_told():
    X, y, speakers = hard()
    tested = speakers == "s3"
    for weights, class_weight in (("balanced", "balanced"), ("none", None)):
        machine = classifier_of(f"svm:C=1,gamma=1,weights={weights}").estimator(seed=0, device="cpu")
        machine.fit(X[~tested], y[~tested], groups=speakers[~tested])
        theirs = plain(20).set_params(svc__class_weight=class_weight).fit(X[~tested], y[~tested])
        assert machine.decision_function(X[tested]) == pytest.approx(theirs.decision_function(X[tested]), abs=1e-9)


@pytest.mark.parametrize("precomputed", [False, True])
def test_a_weight_of_2_is_the_row_twice(precomputed):
    X, y, speakers = hard()
    D = classifier_of("svm").distances(np.nan_to_num(X / np.nanstd(X, axis=0)), device="cpu")
    times = np.random.default_rng(0).integers(0, 3, len(X))
    times[y == "hap"] *= 2
    inner = [(np.flatnonzero(speakers != name), np.flatnonzero(speakers == name)) for name in ("s0", "s1", "s2")]
    again = np.repeat(np.arange(len(X)), times)
    inner_again = [tuple(np.flatnonzero(np.isin(again, part)) for part in pair) for pair in inner]
    weighted = RBFMachine(C=10.0, precomputed=precomputed)  # a cost that leaves the offset no choice
    weighted.fit(D if precomputed else X, y, sample_weight=times, inner=inner)
    written_out = RBFMachine(C=10.0, precomputed=precomputed)
    written_out.fit(D[np.ix_(again, again)] if precomputed else X[again], y[again], inner=inner_again)
    assert weighted.grid_recalls_ == pytest.approx(written_out.grid_recalls_)
    output = weighted.predict_proba(D if precomputed else X)
    assert output == pytest.approx(written_out.predict_proba(D[:, again] if precomputed else X), abs=0.02)


@pytest.mark.parametrize("spec", ["svm:C=0", "svm:gamma=-1"])
def test_settings_without_sense_are_refused(spec):
    with pytest.raises(UsageError, match="expected more than 0"):
        classifier_of(spec)


def test_weights_that_nobody_knows_are_refused():
    with pytest.raises(UsageError, match="weights=heavy: expected balanced or none"):
        classifier_of("svm:weights=heavy")


@pytest.mark.parametrize("spec", ["svm:select=variance", "svm:select=anova", "svm:select=pca", "svm:select=pfa"])
@pytest.mark.parametrize("target", ["classes", "values"])
def test_what_was_selected_is_saved_too(spec, target):
    X, y, speakers = speakers_and_classes()
    y = y if target == "classes" else X.sum(axis=1).astype(np.float64)
    machine = classifier_of(spec).estimator(target=target, seed=0, device="cpu").fit(X, y, groups=speakers)
    saved = skops.io.dumps(machine)
    refused, trusted = foreign(saved)
    assert not refused
    read = skops.io.loads(saved, trusted=trusted)
    assert np.array_equal(read.predict(X), machine.predict(X))

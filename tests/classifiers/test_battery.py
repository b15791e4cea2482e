"""What CONTRIBUTING asks of every classifier in the folder: it is evaluated, fitted, saved and read, and predicts.

Each failure says in one line what is missing. That no trace of a tested speaker stays in what was fitted, and that a
second run repeats the first in any number of processes, is shown in `tests/test_evaluate.py`.
"""

import warnings
from dataclasses import fields, replace

import numpy as np
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from synthetic import changed, make_table, with_values

from affex.classifiers.base import LIMITS, Classifier
from affex.pipeline.corpora.base import LOSO, Protocol
from affex.pipeline.evaluation import metrics
from affex.pipeline.evaluation.evaluate import evaluate
from affex.pipeline.evaluation.figures import confusion_of
from affex.pipeline.evaluation.settings import Plan
from affex.pipeline.models import model_file, models
from affex.pipeline.specs import discovery
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.streams.table import Table
from affex.pipeline.text.errors import AffexError

PRESETS = discovery.classifier_presets()
MODELS = [(name, target) for name, preset in PRESETS.items() for target in preset.targets]
VALENCE = Protocol("valence", target="valence")


@pytest.fixture(params=MODELS, ids="-".join, scope="module")
def model(request):
    return request.param


@pytest.fixture(params=PRESETS)
def name(request):
    return request.param


def rows_for(classifier: Classifier) -> Table:
    """Return rows of four speakers, of the kind that a classifier reads, with classes and values that they tell."""
    n_frames = {"utterance": 1, "frame": 20, "sequence": 5}[classifier.reads]
    return with_values(make_table(n_speakers=4, n_frames=n_frames, class_shift=1.5, n_columns=6))


def settings_for(model) -> Plan:
    name, target = model
    protocol = LOSO if target == "classes" else VALENCE
    return Plan(corpus="toy", features=("made",), keys=("0" * 64,), classifier=PRESETS[name], protocol=protocol)


@pytest.fixture(scope="module")
def result(model):
    settings = settings_for(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return evaluate(rows_for(settings.classifier), settings)


def test_the_module_is_a_data_sheet(name):
    classifier = PRESETS[name]
    module = __import__(type(classifier).__module__, fromlist=["PRESETS"])
    assert module.__doc__, f"classifiers/{name}.py: begin with a docstring that says what is learned, and its source"
    own = [field.name for field in fields(classifier) if field not in fields(Classifier)]
    undocumented = [name for name in own if f"    {name}" not in (type(classifier).__doc__ or "")]
    assert not undocumented, f"{name}: the class's docstring says nothing of {undocumented}"
    assert classifier_of(name) == classifier, f"PRESETS names it otherwise than the file: expected '{name}'"


def test_it_prefers_features_of_the_rows_that_it_reads(name):
    classifier = PRESETS[name]
    framewise = {spec.framewise for spec in feature_specs(classifier.prefers)}
    expected = "frame" if True in framewise else "utterance"
    assert framewise == {classifier.reads != "utterance"}, (
        f"reads={classifier.reads}; but {classifier.prefers} has {expected} rows"
    )
    assert classifier.scores, "scores: say what a score is, or leave it out"


def test_build_returns_an_unfitted_estimator_of_scikit_learn(model):
    name, target = model
    estimator = PRESETS[name].estimator(target=target, seed=3)
    wanted = is_regressor if target == "values" else is_classifier
    assert wanted(estimator), f"build returns {type(estimator).__name__}: expected one that predicts {target}"
    assert not [key for key in vars(estimator) if key.endswith("_")], "build returns a fitted estimator"
    clone(estimator)  # says which argument of __init__ is changed there


def test_it_learns_from_other_speakers(model, result):
    _, target = model
    scores = result.scores
    if target == "values":
        assert metrics.ccc(scores.true, scores.predicted) > 0.4, "it does not learn values that the columns tell"
        return
    assert metrics.uar(confusion_of(scores)) > 0.5, "it does not learn classes that the columns tell"
    # Probabilities of float32 rows sum to 1 within float32's rounding only.
    assert scores.values.sum(axis=1) == pytest.approx(1, abs=1e-4), "scores: expected one a class, that sum to 1"
    assert (scores.values >= 0).all(), "scores: expected none below 0"
    for fold in result.folds:
        assert set(fold.limits) <= set(LIMITS), f"limits: expected those of {', '.join(LIMITS)}"


def test_a_model_is_saved_and_says_the_same_when_it_is_read(model, result, tmp_path):
    settings = settings_for(model)
    table = rows_for(settings.classifier)
    fitted = models.fit(table, settings, exclude=("02",), recipes=["{}"])
    model_file.write(fitted, tmp_path / "model.affex")
    tested = table.take(np.flatnonzero(table.speakers == "02"))
    output = models.predict(model_file.read(tmp_path / "model.affex"), tested).fold_scores
    own = result.scores.folds == "02"
    same = "what was saved says other than what was evaluated: set every `random_state` that is not left open by `seed`"
    assert output.predicted.tolist() == result.scores.predicted[own].tolist(), same
    assert output.scores.tolist() == result.scores.values[own].tolist(), same


def test_an_utterance_that_lacks_a_feature_is_no_hindrance(model):
    settings = settings_for(model)
    if settings.classifier.reads != "utterance":
        pytest.skip("frames stand beside nothing that could be missing")
    table = rows_for(settings.classifier)
    lacks = np.random.default_rng(0).random(len(table)) < 0.1
    X = np.where(lacks[:, None] & (np.arange(6) > 3), np.nan, table.X).astype(np.float32)
    lacking = changed(table, X=X, present=np.column_stack([np.ones(len(table), bool), ~lacks]))
    try:
        scores = evaluate(lacking, replace(settings, features=("made", "other"), keys=("0" * 64,) * 2)).scores
    except AffexError as error:
        pytest.fail(f"rows hold NaN where a feature is missing: begin with SimpleImputer(). {error}")
    assert np.isfinite(scores.values).all()
    assert np.isfinite(scores.predicted).all() if model[1] == "values" else len(scores.ids) == len(table)

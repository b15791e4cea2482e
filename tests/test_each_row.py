"""Classifiers of utterances that learn from each row (``rows=each``): weights, means of scores, nothing leaks."""

from dataclasses import replace

import joblib
import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from synthetic import changed, make_table, relabelled, with_values

from affex.classifiers.base import of_estimator
from affex.pipeline.corpora.base import Protocol
from affex.pipeline.evaluation import metrics
from affex.pipeline.evaluation.evaluate import build, evaluate, fit
from affex.pipeline.evaluation.figures import confusion_of
from affex.pipeline.evaluation.settings import Plan, Settings
from affex.pipeline.evaluation.task import prepare
from affex.pipeline.models import model_file, models
from affex.pipeline.specs.classifiers import classifier_of, classifier_spec
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.streams.readers import reader_of
from affex.pipeline.streams.segments import segments_of
from affex.pipeline.streams.stream import rows_of
from affex.pipeline.streams.table import Table
from affex.pipeline.text.errors import UsageError

SVM = "svm:C=1,gamma=1"


def plan(classifier, **settings) -> Plan:
    made = classifier_of(classifier) if isinstance(classifier, str) else classifier
    return Plan(corpus="toy", features=("made",), keys=("0" * 64,), classifier=made, settings=Settings(**settings))


def pair(spec: str, **settings) -> tuple[Plan, Plan]:
    """Plans with pooled rows, and with each row."""
    pooled = plan(spec, **settings)
    return pooled, replace(pooled, classifier=replace(pooled.classifier, rows="each"))


def copied(table: Table, times: np.ndarray) -> Table:
    """Return a table of one row per utterance with so many copies of the row of each."""
    X = np.repeat(table.X, times, axis=0)
    return changed(table, X=X, offsets=np.concatenate([[0], np.cumsum(times)]))


def rated(table: Table) -> Table:
    """Return the table with three raters, of whom one prefers joy."""
    return replace(
        table, utterances=tuple(replace(u, votes=((u.label,), (u.label,), ("joy",))) for u in table.utterances)
    )


def identical(one, other) -> bool:
    parts = [(one.scores, other.scores), *zip(one.inner, other.inner, strict=True)]
    names = ("ids", "predicted", "values")
    return all(getattr(a, name).tobytes() == getattr(b, name).tobytes() for a, b in parts for name in names)


# With one row per utterance it is the same


@pytest.mark.parametrize("settings", [{}, {"soft": True}, {"reweight": True}, {"speaker_norm": True}], ids=str)
@pytest.mark.parametrize("spec", [SVM, "logistic", "xgboost:rounds=5"])
def test_one_row_per_utterance_gives_the_same_bits(spec, settings):
    table = rated(make_table(n_speakers=3))
    pooled, each = (evaluate(table, one, inner=True) for one in pair(spec, **settings))
    assert identical(pooled, each)


def test_one_row_per_utterance_gives_the_same_values():
    table = with_values(make_table(n_speakers=3))
    valence = Protocol("valence", target="valence")
    pooled, each = (evaluate(table, replace(one, protocol=valence)) for one in pair("svm:C=1,gamma=1,epsilon=.1"))
    assert identical(pooled, each)


# Each utterance has the same weight, however many rows it has


@pytest.mark.parametrize("spec", ["logistic:C=0.1", "lda:shrinkage=0.1"])
def test_copies_of_rows_change_nothing(spec):
    table = make_table(n_speakers=3)
    times = np.full(len(table), 3) if spec.startswith("lda") else np.random.default_rng(0).integers(1, 5, len(table))
    each = pair(spec)[1]
    one, other = evaluate(table, each).scores, evaluate(copied(table, times), each).scores
    assert other.predicted.tolist() == one.predicted.tolist()
    assert other.values == pytest.approx(one.values, abs=2e-3)


def test_the_weights_of_an_utterance_s_rows_sum_to_its_own():
    table = copied(rated(make_table(n_speakers=3)), np.arange(48) % 4 + 1)
    for settings in ({}, {"soft": True}):
        each = pair("logistic", **settings)[1]
        task = prepare(table, each)
        training = reader_of(each.classifier).training(task.examples, task.folds[0].train)
        owner = np.repeat(np.arange(len(training.given["offsets"]) - 1), np.diff(training.given["offsets"]))
        totals = np.bincount(owner, training.given["sample_weight"])
        expected = task.examples.shares[task.folds[0].train] if settings else np.ones(32)
        assert totals == pytest.approx(expected[expected > 0])


def test_an_estimator_without_weights_is_noted_where_numbers_of_rows_differ():
    table = make_table(n_speakers=3)
    each = pair("lda")[1]
    assert not evaluate(copied(table, np.full(48, 2)), each).notes
    (note,) = evaluate(copied(table, np.arange(48) % 2 + 1), each).notes
    assert note == "lda takes no weights: an utterance counts once for each of its rows in training"


# Scores are means, decisions follow them


def test_scores_are_the_means_of_the_scores_of_rows():
    table = make_table(n_speakers=3, n_frames=4)
    each = plan(of_estimator(LogisticRegression(), rows="each"))
    task = prepare(table, each)
    fold = task.folds[0]
    model = fit(build(each, task.examples), task.examples, fold, each)
    rows = model.predict_proba(table.X[rows_of(table.offsets, fold.test)]).reshape(len(fold.test), 4, -1)
    scores = evaluate(table, each).scores
    assert scores.values[fold.test] == pytest.approx(rows.mean(axis=1))
    agreed = (rows.argmax(axis=2) == rows.argmax(axis=2)[:, :1]).all(axis=1)
    decided = np.where(agreed, rows.argmax(axis=2)[:, 0], rows.mean(axis=1).argmax(axis=1))
    assert scores.predicted[fold.test].tolist() == model.classes_[decided].tolist()


def test_values_are_the_means_of_the_values_of_rows():
    table = with_values(make_table(n_speakers=3, n_frames=4))
    each = replace(pair("svm:C=1,gamma=1,epsilon=.1")[1], protocol=Protocol("valence", target="valence"))
    task = prepare(table, each)
    fold = task.folds[0]
    model = fit(build(each, task.examples), task.examples, fold, each)
    rows = model.predict(table.X[rows_of(table.offsets, fold.test)]).reshape(len(fold.test), 4)
    assert evaluate(table, each).scores.predicted[fold.test] == pytest.approx(rows.mean(axis=1))


def products(seed: int) -> Table:
    """Return frames whose two columns have equal signs in one class and opposite ones in the other."""
    rng = np.random.default_rng(seed)
    table = make_table(n_speakers=4, n_each=6, n_frames=10, n_columns=2, classes=("alike", "apart"), seed=seed)
    turned = np.repeat([u.label == "apart" for u in table.utterances], 10)
    signs = rng.choice([-1.0, 1.0], len(table.X))
    X = np.column_stack([signs, np.where(turned, -signs, signs)]) + 0.4 * rng.normal(size=table.X.shape)
    return changed(table, X=X.astype(np.float32))


def pooled_rows(table: Table) -> Table:
    """Return the table with mean, deviation, least and most of the frames of each utterance."""
    frames = table.X.reshape(len(table), -1, table.X.shape[1])
    rows = np.hstack([getattr(np, name)(frames, axis=1) for name in ("mean", "std", "min", "max")])
    return changed(table, X=rows, offsets=np.arange(len(table) + 1), columns=tuple(f"c{i}" for i in range(8)))


def test_rows_keep_what_pooling_loses():
    def uar(table: Table, one: Plan) -> float:
        return metrics.uar(confusion_of(evaluate(table, one).scores))

    pooled, each = pair(SVM)
    found = [(uar(products(seed), each), uar(pooled_rows(products(seed)), pooled)) for seed in range(5)]
    assert min(one for one, _ in found) > 0.9
    assert np.mean([other for _, other in found]) < 0.65


# Nothing leaks, and a model repeats the evaluation


@pytest.mark.parametrize("spec", [SVM, "logistic"])
def test_the_tested_speaker_leaves_no_trace(spec):
    each = pair(spec)[1]

    def state(table: Table) -> str:
        task = prepare(table, each)
        fold = next(fold for fold in task.folds if fold.name == "01")
        return joblib.hash(fit(build(each, task.examples), task.examples, fold, each))

    def turned(table: Table, speaker: str) -> Table:
        own = np.repeat(table.speakers == speaker, table.lengths)[:, None]
        labels = ["joy" if u.speaker == speaker else u.label for u in table.utterances]
        return relabelled(changed(table, X=np.where(own, 7 - 1000 * table.X, table.X)), labels)

    table = make_table(n_speakers=4, n_frames=3)
    assert state(table) == state(turned(table, "01"))
    assert state(table) != state(turned(table, "02"))


@pytest.mark.parametrize("made", ["logistic", LogisticRegression(), LinearSVC(), LinearDiscriminantAnalysis()], ids=str)
def test_a_saved_model_predicts_as_the_evaluation_does(made, tmp_path):
    each = pair(made)[1] if isinstance(made, str) else plan(of_estimator(made, rows="each"))
    table = make_table(n_speakers=3, n_frames=3)
    model_file.write(models.fit(table, each, exclude=("02",), recipes=["{}"]), tmp_path / "model.affex")
    read = model_file.read(tmp_path / "model.affex")
    assert read.plan.classifier == each.classifier
    assert read.plan.about().scores.endswith("; the mean over the rows of an utterance")
    own = np.flatnonzero(table.speakers == "02")
    output, scores = models.predict(read, table.take(own)).fold_scores, evaluate(table, each).scores
    assert output.predicted.tolist() == scores.predicted[own].tolist()
    assert output.scores.tolist() == scores.values[own].tolist()


def test_inner_scores_are_one_row_per_training_utterance():
    result = evaluate(make_table(n_speakers=4, n_frames=3), pair(SVM)[1], inner=True)
    assert [len(inner.ids) for inner in result.inner] == [48] * 4


# Segments of sequences


def test_segments_of_rows_by_hand():
    rows, offsets, n = segments_of(np.array([0, 6, 8, 8, 11]), 3, 2)
    assert rows.tolist() == [0, 1, 2, 2, 3, 4, 6, 7, 7, 8, 9, 10]
    assert offsets.tolist() == [0, 3, 6, 9, 9, 12]
    assert n.tolist() == [2, 1, 1, 1]


def net(spec: str) -> Plan:
    return plan(f"net:trunk=conv1d,units=4,epochs=4,patience=0,rate=0.02,{spec}")


def test_one_segment_per_utterance_gives_the_same_bits():
    table = make_table(n_speakers=3, n_frames=4)
    assert identical(evaluate(table, net("segment=4"), inner=True), evaluate(table, net("dropout=0.2"), inner=True))


def test_segments_are_weighted_and_averaged():
    table = make_table(n_speakers=3, n_frames=7)
    one = net("segment=3,step=2")
    task = prepare(table, one)
    fold = task.folds[0]
    training = reader_of(one.classifier).training(task.examples, fold.train)
    assert len(training.y) == 3 * len(fold.train)
    assert training.given["sample_weight"] == pytest.approx(np.full(len(training.y), 1 / 3))
    model = fit(build(one, task.examples), task.examples, fold, one)
    rows, offsets, _ = segments_of(np.arange(len(fold.test) + 1) * 7, 3, 2)
    own = table.X[rows_of(table.offsets, fold.test)][rows]
    by_hand = model.predict_proba(own, offsets).reshape(len(fold.test), 3, -1).mean(axis=1)
    assert evaluate(table, one).scores.values[fold.test] == pytest.approx(by_hand)


def test_values_of_segments_are_averaged_and_a_saved_model_does_the_same(tmp_path):
    table = with_values(make_table(n_speakers=3, n_frames=7))
    one = replace(net("segment=3"), protocol=Protocol("valence", target="valence"))
    scores = evaluate(table, one).scores
    model_file.write(models.fit(table, one, exclude=("02",), recipes=["{}"]), tmp_path / "model.affex")
    own = np.flatnonzero(table.speakers == "02")
    read = model_file.read(tmp_path / "model.affex")
    assert read.plan.about().scores.endswith("; the mean over the segments of an utterance")
    assert models.predict(read, table.take(own)).fold_scores.predicted.tolist() == scores.predicted[own].tolist()


def test_soft_targets_of_segments_are_shares_of_their_weight():
    one = replace(net("segment=2"), settings=Settings(soft=True))
    task = prepare(rated(make_table(n_speakers=3, n_frames=4)), one)
    training = reader_of(one.classifier).training(task.examples, task.folds[0].train)
    assert training.given["sample_weight"].sum() == pytest.approx(len(task.folds[0].train))


def test_segments_need_the_same_rows_of_all_streams():
    table = make_table(n_speakers=3, n_frames=4)
    other = replace(table.streams[0].take(np.arange(48)[::-1]), offsets=np.arange(49))
    two = replace(table, streams=(table.streams[0], other), present=np.ones((48, 2), bool))
    with pytest.raises(UsageError, match="segment=2 cuts rows"):
        prepare(two, replace(net("segment=2"), features=("made", "other")))


@pytest.mark.parametrize("spec", ["segment=4,context=dialog", "step=2"])
def test_segments_that_make_no_sense_are_refused(spec):
    with pytest.raises(UsageError, match="expected"):
        net(spec)


# As it is written


def test_frames_are_pooled_only_without_it():
    specs = feature_specs("mfcc")
    assert reader_of(classifier_of("svm")).wanted(specs)[0].pool
    assert reader_of(classifier_of("svm:rows=each")).wanted(specs) == specs
    assert classifier_spec(classifier_of("svm:rows=each,C=2")) == "svm:rows=each,C=2.0"


@pytest.mark.parametrize("name", ["gmm", "net"])
def test_who_reads_frames_anyway_has_no_such_setting(name):
    with pytest.raises(UsageError, match=f"parameter of {name}"):
        classifier_of(f"{name}:rows=each")


def test_another_value_is_refused():
    with pytest.raises(UsageError, match="'svm:rows=all': rows=all: expected pooled or each"):
        classifier_of("svm:rows=all")

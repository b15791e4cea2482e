"""The evaluation: nothing leaks, chance is chance, and what cannot be evaluated says why."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace

import joblib
import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from synthetic import EMOTIONS, Bayes, FrameBayes, Memoriser, Scaled, changed, make_table, relabelled, with_values

import affex.pipeline.evaluation.task
from affex.classifiers.base import Classifier, Target
from affex.pipeline.corpora.base import LOSO, Protocol
from affex.pipeline.evaluation import metrics
from affex.pipeline.evaluation.evaluate import build, evaluate, fit
from affex.pipeline.evaluation.figures import confusion_of
from affex.pipeline.evaluation.results import Result
from affex.pipeline.evaluation.settings import Plan, Settings
from affex.pipeline.evaluation.task import prepare
from affex.pipeline.execution import stages
from affex.pipeline.execution.runner import Runner
from affex.pipeline.specs import discovery
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.streams.decision import decide
from affex.pipeline.streams.table import SpeakerNorm, Table, normalised_by_speaker
from affex.pipeline.text.errors import AffexError, UsageError

BAYES = Plan(corpus="toy", features=("made",), classifier=Bayes())
VALENCE = replace(BAYES, protocol=Protocol("valence", target="valence"))
FRAMES = replace(BAYES, classifier=FrameBayes())


def uar(result: Result) -> float:
    return metrics.uar(confusion_of(result.scores))


def same(one: Result, other: Result) -> bool:
    fields = ("ids", "clusters", "folds", "true", "predicted", "values")
    pairs = [(one.scores, other.scores), *zip(one.inner, other.inner, strict=True)]
    same_scores = all(getattr(a, f).tobytes() == getattr(b, f).tobytes() for a, b in pairs for f in fields)
    return same_scores and repr(one.importance) == repr(other.importance)


def classes(names: str) -> Plan:
    """The settings with these classes only."""
    return replace(BAYES, protocol=replace(LOSO, classes=names))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Runner]:
    with stages.opened("local", 2) as runner:
        yield runner


# What comes out


def test_every_utterance_is_scored_once_in_the_order_of_the_manifest():
    matrix = make_table().take(np.random.default_rng(0).permutation(96))
    scores = evaluate(matrix, BAYES).scores
    assert scores.ids.tolist() == [utterance.id for utterance in matrix.utterances]
    assert scores.true.tolist() == [utterance.label for utterance in matrix.utterances]
    assert scores.folds.tolist() == scores.clusters.tolist() == matrix.speakers.tolist()
    assert scores.values.shape == (96, 4)
    assert scores.values.sum(axis=1) == pytest.approx(1)


def test_a_fold_is_what_one_gets_by_hand():
    matrix = make_table()
    scores = evaluate(matrix, BAYES).scores
    labels = np.array([utterance.label for utterance in matrix.utterances])
    tested = matrix.speakers == "03"
    by_hand = Scaled(GaussianNB()).fit(matrix.X[~tested], labels[~tested], groups=matrix.speakers[~tested])
    assert scores.predicted[tested].tolist() == by_hand.predict(matrix.X[tested]).tolist()
    assert scores.values[tested] == pytest.approx(by_hand.predict_proba(matrix.X[tested]))


def test_score_columns_follow_the_classes_as_they_were_asked_for():
    default = evaluate(make_table(), BAYES).scores
    turned = evaluate(make_table(), classes("sadness,neutral,joy,anger")).scores
    assert turned.classes == EMOTIONS[::-1]
    assert np.array_equal(turned.values, default.values[:, ::-1])
    assert np.array_equal(turned.predicted, default.predicted)


def test_what_each_fold_chose_is_kept():
    folds = evaluate(make_table(n_speakers=3), BAYES).folds
    assert [(f.name, f.n_train, f.n_test) for f in folds] == [("00", 32, 16), ("01", 32, 16), ("02", 32, 16)]
    assert folds[0].best_params == {"n_rows": 32, "n_speakers": 2}


def test_progress_ticks_with_every_fold():
    ticks: list[tuple[int, int]] = []
    evaluate(make_table(n_speakers=3), BAYES, progress=lambda done, n: ticks.append((done, n)))
    assert ticks == [(1, 3), (2, 3), (3, 3)]


def test_a_class_that_a_fold_never_learned_scores_0_there():
    matrix = make_table(n_speakers=3, n_each=2)
    labels = [u.label if u.speaker == "01" or u.label != "joy" else "anger" for u in matrix.utterances]
    result = evaluate(relabelled(matrix, labels), BAYES)
    unseen = result.scores.folds == "01"
    assert (result.scores.values[unseen, 1] == 0).all()
    assert (result.scores.values[~unseen, 1] > 0).any()
    assert any("fold 01: 'joy' is in no training utterance" in note for note in result.notes)


def test_a_label_with_one_clip_is_evaluated_and_noted():
    matrix = make_table()
    result = evaluate(relabelled(matrix, ["awe", *(u.label for u in matrix.utterances[1:])]), BAYES)
    assert "'awe' has 1 utterance: its recall can only be 0 or 1" in result.notes
    assert result.scores.predicted[0] != "awe"


def test_what_does_not_count_is_left_out_and_counted():
    matrix = make_table()
    parts = ["song", *["speech"] * 95]
    labels = [None, None, *(utterance.label for utterance in matrix.utterances[2:])]
    table = zip(relabelled(matrix, labels).utterances, parts, strict=True)
    matrix = replace(matrix, utterances=tuple(replace(utterance, part=part) for utterance, part in table))
    matrix.present[5] = matrix.present[0] = False
    protocol = Protocol("speech", parts=("speech",), classes="anger,joy+neutral")
    result = evaluate(matrix, replace(BAYES, protocol=protocol))
    assert result.left_out == {
        "in another part": 1,
        "without features": 1,
        "without a label": 1,
        "of another label": 24,
    }
    assert len(result.scores.ids) == 96 - 27


def test_an_utterance_without_features_may_have_no_row():
    matrix = make_table()
    present = matrix.present.copy()
    present[7] = False
    offsets = np.concatenate([np.arange(8), np.arange(7, 96)])
    without = Table.of(np.delete(matrix.X, 7, axis=0), offsets, matrix.utterances, matrix.columns, present)
    assert evaluate(without, BAYES).left_out == {"without features": 1}


# Nothing leaks


def fitted_states(matrix: Table, settings: Plan, speaker: str) -> str:
    """The state of the estimator of the fold that tests `speaker`, to the bit."""
    task = prepare(matrix, settings)
    fold = next(fold for fold in task.folds if fold.name == speaker)
    return joblib.hash(fit(build(settings, task.examples), task.examples, fold, settings))


def corrupted(matrix: Table, speaker: str) -> Table:
    """Return the matrix with a speaker's rows and labels turned to nonsense."""
    labels = [
        EMOTIONS[(EMOTIONS.index(u.label) + 1) % 4] if u.speaker == speaker else u.label for u in matrix.utterances
    ]
    other = np.repeat(matrix.speakers == speaker, matrix.lengths)[:, None]
    return relabelled(changed(matrix, X=np.where(other, 7 - 1000 * matrix.X, matrix.X)), labels)


@pytest.mark.parametrize(
    "settings",
    [
        BAYES,
        FRAMES,
        replace(BAYES, settings=Settings(speaker_norm=True)),
        replace(BAYES, settings=Settings(speaker_norm="mean")),
    ],
    ids=["rows", "frames", "norm", "mean"],
)
def test_the_tested_speaker_leaves_no_trace_in_what_was_fitted(settings):
    matrix = make_table(n_frames=3 if settings is FRAMES else 1)
    for speaker in np.unique(matrix.speakers):
        assert fitted_states(matrix, settings, speaker) == fitted_states(corrupted(matrix, speaker), settings, speaker)


def test_the_canary_dies_when_scaling_moves_outside_the_fold(monkeypatch):
    def scaled_outside(matrix: Table, how: SpeakerNorm) -> Table:
        return changed(matrix, X=(matrix.X - matrix.X.mean(axis=0)) / matrix.X.std(axis=0))

    monkeypatch.setattr(affex.pipeline.evaluation.task, "normalised_by_speaker", scaled_outside)
    settings, matrix = replace(BAYES, settings=Settings(speaker_norm=True)), make_table()
    assert fitted_states(matrix, settings, "02") != fitted_states(corrupted(matrix, "02"), settings, "02")


def test_the_canary_sees_a_training_speaker_change():
    matrix = make_table()
    assert fitted_states(matrix, BAYES, "02") != fitted_states(corrupted(matrix, "03"), BAYES, "02")


# The classifiers of the house


def house(name: str) -> tuple[Table, Plan]:
    """Return a preset's settings, and a matrix of the rows that it reads."""
    classifier = quick(name)
    n_frames = 30 if classifier.reads == "frame" else 1
    return make_table(n_speakers=4, n_frames=n_frames), replace(BAYES, classifier=classifier)


QUICK = {
    "net": "net:units=8,rate=0.02,epochs=12,patience=3",
    "dbn": "dbn:layers=20+10",
    "dbm": "dbm:hidden=20,joint=20",
}


def quick(name: str) -> Classifier:
    """Return a preset; a network is small, and learns fast."""
    return classifier_of(QUICK.get(name, name))


@pytest.mark.parametrize("name", discovery.classifier_presets())
def test_no_classifier_keeps_a_trace_of_the_tested_speaker(name):
    matrix, settings = house(name)
    state = fitted_states(matrix, settings, "02")
    assert state == fitted_states(corrupted(matrix, "02"), settings, "02")
    assert state != fitted_states(corrupted(matrix, "03"), settings, "02")


@pytest.mark.parametrize("select", ["variance", "anova", "pca"])
def test_no_selection_of_columns_keeps_a_trace_of_the_tested_speaker(select):
    matrix = make_table(n_speakers=4, n_columns=12)
    settings = replace(BAYES, classifier=classifier_of(f"svm:select={select}"))
    state = fitted_states(matrix, settings, "02")
    assert state == fitted_states(corrupted(matrix, "02"), settings, "02")
    assert state != fitted_states(corrupted(matrix, "03"), settings, "02")


@pytest.mark.parametrize("reweight", [False, True])
def test_the_labels_of_the_tested_speaker_change_nothing_that_is_said_of_them(reweight):
    matrix, settings = make_table(n_speakers=4), replace(BAYES, settings=Settings(reweight=reweight))
    turned = changed(corrupted(matrix, "02"), X=matrix.X)
    one, other = (evaluate(m, settings, inner=True) for m in (matrix, turned))
    fold = one.scores.folds == "02"
    assert one.scores.values[fold].tobytes() == other.scores.values[fold].tobytes()
    assert one.scores.true[fold].tolist() != other.scores.true[fold].tolist()
    assert one.inner[2].values.tobytes() == other.inner[2].values.tobytes()


@pytest.mark.parametrize("name", discovery.classifier_presets())
@pytest.mark.usefixtures("several_threads")
def test_every_classifier_repeats_itself_to_the_bit_in_any_number_of_processes(name, cluster):
    matrix, settings = house(name)
    result = evaluate(matrix, settings)
    assert same(result, evaluate(matrix, settings, runner=cluster))
    assert uar(result) > 0.4
    assert np.isfinite(result.scores.values).all()
    assert all(isinstance(fold.best_params, dict) for fold in result.folds)


# Chance is chance


def test_labels_shuffled_within_speakers_score_chance():
    def shuffled(seed: int) -> Table:
        rng, labels = np.random.default_rng(seed), np.array([u.label for u in matrix.utterances])
        for speaker in np.unique(matrix.speakers):
            own = np.flatnonzero(matrix.speakers == speaker)
            labels[own] = rng.permutation(labels[own])
        return relabelled(matrix, labels.tolist())

    matrix = make_table(n_speakers=8, n_each=5)
    assert uar(evaluate(matrix, BAYES)) > 0.6  # there is something to be learned
    assert np.mean([uar(evaluate(shuffled(seed), BAYES)) for seed in range(20)]) == pytest.approx(0.25, abs=0.03)


def test_who_memorises_speakers_scores_chance():
    """Every speaker has one label: knowing the speaker is knowing the label, and of no use for another."""

    def one_label_a_speaker(seed: int) -> Table:
        labels = np.random.default_rng(seed).permutation(np.repeat(EMOTIONS, 15))
        matrix = make_table(n_speakers=60, n_each=1, class_shift=0, speaker_shift=10, seed=seed)
        return relabelled(matrix, [str(labels[int(u.speaker)]) for u in matrix.utterances])

    settings = replace(BAYES, classifier=Memoriser(), protocol=Protocol("twelfths", "group-k", k=12))
    examples = prepare(one_label_a_speaker(0), settings).examples
    memory = (
        Memoriser().estimator(seed=0, device="cpu").fit(examples.X[::2], examples.y[::2], groups=examples.groups[::2])
    )
    assert np.mean(memory.predict(examples.X[1::2]) == examples.y[1::2]) > 0.99  # heard before, known by heart
    found = [uar(evaluate(one_label_a_speaker(seed), settings)) for seed in range(10)]
    assert np.mean(found) == pytest.approx(0.25, abs=0.03)


# The same again


@dataclass(frozen=True, kw_only=True)
class Linear(Bayes):
    """Does enough linear algebra to notice how many threads there are."""

    def build(self, *, target: Target = "classes", precomputed: bool = False, seed: int, device: str) -> Scaled:
        return Scaled(make_pipeline(PCA(20, svd_solver="randomized", random_state=seed), GaussianNB()))


@pytest.mark.usefixtures("several_threads")
def test_neither_the_run_nor_the_number_of_processes_changes_a_bit(cluster):
    matrix = make_table(n_columns=4000)  # more than 1 MB: processes read it from a shared file
    settings = replace(BAYES, classifier=Linear())
    first = evaluate(matrix, settings)
    assert same(first, evaluate(matrix, settings))
    assert same(first, evaluate(matrix, settings, runner=cluster))
    assert not same(first, evaluate(matrix, replace(settings, settings=Settings(seed=1))))


@pytest.mark.parametrize("speaker_norm", [False, True])
@pytest.mark.usefixtures("several_threads")
def test_the_number_of_threads_changes_no_bit(speaker_norm):
    """Each fold in one numerical thread, also while another one leaves."""
    matrix = make_table(n_speakers=8, n_columns=1500)  # so many that libraries would part a product among threads
    settings = replace(BAYES, classifier=classifier_of("svm:C=1"), settings=Settings(speaker_norm=speaker_norm))
    assert settings.classifier.in_threads
    first = evaluate(matrix, settings, inner=True)
    for jobs in (2, 8):
        with stages.opened("local", jobs) as runner:
            assert same(first, evaluate(matrix, settings, inner=True, runner=runner))


def test_normalising_by_speaker_is_done_before_the_folds_and_without_labels():
    matrix = make_table(speaker_shift=30)
    settings = replace(BAYES, settings=Settings(speaker_norm=True))
    assert same(evaluate(matrix, settings), evaluate(normalised_by_speaker(matrix), BAYES))
    assert uar(evaluate(matrix, settings)) > uar(evaluate(matrix, BAYES))
    chosen = prepare(matrix, replace(classes("anger,joy"), settings=Settings(speaker_norm=True))).examples.X
    whole = normalised_by_speaker(matrix)
    kept = np.isin([u.label for u in whole.utterances], ("anger", "joy"))
    assert np.array_equal(chosen, whole.X[kept])


def test_the_mean_of_each_speaker_is_taken_away_before_the_folds_and_without_labels():
    matrix = make_table(speaker_shift=30)
    settings = replace(BAYES, settings=Settings(speaker_norm="mean"))
    assert same(evaluate(matrix, settings), evaluate(normalised_by_speaker(matrix, "mean"), BAYES))
    assert uar(evaluate(matrix, settings)) > uar(evaluate(matrix, BAYES))


# Frames


def test_the_decision_by_sum_adds_frames_and_one_prior():
    likelihood = np.log([[0.5, 0.1], [0.2, 0.4], [0.3, 0.3]])
    decision, scores = decide(likelihood, np.log([0.25, 0.75]), np.array([0, 2, 3]), "sum")
    first, second = 0.5 * 0.2 * 0.25, 0.1 * 0.4 * 0.75
    assert scores[0] == pytest.approx([first / (first + second), second / (first + second)])
    assert scores[1] == pytest.approx([0.25, 0.75])
    assert decision.tolist() == [1, 1]


def test_the_decision_by_vote_counts_frames():
    likelihood = np.log([[0.9, 0.1], [0.4, 0.6], [0.4, 0.6], [0.9, 0.1]])
    decision, scores = decide(likelihood, np.log([0.5, 0.5]), np.array([0, 3, 4]), "vote")
    assert scores[0] == pytest.approx([1 / 3, 2 / 3])
    assert scores[1] == pytest.approx([1, 0])
    assert decision.tolist() == [1, 0]


def test_equal_votes_go_to_the_first_class():
    likelihood = np.log([[0.9, 0.1], [0.1, 0.9]])
    decision, scores = decide(likelihood, np.log([0.5, 0.5]), np.array([0, 2]), "vote")
    assert scores.tolist() == [[0.5, 0.5]]
    assert decision.tolist() == [0]


def test_a_long_clip_does_not_run_out_of_numbers():
    likelihood = np.tile([[-100.0, -100.1]], (100_000, 1))
    decision, scores = decide(likelihood, np.log([0.5, 0.5]), np.array([0, 100_000]), "sum")
    assert scores.tolist() == [[1, 0]]
    assert decision.tolist() == [0]


@pytest.mark.parametrize("rule", ["sum", "vote"])
def test_many_poor_frames_make_a_good_clip(rule):
    frames = make_table(n_frames=40, class_shift=0.5, speaker_shift=0.1)
    pooled = evaluate(frames, replace(FRAMES, classifier=FrameBayes(decision=rule)))
    single = frames.take(np.arange(96))
    single = changed(single, X=single.X[::40], offsets=np.arange(97))
    assert uar(pooled) > uar(evaluate(single, BAYES)) + 0.1


def test_a_clip_of_one_frame_is_scored_as_its_frame():
    """One utterance of two frames makes the matrix one of frames; all others have a single one."""
    matrix = make_table()
    offsets = np.concatenate([np.arange(96), [97]])
    frames = changed(matrix, X=np.concatenate([matrix.X, matrix.X[-1:]]), offsets=offsets)
    by_frame, by_row = evaluate(frames, FRAMES).scores, evaluate(matrix, BAYES).scores
    fold = by_row.folds == "05"  # learned from the same rows
    assert by_frame.predicted[fold].tolist()[:-1] == by_row.predicted[fold].tolist()[:-1]
    assert by_frame.values[fold][:-1] == pytest.approx(by_row.values[fold][:-1])


# What cannot be


def test_frames_for_a_classifier_of_utterances_and_the_reverse():
    with pytest.raises(
        UsageError, match=r"(?s)reads one row an utterance, but FEATURES='made' gives one a frame.*that fit"
    ):
        evaluate(make_table(n_frames=3), BAYES)
    with pytest.raises(UsageError, match="reads one row a frame, but FEATURES='made' gives one an utterance"):
        evaluate(make_table(), FRAMES)


def test_one_class():
    with pytest.raises(AffexError, match=r"at least 2 classes, but of 16 utterances every label is 'joy'"):
        evaluate(make_table(n_speakers=4, classes=("joy",)), BAYES)


def test_one_speaker():
    with pytest.raises(AffexError, match="needs at least 2 speakers, found 1: '00'"):
        evaluate(make_table(n_speakers=1), BAYES)


def test_no_features_at_all():
    matrix = make_table()
    with pytest.raises(AffexError, match="No utterance of toy has made"):
        evaluate(replace(matrix, present=np.zeros((96, 1), dtype=bool)), BAYES)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_number_that_is_none_names_its_utterance_and_column(value):
    matrix = make_table()
    X = matrix.X.copy()
    X[17, 3] = value
    with pytest.raises(AffexError, match=f"^01-anger-1: column c3 is {value}"):
        evaluate(changed(matrix, X=X), BAYES)


@dataclass(frozen=True, kw_only=True)
class Picky(Bayes):
    """Refuses what it is given."""

    def build(self, *, target: Target = "classes", precomputed: bool = False, seed: int, device: str) -> Scaled:
        return Scaled(PCA(1000))


@pytest.mark.parametrize("spread", [False, True])
def test_what_an_estimator_refuses_names_the_fold(spread, cluster):
    settings = replace(BAYES, classifier=Picky())
    with pytest.raises(AffexError, match=r"Fold 0\d: .* could not be trained on 80 utterances.*\n.*n_components=1000"):
        evaluate(make_table(), settings, runner=cluster if spread else None)


class Dying(GaussianNB):
    """Takes its process with it."""

    def fit(self, X, y, sample_weight=None):
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True, kw_only=True)
class Deadly(Bayes):
    """Builds what dies."""

    def build(self, *, target: Target = "classes", precomputed: bool = False, seed: int, device: str) -> Scaled:
        return Scaled(Dying())


def test_a_process_that_dies_is_said_to_have_died(cluster):
    settings = replace(BAYES, classifier=Deadly())
    with pytest.raises(AffexError, match=r"A worker process died at its work, .*JOBS=1"):
        evaluate(make_table(n_speakers=2), settings, runner=cluster)


# Values in the place of classes


def test_values_are_predicted_and_scored():
    result = evaluate(with_values(make_table()), VALENCE)
    scores = result.scores
    assert scores.classes == ()
    assert scores.values.shape == (96, 0)
    assert scores.true.dtype == scores.predicted.dtype == np.float64
    assert metrics.ccc(scores.true, scores.predicted) > 0.8


def test_a_classifier_that_tells_classes_apart_only_says_so():
    settings = replace(VALENCE, classifier=replace(FRAMES.classifier))
    with pytest.raises(UsageError, match=r"predicts classes; TARGET=valence has values.*svm"):
        evaluate(with_values(make_table()), replace(VALENCE, classifier=OnlyClasses()))
    with pytest.raises(UsageError, match="REWEIGHT=1 and SOFT=1 are about classes"):
        evaluate(with_values(make_table()), replace(VALENCE, settings=Settings(reweight=True)))
    assert settings.protocol.target == "valence"


@dataclass(frozen=True, kw_only=True)
class OnlyClasses(Bayes):
    """Knows no values."""

    targets = ("classes",)


@pytest.mark.parametrize("name", [n for n, c in discovery.classifier_presets().items() if "values" in c.targets])
def test_no_regressor_keeps_a_trace_of_the_tested_speaker(name):
    matrix = with_values(make_table(n_speakers=4))
    settings = replace(VALENCE, classifier=quick(name))
    state = fitted_states(matrix, settings, "02")
    assert state == fitted_states(devalued(matrix, "02"), settings, "02")
    assert state != fitted_states(devalued(matrix, "03"), settings, "02")
    assert metrics.ccc(*(getattr(evaluate(matrix, settings).scores, name) for name in ("true", "predicted"))) > 0.4


def devalued(matrix: Table, speaker: str) -> Table:
    """Return the matrix with a speaker's rows and values turned to nonsense."""
    turned = corrupted(matrix, speaker)
    own = (replace(u, valence=9 - u.valence) if u.speaker == speaker else u for u in turned.utterances)
    return replace(turned, utterances=tuple(own))


# What raters, class counts and fixed splits change


def rated(matrix: Table, votes: list[tuple[str, ...]]) -> Table:
    """Return the matrix with one label each from some raters."""
    pairs = zip(matrix.utterances, votes, strict=True)
    return replace(matrix, utterances=tuple(replace(u, votes=tuple((v,) for v in own)) for u, own in pairs))


def test_unanimous_votes_are_labels():
    matrix = make_table()
    agreed = rated(matrix, [(u.label,) * 3 for u in matrix.utterances])
    soft = evaluate(agreed, replace(BAYES, settings=Settings(soft=True)))
    hard = evaluate(matrix, BAYES)
    assert soft.scores.values == pytest.approx(hard.scores.values)
    assert hard.ceiling is None
    assert soft.ceiling.value == 1


def test_a_share_counts_as_so_much_of_a_row():
    matrix = make_table(n_speakers=3)
    votes = [(u.label, u.label, "joy") for u in matrix.utterances]
    task = prepare(rated(matrix, votes), replace(BAYES, settings=Settings(soft=True)))
    model = fit(build(BAYES, task.examples), task.examples, task.folds[0], BAYES).model_
    rows, own = [np.flatnonzero(matrix.speakers != "00")] * 2
    y = np.array([u.label for u in matrix.utterances])[rows]
    weight = np.concatenate([np.where(y == "joy", 1, 2 / 3), np.full((y != "joy").sum(), 1 / 3)])
    X = np.concatenate([matrix.X[rows], matrix.X[own[y != "joy"]]])
    by_hand = GaussianNB().fit(X, np.concatenate([y, ["joy"] * (y != "joy").sum()]), weight)
    assert model.class_prior_ == pytest.approx(by_hand.class_prior_)


def test_soft_targets_come_nearer_to_the_raters_shares():
    matrix = make_table(n_columns=8)
    votes = [(u.label, EMOTIONS[(EMOTIONS.index(u.label) + 1) % 4]) for u in matrix.utterances]
    elm = replace(BAYES, classifier=classifier_of("elm:units=50"))
    soft, hard = (evaluate(rated(matrix, votes), replace(elm, settings=Settings(soft=on))) for on in (True, False))
    assert soft.against_shares.divergence < 0.7 * hard.against_shares.divergence
    assert soft.against_shares.divergence < soft.against_shares.chance
    assert soft.against_shares.n_utterances == 96
    assert evaluate(matrix, elm).against_shares is None


def test_no_votes_no_soft_targets():
    with pytest.raises(AffexError, match="SOFT=1 learns from raters' votes, and no utterance here has any"):
        evaluate(make_table(), replace(BAYES, settings=Settings(soft=True)))


def test_reweighting_favours_what_was_often_seen_in_training():
    matrix = make_table(n_speakers=4)
    plain, weighted = (evaluate(matrix, replace(BAYES, settings=Settings(reweight=on))).scores for on in (False, True))
    assert weighted.values == pytest.approx(plain.values)  # classes are as frequent
    labels = [u.label if u.label != "joy" or u.id.endswith("0") else None for u in matrix.utterances]
    rare = relabelled(matrix, labels)
    plain, weighted = (evaluate(rare, replace(BAYES, settings=Settings(reweight=on))).scores for on in (False, True))
    fold = plain.folds == "00"
    n = np.array([12, 3, 12, 12])  # of the other three speakers, and no other utterance counts
    expected = plain.values[fold] * np.sqrt(n / n.sum())
    assert weighted.values[fold] == pytest.approx(expected / expected.sum(axis=1, keepdims=True))
    assert weighted.predicted.tolist() == [EMOTIONS[i] for i in weighted.values.argmax(axis=1)]


def test_a_fixed_split_tunes_on_its_validation_part():
    matrix = make_table(n_speakers=4)
    part = dict(zip(("00", "01", "02", "03"), ("train", "train", "validation", "test"), strict=True))
    split = replace(matrix, utterances=tuple(replace(u, split=part[u.speaker]) for u in matrix.utterances))
    result = evaluate(split, replace(BAYES, protocol=Protocol("split", "split")))
    assert [(f.name, f.n_train, f.n_test) for f in result.folds] == [("test", 48, 16)]
    assert result.folds[0].best_params["n_inner"] == [[32, 16]]
    assert set(result.scores.clusters) == {"03"}


def test_who_is_on_no_side_is_counted():
    matrix = make_table(n_speakers=3)
    part = dict(zip(("00", "01", "02"), ("train", "test", None), strict=True))
    split = replace(matrix, utterances=tuple(replace(u, split=part[u.speaker]) for u in matrix.utterances))
    assert evaluate(split, replace(BAYES, protocol=Protocol("split", "split"))).left_out == {"in no fold": 16}


def test_a_card_s_counts_are_asserted():
    matrix = make_table()
    protocol = replace(LOSO, counts={"anger": 24, "joy": 25})
    with pytest.raises(AffexError, match="asserts 25 utterances of 'joy', found 24"):
        evaluate(matrix, replace(BAYES, protocol=protocol))
    task = prepare(matrix, replace(BAYES, protocol=protocol, settings=Settings(partial=True)))
    assert task.notes[0] == "the protocol loso asserts 25 utterances of 'joy', found 24"


def test_a_missing_modality_is_reported():
    matrix = make_table(n_speakers=3)
    present = np.ones((len(matrix), 2), dtype=bool)
    present[3, 1] = False
    X = np.where((np.arange(len(matrix)) == 3)[:, None] & (np.arange(5) > 2), np.nan, matrix.X)
    settings = replace(BAYES, features=("voice", "face"), classifier=classifier_of("svm:C=1,gamma=1"))
    result = evaluate(changed(matrix, X=X.astype(np.float32), present=present), settings)
    assert any("1 of 48 utterances lack face" in note for note in result.notes)
    assert np.isfinite(result.scores.values).all()


def test_a_modality_that_nobody_has_is_no_fusion():
    matrix = make_table(n_speakers=3)
    X = np.where(np.arange(5) > 2, np.nan, matrix.X).astype(np.float32)
    no_face = changed(matrix, X=X, present=np.tile([True, False], (len(matrix), 1)))
    settings = replace(BAYES, features=("voice", "face"), classifier=classifier_of("svm:C=1,gamma=1"))
    with pytest.raises(AffexError, match=r"None of the 48 utterances that count has face.* Name the others alone"):
        evaluate(no_face, settings)


# What fusions learn from


def test_inner_scores_are_of_the_training_utterances_by_models_that_did_not_see_them(cluster):
    matrix = make_table(n_speakers=4)
    result = evaluate(matrix, BAYES, inner=True)
    assert same(result, evaluate(matrix, BAYES, inner=True, runner=cluster))
    assert len(result.inner) == 4
    first = result.inner[0]
    assert set(first.folds) == {"00"}
    assert set(first.clusters) == {"01", "02", "03"}
    labels = np.array([u.label for u in matrix.utterances])
    train, tested = np.isin(matrix.speakers, ["02", "03"]), matrix.speakers == "01"
    by_hand = Scaled(GaussianNB()).fit(matrix.X[train], labels[train], groups=matrix.speakers[train])
    assert first.values[first.clusters == "01"] == pytest.approx(by_hand.predict_proba(matrix.X[tested]))


def test_the_tested_speaker_leaves_no_trace_in_the_inner_scores():
    matrix = make_table(n_speakers=4)
    one, other = (evaluate(m, BAYES, inner=True) for m in (matrix, corrupted(matrix, "02")))
    assert one.inner[2].values.tobytes() == other.inner[2].values.tobytes()
    assert one.inner[1].values.tobytes() != other.inner[1].values.tobytes()


# Distances that serve all folds


def test_distances_once_for_all_folds_decide_as_those_of_each_fold(monkeypatch):
    matrix = make_table(n_speakers=4, n_columns=30)
    settings = replace(BAYES, classifier=classifier_of("svm"), settings=Settings(speaker_norm=True))
    shared = evaluate(matrix, settings)
    monkeypatch.setattr(type(settings.classifier), "distances", lambda self, X, device: None)
    each = evaluate(matrix, settings)
    assert (shared.scores.predicted == each.scores.predicted).mean() > 0.95
    assert uar(shared) == pytest.approx(uar(each), abs=0.05)


def test_rows_that_only_lost_their_mean_are_scaled_in_each_fold(monkeypatch):
    settings = replace(BAYES, classifier=classifier_of("svm:C=1,gamma=1"), settings=Settings(speaker_norm="mean"))
    monkeypatch.setattr(type(settings.classifier), "distances", lambda *_, **__: pytest.fail("no fold scaled them"))
    assert uar(evaluate(make_table(n_speakers=4), settings)) > 0.4

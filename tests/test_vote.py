"""The vote of face and voice, from frames to a fused run: who sees what, what fusing brings, who leaves no trace."""

import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pytest
from panels import EMOTIONS, SHOWS, made_up, without
from rich.console import Console
from synthetic import changed
from threadpoolctl import threadpool_limits

from affex.pipeline.evaluation import runs
from affex.pipeline.evaluation.evaluate import build, evaluate, fit
from affex.pipeline.evaluation.runs import Run
from affex.pipeline.evaluation.settings import Plan
from affex.pipeline.evaluation.summary import from_json, summarise, to_json
from affex.pipeline.evaluation.task import prepare
from affex.pipeline.fusion import fusion
from affex.pipeline.reporting import report, tables
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.streams.decision import decide
from affex.pipeline.streams.table import Table

GMM = classifier_of("gmm:decision=vote,components=2")
RULES = ("vote", "bayes", "svm")


@pytest.fixture(scope="module", autouse=True)
def _no_pictures():
    """Pictures take most of the time of writing a run, and no fusion looks at them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report.pictures, "of_result", lambda result, found: {})
        yield


def judged(corpus: Mapping[str, Table], folder: Path) -> list[Run]:
    """Return the runs of all classifiers of a corpus."""
    return [_run(name, matrix, folder / name) for name, matrix in corpus.items()]


def _run(name: str, matrix: Table, folder: Path) -> Run:
    settings = Plan(corpus="toy", features=(name,), keys=(name,), classifier=GMM)
    report.write(evaluate(matrix, settings, inner=True), folder, name)
    return runs.read(folder)


@pytest.fixture(scope="module")
def aligned(tmp_path_factory) -> list[Run]:
    """One small corpus; ``benchmarks/vote.py`` makes five of the size that such corpora have."""
    return judged(made_up(n_speakers=5, n_each=6, n_frames=10, seed=0), tmp_path_factory.mktemp("panel"))


def test_each_classifier_sees_its_classes_and_not_the_others(aligned):
    for one in fusion.late(aligned, "vote").recognised:
        shows = SHOWS[one.member.split()[0]]
        shown = [share for name, share in one.informedness.items() if name in shows]
        hidden = [share for name, share in one.informedness.items() if name not in shows]
        assert min(shown) > 0.25
        assert min(shown) > max(hidden)
        assert np.mean(hidden) < 0.15


def test_fusions_that_learn_whom_to_believe_beat_the_best_classifier_and_the_vote(aligned):
    uar = {rule: summarise(fusion.late(aligned, rule)).uar for rule in RULES}
    best = max(member.summary.uar for member in aligned)
    assert min(uar["bayes"], uar["svm"]) > max(uar["vote"], best)


@pytest.mark.parametrize("rule", RULES)
def test_without_the_voice_the_face_says_it(aligned, rule):
    assert summarise(fusion.late(aligned[:-1], rule)).uar > 0.4


def small(folder: Path, change=lambda name, matrix: matrix) -> list[Run]:
    corpus = made_up(n_speakers=3, n_each=3, n_frames=5, seed=0)
    return judged({name: change(name, matrix) for name, matrix in corpus.items()}, folder)


@pytest.fixture(scope="module")
def sometimes_silent(tmp_path_factory) -> list[Run]:
    every_third = np.arange(36) % 3 == 0
    folder = tmp_path_factory.mktemp("silent")
    return small(folder, lambda name, matrix: without(matrix, every_third) if name == "voice" else matrix)


@pytest.mark.parametrize("rule", RULES)
def test_clips_without_a_voice_are_fused_from_the_face(sometimes_silent, rule):
    result = fusion.late(sometimes_silent, rule)
    assert len(result.scores) == 36
    assert np.isfinite(result.scores.values).all()
    assert [one.n for one in result.recognised] == [36] * 6 + [24]
    assert "12 of 36 utterances lack voice gmm: they are fused without it" in result.notes


# The tested speaker


def nonsense(matrix: Table, speaker: str) -> Table:
    """Return the matrix with other frames and labels of one speaker."""
    own = matrix.speakers == speaker
    rows = np.repeat(own, matrix.lengths)[:, None]
    after = dict(zip(EMOTIONS, EMOTIONS[1:] + EMOTIONS[:1], strict=True))
    utterances = (replace(u, label=after[u.label]) if o else u for u, o in zip(matrix.utterances, own, strict=True))
    return changed(matrix, X=np.where(rows, 7 - 100 * matrix.X, matrix.X), utterances=tuple(utterances))


@pytest.fixture(scope="module")
def with_and_without_nonsense(tmp_path_factory) -> tuple[list[Run], list[Run]]:
    folder = tmp_path_factory.mktemp("canary")
    return small(folder / "one"), small(folder / "other", lambda name, matrix: nonsense(matrix, "01"))


@pytest.mark.parametrize("rule", ["bayes", "svm"])
def test_the_tested_speaker_leaves_no_trace_in_the_weights(with_and_without_nonsense, rule):
    before, after = (
        {fold: joblib.hash(learned) for fold, learned in fusion.learned(members, rule).items()}
        for members in with_and_without_nonsense
    )
    assert [before[fold] == after[fold] for fold in ("00", "01", "02")] == [False, True, False]


def test_the_tested_speaker_leaves_no_trace_in_the_noise():
    voice = made_up(n_speakers=3, n_each=3, n_frames=8, seed=0)["voice"]
    settings = Plan(corpus="toy", features=("voice",), classifier=classifier_of("gmm:noise=0.4,components=3"))
    learned = []
    for matrix in (voice, nonsense(voice, "01")):
        task = prepare(matrix, settings)
        with threadpool_limits(limits=1):
            fitted = [fit(build(settings, task.examples), task.examples, fold, settings) for fold in task.folds]
        learned.append([joblib.hash((one.noise_.means_, one.mixtures_[0].means_, one.scale_.mean_)) for one in fitted])
    assert [one == other for one, other in zip(*learned, strict=True)] == [False, True, False]


# Frames of noise


def test_frames_that_noise_explains_better_do_not_count():
    likelihood = np.log([[0.9, 0.1], [0.4, 0.6], [0.4, 0.6], [0.9, 0.1]])
    noise, prior, offsets = np.log([0.95, 0.5, 0.1, 0.9]), np.log([0.5, 0.5]), np.array([0, 3, 4])
    decision, scores = decide(likelihood, prior, offsets, "vote", noise)
    assert scores.tolist() == [[0, 1], [1, 0]]
    assert decision.tolist() == [1, 0]
    decision, scores = decide(likelihood, prior, offsets, "sum", noise)
    assert scores[0] == pytest.approx([0.16 / 0.52, 0.36 / 0.52])


def test_a_clip_of_noise_alone_is_judged_by_all_its_frames():
    likelihood = np.log([[0.9, 0.1], [0.4, 0.6], [0.4, 0.6]])
    offsets, prior = np.array([0, 3]), np.log([0.5, 0.5])
    for rule in ("vote", "sum"):
        silent, heard = (decide(likelihood, prior, offsets, rule, noise) for noise in (np.zeros(3), None))
        assert np.array_equal(silent[1], heard[1])


def test_clips_of_noise_alone_are_counted():
    """The voice of one speaker, and nobody else's, is pauses alone in four utterances."""
    rng = np.random.default_rng(0)
    voice = made_up(n_speakers=3, n_each=4, n_frames=10, seed=1)["voice"]
    utterance = np.repeat(np.arange(len(voice)), voice.lengths)
    pause = (rng.random(len(voice.X)) < 0.4) | (utterance < 4)
    X = np.where(pause[:, None], 0.1 * rng.normal(size=voice.X.shape), voice.X)
    level = np.where(pause, -60, -20) + rng.normal(size=len(X))
    noisy = changed(voice, X=np.column_stack([level, X]).astype(np.float32), columns=("level", "x", "y", "z"))
    settings = Plan(corpus="toy", features=("voice",), classifier=replace(GMM, noise=0.5))
    found = summarise(evaluate(noisy, settings))
    assert [fold.n_noise for fold in found.folds] == [4, 0, 0]
    (note,) = (note for note in found.notes if "noise" in note)
    assert note.startswith("4 of 48 test utterances contain only noise according to the model")
    deaf = summarise(evaluate(noisy, replace(settings, classifier=GMM)))
    assert not [fold for fold in deaf.folds if fold.n_noise is not None]
    assert not [note for note in deaf.notes if "noise" in note]


def test_a_model_of_noise_saves_a_voice_that_is_often_silent():
    """Two thirds of all frames are pauses, which tell nothing and vote all the same."""
    rng = np.random.default_rng(0)
    voice = made_up(n_speakers=4, n_each=5, n_frames=20, seed=1)["voice"]
    X, pause = voice.X.astype(np.float64), rng.random(len(voice.X)) < 0.66
    level = np.where(pause, -60, -20) + 2 * rng.normal(size=len(X))
    X[pause] = 0.3 * rng.normal(size=(pause.sum(), 3))
    noisy = changed(voice, X=np.column_stack([level, X]).astype(np.float32), columns=("level", "x", "y", "z"))
    settings = Plan(corpus="toy", features=("voice",), classifier=GMM)
    deaf, hearing = (
        summarise(evaluate(noisy, replace(settings, classifier=replace(GMM, noise=noise)))) for noise in (0.0, 0.5)
    )
    assert hearing.uar > deaf.uar
    neutral = [next(one for one in found.per_class if one.name == "neutral") for found in (hearing, deaf)]
    assert neutral[0].f1 > neutral[1].f1
    predicted = hearing.fold("00").best_params
    assert predicted["components.joy"] == predicted["noise.components"] == 2


# What is said of it


def test_the_report_says_what_each_member_recognises(aligned):
    found = summarise(fusion.late(aligned, "bayes"))
    assert from_json(to_json(found)) == found
    assert [one.member for one in found.recognised] == [f"{name} gmm" for name in SHOWS]
    brows, of_run = found.recognised[0], aligned[0].summary
    assert brows.recalls == {one.name: one.recall for one in of_run.per_class}
    confusion = of_run.counts
    alarms = (confusion.sum(axis=0) - np.diag(confusion)) / (confusion.sum() - confusion.sum(axis=1))
    assert list(brows.false_alarms.values()) == pytest.approx(alarms.tolist())
    text = io.StringIO()
    tables.show(found, None, Console(file=text, width=100))
    assert "What each member recognises by itself: recall less false alarms" in text.getvalue()
    (line,) = (line for line in text.getvalue().splitlines() if line.startswith(" brows gmm"))
    assert line.split()[2:] == ["120", *(tables.number(share) for share in brows.informedness.values())]


def test_one_model_has_no_members(aligned):
    assert aligned[0].summary.recognised == ()

"""Moments: which row of an utterance tells its class, from the scores of a fold to the sheet of an utterance."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from corpus import write_wav
from synthetic import make_table

import affex
from affex.pipeline.cli import command
from affex.pipeline.contact_sheet.over_time import scores_over_time
from affex.pipeline.corpora.base import Protocol
from affex.pipeline.evaluation import runs
from affex.pipeline.evaluation.evaluate import evaluate, evaluate_task
from affex.pipeline.evaluation.finished_folds import FinishedFolds
from affex.pipeline.evaluation.settings import Plan, Settings
from affex.pipeline.evaluation.summary import from_json, summarise, to_json
from affex.pipeline.evaluation.task import prepare
from affex.pipeline.fusion import fusion
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.reporting import report, tables
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.streams.moments import Moments, together
from affex.pipeline.streams.table import Table
from affex.pipeline.text.errors import UsageError

N_FRAMES = 10


def timed(seed: int = 0, told: slice = slice(None)) -> Table:
    """Return utterances of ten frames, of which some show the class and the others nothing."""
    table = make_table(
        n_speakers=4, n_each=4, n_frames=N_FRAMES, n_columns=3, speaker_shift=0, class_shift=0, seed=seed
    )
    stream = table.streams[0]
    labels = np.array([utterance.label for utterance in table.utterances])
    values = np.random.default_rng(seed).standard_normal((len(table), N_FRAMES, 3)).astype(np.float32)
    codes = np.unique(labels, return_inverse=True)[1]
    values[:, told] += 4 * np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, -1, -1]], np.float32)[codes][:, None]
    times = np.tile(np.arange(N_FRAMES) / 10 + 0.05, len(table))
    return replace(table, streams=(replace(stream, rows=(values.reshape(-1, 3), times), framewise=True),))


def plan(spec: str, features: str = "made", **settings: object) -> Plan:
    protocol = Protocol("loso", "loso")
    return Plan(corpus="made", features=(features,), keys=("k",), classifier=classifier_of(spec), protocol=protocol,
                settings=Settings(**{"moments": True} | settings))  # fmt: skip


# Closed forms


def test_parts_of_utterances_by_hand() -> None:
    values = np.arange(11.0)[:, None]
    found = Moments(np.array([0, 10, 11, 11]), np.zeros(11), values)
    numbers, means = found.of_part(0, 5)
    assert numbers.tolist() == [0]
    assert means.tolist() == [[0.5]]
    numbers, means = found.of_part(2, 5)  # a single row lies in the middle
    assert numbers.tolist() == [0, 1]
    assert means.tolist() == [[4.5], [10.0]]
    assert found.of_part(0, 5)[1].shape == (1, 1)
    assert Moments(np.array([0, 0]), np.zeros(0), np.zeros((0, 2))).of_part(0, 5)[1].shape == (0, 2)


def test_moments_of_some_utterances_in_any_order() -> None:
    found = Moments(np.array([0, 2, 2, 5]), np.arange(5.0), np.arange(5.0)[:, None])
    taken = found.take([2, 0])
    assert taken.offsets.tolist() == [0, 3, 5]
    assert taken.times.tolist() == [2, 3, 4, 0, 1]
    both = together([found.take([0]), found.take([1, 2])])
    assert both.offsets.tolist() == found.offsets.tolist()
    assert both.values.tolist() == found.values.tolist()


# From a fold to the scores of rows


@pytest.mark.parametrize("spec", ["logistic:rows=each", "gmm:components=1", "net:trunk=conv1d,units=4,epochs=3,"
                                  "patience=0,rate=0.05,segment=2"])  # fmt: skip
def test_the_mean_over_moments_decides(spec: str) -> None:
    table = timed()
    result = evaluate(table, plan(spec))
    moments = result.moments
    assert moments is not None
    n = N_FRAMES if "segment" not in spec else N_FRAMES // 2
    assert np.diff(moments.offsets).tolist() == [n] * len(table)
    assert moments.times[:n] == pytest.approx(np.arange(N_FRAMES).reshape(n, -1).mean(axis=1) / 10 + 0.05)
    assert moments.values.sum(axis=1) == pytest.approx(1)
    if not spec.startswith("gmm"):
        means = moments.values.reshape(len(table), n, -1).mean(axis=1)
        assert means == pytest.approx(result.scores.values)
    without = evaluate(table, plan(spec, moments=False))
    assert without.moments is None
    assert without.scores.values.tobytes() == result.scores.values.tobytes()


def test_values_of_rows_are_kept_too() -> None:
    table = timed()
    utterances = tuple(
        replace(one, valence=float("abcd".index("abcd"[n % 4]))) for n, one in enumerate(table.utterances)
    )
    own = replace(plan("svm:rows=each,C=1,gamma=0.1,epsilon=0.1"), protocol=Protocol("v", "loso", target="valence"))
    result = evaluate(replace(table, utterances=utterances), own)
    assert result.moments is not None
    assert result.moments.values.reshape(len(table), -1).mean(axis=1) == pytest.approx(result.scores.predicted)
    (found,) = summarise(result).moments
    assert found.metric == "ccc"
    assert found.parts[0].recalls == {}


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 5))])
@pytest.mark.parametrize("spec", ["logistic:rows=each", "gmm:components=1"])
def test_the_moment_that_tells_the_class_is_found_and_no_other(spec: str, seed: int) -> None:
    (found,) = summarise(evaluate(timed(seed, told=slice(4, 6)), plan(spec))).moments
    figures = [part.figure.value for part in found.parts]
    assert figures[2] > 0.85
    assert max(figures[:2] + figures[3:]) < 0.5
    assert min(recall.value for recall in found.parts[2].recalls.values()) > 0.6
    assert found.parts[0].figure.low is not None


def test_whom_it_tests_leaves_no_trace_in_the_moments_of_others() -> None:
    table = timed()
    own = np.repeat(table.speakers == table.speakers[0], N_FRAMES)
    stream = table.streams[0]
    spoilt = replace(stream, rows=(np.where(own[:, None], 7 - 1000 * stream.flat, stream.flat), stream.times))
    labels = ["joy" if one.speaker == table.speakers[0] else one.label for one in table.utterances]
    turned = tuple(replace(one, label=label) for one, label in zip(table.utterances, labels, strict=True))
    fold = prepare(table, plan("logistic:rows=each")).folds[0]
    assert set(table.speakers[fold.test]) == {table.speakers[0]}
    one, other = (evaluate(t, plan("logistic:rows=each")) for t in (table, replace(table, utterances=turned)))
    assert one.moments.take(fold.test).values.tobytes() == other.moments.take(fold.test).values.tobytes()
    third = evaluate(replace(table, streams=(spoilt,)), plan("logistic:rows=each"))
    assert third.moments.take(fold.test).values.tobytes() != one.moments.take(fold.test).values.tobytes()


def test_who_scores_whole_utterances_is_refused() -> None:
    with pytest.raises(UsageError, match="MOMENTS=1 keeps the scores of rows over time, and net scores whole"):
        evaluate(timed(), plan("net:trunk=conv1d,epochs=1,patience=0"))


def test_rows_without_times_are_refused() -> None:
    with pytest.raises(UsageError, match="have no times"):
        evaluate(make_table(n_speakers=4, n_frames=3), plan("logistic:rows=each"))


# What a run keeps


def test_a_kept_fold_has_its_moments(tmp_path: Path) -> None:
    table, outcomes = timed(), {}
    one = plan("gmm:components=1")
    task = prepare(table, one)
    result = evaluate_task(task, one, keep=outcomes.__setitem__)
    kept = FinishedFolds(tmp_path, "basis", inner=False, moments=True)
    for number, outcome in outcomes.items():
        kept.keep(number, task.folds[number], outcome)
    again = evaluate_task(task, one, known=kept.read(task.folds))
    assert again.moments.values.tobytes() == result.moments.values.tobytes()
    assert not FinishedFolds(tmp_path, "basis", inner=False).read(task.folds)


def test_a_run_gives_back_what_it_kept_and_its_figures(tmp_path: Path) -> None:
    result = evaluate(timed(), plan("gmm:components=1"))
    summary = report.write(result, tmp_path / "run", "basis")
    assert to_json(from_json(to_json(summary))) == to_json(summary)
    run = runs.read(tmp_path / "run")
    found = runs.moments(run)
    assert found is not None
    assert found.offsets.tolist() == result.moments.offsets.tolist()
    assert found.times == pytest.approx(result.moments.times)
    assert found.values == pytest.approx(result.moments.values, abs=1e-6)
    printed = tables.as_text(lambda console: tables.show(summary, None, console))
    assert "By moment: UAR of decisions from a part of each utterance alone" in printed
    assert report.kept(tmp_path / "run", "basis", Settings(moments=True)) == printed
    report.write(evaluate(timed(), plan("gmm:components=1", moments=False)), tmp_path / "without", "basis")
    assert report.kept(tmp_path / "without", "basis", Settings(moments=True)) is None
    assert runs.moments(runs.read(tmp_path / "without")) is None


def test_a_fusion_has_the_table_of_each_member(tmp_path: Path) -> None:
    for name, told in (("early", slice(0, 2)), ("late", slice(8, 10))):
        result = evaluate(timed(told=told), plan("logistic:rows=each", features=name))
        report.write(result, tmp_path / name, name)
    fused = fusion.late([runs.read(tmp_path / name) for name in ("early", "late")], "mean")
    found = summarise(fused).moments
    assert [one.member for one in found] == ["early logistic", "late logistic"]
    best = [int(np.argmax([part.figure.value for part in one.parts])) for one in found]
    assert best == [0, 4]
    printed = tables.as_text(lambda console: tables.show(summarise(fused), None, console))
    assert "early logistic" in printed.partition("By moment")[2]


# What is shown


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of 8 recordings of 2 speakers."""
    folder = tmp_path_factory.mktemp("heard")
    lines = ["file,speaker,label"]
    for n in range(8):
        write_wav(folder / f"{n}.wav", 0.6, seed=n)
        lines.append(f"{n}.wav,s{n % 2},{('loud', 'soft')[n // 2 % 2]}")
    (folder / "mine.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "mine.csv"


@pytest.fixture
def typed(heard: Path, tmp_path: Path) -> Callable[..., None]:
    def run(verb: str, *options: str) -> None:
        place = ["--dataset", "csv", "--data", str(heard), "--cache", str(tmp_path)]
        command.cli([verb, *options, *place], standalone_mode=False)

    return run


def test_scores_over_time_are_drawn_on_the_sheet(typed: Callable[..., None], tmp_path: Path, heard: Path) -> None:
    said = ("--features", "mfcc", "--scheduler", "inline", "--classifier", "gmm:components=1")
    typed("evaluate", *said, "--moments")
    (folder,) = tmp_path.glob("*/runs/*")
    dataset = Dataset("mine", heard.parent, folder.parents[1], ())
    found = scores_over_time("mfcc_gmm", dataset, "3")
    assert found.values.shape == (len(found.times), 2)
    assert (found.true, found.classes) == ("soft", ("loud", "soft"))
    typed("show", "3", "--out", str(tmp_path / "plain.png"))
    typed("show", "3", "--run", "mfcc_gmm", "--out", str(tmp_path / "scored.png"))
    typed("show", "3", "--run", "mfcc_gmm", "--out", str(tmp_path / "again.png"))
    plain, scored, again = ((tmp_path / f"{name}.png").read_bytes() for name in ("plain", "scored", "again"))
    assert scored != plain
    assert scored == again
    with pytest.raises(UsageError, match="There is no utterance tested by mfcc_gmm"):
        scores_over_time("mfcc_gmm", dataset, "9")


def test_a_run_without_them_says_so(typed: Callable[..., None]) -> None:
    typed("evaluate", "--features", "mfcc", "--scheduler", "inline", "--classifier", "gmm:components=1")
    with pytest.raises(UsageError, match="kept no scores of rows over time: evaluate it again with MOMENTS=1"):
        typed("show", "3", "--run", "mfcc_gmm")
    with pytest.raises(UsageError, match="MOMENTS=1 keeps the scores of rows"):
        typed("evaluate", "--features", "mfcc", "--scheduler", "inline", "--classifier", "svm", "--moments")


def test_python_keeps_them_too(heard: Path, tmp_path: Path) -> None:
    place = {"cache": tmp_path, "scheduler": "inline"}
    result = affex.evaluate(heard, "mfcc", classifier="gmm:components=1", moments=True, **place)
    (found,) = result.summary.moments
    assert [part.n for part in found.parts] == [8] * 5

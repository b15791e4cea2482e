"""Readers and streams: several streams, their times, turns of a dialog, and what is read of a cache."""

import tracemalloc
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
from corpus import run, small, spec, write_wav
from plain import Level, Samples
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from synthetic import FrameBayes

from affex.classifiers.base import Classifier, Context
from affex.features.pixels import Pixels
from affex.features.segments import Segments
from affex.pipeline.caching import seal
from affex.pipeline.caching.cache import FeatureFile
from affex.pipeline.caching.entry import Entry, Shape
from affex.pipeline.caching.store import publish
from affex.pipeline.cli import command
from affex.pipeline.corpora.base import LOSO, Protocol
from affex.pipeline.evaluation import audit, metrics
from affex.pipeline.evaluation.evaluate import evaluate
from affex.pipeline.evaluation.figures import confusion_of
from affex.pipeline.evaluation.folds import Fold
from affex.pipeline.evaluation.settings import Plan, Settings
from affex.pipeline.evaluation.task import prepare
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.streams.readers import reader_of
from affex.pipeline.streams.stream import Stream, aligned, offsets_of
from affex.pipeline.streams.table import Table, load
from affex.pipeline.text.errors import AffexError, UsageError

SESSION = Protocol("session", "session")
LEVEL, SAMPLES = spec("level", Level()), spec("samples", Samples())


# A sequence model: two frame streams of different rates, turns of a dialog


class PreviousTurn(BaseEstimator):
    """Predicts each turn from the mean frames of the turn before it in its dialog, and from its own."""

    def fit(
        self, X: Any, y: Any, groups: Any, *, offsets: Any, dialogs: Any = None, sample_weight: Any = None,
        inner: Any = None,
    ) -> "PreviousTurn":  # fmt: skip
        assert len(y) == len(groups) == len(offsets[0]) - 1
        weights = np.ones(len(y)) if sample_weight is None else sample_weight
        self.model_ = LogisticRegression().fit(self._turns(X, offsets, dialogs)[weights > 0], y[weights > 0])
        self.classes_, self.best_params_ = self.model_.classes_, {"n_context": int((weights == 0).sum())}
        return self

    def _turns(self, X: Any, offsets: Any, dialogs: Any) -> Any:
        means = [np.add.reduceat(x, o[:-1]) / np.diff(o)[:, None] for x, o in zip(X, offsets, strict=True)]
        own = np.hstack(means)
        before = np.roll(own, 1, axis=0)
        before[np.arange(len(own)) if dialogs is None else dialogs[:-1]] = 0
        pairs = np.hstack([own, before])
        return np.hstack([pairs, pairs[:, -2:-1] * pairs[:, -1:]])

    def predict(self, X: Any, offsets: Any, dialogs: Any = None) -> Any:
        return self.model_.predict(self._turns(X, offsets, dialogs))

    def predict_proba(self, X: Any, offsets: Any, dialogs: Any = None) -> Any:
        return self.model_.predict_proba(self._turns(X, offsets, dialogs))


@dataclass(frozen=True, kw_only=True)
class Alone(Classifier):
    """The model without context."""

    reads: ClassVar[Literal["utterance", "frame", "sequence"]] = "sequence"
    streams: ClassVar[int] = 2
    prefers: ClassVar[str] = "mfcc face"
    scores: ClassVar[str] = "probabilities"

    def build(self, *, target: Any = "classes", precomputed: bool = False, seed: int = 0, device: str = "cpu") -> Any:
        return PreviousTurn()


@dataclass(frozen=True, kw_only=True)
class InDialog(Alone):
    """The model with all turns of a dialog."""

    context: ClassVar[Context] = "dialog"


@dataclass(frozen=True, kw_only=True)
class OwnTurns(Alone):
    """The model with the speaker's own turns."""

    context: ClassVar[Context] = "speaker"


def dialogs(*, own: bool = False, n_turns: int = 30, seed: int = 0) -> Table:
    """Four sessions of two speakers and two dialogs each; a turn's label is what the previous turn showed.

    Voice (10 frames a second) and face (3 a second) show one bit each, so that neither alone tells the label. The first
    turn of each dialog, and every fifth, has no label. Turns are listed in no order of time.

    Parameters
    ----------
    own
        Whether the previous turn is that of the same speaker.
    """
    rng = np.random.default_rng(seed)
    utterances: list[Utterance] = []
    voice, face = [], []
    for number, (session, dialog) in enumerate((s, d) for s in range(4) for d in range(2)):
        shown = rng.integers(0, 2, (n_turns, 2))
        for turn in range(n_turns):
            before = turn - 2 if own else turn - 1
            label = None if before < 0 or turn % 5 == 4 else "abcd"[2 * shown[before, 0] + shown[before, 1]]
            utterances.append(
                Utterance(f"{number}-{turn:02d}", "toy", f"s{session}{'ab'[turn % 2]}", label, session=str(session),
                          dialog=f"d{dialog}", dialog_start=2.0 * turn)
            )  # fmt: skip
            seconds = rng.integers(1, 4)
            voice.append(shown[turn, 0] - 0.5 + 0.3 * rng.normal(size=(10 * seconds, 1)))
            face.append(shown[turn, 1] - 0.5 + 0.3 * rng.normal(size=(3 * seconds, 1)))
    order = rng.permutation(len(utterances))
    streams = tuple(stream(name, parts, rate) for name, parts, rate in (("voice", voice, 10), ("face", face, 3)))
    return Table(streams, tuple(utterances), np.ones((len(utterances), 2), bool)).take(order)


def stream(name: str, parts: list[Any], rate: float) -> Stream:
    times = np.concatenate([(np.arange(len(part)) + 0.5) / rate for part in parts])
    values = np.concatenate(parts).astype(np.float32)
    columns = tuple(f"{name}{i}" for i in range(values.shape[1]))
    return Stream(name, columns, offsets_of(np.array([len(part) for part in parts])), (values, times), framewise=True)


def settings(classifier: Classifier, protocol: Protocol = SESSION) -> Plan:
    return Plan(corpus="toy", features=("voice", "face"), classifier=classifier, protocol=protocol)


def uar(table: Table, chosen: Plan) -> float:
    return metrics.uar(confusion_of(evaluate(table, chosen).scores))


def test_only_a_model_with_context_finds_what_the_previous_turn_showed():
    table = dialogs()
    assert uar(table, settings(InDialog())) > 0.9
    assert uar(table, settings(Alone())) < 0.35


def test_own_turns_are_context_where_one_speaker_is_left_out():
    table = dialogs(own=True)
    assert uar(table, settings(OwnTurns(), LOSO)) > 0.9
    assert uar(table, settings(OwnTurns(), SESSION)) > 0.9
    assert uar(table, settings(InDialog(), SESSION)) < 0.35  # the turn before is the partner's


def test_turns_without_a_class_are_read_and_neither_learned_nor_scored():
    table = dialogs()
    result = evaluate(table, settings(InDialog()))
    labelled = [utterance.id for utterance in table.utterances if utterance.label]
    assert result.scores.ids.tolist() == labelled
    assert result.left_out == {"without a label": len(table) - len(labelled)}
    assert [fold.best_params["n_context"] for fold in result.folds] == [3 * 2 * 7] * 4
    assert any("read as context" in note for note in result.notes)
    alone = evaluate(table, settings(Alone()))
    assert alone.left_out == result.left_out
    assert not any("context" in note for note in alone.notes)


def test_fit_is_given_the_turns_of_each_dialog_in_order_of_time():
    table = dialogs()
    task = prepare(table, settings(InDialog()))
    fold = task.folds[0]
    training = reader_of(InDialog()).training(task.examples, fold.train)
    starts = training.given["dialogs"]
    assert len(starts) == 3 * 2 + 1
    assert np.diff(starts).tolist() == [30] * 6
    assert [len(o) for o in training.given["offsets"]] == [181, 181]
    weight = training.given["sample_weight"]
    assert weight.sum() == len(fold.train)
    assert not weight[starts[:-1]].any()  # the first turn of a dialog has no label
    speakers = training.given["groups"][starts[0] : starts[1]]
    assert (speakers[::2] == speakers[0]).all()
    seen = [len(x) for x in training.X]
    assert seen == [offsets[-1] for offsets in training.given["offsets"]]


def test_a_turn_that_is_tested_is_no_context_of_what_is_learned_from():
    table = dialogs()
    task = prepare(table, settings(InDialog()))
    half = np.flatnonzero(np.arange(len(task.utterances)) % 2)
    training = reader_of(InDialog()).training(task.examples, half)
    assert (training.given["sample_weight"] > 0).sum() == len(half)
    assert len(training.y) == len(half) + len(table) - len(task.utterances)


def test_a_dialog_on_both_sides_is_fatal_to_a_model_that_reads_it():
    utterances = dialogs().utterances
    speakers = np.array([utterance.speaker for utterance in utterances])
    labels = np.array([utterance.label or "" for utterance in utterances])
    one_out = Fold("s0a", np.flatnonzero(speakers != "s0a"), np.flatnonzero(speakers == "s0a"))
    fatal = {
        context: [f.kind for f in audit.audit(utterances, labels, [one_out], context=context) if f.fatal]
        for context in ("none", "speaker", "dialog")
    }
    assert fatal == {"none": [], "speaker": [], "dialog": ["dialog"]}
    halved = Fold("half", np.arange(0, len(utterances), 2), np.arange(1, len(utterances), 2))
    assert "dialog" in [f.kind for f in audit.audit(utterances, labels, [halved], context="speaker") if f.fatal]


def test_soft_targets_and_a_wrong_number_of_streams_are_refused():
    with pytest.raises(UsageError, match="SOFT=1 counts an utterance in part"):
        evaluate(dialogs(), replace(settings(InDialog()), settings=Settings(soft=True)))
    table = dialogs()
    with pytest.raises(UsageError, match=r"reads 2 features as streams of their own.* names 1: expected 2"):
        evaluate(replace(table, streams=table.streams[:1]), replace(settings(Alone()), features=("voice",)))


# Times


def test_rows_are_aligned_to_the_times_of_another_stream():
    one = Stream("one", ("x",), np.array([0, 3, 4]), (np.array([[0], [10], [20], [7]], np.float32),
                 np.array([0.0, 1.0, 2.0, 0.5])), True)  # fmt: skip
    to = stream("to", [np.zeros((4, 1)), np.zeros((2, 1))], 1)
    to = replace(to, rows=(to.flat, np.array([-1, 0.25, 1.5, 9, 0, 1])))
    assert aligned(one, to).flat[:, 0].tolist() == [0, 0, 10, 20, 7, 7]
    assert aligned(one, to, "linear").flat[:, 0].tolist() == [0, 2.5, 15, 20, 7, 7]
    assert aligned(one, to).times is to.times


def test_a_row_without_a_time_stands_at_every_time_and_what_is_missing_is_nan():
    whole = Stream("whole", ("x",), np.array([0, 1, 1]), (np.array([[5]], np.float32), None))
    to = stream("to", [np.zeros((2, 1)), np.zeros((1, 1))], 1)
    assert np.array_equal(aligned(whole, to).flat[:, 0], [5, 5, np.nan], equal_nan=True)
    with pytest.raises(UsageError, match="has no times"):
        aligned(to, whole)


@dataclass(frozen=True, kw_only=True)
class Together(FrameBayes):
    """Frames of several features, each row with the nearest of the others."""

    align: ClassVar[Literal["none", "nearest", "linear"]] = "nearest"


def test_a_classifier_of_frames_may_ask_for_those_of_several_features_at_one_time():
    table = dialogs()
    arranged = reader_of(Together()).arranged(table)
    voice, face = table.streams
    assert arranged.X.shape == (len(voice.flat), 2)
    assert arranged.columns == ("voice.voice0", "face.face0")
    assert np.array_equal(arranged.X[:, 1], aligned(face, voice).flat[:, 0])
    assert len(evaluate(table, settings(Together())).scores.ids) == 4 * 2 * 23
    with pytest.raises(UsageError, match="cannot stand side by side"):
        reader_of(FrameBayes()).arranged(table)


@dataclass(frozen=True, kw_only=True)
class Deaf(Alone):
    """Reads single rows, and declares two streams."""

    reads: ClassVar[Literal["utterance", "frame", "sequence"]] = "utterance"


def test_only_sequences_have_streams_of_their_own_and_context():
    with pytest.raises(ValueError, match="expected reads = 'sequence'"):
        reader_of(Deaf())


def test_a_row_has_its_shape():
    assert Pixels(height=48, width=40, grey=True).row_shape == (48, 40, 1)
    assert np.prod(Segments().row_shape) == len(Segments().columns)
    pictures = Stream("p", tuple("abcdef"), np.arange(3), (np.arange(12, dtype=np.float32).reshape(2, 6), None),
                      row_shape=(2, 3))  # fmt: skip
    assert pictures.take([1]).values.tolist() == [[[6, 7, 8], [9, 10, 11]]]


# What is read of a cache


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return small(tmp_path, n_utterances=6)


@pytest.fixture
def n_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes of rows have been read, one item a read."""
    found: list[int] = []
    fill = seal.fill

    def counting(file: Any, array: seal.Array, begin: int, rows: Any) -> None:
        if rows.dtype.kind == "f":
            found.append(rows.nbytes)
        fill(file, array, begin, rows)

    monkeypatch.setattr(seal, "fill", counting)
    return found


def test_only_the_utterances_that_are_asked_for_are_read(dataset, n_read):
    run(dataset, SAMPLES, LEVEL)
    n_read.clear()
    table = load(dataset, [SAMPLES, LEVEL], ids=["03", "01"])
    assert [utterance.id for utterance in table.utterances] == ["01", "03"]
    assert not n_read
    one = table.streams[0].take([1])
    assert one.values.shape == (3680, 1)
    assert sum(n_read) == 3680 * (4 + 8)
    assert np.array_equal(one.values, load(dataset, [SAMPLES]).take([3]).X)
    with pytest.raises(UsageError, match="utterance of small"):
        load(dataset, [SAMPLES], ids=["none"])


def test_rows_that_are_damaged_are_found_while_they_are_read(dataset):
    run(dataset, SAMPLES)
    path = FeatureFile(dataset.folder, SAMPLES).path
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    assert len(load(dataset, [SAMPLES], ids=["00"]).X) == 3200
    with pytest.raises(AffexError, match=r"utterance '05' does not verify. Run `make features"):
        load(dataset, [SAMPLES]).X.sum()


@pytest.fixture
def evaluated(tmp_path: Path) -> Any:
    """Evaluate a corpus of 16 utterances with the command, and return what it says."""
    lines = ["file,speaker,label"]
    for n in range(16):
        write_wav(tmp_path / "wav" / f"{n}.wav", 0.4 + 0.02 * (n % 5), seed=n)
        lines.append(f"wav/{n}.wav,s{n % 4},{'ab'[n // 4 % 2]}")
    (tmp_path / "mine.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    data, cache = str(tmp_path / "mine.csv"), str(tmp_path / "cache")
    arguments = ["evaluate", "--dataset", "csv", "--data", data, "--cache", cache, "--scheduler", "inline"]
    arguments += ["--features", "mfcc:pool=mean", "--classifier", "svm:C=1,gamma=1"]
    return lambda *more: command.cli.main([*arguments, *more], standalone_mode=False)


@pytest.mark.parametrize(
    ("more", "features"),
    [
        ([], "mfcc"),
        (["--features", "mfcc-voice", "--classifier", "gmm:components=1,iterations=2"], "mfcc-voice"),
        (["--features", "gemaps mfcc:pool=mean"], "gemaps mfcc"),
        (["--features", "gemaps mfcc:pool=mean", "--fusion", "late:mean"], "gemaps mfcc"),
        (
            ["--features", "gemaps mfcc-voice", "--classifier", "svm:C=1,gamma=1 gmm:components=1,iterations=2",
             "--fusion", "late:mean"],
            "gemaps mfcc-voice",
        ),
        (["--features", "gemaps", "--classifier", "svm:C=1,gamma=1 logistic", "--fusion", "late:mean"], "gemaps"),
        (["--features", "mfcc:pool=mean", "--leak"], "mfcc"),
        (["--features", "gemaps:columns=F0semitoneFrom27 gemaps:columns=loudness", "--fusion", "late:mean"], "gemaps"),
    ],
    ids=["pooled", "frames", "early", "late", "late with frames", "late on one feature", "with a leak", "parts"],
)  # fmt: skip
def test_an_evaluation_on_a_full_cache_reads_each_row_once(evaluated, tmp_path, n_read, more, features):
    evaluated(*more)
    n_read.clear()
    evaluated("--seed", "1", *more)
    held = [FeatureFile(tmp_path / "cache" / "mine", spec_).path for spec_ in of(f"{features} fingerprint")]
    arrays = [stated.arrays for path in held if (stated := seal.read(path.open("rb"))[0])]
    there = [found[name] for found in arrays for name in ("values", "times") if name in found]
    rows = sum(array.shape[0] * array.row_bytes for array in there)
    assert sum(n_read) == rows


def test_rows_that_are_damaged_are_computed_again_in_the_same_run(evaluated, tmp_path, capsys):
    evaluated()
    path = tmp_path / "cache" / "mine" / "mfcc.h5"
    content = path.read_bytes()
    path.write_bytes(content[:-5] + bytes([content[-5] ^ 1]) + content[-4:])
    capsys.readouterr()
    evaluated("--seed", "1")
    output = capsys.readouterr().out
    assert "mfcc: 15 cached, 1 computed" in output
    assert "computed 1: its rows in the cache are damaged" in output
    assert path.read_bytes() == content


def of(names: str) -> Any:

    return feature_specs(names)


def test_memory_is_for_the_utterances_that_are_asked_for(tmp_path):
    n, n_rows = 2000, 400
    utterances = tuple(Utterance(f"{i:04d}", "large", "s") for i in range(n))
    dataset = Dataset("large", tmp_path, tmp_path / "cache", utterances)
    file = FeatureFile(dataset.folder, SAMPLES)
    shape = Shape(n, n * n_rows, 0, 4, 1, framewise=True)
    times = np.arange(n_rows) / 100
    entries = (Entry(u.id, "", np.full((n_rows, 1), i, np.float32), times) for i, u in enumerate(utterances))
    publish(file.path, file.recipe, ("sample",), shape, entries)
    wanted = [utterance.id for utterance in utterances[::100]]
    load(dataset, [SAMPLES], wanted[:1]).X.sum()
    tracemalloc.start()
    values = load(dataset, [SAMPLES], wanted).X
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert values[::n_rows, 0].tolist() == list(range(0, n, 100))
    assert peak < 4_000_000 < n * n_rows * 12

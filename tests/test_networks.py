"""Networks of every part, and the extreme learning machine: no trace of whom they are tested on, nothing of the company
that an utterance keeps, equal bytes in any number of processes, and saved as they are.

A few of each part here; all trunks with all pools and all fusions are slow tests.
"""

import functools
import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_type_hints

import joblib
import numpy as np
import planted
import pytest
from planted import Kind
from sklearn.utils.estimator_checks import check_estimator

from affex.classifiers.estimators.nets.estimator import NetClassifier, NetRegressor
from affex.classifiers.estimators.spelling import AugmentationName
from affex.classifiers.net import POOLS, TRUNKS, Net
from affex.pipeline.corpora.base import Protocol
from affex.pipeline.evaluation.evaluate import build, evaluate, fit
from affex.pipeline.evaluation.folds import Fold
from affex.pipeline.evaluation.settings import Plan, Settings
from affex.pipeline.evaluation.task import Task, prepare
from affex.pipeline.execution import stages
from affex.pipeline.execution.runner import Runner
from affex.pipeline.models import model_file, models
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.streams.readers import reader_of
from affex.pipeline.streams.stream import Stream, offsets_of
from affex.pipeline.streams.table import Table

PLAIN, PICTURES, ONE = Kind(), Kind(channels=1), Kind(several=False)
CUBES = Kind(channels=1, frames=3)
QUICK = "units=3,maps=2,depth=1,epochs=2,patience=1,rate=0.01"

#: A spec, the kinds of its streams, and what it predicts. Each part of a network is in one of them.
FEW = [
    (f"net:{QUICK},trunk=conv1d,pool=self,augment=noise+time+frequency", (PLAIN,), "label"),
    (f"net:{QUICK},trunk=rnn,pool=last,segment=5,step=3,activation=tanh", (PLAIN,), "label"),
    (f"net:{QUICK},trunk=gru/lstm,pool=meanstd/transformer,fusion=bilinear,head=4,weights=none", (PLAIN, ONE), "label"),
    (f"net:{QUICK},trunk=bilstm/cnn2d,pool=relation/mean,fusion=scores,loss=mse,optimiser=sgd,augment=flip+rotation",
     (PLAIN, PICTURES), "label"),
    (f"net:{QUICK},trunk=cnn3d,activation=sigmoid,augment=flip,seeds=2", (PICTURES,), "valence"),
    (f"net:{QUICK},trunk=cnn2d+rnn,context=dialog,turns=gru,fusion=concat", (PLAIN, ONE), "label"),
    (f"net:{QUICK},trunk=none,context=speaker,turns=lstm,components=3,most_rows=7", (PLAIN,), "label"),
    (f"net:{QUICK},trunk=none,context=speaker,turns=bilstm,loss=ccc", (ONE, ONE), "valence"),
    (f"net:{QUICK},trunk=none,context=dialog,turns=rnn,loss=ce,optimiser=adam", (ONE,), "label"),
    (f"net:{QUICK},trunk=conv1d/cnn2d,pretrain=contrastive,pretrain_epochs=2,frozen=1,align=nearest,segment=3,step=2",
     (PLAIN, PICTURES), "label"),
    (f"net:{QUICK},trunk=stn+cnn2d,kernels=3x5+3x3,augment=rotation+flip,segment=1", (PICTURES,), "label"),
    (f"net:{QUICK},trunk=cnn3d,kernels=1x3x5+1x3x3,augment=flip,segment=1,pretrain=contrastive,pretrain_epochs=1,"
     "align=nearest", (CUBES, CUBES), "valence"),
    (f"net:{QUICK},trunk=layers", (PICTURES,), "label"),
    ("elm:units=9", (ONE,), "label"),
    ("elm:units=9,activation=tanh", (ONE,), "valence"),
    ("elm:units=9,activation=relu,rows=each", (PLAIN,), "label"),
]  # fmt: skip


def wide() -> Iterator[tuple[str, tuple[Kind, ...], str]]:
    """Yield all trunks with all pools and all fusions; contexts, losses and augmentations in turn."""
    beside = itertools.cycle(
        [
            ("label", ",loss=ce,augment=noise+time"),
            ("label", ",loss=mse,context=dialog,turns=bilstm"),
            ("valence", ",loss=mse,context=speaker,turns=gru"),
            ("valence", ",loss=ccc,augment=noise"),
            ("label", ",loss=ce,context=speaker,turns=lstm,augment=time"),
        ]
    )
    for trunk, pool, fusion in itertools.product((*TRUNKS, "cnn2d+gru"), POOLS, ("concat", "bilinear", "scores")):
        target, more = next(beside)
        kind = PICTURES if trunk in ("cnn3d", "stn", "layers") else PLAIN
        yield f"net:{QUICK},trunk={trunk},pool={pool},fusion={fusion}{more}", (kind, kind), target


ALL = pytest.mark.parametrize(
    ("spec", "kinds", "target"), [*FEW, *(pytest.param(*case, marks=pytest.mark.slow) for case in wide())]
)


def rows(kinds: tuple[Kind, ...]) -> Table:
    """Return three sessions of a dialog each, of two speakers who take turns; the first turn has no label."""
    table = planted.table(planted.turns_before, kinds, seed=0, n=3 * planted.TURNS)
    utterances = (replace(u, speaker=f"{u.speaker}{'ab'[int(u.dialog_start) % 2]}") for u in table.utterances)
    return replace(table, utterances=tuple(utterances), streams=tuple(map(shortened, table.streams)))


def shortened(stream: Stream) -> Stream:
    """Return a stream of whose utterances each lacks the last rows, more or fewer of them."""
    if not stream.framewise:
        return stream
    lengths = stream.lengths - np.random.default_rng(0).integers(0, 4, len(stream))
    kept = np.concatenate([begin + np.arange(n) for begin, n in zip(stream.offsets, lengths, strict=False)])
    assert stream.times is not None
    return replace(stream, offsets=offsets_of(lengths), rows=(stream.flat[kept], stream.times[kept]))


def plan(spec: str, kinds: tuple[Kind, ...], target: str, seed: int = 0) -> Plan:
    """Return a plan by sessions; by speakers where the context is the speaker's own, and dialogs are on both sides."""
    classifier = classifier_of(spec)
    scheme = "loso" if classifier.context == "speaker" else "session"
    names = tuple(f"s{number}" for number in range(len(kinds)))
    return Plan(corpus="made", features=names, keys=("0" * 64,) * len(kinds), classifier=classifier,
                protocol=Protocol(scheme, scheme, target=target), settings=Settings(seed=seed))  # fmt: skip


def spoken_in(table: Table, of: Plan, fold: str) -> np.ndarray:
    """Return the numbers of all utterances of a fold's speakers, whether they count or not."""
    unit = "speaker" if of.protocol.scheme == "loso" else "session"
    return np.flatnonzero([getattr(utterance, unit) == fold for utterance in table.utterances])


def corrupted(table: Table, own: np.ndarray) -> Table:
    """Return the table with the rows, labels and values of some utterances turned to nonsense."""
    streams = []
    for stream in table.streams:
        spoilt = np.repeat(np.isin(np.arange(len(table)), own), stream.lengths)[:, None]
        streams.append(replace(stream, rows=(np.where(spoilt, 7 - 1000 * stream.flat, stream.flat), stream.times)))
    utterances = list(table.utterances)
    for number in own:
        one = utterances[number]
        turned = {"a": "d", "d": "a", None: None}[one.label]
        utterances[number] = replace(one, label=turned, valence=one.valence and 40 * one.valence)
    return replace(table, streams=tuple(streams), utterances=tuple(utterances))


class Fitted(NamedTuple):
    """The estimator of the first fold, and what it was fitted on."""

    model: Any
    table: Table
    plan: Plan
    fold: Fold
    task: Task


def fitted(table: Table, of: Plan) -> Fitted:
    task = prepare(table, of)
    fold = task.folds[0]
    return Fitted(fit(build(of, task.examples), task.examples, fold, of), table, of, fold, task)


@functools.cache
def usual(spec: str, kinds: tuple[Kind, ...], target: str) -> Fitted:
    return fitted(rows(kinds), plan(spec, kinds, target))


@ALL
def test_those_who_are_tested_leave_no_trace(spec: str, kinds: tuple[Kind, ...], target: str) -> None:
    model, table, of, fold, task = usual(spec, kinds, target)
    own, another = (spoken_in(table, of, one.name) for one in (fold, task.folds[-1]))
    assert joblib.hash(fitted(corrupted(table, own), of).model) == joblib.hash(model)
    assert joblib.hash(fitted(corrupted(table, another), of).model) != joblib.hash(model)


@ALL
def test_an_utterance_is_scored_alike_in_any_company(spec: str, kinds: tuple[Kind, ...], target: str) -> None:
    """With a context it is scored with its dialog, in any company of other dialogs."""
    model, _, of, fold, task = usual(spec, kinds, target)

    def scored(numbers: np.ndarray) -> np.ndarray:
        found = reader_of(of.classifier).scored(model, task.examples, numbers, fold.train)
        return found.scores if target == "label" else found.decided[:, None]

    together = scored(fold.test)
    among = scored(np.concatenate([fold.train, fold.test]))[len(fold.train) :]
    assert among == pytest.approx(together, abs=1e-5)
    if of.classifier.context == "none":
        alone = np.concatenate([scored(fold.test[[place]]) for place in range(len(fold.test))])
        assert alone == pytest.approx(together, abs=1e-5)


@ALL
def test_what_is_saved_scores_to_the_bit_as_the_fold_did(
    spec: str, kinds: tuple[Kind, ...], target: str, tmp_path: Path
) -> None:
    """Those without a label are left out, as in the fold, unless they give context: batches are then the same."""
    model, table, of, fold, task = usual(spec, kinds, target)
    own = spoken_in(table, of, fold.name)
    speakers = sorted({table.utterances[number].speaker for number in own})
    counted = np.array([table.utterances[number].label is not None for number in own])
    if of.classifier.context == "none":
        own, counted = own[counted], counted[counted]
    assert [task.utterances[number].id for number in fold.test] == [table.utterances[n].id for n in own[counted]]
    model_file.write(models.fit(table, of, exclude=speakers, recipes=["{}"] * len(kinds)), tmp_path / "model.affex")
    said = models.predict(model_file.read(tmp_path / "model.affex"), table.take(own)).fold_scores
    scored = reader_of(of.classifier).scored(model, task.examples, fold.test, fold.train)
    assert said.predicted[counted].tolist() == scored.decided.tolist()
    assert said.scores[counted].tolist() == scored.scores.tolist()


@pytest.fixture(scope="module")
def two_processes() -> Iterator[Runner]:
    with stages.opened("local", 2) as runner:
        yield runner


@pytest.mark.slow
@pytest.mark.parametrize(("spec", "kinds", "target"), [*FEW, *wide()])
@pytest.mark.usefixtures("several_threads")
def test_two_processes_give_the_bytes_of_one(
    spec: str, kinds: tuple[Kind, ...], target: str, two_processes: Runner
) -> None:
    table, of = rows(kinds), plan(spec, kinds, target, seed=3)
    here, there = evaluate(table, of).scores, evaluate(table, of, runner=two_processes).scores
    for name in ("ids", "folds", "predicted", "values"):
        assert getattr(here, name).tobytes() == getattr(there, name).tobytes()


def test_each_part_is_in_one_of_the_few() -> None:
    """Else the tests above would not know of a part that is added to a network."""
    nets = [classifier_of(spec) for spec, _, _ in FEW if spec.startswith("net")]
    said = {name: {part for net in nets for text in (getattr(net, name),) for part in text.replace("/", "+").split("+")}
            for name in ("trunk", "pool", "fusion", "context", "turns", "activation", "loss", "optimiser", "augment",
                         "weights", "pretrain", "align")}  # fmt: skip
    hints = get_type_hints(Net)
    known = {name: set(get_args(hints[name])) for name in said} | {
        "trunk": set(TRUNKS),
        "pool": set(POOLS),
        "augment": {*get_args(AugmentationName), "none"},
    }
    assert said == known


# Scikit-learn's checks, rows being utterances


def with_part(kind: type, **part: Any) -> Any:
    """Return a network of one part that learns enough for what scikit-learn asks."""
    steady = {"trunk": "none", "units": 8, "maps": 4, "depth": 1, "rate": 0.03, "epochs": 30, "patience": 0}
    return kind(**steady | {"head": (8,)} | part)


@pytest.mark.slow
@pytest.mark.parametrize(
    "estimator",
    [
        *(
            with_part(NetClassifier, trunk=name)
            for name in (*TRUNKS, "cnn2d+gru")
            if name not in ("none", "cnn3d", "stn")
        ),
        *(with_part(NetClassifier, pool=name) for name in POOLS),
        *(with_part(NetClassifier, turns=name) for name in ("rnn", "gru", "lstm", "bilstm")),
        *(with_part(NetClassifier, activation=name) for name in ("tanh", "sigmoid")),
        with_part(NetClassifier, fusion="scores"),
        with_part(NetClassifier, loss="mse", epochs=60),
        with_part(NetClassifier, optimiser="sgd"),
        with_part(NetClassifier, augment=("noise", "time")),
        with_part(NetClassifier, seeds=2, patience=5),
        with_part(NetRegressor, loss="ccc"),
        with_part(NetRegressor, trunk="lstm"),
        with_part(NetRegressor, turns="bilstm"),
    ],
    ids=str,
)
def test_scikit_learn_finds_nothing_amiss(estimator: Any) -> None:
    """A bilinear fusion takes two streams, ``cnn3d`` and ``stn`` pictures, which are no rows of utterances."""
    repeats = {"check_sample_weight_equivalence_on_dense_data": "a row that counts twice is in one batch, not in two"}
    check_estimator(estimator, expected_failed_checks=repeats)

"""Each part of a network, and each sequence model, forgets the tested speaker, repeats itself, and is saved whole.

`tests/test_evaluate.py` and `tests/classifiers/test_battery.py` do the same for each classifier with its defaults;
here are the parts that have to be asked for, on rows of the kinds that they read. Fusions over dialogs have
`tests/test_dialog_fusion.py`.
"""

from dataclasses import dataclass, replace

import joblib
import numpy as np
import planted
import pytest
from planted import Kind

from affex.pipeline.corpora.base import LOSO
from affex.pipeline.evaluation.evaluate import build, evaluate, fit
from affex.pipeline.evaluation.settings import Plan
from affex.pipeline.evaluation.task import prepare
from affex.pipeline.models import model_file, models
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.streams.table import Table

PLAIN, PICTURES, FILM = Kind(), Kind(channels=1), Kind(channels=1, frames=planted.PICTURES)
TESTED, OTHER = "p01", "p02"


@dataclass(frozen=True)
class Part:
    """A classifier, and the kinds of the streams that it reads; `shape` is that of a row, if no kind has it."""

    spec: str
    kinds: tuple[Kind, ...]
    shape: tuple[int, ...] = ()

    def __str__(self) -> str:
        return self.spec


def small(trunk: str, *more: str) -> str:
    return ",".join(["net:epochs=2", "patience=0", f"trunk={trunk}", *more])


PARTS = [
    Part(small("stn+cnn2d", "maps=2", "depth=1"), (PICTURES,)),
    Part(small("cnn3d", "maps=2", "depth=1", "kernels=1x3x3"), (FILM,)),
    Part(small("layers"), (PLAIN,), shape=(2, 4)),
    Part(small("none", "pretrain=contrastive", "pretrain_epochs=2"), (PLAIN, PLAIN)),
    Part(
        small("cnn2d/cnn3d", "maps=2", "depth=1", "pretrain=contrastive", "pretrain_epochs=2", "frozen=1"),
        (PICTURES, FILM),
    ),
    Part("hmm:iterations=2", (PLAIN, PLAIN)),
    Part("hmm:iterations=2,exponents=auto", (PLAIN, PLAIN)),
    Part("hmm:iterations=2,topology=ergodic,components=4,exponents=1/0.5", (PLAIN, PLAIN)),
    Part("fisher:components=4", (PLAIN,)),
]


def rows(part: Part) -> Table:
    """Return 48 utterances of four speakers."""
    table = planted.table(planted.witnesses, part.kinds, seed=0, n=48)
    if part.shape:
        (stream,) = table.streams
        table = replace(table, streams=(replace(stream, row_shape=part.shape),))
    return table


def plan_of(part: Part, table: Table) -> Plan:
    names = tuple(stream.feature for stream in table.streams)
    classifier = classifier_of(part.spec)
    return Plan(
        corpus="made", features=names, keys=tuple("0" * 64 for _ in names), classifier=classifier, protocol=LOSO
    )


def poisoned(table: Table, speaker: str) -> Table:
    """Return the table with a speaker's rows turned to nonsense, and his classes to one another."""
    own, streams = table.speakers == speaker, []
    for stream in table.streams:
        spoilt = np.repeat(own, stream.lengths)[:, None]
        streams.append(replace(stream, rows=(np.where(spoilt, -100 * stream.flat, stream.flat), stream.times)))
    turned = {"a": "d", "d": "a"}
    utterances = (replace(one, label=turned[one.label]) if one.speaker == speaker else one for one in table.utterances)
    return replace(table, streams=tuple(streams), utterances=tuple(utterances))


def state(part: Part, table: Table) -> str:
    """Return a hash of the estimator of the fold that tests one speaker."""
    plan = plan_of(part, table)
    task = prepare(table, plan)
    fold = next(fold for fold in task.folds if fold.name == TESTED)
    return joblib.hash(fit(build(plan, task.examples), task.examples, fold, plan))


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_the_tested_speaker_leaves_no_trace_and_another_one_does(part):
    table = rows(part)
    assert state(part, table) == state(part, poisoned(table, TESTED))
    assert state(part, table) != state(part, poisoned(table, OTHER))


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_a_second_run_has_the_same_bytes_and_a_saved_model_says_the_same(part, tmp_path):
    table = rows(part)
    plan = plan_of(part, table)
    one, other = (evaluate(table, plan).scores for _ in range(2))
    assert one.values.tobytes() == other.values.tobytes()
    own = one.folds == TESTED
    model = models.fit(table, plan, exclude=(TESTED,), recipes=["{}"] * len(table.streams))
    for name in ("one", "two"):
        model_file.write(model, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    tested = table.take(np.flatnonzero(table.speakers == TESTED))
    again = models.predict(model_file.read(tmp_path / "one"), tested).fold_scores
    assert again.scores.tobytes() == one.values[own].tobytes()

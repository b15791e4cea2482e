"""Kept folds: what a run that ended too soon had finished is not computed again, and comes back to the bit."""

import json
import random
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus import Listener
from test_evaluate import BAYES, VALENCE, house, make_table, with_values
from test_experiment import run, table

from affex.pipeline.evaluation import evaluate, finished_folds, runs
from affex.pipeline.evaluation.finished_folds import FinishedFolds, inside
from affex.pipeline.evaluation.folds import Fold
from affex.pipeline.evaluation.outcomes import FoldScores, Outcome
from affex.pipeline.evaluation.task import prepare
from affex.pipeline.execution.stopwatch import Seconds
from affex.pipeline.execution.work import Piece
from affex.pipeline.reporting import report
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.storage import atomic
from affex.pipeline.text.errors import AffexError
from affex.pipeline.verification import verification

FOLDS = [Fold(f"s{n}", np.arange(4), np.arange(4, 6)) for n in range(3)]

#: All that is hard to write down: NaN with a payload, -0, infinity, the least number, letters beyond the plane.
ODD = np.array([[0x7FF8000000000123, 1 << 63], [0x7FF0000000000000, 1]], dtype=np.uint64).view(np.float64)
OUTCOME = Outcome(
    FoldScores(np.array([4, 5]), np.array(["Ärger", "joy \U0001f600"]), ODD, n_noise=2),
    FoldScores(np.arange(3), np.array([0.1, 0.2, 1 / 3]), np.empty((3, 0))),
    {"C": np.float64(0.1), "gamma": float("inf"), "n": 3, "kernel": "rbf", "on": True, "grid": (1, 2.5), "none": None},
    permuted=np.arange(-3, 3, dtype=np.int16).reshape(1, 3, 2),
    seconds=Seconds(0.1, 1e-9),
)


def bits(value: Any) -> Any:
    """Return something that is equal only for values of one kind that have the same bits."""
    if is_dataclass(value):
        return [type(value).__name__, *(bits(getattr(value, field.name)) for field in fields(value))]
    if isinstance(value, np.ndarray | np.generic):
        return [type(value).__name__, value.dtype.str, value.shape, value.tobytes()]
    if isinstance(value, dict):
        return [(key, bits(inner)) for key, inner in value.items()]
    return [type(value).__name__, repr(value)]


@pytest.fixture
def kept(tmp_path: Path) -> FinishedFolds:
    folder = inside(tmp_path / "runs" / "mine")
    return FinishedFolds(folder, "0" * 64, inner=True)


def test_an_outcome_comes_back_to_the_bit(kept: FinishedFolds) -> None:
    kept.keep(1, FOLDS[1], OUTCOME)
    found = kept.read(FOLDS)
    assert list(found) == [1]
    assert bits(found[1]) == bits(OUTCOME)


def test_a_fold_that_rests_on_something_else_is_not_taken(kept: FinishedFolds) -> None:
    kept.keep(1, FOLDS[1], OUTCOME)
    assert not replace(kept, basis="1" * 64).read(FOLDS)
    assert not replace(kept, inner=False).read(FOLDS)
    others = [
        replace(FOLDS[1], test=np.array([4, 7])),
        replace(FOLDS[1], name="s9"),
        replace(FOLDS[1], train=np.arange(3)),
        replace(FOLDS[1], inner=((np.arange(2), np.arange(2, 4)),)),
        replace(FOLDS[1], inner=()),
    ]
    for other in others:
        assert not kept.read([FOLDS[0], other, FOLDS[2]])
    assert not kept.read([FOLDS[1], FOLDS[0], FOLDS[2]])  # as number 2 it is another's


def test_no_flip_and_no_cut_is_read_as_something_else(kept: FinishedFolds) -> None:
    kept.keep(0, FOLDS[0], OUTCOME)
    path, chance, n_read = kept.folder / "fold-0001.json", random.Random(0), 0
    whole, intended = path.read_bytes(), bits(OUTCOME)
    for _ in range(400):
        damaged = bytearray(whole[: chance.randrange(1, len(whole)) if chance.random() < 0.3 else None])
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        for outcome in kept.read(FOLDS).values():
            n_read += 1
            assert bits(outcome) == intended
    assert n_read < 4  # a blank between two members may be another blank


def test_a_sealed_record_of_something_else_is_no_outcome(kept: FinishedFolds) -> None:
    from affex.pipeline.storage.sealed import sealed

    kept.keep(0, FOLDS[0], OUTCOME)
    path = kept.folder / "fold-0001.json"
    record = json.loads(path.read_text())
    del record["sha256"]
    for foreign in (
        {"array": ["|O8", [1], "AAAA"]},
        {"array": ["<f8", [9], ""]},
        {"FoldScores": [1]},
        {"eval": []},
        {},
        3,
    ):
        path.write_text(json.dumps(sealed({**record, "outcome": foreign})))
        assert not kept.read(FOLDS)
    path.write_text(json.dumps(sealed({"of": "?"})))
    assert not kept.read(FOLDS)


def test_what_is_not_ours_stays(kept: FinishedFolds) -> None:
    kept.keep(0, FOLDS[0], OUTCOME)
    atomic._marked(kept.folder / "fold-0001.json").write_bytes(b"of a run that was killed")
    (kept.folder / "annotation.tmp").write_bytes(b"of the user")
    kept.clear()
    assert [path.name for path in kept.folder.iterdir()] == ["annotation.tmp"]
    (kept.folder / "annotation.tmp").unlink()
    kept.clear()
    assert not kept.folder.exists()


def test_what_is_wrong_with_a_kept_fold_is_said(tmp_path: Path) -> None:
    kept = FinishedFolds(inside(tmp_path / "mine" / "runs" / "svm"), "0" * 64, inner=False)
    for number in (0, 1):
        kept.keep(number, FOLDS[number], OUTCOME)
    path = kept.folder / "fold-0002.json"
    path.write_bytes(path.read_bytes()[:-20])
    assert finished_folds.damage(kept.folder / "fold-0001.json") == ""
    assert "it is not JSON" in finished_folds.damage(path)
    listener = Listener()
    assert verification.verify(listener, tmp_path).damaged
    assert any(str(path) in line and "computed again" in line for line in listener.messages)


def test_a_value_that_no_file_can_hold_is_named(kept: FinishedFolds) -> None:
    with pytest.raises(AffexError, match="A fold gave <object"):
        kept.keep(0, FOLDS[0], replace(OUTCOME, best_params={"scaler": object()}))


@pytest.mark.parametrize("name", ["svm", "values", "noise", "logistic"])
def test_an_evaluation_goes_on_where_it_was_and_gives_the_same_bytes(name: str, tmp_path: Path, monkeypatch) -> None:
    matrix, settings = make_table(n_speakers=4), BAYES
    if name == "values":
        matrix, settings = with_values(matrix), VALENCE
    elif name == "noise":
        matrix, settings = house("gmm")
        settings = replace(settings, classifier=classifier_of("gmm:noise=0.4,components=2"))
    else:
        matrix, settings = house(name)
    task, basis = prepare(matrix, settings), report.depends_on(settings.about(), report.digests("code", matrix))
    is_inner = name != "values"
    whole = evaluate.evaluate_task(task, settings, inner=is_inner)
    report.write(whole, tmp_path / "whole", basis)

    kept = FinishedFolds(inside(tmp_path / "run"), basis, inner=is_inner)

    def keep(number: int, outcome: Outcome) -> None:
        kept.keep(number, task.folds[number], outcome)
        if number == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate.evaluate_task(task, settings, inner=is_inner, keep=keep)
    computed: list[str] = []
    compute = evaluate._run_fold

    def counted(piece: Piece, *shared: Any) -> Outcome:
        computed.append(piece.jobs[0][1].name)
        return compute(piece, *shared)

    monkeypatch.setattr(evaluate, "_run_fold", counted)
    result = evaluate.evaluate_task(task, settings, inner=is_inner, known=kept.read(task.folds))
    assert computed == [fold.name for fold in task.folds[2:]]
    report.write(result, tmp_path / "run", basis)
    kept.clear()
    files = {path.name: path.read_bytes() for path in (tmp_path / "whole").iterdir()}
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == files
    assert ("inner.csv" in files) == is_inner
    found = runs.read(tmp_path / "run")
    assert bool(found.summary.importance.groups) == (name == "logistic")
    n_noise = [fold.n_noise for fold in found.summary.folds]
    assert (None not in n_noise) == (name == "noise")


def test_a_run_says_what_was_kept_and_leaves_nothing_behind(tmp_path: Path, capsys, monkeypatch) -> None:
    path, cache = table(tmp_path), tmp_path / "cache"
    compute, computed = evaluate._run_fold, []

    def until(limit: int) -> Any:
        def fold(piece: Piece, *shared: Any) -> Outcome:
            if len(computed) == limit:
                raise KeyboardInterrupt
            computed.append(piece.jobs[0][1].name)
            return compute(piece, *shared)

        return fold

    monkeypatch.setattr(evaluate, "_run_fold", until(3))
    with pytest.raises(KeyboardInterrupt):
        run([path], cache)
    [folder] = cache.glob("mine/runs/*")  # nothing beside the run's folder, where a user may not write
    [parts] = folder.iterdir()
    assert parts.name == ".folds"
    assert [part.name for part in sorted(parts.iterdir())] == [f"fold-000{n}.json" for n in (1, 2, 3)]
    (parts / "fold-0002.json").write_bytes(b"{}")
    monkeypatch.setattr(evaluate, "_run_fold", until(99))
    run([path], cache)
    assert "2 of 4 folds were kept by a run that did not end: it goes on from there" in capsys.readouterr().out
    assert computed == ["s0", "s1", "s2", "s1", "s3"]
    times = runs.read(folder).times
    assert [stage.name for stage in times.stages] == ["extraction", "reading rows", "audit", "folds", "report"]
    assert (times.folds.n, times.folds.n_kept, times.processes) == (4, 2, 1)
    assert list(cache.glob("mine/runs/*")) == [folder]
    assert not parts.exists()

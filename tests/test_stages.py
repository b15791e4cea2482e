"""Stages: a real Dask cluster, real deaths."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from corpus import run, small, spec, write_wav
from distributed import LocalCluster
from errands import pid_of, pieces
from plain import Level

from affex.pipeline.caching import feature_rows
from affex.pipeline.caching.cache import recipe
from affex.pipeline.execution import local, stages
from affex.pipeline.execution.runner import Inline, Runner, survived
from affex.pipeline.execution.work import Died, Needs, Piece, Stage, Work
from affex.pipeline.text.errors import AffexError, UsageError


def values(dataset, summary):
    return feature_rows.load(summary.path, recipe(summary.spec.feature).key)


def test_a_clip_that_kills_its_worker_is_given_up_alone_and_tried_again(tmp_path: Path) -> None:
    dataset = small(tmp_path, n_utterances=20)
    write_wav(tmp_path / "data" / "07.wav", 2.0)
    level = spec("level", Level(deadly=1.0))
    [summary] = run(dataset, level, runner=lambda: stages.opened("local", 2))
    assert list(summary.failures) == ["07"]
    assert "the worker process died each time it worked on this utterance" in summary.failures["07"]
    assert summary.computed == 19

    write_wav(tmp_path / "data" / "07.wav", 0.5)
    [summary] = run(dataset, level, runner=lambda: stages.opened("inline", 1))
    assert (summary.cached, summary.computed, summary.failures) == (19, 1, {})


def test_a_cluster_gives_what_this_process_gives(tmp_path: Path) -> None:
    dataset = small(tmp_path)
    level = spec("level", Level())
    [inline] = run(replace(dataset, folder=tmp_path / "a"), level)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        address = cluster.scheduler_address
        [remote] = run(replace(dataset, folder=tmp_path / "b"), level, runner=lambda: stages.opened(address, 1))
    assert inline.path.read_bytes() == remote.path.read_bytes()


def test_workers_have_a_thread_each_and_keep_freed_memory_as_other_processes_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("OMP_NUM_THREADS", "MALLOC_TRIM_THRESHOLD_"):
        monkeypatch.delenv(name, raising=False)
    with stages.opened("local", 1) as runner:
        assert set(runner.ask(os.getenv, "OMP_NUM_THREADS").values()) == {"1"}
        assert set(runner.ask(os.getenv, "MALLOC_TRIM_THRESHOLD_").values()) == {None}


def test_schedulers_that_are_none() -> None:
    with (
        pytest.raises(UsageError, match="SCHEDULER=lokal: expected local, inline or an address"),
        stages.opened("lokal", 1),
    ):
        pass
    with pytest.raises(AffexError, match="No Dask scheduler answers at"), stages.opened("tcp://127.0.0.1:9", 1):
        pass


@pytest.fixture(scope="module")
def with_gpu() -> Iterator[Runner]:
    with stages.opened("local", 2, gpus=1) as runner:
        yield runner


def visited(piece: Piece) -> Piece:
    return Piece((*piece.jobs, os.getpid()))


def visited_gpu(piece: Piece) -> Piece:
    return visited(piece)


def test_a_gpu_has_a_worker_that_does_nothing_else(with_gpu: Runner) -> None:
    work = Work((Stage(visited), Stage(visited_gpu, Needs(gpu=1))))
    been = [result.jobs for _, result in with_gpu.run(work, [Piece(())] * 40)]
    anywhere, gpu = (set(processes) for processes in zip(*been, strict=True))
    assert (len(been), len(anywhere), len(gpu)) == (40, 2, 1)
    assert not anywhere & gpu


def scaled(piece: Piece, factor: int) -> int:
    """Return a product, die of 13, or refuse 0."""
    [item] = piece.jobs
    if item == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    return factor * item // abs(item)


SCALED = Work((Stage(scaled),), shared=(7,))


@pytest.fixture(scope="module")
def inline() -> Runner:
    return Inline()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Runner]:
    with stages.opened("local", 2) as runner:
        yield runner


@pytest.mark.parametrize("scheduler", ["inline", "cluster"])
@pytest.mark.parametrize("in_threads", [False, True])
def test_results_come_back_with_their_pieces(scheduler, in_threads, request):
    work, runner = replace(SCALED, in_threads=in_threads), request.getfixturevalue(scheduler)
    assert {piece.jobs: result for piece, result in runner.run(work, pieces(range(1, 6)))} == {
        (n,): 7 for n in range(1, 6)
    }
    with pytest.raises(ZeroDivisionError):
        list(runner.run(work, pieces([1, 0])))


@pytest.mark.parametrize(
    ("mine", "names"), [(None, ["0", "1"]), ("3, 1", ["3", "1"]), ("GPU-5fa,GPU-77", ["GPU-5fa", "GPU-77"])]
)
def test_workers_share_the_gpus_that_this_process_may_use(monkeypatch, mine, names):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if mine:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", mine)
    assert [local.gpu_name(number) for number in (0, 1)] == names


def test_items_that_need_no_gpu_keep_off_the_worker_that_has_one(with_gpu):
    assert len(with_gpu.ask(os.getpid)) == 3
    assert len({pid for _, pid in with_gpu.run(Work((Stage(pid_of),)), pieces(range(40)))}) == 2


def test_a_piece_that_kills_each_process_comes_back_as_dead_and_what_cannot_be_given_up_ends_the_run(cluster):
    found = {piece.jobs: result for piece, result in cluster.run(SCALED, pieces([1, 13, 2, 3, 4]))}
    assert found == {(1,): 7, (2,): 7, (3,): 7, (4,): 7, (13,): Died()}
    with pytest.raises(AffexError, match=r"A worker process died at its work, and again .*JOBS=1"):
        survived(found[13,])

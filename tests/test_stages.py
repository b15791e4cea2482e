"""Stages: a real Dask cluster, real deaths."""

import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from corpus import run, small, spec, write_wav
from distributed import LocalCluster
from plain import Level

from affex.pipeline.caching import feature_rows
from affex.pipeline.caching.cache import recipe
from affex.pipeline.execution import local, stages
from affex.pipeline.execution.runner import GPU, Stage
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


@dataclass(frozen=True)
class Batch:
    """Where it has been."""

    processes: tuple[int, ...] = ()


def visited(batch: Batch) -> Batch:
    return Batch((*batch.processes, os.getpid()))


def visited_gpu(batch: Batch) -> Batch:
    return Batch((*batch.processes, os.getpid()))


def test_a_gpu_has_a_worker_that_does_nothing_else() -> None:
    way = (Stage(visited), Stage(visited_gpu, {GPU: 1}))
    with stages.opened("local", 2, gpus=1) as runner:
        been = [result.processes for _, result in runner.run([Batch()] * 40, way)]
    anywhere, gpu = (set(processes) for processes in zip(*been, strict=True))
    assert (len(been), len(anywhere), len(gpu)) == (40, 2, 1)
    assert not anywhere & gpu


def scaled(factor: int, item: int) -> int:
    """Return a product, die of 13, or refuse 0."""
    if item == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    return factor * item // abs(item)


@pytest.mark.parametrize("scheduler", ["inline", "local"])
def test_items_come_back_with_their_numbers(scheduler):
    with stages.opened(scheduler, 2) as runner:
        assert dict(runner.map(scaled, 7, {n: n for n in range(1, 6)})) == dict.fromkeys(range(1, 6), 7)
        with pytest.raises(ZeroDivisionError):
            list(runner.map(scaled, 7, {1: 1, 2: 0}))


def whose(_: None, __: int) -> int:
    return os.getpid()


@pytest.mark.parametrize(
    ("mine", "names"), [(None, ["0", "1"]), ("3, 1", ["3", "1"]), ("GPU-5fa,GPU-77", ["GPU-5fa", "GPU-77"])]
)
def test_workers_share_the_gpus_that_this_process_may_use(monkeypatch, mine, names):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if mine:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", mine)
    assert [local.gpu_name(number) for number in (0, 1)] == names


def test_items_that_need_no_gpu_keep_off_the_worker_that_has_one():
    with stages.opened("local", 1, gpus=1) as runner:
        assert len(runner.ask(os.getpid)) == 2
        assert len(set(dict(runner.map(whose, None, {n: n for n in range(12)})).values())) == 1


def test_an_item_that_kills_its_worker_ends_the_run_with_a_word_after_all_others():
    done = {}
    with (
        stages.opened("local", 2) as runner,
        pytest.raises(AffexError, match=r"A worker process died at its work, and again .*JOBS=1"),
    ):
        done.update(runner.map(scaled, 7, {n: n for n in (1, 13, 2, 3, 4)}))

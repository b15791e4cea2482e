"""Serving: batches of many streams, processes that die, errors that come back, memory that is not there."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import psutil
import pytest
from served_tasks import Greys, asks, cannot_be_sent, dies, grey, names_itself

from affex.features.networks import batches
from affex.pipeline.execution.runner import DiedError
from affex.pipeline.serving import arena
from affex.pipeline.serving.arena import BLOCK, Arena
from affex.pipeline.serving.collecting import PATIENCE, Collector, Request
from affex.pipeline.serving.networks import Networks
from affex.pipeline.serving.pool import Pool

LADDER = (4, 8, 16, 32, 64, 256)


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    opened = Pool(Networks("cpu"), 2)
    yield opened
    opened.close()


def request(n: int, kind: str = "a", came: float = 0.0) -> Request:
    return Request((kind, 4, 6), grey([0] * n), None, 0, came)


def collector(*requests: Request) -> Collector:
    made = Collector(lambda kind: LADDER)
    for each in requests:
        made.add(each)
    return made


def due(made: Collector, n_streams: int = 99, *, is_idle: bool = True, now: float = 0.0) -> tuple[str, int, int] | None:
    found = made.due(n_streams=n_streams, is_idle=is_idle, now=now)
    return found and (found[0][0], len(found[1]), found[2])


def test_a_batch_waits_for_other_streams_at_most_2_ms():
    made = collector(request(1), request(2))
    assert due(made, now=0.9 * PATIENCE) is None
    assert due(made, now=PATIENCE) == ("a", 3, 4)
    assert due(made, now=PATIENCE) is None
    assert PATIENCE == 0.002


def test_a_batch_does_not_wait_for_streams_that_have_ended():
    assert due(collector(request(1), request(2)), n_streams=3) is None
    assert due(collector(request(1), request(2)), n_streams=2) == ("a", 3, 4)


def test_a_full_batch_goes_at_once_and_the_fullest_kind_first():
    made = collector(request(3, "a"), request(256, "b"))
    assert [due(made), due(made)] == [("b", 256, 256), None]


def test_while_a_batch_runs_only_large_batches_are_sent():
    assert due(collector(request(31)), n_streams=1, is_idle=False, now=9.0) is None
    assert due(collector(request(32)), is_idle=False) == ("a", 32, 32)


def test_pictures_that_fill_no_batch_wait_for_the_next_one():
    made = collector(*[request(1) for _ in range(18)])
    assert [due(made, n_streams=18, now=1.0) for _ in range(3)] == [("a", 16, 16), ("a", 2, 4), None]


def test_requests_of_a_client_that_died_are_forgotten():
    made = collector(request(3, "a"), other := request(2, "b"))
    made.remove(lambda one: one is not other)
    assert due(made, now=1.0) == ("b", 2, 4)


def test_numbers_come_back_in_order(pool):
    requests = [[1, 2, 3], list(range(100)), [7]]
    assert list(pool.run(asks, Greys(), requests, (4, 6))) == requests
    assert list(pool.run(asks, Greys(gain=2), [[5]], (4, 6))) == [[10]]


def test_pictures_larger_than_a_block_go_through_the_pipe(pool):
    assert BLOCK < 3 * 1200 * 1000
    assert list(pool.run(asks, Greys(), [[1, 2], [3]], (1200, 1000))) == [[1, 2], [3]]


def test_no_copy_is_counted_as_a_picture_and_no_batch_has_black_ones(pool):
    before = pool.networks.counts()
    # A black picture would lower nothing here, but a brighter one than the stream's would fail.
    assert list(pool.run(asks, Greys(most=9), [[9], [8, 9]], (4, 6))) == [[9], [8, 9]]
    found = pool.networks.counts() - before
    assert (found.pictures, found.given, found.waits) == (3, 16, 2)


def test_errors_of_networks_come_back_and_other_streams_go_on(pool):
    with pytest.raises(ValueError, match="brighter than 9"):
        list(pool.run(asks, Greys(most=9), [[3], [10]], (4, 6)))
    assert list(pool.run(asks, Greys(most=9), [[3]], (4, 6))) == [[3]]


def test_an_error_that_cannot_be_sent_comes_back_in_words(pool):
    with pytest.raises(RuntimeError, match="Local: where it broke"):
        list(pool.run(cannot_be_sent))


class _Unknown:
    def __reduce__(self) -> tuple[object, ...]:
        return __import__, ("no_such_module",)


def test_a_task_that_cannot_be_read_there_fails_alone(pool):
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        list(pool.run(asks, _Unknown(), [[1]], (4, 6)))


def test_a_process_that_dies_ends_its_tasks_and_no_others(pool):
    living = pool.run(asks, Greys(), [[k] for k in range(50)], (4, 6))
    assert next(living) == [0]
    dying = pool.run(dies)
    assert next(dying) == "alive"
    with pytest.raises(DiedError):
        next(dying)
    assert list(living) == [[k] for k in range(1, 50)]
    assert list(pool.run(asks, Greys(), [[4]], (4, 6))) == [[4]]


def test_when_networks_die_their_processes_end_and_others_take_their_place(pool):
    [first] = pool.run(names_itself)
    tasks = pool.run(asks, Greys(), [[k] for k in range(10_000)], (4, 6))
    assert next(tasks) == [0]
    pool.networks._process.kill()
    with pytest.raises(DiedError):
        list(tasks)
    assert list(pool.run(asks, Greys(), [[4]], (4, 6))) == [[4]]
    assert [first] != list(pool.run(names_itself))


def test_processes_end_with_the_one_that_owns_them():
    owner = subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True)
    processes = [psutil.Process(int(owner.stdout.readline())) for _ in range(2)]
    owner.kill()
    psutil.wait_procs(processes, 60)
    assert not any(process.is_running() for process in processes)
    owner.communicate()


def test_a_task_alone_has_a_process_of_its_own(pool):
    [(usual,), (alone,)] = (tuple(pool.run(names_itself, alone=alone)) for alone in (False, True))
    assert len({usual, alone, os.getpid()}) == 3


def test_where_memory_cannot_be_reserved_pictures_go_through_pipes(monkeypatch):
    def full(*_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    assert arena.reserved() is None
    opened = Pool(Networks("cpu"), 1)
    assert list(opened.run(asks, Greys(), [[1, 2], [3]], (4, 6))) == [[1, 2], [3]]
    opened.close()


def test_without_linux_s_anonymous_memory_it_is_a_file(monkeypatch):
    monkeypatch.delattr(os, "memfd_create")
    number = arena.reserved(2 * BLOCK)
    shared = Arena(number)
    assert (shared.lend(), shared.lend(), len(shared.memory)) == (0, BLOCK, 2 * BLOCK)
    os.close(number)


def test_the_ladder_of_this_test_is_the_gpu_s():
    assert batches.LADDER["cuda"] == LADDER


if __name__ == "__main__":
    opened = Pool(Networks("cpu"), 1)
    print(*opened.run(names_itself), opened.networks._process.pid, sep="\n", flush=True)
    threading.Event().wait()

"""How long a run took: what is counted, what the file holds, and when it is not believed."""

import getpass
import json
import platform
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from synthetic import Bayes, make_table

from affex.pipeline.evaluation import times
from affex.pipeline.evaluation.evaluate import evaluate
from affex.pipeline.evaluation.settings import Plan
from affex.pipeline.evaluation.times import FoldSeconds, Times
from affex.pipeline.execution.proof import CODE, proved
from affex.pipeline.execution.stopwatch import Seconds, Stopwatch, Timer

PLAN = Plan(corpus="toy", features=("made",), classifier=Bayes(), keys=("0123456789ab",))


@pytest.fixture(scope="module")
def taken() -> Times:
    lap = Stopwatch().lap(processes=None)
    with lap.stage("folds"):
        result = evaluate(make_table(n_speakers=3), PLAN)
    return times.times_of(result, "0" * 64, lap, {"python": "3"})


def work(n: int) -> int:
    return sum(number * number for number in range(n))


def test_the_times_of_folds_by_hand():
    found = times.folds_of(["ada", "ben", "cyd"], [Seconds(1.0, 0.5), Seconds(4.0, 2.0), Seconds(2.0, 1.0)], 1)
    assert found == FoldSeconds(n=3, n_kept=1, wall=7.0, cpu=3.5, slowest="ben", slowest_wall=4.0)


def test_workers_count_for_the_stage_in_which_their_results_arrive():
    watch = Stopwatch()
    watch.add(1.0)
    lap = watch.lap()
    with lap.stage("one"):
        watch.add(2.0)
        watch.add(0.5)
    other = lap.fork()
    with lap.stage("two"):
        pass
    assert [(stage.name, stage.workers_cpu) for stage in lap.stages] == [("one", 2.5), ("two", 0.0)]
    assert [stage.name for stage in other.stages] == ["one"]
    assert other.began == lap.began


def test_a_worker_measures_all_steps_of_a_piece():
    first = proved("here", work, CODE, 200_000)
    second = proved("here", work, CODE, replace(first, value=200_000))
    assert 0 < first.cpu < second.cpu


def test_a_thread_measures_its_own_work():
    timer = Timer()
    work(200_000)
    found = timer.seconds()
    assert found.cpu > 0
    assert found.wall > 0


def test_what_is_written_comes_back(taken, tmp_path: Path):
    times.write(tmp_path, taken)
    assert times.read(tmp_path, "0" * 64) == taken
    assert taken.folds.n == 3
    assert 0 < taken.folds.slowest_wall <= taken.folds.wall
    assert (taken.processes, taken.system) == (None, platform.system())
    assert taken.stages[0].cpu > 0


def test_no_machine_and_no_user_is_named(taken, tmp_path: Path):
    times.write(tmp_path, taken)
    text = json.dumps(json.loads((tmp_path / times.FILE).read_text()))
    for name in (socket.gethostname(), platform.node(), getpass.getuser(), str(Path.home())):
        assert f'"{name}' not in text


def test_times_that_are_missing_damaged_or_of_another_run_are_none(taken, tmp_path: Path):
    assert times.read(tmp_path, "0" * 64) is None
    times.write(tmp_path, taken)
    assert times.read(tmp_path, "1" * 64) is None
    path = tmp_path / times.FILE
    whole = path.read_text()
    for damaged in (whole[:-9], whole.replace('"n": 3', '"n": 4'), "{}", "[]", ""):
        path.write_text(damaged)
        assert times.read(tmp_path, "0" * 64) is None

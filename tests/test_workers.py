"""Work done elsewhere: real schedulers and workers, early and late, alike and not; results prove what made them."""

import contextlib
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from corpus import Listener, run, small, spec, write_wav
from errands import Placed, dies_once, pid_of, pieces
from farm import Farm, altered, farm
from plain import Level, Weighted
from test_evaluate import BAYES, make_table, same

from affex.features.base import Runtime
from affex.pipeline.caching import cache
from affex.pipeline.evaluation.evaluate import evaluate
from affex.pipeline.evaluation.settings import Settings
from affex.pipeline.execution import stages
from affex.pipeline.execution.proof import CODE
from affex.pipeline.execution.work import Needs, Stage, Work
from affex.pipeline.execution.workers import Workers
from affex.pipeline.extraction import extract
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.text.errors import AffexError

LEVEL = spec("level", Level())

PID = Work((Stage(pid_of),))


def once(folder: Path) -> Work:
    return Work((Stage(dies_once),), shared=(folder / "marker",))


#: Rows that are a little too loud, and scores of which each class has another's.
FALSE_ROWS = ("pipeline/extraction/work.py", "rows = compute()", "rows = compute(); rows.values[:] += 1")
FALSE_SCORES = (
    "pipeline/evaluation/evaluate.py",
    "    return Scored(decided.astype(np.str_), values, n_noise)",
    "    return Scored(decided[::-1].astype(np.str_), values[:, ::-1], n_noise)",
)


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, bytes]:
    """A corpus, and the file that this process makes of it."""
    dataset = small(tmp_path_factory.mktemp("corpus"))
    [summary] = run(dataset, LEVEL)
    return dataset, summary.path.read_bytes()


@pytest.fixture(scope="module")
def other_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = altered(tmp_path_factory.mktemp("other"), *FALSE_ROWS)
    module, before, after = FALSE_SCORES
    text = (folder / "affex" / module).read_text(encoding="utf-8")
    assert text.count(before) == 1
    (folder / "affex" / module).write_text(text.replace(before, after), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def standing() -> Iterator[Farm]:
    with farm() as opened:
        opened.worker()
        yield opened


@pytest.fixture
def mine(standing: Farm) -> Iterator[Farm]:
    """A farm with one worker that is alike."""
    yield standing
    standing.send_away(keep=1)


class Late(Listener):
    """Has somebody come when the first piece of work has ended."""

    def __init__(self, come: Callable[[], object]) -> None:
        super().__init__()
        self._come: Callable[[], object] | None = come

    @contextlib.contextmanager
    def progress(self, title: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        with super().progress(title, total, unit) as tick:

            def tock(n: int) -> None:
                tick(n)
                if title == "extracting":
                    self.come()

            yield tock

    def come(self, *_: object) -> None:
        come, self._come = self._come, None
        if come:
            come()


def extracted(truth: tuple[Dataset, bytes], folder: Path, farmed: Farm, listener: Listener) -> bytes:
    """Return the bytes of a file that a farm makes."""
    dataset = replace(truth[0], folder=folder / "cache")
    [summary] = run(
        dataset, LEVEL, runner=lambda: stages.opened(farmed.address, 1, report=listener.print), listener=listener
    )
    return summary.path.read_bytes()


def test_a_late_worker_with_other_code_gives_no_row_and_is_named(truth, mine, other_code, tmp_path, monkeypatch):
    monkeypatch.setattr(extract, "BATCH", 2)
    listener = Late(lambda: mine.worker(other_code))
    assert extracted(truth, tmp_path, mine, listener) == truth[1]
    [output] = listener.messages
    assert output.startswith("The worker tcp://127.0.0.1:")
    assert "is not like this process and is not used: affex code is" in output


def test_rows_of_a_worker_that_answered_otherwise_than_it_works_are_not_taken(
    truth, mine, other_code, tmp_path, monkeypatch
):
    """As one that was started anew at the same address: what comes with the rows says what made them."""
    monkeypatch.setattr(extract, "BATCH", 2)
    monkeypatch.setattr(Workers, "_ask", lambda self, addresses: set(addresses))
    listener = Late(lambda: mine.worker(other_code))
    assert extracted(truth, tmp_path, mine, listener) == truth[1]
    assert "is not used: affex code is" in listener.messages[0]


def test_a_late_worker_with_other_code_has_no_say_in_a_fold(mine, other_code):
    matrix, output = make_table(n_speakers=8), Late(lambda: mine.worker(other_code))
    with stages.opened(mine.address, 1, report=output.print) as runner:
        result = evaluate(matrix, BAYES, runner=runner, progress=output.come)
    assert same(result, evaluate(matrix, BAYES))
    assert "is not used: affex code is" in output.messages[0]


def test_a_late_worker_that_is_alike_shares_the_work(mine):
    with stages.opened(mine.address, 1) as runner:
        pids, late = set(), Late(mine.worker)
        for _, pid in runner.run(PID, pieces(range(60))):
            pids.add(pid)
            late.come()
        assert len(pids) == 2
        folds, late = set(), Late(mine.worker)
        for _, pid in runner.run(replace(PID, shared=(1,)), pieces(range(60))):
            folds.add(pid)
            late.come()
        assert len(folds) == 3
        assert pids < folds


def test_workers_that_do_not_see_the_media_or_the_weights_are_named(mine, tmp_path, monkeypatch):
    """Under a relative path, as the first is started elsewhere; the other one is used."""
    dataset = small(tmp_path, n_utterances=4)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "gain").write_text("2")
    monkeypatch.chdir(tmp_path)
    mine.worker(cwd=tmp_path)
    output = Listener()
    listener, runtime = Listener(), Runtime(weights="weights")
    for name, root in (("media", Path("data")), ("weights", dataset.root)):
        summaries = extract.extract(
            replace(dataset, root=root, folder=tmp_path / name),
            [spec("weighted", Weighted())],
            lambda: stages.opened(mine.address, 1, report=output.print),
            listener,
            runtime,
        )
        assert summaries[0].computed == 4
    [no_media, no_weights] = output.messages
    assert "data/00.wav is not there there and" in no_media
    assert "what plain needs is not there (no gain in weights) there and there here" in no_weights


def test_a_worker_that_sees_another_file_than_was_hashed_is_named_and_the_batch_done_elsewhere(tmp_path, monkeypatch):
    """As a copy of the media that is not up to date: the first file is, by which it is asked."""
    monkeypatch.setattr(extract, "BATCH", 1)
    monkeypatch.setattr(stages, "PATIENCE", 1)
    dataset, listener = small(tmp_path), Listener()
    shutil.copytree(tmp_path / "data", tmp_path / "elsewhere" / "data")
    write_wav(tmp_path / "elsewhere" / "data" / "19.wav", 1.0)
    monkeypatch.chdir(tmp_path)
    with farm() as opened:
        opened.worker(cwd=tmp_path / "elsewhere")
        there = lambda: stages.opened(opened.address, 1, report=listener.print)  # noqa: E731 - a name for what it is
        [summary] = run(replace(dataset, root=Path("data")), LEVEL, runner=there, listener=listener)
    assert (summary.computed, summary.failures) == (20, {})
    [output] = listener.messages
    assert "data/19.wav is of 32044 bytes" in output


def test_pictures_are_left_only_with_workers_that_see_the_cache(tmp_path):
    from plain import Tiles

    dataset = small(tmp_path, n_utterances=1)
    for feature, expected in ((Tiles(), [dataset.folder / "manifest.jsonl"]), (Level(), [])):
        lane = lane_of(dataset, feature)
        assert list(lane.work.likeness.files) == [dataset.root / "00.wav", *expected]


def lane_of(dataset, feature):
    one = spec("one", feature)
    _, [lane] = extract._planned(dataset, {one: ()}, Runtime(), Listener())
    return lane


def test_where_no_worker_is_alike_nothing_runs(other_code, tmp_path):
    with farm() as opened:
        opened.worker(other_code)
        listener = Listener()
        with pytest.raises(AffexError, match="1 workers, and none is like this process"):
            run(small(tmp_path), LEVEL, runner=lambda: stages.opened(opened.address, 1, report=listener.print))
        assert "is not used: affex code is" in listener.messages[0]


def test_a_scheduler_that_dies_is_a_sentence_and_costs_nothing_finished(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(stages, "ANSWER", 2)
    monkeypatch.setattr(extract, "BATCH", 2)
    dataset = small(tmp_path)
    with farm() as opened:
        opened.worker()
        with pytest.raises(AffexError, match=f"The Dask scheduler at {opened.address} does not answer any more"):
            extracted((dataset, b""), tmp_path, opened, Late(opened.scheduler.kill))
    assert "Traceback" not in capfd.readouterr().err
    held = len(list(cache.FeatureFile(tmp_path / "cache", LEVEL).parts.glob("*.h5")))
    assert held
    [summary] = run(replace(dataset, folder=tmp_path / "cache"), LEVEL)
    assert summary.cached == 2 * held


def test_a_scheduler_that_dask_has_given_up_is_a_sentence_too(mine, tmp_path):
    (tmp_path / "marker").touch()
    with stages.opened(mine.address, 1) as runner:
        found = runner.run(once(tmp_path), pieces(range(30)))
        next(found)
        runner._client.close()  # as Dask itself does when a scheduler does not come back
        with pytest.raises(AffexError, match=f"The Dask scheduler at {mine.address} does not answer any more"):
            list(found)


# What a piece needs


def test_a_fold_on_a_gpu_goes_to_a_worker_that_has_one(mine):
    gpu = mine.worker(resources="GPU=1")
    settings = replace(BAYES, classifier=Placed(), settings=Settings(device="cuda"))
    with stages.opened(mine.address, 1) as runner:
        on_gpu = evaluate(make_table(n_speakers=8), settings, runner=runner)
    assert {fold.best_params["pid"] for fold in on_gpu.folds} == {gpu.pid}
    assert same(on_gpu, evaluate(make_table(n_speakers=8), settings))


def test_a_fold_on_a_gpu_is_refused_where_no_worker_has_one(mine):
    settings = replace(BAYES, classifier=Placed(), settings=Settings(device="cuda"))
    with (
        stages.opened(mine.address, 1) as runner,
        pytest.raises(AffexError, match=r"No worker of the cluster offers a GPU, .*`dask worker --resources GPU=1`"),
    ):
        evaluate(make_table(n_speakers=3), settings, runner=runner)


def test_memory_is_asked_for_where_workers_say_how_much_they_have(mine):
    mine.worker(resources="MEMORY=1000", threads=4)
    with stages.opened(mine.address, 1) as runner:
        workers = Workers(runner._client, CODE, print)
        workers.require()
        assert workers.resources(Needs(memory=300)) == {"MEMORY": 300}
        assert workers.resources(Needs(memory=9000)) == {"MEMORY": 1000}  # all of one
        assert workers.resources(Needs()) == {}
        found = [pid for _, pid in runner.run(Work((Stage(pid_of, Needs(memory=600)),)), pieces(range(6)))]
    assert len(set(found)) == 1


# Deaths


def test_a_piece_whose_worker_dies_costs_a_retry(tmp_path):
    with stages.opened("local", 2) as runner:
        found = [result for _, result in runner.run(once(tmp_path), pieces(range(8)))]
    assert sorted(found) == list(range(8))
    assert (tmp_path / "marker").exists()


def test_all_workers_may_die_at_once(tmp_path):
    """And what all items share with them."""
    (tmp_path / "marker").touch()
    with stages.opened("local", 2) as runner:
        found = []
        for _, value in runner.run(once(tmp_path), pieces(range(1, 30))):
            if not found:
                for pid in runner.ask(os.getpid).values():
                    os.kill(pid, signal.SIGKILL)
            found.append(value)
    assert sorted(found) == list(range(1, 30))

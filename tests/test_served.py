"""Work with a device: rows as usual, handed back as utterances end; a death costs a retry, at most one utterance."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from films import film
from plain import Greys
from scenes import scenes
from served_tasks import watches_texts
from test_streams import StandIn

from affex.features.base import Rows, Runtime
from affex.features.faces import Faces
from affex.pipeline.execution import stages
from affex.pipeline.execution.work import Needs, Stage, Work
from affex.pipeline.execution.workers import GPU_THREADS
from affex.pipeline.extraction import served, streams
from affex.pipeline.extraction.extract import DIED
from affex.pipeline.extraction.work import AudioBatch, Extracted, Failure, Job, together
from affex.pipeline.manifest.utterance import Media
from affex.pipeline.serving.networks import Networks
from affex.pipeline.serving.pool import Pool


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    opened = Pool(Networks("cpu"), 2)
    yield opened
    opened.close()


def batch(folder: Path, n_frames: int, *features: Greys, n: int = 6) -> AudioBatch:
    """Return utterances of 10 frames each of one film."""
    path = folder / "film.txt"
    path.write_text(str(n_frames))
    stat = path.stat()
    jobs = tuple(
        Job(str(k), Media("film.txt", float(k), k + 1.0), stat.st_size, stat.st_mtime_ns, tuple(range(len(features))))
        for k in range(n)
    )
    return AudioBatch(jobs, folder, features, Runtime(), tuple(folder / "parts" for _ in features))


def shown(parts: list[Extracted]) -> dict[tuple[int, str], object]:
    """Return what came of each utterance under each feature."""
    return {
        (part.number, id_): (outcome.values.tobytes(), outcome.times.tobytes(), tuple(outcome.crops))
        if isinstance(outcome, Rows)
        else outcome
        for part in parts
        for id_, outcome in part.outcomes.items()
    }


def test_rows_are_those_of_the_usual_way(pool, tmp_path, monkeypatch):
    some = batch(tmp_path, 55, Greys(), Greys(fps=5.0))
    monkeypatch.setattr(streams, "windows", StandIn())
    usual = shown(streams.watch(some))
    assert isinstance(usual[0, "5"], Failure)  # the film ends before
    assert shown(together(served.computed(pool, watches_texts, some))) == usual


def test_rows_come_back_as_each_utterance_ends(pool, tmp_path):
    parts = list(served.computed(pool, watches_texts, batch(tmp_path, 60, Greys())))
    assert [list(part.outcomes) for part in parts] == [[str(k)] for k in range(6)]


@pytest.mark.parametrize("deadly", [0, 59])
def test_an_utterance_that_kills_its_process_is_the_only_one_that_fails(pool, tmp_path, deadly):
    some = batch(tmp_path, 60, Greys(deadly=deadly))
    found = together(served.computed(pool, watches_texts, some))[0].outcomes
    assert {id_: outcome for id_, outcome in found.items() if isinstance(outcome, Failure)} == {
        str(deadly // 10): Failure(DIED, final=False)
    }
    for k in set(range(6)) - {deadly // 10}:
        np.testing.assert_array_equal(found[str(k)].values[:, 0], np.arange(10 * k, 10 * k + 10))


def test_a_death_by_chance_costs_a_retry(pool, tmp_path):
    some = batch(tmp_path, 60, Greys(deadly=25, once=str(tmp_path / "died")))
    found = together(served.computed(pool, watches_texts, some))[0].outcomes
    assert len(found) == 6
    assert all(isinstance(outcome, Rows) for outcome in found.values())


def test_a_worker_of_dask_owns_its_processes(tmp_path):
    """Although `multiprocessing` gives it no children."""
    features = (Faces(detector="hog", frames="2/s", missing="keep"),)
    pieces = []
    for name in ("a.avi", "b.avi", "c.avi"):
        film(tmp_path / name, scenes([2, 5]), rate=2)
        stat = (tmp_path / name).stat()
        job = Job(name, Media(name), stat.st_size, stat.st_mtime_ns, (0,))
        pieces.append(AudioBatch((job,), tmp_path, features, Runtime(threads=3), (tmp_path / "parts",)))
    work = Work((Stage(served.watch, Needs(gpu=1 / GPU_THREADS)),))
    with stages.opened("local", 1, gpus=1) as runner:
        found = [part for _, result in runner.run(work, pieces) for part in result]
    assert shown(found) == shown([part for piece in pieces for part in streams.watch(piece)])
    assert len(found) == 3


def test_a_feature_without_a_network_elsewhere_runs_as_before():
    assert served.can_be_served((Greys(),))
    assert not served.can_be_served((Greys(), OnDevice()))


class OnDevice(Greys):
    on_device = True


def test_windows_are_small_where_many_files_are_decoded(monkeypatch, tmp_path, pool):
    asked = []

    def windows(*_: object, window_bytes: int) -> Iterator[object]:
        asked.append(window_bytes)
        return iter(())

    monkeypatch.setattr(streams, "windows", windows)
    some = batch(tmp_path, 10, Greys(), n=1)
    for runtime in (Runtime(), Runtime(ask=object())):
        list(streams.watched(replace(some, runtime=runtime)))
    assert asked == [64 * 2**20, 4 * 2**20]

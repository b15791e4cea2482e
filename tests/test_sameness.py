"""The same bytes, however a run is cut up: windows, batches, company, threads and processes do not show in a cache.

Run as a program, it extracts the corpus that it is given the pickle of.
"""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from corpus import Listener, spec
from films import film
from scenes import company, no_face, scenes

from affex.features.base import Runtime
from affex.features.detectors import search
from affex.features.face import Face
from affex.features.faces import Faces
from affex.pipeline.caching import store
from affex.pipeline.execution import stages
from affex.pipeline.execution.runner import Inline, Runner
from affex.pipeline.execution.threads import in_threads
from affex.pipeline.execution.work import Work
from affex.pipeline.extraction import chain, served, streams
from affex.pipeline.extraction.extract import extract
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.media import video

#: Followed, and all faces of all frames searched whole, which is where frames go through a network together.
SPECS = (
    spec("faces", Faces(frames="5/s")),
    spec("faces", Faces(frames="5/s", every=1, missing="frame")),
    spec("face", Face()),
)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Four videos, and utterances that overlap in one of them; frames of three sizes, faces that leave, and nobody."""
    folder = tmp_path_factory.mktemp("films")
    film(folder / "long.mp4", scenes([k if k % 5 else None for k in range(8)]), rate=5)
    film(folder / "short.avi", scenes([3] * 4 + [9] * 4))
    film(folder / "two.mkv", [company((150, 110), (100, 300)), company((100, 300))], rate=5)
    film(folder / "nobody.mp4", [no_face((64, 100))] * 3, rate=5)
    utterances = [("long.mp4", None, None), ("long.mp4", 0.0, 0.9), ("short.avi", None, None), ("long.mp4", 0.7, 1.6)]
    utterances += [("two.mkv", None, None), ("nobody.mp4", None, None)]
    utterances = (Utterance(str(n), "films", "she", video=Media(*utterance)) for n, utterance in enumerate(utterances))
    return Dataset("films", folder, folder / "cache", tuple(utterances))


Open = Callable[[], AbstractContextManager[Runner]]


def published(dataset: Dataset, runner: Open = lambda: stages.opened("inline", 1), **how: int) -> dict[str, bytes]:
    """Return the bytes of every published file of a run, by name."""
    summaries = extract(dataset, SPECS, runner, Listener(), Runtime(**how))
    assert [list(summary.failures) for summary in summaries] == [["5"], [], ["5"], ["5"]], summaries
    return {summary.path.name: summary.path.read_bytes() for summary in summaries}


@pytest.fixture(scope="module")
def usual(films: Dataset) -> dict[str, bytes]:
    """The files of a usual run in this process."""
    return published(films)


def test_windows_and_batches_do_not_show(
    films: Dataset, usual: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for n_frames, n_bytes, n_utterances, n_rows, carried in ((1, 1, 1, 1, 1), (3, 10**6, 4, 12, 10**5)):
        monkeypatch.setattr(video, "WINDOW_FRAMES", n_frames)
        monkeypatch.setattr(search, "AT_ONCE", n_bytes)
        monkeypatch.setitem(chain.BATCH, "cpu", (n_utterances, n_rows))
        monkeypatch.setattr(streams, "CARRIED", carried)
        assert published(replace(films, folder=tmp_path / str(n_frames))) == usual


def test_workers_and_threads_do_not_show(films: Dataset, usual: dict[str, bytes], tmp_path: Path) -> None:
    elsewhere = replace(films, folder=tmp_path)
    assert published(elsewhere, lambda: stages.opened("local", 2), threads=3) == usual


class Threads(Inline):
    """Work in threads of this process, as on a worker with a GPU."""

    def run(self, work: Work, pieces: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        return in_threads(work, pieces, 8)


@pytest.mark.parametrize("threads", [pytest.param(2, marks=pytest.mark.slow), 4])
def test_streams_that_share_networks_do_not_show(
    films: Dataset, usual: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    """The way of a GPU, on the CPU: with 1 and 3 local processes."""
    monkeypatch.setattr(streams, "watch", served.watch)
    monkeypatch.setattr(chain, "extract", served.link)
    served._pool.cache_clear()
    assert published(replace(films, folder=tmp_path), lambda: nullcontext(Threads()), threads=threads) == usual
    pool = served._pool("cpu", "", threads)
    assert pool.networks.counts().pictures > 0
    pool.close()
    served._pool.cache_clear()


def test_the_cores_of_a_machine_do_not_show(films: Dataset, usual: dict[str, bytes], tmp_path: Path) -> None:
    """A process of its own, since libraries take their number of threads from what they find when they are loaded."""
    (tmp_path / "dataset").write_bytes(pickle.dumps(replace(films, folder=tmp_path)))
    many = os.environ | {"OMP_NUM_THREADS": "3", "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, __file__, tmp_path / "dataset"], env=many, check=True)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.h5")} == usual


@pytest.mark.usefixtures("usual")
def test_the_order_and_the_company_of_clips_do_not_show(films: Dataset, tmp_path: Path) -> None:
    """An utterance's digest is that of its rows and pictures."""
    some = replace(films, folder=tmp_path, utterances=tuple(films.utterances[number] for number in (5, 3, 1)))
    extract(some, SPECS, lambda: stages.opened("inline", 1), Listener())
    for whole in extract(films, SPECS, no_runner, Listener()):
        few = digests(tmp_path / whole.path.name)
        assert list(few) in (["3", "1"], ["5", "3", "1"])
        assert few.items() <= digests(whole.path).items()


def digests(path: Path) -> dict[str, str]:
    """Return the digest of each utterance's rows and pictures."""
    with store.reading(path) as reader:
        return dict(zip(reader.ids, reader.digests, strict=True))


def no_runner() -> AbstractContextManager[Runner]:
    raise AssertionError("something was computed")


if __name__ == "__main__":
    published(pickle.loads(Path(sys.argv[1]).read_bytes()))

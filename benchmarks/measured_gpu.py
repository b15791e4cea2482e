"""What `gpu` measures and prints, once films and modules are there."""

import hashlib
import itertools
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gpu_stages
import numpy as np
from gpu_stages import Rate, Threads

from affex.features.base import Runtime
from affex.features.detectors.search import Search
from affex.features.face import Face
from affex.features.faces import Faces
from affex.features.networks.asking import Asked
from affex.features.networks.base import Embedder
from affex.features.networks.batches import LADDER, Batches, Numbers, Pictures, kind_of
from affex.features.pictures.sampling import sampling
from affex.pipeline.execution.runner import Inline
from affex.pipeline.extraction import chain, served, streams
from affex.pipeline.extraction.extract import Summary
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.media.video import Wanted, Window, windows
from affex.pipeline.serving.networks import Networks
from affex.pipeline.serving.pool import Pool
from affex.pipeline.serving.server import Counts


@dataclass(frozen=True)
class Measured:
    """What is measured: some films of a folder, on a device, with a number of local processes."""

    films: Path
    names: list[str]
    device: str
    processes: int


def measure(what: Measured, work: Path, seconds: float, *, only_whole: bool) -> int:
    """Measure all stages and the whole way, and print; return 1 if rows differ from those of the ordinary way.

    Parameters
    ----------
    work
        A folder for copies and caches.
    seconds
        How long the whole way is measured on a GPU, s.
    only_whole
        Whether the single stages are left out.
    """
    films, names = what.films, what.names
    runtime = Runtime(what.device, threads=what.processes + 1)
    floors = {} if only_whole else dict(_stages(films, names, what.device, what.processes))
    short = _whole(
        gpu_stages.dataset(films, names, work / "short"), runtime, "a first pass, with the start of processes"
    )
    if kind_of(what.device) == "cpu":
        return _compared(films, names, work, short)
    floors["the whole way, measured"] = _rate(_long(what, work, runtime, seconds))
    print("floors, frames/s:")
    for name, rate in sorted(floors.items(), key=lambda floor: floor[1]):
        print(f"  {rate:9.0f}  {name}")
    return 0


def _long(what: Measured, work: Path, runtime: Runtime, seconds: float) -> "_Whole":
    """Measure the whole way over copies of the films: more and more, until it takes long enough."""
    copies = what.processes
    while True:
        many = _copied(what.films, what.names, work / f"{copies} films", copies)
        done = _whole(
            gpu_stages.dataset(work / f"{copies} films", many, work / f"{copies}"), runtime, f"{len(many)} films"
        )
        if sum(done.times) > seconds / 3:
            return done
        copies *= min(8, 1 + round(seconds / sum(done.times) / 2))


def _stages(films: Path, names: list[str], device: str, processes: int) -> Iterator[tuple[str, float]]:
    """Measure each stage alone; yield what it allows at most, frames/s."""
    pool = Pool(Networks(device), processes)
    gpu_stages.decoding(pool, films, names)  # starts the processes
    rate = gpu_stages.decoding(pool, films, names * 8)
    _say(f"decoding at 5/s in {processes} processes", rate)
    yield "decoding", rate.value
    asked = _Asked(device)
    picture, box = _found(films, names[0], asked)
    gpu_stages.describing(pool, processes, picture, box, n=1)  # loads the models
    rate = gpu_stages.describing(pool, processes, picture, box)
    pool.close()
    _say(f"landmarks, sharpness and crops in {processes} processes", rate)
    yield "landmarks, sharpness and crops", rate.value
    for network, shown in asked.seen.values():
        name = f"{network}, {shown.shape[1]} x {shown.shape[0]}"
        yield name, max(_network(name, network.batches(device, ""), shown))
    face = Face().load(Runtime(device)).embedder
    assert isinstance(face, Embedder)
    yield "face", max(_network("face", face.batches, np.ascontiguousarray(picture[:150, :150])))


class _Asked:
    """The way to networks in this process; it keeps a picture of each kind that they are asked for."""

    turn: Any = nullcontext()

    def __init__(self, device: str) -> None:
        self.device = device
        self.seen: dict[Any, tuple[Asked, Pictures]] = {}

    def __call__(self, asked: Asked, pictures: Pictures) -> list[Numbers]:
        """Return the numbers of pictures."""
        self.seen.setdefault((asked, pictures.shape[1:]), (asked, pictures[0]))
        return list(asked.batches(self.device, "").run(pictures))


def _network(name: str, batches: Batches, picture: np.ndarray) -> Iterator[float]:
    sizes = batches.sizes(*picture.shape[:2])
    print(
        f"{name}: batches of {', '.join(map(str, sizes))} (of {', '.join(map(str, LADDER[kind_of(batches.device)]))})"
    )
    for size in sizes:
        rate, busy = gpu_stages.network(batches, size, picture)
        _say(f"  batches of {size}", rate, f"the device computed {busy / rate.seconds:.0%} of the time")
        yield rate.value


def _found(films: Path, name: str, asked: _Asked) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture with a face, and its box, after both kinds of searches."""
    search: Search = Faces().load(Runtime(asked.device, ask=asked))
    for event in windows(films, name, [Wanted("film", sampling("5/s"))]):
        if isinstance(event, Window):
            for picture, faces in zip(event.frames.pictures, search.whole(event.frames.pictures), strict=True):
                if len(faces):
                    search.around(picture, faces.boxes[0])
                    return picture, faces.boxes[0]
    raise SystemExit(f"{name} shows no face")


class _Whole:
    """The whole way once: what came of it, how long `faces` and `face` took, s, and what the server counted."""

    def __init__(self, summaries: list[Summary], times: list[float], counts: Counts) -> None:
        self.summaries, self.times, self.counts = summaries, times, counts


def _whole(corpus: Dataset, runtime: Runtime, what: str) -> _Whole:
    networks = served.pool(runtime).networks
    before = networks.counts()
    with _served():
        summaries, times = gpu_stages.whole_way(corpus, runtime, Threads())
    whole = _Whole(summaries, times, counts := networks.counts() - before)
    n = _frames(summaries)
    print(f"the whole way, {what}: {n} frames in {sum(times):.1f} s, {_rate(whole):.1f} frames/s")
    print(f"  faces {n / times[0]:.1f} frames/s, face {n / times[1]:.1f} frames/s over the cached crops")
    print(
        f"  a frame: {counts.given / n:.3f} pictures to the networks (asked for {counts.pictures / n:.3f}), "
        f"{counts.copies / n:.3f} copies in the host; a batch: {counts.pictures / counts.batches:.1f} pictures, "
        f"{counts.waits / counts.batches:.2f} waits; the device computed {counts.busy / sum(times):.0%} of the time"
    )
    return whole


@contextmanager
def _served() -> Iterator[None]:
    """Take the way of a GPU on any device."""
    before = streams.watch, chain.extract
    streams.watch, chain.extract = served.watch, served.link
    try:
        yield
    finally:
        streams.watch, chain.extract = before


def _compared(films: Path, names: list[str], work: Path, whole: _Whole) -> int:
    """Compute the same in the ordinary way; return 1 if a byte differs."""
    usual, _ = gpu_stages.whole_way(gpu_stages.dataset(films, names, work / "usual"), Runtime(), Inline())
    same = [_digest(one) == _digest(other) for one, other in zip(usual, whole.summaries, strict=True)]
    for summary, equal in zip(usual, same, strict=True):
        n = f"{summary.computed} utterances, {len(summary.failures)} failures"
        print(f"{summary.path.name} ({n}): {'equal to the byte' if equal else 'ANOTHER FILE'} in the ordinary way")
    return int(not all(same))


def _digest(summary: Summary) -> str:
    return hashlib.sha256(summary.path.read_bytes()).hexdigest()


def _frames(summaries: list[Summary]) -> int:
    import h5py

    with h5py.File(summaries[0].path) as file:
        times, offsets = file["times"][:], file["offsets"][:]
    return sum(len(np.unique(times[a:b])) for a, b in itertools.pairwise(offsets))


def _rate(whole: _Whole) -> float:
    return _frames(whole.summaries) / sum(whole.times)


def _copied(films: Path, names: list[str], folder: Path, copies: int) -> list[str]:
    """Copy films, since a film is decoded once for all utterances that are cut from it; return their names."""
    folder.mkdir(parents=True)
    made = []
    for copy in range(copies):
        for name in names:
            made.append(f"{copy:04d}-{name}")
            (folder / made[-1]).write_bytes((films / name).read_bytes())
    return made


def _say(what: str, rate: Rate, more: str = "") -> None:
    print(f"{what}: {rate.value:.1f} frames/s" + f"; {more}" * bool(more), flush=True)

"""Peak memory of the driver and of each worker on a video of 30 minutes against one of 3, and where it ends up.

::

    python benchmarks/video_memory.py

Makes both videos on the spot (640 x 480, 25 frames a second, mpeg4: `skimage.data.astronaut` wanders over a grey wall,
its face some 100 px wide), and from each extracts first ``faces`` at its 5 frames a second of video, then ``face``
(``--features``), each by a fresh ``affex features`` with two workers. Printed are the times, the peak resident memory
of the driver and of each worker as Linux keeps it, their sum, MiB, and the ratios of the long film's to the short
one's. Pages that processes share count in each of them. One video is one worker's work: the other is idle.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import processes
from skimage.data import astronaut

RATE = 25
WIDTH, HEIGHT = 640, 480
#: After so many seconds the face is where it was, and the same packets come again.
LOOP = 20


def pictures() -> Iterator[np.ndarray]:
    """Yield the frames of one loop, (height, width, 3) uint8."""
    person = astronaut()[:400, 60:400]
    height, width = person.shape[:2]
    noise = np.random.default_rng(0)
    for angle in np.linspace(0, 2 * np.pi, LOOP * RATE, endpoint=False):
        picture = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
        left = round((WIDTH - width) * (1 + np.sin(angle)) / 2)
        top = round((HEIGHT - height) * (1 + np.cos(3 * angle)) / 2)
        picture[top : top + height, left : left + width] = person
        yield picture ^ noise.integers(0, 4, picture.shape, np.uint8)


def looped(path: Path) -> Path:
    """Write one loop; return its file."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=RATE)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = WIDTH, HEIGHT, "yuv420p", 1_500_000
        for picture in pictures():
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    return path


def film(path: Path, loop: Path, minutes: float) -> Path:
    """Write a video of the loop again and again; return its file."""
    with av.open(str(path), "w") as out:
        stream = None
        for number in range(round(minutes * 60 / LOOP)):
            with av.open(str(loop)) as container:
                stream = stream or out.add_stream_from_template(container.streams.video[0])
                later = round(number * LOOP / container.streams.video[0].time_base)
                for packet in container.demux(video=0):
                    if packet.pts is None:  # the end
                        continue
                    packet.pts, packet.dts, packet.stream = packet.pts + later, packet.dts + later, stream
                    out.mux(packet)
    return path


def measured(folder: Path, loop: Path, minutes: float, options: argparse.Namespace) -> list[tuple[float, ...]]:
    """Return the peak memory of the driver and of each worker for each feature, MiB, and print it."""
    name = f"{minutes:g}-minutes"
    path = film(folder / f"{name}.mp4", loop, minutes)
    table = folder / f"{name}.csv"
    table.write_text(f"file,speaker,label\n{path.name},one,none\n")
    found = []
    for feature in options.features:
        run = processes.features(table, folder / "cache", feature, options.jobs)
        found.append(run.peaks)
        shown = ", ".join(f"{peak:.0f}" for peak in run.peaks)
        times = f"{run.seconds:.0f} s, {run.processors:.0f} s of processors"
        print(f"{minutes:g} minutes, {feature}: {times}; {shown}, in all {sum(run.peaks):.0f} MiB", flush=True)
    return found


def main() -> None:
    """Compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, nargs=2, default=(3, 30))
    parser.add_argument("--features", nargs="+", default=("faces", "face"))
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        loop = looped(folder / "loop.mp4")
        short, long = (measured(folder, loop, minutes, options) for minutes in options.minutes)
    for feature, small, large in zip(options.features, short, long, strict=True):
        ratios = ", ".join(f"{b / a:.3f}" for a, b in zip(small, large, strict=False))
        print(f"{feature}, ratios: {ratios}; in all {sum(large) / sum(small):.3f}")


if __name__ == "__main__":
    main()

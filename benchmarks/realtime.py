"""The whole way against real time: video decoded, faces found, cropped and embedded, by the pipeline.

::

    python benchmarks/realtime.py CLIPS
    python benchmarks/realtime.py CLIPS --size 1920x1080 --against ../older/.venv/bin/python

The videos below the folder are written again as videos of one size (the middle of each picture, h264, their own frame
rate), and ``affex features`` runs over them from nothing with two workers: ``faces face`` in float32 at 5 frames a
second of video, and in turn with it the same in bfloat16 (``--features``). Whole processes are timed, start and end and
all. So that the start does not weigh more than it would on a real corpus, the videos come ``--copies`` times. With
``--against``, the interpreter of another checkout, each round runs that code, too, one after the other, so that both
see the same load of the machine. Printed are the seconds of video, the times of all rounds, how many times faster than
real time that is: the median, the least and the greatest, and how many times faster than the other code, by the clock
and by the time of processors.
"""

import argparse
import itertools
import statistics
import sys
import tempfile
from pathlib import Path

import av
import processes
from faces import middle, videos
from processes import Run

FEATURES = ("faces face", "faces:precision=bfloat16 face:precision=bfloat16,faces.precision=bfloat16")


def film(source: Path, path: Path, width: int, height: int) -> float:
    """Write the middle of a video again as one of a size, px; return its length, s."""
    with av.open(str(source)) as container, av.open(str(path), "w") as out:
        rate = container.streams.video[0].average_rate
        stream = out.add_stream("libx264", rate=rate, options={"crf": "18", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        n_frames = 0
        for frame in container.decode(video=0):
            picture = middle(frame.to_ndarray(format="rgb24"), width, height)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            n_frames += 1
        out.mux(stream.encode(None))
    return float(n_frames / rate)


def written(utterances: Path, folder: Path, copies: int, width: int, height: int) -> tuple[Path, float]:
    """Write the videos and the table that lists them; return the table, and how long they are together, s."""
    lines, seconds = ["id,file,speaker,label"], 0.0
    for number, source in enumerate(videos(utterances)):
        name = f"{number:03d}.mp4"
        seconds += copies * film(source, folder / name, width, height)
        # A video is decoded once for all utterances that are cut from it: each copy is a file.
        for copy in range(copies):
            (folder / f"{copy}-{name}").hardlink_to(folder / name)
            lines.append(f"{copy}-{number:03d},{copy}-{name},{source.parent.name},none")
    table = folder / "clips.csv"
    table.write_text("\n".join(lines) + "\n")
    return table, seconds


def size(written: str) -> tuple[int, int]:
    """Return the width and height of a size, as in 640x480."""
    width, height = map(int, written.split("x"))
    return width, height


def ratio(others: list[Run], runs: list[Run], of: str) -> str:
    """Return how many times as long the other code took: the median of the rounds, the least and the greatest."""
    times = [getattr(other, of) / getattr(run, of) for other, run in zip(others, runs, strict=True)]
    return f"{statistics.median(times):.2f} ({min(times):.2f} to {max(times):.2f})"


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("--size", type=size, default=(640, 480), help="width x height of the videos, px")
    parser.add_argument("--features", nargs="+", default=FEATURES)
    parser.add_argument("--against", help="the interpreter of another checkout, which runs in turn with this one")
    parser.add_argument("--copies", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    pythons = {"other": options.against, "this": sys.executable} if options.against else {"this": sys.executable}
    runs: dict[tuple[str, str], list[Run]] = {kind: [] for kind in itertools.product(options.features, pythons)}
    with tempfile.TemporaryDirectory() as name:
        table, seconds = written(options.clips, Path(name), options.copies, *options.size)
        print(f"{seconds:.1f} s of video, {options.size[0]}x{options.size[1]}", flush=True)
        for number, ((features, code), found) in itertools.product(range(options.rounds), runs.items()):
            with tempfile.TemporaryDirectory(dir=name) as cache:
                run = processes.features(table, Path(cache), features, options.jobs, python=pythons[code])
            found.append(run)
            took = f"{run.seconds:.1f} s, {run.processors:.1f} s of processors"
            factor = f"{seconds / run.seconds:.2f} times real time"
            print(f"{number + 1}. {features}, {code} code: {took}, {factor}", flush=True)
    for (features, code), found in runs.items():
        factors = [seconds / run.seconds for run in found]
        shown = f"{statistics.median(factors):.2f} ({min(factors):.2f} to {max(factors):.2f})"
        print(f"{features}, {code} code: {shown} times real time, median of {len(factors)}")
    for features in options.features if options.against else ():
        others, own = runs[features, "other"], runs[features, "this"]
        print(
            f"{features}: {ratio(others, own, 'seconds')} times as fast as the other code by the clock, "
            f"{ratio(others, own, 'processors')} by processors"
        )


if __name__ == "__main__":
    main()

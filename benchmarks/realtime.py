"""The whole way against real time: video of 640 x 480 decoded, faces found, cropped and embedded, by the pipeline.

::

    python benchmarks/realtime.py CLIPS

The videos below the folder are written again as videos of 640 x 480 (the middle of each picture, h264, their own frame
rate), and ``affex features`` runs over them from nothing with two workers: ``faces face`` in float32 at 5 frames a
second of video, and in turn with it the same in bfloat16 (``--features``). Whole processes are timed, start and end and
all. So that the start does not weigh more than it would on a real corpus, the videos come ``--copies`` times. Printed
are the seconds of video, the times of all rounds, and how many times faster than real time that is: the median, the
least and the greatest.
"""

import argparse
import itertools
import statistics
import tempfile
from pathlib import Path

import av
import processes
from faces import at_640, videos

FEATURES = ("faces face", "faces:precision=bfloat16 face:precision=bfloat16,faces.precision=bfloat16")


def film(source: Path, path: Path) -> float:
    """Write a video again as one of 640 x 480; return its length, s."""
    with av.open(str(source)) as container, av.open(str(path), "w") as out:
        rate = container.streams.video[0].average_rate
        stream = out.add_stream("libx264", rate=rate, options={"crf": "18", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        n_frames = 0
        for frame in container.decode(video=0):
            picture = at_640(frame.to_ndarray(format="rgb24"))
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            n_frames += 1
        out.mux(stream.encode(None))
    return float(n_frames / rate)


def written(utterances: Path, folder: Path, copies: int) -> tuple[Path, float]:
    """Write the videos and the table that lists them; return the table, and how long they are together, s."""
    lines, seconds = ["id,file,speaker,label"], 0.0
    for number, source in enumerate(videos(utterances)):
        name = f"{number:03d}.mp4"
        seconds += copies * film(source, folder / name)
        # A video is decoded once for all utterances that are cut from it: each copy is a file.
        for copy in range(copies):
            (folder / f"{copy}-{name}").hardlink_to(folder / name)
            lines.append(f"{copy}-{number:03d},{copy}-{name},{source.parent.name},none")
    table = folder / "clips.csv"
    table.write_text("\n".join(lines) + "\n")
    return table, seconds


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("--features", nargs="+", default=FEATURES)
    parser.add_argument("--copies", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    factors: dict[str, list[float]] = {features: [] for features in options.features}
    with tempfile.TemporaryDirectory() as name:
        table, seconds = written(options.clips, Path(name), options.copies)
        print(f"{seconds:.1f} s of video, 640x480", flush=True)
        for number, (features, found) in itertools.product(range(options.rounds), factors.items()):
            with tempfile.TemporaryDirectory(dir=name) as cache:
                run = processes.features(table, Path(cache), features, options.jobs)
            found.append(seconds / run.seconds)
            took = f"{run.seconds:.1f} s, {run.processors:.1f} s of processors"
            print(f"{number + 1}. {features}: {took}, {found[-1]:.2f} times real time", flush=True)
    for features, found in factors.items():
        shown = f"{statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f})"
        print(f"{features}: {shown} times real time, median of {len(found)}")


if __name__ == "__main__":
    main()

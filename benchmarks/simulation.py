"""The way of a GPU in a simulation: how many frames a second 1 to 128 streams give, with faked stages of faked times.

::

    python benchmarks/simulation.py

The machinery is the real one: `extraction.streams`, local processes, their memory, the server and its batches. Only the
stages are faked by waiting: a batch of the network takes ``--batch`` ms, decoding ``--decode`` ms a sampled frame, and
landmarks and the crop ``--after`` ms. A process waits for one stage at a time, as if it had one core. Each stream
follows a face: one frame in ten is searched whole (640 x 480), the others around the face (256 x 256).

Printed are, for each number of streams, the frames a second and how many times one stream's that is; pictures that the
network got for each frame, with the copies that fill batches up; copies of a picture in the host's memory for each
frame; and waits for the device for each batch. The goals are 25 times with 64 streams and at most 1.15 pictures; where
one is missed, the exit status is 1. ``--scale`` makes all stages slower by a factor, for a machine with other work.
"""

import argparse
import sys
import threading
import time
from typing import Any

from faked import Stages, film, started, watched

from affex.pipeline.serving.networks import Networks
from affex.pipeline.serving.pool import Pool
from affex.pipeline.serving.server import Counts

STREAMS = (1, 2, 4, 8, 16, 32, 64, 128)
GOAL_STREAMS, GOAL_TIMES, GOAL_PICTURES = 64, 25.0, 1.15


def together(pool: Pool, n: int, function: Any, *given: Any) -> float:
    """Run a task n times at once in a pool; return how long it took, s."""
    threads = [threading.Thread(target=lambda: list(pool.run(function, *given))) for _ in range(n)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.monotonic() - began


def measured(pool: Pool, n: int, n_frames: int, stages: Stages) -> tuple[float, Counts]:
    """Return the frames a second of n streams, and what the server did."""
    before = pool.networks.counts()
    seconds = together(pool, n, watched, film(n_frames, stages))
    return n * n_frames / seconds, pool.networks.counts() - before


def main() -> int:
    """Simulate, and print; return 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=float, default=20.0, help="ms")
    parser.add_argument(
        "--decode", type=float, default=5.0, help="ms; 14 processes decode 2800 sampled frames a second"
    )
    parser.add_argument("--after", type=float, default=3.0, help="ms; landmarks, sharpness and the JPEG of a crop")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--processes", type=int, default=15)
    parser.add_argument("--frames", type=int, default=200, help="of each stream")
    parser.add_argument("--streams", type=int, nargs="+", default=STREAMS)
    options = parser.parse_args()
    stages = Stages(*(options.scale * ms / 1000 for ms in (options.batch, options.decode, options.after)))
    pool = Pool(Networks("cpu"), options.processes)
    together(pool, options.processes, started)
    first, missed = 0.0, False
    for n in options.streams:
        rate, counts = measured(pool, n, options.frames, stages)
        first = first or rate
        n_frames = n * options.frames
        pictures = counts.given / n_frames
        if n == GOAL_STREAMS:
            missed |= rate < GOAL_TIMES * first or pictures > GOAL_PICTURES
        print(
            f"{n:4d} streams: {rate:7.1f} frames/s, {rate / first:5.1f} times one stream's; a frame: {pictures:.3f} "
            f"pictures, {counts.copies / n_frames:.3f} copies; a batch: {counts.pictures / counts.batches:.1f} "
            f"pictures, {counts.waits / counts.batches:.2f} waits; the network ran {counts.busy * rate / n_frames:.0%}",
            flush=True,
        )
    pool.close()
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())

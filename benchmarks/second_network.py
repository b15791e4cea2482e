"""What a second network costs over a cached corpus: its time beside the first one's, and what it opens and detects.

::

    python benchmarks/second_network.py CLIPS [--weights FOLDER]

The videos below the folder are copied (``--copies`` times), and two whole runs of ``affex features`` go over them:
``faces face`` from nothing, then another network (``--second``, by default ``fer``, whose weight file is looked for in
the folder ``--weights``) over the same cache. Linux itself counts how often any process opens one of the videos
(inotify), so every decoding process shows. Printed are these counts, each run's time and what it says it computed,
whether the file of the faces is still the same, byte by byte, and the ratio of the times.
"""

import argparse
import ctypes
import hashlib
import itertools
import os
import re
import shutil
import struct
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import processes
from faces import videos
from processes import Run

from affex.pipeline.storage.files import TICK

#: Of inotify(7): a file was opened; the head of an event, before its name; a queue that ran over.
IN_OPEN, HEAD, IN_Q_OVERFLOW = 0x20, struct.Struct("iIII"), 0x4000


def copied(utterances: Path, folder: Path, copies: int) -> Path:
    """Copy every video into one folder and list them in a table; return the table."""
    (folder / "films").mkdir()
    lines = ["file,speaker,label"]
    for copy, (number, path) in itertools.product(range(copies), enumerate(videos(utterances))):
        name = f"films/{copy}-{number:03d}-{path.name}"
        shutil.copyfile(path, folder / name)
        lines.append(f"{name},{path.parent.name},none")
    table = folder / "clips.csv"
    table.write_text("\n".join(lines) + "\n")
    time.sleep(TICK)  # a video that is younger when it is hashed would be hashed again by the second run
    return table


@contextmanager
def counting(folder: Path) -> Iterator[list[str]]:
    """Collect the name of a file of a folder each time any process opens it; complete at the end."""
    libc = ctypes.CDLL(None, use_errno=True)
    events = libc.inotify_init1(os.O_NONBLOCK)
    if events < 0 or libc.inotify_add_watch(events, os.fsencode(folder), IN_OPEN) < 0:
        raise SystemExit(f"{folder} cannot be watched: {os.strerror(ctypes.get_errno())}")
    opened: list[str] = []
    try:
        yield opened
        while True:
            opened += _names(os.read(events, 2**20))
    except BlockingIOError:  # no more events
        pass
    finally:
        os.close(events)


def _names(events: bytes) -> Iterator[str]:
    """Yield the names of the files that were opened, the folder itself left out."""
    at = 0
    while at < len(events):
        _, mask, _, length = HEAD.unpack_from(events, at)
        if mask & IN_Q_OVERFLOW:
            raise SystemExit("more was opened than Linux would count")
        name = events[at + HEAD.size : at + HEAD.size + length].rstrip(b"\0").decode()
        if name:
            yield name
        at += HEAD.size + length


def run(table: Path, wanted: str, jobs: int, *others: str) -> Run:
    """Extract, and print what happened."""
    with counting(table.parent / "films") as opened:
        run = processes.features(table, table.parent / "cache", wanted, jobs, *others)
    counts = f"films opened {len(opened)} times, {len(set(opened))} of them"
    print(f"{wanted}: {run.seconds:.1f} s, {run.processors:.1f} s of processors; {counts}", flush=True)
    for line in re.findall(r"^.* computed, .*$", run.output, re.MULTILINE):
        print(f"    {line.partition(' -> ')[0].strip()}", flush=True)
    return run


def digest(path: Path) -> str:
    """Return the sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def asked(second: str, frames: str) -> tuple[str, str, str]:
    """Return the features of the faces, of dlib's embedding, and of the other network, all of the same faces."""
    if not frames:
        return "faces", "face", second
    parted = "," if ":" in second else ":"
    return f"faces:frames={frames}", f"face:faces.frames={frames}", f"{second}{parted}faces.frames={frames}"


def main() -> None:
    """Compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("--second", default="fer", help="the other network")
    parser.add_argument("--frames", default="", help="of the faces, as in all or 13/s (default: the preset's)")
    parser.add_argument("--copies", type=int, default=1, help="of each utterance: what starting costs weighs less")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--weights", help="the folder of weight files")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        table = copied(options.clips, Path(name), options.copies)
        faces, face, other = asked(options.second, options.frames)
        first = run(table, f"{faces} {face}", options.jobs)
        [faces_file] = Path(name, "cache", "clips").glob("faces*.h5")
        before = digest(faces_file)
        second = run(table, other, options.jobs, *(["--weights", options.weights] if options.weights else []))
        print(f"the file of the faces is {'the same' if digest(faces_file) == before else 'ANOTHER'}")
    times, processors = second.seconds / first.seconds, second.processors / first.processors
    print(f"the second network takes {times:.3f} of the first run's time, {processors:.3f} of its processors'")


if __name__ == "__main__":
    main()

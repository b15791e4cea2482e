"""Computational sequences with bits turned, bytes overwritten and ends cut off: each reads as it was, or is refused.

Run by hand for the whole programme (the test suite runs a short one)::

    python tests/fuzz_csd.py --each 400

Files are written by affex and, in many layouts, by h5py alone. Prints, for each layout, how many damaged files read as
they were, were refused in a sentence, or read as something else. Exits with 1 at an exception that is no sentence,
where a file of affex's own reads as something else, or where one does in which HDF5 keeps a checksum of everything.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from affex.pipeline.media import csd
from affex.pipeline.media.confined import Limits
from affex.pipeline.text.errors import AffexError

ROWS = np.random.default_rng(0).standard_normal((40, 12)).astype(np.float32)
SPANS = np.stack([np.arange(40) / 10, np.arange(1, 41) / 10], axis=1)
WORDS = np.array([[f"word {n} ü"] for n in range(40)], object)
LIMITS = Limits(seconds=10, patience=60)

#: By name: what datasets are created with, how the file is, and whether every byte that counts has a checksum.
LAYOUTS = {
    "contiguous": ({}, {}, False),
    "latest contiguous": ({}, {"libver": "latest"}, False),
    "compact": ({"compact": True}, {"libver": "latest"}, True),
    "chunked": ({"chunks": True}, {}, False),
    "gzip": ({"compression": "gzip"}, {}, False),
    "shuffle gzip": ({"compression": "gzip", "shuffle": True}, {}, False),
    "lzf": ({"compression": "lzf"}, {}, False),
    "fletcher32": ({"fletcher32": True}, {}, False),
    "latest fletcher32": ({"fletcher32": True, "chunks": (7, 2)}, {"libver": "latest"}, True),
    "words": ({"words": True}, {}, False),
    "references": ({"references": True}, {}, False),
}
ENTRIES = ("v0", "v1[0]", "long name " * 4)


def ours(path: Path) -> None:
    """Write a file as affex exports it."""
    entries = ((key, csd.Entry(ROWS + n, SPANS)) for n, key in enumerate(ENTRIES))
    about = {"affex": {"affex": {"key": "0" * 64}, "framewise": True}, "dimension names": [f"x{n}" for n in range(12)]}
    csd.write(path, "mfcc", entries, about)


def theirs(path: Path, options: dict, file: dict) -> None:
    """Write a file as others do."""
    options = dict(options)
    compact, words, references = (options.pop(name, False) for name in ("compact", "words", "references"))
    with h5py.File(path, "w", **file) as h5:
        for n, key in enumerate(ENTRIES):
            group = h5.create_group(f"theirs/data/{key}")
            _create(group, "intervals", SPANS, compact=compact, **options)
            values = np.array(WORDS, h5py.string_dtype()) if words else ROWS + n
            if references:
                values = np.array([group["intervals"].ref] * 40, h5py.ref_dtype)[:, None]
            _create(group, "features", values, compact=compact, **options)
        h5["theirs/metadata/creator"] = np.array(['"them"'], h5py.string_dtype())


def _create(group: h5py.Group, name: str, array: np.ndarray, *, compact: bool, **options) -> None:
    if not compact:
        group.create_dataset(name, data=array, **options)
        return
    made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    made.set_layout(h5py.h5d.COMPACT)
    space, kind = h5py.h5s.create_simple(array.shape), h5py.h5t.py_create(array.dtype)
    h5py.Dataset(h5py.h5d.create(group.id, name.encode(), kind, space, made))[...] = array


def read(path: Path) -> tuple:
    """Return all that a file says, so that two can be compared."""
    with csd.reading(path, LIMITS) as sequence:
        entries = {
            key: (entry.features.dtype.str, entry.features.shape, entry.features.tobytes(), entry.intervals.tobytes())
            for key, entry in sequence.entries.items()
        }
        return sequence.name, repr(sorted(sequence.metadata.items())), entries


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Return a file's content with some of it changed."""
    changed = bytearray(content)
    at, way = rng.randrange(len(changed)), rng.random()
    if way < 0.7:
        changed[at] ^= 1 << rng.randrange(8)
    elif way < 0.8:
        changed[at : at + 8] = rng.choice([b"\xff" * 8, bytes(8), rng.randbytes(8)])[: len(changed) - at]
    elif way < 0.9:
        changed[at : at + 512] = bytes(len(changed[at : at + 512]))
    else:
        del changed[at:]
    return bytes(changed)


def fuzz(write: Callable[[Path], None], folder: Path, n: int, seed: int = 0) -> Counter:
    """Return how many of `n` damaged files were equal, refused, or other."""
    sound = folder / "sound.csd"
    write(sound)
    try:
        expected = read(sound)
    except AffexError as error:  # of what is refused as it is
        expected = str(error)
    content, rng, found = sound.read_bytes(), random.Random(seed), Counter()
    path = folder / "hurt.csd"
    for _ in range(n):
        path.write_bytes(damaged(content, rng))
        try:
            found["equal" if read(path) == expected else "other"] += 1
        except AffexError as error:
            found["refused"] += 1
            found["crashed or hung, and refused"] += "the process that reads it" in str(error) or "computing" in str(
                error
            )
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--each", type=int, default=400, help="damaged files of each layout")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    total, began, false = Counter(), time.monotonic(), 0
    with tempfile.TemporaryDirectory() as at:
        ways = {"affex": (ours, True)}
        for name, (options, file, checked) in LAYOUTS.items():
            ways[name] = (lambda path, options=options, file=file: theirs(path, options, file), checked)
        for name, (write, checked) in ways.items():
            found = fuzz(write, Path(at), asked.each * (3 if name == "affex" else 1), asked.seed)
            false += checked * found["other"]
            total += found
            print(f"{name}: {dict(found)}", flush=True)
    print(f"all: {dict(total)}, {time.monotonic() - began:.0f} s, {false} read falsely that have a checksum")
    sys.exit(false > 0)


if __name__ == "__main__":
    main()

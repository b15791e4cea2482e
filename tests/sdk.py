"""What the CMU-MultimodalSDK does to sequences on disk, written anew from what its documentation and files show.

It is not in the package index. ``deploy`` and ``citations`` fail where its own would ask the terminal or raise.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np

#: What it wants in the metadata before it writes: two names run together, for want of a comma.
WANTED = (
    "root name",
    "computational sequence description",
    "dimension namescomputational sequence version",
    "alignment compatible",
    "dataset name",
    "dataset version",
    "creator",
    "contact",
    "featureset bib citation",
    "dataset bib citation",
)

#: Intervals that are shorter, s, are taken for none.
SHORTEST = 1e-5

Rows = dict[str, tuple[np.ndarray, np.ndarray]]


def read(path: Path) -> tuple[Rows, dict[str, object]]:
    """Return intervals and features by key, and the metadata of the first root in a file."""
    with h5py.File(path) as file:
        root = file[next(iter(file))]
        rows = {key: (entry["intervals"][()], entry["features"][()]) for key, entry in root["data"].items()}
        return rows, {name: json.loads(text[0]) for name, text in root["metadata"].items()}


def align(sequences: Mapping[str, Rows], reference: str) -> dict[str, Rows]:
    """Return what each sequence has within each row of the reference, under ``key[number of the row]``.

    Only keys that all have (up to a bracket) are kept; rows are cut to the reference's interval, so those that reach
    into two of these come twice.
    """
    shared = set.intersection(*({_stripped(key) for key in rows} for rows in sequences.values()))
    made: dict[str, Rows] = {name: {} for name in sequences}
    for key, (spans, _) in sequences[reference].items():
        if _stripped(key) not in shared:
            continue
        for number, (begin, end) in enumerate(spans):
            if end - begin < SHORTEST:
                continue
            for name, rows in sequences.items():
                intervals, features = rows[key] if name == reference else _joined(rows, key)
                part = [number] if name == reference else _meeting(intervals, begin, end)
                if len(part):
                    made[name][f"{key}[{number}]"] = np.clip(intervals[part], begin, end), features[part]
    return made


def _stripped(key: str) -> str:
    return key.split("[", maxsplit=1)[0]


def _joined(rows: Rows, key: str) -> tuple[np.ndarray, np.ndarray]:
    parts = [part for name, part in rows.items() if _stripped(name) == key]
    intervals, features = (np.concatenate(half) for half in zip(*parts, strict=True))
    order = np.argsort(intervals[:, 0], kind="stable")
    return intervals[order], features[order]


def _meeting(intervals: np.ndarray, begin: float, end: float) -> np.ndarray:
    cut = np.clip(intervals, begin, end)
    return np.flatnonzero(cut[:, 1] - cut[:, 0] > SHORTEST)


def revert(rows: Rows) -> Rows:
    """Return the parts of each key in one again."""
    keys = sorted(rows, key=lambda key: int(key.split("[")[1][:-1]))
    of = {name: [rows[key] for key in keys if _stripped(key) == name] for name in dict.fromkeys(map(_stripped, keys))}
    return {name: tuple(map(np.concatenate, zip(*parts, strict=True))) for name, parts in of.items()}


def deploy(path: Path, rows: Rows, metadata: Mapping[str, object]) -> None:
    """Write a sequence, packed, with all of its metadata and a number of its own."""
    missing = [name for name in WANTED if name not in metadata]
    if missing:
        raise EOFError(f"the SDK would ask the terminal for {missing}")
    with h5py.File(path, "w") as file:
        root = file.create_group(metadata["root name"])
        for key, halves in rows.items():
            for name, half in zip(("intervals", "features"), halves, strict=True):
                root.create_dataset(f"data/{key}/{name}", data=half, compression="gzip", compression_opts=9)
        for name, value in {**metadata, "uuid": "00000000-0000-4000-8000-000000000000", "md5": None}.items():
            root[f"metadata/{name}"] = np.array([json.dumps(value)], h5py.string_dtype())


def citations(metadata: Mapping[str, object]) -> str:
    """Return what it prints of where a sequence and its corpus came from."""
    return "".join("bib: " + metadata[f"{what} bib citation"] + "\n\n" for what in ("featureset", "dataset"))

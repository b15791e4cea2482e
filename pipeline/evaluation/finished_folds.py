"""Kept folds: the arrow from an evaluation's finished folds to the disk and back, until the run's files are written.

An interrupted evaluation continues with the next fold: the outcomes read back equal the computed ones to the bit.
Each fold is a sealed record (`pipeline.storage.sealed`) inside the run's folder, ``<run>/.folds/fold-0001.json``. It
states its inputs; a record that is damaged, or has other inputs, is computed again. The records lie inside the run's
folder, not beside it, since the user may have write access to that folder only (the root of a disk, for example).
"""

import base64
import contextlib
import dataclasses
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affex.pipeline.evaluation.folds import Fold
from affex.pipeline.evaluation.outcomes import FoldScores, Outcome
from affex.pipeline.execution.stopwatch import Seconds
from affex.pipeline.storage import atomic
from affex.pipeline.storage.files import content
from affex.pipeline.storage.sealed import DamagedError, opened, sealed
from affex.pipeline.streams.moments import Moments
from affex.pipeline.text.errors import AffexError

#: The element types of arrays: characters, floating-point numbers, integers, booleans, in either byte order.
DTYPE = re.compile(r"[<>|][Ufib]\d+")

#: Their folder inside a run's folder.
FOLDER = ".folds"


@dataclass(frozen=True)
class FinishedFolds:
    """The kept folds of one run.

    Parameters
    ----------
    folder
        Their folder.
    basis
        The hash of the run's inputs, as `pipeline.reporting.report.depends_on` gives it.
    inner, moments
        Whether inner scores, and the scores of rows, are wanted.
    controls
        How many size-matched controls are wanted.
    seed
        A further seed of the run, whose folds lie beside those of the first; None for the first.
    """

    folder: Path
    basis: str
    inner: bool
    moments: bool = False
    controls: int = 0
    seed: int | None = None

    def read(self, folds: Sequence[Fold]) -> dict[int, Outcome]:
        """Return the outcomes that are kept, by number, verified."""
        found = {}
        for number, fold in enumerate(folds):
            with contextlib.suppress(OSError, DamagedError):
                record = _record(self._path(number))
                if record["of"] == self._of(fold):
                    found[number] = _outcome(record["outcome"])
        return found

    def keep(self, number: int, fold: Fold, outcome: Outcome) -> None:
        """Write an outcome, durably.

        Raises
        ------
        AffexError
            If it cannot be written.
        """
        path = self._path(number)
        name = fold.name.encode("unicode_escape").decode()  # any speaker name becomes ASCII
        text = json.dumps(sealed({"of": self._of(fold), "fold": name, "outcome": _plain(outcome)}))
        # If the folder disappears, another process has finished the same run and written its files.
        with atomic.writing(path), contextlib.suppress(FileNotFoundError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic.temporary(path) as file:
                file.write(text.encode())

    def clear(self) -> None:
        """Remove what was kept, when the run's files are written."""
        for path in self.folder.glob("fold-*.json"):
            if re.fullmatch(r"fold-\d+(-seed-\d+)?\.json", path.name):
                path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # other files in the folder are not ours
            atomic.sweep(self.folder)
            self.folder.rmdir()

    def _path(self, number: int) -> Path:
        further = "" if self.seed is None else f"-seed-{self.seed}"
        return self.folder / f"fold-{number + 1:04d}{further}.json"

    def _of(self, fold: Fold) -> str:
        """Return the sha256 of all inputs of an outcome."""
        wanted = [self.basis, self.inner, self.moments, self.controls, self.seed, fold.name, fold.inner is None]
        sha = hashlib.sha256(json.dumps(wanted).encode())
        inner = [part for pair in fold.inner or () for part in pair]
        for part in (fold.train, fold.test, *inner):
            sha.update(f"{len(part)}:".encode() + np.ascontiguousarray(part, dtype="<i8").tobytes())
        return sha.hexdigest()


def inside(folder: Path) -> Path:
    """Return the folder of a run's kept folds."""
    return folder.absolute() / FOLDER


def damage(path: Path) -> str:
    """Return what is wrong with the file of a kept fold; an empty result if it is sound."""
    try:
        _outcome(_record(path)["outcome"])
    except (OSError, DamagedError) as error:
        return str(error)
    return ""


def _record(path: Path) -> dict[str, Any]:
    record = opened(content(path))
    if not {"of", "outcome"} <= set(record):
        raise DamagedError("it is no kept fold")
    return record


def _outcome(record: Any) -> Outcome:
    """Return the outcome that a record holds.

    Raises
    ------
    DamagedError
        If it holds none.
    """
    try:
        outcome = _value(record)
    except (ValueError, TypeError, KeyError) as error:
        raise DamagedError(f"it holds no outcome: {error}") from error
    if not isinstance(outcome, Outcome):
        raise DamagedError("it holds no outcome")
    return outcome


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it, to the bit.

    Raises
    ------
    AffexError
        If its type cannot occur in a run's files.
    """
    if isinstance(value, np.ndarray | np.generic):
        return _plain_array(np.asarray(value))
    if isinstance(value, float):
        return {"float": value.hex()}
    if isinstance(value, Mapping):
        return {"mapping": [[_plain(key), _plain(inner)] for key, inner in value.items()]}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_plain(inner) for inner in value]}
    if isinstance(value, FoldScores | Moments | Outcome | Seconds):
        fields = [getattr(value, field.name) for field in dataclasses.fields(value)]
        return {type(value).__name__: [_plain(inner) for inner in fields]}
    if value is None or isinstance(value, bool | int | str):
        return value
    raise AffexError(f"A fold gave {value!r}, and a run's files hold numbers, words and lists of them.")


def _plain_array(array: np.ndarray[Any, Any]) -> dict[str, Any]:
    if not DTYPE.fullmatch(array.dtype.str):
        raise AffexError(f"A fold gave an array of {array.dtype}, and a run's files hold numbers and words.")
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return {"array": [array.dtype.str, list(array.shape), data]}


def _value(plain: Any) -> Any:
    """Return the value that `_plain` converted; the inverse of `_plain`."""
    if not isinstance(plain, dict):
        return plain
    [(kind, inner)] = plain.items()
    return _KINDS[kind](inner)


def _array(plain: Sequence[Any]) -> Any:
    dtype, shape, data = plain
    if not DTYPE.fullmatch(dtype):
        raise ValueError(f"an array of {dtype}")
    array = np.frombuffer(base64.b64decode(data, validate=True), dtype=dtype).reshape(shape).copy()
    return array if shape else array[()]


_KINDS: Mapping[str, Callable[[Any], Any]] = {
    "float": float.fromhex,
    "array": _array,
    "mapping": lambda pairs: {_value(key): _value(inner) for key, inner in pairs},
    "list": lambda values: [_value(inner) for inner in values],
    "tuple": lambda values: tuple(_value(inner) for inner in values),
    "FoldScores": lambda values: FoldScores(*map(_value, values)),
    "Moments": lambda values: Moments(*map(_value, values)),
    "Outcome": lambda values: Outcome(*map(_value, values)),
    "Seconds": lambda values: Seconds(*map(_value, values)),
}

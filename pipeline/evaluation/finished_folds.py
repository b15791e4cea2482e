"""Kept folds: outcomes of an evaluation's folds on the disk, as they end, until the run's files are written.

An evaluation that was interrupted or killed goes on where it was: what is read back is what was computed, to the bit.
Each fold is a sealed record (`pipeline.storage.sealed`) inside the run's folder, ``<run>/.folds/fold-0001.json``, which
says what it rests on; one that is damaged, or rests on something else, is computed again. They do not lie beside the
run's folder, since that may be all that a user can write to: the root of a disk, or a folder in somebody else's.
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

from affex.pipeline.evaluation.evaluate import FoldScores, Outcome
from affex.pipeline.evaluation.folds import Fold
from affex.pipeline.storage import atomic
from affex.pipeline.storage.files import content
from affex.pipeline.storage.sealed import DamagedError, opened, sealed
from affex.pipeline.text.errors import AffexError

#: What arrays may be of: characters, floating-point numbers, integers, truth values, in either order of bytes.
DTYPE = re.compile(r"[<>|][Ufib]\d+")

#: Where they lie in a run's folder.
FOLDER = ".folds"


@dataclass(frozen=True)
class FinishedFolds:
    """The kept folds of one run.

    Parameters
    ----------
    folder
        Where they lie.
    basis
        What the run rests on, as `pipeline.reporting.report.depends_on` says it.
    inner
        Whether inner scores are wanted.
    """

    folder: Path
    basis: str
    inner: bool

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
        name = fold.name.encode("unicode_escape").decode()  # whatever a speaker is called
        text = json.dumps(sealed({"of": self._of(fold), "fold": name, "outcome": _plain(outcome)}))
        # Where the folder goes meanwhile, the same run has ended elsewhere, and its files are there.
        with atomic.writing(path), contextlib.suppress(FileNotFoundError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic.temporary(path) as file:
                file.write(text.encode())

    def clear(self) -> None:
        """Remove what was kept, when the run's files are written."""
        for path in self.folder.glob("fold-*.json"):
            if re.fullmatch(r"fold-\d+\.json", path.name):
                path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # what else lies there is not ours
            atomic.sweep(self.folder)
            self.folder.rmdir()

    def _path(self, number: int) -> Path:
        return self.folder / f"fold-{number + 1:04d}.json"

    def _of(self, fold: Fold) -> str:
        """Return the sha256 of all that an outcome rests on."""
        sha = hashlib.sha256(json.dumps([self.basis, self.inner, fold.name]).encode())
        for part in (fold.train, fold.test, *(fold.inner or ())):
            sha.update(f"{len(part)}:".encode() + np.ascontiguousarray(part, dtype="<i8").tobytes())
        return sha.hexdigest()


def inside(folder: Path) -> Path:
    """Return where the kept folds of a run lie."""
    return folder.absolute() / FOLDER


def damage(path: Path) -> str:
    """Return what is wrong with the file of a kept fold; nothing if it is sound."""
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
        If it is of a kind that no run's files hold.
    """
    if isinstance(value, np.ndarray | np.generic):
        return _plain_array(np.asarray(value))
    if isinstance(value, float):
        return {"float": value.hex()}
    if isinstance(value, Mapping):
        return {"mapping": [[_plain(key), _plain(inner)] for key, inner in value.items()]}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_plain(inner) for inner in value]}
    if isinstance(value, FoldScores | Outcome):
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
    """Return what `_plain` was given."""
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
    "Outcome": lambda values: Outcome(*map(_value, values)),
}

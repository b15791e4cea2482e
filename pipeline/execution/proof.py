"""Proof of equal workers: what a worker must share with this process, and the fingerprints that return with results.

A worker must have the same version of all modules of affex, not only of those that its work imports. Work is pickled,
with features, classifiers and settings in it, and an incomplete list of their modules would let a false result in. The
cost is low: a worker that is refused for an irrelevant edit costs one message.
"""

import pickle
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from affex.features.base import Feature, Runtime
from affex.pipeline import media
from affex.pipeline.execution.stopwatch import Timer
from affex.pipeline.storage.provenance import code_digest, versions

#: The state of a worker, by name: the digest of the code, a version, or the digest of a file.
Fingerprint = Mapping[str, str]

#: The advice for a worker that differs.
MEND = "Install the same affex there, and mount the same media, weights and cache under the same paths."


@dataclass(frozen=True)
class Likeness:
    """What a worker must share with this process besides the code, so that its results are accepted.

    Parameters
    ----------
    packages
        Distributions whose versions may change a result; ``"python"`` is the version of Python.
    files
        Files that must have the same bytes on the worker.
    features, runtime
        Features whose needs (weights) the worker must find, and how they are run.
    run
        The name of the run: each process checks the features' needs once per run.
    """

    packages: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    features: tuple[Feature, ...] = ()
    runtime: Runtime = field(default_factory=Runtime)
    run: str = ""


#: The code alone.
CODE = Likeness()


@dataclass(frozen=True)
class Proven:
    """The result of a piece of work, and the processes that computed it.

    Parameters
    ----------
    value, error
        What the function returned or raised.
    by
        The name and the fingerprint of each process that took part, in order.
    cpu
        The CPU seconds of the threads that computed it.
    """

    value: Any = None
    error: Exception | None = None
    by: tuple[tuple[str, Fingerprint], ...] = ()
    cpu: float = 0.0


def fingerprint(likeness: Likeness) -> dict[str, str]:
    """Return the current state in this process of everything that must be equal."""
    python = {"python": platform.python_version()} if "python" in likeness.packages else {}
    return {
        "affex code": code_digest(),
        **python,
        **versions(tuple(name for name in likeness.packages if name != "python")),
        **{str(path): _bytes_of(path) for path in likeness.files},
        **_finds(likeness),
    }


def _bytes_of(path: Path) -> str:
    try:
        stat = path.stat()
        return _digest(path, stat.st_size, stat.st_mtime_ns)
    except OSError:
        return "not there"


@lru_cache(maxsize=64)
def _digest(path: Path, size: int, modified: int) -> str:  # noqa: ARG001 - they are part of the cache key
    return media.digest(path)


@lru_cache(maxsize=8)
def _finds(likeness: Likeness) -> dict[str, str]:
    """Return whether the features' needs are available, checked once per run."""
    return {f"what {feature.name} needs": _needs(feature, likeness.runtime) for feature in likeness.features}


def _needs(feature: Feature, runtime: Runtime) -> str:
    try:
        feature.require(runtime)
    except Exception as error:
        return f"not there ({error})"
    return "there"


def proved(name: str, function: Callable[..., Any], likeness: Likeness, given: Any, *more: Any) -> Proven:
    """Call a function here; return its result or error, with this process's fingerprint.

    Parameters
    ----------
    name
        The name of this process.
    given
        The first argument, or the `Proven` result of the previous step; an error in it is passed on.
    """
    before = given if isinstance(given, Proven) else Proven(given)
    if before.error is not None:
        return before
    timer = Timer()
    try:
        value, error = function(before.value, *more), None
    except Exception as raised:
        value, error = None, portable(raised)
    cpu = before.cpu + timer.seconds().cpu
    shown = {**fingerprint(likeness), **seen(before.value)}  # after the call, so that all imported modules count
    return Proven(value, error, (*before.by, (name, shown)), cpu)


def seen(piece: Any) -> Fingerprint:
    """Return the state in this process of the files of a piece of work; empty without files."""
    found: Fingerprint = piece.seen() if hasattr(piece, "seen") else {}
    return found


def portable(error: Exception) -> Exception:
    """Return an error that can be sent to another process."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def difference(here: Fingerprint, there: Fingerprint) -> str:
    """Return how a worker differs from this process, in words; empty if it does not."""
    return ", ".join(
        f"{name} is {there.get(name, 'unknown')} there and {here[name]} here"
        for name in here
        if there.get(name) != here[name]
    )


def differing(here: Fingerprint, result: Any, n_steps: int) -> dict[str, str]:
    """Return which of the processes that computed a result differ from this one, and how.

    Raises
    ------
    ValueError
        If the result does not contain the processes that computed it.
    """
    by = getattr(result, "by", ())
    if not by or (result.error is None and len(by) != n_steps):
        raise ValueError("a result came back without the fingerprints of the processes that computed it")
    return {name: differs for name, there in by if (differs := difference(here, there))}

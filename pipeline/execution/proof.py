"""Proof: what a worker must share with this process, and what comes back beside every result to show that it does.

A worker must have all modules of affex as this process has them, not only those that its work imports: work travels
pickled, with features, classifiers and settings in it, and a list of their modules that lacks one would let a false
result in. A worker that is refused for an edit that could not matter costs a sentence.
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
from affex.pipeline.storage.provenance import code_digest, versions

#: What a worker shows: by what it is of, the code's digest, a version, a file's digest.
Fingerprint = Mapping[str, str]

#: What has to be the same for a worker to be of use.
MEND = "Install the same affex there, and mount the same media, weights and cache under the same paths."


@dataclass(frozen=True)
class Likeness:
    """What a worker must share with this process besides the code, for its results to be taken.

    Parameters
    ----------
    packages
        Distributions whose versions may change a result; ``"python"`` is Python itself.
    files
        Files that must have the same bytes there.
    features, runtime
        Features that must find there what they need (weights), run so.
    run
        Which run it is: each process looks for what features need once a run.
    """

    packages: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    features: tuple[Feature, ...] = ()
    runtime: Runtime = field(default_factory=Runtime)
    run: str = ""


#: The code, and nothing besides.
CODE = Likeness()


@dataclass(frozen=True)
class Proven:
    """What came of a piece of work, and which processes had a hand in it.

    Parameters
    ----------
    value, error
        What the function returned, or raised.
    by
        The name and the fingerprint of each process on the way, the last one last.
    """

    value: Any = None
    error: Exception | None = None
    by: tuple[tuple[str, Fingerprint], ...] = ()


def fingerprint(likeness: Likeness) -> dict[str, str]:
    """Return what this process shows, now, of all that must be alike."""
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
def _digest(path: Path, size: int, modified: int) -> str:  # noqa: ARG001 - they tell when it is another file
    return media.digest(path)


@lru_cache(maxsize=8)
def _finds(likeness: Likeness) -> dict[str, str]:
    """Return whether features find what they need, looked for once a run."""
    return {f"what {feature.name} needs": _needs(feature, likeness.runtime) for feature in likeness.features}


def _needs(feature: Feature, runtime: Runtime) -> str:
    try:
        feature.require(runtime)
    except Exception as error:
        return f"not there ({error})"
    return "there"


def proved(name: str, function: Callable[..., Any], likeness: Likeness, given: Any, *more: Any) -> Proven:
    """Call a function here; return what came of it, with this process's fingerprint.

    Parameters
    ----------
    name
        What this process is called.
    given
        The first argument, or, as the step before returned it, what came of that; its error stands.
    """
    before = given if isinstance(given, Proven) else Proven(given)
    if before.error is not None:
        return before
    try:
        value, error = function(before.value, *more), None
    except Exception as raised:
        value, error = None, _portable(raised)
    shown = {**fingerprint(likeness), **seen(before.value)}  # after it: all that was imported counts
    return Proven(value, error, (*before.by, (name, shown)))


def seen(piece: Any) -> Fingerprint:
    """Return what this process sees of the files of a piece of work, where it has any."""
    found: Fingerprint = piece.seen() if hasattr(piece, "seen") else {}
    return found


def _portable(error: Exception) -> Exception:
    """Return an error that can travel to another process."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def difference(here: Fingerprint, there: Fingerprint) -> str:
    """Return how a worker differs from this process, in words; empty where they are alike."""
    return ", ".join(
        f"{name} is {there.get(name, 'unknown')} there and {here[name]} here"
        for name in here
        if there.get(name) != here[name]
    )


def strangers(here: Fingerprint, result: Any, n_steps: int) -> dict[str, str]:
    """Return which of the processes that made a result are not like this one, and how they differ.

    Raises
    ------
    ValueError
        If the result does not say by which processes it was made.
    """
    by = getattr(result, "by", ())
    if not by or (result.error is None and len(by) != n_steps):
        raise ValueError("a result came back without a proof of what made it")
    return {name: differs for name, there in by if (differs := difference(here, there))}

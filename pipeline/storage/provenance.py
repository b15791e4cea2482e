"""Provenance: the code and the versions in this process; part of cache keys and of the records of runs."""

import hashlib
import sys
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

#: The packages of affex.
PACKAGES = ("affex.classifiers", "affex.features", "affex.pipeline")
#: Other builds of the same code, which may be installed instead of the one in `requirements.lock`.
BUILDS = {"opencv-python-headless": "opencv-python", "xgboost": "xgboost-cpu"}


def versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Return the installed version of each distribution."""
    return {package: _version(package) for package in packages}


@cache
def _version(package: str) -> str:
    """Return a distribution's version, or the version of its other build, which computes the same numbers."""
    try:
        return metadata.version(package)  # reads and parses a file
    except metadata.PackageNotFoundError:
        if package not in BUILDS:
            raise
        return metadata.version(BUILDS[package])


def code_digest() -> str:
    """Return the sha256 over the modules of affex that this process imports.

    They are read once, when this module is imported, before any computation. A module that is imported later is
    included in that reading, unless its file has changed since then or has another path: then its digest is added.
    """
    late = [f"{name} {_late(name)}" for name in sorted(_loaded()) if _late(name)]
    return hashlib.sha256("\n".join([_CODE, *late]).encode()).hexdigest() if late else _CODE


def _loaded() -> list[str]:
    return [name for name in list(sys.modules) if name.startswith(PACKAGES)]


@cache  # the content at the first call
def _late(name: str) -> str:
    """Return the sha256 of a module's file if it changed since this process began, else an empty text."""
    file = getattr(sys.modules[name], "__file__", None)
    if file is None or _STAMPS.get(file) == _stamp(Path(file)):
        return ""
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if Path(file).is_file() else "gone"


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns


def _modules() -> Iterator[tuple[str, Path]]:
    """Yield the name and the file of every module that this process can import."""
    for package in PACKAGES:
        spec = find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            for path in sorted(Path(folder).rglob("*.py")):
                yield f"{package}/{path.relative_to(folder).as_posix()}", path


def _read() -> tuple[str, dict[str, tuple[int, int] | None]]:
    """Return the sha256 over all modules, and the size and time of each file."""
    code, stamps = hashlib.sha256(), {}
    for name, path in _modules():
        stamps[str(path)] = _stamp(path)
        code.update(name.encode() + path.read_bytes())
    return code.hexdigest(), stamps


_CODE, _STAMPS = _read()

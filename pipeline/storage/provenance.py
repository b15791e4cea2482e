"""Provenance: which code and which versions compute here; part of cache keys, and of what a run depends on.

The features' rows are cached under the version that each feature declares, and no edit of code computes them again.
Of a result, `code_digest` covers the modules that compute it, and what these import.
"""

import hashlib
import re
import secrets
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

#: The packages of affex.
PACKAGES = ("affex.classifiers", "affex.features", "affex.pipeline")
#: Other builds of the same code, which may be installed instead of the one in `requirements.lock`.
BUILDS = {"opencv-python-headless": "opencv-python", "xgboost": "xgboost-cpu"}
#: An import of a module of affex, at the top or inside a function. An expression takes 10 ms for all modules of an
#: evaluation, where parsing them takes a second; a test holds that it finds what `ast` finds.
IMPORT = re.compile(rb"^[ \t]*(?:from (affex[\w.]*) import (\([^)]*\)|.*)|import (affex.*))", re.MULTILINE)
COMMENT = re.compile(rb"#.*")


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


def code_digest(roots: Sequence[str] = (), alone: Sequence[str] = ()) -> str:
    """Return the sha256 over the code that computes something.

    A module counts with the text that its file has when it is first asked for. Where the file has changed since this
    process began, what was imported may be either text, so the digest is one that no other process gives.

    Parameters
    ----------
    roots
        Modules, and packages with all modules in them, by dotted name. What they import of affex counts, too, at the
        top or inside functions, and so on; of a module outside affex that is imported here, its own file counts and
        what it imports of affex. None: all modules of affex.
    alone
        Modules that count without what they import.

    Raises
    ------
    LookupError
        If a name is no module.
    """
    code = hashlib.sha256()
    for name in sorted({*(closure(roots) if roots else _every()), *alone}):
        code.update(f"{name} ".encode() + _text_digest(name))
    return code.hexdigest()


def closure(roots: Iterable[str]) -> set[str]:
    """Return the names of modules, of those in packages, and of all modules of affex that they import."""
    found: set[str] = set()
    todo = [name for root in roots for name in (root, *_inside(root))]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += _imported(name, name in sys.modules)
    return found


def _every() -> set[str]:
    """Return the names of all modules of affex, those among them that were imported from elsewhere."""
    return {*_AT_START, *(name for name in list(sys.modules) if name.startswith(PACKAGES))}


def _inside(package: str) -> list[str]:
    return [name for name in _AT_START if name.startswith(f"{package}.")]


class _File(NamedTuple):
    """A module's file, its size in bytes, and when it was changed, in ns."""

    path: str
    size: int
    changed: int


def _text(name: str) -> bytes:
    """Return the text of a module; of one without a file, as in a notebook, something new each time."""
    path, loaded = _place(name)
    return _first_text(name, path, loaded) if path and Path(path).is_file() else secrets.token_bytes()


def _text_digest(name: str) -> bytes:
    """Return the sha256 of the text of a module."""
    path, loaded = _place(name)
    return _first_digest(name, path, loaded) or secrets.token_bytes()


def _place(name: str) -> tuple[str, bool]:
    """Return the path of a module's file, empty if it has none, and whether it is imported."""
    loaded = name in sys.modules
    return (getattr(sys.modules[name], "__file__", None) or "" if loaded else _path(name)), loaded


@cache
def _first_digest(name: str, path: str, loaded: bool) -> bytes:
    """Return the sha256 of a module's text as it is first met; nothing if it has no file."""
    return hashlib.sha256(_first_text(name, path, loaded)).digest() if path and Path(path).is_file() else b""


@cache
def _first_text(name: str, path: str, loaded: bool) -> bytes:  # noqa: ARG001 - once it is imported, it is met anew
    """Return the text of a module as it is first met: what its file says later is not what was imported."""
    began, text = _AT_START.get(name), Path(path).read_bytes()
    return text if began in (None, _file(path)) else secrets.token_bytes() + b"\n" + text


def _path(name: str) -> str:
    if name not in _AT_START:
        raise LookupError(f"{name} is no module that is imported, or of affex")
    return _AT_START[name].path


@cache
def _imported(name: str, loaded: bool) -> list[str]:  # noqa: ARG001 - as in `_first_text`
    """Return the modules of affex that a module imports, with the packages that they are in."""
    names = {parent for found in _named(_text(name)) for parent in _parents(found)}
    return sorted({*names, *_parents(name)} & {*_AT_START})


def _named(text: bytes) -> Iterator[str]:
    """Yield the dotted names that a text imports, also what it takes from a package."""
    for package, taken, modules in IMPORT.findall(text):
        names = COMMENT.sub(b"", taken or modules).strip(b"() \t\n").split(b",")
        words = [name.split()[0].decode() for name in names if name.strip()]
        yield from [package.decode(), *(f"{package.decode()}.{word}" for word in words)] if package else words


def _parents(name: str) -> Iterator[str]:
    """Yield a dotted name, and those of the packages that it is in."""
    while name:
        yield name
        name = name.rpartition(".")[0]


def _files() -> Iterator[tuple[str, str]]:
    """Yield the name and the file of every module of affex, from where this process imports it."""
    for package in PACKAGES:
        spec = find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            for path in filter(Path.is_file, Path(folder).rglob("*.py")):  # an editor's lock file is a link to nothing
                name = ".".join((package, *path.relative_to(folder).with_suffix("").parts))
                yield name.removesuffix(".__init__"), str(path)


def _file(path: str) -> _File:
    stat = Path(path).stat()
    return _File(path, stat.st_size, stat.st_mtime_ns)


#: The files as this process began: it imports this module before it computes anything.
_AT_START = {name: _file(path) for name, path in _files()}

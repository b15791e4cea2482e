"""Provenance: which code and which versions compute here; part of cache keys, and of what a run rests on."""

import hashlib
from functools import cache
from importlib import metadata
from pathlib import Path


def versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Return the installed version of each distribution."""
    return {package: _version(package) for package in packages}


@cache
def _version(package: str) -> str:
    return metadata.version(package)  # reads and parses a file


def code_digest() -> str:
    """Return the sha256 over the modules of affex."""
    code = hashlib.sha256()
    here = Path(__file__).resolve().parents[1]
    for folder in ("classifiers", "features", "pipeline"):
        for module in sorted((here / folder).rglob("*.py")):
            code.update(module.relative_to(here).as_posix().encode() + module.read_bytes())
    return code.hexdigest()

"""Provenance: which code and which versions compute here; part of cache keys, and of what a run rests on."""

import hashlib
from functools import cache
from importlib import metadata
from pathlib import Path

#: Other builds of the same code, which a wheel's metadata names where `requirements.lock` has the first one.
BUILDS = {"opencv-python-headless": "opencv-python", "xgboost": "xgboost-cpu"}


def versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Return the installed version of each distribution."""
    return {package: _version(package) for package in packages}


@cache
def _version(package: str) -> str:
    """Return a distribution's version, or that of its other build: the same numbers under the same name."""
    try:
        return metadata.version(package)  # reads and parses a file
    except metadata.PackageNotFoundError:
        if package not in BUILDS:
            raise
        return metadata.version(BUILDS[package])


def code_digest() -> str:
    """Return the sha256 over the modules of affex."""
    code = hashlib.sha256()
    here = Path(__file__).resolve().parents[1]
    for folder in ("classifiers", "features", "pipeline"):
        for module in sorted((here / folder).rglob("*.py")):
            code.update(module.relative_to(here).as_posix().encode() + module.read_bytes())
    return code.hexdigest()

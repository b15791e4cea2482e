"""What numba compiles of librosa is compiled by one process at a time."""

import subprocess
import sys
from itertools import pairwise

from conftest import ROOT
from filelock import FileLock

from affex.features.sound.compiled import LOCK

CODE = """
import builtins, sys
from filelock import FileLock, Timeout
from affex.features.sound.compiled import LOCK, prepared
real, seen = builtins.__import__, []

def watched(name, *given):
    if name == "librosa.core.pitch" and not seen:
        seen.append(name)
        try:
            FileLock(LOCK).acquire(timeout=0)
        except Timeout:
            print("held")
    return real(name, *given)

builtins.__import__ = watched
prepared()
"""


def test_each_import_of_librosa_waits_for_its_turn():
    for path in [*ROOT.glob("features/**/*.py"), *ROOT.glob("pipeline/**/*.py")]:
        lines = path.read_text(encoding="utf-8").splitlines()
        for before, line in pairwise(lines):
            if line.strip().startswith("from librosa"):
                assert before.strip() == "prepared()", f"{path}: call prepared() on the line before '{line.strip()}'"


def test_the_lock_is_held_while_librosa_is_imported_and_free_afterwards():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["held"]
    with FileLock(LOCK, timeout=60):
        assert LOCK.exists()

"""The first call of compiled functions: no other process is inside; later ones wait for nobody."""

import contextlib
import subprocess
import sys

from affex.features.sound import compiled
from affex.features.sound.compiled import first_alone, lock_of

ACQUIRES = "import sys; from filelock import FileLock; FileLock(sys.argv[1]).acquire(timeout=0)"


def is_free(name: str) -> bool:
    """Whether another process may go inside."""
    asked = [sys.executable, "-c", ACQUIRES, str(lock_of(name))]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def test_the_first_call_is_alone_and_later_ones_are_not():
    name = "test-of-the-first-call"
    for first in (True, False):
        with first_alone(name):
            assert is_free(name) is not first
        assert is_free(name)


def test_a_first_call_that_fails_is_repeated_alone():
    name = "test-of-a-failed-call"
    with contextlib.suppress(ZeroDivisionError), first_alone(name):
        1 / 0  # noqa: B018
    assert name not in compiled._done
    with first_alone(name):
        assert not is_free(name)

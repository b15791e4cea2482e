"""What all tests share: where the real recordings are, and one numerical thread for each process."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Pytest runs a process for each core. More threads than cores would wait for each other, most of all in small products.
# Libraries read these names when they are loaded; `OMP_NUM_THREADS=4 make test` has its way.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")


@pytest.fixture(scope="session")
def test_data() -> Callable[[str], Path]:
    """Return a function from a name under the test data folder to its path; skips where it is not there."""

    def find(name: str) -> Path:
        folder = Path(os.environ.get("AFFEX_TEST_DATA", ROOT.parent / "shared" / "data"))
        if not (folder / name).exists():
            pytest.skip(f"no {name} in the test data folder (set AFFEX_TEST_DATA)")
        return folder / name

    return find

"""What all tests share: where the real recordings are, the order of files, one numerical thread for each process."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Pytest runs a process for each core. More threads than cores would wait for each other, most of all in small products.
# Libraries read these names when they are loaded; `OMP_NUM_THREADS=4 make test` has its way.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

#: The files that take 15 s of computing and more.
LONG = ("bad_films", "battery", "chain", "cli", "csd", "demo", "describe", "docs", "evaluate", "experiment", "faces",
        "iemocap_played", "layouts", "league", "media_video", "models", "net", "own_estimators", "pages", "provenance",
        "readers", "sameness", "served", "serving", "settings", "stages", "torture", "workers")  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long files, so that no process works alone at the end; `make test` keeps this order."""
    items.sort(key=lambda item: item.path.stem.removeprefix("test_") not in LONG)


@pytest.fixture(scope="session")
def test_data() -> Callable[[str], Path]:
    """Return a function from a name under the test data folder to its path; skips where it is not there."""

    def find(name: str) -> Path:
        folder = Path(os.environ.get("AFFEX_TEST_DATA", ROOT.parent / "shared" / "data"))
        if not (folder / name).exists():
            pytest.skip(f"no {name} in the test data folder (set AFFEX_TEST_DATA)")
        return folder / name

    return find


@pytest.fixture
def several_threads() -> Iterator[None]:
    """Give loaded numerical libraries two threads, so that it shows where a limit to one is missing."""
    set_numerical_threads(2)
    yield
    set_numerical_threads(int(os.environ["OMP_NUM_THREADS"]))


def set_numerical_threads(number: int) -> None:
    """Set OpenMP's number for this thread, and that of BLAS for all.

    The latter in a thread that ends: as long as one that set it lives, threadpoolctl lets no other thread limit it.
    """
    from threadpoolctl import ThreadpoolController

    def set_for(api: str) -> None:
        for library in ThreadpoolController().select(user_api=api).lib_controllers:
            library.set_num_threads(number)

    set_for("openmp")
    thread = threading.Thread(target=set_for, args=("blas",))
    thread.start()
    thread.join()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A real browser without a screen; skips where none is installed."""
    import browser as driver

    if driver.program() is None:
        pytest.skip("no Chromium is installed (on Debian: apt install chromium)")
    with driver.opened() as found:
        yield found

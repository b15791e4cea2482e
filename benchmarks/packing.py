"""Packs for a machine that can fetch nothing: affex, the wheels that it needs, weights and films, in small parts.

Each part is a zip file of a folder of modules (and ``films``); unpacked one over the other they are whole. The other
machine has Python 3.12, numpy, torch and h5py, for Linux on x86-64.
"""

import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: The most bytes of a part.
PART = 59 * 2**20
#: The packages that the way from film to embedding imports, beside those of the other machine.
PACKAGES = ("av", "opencv-python-headless", "dlib-bin", "threadpoolctl")
#: The package with dlib's weights, and those that are needed.
WEIGHTS = "face_recognition_models"
FILES = (
    "mmod_human_face_detector.dat",
    "shape_predictor_5_face_landmarks.dat",
    "dlib_face_recognition_resnet_model_v1.dat",
)
#: What wheels are built for.
PLATFORMS = (*(f"manylinux_2_{n}_x86_64" for n in (28, 27, 24, 17, 12, 5)), "manylinux2014_x86_64")

#: A file of a part: its name and its bytes.
Packed = tuple[str, bytes]


def pack(films: Path, folder: Path) -> list[Path]:
    """Write the parts into a folder; return them.

    Parameters
    ----------
    films
        A folder of films.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts: list[Path] = []
    room = 0
    for name, content in _everything(films):
        squeezed = len(_zipped(name, content))
        if squeezed > room:
            room = PART
            parts.append(folder / f"part{len(parts) + 1}.zip")
            parts[-1].unlink(missing_ok=True)
        room -= squeezed
        with zipfile.ZipFile(parts[-1], "a", zipfile.ZIP_DEFLATED) as part:
            part.writestr(name, content)
    return parts


def unpack(parts: list[Path], site: Path) -> None:
    """Unpack parts into one folder."""
    for path in parts:
        with zipfile.ZipFile(path) as part:
            part.extractall(site)


def _zipped(name: str, content: bytes) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as alone:
        alone.writestr(name, content)
    return memory.getvalue()


def _everything(films: Path) -> Iterator[Packed]:
    """Yield all files, the small ones first."""
    yield from _affex()
    yield from _weights()
    for path in sorted(films.iterdir()):
        yield f"films/{path.name}", path.read_bytes()
    yield from _wheels()


def _affex() -> Iterator[Packed]:
    """Yield affex's modules under their import names, its version, and the benchmarks."""
    installed = distribution("affex")
    yield f"affex-{installed.version}.dist-info/METADATA", (installed.read_text("METADATA") or "").encode()
    folders = {"affex": "affex", "pipeline": "affex/pipeline", "features": "affex/features", "benchmarks": "benchmarks"}
    folders["classifiers"] = "affex/classifiers"
    for folder, name in folders.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield f"{name}/{path.relative_to(ROOT / folder)}", path.read_bytes()


def _weights() -> Iterator[Packed]:
    import importlib.util

    spec = importlib.util.find_spec(WEIGHTS)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{WEIGHTS} is not installed here")
    yield f"{WEIGHTS}/__init__.py", b""
    for name in FILES:
        yield f"{WEIGHTS}/models/{name}", Path(spec.submodule_search_locations[0], "models", name).read_bytes()


def _wheels() -> Iterator[Packed]:
    """Yield the files of the wheels of the pinned versions for the other machine."""
    lock = [line.partition(";")[0].strip() for line in (ROOT / "requirements.lock").read_text().splitlines()]
    pinned = [line for line in lock if line.partition("==")[0] in PACKAGES]
    with tempfile.TemporaryDirectory() as folder:
        platforms = [option for platform in PLATFORMS for option in ("--platform", platform)]
        target = ["--only-binary", ":all:", "--python-version", "3.12", "--implementation", "cp", *platforms]
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *target, "-d", folder, *pinned]
        subprocess.run(command, check=True)
        for wheel in sorted(Path(folder).glob("*.whl")):
            with zipfile.ZipFile(wheel) as files:
                yield from ((name, files.read(name)) for name in files.namelist() if not name.endswith("/"))

"""Model files whose arrays were swapped, cut or overwritten: each is refused in a sentence, or says something of rows.

Run by hand for the whole programme (the test suite runs a short one)::

    python tests/fuzz_models.py --each 300

The digests are made to fit, as whoever made such a file would. Each damaged file is read, and asked about rows, in a
child process: prints, for each kind of model, how many were refused, and how many were taken because
what was changed says nothing of its form. Exits with 1 at a crash, an exception that is no sentence, or NaN.
"""

import argparse
import hashlib
import io
import json
import random
import subprocess
import sys
import tempfile
import traceback
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from synthetic import make_table, with_values

from affex.pipeline.corpora.base import LOSO, Protocol
from affex.pipeline.evaluation.settings import Plan
from affex.pipeline.models import model_file, models
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.text.errors import AffexError

VALENCE = Protocol("valence", target="valence")
#: Every classifier, both targets, every way to choose columns: the spec, the protocol, and frames an utterance.
MODELS = {
    "svm": ("svm:C=1,gamma=1", LOSO, 1),
    "svm of two classes": ("svm:C=1,gamma=1", Protocol("c", classes="anger,joy"), 1),
    "svm anova": ("svm:C=1,gamma=1,select=anova,keep=0.5", LOSO, 1),
    "svm pca": ("svm:C=1,gamma=1,select=pca,keep=0.8", LOSO, 1),
    "svm pfa": ("svm:C=1,gamma=1,select=pfa,keep=0.6", LOSO, 1),
    "svm of values": ("svm:C=1,gamma=1,select=variance,keep=0.6", VALENCE, 1),
    "xgboost": ("xgboost:rounds=5", LOSO, 1),
    "xgboost of values": ("xgboost:rounds=5", VALENCE, 1),
    "gmm": ("gmm:components=2", LOSO, 8),
    "gmm pfa": ("gmm:components=2,select=pfa,keep=0.6,weights=none", LOSO, 8),
    "fisher": ("fisher:C=1,gamma=1,gaussians=2,components=3", LOSO, 8),
    "logistic": ("logistic", LOSO, 1),
    "lda": ("lda", LOSO, 1),
    "forest": ("forest:trees=3,leaf=3", LOSO, 1),
    "knn": ("knn", LOSO, 1),
    "mlp": ("mlp:hidden=3,epochs=20", LOSO, 1),
}


def unzipped(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def fitted(name: str, folder: Path) -> bytes:
    """Return the file of a model."""
    spec, protocol, n_frames = MODELS[name]
    matrix = with_values(make_table(n_speakers=4, n_frames=n_frames))
    settings = Plan(corpus="toy", features=("egemaps",), keys=("0" * 64,), protocol=protocol,
                        classifier=classifier_of(spec))  # fmt: skip
    model_file.write(models.fit(matrix, settings, recipes=["{}"]), folder / "sound.affex")
    return (folder / "sound.affex").read_bytes()


def damaged(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    """Return what was done to a model file, and the file."""
    members = unzipped(content)
    inner = unzipped(members["estimator.skops"])
    arrays = sorted(name for name in inner if name.endswith(".npy"))
    ways = [_swapped, _changed, _changed, _missing] if arrays else []
    done = rng.choice([*ways, _number, _number, _record])(members, inner, arrays, rng)
    members["estimator.skops"] = zipped(inner)
    record = json.loads(members["model.json"])
    record["estimator"]["sha256"] = hashlib.sha256(members["estimator.skops"]).hexdigest()
    members["model.json"] = json.dumps(record).encode()
    return done, zipped(members)


def _swapped(_: Any, inner: dict[str, bytes], arrays: list[str], rng: random.Random) -> str:
    one, other = rng.choice(arrays), rng.choice(arrays)
    inner[one], inner[other] = inner[other], inner[one]
    return f"{one} for {other}"


def _missing(_: Any, inner: dict[str, bytes], arrays: list[str], rng: random.Random) -> str:
    gone = rng.choice([*arrays, "schema.json"])
    del inner[gone]
    return f"without {gone}"


def _changed(_: Any, inner: dict[str, bytes], arrays: list[str], rng: random.Random) -> str:
    name = rng.choice(arrays)
    array = np.load(io.BytesIO(inner[name]), allow_pickle=False)
    ways = {
        "cut": lambda: array[..., :-1] if array.ndim else array[None],
        "empty": lambda: array[:0] if array.ndim else array,
        "longer": lambda: np.concatenate([array, array]) if array.ndim else array,
        "flat": array.ravel,
        "turned": lambda: array.T,
        "wider": lambda: array[None],
        "text": lambda: array.astype(str),
        "halves": lambda: array.astype(np.float16),
        "complex": lambda: array.astype(complex),
        "nan": lambda: _filled(array, np.nan, rng),
        "inf": lambda: _filled(array, np.inf, rng),
        "huge": lambda: _filled(array, 2**31 - 1, rng),
        "below": lambda: _filled(array, -1, rng),
        "zero": lambda: np.zeros_like(array),
        "mixed": lambda: np.random.default_rng(rng.randrange(99)).permutation(array.ravel()).reshape(array.shape),
    }
    way = rng.choice(list(ways))
    try:
        made = ways[way]()
    except (TypeError, ValueError, OverflowError):
        made = array
    file = io.BytesIO()
    np.save(file, np.asarray(made), allow_pickle=False)
    inner[name] = file.getvalue()
    return f"{name} {array.dtype} {array.shape} {way}"


def _filled(array: np.ndarray, value: float, rng: random.Random) -> np.ndarray:
    kind = np.float64 if array.dtype.kind in "iub" and not np.isfinite(value) else array.dtype
    changed = array.astype(kind).copy()
    if changed.size:
        changed.ravel()[rng.randrange(changed.size)] = value
    return changed


def _number(_: Any, inner: dict[str, bytes], __: Any, rng: random.Random) -> str:
    """Change a number of the tree, or of the booster's own JSON."""
    text = inner["schema.json"].decode()
    digits = [place for place, letter in enumerate(text) if letter.isdigit()]
    place = rng.choice(digits)
    new = rng.choice(["-1", "0", "9", "99999999999", "1e400", "null", '"x"', ""])
    inner["schema.json"] = (text[:place] + new + text[place + 1 :]).encode()
    return f"{text[max(0, place - 30) : place]}>{new}<{text[place + 1 : place + 10]}"


def _record(members: dict[str, bytes], _: Any, __: Any, rng: random.Random) -> str:
    """Change a value of the record."""
    record = json.loads(members["model.json"])
    path, value = [], record
    while isinstance(value, dict | list) and value:
        key = rng.choice(list(value) if isinstance(value, dict) else range(len(value)))
        parent, value = value, value[key]
        path.append(key)
    parent[key] = rng.choice([None, -1, 10**30, "x", [], {}, 0.5, True, [1], {"a": 1}])
    members["model.json"] = json.dumps(record).encode()
    return f"{path} {value!r} -> {parent[key]!r}"


def outcome(content: bytes, folder: Path, n_frames: int) -> str:
    """Return what became of a file: it was refused, or taken and said something of rows.

    Raises
    ------
    Exception
        If something but a sentence came of it.
    """
    path = folder / "hurt.affex"
    path.write_bytes(content)
    try:
        model = model_file.read(path)
        matrix = make_table(n_speakers=3, n_frames=n_frames, seed=5)
        output = models.predict(
            models.replace(model, columns=models.columns_digest(matrix.columns)), matrix
        ).fold_scores
        list(map(str, (model.name, model.evaluation)))
    except AffexError as error:
        assert len(str(error)) < 2000
        return "refused"
    assert np.isfinite(output.scores).all()
    return "taken"


def attack(name: str, n: int, seed: int, first: int = 0) -> None:
    """Read damaged files of a kind of model one by one, and print what became of each."""
    with tempfile.TemporaryDirectory() as at:
        content, n_frames = fitted(name, Path(at)), MODELS[name][2]
        assert outcome(content, Path(at), n_frames) == "taken"
        for number in range(first, n):
            done, changed = damaged(content, random.Random(f"{seed} {number}"))
            print(f"{number} begun {done!r}", flush=True)
            try:
                became = outcome(changed, Path(at), n_frames)
            except BaseException:
                became = f"EXCEPTION {done!r} {traceback.format_exc()!r}"
            print(f"{number} {became}", flush=True)


def attacked(name: str, n: int, seed: int) -> Counter:
    """Return how often what became of damaged files, which are read in child processes: one may crash."""
    found, first = Counter(), 0
    while first < n:
        call = f"import fuzz_models; fuzz_models.attack({name!r}, {n}, {seed}, {first})"
        done = subprocess.run([sys.executable, "-c", call], cwd=Path(__file__).parent, capture_output=True, text=True,
                              check=False)  # fmt: skip
        lines = [line.split(" ", 2) for line in done.stdout.splitlines()]
        for _, became, *more in lines:
            if became != "begun":
                found[became] += 1
                if became == "EXCEPTION":
                    print(f"{name}: {became} {' '.join(more)}", flush=True)
        if not lines or done.returncode > 0:
            raise SystemExit(done.stderr)
        if done.returncode:
            print(f"{name}: CRASH {done.returncode} {' '.join(lines[-1])}", flush=True)
            found["CRASH"] += 1
        first = int(lines[-1][0]) + 1
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--each", type=int, default=300, help="damaged files of each kind of model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="one kind of model")
    asked = parser.parse_args()
    total = Counter()
    for name in [asked.only] if asked.only else MODELS:
        found = attacked(name, asked.each, asked.seed)
        print(f"{name}: {dict(found)}", flush=True)
        total += found
    print(f"all: {dict(total)}")
    sys.exit(not set(total) <= {"refused", "taken"})


if __name__ == "__main__":
    main()

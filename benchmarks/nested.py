"""The nested search of the RBF-SVM under leave-one-speaker-out: affex against scikit-learn's `GridSearchCV`.

::

    make features DATASET=emodb FEATURES="compare fingerprint"
    python benchmarks/nested.py emodb ../shared/data/emodb
    python benchmarks/nested.py large --peer-folds 1

``emodb``: ComParE of EMO-DB, all ten outer folds, two processors each, one after the other, and both as whole
processes from their start to their end: ``affex evaluate`` with its audit, tables and picture, and a script that reads
the rows with h5py and searches with scikit-learn. Prints both times and their ratio, the ratio for the folds alone, and
whether every fold chose the same C and gamma and every utterance got the same prediction.

``large``: 5531 made-up utterances of 10 speakers and 4 classes with 6373 columns. Prints the time and the peak memory
of all processes of affex's whole nested run, and scikit-learn's time for the first outer fold. That takes an hour and
more with all five inner folds; with ``--peer-folds`` it searches on the first so many only, and what one of them
takes is counted five times.

scikit-learn's part is what a careful user writes: ``make_pipeline(StandardScaler(), SVC(class_weight="balanced"))``,
the same grid, the same inner folds (``GroupKFold(5)`` of the speakers), balanced accuracy, ``n_jobs=2``.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from affex.classifiers.base import inner_folds
from affex.classifiers.estimators.kernel import GAMMAS
from affex.classifiers.estimators.svm import COSTS
from affex.pipeline.caching.dataset import opened
from affex.pipeline.evaluation.evaluate import evaluate
from affex.pipeline.evaluation.results import Result
from affex.pipeline.evaluation.settings import Plan
from affex.pipeline.execution import stages
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.streams.table import Table, load
from affex.pipeline.text.console import Terminal

#: How many processors each side has.
JOBS = 2

#: What the sixth letter of EMO-DB's file names says.
LETTERS = {"W": "anger", "L": "boredom", "E": "disgust", "A": "fear", "F": "happiness", "T": "sadness", "N": "neutral"}


@dataclass
class Cost:
    """What a stretch of work took."""

    seconds: float = 0.0
    #: The processors' time in this process and all its children, s: what is left of it where others work beside.
    busy: float = 0.0
    #: The memory of them together, where pages that they share count once for each, bytes.
    peak: int = 0

    def __str__(self) -> str:
        return f"{self.seconds:.1f} s (processors {self.busy:.1f} s), {self.peak / 2**30:.2f} GiB"


@contextmanager
def measured() -> Iterator[Cost]:
    """Measure wall-clock time, processor time and the peak of the memory of all processes."""
    cost, done, before = Cost(), threading.Event(), _seen()
    busy = dict.fromkeys(before, 0.0)

    def watch() -> None:
        while not done.wait(0.2):
            seen = _seen()
            cost.peak = max(cost.peak, sum(resident for resident, _ in seen.values()))
            busy.update({pid: spent - before.get(pid, (0, 0.0))[1] for pid, (_, spent) in seen.items()})

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    try:
        yield cost
    finally:
        cost.seconds = time.perf_counter() - began
        done.set()
        watcher.join()
        cost.busy = sum(busy.values())


def _seen() -> dict[int, tuple[int, float]]:
    """Return memory, bytes, and processor time so far, s, of this process and all its children."""
    own = psutil.Process(os.getpid())
    found = {}
    for process in (own, *own.children(recursive=True)):
        try:
            spent = process.cpu_times()
            found[process.pid] = process.memory_info().rss, spent.user + spent.system
        except psutil.Error:
            continue
    return found


def ours(table: Table, corpus: str) -> tuple[Result, float]:
    """Run the evaluation as ``make evaluate`` does; return its result, and the time since the workers stood, s."""
    settings = Plan(corpus=corpus, features=("compare",), classifier=classifier_of("svm"))
    with stages.opened("local", JOBS) as runner:
        began = time.perf_counter()
        return evaluate(table, settings, runner=runner), time.perf_counter() - began


def search(n_columns: int, folds: list[Any]) -> Any:
    """Return scikit-learn's search over the same grid."""
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    grid = {"svc__C": COSTS, "svc__gamma": [gamma / n_columns for gamma in GAMMAS]}
    pipeline = make_pipeline(StandardScaler(), SVC(class_weight="balanced"))
    return GridSearchCV(pipeline, grid, cv=folds, scoring="balanced_accuracy", n_jobs=JOBS)


def theirs(table: Table, labels: NDArray[np.str_], speaker: str, n_folds: int = 5) -> tuple[Any, NDArray[np.str_]]:
    """Fit one outer fold with scikit-learn; return the search and what it predicts."""
    train = table.speakers != speaker
    folds = list(inner_folds(table.speakers[train]))[:n_folds]
    found = search(table.X.shape[1], folds).fit(table.X[train], labels[train])
    return found, found.predict(table.X[~train])


def peer(path: Path, out: Path) -> None:
    """Run scikit-learn's part of `emodb`, from a published file to what it chose and predicts, as JSON."""
    import h5py

    with h5py.File(path) as file:
        ids, X = file["ids"].asstr()[:], file["values"][:]
    speakers, labels = np.array([id_[:2] for id_ in ids]), np.array([LETTERS[id_[5]] for id_ in ids])
    predicted, chosen = np.empty_like(labels), {}
    for speaker in np.unique(speakers):
        train = speakers != speaker
        found = search(X.shape[1], list(inner_folds(speakers[train]))).fit(X[train], labels[train])
        predicted[~train] = found.predict(X[~train])
        gamma = found.best_params_["svc__gamma"] * X.shape[1]
        chosen[str(speaker)] = {"C": found.best_params_["svc__C"], "gamma": round(gamma, 9)}
    answer = {"chosen": chosen, "predicted": dict(zip(ids.tolist(), predicted.tolist(), strict=True))}
    out.write_text(json.dumps(answer))


def emodb(data: Path, cache: Path) -> None:
    """Compare all outer folds on EMO-DB."""
    with tempfile.TemporaryDirectory() as folder:
        run, answer = Path(folder, "run"), Path(folder, "peer.json")
        verb = ("evaluate", "--dataset", "emodb", "--data", data, "--features", "compare", "--classifier", "svm")
        command = (sys.executable, "-m", "affex.pipeline.cli", *verb, "--cache", cache, "--jobs", JOBS, "--out", run)
        with measured() as own:
            subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)
        print(f"affex: {own}", flush=True)
        evaluating = folds_alone(data, cache)
        print(f"affex, its folds alone: {evaluating:.1f} s", flush=True)
        with measured() as other:
            arguments = ("peer", cache / "emodb" / "compare.h5", answer)
            subprocess.run([sys.executable, __file__, *map(str, arguments)], check=True)
        print(f"scikit-learn: {other}")
        print(f"ratio: {other.seconds / own.seconds:.1f} (processors {other.busy / own.busy:.1f})")
        print(f"ratio to the folds alone: {other.seconds / evaluating:.1f}")
        compared(
            json.loads((run / "metrics.json").read_bytes()), run / "predictions.csv", json.loads(answer.read_bytes())
        )


def folds_alone(data: Path, cache: Path) -> float:
    """Return how long affex takes from rows in memory to scores, s."""
    dataset = opened("emodb", data, cache, partial=False, console=Terminal())
    return ours(load(dataset, feature_specs("compare")), "emodb")[1]


def compared(found: Any, predictions: Path, other: Any) -> None:
    """Print in how much both agree."""
    with predictions.open(newline="", encoding="utf-8") as file:
        own = {row["id"]: row["predicted"] for row in csv.DictReader(file)}
    same = [other["chosen"][fold["name"]] == fold["best_params"] for fold in found["folds"]]
    print(f"same C and gamma: {sum(same)} of {len(same)} folds")
    n_same = sum(other["predicted"][id_] == label for id_, label in own.items())
    print(f"same prediction: {n_same} of {len(own)} utterances")


def made(n: int, n_columns: int = 6373, n_speakers: int = 10, n_classes: int = 4, seed: int = 0) -> Table:
    """Return made-up utterances: class and speaker shift correlated columns; about two in three are recognised."""
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> NDArray[np.float32]:
        return rng.standard_normal(shape, dtype=np.float32)

    speaker, label = rng.integers(0, n_speakers, n), rng.integers(0, n_classes, n)
    X = normal(n, n_columns)
    X += np.float32(0.5) * normal(n, 40) @ normal(40, n_columns)
    X += np.float32(0.5) * normal(n_speakers, n_columns)[speaker]
    X += np.float32(0.035) * normal(n_classes, n_columns)[label]
    table = zip(speaker, label, strict=True)
    return Table.of(
        X=X,
        offsets=np.arange(n + 1),
        utterances=tuple(Utterance(f"u{i:05d}", "made", f"s{s}", f"c{c}") for i, (s, c) in enumerate(table)),
        columns=tuple(f"x{i}" for i in range(n_columns)),
        present=np.ones((n, 1), bool),
    )


def large(n: int, peer_folds: int) -> None:
    """Measure the large case."""
    table = made(n)
    labels = np.array([utterance.label for utterance in table.utterances])
    with measured() as own:
        result, _ = ours(table, "made")
    right = result.scores.true == result.scores.predicted
    uar = np.mean([right[result.scores.true == name].mean() for name in result.scores.classes])
    print(f"affex, all {len(result.folds)} outer folds: {own}, UAR {uar:.3f}")
    print("chosen:", *(tuple(fold.best_params.values()) for fold in result.folds), flush=True)
    if not peer_folds:
        return
    tested = result.folds[0].name
    with measured() as other:
        found, predicted = theirs(table, labels, tested, peer_folds)
    # The last fit, on all training rows, takes one processor; the search before it all of them.
    share = 5 / peer_folds
    seconds = (other.seconds - found.refit_time_) * share + found.refit_time_
    busy = (other.busy - found.refit_time_) * share + found.refit_time_
    print(f"scikit-learn, outer fold {tested}, {peer_folds} of 5 inner folds: {other}; five: {seconds:.0f} s")
    a_fold = 1 / len(result.folds)
    print(
        f"ratio, one outer fold: {seconds / (own.seconds * a_fold):.1f} (processors {busy / (own.busy * a_fold):.1f})"
    )
    if peer_folds == 5:
        fold = result.scores.folds == tested
        print(f"same prediction: {(predicted == result.scores.predicted[fold]).sum()} of {fold.sum()} utterances")


def main() -> None:
    """Compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cases = parser.add_subparsers(dest="case", required=True)
    real = cases.add_parser("emodb")
    real.add_argument("data", type=Path, help="the folder of EMO-DB")
    real.add_argument("--cache", type=Path, default=Path("cache"), help="the folder of all caches")
    other = cases.add_parser("peer", help="scikit-learn's part of emodb, which runs it")
    other.add_argument("path", type=Path)
    other.add_argument("out", type=Path)
    made_up = cases.add_parser("large")
    made_up.add_argument("--utterances", type=int, default=5531)
    made_up.add_argument("--peer-folds", type=int, default=5, help="on how many inner folds scikit-learn searches")
    options = parser.parse_args()
    if options.case == "emodb":
        emodb(options.data, options.cache)
    elif options.case == "peer":
        peer(options.path, options.out)
    else:
        large(options.utterances, options.peer_folds)


if __name__ == "__main__":
    main()

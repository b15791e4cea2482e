"""How long the page of a run with many utterances takes, beside the run's other files, and how large it is.

python benchmarks/pages.py [--utterances 10000] [--speakers 100] [--classes 7] [--rounds 3]
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from affex.pipeline.corpora.base import LOSO
from affex.pipeline.evaluation import runs
from affex.pipeline.evaluation.results import About, FoldSummary, ModelSettings, Result, Scores
from affex.pipeline.pages import run as run_page
from affex.pipeline.reporting import report


def result_of(n: int, n_speakers: int, n_classes: int) -> Result:
    """Return a made result in which two thirds of the utterances are recognised."""
    rng = np.random.default_rng(0)
    classes = tuple(f"class {number:02d}" for number in range(n_classes))
    true = rng.choice(classes, n)
    predicted = np.where(rng.random(n) < 2 / 3, true, rng.choice(classes, n))
    speakers = np.array([f"speaker {number % n_speakers:03d}" for number in range(n)])
    ids = np.array([f"utterance {number:05d}" for number in range(n)])
    scores = Scores(ids, speakers, speakers, true, predicted, classes, rng.dirichlet(np.ones(n_classes), n))
    settings = ModelSettings(features=("made",), feature_keys=("0",), classifier="made", classifier_settings={})
    about = About("made", LOSO, ("made", "made"), settings, "probabilities", probabilities=True)
    folds = tuple(FoldSummary(name, n - n // n_speakers, n // n_speakers) for name in np.unique(speakers).tolist())
    return Result(about, scores, folds, folds_hash="made")


def seconds(work: Callable[[], object]) -> float:
    """Return how long a function takes, s."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main() -> None:
    """Print the seconds of the run's files, those of the page, and the page's size, a line a round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--utterances", type=int, default=10_000)
    parser.add_argument("--speakers", type=int, default=100)
    parser.add_argument("--classes", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    result = result_of(given.utterances, given.speakers, given.classes)
    print(f"{given.utterances} utterances, {given.speakers} speakers, {given.classes} classes")
    for _ in range(given.rounds):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "run")
            files = seconds(lambda: report.write(result, path))  # noqa: B023 - called at once
            page = seconds(lambda: run_page.write(runs.read(path), run_page.Beside()))  # noqa: B023
            size = (path / run_page.PAGE).stat().st_size
            print(f"files {files:.2f} s, page {page:.2f} s, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()

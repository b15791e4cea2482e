"""What is left when there is nothing to learn: EMO-DB with its labels shuffled within speakers, 20 seeds.

::

    make features DATASET=emodb FEATURES=egemaps
    python benchmarks/chance.py ../shared/data/emodb

Prints the UAR of each seed under leave-one-speaker-out with the SVM, their mean, and chance (one over the number of
classes). A mean above chance by more than .03 would mean that something of the tested speakers leaks.
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np

from affex.pipeline.caching.dataset import opened
from affex.pipeline.evaluation.evaluate import evaluate
from affex.pipeline.evaluation.settings import Plan
from affex.pipeline.evaluation.summary import summarise
from affex.pipeline.execution import stages
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.streams.table import Table, load
from affex.pipeline.text.console import Terminal


def shuffled(table: Table, seed: int) -> Table:
    """Return the table with the labels of each speaker's utterances in another order."""
    rng = np.random.default_rng(seed)
    labels = np.array([utterance.label for utterance in table.utterances])
    for speaker in np.unique(table.speakers):
        own = np.flatnonzero(table.speakers == speaker)
        labels[own] = labels[rng.permutation(own)]
    relabelled = (dataclasses.replace(u, label=str(x)) for u, x in zip(table.utterances, labels, strict=True))
    return dataclasses.replace(table, utterances=tuple(relabelled))


def main() -> None:
    """Shuffle, evaluate, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="the folder of EMO-DB")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--features", default="egemaps")
    options = parser.parse_args()
    dataset = opened("emodb", options.data, Path("cache"), partial=False, console=Terminal())
    table = load(dataset, feature_specs(options.features))
    settings = Plan(corpus="emodb", features=(options.features,), classifier=classifier_of("svm"))
    figures = []
    with stages.opened("local", 2) as runner:
        for seed in range(options.seeds):
            found = summarise(evaluate(shuffled(table, seed), settings, runner=runner))
            figures.append(found.uar)
            print(f"seed {seed}: UAR {figures[-1]:.3f}", flush=True)
    chance = 1 / len(found.classes)
    print(f"mean UAR {np.mean(figures):.3f} (sd {np.std(figures, ddof=1):.3f}), chance {chance:.3f}")


if __name__ == "__main__":
    main()

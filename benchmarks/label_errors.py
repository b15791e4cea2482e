"""Measure how many flipped labels of EMO-DB stand at the top of the list of likely label errors.

A share of the labels is flipped to another class at random, and a model is trained and tested on the flipped labels,
leaving speakers out. The features are extracted once, into the folder of the cache.

    .venv/bin/python benchmarks/label_errors.py data/emodb/wav --seeds 20
"""

import argparse
from dataclasses import replace

import numpy as np

import affex
from affex.pipeline.evaluation import label_errors
from affex.pipeline.evaluation.evaluate import evaluate
from affex.pipeline.evaluation.settings import Plan
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.streams.table import Table


def emodb(data: str, cache: str, features: str) -> Table:
    """Return EMO-DB's rows, with its labels and speakers."""
    rows, labels, speakers = affex.load("emodb", features, data=data, cache=cache, scheduler="inline")
    own = zip(rows.index, speakers, labels, strict=True)
    return Table.of(
        X=rows.to_numpy(np.float32),
        offsets=np.arange(len(rows) + 1),
        utterances=tuple(Utterance(id_, "emodb", speaker, label) for id_, speaker, label in own),
        columns=tuple(rows.columns),
        present=np.ones((len(rows), 1), dtype=bool),
    )


def measured(table: Table, plan: Plan, share: float, top: float, seed: int) -> tuple[float, int, float, float]:
    """Return the share of flipped labels in the top of the list, its length, the length expected, and the UAR."""
    rng = np.random.default_rng(seed)
    labels = np.array([utterance.label for utterance in table.utterances])
    classes, flipped = np.unique(labels), rng.permutation(len(labels))[: round(share * len(labels))]
    labels[flipped] = [rng.choice(classes[classes != labels[number]]) for number in flipped]
    pairs = zip(table.utterances, labels.tolist(), strict=True)
    result = evaluate(replace(table, utterances=tuple(replace(u, label=label) for u, label in pairs)), plan)
    scores = result.scores
    found = label_errors.label_errors_of(scores, result.about, result.folds)
    order = [one.number for one in label_errors.suspects(scores)]
    at_top = np.isin(flipped, order[: round(top * len(labels))]).mean()
    recalls = [(scores.predicted == scores.true)[scores.true == name].mean() for name in scores.classes]
    assert found.n is not None
    assert found.expected is not None
    return float(at_top), found.n, found.expected, float(np.mean(recalls))


def main() -> None:
    """Print the measurements."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--cache", default="cache")
    parser.add_argument("--features", default="compare")
    parser.add_argument("--classifier", default="svm:C=10,gamma=1")
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--top", type=float, default=0.1)
    parser.add_argument("--seeds", type=int, default=20)
    wish = parser.parse_args()
    table = emodb(wish.data, wish.cache, wish.features)
    plan = Plan(corpus="emodb", features=(wish.features,), classifier=classifier_of(wish.classifier))
    found = []
    for seed in range(wish.seeds):
        found.append(measured(table, plan, wish.share, wish.top, seed))
        at_top, n, expected, uar = found[-1]
        print(f"seed {seed}: {at_top:.2f} at the top, {n} listed, {expected:.0f} expected, UAR {uar:.3f}", flush=True)
    at_top = [one[0] for one in found]
    print(
        f"{wish.share:.0%} flipped, top {wish.top:.0%}: mean {np.mean(at_top):.3f}, SD {np.std(at_top, ddof=1):.3f}, "
        f"least {min(at_top):.2f}, most {max(at_top):.2f}"
    )


if __name__ == "__main__":
    main()

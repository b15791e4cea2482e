"""The vote of face and voice on made-up corpora in which each class shows in two of seven classifiers only.

::

    python benchmarks/vote.py --components 64

Makes five corpora (seeds 0 to 4) of 8 speakers, 4 classes and 40 utterances a speaker, in which a speaker's offset is
as large as the effect of a class (see ``tests/panels.py``), and prints for each under leave-one-speaker-out the UAR of
the best of the seven classifiers, of the plain vote, of the mean, of both fusions that learn whom to believe, and of
these without the voice; and by how much the class that a classifier sees worst of those that show in it stands above
the best of the others (Youden's J, in the worst classifier). Ends with an error unless in every seed all margins are
above 0 and both fusions that learn beat the best classifier and the vote. Three minutes on one core with 64 components,
one with 8.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from affex.pipeline.evaluation import runs
from affex.pipeline.evaluation.evaluate import evaluate
from affex.pipeline.evaluation.results import RecognisedClasses
from affex.pipeline.evaluation.runs import Run
from affex.pipeline.evaluation.settings import Plan
from affex.pipeline.evaluation.summary import summarise
from affex.pipeline.fusion import fusion
from affex.pipeline.reporting import report
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.streams.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from panels import SHOWS, made_up

LEARNING = ("bayes", "svm")
RULES = ("vote", "mean", *LEARNING)


def judged(name: str, table: Table, components: int, folder: Path) -> Run:
    """Evaluate one classifier, and keep what a fusion may learn from."""
    gmm = classifier_of(f"gmm:decision=vote,components={components}")
    settings = Plan(corpus="made-up", features=(name,), keys=(name,), classifier=gmm)
    report.write(evaluate(table, settings, inner=True), folder / name)
    return runs.read(folder / name)


def margin(one: RecognisedClasses) -> float:
    """Return how far the least seen class of those that show stands above the best seen of the others."""
    shown = SHOWS[one.member.split()[0]]
    sights = one.informedness.items()
    return min(sight for name, sight in sights if name in shown) - max(
        sight for name, sight in sights if name not in shown
    )


def figures(components: int, seed: int) -> dict[str, float]:
    """Return what is printed of one corpus, by what it is called."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = made_up(n_speakers=8, n_each=10, n_frames=20, seed=seed)
        members = [judged(name, table, components, Path(folder)) for name, table in corpus.items()]
        fused = {rule: fusion.late(members, rule) for rule in RULES}
        face = {f"{rule}, no voice": fusion.late(members[:-1], rule) for rule in LEARNING}
    return {
        "best of seven": max(member.summary.uar for member in members),
        **{name: summarise(one).uar for name, one in (fused | face).items()},
        "worst margin": min(map(margin, fused["vote"].recognised)),
    }


def holds(found: dict[str, float]) -> bool:
    """Tell whether each classifier sees its classes, and what learns whom to believe beats what does not."""
    learned = min(found[rule] for rule in LEARNING)
    return found["worst margin"] > 0 and learned > max(found["best of seven"], found["vote"])


def main() -> None:
    """Print a line a seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--components", type=int, default=64)
    components = parser.parse_args().components
    held = []
    for seed in range(5):
        found = figures(components, seed)
        if not seed:
            print("seed", *found, sep="  ")
        print(seed, *(f"{figure:.3f}" for figure in found.values()), sep="  ", flush=True)
        held.append(holds(found))
    if not all(held):
        sys.exit(f"in {held.count(False)} of {len(held)} seeds it does not hold")


if __name__ == "__main__":
    main()

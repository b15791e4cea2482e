"""Tour: the whole way on a corpus that is heard and seen: each medium alone, both fused early and late, side by side.

What ``make demo`` shows. Nothing is computed here: the arrows are those of `pipeline.workspace.experiment`, and the
four runs are compared as any others. That the fusions are held against the better of the single media, which is known
only afterwards, is paid for: the p-values are corrected for all six pairs.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from affex.pipeline.evaluation import runs
from affex.pipeline.reporting import comparison, coverage, tables
from affex.pipeline.specs import discovery
from affex.pipeline.text.console import Terminal
from affex.pipeline.workspace import experiment
from affex.pipeline.workspace.workspace import Desk, extracted, matrix_of, readable

if TYPE_CHECKING:
    from affex.pipeline.evaluation.runs import Run
    from affex.pipeline.workspace.experiment import Wish

#: The feature of each medium, and who reads them.
AUDIO, FACE, CLASSIFIER = "compare", "face", "svm"
#: What looks for the faces.
FACES = "faces"

NOTES = (
    "Voices and faces of this corpus are synthetic: its figures show that all runs, and say nothing about people.",
    f"'{FACE}' is dlib's embedding, which encodes who somebody is: of real people its rows are biometric data.",
)


def demonstrate(desk: Desk, wish: "Wish") -> None:
    """Extract, evaluate four ways, and print the four side by side; their own reports lie in the cache.

    Raises
    ------
    AffexError
        As `pipeline.workspace.experiment.run`.
    """
    classifier = discovery.classifier(CLASSIFIER)
    specs = readable(desk.console, (AUDIO, FACE), classifier)
    extracted(desk, specs, beside=discovery.feature_specs(experiment.PRINTS))
    seen = coverage.of_all(matrix_of(desk, discovery.feature_specs(FACES)))
    desk.console.say(f"{FACES}: a face in {seen.n_found} of {seen.n_frames} frames ({seen.share or 0:.1%})")
    _shown(desk, {title: runs.read(folder) for title, folder in _four(desk, wish).items()})
    for note in NOTES:
        desk.console.say(note)


def _four(desk: "Desk", wish: "Wish") -> dict[str, Path]:
    """Make the four runs, or find them made; return their folders by what they are called."""
    classifier = discovery.classifier(CLASSIFIER)
    hushed = replace(desk, console=Terminal(quiet=True))
    learned_from = replace(wish, inner=True)
    alone = {
        f"{medium} alone": experiment.run(hushed, ((feature,), classifier), learned_from, None)
        for medium, feature in {"audio": AUDIO, "face": FACE}.items()
    }
    early = experiment.run(hushed, ((AUDIO, FACE), classifier), wish, None)
    late = experiment.fuse_runs(
        hushed.console, [str(folder) for folder in alone.values()], "late", desk.folder.parent, None
    )
    return alone | {"early fused": early, "late fused": late}


def _shown(desk: "Desk", four: "Mapping[str, Run]") -> None:
    """Compare the runs, print them beside the better of the first two, and say where each one's report lies."""
    found = comparison.compare(list(four.values()))
    folder = comparison.folder_of(found, desk.folder.parent)
    comparison.write(found, folder)
    best = max(found["runs"][:2], key=lambda run: run["figure"]["value"])
    tables.show_against(found, list(four), best["name"], desk.console.rich)
    one = next(iter(four.values())).found
    desk.console.say(f"Chance: {one['chance_is']}, {tables.number(one['chance'][found['metric']])}.")
    for title, run in four.items():
        desk.console.say(f"{title} -> {run.folder}")
    desk.console.say(f"all six pairs -> {folder}")

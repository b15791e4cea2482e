"""Demo: from an audio-visual corpus to four runs: audio, video, early fusion and late fusion, side by side.

``make demo`` prints the result. This module computes nothing itself: the arrows are those of
`pipeline.workspace.experiment`, and the four runs are compared like any others. The fusions are compared with the
better single modality, which is known only afterwards. Therefore the p-values are corrected for all six pairs.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from affex.pipeline.evaluation import protocols, runs
from affex.pipeline.pages import comparison as comparison_page
from affex.pipeline.pages import run as run_page
from affex.pipeline.reporting import comparison, comparison_tables, coverage, tables
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.text.console import Terminal
from affex.pipeline.workspace import experiment
from affex.pipeline.workspace.workspace import Workspace, extracted, readable, table_of

if TYPE_CHECKING:
    from affex.pipeline.evaluation.runs import Run
    from affex.pipeline.evaluation.settings import Settings

#: The feature of each modality, and the classifier.
AUDIO, FACE, CLASSIFIER = "compare", "face", "svm"
#: The face detector.
FACES = "faces"

NOTES = (
    "Voices and faces of this corpus are synthetic: its figures show that all runs, and say nothing about people.",
    f"'{FACE}' is dlib's embedding, which encodes who somebody is: of real people its rows are biometric data.",
)


def demonstrate(workspace: Workspace, settings: "Settings") -> None:
    """Extract, evaluate four times, and print the four runs side by side; their reports are in the cache.

    Raises
    ------
    AffexError
        As `pipeline.workspace.experiment.run`.
    """
    classifier = classifier_of(CLASSIFIER)
    specs = readable(workspace.console, (AUDIO, FACE), classifier)
    extracted(workspace, specs, beside=feature_specs(experiment.PRINTS), verify=False)
    seen = coverage.of_all(table_of(workspace, feature_specs(FACES)))
    workspace.console.print(f"{FACES}: a face in {seen.n_found} of {seen.n_frames} frames ({seen.share or 0:.1%})")
    _shown(workspace, {title: runs.read(folder) for title, folder in _four(workspace, settings).items()})
    for note in NOTES:
        workspace.console.print(note)


def _four(workspace: "Workspace", settings: "Settings") -> dict[str, Path]:
    """Compute the four runs, or reuse them; return their folders by display name."""
    hushed = replace(workspace, console=Terminal(quiet=True))
    both = replace(settings, features=f"{AUDIO} {FACE}", classifier=CLASSIFIER)
    alone = {
        f"{medium} alone": experiment.run(hushed, replace(both, features=feature, inner=True))
        for medium, feature in {"audio": AUDIO, "face": FACE}.items()
    }
    early = experiment.run(hushed, both)
    members, protocol = [str(folder) for folder in alone.values()], protocols.of_settings(both).name
    fused = replace(both, fusion="late", protocol=protocol)
    late = experiment.fuse_runs(hushed.console, members, fused, workspace.folder.parent)
    return alone | {"early fused": early, "late fused": late}


def _shown(workspace: "Workspace", four: "Mapping[str, Run]") -> None:
    """Compare the runs, print them beside the better of the first two, and print the path of each page."""
    found = comparison.compare(list(four.values()))
    folder = comparison.folder_of(found, workspace.folder.parent)
    comparison.write(found, folder)
    pages = {title: run_page.write(run, run_page.Beside(workspace.datasets)) for title, run in four.items()}
    page = comparison_page.write(found, folder, [run.folder for run in four.values()])
    best = max(found.runs[:2], key=lambda run: run.figure.value)
    comparison_tables.show_against(found, list(four), best.name, workspace.console.rich)
    one = next(iter(four.values())).summary
    workspace.console.print(f"Chance: {one.chance_is}, {tables.number(one.figure(found.metric).chance)}.")
    for title, own in pages.items():
        workspace.console.print(f"{title} -> {own}")
    workspace.console.print(f"all six pairs -> {page}")

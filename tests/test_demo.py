"""The way that make demo goes, on a corner of its corpus: four runs side by side, and nothing done twice."""

import re
from itertools import product
from pathlib import Path

import pytest

from affex.pipeline.caching.dataset import opened
from affex.pipeline.corpora import demo
from affex.pipeline.evaluation.settings import Settings
from affex.pipeline.specs.classifiers import classifier_of, members_of
from affex.pipeline.text.console import Terminal
from affex.pipeline.workspace.demo import AUDIO, CLASSIFIER, demonstrate
from affex.pipeline.workspace.workspace import Running, open_workspace

#: Four speakers, once with each emotion: enough for intervals, and no run is without a mistake.
CORNER = tuple(demo.Performance(*who) for who in product((0, 3, 5, 7), sorted(demo.EMOTIONS), (0,)))
TITLES = ("audio alone", "face alone", "early fused", "late fused")


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    """Take the demo twice; return the cache, what was said each time, and when files were written."""
    folder = tmp_path_factory.mktemp("demo")
    output, times = [], []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("COLUMNS", "80")
        patch.setattr(demo, "PERFORMANCES", CORNER)
        for _ in range(2):
            console = Terminal()
            dataset = opened("demo", None, folder / "cache", partial=True, console=console)
            with (
                console.rich.capture() as captured,
                open_workspace([dataset], console, Running("inline", 1)) as workspace,
            ):
                demonstrate(workspace, Settings(dataset="demo", protocol="loso", partial=True))
            output.append(captured.get())
            runs = sorted((folder / "cache" / "demo" / "runs").glob("*/*"))
            times.append({path: path.stat().st_mtime_ns for path in runs})
    return folder / "cache" / "demo", output, times


def test_the_four_stand_side_by_side_with_their_intervals(twice):
    _, (output, _), _ = twice
    for title in TITLES:
        assert re.search(rf"^ {title} +0\.\d{{3}} +\[0\.\d{{3}}, [01]\.\d{{3}}\]", output, re.M), title
    assert len(re.findall(r"\] +1\.0000 $", output, re.M)) == 2  # over four speakers nothing is decided
    assert re.search(r"^ late fused .* \+0\.000", output, re.M)  # of two members that differ, the first decides
    assert "faces: a face in" in output
    assert "say nothing about people" in output
    assert "biometric" in output
    assert "By class" not in output  # the full reports lie in the cache


def test_every_report_lies_where_it_is_said_to(twice):
    cache, (output, _), _ = twice
    for title in TITLES:
        [page] = re.findall(rf"^{title} -> (.*)$", output, re.M)
        assert Path(page).name == "report.html"
        assert Path(page).is_file()
    assert len(list(cache.glob("runs/*"))) == 4
    [folder] = cache.glob("comparisons/*")
    assert f"all six pairs -> {folder / 'comparison.html'}" in output


def test_nothing_is_computed_again(twice):
    _, (first, second), (before, after) = twice
    assert before == after
    assert "face: 0 cached, 16 computed" in first
    assert "face: 16 cached, 0 computed" in second
    assert first[first.index("faces: a face") :] == second[second.index("faces: a face") :]


def test_what_it_shows_is_what_the_classifier_prefers():
    [(features, classifier)] = members_of(None, CLASSIFIER, "early")
    assert features == (AUDIO,)
    assert classifier == classifier_of(CLASSIFIER)

"""Figures by group: by hand, over the group's own speakers, kept with the run, and known to a fusion of runs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic import Bayes, make_table, with_values

from affex.pipeline.corpora.base import Protocol
from affex.pipeline.evaluation import groups, intervals, runs
from affex.pipeline.evaluation.evaluate import evaluate
from affex.pipeline.evaluation.results import Scores
from affex.pipeline.evaluation.settings import Plan
from affex.pipeline.evaluation.summary import summarise
from affex.pipeline.evaluation.training_variation import inflation
from affex.pipeline.fusion import fusion
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.reporting import pictures, report
from affex.pipeline.streams.table import Table

PLAN = Plan(corpus="toy", features=("made",), classifier=Bayes(), keys=("0123456789ab",))


@pytest.fixture(scope="module", autouse=True)
def _no_pictures():
    """Draw none: they take most of the time that it takes to write a run, and no test here looks at them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "of_result", lambda *_: {})
        yield


def scores(true: str, predicted: str, speakers: str) -> Scores:
    """Return scores of utterances with one letter a class, and one a speaker."""
    n, classes = len(true), tuple(sorted(set(true)))
    names = np.array(list(speakers))
    ids = np.array([f"u{number}" for number in range(n)])
    return Scores(ids, names, names, np.array(list(true)), np.array(list(predicted)), classes, np.zeros((n, 2)))


def of_hostile_songs(table: Table) -> Table:
    """Return the table where some utterances are songs, and for some it is not known."""
    parts = ["=SUM(1)", "song, 'loud'", None]
    made = (replace(utterance, part=parts[n % 3]) for n, utterance in enumerate(table.utterances))
    return replace(table, utterances=tuple(made))


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> list[runs.Run]:
    """Two runs on one table; the second lacks some utterances."""
    table, folder = of_hostile_songs(make_table()), tmp_path_factory.mktemp("runs")
    few = table.take([n for n in range(len(table)) if n % 7])
    for name, rows, smoothing in (("one", few, 1e-9), ("other", table, 1e-3)):
        plan = replace(PLAN, classifier=Bayes(smoothing=smoothing))
        report.write(evaluate(rows, plan), folder / name)
    return [runs.read(folder / name) for name in ("one", "other")]


def test_the_figures_of_a_group_worked_by_hand():
    found = groups.of_groups(scores("aabbab", "abbbba", "xxyyzz"), {"sex": np.array(list("ffffmm"))}, "speaker")
    women, men = found
    assert (women.attribute, women.name, women.n, women.n_clusters, women.n_classes) == ("sex", "f", 4, 2, 2)
    assert women.interval.value == pytest.approx((1 / 2 + 2 / 2) / 2)
    assert women.war == pytest.approx(3 / 4)
    assert women.interval.reason.startswith("the figure is undefined without speaker x, y")
    assert (men.interval.value, men.war, men.n_clusters) == (0, 0, 1)
    assert men.interval.reason == "1 speaker: an interval over speakers needs at least 2"


def test_the_interval_is_over_the_speakers_of_the_group():
    whole = scores("abababab" * 2, "abaaabbb" * 2, "wwxxyyzz" * 2)
    women, _ = groups.of_groups(whole, {"sex": np.array(list("ffffffmm" * 2))}, "speaker")
    without = [np.mean([1, 1 / 2]), np.mean([1, 1]), np.mean([1, 1 / 2])]
    of_given = intervals.standard_error(np.array(without))
    assert women.interval.standard_error == pytest.approx(of_given * np.sqrt(inflation(3, of_values=False)))
    assert women.interval.n_clusters == 3


def test_what_is_known_of_utterances():
    made = [
        Utterance("1", "toy", "a", "joy", sex="f", part="song", aspects=(("level", "high"), ("happy", "present"))),
        Utterance("2", "toy", "b", "joy", sex="m", session="s1", aspects=(("level", "low"), ("happy", "absent"))),
        Utterance("3", "toy", "c", "joy", session="s2"),
    ]
    found = groups.attributes_of(made, target="happy")
    assert {name: column.tolist() for name, column in found.items()} == {
        "sex": ["f", "m", ""],
        "session": ["", "s1", "s2"],
        "level": ["high", "low", ""],
    }


def test_too_many_values_are_no_groups():
    made = [Utterance(str(n), "toy", "a", session=str(n)) for n in range(21)]
    assert not groups.attributes_of(made)
    assert list(groups.attributes_of(made[:20])) == ["session"]


def test_a_run_keeps_its_groups(members):
    table = of_hostile_songs(make_table())
    other = members[1]
    assert other.attributes["sex"].tolist() == [utterance.sex for utterance in table.utterances]
    assert other.attributes["part"].tolist() == [utterance.part or "" for utterance in table.utterances]
    names = [(group.attribute, group.name) for group in other.summary.groups]
    assert names == [("sex", "f"), ("sex", "m"), ("part", "=SUM(1)"), ("part", "song, 'loud'")]
    sizes = [group.n for group in other.summary.groups]
    assert sizes == [48, 48, 32, 32]


def test_a_table_of_groups_of_other_utterances_is_refused(members):
    run = members[0]
    content = (run.folder / runs.GROUPS).read_bytes().replace(b"00-anger-1", b"00-anger-9")
    with pytest.raises(ValueError, match="other utterances"):
        runs._columns(content, run.scores)


def test_a_fusion_knows_what_its_members_know(members, tmp_path: Path):
    result = fusion.late(members, "mean")
    report.write(result, tmp_path / "fused")
    fused, table = runs.read(tmp_path / "fused"), of_hostile_songs(make_table())
    sex = {utterance.id: utterance.sex for utterance in table.utterances}
    assert fused.attributes["sex"].tolist() == [sex[id_] for id_ in fused.scores.ids]
    assert [group.n for group in fused.summary.groups] == [48, 48, 32, 32]
    assert fused.summary.groups == summarise(result).groups


def test_groups_of_values_have_a_ccc_and_no_war():
    result = evaluate(with_values(make_table()), replace(PLAN, protocol=Protocol("loso", target="valence")))
    women, _ = summarise(result).groups
    assert (women.war, women.n_classes, women.n_clusters) == (None, 0, 3)
    assert women.interval.low < women.interval.value < women.interval.high

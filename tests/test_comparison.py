"""The comparison of runs: verdicts by hand, what cannot be compared, and files that are the same to the byte."""

import io
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from scipy import stats
from synthetic import Bayes, make_table, with_values

from affex.pipeline.corpora.base import LOSO, Protocol
from affex.pipeline.evaluation import runs, significance
from affex.pipeline.evaluation.evaluate import evaluate
from affex.pipeline.evaluation.raters import Ceiling
from affex.pipeline.evaluation.results import FoldSummary, Result, Scores
from affex.pipeline.evaluation.runs import Run
from affex.pipeline.evaluation.settings import Plan
from affex.pipeline.evaluation.summary import summarise
from affex.pipeline.pages import comparison as comparison_page
from affex.pipeline.reporting import comparison, comparison_tables, leak, report
from affex.pipeline.reporting.compared import Compared
from affex.pipeline.storage.records import restored
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import AffexError, UsageError

SETTINGS = Plan(corpus="toy", features=("made",), classifier=Bayes(), keys=("0123456789ab",))
RANDOM = Protocol("random-k", "random-k")
FILES = ("comparison.json", "comparison.txt", "comparison.png")


def result_of(*right: int, n_each: int = 10, **about) -> Result:
    """Each speaker says `n_each` utterances of joy, and of anger; of each so many are heard as what they are."""
    true = np.tile(["joy"] * n_each + ["anger"] * n_each, len(right))
    other = np.where(true == "joy", "anger", "joy")
    is_right = np.tile(np.arange(n_each), 2 * len(right)) < np.repeat(right, 2 * n_each)
    speakers = np.repeat([f"s{number:02d}" for number in range(len(right))], 2 * n_each)
    predicted = np.where(is_right, true, other)
    scores = Scores(
        ids=np.array([f"u{number:03d}" for number in range(len(true))]),
        clusters=speakers,
        folds=speakers,
        true=true,
        predicted=predicted,
        classes=("anger", "joy"),
        values=np.stack([predicted == "anger", predicted == "joy"], axis=1).astype(float),
    )
    folds = tuple(FoldSummary(name, len(true) - 2 * n_each, 2 * n_each) for name in np.unique(speakers))
    return Result(replace(SETTINGS.about(), **about), scores, folds, folds_hash="f")


def valued(noise: float, seed: int, n_speakers: int = 8) -> Result:
    """Predict a valence, the same for all seeds, with so much noise."""
    result = result_of(*[5] * n_speakers, protocol=Protocol("loso", target="valence"))
    true = np.random.default_rng(99).normal(size=len(result.scores))
    predicted = true + noise * np.random.default_rng(seed).normal(size=len(true))
    scores = replace(result.scores, true=true, predicted=predicted, classes=(), values=np.empty((len(true), 0)))
    return replace(result, scores=scores)


def written(folder: Path, **results: Result) -> list[str]:
    """Write runs; return their folders."""
    for name, result in results.items():
        report.write(result, folder / name)
    return [str(folder / name) for name in results]


def finished(**results: Result) -> list[Run]:
    """Return runs as they are read again, without the files."""
    return [
        Run(name.rpartition("/")[2], Path(name), summarise(result), result.scores, ())
        for name, result in results.items()
    ]


def taken(result: Result, numbers: Sequence[int]) -> Result:
    columns = ("ids", "clusters", "folds", "true", "predicted", "values")
    scores = replace(result.scores, **{name: getattr(result.scores, name)[numbers] for name in columns})
    return replace(result, scores=scores)


def shown(found, width: int = 120) -> str:
    text = io.StringIO()
    comparison_tables.show_comparison(found, Console(file=text, width=width))
    return text.getvalue()


# What is found


def test_two_runs_by_hand():
    found = comparison.compare(finished(bad=result_of(*[5] * 6), good=result_of(*[8] * 6)))
    assert (found.metric, found.n_utterances, found.n_clusters) == ("uar", 120, 6)
    assert [(run.name, run.figure.value) for run in found.runs] == [("bad", 0.5), ("good", 0.8)]
    (pair,) = found.pairs
    assert (pair.one, pair.other, pair.verdict, pair.winner) == ("bad", "good", "better", "good")
    assert pair.difference.value == pytest.approx(-0.3)
    assert pair.p == pair.p_holm == found.least_p == 2**-5
    assert list(found.notes) == [
        f"no interval for {name}: the figure is the same without any one speaker" for name in ("bad", "good")
    ]
    assert "B better" in shown(found)


def test_figures_and_verdicts_are_those_of_the_modules_they_come_from():
    results = {
        "a": result_of(8, 7, 6, 9, 8, 6, 7),
        "b": result_of(5, 6, 6, 5, 7, 6, 6),
        "c": result_of(6, 5, 6, 6, 7, 5, 6),
    }
    found = comparison.compare(finished(**results), "war")
    for run, result in zip(found.runs, results.values(), strict=True):
        interval = summarise(result).interval("war")
        assert interval == run.figure
    predictions = {
        name: significance.Predictions(r.scores.true, r.scores.predicted, r.scores.clusters, r.scores.classes)
        for name, r in results.items()
    }
    for pair, expected in zip(found.pairs, significance.pairwise(predictions, "war"), strict=True):
        assert (pair.one, pair.other) == (expected.one, expected.other)
        assert (pair.p, pair.p_holm, pair.verdict) == (expected.p, expected.p_holm, expected.verdict)


def test_the_region_of_equivalence_is_what_the_user_says():
    members = finished(one=result_of(5, 6, 5, 6, 5, 6, 5, 6), other=result_of(6, 5, 6, 5, 6, 5, 6, 5))
    assert comparison.compare(members).rope == comparison.compare(members).pairs[0].likely.rope == 0.01
    wide = comparison.compare(members, rope=0.5)
    assert (wide.rope, wide.pairs[0].verdict) == (0.5, "equal within 0.5")
    assert "lies within 0.5 of 0 with a probability of 0.95 or more" in " ".join(shown(wide, width=1000).split())
    below, within, above = (f"{getattr(wide.pairs[0].likely, part):.2f}" for part in ("below", "within", "above"))
    assert f"{above} {within} {below}" in shown(wide, width=160)
    for wrong in (0.0, -0.1, float("nan"), float("inf")):
        with pytest.raises(UsageError, match=f"ROPE={wrong:g}: expected the largest difference that does not matter"):
            comparison.compare(members, rope=wrong)


def test_values_are_compared_by_ccc():
    found = comparison.compare(finished(good=valued(0.3, 1), bad=valued(3.0, 2)))
    assert (found.metric, found.protocol.target, found.classes) == ("ccc", "valence", ())
    assert found.pairs[0].winner == "good"
    text = shown(found)
    assert "toy: valence, loso: CCC of 2 runs on 160 utterances of 8 speakers" in text
    assert "A better" in text
    of_error = comparison.compare(finished(good=valued(0.3, 1), bad=valued(3.0, 2)), "rmse")
    assert of_error.pairs[0].difference.value < 0
    assert of_error.pairs[0].winner == "good"


def test_what_is_not_significant_is_not_ranked():
    members = finished(worst=result_of(5, 4, 6, 5, 4, 6), best=result_of(6, 6, 5, 5, 5, 6), middle=result_of(*[5] * 6))
    text = shown(comparison.compare(members))
    places = [text.index(f" {letter}  {name}") for letter, name in zip("ABC", ("worst", "best", "middle"), strict=True)]
    assert places == sorted(places)
    assert not re.search(r"[ABC] better", text)
    assert "differences that are not significant are not ranked" in text


@pytest.mark.parametrize("order", [("low", "base", "high"), ("base", "high", "low")])
def test_runs_beside_one_of_them_whatever_their_order(order):
    """Of speakers who say as much, a pooled figure is the mean of theirs, and its interval Student's."""
    right = {"low": (4, 4, 5, 4, 4, 4, 5), "base": (6, 5, 6, 5, 7, 5, 6), "high": (9, 8, 9, 8, 9, 8, 9)}
    found = comparison.compare(finished(**{name: result_of(*right[name]) for name in order}))
    text = io.StringIO()
    comparison_tables.show_against(found, [f"the {name}" for name in order], "base", Console(file=text, width=80))
    rows = {line.split()[1]: line.split()[2:] for line in text.getvalue().splitlines() if line.startswith(" the ")}
    assert list(rows) == list(order)
    assert len(rows["base"]) == 3
    for name, p in {"low": "0.0469", "high": "0.0469"}.items():  # 2 of 2^7 ways, times three pairs
        gains = (np.array(right[name]) - np.array(right["base"])) / 10
        reach = stats.t.ppf(0.975, 6) * gains.std(ddof=1) / np.sqrt(7)
        low, high = gains.mean() - reach, gains.mean() + reach
        assert rows[name][3:] == [f"{gains.mean():+.3f}", f"[{low:.3f},", f"{high:.3f}]", p]
    assert verdict(text.getvalue()) == {"the high is better", "the low is worse"}


def verdict(text: str) -> set[str]:
    [line] = [line for line in text.splitlines() if line.startswith("Against ")]
    return set(line.partition(": ")[2].rstrip(".").split(", "))


def test_a_table_beside_one_run_says_of_whom_nothing_can_be_told():
    found = comparison.compare(finished(one=result_of(5, 4, 6, 5, 4, 6), other=result_of(6, 6, 5, 5, 5, 6)))
    text = io.StringIO()
    comparison_tables.show_against(found, ["the one", "the other"], "one", Console(file=text, width=80))
    assert verdict(text.getvalue()) == {"the other: too few speakers to tell (6)"}


def test_too_few_speakers_are_said_to_be_too_few():
    good, bad, mixed = result_of(8, 9, 8, 9, 8, 9), result_of(5, 4, 5, 4, 5, 4), result_of(6, 4, 5, 6, 4, 5)
    found = comparison.compare(finished(good=good, bad=bad, mixed=mixed))
    assert {pair.verdict for pair in found.pairs} == {"too few speakers to tell (6)"}
    assert list(found.notes) == [
        "over 6 speakers no p is below 0.0312, and Holm's correction multiplies the least one by 3, so it stays above "
        "0.05 whatever the figures are; at most 1 pair, chosen beforehand, could be decided"
    ]
    seven = comparison.compare(finished(**{name: result_of(5, 6, 5, 4, 5, 6, int(name)) for name in "4567"}))
    assert seven.notes[0].endswith(
        "at most 3 pairs, chosen beforehand, could be decided: AGAINST=NAME compares each of the others with one run"
    )
    four = comparison.compare(finished(good=result_of(8, 9, 8, 9), bad=result_of(5, 4, 5, 4)))
    assert four.pairs[0].verdict == "too few speakers to tell (4)"
    assert four.notes[0].endswith("whatever the figures are")


def test_each_run_is_compared_with_one_and_corrected_for_these_pairs_only():
    right = {"base": [5] * 6, "good": [8, 9, 8, 9, 8, 9], "bad": [2, 1, 2, 1, 2, 1]}
    members = finished(**{name: result_of(*some, 8) for name, some in right.items()})
    every = {(pair.one, pair.other): pair for pair in comparison.compare(members).pairs}
    found = comparison.compare(members, against=members[0])
    assert found.against == "base"
    assert [(pair.one, pair.other) for pair in found.pairs] == [("good", "base"), ("bad", "base")]
    for pair in found.pairs:
        assert pair.p == every["base", pair.one].p == 1 / 32
        assert pair.difference.value == -every["base", pair.one].difference.value
    assert [pair.p_holm for pair in found.pairs] == [1 / 16, 1 / 16]
    assert "Each of the others is compared with base." in (text := " ".join(shown(found).split()))
    assert "Holm's correction for 2 pairs" in text
    assert comparison_page.verdicts(found)[0].startswith("No run differs from ")
    (last,) = comparison.compare(members[:2], against=members[1]).pairs
    assert (last.one, last.other, last.p_holm) == ("base", "good", 1 / 32)


def test_a_run_to_compare_with_is_one_of_the_runs(tmp_path):
    written(tmp_path / "toy" / "runs", base=result_of(*[5] * 6), good=result_of(*[8] * 6), other=result_of(*[6] * 6))
    beside, base = comparison.chosen(["good"], "base", tmp_path)
    assert [run.name for run in beside] == ["base", "good"]
    named, again = comparison.chosen(["good", "base"], "base", tmp_path)
    assert [run.name for run in named] == ["good", "base"]
    assert base.folder == again.folder == beside[0].folder
    folders = {comparison.folder_of(comparison.compare(beside, against=one), tmp_path) for one in (None, base)}
    assert len(folders) == 2
    with pytest.raises(UsageError, match="compared with base, which is not among the runs: add it"):
        comparison.compare(runs.find(["good", "other"], tmp_path), against=base)


def test_the_method_is_said_in_words():
    few = shown(comparison.compare(finished(a=result_of(*[8] * 6), b=result_of(*[5] * 6))), width=1000)
    assert "swapped speaker by speaker, in all 2^6 ways; two-sided p" in few
    assert (
        "pooled UAR, 0.0312 at the least; alpha 0.05. Equal is a pair whose expected difference lies within 0.01 of 0"
        in few
    )
    assert "Holm's correction" not in few
    many = {name: result_of(*[right] * 15, n_each=2) for name, right in (("a", 2), ("b", 1), ("c", 0))}
    text = shown(comparison.compare(finished(**many)), width=1000)
    assert "in 10000 ways drawn (seed 0); " in text
    assert "0.0001 at the least; Holm's correction for 3 pairs; alpha 0.05." in text


def test_runs_that_saw_too_much_are_marked_beside_the_figure():
    seen = replace(result_of(5, 6, 7, 5, 6, 7), leaks=("one speaker on both sides",))
    normalised = replace(seen.about.settings, speaker_norm=True)
    both = replace(seen, about=replace(seen.about, settings=normalised))
    found = comparison.compare(finished(plain=result_of(5, 6, 5, 5, 6, 5), seen=seen, both=both))
    lines = shown(found).splitlines()
    marks = {line.split()[1]: line for line in lines if line[1:2] in "ABC" and line[2:4] == "  "}
    assert "(" not in marks["plain"]
    assert "0.600 (with leaks)" in marks["seen"]
    assert "0.600 (transductive, with leaks)" in marks["both"]
    assert [note.partition(", the other")[0] for note in found.notes[:2]] == [
        "both: transductive",
        "seen, both: with leaks",
    ]
    alike = comparison.compare(finished(seen=seen, again=seen))
    assert alike.notes == ()


@pytest.mark.parametrize("metric", ["uar", "war"])
def test_a_human_rater_is_a_line_of_the_table(metric):
    ceiling = Ceiling(
        metric="uar", value=0.91, n_judgements=77, n_utterances=40, n_classes=2, n_ties=0, n_outside=0, n_alone=0
    )
    rated = replace(result_of(*[6] * 6), ceiling=ceiling)
    found = comparison.compare(finished(rated=rated, plain=result_of(*[5] * 6)), metric)
    lines = [line.split() for line in shown(found).splitlines()]
    assert (["human", "rater", "0.910", "77", "votes"] in lines) == (metric == "uar")
    assert any("human rater" in note for note in found.notes) == (metric == "war")


def test_only_what_all_runs_tested_counts():
    whole, part = result_of(8, 9, 8, 9, 8, 9), taken(result_of(5, 4, 5, 4, 5, 4), np.arange(120)[::-1][:110])
    found = comparison.compare(finished(whole=whole, part=replace(part, folds_hash="other")))
    assert found.n_utterances == 110
    assert [run.n_left_out for run in found.runs] == [10, 0]
    assert found.notes[0] == "10 of 120 utterances of whole do not count: not all runs tested them"
    assert "folds are not alike" in found.notes[1]
    same = comparison.compare(finished(whole=taken(whole, np.arange(10, 120)), part=part))
    assert [run.figure for run in same.runs] == [run.figure for run in found.runs]
    assert [pair.p for pair in same.pairs] == [pair.p for pair in found.pairs]


def test_runs_of_one_name_are_told_apart_by_where_they_lie():
    members = finished(**{"x/run": result_of(*[5] * 6), "y/run": result_of(*[6] * 6)})
    assert [run.name for run in comparison.compare(members).runs] == ["x/run", "y/run"]


# What cannot be compared

ALONE = result_of(*[5] * 6)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            result_of(*[5] * 6, corpus="tiny"),
            "different corpora .*: a has toy, b has tiny",
        ),
        (valued(1, 1, 6), "different targets .*: a has label, b has valence"),
        (
            result_of(*[5] * 6, protocol=RANDOM),
            r"different protocols .*: a has loso \(scheme loso\), b has random-k \(scheme ",
        ),
        (result_of(*[5] * 6, protocol=Protocol("group-k", "group-k", k=3)), r"b has group-k \(scheme group-k, k 3\)"),
        (
            result_of(*[5] * 6, protocol=Protocol("loso", parts=("song",))),
            r"a has loso \(parts none\), b has loso \(parts song\)",
        ),
        (result_of(*[5] * 6, unit="session"), "different clusters .*: a has speaker, b has session"),
    ],
)
def test_different_tasks_are_refused(other, message):
    with pytest.raises(UsageError, match=message):
        comparison.compare(finished(a=ALONE, b=other))


def test_different_classes_are_refused():
    other = replace(
        ALONE, scores=replace(ALONE.scores, classes=("anger", "joy", "awe"), values=np.full((120, 3), 1 / 3))
    )
    with pytest.raises(UsageError, match=r"different classes .*: a has anger, joy, b has anger, joy, awe"):
        comparison.compare(finished(a=ALONE, b=other))


def test_a_card_may_have_two_names():
    other = replace(ALONE, about=replace(ALONE.about, protocol=replace(LOSO, name="usual")))
    assert comparison.compare(finished(a=ALONE, b=other)).pairs[0].p == 1


def test_runs_that_contradict_each_other_are_refused():
    true, clusters = ALONE.scores.true.copy(), ALONE.scores.clusters.copy()
    true[3], clusters[7] = "anger", "s05"
    relabelled = replace(ALONE, scores=replace(ALONE.scores, true=true))
    with pytest.raises(AffexError, match=r"u003 is 'joy' in the run a and 'anger' in b: .*\n.*both again"):
        comparison.compare(finished(a=ALONE, b=relabelled))
    renamed = replace(ALONE, scores=replace(ALONE.scores, clusters=clusters))
    with pytest.raises(AffexError, match="u007 is 's00' in the run a and 's05' in b"):
        comparison.compare(finished(a=ALONE, b=renamed))


def test_runs_without_a_common_utterance_are_refused():
    parts = {"a": taken(ALONE, np.arange(60)), "b": taken(ALONE, np.arange(60, 120))}
    with pytest.raises(UsageError, match="The runs a, b share no tested utterance"):
        comparison.compare(finished(**parts))


@pytest.mark.parametrize("metric", ["auc", "ccc", "UAR"])
def test_a_metric_that_cannot_be_compared_is_refused(metric):
    with pytest.raises(UsageError, match=f"METRIC={metric}: .* uar, war, macro_f1"):
        comparison.compare(finished(a=ALONE, b=ALONE), metric)


def test_an_undefined_figure_is_refused():
    flat = valued(1, 1)
    flat = replace(flat, scores=replace(flat.scores, predicted=np.ones(160)))
    with pytest.raises(AffexError, match="Pearson of run 'flat' is undefined"):
        comparison.compare(finished(good=valued(1, 1), flat=flat), "pearson")


def test_how_many_runs_there_may_be():
    (run,) = finished(run=ALONE)
    with pytest.raises(UsageError, match="of 2 to 26 runs, got 1"):
        comparison.compare([run])
    with pytest.raises(UsageError, match="The run run is named twice"):
        comparison.compare([run, run])
    with pytest.raises(UsageError, match="of 2 to 26 runs, got 27"):
        comparison.compare([run] * 27)


# What is written and shown


def test_the_files_are_the_same_to_the_byte(tmp_path):
    results = {"good": result_of(*[8] * 6), "bad": result_of(*[5] * 6)}
    written(tmp_path / "cache" / "toy" / "runs", **results)
    for name in ("one", "two"):
        members = runs.find(["good", "bad"], tmp_path / "cache")
        comparison.report(Terminal(), members, tmp_path / "cache", tmp_path / name, "")
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == sorted(FILES)
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
        assert str(tmp_path).encode() not in (tmp_path / "one" / name).read_bytes()
    assert (tmp_path / "one" / "comparison.png").read_bytes().startswith(b"\x89PNG")
    found = json.loads((tmp_path / "one" / "comparison.json").read_text(encoding="utf-8"))
    assert list(found)[-2:] == ["files", "sha256"]
    del found["files"], found["sha256"]
    assert restored(Compared, found) == comparison.compare(members)
    assert "A better" in (tmp_path / "one" / "comparison.txt").read_text(encoding="utf-8")


def test_a_comparison_lies_beside_the_runs_of_its_corpus(tmp_path, capsys):
    names = {"made_svm_loso-0123abcd": result_of(*[8] * 6), "made_gmm_loso-4567cdef": result_of(*[5] * 6)}
    written(tmp_path / "toy" / "runs", **names)
    for metric in ("", "war"):
        comparison.report(Terminal(), runs.find(list(names), tmp_path), tmp_path, None, metric)
    folders = sorted(path.name for path in (tmp_path / "toy" / "comparisons").iterdir())
    assert [name[:-9] for name in folders] == [f"{m}_made_svm_loso+made_gmm_loso" for m in ("uar", "war")]
    assert f"comparisons/{folders[1]}" in capsys.readouterr().out.replace("\n", "")


def test_no_number_is_cut_off_in_a_narrow_terminal():
    names = {
        "x" * 80 + "-0123abcd": result_of(*[8] * 6),
        "y" * 80 + "-0123abcd": result_of(5, 6, 5, 4, 5, 6),
        "z": result_of(6, 7, 6, 5, 6, 6),
    }
    found = comparison.compare(finished(**names))
    text = shown(found, width=80)
    assert "…" not in text
    assert "too few speakers to tell (6)" in text
    assert "least p" not in text
    assert "0.0312 at the least" in " ".join(text.split())
    wide = shown(found, width=160)
    assert f"A  {next(iter(names))}" in wide
    assert "least p" in wide


def size(picture: bytes) -> tuple[int, int]:
    return int.from_bytes(picture[16:20], "big"), int.from_bytes(picture[20:24], "big")


def test_the_picture_grows_with_the_pairs(tmp_path):
    results = {f"run{number}": result_of(5, 6, 7, 5, 6, number) for number in range(6)}
    members = finished(**results)
    sizes = []
    for n in (2, 6):
        comparison.write(comparison.compare(members[:n]), tmp_path / str(n))
        sizes.append(size((tmp_path / str(n) / "comparison.png").read_bytes()))
    assert sizes[0][0] == sizes[1][0] == 1440
    assert sizes[0][1] < sizes[1][1]
    assert sizes[1][1] >= 120 * 0.3 * 15


# The effect of a leak


def reported_leak(folder: Path, capsys, honest: Result, leaky: Result) -> list[str]:
    written(folder, honest=honest, leaky=leaky)
    leak.show(Terminal(), folder / "honest", [folder / "leaky"])
    return capsys.readouterr().out.splitlines()


def test_the_price_of_a_leak_by_hand(tmp_path, capsys):
    honest, leaky = result_of(5, 6, 7, 5, 6, 7), result_of(8, 9, 9, 8, 9, 9, protocol=RANDOM)
    first, one, other, last = reported_leak(tmp_path, capsys, honest, replace(leaky, leaks=("s00 on both sides",)))
    assert first.startswith("The effect of a leak: the same features and classifier (made, synthetic) on the same 120")
    assert "speakers kept apart (loso; 100 training utterances a fold): UAR 0.600 [" in one
    assert "random folds, so that the same speakers are in training and test (random-k;" in other
    assert "UAR 0.867 [" in other
    assert other.endswith("(with leaks)")
    assert last.startswith("The difference is 0.267 [0.")
    assert "this part of 0.867 comes from known speakers" in last
    assert sorted(path.name for path in tmp_path.iterdir()) == ["honest", "leaky"]


@pytest.mark.parametrize(
    ("honest", "leaky", "expected"),
    [
        ((5, 6, 7, 5, 6, 7), (7, 5, 7, 6, 5, 7), "the effect of known speakers: too few speakers to tell (6)"),
        ((5, 6, 7, 5), (6, 9, 6, 8), "too few speakers to tell (4)"),
        ((5,) * 46 + (6, 5), (5,) * 46 + (5, 6), "equal within 0.01, so known speakers add little or nothing"),
        ((8, 9, 8, 9, 8, 9), (5, 6, 6, 5, 6, 6), "the model is clearly worse"),
        (
            (5, 5, 5, 5),
            (7, 7, 7, 7),
            "(the figure is the same without any one speaker): the effect of known speakers: ",
        ),
    ],
)
def test_the_price_of_a_leak_is_what_the_interval_allows(tmp_path, capsys, honest, leaky, expected):
    *_, last = reported_leak(tmp_path, capsys, result_of(*honest), result_of(*leaky, protocol=RANDOM))
    assert last.startswith("The difference is ")
    assert expected in last
    assert "this part of" not in last


def test_a_leak_beside_a_leak_is_refused(tmp_path, capsys):
    leaky = result_of(*[5] * 6, protocol=RANDOM)
    with pytest.raises(UsageError, match="PROTOCOL=random-k LEAK=1: both runs have random folds"):
        reported_leak(tmp_path, capsys, leaky, leaky)


def test_speakers_who_are_known_by_their_voice_make_a_leak_dear(tmp_path, capsys):
    """Columns that tell speakers, not classes, and labels that go with the speaker: random-k learns who speaks."""
    matrix = with_values(make_table(n_speakers=8, class_shift=0.3, speaker_shift=3.0))
    of_speaker = dict(zip(np.unique(matrix.speakers), np.random.default_rng(5).normal(scale=3, size=8), strict=True))
    utterances = tuple(replace(u, valence=u.valence + of_speaker[u.speaker]) for u in matrix.utterances)
    matrix = replace(matrix, utterances=utterances)
    results = (
        evaluate(matrix, replace(SETTINGS, protocol=replace(protocol, target="valence"))) for protocol in (LOSO, RANDOM)
    )
    _, one, other, last = reported_leak(tmp_path, capsys, *results)
    assert "CCC" in one
    assert "CCC" in other
    assert float(last.split()[3]) > 0.1

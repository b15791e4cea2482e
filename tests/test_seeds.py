"""Several seeds: one run, whose figure is the mean of the figures; models without random numbers run once."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthetic import Bayes, make_table
from test_experiment import run, table

from affex.pipeline.evaluation import evaluate, metrics, runs, seeds
from affex.pipeline.evaluation.finished_folds import FinishedFolds, inside
from affex.pipeline.evaluation.results import Result
from affex.pipeline.evaluation.settings import MOST_SEED, Plan, Settings
from affex.pipeline.evaluation.summary import from_json, summarise, to_json
from affex.pipeline.evaluation.task import prepare
from affex.pipeline.execution.work import Piece
from affex.pipeline.publishing.methods_figures import figures
from affex.pipeline.publishing.prose import as_text
from affex.pipeline.reporting import tables
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.text.errors import UsageError

MATRIX = make_table(n_speakers=4, class_shift=0.6)
ELM = Plan(
    corpus="toy", features=("made",), classifier=classifier_of("elm:units=8"), settings=Settings(seeds=3, seed=7)
)


def of_seeds(plan: Plan) -> tuple[Result, list[int]]:
    """Return the result with all seeds, and the further seeds that ran."""
    ran: list[int] = []

    def evaluated(own: Plan) -> Result:
        ran.append(own.settings.seed)
        return evaluate.evaluate(MATRIX, own)

    return seeds.with_others(evaluate.evaluate(MATRIX, plan), plan, evaluated), ran


@pytest.fixture(scope="module")
def result() -> Result:
    return of_seeds(ELM)[0]


def test_figures_are_means_over_seeds_and_all_else_is_of_the_first(result):
    found = summarise(result)
    uars = [
        metrics.uar(metrics.confusion_matrix(own.scores.true, own.scores.predicted, own.scores.classes))
        for own in result.seeds
    ]
    assert found.seeds == (7, 8, 9)
    assert len(set(uars)) > 1
    figure = found.figure("uar")
    assert figure.of_seeds == pytest.approx(uars)
    assert found.uar == figure.interval.value == figure.interval_given_models.value == pytest.approx(np.mean(uars))
    assert figure.spread_over_seeds == pytest.approx(np.std(uars, ddof=1))
    alone = [summarise(evaluate.evaluate(MATRIX, replace(ELM, settings=Settings(seed=seed)))) for seed in (7, 8, 9)]
    assert [one.uar for one in alone] == pytest.approx(uars)
    assert (found.confusion, found.per_class, found.per_speaker) == (
        alone[0].confusion, alone[0].per_class, alone[0].per_speaker,
    )  # fmt: skip
    assert found.figure("log_loss").value == pytest.approx(np.mean([one.figure("log_loss").value for one in alone]))
    assert from_json(to_json(found)) == found
    assert (alone[0].seeds, alone[0].figure("uar").of_seeds, alone[0].figure("uar").spread_over_seeds) == ((), (), None)


def test_both_spreads_are_said(result):
    found = summarise(result)
    spread = tables.number(found.figure("uar").spread_over_seeds)
    text = tables.as_text(lambda console: tables.show(found, None, console))
    assert "seeds 7, 8, 9, protocol" in text
    assert "sd over seeds" in text
    assert (
        f"(standard deviation {spread}); figures are means over seeds, their intervals are over speakers"
        in " ".join(text.split())
    )
    words = as_text(figures(found, None))
    assert f"Figures are means over 3 seeds; the standard deviation of the UAR over seeds is {spread}." in words


@pytest.mark.parametrize("classifier", [classifier_of("svm:C=1,gamma=1"), Bayes(), classifier_of("lda")])
def test_a_model_without_random_numbers_runs_once_and_says_so(classifier):
    found, ran = of_seeds(replace(ELM, classifier=classifier))
    assert (ran, found.seeds) == ([], ())
    assert found.notes[-1] == f"SEEDS=3: {classifier.name} has no random numbers, so it ran once"
    assert summarise(found).figure("uar").of_seeds == ()


def test_where_a_seed_changes_nothing_the_second_is_the_last():
    found, ran = of_seeds(replace(ELM, classifier=classifier_of("logistic")))
    assert (ran, found.seeds) == ([8], ())
    assert "with the seed 8 every score is that with 7" in found.notes[-1]


def test_the_last_seed_must_be_one():
    plan = replace(ELM, settings=Settings(seed=MOST_SEED - 1, seeds=2))
    seeds.require_able(plan)
    with pytest.raises(UsageError, match="the last seed would be larger than 4294967295"):
        seeds.require_able(replace(plan, settings=Settings(seed=MOST_SEED, seeds=2)))


def test_a_fusion_has_no_seeds_of_its_own(tmp_path: Path):
    with pytest.raises(UsageError, match="SEEDS=2 is for one model"):
        run([table(tmp_path)], tmp_path / "cache", features="egemaps mfcc", fusion="late:mean", seeds=2)


def test_the_folds_of_each_seed_are_kept_by_themselves(tmp_path: Path):
    task = prepare(MATRIX, ELM)
    outcomes: dict[int, Any] = {}
    evaluate.evaluate_task(task, ELM, keep=outcomes.__setitem__)
    first = FinishedFolds(inside(tmp_path), "0" * 64, inner=False)
    further = replace(first, seed=8)
    for number, outcome in outcomes.items():
        further.keep(number, task.folds[number], outcome)
    assert first.read(task.folds) == {}
    assert replace(first, seed=9).read(task.folds) == {}
    assert [*further.read(task.folds)] == [0, 1, 2, 3]
    for path in first.folder.iterdir():  # another seed's, under this one's name
        path.rename(path.with_name(path.name.replace("seed-8", "seed-9")))
    assert replace(first, seed=9).read(task.folds) == {}
    first.clear()
    assert not first.folder.exists()


@pytest.mark.slow
def test_an_interrupted_run_goes_on_in_the_seed_where_it_was(tmp_path: Path, capsys, monkeypatch):
    path, cache, compute, computed = table(tmp_path), tmp_path / "cache", evaluate._run_fold, []

    def until(limit: int) -> Any:
        def fold(piece: Piece, *shared: Any) -> Any:
            if len(computed) == limit:
                raise KeyboardInterrupt
            computed.append((shared[1].settings.seed, piece.jobs[0][1].name))
            return compute(piece, *shared)

        return fold

    monkeypatch.setattr(evaluate, "_run_fold", until(6))
    with pytest.raises(KeyboardInterrupt):
        run([path], cache, classifier="elm:units=4", seeds=2)
    [folder] = cache.glob("mine/runs/*")
    first, further = (f"fold-000{n}" for n in (1, 2))
    assert {f"{first}-seed-1.json", f"{further}-seed-1.json", f"{first}.json"} < {
        one.name for one in (folder / ".folds").iterdir()
    }
    monkeypatch.setattr(evaluate, "_run_fold", until(99))
    found = run([path], cache, classifier="elm:units=4", seeds=2)
    assert computed == [(seed, f"s{n}") for seed in (0, 1) for n in range(4)]
    assert found.seeds == (0, 1)
    assert not (folder / ".folds").exists()
    assert len(runs.read(folder).scores) == 16  # predictions of the first seed
    assert "2 of 4 folds were kept" in capsys.readouterr().out

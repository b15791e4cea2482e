"""The sentences of the methods on figures: what each one is, how intervals are computed, how runs are compared."""

from collections.abc import Iterator, Mapping

from affex.pipeline.evaluation.conclusions import SURE
from affex.pipeline.evaluation.prediction_sets import notes
from affex.pipeline.evaluation.summary import Summary
from affex.pipeline.publishing.prose import Cite, cite, listed
from affex.pipeline.reporting.compared import Compared

#: What a headline figure is, in words, and its source.
DEFINITIONS: Mapping[str, tuple[str, str]] = {
    "uar": ("the unweighted average recall, the mean of the classes' recalls", "schuller2009"),
    "war": ("the weighted average recall, the share of utterances that are recognised", "schuller2009"),
    "macro_f1": ("the mean of the classes' F1", "opitz2019"),
    "weighted_f1": ("the mean of the classes' F1, weighted by how often a class occurs", "sokolova2009"),
    "ccc": ("the concordance correlation coefficient", "lin1989"),
    "pearson": ("Pearson's correlation", ""),
    "rmse": ("the root of the mean squared error, in the target's unit", ""),
    "mae": ("the mean absolute error, in the target's unit", ""),
}


def figures(summary: Summary, comparison: Compared | None) -> Iterator[str | Cite]:
    """Yield the sentences on the figures of a run, on their intervals, and on the test of a comparison."""
    yield "All figures are computed once, from the answers of all folds together: "
    for number, (name, metric) in enumerate(summary.headlines.items()):
        wording, source = DEFINITIONS.get(name, (metric.title, ""))
        yield f"{'; ' if number else ''}{metric.title}, {wording}"
        yield from cite(*filter(None, [source]))
    yield f". Chance is a model that answers {summary.chance_is}. "
    yield from _intervals(summary)
    yield from _sets(summary)
    if comparison is not None:
        yield from _test(comparison)


def _intervals(summary: Summary) -> Iterator[str | Cite]:
    name = next(iter(summary.headlines))
    interval = summary.interval(name)
    if interval.low is None:
        yield f"There is no interval: {interval.reason}. "
        return
    unit = summary.about.unit
    yield f"Intervals are at {interval.level:.0%} over {interval.n_clusters} {unit}s, not over utterances: "
    yield summary.interval_method.replace("cluster", unit)
    yield from cite("quenouille1956", "tukey1958")
    if not interval.includes_training:
        yield f"; they hold for the trained model on other {unit}s, without what other training {unit}s would change. "
        return
    yield from cite("nadeau2003", "satterthwaite1946", "bartlett1947")
    given, title = summary.given_models(name), summary.headlines[name].title
    yield f"; they are for models trained on as many other {unit}s and tested on new ones. "
    yield f"For the trained models alone the interval of the {title} is [{given.low:.3f}, {given.high:.3f}]. "
    if summary.seeds:
        spread = summary.figures[name].spread_over_seeds
        yield f"Figures are means over {len(summary.seeds)} seeds; the standard deviation of the "
        yield f"{summary.headlines[name].title} over seeds is {'unknown' if spread is None else f'{spread:.3f}'}. "


def _sets(summary: Summary) -> Iterator[str | Cite]:
    """Yield how prediction sets were made, and what is promised of them."""
    found, unit = summary.sets, summary.about.unit
    if found is None:
        return
    yield "A prediction set holds every class with a large enough score"
    yield from cite("sadinle2019")
    yield (
        f", which is found for each test utterance on the inner scores of one utterance of each calibration {unit}, at "
        f"alpha {found.alpha:g}"
    )
    yield from cite("dunn2023")
    yield f": {1 - found.alpha:.0%} of random utterances of new {unit}s, at least, have their class in the set. "
    for note in notes(found, unit, len(summary.folds)):
        if "all classes" in note:
            yield f"But {note}. "


def _test(found: Compared) -> Iterator[str | Cite]:
    """Yield how runs were compared."""
    drawn = f"in {found.draws} ways drawn with the seed {found.seed}"
    ways = drawn if found.draws else f"in all 2^{found.n_clusters} ways"
    names = listed([run.name for run in found.runs])
    yield f"We compared {len(found.runs)} runs ({names}) by a paired permutation test"
    yield from cite("pitman1937", *(["phipson2010"] if found.draws else []))
    yield f": the predictions of two runs are swapped {found.unit} by {found.unit}, {ways}, and p is two-sided for the "
    yield f"difference of the pooled {found.known.title}"
    if len(found.pairs) > 1:
        yield f", corrected for {len(found.pairs)} pairs by Holm's procedure"
        yield from cite("holm1979")
    yield f", at the level {found.alpha:g}. "
    if found.rope:
        yield f"Runs are called equal if their expected difference lies within {found.rope:g} of 0 "
        yield f"with a probability of {SURE:g} or more, by a Bayesian correlated t-test on the jackknife's "
        yield "pseudo-values"
        yield from cite("corani2015", "benavoli2017")
        yield ". "

"""Answers on figures and on where they hold: item 5f, and modules 7 and 8 of the checklist."""

from collections.abc import Iterator

from affex.pipeline.publishing import beside
from affex.pipeline.publishing.checklist_answers import PARTLY, RUN, Answer, Known, record
from affex.pipeline.publishing.methods_figures import DEFINITIONS
from affex.pipeline.publishing.prose import as_text, cite
from affex.pipeline.publishing.references import reference
from affex.pipeline.reporting import comparison_tables, comparisons, tables


def baselines(known: Known) -> Answer:
    """5f: chance, people, published figures."""
    summary = known.summary
    others = " ".join(f"{one}." for one in beside.in_words(summary))
    text = f"Chance ({summary.chance_is}): {tables.chance_words(summary)}. {others}"
    return Answer(RUN, text, f"{record('figures.chance', 'chance_is', 'ceiling')}; pipeline/systems/: published")


def metrics(known: Known) -> Answer:
    """7a: each figure with its definition and its source."""
    parts = [_metric(name, metric.title) for name, metric in known.summary.headlines.items()]
    why = (
        "UAR comes first since it gives each class the same weight, however often it occurs"
        if known.summary.classes
        else "the CCC comes first since it counts errors of level and scale as well as of order"
    )
    return Answer(RUN, f"{'; '.join(parts)}; {why}.", record("figures"))


def _metric(name: str, title: str) -> str:
    wording, source = DEFINITIONS.get(name, (title, ""))
    return as_text((f"{title}: {wording}", *(cite(source) if source else ())))


def uncertainty(known: Known) -> Answer:
    """7b: intervals, their method, and over what."""
    summary = known.summary
    found = "; ".join(f"{m.title} {tables.with_interval(summary.interval(n))}" for n, m in summary.headlines.items())
    reasons = {summary.interval(name).reason for name in summary.headlines} - {""}
    method = f"{summary.interval_method}, over {summary.n_clusters} {known.unit}s"
    sources = "; ".join(reference(key).label for key in ("quenouille1956", "tukey1958"))
    none = " ".join(f"None where {reason}." for reason in sorted(reasons))
    text = " ".join(filter(None, (f"{found} ({method}; {sources}).", *_beside(known), none, _calibration(known))))
    fields = ("figures.interval", "figures.interval_given_models", "interval_method", "calibration")
    return Answer(RUN, text, record(*fields))


def _beside(known: Known) -> Iterator[str]:
    """Yield the main figure's interval for the given models, and its spread over seeds, where there are such."""
    summary = known.summary
    name, metric = next(iter(summary.headlines.items()))
    if summary.interval(name).includes_training:
        yield (
            f"These intervals are for models trained on as many other {known.unit}s; for the trained models alone, "
            f"{metric.title} {tables.with_interval(summary.given_models(name))}."
        )
    if summary.seeds:
        yield f"{tables.seeds_words(summary)}."


def _calibration(known: Known) -> str:
    """Return how far the scores can be trusted as probabilities, in words."""
    found = known.summary.calibration
    if found.error is None:
        return f"Calibration is not known: {found.reason}." if found.reason else ""
    error = tables.with_interval(found.error)
    return f"Expected calibration error of the decisions {error} ({reference('guo2017').label})."


def tests(known: Known) -> Answer:
    """7c: the comparisons that this run is part of."""
    summary = known.summary
    found = comparisons.of_run(known.run)
    against = f"Against chance, by the interval: {tables.chance_words(summary)}."
    if not found:
        return Answer(
            PARTLY, against, record("figures"), "Tests against other runs: make compare RUNS='...', then this again."
        )
    text = " ".join(_test(one) for one in found)
    return Answer(
        RUN, f"{text} {against}", "; ".join(f"comparisons/{one.folder.name}/comparison.json" for one in found)
    )


def _test(found: comparisons.Found) -> str:
    runs = {run.name: letter for letter, run in comparison_tables.lettered(found.compared)}
    named = ", ".join(f"{letter} = {name}" for name, letter in runs.items())
    pairs = zip(comparison_tables.pair_words(found.compared), found.compared.pairs, strict=True)
    verdicts = "; ".join(f"{pair}: {verdict} (p {tables.probability(one.p_holm)})" for (pair, verdict), one in pairs)
    return (
        f"Paired permutation test of {found.compared.known.title} over {found.compared.n_clusters} "
        f"{found.compared.unit}s, Holm's correction, alpha {found.compared.alpha:g}: {verdicts}; {named}."
    )


def outside(known: Known) -> Answer:
    """8a: whether the test was on another corpus."""
    protocol = known.summary.about.protocol
    if protocol.scheme == "cross":
        text = f"The test is on another corpus than the training: {protocol.test or 'see the folds'}."
        return Answer(RUN, text, record("about.protocol", "figures"))
    text = f"None in this run: it trains and tests within {' and '.join(corpus.short for corpus in known.corpora)}."
    remedy = "Evidence from elsewhere; PROTOCOL=cross trains on one corpus and tests on another."
    return Answer(PARTLY, text, record("about.protocol"), remedy)


def limits(known: Known) -> Answer:
    """8b: what the run itself says of where its figures do not hold."""
    text = " ".join(f"{one}." for one in _limits(known)) or "The run noted no limit."
    source = record("transductive", "leaks", "class_lost", "notes")
    return Answer(
        PARTLY, text, source, "For whom, and in which situations, the finding should not be expected to hold."
    )


def _limits(known: Known) -> Iterator[str]:
    summary = known.summary
    yield from filter(None, [summary.transductive, summary.about.enrolled])
    yield from (f"figures are too good: {leak}" for leak in summary.leaks)
    for corpus in known.corpora:
        acted = (
            " acted speech, not spontaneous" if "acted" in f"{corpus.title} {corpus.data_sheet.get('What', '')}" else ""
        )
        spoken = f" {corpus.sheet.language} only" if corpus.sheet and corpus.sheet.language else ""
        if acted or spoken:
            yield f"{corpus.short}:{','.join(filter(None, (spoken, acted)))}"
        if traps := corpus.data_sheet.get("Traps"):
            yield traps.rstrip(".")
    yield from summary.notes

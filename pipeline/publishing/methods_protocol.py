"""The sentences of the methods on the protocol: who is tested when, what is fitted where, what inflates figures."""

from collections.abc import Callable, Iterator, Mapping

from affex.pipeline.evaluation.summary import Summary
from affex.pipeline.publishing.prose import Cite, cite, counted
from affex.pipeline.reporting import tables


def protocol(summary: Summary) -> Iterator[str | Cite]:
    """Yield the sentences on the protocol of a run, and on everything that makes its figures too good."""
    about, n_folds = summary.about, len(summary.folds)
    normalised = summary.transductive or about.enrolled
    scheme = SCHEMES.get(about.protocol.scheme, _other)(summary)
    yield f"{scheme} ({counted(n_folds, 'fold')}; protocol {summary.protocol_hash[:12]}). "
    yield (
        f"Everything that learns (imputation, scaling, selection, search, calibration) is fitted on the training part "
        f"of a fold only{', but for the normalisation named below' if normalised else ''}. "
    )
    yield from _control(summary)
    yield from _caveats(summary)


def _control(summary: Summary) -> Iterator[str | Cite]:
    """Yield what size-matched controls reach, if there are any."""
    found = summary.control
    if not found:
        return
    title, unit = next(iter(summary.headlines.values())).title, summary.about.unit
    spread = "" if found.deviation is None else f", standard deviation over draws {found.deviation:.3f}"
    yield (
        f"Models that left out equally many utterances of each {unit} and class at random instead of the tested text "
        f"({counted(len(found.figures), 'draw')} a fold, hyperparameters of the fold) reach {title} "
        f"{found.mean.value:.3f}{spread}; leaving out the text instead changes it by "
        f"{tables.with_interval(found.difference)}. "
    )


def _caveats(summary: Summary) -> Iterator[str | Cite]:
    if summary.transductive:
        yield f"The figures are {summary.transductive}. "
    if summary.about.enrolled:
        yield f"Test utterances are {summary.about.enrolled}"
        yield from cite("samuelson1968")
        yield ". "
    if summary.class_lost:
        lost = summary.class_lost
        yield f"This removes the {lost.what} of {lost.n} of {lost.of} {summary.about.unit}s, who have only one. "
    if summary.leaks:
        yield "The figures are too good because of leaks"
        yield from cite("kapoor2023")
        yield f": {'; '.join(summary.leaks)}. "
        return
    unit = summary.about.unit
    apart = "no recording" if unit == "video" else f"no {unit} and no recording"
    yield f"An audit of the folds found {apart} on both sides of a fold"
    yield from cite("kapoor2023")
    yield ". "
    for note in shared(summary):
        yield f"Not kept apart: {note}. "


def shared(summary: Summary) -> list[str]:
    """Return what is on both sides of folds although the protocol allows it, such as texts, a sentence each."""
    return [note for note in summary.notes if " on both sides" in note]


def _loso(summary: Summary) -> str:
    unit = summary.about.unit
    return f"One {unit} at a time is left out and tested by a model that was trained on the other {unit}s"


def _session(summary: Summary) -> str:  # noqa: ARG001 - as the others
    return "One session at a time is left out with all its speakers, and tested by a model trained on the others"


def _group_k(summary: Summary) -> str:
    unit, k = summary.about.unit, summary.about.protocol.k
    return (
        f"The {unit}s are divided into {k} groups of about equally many utterances; one group at a time is left out "
        "and tested by a model that was trained on the others"
    )


def _split(summary: Summary) -> str:
    whose = "a split that the author gave as a table" if summary.about.protocol.file else "the corpus's own fixed split"
    return f"Training and test parts are those of {whose}; the final model is trained on all that is not tested"


def _folds(summary: Summary) -> str:
    return (
        f"Training and test parts are those of {counted(len(summary.folds), 'fold')} that the author gave as a table; "
        "the figures are of all tested utterances together"
    )


def _cross(summary: Summary) -> str:
    found = summary.about.protocol
    return f"Models are trained on {found.train or 'the other corpora'} and tested on {found.test or 'another corpus'}"


def _random_k(summary: Summary) -> str:
    return (
        f"Utterances are dealt at random into {summary.about.protocol.k} parts, one of which at a time is tested; "
        f"{summary.about.unit}s are on both sides, so that the figures say nothing about new {summary.about.unit}s"
    )


def _loso_text(summary: Summary) -> str:
    unit = summary.about.unit
    return (
        f"One {unit} and one text (or group of texts) at a time are left out; what this {unit} says of it is tested "
        f"by a model that was trained on utterances of neither, and inner folds keep {unit}s and texts apart, too"
    )


def _text(summary: Summary) -> str:
    unit = summary.about.unit
    return (
        "One text (or group of texts) at a time is left out and tested by a model that was trained on the others; "
        f"{unit}s are on both sides, so that the figures say nothing about new {unit}s"
    )


def _other(summary: Summary) -> str:
    return f"The protocol is {summary.about.protocol.scheme}"


#: The sentence on each scheme of `pipeline.evaluation.folds.SCHEMES`.
SCHEMES: Mapping[str, Callable[[Summary], str]] = {
    "loso": _loso,
    "session": _session,
    "group-k": _group_k,
    "split": _split,
    "folds": _folds,
    "cross": _cross,
    "random-k": _random_k,
    "loso+text": _loso_text,
    "text": _text,
}

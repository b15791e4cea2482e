"""Answers on what is claimed and on the data: modules 1, 3 and the first items of 4 of the checklist."""

from collections.abc import Iterator

import numpy as np

from affex.pipeline.evaluation import speakers
from affex.pipeline.publishing.checklist_answers import PARTLY, RUN, Answer, Known, author, record
from affex.pipeline.publishing.methods_data import left_out
from affex.pipeline.publishing.prose import counted, listed, settings
from affex.pipeline.publishing.question import question
from affex.pipeline.publishing.references import reference
from affex.pipeline.reporting import inputs, tables

#: Words of a note on recordings that are damaged, silent, or doubled.
CORRUPT = ("silen", "damage", "noise", "cut", "cop", "same sound", "without a face", "could not", "clip", "short")
#: Words of a note on what utterances lack.
LACKING = ("lack", "missing", "without", "no ", "fail", "not computed")


def population(known: Known) -> Answer:
    """1a: what was asked, of whom."""
    languages = [corpus.sheet.language for corpus in known.corpora if corpus.sheet and corpus.sheet.language]
    spoken = f" Language: {listed(languages)}." if languages else ""
    return Answer(
        PARTLY,
        f"{question(known.summary)}{spoken}",
        record("about", "n_clusters", "classes"),
        f"To whom, beyond these {known.unit}s, the claim is meant to extend.",
    )


def why_population(known: Known) -> Answer:
    """1b."""
    return author(f"Why these {known.unit}s, and the people whom they represent, are the population of interest.")


def why_learning(_: Known) -> Answer:
    """1c."""
    return author("Why machine learning, and not another method, answers the question.")


def sources(known: Known) -> Answer:
    """3a: the data sheet, and the raters."""
    if not known.section("What"):
        return author("Where and when the recordings were made, and who gave their labels, by which instruction.")
    votes = known.summary.ceiling
    raters = f" Votes of single raters are used: {votes.n_judgements} judgements." if votes else ""
    text = " ".join(filter(None, (known.section("What"), known.section("Who"))))
    source = f"{known.sheets}: What, Who"
    if known.is_synthetic:
        return Answer(RUN, text, source)
    return Answer(PARTLY, text + raters, source, "When the data were collected, if the paper says.")


def frame(known: Known) -> Answer:
    """3b: who was recorded."""
    if not known.section("Who"):
        return author("From which people, and which of their recordings, the sample was drawn.")
    if known.is_synthetic:
        return Answer(RUN, known.section("Who"), f"{known.sheets}: Who")
    return Answer(
        PARTLY,
        known.section("Who"),
        f"{known.sheets}: Who",
        "How these people were found, and who could not be chosen.",
    )


def why_data(_: Known) -> Answer:
    """3c."""
    return author(
        "Why these recordings suit the question: acted or spontaneous speech, the room, the microphone, the labels."
    )


def outcome(known: Known) -> Answer:
    """3d: the classes, or the values, and how they are distributed."""
    summary = known.summary
    target = summary.about.protocol.target
    if not summary.classes:
        true = np.asarray(known.run.scores.true, dtype=np.float64)
        numbers = {"mean": true.mean(), "standard deviation": true.std(), "least": true.min(), "largest": true.max()}
        text = f"The value of {target}: {settings({k: round(float(v), 4) for k, v in numbers.items()})}."
        return Answer(RUN, text, "predictions.csv: true")
    counts = listed([f"{row.name} {row.n}" for row in summary.per_class])
    spread = summary.speakers_by_classes
    of = f"; {speakers.in_words(spread, len(summary.classes), known.unit)}" if spread else ""
    return Answer(RUN, f"The class of {target}: {counts}{of}.", record("per_class", "speakers_by_classes"))


def size(known: Known) -> Answer:
    """3e: utterances and speakers, in all and in training."""
    summary = known.summary
    trained = sorted({fold.n_train for fold in summary.folds})
    numbers = f"{trained[0]} to {trained[-1]}" if len(trained) > 1 else str(trained[0])
    text = (
        f"{counted(summary.n_utterances, 'utterance')} of {counted(summary.n_clusters, known.unit)} were tested in "
        f"{counted(len(summary.folds), 'fold')}, each trained on {numbers} utterances."
    )
    return Answer(RUN, text, record("n_utterances", "n_clusters", "folds"))


def missing(known: Known) -> Answer:
    """3f: what did not count, and what utterances lack."""
    notes = [note for note in known.summary.notes if any(word in note for word in LACKING)]
    lost = f"{left_out(known.summary)} did not count." if known.summary.left_out else "No utterance was left out."
    text = " ".join([lost, *_failures(known), *_faces(known), *(f"{note}." for note in notes)])
    source = record("left_out", "notes") + (f"; {inputs.FILE}: failures, coverage" if known.lacking else "")
    return Answer(RUN, f"{text} Missing values of columns: see 4c.", source)


def _failures(known: Known) -> Iterator[str]:
    """Yield which utterances have no rows of a feature, by reason."""
    for one in known.lacking.failures if known.lacking else ():
        reasons = "; ".join(f"{reason.n}: {reason.message}" for reason in one.reasons)
        of = f"{one.n_failed} of {one.n_utterances} utterances of {one.corpus} have no rows of {one.feature}"
        yield f"{of} ({reasons})." if reasons else f"{of}."


def _faces(known: Known) -> Iterator[str]:
    """Yield how often the features of faces saw one."""
    for one in known.lacking.coverage if known.lacking else ():
        share = f"{one.all.share:.1%}" if one.all.share is not None else "no share"
        yield f"A face was found in {share} of the frames of {one.feature}."


def representative(known: Known) -> Answer:
    """3g: what is known of the people."""
    languages = [corpus.sheet.language for corpus in known.corpora if corpus.sheet and corpus.sheet.language]
    groups = [f"{one.attribute} {one.name}: {one.n} utterances of {one.n_clusters}" for one in known.summary.groups]
    tested = f"Tested, by what is known of the utterances: {listed(groups)} {known.unit}s." if groups else ""
    spoken = f"Language: {listed(languages)}." if languages else ""
    text = " ".join(filter(None, (known.section("Who"), spoken, tested)))
    if not text:
        return author(f"How the {known.unit}s compare with the population of the claim: age, sex, language, culture.")
    source = "; ".join(filter(None, (known.sheets and f"{known.sheets}: Who", record("groups") if groups else "")))
    return Answer(PARTLY, text, source, "Whether these people stand for the population of the claim.")


def excluded(known: Known) -> Answer:
    """4a: what the protocol leaves out, and why."""
    summary, protocol = known.summary, known.summary.about.protocol
    chosen = {
        "parts": ", ".join(protocol.parts),
        "classes": protocol.classes,
        "least agreement of raters": f"{protocol.agreement:g}" if protocol.agreement else "",
    }
    rules = settings({name: value for name, value in chosen.items() if value}) or "none"
    lost = left_out(summary) if summary.left_out else "nothing"
    text = f"Left out: {lost}. Rules of the protocol '{protocol.name}' on what counts: {rules}."
    return Answer(RUN, text, record("left_out", "about.protocol"))


def corrupt(known: Known) -> Answer:
    """4b: what the checks found."""
    summary = known.summary
    notes = [note for note in summary.notes if any(word in note for word in CORRUPT)]
    checks = (
        "Media are decoded whole and known by their digests; an utterance that cannot be computed is listed with its "
        "reason; where there is sound, recordings are compared by it, so that copies are found."
    )
    found = " ".join([*_failures(known), *(f"{note}." for note in notes)]) or "The checks noted nothing."
    lost = f" Left out: {left_out(summary)}." if summary.left_out else ""
    text = f"{checks} {found}{lost}{_labels(known)}{tables.mark(summary)}"
    return Answer(RUN, text, record("notes", "left_out", "leaks", "label_errors"))


def _labels(known: Known) -> str:
    """Return how many labels are likely wrong, in a sentence after a blank; empty where that is not known."""
    found = known.summary.label_errors
    if found.n is None:
        return ""
    source = reference("northcutt2021").label
    return f" Labels ({source}): {tables.label_error_words(found)}."

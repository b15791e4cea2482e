"""Findings: the arrow from a description to what to know first, the most serious first.

Each function yields the findings of one kind. Whether speaker and class can be told apart always comes first; the
others stand by their weight, and within a weight in the order of `KINDS`.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

from affex.pipeline.statistics import identity, raters
from affex.pipeline.statistics.agreement import RELIABLE, TENTATIVE
from affex.pipeline.statistics.description import Description, Finding
from affex.pipeline.statistics.recordings import CLIPPED, SILENT, ZEROS, Format, Named
from affex.pipeline.text.names import quoted

#: A class of fewer speakers has no variation from speaker to speaker that could be estimated.
FEW_SPEAKERS = 3
#: A class of fewer utterances.
FEW_UTTERANCES = 10
#: From this ratio of the largest class to the smallest, accuracy says little beside the recall of each class.
UNBALANCED = 5.0
#: Speaker and class go together from this uncertainty coefficient on, though no speaker may have one class only.
DETERMINED = 0.3
#: Up to so many speakers who lack classes are named.
LACKING = 3
#: How many names a sentence has.
SHOWN = 6

Weight = Literal["serious", "warning", "note"]
Findings = Iterator[Finding]


def findings(found: Description) -> tuple[Finding, ...]:
    """Return what to know first about a corpus; always first, whether speaker and class can be told apart."""
    every = [finding for kind in KINDS for finding in kind(found)]
    by_weight = [finding for weight in WEIGHTS for finding in every if finding.weight == weight]
    return (*_speakers_and_classes(found), *by_weight)


WEIGHTS: tuple[Weight, ...] = ("serious", "warning", "note")


def _speakers_and_classes(found: Description) -> Findings:
    """Yield whether speaker and class can be told apart."""
    crossed = found.crossed
    n, n_classes, single = len(crossed.speakers), len(crossed.classes), crossed.of_one_class
    if not n or not n_classes:
        return
    if n_classes == 1:
        yield Finding(
            "serious", f"All utterances are of one class, {quoted(crossed.classes)}: nothing can be predicted."
        )
    elif len(single) == n:
        yield Finding("serious", f"{_all_of(n)} utterances of one class only. {CONFOUNDED}")
    elif single:
        who = f"{len(single)} of {n} speakers have utterances of one class only ({_named(single)})"
        yield Finding("serious", f"{who}. For them speaker and class cannot be told apart. {NORM}")
    else:
        yield Finding("note", f"{_all_speakers(n)} several classes: {_complete(found)}.")
    if n == 1 and n_classes > 1:
        yield Finding("serious", "All labelled utterances are of one speaker: no speaker is left to test on.")


NORM = "SPEAKER_NORM=1 subtracts each speaker's mean, and with it the class."
CONFOUNDED = (
    "Speaker and class cannot be told apart: a model that recognises voices or faces scores like one that recognises "
    f"emotions. {NORM}"
)


def _all_of(n: int) -> str:
    return "The only speaker has" if n == 1 else f"Each of the {n} speakers has"


def _all_speakers(n: int) -> str:
    return "The only speaker has" if n == 1 else f"All {n} speakers have"


def _complete(found: Description) -> str:
    """Return how many speakers have all classes, and what the others lack."""
    n, n_classes, lacking = len(found.crossed.speakers), len(found.crossed.classes), found.crossed.lacking
    if not lacking:
        return f"each has all {n_classes}"
    if len(lacking) <= LACKING:
        some = "; ".join(f"{name} lacks {_named(labels)}" for name, labels in lacking.items())
        return f"{n - len(lacking)} of {n} have all {n_classes}; {some}"
    least = min(sum(map(bool, row)) for row in found.crossed.counts)
    if len(lacking) == n:
        return f"none has all {n_classes}, each has {least} or more"
    return f"{n - len(lacking)} of {n} have all {n_classes}, the others {least} or more"


def _association(found: Description) -> Findings:
    """Yield that speaker and class go together although speakers have several classes."""
    share = found.crossed.determined
    if share >= DETERMINED and len(found.crossed.of_one_class) < len(found.crossed.speakers):
        yield Finding(
            "warning",
            f"The speaker determines {share:.0%} of the class (uncertainty coefficient): speakers have the classes in "
            "very different proportions.",
        )


def _unknown_speakers(found: Description) -> Findings:
    unknown = found.speakers.count("")
    if unknown == len(found.ids):
        yield Finding(
            "serious",
            "The speakers are not known: no split can be shown to keep them apart, and no interval is over speakers.",
        )
    elif unknown:
        yield Finding("serious", f"{unknown} of {len(found.ids)} utterances have no speaker.")


def _class_poor(found: Description) -> Findings:
    """Yield the classes with few speakers or few utterances."""
    n_of = found.crossed.n_speakers_of
    few = [f"{label} ({_count(n, 'speaker')})" for label, n in n_of.items() if n < FEW_SPEAKERS]
    if few and len(found.crossed.speakers) > 1:
        alone = any(n == 1 for n in n_of.values())
        why = "a class of one speaker cannot be both learned and tested" if alone else "its results hardly generalise"
        yield Finding("serious" if alone else "warning", f"Classes of few speakers: {_named(few)}; {why}.")
    small = [f"{one.name} ({one.n})" for one in found.classes.counts if one.n < FEW_UTTERANCES]
    if small:
        yield Finding("warning", f"Classes of fewer than {FEW_UTTERANCES} utterances: {_named(small)}.")
    counts = [one.n for one in found.classes.counts]
    if len(counts) > 1 and max(counts) >= UNBALANCED * min(counts):
        yield Finding(
            "warning",
            f"The largest class has {max(counts)} utterances, the smallest {min(counts)}: report the unweighted "
            "average recall (UAR), not accuracy.",
        )


def _unlabelled(found: Description) -> Findings:
    unlabelled, n = found.classes.n_unknown, len(found.ids)
    if unlabelled == n:
        yield Finding("serious" if not found.dimensions else "note", "No utterance has a class.")
    elif unlabelled:
        yield Finding("warning", f"{unlabelled} of {n} utterances have no class: they count as context only.")


def _missing(found: Description) -> Findings:
    """Yield the utterances without rows, by feature."""
    n = len(found.ids)
    features = dict.fromkeys(failure.feature for failure in found.failures)
    for feature in features:
        own = [failure for failure in found.failures if failure.feature == feature]
        total = sum(failure.utterances.n for failure in own)
        reasons = "; ".join(f"{one.utterances.n}: {one.reason} ({one.utterances.ids[0]})" for one in own[:3])
        weight: Weight = "serious" if total == n else "warning"
        more = f"; and {len(own) - 3} more reasons" if len(own) > 3 else ""
        yield Finding(weight, f"{total} of {n} utterances have no rows of {feature}. {reasons}{more}.")


def _copies(found: Description) -> Findings:
    same = found.twins
    if same.n_same:
        differ = [(same.n_labels_differ, "classes"), (same.n_speakers_differ, "speakers")]
        words = ", ".join(f"{n} with different {what}" for n, what in differ if n)
        weight: Weight = "serious" if words else "warning"
        first = f"{same.same[0].first} and {same.same[0].second}"
        yield Finding(
            weight, f"{_count(same.n_same, 'pair')} of utterances hold the same recording (as {first}){_in(words)}."
        )
    if same.n_parts:
        first = f"{same.parts[0].first} and {same.parts[0].second}"
        yield Finding("warning", f"{_count(same.n_parts, 'pair')} of utterances overlap in one recording (as {first}).")


def _who_is_who(found: Description) -> Findings:
    """Yield names that may be one person, and those that may be two; else, that there are none."""
    for own in found.identities:
        weight: Weight = "warning" if own.same or own.several else "note"
        yield Finding(weight, " ".join(identity.sentences(own)))


def _in(words: str) -> str:
    return f": {words}" if words else ""


def _recordings(found: Description) -> Findings:
    """Yield silence and clipped sound."""
    own, n = found.recordings, found.recordings.n_measured
    for flagged, what in (
        (own.silent, f"are silent in {SILENT:.0%} of their frames or more"),
        (own.zeros, f"have digital silence (zeros) in {ZEROS:.0%} of their samples or more"),
        (own.clipped, f"are clipped in {CLIPPED:.1%} of their samples or more"),
    ):
        if flagged.n:
            yield Finding("warning", f"{flagged.n} of {n} recordings {what} ({_ids(flagged)}).")


def _formats(found: Description) -> Findings:
    """Yield that files are stored differently; more than a remark where a class has a format of its own."""
    for kind, formats in found.recordings.formats.items():
        if len(formats) < 2:
            continue
        what = "Sound is" if kind == "audio" else "Film is"
        some = "; ".join(f"{one.about} ({one.n_utterances})" for one in formats[:3])
        marked = _marked(formats)
        tells = f" The format tells the class: {_named(marked)} have one of their own." if marked else ""
        yield Finding("warning" if marked else "note", f"{what} stored in {len(formats)} ways: {some}.{tells}")


def _marked(formats: Sequence[Format]) -> list[str]:
    """Return the classes whose utterances all lie in formats in which no other class has any."""
    homes: dict[str, set[str]] = {}
    for one in formats:
        for label, _ in one.classes:
            homes.setdefault(label, set()).add(one.about)
    homes.pop("", None)
    others: Mapping[str, set[str]] = {
        label: set().union(*(own for name, own in homes.items() if name != label)) for label in homes
    }
    return [label for label, own in homes.items() if len(homes) > 1 and not own & others[label]]


def _raters(found: Description) -> Findings:
    agreed = found.agreement
    if agreed is None or math.isnan(agreed.alpha.value):
        return
    alpha = f"Krippendorff's alpha of the raters is {agreed.alpha.value:.2f}"
    if agreed.alpha.value < TENTATIVE:
        yield Finding("warning", f"{alpha}, below {TENTATIVE}: labels are opinions that raters often do not share.")
    elif agreed.alpha.value < RELIABLE:
        yield Finding("note", f"{alpha}: enough for tentative conclusions, below {RELIABLE}.")


def _single_raters(found: Description) -> Findings:
    """Yield who looks random, and how many raters gave too few votes to say."""
    if found.raters is None:
        return
    every, random = found.raters.raters, found.raters.random
    few = sum(one.follows is None for one in every)
    unjudged = f" {few} gave fewer than {raters.FEW} votes, too few to say." if few else ""
    if random:
        verb = "looks" if len(random) == 1 else "look"
        yield Finding(
            "warning",
            f"{len(random)} of {len(every)} raters {verb} random ({_named([one.name for one in random])}): fewer than "
            f"{raters.RANDOM:.0%} of their votes follow the utterance. SOFT=dawid-skene counts them little.{unjudged}",
        )
    else:
        yield Finding("note", f"None of {len(every)} raters looks random.{unjudged}")


def _variance(found: Description) -> Findings:
    for view in found.views:
        own = view.shares
        if own is not None and own.only_speaker.value > own.only_label.value:
            yield Finding(
                "note",
                f"In {view.feature}, the speaker explains {own.only_speaker.value:.0%} of the variance beyond the "
                f"class, the class {own.only_label.value:.0%} beyond the speaker: test on unheard speakers.",
            )


def _remarks(found: Description) -> Findings:
    for note in found.notes:
        yield Finding("warning", f"{note.removesuffix('.')}.")


#: The kinds of findings, in order.
KINDS: tuple[Callable[[Description], Findings], ...] = (
    _association,
    _unknown_speakers,
    _class_poor,
    _unlabelled,
    _missing,
    _copies,
    _who_is_who,
    _recordings,
    _formats,
    _raters,
    _single_raters,
    _remarks,
    _variance,
)


def _named(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"


def _ids(named: Named) -> str:
    return _named([*named.ids[:SHOWN], *[""] * (named.n - len(named.ids[:SHOWN]))])


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"

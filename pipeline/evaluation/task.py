"""Task: the arrow from a table and a protocol to rows, targets and folds."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.classifiers.base import Target
from affex.pipeline.corpora.base import Protocol
from affex.pipeline.evaluation import dawid_skene, enrolment, given_folds, raters, speakers, text_folds
from affex.pipeline.evaluation.dialogs import NO_DIALOGS, Dialogs, dialogs_of
from affex.pipeline.evaluation.folds import Clusters, Fold, cluster_of, clusters, folds, notes
from affex.pipeline.evaluation.named_votes import named_votes
from affex.pipeline.evaluation.raters import Ceiling
from affex.pipeline.evaluation.selection import Selection, has_values, in_parts, require_counts, select
from affex.pipeline.evaluation.settings import DAWID_SKENE, Plan
from affex.pipeline.evaluation.text_folds import Pair
from affex.pipeline.evaluation.unlabelled import able, refused, unlabelled
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.specs import discovery
from affex.pipeline.streams.enrolment import Enrolled, enrolled, enrolment_of, is_enrolment
from affex.pipeline.streams.examples import Examples, turns
from affex.pipeline.streams.readers import reader_of
from affex.pipeline.streams.table import Table, normalised_by_speaker
from affex.pipeline.streams.votes import NamedVotes
from affex.pipeline.text.errors import AffexError, UsageError

Numbers = NDArray[np.int64]
Labels = NDArray[np.str_]
#: Classes as str, or values as float64.
Targets = NDArray[Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Task:
    """The utterances of a table that count, with their rows, targets and folds.

    Parameters
    ----------
    utterances
        The utterances that count.
    examples
        Rows, targets, and speakers.
    folds
        The training and test utterances of each fold.
    clusters
        The clusters for intervals.
    left_out
        How many of the table's utterances do not count, by reason.
    notes
        What the folds cannot evaluate properly, a sentence each.
    ceiling
        The figure of a human rater, if votes are known.
    shares : (n_utterances, n_classes) float64, or None
        The raters' shares of the classes, if votes are known; NaN where no vote falls on a class.
    spread
        The number of clusters by their number of classes.
    dialogs
        Which of the utterances are turns of one dialog.
    """

    utterances: tuple[Utterance, ...]
    examples: Examples
    folds: tuple[Fold, ...]
    clusters: Clusters
    left_out: Mapping[str, int]
    notes: tuple[str, ...]
    ceiling: Ceiling | None = None
    shares: Floats | None = None
    spread: speakers.Spread = field(default_factory=dict)
    dialogs: Dialogs = NO_DIALOGS


def prepare(table: Table, plan: Plan) -> Task:
    """Select the utterances that count and create the folds.

    The normalisation by speaker uses all utterances of the protocol's parts, so it depends on no label, not even on the
    choice of classes.

    Raises
    ------
    UsageError, AffexError
        As `evaluate`.
    """
    protocol = plan.protocol
    given = protocol.scheme == "folds"
    every = table.utterances
    listed = given_folds.require_known(protocol.file, every, partial=plan.settings.partial) if given else ()
    has_rows, in_protocol = table.present.any(axis=1), in_parts(table.utterances, protocol.parts)
    asserted = _asserted(table, protocol, in_protocol, partial=plan.settings.partial)
    left_out = {"in another part": int((~in_protocol).sum()), "without features": int((in_protocol & ~has_rows).sum())}
    table = reader_of(plan.classifier).arranged(table, plan.features).take(np.flatnonzero(has_rows & in_protocol))
    _require_rows(table, plan)
    whole = table
    if plan.settings.speaker_norm:
        clusters(table.utterances, "speaker")  # every utterance needs a speaker
        table = normalised_by_speaker(table, plan.settings.speaker_norm)
    require_target(plan)
    selection = select(table.utterances, protocol)
    context, learns = plan.classifier.context, plan.classifier.unlabelled
    numbers = _read(selection, _others(table, plan))
    read, table = table.take(numbers), table.take(selection.chosen)
    rounds = folds(protocol, table.utterances, every)
    left_out["in no fold"] = len(table) - len(np.unique(np.concatenate([n for f in rounds for n in (f.train, f.test)])))
    if is_enrolment(plan.settings.speaker_norm):
        enrolment.require_new(rounds, clusters(table.utterances, "speaker"))
    found = clusters(table.utterances)
    groups = inner_groups(protocol, table.utterances, rounds)
    shares, ceiling = _rated(table.utterances, selection, plan)
    targets, unrated = _soft_targets(shares, selection) if plan.settings.soft is True else (None, ())
    votes, voted = _votes(table.utterances, selection, plan)
    classes_missing = notes(selection.y, rounds) if selection.classes else ()
    poor = speakers.warnings(found, selection.y, plan.settings.speaker_norm)
    pairs = learns and context == "none" and len(read) > len(table)
    n_others = len(whole) - len(table)
    examples = Examples(
        read.streams,
        selection.y,
        _groups(groups, read.utterances),
        selection.classes,
        targets,
        turns=turns(read.utterances, len(table), context),
        unlabelled=unlabelled(protocol, read.utterances, len(table), found.unit) if pairs else None,
        texts=_texts(protocol, table.utterances),
        votes=votes,
        enrolled=_enrolled(whole, numbers, plan),
    )
    return Task(
        utterances=table.utterances,
        examples=examples,
        folds=rounds,
        clusters=found,
        left_out={reason: n for reason, n in (left_out | dict(selection.left_out)).items() if n},
        notes=(
            *asserted,
            *listed,
            *(given_folds.notes((fold.test for fold in rounds), len(table)) if given else ()),
            *_absent(table, plan),
            *unrated,
            *voted,
            *beside(examples, rounds),
            *(refused(protocol, n_others) if learns and context == "none" else ()),
            *selection.notes,
            *classes_missing,
            *_one_text(examples, rounds),
            *poor,
            *_random_splits(plan),
            *_unequal(plan, examples),
        ),
        ceiling=ceiling,
        shares=shares,
        spread=speakers.spread(found, selection.y),
        dialogs=dialogs_of(every).of(utterance.id for utterance in table.utterances),
    )


def _enrolled(whole: Table, numbers: Numbers, plan: Plan) -> Enrolled | None:
    """Return who is enrolled for each utterance that a task reads, of all utterances of the protocol's parts."""
    how = plan.settings.speaker_norm
    if not is_enrolment(how):
        return None
    return enrolled(whole.streams, whole.utterances, numbers, enrolment_of(how), plan.settings.seed)


def _others(table: Table, plan: Plan) -> NDArray[np.bool_]:
    """Return which utterances a model reads even if they have no class that counts, ``(n_utterances,)``.

    Those that give context; or, if the model learns from others without their class, those that have every feature
    and that the protocol allows.
    """
    if plan.classifier.context != "none":
        return np.ones(len(table), bool)
    if not plan.classifier.unlabelled:
        return np.zeros(len(table), bool)
    return np.asarray(table.present.all(axis=1)) & able(plan.protocol, table.utterances)


def _read(selection: Selection, others: NDArray[np.bool_]) -> Numbers:
    """Return the numbers of the utterances that count, then those of the others that are read."""
    return np.concatenate([selection.chosen, np.setdiff1d(np.flatnonzero(others), selection.chosen)])


def _groups(counted: Clusters, utterances: Sequence[Utterance]) -> Labels:
    """Return the group of every utterance, which inner folds keep whole; utterances that do not count may have none."""
    others = [cluster_of(utterance, counted.unit) for utterance in utterances[len(counted.of) :]]
    return np.concatenate([counted.of, np.array(others, dtype=np.str_)])


def beside(examples: Examples, rounds: Sequence[Fold]) -> tuple[str, ...]:
    """Return a note on the utterances without a class that a model reads, if there are any."""
    n_others, learned = len(examples.groups) - len(examples.y), examples.unlabelled
    if not n_others:
        return ()
    if learned is None:
        return (f"{n_others} utterances without a class that counts are read as context; they are not scored",)
    each = [len(learned.beside(fold.train)) for fold in rounds]
    n_learned = f"{min(each)} to {max(each)}" if min(each) < max(each) else f"{min(each)}"
    where = " in each fold" if len(rounds) > 1 else ""
    return (
        f"of {n_others} utterances without a class that counts, {n_learned} are learned from{where}, those that share "
        "no speaker, dialog or file with what is left out; they are not scored",
    )


def inner_groups(protocol: Protocol, utterances: Sequence[Utterance], rounds: Sequence[Fold]) -> Clusters:
    """Return the groups that inner folds keep whole: speakers, sessions if enough of them train, or texts."""
    if protocol.scheme == "text":
        return Clusters("text", text_folds.each_once(utterances))
    return clusters(utterances, "session" if protocol.scheme == "session" and len(rounds) > 2 else "")


def _texts(protocol: Protocol, utterances: Sequence[Utterance]) -> Labels | None:
    """Return the texts that inner folds keep apart; None where the protocol does not."""
    if protocol.scheme != "loso+text":
        return None
    return np.array([text or "" for text in text_folds.texts_of(utterances)], dtype=np.str_)


def inner_pairs(examples: Examples, fold: Fold) -> tuple[Pair, ...] | None:
    """Return the inner folds of a fold, as numbers of utterances; None for those over the training speakers.

    The protocol fixes them, or speakers and texts are kept apart in them as in the folds.
    """
    if fold.inner is not None or examples.texts is None:
        return fold.inner
    train = fold.train
    pairs = text_folds.inner_pairs(examples.groups[train], examples.texts[train])
    return None if pairs is None else tuple((train[learned], train[tested]) for learned, tested in pairs)


def _one_text(examples: Examples, rounds: Sequence[Fold]) -> Iterator[str]:
    """Yield a sentence if folds train on too few shared texts for inner folds that leave texts out."""
    n = 0 if examples.texts is None else sum(inner_pairs(examples, fold) is None for fold in rounds)
    if n:
        yield f"{n} of {len(rounds)} folds train on fewer than 2 shared texts: inner folds leave out speakers only"


def require_target(plan: Plan) -> None:
    """Raise an error if the settings do not fit the target; no row is needed for that.

    Raises
    ------
    UsageError
        If the classifier cannot predict the target, or options need classes although the target is continuous.
    """
    target: Target = "values" if has_values(plan.protocol) else "classes"
    if target not in plan.classifier.targets:
        able = [name for name, other in discovery.classifier_presets().items() if target in other.targets]
        raise UsageError(
            f"CLASSIFIER={plan.classifier.name} predicts {' or '.join(plan.classifier.targets)}; "
            f"TARGET={plan.protocol.target} has {target}. Those that predict {target}: {', '.join(able)}."
        )
    enrolment.require_able(plan)
    if target == "values" and (plan.settings.reweight or plan.settings.soft):
        raise UsageError(f"REWEIGHT=1 and SOFT=1 are about classes, and TARGET={plan.protocol.target} has values.")
    if target == "values" and plan.settings.sets:
        raise UsageError(
            f"SETS={plan.settings.sets:g} gives sets of classes, and TARGET={plan.protocol.target} has values."
        )
    if plan.settings.soft and plan.classifier.context != "none":
        raise UsageError(
            f"SOFT=1 counts an utterance in part for each class, and CLASSIFIER={plan.classifier.name} reads it as "
            "one turn of its dialog: leave it out, or name a classifier without context."
        )


def built(plan: Plan, *, precomputed: bool = False) -> Any:
    """Return the unfitted estimator that settings ask for.

    Raises
    ------
    UsageError
        If the classifier's settings do not suit the target, or do not suit distances.
    """
    target: Target = "values" if has_values(plan.protocol) else "classes"
    try:
        return plan.classifier.estimator(
            target=target, precomputed=precomputed, seed=plan.settings.seed, device=plan.settings.device
        )
    except ValueError as error:
        raise UsageError(f"CLASSIFIER={plan.classifier.name}: {error}.") from error


def _random_splits(plan: Plan) -> Iterator[str]:
    """Yield a sentence for each part of the estimator that sets training rows aside at random."""
    from affex.classifiers.estimators.inspection import random_splits

    yield from random_splits(built(plan))


def _unequal(plan: Plan, examples: Examples) -> Iterator[str]:
    """Yield a sentence if utterances with more rows count more in training."""
    if not reader_of(plan.classifier).equal_weights(examples):
        yield f"{plan.classifier.name} takes no weights: an utterance counts once for each of its rows in training"


def folds_hash(task: Task) -> str:
    """Return the sha256 of each fold's training and test utterances, by id, and of their targets.

    The ids of utterances that a fold learns from without a target are part of it, too.
    """
    sha = hashlib.sha256()
    ids = np.array([utterance.id for utterance in task.utterances])
    for fold in task.folds:
        for part in (fold.train, fold.test):
            record = [fold.name, ids[part].tolist(), task.examples.y[part].tolist()]
            sha.update(json.dumps(record).encode())
        if (others := task.examples.unlabelled) is not None:
            sha.update(json.dumps(others.ids[others.beside(fold.train)].tolist()).encode())
    return sha.hexdigest()


def _asserted(table: Table, protocol: Protocol, in_protocol: NDArray[np.bool_], *, partial: bool) -> tuple[str, ...]:
    """Return the protocol's asserted counts that do not hold, if the settings accept that."""
    if not protocol.counts and protocol.total is None:
        return ()
    wrong = require_counts(
        protocol, select([u for u, here in zip(table.utterances, in_protocol, strict=True) if here], protocol)
    )
    if wrong and not partial:
        raise AffexError(
            f"{'; '.join(wrong)}.\nFigures on other utterances are not comparable; to go on, say PARTIAL=1."
        )
    return wrong


def _absent(table: Table, plan: Plan) -> tuple[str, ...]:
    """Return a sentence for each feature that some utterances lack while they have another.

    Raises
    ------
    AffexError
        If all of them lack it: there would be nothing to fuse.
    """
    lacking = dict(zip(plan.features, (~table.present).sum(axis=0).tolist(), strict=False))
    for feature, n in lacking.items():
        if n == len(table):
            raise AffexError(
                f"None of the {n} utterances that count has {feature}, so it cannot stand beside the others. Name the "
                f"others alone; `make features FEATURES={feature}` says why they lack it."
            )
    return tuple(
        f"{n} of {len(table)} utterances lack {feature}: its columns are {plan.classifier.fills} in each fold"
        for feature, n in lacking.items()
        if n and len(plan.features) > 1
    )


def _rated(utterances: Sequence[Utterance], selection: Selection, plan: Plan) -> tuple[Floats | None, Ceiling | None]:
    """Return the raters' shares of the classes, and the human ceiling; None where no votes are known."""
    votes = [utterance.votes for utterance in utterances]
    if not selection.classes or not any(votes) or plan.protocol.target != "label":
        if plan.settings.soft:
            raise AffexError(f"SOFT={_soft(plan)} learns from raters' votes, and no utterance here has any.")
        return None, None
    ceiling = raters.human_ceiling(votes, selection.class_of, selection.classes)
    return raters.shares(votes, selection.class_of, selection.classes), ceiling


def _soft(plan: Plan) -> str:
    """Return the value of SOFT as make spells it."""
    return "1" if plan.settings.soft is True else str(plan.settings.soft)


def _votes(
    utterances: Sequence[Utterance], selection: Selection, plan: Plan
) -> tuple[NamedVotes | None, tuple[str, ...]]:
    """Return the votes of named raters for a model of raters, with notes; None where the settings ask for none.

    Raises
    ------
    AffexError
        If no vote says who gave it, or no utterance has votes of two raters.
    """
    if plan.settings.soft != DAWID_SKENE:
        return None, ()
    found = named_votes(utterances, selection.class_of, selection.classes)
    if found is None:
        raise AffexError(
            f"SOFT={DAWID_SKENE} learns how far each rater can be trusted, and no vote here says who gave it. Name the "
            "raters, as in the column 'raters' of a table, or say SOFT=1, which counts all raters alike."
        )
    if found.most_raters < 2:
        raise AffexError(
            f"SOFT={DAWID_SKENE} compares raters with each other, and no utterance here has votes of 2 raters for the "
            "classes. Leave it out, to train on the labels."
        )
    return found, tuple(dawid_skene.notes(found))


def _soft_targets(shares: Floats | None, selection: Selection) -> tuple[Floats, tuple[str, ...]]:
    """Return soft training targets, and a note on utterances without a vote for a class."""
    assert shares is not None  # `_rated` raises an error
    unrated = np.asarray(np.isnan(shares).any(axis=1))
    labels = np.equal.outer(np.asarray(selection.y), np.array(selection.classes))
    note = f"{int(unrated.sum())} of {len(shares)} utterances have no vote for a class: they count for their label"
    return np.where(unrated[:, None], labels, shares), (note,) if unrated.any() else ()


def _require_rows(table: Table, plan: Plan) -> None:
    if not len(table):
        raise AffexError(f"No utterance of {plan.corpus} has {' or '.join(plan.features)}: none to test.")
    complete = table.present.all(axis=1)
    for stream in table.streams:
        wrong = np.isinf(stream.flat) | (np.isnan(stream.flat) & np.repeat(complete, stream.lengths)[:, None])
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            owner = table.utterances[int(np.searchsorted(stream.offsets, row, side="right")) - 1]
            raise AffexError(
                f"{owner.id}: column {stream.columns[column]} is {stream.flat[row, column]}; expected a number.\n"
                "A feature that an utterance lacks is marked as absent, never NaN: check the cache (affex cache)."
            )

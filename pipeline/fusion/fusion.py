"""Fusion: the arrow from finished runs on one protocol to one result, by fusing their scores.

A rule that learns is fitted in each outer fold to the members' inner scores of that fold: models fitted on a part of
its training utterances score the rest. So the rule uses neither features nor labels of the test utterances.
Utterances that a member lacks are fused from the other members, and counted.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.corpora.base import Protocol
from affex.pipeline.evaluation import metrics, searches, training_limits
from affex.pipeline.evaluation.folds import protocol_hash
from affex.pipeline.evaluation.results import (
    About,
    FoldSummary,
    FusionSettings,
    Member,
    RecognisedClasses,
    Result,
    Scores,
)
from affex.pipeline.evaluation.runs import Run
from affex.pipeline.evaluation.selection import has_values
from affex.pipeline.evaluation.speakers import ClassLost
from affex.pipeline.fusion.aligned_scores import AlignedScores, Labels, side_by_side
from affex.pipeline.fusion.probabilities import Floats
from affex.pipeline.fusion.registry import CLASS_RULES, VALUE_RULES
from affex.pipeline.fusion.rules import Rule, Vote
from affex.pipeline.fusion.sequences import lacking, reading_of, together
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.specs import grammar
from affex.pipeline.specs.fusions import OF_DIALOGS
from affex.pipeline.text.errors import AffexError, UsageError, unknown

Thing = TypeVar("Thing")

#: All rules, by name; only some can fuse values.
RULES: Mapping[str, type[Rule]] = CLASS_RULES
#: The rule if FUSION names none.
DEFAULT = "weights"
#: The columns of scores that have one row per utterance.
COLUMNS = ("ids", "clusters", "folds", "true", "predicted", "values")


def rule_of(fusion: str) -> str:
    """Return the name of the rule that FUSION means, as in ``"late:mean"``; `DEFAULT` for ``"late"``.

    Raises
    ------
    UsageError
        If it is no late fusion, or there is no such rule.
    """
    rule = grammar.after_name(fusion)
    if grammar.name_of(fusion) != "late":
        raise unknown("late fusion", fusion, ("late", *(f"late:{name}" for name in RULES)))
    if rule and rule not in RULES:
        raise unknown("rule of late fusion", rule, RULES)
    return rule or DEFAULT


def late(members: Sequence[Run], rule: str) -> Result:
    """Fuse the scores of finished runs.

    Parameters
    ----------
    members
        Two runs at least, on the same card; of a rule that reads dialogs, one at least.
    rule
        The name of one of `RULES`.

    Returns
    -------
    Result
        Its utterances are in the order of the first member, followed by those that only others have.

    Raises
    ------
    UsageError
        If the runs do not fit together (it says what differs), the rule needs inner scores that a run did not keep,
        or it does not fuse what they predict.
    AffexError
        If the rule cannot be fitted to a fold.
    """
    rules = learned(members, rule)
    aligned, reading = _aligned(members), reading_of(members, rule)
    aligned = reading.onto(aligned) if reading else aligned
    folds = tuple(_summary(members, aligned, fold, one, _kind(members[0], rule)) for fold, one in rules.items())
    axes = tuple(dict.fromkeys(axis for one in rules.values() for axis in one.search_axes))
    return Result(
        about=about(members, rule),
        scores=_applied(rules, aligned),
        folds=folds,
        left_out=_left_out(members, len(aligned)),
        notes=(
            *_notes(members),
            *([reading.note] if reading else []),
            *training_limits.sentences([(fold.best_params, fold.limits) for fold in folds]),
            *searches.sentences(axes, [(fold.best_params, fold.limits) for fold in folds]),
            *_lacking(members, aligned),
        ),
        leaks=_distinct(leak for member in members for leak in member.summary.leaks),
        folds_hash=_folds_hash(members),
        ceiling=members[0].summary.ceiling,
        recognised=_recognised(members, aligned) if aligned.classes else (),
        of_members=tuple(
            replace(one, member=one.member or name)
            for name, member in zip(_names(members), members, strict=True)
            for one in member.summary.moments
        ),
        spread=_largest(members).summary.speakers_by_classes,
        class_lost=_class_lost(members),
        attributes=_attributes(members, aligned),
        dialogs=together(members),
        searched=axes,
    )


class OrderedVote(Vote):
    """A majority vote without the members' scores, for members whose scores cannot be compared.

    Among classes with equally many votes, the class of the member named first wins. So with two members, the first
    decides whenever they differ.
    """

    def _preference(self, aligned: AlignedScores, votes: NDArray[np.bool_]) -> Floats:  # noqa: ARG002 - no score is read
        """Return, by class, the rank of the first member that votes for it, from the last."""
        ranks = np.arange(len(votes), 0, -1, dtype=np.float64)
        found: Floats = (votes * ranks[:, None, None]).max(axis=0)
        return found


def learned(members: Sequence[Run], rule: str) -> Mapping[str, Rule]:
    """Return the rule as fitted in each fold, by the fold's name; the fold's test utterances are not used.

    If a member's scores are not calibrated in a fold, or there is nothing to learn from (a single training speaker),
    the members' decisions are fused instead: classes by vote (in a tie, the member named first decides), values by
    their mean.

    Raises
    ------
    UsageError, AffexError
        As `late`.
    """
    _require_alike(members, rule)
    kind, aligned = _kind(members[0], rule), _aligned(members)
    if kind.learns:
        _require_inner(members, rule)
    reading = reading_of(members, rule)
    names = [member.name for member in members]
    folds = _distinct(fold.name for member in members for fold in member.summary.folds)
    inner = {fold: side_by_side(names, [_inner(member, fold) for member in members]) for fold in folds}
    _require_apart(inner, aligned)
    if reading is not None:
        inner = {fold: reading.onto(own) for fold, own in inner.items()}
    decisions: type[Rule] = OrderedVote if aligned.classes else VALUE_RULES["mean"]
    return {
        fold: decisions.fit(own) if _without_scores(members, fold, kind) else _fitted(rule, kind, fold, own)
        for fold, own in inner.items()
    }


def _without_scores(members: Sequence[Run], fold: str, kind: type[Rule]) -> dict[str, str]:
    """Return why a rule cannot use the members' scores of a fold, as a limit of the fold; empty if it can."""
    if not kind.reads_scores:
        return {}
    reasons = [training_limits.without_scores(_limits(member, fold)) for member in members]
    words = training_limits.AND.join(
        training_limits.each_of(name, why) for name, why in zip(_names(members), reasons, strict=True) if why
    )
    return {training_limits.FUSION: words} if words else {}


def _limits(member: Run, fold: str) -> Mapping[str, str]:
    """Return the steps for which a member had too few training utterances in a fold."""
    found = member.summary.fold(fold)
    return found.limits if found else {}


def _names(members: Sequence[Run]) -> list[str]:
    """Return distinct names of the members: their models, or their runs if two models are the same."""
    models = [" ".join(member.summary.about.model) for member in members]
    return models if len(set(models)) == len(models) else [member.name for member in members]


def _kind(member: Run, rule: str) -> type[Rule]:
    if rule not in RULES:
        raise unknown("rule of late fusion", rule, RULES)
    require_able(rule, member.summary.about.protocol)
    return (CLASS_RULES if member.scores.classes else VALUE_RULES)[rule]


def require_able(rule: str, protocol: Protocol) -> None:
    """Raise an error if a rule of `RULES` cannot fuse what a protocol predicts.

    Raises
    ------
    UsageError
        The message names the rules that can.
    """
    if has_values(protocol) and rule not in VALUE_RULES:
        raise UsageError(
            f"FUSION=late:{rule} fuses classes, and TARGET={protocol.target} has values. "
            f"Rules that fuse values: {', '.join(VALUE_RULES)}."
        )


def require_dialogs(rule: str, datasets: Sequence[Dataset]) -> None:
    """Raise an error if a rule reads dialogs and a corpus has none.

    Raises
    ------
    UsageError
        The message names the corpus.
    """
    for dataset in datasets if rule in OF_DIALOGS else ():
        if not any(utterance.dialog for utterance in dataset.utterances):
            raise UsageError(lacking(rule, dataset.name))


def _fitted(rule: str, kind: type[Rule], fold: str, inner: AlignedScores) -> Rule:
    try:
        return kind.fit(inner)
    except ValueError as error:
        raise AffexError(
            f"Fold {fold}: the fusion '{rule}' could not be trained on the scores of {len(inner)} "
            f"utterances.\n{error}\nFUSION=late:mean needs no training."
        ) from error


def _applied(rules: Mapping[str, Rule], aligned: AlignedScores) -> Scores:
    opinions = [one.apply(aligned.of_fold(fold)) for fold, one in rules.items()]
    back = np.argsort(np.concatenate([np.flatnonzero(aligned.folds == fold) for fold in rules]))
    return Scores(
        ids=aligned.ids,
        clusters=aligned.clusters,
        folds=aligned.folds,
        true=aligned.true,
        predicted=np.concatenate([opinion.predicted for opinion in opinions])[back],
        classes=aligned.classes,
        values=np.concatenate([opinion.values for opinion in opinions])[back],
    )


def _aligned(members: Sequence[Run]) -> AlignedScores:
    return side_by_side([member.name for member in members], [member.scores for member in members])


def _inner(member: Run, fold: str) -> Scores:
    """Return a member's inner scores of a fold; without utterances if it has none."""
    for scores in member.inner:
        if scores.folds[0] == fold:
            return scores
    empty = {name: getattr(member.scores, name)[:0] for name in COLUMNS}
    return replace(member.scores, **empty)


def _require_alike(members: Sequence[Run], rule: str) -> None:
    if len(members) < (1 if rule in OF_DIALOGS else 2):
        alone = " or ".join(f"FUSION=late:{name}" for name in OF_DIALOGS)
        raise UsageError(f"A fusion needs 2 runs at least, got {len(members)}; {alone} needs one.")
    folders = [member.folder.resolve() for member in members]
    for number, member in enumerate(members):
        if folders[number] in folders[:number]:
            raise UsageError(f"The run {member.name} was named twice: its scores would count twice.")
    for member in members[1:]:
        _require_same(members[0], member)


def _require_same(one: Run, other: Run) -> None:
    """Raise an error if two runs differ in protocol, corpus or classes; folds and targets are compared separately."""
    differences = [] if one.summary.protocol_hash == other.summary.protocol_hash else _protocol_differences(one, other)
    aspects = (
        ("corpus", one.summary.about.corpus, other.summary.about.corpus),
        ("unit", one.summary.about.unit, other.summary.about.unit),
        ("classes", one.summary.classes, other.summary.classes),
    )
    differences += [f"{name} is {value!r} against {other!r}" for name, value, other in aspects if value != other]
    if differences:
        raise UsageError(
            f"{one.name} and {other.name} cannot be fused: {'; '.join(differences)}.\n"
            "Evaluate both on one corpus under the same protocol, target and classes."
        )


def _protocol_differences(one: Run, other: Run) -> list[str]:
    """Return the differences, other than the name, between two protocols with different hashes."""
    protocols = (one.summary.about.protocol, other.summary.about.protocol)
    aspects = [(field.name, *(getattr(one, field.name) for one in protocols)) for field in fields(Protocol)]
    differences = [
        f"{name} is {value!r} against {other!r}" for name, value, other in aspects if name != "name" and value != other
    ]
    return differences or ["the content of the split file differs"]


def _require_inner(members: Sequence[Run], rule: str) -> None:
    for member in members:
        alone = all(training_limits.INNER in fold.limits for fold in member.summary.folds)
        if not member.inner and not alone:
            raise UsageError(
                f"The fusion '{rule}' is trained on inner scores, and {member.name} kept none: run it again with "
                "`make evaluate INNER=1`.\nFUSION=late:mean needs no training."
            )


def _require_apart(inner: Mapping[str, AlignedScores], aligned: AlignedScores) -> None:
    for fold, learned_from in inner.items():
        leaked = np.intersect1d(learned_from.ids, aligned.of_fold(fold).ids)
        if len(leaked):
            raise UsageError(
                f"Fold {fold}: {leaked[0]} is in test, and in the inner scores for training. The runs' files "
                "do not belong together: make the runs again with `make evaluate INNER=1`."
            )


def about(members: Sequence[Run], rule: str, system: str | None = None) -> About:
    """Return the name and the settings of a fusion of finished runs, before anything is learned.

    Parameters
    ----------
    system
        The published system that the fusion repeats, if it does.

    Raises
    ------
    UsageError
        As `late`.
    """
    _require_alike(members, rule)
    abouts = [member.summary.about for member in members]
    features, classifiers = (_distinct(about.model[place] for about in abouts) for place in (0, 1))
    options = _distinct(option for about in abouts for option in about.model[2:])
    kind = _kind(members[0], rule)
    return About(
        corpus=abouts[0].corpus,
        protocol=_protocol(members[0]),
        model=("+".join(features), "+".join(classifiers), *options, f"late-{rule}", *([system] if system else ())),
        settings=FusionSettings(f"late:{rule}", tuple(map(_member, members)), system),
        scores=kind.scores,
        unit=abouts[0].unit,
        probabilities=kind.reads_scores and (kind.calibrates or all(about.probabilities for about in abouts)),
    )


def _member(run: Run) -> Member:
    about = run.summary.about
    return Member(run.name, about.model, run.summary.depends_on, about.settings)


def _protocol(member: Run) -> Protocol:
    """Return the protocol that a run was made on.

    Raises
    ------
    UsageError
        If its split file has changed since.
    """
    protocol = member.summary.about.protocol
    if protocol_hash(protocol) != member.summary.protocol_hash:
        raise UsageError(
            f"The protocol of {member.name} has changed: {protocol.file or 'it'} was edited since. "
            "Make the runs again with `make evaluate`."
        )
    return protocol


def _summary(members: Sequence[Run], aligned: AlignedScores, fold: str, rule: Rule, kind: type[Rule]) -> FoldSummary:
    n_train = max(found.n_train for member in members if (found := member.summary.fold(fold)))
    met = {**rule.limits, **_without_scores(members, fold, kind)}
    return FoldSummary(fold, n_train, int((aligned.folds == fold).sum()), rule.best_params, limits=met)


def _largest(members: Sequence[Run]) -> Run:
    """Return the member with the most utterances."""
    return max(members, key=lambda member: len(member.scores))


def _class_lost(members: Sequence[Run]) -> ClassLost | None:
    """Return for how many speakers a member's normalisation removes the class; the largest number of all members."""
    lost = [member.summary.class_lost for member in members if member.summary.class_lost]
    return max(lost, key=lambda one: one.n, default=None)


def _attributes(members: Sequence[Run], aligned: AlignedScores) -> dict[str, Labels]:
    """Return what the members know of the fused utterances and makes groups, by attribute."""
    known: dict[str, dict[str, str]] = {}
    for member in members:
        for name, column in member.attributes.items():
            own = zip(member.scores.ids.tolist(), column.tolist(), strict=True)
            known[name] = {**dict(own), **known.get(name, {})}
    ids = aligned.ids.tolist()
    return {name: np.array([of.get(id_, "") for id_ in ids], dtype=np.str_) for name, of in known.items()}


def _left_out(members: Sequence[Run], n_fused: int) -> Mapping[str, int]:
    """Return the utterances left out by the member with the most utterances, minus those that other members have."""
    most = _largest(members)
    left_out = dict(most.summary.left_out)
    reason = "without features"
    left_out[reason] = left_out.get(reason, 0) - (n_fused - len(most.scores))
    return {name: n for name, n in left_out.items() if n > 0}


def _notes(members: Sequence[Run]) -> tuple[str, ...]:
    """Return the members' notes; a note that does not apply to all members names those to which it applies."""
    notes = [member.summary.notes for member in members]
    return _distinct(
        one if all(one in others for others in notes) else f"{name}: {one}"
        for name, own in zip(_names(members), notes, strict=True)
        for one in own
    )


def _lacking(members: Sequence[Run], aligned: AlignedScores) -> tuple[str, ...]:
    return tuple(
        f"{n} of {len(aligned)} utterances lack {name}: they are fused without it"
        for name, n in zip(_names(members), (~aligned.present).sum(axis=1).tolist(), strict=True)
        if n
    )


def _recognised(members: Sequence[Run], aligned: AlignedScores) -> tuple[RecognisedClasses, ...]:
    """Return which classes each member recognises alone: a region of the face may show one emotion and hide others."""
    return tuple(
        _recognised_by(name, aligned.true[own], decided[own], aligned.classes)
        for name, own, decided in zip(_names(members), aligned.present, aligned.predicted, strict=True)
    )


def _recognised_by(name: str, true: Labels, decided: Labels, classes: tuple[str, ...]) -> RecognisedClasses:
    confusion = metrics.confusion_matrix(true, decided, classes)
    alarms, others = confusion.sum(axis=0) - np.diag(confusion), len(true) - confusion.sum(axis=1)
    with np.errstate(invalid="ignore"):  # if no utterance has another class
        recalls, false_alarms = metrics.recalls(confusion), alarms / others
    shares = (dict(zip(classes, own.tolist(), strict=True)) for own in (recalls, false_alarms, recalls - false_alarms))
    return RecognisedClasses(name, len(true), *shares)


def _folds_hash(members: Sequence[Run]) -> str:
    """Return the members' common hash, or a hash of all their hashes if they differ because some lack utterances."""
    hashes = sorted({member.summary.folds_hash for member in members})
    return hashes[0] if len(hashes) == 1 else hashlib.sha256(json.dumps(hashes).encode()).hexdigest()


def _distinct(things: Iterable[Thing]) -> tuple[Thing, ...]:
    """Return each item once, in the order of first occurrence."""
    return tuple(dict.fromkeys(things))

"""Fusion: the arrow from finished runs on one protocol to one result, by fusing their scores.

A rule that learns is fitted in each outer fold to the members' inner scores of that fold: what models that saw only a
part of its training utterances said of the others. So nothing of those tested enters it, neither features nor labels.
What a member lacks is fused from the others, and counted.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.corpora.base import Protocol
from affex.pipeline.evaluation import metrics, training_limits
from affex.pipeline.evaluation.folds import protocol_hash
from affex.pipeline.evaluation.results import About, FoldSummary, Result, Scores, Seen
from affex.pipeline.evaluation.runs import Run
from affex.pipeline.evaluation.selection import CONTINUOUS
from affex.pipeline.fusion.aligned_scores import AlignedScores, Labels, side_by_side
from affex.pipeline.fusion.rules import CLASS_RULES, VALUE_RULES, Floats, Rule, Vote
from affex.pipeline.specs import grammar
from affex.pipeline.text.errors import AffexError, UsageError, unknown

#: All rules, by name; values know only some.
RULES: Mapping[str, type[Rule]] = CLASS_RULES
#: The rule where FUSION names none.
DEFAULT = "weights"
#: The columns of scores that have one row an utterance.
COLUMNS = ("ids", "clusters", "folds", "true", "predicted", "values")
#: What a fused run keeps of each member's record.
KEPT = (
    *("rests_on", "model", "feature_keys", "classifier_settings", "speaker_norm", "reweight", "soft", "seed", "device"),
    *("fusion", "members"),
)


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
        Two runs at least, on the same card.
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
    aligned = _aligned(members)
    folds = tuple(_summary(members, aligned, fold, one, _kind(members[0], rule)) for fold, one in rules.items())
    return Result(
        about=about(members, rule),
        scores=_applied(rules, aligned),
        folds=folds,
        left_out=_left_out(members, len(aligned)),
        notes=(
            *_warnings(members),
            *training_limits.sentences([(fold.best_params, fold.limits) for fold in folds]),
            *_lacking(members, aligned),
        ),
        leaks=_union(members, "leaks"),
        folds_hash=_folds_hash(members),
        ceiling=members[0].found["ceiling"],
        seen=_seen(members, aligned) if aligned.classes else (),
        **_of_speakers(members),
    )


class OrderedVote(Vote):
    """A majority vote without the members' scores, for members whose scores cannot be held against each other.

    Of classes with equally many votes, that of the member that was named first wins. So two members never fuse to less
    than both: where they differ, the first decides.
    """

    def _preference(self, aligned: AlignedScores, votes: NDArray[np.bool_]) -> Floats:  # noqa: ARG002 - no score is read
        """Return, by class, the rank of the first member that votes for it, from the last."""
        ranks = np.arange(len(votes), 0, -1, dtype=np.float64)
        found: Floats = (votes * ranks[:, None, None]).max(axis=0)
        return found


def learned(members: Sequence[Run], rule: str) -> Mapping[str, Rule]:
    """Return what a rule has learned in each fold, by the fold's name, before it meets those tested there.

    In a fold where a member's scores are not calibrated, or nothing is there to learn from (a single training speaker),
    the members' decisions are fused in their place: classes by votes (the member named first decides between equally
    many), values by their mean.

    Raises
    ------
    UsageError, AffexError
        As `late`.
    """
    _require_alike(members)
    kind, aligned = _kind(members[0], rule), _aligned(members)
    if kind.learns:
        _require_inner(members, rule)
    names = [member.name for member in members]
    inner = {
        fold: side_by_side(names, [_inner(member, fold) for member in members]) for fold in _union(members, "folds")
    }
    _require_apart(inner, aligned)
    decisions: type[Rule] = OrderedVote if aligned.classes else VALUE_RULES["mean"]
    return {
        fold: decisions.fit(own) if _without_scores(members, fold, kind) else _fitted(rule, kind, fold, own)
        for fold, own in inner.items()
    }


def _without_scores(members: Sequence[Run], fold: str, kind: type[Rule]) -> dict[str, str]:
    """Return why a rule cannot rest on the members' scores of a fold, as a limit of the fold; empty where it can."""
    if not kind.reads_scores:
        return {}
    reasons = [training_limits.without_scores(_limits(member, fold)) for member in members]
    words = training_limits.AND.join(
        training_limits.each_of(name, why) for name, why in zip(_names(members), reasons, strict=True) if why
    )
    return {training_limits.FUSION: words} if words else {}


def _limits(member: Run, fold: str) -> Mapping[str, str]:
    """Return for what a member's training utterances of a fold were too few."""
    found: Mapping[str, str] = member.found["folds"].get(fold, {}).get("limits", {})
    return found


def _names(members: Sequence[Run]) -> list[str]:
    """Return what tells the members apart: their models, or their runs where models are alike."""
    models = [" ".join(member.found["model"]) for member in members]
    return models if len(set(models)) == len(models) else [member.name for member in members]


def _kind(member: Run, rule: str) -> type[Rule]:
    if rule not in RULES:
        raise unknown("rule of late fusion", rule, RULES)
    require_able(rule, member.found["target"])
    return (CLASS_RULES if member.scores.classes else VALUE_RULES)[rule]


def require_able(rule: str, target: str) -> None:
    """Refuse a rule of `RULES` that does not fuse what is predicted.

    Raises
    ------
    UsageError
        Naming those that do.
    """
    if target in CONTINUOUS and rule not in VALUE_RULES:
        raise UsageError(
            f"FUSION=late:{rule} fuses classes, and TARGET={target} has values. "
            f"Rules that fuse values: {', '.join(VALUE_RULES)}."
        )


def _fitted(rule: str, kind: type[Rule], fold: str, inner: AlignedScores) -> Rule:
    try:
        return kind.fit(inner)
    except ValueError as error:
        raise AffexError(
            f"Fold {fold}: the fusion '{rule}' could not learn from what was said of {len(inner)} training "
            f"utterances.\n{error}\nFUSION=late:mean learns nothing."
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
    """Return a member's inner scores of a fold; of nobody where it has none."""
    for scores in member.inner:
        if scores.folds[0] == fold:
            return scores
    nobody = {name: getattr(member.scores, name)[:0] for name in COLUMNS}
    return replace(member.scores, **nobody)


def _require_alike(members: Sequence[Run]) -> None:
    if len(members) < 2:
        raise UsageError(f"A fusion needs 2 runs at least, got {len(members)}.")
    folders = [member.folder.resolve() for member in members]
    for number, member in enumerate(members):
        if folders[number] in folders[:number]:
            raise UsageError(f"The run {member.name} was named twice: its scores would count twice.")
    for member in members[1:]:
        _require_same(members[0], member)


def _require_same(one: Run, other: Run) -> None:
    """Refuse two runs that are not on one protocol, corpus and classes; folds and targets are compared singly."""
    protocols = [run.found["card"] for run in (one, other)]
    differences = [
        f"{name} is {protocols[0][name]!r} against {protocols[1][name]!r}"
        for name in protocols[0]
        if protocols[0]["hash"] != protocols[1]["hash"]
        and name not in ("name", "hash")
        and protocols[0][name] != protocols[1][name]
    ]
    differences += [
        f"{name} is {one.found[name]!r} against {other.found[name]!r}"
        for name in ("corpus", "cluster", "classes")
        if one.found[name] != other.found[name]
    ]
    if protocols[0]["hash"] != protocols[1]["hash"] and not differences:
        differences = ["the content of the split file differs"]
    if differences:
        raise UsageError(
            f"{one.name} and {other.name} cannot be fused: {'; '.join(differences)}.\n"
            "Evaluate both on one corpus under the same protocol, target and classes."
        )


def _require_inner(members: Sequence[Run], rule: str) -> None:
    for member in members:
        alone = all(training_limits.INNER in fold.get("limits", {}) for fold in member.found["folds"].values())
        if not member.inner and not alone:
            raise UsageError(
                f"The fusion '{rule}' learns from inner scores, and {member.name} kept none: make it again with "
                "`make evaluate INNER=1`.\nFUSION=late:mean learns nothing."
            )


def _require_apart(inner: Mapping[str, AlignedScores], aligned: AlignedScores) -> None:
    for fold, learned_from in inner.items():
        leaked = np.intersect1d(learned_from.ids, aligned.of_fold(fold).ids)
        if len(leaked):
            raise UsageError(
                f"Fold {fold}: {leaked[0]} is tested, and stands among the inner scores to learn from. The runs' files "
                "do not belong together: make the runs again with `make evaluate INNER=1`."
            )


def about(members: Sequence[Run], rule: str) -> About:
    """Return what a fusion of finished runs is called, and all that makes it, before anything is learned.

    Raises
    ------
    UsageError
        As `late`.
    """
    _require_alike(members)
    found = [member.found for member in members]
    models = [run["model"] for run in found]
    features, classifiers = (_distinct(model[place] for model in models) for place in (0, 1))
    seeds = _distinct(run["seed"] for run in found)
    record = {
        "corpus": found[0]["corpus"],
        "features": " ".join(_distinct(run["features"] for run in found)),
        "classifier": " ".join(_distinct(run["classifier"] for run in found)),
        "fusion": f"late:{rule}",
        "members": [
            {"run": member.name, **{key: member.found[key] for key in KEPT if key in member.found}}
            for member in members
        ],
        "seed": seeds[0] if len(seeds) == 1 else seeds,
    }
    options = _distinct(option for model in models for option in model[2:])
    return About(
        corpus=found[0]["corpus"],
        protocol=_card(members[0]),
        model=("+".join(features), "+".join(classifiers), *options, f"late-{rule}"),
        record=record,
        scores=_kind(members[0], rule).scores,
        transductive=any(run["transductive"] for run in found),
        unit=found[0]["cluster"],
    )


def _card(member: Run) -> Protocol:
    """Return the protocol that a run was made on.

    Raises
    ------
    UsageError
        If its split file has changed since.
    """
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in member.found["card"].items()
    }
    made_on = fields.pop("hash")
    protocol = Protocol(**fields)
    if protocol_hash(protocol) != made_on:
        raise UsageError(
            f"The protocol of {member.name} is not what it was: {protocol.file or 'it'} has changed since. "
            "Make the runs again with `make evaluate`."
        )
    return protocol


def _summary(members: Sequence[Run], aligned: AlignedScores, fold: str, rule: Rule, kind: type[Rule]) -> FoldSummary:
    n_train = max(member.found["folds"].get(fold, {"n_train": 0})["n_train"] for member in members)
    met = {**rule.limits, **_without_scores(members, fold, kind)}
    return FoldSummary(fold, n_train, int((aligned.folds == fold).sum()), rule.best_params, limits=met)


def _of_speakers(members: Sequence[Run]) -> dict[str, Any]:
    """Return how many speakers have how many classes, and from how many some member's normalisation takes the class."""
    most = max(members, key=lambda member: len(member.scores)).found.get("speakers_by_classes", {})
    lost = [member.found["class_lost"] for member in members if member.found.get("class_lost")]
    return {
        "spread": {int(n_classes): n for n_classes, n in most.items()},
        "class_lost": max(lost, key=lambda one: one["n"], default=None),
    }


def _left_out(members: Sequence[Run], n_fused: int) -> Mapping[str, int]:
    """Return whom the member that has most left out, less those that others have."""
    most = max(members, key=lambda member: len(member.scores))
    left_out = dict(most.found["left_out"])
    reason = "without features"
    left_out[reason] = left_out.get(reason, 0) - (n_fused - len(most.scores))
    return {name: n for name, n in left_out.items() if n > 0}


def _warnings(members: Sequence[Run]) -> list[str]:
    """Return the members' warnings; one that is not of all of them says of which it is."""
    said = [member.found["warnings"] for member in members]
    return _distinct(
        one if all(one in others for others in said) else f"{name}: {one}"
        for name, own in zip(_names(members), said, strict=True)
        for one in own
    )


def _lacking(members: Sequence[Run], aligned: AlignedScores) -> tuple[str, ...]:
    return tuple(
        f"{n} of {len(aligned)} utterances lack {name}: they are fused without it"
        for name, n in zip(_names(members), (~aligned.present).sum(axis=1).tolist(), strict=True)
        if n
    )


def _seen(members: Sequence[Run], aligned: AlignedScores) -> tuple[Seen, ...]:
    """Return what each member sees by itself: a region of the face may show one emotion and hide the others."""
    return tuple(
        _seen_by(name, aligned.true[own], decided[own], aligned.classes)
        for name, own, decided in zip(_names(members), aligned.present, aligned.predicted, strict=True)
    )


def _seen_by(name: str, true: Labels, decided: Labels, classes: tuple[str, ...]) -> Seen:
    confusion = metrics.confusion_matrix(true, decided, classes)
    alarms, others = confusion.sum(axis=0) - np.diag(confusion), len(true) - confusion.sum(axis=1)
    with np.errstate(invalid="ignore"):  # where no utterance is of another class
        shares = [metrics.recalls(confusion), alarms / others]
    recalls, false_alarms = (dict(zip(classes, one.tolist(), strict=True)) for one in shares)
    return Seen(name, len(true), recalls, false_alarms)


def _folds_hash(members: Sequence[Run]) -> str:
    """Return the members' hash, or, as some lack utterances, one of all their hashes."""
    hashes = sorted({member.found["folds_hash"] for member in members})
    return hashes[0] if len(hashes) == 1 else hashlib.sha256(json.dumps(hashes).encode()).hexdigest()


def _union(members: Sequence[Run], name: str) -> tuple[str, ...]:
    """Return what the members' records name, each once."""
    return tuple(_distinct(one for member in members for one in member.found[name]))


def _distinct(things: Any) -> list[Any]:
    return list(dict.fromkeys(things))

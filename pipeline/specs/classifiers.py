"""Classifiers: the arrow from the settings ``CLASSIFIER``, ``FEATURES`` and ``FUSION`` to models."""

from collections.abc import Mapping, Sequence

from affex.classifiers.base import Classifier, Wrapped
from affex.features.external.imported import Imported
from affex.pipeline.specs import discovery, grammar
from affex.pipeline.specs.features import EACH, feature_specs
from affex.pipeline.specs.fusions import reads_dialogs
from affex.pipeline.text.errors import UsageError, unknown

#: The error for a class in the place of a classifier, which is what `classifier_spec` returns of an estimator.
_PASSED = (
    "CLASSIFIER={0} is the class of an estimator object that was passed from Python; a command and a file of settings "
    "name a classifier by its file. Write classifiers/mine.py, whose `build` returns the estimator "
    "(classifiers/logistic.py is an example), and say CLASSIFIER=mine. Or pass an equal object to `affex.evaluate`."
)

#: A model of an evaluation: the specs of its features, and its classifier.
Member = tuple[tuple[str, ...], Classifier]


def classifier_of(text: str) -> Classifier:
    """Return the classifier of a spec, as in ``"gmm:components=32"``.

    Raises
    ------
    UsageError
        If the name is unknown or that of a class, or a parameter does not exist or has no sensible value.
    """
    if "." in grammar.name_of(text):
        raise UsageError(_PASSED.format(text))
    parsed: Classifier = grammar.parsed("classifier", text, discovery.classifier_presets())
    return parsed


def classifier_spec(one: Classifier) -> str:
    """Return the spec of a classifier; of an estimator that was passed as an object, the dotted name of its class."""
    if isinstance(one, Wrapped):
        return str(one.settings["class"])
    alike = {name: preset for name, preset in discovery.classifier_presets().items() if type(preset) is type(one)}
    name = one.name if one.name in alike else next(iter(alike), one.name)
    return grammar.spec(name, grammar.differences(alike[name], one) if alike else {})


def members_of(
    features: str | None, classifiers: str, fusion: str, imported: Mapping[str, Imported] | None = None
) -> list[Member]:
    """Return the models that the settings define, each with its features.

    Early fusion, or no fusion, gives one model on all features. Late fusion gives one model per feature: a single
    classifier is used for all features, several are paired with them in order; a single feature is used for all
    classifiers. In late fusion, a feature with ``columns=each`` gives one model for each of its parts. Late fusion by a
    rule that reads dialogs takes one model, too.

    Parameters
    ----------
    features
        Specs separated by blanks; None for the features that each classifier prefers.
    classifiers
        Specs separated by blanks.
    fusion
        ``"early"``, or a text that begins with ``"late"``.
    imported
        As in `feature_specs`.

    Raises
    ------
    UsageError
        If they do not fit together, or name something that does not exist.
    """
    built = [classifier_of(spec) for spec in classifiers.split()]
    if not built:
        raise UsageError("No classifier was named. Known: " + ", ".join(sorted(discovery.classifier_presets())))
    return paired(features, built, fusion, imported)


def paired(
    features: str | None, built: Sequence[Classifier], fusion: str, imported: Mapping[str, Imported] | None = None
) -> list[Member]:
    """Return the models of classifiers, each with its features; see `members_of`."""
    if grammar.name_of(fusion) not in ("early", "late"):
        raise unknown("fusion", fusion, ("early", "late"))
    if not fusion.startswith("late"):
        if len(built) > 1:
            named = " ".join(map(classifier_spec, built))
            raise UsageError(f"CLASSIFIER='{named}' are several: fuse their scores with FUSION=late.")
        return [(tuple((features or built[0].prefers).split()), built[0])]
    names = features.split() if features else [one.prefers for one in built]
    if len(names) == 1 or len(built) == 1:
        names, built = names * len(built), [*built] * len(names)
    pairs = zip(names, built, strict=False)
    found: list[Member] = [((part,), one) for name, one in pairs for part in _each(name, imported or {})]
    twice = [f"{' '.join(specs)} with {one.name}" for n, (specs, one) in enumerate(found) if (specs, one) in found[:n]]
    if twice:
        raise UsageError(f"FUSION={fusion} names {twice[0]} twice: a model is not fused with itself.")
    least = 1 if reads_dialogs(fusion) else 2
    if len(names) != len(built) or len(found) < least:
        raise UsageError(
            f"FUSION={fusion} pairs each feature with a classifier, and there are {len(names)} of the first and "
            f"{len(built)} of the second: expected two features at least, and one classifier or as many."
        )
    return found


def _each(text: str, imported: Mapping[str, Imported]) -> list[str]:
    """Return a feature's spec as it is or, with ``columns=each``, one spec for each part of the feature."""
    name, given = grammar.name_of(text), grammar.parameters(text)
    if given.get("columns") != EACH:
        return [text]
    whole = {key: value for key, value in given.items() if key != "columns"}
    (spec,) = feature_specs(grammar.spec(name, whole), imported)
    if not spec.feature.parts:
        able = [name for name, other in discovery.feature_presets().items() if other.parts]
        raise UsageError(f"'{text}': {name} has no parts. Features that have: {', '.join(able)}.")
    return [grammar.spec(name, given | {"columns": part}) for part in spec.feature.parts]

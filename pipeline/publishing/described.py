"""Described: from the names in a run's record to what the code knows of them: corpora, features, classifiers.

A run names its plugins. This code may be newer than the run, or lack a plugin that it used: then only the name is
known.
"""

import importlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import affex.pipeline.corpora
from affex.classifiers.base import Classifier, Target
from affex.features.base import Feature
from affex.pipeline.caching.cache import packages, recipe
from affex.pipeline.caching.dataset import TABLE
from affex.pipeline.corpora.base import Corpus
from affex.pipeline.evaluation.results import FusionSettings, ModelSettings
from affex.pipeline.evaluation.summary import Summary
from affex.pipeline.specs import discovery, grammar
from affex.pipeline.specs.features import FeatureSpec, feature_specs
from affex.pipeline.storage.provenance import versions
from affex.pipeline.text.errors import AffexError

#: A title that ends in a short form in brackets.
SHORT = re.compile(r"(?P<long>[^']+) \((?P<short>[^)]+)\)")


@dataclass(frozen=True)
class DescribedCorpus:
    """A corpus by its name in the record, with its data sheet; None for a user's own table."""

    name: str
    sheet: Corpus | None

    @property
    def title(self) -> str:
        """Its name in a text, in full."""
        if self.sheet is None or self.sheet.name == TABLE:
            return f"'{self.name}' (a table of our own)"
        return self.sheet.title.partition(":")[0] if self.sheet.cites else f"'{self.name}' (synthetic)"

    @property
    def short(self) -> str:
        """Its name in a text, as short as people use it."""
        whole = SHORT.fullmatch(self.title)
        return self.title if whole is None else whole["short"] if " " in whole["long"] else whole["long"]

    @property
    def data_sheet(self) -> Mapping[str, str]:
        """The sections of its data sheet by their headings (What, Who, Licence, Source, Files, Traps), a line each."""
        if self.sheet is None:
            return {}
        text = importlib.import_module(f"{affex.pipeline.corpora.__name__}.{self.sheet.name}").__doc__ or ""
        sections = re.findall(r"^(\w+)\n((?:    .*\n?|\n)+)", text, re.MULTILINE)
        return {name: " ".join(body.replace("``", "").split()) for name, body in sections}


@dataclass(frozen=True)
class DescribedFeature:
    """A feature by its spec and its key in the record; the spec is None if this code knows no such feature."""

    text: str
    key: str
    spec: FeatureSpec | None

    @property
    def phrase(self) -> str:
        """What its rows are, in a sentence."""
        if self.spec is None:
            return f"the imported features '{self.text}'"
        return self.spec.feature.phrase or f"{self.spec.preset} features"

    @property
    def chain(self) -> tuple[Feature, ...]:
        """The feature and all features whose rows it reads."""
        return tuple(_chain(self.spec.feature)) if self.spec else ()

    @property
    def cites(self) -> tuple[str, ...]:
        """What it, and the features that it reads, cite."""
        return tuple(dict.fromkeys(key for one in self.chain for key in one.cites))

    @property
    def versions(self) -> Mapping[str, str]:
        """The versions of the packages that computed its rows; empty where others than today's did.

        The key covers the versions, so that rows with today's key were computed by today's versions.
        """
        if self.spec is None or not self.key or recipe(self.spec.feature).key != self.key:
            return {}
        return versions(tuple(dict.fromkeys(name for one in self.chain for name in packages(one))))


def _chain(feature: Feature) -> Iterator[Feature]:
    yield feature
    for one in (feature.upstream, *feature.beside):
        if one is not None:
            yield from _chain(one)


@dataclass(frozen=True)
class DescribedModel:
    """A model of a run: its features, its classifier (None if this code knows no such one) and its settings."""

    features: tuple[DescribedFeature, ...]
    classifier: Classifier | None
    settings: ModelSettings

    @property
    def phrase(self) -> str:
        """The classifier in a sentence, with its article."""
        if self.settings.passed:
            return f"the estimator {name_of(self.settings.passed)}"
        own = self.classifier.phrase if self.classifier else ""
        return own or f"the classifier {self.settings.classifier}"

    @property
    def estimator(self) -> Mapping[str, Any]:
        """The class and the settings of its scikit-learn estimator, nested; empty if they are not known."""
        if self.settings.passed:
            return self.settings.passed
        return _spelled(self.classifier) if self.classifier else {}


def corpora(summary: Summary) -> tuple[DescribedCorpus, ...]:
    """Return the corpora of a run."""
    known = discovery.corpora()
    names = summary.about.corpus.split("+")
    if not all(grammar.name_of(name) in known for name in names):
        return (DescribedCorpus(summary.about.corpus, None),)
    return tuple(DescribedCorpus(name, known[grammar.name_of(name)]) for name in names)


def models(settings: ModelSettings | FusionSettings) -> tuple[DescribedModel, ...]:
    """Return the models of a run, those of all members of a fusion, too."""
    if isinstance(settings, FusionSettings):
        return tuple(model for member in settings.members for model in models(member.settings))
    keys = (*settings.feature_keys, *[""] * len(settings.features))
    named = zip(settings.features, keys, strict=False)
    features = tuple(DescribedFeature(text, key, _spec(text)) for text, key in named)
    return (DescribedModel(features, _classifier(settings), settings),)


def targets(summary: Summary) -> Target:
    """Return what a run predicts."""
    return "classes" if summary.classes else "values"


def name_of(estimator: Mapping[str, Any]) -> str:
    """Return the class of an estimator, of a pipeline's last step, or of the estimator inside a search."""
    inner = estimator.get("estimator")
    if estimator.get("steps"):
        return name_of(estimator["steps"][-1][1])
    if "cv" in estimator and isinstance(inner, Mapping):
        return name_of(inner)
    return str(estimator.get("class", "")).rpartition(".")[2]


def _spec(text: str) -> FeatureSpec | None:
    if grammar.name_of(text) not in discovery.feature_presets():
        return None
    try:
        (found,) = feature_specs(text)
    except (AffexError, ValueError):  # a parameter of another version, or a weight file that is not here
        return None
    return found


def _classifier(settings: ModelSettings) -> Classifier | None:
    """Return the classifier with the settings of a run."""
    found = discovery.classifier_presets().get(settings.classifier)
    if found is None or settings.passed:
        return None
    own = {field.name for field in fields(found)}
    try:
        return replace(found, **{k: v for k, v in settings.classifier_settings.items() if k in own})
    except (TypeError, ValueError):
        return None


def _spelled(classifier: Classifier) -> Mapping[str, Any]:
    from affex.classifiers.estimators.inspection import spelled

    try:
        found: Mapping[str, Any] = spelled(classifier.estimator())
    except (AttributeError, ValueError):  # its estimator is no scikit-learn estimator with settings of its own
        return {}
    return found

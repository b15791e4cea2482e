"""Competitors: the arrow from the settings ``MODELS``, ``FEATURES`` and ``CLASSIFIER`` to the models of a league."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from affex.features.external.imported import Imported
from affex.pipeline.specs import discovery, grammar
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import UsageError
from affex.pipeline.workspace.workspace import readable

#: The table of pairs of more competitors than this would be unreadable, as in a comparison.
MOST = 26


@dataclass(frozen=True)
class Competitor:
    """A model that is run on each corpus.

    Parameters
    ----------
    features
        The specs of its features; several stand side by side.
    classifier
        The spec of its classifier.
    """

    features: tuple[str, ...]
    classifier: str

    @property
    def name(self) -> str:
        """Its name, as MODELS has it: ``compare+egemaps/svm:C=1``."""
        return f"{'+'.join(self.features)}/{self.classifier}"


def competitors(
    models: str | None, features: str | None, classifiers: str, imported: Mapping[str, Imported]
) -> list[Competitor]:
    """Return the competitors of a league.

    Parameters
    ----------
    models
        Competitors separated by blanks, each ``features/classifier``; a plus joins features that stand side by side.
        None for every combination of the others.
    features
        Features, or features joined by a plus, separated by blanks; None for what each classifier prefers.
    classifiers
        Specs separated by blanks.
    imported
        The imported features of other projects in the cache, by name.

    Raises
    ------
    UsageError
        If one is written in another way, names something that does not exist, or comes twice.
    """
    found = (
        [_competitor(text, imported) for text in models.split()]
        if models
        else [*_every(features, classifiers, imported)]
    )
    for one in found:
        readable(Terminal(quiet=True), one.features, classifier_of(one.classifier), imported)
    names = [one.name for one in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"The competitor {twice} is named twice.")
    if not 2 <= len(found) <= MOST:
        raise UsageError(
            f"A league is of 2 to {MOST} competitors, got {len(found)} ({', '.join(names[:3])}): name several, as in "
            "FEATURES='compare egemaps' CLASSIFIER='svm xgboost' (every combination), or as in "
            "MODELS='compare/svm egemaps/xgboost'."
        )
    return found


def _every(features: str | None, classifiers: str, imported: Mapping[str, Imported]) -> Iterator[Competitor]:
    """Yield every combination of features and classifiers, the features first."""
    for together in features.split() if features else [None]:
        for classifier in classifiers.split():
            built = classifier_of(classifier)
            yield Competitor(tuple(_parts(together, imported) if together else built.prefers.split()), classifier)


def _competitor(text: str, imported: Mapping[str, Imported]) -> Competitor:
    """Return a competitor of MODELS; a feature's parameters may have a slash, a classifier's have none."""
    features, slash, classifier = text.rpartition("/")
    if not (slash and features and classifier):
        raise UsageError(f"MODELS='{text}': expected features and a classifier, as in 'compare+egemaps/svm:C=1'.")
    return Competitor(tuple(_parts(features, imported)), classifier)


def _parts(text: str, imported: Mapping[str, Imported]) -> list[str]:
    """Return features that are joined by a plus; a plus before no feature's name is one of parameters."""
    known = {*discovery.feature_presets(), *imported}
    first, *others = text.split("+")
    found = [first]
    for part in others:
        if grammar.name_of(part) in known:
            found.append(part)
        else:
            found[-1] += f"+{part}"
    return found

"""Emotions: the arrow from the labels of several corpora to the classes that all of them share.

Corpora name an emotion differently: happiness, happy, joy. `SPELLINGS` has the usual names of each emotion; a label
that is in none of them stands for itself, so that two tables with the same labels of their own share these. Only names
of one emotion are together: what studies merge by choice (excitement with happiness, calm with neutral) stays apart,
and CLASSES merges it by hand. What is a rest and no emotion (other, unknown) is shared with nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from affex.pipeline.evaluation.selection import spelt
from affex.pipeline.text.names import normal

#: The usual names of an emotion in corpora, by its name here. "Pleasant surprise" is what TESS recorded as surprise.
SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "anger": ("anger", "angry", "ang"),
    "boredom": ("boredom", "bored", "bor"),
    "calm": ("calm", "calmness"),
    "contempt": ("contempt", "contemptuous"),
    "disgust": ("disgust", "disgusted", "dis"),
    "excitement": ("excitement", "excited", "exc"),
    "fear": ("fear", "fearful", "anxiety", "fea", "scared", "afraid"),
    "frustration": ("frustration", "frustrated", "fru"),
    "happiness": ("happiness", "happy", "joy", "joyful", "hap"),
    "neutral": ("neutral", "neutrality", "neu"),
    "sadness": ("sadness", "sad"),
    "surprise": ("surprise", "surprised", "sur", "pleasant surprise"),
}
#: Labels that are no emotion: what one corpus puts there is not what another does.
RESTS = frozenset(("other", "oth", "unknown", "undefined", "xxx", "mixed"))

_EMOTIONS = {normal(spelling): emotion for emotion, spellings in SPELLINGS.items() for spelling in spellings}


@dataclass(frozen=True)
class Shared:
    """The classes that all of some corpora have.

    Parameters
    ----------
    classes
        The labels of each class, of all corpora.
    left_out
        The labels of each corpus that are in no class; corpora without any are not named.
    """

    classes: Mapping[str, tuple[str, ...]]
    left_out: Mapping[str, tuple[str, ...]]

    @property
    def setting(self) -> str:
        """The classes as the setting CLASSES has them."""
        return ",".join(f"{spelt(name)}={'+'.join(map(spelt, labels))}" for name, labels in self.classes.items())


def emotion_of(label: str) -> str | None:
    """Return the name under which corpora share a label, as ``"happiness"`` for ``"joy"``; None for a rest.

    Examples
    --------
    >>> emotion_of("Happy"), emotion_of("drowsy"), emotion_of("other")
    ('happiness', 'drowsy', None)
    """
    name = normal(label)
    return None if name in RESTS else _EMOTIONS.get(name, name)


def shared(labels: Mapping[str, Iterable[str]]) -> Shared:
    """Return the classes that all corpora have, in alphabetical order.

    Parameters
    ----------
    labels
        The labels of each corpus.
    """
    named = {corpus: {label: emotion_of(label) for label in sorted(set(own))} for corpus, own in labels.items()}
    common = set.intersection(*({name for name in own.values() if name} for own in named.values())) if named else set()
    every = sorted({label for own in named.values() for label in own})
    classes = {name: tuple(label for label in every if emotion_of(label) == name) for name in sorted(common)}
    left_out = {corpus: tuple(x for x, name in own.items() if name not in common) for corpus, own in named.items()}
    return Shared(classes, {corpus: own for corpus, own in left_out.items() if own})

"""Labels: the arrow from utterances to the class of each, as TARGET and CLASSES name it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from affex.pipeline.corpora.base import Protocol
from affex.pipeline.evaluation.selection import has_values, select
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.text import names
from affex.pipeline.text.errors import UsageError


@dataclass(frozen=True)
class Labels:
    """The class of each utterance, and the class of each value of the target.

    Parameters
    ----------
    of
        One for each utterance; None without a class.
    class_of
        The class of each value; empty where each value is a class of its own.
    notes
        Remarks on the classes, one sentence each without a full stop.
    """

    of: tuple[str | None, ...]
    class_of: Mapping[str, str]
    notes: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, sorted."""
        return tuple(sorted({label for label in self.of if label}))


def labels(utterances: Sequence[Utterance], target: str, classes: str) -> Labels:
    """Return the class of each utterance.

    Without `target` and `classes` these are the labels as they are, of which there may be none.

    Parameters
    ----------
    target, classes
        As in an evaluation; empty for the labels.

    Raises
    ------
    UsageError
        If the target or a class does not exist, or the target has values and no classes are made of them.
    AffexError
        If the target has fewer than two classes.
    """
    if not target and not classes:
        own = tuple(utterance.label or None for utterance in utterances)
        return Labels(own, {}, tuple(_alike(own)))
    protocol = Protocol("description", target=target or "label", classes=classes or "")
    if has_values(protocol):
        raise UsageError(
            f"TARGET={target} has values, and a description counts classes: make classes of them, as in "
            "CLASSES='low=..2.5,high=2.5..'."
        )
    found = select(utterances, protocol)
    class_of_number = dict(zip(found.chosen.tolist(), map(str, found.y), strict=True))
    return Labels(tuple(map(class_of_number.get, range(len(utterances)))), found.class_of, found.notes)


def _alike(labels: Sequence[str | None]) -> Iterator[str]:
    """Yield a sentence for each group of labels that may be one class."""
    for group in names.alike(label for label in labels if label):
        yield f"labels {names.quoted(group)} may be one class: they are counted as {len(group)}"

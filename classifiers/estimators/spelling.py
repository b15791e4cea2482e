"""Spelling: from parameters that join several parts by + to these parts."""

from collections.abc import Sequence
from typing import Literal

#: What changes the training batches of a network (see `nets.augmentation`).
AugmentationName = Literal["noise", "time", "frequency", "flip", "rotation"]


def hidden_layers(name: str, text: int | str) -> tuple[int, ...]:
    """Return the units of each hidden layer.

    Parameters
    ----------
    name
        The parameter, for messages.
    text
        Units of each layer joined by +, as in ``"128+64"``; ``"none"`` for no hidden layer.

    Raises
    ------
    ValueError
        If it is neither.
    """
    parts = [] if text == "none" else str(text).split("+")
    if not all(part.isascii() and part.isdigit() and int(part) for part in parts):
        raise ValueError(f"{name}={text}: expected none, or units of each layer joined by +, as in 128+64")
    return tuple(map(int, parts))


def names_among(name: str, text: str, known: Sequence[str]) -> tuple[str, ...]:
    """Return the names in a text as in ``"noise+time"``, in the order of those known; none of ``"none"``.

    Raises
    ------
    ValueError
        If one is unknown.
    """
    named = [] if text == "none" else text.split("+")
    if not set(named) <= set(known):
        raise ValueError(f"{name}={text}: expected none, or some of {', '.join(known)}, joined by +")
    return tuple(one for one in known if one in named)

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


def kernel_sizes(name: str, text: str) -> tuple[tuple[int, ...], ...]:
    """Return the size of each convolution.

    Parameters
    ----------
    name
        The parameter, for messages.
    text
        Sizes along each dimension joined by x, convolutions joined by +, as in ``"3x5x7+3x3x5"``; ``"auto"`` for none.

    Raises
    ------
    ValueError
        If it is neither, or a size is even: its middle would be no pixel.
    """
    kernels = [] if text == "auto" else [kernel.split("x") for kernel in text.split("+")]
    sizes = [size for kernel in kernels for size in kernel]
    if not all(size.isascii() and size.isdigit() and int(size) % 2 for size in sizes):
        raise ValueError(
            f"{name}={text}: expected auto, or odd sizes of each convolution joined by x and +, as in 3x7+3x5"
        )
    return tuple(tuple(map(int, kernel)) for kernel in kernels)


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

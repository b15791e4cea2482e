"""Hidden layers: from their spelling in a spec to units."""


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

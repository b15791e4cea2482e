"""Columns of small pictures, line by line, pixel by pixel, channel by channel."""

from functools import cache


@cache
def pixel_columns(height: int, width: int, channels: tuple[str, ...]) -> tuple[str, ...]:
    """Return the name of each value of a picture, as in ``y07_x12_red``."""
    y_digits, x_digits = (len(str(size - 1)) for size in (height, width))
    return tuple(
        f"y{y:0{y_digits}}_x{x:0{x_digits}}_{channel}"
        for y in range(height)
        for x in range(width)
        for channel in channels
    )

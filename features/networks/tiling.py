"""Image pyramids: from pictures to one tiled picture each, in dlib's layout, so that one pass searches all scales.

Each level is 5/6 of the one before. Levels are placed below each other, then upwards along the right edge, `GAP` px
apart and `MARGIN` px from the edges, on zeros. A network's receptive field reaches across the gap to the neighbours, so
scores equal dlib's only with the same layout. After ``create_tiled_pyramid`` and
``tiled_pyramid_to_image`` of dlib 20.0 (King; Boost Software License), written anew.

Conventions: pixel coordinates, the middle of the first pixel is (0, 0); a tile is left, top, width, height.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from affex.features.networks.batches import memory_format

if TYPE_CHECKING:
    import torch

RATIO = 5 / 6
GAP = 10
MARGIN = 11
#: A level of less height than this is left out, px.
LEAST_HEIGHT = 5
#: The middle of a pixel moves from one level to the next larger one: x / RATIO + SHIFT.
SHIFT = 0.3
#: How dlib's enlarging by 2 moves a point, across and down: x -> (x + MOVED) * 2.
MOVED = (1.25, 0.75)


@dataclass(frozen=True)
class Layout:
    """The places of the levels of a picture in its tiled pyramid.

    Parameters
    ----------
    height, width
        The size of the tiled picture, px.
    tiles
        Left, top, width and height of each level, the picture itself first, px.
    """

    height: int
    width: int
    tiles: tuple[tuple[int, int, int, int], ...]


@cache
def layout(height: int, width: int, levels: int = 0) -> Layout:
    """Return the layout of the first `levels` levels of pictures of a size, px; 0 for all levels."""
    sizes = _sizes(height, width)[: levels or None]
    column = _column_height(sizes)
    tiles, y = [], MARGIN
    down = 0
    while down < len(sizes) and y < column + MARGIN:
        w, h = sizes[down]
        tiles.append((MARGIN, y, w, h))
        y += h + GAP
        down += 1
    y -= GAP
    for w, h in sizes[down:]:
        if y - h < MARGIN + height:  # would touch the picture itself
            break
        tiles.append((MARGIN + width - w, y - h, w, h))
        y -= h + GAP
    return Layout(column + 2 * MARGIN, width + 2 * MARGIN, tuple(tiles))


def _sizes(height: int, width: int) -> list[tuple[int, int]]:
    sizes = [(width, height)]
    while True:
        width, height = math.floor(RATIO * width), math.floor(RATIO * height)
        if width == 0 or height < LEAST_HEIGHT:
            return sizes
        sizes.append((width, height))


def _column_height(sizes: list[tuple[int, int]]) -> int:
    """Return the height of the first column: levels go down until the rest fits beside them."""
    width, height = sizes[0]
    total = sum(h + GAP for _, h in sizes) - 2 * GAP
    column = before = 0
    for w, h in sizes:
        if w <= width - before - GAP and 2 * (column - height) >= total - height:
            break
        column += h + GAP
        before = w
    return column - GAP


def tiled(pictures: "torch.Tensor", levels: int = 0) -> "torch.Tensor":
    """Return the tiled pyramids of pictures of one size.

    Parameters
    ----------
    pictures : (n, channels, height, width) float32 tensor
    levels
        As in the function `layout`.

    Returns
    -------
    pyramids : (n, channels, ...) float32 tensor, in the size of `layout`, in memory as `memory_format` says
    """
    import torch

    n, channels, height, width = pictures.shape
    plan = layout(height, width, levels)
    pyramids = torch.empty(
        (n, channels, plan.height, plan.width),
        device=pictures.device,
        dtype=pictures.dtype,
        memory_format=memory_format(pictures.device.type),
    ).zero_()
    level = pictures.contiguous()  # each level is resized plane by plane
    for left, top, w, h in plan.tiles:
        if (h, w) != level.shape[2:]:
            level = _resized(level, (h, w))
        pyramids[:, :, top : top + h, left : left + w] = level
    return pyramids


def enlarged_size(height: int, width: int, times: int) -> tuple[int, int]:
    """Return the height and width, px, of a picture that is enlarged `times` times by 2."""
    for _ in range(times):
        height, width = 2 * height + 1, 2 * width + 2
    return height, width


def enlarged(pictures: "torch.Tensor") -> "torch.Tensor":
    """Enlarge pictures by 2 as dlib's ``pyramid_up``, which truncates fractions.

    Parameters
    ----------
    pictures : (n, channels, height, width) uint8 tensor

    Returns
    -------
    pictures : (n, channels, 2 * height + 1, 2 * width + 2) uint8 tensor
    """
    import torch

    return _resized(pictures.float(), enlarged_size(pictures.shape[2], pictures.shape[3], 1)).to(torch.uint8)


def _resized(pictures: "torch.Tensor", size: tuple[int, int]) -> "torch.Tensor":
    """Resize each channel separately: with three together, torch's last bits depend on the number of threads."""
    from torch.nn import functional

    planes = pictures.reshape(-1, 1, *pictures.shape[2:])
    return functional.interpolate(planes, size, mode="bilinear", align_corners=True).reshape(*pictures.shape[:2], *size)


def before_enlarging(windows: NDArray[np.float64], times: int) -> NDArray[np.float64]:
    """Map windows ``(n, 4)``, px, in a picture enlarged `times` times back to the original picture."""
    for _ in range(times):
        windows = windows / 2 - np.array(2 * MOVED)
    return windows


def to_picture(plan: Layout, middles: NDArray[np.float64], half: float) -> NDArray[np.float64]:
    """Map square windows in a tiled pyramid back to the picture.

    Parameters
    ----------
    plan
        The picture's layout.
    middles : (n, 2) float64, px
        x and y of the windows' middles; each belongs to the nearest tile.
    half
        Half the windows' size, px.

    Returns
    -------
    windows : (n, 4) float64, px
        Left, top, right and bottom in the picture.
    """
    tiles = np.asarray(plan.tiles, np.float64)
    first, last = tiles[:, :2], tiles[:, :2] + tiles[:, 2:] - 1
    outside = np.clip(middles[:, None], first, last) - middles[:, None]
    level = np.argmin((outside**2).sum(axis=2), axis=1)
    corners = np.concatenate([middles - half, middles + half], axis=1) - np.tile(first[level], 2)
    # p -> p / RATIO + SHIFT, once for each level above.
    scale = RATIO ** -level[:, None].astype(np.float64)
    windows: NDArray[np.float64] = corners * scale + SHIFT * (scale - 1) / (1 / RATIO - 1)
    return windows

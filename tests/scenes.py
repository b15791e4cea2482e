"""Scenes for the tests: a portrait that may be used (``skimage.data.astronaut``, NASA, public domain) on grey."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.data import astronaut

Picture = NDArray[np.uint8]

GREY = 110

#: How wide her face is in the portrait, about, px.
WIDTH = 120


def no_face(size: tuple[int, int] = (240, 320)) -> Picture:
    """Return grey, height x width."""
    return np.full((*size, 3), GREY, np.uint8)


def scene(k: int, width: int = 100, size: tuple[int, int] = (240, 320)) -> Picture:
    """Return her on grey, her face about `width` px, 4 px further right in every frame."""
    scale = width / WIDTH
    portrait = cv2.resize(np.ascontiguousarray(astronaut()[:230, 110:340]), None, fx=scale, fy=scale, interpolation=3)
    frame = no_face(size)
    left = 20 + 4 * k
    frame[10 : 10 + portrait.shape[0], left : left + portrait.shape[1]] = portrait[: size[0] - 10]
    return frame


def middle(k: int, width: int = 100) -> NDArray[np.float64]:
    """Return where the middle of her face is in a scene, x and y px."""
    return np.array([20 + 4 * k, 10]) + width / WIDTH * np.array([225 - 110, 130])


def company(*faces: tuple[int, int], size: tuple[int, int] = (240, 640)) -> Picture:
    """Return her several times on grey, each face about so many px wide, its middle about so far from the left."""
    frame = no_face(size)
    for width, x in faces:
        head = cv2.resize(np.ascontiguousarray(astronaut()[20:230, 140:310]), None, fx=width / WIDTH, fy=width / WIDTH)
        left = x - head.shape[1] // 2
        frame[: min(size[0], head.shape[0]), left : left + head.shape[1]] = head[: size[0]]
    return frame


def scenes(ks: Sequence[int | None]) -> list[Picture]:
    """Return a scene for each number, and nobody for each None."""
    return [no_face() if k is None else scene(k) for k in ks]

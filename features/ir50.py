"""IR-50: from a face to 512 numbers per frame, with your own weight file.

Use it as ``FEATURES=ir50:weights=path/ir50.pth`` (formats: `features.networks.local`). It was trained on faces aligned
to the five points of ArcFace at 112 x 112 (Deng et al. 2019, doi:10.1109/CVPR.2019.00482, as in face.evoLVe). Its chip
is aligned in the same way, by the middles of the eyes, since the cached points are different ones.
``chip=box,height=224,width=224`` uses the widened box at 224 x 224 instead, as in Zhou et al. 2019
(doi:10.1145/3340555.3355713), with a weight file of that size. Unless it was trained further on expressions, it
identifies the person: its rows are biometric data.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from affex.features import faces
from affex.features.base import ChainedFeature, Values
from affex.features.detectors.chips import Picture, Placement, Points, cut
from affex.features.networks import local
from affex.features.networks.embedding import Chip

#: Where the middles of the eyes lie in ArcFace's chips of `SIZE` px, x and y: the one on the left in the picture, then
#: the other (face.evoLVe, ``align_trans.py``, its reference of 96 x 112 made square).
EYES = ((38.2946, 51.6963), (73.5318, 51.5014))
SIZE = 112


@dataclass(frozen=True, kw_only=True)
class Ir50(local.FaceBackbone):
    """IR-50's embedding of the face, with your own weights; parameters as in `Embedding` and `Backbone`."""

    cites: ClassVar[tuple[str, ...]] = ("deng2019",)

    architecture: ClassVar[local.Architecture] = local.IR50

    chip: Chip = "aligned"
    height: int = SIZE
    width: int = SIZE

    def aligned(self, row: Values, crop: bytes) -> Picture:
        """Return the chip with the eyes at the places of ArcFace's chips."""
        picture, points = faces.points_of(row, crop)
        return cut(picture, by_eyes(points, self.network.input_size[0]), self.network.input_size[0])


def by_eyes(points: Points, size: int) -> Placement:
    """Return the square in which the middles of the eyes lie at `EYES`.

    Parameters
    ----------
    points : (5, 2), px
        The corners of the eyes and the base of the nose, as in `features.detectors.chips`.
    size
        The height and width of the chip that will be cut, px.

    Raises
    ------
    ValueError
        If the eyes coincide.
    """
    # A similarity is a multiplication of complex numbers.
    corners = np.asarray(points, np.float64)[:4] @ (1, 1j)
    right, left = corners[:2].mean(), corners[2:].mean()
    wanted_left, wanted_right = np.array(EYES) @ (1, 1j) / SIZE * size
    turn = (right - left) / (wanted_right - wanted_left)
    if turn == 0:
        raise ValueError("the eyes coincide: expected two middles of eyes at different places, px")
    last = size - 1  # a chip's first and last pixels lie on its edges
    middle = left + turn * (last / 2 * (1 + 1j) - wanted_left)
    return Placement((float(middle.real), float(middle.imag)), last * abs(turn) + 1, float(np.angle(turn)))


PRESETS: dict[str, ChainedFeature] = {"ir50": Ir50()}

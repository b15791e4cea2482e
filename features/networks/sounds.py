"""The base of embeddings of sound: from pictures of sound in the rows of another feature to a network's numbers.

The other feature has a picture in each row (`features.segments`): lines of bands or bins, columns of frames, channels.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import ClassVar

import numpy as np

from affex.features.base import AudioFeature, Rows, Values
from affex.features.networks.base import Inputs, Network
from affex.features.networks.feature import NetworkFeature, Plan
from affex.features.networks.local import Backbone
from affex.features.segments import Segments
from affex.features.sound.frames import FLOOR

#: The largest level, dB, and the steepest first and second derivatives, dB per frame and per frame squared, that are
#: told apart in a picture. Of the frames of EMO-DB none is louder than -4 dB, or steeper than 13.4 and 7.4.
LOUDEST, STEEPEST = 0.0, (15.0, 8.0)


@dataclass(frozen=True, kw_only=True)
class SoundEmbedding(NetworkFeature):
    """A network's embedding of every picture of sound.

    Parameters
    ----------
    sound
        The upstream feature, which has a picture in each row.
    precision, weights, digest
        As in `NetworkFeature`.
    """

    sound: AudioFeature = field(default_factory=Segments)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.sound.row_shape) != 3:
            raise ValueError(f"sound={self.sound.name}: expected a feature whose rows are pictures, as of segments")

    @property
    def about(self) -> str:
        """A description with that of the pictures."""
        return f"{super().about} ({self.sound.about})"

    @property
    def upstream(self) -> AudioFeature:
        """The feature with the pictures."""
        return self.sound

    def pictures(self, utterances: Iterable[Rows], plans: list[Plan]) -> Iterator[Callable[[], Inputs]]:
        """Yield what makes the network's input of every row; append each utterance's plan to `plans`."""
        for rows in utterances:
            assert rows.times is not None
            numbers = np.arange(len(rows.values))
            plans.append(Plan(numbers, numbers, rows.times))
            yield from (partial(self.picture, row.reshape(self.sound.row_shape)) for row in rows.values)

    def picture(self, levels: Values) -> Inputs:
        """Return the network's input of a picture, (height, width, channels) float32; by default as it is."""
        return levels


@dataclass(frozen=True, kw_only=True)
class SoundBackbone(Backbone, SoundEmbedding):
    """Base of the embeddings of sound by a network for photographs; parameters as there.

    Levels from `FLOOR` to `LOUDEST`, and derivatives up to `STEEPEST` either way, are spread over 0 to 255; a picture
    without derivatives is grey. It is resized to the network's input, linearly.
    """

    packages: ClassVar[tuple[str, ...]] = ("torch", "opencv-python-headless")

    @property
    def about(self) -> str:
        """A description with the shape of the pictures."""
        shape = " x ".join(map(str, self.sound.row_shape))
        return f"{super().about}, {shape}{', as maps' if self.output == 'maps' else ''}"

    @property
    def network(self) -> Network:
        """The network with the digest of the weight file, for its size and output."""
        return replace(super().network, dtype="float32")

    def picture(self, levels: Values) -> Inputs:
        """Return a picture in the colours and the size of the network's input, (height, width, 3) float32, 0 to 255."""
        import cv2

        n = levels.shape[2]
        least = np.array((FLOOR, *(-steep for steep in STEEPEST)), np.float32)[:n]
        most = np.array((LOUDEST, *STEEPEST), np.float32)[:n]
        shares = ((levels - least) / (most - least)).clip(0, 1) * 255
        resized = cv2.resize(shares, (self.width, self.height), interpolation=cv2.INTER_LINEAR)
        colours: Inputs = np.ascontiguousarray(_coloured(resized.reshape(self.height, self.width, n)), np.float32)
        return colours


def _coloured(picture: Values) -> Values:
    """Return a picture with three channels: one is repeated, of two the last is."""
    return picture[:, :, np.minimum(np.arange(3), picture.shape[2] - 1)]

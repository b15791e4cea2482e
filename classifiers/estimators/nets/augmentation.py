"""Augmentation: from a training batch to one that was changed at random; what is tested is never changed.

Masks of time and frequency after Park et al., "SpecAugment: A simple data augmentation method for automatic speech
recognition" (2019, doi:10.21437/Interspeech.2019-2680): the width of a mask is uniform from 0 to the widest, its
place is uniform, and masked values become 0, which is the mean of scaled columns. Each utterance is changed in its own
way; all pictures of an utterance are changed alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi, sin

import torch
from torch import Generator, Tensor

from affex.classifiers.estimators.nets.sequences import Batch
from affex.classifiers.estimators.spelling import AugmentationName

#: Those of plain columns only, and of pictures only.
OF_COLUMNS, OF_PICTURES = ("frequency",), ("flip", "rotation")


@dataclass(frozen=True)
class Augmentation:
    """How training batches are changed.

    Parameters
    ----------
    names
        What is done, in this order.
    noise
        The standard deviation of the noise, in those of a column.
    widest
        The widest mask, as a share of an utterance's rows, or of the columns.
    angle
        The largest rotation, in degrees, to either side.
    """

    names: Sequence[AugmentationName] = ()
    noise: float = 0.1
    widest: float = 0.2
    angle: float = 10.0

    def require(self, row_shapes: Sequence[tuple[int, ...]]) -> None:
        """Refuse an augmentation that changes none of the streams.

        Parameters
        ----------
        row_shapes
            The shape of a row of each stream.

        Raises
        ------
        ValueError
            The message names the augmentation.
        """
        pictures = [len(shape) > 1 for shape in row_shapes]
        for name in self.names:
            if (name in OF_COLUMNS and all(pictures)) or (name in OF_PICTURES and not any(pictures)):
                wanted = "columns" if name in OF_COLUMNS else "pictures"
                raise ValueError(
                    f"augment={name}: expected a feature of {wanted}, found rows of the shapes {row_shapes}"
                )

    def changed(self, batch: Batch, random: Generator) -> Batch:
        """Return a changed batch.

        Parameters
        ----------
        random
            On the CPU, so that a GPU's batches are changed in the same way.
        """
        return Batch([(self._stream(x, mask, random), mask) for x, mask in batch.streams], batch.dialogs)

    def _stream(self, x: Tensor, mask: Tensor, random: Generator) -> Tensor:
        if x.ndim == 6:  # cubes: pictures of which each row has several
            n_frames = x.shape[2]
            return self._stream(x.flatten(1, 2), mask.repeat_interleave(n_frames, dim=1), random).reshape(x.shape)
        for name in self.names:
            if name not in (OF_PICTURES if x.ndim == 3 else OF_COLUMNS):
                x = self._once(name, x, mask, random)
        return x

    def _once(self, name: AugmentationName, x: Tensor, mask: Tensor, random: Generator) -> Tensor:
        match name:
            case "noise":
                return noisy(x, mask, self.noise, random)
            case "time":
                return time_masked(x, mask, self.widest, random)
            case "frequency":
                return frequency_masked(x, self.widest, random)
            case "flip":
                return flipped(x, torch.rand(len(x), generator=random) < 0.5)
            case "rotation":
                return rotated(x, (2 * torch.rand(len(x), generator=random) - 1) * self.angle)


def noisy(x: Tensor, mask: Tensor, deviation: float, random: Generator) -> Tensor:
    """Return rows with Gaussian noise, ``(n, n_steps, ...)``; padding stays 0."""
    noise = torch.randn(x.shape, generator=random).to(x)
    return x + deviation * noise * _over(mask, x)


def spans(lengths: Tensor, most: Tensor, size: int, random: Generator) -> Tensor:
    """Return a random span of each of ``n`` axes, ``(n, size) bool``.

    Parameters
    ----------
    lengths : (n,)
        How long each axis is; a span lies within.
    most : (n,)
        How long its span is at the most; the length is uniform from 0.
    """
    width = (torch.rand(len(lengths), generator=random).to(lengths.device) * (most + 1)).long()
    begin = (torch.rand(len(lengths), generator=random).to(lengths.device) * (lengths - width + 1)).long()
    places = torch.arange(size, device=lengths.device)
    return (places >= begin[:, None]) & (places < (begin + width)[:, None])


def time_masked(x: Tensor, mask: Tensor, widest: float, random: Generator) -> Tensor:
    """Return rows of which a span is 0 in each utterance, at most a share of its rows."""
    lengths = mask.sum(dim=1)
    hidden = spans(lengths, (widest * lengths).long(), x.shape[1], random)
    return x * _over(~hidden, x)


def frequency_masked(x: Tensor, widest: float, random: Generator) -> Tensor:
    """Return rows of which a span of columns is 0 in each utterance, ``(n, n_steps, n_columns)``."""
    n_columns = torch.full((len(x),), x.shape[2], device=x.device)
    hidden = spans(n_columns, (widest * n_columns).long(), x.shape[2], random)
    return x * ~hidden[:, None]


def flipped(x: Tensor, chosen: Tensor) -> Tensor:
    """Return pictures ``(n, n_steps, height, width, ...)``, mirrored left to right in the chosen utterances."""
    return torch.where(chosen.to(x.device).reshape(-1, *[1] * (x.ndim - 1)), x.flip(3), x)


def rotated(x: Tensor, degrees: Tensor) -> Tensor:
    """Return pictures ``(n, n_steps, height, width, ...)``, turned about their centres; corners without a source are 0.

    Parameters
    ----------
    degrees : (n,)
        Of each utterance.
    """
    from torch.nn.functional import affine_grid, grid_sample

    n, n_steps, height, width = x.shape[:4]
    planes = x.reshape(n, n_steps, height, width, -1).permute(0, 1, 4, 2, 3).reshape(n, -1, height, width)
    turns = [_turn(angle * pi / 180, height, width) for angle in degrees.tolist()]
    grid = affine_grid(torch.tensor(turns, dtype=x.dtype, device=x.device), list(planes.shape), align_corners=False)
    turned = grid_sample(planes, grid, padding_mode="zeros", align_corners=False)
    return turned.reshape(n, n_steps, -1, height, width).permute(0, 1, 3, 4, 2).reshape(x.shape)


def _turn(angle: float, height: int, width: int) -> list[list[float]]:
    """Return a rotation of places from -1 to 1 along each axis, by an angle in radians."""
    return [[cos(angle), -sin(angle) * height / width, 0.0], [sin(angle) * width / height, cos(angle), 0.0]]


def _over(mask: Tensor, x: Tensor) -> Tensor:
    """Return a mask of steps in a form that multiplies rows."""
    return mask.reshape(*mask.shape, *[1] * (x.ndim - 2)).to(x.dtype)

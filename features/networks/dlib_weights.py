"""dlib's trained networks: from their files to the tensors in them.

The files come with the package ``face_recognition_models`` (King 2017, CC0), whose data folder is found without
importing it: the import needs ``pkg_resources``, which setuptools has removed. A file is a stream of dlib's
serialisation: layers from the input to the output, each with its tensors. A tensor is a packed version (2), four
packed sizes (samples, channels, rows, columns) and raw little-endian float32. A packed integer is one control byte
(low 4 bits: number of the bytes that follow; bit 7: negative) and those bytes, little-endian.
"""

from collections.abc import Iterable
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from affex.features.networks.weights import WeightError, WeightFile, packaged, verified

if TYPE_CHECKING:
    import torch

PACKAGE = "face_recognition_models"
_SOURCE = "face_recognition_models 0.3.0"

EMBEDDING = WeightFile(
    "dlib_face_recognition_resnet_model_v1.dat",
    "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    PACKAGE,
    _SOURCE,
)
DETECTOR = WeightFile(
    "mmod_human_face_detector.dat",
    "4cb19393e2fbaf2b1609a9319ad5386618c886a6234ec1b971f3e87c85d87fe6",
    PACKAGE,
    _SOURCE,
)
LANDMARKS_5 = WeightFile(
    "shape_predictor_5_face_landmarks.dat",
    "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
    PACKAGE,
    _SOURCE,
)
#: Trained on iBUG 300-W, whose terms exclude commercial use.
LANDMARKS_68 = WeightFile(
    "shape_predictor_68_face_landmarks.dat",
    "fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
    PACKAGE,
    _SOURCE,
)

#: The version of a serialised tensor.
_VERSION = 2


def read_tensors(
    file: WeightFile, shapes: Iterable[tuple[int, int, int, int]], path: Path | None = None
) -> list[NDArray[np.float32]]:
    """Return the tensors of these shapes in one of dlib's files, in the order of the file.

    Parameters
    ----------
    file
        One of this module's files.
    shapes
        The shape of each wanted tensor: samples, channels, rows, columns. Bytes between two tensors are skipped.
    path
        The path of the file; None for the package's file.

    Returns
    -------
    tensors : list of float32
        One per shape.

    Raises
    ------
    WeightError
        If the file is missing, is not the expected one, or lacks such tensors.
    """
    path = packaged(file) if path is None else verified(path, file)
    return tensors_in(path.read_bytes(), shapes, path)


def tensors_in(content: bytes, shapes: Iterable[tuple[int, int, int, int]], path: Path) -> list[NDArray[np.float32]]:
    """Return the tensors of these shapes in a file's content; see `read_tensors`."""
    tensors: list[NDArray[np.float32]] = []
    position = 0
    for shape in shapes:
        header = b"".join(pack(n) for n in (_VERSION, *shape))
        found = content.find(header, position)
        first = found + len(header)
        position = first + 4 * prod(shape)
        if found < 0 or position > len(content):
            raise WeightError(f"{path}: tensor {len(tensors) + 1}, of shape {shape}, is missing.")
        tensors.append(np.frombuffer(content, "<f4", prod(shape), first).reshape(shape).astype(np.float32))
    return tensors


def pack(number: int) -> bytes:
    """Return an integer in dlib's packed format."""
    size = max(1, (abs(number).bit_length() + 7) // 8)
    return bytes([size | (0x80 if number < 0 else 0)]) + abs(number).to_bytes(size, "little")


def fold(
    both: NDArray[np.float32], gamma: NDArray[np.floating], beta: NDArray[np.floating], layer: tuple[int, int, int, int]
) -> "torch.nn.Conv2d":
    """Fold a convolution and the affine layer after it into one convolution.

    Parameters
    ----------
    both : (outputs * inputs * size * size + outputs, 1, 1, 1) float32
        The filters, then the biases.
    gamma, beta : (outputs,) or (1,)
        The factor and the summand of the affine layer.
    layer
        Inputs, outputs, size and stride. As in dlib, a convolution with a stride is not padded.
    """
    import torch

    inputs, outputs, size, stride = layer
    filters, biases = np.split(both.ravel().astype(np.float64), [-outputs])
    convolution = torch.nn.Conv2d(inputs, outputs, size, stride, padding=0 if stride > 1 else size // 2)
    weight = filters.reshape(outputs, inputs, size, size) * gamma[:, None, None, None]
    convolution.weight.data = torch.from_numpy(weight.astype(np.float32))
    convolution.bias = torch.nn.Parameter(torch.from_numpy((biases * gamma + beta).astype(np.float32)))
    return convolution

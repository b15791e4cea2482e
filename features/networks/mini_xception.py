"""mini-Xception: from a face to scores of seven expressions and the last maps, from which they are computed.

Arriaga, Valdenegro-Toro and Plöger 2017, Real-time convolutional neural networks for emotion and gender classification,
arXiv:1710.07557; trained on FER2013 (66 % of its test set). The file is Keras 2's HDF5, MIT licence; it is read here
and run in torch, with the batch norms folded into the convolutions. The input of its authors is grey faces, cut loosely
and scaled to 64 x 64, as ``x / 127.5 - 1``.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from affex.features.networks.base import Embedder, Network, Precision
from affex.features.networks.weights import WeightError, WeightFile, fill, read_state, verified

if TYPE_CHECKING:
    import torch

WEIGHTS = WeightFile(
    "fer2013_mini_XCEPTION.102-0.66.hdf5",
    "59534287fdfb125e30a94400296c25ea9f5d706fca93dd8adbbbed916799ea0e",
    source="https://github.com/oarriaga/face_classification, trained_models/emotion_models",
    url="https://github.com/oarriaga/face_classification/raw/master/trained_models/emotion_models/"
    "fer2013_mini_XCEPTION.102-0.66.hdf5",
)

NETWORK = Network(
    name="fer",
    width=7 + 128,
    input_size=(64, 64),
    channels="grey",
    mean=(127.5,),
    scale=(1 / 127.5,),
    layer="predictions, and add_4 averaged over places",
    digest=WEIGHTS.sha256,
    scores=("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"),
)

#: Keras adds this to a variance before it divides by its root.
EPSILON = 1e-3
#: From each convolution to the batch norm after it, by their numbers in the file.
STEM_NORMS = (1, 2)
SHORTCUT_NORMS = (3, 6, 9, 12)
SEPARABLE_NORMS = (4, 5, 7, 8, 10, 11, 13, 14)

Layers = dict[str, dict[str, NDArray[np.float64]]]


def load(path: Path, device: str = "cpu", precision: Precision = "float32") -> Embedder:
    """Return the network with its published weights, ready to run.

    Parameters
    ----------
    path
        The weight file.
    device, precision
        Where and in which number format it runs.

    Raises
    ------
    WeightError
        If the file is missing or is not the expected one.
    """
    return Embedder(NETWORK, published(path), device, precision)


def published(path: Path | None) -> "torch.nn.Module":
    """Return the layers with their published weights, or as they start without a file.

    Raises
    ------
    WeightError
        If the file is not the expected one.
    """
    from affex.features.networks.architectures import MiniXception

    return MiniXception() if path is None else build(read_layers(verified(path, WEIGHTS)), path)


def tuned(path: Path | None) -> "torch.nn.Module":
    """Return the layers with the weights of a file of their tensors, or as they start without one.

    Raises
    ------
    WeightError
        If the file cannot be read safely or does not fit.
    """
    module = published(None)
    if path is not None:
        fill(module, read_state(path), path)
    return module


def read_layers(path: Path) -> Layers:
    """Return the arrays of each layer of a Keras HDF5 file, by the names of layer and array.

    HDF5 files of unknown origin are not safe to open: `load` opens only the file with the published digest.

    Raises
    ------
    WeightError
        If it is not a weight file of Keras.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            layers = {
                layer: {
                    _text(name).rpartition("/")[2].partition(":")[0]: np.asarray(group[name], np.float64)
                    for name in group.attrs["weight_names"]
                }
                for layer, group in file["model_weights"].items()
            }
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:
        raise WeightError(f"{path} is not a weight file of Keras: {error}") from error
    return layers


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name


def build(layers: Layers, path: Path) -> "torch.nn.Module":
    """Return the network with a file's arrays, its batch norms folded in.

    Raises
    ------
    WeightError
        If a layer is missing or has another shape.
    """
    from affex.features.networks.architectures import MiniXception

    module = MiniXception()
    try:
        for number, norm in enumerate(STEM_NORMS, 1):
            _fill(module.get_submodule(f"conv2d_{number}"), layers[f"conv2d_{number}"]["kernel"], layers, norm)
        for number, norm in enumerate(SHORTCUT_NORMS):
            _fill(module.shortcuts[number], layers[f"conv2d_{number + 3}"]["kernel"], layers, norm)
        for number, norm in enumerate(SEPARABLE_NORMS):
            arrays = layers[f"separable_conv2d_{number + 1}"]
            _fill(module.separable[number].get_submodule("0"), arrays["depthwise_kernel"].swapaxes(2, 3))
            _fill(module.separable[number].get_submodule("1"), arrays["pointwise_kernel"], layers, norm)
        _fill(module.scores, layers["conv2d_7"]["kernel"])
        _set(module.scores.bias, layers["conv2d_7"]["bias"])
    except (KeyError, ValueError) as error:
        raise WeightError(f"{path} does not fit mini-Xception: {error}") from error
    return module


def _fill(
    convolution: "torch.nn.Module", kernel: NDArray[np.float64], layers: Layers | None = None, norm: int = 0
) -> None:
    """Set a convolution's filters (Keras: rows, columns, inputs, outputs) and, with a batch norm, its biases."""
    weight = kernel.transpose(3, 2, 0, 1)
    if layers is not None:
        arrays = layers[f"batch_normalization_{norm}"]
        gain = arrays["gamma"] / np.sqrt(arrays["moving_variance"] + EPSILON)
        weight = weight * gain[:, None, None, None]
        _set(convolution.bias, arrays["beta"] - gain * arrays["moving_mean"])
    _set(convolution.weight, weight)


def _set(parameter: "torch.Tensor | torch.nn.Module | None", values: NDArray[np.float64]) -> None:
    import torch

    assert isinstance(parameter, torch.nn.Parameter)
    if parameter.shape != values.shape:
        raise ValueError(f"an array is {values.shape}, expected {tuple(parameter.shape)}")
    parameter.data = torch.from_numpy(values.astype(np.float32))

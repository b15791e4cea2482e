"""Weight files: what trained networks are made of; checked, and read without running what is in them.

A file is trusted by its sha256 alone; `features.networks.finding` says where it is looked for. Nothing is unpickled
(`torch.load` with ``weights_only=True``, safetensors), and a tensor that is missing, left over or of another shape is
an error that names it.
"""

import hashlib
import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

#: What comes before the names of all tensors in files saved from a wrapped network.
WRAPPERS = ("module.", "model.", "backbone.")
#: The entries under which training scripts put the weights beside epoch and optimiser.
ENVELOPES = ("state_dict", "model_state_dict", "model", "net")


class WeightError(ValueError):
    """A weight file is missing, is not the one it should be, or does not fit the network."""


@dataclass(frozen=True)
class WeightFile:
    """A published file of weights.

    Parameters
    ----------
    name
        Its file name.
    sha256
        Its digest, 64 hexadecimal digits.
    package
        The Python package that carries it, below ``models``; empty where the file has to be given.
    source
        Who published it, for people.
    url
        Where it can be downloaded from; empty where its publisher has no address for it that lasts.
    """

    name: str
    sha256: str
    package: str = ""
    source: str = ""
    url: str = ""


def packaged(file: WeightFile) -> Path:
    """Return where a package keeps a weight file, without importing the package, and check the file.

    Raises
    ------
    WeightError
        If the package is not installed, lacks the file, or carries another one.
    """
    spec = importlib.util.find_spec(file.package)
    if spec is None or not spec.submodule_search_locations:
        raise WeightError(f"{file.name} comes with the package {file.package}, which is not installed: install it.")
    return verified(Path(spec.submodule_search_locations[0], "models", file.name), file)


def verified(path: Path, file: WeightFile) -> Path:
    """Return `path` if it holds exactly the published file.

    Raises
    ------
    WeightError
        If there is no such file, or its bytes are others.
    """
    digest = sha256(path)
    if digest != file.sha256:
        raise WeightError(
            f"{path} is not the {file.name} that it should be: its sha256 is {digest}, expected {file.sha256}. "
            f"Fetch it again{f' ({file.source})' if file.source else ''}."
        )
    return path


def sha256(path: Path) -> str:
    """Return a file's digest; computed once a process for the same path, size and time of change.

    Raises
    ------
    WeightError
        If there is no such file.
    """
    try:
        stat = path.stat()
    except OSError as error:
        raise WeightError(f"There is no weight file {path}.") from error
    if not S_ISREG(stat.st_mode):
        raise WeightError(f"{path} is no file, and a weight file was expected.")
    return _digest(path, stat.st_size, stat.st_mtime_ns)


def joined(paths: Iterable[Path]) -> str:
    """Return what several weight files are known by: their `sha256`, parted by ``+``."""
    return "+".join(map(sha256, paths))


@cache
def _digest(path: Path, _size: int, _changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_state(path: Path) -> "dict[str, torch.Tensor]":
    """Return the tensors of a published weight file by name.

    Safetensors by the ending ``.safetensors``, else a file of `torch.save` that holds tensors and plain values
    only. Envelopes (``{"state_dict": ...}``) are opened and the prefixes of wrappers (``module.``) taken off.

    Raises
    ------
    WeightError
        If the file is missing, cannot be read safely, or holds no tensors by name.
    """
    sha256(path)  # says so if there is no file
    try:
        content = _safetensors(path) if path.suffix == ".safetensors" else _torch(path)
    except Exception as error:
        raise WeightError(
            f"{path} cannot be read as a weight file: {error}\n"
            "Expected safetensors (*.safetensors), or a state dict saved by torch.save without other objects."
        ) from error
    for name in ENVELOPES:
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
    state = {k: v for k, v in content.items() if hasattr(v, "shape")} if isinstance(content, dict) else {}
    if not state:
        raise WeightError(f"{path} holds no tensors by name: expected a state dict.")
    return _unwrapped(state)


def _safetensors(path: Path) -> object:
    from safetensors.torch import load_file

    return load_file(path)


def _torch(path: Path) -> object:
    import torch

    return torch.load(path, map_location="cpu", weights_only=True)


def _unwrapped(state: "dict[str, torch.Tensor]") -> "dict[str, torch.Tensor]":
    for prefix in WRAPPERS:
        if all(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    return state


def fill(module: "torch.nn.Module", state: "Mapping[str, torch.Tensor]", path: Path, unused: str = "") -> None:
    """Put a file's tensors into a network; all of them, and nothing left over.

    Parameters
    ----------
    module
        The network.
    state
        The file's tensors by name.
    path
        The file, for the message.
    unused
        What the names begin with of tensors that the network does without (its classifier), parted by blanks.

    Raises
    ------
    WeightError
        If a tensor is missing, unknown or of another shape.
    """
    own = module.state_dict()
    wanted = {name: tensor.shape for name, tensor in own.items() if not name.endswith("num_batches_tracked")}
    ignored = (*unused.split(), *(name for name in state if name.endswith("num_batches_tracked")))
    given = {name: tensor for name, tensor in state.items() if not name.startswith(ignored)}
    missing, unknown = sorted(wanted.keys() - given.keys()), sorted(given.keys() - wanted.keys())
    if missing or unknown:
        raise WeightError(
            f"{path} does not fit {type(module).__name__}: "
            f"{len(missing)} tensors are missing ({_some(missing)}), {len(unknown)} are unknown ({_some(unknown)})."
        )
    for name, shape in wanted.items():
        if given[name].shape != shape:
            raise WeightError(
                f"{path} does not fit {type(module).__name__}: "
                f"{name} is {tuple(given[name].shape)}, expected {tuple(shape)}."
            )
    module.load_state_dict({**own, **given})


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "") if names else "none"

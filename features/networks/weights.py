"""Weight files: from a verified file to a network's tensors, without running code in the file.

A file is trusted by its sha256 alone; `features.networks.finding` finds it. Nothing is unpickled
(`torch.load` with ``weights_only=True``, safetensors). A tensor that is missing, unknown or of another shape is an
error that names it.
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

#: The prefixes of all tensor names in files saved from a wrapped network.
WRAPPERS = ("module.", "model.", "backbone.")
#: The entries under which training scripts put the weights beside epoch and optimiser.
ENVELOPES = ("state_dict", "model_state_dict", "model_state", "model", "net")
#: The entry of a safetensors file's metadata with the text about its tensors.
ABOUT = "affex"


class WeightError(ValueError):
    """A weight file is missing, is not the expected one, or does not fit the network."""


@dataclass(frozen=True)
class WeightFile:
    """A published file of weights.

    Parameters
    ----------
    name
        Its file name.
    sha256
        The digest of its bytes, 64 hexadecimal digits.
    package
        The Python package that contains it; empty if no package does.
    source
        The publisher, for messages.
    url
        The download address; empty if its publisher has no permanent one.
    folder
        The package's folder that contains it; empty for the package itself.
    remedy
        The command that installs the package; empty where `make install` alone does.
    """

    name: str
    sha256: str
    package: str = ""
    source: str = ""
    url: str = ""
    folder: str = "models"
    remedy: str = ""


def packaged(file: WeightFile) -> Path:
    """Return the verified path of a weight file in a package, without importing the package.

    Raises
    ------
    WeightError
        If the package is not installed, lacks the file, or contains another one.
    """
    spec = importlib.util.find_spec(file.package)
    if spec is None or not spec.submodule_search_locations:
        by = f": `{file.remedy}` installs it." if file.remedy else ": install it."
        raise WeightError(f"{file.name} comes with the package {file.package}, which is not installed{by}")
    return verified(Path(spec.submodule_search_locations[0], file.folder, file.name), file)


def verified(path: Path, file: WeightFile) -> Path:
    """Return `path` if its bytes are those of the published file.

    Raises
    ------
    WeightError
        If the file is missing or has other bytes.
    """
    digest = sha256(path)
    if digest != file.sha256:
        raise WeightError(
            f"{path} is not the expected {file.name}: its sha256 is {digest}, expected {file.sha256}. "
            f"Fetch it again{f' ({file.source})' if file.source else ''}."
        )
    return path


def sha256(path: Path) -> str:
    """Return a file's sha256; computed once per process for the same path, size and modification time.

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
        raise WeightError(f"{path} is not a file: expected a weight file.")
    return _digest(path, stat.st_size, stat.st_mtime_ns)


def joined(paths: Iterable[Path]) -> str:
    """Return the digest of several weight files: their `sha256`, joined by ``+``."""
    return "+".join(map(sha256, paths))


@cache
def _digest(path: Path, _size: int, _changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_state(path: Path) -> "dict[str, torch.Tensor]":
    """Return the tensors of a published weight file by name.

    A file ``*.safetensors`` is read as such, any other as a file of `torch.save` with tensors and plain values only.
    Weights inside ``{"state_dict": ...}`` are found and the prefixes of wrappers (``module.``) removed.

    Raises
    ------
    WeightError
        If the file is missing, cannot be read safely, or contains no named tensors.
    """
    sha256(path)  # raises if the file is missing
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
        raise WeightError(f"{path} contains no named tensors: expected a state dict.")
    return _unwrapped(state)


def packed(state: "Mapping[str, torch.Tensor]", about: str) -> bytes:
    """Return tensors as the bytes of a safetensors file, equal for equal tensors, with a text about them.

    Counts of batches, which networks do not need to run, are left out.
    """
    from safetensors.torch import save

    kept = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in state.items()
        if not name.endswith("num_batches_tracked")
    }
    # One entry: the order of several is drawn anew in each process.
    return bytes(save(kept, {ABOUT: about}))


def about(path: Path) -> str:
    """Return the text that `packed` put into a weight file; empty for a file of another kind or origin.

    Raises
    ------
    WeightError
        If the file is missing or is no safetensors file, although its name says so.
    """
    sha256(path)  # raises if the file is missing
    if path.suffix != ".safetensors":
        return ""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            return str((file.metadata() or {}).get(ABOUT, ""))
    except (SafetensorError, OSError) as error:
        raise WeightError(f"{path} cannot be read as a safetensors file: {error}") from error


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
    """Copy a file's tensors into a network; every tensor must fit.

    Parameters
    ----------
    module
        The network.
    state
        The file's tensors by name.
    path
        The file, for the message.
    unused
        The prefixes of the names of tensors that the network does not need (its classifier), separated by spaces.

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

"""Self-supervised models of speech: from a folder of `transformers`' files to a model that is ready to run.

A folder holds ``config.json``, ``*.safetensors``, and mostly ``preprocessor_config.json``, which says how sound is
prepared; without it `transformers`' own default holds (sound is scaled to mean 0 and variance 1). A folder is trusted
by its digest alone. Nothing is downloaded, nothing in the folder is run, and nothing is unpickled.

Wav2vec 2.0: Baevski et al. 2020, arXiv:2006.11477; HuBERT: Hsu et al. 2021, doi:10.1109/TASLP.2021.3122291; WavLM:
Chen et al. 2022, doi:10.1109/JSTSP.2022.3188113; Whisper: Radford et al. 2023, arXiv:2212.04356.

Conventions: sound is ``(n_samples,) float32`` at 16 kHz; hidden states are ``(n_frames, n_layers, width) float32``.
"""

import contextlib
import hashlib
import importlib.util
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from affex.features.networks.base import place
from affex.features.networks.batches import exact, kind_of
from affex.features.networks.weights import WeightError, sha256

Sound = NDArray[np.float32]
States = NDArray[np.float32]
#: ``windows``: sound is cut into windows of 30 s, the last filled up with silence (Whisper). ``padded``: several
#: utterances are filled up to one length, and masks leave that out. ``alone``: each utterance has its own length.
Reading = Literal["windows", "padded", "alone"]

RATE = 16000
CONFIG, PREPARED = "config.json", "preprocessor_config.json"
#: Models whose masks leave nothing of the padding in a frame, unless their first layers normalise over time.
MASKED = ("wav2vec2", "hubert", "wavlm")
#: Whisper's window, and samples from one of its frames to the next.
WINDOW, WINDOW_STRIDE = 30 * RATE, 320
#: Lengths of padded utterances are multiples of this many samples (0.5 s).
CLASS = RATE // 2
#: The least padding, samples, two frames: with none at all, `transformers` leaves the mask out, and other bits result.
LEAST = 640
#: Utterances that are computed together, by kind of device. On a CPU padding costs more than a batch saves.
TOGETHER = {"cpu": 1, "cuda": 8}
#: A parameter that only training reads, which some files lack.
ONLY_TRAINED = "masked_spec_embed"


@dataclass(frozen=True)
class Description:
    """What a folder's ``config.json`` says of its model.

    Parameters
    ----------
    kind
        The model's type, as in ``wav2vec2``.
    width
        The number of columns of a hidden state.
    layers
        The number of layers; hidden states are one more, with the input of the first layer.
    reading
        How it gets its sound.
    stride, field
        Samples from one frame to the next, and of the sound that the first layers see for one frame.
    """

    kind: str
    width: int
    layers: int
    reading: Reading
    stride: int
    field: int


def described(folder: Path) -> Description:
    """Return what a folder says of its model.

    Raises
    ------
    WeightError
        If it is no folder with a model of speech that affex reads.
    """
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightError(
            f"{folder / CONFIG} cannot be read ({error}): expected a folder with {CONFIG} and *.safetensors."
        ) from error
    if not isinstance(config, dict) or "auto_map" in config:
        raise WeightError(f"{folder / CONFIG} asks to run code of its own, which affex does not: take another model.")
    kind = str(config.get("model_type", ""))
    if config.get("add_adapter"):
        raise WeightError(f"{folder / CONFIG} has an adapter behind its layers (add_adapter): expected none.")
    if kind == "whisper":
        width, layers = config.get("d_model"), config.get("encoder_layers")
        stride, seen, reading = WINDOW_STRIDE, 0, "windows"
    else:
        width, layers = config.get("hidden_size"), config.get("num_hidden_layers")
        kernels, strides = (config.get(name) or (0,) for name in ("conv_kernel", "conv_stride"))
        stride, seen = _geometry(kernels, strides)
        is_masked = kind in MASKED and config.get("feat_extract_norm") == "layer"
        reading = "padded" if is_masked else "alone"
    if not (isinstance(width, int) and isinstance(layers, int)) or stride < 1:
        raise WeightError(
            f"{folder / CONFIG} describes no model of speech that affex reads (model_type {kind or 'is missing'}): "
            "expected one that reads samples, such as wav2vec2, hubert or wavlm, or whisper."
        )
    return Description(kind, width, layers, reading, stride, seen)  # type: ignore[arg-type]


def _geometry(kernels: Sequence[int], strides: Sequence[int]) -> tuple[int, int]:
    """Return samples from one frame to the next, and those that a frame sees, of convolutions without padding.

    Both are 0 if these are not known.
    """
    if len(kernels) != len(strides):
        return 0, 0
    stride, seen = 1, 1
    for kernel, step in zip(kernels, strides, strict=True):
        seen += (kernel - 1) * stride
        stride *= step
    return stride, seen


def digest_of(folder: Path) -> str:
    """Return the sha256 over the names and the sha256 of a folder's files that make numbers.

    Raises
    ------
    WeightError
        If it holds no safetensors, or no ``config.json``.
    """
    described(folder)
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        pickled = sorted(path.name for path in folder.glob("*.bin"))
        found = f"{pickled[0]} is a pickle, which may run code and is not read" if pickled else "there is none"
        raise WeightError(
            f"{folder} holds no *.safetensors: {found}. Fetch the model's safetensors from its publisher, or convert "
            "it on a machine where you trust the file: model.save_pretrained(folder) of transformers writes them."
        )
    paths = [folder / CONFIG, *([folder / PREPARED] if (folder / PREPARED).is_file() else []), *weights]
    lines = "".join(f"{path.name} {sha256(path)}\n" for path in paths)
    return hashlib.sha256(lines.encode()).hexdigest()


def found(digest: str, given: str, folder: str) -> Path:
    """Return the folder of a model with a digest: the one that was given, or one inside the folder of the run.

    Raises
    ------
    WeightError
        If there is none.
    """
    if not digest:
        raise WeightError("ssl comes without a model: name a folder of your own, as in FEATURES=ssl:model=FOLDER")
    if given:
        places = [Path(given)]
    else:
        places = [path.parent for path in sorted(Path(folder).glob(f"*/{CONFIG}"))] if folder else []
        places += [Path(folder)] if folder and (Path(folder) / CONFIG).is_file() else []
    for path in places:
        with contextlib.suppress(WeightError):  # another model beside it, of a kind that is not read
            if digest_of(path) == digest:
                return path
    where = f" in {given or folder}" if given or folder else ": no folder was given"
    raise WeightError(
        f"ssl needs the model with the digest {digest}, and there is none{where}. Name its folder, as in "
        "FEATURES=ssl:model=FOLDER, or the folder that contains it, as in WEIGHTS=FOLDER."
    )


@dataclass(frozen=True)
class SpeechModel:
    """A model ready to run.

    Parameters
    ----------
    description
        What it is.
    module
        The model of `transformers`.
    extractor
        What prepares sound for it, of `transformers`.
    device
        ``cpu``, ``cuda`` or ``cuda:1`` ...
    together : int
        Utterances that are computed at once. With 1, none is padded, except for Whisper.
    """

    description: Description
    module: Any
    extractor: Any
    device: str = "cpu"
    together: int = 1
    _alike: dict[int, bool] = field(default_factory=dict, compare=False, repr=False)

    def states(self, sounds: Sequence[Sound], layers: slice) -> list[States]:
        """Return the hidden states of utterances, ``(n_frames, n_layers, width) float32`` each.

        Those of an utterance do not depend on the others, to the bit. On a CPU the number of threads changes the last
        bits; in a run it is always 1.

        Parameters
        ----------
        sounds
            Of each utterance, ``(n_samples,)``.
        layers
            Which of the hidden states; 0 is the input of the first layer, and the last one the model's output.
        """
        if self.description.reading == "windows":
            return self._of_windows(sounds, layers)
        given = [self._scaled(sound) for sound in sounds]
        if self.description.reading == "alone" or self.together == 1:
            return [self._computed(sound[None], None, layers)[0] for sound in given]
        return self._of_classes(given, layers)

    def _scaled(self, sound: Sound) -> Sound:
        """Return sound as the model reads it, prepared by itself."""
        [values] = self.extractor(sound, sampling_rate=RATE)["input_values"]
        return np.asarray(values, np.float32)

    def _of_windows(self, sounds: Sequence[Sound], layers: slice) -> list[States]:
        parts = [[sound[at : at + WINDOW] for at in range(0, len(sound), WINDOW)] for sound in sounds]
        flat = [part for own in parts for part in own]
        shown = [np.asarray(self.extractor(one, sampling_rate=RATE)["input_features"][0], np.float32) for one in flat]
        states: list[States] = []
        for batch in self._in_batches(shown, WINDOW):
            states += list(self._computed(batch, None, layers))
        whole = iter(states[number][: math.ceil(len(part) / WINDOW_STRIDE)].copy() for number, part in enumerate(flat))
        return [np.concatenate([next(whole) for _ in own]) for own in parts]

    def _of_classes(self, sounds: Sequence[Sound], layers: slice) -> list[States]:
        classes = [CLASS * math.ceil((len(sound) + LEAST) / CLASS) for sound in sounds]
        states: dict[int, States] = {}
        for length in sorted(set(classes)):
            own = [number for number, other in enumerate(classes) if other == length]
            padded = [np.pad(sounds[number], (0, length - len(sounds[number]))) for number in own]
            masks = [(np.arange(length) < len(sounds[number])).astype(np.int64) for number in own]
            batches = zip(self._in_batches(padded, length, masks), self._in_batches(masks, length, masks), strict=True)
            made = [one for shown, mask in batches for one in self._computed(shown, mask, layers)]
            for number, one in zip(own, made, strict=False):
                states[number] = one[: self._n_frames(len(sounds[number]))].copy()
        return [states[number] for number in range(len(sounds))]

    def _in_batches(
        self, inputs: Sequence[NDArray[Any]], length: int, masks: Sequence[NDArray[Any]] | None = None
    ) -> Iterator[NDArray[Any]]:
        """Yield inputs in batches of one size, the last filled up with copies of its last one.

        Only if copies have the same bits at each place of a batch is the size more than 1.
        """
        if length not in self._alike:
            mask = None if masks is None else masks[0]
            self._alike[length] = self.together > 1 and self._is_alike(inputs[0], mask)
        size = self.together if self._alike[length] else 1
        for at in range(0, len(inputs), size):
            batch = list(inputs[at : at + size])
            yield np.stack(batch + [batch[-1]] * (size - len(batch)))

    def _is_alike(self, given: NDArray[Any], mask: NDArray[Any] | None) -> bool:
        shown = np.stack([given] * self.together)
        masked = None if mask is None else np.stack([mask] * self.together)
        return len({one.tobytes() for one in self._computed(shown, masked, slice(-1, None))}) == 1

    def _n_frames(self, n_samples: int) -> int:
        return (n_samples - self.description.field) // self.description.stride + 1

    def _computed(self, given: NDArray[Any], mask: NDArray[Any] | None, layers: slice) -> States:
        """Return the hidden states of a batch, ``(n, n_frames, n_layers, width)``."""
        import torch

        with exact():
            shown = torch.from_numpy(given).to(self.device)
            masked = {} if mask is None else {"attention_mask": torch.from_numpy(mask).to(self.device)}
            # The output alone needs no copies of the states before it.
            n_states = self.description.layers + 1
            is_last = list(range(n_states))[layers] == [n_states - 1]
            out = self.module(shown, **masked, output_hidden_states=not is_last, return_dict=True)
            states = [out.last_hidden_state] if is_last else [*out.hidden_states[:-1], out.last_hidden_state][layers]
            made: States = torch.stack(states, dim=2).float().cpu().numpy()
            return made


def load(folder: Path, device: str = "cpu", together: int = 0) -> SpeechModel:
    """Return the model of a folder, ready to run in float32.

    Parameters
    ----------
    together
        As in `SpeechModel`; 0 for the number that suits the device.

    Raises
    ------
    WeightError
        If `transformers` is not installed, or the files do not make a whole model.
    """
    require_installed()
    description = described(folder)
    import torch
    import transformers

    try:
        # Named by the folder alone: nothing is looked for elsewhere, and only safetensors are opened.
        with _quiet():
            model, report = transformers.AutoModel.from_pretrained(
                str(folder),
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=torch.float32,
                output_loading_info=True,
            )
        extractor = _extractor(folder, description, model.config)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise WeightError(f"{folder} cannot be read as a model of transformers: {error}") from error
    module = model.get_encoder() if description.kind == "whisper" else model
    used = "encoder." if description.kind == "whisper" else ""
    lacking = sorted(name for name in report["missing_keys"] if name.startswith(used) and name != ONLY_TRAINED)
    if lacking:
        raise WeightError(f"{folder}: {len(lacking)} tensors are missing ({', '.join(lacking[:3])}): fetch it again.")
    place(module, device, "float32")
    return SpeechModel(description, module, extractor, device, together or TOGETHER[kind_of(device)])


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep `transformers` from printing a bar and a table of tensors: what is missing is an error here."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(before)
        logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _extractor(folder: Path, description: Description, config: Any) -> Any:
    """Return what prepares sound, as the folder says, or else as `transformers` does for the type of model."""
    import transformers

    is_whisper = description.kind == "whisper"
    maker: Any = transformers.WhisperFeatureExtractor if is_whisper else transformers.Wav2Vec2FeatureExtractor
    if (folder / PREPARED).is_file():
        return maker.from_pretrained(str(folder), local_files_only=True)
    return maker(feature_size=config.num_mel_bins) if is_whisper else maker()


def require_installed() -> None:
    """Raise an error with the command that installs `transformers`, if it is not there.

    Raises
    ------
    WeightError
        If it is not installed.
    """
    if importlib.util.find_spec("transformers") is None:
        raise WeightError("ssl needs transformers, which is not installed: pip install 'affex[ssl]' installs it.")

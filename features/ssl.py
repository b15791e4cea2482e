"""Self-supervised embeddings of speech: a row every 20 ms, by a model that `transformers` reads from a folder of yours.

See `features.networks.speech` for which models, and for their papers. The model is identified by the bytes of its
files: its digest, and not its path, is part of the cache key, so that a folder may be moved.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from affex.features.base import AudioFeature, ChainedFeature, Feature, Rows, Runtime, Signal, Values, require_length
from affex.features.networks import speech
from affex.features.networks.speech import SpeechModel

#: Samples of a row of `SslSound`, 20 ms.
STEP = 320
#: The shortest utterance, samples, 25 ms: what one frame of a published model sees.
SHORTEST = 400


@dataclass(frozen=True, kw_only=True)
class SslSound(AudioFeature):
    """Samples as they are, 20 ms in a row, and how many of the row are sound, for self-supervised models.

    Parameters
    ----------
    longest
        The longest utterance, s: a model's memory grows with its square.
    """

    framewise = True

    longest: float = 60.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rate != speech.RATE:
            raise ValueError(f"rate={self.rate}: expected {speech.RATE} Hz, for which such models were trained")

    @property
    def shortest(self) -> float:
        """What one frame of a published model sees, s."""
        return SHORTEST / speech.RATE

    @property
    def columns(self) -> tuple[str, ...]:
        """``s000`` to ``s319``, and ``n_samples``."""
        return _columns()

    def extract(self, signal: Signal) -> Rows:
        """Return the samples; the last row is filled up with zeros."""
        require_length(signal, SHORTEST, "a self-supervised model")
        n_samples = len(signal.samples)
        n_rows = -(-n_samples // STEP)
        values = np.zeros((n_rows, STEP + 1), np.float32)
        values[:, :STEP] = np.pad(signal.samples, (0, n_rows * STEP - n_samples)).reshape(n_rows, STEP)
        values[:, STEP] = STEP
        values[-1, STEP] -= n_rows * STEP - n_samples
        begins = STEP * np.arange(n_rows)
        return Rows(values, (begins + values[:, STEP] / 2) / speech.RATE)


@cache
def _columns() -> tuple[str, ...]:
    return (*(f"s{number:03}" for number in range(STEP)), "n_samples")


@dataclass(frozen=True, kw_only=True)
class Ssl(ChainedFeature):
    """A self-supervised model's embedding of speech, a row every 20 ms; wav2vec 2.0, HuBERT, WavLM, Whisper's encoder.

    Parameters
    ----------
    sound
        The upstream feature, which has the samples.
    layer
        Which hidden state: ``last``, a number (0 is the input of the first layer), or ``all`` side by side, of which
        a network learns a weighted sum inside the fold (``net:trunk=layers``).
    model
        The folder of the model, the same on every worker; empty to search in that of `Runtime.weights`. Not part of
        the identity.
    digest
        The sha256 over the model's files.
    width, layers
        The columns of a hidden state and the number of the model's layers, which a folder's ``config.json`` says.
    """

    packages: ClassVar[tuple[str, ...]] = ("torch", "transformers")
    cites: ClassVar[tuple[str, ...]] = ("baevski2020", "wolf2020")
    on_device: ClassVar[bool] = True
    framewise = True

    sound: AudioFeature = field(default_factory=SslSound)
    layer: str = "last"
    model: str = field(default="", compare=False)
    digest: str = ""
    width: int = 768
    layers: int = 12

    def __post_init__(self) -> None:
        if self.sound.columns != _columns():
            raise ValueError(f"sound={self.sound.name}: expected ssl-sound, the samples themselves")
        if self.digest and not re.fullmatch("[0-9a-f]{64}", self.digest):
            raise ValueError(f"digest={self.digest}: expected a sha256, 64 hexadecimal digits")
        if self.model:
            found = speech.digest_of(Path(self.model))
            if self.digest not in ("", found):
                raise ValueError(f"digest={self.digest}: {self.model} has the digest {found}")
            known = speech.described(Path(self.model))
            for name, value in (("digest", found), ("width", known.width), ("layers", known.layers)):
                object.__setattr__(self, name, value)
        for name in ("width", "layers"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: expected 1 or more")
        known_layers = {"last", "all", *map(str, range(self.layers + 1))}
        if self.layer not in known_layers:
            raise ValueError(f"layer={self.layer}: expected last, all, or 0 to {self.layers}")

    @property
    def upstream(self) -> AudioFeature:
        """The feature with the samples."""
        return self.sound

    @property
    def phrase(self) -> str:
        """What its rows are, in a sentence."""
        return "embeddings by a self-supervised model of speech"

    @property
    def row_shape(self) -> tuple[int, ...]:
        """With ``layer=all`` the hidden states and their columns."""
        return (self.layers + 1, self.width) if self.layer == "all" else ()

    @property
    def columns(self) -> tuple[str, ...]:
        """``ssl_000``, ``ssl_001``, ...; with ``layer=all`` ``layer00_000``, ``layer00_001``, ..."""
        digits = len(str(self.width - 1))
        numbers = [f"{number:0{digits}}" for number in range(self.width)]
        if self.layer != "all":
            return tuple(f"ssl_{number}" for number in numbers)
        return tuple(f"layer{layer:02}_{number}" for layer in range(self.layers + 1) for number in numbers)

    @property
    def _slice(self) -> slice:
        if self.layer == "all":
            return slice(None)
        number = self.layers if self.layer == "last" else int(self.layer)
        return slice(number, number + 1)

    def require(self, runtime: Runtime) -> None:
        """Check that `transformers` and the model are there."""
        speech.require_installed()
        speech.found(self.digest, self.model, runtime.weights)

    def load(self, runtime: Runtime) -> SpeechModel:
        """Return the model on the device."""
        return speech.load(speech.found(self.digest, self.model, runtime.weights), runtime.device)

    def extract_many(self, utterances: Iterable[Rows], model: Any) -> list[Rows]:
        """Return the hidden states of several utterances; on a GPU those of like length share batches."""
        read = list(utterances)
        states = model.states([_samples(rows.values) for rows in read], self._slice)
        about = model.description
        made = []
        for rows, own in zip(read, states, strict=True):
            assert rows.times is not None
            begins = rows.times[0] - rows.values[0, STEP] / 2 / speech.RATE
            middles = (about.stride * np.arange(len(own)) + about.field / 2) / speech.RATE
            made.append(Rows(np.ascontiguousarray(own.reshape(len(own), -1)), begins + middles))
        return made


def _samples(rows: Values) -> Values:
    """Return the samples of rows of `SslSound`, ``(n_samples,) float32``."""
    n_samples = round(float(rows[:, STEP].sum(dtype=np.float64)))
    return np.ascontiguousarray(rows[:, :STEP]).reshape(-1)[:n_samples]


PRESETS: dict[str, Feature] = {"ssl": Ssl(), "ssl-sound": SslSound()}

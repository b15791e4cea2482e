"""The speaker embedding: from 1.6 s of sound to 256 numbers that say who speaks.

**It identifies the person** (see `features.networks.voice_encoder`): treat its rows as biometric data. The
identity check (``IDENTITY=1``) compares speakers by it. Windows and loudness are those of `features.sound.speaker`.
"""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import ClassVar

from affex.features.base import AudioFeature, Feature, Rows, Signal, require_length
from affex.features.networks import voice_encoder
from affex.features.networks.base import Embedder, Network
from affex.features.networks.sounds import SoundEmbedding
from affex.features.networks.weights import WeightFile
from affex.features.sound import speaker as sound

#: What a paper that uses them cites.
CITES = ("wan2018", "jemine2019")


@dataclass(frozen=True, kw_only=True)
class SpeakerMel(AudioFeature):
    """Power in 40 mel bands of 160 frames, windows of 1.6 s, for the speaker embedding."""

    packages: ClassVar[tuple[str, ...]] = ("librosa",)
    cites: ClassVar[tuple[str, ...]] = (*CITES, "mcfee2015")

    framewise = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rate != sound.RATE:
            raise ValueError(f"rate={self.rate}: expected {sound.RATE} Hz, for which the network was trained")

    @property
    def shortest(self) -> float:
        """One spectrum, s; what is shorter than a window is filled up with zeros."""
        return sound.N_FFT / sound.RATE

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Frames, bands and the one channel of a window."""
        return (sound.FRAMES, sound.BANDS, 1)

    @property
    def columns(self) -> tuple[str, ...]:
        """``f000_m00``, ``f000_m01``, ..."""
        return _columns()

    def extract(self, signal: Signal) -> Rows:
        """Compute the windows, each with its middle."""
        require_length(signal, sound.N_FFT, "one spectrum")
        power, times = sound.windows(signal)
        return Rows(power.reshape(len(power), -1), times)


@cache
def _columns() -> tuple[str, ...]:
    return tuple(f"f{frame:03}_m{band:02}" for frame in range(sound.FRAMES) for band in range(sound.BANDS))


@dataclass(frozen=True, kw_only=True)
class Speaker(SoundEmbedding):
    """Resemblyzer's embedding of every 1.6 s of sound, which identifies the speaker; see `SoundEmbedding`."""

    packages: ClassVar[tuple[str, ...]] = ("torch",)
    cites: ClassVar[tuple[str, ...]] = CITES

    published: ClassVar[WeightFile | None] = voice_encoder.WEIGHTS
    takes_own: ClassVar[bool] = False

    sound: AudioFeature = field(default_factory=SpeakerMel)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.precision != "float32":
            raise ValueError(f"precision={self.precision}: expected float32, the only one of this network")
        if self.sound.row_shape != (sound.FRAMES, sound.BANDS, 1):
            raise ValueError(f"sound={self.sound.name}: expected speaker-mel, the windows that it was trained on")

    @property
    def about(self) -> str:
        """A description without that of the windows."""
        return "Resemblyzer's embedding of every 1.6 s of sound, which identifies the speaker"

    @property
    def phrase(self) -> str:
        """What its rows are, in a sentence."""
        return "Resemblyzer's speaker embeddings"

    @property
    def network(self) -> Network:
        """Resemblyzer's."""
        return voice_encoder.NETWORK

    def embedder(self, path: Path, device: str) -> Embedder:
        """Return Resemblyzer's network."""
        return voice_encoder.load(path, device)


PRESETS: dict[str, Feature] = {"speaker": Speaker(), "speaker-mel": SpeakerMel()}

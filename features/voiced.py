"""openSMILE's functionals of what is voice: from an utterance, normalised and its pauses left out, to one row.

Poria et al. 2017, "Context-dependent sentiment analysis in user-generated videos" (doi:10.18653/v1/P17-1081): openSMILE
at 30 frames a second, each 100 ms long; the voice is normalised by z-standardisation; its intensity is thresholded, to
tell samples with voice from those without; 6373 functionals. What the paper leaves open is chosen here:

* the samples are standardised (mean 0) to one level, `LEVEL`, so that a functional of loudness tells of its course, not
  of the distance from the microphone; it is the utterance that is standardised, and whoever compares speakers
  normalises the functionals besides;
* a frame has voice if its level is at most `threshold` below that of the loudest; what no such frame covers is cut out
  before openSMILE hears the rest, so that a frame of its own may hear both sides of a cut.

Computed as in `features.smile`, from openSMILE's own configuration, its frames changed when it is set up.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from affex.features.base import AudioFeature, ExtractionError, Rows, Signal, Values
from affex.features.smile import SETS, Framing, Smile, computed, least_samples
from affex.features.sound.frames import FLOOR, check_framing, framed

#: The standard deviation of the samples of a standardised utterance, full scale being 1: -26 dB, the level of speech
#: that telephony is tested at (ITU-T P.830), which leaves room for peaks of twenty times as much.
LEVEL = 0.05


@dataclass(frozen=True, kw_only=True)
class Voiced(AudioFeature):
    """Functionals of openSMILE (ComParE), of the voice alone: one level, pauses cut.

    Parameters
    ----------
    set : str
        One of `features.smile.SETS`; the ones that are called ComParE have 6373 functionals.
    window, hop : float
        Length of a frame and step from one to the next, s, for all descriptors.
    threshold : float
        How far below the loudest frame a frame with voice may lie, dB. 25 is what Praat takes for silence.
    """

    packages: ClassVar[tuple[str, ...]] = ("opensmile",)

    set: str = "ComParE_2016"
    window: float = 0.100
    hop: float = 1 / 30
    threshold: float = 25.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_framing(self.window, self.hop)
        if self.set not in SETS:
            raise ValueError(f"set={self.set}: expected one of {', '.join(SETS)}")
        if not self.threshold > 0:
            raise ValueError(f"threshold={self.threshold}: expected more than 0 dB")

    @property
    def framewise(self) -> bool:
        """One row an utterance."""
        return False

    @property
    def columns(self) -> tuple[str, ...]:
        """The names that openSMILE gives them."""
        return Smile(set=self.set).columns

    def extract(self, signal: Signal) -> Rows:
        """Compute the functionals.

        Raises
        ------
        ExtractionError
            If the utterance is shorter than a window, or what of it is voice too short for the set.
        RuntimeError
            If openSMILE itself fails.
        """
        has_voice = self.has_voice(signal)
        voice = Signal(standardised(signal.samples)[has_voice], signal.rate)
        framing = Framing(self.window, self.hop)
        least = least_samples(self.set, "functionals", signal.rate, framing)
        if len(voice.samples) < least <= len(signal.samples):
            raise ExtractionError(
                f"too little voice: {voice.duration:.3f} s of {signal.duration:.3f} s are within {self.threshold:g} dB "
                f"of the loudest, and {self.set} needs at least {least / signal.rate:.3f} s"
            )
        values, _ = computed(voice, self.set, "functionals", framing)
        return Rows(values)

    def has_voice(self, signal: Signal) -> NDArray[np.bool_]:
        """Return for every sample whether it is in a frame with voice.

        Raises
        ------
        ExtractionError
            If the utterance is shorter than a window.
        """
        power = np.mean(framed(signal, self.window, self.hop).astype(np.float64) ** 2, axis=1)
        levels = 10 * np.log10(np.maximum(power, 10 ** (FLOOR / 10)))
        has = np.zeros(len(signal.samples), bool)
        size, step = round(self.window * signal.rate), round(self.hop * signal.rate)
        for number in np.flatnonzero(levels >= levels.max() - self.threshold):
            has[number * step : number * step + size] = True
        return has


def standardised(samples: Values) -> Values:
    """Return samples of mean 0 and of one level; those that do not vary become 0."""
    moved = samples - samples.mean(dtype=np.float64)
    spread = moved.std()
    # Rounding makes constant samples vary by some 1e-8 of them.
    scaled = moved * (LEVEL / spread) if spread > 10 ** (FLOOR / 20) else np.zeros_like(moved)
    return np.asarray(scaled, np.float32)


PRESETS: dict[str, AudioFeature] = {
    # What the source documents say of the paper above: 30 Hz, 100 ms, normalised, thresholded, 6373.
    "compare-voiced": Voiced(),
}

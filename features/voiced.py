"""openSMILE's functionals of the voiced part: from an utterance, normalised and without pauses, to one row.

Poria et al. 2017, "Context-dependent sentiment analysis in user-generated videos" (doi:10.18653/v1/P17-1081): openSMILE
at 30 frames a second, each 100 ms long; the voice is normalised by z-standardisation; a threshold of its
intensity separates samples with voice from those without; 6373 functionals. The paper leaves two choices open:

* the samples of each utterance are standardised (mean 0) to one level, `LEVEL`, so that functionals of loudness
describe
  its changes, not the distance from the microphone; speaker normalisation of the functionals is a separate step;
* a frame has voice if its level is at most `threshold` below that of the loudest; samples outside such frames are cut
  out before openSMILE gets the rest, so that one of its frames may contain both sides of a cut.

It is computed as in `features.smile`, from openSMILE's own configuration with other frames.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from affex.features.base import AudioFeature, ExtractionError, Rows, Signal, Values
from affex.features.smile import SETS, Framing, Smile, computed, least_samples
from affex.features.sound.frames import FLOOR, check_framing, framed

#: The standard deviation of the samples of a standardised utterance, full scale being 1: -26 dB, the level of speech
#: that telephony is tested at (ITU-T P.830), which leaves room for peaks of twenty times this value.
LEVEL = 0.05


@dataclass(frozen=True, kw_only=True)
class Voiced(AudioFeature):
    """Functionals of openSMILE (ComParE) of the voiced part only: one level, without pauses.

    Parameters
    ----------
    set : str
        One of `features.smile.SETS`; those named ComParE have 6373 functionals.
    window, hop : float
        The length of a frame and the step to the next, s, for all descriptors.
    threshold : float
        The most by which a frame with voice may be below the loudest frame, dB. 25 is Praat's threshold of silence.
    """

    cites: ClassVar[tuple[str, ...]] = ("eyben2010", "poria2017")

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
    def shortest(self) -> float:
        """As many whole frames as the set needs, s."""
        least = least_samples(self.set, "functionals", self.rate, Framing(self.window, self.hop))
        size, step = round(self.window * self.rate), round(self.hop * self.rate)
        return (size + max(0, -((size - least) // step)) * step) / self.rate

    @property
    def columns(self) -> tuple[str, ...]:
        """The column names of openSMILE."""
        return Smile(set=self.set).columns

    def extract(self, signal: Signal) -> Rows:
        """Compute the functionals.

        Raises
        ------
        ExtractionError
            If the utterance is shorter than a window, or its voiced part is too short for the set.
        RuntimeError
            If openSMILE fails.
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
    """Return samples with mean 0 and a fixed level; constant samples become 0."""
    moved = samples - samples.mean(dtype=np.float64)
    spread = moved.std()
    # Because of rounding, constant samples vary by about 1e-8 of their value.
    scaled = moved * (LEVEL / spread) if spread > 10 ** (FLOOR / 20) else np.zeros_like(moved)
    return np.asarray(scaled, np.float32)


PRESETS: dict[str, AudioFeature] = {
    # The source documents' description of the paper above: 30 Hz, 100 ms, normalised, thresholded, 6373.
    "compare-voiced": Voiced(),
}

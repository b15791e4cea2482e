"""Fingerprint: from an utterance to what can be recognised in any copy of it, frame by frame.

How the level of each band changes against that of its neighbour, within 64 ms: the quantity whose signs are the
sub-fingerprints of Haitsma and Kalker, "A highly robust audio fingerprinting system" (ISMIR 2002), kept here
as a number, so that weak changes count little. A gain falls out of it, and so does what a microphone or codec
does to the spectrum as a whole.

The 33 bands lie between 170 and 1350 Hz, below what a telephone or a low bitrate cuts away. What is more than 50 dB
below the utterance's loudest band, or is the noise of 16 bits, is set to that level and so does not change:
silence, however long, is rows of zeros, and zeros match nothing. The hop is an eighth of the window, so that a copy
shifted by any number of samples still has nearly the same rows.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from affex.features.base import AudioFeature, Rows, Signal, require_length
from affex.features.sound.frames import column_names, frame_times, mel_levels

#: Window, hop, and how far apart the two frames of a row are, s.
WINDOW, HOP, LAG = 0.128, 0.016, 0.064

#: Of so many mel bands these count, at 16 kHz.
MELS, BANDS = 90, slice(5, 38)

#: What is so far below the utterance's loudest band is its silence, dB.
DEPTH = 50.0

#: What lies below this in a band is the rounding noise of 16 bits or its dither (-98 to -91 dB over all bands), dB.
ROUNDING = -100.0


@dataclass(frozen=True, kw_only=True)
class Fingerprint(AudioFeature):
    """What the leakage audit tells copies of a recording by; an utterance needs 0.192 s.

    Its columns are the change of the difference between neighbouring bands' levels within 64 ms, dB.
    """

    packages: ClassVar[tuple[str, ...]] = ("librosa",)

    @property
    def framewise(self) -> bool:
        """One row every 16 ms."""
        return True

    @property
    def columns(self) -> tuple[str, ...]:
        """``fingerprint_00``, ... from low to high frequencies."""
        return column_names("fingerprint", BANDS.stop - BANDS.start - 1, derivatives=0)

    def extract(self, signal: Signal) -> Rows:
        """Compute the rows; one of digital silence is all zeros.

        Raises
        ------
        ExtractionError
            If the utterance is shorter than a window and the lag.
        """
        require_length(signal, round((WINDOW + LAG) * signal.rate), "a fingerprint")
        levels = mel_levels(signal, WINDOW, HOP, MELS)[:, BANDS]
        levels = np.maximum(levels, max(float(levels.max()) - DEPTH, ROUNDING))
        against_neighbour = np.diff(levels, axis=1)
        lag = round(LAG / HOP)
        values = against_neighbour[lag:] - against_neighbour[:-lag]
        return Rows(values, frame_times(len(values), WINDOW + LAG, HOP, signal.rate))


PRESETS: dict[str, AudioFeature] = {"fingerprint": Fingerprint()}

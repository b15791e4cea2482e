"""Fingerprint: from an utterance to numbers, frame by frame, by which any copy of it can be recognised.

The change within 64 ms of the difference between neighbouring bands' levels: the quantity whose signs are the
sub-fingerprints of Haitsma and Kalker, "A highly robust audio fingerprinting system" (ISMIR 2002), kept here
as a number, so that weak changes count little. It does not depend on the gain, nor on the constant frequency response
of a microphone or codec.

The 33 bands lie between 170 and 1350 Hz, below the frequencies that a telephone or a low bitrate removes.
Levels more than 50 dB below the utterance's loudest band, or below the noise of 16 bits, are set to that limit and so
do not change: silence of any length is rows of zeros, and zeros match nothing. The hop is an eighth of the window, so
that a copy shifted by any number of samples has nearly the same rows.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from affex.features.base import AudioFeature, Rows, Signal, require_length
from affex.features.sound.frames import column_names, frame_times, mel_levels

#: Window, hop, and the distance of the two frames of a row, s.
WINDOW, HOP, LAG = 0.128, 0.016, 0.064

#: The number of mel bands, and which of them are used, at 16 kHz.
MELS, BANDS = 90, slice(5, 38)

#: A level this far below the utterance's loudest band is silence, dB.
DEPTH = 50.0

#: A level below this in a band is rounding noise of 16 bits or dither (-98 to -91 dB over all bands), dB.
ROUNDING = -100.0


@dataclass(frozen=True, kw_only=True)
class Fingerprint(AudioFeature):
    """Fingerprint by which the leakage audit recognises copies of a recording; an utterance needs 0.192 s.

    Its columns are the change of the difference between neighbouring bands' levels within 64 ms, dB.
    """

    cites: ClassVar[tuple[str, ...]] = ("mcfee2015",)

    packages: ClassVar[tuple[str, ...]] = ("librosa",)
    framewise = True

    @property
    def shortest(self) -> float:
        """A window and the lag, s."""
        return WINDOW + LAG

    @property
    def columns(self) -> tuple[str, ...]:
        """``fingerprint_00``, ... from low to high frequencies."""
        return column_names("fingerprint", BANDS.stop - BANDS.start - 1, derivatives=0)

    def extract(self, signal: Signal) -> Rows:
        """Compute the rows; a row of digital silence is all zeros.

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

"""Short frames: from an utterance to the spectra, mel bands, times and derivatives of its frames.

Conventions: frame ``k`` covers the samples ``[k * hop, k * hop + window)`` without padding, so an utterance of
``N`` samples has ``1 + (N - window) // hop`` frames, all of them inside the utterance.
Durations are in seconds and rounded to whole samples. Levels are in dB relative to full scale, where a sine
of amplitude 1 is 0 dB (AES17), and at least `FLOOR`, so that silence has a finite level.

Spectra, mel filters and derivatives are librosa's (McFee et al. 2015, doi:10.25080/Majora-7b98e3ed-003).
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from affex.features.base import AudioFeature, Signal, Values, require_length
from affex.features.sound.compiled import prepared

#: Lower levels are set to this one, dB. The rounding noise of 16-bit audio is at -98 dB in all bands together, so a
#: single band at this level is the silence of a recording.
FLOOR = -120.0

#: The number of frames over which a derivative is estimated, librosa's choice.
DERIVATIVE_WIDTH = 9


@dataclass(frozen=True, kw_only=True)
class ShortFrames(AudioFeature):
    """Base of the features with one row per short frame.

    Parameters
    ----------
    window, hop : float
        The length of a frame and the step to the next, s. 25 and 10 ms are the standard of speech processing: short
        enough for the vocal tract to be nearly constant, long enough for two periods of a voice.
    """

    packages: ClassVar[tuple[str, ...]] = ("librosa",)
    framewise = True

    window: float = 0.025
    hop: float = 0.010

    def __post_init__(self) -> None:
        super().__post_init__()
        check_framing(self.window, self.hop)

    @property
    def shortest(self) -> float:
        """One window, s."""
        return self.window

    def times(self, values: Values, signal: Signal) -> NDArray[np.float64]:
        """Return the middle of the frame of each row, s."""
        return frame_times(len(values), self.window, self.hop, signal.rate)


@dataclass(frozen=True, kw_only=True)
class MelFrames(ShortFrames):
    """Base of the features on mel bands, with derivatives.

    Parameters
    ----------
    mels : int
        The number of bands between 0 Hz and half the rate.
    derivatives : int
        0: none, 1: first, 2: first and second derivatives.
    """

    mels: int = 64
    derivatives: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        check_mels(self.mels, self.window, self.rate)
        check_derivatives(self.derivatives)

    def levels(self, signal: Signal) -> Values:
        """Return the level in each mel band in every frame, as `mel_levels`."""
        return mel_levels(signal, self.window, self.hop, self.mels)


def check_framing(window: float, hop: float) -> None:
    """Raise if a window or hop is not plausible for speech.

    Raises
    ------
    ValueError
        The message gives the allowed range.
    """
    if not 0.005 <= window <= 2.0:
        raise ValueError(f"window={window}: expected 0.005 to 2 s")
    if not 0.001 <= hop <= window:
        raise ValueError(f"hop={hop}: expected 0.001 s to the window's {window} s")


def check_derivatives(derivatives: int) -> None:
    """Raise if the number of derivatives is not 0, 1 or 2.

    Raises
    ------
    ValueError
        The message gives the allowed range.
    """
    if derivatives not in (0, 1, 2):
        raise ValueError(f"derivatives={derivatives}: expected 0 (none), 1 (first) or 2 (first and second)")


def in_words(derivatives: int) -> str:
    """Return the derivatives in words, as the end of a clause."""
    return ("", ", with first derivatives", ", with first and second derivatives")[derivatives]


def check_mels(mels: int, window: float, rate: int) -> None:
    """Raise if there are so many mel bands that the lowest would contain no bin of the spectrum.

    Raises
    ------
    ValueError
        The message gives the allowed range.
    """
    bin_width = rate / _mel_points(window, rate)
    # Bands are spaced evenly in mel, and each is two spaces wide. The narrowest are those below 1 kHz, where a mel is
    # 200/3 Hz. A band that is wider than a bin contains at least one.
    most = math.ceil(2 * (200 / 3) * _mel(rate / 2) / bin_width) - 2
    if not 1 <= mels <= most:
        raise ValueError(f"mels={mels}: expected 1 to {most} with a window of {window} s at {rate} Hz")


def amplitude_levels(signal: Signal, window: float, hop: float, bins: int) -> Values:
    """Return the levels of the lowest frequencies in every frame, with a Hamming window.

    The spectrum has as many points as the window has samples; bin ``b`` is at ``b / window`` Hz.

    Returns
    -------
    levels : (n_frames, bins) float32, dB
        0 dB in the bin of a sine of amplitude 1.

    Raises
    ------
    ExtractionError
        If the utterance is shorter than a window.
    """
    from scipy.signal import get_window

    size = _samples(window, signal.rate)
    gain = float(get_window("hamming", size).sum()) / 2
    power = _power(signal, window, hop, taper="hamming", n_fft=size)[:bins]
    return _decibels(power / gain**2)


def mel_levels(signal: Signal, window: float, hop: float, mels: int) -> Values:
    """Return the level in each mel band (Slaney's scale, 0 Hz to half the rate) in every frame.

    Each frame has a Hann window and is padded with zeros to the next power of two. The bands are triangles that add
    up to 1 between the first and the last centre, so the powers of all bands of a sine add up to the power of the sine.

    Returns
    -------
    levels : (n_frames, mels) float32, dB
        All bands together of a sine of amplitude 1 are 0 dB.

    Raises
    ------
    ExtractionError
        If the utterance is shorter than a window.
    """
    prepared()
    from librosa.filters import mel
    from scipy.signal import get_window

    n_fft = _mel_points(window, signal.rate)
    gain = n_fft * float((get_window("hann", _samples(window, signal.rate)) ** 2).sum()) / 4
    power = _power(signal, window, hop, taper="hann", n_fft=n_fft)
    bands = mel(sr=signal.rate, n_fft=n_fft, n_mels=mels, norm=None)
    return _decibels(bands @ power / gain)


def framed(signal: Signal, window: float, hop: float) -> Values:
    """Return the samples of every frame, as a view.

    Returns
    -------
    frames : (n_frames, n_samples) float32

    Raises
    ------
    ExtractionError
        If the utterance is shorter than a window.
    """
    size = _samples(window, signal.rate)
    require_length(signal, size, f"one window of {window} s")
    frames: Values = np.lib.stride_tricks.sliding_window_view(signal.samples, size)[:: _samples(hop, signal.rate)]
    return frames


def frame_times(n_frames: int, window: float, hop: float, rate: int) -> NDArray[np.float64]:
    """Return the middle of each frame.

    Returns
    -------
    times : (n_frames,) float64, s
    """
    return (np.arange(n_frames) * _samples(hop, rate) + _samples(window, rate) / 2) / rate


def with_derivatives(static: Values, derivatives: int) -> Values:
    """Append the first, or the first and second, derivatives in time.

    The first (second) derivative is the slope (curvature) of the line (parabola) that fits nine frames best (Savitzky
    and Golay 1964, doi:10.1021/ac60214a047), per frame (per frame squared); beyond the ends the last frame is repeated.

    Parameters
    ----------
    static : (n_frames, n) float32
    derivatives
        0, 1 or 2.

    Returns
    -------
    values : (n_frames, n * (1 + derivatives)) float32
    """
    prepared()
    from librosa.feature import delta

    orders = [
        delta(static, width=DERIVATIVE_WIDTH, order=order, axis=0, mode="nearest")
        for order in range(1, derivatives + 1)
    ]
    return np.concatenate([static, *orders], axis=1, dtype=np.float32)


def column_names(stem: str, n: int, derivatives: int) -> tuple[str, ...]:
    """Return the column names for `with_derivatives`: ``mfcc_00``, ..., ``mfcc_d1_00``, ..."""
    digits = max(2, len(str(n - 1)))
    stems = (stem, f"{stem}_d1", f"{stem}_d2")[: derivatives + 1]
    return tuple(f"{s}_{i:0{digits}}" for s in stems for i in range(n))


def _samples(duration: float, rate: int) -> int:
    return round(duration * rate)


def _mel_points(window: float, rate: int) -> int:
    return 1 << (_samples(window, rate) - 1).bit_length()


def _mel(hertz: float) -> float:
    """Convert Hz to mel on Slaney's scale: linear to 1 kHz (15 mel), logarithmic above (Auditory Toolbox, 1998)."""
    return 3 * hertz / 200 if hertz < 1000 else 15 + 27 * math.log(hertz / 1000) / math.log(6.4)


def _power(signal: Signal, window: float, hop: float, *, taper: str, n_fft: int) -> Values:
    """Return the power spectrum ``(n_fft // 2 + 1, n_frames)`` of every frame."""
    prepared()
    from librosa import stft

    size = _samples(window, signal.rate)
    require_length(signal, size, f"one window of {window} s")
    # librosa's frames have n_fft samples with the window in their middle. With this much silence around the
    # utterance, the first window begins with the utterance's first sample.
    before = (n_fft - size) // 2
    padded = np.pad(signal.samples, (before, n_fft - size - before))
    spectrum = stft(
        padded,
        n_fft=n_fft,
        hop_length=_samples(hop, signal.rate),
        win_length=size,
        window=taper,
        center=False,
    )
    power: Values = np.square(np.abs(spectrum))
    return power


def _decibels(power: Values) -> Values:
    floor = 10 ** (FLOOR / 10)
    levels: Values = 10 * np.log10(np.maximum(power.T, floor), dtype=np.float32)
    return levels

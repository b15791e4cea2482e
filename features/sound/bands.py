"""Band-pass: from a signal to the part of it between two frequencies."""

from dataclasses import replace

import numpy as np

from affex.features.base import Signal

#: The order of each Butterworth filter; run forwards and backwards, it is twice as steep, and shifts no time.
ORDER = 4


def band_passed(signal: Signal, low: float, high: float | None) -> Signal:
    """Return a signal between two frequencies, by Butterworth filters run forwards and backwards.

    Parameters
    ----------
    low : float, Hz
        Lower frequencies are removed (6 dB at this one); 0 for none.
    high : float, Hz, or None
        Higher frequencies are removed; None for none.
    """
    from scipy.signal import butter, sosfiltfilt

    if not (low or high) or not len(signal.samples):
        return signal
    samples = signal.samples.astype(np.float64)
    for kind, hertz in (("highpass", low), ("lowpass", high)):
        if hertz:
            sections = butter(ORDER, hertz, kind, fs=signal.rate, output="sos")
            samples = sosfiltfilt(sections, samples, padlen=min(3 * ORDER, len(samples) - 1))
    return replace(signal, samples=samples.astype(np.float32))


def check_band(low: float, high: float | None, rate: int) -> None:
    """Raise if there is no sound between two frequencies at a rate.

    Raises
    ------
    ValueError
        The message gives the allowed range.
    """
    most = rate / 2
    if not 0 <= low < most:
        raise ValueError(f"low={low:g}: expected 0 to less than {most:g} Hz, half the rate")
    if high is not None and not low < high < most:
        raise ValueError(
            f"high={high:g}: expected more than {low:g} and less than {most:g} Hz, half the rate; none keeps all above"
        )

"""Spectra of rows: within the arrow from the cache to a table, from a row to its Fourier transform.

F-NormFFT of Zhou et al. 2019 (doi:10.1145/3340555.3355713): the transform of an embedding over its columns, scaled to
length 1, real parts and then imaginary parts. A row of real numbers has a spectrum of which one half mirrors the other:
only one half is kept, ``d // 2 + 1`` frequencies of ``d`` columns. Nothing is learned.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.specs import column_groups

#: What a paper that uses them cites.
CITED = ("zhou2019",)


def columns(names: Sequence[str], only: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the names of a spectrum's numbers, ``real_00``, ..., ``imag_00``, ...; `only` as in `column_groups`."""
    n_frequencies = len(column_groups.chosen(names, only)) // 2 + 1
    digits = len(str(n_frequencies - 1))
    return tuple(f"{part}_{k:0{digits}}" for part in ("real", "imag") for k in range(n_frequencies))


def spectra(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the spectrum of each row, ``(n_rows, 2 * (n_columns // 2 + 1)) float32``; 0 of a row of zeros.

    The whole spectrum, with the half that is left out, has length 1.
    """
    found = np.fft.rfft(rows.astype(np.float64), axis=1)
    # Parseval: the whole spectrum is sqrt(d) times as long as the row.
    lengths = np.sqrt(rows.shape[1]) * np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    found /= np.where(lengths > 0, lengths, 1)
    return np.hstack([found.real, found.imag]).astype(np.float32)

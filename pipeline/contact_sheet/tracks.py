"""The lower part of a contact sheet: the face track and the sound, on one time axis."""

import textwrap
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from affex.features.base import Rows
from affex.features.sound.compiled import prepared
from affex.pipeline.contact_sheet.looks import draw_scores
from affex.pipeline.contact_sheet.record import LOGMEL, MFCC, ContactSheet, FaceTrack, Sound
from affex.pipeline.contact_sheet.style import FOUND, LOST

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure
    from matplotlib.image import AxesImage

#: The heights of a sentence, of a line track, of a spectrum, and of the time axis below them, in.
NOTE, LINE, SPECTRUM, AXIS = 0.5, 1.0, 1.7, 0.5

#: The greatest length of a sentence, characters: three lines.
MOST = 500

#: The number of columns in which a waveform is drawn, as its lowest and highest sample.
ENVELOPE = 2000

#: The fill of stretches with and without a face.
FOUND_STYLE: dict[str, Any] = {"facecolor": FOUND, "linewidth": 0}
LOST_STYLE: dict[str, Any] = {"facecolor": "white", "edgecolor": LOST, "hatch": "/////", "linewidth": 1}

WHITE = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}

#: The share of a track's height for its strip; the share of the time from which on a stretch gets a label.
STRIP, LABELLED = 0.18, 0.05

#: The colours of the MFCC are linear below this value, dB, and logarithmic above it, because the first coefficients are
#: much larger than the others.
LINEAR = 20.0

#: A track: its height in inches, and the function that draws it into its axes and the axes of a colour bar beside it.
Track = tuple[float, Callable[["Axes", "Axes"], None]]


def of_sheet(sheet: ContactSheet) -> list[Track]:
    """Return the tracks of a sheet, from top to bottom."""
    tracks: list[Track] = []
    if isinstance(sheet.faces, FaceTrack):
        tracks.append((LINE, partial(_draw_track, sheet, sheet.faces)))
    else:
        tracks.append(_note(f"No frames: {sheet.faces}"))
    if sheet.over_time is not None:
        tracks.append((SPECTRUM, partial(draw_scores, sheet.over_time)))
    if isinstance(sheet.sound, str):
        return [*tracks, _note(f"No sound: {sheet.sound}")]
    tracks.append((LINE, partial(_draw_wave, sheet.sound)))
    for title, rows, draw in (("log-mel", sheet.sound.logmel, _draw_logmel), ("MFCC", sheet.sound.mfcc, _draw_mfcc)):
        tracks.append(_note(f"No {title}: {rows}") if isinstance(rows, str) else (SPECTRUM, partial(draw, rows)))
    return tracks


def draw(figure: "SubFigure", tracks: Sequence[Track], duration: float) -> None:
    """Draw the tracks on one time axis."""
    heights = [height for height, _ in tracks]
    pairs = figure.subplots(len(tracks), 2, squeeze=False, height_ratios=heights, width_ratios=(1, 0.012))
    for (axes, beside), (_, draw) in zip(pairs, tracks, strict=True):
        beside.set_axis_off()
        draw(axes, beside)
    timed = [axes for axes in pairs[:, 0] if axes.axison]
    for axes in timed:
        axes.set_xlim(0, duration)
        axes.tick_params(labelsize=8, labelbottom=axes is timed[-1])
        axes.yaxis.label.set_fontsize(8)
    for axes in timed[-1:]:
        axes.set_xlabel("time from the utterance's beginning, s", fontsize=8)


def _note(text: str) -> Track:
    """Return a track that shows a sentence, drawn in place of a missing track."""

    def draw(axes: "Axes", _: "Axes") -> None:
        axes.set_axis_off()
        words = textwrap.fill(text[:MOST], 170)
        axes.text(0, 0.5, words, va="center", fontsize=9, color=LOST, parse_math=False)

    return NOTE, draw


def _draw_track(sheet: ContactSheet, faces: FaceTrack, axes: "Axes", _: "Axes") -> None:
    """Draw the score over time and, below it, a strip that shows where the face was found and lost."""
    axes.plot(faces.times, np.where(faces.found, faces.scores, np.nan), "o-", color=FOUND, markersize=4, linewidth=1)
    scores = faces.scores[faces.found] if faces.found.any() else np.zeros(1)
    room = float(np.ptp(scores)) or 0.1
    axes.set_ylim(float(scores.min()) - 0.7 * room, float(scores.max()) + 0.5 * room)
    for begin, end, found in faces.stretches(sheet.duration):
        axes.axvspan(begin, end, 0, STRIP, **(FOUND_STYLE if found else LOST_STYLE))
        if end - begin > LABELLED * sheet.duration:
            words = {"s": "found", "color": "white"} if found else {"s": "lost", "color": LOST, "bbox": WHITE}
            x, y = (begin + end) / 2, STRIP / 2
            axes.text(
                x, y, transform=axes.get_xaxis_transform(), ha="center", va="center_baseline", fontsize=7, **words
            )
    for number, shot in enumerate(faces.shots):
        at = float(faces.times[shot.row])
        axes.axvline(at, color="grey", linewidth=0.8, linestyle=":")
        axes.annotate(
            str(number + 1), (at, 1), (0, 2), axes.get_xaxis_transform(), "offset points", ha="center", fontsize=8
        )
    axes.set_ylabel(f"score\n({sheet.detector})")


def _draw_wave(sound: Sound, axes: "Axes", _: "Axes") -> None:
    """Draw the lowest and highest sample of each short stretch."""
    firsts = np.unique(np.linspace(0, len(sound.samples), ENVELOPE, endpoint=False).astype(int))
    low, high = (extreme.reduceat(sound.samples, firsts) for extreme in (np.minimum, np.maximum))
    axes.fill_between(sound.begins + firsts / sound.rate, low, high, step="post", color="black", linewidth=0.3)
    axes.set_ylabel("amplitude\n(full scale: 1)")


def _draw_logmel(rows: Rows, axes: "Axes", beside: "Axes") -> None:
    """Draw the levels of the mel bands, the lowest band at the bottom."""
    prepared()
    from librosa import mel_frequencies

    centres = mel_frequencies(LOGMEL.mels + 2, fmin=0, fmax=LOGMEL.rate / 2)[1:-1]
    ticks = [hertz for hertz in (250, 500, 1000, 2000, 4000) if hertz < centres[-1]]
    image = _draw_rows(axes, rows, rows.values, LOGMEL.hop, cmap="viridis")
    axes.set_yticks(np.interp(ticks, centres, np.arange(LOGMEL.mels)), map(str, ticks))
    axes.set_ylabel(f"{LOGMEL.mels} mel bands,\nHz")
    _draw_scale(image, beside, "dB (full scale: 0)")


def _draw_mfcc(rows: Rows, axes: "Axes", beside: "Axes") -> None:
    """Draw the coefficients without their derivatives, and without the 0th (the loudness)."""
    from matplotlib.colors import SymLogNorm

    values = rows.values[:, 1 : MFCC.n]
    most = max(float(np.abs(values).max()), 2 * LINEAR)
    image = _draw_rows(axes, rows, values, MFCC.hop, first=1, cmap="PuOr", norm=SymLogNorm(LINEAR, 1, -most, most))
    axes.set_ylabel("MFCC,\ncoefficient")
    _draw_scale(image, beside, "dB", (-100, -30, -10, 0, 10, 30, 100))


def _draw_rows(
    axes: "Axes", rows: Rows, values: NDArray[np.float32], hop: float, first: int = 0, **settings: Any
) -> "AxesImage":
    """Draw columns of rows as a picture, the first column at the bottom, each row centred in its hop."""
    assert rows.times is not None
    extent = (rows.times[0] - hop / 2, rows.times[-1] + hop / 2, first - 0.5, first + values.shape[1] - 0.5)
    return axes.imshow(values.T, origin="lower", aspect="auto", extent=extent, **settings)


def _draw_scale(image: "AxesImage", beside: "Axes", unit: str, ticks: Sequence[float] | None = None) -> None:
    """Draw the colour bar of a picture."""
    beside.set_axis_on()
    bar = beside.figure.colorbar(image, cax=beside, ticks=ticks, format="%g")
    bar.set_label(unit, fontsize=8)
    bar.ax.tick_params(labelsize=8)

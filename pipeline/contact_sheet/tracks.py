"""The lower part of a contact sheet: on one axis of time where the face was found and lost, and the sound."""

import textwrap
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from affex.features.base import Rows
from affex.pipeline.contact_sheet.record import LOGMEL, MFCC, ContactSheet, Heard, Seen
from affex.pipeline.contact_sheet.style import FOUND, LOST

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure
    from matplotlib.image import AxesImage

#: The heights of a sentence, of a track, of one with colours, and of the axis of time below them all, in.
NOTE, LINE, SPECTRUM, AXIS = 0.5, 1.0, 1.7, 0.5

#: How much of a sentence is shown, characters: three lines.
MOST = 500

#: A waveform is drawn as its lowest and highest sample in so many columns.
ENVELOPE = 2000

#: How stretches with and without a face are filled.
FOUND_STYLE: dict[str, Any] = {"facecolor": FOUND, "linewidth": 0}
LOST_STYLE: dict[str, Any] = {"facecolor": "white", "edgecolor": LOST, "hatch": "/////", "linewidth": 1}

WHITE = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}

#: How much of a track's height its strip takes; a stretch of more than this share of the time says what it is.
STRIP, SPOKEN = 0.18, 0.05

#: Below this the colours of the MFCC are linear in them, dB; above, logarithmic: the first would outshine the others.
LINEAR = 20.0

#: A track: its height in inches, and what draws it, given its axes and those beside it for a scale of colours.
Track = tuple[float, Callable[["Axes", "Axes"], None]]


def of_sheet(sheet: ContactSheet) -> list[Track]:
    """Return what is drawn along the time, from top to bottom."""
    tracks: list[Track] = []
    if isinstance(sheet.seen, Seen):
        tracks.append((LINE, partial(_draw_track, sheet, sheet.seen)))
    else:
        tracks.append(_note(f"No frames: {sheet.seen}"))
    if isinstance(sheet.heard, str):
        return [*tracks, _note(f"No sound: {sheet.heard}")]
    tracks.append((LINE, partial(_draw_wave, sheet.heard)))
    for title, rows, draw in (("log-mel", sheet.heard.logmel, _draw_logmel), ("MFCC", sheet.heard.mfcc, _draw_mfcc)):
        tracks.append(_note(f"No {title}: {rows}") if isinstance(rows, str) else (SPECTRUM, partial(draw, rows)))
    return tracks


def draw(figure: "SubFigure", tracks: Sequence[Track], duration: float) -> None:
    """Draw the tracks on one axis of time."""
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
    """Return a track that says why there is none."""

    def draw(axes: "Axes", _: "Axes") -> None:
        axes.set_axis_off()
        words = textwrap.fill(text[:MOST], 170)
        axes.text(0, 0.5, words, va="center", fontsize=9, color=LOST, parse_math=False)

    return NOTE, draw


def _draw_track(sheet: ContactSheet, seen: Seen, axes: "Axes", _: "Axes") -> None:
    """Draw the score over the time and, below, a strip that says where the face was found and where it was lost."""
    axes.plot(seen.times, np.where(seen.found, seen.scores, np.nan), "o-", color=FOUND, markersize=4, linewidth=1)
    scores = seen.scores[seen.found] if seen.found.any() else np.zeros(1)
    room = float(np.ptp(scores)) or 0.1
    axes.set_ylim(float(scores.min()) - 0.7 * room, float(scores.max()) + 0.5 * room)
    for begin, end, found in seen.stretches(sheet.duration):
        axes.axvspan(begin, end, 0, STRIP, **(FOUND_STYLE if found else LOST_STYLE))
        if end - begin > SPOKEN * sheet.duration:
            words = {"s": "found", "color": "white"} if found else {"s": "lost", "color": LOST, "bbox": WHITE}
            x, y = (begin + end) / 2, STRIP / 2
            axes.text(
                x, y, transform=axes.get_xaxis_transform(), ha="center", va="center_baseline", fontsize=7, **words
            )
    for number, shot in enumerate(seen.shots):
        at = float(seen.times[shot.row])
        axes.axvline(at, color="grey", linewidth=0.8, linestyle=":")
        axes.annotate(
            str(number + 1), (at, 1), (0, 2), axes.get_xaxis_transform(), "offset points", ha="center", fontsize=8
        )
    axes.set_ylabel(f"score\n({sheet.detector})")


def _draw_wave(heard: Heard, axes: "Axes", _: "Axes") -> None:
    """Draw the lowest and highest sample of each short stretch."""
    firsts = np.unique(np.linspace(0, len(heard.samples), ENVELOPE, endpoint=False).astype(int))
    low, high = (extreme.reduceat(heard.samples, firsts) for extreme in (np.minimum, np.maximum))
    axes.fill_between(heard.begins + firsts / heard.rate, low, high, step="post", color="black", linewidth=0.3)
    axes.set_ylabel("amplitude\n(full scale: 1)")


def _draw_logmel(rows: Rows, axes: "Axes", beside: "Axes") -> None:
    """Draw the levels of the mel bands, the lowest below."""
    from librosa import mel_frequencies

    centres = mel_frequencies(LOGMEL.mels + 2, fmin=0, fmax=LOGMEL.rate / 2)[1:-1]
    ticks = [hertz for hertz in (250, 500, 1000, 2000, 4000) if hertz < centres[-1]]
    image = _draw_rows(axes, rows, rows.values, LOGMEL.hop, cmap="viridis")
    axes.set_yticks(np.interp(ticks, centres, np.arange(LOGMEL.mels)), map(str, ticks))
    axes.set_ylabel(f"{LOGMEL.mels} mel bands,\nHz")
    _draw_scale(image, beside, "dB (full scale: 0)")


def _draw_mfcc(rows: Rows, axes: "Axes", beside: "Axes") -> None:
    """Draw the coefficients, without their derivatives and without the 0th, which is the loudness."""
    from matplotlib.colors import SymLogNorm

    values = rows.values[:, 1 : MFCC.n]
    most = max(float(np.abs(values).max()), 2 * LINEAR)
    image = _draw_rows(axes, rows, values, MFCC.hop, first=1, cmap="PuOr", norm=SymLogNorm(LINEAR, 1, -most, most))
    axes.set_ylabel("MFCC,\ncoefficient")
    _draw_scale(image, beside, "dB", (-100, -30, -10, 0, 10, 30, 100))


def _draw_rows(
    axes: "Axes", rows: Rows, values: NDArray[np.float32], hop: float, first: int = 0, **settings: Any
) -> "AxesImage":
    """Draw columns of rows as a picture, the first below, each row in the middle of its hop."""
    assert rows.times is not None
    extent = (rows.times[0] - hop / 2, rows.times[-1] + hop / 2, first - 0.5, first + values.shape[1] - 0.5)
    return axes.imshow(values.T, origin="lower", aspect="auto", extent=extent, **settings)


def _draw_scale(image: "AxesImage", beside: "Axes", unit: str, ticks: Sequence[float] | None = None) -> None:
    """Draw the scale of a picture's colours."""
    beside.set_axis_on()
    bar = beside.figure.colorbar(image, cax=beside, ticks=ticks, format="%g")
    bar.set_label(unit, fontsize=8)
    bar.ax.tick_params(labelsize=8)

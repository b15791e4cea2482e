"""A contact sheet, drawn: frames and crops above, and below on one axis of time the face's track and the sound.

Colours are Okabe and Ito's (Color Universal Design, 2008), which colour-blind people tell apart; what is lost is
hatched and dashed as well, so that it shows in print.
"""

import io
import textwrap
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from features.base import Rows
from features.detectors.chips import Picture
from pipeline.pictures import drawing
from pipeline.sheet import LOGMEL, MFCC, SHOTS, Face, Heard, Seen, Sheet, lowest

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure
    from matplotlib.image import AxesImage

FOUND, LOST, MARK, OUTLINE = "#0072B2", "#D55E00", "#F0E442", "black"

#: The sheet's width, and what is between its edge and the pictures, and between those, in.
WIDTH, MARGIN, GAP = 14.0, 0.1, 0.1

#: How wide and how tall a picture is at the most, in.
TILE, TALLEST = (WIDTH - 2 * MARGIN - (SHOTS - 1) * GAP) / SHOTS, 3.0

#: The heights of the other parts, in.
HEADING, LABEL, NOTE, AXIS, TRACK, SPECTRUM = 0.5, 0.3, 0.5, 0.5, 1.0, 1.7

#: A waveform is drawn as its lowest and highest sample in so many columns.
ENVELOPE = 2000

#: The edges of pictures, with and without a face.
EDGE: dict[str, Any] = {"color": "grey", "linewidth": 0.6}
LOST_EDGE: dict[str, Any] = {"color": LOST, "linewidth": 3, "linestyle": "--"}

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


def drawn(sheet: Sheet, kind: str = "png") -> bytes:
    """Draw a contact sheet.

    Parameters
    ----------
    kind
        One of `pipeline.pictures.KINDS`.

    Returns
    -------
    file
        Its bytes, the same for the same sheet; a PNG has `WIDTH` times `pipeline.pictures.DPI` px a row.
    """
    seen = sheet.seen if isinstance(sheet.seen, Seen) else None
    tracks = _tracks(sheet)
    heights = (HEADING + sum(_rows_of_tiles(seen)) + GAP, sum(height for height, _ in tracks) + AXIS)
    picture = io.BytesIO()
    with drawing(WIDTH, round(sum(heights), 2), picture, kind) as figure:
        above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=heights)[:, 0]
        above.text(MARGIN / WIDTH, 1 - MARGIN / heights[0], _heading(sheet), fontsize=10, va="top", parse_math=False)
        if seen:
            _draw_shots(above, heights[0], seen)
        _draw_tracks(below, tracks, sheet.duration)
    return picture.getvalue()


def _heading(sheet: Sheet) -> str:
    who, seen = sheet.utterance, sheet.seen
    parts = [
        who.corpus,
        f"speaker {who.speaker}" if who.speaker else "speaker unknown",
        f"label {who.label}" if who.label else "no label",
        f"{sheet.duration:.2f} s" if sheet.duration else "length unknown",
        f"{sheet.spec}, key {sheet.key[:12]}" if who.video else "",
        f"found in {seen.found.sum()} of {len(seen.found)} frames" if isinstance(seen, Seen) else "",
    ]
    return f"{textwrap.shorten(who.id, 150)}\n{textwrap.shorten(' · '.join(filter(None, parts)), 180)}"


# -- frames and crops --------------------------------------------------------------------------------------


def _rows_of_tiles(seen: Seen | None) -> tuple[float, ...]:
    """Return the heights of the rows of frames and of crops, in; none where nothing is shown."""
    if seen is None:
        return ()
    sizes = ([(s.width, s.height) for s in seen.shots], [_size(s.face.crop) for s in seen.shots if s.face])
    return tuple(LABEL + max((_fitted(*size)[1] for size in some), default=LABEL) for some in sizes)


def _size(picture: Picture) -> tuple[int, int]:
    """Return width and height, px."""
    return picture.shape[1], picture.shape[0]


def _fitted(width: float, height: float) -> tuple[float, float]:
    """Return the width and height, in, at which a picture fills a tile."""
    inches = min(TILE / width, TALLEST / height)
    return width * inches, height * inches


def _tile(
    figure: "SubFigure", room: float, column: int, top: float, picture: Picture, size: tuple[float, float]
) -> "Axes":
    """Return axes for a picture, in its own px whatever it was shrunk to: the edge of the first is 0.

    Parameters
    ----------
    room
        The figure's height, in.
    top
        Where the tile begins, in from the figure's top; its label comes first.
    size
        The picture's own width and height, px.
    """
    width, height = _fitted(*size)
    left, bottom = MARGIN + column * (TILE + GAP) + (TILE - width) / 2, room - top - LABEL - height
    axes = figure.add_axes((left / WIDTH, bottom / room, width / WIDTH, height / room))
    axes.imshow(picture, extent=(0, size[0], size[1], 0), aspect="auto")
    axes.set(xlim=(0, size[0]), ylim=(size[1], 0), xticks=[], yticks=[], autoscale_on=False)
    axes.spines[:].set(**EDGE)
    return axes


def _draw_shots(figure: "SubFigure", room: float, seen: Seen) -> None:
    """Draw each frame with its crop below."""
    top, below = HEADING, HEADING + _rows_of_tiles(seen)[0]
    worst = lowest(seen.found, seen.scores) if seen.found.sum() > 1 else None
    for column, shot in enumerate(seen.shots):
        axes = _tile(figure, room, column, top, shot.picture, (shot.width, shot.height))
        words = [f"{column + 1}", f"{seen.times[shot.row]:.2f} s"]
        if shot.face is None:
            axes.set_title("  ·  ".join([*words, "lost"]), fontsize=8)
            axes.spines[:].set(**LOST_EDGE)
            continue
        words.append(f"score {seen.scores[shot.row]:.2f}" + (", the lowest" if shot.row == worst else ""))
        words += [f"{shot.face.n_faces} faces"] if shot.face.n_faces > 1 else []
        axes.set_title("  ·  ".join(words), fontsize=8)
        _draw_face(axes, shot.face)
        crop = _tile(figure, room, column, below, shot.face.crop, _size(shot.face.crop))
        crop.set_title("its crop, {} x {} px".format(*_size(shot.face.crop)), fontsize=8)


def _draw_face(axes: "Axes", face: Face) -> None:
    """Draw the box and the landmarks of a face on its frame."""
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import withStroke

    x0, y0, x1, y1 = map(float, face.box)
    outlined = [withStroke(linewidth=2.8, foreground=OUTLINE)]
    axes.add_patch(
        Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=MARK, linewidth=1.4, path_effects=outlined)
    )
    x, y = face.points.T + 0.5
    axes.scatter(x, y, s=9, color=MARK, edgecolors=OUTLINE, linewidths=0.6, zorder=3)


# -- tracks ------------------------------------------------------------------------------------------------


def _tracks(sheet: Sheet) -> list[Track]:
    """Return what is drawn along the time, from top to bottom."""
    tracks: list[Track] = []
    if isinstance(sheet.seen, Seen):
        tracks.append((TRACK, partial(_draw_track, sheet, sheet.seen)))
    else:
        tracks.append(_note(f"No frames: {sheet.seen}"))
    if isinstance(sheet.heard, str):
        return [*tracks, _note(f"No sound: {sheet.heard}")]
    tracks.append((TRACK, partial(_draw_wave, sheet.heard)))
    for title, rows, draw in (("log-mel", sheet.heard.logmel, _draw_logmel), ("MFCC", sheet.heard.mfcc, _draw_mfcc)):
        tracks.append(_note(f"No {title}: {rows}") if isinstance(rows, str) else (SPECTRUM, partial(draw, rows)))
    return tracks


def _draw_tracks(figure: "SubFigure", tracks: Sequence[Track], duration: float) -> None:
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
        words = textwrap.fill(textwrap.shorten(text, 400), 170)
        axes.text(0, 0.5, words, va="center", fontsize=9, color=LOST, parse_math=False)

    return NOTE, draw


def _draw_track(sheet: Sheet, seen: Seen, axes: "Axes", _: "Axes") -> None:
    """Draw the score over the time and, below, a strip that says where the face was found and where it was lost."""
    axes.plot(seen.times, np.where(seen.found, seen.scores, np.nan), "o-", color=FOUND, markersize=4, linewidth=1)
    scores = seen.scores[seen.found] if seen.found.any() else np.zeros(1)
    room = float(np.ptp(scores)) or 0.1
    axes.set_ylim(float(scores.min()) - 0.7 * room, float(scores.max()) + 0.5 * room)
    for begin, end, found in stretches(seen, sheet.duration):
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


def stretches(seen: Seen, duration: float) -> list[tuple[float, float, bool]]:
    """Return where the face was found, and where it was lost, by the sampled frame that is nearest.

    Returns
    -------
    stretches
        Begin and end, s, and whether it was found; without a gap, from 0 to the end.
    """
    edges = np.concatenate([[0.0], (seen.times[1:] + seen.times[:-1]) / 2, [duration]])
    firsts = np.flatnonzero(np.append(True, np.diff(seen.found)))
    ends = np.append(firsts[1:], len(seen.found))
    return [
        (float(edges[first]), float(edges[end]), bool(seen.found[first]))
        for first, end in zip(firsts, ends, strict=True)
    ]


def _draw_wave(heard: Heard, axes: "Axes", _: "Axes") -> None:
    """Draw the lowest and highest sample of each short stretch."""
    firsts = np.unique(np.linspace(0, len(heard.samples), ENVELOPE, endpoint=False).astype(int))
    low, high = (extreme.reduceat(heard.samples, firsts) for extreme in (np.minimum, np.maximum))
    axes.fill_between(firsts / heard.rate, low, high, step="post", color="black", linewidth=0.3)
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
    _draw_scale(image, beside, "dB", (-100, -10, 0, 10, 100))


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

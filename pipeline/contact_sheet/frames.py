"""The upper part of a contact sheet: frames with their detected faces, and the crops below them.

Positions are inches from the top. So every frame and every crop is as large as possible.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from affex.pipeline.contact_sheet.looks import draw_look
from affex.pipeline.contact_sheet.record import SHOTS, Face, FaceTrack, Look, Shot
from affex.pipeline.contact_sheet.style import GAP, LOST, MARGIN, MARK, OUTLINE, WIDTH
from affex.pipeline.text.printable import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure
    from numpy.typing import NDArray

#: The greatest width and height of a picture, and the height of its title, in.
TILE, TALLEST, LABEL = (WIDTH - 2 * MARGIN - (SHOTS - 1) * GAP) / SHOTS, 3.0, 0.3

#: The edges of pictures, with and without a face.
EDGE: dict[str, Any] = {"color": "grey", "linewidth": 0.6}
LOST_EDGE: dict[str, Any] = {"color": LOST, "linewidth": 3, "linestyle": "--"}


def heights(faces: FaceTrack) -> tuple[float, ...]:
    """Return the heights of the row of frames and of the row of crops, in."""
    sizes = ([(s.width, s.height) for s in faces.shots], [_size(s.crop) for s in faces.shots if s.crop is not None])
    return tuple(LABEL + max((_fitted(*size)[1] for size in some), default=LABEL) for some in sizes)


def _size(picture: "NDArray[Any]") -> tuple[int, int]:
    """Return width and height, px."""
    return picture.shape[1], picture.shape[0]


def _fitted(width: float, height: float) -> tuple[float, float]:
    """Return the width and height, in, with which a picture fills a tile."""
    inches = min(TILE / width, TALLEST / height)
    return width * inches, height * inches


def _tile(
    figure: "SubFigure",
    room: float,
    column: int,
    top: float,
    picture: "NDArray[Any]",
    size: tuple[float, float],
    **settings: Any,
) -> "Axes":
    """Return axes for a picture, in px of the full-size picture; the outer edge of the first pixel is 0.

    Parameters
    ----------
    room
        The figure's height, in.
    top
        The distance of the tile, with its title, from the figure's top, in.
    size
        The width and height of the full-size picture, px.
    settings
        Of matplotlib's `imshow`.
    """
    width, height = _fitted(*size)
    left, bottom = MARGIN + column * (TILE + GAP) + (TILE - width) / 2, room - top - LABEL - height
    axes = figure.add_axes((left / WIDTH, bottom / room, width / WIDTH, height / room))
    axes.imshow(picture, extent=(0, size[0], size[1], 0), aspect="auto", **settings)
    axes.set(xlim=(0, size[0]), ylim=(size[1], 0), xticks=[], yticks=[], autoscale_on=False)
    axes.spines[:].set(**EDGE)
    return axes


def draw(figure: "SubFigure", room: float, top: float, faces: FaceTrack) -> None:
    """Draw each frame with its crop below.

    Parameters
    ----------
    room
        The figure's height, in.
    top
        The distance of the frames from the figure's top, in.
    """
    below = top + heights(faces)[0]
    for column, shot in enumerate(faces.shots):
        axes = _tile(figure, room, column, top, shot.picture, (shot.width, shot.height))
        axes.set_title(f"{column + 1}  ·  {faces.times[shot.row]:.2f} s  ·  {_detection(faces, shot)}", fontsize=8)
        if shot.face is None:
            axes.spines[:].set(**LOST_EDGE)
        else:
            _draw_face(axes, shot.face)
        if shot.crop is not None:
            crop = _tile(figure, room, column, below, shot.crop, _size(shot.crop))
            crop.set_title(_crop_title(shot, shot.crop), fontsize=8)


def height_of_looks(looks: Sequence[Look]) -> float:
    """Return the height of the row that shows where a network looks, in."""
    return 2 * LABEL + max(_fitted(*_size(look.picture))[1] for look in looks)


def draw_looks(figure: "SubFigure", room: float, top: float, looks: Sequence[Look], model: str) -> None:
    """Draw the pictures that a network reads, and where it looks.

    Parameters
    ----------
    room, top
        As in `draw`.
    model
        The model's name.
    """
    sampled = "outlined: what its spatial transformer samples; " if looks[0].region is not None else ""
    words = f"{model}: {sampled}coloured: where covering a window lowers the score of the decided class most"
    figure.text(MARGIN / WIDTH, 1 - (top + 0.2) / room, printable(words), fontsize=8)
    most = max(float(look.fall.max()) for look in looks)
    for column, look in enumerate(looks):
        size = _size(look.picture)
        axes = _tile(figure, room, column, top + LABEL, look.picture, size, vmin=0, vmax=1, cmap="gray")
        draw_look(axes, look, most)
        falls = f"at most -{max(0.0, float(look.fall.max())):.2f}"
        axes.set_title(f"{look.time:.2f} s  ·  {look.decided} {look.score:.2f}  ·  {falls}", fontsize=8)


def _crop_title(shot: Shot, crop: "NDArray[Any]") -> str:
    """Return the title of a crop."""
    what = "its crop" if shot.face else "whole frame as stored"
    others = f"  ·  one of {shot.face.n_faces} faces" if shot.face and shot.face.n_faces > 1 else ""
    return "{}, {} x {} px{}".format(what, *_size(crop), others)


def _detection(faces: FaceTrack, shot: Shot) -> str:
    """Return the detector's result for a frame, as text."""
    if shot.face is None:
        return "lost"
    return f"score {faces.scores[shot.row]:.2f}" + (", the lowest" if shot.row == faces.worst else "")


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

"""The arrow from the gathered content to a picture, as the bytes of a file."""

import io

from affex.pipeline.contact_sheet import frames, tracks
from affex.pipeline.contact_sheet.record import ContactSheet, FaceTrack
from affex.pipeline.contact_sheet.style import GAP, MARGIN, WIDTH
from affex.pipeline.reporting.pictures import drawing
from affex.pipeline.text.printable import printable

#: The height of the two lines at the top, in, and their greatest length, characters.
HEADING, LONGEST = 0.5, 180


def drawn(sheet: ContactSheet, kind: str = "png") -> bytes:
    """Draw a contact sheet.

    Parameters
    ----------
    kind
        One of `pipeline.reporting.pictures.KINDS`.

    Returns
    -------
    file
        The picture's bytes. Equal sheets give equal bytes. A PNG is `WIDTH` times `pipeline.reporting.pictures.DPI` px
        wide.
    """
    faces = sheet.faces if isinstance(sheet.faces, FaceTrack) else None
    lower = tracks.of_sheet(sheet)
    tiles = sum(frames.heights(faces)) + GAP if faces else 0.0
    looks = frames.height_of_looks(sheet.looks) + GAP if sheet.looks else 0.0
    heights = (HEADING + tiles + looks, sum(height for height, _ in lower) + tracks.AXIS)
    picture = io.BytesIO()
    with drawing(WIDTH, round(sum(heights), 2), picture, kind) as figure:
        above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=heights)[:, 0]
        above.text(MARGIN / WIDTH, 1 - MARGIN / heights[0], heading(sheet), fontsize=10, va="top")
        if faces:
            frames.draw(above, heights[0], HEADING, faces)
        if sheet.looks:
            frames.draw_looks(above, heights[0], HEADING + tiles, sheet.looks, sheet.model)
        tracks.draw(below, lower, sheet.duration)
    return picture.getvalue()


def heading(sheet: ContactSheet) -> str:
    """Return the id, and a line on speaker, label and feature. A long id is cut at its beginning."""
    utterance, faces = sheet.utterance, sheet.faces
    parts = [
        utterance.corpus,
        f"speaker {utterance.speaker}" if utterance.speaker else "speaker unknown",
        f"label {utterance.label}" if utterance.label else "no label",
        f"{sheet.duration:.2f} s" if sheet.duration else "length unknown",
        f"found in {faces.found.sum()} of {len(faces.found)} frames" if isinstance(faces, FaceTrack) else "",
        f"key {sheet.key[:12]}: {sheet.spec}" if utterance.video else "",
    ]
    return f"{printable(utterance.id)[-LONGEST:]}\n{printable(' · '.join(filter(None, parts)))[:LONGEST]}"

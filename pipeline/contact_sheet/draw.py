"""From what is gathered to a picture, as the bytes of a file."""

import io

from affex.pipeline.contact_sheet import frames, tracks
from affex.pipeline.contact_sheet.record import ContactSheet, Seen
from affex.pipeline.contact_sheet.style import GAP, MARGIN, WIDTH
from affex.pipeline.reporting.pictures import drawing
from affex.pipeline.text.printable import printable

#: The height of the two lines above all, in, and how long they may be, characters.
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
        Its bytes, the same for the same sheet; a PNG has `WIDTH` times `pipeline.reporting.pictures.DPI` px a row.
    """
    seen = sheet.seen if isinstance(sheet.seen, Seen) else None
    lower = tracks.of_sheet(sheet)
    tiles = sum(frames.heights(seen)) + GAP if seen else 0.0
    heights = (HEADING + tiles, sum(height for height, _ in lower) + tracks.AXIS)
    picture = io.BytesIO()
    with drawing(WIDTH, round(sum(heights), 2), picture, kind) as figure:
        above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=heights)[:, 0]
        above.text(MARGIN / WIDTH, 1 - MARGIN / heights[0], heading(sheet), fontsize=10, va="top")
        if seen:
            frames.draw(above, heights[0], HEADING, seen)
        tracks.draw(below, lower, sheet.duration)
    return picture.getvalue()


def heading(sheet: ContactSheet) -> str:
    """Return who it is and what is shown, in two lines; of a long id the end says most."""
    who, seen = sheet.utterance, sheet.seen
    parts = [
        who.corpus,
        f"speaker {who.speaker}" if who.speaker else "speaker unknown",
        f"label {who.label}" if who.label else "no label",
        f"{sheet.duration:.2f} s" if sheet.duration else "length unknown",
        f"found in {seen.found.sum()} of {len(seen.found)} frames" if isinstance(seen, Seen) else "",
        f"key {sheet.key[:12]}: {sheet.spec}" if who.video else "",
    ]
    return f"{printable(who.id)[-LONGEST:]}\n{printable(' · '.join(filter(None, parts)))[:LONGEST]}"

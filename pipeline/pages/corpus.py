"""The page of a corpus: the arrow from its description to ``description.html`` and ``description.json``."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from affex.pipeline.pages import corpus_maps, corpus_pictures, corpus_raters, corpus_tables, page
from affex.pipeline.pages.corpus_maps import Drawn
from affex.pipeline.pages.page import Picture, Table
from affex.pipeline.statistics import identity
from affex.pipeline.statistics.description import Description, View
from affex.pipeline.statistics.effects import ALPHA, LEAST_SPEAKERS
from affex.pipeline.statistics.identity import Identity
from affex.pipeline.statistics.maps import Map
from affex.pipeline.statistics.raters import ENOUGH
from affex.pipeline.storage import atomic
from affex.pipeline.storage.records import plain
from affex.pipeline.storage.sealed import sealed

#: The files in a corpus's cache folder.
PAGE, RECORD = "description.html", "description.json"
#: The quantities that are drawn; the others stand in the table.
DRAWN = ("duration_s", "level_dBFS", "background_dBFS", "silent")

#: With more classes, their names above the columns are turned.
UPRIGHT = 10


@dataclass(frozen=True)
class _Section:
    """What a feature shows, as the template takes it."""

    feature: str
    about: str
    shares: Picture | None
    maps: tuple[tuple[Map, tuple[Drawn, ...]], ...]
    effects: Table | None
    significant: Table | None


def write(folder: Path, found: Description, command: str) -> Path:
    """Write the page of a corpus and the same numbers as sealed JSON; return the path of the page.

    Parameters
    ----------
    command
        The command that makes the page.

    Raises
    ------
    AffexError
        If the folder cannot be written.
    """
    atomic.write_text(folder / RECORD, [json.dumps(sealed(plain(found)), ensure_ascii=True) + "\n"])
    page.write(folder / PAGE, "corpus.html", content(found, command))
    return folder / PAGE


def content(found: Description, command: str) -> dict[str, object]:
    """Return what the template shows."""
    crossed, own = found.crossed, found.recordings
    return {
        "kind": "A corpus before any model",
        "title": found.corpus,
        "command": command,
        "findings": found.findings,
        "headline": corpus_tables.facts(found),
        "counts": [corpus_tables.bars(counts) for counts in (found.classes, *found.fields) if counts.counts],
        "crossed": corpus_tables.shaded(crossed) if crossed.counts else None,
        "upright": len(crossed.classes) > UPRIGHT,
        "determined": None if math.isnan(crossed.determined) else crossed.determined,
        "dimensions": corpus_tables.dimensions_table(found.dimensions) if found.dimensions else None,
        "n_measured": own.n_measured,
        "quantities": corpus_tables.quantities_table(own.quantities) if own.quantities else None,
        "spreads": [
            corpus_pictures.quantity_picture(one, corpus_tables.quantity_table(one))
            for one in own.quantities
            if one.column in DRAWN and one.whole.least < one.whole.most
        ],
        "formats": [corpus_tables.formats_table(kind, formats) for kind, formats in own.formats.items()],
        "failures": corpus_tables.failures_table(found.failures) if found.failures else None,
        "agreement": corpus_tables.agreement_facts(found.agreement) if found.agreement else None,
        "raters": corpus_raters.raters_facts(found.raters) if found.raters else None,
        "raters_picture": corpus_raters.raters_picture(found.raters) if found.raters else None,
        "enough_votes": ENOUGH,
        "views": [_section(found, view) for view in found.views],
        "identities": [_who(one) for one in found.identities],
        "twins": found.twins,
        "pairs": _pairs(found),
        "alpha": ALPHA,
        "least_speakers": LEAST_SPEAKERS,
    }


def _section(found: Description, view: View) -> _Section:
    shares = view.shares
    has_effects = any(one.largest for one in view.effects.classes)
    return _Section(
        feature=view.feature,
        about=_sampled(view),
        shares=corpus_pictures.shares_picture(shares, corpus_tables.shares_table(shares)) if shares else None,
        maps=tuple((one, _twice(found, view.sampled, one)) for one in view.maps),
        effects=corpus_tables.effects_table(view) if has_effects else None,
        significant=corpus_tables.significant_table(view) if has_effects else None,
    )


def _sampled(view: View) -> str:
    """Return how many utterances the maps show."""
    if len(view.sampled) == view.n_utterances:
        return f"The maps show all {view.n_utterances} utterances that have rows."
    return (
        f"The maps show {len(view.sampled)} of {view.n_utterances} utterances that have rows: a random sample with the "
        "same share of each speaker (seed 0)."
    )


def _twice(found: Description, sampled: Sequence[int], one: Map) -> tuple[Drawn, ...]:
    """Draw a map by class and by speaker, as far as they are known."""
    groups = {"class": found.labels, "speaker": found.speakers}
    own = {by: [names[number] for number in sampled] for by, names in groups.items()}
    return tuple(corpus_maps.drawn(one, names, by) for by, names in own.items() if any(names))


def _who(found: Identity) -> tuple[str, Picture | None, tuple[str, ...]]:
    """Return what the page shows of the check of who is who: a head, a picture, and sentences."""
    drawn = corpus_pictures.identity_picture(found, corpus_tables.identity_table(found)) if found.names else None
    return f"By {found.feature}", drawn, identity.sentences(found)


def _pairs(found: Description) -> list[Table]:
    captions = {
        "Pairs of utterances with the same recording": found.twins.same,
        "Pairs of utterances that overlap in one recording": found.twins.parts,
    }
    return [corpus_tables.pairs_table(caption, pairs) for caption, pairs in captions.items() if pairs]

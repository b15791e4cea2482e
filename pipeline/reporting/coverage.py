"""Coverage: from cached rows of a face feature to the number of frames with a face, by speaker and by utterance.

The column ``found`` is 1 if a face was found in that frame. An utterance without rows has no frames to count: it is
counted separately and not as 0 %. An utterance with rows and no face is 0 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from affex.pipeline.reporting import tables
from affex.pipeline.specs import discovery
from affex.pipeline.specs.features import FeatureSpec
from affex.pipeline.specs.pooling import FOUND
from affex.pipeline.streams.table import Table
from affex.pipeline.text.errors import UsageError

if TYPE_CHECKING:
    import rich.table
    from rich.console import Console

#: How many utterances are shown, those with the least share of frames with a face first.
SHOWN = 40


@dataclass(frozen=True)
class Coverage:
    """The share of frames with a face, of a speaker or of an utterance.

    Parameters
    ----------
    name
        The speaker, or the utterance's id.
    n_utterances, n_without
        How many utterances, and how many of them have no rows.
    n_frames, n_found
        How many frames the other utterances have, and how many of these frames have a face.
    n_faceless
        How many utterances have rows but no face.
    share
        The share of frames with a face; None without frames.
    """

    name: str
    n_utterances: int
    n_without: int
    n_frames: int
    n_found: int
    n_faceless: int
    share: float | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "share", self.n_found / self.n_frames if self.n_frames else None)


def require_found(spec: FeatureSpec) -> None:
    """Refuse a feature without the column ``found``.

    Raises
    ------
    UsageError
        If the feature has no such column; the message names features that have it.
    """
    if spec.framewise and FOUND in spec.feature.columns:
        return
    able = [name for name, feature in discovery.feature_presets().items() if FOUND in feature.columns]
    raise UsageError(
        f"{spec} has no column that shows in which frames a face was found. Features that have: "
        f"{', '.join(able) or 'none'}."
    )


def of_utterances(table: Table) -> tuple[Coverage, ...]:
    """Return the coverage of each utterance, in their order."""
    found = np.concatenate([[0], np.cumsum(table.X[:, table.columns.index(FOUND)] == 1)])
    n_found = found[table.offsets[1:]] - found[table.offsets[:-1]]
    counts = zip(table.utterances, table.lengths.tolist(), n_found.tolist(), strict=True)
    return tuple(
        Coverage(utterance.id, 1, int(not n), n, with_face, int(n > 0 and not with_face))
        for utterance, n, with_face in counts
    )


def of_speakers(table: Table) -> tuple[Coverage, ...]:
    """Return the coverage of each speaker, by name; all frames have the same weight."""
    utterances = np.array(of_utterances(table), dtype=object)
    return tuple(_together(name, utterances[table.speakers == name].tolist()) for name in np.unique(table.speakers))


def of_all(table: Table) -> Coverage:
    """Return the coverage of all utterances together."""
    return _together("all", of_utterances(table))


@dataclass(frozen=True)
class CorpusCoverage:
    """The coverage of a corpus by one feature: of all utterances together, of each speaker, and of each utterance."""

    corpus: str
    feature: str
    all: Coverage
    speakers: tuple[Coverage, ...]
    utterances: tuple[Coverage, ...]


def of_corpus(corpus: str, feature: str, table: Table) -> CorpusCoverage:
    """Return the coverage of a corpus by the feature whose rows are given."""
    return CorpusCoverage(corpus, feature, of_all(table), of_speakers(table), of_utterances(table))


def show(console: "Console", found: CorpusCoverage) -> None:
    """Print the coverage of each speaker and of the whole, then that of the utterances with the least."""
    console.print(f"{found.corpus}: {found.feature}")
    console.print(_speaker_table((*found.speakers, found.all)))
    worst = sorted(found.utterances, key=lambda utterance: -1.0 if utterance.share is None else utterance.share)
    console.print(_utterance_table(worst[:SHOWN]))
    if len(worst) > SHOWN:
        console.print(f"... and {len(worst) - SHOWN} more utterances, each with at least that share")


def _together(name: str, parts: Sequence[Coverage]) -> Coverage:
    numbers = ("n_utterances", "n_without", "n_frames", "n_found", "n_faceless")
    return Coverage(str(name), *(sum(getattr(part, number) for part in parts) for number in numbers))


def _speaker_table(rows: Sequence[Coverage]) -> "rich.table.Table":
    cells = (
        (
            *map(str, (row.name, row.n_utterances, row.n_without, row.n_faceless, row.n_frames, row.n_found)),
            _percent(row),
        )
        for row in rows
    )
    heads = ("speaker", "utterances", "without rows", "without a face", "frames", "with a face", "share")
    return tables.table(heads, cells)


def _utterance_table(rows: Sequence[Coverage]) -> "rich.table.Table":
    cells = ((row.name, str(row.n_frames), str(row.n_found), _percent(row)) for row in rows)
    return tables.table(("utterance", "frames", "with a face", "share"), cells)


def _percent(row: Coverage) -> str:
    return "" if row.share is None else f"{row.share:.1%}"

"""Coverage: from the cached rows of what looks for faces to how many frames have one, by speaker and by utterance.

Read from the column ``found`` (1 where a face was found in that very frame). An utterance without rows has no frames to
count, and is counted beside, never as 0 %; one whose rows were kept though none has a face is 0 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from affex.pipeline.reporting import tables
from affex.pipeline.specs import discovery
from affex.pipeline.specs.features import FeatureSpec
from affex.pipeline.specs.pooling import FOUND
from affex.pipeline.streams.table import Matrix
from affex.pipeline.text.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

#: So many utterances are shown, those with the least share of frames with a face first.
SHOWN = 40


@dataclass(frozen=True)
class Coverage:
    """How much of a speaker, or of an utterance, shows a face.

    Parameters
    ----------
    name
        The speaker, or the utterance's id.
    n_utterances, n_without
        How many utterances, and how many of them have no rows.
    n_frames, n_found
        How many frames the other utterances have, and how many of those have a face.
    n_faceless
        How many utterances have rows, and in none of them a face.
    share
        The share of frames with a face; None where there are no frames.
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
    """Refuse a feature that does not say where it found a face.

    Raises
    ------
    UsageError
        Naming the features that do.
    """
    if spec.framewise and FOUND in spec.feature.columns:
        return
    able = [name for name, feature in discovery.feature_presets().items() if FOUND in feature.columns]
    raise UsageError(
        f"{spec} does not say in which frames a face was found. Those that do: {', '.join(able) or 'none'}."
    )


def of_utterances(matrix: Matrix) -> tuple[Coverage, ...]:
    """Return the coverage of each utterance, in their order."""
    found = np.concatenate([[0], np.cumsum(matrix.X[:, matrix.columns.index(FOUND)] == 1)])
    n_found = found[matrix.offsets[1:]] - found[matrix.offsets[:-1]]
    counts = zip(matrix.utterances, matrix.lengths.tolist(), n_found.tolist(), strict=True)
    return tuple(
        Coverage(utterance.id, 1, int(not n), n, with_face, int(n > 0 and not with_face))
        for utterance, n, with_face in counts
    )


def of_speakers(matrix: Matrix) -> tuple[Coverage, ...]:
    """Return the coverage of each speaker, by name; all frames count alike."""
    utterances = np.array(of_utterances(matrix), dtype=object)
    return tuple(_together(name, utterances[matrix.speakers == name].tolist()) for name in np.unique(matrix.speakers))


def of_all(matrix: Matrix) -> Coverage:
    """Return the coverage of all utterances together."""
    return _together("all", of_utterances(matrix))


@dataclass(frozen=True)
class CorpusCoverage:
    """The coverage of a corpus by one feature: of all utterances together, of each speaker, and of each utterance."""

    corpus: str
    feature: str
    all: Coverage
    speakers: tuple[Coverage, ...]
    utterances: tuple[Coverage, ...]


def of_corpus(corpus: str, feature: str, matrix: Matrix) -> CorpusCoverage:
    """Return the coverage of a corpus by the feature whose rows are given."""
    return CorpusCoverage(corpus, feature, of_all(matrix), of_speakers(matrix), of_utterances(matrix))


def show(console: "Console", found: CorpusCoverage) -> None:
    """Print the coverage of each speaker and of the whole, then that of the utterances with the least."""
    console.print(f"{found.corpus}: {found.feature}")
    console.print(_speaker_table((*found.speakers, found.all)))
    worst = sorted(found.utterances, key=lambda utterance: -1.0 if utterance.share is None else utterance.share)
    console.print(_utterance_table(worst[:SHOWN]))
    if len(worst) > SHOWN:
        console.print(f"... and {len(worst) - SHOWN} utterances more, each with no less")


def _together(name: str, parts: Sequence[Coverage]) -> Coverage:
    numbers = ("n_utterances", "n_without", "n_frames", "n_found", "n_faceless")
    return Coverage(str(name), *(sum(getattr(part, number) for part in parts) for number in numbers))


def _speaker_table(rows: Sequence[Coverage]) -> "Table":
    cells = (
        (
            *map(str, (row.name, row.n_utterances, row.n_without, row.n_faceless, row.n_frames, row.n_found)),
            _percent(row),
        )
        for row in rows
    )
    heads = ("speaker", "utterances", "without rows", "without a face", "frames", "with a face", "share")
    return tables.table(heads, cells)


def _utterance_table(rows: Sequence[Coverage]) -> "Table":
    cells = ((row.name, str(row.n_frames), str(row.n_found), _percent(row)) for row in rows)
    return tables.table(("utterance", "frames", "with a face", "share"), cells)


def _percent(row: Coverage) -> str:
    return "" if row.share is None else f"{row.share:.1%}"

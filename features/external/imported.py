"""Imported features: rows that another project computed and that are read from a file.

Such a feature has no preset. It exists under the name of its import, in the corpora that it was imported for. Its
fields describe the bytes of the file and how they were read, so that the cache key depends on both.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from affex.features.base import Feature

#: The input of such a feature: neither media nor the rows of another feature.
FILE = "file"


@dataclass(frozen=True, kw_only=True)
class Imported(Feature):
    """Rows that another project computed.

    Parameters
    ----------
    title
        The name of the import.
    digest
        The sha256 of what was imported: a file, or all files of a folder.
    how
        How it was read, as canonical JSON: the format and its options.
    of_frames
        Whether an utterance has one row per frame, with times.
    names
        The names of the columns.
    record
        The provenance, as texts by name; not part of the identity.
    damage
        Why its rows cannot be read, and what to do; empty if they can be read.
    """

    reads: ClassVar[str] = FILE

    title: str
    digest: str
    how: str
    of_frames: bool
    names: tuple[str, ...] = field(compare=False, repr=False)
    record: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    damage: str = field(default="", compare=False, repr=False)

    @property
    def framewise(self) -> bool:
        """Whether an utterance has one row per frame (with times) instead of one row."""
        return self.of_frames

    @property
    def columns(self) -> tuple[str, ...]:
        """The name of each column, as in the file."""
        return self.names

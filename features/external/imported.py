"""Imported: rows that another project made, which are read from a file and never computed here.

Such a feature has no preset: it is known by the name it was imported under, in the corpora it was imported for. Its
fields stand for the bytes it was read from and for how they were read, so that its key follows both.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from affex.features.base import Feature

#: What such a feature reads: neither media nor the rows of another feature.
FILE = "file"


@dataclass(frozen=True, kw_only=True)
class Imported(Feature):
    """Rows of another project.

    Parameters
    ----------
    title
        The name it was imported under.
    digest
        The sha256 of what was imported: a file, or all files of a folder.
    how
        How it was read, as canonical JSON: the format, and what was asked for beside.
    of_frames
        Whether an utterance has one row a frame, with times.
    names
        Those of the columns.
    record
        What is known of where it came from, in words, by name; no part of its identity.
    damage
        Why its rows cannot be read, and what to do; empty where they can be.
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
        """Whether an utterance has one row a frame (with times), not one row."""
        return self.of_frames

    @property
    def columns(self) -> tuple[str, ...]:
        """The name of each column, as the file gave it."""
        return self.names

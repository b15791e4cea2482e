"""Given folds: the arrow from a table of folds that others made to the utterances of a corpus.

A key is an utterance's id, or names its recording: by its path, its file name, or its file name without the suffix. Of
recordings with one file name, the one counts whose path ends most like the key's. A recording with several utterances
stands for all of them.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.evaluation import fold_formats, fold_tables
from affex.pipeline.evaluation.fold_tables import FoldTable, GivenFold, Role, Row
from affex.pipeline.manifest.recordings import Recordings
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.text.csv_cells import restored
from affex.pipeline.text.errors import AffexError, UsageError

Numbers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Parts:
    """The parts of a fold: the numbers of its utterances, each ``(n,) int64`` in ascending order."""

    name: str
    train: Numbers
    validation: Numbers
    test: Numbers


def digest(file: str) -> str:
    """Return the sha256 of what a table of folds says; its path and its format do not count.

    Raises
    ------
    UsageError, AffexError
        If the table cannot be read.
    """
    return fold_tables.digest([_table(file)])


def require_known(file: str, utterances: Sequence[Utterance], *, partial: bool) -> tuple[str, ...]:
    """Return sentences on keys that name no utterance, and on rows that were not read, if the settings accept them.

    Parameters
    ----------
    file
        The table of folds.
    utterances
        All utterances of the corpus, whether or not they count.
    partial
        Whether unknown keys are accepted.

    Raises
    ------
    AffexError
        If a key is unknown and that is not accepted, or no key is known.
    """
    table, names = _table(file), _Names(utterances)
    remarks = (*table.remarks, *fold_formats.unread(Path(file), [table]))
    keys = {row.key: row for fold in reversed(table.folds) for row in reversed(fold.rows)}
    unknown = [row for row in keys.values() if not names.find(row)]
    if not unknown:
        return remarks
    first = min(unknown, key=lambda row: row.number)
    if len(unknown) == len(keys):
        raise AffexError(
            f"{file} names no utterance of this corpus: it names {first.key} ({first.where}), the corpus has "
            f"{utterances[0].id if utterances else 'none'}."
        )
    said = f"{len(unknown)} of {len(keys)} keys of {file} name no utterance of this corpus (the first: {first.key})"
    if not partial:
        raise AffexError(f"{first.where}: {said}.\nCheck that corpus and folds belong together, or say PARTIAL=1.")
    return (*remarks, f"{said}: left out")


def parts_of(file: str, utterances: Sequence[Utterance], among: Sequence[Utterance]) -> list[Parts]:
    """Return the parts of each fold of a table.

    Parameters
    ----------
    file
        The table of folds.
    utterances
        The utterances that count; the parts have their numbers.
    among
        All utterances of the corpus, in which keys are looked up. Keys that name none of them are ignored here.

    Raises
    ------
    UsageError
        If no table is named.
    AffexError
        If it cannot be read; if a key may name several recordings; if an utterance stands twice in a fold, or is
        tested in two; or if a fold trains on none of the utterances that count, or tests none.
    """
    table, names = _table(file), _Names(among)
    place = {(utterance.corpus, utterance.id): number for number, utterance in enumerate(utterances)}
    counted = [place.get((utterance.corpus, utterance.id)) for utterance in among]
    roles = {fold.name: _roles(fold, names) for fold in table.folds}
    _require_tested_once(table, roles, among)
    return [_parts(table, name, of, counted) for name, of in roles.items()]


def notes(tested: Iterable[Numbers], n: int) -> Iterator[str]:
    """Yield a sentence if given folds do not test every utterance that counts.

    Parameters
    ----------
    tested
        The test utterances of each fold.
    n
        The number of utterances that count.
    """
    n_tested = sum(map(len, tested))
    if n_tested < n:
        yield f"the given folds test {n_tested} of the {n} utterances that count: the figures are of these alone"


def _table(file: str) -> FoldTable:
    if not file:
        raise UsageError("PROTOCOL=folds needs a table of folds: name it, as in PROTOCOL=folds:file=mine.csv.")
    table = fold_formats.one(Path(file))
    for fold in table.folds:
        roles = {row.role for row in fold.rows}
        if lacking := [role for role in ("train", "test") if role not in roles]:
            raise AffexError(
                f"{file}, fold {fold.name}: it has no row for {lacking[0]} (it has {', '.join(sorted(roles)) or 'none'}"
                "), and needs both. Where each part is a file of its own, name their folder."
            )
    return table


#: The role of each utterance, by its number, with the row that says so.
Roles = dict[int, Row]


def _roles(fold: GivenFold, names: "_Names") -> Roles:
    """Return the role of each utterance of a fold.

    Raises
    ------
    AffexError
        If one stands there twice.
    """
    found: Roles = {}
    for row in fold.rows:
        for number in names.find(row):
            first = found.setdefault(number, row)
            if first is not row:
                which = f"twice in {row.role}" if first.role == row.role else f"both in {first.role} and in {row.role}"
                raise AffexError(
                    f"Fold {fold.name}: the utterance {names.utterances[number].id} stands {which}: as {first.key} "
                    f"({first.where}) and as {row.key} ({row.where})."
                )
    return found


def _require_tested_once(table: FoldTable, roles: dict[str, Roles], among: Sequence[Utterance]) -> None:
    """Refuse an utterance that several folds test: a pooled figure would count it as often."""
    tested: dict[int, str] = {}
    for name, of in roles.items():
        for number, row in of.items():
            first = tested.setdefault(number, name) if row.role == "test" else name
            if first != name:
                raise AffexError(
                    f"{table.path}: the utterance {among[number].id} is tested in the folds {first} and {name} "
                    f"({row.where}). One pooled figure would count it twice, and a mean of its scores would be another "
                    "model's.\nWrite each repetition as a table of its own, and evaluate each."
                )


def _parts(table: FoldTable, name: str, of: Roles, counted: Sequence[int | None]) -> Parts:
    numbers: dict[Role, list[int]] = {"train": [], "validation": [], "test": []}
    for number, row in of.items():
        if (own := counted[number]) is not None:
            numbers[row.role].append(own)
    for role in ("train", "test"):
        if not numbers[role]:
            raise AffexError(
                f"{table.path}, fold {name}: none of its utterances for {role} counts here (they have no row of the "
                "features, no label, or another class or part)."
            )
    return Parts(name, **{role: np.array(sorted(of_role), dtype=np.int64) for role, of_role in numbers.items()})


class _Names:
    """The utterances of a corpus under all names that a table of folds may use."""

    def __init__(self, utterances: Sequence[Utterance]) -> None:
        self.utterances = utterances
        self._ids: dict[str, list[int]] = defaultdict(list)
        self._plain: dict[str, set[int]] = defaultdict(set)
        self._recordings = Recordings(utterances)
        for number, utterance in enumerate(utterances):
            self._ids[utterance.id].append(number)
            for name in (utterance.id, *(PurePosixPath(item.path).name for item in utterance.parts())):
                self._plain[_plain(name)].add(number)

    def find(self, row: Row) -> list[int]:
        """Return the numbers of the utterances that a row names; none if it names none.

        Raises
        ------
        AffexError
            If it may mean several.
        """
        for name in (row.key, restored(row.key)):
            if name in self._ids:
                return self._only(row, [self._ids[name]])
        for name in filter(None, (row.file, row.key)):
            if places := self._recordings.find(name):
                return self._only(row, [self._of_recording(place) for place in self._nearest(name, places)])
        for name in filter(None, (row.file, row.key)):
            if found := self._plain.get(_plain(PurePosixPath(name).name)):
                return self._only(row, [[number] for number in found])
        return []

    def _of_recording(self, place: tuple[str, str]) -> list[int]:
        return [number for id_, _ in self._recordings.parts[place] for number in self._ids[id_]]

    @staticmethod
    def _nearest(name: str, places: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return the recordings whose folders, from the last on, are most like those of a name."""
        ends = [_common_end(PurePosixPath(name).parent, PurePosixPath(path).parent) for _, path in places]
        return [place for place, length in zip(places, ends, strict=True) if length == max(ends)]

    def _only(self, row: Row, found: Sequence[Sequence[int]]) -> list[int]:
        if len(found) == 1 and len({self.utterances[number].id for number in found[0]}) == len(found[0]):
            return list(found[0])
        ids = sorted({f"{self.utterances[n].corpus} {self.utterances[n].id}" for numbers in found for n in numbers})
        raise AffexError(
            f"{row.where}: {row.file or row.key} may be one of {len(ids)} utterances ({', '.join(ids[:3])}): write its "
            "id, or more of its path."
        )


def _plain(name: str) -> str:
    """Return a file's name or an id without the suffix of a recording, in one case and one encoding of letters."""
    return unicodedata.normalize("NFC", fold_tables.bare(name)).casefold()


def _common_end(one: PurePosixPath, other: PurePosixPath) -> int:
    """Return how many folders two paths have in common at their ends."""
    pairs = zip(reversed(one.parts), reversed(other.parts), strict=False)
    length = 0
    for a, b in pairs:
        if a.casefold() != b.casefold():
            break
        length += 1
    return length

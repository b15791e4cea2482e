"""The rows of a corpus, ready to be learned from: each utterance's rows and the table beside them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.caching import cache, store
from affex.pipeline.caching.store import Table
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import MEDIA, Utterance
from affex.pipeline.specs import column_groups, pooling
from affex.pipeline.specs.compatibility import require_alone
from affex.pipeline.specs.features import FeatureSpec, spec_of
from affex.pipeline.text.errors import AffexError, UsageError

#: What is done to each speaker's rows: z-scores within the speaker, ``"mean"`` taken away and no more, or nothing.
SpeakerNorm = bool | Literal["mean"]


@dataclass(frozen=True)
class Matrix:
    """The rows of some utterances under some features.

    Parameters
    ----------
    X : (n_rows, n_columns) float32
        The rows of all utterances, one utterance after another; a feature that an utterance lacks is NaN.
    offsets : (n_utterances + 1,) int64
        Utterance ``i`` owns rows ``offsets[i]`` to ``offsets[i + 1]``, so no utterance can straddle two folds.
    utterances : tuple of Utterance
        The table beside the rows: id, speaker, label and the rest.
    columns : tuple of str
        The columns' names.
    present : (n_utterances, n_features) bool
        Which features each utterance has.
    """

    X: NDArray[np.float32]
    offsets: NDArray[np.int64]
    utterances: tuple[Utterance, ...]
    columns: tuple[str, ...]
    present: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.utterances)

    @property
    def speakers(self) -> NDArray[np.str_]:
        """The speaker of each utterance, ``(n_utterances,)``."""
        return np.array([utterance.speaker for utterance in self.utterances])

    @property
    def lengths(self) -> NDArray[np.int64]:
        """How many rows each utterance has, ``(n_utterances,)``."""
        return np.diff(self.offsets)

    def take(self, chosen: NDArray[np.int64] | Sequence[int]) -> "Matrix":
        """Return the matrix of the chosen utterances, in the order given; rows follow."""
        chosen = np.asarray(chosen, dtype=np.int64)
        return Matrix(
            X=self.X[rows_of(self.offsets, chosen)],
            offsets=_offsets(self.lengths[chosen]),
            utterances=tuple(self.utterances[i] for i in chosen),
            columns=self.columns,
            present=self.present[chosen],
        )


def joined(matrices: Sequence[Matrix]) -> Matrix:
    """Return the matrices of several corpora as one: whoever is named in one corpus is another than in the next.

    Ids, speakers, sessions and dialogs get the corpus's name before them, media paths as well.

    Raises
    ------
    UsageError
        If two corpora have one name.
    """
    names = [matrix.utterances[0].corpus for matrix in matrices if len(matrix)]
    if len(set(names)) < len(names):
        raise UsageError(f"Two of the corpora are called the same ({', '.join(names)}): rename a table.")
    lengths = np.concatenate([matrix.lengths for matrix in matrices])
    return Matrix(
        X=np.concatenate([matrix.X for matrix in matrices]),
        offsets=_offsets(lengths),
        utterances=tuple(placed(utterance) for matrix in matrices for utterance in matrix.utterances),
        columns=matrices[0].columns,
        present=np.concatenate([matrix.present for matrix in matrices]),
    )


def placed(utterance: Utterance) -> Utterance:
    """Return an utterance with its corpus's name before all that names only tell apart within it."""
    own = {name: getattr(utterance, name) for name in ("id", "speaker", "session", "dialog")}
    changed: dict[str, Any] = {name: f"{utterance.corpus}/{value}" for name, value in own.items() if value}
    for kind in MEDIA:
        media = getattr(utterance, kind)
        if media:
            path, *beside = (f"{utterance.corpus}/{path}" for path in media.files)
            changed[kind] = replace(media, path=path, beside=tuple(beside))
    return replace(utterance, **changed)


def rows_of(offsets: NDArray[np.int64], chosen: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the numbers of the rows that the chosen utterances own, utterance after utterance."""
    lengths = np.diff(offsets)[chosen]
    begins = np.cumsum(lengths) - lengths
    rows: NDArray[np.int64] = np.arange(lengths.sum()) + np.repeat(offsets[chosen] - begins, lengths)
    return rows


def normalised_by_speaker(matrix: Matrix, how: SpeakerNorm = True) -> Matrix:
    """Return the matrix with every column z-scored within each speaker, or with the speaker's mean taken away.

    A speaker's mean and standard deviation come from all of that speaker's rows, those of a speaker who is
    tested among them (without labels): **transductive**, and said wherever a number rests on it. A column
    that does not vary within a speaker becomes zero there. Without its mean, a face of markers is how it differs
    from the speaker's mean face, in mm: how much somebody moves is kept.

    Parameters
    ----------
    how
        ``"mean"`` for that alone; False for the matrix as it is.
    """
    if not how:
        return matrix
    X = matrix.X.copy()
    speaker_of_row = np.repeat(matrix.speakers, matrix.lengths)
    for speaker in np.unique(speaker_of_row):
        rows = speaker_of_row == speaker
        values = X[rows].astype(np.float64)
        seen = np.isfinite(values)
        count = np.maximum(seen.sum(axis=0), 1)
        mean = np.where(seen, values, 0.0).sum(axis=0) / count
        centred = values - mean
        if how == "mean":
            X[rows] = centred
            continue
        deviation = np.sqrt(np.where(seen, centred**2, 0.0).sum(axis=0) / count)
        # A constant column's deviation is rounding noise, not exactly zero.
        flat = deviation <= 1e-7 * np.maximum(np.abs(mean), 1e-30)
        X[rows] = np.where(flat & seen, 0.0, centred / np.where(flat, 1.0, deviation))
    return Matrix(X, matrix.offsets, matrix.utterances, matrix.columns, matrix.present)


def load(dataset: Dataset, specs: Sequence[FeatureSpec]) -> Matrix:
    """Read the cached rows of a corpus, verified, as one matrix in the corpus's order.

    One feature gives its rows as they are, its frames pooled, or the columns of a part. Several stand side by side, one
    row an utterance; where an utterance lacks one of them, its columns are NaN (to be imputed inside the training
    fold).

    Raises
    ------
    UsageError
        If frames that are not pooled are to stand side by side.
    AffexError
        If a file is missing or does not verify, or an utterance has no frame to be pooled.
    """
    require_alone(specs)
    tables = [_table(dataset, spec) for spec in specs]
    held = [set(table.ids) for table in tables]
    present = np.array([[u.id in ids for ids in held] for u in dataset.utterances], bool)
    if len(specs) == 1 and specs[0].framewise:
        X, offsets = _frames(dataset, tables[0])
    else:
        X = np.hstack([_one_row_each(dataset, table) for table in tables])
        offsets = np.arange(len(dataset.utterances) + 1)
    return Matrix(X, offsets, tuple(dataset.utterances), _columns(specs, tables), present)


def _table(dataset: Dataset, spec: FeatureSpec) -> Table:
    """Return what is cached of a feature: the columns that are looked at, pooled where they are to be."""
    table = _cached(dataset, spec)
    table = _pooled(dataset, spec, table) if spec.pool else table
    if not spec.only:
        return table
    places = column_groups.places(table.columns, spec.only)
    columns = tuple(table.columns[i] for i in places)
    return replace(table, values=np.ascontiguousarray(table.values[:, places]), columns=columns)


def _pooled(dataset: Dataset, spec: FeatureSpec, table: Table) -> Table:
    """Return one row an utterance; which columns are looked at comes after, for pooling may need the others."""
    weights = _weights(dataset, spec, table) if pooling.is_weighted(spec.pool) else None
    rows = pooling.pooled(table.values, table.offsets, table.columns, spec.pool, weights)
    for utterance in np.flatnonzero(np.isnan(rows).any(axis=1)):
        raise AffexError(
            f"{table.ids[utterance]}: no frame of {spec.unpooled} has anything in it that could be pooled. Extract the "
            "feature so that such utterances are failures (missing=fail)."
        )
    return replace(
        table,
        values=rows,
        offsets=np.arange(len(table.ids) + 1),
        columns=pooling.columns(table.columns, spec.pool),
        times=None,
    )


def _cached(dataset: Dataset, spec: FeatureSpec) -> Table:
    again = dataset.command("features", FEATURES=spec.unpooled)
    return store.load(cache.published(dataset.folder, spec), cache.recipe(spec.feature).key, again)


def _weights(dataset: Dataset, spec: FeatureSpec, table: Table) -> NDArray[np.float64]:
    """Return how good each row's frame is, ``(n_rows,)``, as the feature or one that it is made of says.

    Raises
    ------
    AffexError
        If that one's file, an utterance of it, or the frame of a row is missing.
    """
    judge = pooling.judge(spec.feature)
    if judge is None:
        raise UsageError(f"{spec}: nothing says how good a frame of {spec.preset} is.")
    judging = spec.unpooled if judge == spec.feature else spec_of(judge)
    judged = table if judge == spec.feature else _cached(dataset, judging)
    qualities = pooling.qualities(judged.values, judged.offsets, judged.columns)
    number = {id_: i for i, id_ in enumerate(judged.ids)}
    column_groups = [np.empty(0)]
    for utterance, id_ in enumerate(table.ids):
        own = _times(table, utterance)
        there = _times(judged, number[id_]) if id_ in number else own[:0]
        if not np.isin(own, there).all():
            raise AffexError(
                f"{id_}: {judging} does not have every frame of {spec.unpooled}, so nothing says how good they are. "
                f"Run `{dataset.command('features', FEATURES=spec.unpooled)}` to bring both up to date."
            )
        column_groups.append(qualities[judged.offsets[number[id_]] + np.searchsorted(there, own)])
    return np.concatenate(column_groups)


def _times(table: Table, utterance: int) -> NDArray[np.float64]:
    assert table.times is not None  # features that are evaluated have rows of frames
    return table.times[table.offsets[utterance] : table.offsets[utterance + 1]]


def _columns(specs: Sequence[FeatureSpec], tables: Sequence[Table]) -> tuple[str, ...]:
    if len(tables) == 1:
        return tables[0].columns
    named = zip(specs, tables, strict=True)
    return tuple(f"{spec}.{column}" for spec, table in named for column in table.columns)


def _frames(dataset: Dataset, table: Table) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the rows of all utterances; where the file is in the corpus's order, as it should be, without a copy."""
    number = {id_: i for i, id_ in enumerate(table.ids)}
    held = np.array([number[u.id] for u in dataset.utterances if u.id in number], dtype=np.int64)
    lengths = np.zeros(len(dataset.utterances), dtype=np.int64)
    lengths[[u.id in number for u in dataset.utterances]] = np.diff(table.offsets)[held]
    in_order = np.array_equal(held, np.arange(len(table.ids)))
    return table.values if in_order else table.values[rows_of(table.offsets, held)], _offsets(lengths)


def _offsets(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _one_row_each(dataset: Dataset, table: Table) -> NDArray[np.float32]:
    number = {id_: i for i, id_ in enumerate(table.ids)}
    X = np.full((len(dataset.utterances), len(table.columns)), np.nan, np.float32)
    for row, utterance in enumerate(dataset.utterances):
        if utterance.id in number:
            X[row] = table.values[number[utterance.id]]
    return X

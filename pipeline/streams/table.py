"""Table: the arrow from the cache to the rows of a corpus, ready for training, with their utterances."""

import functools
import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.features.base import Rows
from affex.pipeline.caching import feature_rows
from affex.pipeline.caching.cache import FeatureFile
from affex.pipeline.caching.feature_rows import Contents, FeatureRows
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import MEDIA, Utterance
from affex.pipeline.specs import column_groups, pooling, spectra
from affex.pipeline.specs.features import FeatureSpec, spec_of
from affex.pipeline.streams.enrolment import normalised, statistics
from affex.pipeline.streams.stream import Numbers, Stream, Unread, offsets_of, side_by_side
from affex.pipeline.text.errors import AffexError, UsageError, unknown

#: The normalisation by speaker: z-scores within the speaker, only subtraction of the ``"mean"``, none, or the spec of
#: an enrolment (`pipeline.streams.enrolment`): z-scores, those of a tested utterance by others of its speaker.
SpeakerNorm = bool | str


@dataclass(frozen=True, eq=False)
class Table:
    """Some utterances and their rows under some features.

    Parameters
    ----------
    streams
        The rows of each feature; of several side by side, one stream.
    utterances : tuple of Utterance
        The table beside the rows: id, speaker, label and the rest.
    present : (n_utterances, n_features) bool
        Which features each utterance has.
    """

    streams: tuple[Stream, ...]
    utterances: tuple[Utterance, ...]
    present: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        X: NDArray[np.float32],
        offsets: Numbers,
        utterances: Sequence[Utterance],
        columns: Sequence[str],
        present: NDArray[np.bool_] | None = None,
    ) -> "Table":
        """Return a table of rows that are in memory.

        Parameters
        ----------
        X : (n_rows, n_columns) float32
            The rows of all utterances, one utterance after another.
        offsets : (n_utterances + 1,) int64
            Utterance ``i`` owns rows ``offsets[i]`` to ``offsets[i + 1]``.
        present
            None: every utterance has the one feature.
        """
        framewise = bool((np.diff(offsets) > 1).any())
        stream = Stream("", tuple(columns), np.asarray(offsets), (X, None), framewise)
        return cls((stream,), tuple(utterances), np.ones((len(utterances), 1), bool) if present is None else present)

    def __len__(self) -> int:
        return len(self.utterances)

    @functools.cached_property
    def plain(self) -> Stream:
        """The one stream of plain rows: frames of one feature, or one row an utterance, all columns side by side."""
        return side_by_side(self.streams)

    @property
    def X(self) -> NDArray[np.float32]:  # noqa: N802 - as scikit-learn has it
        """The rows of all utterances, ``(n_rows, n_columns) float32``; NaN where an utterance lacks a feature."""
        return self.plain.flat

    @property
    def offsets(self) -> Numbers:
        """Utterance ``i`` owns rows ``offsets[i]`` to ``offsets[i + 1]`` of `X`, so none can straddle two folds."""
        return self.plain.offsets

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns of `X`."""
        return self.plain.columns

    @property
    def lengths(self) -> Numbers:
        """How many rows of `X` each utterance has, ``(n_utterances,)``."""
        return self.plain.lengths

    @property
    def speakers(self) -> NDArray[np.str_]:
        """The speaker of each utterance, ``(n_utterances,)``."""
        return np.array([utterance.speaker for utterance in self.utterances])

    def take(self, chosen: Numbers | Sequence[int]) -> "Table":
        """Return the table of the chosen utterances, in the order given; rows follow."""
        chosen = np.asarray(chosen, dtype=np.int64)
        streams = tuple(stream.take(chosen) for stream in self.streams)
        return Table(streams, tuple(self.utterances[i] for i in chosen), self.present[chosen])

    def under(self, numbers: Sequence[int]) -> "Table":
        """Return the table under some of its features, by their numbers."""
        return replace(self, streams=tuple(self.streams[i] for i in numbers), present=self.present[:, numbers])

    def read(self) -> "Table":
        """Return the table with all rows in memory."""
        return replace(self, streams=tuple(stream.read() for stream in self.streams))

    def side_by_side(self) -> "Table":
        """Return the table with all columns in one stream, as plain classifiers take it."""
        return replace(self, streams=(self.plain,))


def joined(tables: Sequence[Table]) -> Table:
    """Return the tables of several corpora as one; equal names in different corpora stay distinct.

    Ids, speakers, sessions, dialogs and media paths get the corpus's name as a prefix.

    Raises
    ------
    UsageError
        If two corpora have one name.
    """
    names = [table.utterances[0].corpus for table in tables if len(table)]
    if len(set(names)) < len(names):
        raise UsageError(f"Two of the corpora are called the same ({', '.join(names)}): rename a table.")
    return Table(
        streams=tuple(map(_one_after_another, zip(*(table.streams for table in tables), strict=True))),
        utterances=tuple(placed(utterance) for table in tables for utterance in table.utterances),
        present=np.concatenate([table.present for table in tables]),
    )


def _one_after_another(streams: Sequence[Stream]) -> Stream:
    """Return the streams of one feature of several corpora as one."""
    times = [stream.times for stream in streams]
    known = [some for some in times if some is not None]
    return replace(
        streams[0],
        offsets=offsets_of(np.concatenate([stream.lengths for stream in streams])),
        rows=(np.concatenate([s.flat for s in streams]), np.concatenate(known) if len(known) == len(times) else None),
    )


def placed(utterance: Utterance) -> Utterance:
    """Return an utterance with its corpus's name as a prefix of all names that are unique only within the corpus."""
    own = {name: getattr(utterance, name) for name in ("id", "speaker", "session", "dialog")}
    changed: dict[str, Any] = {name: f"{utterance.corpus}/{value}" for name, value in own.items() if value}
    for kind in MEDIA:
        media = getattr(utterance, kind)
        if media:
            path, *beside = (f"{utterance.corpus}/{path}" for path in media.files)
            changed[kind] = replace(media, path=path, beside=tuple(beside))
    return replace(utterance, **changed)


def normalised_by_speaker(table: Table, how: SpeakerNorm = True) -> Table:
    """Return the table with every column z-scored within each speaker, or with the speaker's mean subtracted.

    A speaker's mean and standard deviation come from all rows of that speaker, also for test speakers (without labels).
    This is **transductive**, and every figure that depends on it is marked so. A column that does not vary within a
    speaker becomes zero there. If only the mean is subtracted, markers of a face give the difference from the speaker's
    mean face in mm, so the amount of movement is kept.

    Parameters
    ----------
    how
        ``"mean"`` to subtract only the mean; False to return the table as it is. An enrolment's spec gives z-scores,
        as training speakers have them.
    """
    if not how:
        return table
    streams = (_normalised(stream, table.speakers, how) for stream in table.streams)
    return replace(table, streams=tuple(streams))


def _normalised(stream: Stream, speakers: NDArray[np.str_], how: SpeakerNorm) -> Stream:
    X = stream.flat.copy()
    speaker_of_row = np.repeat(speakers, stream.lengths)
    for speaker in np.unique(speaker_of_row):
        rows = speaker_of_row == speaker
        X[rows] = X[rows] - statistics(X[rows])[0] if how == "mean" else normalised(X[rows], X[rows])
    return replace(stream, rows=(X, stream.times))


def load(dataset: Dataset, specs: Sequence[FeatureSpec], ids: Collection[str] | None = None) -> Table:
    """Return the cached rows of a corpus, one stream per feature, in the corpus's order.

    Rows are read and verified at their first use, except that frames to be pooled are read at once. Rows of utterances
    that are not requested are never read. A feature that several specs name, as for parts of it, is read once.

    Parameters
    ----------
    ids
        The utterances that are wanted; None for all.

    Raises
    ------
    UsageError
        If there is no utterance of an id.
    AffexError
        If a file is missing or does not verify, or an utterance has no frame to be pooled.
    """
    utterances = tuple(dataset.utterances) if ids is None else _called(dataset, ids)
    # One is kept: parts of a feature follow one another, and frames that are pooled need not stay in memory.
    whole = functools.lru_cache(maxsize=1)(lambda spec: _whole(dataset, spec, utterances))
    streams, present = zip(*(_stream(dataset, spec, utterances, *whole(spec.unpooled)) for spec in specs), strict=True)
    return Table(streams, utterances, np.column_stack(present))


def _called(dataset: Dataset, ids: Collection[str]) -> tuple[Utterance, ...]:
    """Return the utterances of these ids."""
    wanted = set(ids)
    found = tuple(utterance for utterance in dataset.utterances if utterance.id in wanted)
    if missing := sorted(wanted - {utterance.id for utterance in found}):
        raise unknown(f"utterance of {dataset.name}", missing[0], (u.id for u in dataset.utterances))
    return found


def _whole(dataset: Dataset, spec: FeatureSpec, utterances: Sequence[Utterance]) -> tuple[Stream, NDArray[np.bool_]]:
    """Return the rows of a feature as its file holds them, and which utterances have it."""
    held = _contents(dataset, spec)
    number = {id_: i for i, id_ in enumerate(held.ids)}
    places = np.array([number.get(utterance.id, -1) for utterance in utterances], dtype=np.int64)
    present = places >= 0
    lengths = np.zeros(len(utterances), np.int64)
    lengths[present] = np.diff(held.offsets)[places[present]]
    rows = Unread(held, places[lengths > 0])
    shape = spec.feature.row_shape
    return Stream(str(spec), held.columns, offsets_of(lengths), rows, spec.framewise, shape), present


def _stream(
    dataset: Dataset, spec: FeatureSpec, utterances: Sequence[Utterance], whole: Stream, present: NDArray[np.bool_]
) -> tuple[Stream, NDArray[np.bool_]]:
    """Return the rows of a feature as its spec wants them, and which utterances have it."""
    stream = whole
    if spec.feature.several and spec.people == "one":
        stream = _of_one_person(spec, stream)
    if spec.fft:
        stream = _spectra(stream, spec.only)
    if spec.pool:
        own = [utterance for utterance, here in zip(utterances, present, strict=True) if here]
        stream = _pooled(dataset, spec, stream, own, offsets_of(present.astype(np.int64)))
    elif spec.only and not spec.fft:
        stream = _looked_at(stream, spec.only)
    if stream is not whole:
        stream = replace(stream, feature=str(spec), framewise=spec.framewise, row_shape=())
    return stream, present


def _of_one_person(spec: FeatureSpec, stream: Stream) -> Stream:
    """Return the rows of one person of each utterance, one per frame."""
    assert stream.times is not None  # frames have times
    own = [
        spec.feature.one_person(Rows(stream.flat[begin:end], stream.times[begin:end]))
        for begin, end in itertools.pairwise(stream.offsets)
    ]
    values = np.concatenate([np.empty((0, len(stream.columns)), np.float32), *(rows.values for rows in own)])
    times = np.concatenate([np.empty(0), *(rows.times for rows in own if rows.times is not None)])
    return replace(stream, offsets=offsets_of(np.array([len(rows.values) for rows in own])), rows=(values, times))


def _looked_at(stream: Stream, only: Sequence[str]) -> Stream:
    """Return the selected columns."""
    places = column_groups.places(stream.columns, only)
    values = np.ascontiguousarray(stream.flat[:, places])
    return replace(stream, columns=tuple(stream.columns[i] for i in places), rows=(values, stream.times))


def _spectra(stream: Stream, only: Sequence[str]) -> Stream:
    """Return the spectrum of each row, of the selected columns."""
    values = stream.flat[:, column_groups.places(stream.columns, only)]
    return replace(stream, columns=spectra.columns(stream.columns, only), rows=(spectra.spectra(values), stream.times))


def _pooled(dataset: Dataset, spec: FeatureSpec, stream: Stream, own: Sequence[Utterance], offsets: Numbers) -> Stream:
    """Return one row for each utterance that has frames.

    Parameters
    ----------
    own
        The utterances that have frames.
    offsets : (n_utterances + 1,) int64
        Of what is returned.
    """
    begins = offsets_of(stream.lengths[np.diff(offsets) > 0])
    frames = FeatureRows(tuple(utterance.id for utterance in own), stream.columns, begins, stream.flat, stream.times)
    weights = _weights(dataset, spec, frames, own) if pooling.is_weighted(spec.pool) else None
    only = () if spec.fft else spec.only
    rows = pooling.pooled(frames.values, frames.offsets, frames.columns, spec.pool, weights, only, spec.dims)
    for utterance in np.flatnonzero(np.isnan(rows).any(axis=1)):
        raise AffexError(
            f"{frames.ids[utterance]}: no frame of {spec.unpooled} has anything in it that could be pooled. Extract "
            "the feature so that such utterances are failures (missing=fail)."
        )
    columns = pooling.columns(stream.columns, spec.pool, only, spec.dims)
    return replace(stream, columns=columns, offsets=offsets, rows=(rows, None))


def _contents(dataset: Dataset, spec: FeatureSpec) -> Contents:
    file = FeatureFile(dataset.folder, spec)
    return feature_rows.contents(file.path, file.key, dataset.command("features", FEATURES=spec.unpooled))


def _weights(dataset: Dataset, spec: FeatureSpec, frames: FeatureRows, own: Sequence[Utterance]) -> NDArray[np.float64]:
    """Return the quality of each row's frame, ``(n_rows,)``, from the feature or from one that it is computed from.

    Raises
    ------
    AffexError
        If that feature's file, an utterance in it, or the frame of a row is missing.
    """
    source = pooling.quality_feature(spec.feature)
    if source is None:
        raise UsageError(f"{spec}: nothing says how good a frame of {spec.preset} is.")
    rated_by = spec.unpooled if source == spec.feature else spec_of(source)
    rated = frames if source == spec.feature else _frames(dataset, rated_by, own)
    qualities = pooling.qualities(rated.values, rated.offsets, rated.columns)
    if rated is frames:
        return qualities
    number = {id_: i for i, id_ in enumerate(rated.ids)}
    found = [np.empty(0)]
    for utterance, id_ in enumerate(frames.ids):
        times = _times(frames, utterance)
        there = _times(rated, number[id_]) if id_ in number else times[:0]
        if not np.isin(times, there).all():
            raise AffexError(
                f"{id_}: {rated_by} does not have every frame of {spec.unpooled}, so nothing says how good they are. "
                f"Run `{dataset.command('features', FEATURES=spec.unpooled)}` to bring both up to date."
            )
        found.append(qualities[rated.offsets[number[id_]] + np.searchsorted(there, times)])
    return np.concatenate(found)


def _frames(dataset: Dataset, spec: FeatureSpec, utterances: Sequence[Utterance]) -> FeatureRows:
    """Return the frames of the given utterances, without utterances that have none."""
    stream, present = _whole(dataset, spec.unpooled, utterances)
    ids = tuple(utterance.id for utterance, here in zip(utterances, present, strict=True) if here)
    return FeatureRows(ids, stream.columns, offsets_of(stream.lengths[present]), stream.flat, stream.times)


def _times(frames: FeatureRows, utterance: int) -> NDArray[np.float64]:
    assert frames.times is not None  # frames have times
    return frames.times[frames.offsets[utterance] : frames.offsets[utterance + 1]]

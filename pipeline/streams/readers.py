"""Readers: the arrow from a table's rows and a fold to the input of ``fit``, and from an estimator's output to scores.

There is one reader for each kind of rows that a classifier reads (`affex.classifiers.base.Classifier.reads`, `rows`).
Only this module distinguishes the kinds:

``utterance``
    One row per utterance, the columns of several features side by side (``widths`` says how many each has), frames
    pooled: ``fit(X, y, groups, sample_weight, inner, widths)``, then ``predict`` and ``predict_proba``. With
    ``rows="each"``, all rows of an utterance (frames, segments), each with its utterance's class or value, and with
    weights that give each utterance the same total; the scores of an utterance's rows are averaged.
``frame``
    All frames of an utterance, each with its utterance's class; ``log_likelihood`` of each is combined (`decision`).
``sequence``
    The rows of each utterance in order, ``offsets (n_utterances + 1,)`` beside them, and one ``y`` an utterance. With
    a context, utterances are turns: ``dialogs (n_dialogs + 1,)`` says which of them are one dialog (or one speaker's
    part in it), in order of time. Turns without a class that counts stand among them with the weight 0 (and the first
    class or value that there is). So do utterances without a class, if the classifier learns from those as well
    (`Classifier.unlabelled`). Of several streams, ``X`` and ``offsets`` are lists, one item a stream.
    ``predict(X, offsets=..., dialogs=...)`` and ``predict_proba`` give one answer an utterance. With segments
    (`Classifier.segment`), each segment of an utterance is a sequence, weighted and averaged as each row is.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from affex.classifiers.base import Classifier
from affex.pipeline.specs import column_groups, discovery, pooling
from affex.pipeline.specs.features import FeatureSpec
from affex.pipeline.streams.decision import decide, noise_alone
from affex.pipeline.streams.examples import Examples
from affex.pipeline.streams.moments import Moments
from affex.pipeline.streams.scored import Scored, averaged, decisions_of, means, values_of
from affex.pipeline.streams.segments import segments_of
from affex.pipeline.streams.stream import Numbers, aligned, alone, offsets_of, rows_of
from affex.pipeline.streams.table import Table
from affex.pipeline.text.errors import UsageError

Floats = NDArray[np.float64]
#: Inner folds, as pairs of (train, validation), each numbers of utterances; None for those of the estimator.
Inner = Sequence[tuple[Numbers, Numbers]] | None


class Training(NamedTuple):
    """The arguments of ``fit``: `X`, `y`, and the others by name."""

    X: Any
    y: NDArray[Any]
    given: Mapping[str, Any]


@dataclass(frozen=True)
class Reader(ABC):
    """How a classifier reads rows."""

    classifier: Classifier
    #: Whether it reads frames; None for either.
    framewise: ClassVar[bool | None]
    #: Whether the classifier scores each row, or segment, by itself: its scores have times.
    has_moments: ClassVar[bool] = False

    def wanted(self, specs: Sequence[FeatureSpec]) -> tuple[FeatureSpec, ...]:
        """Return the features as they are to be loaded."""
        return tuple(specs)

    def require(self, specs: Sequence[FeatureSpec]) -> None:
        """Raise an error for features, as `wanted` returns them, whose rows the classifier cannot read.

        Raises
        ------
        UsageError
            The message names features and classifiers that fit.
        """
        named = [str(spec) for spec in specs if spec.framewise]
        if self.classifier.streams == 1 and self.classifier.align == "none" and named and len(specs) > 1:
            raise UsageError(alone(named))
        self._require(" ".join(map(str, specs)), len(specs), framewise=bool(named))

    def arranged(self, table: Table, features: Sequence[str] = ()) -> Table:
        """Return the table with the streams that the classifier takes.

        Parameters
        ----------
        features
            The features' specs, for messages; if empty, those of the streams.

        Raises
        ------
        UsageError
            If it cannot read them.
        """
        first, how = table.streams[0], self.classifier.align
        if how != "none":
            streams = (first, *(aligned(stream, first, how) for stream in table.streams[1:]))
            table = replace(table, streams=streams)
        if self.classifier.streams == 1:
            table = table.side_by_side()
        named = " ".join(features or [stream.feature for stream in table.streams])
        self._require(named, len(table.streams), framewise=any(stream.framewise for stream in table.streams))
        return table

    def _require(self, named: str, n_features: int, *, framewise: bool) -> None:
        n_streams = self.classifier.streams
        if n_streams > 1 and n_features != n_streams:
            raise UsageError(
                f"CLASSIFIER={self.classifier.name} reads {n_streams} features as streams of their own, and "
                f"FEATURES='{named}' names {n_features}: expected {n_streams}."
            )
        if self.framewise not in (None, framewise):
            raise UsageError(misfit(self.classifier, named, framewise=framewise))

    def training(self, examples: Examples, train: Numbers, inner: Inner = None) -> Training:
        """Return the training data of an estimator.

        Parameters
        ----------
        train
            The numbers of the training utterances.
        inner
            The inner folds, if the protocol fixes them.
        """
        owner, targets, weight = train, examples.y[train], None
        if examples.shares is not None:
            which, chosen = np.nonzero(examples.shares[train])
            owner, targets = train[which], np.array(examples.classes)[chosen]
            weight = examples.shares[owner, chosen]
        return self._training(examples, owner, targets, weight, inner)

    def _training(
        self, examples: Examples, owner: Numbers, targets: NDArray[Any], weight: Floats | None, inner: Inner
    ) -> Training:
        """Return the rows with targets, weights and groups; an utterance may occur once for each of several classes."""
        repeats = np.diff(examples.offsets)[owner]
        given = {
            "groups": np.repeat(examples.groups[owner], repeats),
            "sample_weight": None if weight is None else np.repeat(weight, repeats),
            "inner": _inner(inner, np.repeat(owner, repeats)),
            "offsets": offsets_of(repeats),
            "widths": examples.streams[0].widths or (len(examples.streams[0].columns),),
        }
        return Training(_block(examples, owner, owner), np.repeat(targets, repeats), given)

    def equal_weights(self, examples: Examples) -> bool:  # noqa: ARG002
        """Return whether each utterance has the same total weight in training."""
        return True

    @abstractmethod
    def scored(self, estimator: Any, examples: Examples, test: Numbers, train: Numbers) -> Scored:
        """Return a fitted estimator's scores of the utterances `test`; it was fitted on `train`."""

    def moments(self, estimator: Any, examples: Examples, test: Numbers, train: Numbers) -> Moments:  # noqa: ARG002
        """Return a fitted estimator's scores of each row, or segment, of the utterances `test`.

        Raises
        ------
        UsageError
            If it scores no rows by themselves, or they have no times.
        """
        raise UsageError(without_moments(self.classifier))

    def _at_times(self, examples: Examples, numbers: Numbers, values: Floats) -> Moments:
        """Return scores of all rows of utterances with the times of the rows."""
        stream = examples.streams[0].take(numbers)
        values = values.reshape(len(values), -1)
        return Moments(stream.offsets, _times(examples, stream.times), values)


@dataclass(frozen=True)
class UtteranceReader(Reader):
    """One row an utterance."""

    framewise: ClassVar[bool | None] = False

    def wanted(self, specs: Sequence[FeatureSpec]) -> tuple[FeatureSpec, ...]:
        """Return the features with frames pooled; a feature with its own pooling stays as it is."""
        return tuple(replace(spec, pool=pooling.DEFAULT) if spec.framewise else spec for spec in specs)

    def scored(self, estimator: Any, examples: Examples, test: Numbers, train: Numbers) -> Scored:
        """Return the decision on each row, and its scores; `inspection.answer_of` defines them."""
        X = _block(examples, test, train)
        if not examples.classes:
            return values_of(estimator.predict(X))
        return decisions_of(estimator, X)


@dataclass(frozen=True)
class EachRowReader(Reader):
    """Each row of an utterance as a row of its own; the scores of an utterance are the mean over its rows."""

    framewise: ClassVar[bool | None] = None
    has_moments: ClassVar[bool] = True

    def equal_weights(self, examples: Examples) -> bool:
        """Return whether each utterance has the same total weight: not if the estimator takes none and numbers vary."""
        return self._takes_weights(examples) or len(np.unique(np.diff(examples.offsets))) <= 1

    def _takes_weights(self, examples: Examples) -> bool:
        from affex.classifiers.estimators import fitting

        return fitting.takes_weights(self.classifier.estimator(target="classes" if examples.classes else "values"))

    def _training(
        self, examples: Examples, owner: Numbers, targets: NDArray[Any], weight: Floats | None, inner: Inner
    ) -> Training:
        lengths = np.diff(examples.offsets)[owner]
        if weight is None and (lengths > 1).any() and self._takes_weights(examples):
            weight = np.ones(len(owner))
        return super()._training(examples, owner, targets, None if weight is None else weight / lengths, inner)

    def scored(self, estimator: Any, examples: Examples, test: Numbers, train: Numbers) -> Scored:
        """Return the mean of the rows' scores, or values, of each utterance."""
        X, offsets = _block(examples, test, train), offsets_of(np.diff(examples.offsets)[test])
        if not examples.classes:
            return values_of(means(estimator.predict(X).astype(np.float64), offsets))
        decided, scores, _ = decisions_of(estimator, X)
        return averaged(decided, scores, offsets, estimator.classes_)

    def moments(self, estimator: Any, examples: Examples, test: Numbers, train: Numbers) -> Moments:
        """Return the scores, or values, of each row."""
        X = _block(examples, test, train)
        values = decisions_of(estimator, X).scores if examples.classes else estimator.predict(X).astype(np.float64)
        return self._at_times(examples, test, values)


@dataclass(frozen=True)
class FrameReader(Reader):
    """All frames of an utterance, scored one by one; together they decide."""

    framewise: ClassVar[bool | None] = True
    has_moments: ClassVar[bool] = True

    def require(self, specs: Sequence[FeatureSpec]) -> None:
        """Raise an error also if the classifier needs the loudness of a frame and the rows do not begin with it."""
        super().require(specs)
        if self.classifier.needs_level:
            for spec in specs:
                _require_level(self.classifier, spec)

    def scored(self, estimator: Any, examples: Examples, test: Numbers, train: Numbers) -> Scored:
        """Return the decision on each utterance from the log-likelihoods of its frames."""
        classifier: Any = self.classifier
        X, offsets = _block(examples, test, train), offsets_of(np.diff(examples.offsets)[test])
        if not examples.classes:
            return values_of(estimator.predict(X))
        likelihood = estimator.log_likelihood(X)
        noise = estimator.noise_log_likelihood(X) if classifier.needs_level else None
        decision, scores = decide(likelihood, estimator.class_log_prior_, offsets, classifier.decision, noise)
        n_noise = None if noise is None else int(noise_alone(likelihood, offsets, noise).sum())
        return Scored(estimator.classes_[decision], scores, n_noise)

    def moments(self, estimator: Any, examples: Examples, test: Numbers, train: Numbers) -> Moments:
        """Return the probabilities of the classes given each frame alone."""
        from scipy.special import softmax

        X = _block(examples, test, train)
        if not examples.classes:
            raise UsageError(without_moments(self.classifier))
        values = softmax(estimator.log_likelihood(X) + estimator.class_log_prior_, axis=1)
        return self._at_times(examples, test, values)


@dataclass(frozen=True)
class SequenceReader(Reader):
    """The rows of each utterance in order, of one or several streams, alone or as turns of a dialog."""

    framewise: ClassVar[bool | None] = None

    def _training(
        self, examples: Examples, owner: Numbers, targets: NDArray[Any], weight: Floats | None, inner: Inner
    ) -> Training:
        owner, targets, weight = _with_unlabelled(examples, owner, targets, weight)
        numbers, beside = self._together(examples, owner)
        y = targets
        if examples.turns is not None:
            counted = np.isin(numbers, owner)
            y = np.full(len(numbers), targets[0], targets.dtype)
            y[counted] = targets[_places(owner, numbers[counted])]
            weight = counted.astype(np.float64)
        X, offsets = self._rows(examples, numbers)
        given = {
            "groups": examples.groups[numbers],
            "sample_weight": weight,
            "inner": _inner(inner, numbers),
            "offsets": offsets,
            **beside,
        }
        return Training(X, y, given)

    def scored(self, estimator: Any, examples: Examples, test: Numbers, train: Numbers) -> Scored:  # noqa: ARG002
        """Return the results of ``predict`` and ``predict_proba`` for the utterances; context is never scored."""
        numbers, beside = self._together(examples, test)
        X, offsets = self._rows(examples, numbers)
        places = _places(numbers, test)
        decided = np.asarray(estimator.predict(X, offsets=offsets, **beside))[places]
        if not examples.classes:
            return values_of(decided)
        return Scored(decided, np.asarray(estimator.predict_proba(X, offsets=offsets, **beside))[places])

    def _together(self, examples: Examples, numbers: Numbers) -> tuple[Numbers, dict[str, Numbers]]:
        """Return the given utterances with their context, and the limits of their dialogs."""
        if examples.turns is None:
            return numbers, {}
        together, dialogs = examples.turns.sequences(numbers)
        return together, {"dialogs": dialogs}

    def _rows(self, examples: Examples, numbers: Numbers) -> tuple[Any, Any]:
        streams = [stream.take(numbers) for stream in examples.streams]
        X, offsets = [stream.values for stream in streams], [stream.offsets for stream in streams]
        return (X[0], offsets[0]) if self.classifier.streams == 1 else (X, offsets)


@dataclass(frozen=True)
class SegmentReader(SequenceReader):
    """Segments of the rows of each utterance, each a sequence; the scores of an utterance are the mean over them."""

    has_moments: ClassVar[bool] = True

    def arranged(self, table: Table, features: Sequence[str] = ()) -> Table:
        """Return the table; raise an error also if segments of several streams would not be of the same time."""
        table = super().arranged(table, features)
        first, *others = table.streams
        if not all(np.array_equal(first.offsets, other.offsets) for other in others):
            raise UsageError(
                f"segment={self.classifier.segment} cuts rows, and those of {first.feature} and of "
                f"{others[0].feature} are not the same in number: name one feature, or fuse scores (FUSION=late)."
            )
        return table

    def _training(
        self, examples: Examples, owner: Numbers, targets: NDArray[Any], weight: Floats | None, inner: Inner
    ) -> Training:
        owner, targets, weight = _with_unlabelled(examples, owner, targets, weight)
        X, offsets, n_segments = self._segments(examples, owner)
        if weight is None and (n_segments > 1).any():
            weight = np.ones(len(owner))
        given = {
            "groups": np.repeat(examples.groups[owner], n_segments),
            "sample_weight": None if weight is None else np.repeat(weight / n_segments, n_segments),
            "inner": _inner(inner, np.repeat(owner, n_segments)),
            "offsets": offsets,
        }
        return Training(X, np.repeat(targets, n_segments), given)

    def scored(self, estimator: Any, examples: Examples, test: Numbers, train: Numbers) -> Scored:  # noqa: ARG002
        """Return the mean of the segments' scores, or values, of each utterance."""
        X, offsets, n_segments = self._segments(examples, test)
        decided, own = np.asarray(estimator.predict(X, offsets=offsets)), offsets_of(n_segments)
        if not examples.classes:
            return values_of(means(decided.astype(np.float64), own))
        scores = np.asarray(estimator.predict_proba(X, offsets=offsets))
        return averaged(decided, scores, own, estimator.classes_)

    def moments(self, estimator: Any, examples: Examples, test: Numbers, train: Numbers) -> Moments:  # noqa: ARG002
        """Return the scores, or values, of each segment, at the mean time of its rows."""
        X, offsets, n_segments = self._segments(examples, test)
        find = estimator.predict_proba if examples.classes else estimator.predict
        values = np.asarray(find(X, offsets=offsets)).astype(np.float64)
        stream = examples.streams[0].take(test)
        times = _times(examples, stream.times)
        rows, limits, _ = segments_of(stream.offsets, *self._size)
        lengths = np.diff(limits)
        middles = np.full(len(lengths), np.nan)
        middles[lengths > 0] = times[rows].reshape(-1, self._size[0]).mean(axis=1)
        return Moments(offsets_of(n_segments), middles, values.reshape(len(values), -1))

    @property
    def _size(self) -> tuple[int, int]:
        """Rows of a segment, and from the beginning of one to the next."""
        return self.classifier.segment, self.classifier.step or self.classifier.segment

    def _segments(self, examples: Examples, numbers: Numbers) -> tuple[Any, Any, Numbers]:
        """Return rows and offsets of the segments of utterances, and how many each utterance has."""
        X, offsets = [], []
        for stream in examples.streams:
            own = stream.take(numbers)
            rows, limits, n_segments = segments_of(own.offsets, *self._size)
            X.append(own.values[rows])
            offsets.append(limits)
        return (X[0], offsets[0], n_segments) if self.classifier.streams == 1 else (X, offsets, n_segments)


READERS: Mapping[str, type[Reader]] = {
    "utterance": UtteranceReader,
    "frame": FrameReader,
    "sequence": SequenceReader,
}


def reader_of(classifier: Classifier) -> Reader:
    """Return how a classifier reads rows.

    Raises
    ------
    ValueError
        If it declares several streams, or a context, and reads no sequences.
    """
    if classifier.reads != "sequence" and (classifier.streams, classifier.context) != (1, "none"):
        raise ValueError(f"{classifier.name} takes several streams or a context: expected reads = 'sequence'")
    if classifier.segment:
        return SegmentReader(classifier)
    if classifier.reads_each_row:
        return EachRowReader(classifier)
    return READERS[classifier.reads](classifier)


def _with_unlabelled(
    examples: Examples, owner: Numbers, targets: NDArray[Any], weight: Floats | None
) -> tuple[Numbers, NDArray[Any], Floats | None]:
    """Return training utterances with those without a class after them, of the first target and the weight 0."""
    others = examples.unlabelled.beside(owner) if examples.unlabelled else np.array([], np.int64)
    if not len(others):
        return owner, targets, weight
    weight = np.ones(len(owner)) if weight is None else weight
    filled = np.full(len(others), targets[0], targets.dtype)
    return np.append(owner, others), np.append(targets, filled), np.append(weight, np.zeros(len(others)))


def without_moments(one: Classifier) -> str:
    """Return why a classifier has no scores over time, and what has."""
    return (
        f"MOMENTS=1 keeps the scores of rows over time, and {one.name} scores whole utterances. Classifiers that score "
        "rows by themselves: rows=each with frames or segments (svm:rows=each), segment=N (net:segment=N), and gmm for "
        "classes."
    )


def _times(examples: Examples, times: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Return times of rows.

    Raises
    ------
    UsageError
        If they have none.
    """
    if times is None:
        raise UsageError(
            f"MOMENTS=1: the rows of {examples.streams[0].feature} have no times: name a feature of frames or segments."
        )
    return times


def misfit(one: Classifier, named: str, *, framewise: bool) -> str:
    """Return why a classifier cannot read features, given as the user named them, and what would fit."""
    reads, gives = ("an utterance", "a frame") if framewise else ("a frame", "an utterance")
    features, classifiers = discovery.feature_presets(), discovery.classifier_presets()
    fitting = [name for name, feature in features.items() if feature.framewise != framewise]
    readers = [name for name, other in classifiers.items() if reader_of(other).framewise in (None, framewise)]
    return (
        f"CLASSIFIER={one.name} reads one row {reads}, but FEATURES='{named}' gives one {gives}.\n"
        f"Features that fit {one.name}: {', '.join(fitting) or 'none'}.\n"
        f"Classifiers that fit {named}: {', '.join(readers) or 'none'}."
    )


def _require_level(one: Classifier, spec: FeatureSpec) -> None:
    columns = column_groups.chosen(spec.feature.columns, spec.only)
    if spec.feature.level is None or spec.feature.level not in columns[:1]:
        able = [name for name, other in discovery.feature_presets().items() if other.level and other.framewise]
        raise UsageError(
            f"CLASSIFIER={one.name} is to tell noise from speech by how loud a frame is, and {spec} does not begin "
            f"with that. Features that do: {', '.join(able)}; for others leave noise out."
        )


def _block(examples: Examples, numbers: Numbers, columns: Numbers) -> NDArray[Any]:
    """Return the rows of utterances or, with distances, the distances to the rows of the utterances `columns`."""
    rows = rows_of(examples.offsets, numbers)
    if examples.distances is None:
        return examples.X[rows]
    return examples.distances[np.ix_(rows, rows_of(examples.offsets, columns))]


def _inner(inner: Inner, owner: Numbers) -> list[tuple[Numbers, Numbers]] | None:
    """Return the positions of the inner folds' rows (or sequences) among the training rows with the given owners."""
    if inner is None:
        return None
    return [(_rows_of(owner, train), _rows_of(owner, validation)) for train, validation in inner]


def _rows_of(owner: Numbers, numbers: Numbers) -> Numbers:
    return np.flatnonzero(np.isin(owner, numbers))


def _places(among: Numbers, numbers: Numbers) -> Numbers:
    """Return the positions of numbers among other numbers, which are distinct."""
    order = np.argsort(among)
    places: Numbers = order[np.searchsorted(among, numbers, sorter=order)]
    return places

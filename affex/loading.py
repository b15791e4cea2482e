"""From a corpus and features to tables of numbers, for notebooks and for scikit-learn."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

from affex.opening import PathLikeText, PlaceKeywords, corpora_of, joined, opened, placed, plain, texts, with_place

if TYPE_CHECKING:
    import pandas as pd

#: What `load` may return of an utterance beside the target: fields of `affex.pipeline.manifest.utterance.Utterance`.
LABELS = (
    *("label", "valence", "arousal", "dominance", "votes", "raters"),
    *("text", "sentence", "sex", "session", "dialog", "split", "part"),
)


@with_place
def load(
    corpus: PathLikeText,
    features: str | Sequence[str],
    *,
    protocol: str = "",
    target: str | None = None,
    classes: str | None = None,
    speaker_norm: Any = False,
    labels: Sequence[str] = (),
    **place: Unpack[PlaceKeywords],
) -> "tuple[pd.DataFrame, Any, pd.Series[str]]":
    """Return the rows of a corpus, what is to be predicted, and the speakers; extract what is missing.

    The utterances are those that `affex.evaluate` learns from and tests with the same arguments, in the same order,
    and the rows are what it hands to an estimator. So leave-one-group-out of scikit-learn over them gives the same
    predictions.

    Parameters
    ----------
    corpus
        The name of a corpus, as ``"emodb"``, or several separated by blanks; or the path of a table, ``"mine.csv"``.
    features
        One feature, or several separated by blanks, whose columns stand side by side. Frames are pooled to one row an
        utterance, as in ``"mfcc:pool=mean+std"``.
    protocol, target, classes, speaker_norm
        Which utterances count, and as what; as in `affex.evaluate`.
    labels
        Labels of each utterance that are returned beside the target, of `LABELS`; `y` is then a table.
    **place
        Where the corpus and the cache lie (``data``, ``cache``, ``partial``), and where work runs (``scheduler``,
        ``jobs``, ``device``, ``weights``): see `affex.opening.Place`.

    Returns
    -------
    X : DataFrame, (n_utterances, n_columns) float32
        Indexed by the ids of the utterances. A feature that an utterance lacks is NaN.
    y : Series, (n_utterances,) str or float64
        The class, or the value, of each utterance; with `labels` a DataFrame, the target first.
    groups : Series, (n_utterances,) str
        The speaker of each utterance, or what stands for one.

    Raises
    ------
    AffexError
        If something is missing or does not fit. The message says what to do.

    Examples
    --------
    >>> X, y, groups = affex.load("demo", "egemaps", cache=cache)
    >>> X.shape, y.nunique(), groups.nunique()
    ((160, 88), 4, 8)
    """
    import pandas as pd

    from affex.pipeline.evaluation.settings import Settings
    from affex.pipeline.text.errors import unknown
    from affex.pipeline.workspace import rows

    labels = texts("labels", labels)
    for name in labels:
        if name not in LABELS:
            raise unknown("label", name, LABELS)
    where = placed(load, place)
    corpora = corpora_of(corpus, where)
    settings = Settings(
        dataset=corpora.dataset,
        data=corpora.data,
        partial=where.partial,
        features=joined("features", features),
        protocol=protocol,
        target=target,
        classes=classes,
        speaker_norm=plain(speaker_norm),
        device=where.device,
    )
    with opened(corpora, where) as workspace:
        task, columns, predicted = rows.task_of(workspace, settings)
    index = pd.Index([utterance.id for utterance in task.utterances], name="id")
    X = pd.DataFrame(task.examples.X, index, columns)
    y = pd.Series(task.examples.y, index, name=predicted)
    groups = pd.Series(task.clusters.of, index, name=task.clusters.unit)
    if not labels:
        return X, y, groups
    beside = {name: [getattr(utterance, name) for utterance in task.utterances] for name in labels}
    return X, pd.concat([y, pd.DataFrame(beside, index)[[name for name in labels if name != y.name]]], axis=1), groups


@with_place
def load_frames(
    corpus: PathLikeText,
    feature: str,
    *,
    ids: Sequence[str] | None = None,
    **place: Unpack[PlaceKeywords],
) -> "pd.DataFrame":
    """Return the frames of a feature, of all utterances or of some; extract what is missing.

    Parameters
    ----------
    feature
        A feature with one row a frame, as ``"mfcc"``.
    ids
        The utterances that are read; None for all. No others are held in memory.
    **place
        As in `load`.

    Returns
    -------
    DataFrame, (n_frames, n_columns) float32
        Indexed by the id of the utterance and the time of the frame, s. An utterance without the feature has none.

    Raises
    ------
    AffexError
        If the feature has no frames, an id is unknown, or something is missing.

    Examples
    --------
    >>> affex.load_frames("demo", "mfcc", ids=["s1_anger_1"], cache=cache).index.names
    FrozenList(['id', 'time'])
    """
    import numpy as np
    import pandas as pd

    from affex.pipeline.workspace import rows

    where, named = placed(load_frames, place), joined("feature", feature)
    wanted = None if ids is None else texts("ids", ids)
    with opened(corpora_of(corpus, where), where) as workspace:
        stream, found = rows.frames_of(workspace, named, wanted)
    owners = np.repeat(np.array(found, dtype=object), np.diff(stream.offsets))
    index = pd.MultiIndex.from_arrays([owners, stream.times], names=["id", "time"])
    return pd.DataFrame(stream.flat, index, list(stream.columns), copy=False)

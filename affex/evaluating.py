"""From a corpus, features and a classifier to figures, from one Python call."""

import html
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from affex.opening import (
    PathLikeText,
    Place,
    PlaceKeywords,
    RunningKeywords,
    corpora_of,
    joined,
    opened,
    path,
    placed,
    plain,
    several,
    with_place,
)

if TYPE_CHECKING:
    import pandas as pd

    from affex.classifiers.base import Classifier
    from affex.pipeline.evaluation.intervals import Interval
    from affex.pipeline.evaluation.runs import Run
    from affex.pipeline.evaluation.summary import Summary
    from affex.pipeline.models.models import Model
    from affex.pipeline.reporting.compared import Compared


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """What an evaluation found; in a notebook it is shown as the table that the command line prints.

    Parameters
    ----------
    run
        The run: its name, its scores and its summary.
    """

    run: "Run"

    @property
    def summary(self) -> "Summary":
        """Every figure, typed; see `affex.pipeline.evaluation.summary.Summary`."""
        return self.run.summary

    @property
    def uar(self) -> float | None:
        """The unweighted average recall (UAR) over all tested utterances; None where values are predicted."""
        return self.summary.uar

    @property
    def war(self) -> float | None:
        """The weighted average recall (accuracy) over all tested utterances; None where values are predicted."""
        return self.summary.war

    @property
    def ccc(self) -> float | None:
        """The concordance correlation coefficient (CCC); None where classes are predicted."""
        return self.summary.ccc

    def interval(self, name: str, *, given_models: bool = False) -> "Interval":
        """Return a figure with its confidence interval over speakers: ``interval("uar").low``, ``.high``.

        Parameters
        ----------
        given_models
            Whether it is for these fitted models on other speakers, instead of for models trained on other speakers.

        Raises
        ------
        UsageError
            If there is no such figure, or it has no interval.
        """
        return self.summary.given_models(name) if given_models else self.summary.interval(name)

    @property
    def predictions(self) -> "pd.DataFrame":
        """The predictions: speaker, fold, true, predicted, and one score a class; indexed by utterance id."""
        import pandas as pd

        return pd.DataFrame(self.run.scores.columns()).set_index("id")

    @property
    def confusion(self) -> "pd.DataFrame":
        """How many utterances of each class (rows) were predicted as each class (columns)."""
        import pandas as pd

        classes = list(self.summary.classes)
        return pd.DataFrame(self.summary.counts, pd.Index(classes, name="true"), pd.Index(classes, name="predicted"))

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know beside the figures: leaks that were allowed, and notes, a sentence each."""
        return (*self.summary.leaks, *self.summary.notes)

    def __repr__(self) -> str:
        from affex.pipeline.reporting import tables

        return tables.as_text(lambda console: tables.show(self.summary, None, console)).rstrip()

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self), quote=False)}</pre>"


@with_place
def evaluate(
    corpus: PathLikeText,
    features: str | Sequence[str] | None = None,
    *,
    system: str | None = None,
    classifier: Any = "svm",
    protocol: str = "",
    target: str | None = None,
    classes: str | None = None,
    speaker_norm: Any = False,
    reweight: bool = False,
    soft: Any = False,
    fusion: str = "early",
    seed: int = 0,
    seeds: int = 1,
    enrol: bool = False,
    inner: bool = False,
    sets: float = 0.0,
    moments: bool = False,
    controls: int = 0,
    allow_leaks: bool = False,
    identity: bool = False,
    out: PathLikeText | None = None,
    **place: Unpack[PlaceKeywords],
) -> Evaluation:
    """Evaluate a classifier on speakers that it never heard; extract what is missing.

    Parameters
    ----------
    corpus
        The name of a corpus, as ``"emodb"``, or several separated by blanks; or the path of a table, ``"mine.csv"``.
    features
        One feature, or several in a list or separated by blanks, parameters after a colon; None for what the
        classifier prefers.
    system
        The name of a published system, as ``"poria2017-bclstm"`` (see `list_systems`): arguments with default values
        are then those of the system.
    classifier
        The name of a classifier, parameters after a colon, as ``"svm:C=1"``; or any scikit-learn estimator, which is
        cloned for each fold (``of_estimator(..., rows="each")`` of `affex.classifiers.base` for each row of a feature).
    protocol
        Who is left out: ``"loso"``, ``"loso+text"``, ``"session"``, ``"group-k:k=5"``, ``"split"``, ``"cross"`` or a
        protocol of the corpus; empty for the first of the corpus.
    target, classes
        What is predicted, and which classes count, as ``"ang,neu,sad,hap+exc"``.
    speaker_norm
        True for z-scores within each speaker, ``"mean"`` to subtract the speaker's mean: both are transductive.
        ``"enrol:n=10"`` for z-scores of a test utterance with 10 others of its speaker.
    soft
        True to train on the shares of the raters' votes, ``"dawid-skene"`` on what a model of the raters makes of them.
    reweight, fusion, seed, seeds, enrol, inner, sets, moments, controls, allow_leaks, identity
        As on the command line; see `affex.pipeline.evaluation.settings.Settings`.
    out
        The folder that the files of the run, and its page, are written to; None for no files.
    **place
        Where the corpus and the cache lie (``data``, ``cache``, ``partial``), and where work runs (``scheduler``,
        ``jobs``, ``device``, ``weights``): see `affex.opening.Place`.

    Returns
    -------
    Evaluation
        Figures with intervals, predictions, and the confusion matrix.

    Raises
    ------
    AffexError
        If something is missing, does not fit, or the audit finds a leak. The message says what to do.

    Examples
    --------
    >>> result = affex.evaluate("demo", "egemaps", classifier="svm", cache=cache)
    >>> 0 <= result.interval("uar").low <= result.uar <= 1
    True
    """
    from affex.pipeline.evaluation import runs
    from affex.pipeline.evaluation.settings import FIELDS, Settings
    from affex.pipeline.pages import run as run_page
    from affex.pipeline.reporting import report
    from affex.pipeline.specs.classifiers import classifier_spec, paired
    from affex.pipeline.systems.system import applied
    from affex.pipeline.workspace import experiment

    where = placed(evaluate, place)
    corpora = corpora_of(corpus, where)
    own = None if isinstance(classifier, str) else _wrapped(classifier)
    settings = Settings(
        dataset=corpora.dataset,
        data=corpora.data,
        partial=where.partial,
        system=system,
        features=None if features is None else joined("features", features),
        classifier=classifier_spec(own) if own else classifier,
        protocol=protocol,
        target=target,
        classes=classes,
        speaker_norm=plain(speaker_norm),
        reweight=reweight,
        soft=plain(soft),
        fusion=fusion,
        seed=plain(seed),
        seeds=plain(seeds),
        device=where.device,
        enrol=enrol,
        inner=inner,
        sets=plain(sets),
        controls=plain(controls),
        moments=moments,
        allow_leaks=allow_leaks,
        identity=identity,
    )
    settings = applied(
        settings, corpora.names, [name for name in FIELDS if getattr(settings, name) != FIELDS[name].default]
    )
    folder = None if out is None else path("out", out)
    with opened(corpora, where) as workspace, tempfile.TemporaryDirectory() as passing:
        members = paired(settings.features, [own], fusion, workspace.imported) if own else None
        run = runs.read(experiment.run(workspace, settings, folder or Path(passing, "run"), members))
        if folder:
            run_page.write(run, run_page.Beside(workspace.datasets))
        name = report.run_name(run.summary.about)
        return Evaluation(run if folder else replace(run, name=name, folder=Path(name)))


def _wrapped(estimator: Any) -> "Classifier":
    """Return the classifier of an estimator that was passed, or the classifier itself."""
    from affex.classifiers.base import Classifier, of_estimator
    from affex.pipeline.text.errors import UsageError

    if isinstance(estimator, Classifier):
        return estimator
    try:
        return of_estimator(estimator)
    except ValueError as error:
        raise UsageError(f"classifier: {error}.") from error


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Which of several evaluations differ by more than chance would; see `affex.compare`."""

    found: "Compared"

    @property
    def pairs(self) -> "pd.DataFrame":
        """Every pair that was compared: the difference of the figure, its interval, and p after Holm's correction."""
        import pandas as pd

        from affex.pipeline.storage.records import plain

        return pd.DataFrame([plain(pair) for pair in self.found.pairs])

    def __repr__(self) -> str:
        from affex.pipeline.reporting import comparison_tables, tables

        return tables.as_text(lambda console: comparison_tables.show_comparison(self.found, console)).rstrip()

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self), quote=False)}</pre>"


def compare(
    results: Iterable[Evaluation | PathLikeText],
    *,
    metric: str = "",
    rope: float | None = None,
    against: Evaluation | PathLikeText | None = None,
) -> Comparison:
    """Say which of several evaluations on one protocol differ by more than chance would.

    Parameters
    ----------
    results
        What `evaluate` returned, or the folders of runs; two at least.
    metric
        What is compared: ``"uar"``, ``"war"``, ``"macro_f1"``, ``"ccc"`` ...; empty for UAR, or CCC for values.
    rope
        The largest difference that does not matter, in the figure's unit (the region of practical equivalence); None
        for .01, and for none where the figure is an error in the target's unit.
    against
        An evaluation with which each of the others is compared; None to compare every two.

    Returns
    -------
    Comparison
        Paired differences with intervals and p-values, corrected for the number of pairs.

    Raises
    ------
    UsageError
        If there are fewer than two, or they were not evaluated alike.

    Examples
    --------
    >>> svm = affex.evaluate("demo", "egemaps", cache=cache)
    >>> forest = affex.evaluate("demo", "egemaps", classifier="forest", cache=cache)
    >>> len(affex.compare([svm, forest]).pairs)
    1
    """
    from affex.pipeline.reporting import comparison
    from affex.pipeline.text.errors import UsageError

    given = [results] if isinstance(results, Evaluation | str) or not isinstance(results, Iterable) else [*results]
    if len(given) + bool(against) < 2:
        raise UsageError(f"compare takes a list of two evaluations at least, and was given {len(given)}.")
    members, base = [_run(one) for one in given], _run(against) if against else None
    if base is not None:
        members = comparison.with_base(members, base)
    return Comparison(comparison.compare(members, metric, rope, base))


def _run(result: Evaluation | PathLikeText) -> "Run":
    """Return the run of an evaluation, or of a folder."""
    from affex.pipeline.evaluation import runs

    return result.run if isinstance(result, Evaluation) else runs.read(path("results", result))


@with_place
def predict(
    model: PathLikeText, recordings: PathLikeText | Iterable[PathLikeText], **place: Unpack[RunningKeywords]
) -> "pd.DataFrame":
    """Label recordings with a saved model.

    Parameters
    ----------
    model
        The file that `make fit` wrote.
    recordings
        A folder, a file or a table; or several files.
    **place
        ``cache``, ``scheduler``, ``jobs``, ``device``, ``weights``: where the features of the recordings are kept, and
        where work runs; see `affex.opening.Place`.

    Returns
    -------
    DataFrame
        One row a recording, indexed by id: file, predicted, one score a class, and a note where there is none.

    Raises
    ------
    AffexError
        If the model or the recordings cannot be read.
    """
    import pandas as pd

    from affex.pipeline.models import model_file
    from affex.pipeline.text.errors import UsageError

    where, file = placed(predict, place), path("model", model)
    given = several("recordings", recordings)
    if not given:
        raise UsageError("recordings names no file: expected a folder, a file or a table, or several files.")
    fitted = model_file.read(file)
    return pd.concat([_predictions(fitted, file.stem, one, where) for one in given]).set_index("id")


def _predictions(model: "Model", name: str, recordings: Path, place: Place) -> "pd.DataFrame":
    """Return the predictions of a model for one folder, file or table."""
    import pandas as pd

    from affex.pipeline.models import fit_predict, new_recordings
    from affex.pipeline.text.console import Log
    from affex.pipeline.workspace.workspace import open_workspace

    with_speakers = bool(model.plan.settings.speaker_norm)
    found = new_recordings.at_hand(recordings, path("cache", place.cache), with_speakers=with_speakers, console=Log())
    with open_workspace([found], Log(), place.running) as workspace, tempfile.TemporaryDirectory() as folder:
        written = fit_predict.predict(workspace, model, name, Path(folder, "predictions.csv"))
        return pd.read_csv(written, dtype={"id": str, "predicted": None}, keep_default_na=False)

"""From several corpora and several models to one verdict over the corpora, from one Python call."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

from affex.opening import PathLikeText, PlaceKeywords, joined, path, placed, plain, several, with_place

if TYPE_CHECKING:
    import pandas as pd

    from affex.pipeline.reporting.league_record import League as Record


@dataclass(frozen=True, eq=False, repr=False)
class League:
    """Which of several models is better on average over several corpora; see `affex.league`."""

    found: "Record"

    @property
    def figures(self) -> "pd.DataFrame":
        """The figure of each competitor (rows) on each corpus (columns), and its mean rank; NaN where there is none."""
        import pandas as pd

        part = self.found.own
        columns = {
            corpus.name: [entry.figure.value if entry.figure else float("nan") for entry in corpus.entries]
            for corpus in part.corpora
        }
        ranks = {"mean rank": [placed.rank for placed in part.standing.placed]} if part.standing else {}
        return pd.DataFrame(columns | ranks, pd.Index(self.found.competitors, name="competitor"))

    @property
    def pairs(self) -> "pd.DataFrame":
        """Every two competitors: the mean difference over corpora, its interval, p after Holm's correction, verdict."""
        import pandas as pd

        from affex.pipeline.storage.records import plain

        standing = self.found.own.standing
        return pd.DataFrame([plain(pair) for pair in standing.pairs] if standing else [])

    def __repr__(self) -> str:
        from affex.pipeline.reporting import league_tables, tables

        return tables.as_text(lambda console: league_tables.show(self.found, console)).rstrip()

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self), quote=False)}</pre>"


@with_place
def league(
    corpora: PathLikeText | Sequence[PathLikeText],
    *,
    models: str | Sequence[str] | None = None,
    features: str | Sequence[str] | None = None,
    classifier: str | Sequence[str] = "svm",
    protocol: str = "",
    target: str | None = None,
    speaker_norm: Any = False,
    reweight: bool = False,
    soft: bool = False,
    seed: int = 0,
    allow_leaks: bool = False,
    cross: bool = True,
    out: PathLikeText | None = None,
    **place: Unpack[PlaceKeywords],
) -> League:
    """Run every competitor on every corpus that is at hand, and say which is better on average over the corpora.

    Runs are kept in the cache, so the same call goes on where another one was interrupted.

    Parameters
    ----------
    corpora
        Names of corpora, separated by blanks or in a list; a table by its path, as ``"mine.csv"``.
    models
        The competitors, as ``"compare/svm egemaps/xgboost"``; a plus joins features that stand side by side. None for
        every combination of `features` (a plus joins those of one competitor) and `classifier`.
    features, classifier
        One, or several in a list or separated by blanks; None for the features that each classifier prefers.
    protocol, target, speaker_norm, reweight, soft, seed, allow_leaks
        As for `affex.evaluate`, for every run.
    cross
        Whether each corpus is also tested by models that were trained on all others.
    out
        The folder for the page and the record of the league; None for no files.
    **place
        Where corpora and cache lie (``data``: as many folders as there are names), and where work runs: see
        `affex.opening.Place`.

    Returns
    -------
    League
        Figures and verdicts.

    Raises
    ------
    AffexError
        If no corpus is at hand, or competitors do not fit. A run that fails is a line of the league, with its reason.

    Examples
    --------
    >>> found = affex.league("demo", models="egemaps/svm egemaps/logistic", cache=cache)
    >>> list(found.figures.index)
    ['egemaps/svm', 'egemaps/logistic']
    """
    import shlex

    from affex.pipeline.caching import imports
    from affex.pipeline.evaluation.settings import Settings
    from affex.pipeline.pages import league as page
    from affex.pipeline.reporting import league as record
    from affex.pipeline.text.console import Log
    from affex.pipeline.workspace import league as rounds
    from affex.pipeline.workspace.competitors import competitors

    where = placed(league, place)
    data = None if where.data is None else shlex.join(map(str, several("data", where.data)))
    settings = Settings(
        partial=where.partial,
        protocol=protocol,
        target=target,
        speaker_norm=plain(speaker_norm),
        reweight=reweight,
        soft=soft,
        seed=plain(seed),
        device=where.device,
        allow_leaks=allow_leaks,
    )
    cache = path("cache", where.cache)
    names = corpora.split() if isinstance(corpora, str) else [str(one) for one in several("corpora", corpora)]
    named = rounds.named(names, data, cache, partial=where.partial)
    competing = competitors(
        None if models is None else joined("models", models),
        None if features is None else joined("features", features),
        joined("classifier", classifier),
        imports.found(cache, [one.folder.name for one in named]),
    )
    found = rounds.run(Log(), named, competing, settings, where.running, cross=cross, media=None)
    if out is not None:
        record.write(found, path("out", out))
        page.write(found, path("out", out))
    return League(found)

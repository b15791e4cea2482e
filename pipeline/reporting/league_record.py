"""League record: the typed record of a league, from which its tables, its page and ``league.json`` are made."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from affex.pipeline.evaluation import metrics
from affex.pipeline.evaluation.intervals import Interval
from affex.pipeline.evaluation.league import Standing
from affex.pipeline.evaluation.significance import DRAWS, Comparison
from affex.pipeline.reporting import comparison, tables


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A competitor on a corpus.

    Parameters
    ----------
    competitor
        Its name.
    figure
        The figure on the utterances that all competitors tested, with its interval; None without a run.
    run
        The folder of the run; empty without one.
    mark
        The caveat beside the figure; empty for most.
    failed
        Why there is no run; empty where there is one.
    """

    competitor: str
    figure: Interval | None
    run: str
    mark: str
    failed: str


@dataclass(frozen=True, kw_only=True)
class CorpusOfLeague:
    """A corpus of a league.

    Parameters
    ----------
    name, protocol, classes, unit
        The corpus (that is tested), and what its runs have in common.
    chance
        The figure of guessing; None where it is undefined.
    n_utterances, n_clusters
        How many utterances all competitors tested, and of how many speakers (or what `unit` is).
    entries
        One a competitor.
    pairs
        Every pair of competitors that has runs, within this corpus, corrected for the pairs of this corpus.
    undecidable
        Whether so few speakers decide no pair, whatever the figures are.
    notes
        Caveats, one sentence each.
    """

    name: str
    protocol: str
    classes: tuple[str, ...]
    unit: str
    chance: float | None
    n_utterances: int
    n_clusters: int
    entries: tuple[Entry, ...]
    pairs: tuple[Comparison, ...]
    undecidable: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Part:
    """Corpora with the verdict over them; `standing` is None if there is no figure at all."""

    corpora: tuple[CorpusOfLeague, ...]
    standing: Standing | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class League:
    """A league: the same competitors on several corpora.

    Parameters
    ----------
    competitors
        Their names, in the order of the command.
    metric
        The name of the figure.
    own
        Each corpus by its own protocol.
    cross
        Each corpus, tested by models that were trained on all others; None if that was not asked for.
    skipped
        Corpora that are not at hand or not whole, with what to do.
    alpha, seed, draws
        The level of significance, for all pairs of a part together; of the drawn ways of swapping, seed and number.
    """

    competitors: tuple[str, ...]
    metric: str
    own: Part
    cross: Part | None
    skipped: Mapping[str, str]
    interval_method: str
    versions: Mapping[str, str]
    alpha: float = comparison.ALPHA
    seed: int = comparison.SEED
    draws: int = DRAWS

    @property
    def known(self) -> metrics.Metric[Any]:
        """The figure: its title and its range."""
        return tables.METRICS[self.metric]

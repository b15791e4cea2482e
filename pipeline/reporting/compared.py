"""Compared: the typed record of a comparison, from which tables, the picture and ``comparison.json`` are made."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from affex.pipeline.corpora.base import Protocol
from affex.pipeline.evaluation import metrics
from affex.pipeline.evaluation.intervals import Interval
from affex.pipeline.evaluation.raters import Ceiling
from affex.pipeline.evaluation.significance import Comparison
from affex.pipeline.evaluation.speakers import ClassLost
from affex.pipeline.evaluation.summary import LargestScore


@dataclass(frozen=True, kw_only=True)
class ComparedRun:
    """A run in a comparison, on the utterances that all runs tested.

    Parameters
    ----------
    name
        The shortest end of its folder's name that identifies it among the runs.
    figure
        The figure that is compared, with its interval.
    largest_score
        None where values are predicted.
    n_left_out
        How many of its utterances do not count, because not all runs tested them.
    seeds
        The seeds of the run, of which the first counts here; empty with one.
    model, transductive, leaks, class_lost, depends_on
        As in `pipeline.evaluation.summary.Summary`.
    enrolled
        On what test utterances were enrolled, in a few words; empty if they were not.
    """

    name: str
    model: tuple[str, ...]
    figure: Interval
    transductive: str
    enrolled: str
    leaks: tuple[str, ...]
    class_lost: ClassLost | None
    largest_score: LargestScore | None
    n_left_out: int
    seeds: tuple[int, ...]
    depends_on: str


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A comparison of runs.

    Parameters
    ----------
    metric
        The name of the figure that is compared.
    corpus, protocol, protocol_hash, classes, unit
        What all runs have in common.
    n_utterances, n_clusters
        How many utterances all runs tested, and of how many speakers (or what `unit` is).
    runs
        In the order of the arguments.
    against
        The run with which each of the others was compared; empty if every pair was.
    pairs
        Every pair of runs, or those with `against`.
    alpha
        The level of significance, for all pairs together.
    rope
        Differences up to this do not matter; None for a figure in units of the target, unless the user says one.
    least_p
        The least p that the test can reach.
    draws, seed
        The number of random permutations, and their seed; None if all permutations were computed.
    ceiling
        The figure of a human rater, if known.
    interval_method, difference_method
        How the intervals of runs, and those of differences, are computed.
    notes
        Caveats for the reader, one sentence each.
    """

    metric: str
    corpus: str
    protocol: Protocol
    protocol_hash: str
    classes: tuple[str, ...]
    unit: str
    n_utterances: int
    n_clusters: int
    runs: tuple[ComparedRun, ...]
    pairs: tuple[Comparison, ...]
    alpha: float
    rope: float | None
    least_p: float
    draws: int | None
    seed: int
    interval_method: str
    difference_method: str
    ceiling: Ceiling | None
    versions: Mapping[str, str]
    against: str = ""
    notes: tuple[str, ...] = ()

    @property
    def known(self) -> metrics.Metric[Any]:
        """The compared figure: its title and its range."""
        return metrics.headlines(self.classes)[self.metric]

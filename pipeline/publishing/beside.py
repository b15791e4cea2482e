"""Beside: from a run to the figures that a reader holds against it: published ones of its corpus, and human raters'.

Published figures are those of the systems' files, which name their source; people's are those of a corpus's own paper,
and the ceiling of its raters. Each says how it differs from the run. It has the same protocol only if nothing differs.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from affex.pipeline.evaluation.summary import Summary
from affex.pipeline.publishing import described
from affex.pipeline.publishing.described import DescribedCorpus
from affex.pipeline.publishing.references import Reference, of_system, reference
from affex.pipeline.reporting import tables
from affex.pipeline.systems.system import System, systems

#: The sentence where no published figure of the corpus is known here.
NONE = "No published figure of this corpus stands in the systems' files, so none is shown"
#: How a system's file names the protocols of `pipeline.evaluation.folds.SCHEMES` that the sources use.
PROTOCOLS = {"its split": "split", "one speaker left out at a time": "loso"}


@dataclass(frozen=True)
class Beside:
    """A figure beside a run's own.

    Parameters
    ----------
    figure
        The figure as its source has it, with the metric's name.
    what
        Whose figure it is.
    source
        Where it stands; None for a figure of the run's own record.
    differs
        How it differs from the run, a sentence part each; empty only if protocol, classes and metric are the same.
    """

    figure: str
    what: str
    source: Reference | None
    differs: tuple[str, ...] = ()

    @property
    def is_same(self) -> bool:
        """Whether its protocol is that of the run."""
        return not self.differs

    @property
    def sentence(self) -> str:
        """The figure with its source and its protocol, in a sentence."""
        source = f" ({self.source.label})" if self.source else ""
        how = f"not the same protocol: {'; '.join(self.differs)}" if self.differs else "the same protocol"
        return f"{self.what}{source}: {self.figure}; {how}"


def published(summary: Summary) -> list[Beside]:
    """Return the published figures of a run's corpus that are of the kind of its own, in the order of the systems."""
    corpora = described.corpora(summary)
    if len(corpora) != 1:
        return []
    found = (one for one in systems().values() if _is_of(one, corpora[0]) and _is_alike(one, summary))
    return [_published(one, summary) for one in found]


def human(summary: Summary) -> list[Beside]:
    """Return the figures of people who judged a run's corpus."""
    return [*_ceiling(summary), *_recognised(summary)]


def in_words(summary: Summary) -> list[str]:
    """Return every figure beside a run's own as a sentence; a plain sentence where there is none."""
    found = [one.sentence for one in (*human(summary), *published(summary))]
    return found if published(summary) else [*found, NONE]


def _is_of(system: System, corpus: DescribedCorpus) -> bool:
    """Return whether a system's file has a figure of a corpus."""
    if corpus.sheet is None or corpus.name not in system.corpora or not system.published.figure:
        return False
    names = (corpus.name, *corpus.sheet.also, *re.split(r"[ ()]+", corpus.title))
    text = system.published.corpus.casefold()
    return any(name.casefold() in text for name in names if len(name) > 2)


def _is_alike(system: System, summary: Summary) -> bool:
    """Return whether a published figure is of classes where the run's is, or of values where the run's is."""
    return ("CCC" in system.published.figure) != bool(summary.classes)


def _published(system: System, summary: Summary) -> Beside:
    said = system.published
    figure = f"{said.figure} on {said.corpus}" + (f", {said.protocol}" if said.protocol else "")
    return Beside(figure, system.title, of_system(system), tuple(_differences(system, summary)))


def _differences(system: System, summary: Summary) -> Iterator[str]:
    """Yield how a published figure differs from that of a run, as far as the source's words allow."""
    said, protocol = system.published, summary.about.protocol
    if not said.protocol:
        yield "its protocol is not stated"
    elif PROTOCOLS.get(said.protocol) != protocol.scheme or protocol.file:
        yield f"its protocol is '{said.protocol}', the run's is '{protocol.name}'"
    elif protocol.scheme == "split" and not any(f"{fold.name} set" in said.corpus for fold in summary.folds):
        parts = " and ".join(fold.name for fold in summary.folds)
        yield f"the run tests the {parts} part, its figure is of {said.corpus}"
    if not _is_default(summary):
        yield "the run chooses its own utterances or classes"
    if summary.classes and summary.figures["war"].value is not None and "accuracy" not in said.figure:
        yield "it is not the share of utterances that are recognised (WAR)"
    if summary.leaks or summary.transductive or summary.about.enrolled:
        yield f"the run is {tables.mark(summary).strip(' ()')}"


def _is_default(summary: Summary) -> bool:
    """Return whether a run has the first protocol of its corpus as it is."""
    (corpus,) = described.corpora(summary)
    return corpus.sheet is not None and summary.about.protocol == corpus.sheet.protocols[0]


def _ceiling(summary: Summary) -> Iterator[Beside]:
    ceiling = summary.ceiling
    if ceiling is None or ceiling.value is None:
        return
    title = tables.METRICS[ceiling.metric].title
    figure = (
        f"{title} {tables.number(ceiling.value)} over {ceiling.n_judgements} votes on {ceiling.n_utterances} utterances"
    )
    n_left_out = ceiling.n_ties + ceiling.n_outside + ceiling.n_alone
    differs = (f"{n_left_out} votes are left out (ties, other classes, single raters)",) if n_left_out else ()
    yield Beside(figure, "A human rater against the majority of the others", None, differs)


def _recognised(summary: Summary) -> Iterator[Beside]:
    differs = ("listeners are not held against speakers or folds, and what they could choose is in the paper",)
    for corpus in described.corpora(summary):
        sheet = corpus.sheet
        if sheet is not None:
            yield from (
                Beside(sentence, f"People on {corpus.title}", reference(sheet.cites[0]), differs)
                for sentence in sheet.human
            )

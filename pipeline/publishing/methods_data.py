"""The first sentences of the methods: which corpus, which utterances of it, and which were left out."""

from collections.abc import Iterator

from affex.pipeline.evaluation.summary import Summary
from affex.pipeline.publishing import described
from affex.pipeline.publishing.described import DescribedCorpus
from affex.pipeline.publishing.prose import Cite, cite, counted, listed


def data(summary: Summary) -> Iterator[str | Cite]:
    """Yield the sentences on the data of a run."""
    found = described.corpora(summary)
    yield f"We used the {'corpora' if len(found) > 1 else 'corpus'} "
    for number, corpus in enumerate(found):
        yield " and " if number else ""
        yield from _corpus(corpus)
    tested, whose = counted(summary.n_utterances, "utterance"), counted(summary.n_clusters, summary.about.unit)
    yield f": {tested} of {whose} were tested{_target(summary)}. "
    yield from _chosen(summary)
    if summary.left_out:
        yield f"Left out were {left_out(summary)}. "


def _corpus(corpus: DescribedCorpus) -> Iterator[str | Cite]:
    yield corpus.title
    if corpus.sheet is not None:
        yield from cite(*corpus.sheet.cites)
        yield f" in {corpus.sheet.language}" if corpus.sheet.language else ""


def _target(summary: Summary) -> str:
    target = summary.about.protocol.target
    if not summary.classes:
        return f" for the value of {target}"
    counts = listed([f"{row.name} {row.n}" for row in summary.per_class])
    of = "" if target == "label" else f" of {target}"
    return f" in {counted(len(summary.classes), 'class').replace('classs', 'classes')}{of} ({counts})"


def _chosen(summary: Summary) -> Iterator[str]:
    """Yield which parts, classes and raters' agreement the protocol asks for."""
    protocol = summary.about.protocol
    if protocol.parts:
        yield f"Only the {'parts' if len(protocol.parts) > 1 else 'part'} {listed(protocol.parts)} count. "
    if protocol.classes:
        yield f"Classes are chosen and merged as '{protocol.classes}' (+ merges labels, = names a class). "
    if protocol.agreement:
        yield f"An utterance counts if at least {protocol.agreement:g} of its raters chose its most frequent label. "


def left_out(summary: Summary) -> str:
    """Return how many utterances did not count, by reason."""
    return listed([f"{counted(n, 'utterance')} {reason}" for reason, n in summary.left_out.items()])

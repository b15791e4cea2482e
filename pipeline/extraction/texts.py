"""Transcripts on a worker: from the text of each utterance to rows. The text is in the manifest; no file is read."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import cast

from affex.features.base import Feature, Rows, TextFeature
from affex.pipeline.execution.threads import one_thread
from affex.pipeline.execution.work import Piece
from affex.pipeline.extraction.work import Extracted, Failure, attempt

#: Utterances in a batch: a transcript takes less than a millisecond.
BATCH = 256


@dataclass(frozen=True, slots=True)
class Transcript:
    """The text of one utterance, and the indices of the batch's features that it lacks."""

    id: str
    text: str
    wanted: tuple[int, ...]


@dataclass(frozen=True)
class TextBatch(Piece):
    """Some transcripts and their features."""

    jobs: tuple[Transcript, ...]
    features: tuple[Feature, ...]


def batches(transcripts: Iterable[Transcript], features: tuple[Feature, ...]) -> Iterator[TextBatch]:
    """Yield transcripts in batches."""
    every = tuple(transcripts)
    for first in range(0, len(every), BATCH):
        yield TextBatch(every[first : first + BATCH], features)


def extract(batch: TextBatch) -> list[Extracted]:
    """Compute the rows of every transcript under every feature that it lacks; numerical libraries get one thread."""
    with one_thread():
        return list(_extracted(batch))


def _extracted(batch: TextBatch) -> Iterator[Extracted]:
    for number, one in enumerate(batch.features):
        feature = cast(TextFeature, one)  # batches are of one kind
        outcomes: dict[str, Rows | Failure] = {
            job.id: attempt(feature, partial(feature.extract, job.text)) for job in batch.jobs if number in job.wanted
        }
        if outcomes:
            yield Extracted(number, feature.columns, outcomes)

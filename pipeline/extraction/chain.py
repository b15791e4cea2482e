"""What a worker does with utterances whose rows another feature has made: read them, verified, then extract.

The arrow from cache to cache. Media are never touched: the rows (and the pictures they carry) come from the upstream
feature's published file, each utterance proved by the digest that is its source here. Utterances go through a network
together, and the next ones are read while it works.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from affex.features.base import ChainedFeature, Rows, Runtime
from affex.features.networks.prefetch import ahead
from affex.pipeline.caching import store
from affex.pipeline.caching.entry import Crops
from affex.pipeline.caching.store import Reader
from affex.pipeline.execution.threads import one_thread
from affex.pipeline.execution.work import Piece
from affex.pipeline.extraction.work import Extracted, Failure, Model, attempt, model_of
from affex.pipeline.text.errors import AffexError

#: How many utterances and how many rows end a batch, by the device: enough to fill a network's own batches many times
#: (those of a GPU are larger), and few enough that every worker gets some of a small corpus.
BATCH = {"cpu": (16, 512), "cuda": (64, 4096)}
#: So many numbers end it as well, which are 64 MB (but one utterance is never cut).
BATCH_NUMBERS = 2**24


@dataclass(frozen=True, slots=True)
class Link:
    """One utterance that is to be done.

    Parameters
    ----------
    number
        Its number in the upstream feature's file.
    digest
        The digest that it must have there, its source.
    n_rows
        How many rows it has there.
    """

    id: str
    number: int
    digest: str
    n_rows: int
    wanted: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class LinkBatch(Piece):
    """Some utterances of one chained feature, and its upstream's published file with its key.

    Each utterance's rows are proved by their digest, so that no file is seen to be the same.
    """

    jobs: tuple[Link, ...]
    path: Path
    key: str
    features: tuple[ChainedFeature]
    runtime: Runtime


def batches(links: Iterable[Link], n_columns: int, device: str) -> Iterator[tuple[Link, ...]]:
    """Yield links in batches that are neither many utterances nor many rows, nor many numbers of so many columns."""
    most_clips, most_rows = BATCH[device]
    most_rows = min(most_rows, BATCH_NUMBERS // n_columns)
    batch: list[Link] = []
    n_rows = 0
    for link in links:
        batch.append(link)
        n_rows += link.n_rows
        if len(batch) == most_clips or n_rows >= most_rows:
            yield tuple(batch)
            batch, n_rows = [], 0
    if batch:
        yield tuple(batch)


def extract(batch: LinkBatch) -> list[Extracted]:
    """Compute the rows of every utterance of a batch; numerical libraries get one thread (see `work`)."""
    [feature] = batch.features
    model = model_of(feature, batch.runtime)  # first: only libraries that are loaded are limited
    if isinstance(model, Failure):
        return [Extracted(0, feature.columns, dict.fromkeys((link.id for link in batch.jobs), model))]
    try:
        with one_thread(), store.reading(batch.path) as reader:
            outcomes = _outcomes(batch, feature, model, reader)
    except (OSError, AffexError) as error:
        outcomes = {link.id: Failure(f"{batch.path}: {error}", final=False) for link in batch.jobs}
    return [Extracted(0, feature.columns, outcomes)]


def _outcomes(batch: LinkBatch, feature: ChainedFeature, model: Model, reader: Reader) -> dict[str, Rows | Failure]:
    return _together(batch, feature, model, reader) or {
        link.id: _singly(batch, feature, model, reader, link) for link in batch.jobs
    }


def _together(
    batch: LinkBatch, feature: ChainedFeature, model: Model, reader: Reader
) -> dict[str, Rows | Failure] | None:
    """Return what becomes of each utterance; None where one of them stops the others."""
    read = ahead(partial(_read, reader, batch.key), batch.jobs)  # while another batch has its turn
    try:
        with model.turn:
            given = feature.extract_many(read, model.loaded)
    except Exception:
        return None
    if len(given) != len(batch.jobs):
        return None
    return {link.id: attempt(feature, partial(_held, rows)) for link, rows in zip(batch.jobs, given, strict=True)}


def _singly(batch: LinkBatch, feature: ChainedFeature, model: Model, reader: Reader, link: Link) -> Rows | Failure:
    """Return what becomes of one utterance by itself."""

    def compute() -> Rows:
        with model.turn:
            given = feature.extract_many(iter([utterance]), model.loaded)
        if len(given) != 1:
            raise ValueError(f"extract_many gave the rows of {len(given)} utterances for 1")
        return _held(given[0])

    try:
        utterance = _read(reader, batch.key, link)
    except (OSError, AffexError) as error:
        return Failure(str(error), final=False)
    return attempt(feature, compute)


def _read(reader: Reader, key: str, link: Link) -> Rows:
    """Return an utterance's rows, verified; its pictures stay in the file, but were read once to prove them."""
    if reader.digests[link.number] != link.digest:
        raise AffexError(f"the rows that '{link.id}' is made of changed while they were read")
    entry = reader.entry(link.number, key)
    assert entry.values is not None
    return Rows(entry.values, entry.times, entry.crops)


def _held(rows: Rows) -> Rows:
    """Return rows whose pictures are in memory, since the file they came from will be closed."""
    return replace(rows, crops=tuple(rows.crops)) if isinstance(rows.crops, Crops) else rows

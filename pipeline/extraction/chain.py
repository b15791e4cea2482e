"""Chained features on a worker: from another feature's cached rows, verified, to rows.

The arrow from cache to cache. No media are read: the rows (and their pictures) come from the upstream feature's
published file, and each utterance is verified by its digest, which is its source here. Several utterances share a
network's batches, and the next ones are read while the network runs.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
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

#: Of the files of the features that are read, in their order.
Readers = tuple[Reader, ...]

#: The most utterances and rows of a batch, by device: enough to fill a network's batches many times (those of a GPU are
#: larger), and few enough that every worker gets some of a small corpus.
BATCH = {"cpu": (16, 512), "cuda": (64, 4096)}
#: The most values of a batch, 64 MB (an utterance is never divided).
BATCH_NUMBERS = 2**24


@dataclass(frozen=True, slots=True)
class Link:
    """One utterance to extract.

    Parameters
    ----------
    rows
        Its index in the file of each feature that is read, and the expected digest of its rows there.
    n_rows
        The number of its rows in the first of those files.
    """

    id: str
    rows: tuple[tuple[int, str], ...]
    n_rows: int
    wanted: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class LinkBatch(Piece):
    """Utterances of one chained feature, and the published file of each feature that it reads with its key.

    Each utterance's rows are proved by their digest, so that no file is seen to be the same.
    """

    jobs: tuple[Link, ...]
    files: tuple[tuple[Path, str], ...]
    features: tuple[ChainedFeature]
    runtime: Runtime


def batches(links: Iterable[Link], n_columns: int, device: str) -> Iterator[tuple[Link, ...]]:
    """Yield links in batches with a limited number of utterances, rows and values."""
    most_utterances, most_rows = BATCH[device]
    most_rows = min(most_rows, BATCH_NUMBERS // n_columns)
    batch: list[Link] = []
    n_rows = 0
    for link in links:
        batch.append(link)
        n_rows += link.n_rows
        if len(batch) == most_utterances or n_rows >= most_rows:
            yield tuple(batch)
            batch, n_rows = [], 0
    if batch:
        yield tuple(batch)


def extract(batch: LinkBatch) -> list[Extracted]:
    """Compute the rows of every utterance of a batch; numerical libraries get one thread (see `work`)."""
    [feature] = batch.features
    model = model_of(feature, batch.runtime)  # first: a limit works only on loaded libraries
    if isinstance(model, Failure):
        return [Extracted(0, feature.columns, dict.fromkeys((link.id for link in batch.jobs), model))]
    try:
        with one_thread(), ExitStack() as stack:
            readers = tuple(stack.enter_context(store.reading(path)) for path, _ in batch.files)
            outcomes = _outcomes(batch, feature, model, readers)
    except (OSError, AffexError) as error:
        outcomes = {link.id: Failure(f"{batch.files[0][0]}: {error}", final=False) for link in batch.jobs}
    return [Extracted(0, feature.columns, outcomes)]


def _outcomes(batch: LinkBatch, feature: ChainedFeature, model: Model, readers: Readers) -> dict[str, Rows | Failure]:
    return _together(batch, feature, model, readers) or {
        link.id: _singly(batch, feature, model, readers, link) for link in batch.jobs
    }


def _together(
    batch: LinkBatch, feature: ChainedFeature, model: Model, readers: Readers
) -> dict[str, Rows | Failure] | None:
    """Return the rows or the failure of each utterance; None if one of them stops the others."""
    read = ahead(partial(_read, readers, batch), batch.jobs)  # while another batch is computed
    try:
        with model.turn:
            given = feature.extract_many(read, model.loaded)
    except Exception:
        return None
    if len(given) != len(batch.jobs):
        return None
    return {link.id: attempt(feature, partial(_held, rows)) for link, rows in zip(batch.jobs, given, strict=True)}


def _singly(batch: LinkBatch, feature: ChainedFeature, model: Model, readers: Readers, link: Link) -> Rows | Failure:
    """Return the rows or the failure of one utterance by itself."""

    def compute() -> Rows:
        with model.turn:
            given = feature.extract_many(iter([utterance]), model.loaded)
        if len(given) != 1:
            raise ValueError(f"extract_many returned the rows of {len(given)} utterances, expected 1")
        return _held(given[0])

    try:
        utterance = _read(readers, batch, link)
    except (OSError, AffexError) as error:
        return Failure(str(error), final=False)
    return attempt(feature, compute)


def _read(readers: Readers, batch: LinkBatch, link: Link) -> Rows:
    """Return an utterance's verified rows; their pictures stay in the file, but were read once to verify them."""
    first, *beside = (
        _verified(reader, key, link.id, number, digest)
        for reader, (_, key), (number, digest) in zip(readers, batch.files, link.rows, strict=True)
    )
    return replace(first, beside=tuple(beside))


def _verified(reader: Reader, key: str, id_: str, number: int, digest: str) -> Rows:
    if reader.digests[number] != digest:
        raise AffexError(f"the rows that '{id_}' is computed from changed while they were read")
    entry = reader.entry(number, key)
    assert entry.values is not None
    return Rows(entry.values, entry.times, entry.crops)


def _held(rows: Rows) -> Rows:
    """Return rows whose pictures are in memory, since their file will be closed."""
    return replace(rows, crops=tuple(rows.crops)) if isinstance(rows.crops, Crops) else rows

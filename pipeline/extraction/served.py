"""Work with a device: the CPU's part in local processes, networks in one more, in batches of all of them.

The arrow from media, or cached rows, to rows, on a worker that has a device. The worker owns a `serving.pool.Pool`.
Each batch runs in one of its processes, and the rows of each utterance come back as it ends. If the process dies, the
utterances that are left run again in a process of their own; if that dies, too, they are halved, until the utterance
that is the cause is alone.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import TypeVar

from affex.features.base import Feature, Runtime
from affex.features.networks.asking import Ask
from affex.pipeline.execution.runner import DiedError
from affex.pipeline.extraction import chain, streams
from affex.pipeline.extraction.chain import LinkBatch
from affex.pipeline.extraction.work import DIED, AudioBatch, Extracted, Failure, together
from affex.pipeline.serving.networks import Networks
from affex.pipeline.serving.pool import Pool

Batch = TypeVar("Batch", AudioBatch, LinkBatch)

#: An utterance under a feature: the feature's number and the utterance's id.
Place = tuple[int, str]


def can_be_served(features: "tuple[Feature, ...]") -> bool:
    """Return whether all networks of some features may run in another process."""
    return all(feature.asks or not feature.on_device for feature in features)


def watch(batch: AudioBatch) -> list[Extracted]:
    """Compute the rows of every utterance of a batch of video."""
    return streams.gathered(batch, computed(pool(batch.runtime), _watched, batch))


def link(batch: LinkBatch) -> list[Extracted]:
    """Compute the rows of every utterance of a batch of cached rows."""
    return together(computed(pool(batch.runtime), _linked, batch))


def pool(runtime: Runtime) -> Pool:
    """Return the pool of this process."""
    return _pool(runtime.device, runtime.weights, runtime.threads)


@cache
def _pool(device: str, weights: str, threads: int) -> Pool:
    # One core is left to the networks.
    return Pool(Networks(device, weights), max(1, threads - 1))


def _watched(batch: AudioBatch, ask: Ask) -> Iterator[Extracted]:
    return streams.watched(_asking(batch, ask))


def _linked(batch: LinkBatch, ask: Ask) -> Iterator[Extracted]:
    return iter(chain.extract(_asking(batch, ask)))


def _asking(batch: Batch, ask: Ask) -> Batch:
    return replace(batch, runtime=replace(batch.runtime, threads=1, ask=ask))


def computed(
    processes: Pool, function: Callable[[Batch, Ask], Iterator[Extracted]], batch: Batch, *, alone: bool = False
) -> Iterator[Extracted]:
    """Yield the rows of a batch as they are computed by a function in a process of a pool.

    Parameters
    ----------
    processes
        The pool.
    function
        A function of a module.
    alone
        Whether the process has no other work: if it dies, this batch is the cause.
    """
    done: set[Place] = set()
    try:
        for part in processes.run(function, batch, alone=alone):
            done |= {(part.number, id_) for id_ in part.outcomes}
            yield part
    except DiedError:
        for rest in _rest(batch, done, halve=alone):
            yield from computed(processes, function, rest, alone=True) if rest.jobs else ()
        if alone and len(batch.jobs) == 1:
            yield from _died(batch, done)


def _rest(batch: Batch, done: set[Place], *, halve: bool) -> tuple[Batch, ...]:
    """Return what is left of a batch, in halves if it was the cause of a death; nothing if it had one utterance."""
    jobs = [
        replace(job, wanted=wanted)
        for job in batch.jobs
        if (wanted := tuple(number for number in job.wanted if (number, job.id) not in done))
    ]
    rest = replace(batch, jobs=tuple(jobs))
    if not halve:
        return (rest,)
    return (rest,) if len(jobs) == 1 < len(batch.jobs) else rest.halves() or ()


def _died(batch: AudioBatch | LinkBatch, done: set[Place]) -> Iterator[Extracted]:
    """Yield the failure of the utterance of a batch that killed its processes."""
    [job] = batch.jobs
    for number in job.wanted:
        if (number, job.id) not in done:
            yield Extracted(number, batch.features[number].columns, {job.id: Failure(DIED, final=False)})

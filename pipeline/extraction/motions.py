"""Motion capture on a worker: read each utterance's files once, then extract.

The arrow from media to rows, for text files that fit in memory. Nothing here raises for a bad utterance; its failure is
recorded.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import cast

from affex.features.base import Motion, MotionFeature, Rows
from affex.pipeline.execution.threads import one_thread
from affex.pipeline.extraction.work import AudioBatch, Extracted, Failure, Job, attempt, changed, is_unchanged
from affex.pipeline.media.mocap import read_motion
from affex.pipeline.text.errors import MediaError


def extract(batch: AudioBatch) -> list[Extracted]:
    """Compute the rows of every utterance under every feature that it lacks; numerical libraries get one thread."""
    with one_thread():
        return list(_extracted(batch))


def _extracted(batch: AudioBatch) -> Iterator[Extracted]:
    outcomes: list[dict[str, Rows | Failure]] = [{} for _ in batch.features]
    for job in batch.jobs:
        motion = _read(batch.root, job)
        for number in job.wanted:
            feature = cast(MotionFeature, batch.features[number])  # batches are of one kind of media
            outcomes[number][job.id] = (
                motion if isinstance(motion, Failure) else attempt(feature, partial(feature.extract, motion))
            )
    for number, found in enumerate(outcomes):
        if found:
            yield Extracted(number, batch.features[number].columns, found)


def _read(root: Path, job: Job) -> Motion | Failure:
    try:
        motion = read_motion(root, job.media)
    except MediaError as error:
        return Failure(str(error), final=is_unchanged(job, root))
    except Exception as error:
        return Failure(f"{job.media.path}: {type(error).__name__}: {error}", final=False)
    return motion if is_unchanged(job, root) else changed(job)

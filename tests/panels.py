"""A made-up corpus in which each class shows in two of seven classifiers only: six parts of a face, and a voice."""

from dataclasses import replace

import numpy as np

from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.streams.table import Table

EMOTIONS = ("anger", "joy", "neutral", "sadness")

#: Which classes show in whom; every class in two.
SHOWS = {
    "brows": ("anger",),
    "eyes": ("sadness",),
    "nose": ("joy",),
    "cheeks": ("joy",),
    "mouth": ("anger", "neutral"),
    "chin": ("sadness",),
    "voice": ("neutral",),
}


def made_up(*, n_speakers: int, n_each: int, n_frames: int, seed: int) -> dict[str, Table]:
    """Return the frames of each classifier, ``n_each`` utterances of each class a speaker, three columns.

    A speaker moves all own frames by a vector of normal numbers of variance 1, and a class that shows by a vector as
    long as those are, its root mean square; of two such classes at right angles. Utterances have a mean of variance 1/4
    about that, and frames variance 1 about the utterance's. The voice has half as many frames again as the face.
    """
    rng = np.random.default_rng(seed)
    utterances = tuple(
        Utterance(f"{s:02}-{name}-{k}", "toy", f"{s:02}", name)
        for s in range(n_speakers)
        for name in EMOTIONS
        for k in range(n_each)
    )
    return {
        name: _frames(utterances, shown, n_frames * 3 // 2 if name == "voice" else n_frames, rng)
        for name, shown in SHOWS.items()
    }


def without(matrix: Table, chosen: np.ndarray) -> Table:
    """Return the matrix where the chosen utterances have no rows."""
    lengths = np.where(chosen, 0, matrix.lengths)
    return replace(
        matrix,
        X=matrix.X[~np.repeat(chosen, matrix.lengths)],
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        present=~chosen[:, None],
    )


def _frames(
    utterances: tuple[Utterance, ...], shown: tuple[str, ...], n_frames: int, rng: np.random.Generator
) -> Table:
    speakers = sorted({utterance.speaker for utterance in utterances})
    directions, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    of_class = dict.fromkeys(EMOTIONS, np.zeros(3)) | dict(zip(shown, np.sqrt(3) * directions, strict=False))
    of_speaker = dict(zip(speakers, rng.normal(size=(len(speakers), 3)), strict=True))
    middle = np.array([of_class[u.label] + of_speaker[u.speaker] for u in utterances])
    middle += rng.normal(scale=0.5, size=middle.shape)
    frames = np.repeat(middle, n_frames, axis=0) + rng.normal(size=(len(utterances) * n_frames, 3))
    return Table(
        X=frames.astype(np.float32),
        offsets=np.arange(len(utterances) + 1) * n_frames,
        utterances=utterances,
        columns=("x", "y", "z"),
        present=np.ones((len(utterances), 1), dtype=bool),
    )

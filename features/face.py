"""The face embedding: from the crops of `features.faces` to dlib's 128 numbers a frame; no video is touched.

**It says who somebody is** (see `features.networks.dlib_resnet`): treat what it makes as biometric data.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, ClassVar

import numpy as np

from features.ahead import ahead
from features.base import ChainedFeature, ExtractionError, Rows, Runtime, Values
from features.detectors.chips import Picture
from features.faces import Faces, chip, is_found
from features.networks import dlib_resnet
from features.networks.base import Embedder, Precision


@dataclass(frozen=True)
class Model:
    """The network, and on how many threads its chips are cut while it works."""

    embedder: Embedder
    threads: int


@dataclass(frozen=True, kw_only=True)
class Face(ChainedFeature):
    """dlib's ResNet, 128 numbers for every frame with a face; frames without one have no row.

    Parameters
    ----------
    faces
        What finds the faces.
    precision
        In what the network computes.
    """

    packages: ClassVar[tuple[str, ...]] = ("torch", "opencv-python-headless")
    on_device: ClassVar[bool] = True

    faces: Faces = field(default_factory=Faces)
    precision: Precision = "float32"

    @property
    def upstream(self) -> Faces:
        """What finds the faces."""
        return self.faces

    @property
    def framewise(self) -> bool:
        """One row a frame with a face."""
        return True

    @property
    def columns(self) -> tuple[str, ...]:
        """``face_000`` to ``face_127``."""
        return dlib_resnet.NETWORK.columns

    def load(self, runtime: Runtime) -> Model:
        """Return the network on the device."""
        return Model(dlib_resnet.load(runtime.device, self.precision), runtime.threads)

    def extract_many(self, clips: Iterable[Rows], model: Any) -> list[Rows]:
        """Embed the faces of some clips; batches are filled across them.

        Raises
        ------
        ExtractionError
            If a clip has no frame with a face.
        """
        times: list[np.ndarray] = []
        cut = ahead(_chip, _faces(clips, times), model.threads)
        batches = iter(lambda: tuple(islice(cut, model.embedder.batch)), ())
        parts = [model.embedder.embed(np.stack(batch)) for batch in batches]
        vectors = np.concatenate([np.empty((0, len(self.columns)), np.float32), *parts])
        ends = np.cumsum([len(some) for some in times])[:-1]
        return [Rows(*each) for each in zip(np.split(vectors, ends), times, strict=True)]


def _faces(clips: Iterable[Rows], times: list[np.ndarray]) -> Iterator[tuple[Values, bytes]]:
    """Yield row and crop of every face, and note the times of each clip's."""
    for clip in clips:
        assert clip.crops is not None
        assert clip.times is not None
        found = np.flatnonzero(is_found(clip.values))
        if not len(found):
            raise ExtractionError(f"no face in any of {len(clip.values)} frames, so there is nothing to embed")
        times.append(clip.times[found])
        yield from ((clip.values[number], clip.crops[int(number)]) for number in found)


def _chip(face: tuple[Values, bytes]) -> Picture:
    return chip(*face)


PRESETS: dict[str, ChainedFeature] = {"face": Face()}

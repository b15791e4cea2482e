"""The detectors by name: what identifies each, where its weights are, and how it is made.

Weights are a part of what a detector is by their sha256 alone (`digest`); where they lie is not
(`features.networks.finding`). ``mmod`` and ``hog`` bring theirs along; of ``yunet`` and ``sfd`` those that their
makers publish are meant where nobody says; ``blazeface`` is two files whose folder has to be named.
"""

from pathlib import Path
from typing import Literal

from affex.features.detectors import yunet
from affex.features.detectors.base import Detector
from affex.features.detectors.face_alignment import BLAZEFACE_SOURCE, BLAZEFACE_WEIGHTS, SFD_WEIGHTS, BlazeFace, Sfd
from affex.features.detectors.hog import Hog
from affex.features.detectors.mmod import Mmod
from affex.features.networks import finding
from affex.features.networks.base import Precision
from affex.features.networks.dlib_weights import DETECTOR
from affex.features.networks.weights import WeightError, joined, packaged

Name = Literal["mmod", "hog", "yunet", "sfd", "blazeface"]

#: The width of the smallest faces that each finds, px. BlazeFace shrinks or enlarges every frame to the same size, so
#: for it a frame is never enlarged.
WINDOWS: dict[Name, float] = {"mmod": 80, "hog": 80, "yunet": 20, "sfd": 16, "blazeface": 0}

#: The least score of a face, of each detector's own scores.
SCORES: dict[Name, float] = {"mmod": 0.0, "hog": 0.0, "yunet": 0.6, "sfd": 0.5, "blazeface": 0.5}

#: Distributions that some detectors need besides those that all do.
PACKAGES: dict[Name, tuple[str, ...]] = {"sfd": ("face-alignment",), "blazeface": ("face-alignment",)}


def digest(name: Name, weights: str, expected: str) -> str:
    """Return what identifies a detector's weights: their sha256 (of several files parted by ``+``).

    Parameters
    ----------
    name
        The detector.
    weights
        The weight file, or a folder that holds it; empty where nobody says.
    expected
        The digest that is asked for; empty where none is.

    Returns
    -------
    digest
        Empty for a detector that brings its weights along.

    Raises
    ------
    ValueError
        If the file is missing, is another than is asked for, or is none that the detector can have.
    """
    if name in ("mmod", "hog"):
        if weights or expected:
            raise ValueError(f"weights={weights}, digest={expected}: {name} has no weight file")
        return ""
    found = _of_folder(weights) if name == "blazeface" else finding.digest_of(weights)
    known = finding.agreed(weights, found, expected)
    if name == "blazeface" and known.count("+") != bool(known):
        raise ValueError(f"digest={known}: expected the sha256 of {' and of '.join(BLAZEFACE_WEIGHTS)}, parted by +")
    if name == "yunet":
        return yunet.published(known).sha256
    return known or SFD_WEIGHTS.sha256 if name == "sfd" else known


def _of_folder(weights: str) -> str:
    """Return the digest of the files of BlazeFace in a folder."""
    return joined(Path(weights) / name for name in BLAZEFACE_WEIGHTS) if weights else ""


def weight_files(name: Name, digest: str, weights: str, folder: str) -> tuple[Path, ...]:
    """Return where the weight files of a detector are, checked.

    Parameters
    ----------
    name, weights
        As for `digest`.
    digest
        What identifies them.
    folder
        Where weight files are kept besides (`features.base.Runtime.weights`).

    Raises
    ------
    WeightError
        If one is nowhere, or is not what it should be.
    """
    if name == "hog":
        return ()
    if name == "mmod":
        return (packaged(DETECTOR),)
    if name == "yunet":
        return (finding.published(yunet.published(digest), weights, folder),)
    if digest == SFD_WEIGHTS.sha256:
        return (finding.published(SFD_WEIGHTS, weights, folder),)
    if not digest:
        raise WeightError(
            f"{name} comes without weights: put {' and '.join(BLAZEFACE_WEIGHTS)} from {BLAZEFACE_SOURCE} into a "
            f"folder and name it, as in FEATURES=faces:detector={name},weights=path"
        )
    return tuple(finding.own(f"faces:detector={name}", one, weights, folder) for one in digest.split("+"))


def built(name: Name, files: tuple[Path, ...], score: float | None, precision: Precision, device: str) -> Detector:
    """Return a detector, with its weights loaded: whoever limits its library to one thread must find it loaded.

    Parameters
    ----------
    name
        Which one.
    files
        Its `weight_files`.
    score
        The least score of a face; None for the detector's own.
    precision
        In what ``mmod`` computes.
    device
        Where ``mmod``, ``sfd`` and ``blazeface`` run.
    """
    least = SCORES[name] if score is None else score
    if name == "hog":
        return Hog(threshold=least)
    if name == "yunet":
        return yunet.YuNet(files[0], least)
    if name == "mmod":
        detector: Mmod | Sfd | BlazeFace = Mmod(0, least, precision, device)
    else:
        detector = (Sfd if name == "sfd" else BlazeFace)(files, least, device)
    detector.load()
    return detector

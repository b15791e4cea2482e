"""The detectors by name: the digest of each, the paths of its weights, and its construction.

The sha256 of the weights (`digest`) is part of a detector's identity; their path is not (`features.networks.finding`).
``mmod`` and ``hog`` contain their weights. ``yunet`` and ``sfd`` use their publishers' weights by default, and so does
``yunet+mmod``: YuNet searches whole frames, and a face counts if MMOD finds it, too. ``blazeface`` needs two files in a
folder that the user names.
"""

from pathlib import Path
from typing import Literal

from affex.features.detectors import yunet
from affex.features.detectors.base import Detector
from affex.features.detectors.face_alignment import BLAZEFACE_SOURCE, BLAZEFACE_WEIGHTS, SFD_WEIGHTS, BlazeFace, Sfd
from affex.features.detectors.hog import Hog
from affex.features.detectors.mmod import Mmod
from affex.features.networks import finding
from affex.features.networks.asking import Ask
from affex.features.networks.base import Precision
from affex.features.networks.dlib_weights import DETECTOR
from affex.features.networks.weights import WeightError, joined, packaged

Name = Literal["mmod", "hog", "yunet", "yunet+mmod", "sfd", "blazeface"]

#: The width of the smallest faces that each detector finds, px. BlazeFace resizes every frame to the same size, so a
#: frame is never enlarged for it.
WINDOWS: dict[Name, float] = {"mmod": 80, "hog": 80, "yunet": 20, "yunet+mmod": 20, "sfd": 16, "blazeface": 0}

#: The lowest score of a face, on the scale of each detector; of ``yunet+mmod`` on that of MMOD.
SCORES: dict[Name, float] = {"mmod": 0.0, "hog": 0.0, "yunet": 0.6, "yunet+mmod": 0.0, "sfd": 0.5, "blazeface": 0.5}

#: How many levels of its pyramid MMOD searches around a known face: faces of .8 to 1.4 times its width are found.
LEVELS = 3

#: Distributions that single detectors need in addition to the common ones.
PACKAGES: dict[Name, tuple[str, ...]] = {"sfd": ("face-alignment",), "blazeface": ("face-alignment",)}


def digest(name: Name, weights: str, expected: str) -> str:
    """Return the sha256 of a detector's weights, of several files joined by ``+``.

    Parameters
    ----------
    name
        The detector.
    weights
        The weight file, or a folder that contains it; empty if none was given.
    expected
        The expected digest; empty if none was given.

    Returns
    -------
    digest
        Empty for a detector that contains its weights.

    Raises
    ------
    ValueError
        If the file is missing, has another digest than expected, or is not a weight file of the detector.
    """
    if name in ("mmod", "hog"):
        if weights or expected:
            raise ValueError(f"weights={weights}, digest={expected}: {name} takes no weight file")
        return ""
    found = _of_folder(weights) if name == "blazeface" else finding.digest_of(weights)
    known = finding.agreed(weights, found, expected)
    if name == "blazeface" and known.count("+") != bool(known):
        raise ValueError(f"digest={known}: expected the sha256 of {' and of '.join(BLAZEFACE_WEIGHTS)}, joined by +")
    if name in ("yunet", "yunet+mmod"):
        return yunet.published(known).sha256
    return known or SFD_WEIGHTS.sha256 if name == "sfd" else known


def _of_folder(weights: str) -> str:
    """Return the digest of BlazeFace's files in a folder."""
    return joined(Path(weights) / name for name in BLAZEFACE_WEIGHTS) if weights else ""


def weight_files(name: Name, digest: str, weights: str, folder: str) -> tuple[Path, ...]:
    """Return the paths of a detector's weight files, after verifying them.

    Parameters
    ----------
    name, weights
        As in the function `digest`.
    digest
        The sha256 that identifies the files.
    folder
        Another folder of weight files (`features.base.Runtime.weights`).

    Raises
    ------
    WeightError
        If a file is missing or is not the expected one.
    """
    if name == "hog":
        return ()
    if name == "mmod":
        return (packaged(DETECTOR),)
    if name in ("yunet", "yunet+mmod"):
        return (finding.published(yunet.published(digest), weights, folder),)
    if digest == SFD_WEIGHTS.sha256:
        return (finding.published(SFD_WEIGHTS, weights, folder),)
    if not digest:
        raise WeightError(
            f"{name} comes without weights: put {' and '.join(BLAZEFACE_WEIGHTS)} from {BLAZEFACE_SOURCE} into a "
            f"folder and name it, as in FEATURES=faces:detector={name},weights=path"
        )
    return tuple(finding.own(f"faces:detector={name}", one, weights, folder) for one in digest.split("+"))


def built(
    name: Name,
    files: tuple[Path, ...],
    score: float | None,
    precision: Precision,
    device: str,
    ask: Ask | None = None,
) -> Detector:
    """Return the detector of whole frames, loaded: a limit on threads works only on libraries that are loaded.

    Parameters
    ----------
    name
        The detector.
    files
        Its `weight_files`.
    score
        The lowest score of a face; None for the detector's default.
    precision
        The number format in which ``mmod`` computes.
    device
        The device on which ``mmod``, ``sfd`` and ``blazeface`` run.
    ask
        The way to the process that runs ``mmod``'s network; None to run it here.
    """
    least = SCORES[name] if score is None else score
    if name == "hog":
        return Hog(threshold=least)
    if name == "yunet":
        return yunet.YuNet(files[0], least)
    if name == "yunet+mmod":
        return yunet.YuNet(files[0])
    if name == "mmod":
        detector: Mmod | Sfd | BlazeFace = Mmod(0, least, precision, device, ask=ask)
    else:
        detector = (Sfd if name == "sfd" else BlazeFace)(files, least, device)
    detector.load()
    return detector


def near(name: Name, score: float | None, precision: Precision, device: str, ask: Ask | None = None) -> Detector | None:
    """Return the detector that searches around a known face, loaded; None for the same; parameters as in `built`."""
    if name not in ("mmod", "yunet+mmod"):
        return None
    detector = Mmod(0, SCORES[name] if score is None else score, precision, device, LEVELS, ask)
    detector.load()
    return detector

"""Where weight files are: the one way by which every feature comes to its network's weights.

A published file is looked for, by its name, in this order; the first that is there must be the right one, by sha256:

1. what the feature's own ``weights=`` names: the file, or a folder that holds it;
2. the Python package that carries it;
3. the folder that a run names (``WEIGHTS=``, `features.base.Runtime.weights`);
4. the folder of what was downloaded before (`downloads`);
5. its publisher, where it has an address there: it is downloaded into that folder and kept if its sha256 is right.

A file that somebody brings along has no published name: it is known by its sha256 alone, and looked for in 1 and 3.
Where it lies is no part of what a feature is, so files may be moved. Workers on other machines look on their own.
"""

from collections.abc import Iterator
from pathlib import Path

from affex.features.networks.weights import WeightError, WeightFile, packaged, sha256, verified


def downloads() -> Path:
    """Return the folder of what was downloaded, in the user's folder of caches."""
    import pooch

    return Path(pooch.os_cache("affex")) / "weights"


def published(file: WeightFile, given: str = "", folder: str = "") -> Path:
    """Return where a published weight file is, checked; it is downloaded if it is nowhere.

    Parameters
    ----------
    file
        Which one.
    given
        The file itself, or a folder that holds it, where somebody says so; nowhere else is then looked.
    folder
        Where weight files are kept besides.

    Raises
    ------
    WeightError
        If it is nowhere and cannot be downloaded, or what is there is another file.
    """
    if given:
        return verified(_inside(given, file.name), file)
    if file.package:
        return packaged(file)
    kept = [path for place in _folders(folder) if (path := place / file.name).is_file()]
    return verified(kept[0], file) if kept else _downloaded(file, folder)


def own(kind: str, digest: str, given: str = "", folder: str = "") -> Path:
    """Return where a weight file is that somebody brought along.

    Parameters
    ----------
    kind
        The feature that wants it, for the message.
    digest
        Its sha256.
    given, folder
        As for `published`; in a folder it is known by its sha256.

    Raises
    ------
    WeightError
        If no file was ever named, or there is none with that sha256.
    """
    if not digest:
        raise WeightError(f"{kind} comes without weights: name a file of yours, as in {_example(kind)}")
    if given and not Path(given).is_dir():
        return verified(Path(given), WeightFile("file that was meant", digest))
    places = [Path(given)] if given else [Path(folder)] if folder else []
    for path in (path for place in places for path in _files(place)):
        if sha256(path) == digest:
            return path
    looked = f" in {places[0]}" if places else ": nobody said where to look"
    raise WeightError(
        f"{kind} needs the weight file with the sha256 {digest}, and there is none{looked}. Name the file, as in "
        f"{_example(kind)}, or its folder, as in WEIGHTS=path."
    )


def _example(kind: str) -> str:
    """Return how one names the file of a feature, or of a feature with parameters."""
    return f"FEATURES={kind},weights=path" if ":" in kind else f"FEATURES={kind}:weights=path/{kind}.pth"


def digest_of(given: str) -> str:
    """Return the sha256 of the file that ``weights=`` names; empty where it names none, but a folder or nothing.

    Raises
    ------
    WeightError
        If there is no such file.
    """
    return "" if not given or Path(given).is_dir() else sha256(Path(given))


def agreed(given: str, found: str, expected: str) -> str:
    """Return the digest of the files that are there, or that is asked for; empty where neither is known.

    Raises
    ------
    ValueError
        If they differ.
    """
    if found and expected not in ("", found):
        raise ValueError(f"{given} has the sha256 {found}, and digest={expected} was asked for")
    return found or expected


def _inside(given: str, name: str) -> Path:
    return Path(given) / name if Path(given).is_dir() else Path(given)


def _folders(folder: str) -> Iterator[Path]:
    if folder:
        yield Path(folder)
    yield downloads()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


def _downloaded(file: WeightFile, folder: str) -> Path:
    """Fetch a file from its publisher; pooch keeps it only if its checksum is right."""
    into = downloads()
    by_hand = (
        f"Fetch {file.name} by hand from {file.url or file.source} (its sha256 is {file.sha256}) and put it into "
        f"{folder or f'{into}, or into a folder of yours, which WEIGHTS=folder names'}."
    )
    if not file.url:
        raise WeightError(f"{file.name} is not here, and affex cannot fetch it.\n{by_hand}")
    import pooch
    import requests

    try:
        return Path(pooch.retrieve(file.url, f"sha256:{file.sha256}", file.name, into))
    except (requests.RequestException, OSError) as error:
        raise WeightError(f"{file.name} is not here, and could not be fetched ({error}).\n{by_hand}") from error
    except ValueError as error:  # pooch's word for a checksum that differs
        raise WeightError(
            f"What {file.url} sent is not the {file.name} that it should be, and was not kept: its source has "
            f"changed, or something stands between.\n{by_hand}"
        ) from error

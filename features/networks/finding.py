"""Finding weight files: from the name or digest of a file to its verified path, for every feature.

A published file is searched by its name in this order; the first file found must have the right sha256:

1. the feature's own ``weights=``: the file, or a folder that contains it;
2. the Python package that contains it;
3. the folder of the run (``WEIGHTS=``, `features.base.Runtime.weights`);
4. the folder of downloaded files (`downloads`);
5. its publisher, if its address is known: it is downloaded into that folder and kept if its sha256 is right.

A user's own file has no published name: it is identified by its sha256 alone and searched in 1 and 3. The path is not
part of a feature's identity, so files may be moved. Workers on other machines search on their own.
"""

from collections.abc import Iterator
from pathlib import Path

from affex.features.networks.weights import WeightError, WeightFile, packaged, sha256, verified


def downloads() -> Path:
    """Return the folder of downloaded files, in the user's cache folder."""
    import pooch

    return Path(pooch.os_cache("affex")) / "weights"


def published(file: WeightFile, given: str = "", folder: str = "") -> Path:
    """Return the verified path of a published weight file; download it if it is not found.

    Parameters
    ----------
    file
        The published file.
    given
        The file itself, or a folder that contains it; if given, no other place is searched.
    folder
        Another folder of weight files.

    Raises
    ------
    WeightError
        If it is not found and cannot be downloaded, or the file found is another one.
    """
    if given:
        return verified(_inside(given, file.name), file)
    if file.package:
        return packaged(file)
    kept = [path for place in _folders(folder) if (path := place / file.name).is_file()]
    return verified(kept[0], file) if kept else _downloaded(file, folder)


def own(kind: str, digest: str, given: str = "", folder: str = "") -> Path:
    """Return the verified path of a user's own weight file.

    Parameters
    ----------
    kind
        The feature that needs it, for the message.
    digest
        Its sha256.
    given, folder
        As for `published`; in a folder the file is identified by its sha256.

    Raises
    ------
    WeightError
        If no file was named, or none has that sha256.
    """
    if not digest:
        raise WeightError(f"{kind} comes without weights: name your own file, as in {_example(kind)}")
    if given and not Path(given).is_dir():
        return verified(Path(given), WeightFile("file", digest))
    places = [Path(given)] if given else [Path(folder)] if folder else []
    for path in (path for place in places for path in _files(place)):
        if sha256(path) == digest:
            return path
    place = f" in {places[0]}" if places else ": no folder was given"
    raise WeightError(
        f"{kind} needs the weight file with the sha256 {digest}, and there is none{place}. Name the file, as in "
        f"{_example(kind)}, or its folder, as in WEIGHTS=path."
    )


def _example(kind: str) -> str:
    """Return an example of naming the weight file of a feature, for a message."""
    return f"FEATURES={kind},weights=path" if ":" in kind else f"FEATURES={kind}:weights=path/{kind}.pth"


def digest_of(given: str) -> str:
    """Return the sha256 of the file that ``weights=`` names; empty if it names a folder or nothing.

    Raises
    ------
    WeightError
        If there is no such file.
    """
    return "" if not given or Path(given).is_dir() else sha256(Path(given))


def agreed(given: str, found: str, expected: str) -> str:
    """Return the digest of the files found, or else the expected one; empty if neither is known.

    Raises
    ------
    ValueError
        If they differ.
    """
    if found and expected not in ("", found):
        raise ValueError(f"{given} has the sha256 {found}, expected digest={expected}")
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
        f"{folder or f'{into}, or into a folder of your own, given as WEIGHTS=folder'}."
    )
    if not file.url:
        raise WeightError(f"{file.name} was not found, and affex cannot download it.\n{by_hand}")
    import pooch
    import requests

    try:
        return Path(pooch.retrieve(file.url, f"sha256:{file.sha256}", file.name, into))
    except (requests.RequestException, OSError) as error:
        raise WeightError(f"{file.name} was not found, and could not be downloaded ({error}).\n{by_hand}") from error
    except ValueError as error:  # pooch raises it for a wrong checksum
        raise WeightError(
            f"The file that {file.url} sent is not the expected {file.name}, and was not kept: the source has "
            f"changed, or the download was altered on the way.\n{by_hand}"
        ) from error

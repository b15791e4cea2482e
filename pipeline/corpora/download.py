"""The arrow from an address to a corpus's folder: download, resume, check, unpack.

pooch downloads, compares the checksums and keeps a file only if they agree. It does not resume an interrupted download,
so this module does: an incomplete file is ``<archive>.part``, and the next attempt requests the remaining bytes (HTTP
``Range``, RFC 9110, section 14).
Each archive is deleted after unpacking; ``.fetched/<archive>.json`` lists its content, so that a
second call downloads nothing.
"""

import json
import os
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from affex.pipeline.corpora.base import Corpus, Download, shortfalls
from affex.pipeline.storage import atomic
from affex.pipeline.storage.files import content
from affex.pipeline.text.errors import AffexError, CorpusError, UsageError

RECORDS = ".fetched"  # the folder that records unpacked archives
TIMEOUT = 30.0  # s without data from the server
CHUNK = 2**14  # bytes; when a connection breaks, the bytes after the last complete chunk are lost


def fetch(corpus: Corpus, root: Path, report: Callable[[str], None], *, extra: bool = False) -> None:
    """Download the missing archives of a corpus into a folder.

    Parameters
    ----------
    root
        The corpus's folder, made if it is missing. An archive that the user put there is used if its checksum is
        right.
    report
        Called with the corpus's title and terms before the download, and then with each step.
    extra
        Whether to download the optional large archives, too.

    Raises
    ------
    UsageError
        If affex cannot download the corpus.
    AffexError
        If the server cannot be reached, a checksum is wrong or the files cannot be written.
    CorpusError
        If the result is not the complete corpus.
    """
    if corpus.download is None:
        raise UsageError(f"affex cannot download {corpus.name}. It comes from {corpus.source} ({corpus.licence}).")
    report(f"{corpus.title}\nLicence: {corpus.licence}\nSource: {corpus.source}")
    if not extra and _was_put_there_by_hand(corpus, root):
        report(f"{root} holds all of it.")
        return
    wanted = {**corpus.download.files, **(corpus.download.extra if extra else {})}
    missing = {name: checksum for name, checksum in wanted.items() if not _is_unpacked(root, name)}
    with _explained(corpus.download, root):
        root.mkdir(parents=True, exist_ok=True)
        for name, checksum in _checksums(corpus.download, missing).items():
            report(f"Fetching {name}")
            _fetch(corpus.download.base_url, name, checksum, root)
            report(f"Unpacking {name}")
            _unpack(root, name)
    if shortages := shortfalls(corpus, corpus.find(root)):
        raise CorpusError(f"{root} is not whole after the download: {'; '.join(shortages)}.")
    report(f"{root} holds all of it.")


def _was_put_there_by_hand(corpus: Corpus, root: Path) -> bool:
    """Return whether the folder has the complete corpus without a download by affex."""
    if (root / RECORDS).exists():
        return False
    try:
        return Counter(utterance.part for utterance in corpus.find(root)) == Counter(corpus.counts)
    except CorpusError:
        return False


@contextmanager
def _explained(download: Download, root: Path) -> Iterator[None]:
    """Convert errors of requests and of the file system to an `AffexError`."""
    import requests

    by_hand = (
        f"To download by hand, put {', '.join(download.files)} from {download.base_url} into {root} and run again."
    )
    try:
        yield
    except requests.RequestException as error:
        raise AffexError(
            f"{download.base_url} could not be read ({error}). The downloaded part is kept: run the same command again "
            f"to continue.\n{by_hand}"
        ) from error
    except OSError as error:
        raise AffexError(f"{error.filename or root} cannot be written: {error.strerror or error}.") from error


def _checksums(download: Download, files: Mapping[str, str | None]) -> dict[str, str]:
    """Return every file's checksum; unknown ones come from the repository that publishes them."""
    known = {name: checksum for name, checksum in files.items() if checksum is not None}
    if len(known) == len(files):
        return known
    import pooch

    published = pooch.create(path="", base_url=f"doi:{download.doi}")
    try:
        published.load_registry_from_doi()
    except (ValueError, KeyError) as error:
        raise AffexError(f"doi:{download.doi} does not publish its checksums in the expected form: {error}.") from error
    if lacking := [name for name in files if name not in known and name not in published.registry]:
        raise AffexError(f"doi:{download.doi} publishes no checksum of {', '.join(lacking)}: nothing was downloaded.")
    return {name: known.get(name) or published.registry[name] for name in files}


def _fetch(base_url: str, name: str, checksum: str, root: Path) -> None:
    import pooch

    source = pooch.create(path=root, base_url=base_url, registry={name: checksum})
    pooch.get_logger().setLevel("WARNING")
    try:
        source.fetch(name, downloader=resume)
    except ValueError as error:  # pooch raises this for a wrong checksum
        raise AffexError(
            f"{name} from {base_url} is not the expected file, and was not kept: {error} "
            "Run the same command again. If that does not help, the file at the source has changed."
        ) from error


def resume(url: str, output_file: str, pooch: Any) -> None:
    """Download one file as pooch's downloader does, continuing an earlier attempt.

    After a broken connection it tries again, as long as each attempt brings new bytes.

    Raises
    ------
    requests.RequestException
        If the server cannot be reached, refuses, or closes the connection before any new bytes.
    """
    import requests

    part = Path(pooch.path) / f"{url.rpartition('/')[2]}.part"
    part.touch()
    while True:
        before = part.stat().st_size
        try:
            _append(url, part, pooch)
            break
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError):
            if part.stat().st_size <= before:
                raise
    part.replace(output_file)


def _append(url: str, part: Path, pooch: Any) -> None:
    """Download the missing bytes of a file, or all bytes if the server does not support ranges."""
    import requests
    from pooch import HTTPDownloader
    from tqdm import tqdm

    size = part.stat().st_size
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={size}-"} if size else {})
    with part.open("ab") as file:

        def begin(response: requests.Response, **_: Any) -> None:
            if response.status_code == requests.codes.ok:  # all bytes: the server did not read the range
                file.truncate(0)

        bar = tqdm(total=1, unit="B", unit_scale=True, desc=part.stem, disable=None)
        load = HTTPDownloader(bar, CHUNK, headers=headers, timeout=TIMEOUT, hooks={"response": begin})
        try:
            load(url, file, pooch)
        except requests.HTTPError as error:
            # The file is complete; if it is too long, the checksum will be wrong.
            if error.response is None or error.response.status_code != requests.codes.requested_range_not_satisfiable:
                raise


def _record(root: Path, archive: str) -> Path:
    return root / RECORDS / f"{archive}.json"


def _is_unpacked(root: Path, archive: str) -> bool:
    try:
        sizes = json.loads(content(_record(root, archive)))
    except (OSError, ValueError):
        return False
    return all((root / name).is_file() and (root / name).stat().st_size == size for name, size in sizes.items())


def _unpack(root: Path, archive: str) -> None:
    """Unpack an archive into the folder, record its content, and delete it."""
    path = root / archive
    try:
        with zipfile.ZipFile(path) as zipped:
            members = [member for member in zipped.infolist() if not member.is_dir()]
            for member in members:
                _require_inside(root, member.filename, archive)
            zipped.extractall(root, members)
    except zipfile.BadZipFile as error:
        raise AffexError(f"{path} cannot be unpacked: {error}. Delete it and run the same command again.") from error
    record = _record(root, archive)
    atomic.write_text(record, [json.dumps({member.filename: member.file_size for member in members})])
    path.unlink()


def _require_inside(root: Path, name: str, archive: str) -> None:
    if not Path(os.path.normpath(root / name)).is_relative_to(os.path.normpath(root)):
        raise AffexError(f"{archive} would write {name} outside {root}: nothing was unpacked.")

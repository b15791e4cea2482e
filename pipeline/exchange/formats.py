"""The formats: the arrow from a path, or a format's name, to the functions that read and write it.

The folder is the registry: a module of `pipeline.exchange` that holds ``FORMATS`` has formats, by name.
"""

import functools
import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import affex.pipeline.exchange
from affex.pipeline.exchange import columns, database, datasets, segments
from affex.pipeline.exchange.record import Format, ImportOptions, Part, Source
from affex.pipeline.storage.files import below, is_there
from affex.pipeline.text.errors import AffexError, UsageError, unknown
from affex.pipeline.text.filenames import path_of

#: Suffixes of files that hold labels and no features.
LABELS = {
    ".textgrid": "a TextGrid, Praat's annotation in tiers",
    ".eaf": "an annotation of ELAN",
    ".trs": "a transcript of Transcriber",
    ".anvil": "an annotation of ANVIL",
    ".srt": "subtitles",
    ".vtt": "subtitles",
    ".ctm": "a transcript with times",
    ".lab": "a list of labels with times",
}

#: Suffixes of pickles, which are never read: reading one runs its code.
PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".joblib")


@functools.cache
def formats() -> dict[str, Format]:
    """Return every format."""
    room = affex.pipeline.exchange
    names = sorted(module.name for module in pkgutil.iter_modules(room.__path__))
    modules = [importlib.import_module(f"{room.__name__}.{name}") for name in names]
    return {name: one for module in modules for name, one in getattr(module, "FORMATS", {}).items()}


def written() -> dict[str, Format]:
    """Return the formats that affex writes."""
    return {name: one for name, one in formats().items() if one.write}


def endings(of: dict[str, Format]) -> str:
    """Return the suffixes of formats, for a message."""
    return ", ".join(ending for one in of.values() for ending in one.endings)


def to_write(path: Path, name: str) -> str:
    """Return the name of the format in which to write a file; by its suffix where no format is named.

    Raises
    ------
    UsageError
        If there is no such format, or it can only be read.
    """
    if name:
        if name not in written():
            raise unknown("format to export to", name, written())
        return name
    if not path.suffix:
        return "audformat"
    found = [known for known, one in written().items() if path.suffix.lower() in one.endings]
    if not found:
        raise UsageError(
            f"The name {path.name} does not show a format: expected {endings(written())}, or a folder (audformat, or "
            "FORMAT=npy, FORMAT=datasets)."
        )
    return found[0]


def to_read(path: Path, name: str) -> str:
    """Return the name of the format of a file or folder; by its suffix where no format is named.

    Raises
    ------
    UsageError
        If it does not exist, or its format cannot be read.
    """
    if not path.exists():
        raise UsageError(f"{path} does not exist: nothing can be imported from it.")
    _require_files(path)
    if name:
        if name not in formats():
            raise unknown("format to import from", name, formats())
        return name
    if path.is_dir():
        if (path / database.HEADER).exists():
            return "audformat"
        if datasets.is_one(path):
            return "datasets"
        return "csv" if any(path.rglob("*.csv")) and not any(path.rglob("*.npy")) else "npy"
    if path.suffix.lower() in PICKLES:
        raise AffexError(
            f"{path} is a pickle. affex never reads pickles, because reading one runs its code. Save the data as .npz, "
            ".parquet or .csv."
        )
    if what := LABELS.get(path.suffix.lower()):
        raise UsageError(
            f"{path} is {what}: it has labels, but an import needs features. To use labels, make a corpus of them: a "
            "table with the columns file, start, end, speaker, label, and DATASET=csv DATA=mine.csv."
        )
    found = [known for known, one in formats().items() if path.suffix.lower() in one.endings]
    if not found:
        raise UsageError(
            f"The name {path.name} does not show a format: expected {endings(formats())}, a folder of .npy or .csv, or "
            "--format."
        )
    return found[0]


def _require_files(path: Path) -> None:
    """Refuse a path that is not a regular file, for example a FIFO, because reading it would block.

    Raises
    ------
    AffexError
        If there is one; the message names it.
    """
    read = (*(ending for one in formats().values() for ending in one.endings), ".npy", ".yaml")
    inside = [path_of(path, name) for name in below(path).names] if path.is_dir() else [path]
    for one in inside:
        if one == path or one.suffix.lower() in read:
            try:
                is_there(one)
            except OSError as error:
                raise AffexError(f"{one} cannot be read: {error.strerror or error}.") from error


@contextmanager
def opened(kind: str, path: Path, options: ImportOptions) -> Iterator[Source]:
    """Open a file or folder. Any error, also while reading, becomes an `AffexError` that names it.

    Parameters
    ----------
    kind
        The format's name.

    Raises
    ------
    AffexError
        If it cannot be read.
    """
    with ExitStack() as stack:
        with _in_words(kind, path):
            source = columns.chosen(str(path), stack.enter_context(formats()[kind].reading(path, options)), options)

        def read(key: str) -> Part:
            with _in_words(kind, path):
                return source.read(key)

        yield replace(source, read=read)


@contextmanager
def _in_words(kind: str, path: Path) -> Iterator[None]:
    try:
        yield
    except UsageError:
        raise
    except AffexError as error:
        if str(path) in str(error):
            raise
        raise AffexError(f"{path}: {error}") from error
    except Exception as error:  # a foreign file may raise any error in a library
        why = "it needs more memory than is available" if isinstance(error, MemoryError) else f"{error!r}"[:400]
        raise AffexError(
            f"{path} cannot be read as {kind}: {why}. Check that it is the right file, and complete."
        ) from error


def files(path: Path) -> Iterator[Path]:
    """Yield the files that an import reads, in a fixed order."""
    if path.is_dir():
        yield from sorted(file for file in path.rglob("*") if file.is_file())
    else:
        yield from segments.written(path)

"""Copies: the comparison of files that lie in a corpus's folder more than once under one name.

Beside the arrow from files to utterances. Files with the same bytes are one recording, and count once. Files of one
name with different bytes are two recordings, and the user must choose one.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from affex.pipeline.caching import sources
from affex.pipeline.caching.sources import File
from affex.pipeline.text.console import Console
from affex.pipeline.text.errors import CorpusError
from affex.pipeline.text.filenames import path_of

#: The number of pairs that an error shows.
SHOWN = 3


def require_same(root: Path, folder: Path, copies: Mapping[str, Sequence[str]], console: Console) -> None:
    """Refuse files of one name with different bytes, and report how many have the same bytes.

    Parameters
    ----------
    root
        The corpus's folder.
    folder
        Its cache folder, whose subfolder ``copies`` stores the digests of the copies.
    copies
        For the path of each file that is read, the paths of the other files of its name.

    Raises
    ------
    CorpusError
        If some differ; the message names the first ones.
    """
    if not copies:
        return
    pairs = [(taken, other) for taken, others in copies.items() for other in others]
    # Files of different size differ: they need not be read.
    if not (unlike := [pair for pair in pairs if not _alike_in_size(root, *pair)]):
        paths = list(dict.fromkeys(path for pair in pairs for path in pair))
        with console.progress("comparing copies", len(paths), "files") as tick:
            files = sources.files(folder / "copies", root, paths, tick)
        unlike = [(taken, other) for taken, other in pairs if not _alike(files[taken], files[other])]
    if unlike:
        raise CorpusError(_refusal(root, unlike))
    taken, other = pairs[0]
    console.print(f"{_files(pairs)} there again with the same bytes, counted once ({other}, a copy of {taken}).")


def _files(pairs: Sequence[tuple[str, str]]) -> str:
    return "1 file lies" if len(pairs) == 1 else f"{len(pairs)} files lie"


def _alike_in_size(root: Path, one: str, other: str) -> bool:
    try:
        return path_of(root, one).stat().st_size == path_of(root, other).stat().st_size
    except OSError:
        return False


def _alike(one: File | str, other: File | str) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        raise CorpusError(f"{one if isinstance(one, str) else other}.")
    return one.digest == other.digest


def _refusal(root: Path, unlike: Sequence[tuple[str, str]]) -> str:
    shown = "; ".join(f"'{taken}' and '{other}'" for taken, other in unlike[:SHOWN])
    more = f" and {len(unlike) - SHOWN} more" if len(unlike) > SHOWN else ""
    return (
        f"{root}: {_files(unlike)} there again with different bytes: {shown}{more}. Expected one recording of each "
        "utterance. Move one of the two away, or choose a folder with one of them: DATA=folder."
    )

"""Pointers: small texts that replace a file until a version control system has fetched it.

An error can then say that a file was never fetched, instead of that it is damaged. Formats: Git
LFS (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md, always below 1024 bytes) and git-annex, which DataLad
uses (https://git-annex.branchable.com/internals/pointer_file/; a locked file is a link into ``.git/annex/objects``).
"""

from pathlib import Path

from affex.pipeline.storage.files import opened, status

#: A pointer is smaller than this, bytes.
LONGEST = 1024

#: The first bytes of a pointer, and the command that fetches its file.
BEGINNINGS = {
    b"version https://git-lfs.github.com/spec/": "git lfs pull",
    (ANNEXED := b"/annex/objects/"): "git annex get",
}
ANNEX = ".git/annex/objects/"


def unfetched(path: Path) -> str | None:
    """Return, as the end of a sentence, that a file was never fetched and how to fetch it; None if it was fetched."""
    command = _command(path)
    if command is None:
        return None
    return f"was never fetched: it is only a pointer. Run `{command}` in its repository"


def _command(path: Path) -> str | None:
    try:
        if status(path).st_size >= LONGEST:
            return None
        with opened(path) as file:
            start = file.read(max(map(len, BEGINNINGS)))
    except FileNotFoundError:
        return BEGINNINGS[ANNEXED] if path.is_symlink() and ANNEX in path.readlink().as_posix() else None
    except OSError:
        return None
    return next((command for beginning, command in BEGINNINGS.items() if start.startswith(beginning)), None)

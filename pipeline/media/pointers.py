"""Pointers: small texts that stand in a file's place until a version control has fetched it.

Beside the flow: whoever opens a file can say that it was never fetched, rather than that it is damaged. Formats: Git
LFS (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md, always below 1024 bytes) and git-annex, which DataLad
uses (https://git-annex.branchable.com/internals/pointer_file/; a locked file is a link into ``.git/annex/objects``).
"""

from pathlib import Path

from affex.pipeline.storage.files import opened, status

#: A pointer is smaller than this, bytes.
LONGEST = 1024

#: What a pointer begins with, and how the file that it stands for is fetched.
BEGINNINGS = {
    b"version https://git-lfs.github.com/spec/": "git lfs pull",
    (ANNEXED := b"/annex/objects/"): "git annex get",
}
ANNEX = ".git/annex/objects/"


def unfetched(path: Path) -> str | None:
    """Return that a file was never fetched and how to fetch it, as the end of a sentence; None where it is there."""
    command = _command(path)
    if command is None:
        return None
    return f"was never fetched: a pointer stands in its place. Run `{command}` in its repository"


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

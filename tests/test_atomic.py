"""Files on their way: whole or not at all, and never taken from a run that is still writing them."""

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from affex.pipeline.caching import cache, entry
from affex.pipeline.storage import atomic
from affex.pipeline.text.errors import AffexError

#: Opens a temporary file or folder and waits until it is killed.
HOLDING = """
import sys
from pathlib import Path
from affex.pipeline.storage import atomic
with getattr(atomic, sys.argv[1])(Path(sys.argv[2])):
    print("open", flush=True)
    sys.stdin.read()
"""


def holding(kind: str, path: Path) -> "subprocess.Popen[str]":
    """Start a process that holds a temporary file or folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDING, kind, str(path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert process.stdout
    assert process.stdout.readline() == "open\n"
    return process


def killed(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.communicate()


@pytest.mark.parametrize("kind", ["temporary", "staging"])
def test_only_what_a_dead_run_has_left_is_removed(kind, tmp_path):
    other = holding(kind, tmp_path / "rows.csd")
    (left,) = atomic.leftovers(tmp_path)
    atomic.sweep(tmp_path)
    assert left.exists()
    killed(other)
    assert left.exists()
    with atomic.temporary(tmp_path / "another") as file:  # any that writes there
        assert not left.exists()
        file.write(b"done")
    assert [path.name for path in tmp_path.iterdir()] == ["another"]


def test_a_users_own_files_and_those_of_other_machines_stay(tmp_path):
    names = ("annotation.tmp", "x.affex.tmp", "x.0123abcd.tmp", f"x.{'0' * 8}-{'1' * 12}.affex.tmp")
    for name in names:
        (tmp_path / name).write_text("mine")
    atomic.sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    assert [path.name for path in atomic.leftovers(tmp_path)] == [names[-1]]


def test_a_pipe_with_such_a_name_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / f"x.{atomic._machine()}-{'1' * 12}.affex.tmp")
    atomic.sweep(tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_run_leaves_alone_what_another_is_writing_and_a_users_files(tmp_path):
    """`make features` in one terminal while `make evaluate` writes in the other."""
    run = tmp_path / "mine" / "runs" / "run"
    scratch = tmp_path / "mine" / "mfcc.parts"
    for folder in (run, scratch):
        folder.mkdir(parents=True)
    (tmp_path / "mine" / "annotation.tmp").write_text("a user's own")
    spilled = entry.spill([b"a picture"], scratch).path
    with atomic.temporary(run / "metrics.json") as file:
        file.write(b"{}")
        with cache.locked(tmp_path / "mine", print):
            assert atomic.leftovers(run)
            assert not spilled.exists()  # its run is dead: the lock was free
    assert (run / "metrics.json").read_bytes() == b"{}"
    assert (tmp_path / "mine" / "annotation.tmp").read_text() == "a user's own"


def test_a_run_removes_what_a_killed_one_left_anywhere_in_its_cache(tmp_path):
    run = tmp_path / "mine" / "runs" / "run"
    run.mkdir(parents=True)
    killed(holding("temporary", run / "metrics.json"))
    killed(holding("staging", run / "metrics.json"))
    assert len(atomic.leftovers(run)) == 1  # the second removed what the first left
    with cache.locked(tmp_path / "mine", print):
        assert not atomic.leftovers(run)


def test_without_locks_files_are_written_and_none_is_swept(tmp_path, monkeypatch):
    killed(holding("temporary", tmp_path / "old"))

    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    with atomic.temporary(tmp_path / "new") as file:
        file.write(b"done")
    assert (tmp_path / "new").read_bytes() == b"done"
    assert len(atomic.leftovers(tmp_path)) == 1


def test_an_error_leaves_what_was_there(tmp_path):
    (tmp_path / "a").write_text("old")
    with pytest.raises(ValueError, match="broken off"), atomic.temporary(tmp_path / "a") as file:
        file.write(b"new")
        raise ValueError("broken off")
    assert (tmp_path / "a").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_name_as_long_as_names_may_be(tmp_path):
    path = tmp_path / ("ä" * 127)
    atomic.write_text(path, ["x"])
    assert path.read_text() == "x"


def test_a_file_in_the_place_of_a_folder_is_said(tmp_path):
    (tmp_path / "out").write_text("the user's")
    with pytest.raises(AffexError, match=r"out cannot be written: it exists and is not a folder\."):
        atomic.require_writable(tmp_path / "out")
    assert (tmp_path / "out").read_text() == "the user's"


def test_a_second_name(tmp_path):
    (tmp_path / "new").write_text("1")
    (tmp_path / "old").write_text("2")
    atomic.name_also(tmp_path / "new", tmp_path / "old")
    atomic.name_also(tmp_path / "new", tmp_path / "old")  # it has it already
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"new": "1", "old": "1"}

"""Bundles: whole or not at all, whoever is killed; and what is read is what was written."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conftest import ROOT

from affex.pipeline.storage import bundle
from affex.pipeline.storage.sealed import DamagedError, UnsealedError

OLD = {"a.csv": b"old rows", "inner.csv": b"old inner"}
NEW = {"a.csv": b"new rows", "b.png": b"new picture"}


def write(folder: Path, contents: dict[str, bytes], **record: object) -> None:
    bundle.write(folder, "metrics.json", {"uar": 0.5, "versions": {}, **record}, contents)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_written_is_read(tmp_path):
    write(tmp_path / "run", NEW, label="Ärger")
    found = bundle.read(tmp_path / "run", "metrics.json")
    assert found.contents == NEW
    assert (found.record["uar"], found.record["label"]) == (0.5, "Ärger")
    assert names(tmp_path / "run") == ["a.csv", "b.png", "metrics.json"]
    text = (tmp_path / "run" / "metrics.json").read_text(encoding="utf-8")
    assert list(json.loads(text)) == ["uar", "versions", "label", "files", "sha256"]  # figures first
    write(tmp_path / "again", NEW, label="Ärger")
    assert (tmp_path / "again" / "metrics.json").read_text(encoding="utf-8") == text


def test_what_is_not_as_it_was_written_is_named(tmp_path):
    write(tmp_path, NEW)
    (tmp_path / "a.csv").write_bytes(b"new rowz")
    with pytest.raises(DamagedError, match=r"a\.csv was changed after it was written"):
        bundle.read(tmp_path, "metrics.json")
    (tmp_path / "a.csv").unlink()
    with pytest.raises(DamagedError, match=r"a\.csv is missing"):
        bundle.read(tmp_path, "metrics.json")
    record = tmp_path / "metrics.json"
    record.write_text(record.read_text().replace("0.5", "0.6"))
    with pytest.raises(DamagedError, match=r"metrics\.json was changed after it was written"):
        bundle.read(tmp_path, "metrics.json")
    record.write_text('{"uar": 0.5}')
    with pytest.raises(UnsealedError, match="no seal: an earlier version of affex wrote it"):
        bundle.read(tmp_path, "metrics.json")
    with pytest.raises(OSError, match="No such file"):
        bundle.read(tmp_path, "comparison.json")


def test_another_takes_the_place_of_the_whole_and_leaves_a_users_own(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "random-k").mkdir()
    write(tmp_path / "random-k", OLD)
    write(tmp_path, OLD)
    write(tmp_path, NEW)
    assert bundle.read(tmp_path, "metrics.json").contents == NEW
    assert names(tmp_path) == ["a.csv", "b.png", "metrics.json", "notes.txt", "random-k"]  # inner.csv was the old one's
    assert bundle.read(tmp_path / "random-k", "metrics.json").contents == OLD


def test_what_is_not_known_to_be_ours_is_set_aside(tmp_path):
    (tmp_path / "a.csv").write_text("a user's table")
    (tmp_path / "metrics.json").write_text("[1]")
    write(tmp_path, NEW)
    assert (tmp_path / "a.csv.old").read_text() == "a user's table"
    assert (tmp_path / "metrics.json.old").read_text() == "[1]"
    (tmp_path / "a.csv").write_text("edited")
    write(tmp_path, OLD)
    assert (tmp_path / "a.csv.old1").read_text() == "edited"
    assert bundle.read(tmp_path, "metrics.json").contents == OLD


def test_a_run_of_an_earlier_version_is_replaced_without_litter(tmp_path):
    digests = {name: bundle._sha256(content) for name, content in OLD.items()}
    (tmp_path / "metrics.json").write_text(json.dumps({"uar": 0.4, "versions": {"affex": "0"}, "files": digests}))
    for name, content in OLD.items():
        (tmp_path / name).write_bytes(content)
    write(tmp_path, NEW)
    assert names(tmp_path) == ["a.csv", "b.png", "metrics.json"]


DYING = """
import os, signal, sys
from pathlib import Path
from affex.pipeline.storage import atomic, bundle
folder, old, new = Path(sys.argv[1]), {"a": b"old", "inner": b"old inner", "c": b"old"}, {"a": b"new", "c": b"new"}
EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir")
def dying(limit):
    steps = 0
    def hook(event, given):
        nonlocal steps
        if event in EVENTS and not (event == "open" and not given[2] & (os.O_WRONLY | os.O_RDWR)):
            steps += 1
            if steps == limit:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)
    bundle.write(folder, "m", {"versions": {}, "n": 2}, new)
found = []
for step in range(1, 99):
    os.system(f"rm -rf {folder}")
    bundle.write(folder, "m", {"versions": {}, "n": 1}, old)
    (folder / "inner2").write_bytes(b"a user's")
    if not (child := os.fork()):
        dying(step)
        os._exit(0)
    if not os.waitpid(child, 0)[1]:
        break
    if (folder / "m").exists():  # who reads without affex never takes new files for what an old record speaks of
        assert (folder / "a").read_bytes() == (b"old" if b'"n": 1' in (folder / "m").read_bytes() else b"new"), step
    assert bundle.exists(folder, "m"), step
    there = bundle.read(folder, "m")
    assert there.contents == (old if there.record["n"] == 1 else new), step
    found.append(there.record["n"])
    bundle.write(folder, "m", {"versions": {}, "n": 2}, new)
    assert bundle.read(folder, "m").contents == new
    assert sorted(os.listdir(folder)) == ["a", "c", "inner2", "m"], (step, os.listdir(folder))
print(found.count(1), found.count(2), found == sorted(found))
"""


def test_a_kill_before_any_step_leaves_the_old_or_the_new(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", DYING, str(tmp_path / "run")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    n_old, n_new, in_order = done.stdout.split()
    assert (int(n_old) >= 5, int(n_new) >= 5, in_order) == (True, True, "True")


def test_who_reads_while_others_write_reads_one_of_them_whole(tmp_path):
    write(tmp_path, OLD)
    wanted = ({**OLD}, {**NEW})
    over, read = threading.Event(), []

    def reading() -> None:
        while not over.is_set():
            read.append(bundle.read(tmp_path, "metrics.json").contents)

    def writing(contents: dict[str, bytes]) -> None:
        for _ in range(15):
            write(tmp_path, contents)

    reader = threading.Thread(target=reading)
    writers = [threading.Thread(target=writing, args=(contents,)) for contents in wanted]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    over.set()
    reader.join()
    assert read
    assert all(contents in wanted for contents in read)
    assert bundle.read(tmp_path, "metrics.json").contents in wanted
    assert not list(tmp_path.glob("*.old*"))

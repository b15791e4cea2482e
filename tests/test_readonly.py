"""A cache that may only be read, or whose file system knows no locks."""

import contextlib
import errno
import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from corpus import Listener, run, small, spec, write_wav
from test_extract import LEVEL

from affex.pipeline.caching import cache
from affex.pipeline.cli.command import cli
from affex.pipeline.storage import bundle
from affex.pipeline.text.errors import AffexError

RUNNING = ("--scheduler", "inline", "--jobs", "1")
MODEL = ("--features", "egemaps", "--classifier", "svm:C=1,gamma=0.01")


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let nobody write below a folder: by its permissions, or, for root, who may all the same, by a mount."""
    if os.geteuid():
        paths = [folder, *folder.rglob("*")]
        modes = [path.stat().st_mode for path in paths]
        for path, mode in zip(paths, modes, strict=True):
            path.chmod(mode & ~0o222)
        try:
            yield
        finally:
            for path, mode in zip(paths, modes, strict=True):
                path.chmod(mode)
        return
    bound = subprocess.run(["mount", "--bind", str(folder), str(folder)], capture_output=True, check=False)
    if bound.returncode:
        pytest.skip("nothing can be made read-only here: root, and no mounts")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def affex(*arguments: object) -> None:
    cli([str(argument) for argument in arguments], standalone_mode=False)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table, and a cache that holds all that an evaluation of `MODEL` needs, and two runs."""
    folder = tmp_path_factory.mktemp("readonly")
    lines = ["file,speaker,label"]
    for n in range(16):
        write_wav(folder / "wav" / f"{n}.wav", 0.3, seed=n)
        lines.append(f"wav/{n}.wav,s{n % 4},{'ab'[n // 4 % 2]}")
    (folder / "mine.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for seed in (0, 1):
        affex("evaluate", *of(folder), *MODEL, *RUNNING, "--seed", seed)
    return folder


def of(folder: Path) -> tuple[object, ...]:
    return ("--dataset", "csv", "--data", folder / "mine.csv", "--cache", folder / "cache")


def test_all_that_only_reads_works_on_a_cache_that_is_whole(study: Path, tmp_path: Path, capsys) -> None:
    where, out = of(study), tmp_path / "out"
    runs = " ".join(path.name for path in sorted((study / "cache" / "mine" / "runs").iterdir()))
    with read_only(study / "cache"):
        affex("features", *where, "--features", "egemaps", *RUNNING)
        output = capsys.readouterr().out
        assert "egemaps: 16 cached, 0 computed, 0 failed" in output
        assert "The cache has all rows needed: it is read, and nothing is written." in output
        affex("evaluate", *where, *MODEL, *RUNNING, "--out", out / "run")
        affex("compare", "--cache", study / "cache", "--runs", runs, "--out", out / "compared")
        affex("fit", *where, *MODEL, *RUNNING, "--model", out / "mine.affex")
        affex("export", out / "rows.csd", *where, "--features", "egemaps")
        affex("show", "wav/0", *where, "--out", out / "sheet.png")
        affex("cache", "--cache", study / "cache", "why", *where[:4], "--features", "egemaps")
        affex("cache", "--cache", study / "cache", "verify")
    there = {path.name for path in out.rglob("*")}
    assert {"metrics.json", "comparison.json", "mine.affex", "rows.csd", "sheet.png"} <= there
    first = sorted((study / "cache" / "mine" / "runs").iterdir())
    assert (out / "run" / "predictions.csv").read_bytes() in [(path / "predictions.csv").read_bytes() for path in first]


def test_what_is_missing_in_a_cache_that_is_only_read_is_said(study: Path) -> None:
    with read_only(study / "cache"), pytest.raises(AffexError) as refused:
        affex("features", *of(study), "--features", "gemaps", *RUNNING)
    assert "cannot be written" in str(refused.value)
    assert "gemaps would have to be written: 16 of 16 utterances have no rows there yet" in str(refused.value)


def test_results_that_could_not_be_written_are_refused_before_anything_is_learned(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "affex.pipeline.evaluation.evaluate.evaluate_task", lambda *_, **__: pytest.fail("it was evaluated")
    )
    monkeypatch.setattr("affex.pipeline.models.models.fit", lambda *_, **__: pytest.fail("it was fitted"))
    with read_only(study / "cache"):
        with pytest.raises(AffexError, match=r"runs/.* cannot be written: .*Is it the right folder"):
            affex("evaluate", *of(study), *MODEL, *RUNNING, "--seed", 2)
        with pytest.raises(AffexError, match="cannot be written"):
            affex("fit", *of(study), *MODEL, *RUNNING)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AffexError, match="file cannot be written"):
        affex("fit", *of(study), *MODEL, *RUNNING, "--model", tmp_path / "file" / "mine.affex")


def test_what_is_hurt_in_a_cache_that_is_only_read_is_not_served(study: Path, tmp_path: Path) -> None:
    shutil.copytree(study / "cache", tmp_path / "cache")
    path = tmp_path / "cache" / "mine" / "egemaps.h5"
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    with read_only(tmp_path / "cache"), pytest.raises(AffexError, match=r"egemaps would have to be written: .*verify"):
        affex("features", *of(study)[:4], "--cache", tmp_path / "cache", "--features", "egemaps", *RUNNING)


@pytest.fixture
def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse as NFS does that is mounted without its lock daemon."""

    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)


@pytest.mark.parametrize("refusal", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EIO])
def test_a_refusal_to_lock_is_called_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: int) -> None:
    def refused(*_: object) -> None:
        raise OSError(refusal, os.strerror(refusal))

    monkeypatch.setattr(fcntl, "flock", refused)
    with pytest.raises(AffexError) as error:
        run(small(tmp_path, 2), LEVEL)
    assert f"cannot be locked: its file system refuses locks ({os.strerror(refusal)})" in str(error.value)
    assert "level would have to be written: 2 of 2 utterances" in str(error.value)
    assert "CACHE" not in str(error.value)


def test_without_locks_what_is_there_is_read(tmp_path: Path, without_locks: None) -> None:
    dataset, listener = small(tmp_path, 3), Listener()
    with pytest.MonkeyPatch.context() as with_locks:
        with_locks.setattr(fcntl, "flock", lambda *_: None)
        run(dataset, LEVEL)
    [summary] = run(dataset, LEVEL, listener=listener)
    assert (summary.cached, summary.computed) == (3, 0)
    assert "refuses locks" in listener.messages[0]
    fewer = replace(dataset, utterances=dataset.utterances[:2])
    [summary] = run(fewer, LEVEL)  # rows of one that has left the corpus are no hindrance
    assert (summary.cached, summary.computed) == (2, 0)


def test_chains_are_read_where_nothing_can_be_written(tmp_path: Path, without_locks: None) -> None:
    from plain import Peaks, Tiles

    specs = (spec("tiles", Tiles()), spec("peaks", Peaks()))
    dataset = small(tmp_path, 3)
    with pytest.MonkeyPatch.context() as with_locks:
        with_locks.setattr(fcntl, "flock", lambda *_: None)
        run(dataset, *specs)
    assert [summary.cached for summary in run(dataset, *specs)] == [3, 3]


def test_a_cache_that_cannot_be_made_is_still_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AffexError, match="Not a directory"), cache.locked(tmp_path / "file" / "small", print):
        pass


def test_a_run_on_its_way_is_read_whole_where_it_cannot_be_moved(tmp_path: Path) -> None:
    """A kill left it so; whoever may only read reads the new run, and whoever may write ends what was begun."""
    folder = tmp_path / "run"
    bundle.write(folder, "m", {"versions": {}, "n": 1}, {"a": b"old", "b": b"old"})
    bundle.write(tmp_path / "other", "m", {"versions": {}, "n": 2}, {"a": b"new", "b": b"new"})
    (tmp_path / "other").rename(folder / ".next")
    (folder / "m").unlink()
    (folder / ".next" / "a").replace(folder / "a")
    with read_only(folder):
        assert bundle.exists(folder, "m")
        assert bundle.read(folder, "m").contents == {"a": b"new", "b": b"new"}
        assert (folder / ".next").exists()
    assert bundle.read(folder, "m").record["n"] == 2
    assert not (folder / ".next").exists()

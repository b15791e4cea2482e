"""`affex cache verify`: one test a kind of what is kept, each damaged in its turn."""

import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
from corpus import Listener, write_wav

from affex.pipeline.caching import cache as cache_of
from affex.pipeline.caching import dataset, store
from affex.pipeline.cli.command import cli
from affex.pipeline.manifest import manifest
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.media import contents
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.storage import atomic
from affex.pipeline.text import wording
from affex.pipeline.text.errors import AffexError
from affex.pipeline.verification import repair, verification

MODEL = ("--features", "egemaps", "--classifier", "svm:C=1,gamma=0.01", "--scheduler", "inline", "--jobs", "1")


def affex(*arguments: object) -> None:
    cli([str(argument) for argument in arguments], standalone_mode=False)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of caches with one of each kind."""
    folder = tmp_path_factory.mktemp("kept")
    lines, vectors = ["file,speaker,label"], ["id,x"]
    for n in range(16):
        write_wav(folder / "wav" / f"{n}.wav", 0.3, seed=n)
        lines.append(f"wav/{n}.wav,s{n % 4},{'ab'[n // 4 % 2]}")
        vectors.append(f"wav/{n},{n}")
    samples, rate = soundfile.read(folder / "wav" / "15.wav")
    soundfile.write(folder / "wav" / "15.ogg", samples, rate)  # what it holds is remembered
    lines[-1] = lines[-1].replace(".wav", ".ogg")
    (folder / "mine.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "vectors.csv").write_text("\n".join(vectors) + "\n", encoding="utf-8")
    where = ("--dataset", "csv", "--data", folder / "mine.csv", "--cache", folder / "cache")
    for seed in (0, 1):
        affex("evaluate", *where, *MODEL, "--seed", seed)
    runs = " ".join(path.name for path in (folder / "cache" / "mine" / "runs").iterdir())
    affex("compare", "--cache", folder / "cache", "--runs", runs)
    affex("fit", *where, *MODEL)
    affex("import", folder / "vectors.csv", *where, "--called", "theirs")
    with pytest.MonkeyPatch.context() as patch:  # the media are old enough to be remembered
        patch.setattr("affex.pipeline.storage.files.TICK", 0.0)
        affex("features", *where, "--features", "egemaps")
    return folder / "cache"


def verified(folder: Path) -> tuple[bool, str]:
    listener = Listener()
    sound = not verification.verify(listener, folder).damaged
    return sound, "\n".join(listener.messages)


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def test_all_is_well_where_nothing_was_hurt(kept: Path) -> None:
    sound, output = verified(kept)
    assert sound, output
    # rows of two features and the fingerprints, an import, five notes, two runs, a comparison, a model
    assert output == "12 files and results verified, 0 things damaged."


@pytest.mark.parametrize(
    ("pattern", "mend"),
    [
        ("mine/egemaps.h5", "`make features {mine} FEATURES=egemaps` computes again"),
        ("mine/theirs.h5", "Import it again: `make import FILE={file} {mine} CALLED=theirs`"),
        ("mine/manifest.jsonl", "`make features {mine} FEATURES=egemaps` writes it anew"),
        ("mine/media.jsonl", "hashes those files again"),
        ("mine/contents.json", "opens those files again"),
        ("mine/table.json", "rewrites this file"),
        ("last.json", "That rewrites the file"),
        ("mine/runs/*/metrics.json", "Run `make evaluate` again"),
        ("mine/runs/*/predictions.csv", "Run `make evaluate` again"),
        ("mine/runs/*/confusion.png", "Run `make evaluate` again"),
        ("mine/runs/*/report.txt", "Run `make evaluate` again"),
        ("mine/comparisons/*/comparison.json", "Make it again with `make compare"),
        ("mine/comparisons/*/comparison.txt", "Make it again with `make compare"),
        ("mine/models/*.affex", "make one with `make fit`"),
    ],
)
@pytest.mark.parametrize("damaged", [flipped, lambda path: path.write_bytes(path.read_bytes()[:-40])])
def test_damage_is_found_and_how_to_mend_it_is_said(
    kept: Path, tmp_path: Path, pattern: str, mend: str, damaged: Callable[[Path], None]
) -> None:
    shutil.copytree(kept, tmp_path / "cache")
    path = sorted((tmp_path / "cache").glob(pattern))[0]
    damaged(path)
    sound, output = verified(tmp_path / "cache")
    assert not sound
    mine = f"DATASET=csv DATA={kept.parent / 'mine.csv'} CACHE={tmp_path / 'cache'}"
    assert mend.format(mine=mine, file="vectors.csv") in output
    assert ".." not in output.replace("RUNS='...'", "")
    assert str(path) in output or f"{path.parent}: {path.name}" in output
    assert output.endswith("12 files and results verified, 1 things damaged.") or "utterance" in output


def test_the_line_that_mends_can_be_copied_for_other_parameters_and_segments_too(kept: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    shutil.copytree(kept, cache)
    where = ("--dataset", "csv", "--data", kept.parent / "mine.csv", "--cache", cache)
    affex("features", *where, "--features", "mfcc:n=20,hop=5ms", "--scheduler", "inline")
    [rows] = cache.glob("mine/mfcc-*.h5")
    content = bytearray(rows.read_bytes())
    content[len(content) // 2] ^= 4
    rows.write_bytes(content)
    _, output = verified(cache)
    [line] = {line.partition("`")[2].partition("`")[0] for line in output.splitlines() if rows.name in line}
    assert line.endswith("FEATURES=mfcc:hop=0.005,n=20"), output
    affex(*shlex.split(wording.as_typed(line, {}, "affex"))[1:])
    assert verified(cache)[0]
    segment = cache / "mine" / "mfcc.parts" / f"{rows.stem.rpartition('-')[2]}-0.h5"
    segment.parent.mkdir(exist_ok=True)
    rows.rename(segment)
    assert repair.feature(segment, store.described(segment)) == "mfcc:hop=0.005,n=20"
    spec = feature_specs("landmarks:points=68,faces.detector=yunet")[0]
    assert repair._made(spec.default, json.loads(cache_of.recipe(spec.feature).spec)) == spec.feature


@pytest.mark.parametrize(
    ("names", "data", "found"),
    [
        ("emodb", "/my emodb", {"DATASET": "emodb", "DATA": "/my emodb"}),
        ("savee", "/my savee", {"DATASET": "emodb"}),
        ("emodb savee", None, {"DATASET": "emodb"}),
    ],
)
def test_a_corpus_is_named_with_the_folder_it_was_used_in_last(
    names: str, data: str | None, found: dict[str, object], tmp_path: Path
) -> None:
    dataset.remember(tmp_path, names, data)
    known = {name: value for name, value in dataset.named(tmp_path / "emodb").items() if value is not None}
    assert known == found | {"CACHE": tmp_path}
    assert dataset.named(tmp_path / "mine")["DATA"] == "mine.csv"  # where nothing says which table it was


def test_the_command_ends_with_an_error(kept: Path, tmp_path: Path) -> None:
    shutil.copytree(kept, tmp_path / "cache")
    affex("cache", "--cache", tmp_path / "cache", "verify")
    flipped(next((tmp_path / "cache").glob("mine/runs/*/predictions.csv")))
    with pytest.raises(AffexError, match="Damage was found"):
        affex("cache", "--cache", tmp_path / "cache", "verify")


def test_a_run_without_its_record_or_of_an_earlier_version(kept: Path, tmp_path: Path) -> None:
    shutil.copytree(kept, tmp_path / "cache")
    one, other = sorted((tmp_path / "cache" / "mine" / "runs").iterdir())
    (one / "metrics.json").unlink()
    text = (other / "metrics.json").read_text(encoding="utf-8")
    (other / "metrics.json").write_text(text[: text.index(',\n  "sha256"')] + "\n}\n", encoding="utf-8")
    _, output = verified(tmp_path / "cache")
    assert f"{one}: metrics.json is missing" in output
    assert f"{other}: metrics.json has no seal: an earlier version of affex wrote it" in output


def test_what_an_earlier_version_left_unsealed_is_not_called_changed(kept: Path, tmp_path: Path) -> None:
    shutil.copytree(kept, tmp_path / "cache")
    folder = tmp_path / "cache" / "mine"
    (folder / "manifest.sha256").unlink()
    (folder / "media.jsonl").write_text('{"path": "wav/0.wav"}\n', encoding="utf-8")
    (tmp_path / "cache" / "last.json").write_text('{"dataset": "mine", "data": null}\n', encoding="utf-8")
    _, output = verified(tmp_path / "cache")
    unproved = "manifest.sha256 is missing, so the manifest cannot be verified. `make features"
    assert f"{folder / 'manifest.jsonl'}: {unproved}" in output
    assert "1 of its lines have no seal, or do not match it; the first is line 1" in output
    assert output.count(f"{tmp_path / 'cache' / 'last.json'}") == 1
    assert "last.json: it no longer says which corpus was used last" in output


def test_what_files_hold_is_verified(tmp_path: Path) -> None:
    record = tmp_path / "mine" / contents.RECORD
    contents._remember(record, {"a.mp4": [[1, 2, 3, 4], [True, True, ""], ""]})
    assert verified(tmp_path) == (True, "1 files and results verified, 0 things damaged.")
    flipped(record)
    sound, output = verified(tmp_path)
    assert not sound
    assert "The next run opens those files again" in output


def test_what_a_killed_run_left_is_told_from_what_is_being_written(tmp_path: Path) -> None:
    folder = tmp_path / "mine" / "runs" / "run"
    folder.mkdir(parents=True)
    (folder / f"a.{atomic._machine()}-{'1' * 12}.affex.tmp").write_text("")
    (tmp_path / f"b.{'0' * 8}-{'1' * 12}.affex.tmp").write_text("")
    sound, output = verified(tmp_path)
    assert sound
    assert "the next run that writes here removes it" in output
    assert "or a run on another machine has left it" in output


def test_a_kill_while_a_manifest_is_written_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever of the three writings was the last, the manifest is sound; what has not changed is not written."""
    path = tmp_path / "manifest.jsonl"
    old, new = ([Utterance(str(n), "mine", "eva") for n in range(count)] for count in (2, 3))
    written = manifest.write_text
    for n_done in range(3):
        manifest.write(path, old)
        calls: list[Path] = []

        def dying(target: Path, lines: object, calls: list[Path] = calls, n_done: int = n_done) -> None:
            if len(calls) == n_done:
                raise KeyboardInterrupt
            calls.append(target)
            written(target, lines)

        with monkeypatch.context() as patch:
            patch.setattr(manifest, "write_text", dying)
            with pytest.raises(KeyboardInterrupt):
                manifest.write(path, new)
        assert manifest.is_sound(path)
        assert len(list(manifest.read(path))) == (3 if n_done == 2 else 2)
    manifest.write(path, new)
    stamp = path.stat().st_mtime_ns
    manifest.write(path, new)
    assert path.stat().st_mtime_ns == stamp
    path.write_bytes(path.read_bytes()[:-1])
    assert not manifest.is_sound(path)
    manifest.write(path, new)
    assert manifest.is_sound(path)

"""Files: what is no file is never waited for, and a name of any bytes survives every way that names go."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from conftest import ROOT
from corpus import Listener, pointer, run, write_wav
from synthetic import changed, make_table
from test_models import fitted, wanted

from affex.pipeline.caching import cache, feature_rows, imports, owner, store
from affex.pipeline.caching.dataset import last, opened
from affex.pipeline.cli.command import cli
from affex.pipeline.corpora import csv
from affex.pipeline.corpora.base import Protocol
from affex.pipeline.evaluation import runs
from affex.pipeline.evaluation.finished_folds import damage
from affex.pipeline.evaluation.folds import folds
from affex.pipeline.exchange import importing
from affex.pipeline.exchange.record import ImportOptions
from affex.pipeline.manifest import manifest
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.media import decode_audio, digest
from affex.pipeline.models import model_file
from affex.pipeline.models.new_recordings import at_hand
from affex.pipeline.specs import discovery
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.storage import bundle
from affex.pipeline.storage.files import below, content, is_there
from affex.pipeline.storage.sealed import sealed
from affex.pipeline.streams.table import Table
from affex.pipeline.text.errors import AffexError, CorpusError, UsageError
from affex.pipeline.text.filenames import on_disk, shown, spelled
from affex.pipeline.verification import verification

#: Names that are no UTF-8: Latin-1, a cut character, bytes of no encoding; and names that look like spelled ones.
NAMES = [b"t\xf6ne", b"\xe2\x82", b"\xff\xfe", "töne".encode(), b"a\\xff", b"a\\x5cxff", b"a\\xFF", b"a\\b", b"\\x\xff"]


@pytest.fixture(autouse=True)
def _never_waiting() -> Iterator[None]:
    """Turn waiting for ever into a failure."""

    def waited(*_: object) -> None:
        raise AssertionError("something was waited for")

    before = signal.signal(signal.SIGALRM, waited)
    signal.alarm(120)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def fifo(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)
    return path


def named(folder: Path, name: bytes) -> Path:
    """Return the path of a name of any bytes; skips where the file system takes no such name."""
    path = folder / os.fsdecode(name)
    try:
        path.touch()
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    return path


# Names


@pytest.mark.parametrize("name", NAMES)
def test_a_spelling_is_text_and_stands_for_one_name(name):
    spelling = spelled(os.fsdecode(name))
    assert os.fsencode(on_disk(spelling)) == name
    assert spelling.encode().decode() == spelling
    assert shown(spelling) == spelling


def test_spellings_of_any_bytes_are_turned_back_and_are_unique():
    rng = np.random.default_rng(0)
    alphabet = np.frombuffer(b"\\x5cfa0\xff\xc3\xa4\x80.", np.uint8)
    drawn = {bytes(rng.choice(alphabet, rng.integers(1, 9)).tobytes()) for _ in range(5000)}
    spellings = {spelled(os.fsdecode(name)): name for name in drawn}
    assert len(spellings) == len(drawn)
    assert all(os.fsencode(on_disk(spelling)) == name for spelling, name in spellings.items())


def test_names_that_are_text_stay_as_they_are():
    for name in ("a.wav", "Töne/mit Leerzeichen.wav", "a\\b.wav", "a\\xFF", "日本.wav"):
        assert spelled(name) == on_disk(name) == name


# What is opened


def others(folder: Path) -> dict[str, tuple[Path, str]]:
    """Return what is no file, and what is said of it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "folder.wav").mkdir()
    (folder / "nowhere.wav").symlink_to(folder / "gone")
    (folder / "loop.wav").symlink_to(folder / "loop.wav")
    fifo(folder / "fifo.wav")
    (folder / "linked.wav").symlink_to(folder / "fifo.wav")
    (folder / "device.wav").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as one:
        here = Path.cwd()
        os.chdir(folder)  # the name of a socket is short
        one.bind("socket.wav")
        os.chdir(here)
    return {
        "folder": (folder / "folder.wav", "Is a directory"),
        "nowhere": (folder / "nowhere.wav", f"it is a link to {folder / 'gone'}, which does not exist"),
        "loop": (folder / "loop.wav", "Too many levels of symbolic links"),
        "fifo": (folder / "fifo.wav", "it is a FIFO (a named pipe), expected a regular file"),
        "linked": (folder / "linked.wav", "it is a FIFO (a named pipe), expected a regular file"),
        "device": (folder / "device.wav", "it is a device, expected a regular file"),
        "socket": (folder / "socket.wav", "it is a socket, expected a regular file"),
    }


def test_what_is_no_file_is_neither_read_nor_hashed(tmp_path):
    for path, why in others(tmp_path).values():
        for reading in (content, digest):
            with pytest.raises(OSError, match=r"\w") as error:
                reading(path)
            assert error.value.strerror == why
    assert not is_there(tmp_path / "nothing")
    write_wav(tmp_path / "a.wav", 0.1)
    assert is_there(tmp_path / "a.wav")


def test_an_unreadable_file_says_so(tmp_path):
    write_wav(tmp_path / "a.wav", 0.1)
    (tmp_path / "a.wav").chmod(0)
    if os.access(tmp_path / "a.wav", os.R_OK):
        pytest.skip("this user may read all")
    with pytest.raises(PermissionError, match="Permission denied"):
        content(tmp_path / "a.wav")


def test_a_clip_that_is_no_file_fails_with_its_reason_and_the_others_do_not(tmp_path):
    strange = others(tmp_path / "data")
    write_wav(tmp_path / "data" / "good.wav", 0.3)
    utterances = [Utterance(name, "c", "s", audio=Media(f"{name}.wav")) for name in ("good", *strange)]
    dataset = Dataset("c", tmp_path / "data", tmp_path / "cache" / "c", utterances)
    (summary,) = run(dataset, *feature_specs("egemaps"))
    assert summary.computed == 1
    assert summary.failures == {name: f"{path} cannot be read: {why}" for name, (path, why) in strange.items()}


def test_folders_are_entered_once_and_what_is_not_is_said(tmp_path):
    for name in ("a/b/x.wav", "a/y.wav", "z.wav"):
        write_wav(tmp_path / "in" / name, 0.01)
    write_wav(tmp_path / "beside" / "w.wav", 0.01)
    (tmp_path / "in/a/b/up").symlink_to(tmp_path / "in")
    (tmp_path / "in/a/again").symlink_to(tmp_path / "in/a/b")
    (tmp_path / "in/out").symlink_to(tmp_path / "beside")
    (tmp_path / "in/self").symlink_to(tmp_path / "in/self")
    listing = below(tmp_path / "in")
    assert listing.names == ["a/b/x.wav", "a/y.wav", "out/w.wav", "self", "z.wav"]
    assert listing.left_out == {
        "a/again": "is the same folder as a/b",
        "a/b/up": "is the same folder as the whole folder",
    }


def test_what_several_ways_lead_to_goes_by_the_shallowest_and_by_its_own_name(tmp_path):
    for name in ("a/x.wav", "z/deep/y.wav"):
        write_wav(tmp_path / "in" / name, 0.01)
    (tmp_path / "in/z/up").symlink_to(tmp_path / "in/a")
    (tmp_path / "in/b").symlink_to(tmp_path / "in/z")
    listing = below(tmp_path / "in")
    assert listing.names == ["a/x.wav", "z/deep/y.wav"]
    assert listing.left_out == {"b": "is the same folder as z", "z/up": "is the same folder as a"}


# Every place that opens a path


@pytest.mark.parametrize(("name", "place"), [
    ("emodb", "wav/03a01Fa.wav"),
    ("ravdess", "Actor_01/03-01-01-01-02-01-01.wav"),
    ("cremad", "AudioWAV/1001_IEO_ANG_HI.wav"),
    ("cremad", "processedResults/tabulatedVotes.csv"),
    ("cremad", "VideoDemographics.csv"),
    ("baum1s", "Annotations_BAUM1s.xlsx"),
    ("omg", "omg_TrainVideos.csv"),
    ("mosei", "CMU_MOSEI_Labels.csd"),
    ("mosei", "Raw/Transcript/Segmented/Combined/_0efYOjQYRc.txt"),
    ("mosi", "Raw/Transcript/Segmented/03bSnISJMiM.annotprocessed"),
    ("iemocap", "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt"),
    ("iemocap", "Session1/dialog/transcriptions/Ses01F_impro01.txt"),
    ("iemocap", "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav"),
    ("enterface", "subject 1/anger/sentence 1/s1_an_1.avi"),
    ("savee", "AudioData/DC/a01.wav"),
    ("csv", "two.mp4"),
])  # fmt: skip
def test_no_corpus_waits_for_a_fifo(name, place, tmp_path):
    tree = discovery.corpora()[name].example(tmp_path / "tree")
    root = tree.parent if tree.is_file() else tree
    (root / place).unlink()
    fifo(root / place)
    try:
        utterances = discovery.corpora()[name].find(tree)
    except CorpusError as error:
        assert "FIFO" in str(error) or "found" in str(error)
        return
    kinds = {kind for utterance in utterances for kind in ("audio", "video", "mocap") if getattr(utterance, kind)}
    run(Dataset(name, root, tmp_path / "cache", utterances), *_specs(kinds))


def _specs(kinds: set[str]) -> tuple:
    wanted = {"audio": "egemaps", "video": "faces:detector=hog", "mocap": "mocap"}
    return feature_specs(" ".join(wanted[kind] for kind in sorted(kinds)))


def test_no_table_no_model_no_split_no_weights_and_no_import_wait_for_a_fifo(tmp_path):
    output = r"cannot be read: it is a FIFO \(a named pipe\), expected a regular file"
    for name in ("t.csv", "m.affex", "x.npz", "x.csd", "x.parquet", "rows/a.npy", "tables/a.csv", "db/db.yaml"):
        fifo(tmp_path / name)
    with pytest.raises(CorpusError, match=output):
        csv.find(tmp_path / "t.csv")
    with pytest.raises(CorpusError, match=output):
        at_hand(tmp_path / "t.csv", tmp_path / "cache")
    with pytest.raises(UsageError, match=output):
        model_file.read(tmp_path / "m.affex")
    with pytest.raises(AffexError, match=output):
        folds(Protocol("split", "split", file=str(tmp_path / "t.csv")), [Utterance("a", "c", "s")])
    with pytest.raises(UsageError, match="is not a file: expected a weight file"):
        feature_specs(f"resnet18:weights={tmp_path / 't.csv'}")
    dataset = Dataset("c", tmp_path, tmp_path / "cache" / "c", [Utterance("a", "c", "s", audio=Media("a.wav"))])
    for name in ("t.csv", "x.npz", "x.csd", "x.parquet", "rows", "tables", "db"):
        with pytest.raises(AffexError, match=output):
            importing.import_(
                tmp_path / name, dataset, "theirs", Listener(), format_="", options=ImportOptions("", None)
            )


def test_a_table_says_what_is_no_file_of_those_it_names(tmp_path):
    others(tmp_path)
    rows = ["file,speaker,label", "fifo.wav,a,b", "folder.wav,a,b", "nowhere.wav,a,b", "no.wav,a,b"]
    (tmp_path / "t.csv").write_text("\n".join(rows))
    with pytest.raises(CorpusError) as error:
        csv.find(tmp_path / "t.csv")
    assert "names 4 of 4 files that do not exist: fifo.wav (it is a FIFO (a named pipe)" in str(error.value)
    assert "folder.wav (it is a folder), nowhere.wav (it is a link to" in str(error.value)


def test_a_fifo_in_the_cache_is_as_good_as_an_empty_file(tmp_path):
    path = fifo(tmp_path / "c" / "egemaps.h5")
    assert store.described(path) is None
    assert store.survey(path, "x").damaged == ("its seal does not verify",)
    assert imports.found(tmp_path, ["c"]) == {}
    write_wav(tmp_path / "data" / "a.wav", 0.3)
    dataset = Dataset("c", tmp_path / "data", tmp_path / "c", [Utterance("a", "c", "s", audio=Media("a.wav"))])
    (summary,) = run(dataset, *feature_specs("egemaps"))
    assert (summary.computed, path.is_fifo()) == (1, False)


def test_no_reader_of_what_affex_keeps_waits_for_a_fifo(tmp_path):
    """What saves time is done without; what was asked for is missed in a sentence, and can be written anew."""
    output = r"it is a FIFO \(a named pipe\), expected a regular file"
    folder = tmp_path / "c"
    for name in ("last.json", "c/media.jsonl", "c/contents.json", "c/table.json", "c/manifest.jsonl",
                 "c/manifest.sha256", "c/runs/one/metrics.json", "c/runs/two/predictions.csv"):  # fmt: skip
        fifo(tmp_path / name)
    with pytest.raises(UsageError, match=output):
        last(tmp_path)
    assert owner.read(folder) is None
    assert not manifest.is_sound(folder / "manifest.jsonl")
    with pytest.raises(OSError, match="FIFO"):
        next(manifest.read(folder / "manifest.jsonl"))
    with pytest.raises(UsageError, match=output):
        runs.read(folder / "runs" / "one")
    record = sealed({"files": {"predictions.csv": "0"}})
    (folder / "runs" / "two" / "metrics.json").write_text(json.dumps(record))
    with pytest.raises(UsageError, match=r"predictions\.csv is missing"):
        runs.read(folder / "runs" / "two")
    assert damage(fifo(folder / "fold-0.json")).endswith(
        "expected a regular file: " + repr(str(folder / "fold-0.json"))
    )
    assert verification.verify(listener := Listener(), tmp_path).damaged
    for name in ("last.json", "c/media.jsonl", "c/contents.json", "c/table.json", "c/manifest.jsonl"):
        assert any(line.startswith(f"{tmp_path / name}: it is a FIFO") for line in listener.messages)
    write_wav(tmp_path / "data" / "a.wav", 0.3)
    (tmp_path / "data" / "c.csv").write_text("file,speaker,label\na.wav,s,b\n")
    dataset = opened("csv", tmp_path / "data" / "c.csv", tmp_path, partial=False, console=Listener())
    (summary,) = run(dataset, *feature_specs("egemaps"))
    assert (summary.computed, manifest.is_sound(folder / "manifest.jsonl")) == (1, True)
    bundle.write(folder / "runs" / "one", "metrics.json", {"versions": {}}, {"predictions.csv": b"x"})
    assert bundle.read(folder / "runs" / "one", "metrics.json").contents == {"predictions.csv": b"x"}


def test_a_model_that_was_never_fetched_says_so(tmp_path):
    (tmp_path / "locked.affex").symlink_to(".git/annex/objects/X1/SHA256E-s1--0.affex")
    for path, command in (
        (pointer(tmp_path / "m.affex"), "git lfs pull"),
        (tmp_path / "locked.affex", "git annex get"),
    ):
        with pytest.raises(UsageError, match=rf"{path.name} was never fetched: .* Run `{command}`"):
            model_file.read(path)


def test_a_fifo_cannot_be_shown(tmp_path):
    fifo(tmp_path / "a.wav")
    output = CliRunner().invoke(cli, ["show", "a", "--dataset", "csv", "--data", str(tmp_path / "t.csv")])
    assert output.exit_code != 0
    with pytest.raises(Exception, match=r"empty|FIFO"):
        decode_audio(tmp_path, Media("a.wav"), 16000, 60.0)


# Names that are no UTF-8, from the folder to every output


@pytest.fixture
def latin(tmp_path: Path) -> Path:
    """A folder of wavs whose names are no UTF-8, in a folder that is not called by UTF-8 either."""
    folder = tmp_path / os.fsdecode(b"Aufnahmen \xe4")
    folder.mkdir()
    for seed, name in enumerate((b"t\xf6ne.wav", b"t\\xf6ne.wav", "töne.wav".encode(), b"\xff.wav")):
        named(folder, name)
        write_wav(tmp_path / "x.wav", 0.4, seed=seed)
        (tmp_path / "x.wav").replace(folder / os.fsdecode(name))
    named(folder, b"text \xfc.txt").write_text("no recording")
    return folder


IDS = [r"\xff", r"t\x5cxf6ne", r"t\xf6ne", "töne"]


def small_matrix() -> Table:
    """Return rows with the columns that egemaps has."""
    (spec,) = feature_specs("egemaps")
    columns = spec.feature.columns
    return changed(make_table(n_speakers=3, n_columns=len(columns)), columns=columns)


def in_a_process(*arguments: str | Path) -> str:
    output = subprocess.run(
        [sys.executable, "-m", "affex.pipeline.cli", *arguments, "--scheduler", "inline"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert output.returncode == 0, output.stdout.decode() + output.stderr.decode()
    return output.stdout.decode("ascii")


def test_predict_spells_names_that_are_no_utf_8_everywhere(latin, tmp_path):
    """In the table, the manifest, HDF5 and on a terminal, even one that knows no umlauts."""
    model_file.write(fitted(small_matrix(), wanted("svm:C=1,gamma=1")), tmp_path / "m.affex")
    out = tmp_path / "labelled.csv"
    output = in_a_process(
        "predict", "--model", tmp_path / "m.affex", "--data", latin, "--cache", tmp_path / "cache", "--out", out
    )
    assert r"Left out 1: text \xfc.txt: it is not a recording" in output
    lines = out.read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[:2] for line in lines[1:]] == [
        *([id_, f"{id_}.wav"] for id_ in IDS), [r"text \xfc.txt", r"text \xfc.txt"],
    ]  # fmt: skip
    (folder,) = (tmp_path / "cache").glob("predict-*")
    found = list(manifest.read(folder / "manifest.jsonl"))
    assert [utterance.id for utterance in found] == IDS
    assert all((latin / on_disk(utterance.audio.path)).is_file() for utterance in found)
    with h5py.File(folder / "egemaps.h5") as file:
        assert [name.decode() for name in file["ids"]] == IDS


@pytest.mark.parametrize("name", ["emodb", "baum1s", "cremad", "omg", "mosei", "mosi", "iemocap", "enterface"])
def test_corpora_in_a_folder_whose_name_is_no_utf_8_are_read(name, tmp_path):
    named(tmp_path, b"\xff").unlink()
    root = discovery.corpora()[name].example(tmp_path / "tree")
    plain = discovery.corpora()[name].find(root)
    moved = tmp_path / "moved"
    moved.mkdir()
    root.rename(moved / os.fsdecode(b"Korpus \xe4"))
    found = discovery.corpora()[name].find(moved)
    assert [(u.id, u.label, u.text, u.votes) for u in found] == [(u.id, u.label, u.text, u.votes) for u in plain]
    for utterance in found:
        manifest.to_line(utterance).encode()
    assert [sum((moved / on_disk(m.path)).is_file() for m in u.media()) for u in found] == [
        sum((root.parent / "moved" / os.fsdecode(b"Korpus \xe4") / m.path).is_file() for m in u.media()) for u in plain
    ]


def test_a_table_names_them_by_their_spelling_and_is_read_whatever_it_is_called(latin, tmp_path):
    table = named(latin, b"meine t\xe4belle.csv")
    rows = [f"{id_}.wav,s{n % 2},{'ab'[n // 2]}" for n, id_ in enumerate(IDS)]
    table.write_text("\n".join(["file,speaker,label", *rows]), encoding="utf-8")
    listener = Listener()
    dataset = opened("csv", table, tmp_path / "cache", partial=False, console=listener)
    assert dataset.name == dataset.folder.name == r"meine t\xe4belle"
    assert [utterance.id for utterance in dataset.utterances] == IDS
    assert [utterance.audio.path for utterance in dataset.utterances] == [f"{id_}.wav" for id_ in IDS]
    (summary,) = run(dataset, *feature_specs("egemaps"))
    assert (summary.computed, summary.failures) == (4, {})
    assert feature_rows.load(summary.path, cache.recipe(summary.spec.feature).key).ids == tuple(IDS)
    json.loads((dataset.folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines()[0])
    run(dataset, *feature_specs("egemaps"))  # what was remembered of the files is read again


def test_a_failure_names_them_by_their_spelling(tmp_path):
    named(tmp_path, b"t\xf6ne.wav")
    found = at_hand(tmp_path, tmp_path / "cache")
    (summary,) = run(found, *feature_specs("egemaps"))
    assert summary.failures == {r"t\xf6ne": r"t\xf6ne.wav is empty (0 bytes)"}

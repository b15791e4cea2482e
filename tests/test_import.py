"""Another project's file becomes a feature like ours: whose its rows are, what is refused, and that it is judged."""

import json
import re
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from corpus import Listener, write_wav
from foreign import cached, corpus, extracted, failures, imported, known, rows_of
from test_experiment import FEATURES as VOICE
from test_experiment import run, table

from affex.pipeline.caching import cache, imports, inventory, seal, store
from affex.pipeline.caching.dataset import opened
from affex.pipeline.exchange import exporting, importing, matching
from affex.pipeline.exchange.record import ImportOptions, Part, Source
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.specs.corpora import corpus_of
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import AffexError, UsageError
from affex.pipeline.verification import verification
from affex.pipeline.workspace.workspace import Running, open_workspace


@pytest.fixture
def dataset(tmp_path) -> Dataset:
    return corpus(tmp_path)


def text(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def sequence(path: Path, entries: dict[str, tuple[list, list]], **metadata) -> Path:
    """Write a computational sequence as its own project does, by h5py."""
    with h5py.File(path, "w") as file:
        for key, (features, intervals) in entries.items():
            group = file.create_group(f"theirs/data/{key}")
            group["features"], group["intervals"] = np.array(features, np.float32), np.array(intervals, np.float64)
        for key, value in metadata.items():
            file[f"theirs/metadata/{key.replace('_', ' ')}"] = [json.dumps(value)]
    return path


# Whose rows they are


def owners(keys: list[str], *utterances: Utterance, base=lambda key: key) -> matching.Match:
    return matching.match(Source(("x",), keys, lambda key: Part(np.zeros((1, 1), np.float32)), base=base), utterances)


def heard(id_: str, path: str, *span: float) -> Utterance:
    return Utterance(id_, "c", "s", audio=Media(path, *span))


@pytest.mark.parametrize(
    "key", ["one", "wav/1.wav", "1.wav", "1", "wav/1", "/elsewhere/1.wav", "old/1.npy", "C:\\old\\1.wav"]
)
def test_a_key_is_an_id_or_a_recording_by_any_of_its_names(key):
    found = owners([key], heard("one", "wav/1.wav"), heard("two", "wav/2.wav"))
    assert list(found.owners) == ["one"]
    assert not found.unknown + found.ambiguous


def test_an_id_comes_before_a_recording_of_that_name():
    found = owners(["1", "2"], heard("1", "2.wav"), heard("x", "1.wav"))
    assert found.owners["1"].keys == ("1",)
    assert found.owners["1"].span is None
    assert "x" not in found.owners


def test_a_name_of_two_recordings_is_nobodys_and_told():
    found = owners(["1.wav", "b/1.wav", "3"], heard("one", "a/1.wav"), heard("two", "b/1.wav"))
    assert list(found.owners) == ["two"]
    assert (found.ambiguous, found.unknown) == (("1.wav",), ("3",))
    assert matching.summary(found, 2) == [
        "1 of 2 utterances have rows in it.",
        "1 of its keys match no utterance: 3",
        "1 of its keys match several recordings and are left out: 1.wav",
    ]


def test_sound_and_picture_of_one_utterance_are_one_recording():
    both = replace(heard("one", "wav/1.wav"), video=Media("avi/1.avi"))
    assert list(owners(["1"], both).owners) == ["one"]


def test_two_keys_of_one_recording_are_ambiguous_but_for_its_numbered_parts():
    assert owners(["1", "1.wav"], heard("one", "wav/1.wav")).ambiguous == ("1", "1.wav")
    parts = owners(["1[10]", "1[2]"], heard("one", "wav/1.wav"), base=lambda key: key.partition("[")[0])
    assert parts.owners["one"].keys == ("1[2]", "1[10]")


# Formats


def test_a_table_with_one_row_an_utterance(dataset, tmp_path):
    path = text(tmp_path / "t.csv", "file,label,x,y", "wav/a.wav,joy,1,2.5", "b.wav,anger,3,1e-3", "gone.wav,joy,0,0")
    spec, output = imported(path, dataset)
    assert not spec.framewise
    assert rows_of(dataset, spec) == {"a": ([[1, 2.5]], None), "b": ([[3, np.float32(1e-3)]], None)}
    assert cached(dataset, spec).columns == ("x", "y")
    assert failures(dataset, spec) == dict.fromkeys(
        ("c", "d", "dialog/e", "short"), "the imported file has no rows for it"
    )
    assert "2 of 6 utterances have rows in it." in output
    assert "1 of its keys match no utterance: gone.wav" in output
    assert "  columns left out (text): label" in output


def test_names_that_look_like_numbers_stay_names(tmp_path):
    made = corpus(tmp_path)
    made = replace(made, utterances=tuple(replace(u, id=f"{n:02}") for n, u in enumerate(made.utterances)))
    spec, _ = imported(text(tmp_path / "t.csv", "id;x", "00;1", "01;2"), made)
    assert list(rows_of(made, spec)) == ["00", "01"]


def test_a_table_of_frames_of_recordings_is_shared_among_their_parts(dataset, tmp_path):
    rows = [f"/their/wav/long.mp4;{n / 10:.1f};{n}" for n in reversed(range(15))]
    spec, _ = imported(text(tmp_path / "t.csv", "name;frameTime;x", *rows), dataset)
    # c is from 0.15 to 0.55 s, d from 0.6 to 1.1 s, e from there to 1.4375 s
    assert rows_of(dataset, spec) == {
        "c": ([[2], [3], [4], [5]], [0.05, 0.15, 0.25, 0.35]),
        "d": ([[6], [7], [8], [9], [10]], [0, 0.1, 0.2, 0.3, 0.4]),
        "dialog/e": ([[11], [12], [13], [14]], [0, 0.1, 0.2, 0.3]),
    }


def test_times_of_an_utterance_by_its_id_count_from_its_beginning(dataset, tmp_path):
    spec, _ = imported(text(tmp_path / "t.csv", "id,start,end,x", "c,0,0.1,1", "c,0.1,0.2,2"), dataset)
    assert rows_of(dataset, spec) == {"c": ([[1], [2]], [0.05, 0.15])}


def test_a_sequence_of_whole_recordings_and_one_that_was_aligned(dataset, tmp_path):
    spans = [[0.0, 0.2], [0.2, 0.4], [0.5, 0.9], [1.2, 1.3]]
    path = sequence(tmp_path / "t.csd", {"long": ([[1, 2], [3, 4], [5, 6], [7, 8]], spans)}, dimension_names=["u", "v"])
    whole, _ = imported(path, dataset)
    assert rows_of(dataset, whole) == {"c": ([[3, 4]], None), "d": ([[5, 6]], None), "dialog/e": ([[7, 8]], None)}
    assert cached(dataset, whole).columns == ("u", "v")
    parts = {f"long[{n}]": ([[n, -n], [n, n]], [[a, (a + b) / 2], [(a + b) / 2, b]]) for n, (a, b) in enumerate(spans)}
    aligned, _ = imported(sequence(tmp_path / "u.csd", parts, creator="them"), dataset, "aligned")
    found = rows_of(dataset, aligned)
    assert found["d"] == ([[2, -2], [2, 2]], [0.0, 0.2])
    assert cached(dataset, aligned).columns == ("x0", "x1")
    assert aligned.feature.record["source.creator"] == "them"
    late = sequence(tmp_path / "v.csd", {"c": ([[1], [2], [3]], [[0.0, 0.1], [0.1, 0.3], [0.3, 0.5]])})
    by_id, _ = imported(late, dataset, "late")  # times are those of the recording, as everywhere in such files
    assert rows_of(dataset, by_id) == {"c": ([[2], [3]], [0.05, 0.25])}


def test_what_others_publish_of_mosei_falls_on_its_segments(tmp_path):
    root = corpus_of("mosei").example(tmp_path / "mosei")
    mosei = Dataset("mosei", root, tmp_path / "cache" / "mosei", tuple(corpus_of("mosei").find(root)))
    steps = [[n / 2, n / 2 + 0.5] for n in range(11)]
    path = sequence(
        tmp_path / "COVAREP.csd", {"zk2jTlAtvSU": ([[n] for n in range(11)], steps), "elsewhere": ([[0]], [[0, 1]])}
    )
    spec, output = imported(path, mosei)
    found = rows_of(mosei, spec)  # five segments of 1.5 s, one each s: they overlap, and what is in two is both's
    assert found["zk2jTlAtvSU[0]"] == ([[0], [1], [2]], [0.25, 0.75, 1.25])
    assert found["zk2jTlAtvSU[1]"] == ([[2], [3], [4]], [0.25, 0.75, 1.25])
    assert found["zk2jTlAtvSU[4]"] == ([[8], [9], [10]], [0.25, 0.75, 1.25])
    assert "1 of its keys match no utterance: elsewhere" in output
    parts = {f"zk2jTlAtvSU[{n}]": ([[n], [-n]], [[n, n + 0.5], [n + 0.5, n + 1]]) for n in range(5)}
    aligned, _ = imported(sequence(tmp_path / "aligned.csd", parts), mosei, "aligned")
    assert rows_of(mosei, aligned)["zk2jTlAtvSU[3]"] == ([[3], [-3]], [0.25, 0.75])


def test_a_folder_of_arrays(dataset, tmp_path):
    folder = tmp_path / "vectors"
    folder.mkdir()
    np.save(folder / "a.npy", np.arange(3.0))
    np.save(folder / "b.npy", np.arange(6.0).reshape(2, 3))
    with pytest.raises(UsageError, match=r"'b' has 2 rows and no times.*--hop 0\.01"):
        imported(folder, dataset)
    spec, _ = imported(folder, dataset, options=ImportOptions(hop=0.1))
    assert rows_of(dataset, spec) == {"a": ([[0, 1, 2]], [0.05]), "b": ([[0, 1, 2], [3, 4, 5]], [0.05, 0.15])}


def test_a_folder_of_tables_as_openface_writes_them(dataset, tmp_path):
    folder = tmp_path / "openface"
    folder.mkdir()
    text(folder / "a.csv", "frame, timestamp, AU01_r", "1, 0.00, 0.5", "2, 0.04, 0.25")
    text(folder / "long.csv", "frame, timestamp, AU01_r", "1, 0.5, 1", "2, 0.7, 2")
    spec, _ = imported(folder, dataset)
    assert cached(dataset, spec).columns == ("AU01_r",)
    assert rows_of(dataset, spec) == {
        "a": ([[0.5], [0.25]], [0, 0.04]),
        "c": ([[1]], [0.35]),
        "d": ([[2]], [0.1]),
    }
    text(folder / "b.csv", "frame, timestamp, AU02_r", "1, 0.00, 0.5")
    with pytest.raises(AffexError, match=r"b\.csv does not have the same columns of numbers as .*a\.csv"):
        imported(folder, dataset)


def test_another_projects_database(dataset, tmp_path):
    import audformat

    database = audformat.Database("theirs")
    database.schemes["x"] = audformat.Scheme("float")
    index = audformat.segmented_index(
        ["x/long.wav"] * 3, starts=["0.2s", "0.3s", "0.7s"], ends=["0.3s", "0.4s", "0.8s"]
    )
    for name, of in (("first", index), ("second", audformat.filewise_index(["x/a.wav", "x/b.wav"]))):
        database[name] = audformat.Table(of)
        database[name]["x"] = audformat.Column(scheme_id="x")
        database[name]["x"].set(np.arange(len(of)) + 0.5)
    database.save(str(tmp_path / "db"))
    with pytest.raises(UsageError, match=r"has 2 tables. Choose one with --table NAME: first, second"):
        imported(tmp_path / "db", dataset)
    first, _ = imported(tmp_path / "db", dataset, "first", options=ImportOptions(table="first"))
    assert rows_of(dataset, first) == {"c": ([[0.5], [1.5]], [0.1, 0.2]), "d": ([[2.5]], [0.15])}
    second, _ = imported(tmp_path / "db", dataset, "second", options=ImportOptions(table="second"))
    assert rows_of(dataset, second) == {"a": ([[0.5]], None), "b": ([[1.5]], None)}
    assert first.feature != second.feature


def test_nothing_that_would_run_is_read(dataset, tmp_path):
    import audformat

    text(tmp_path / "x.pkl", "no")
    with pytest.raises(AffexError, match="affex never reads pickles"):
        imported(tmp_path / "x.pkl", dataset)
    database = audformat.Database("theirs")
    database["t"] = audformat.Table(audformat.filewise_index(["a.wav"]))
    database["t"]["x"] = audformat.Column()
    database["t"]["x"].set([1.0])
    database.save(str(tmp_path / "db"), storage_format="pkl")
    with pytest.raises(AffexError, match=r"tables that are pickles \(db\.t\.pkl\)"):
        imported(tmp_path / "db", dataset)
    (tmp_path / "evil").mkdir()
    mark = tmp_path / "mark"
    text(
        tmp_path / "evil" / "db.yaml",
        f"name: !!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path [{mark}]]",
    )
    with pytest.raises(AffexError, match="cannot be read as a plain header"):
        imported(tmp_path / "evil", dataset)
    assert not mark.exists()
    (tmp_path / "arrays").mkdir()
    np.save(tmp_path / "arrays" / "a.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(AffexError, match=r"a\.npy cannot be read as an array without pickle"):
        imported(tmp_path / "arrays", dataset)


# What is wrong with a file


@pytest.mark.parametrize("ending", ["csd", "npz", "parquet", "csv"])
@pytest.mark.parametrize("content", [b"", b"\x93\xff\x00 neither this nor that \xfe" * 50], ids=["empty", "foreign"])
def test_a_file_that_is_none_is_refused_in_words(dataset, tmp_path, ending, content):
    path = tmp_path / f"x.{ending}"
    path.write_bytes(content)
    with pytest.raises(AffexError, match=re.escape(str(path))):
        imported(path, dataset)
    assert not list(dataset.folder.glob("*"))


@pytest.mark.parametrize("ending", ["csd", "npz", "parquet"])
def test_a_file_that_was_cut_is_refused_in_words(dataset, tmp_path, ending):
    path = tmp_path / f"x.{ending}"
    exporting.export(dataset, extracted(dataset, "mfcc:n=13"), path, "", Listener())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(AffexError, match=re.escape(str(path))):
        imported(path, dataset)


def test_what_is_wrong_is_said(dataset, tmp_path):
    def refused(match, *lines, **settings):
        with pytest.raises(AffexError, match=match):
            imported(text(tmp_path / "t.csv", *lines), dataset, **settings)

    refused("2 keys have several rows, and there is no column of times: a, b", "id,x", "a,1", "b,1", "a,2", "b,3")
    refused("no column identifies the utterance of a row.*found x, y", "x,y", "1,2")
    refused("no column of numbers besides id", "id,x", "a,one")
    refused(r"has no rows for mine. Its keys: q, r. The utterances: a, b, c", "id,x", "q,1", "r,1")
    refused("no column of numbers besides id, so there is nothing to import", "id,x")
    refused("1 rows have an empty cell in the column id", "id,x", "a,1", ",2")
    refused("No utterance of mine has rows that can be imported: 1 of its 1 rows have NaN", "id,x,y", "a,,1")
    refused("the column time does not hold times", "id,time,x", "a,soon,1")
    with pytest.raises(UsageError, match="does not exist: nothing can be imported"):
        imported(tmp_path / "nowhere.csv", dataset)
    with pytest.raises(UsageError, match=r"t\.xlsx does not show a format"):
        imported(text(tmp_path / "t.xlsx", ""), dataset)
    assert not list(dataset.folder.glob("*.h5"))


def test_rows_of_several_widths_and_words_are_refused(dataset, tmp_path):
    wide = sequence(tmp_path / "t.csd", {"a": ([[1, 2]], [[0, 1]]), "b": ([[1, 2, 3]], [[0, 1]])})
    with pytest.raises(AffexError, match="'b' has 3 columns, but earlier keys have 2"):
        imported(wide, dataset)
    assert not list(dataset.folder.rglob("*.h5"))  # nothing is half done
    with h5py.File(tmp_path / "w.csd", "w") as file:
        file["words/data/a/features"], file["words/data/a/intervals"] = np.array([[b"yes"]]), [[0.0, 1.0]]
    with pytest.raises(AffexError, match="expected numbers of the shape"):
        imported(tmp_path / "w.csd", dataset)


def test_what_is_not_finite_fails_or_is_left_out(dataset, tmp_path):
    rows = ("a,0.1,1", "a,0.2,nan", "b,0.1,inf", "b,0.2,2", "c,0.1,1e300", "d,0.1,4", "d,0.2,5")
    path = text(tmp_path / "t.csv", "id,time,x", *rows)
    spec, output = imported(path, dataset)
    assert list(rows_of(dataset, spec)) == ["d"]
    assert failures(dataset, spec)["a"] == "1 of its 2 rows have NaN or an infinite number"
    assert any(sentence.startswith("  without rows a: 1 of its 2 rows") for sentence in output)
    dropped, _ = imported(path, dataset, drop=True)
    assert rows_of(dataset, dropped) == {"a": ([[1]], [0.1]), "b": ([[2]], [0.2]), "d": ([[4], [5]], [0.1, 0.2])}
    assert failures(dataset, dropped)["c"] == "1 of its 1 rows have NaN or an infinite number"


@pytest.mark.parametrize("name", ["mfcc", "a b", "a:b", "a,b", "a+b", "../a", "", "1x", "x-0123456789ab"])
def test_a_name_that_is_taken_or_none_is_refused(dataset, tmp_path, name):
    with pytest.raises(UsageError, match=r"import yours under another name|not a valid name of a feature"):
        imported(text(tmp_path / "t.csv", "id,x", "a,1"), dataset, name)


# What the cache makes of it


def test_the_key_follows_the_bytes_and_what_stood_there_is_kept(dataset, tmp_path):
    one, _ = imported(text(tmp_path / "t.csv", "id,x", "a,1"), dataset, note="one " + "ä" * 2000)
    assert one.feature.record["note"].startswith("one ä")
    assert len(one.feature.record["note"]) > 50
    again, _ = imported(tmp_path / "t.csv", dataset)
    assert again == one
    two, _ = imported(text(tmp_path / "t.csv", "id,x", "a,2"), dataset)
    assert two != one
    assert rows_of(dataset, two) == {"a": ([[2]], None)}
    key = cache.recipe(one.feature).key
    assert store.described(dataset.folder / f"theirs-{key[:12]}.h5").key == key
    assert rows_of(dataset, replace(two, preset=f"theirs-{key[:12]}", default=one.feature, feature=one.feature)) == {
        "a": ([[1]], None)
    }
    console = Terminal(quiet=True)
    assert not verification.verify(console, dataset.folder.parent).damaged
    states = [inventory._state(path, store.described(path)) for path in sorted(dataset.folder.glob("*.h5"))]
    assert [state.partition(" (")[0] for state in states] == [
        "an older import: imported from t.csv",
        "imported from t.csv",
    ]


def test_it_has_no_parameters_but_pools_and_columns(dataset, tmp_path):
    path = text(tmp_path / "t.csv", "id,time,u_1,v_1", "a,0.1,1,2", "a,0.2,3,4")
    imported(path, dataset)
    spec = known(dataset, "theirs:pool=mean,columns=v")
    assert (str(spec), spec.framewise) == ("theirs:pool=mean,columns=v", False)
    for asked in ("theirs:digest=0", "theirs:n=3"):
        with pytest.raises(UsageError, match="was imported as it is, and has no parameters but pool and "):
            known(dataset, asked)
    with pytest.raises(UsageError, match="There is no feature 'theirs'"):
        feature_specs("theirs")


def test_media_may_change_and_whose_rows_they_are_may_not(dataset, tmp_path):
    spec, _ = imported(text(tmp_path / "t.csv", "id,x", "a,1", "c,2"), dataset)
    write_wav(dataset.root / "wav" / "a.wav", 0.7, seed=99)
    assert list(imports.stock(dataset, spec).places) == ["a", "c"]
    moved = replace(dataset.utterances[2], audio=Media("wav/long.wav", 0.2, 0.5))
    others = (*dataset.utterances[:2], moved, *dataset.utterances[3:])
    with pytest.raises(
        AffexError, match=r"1 utterances of mine are new or have another file or span .*: c\. Import it again"
    ):
        imports.stock(replace(dataset, utterances=others), spec)
    more = (*dataset.utterances, heard("new", "wav/a.wav"))
    with pytest.raises(AffexError, match=r"1 utterances of mine .*: new"):
        imports.stock(replace(dataset, utterances=more), spec)
    imported(tmp_path / "t.csv", replace(dataset, utterances=more))
    assert failures(dataset, spec)["new"] == "the imported file has no rows for it"


def test_a_hurt_import_says_that_only_an_import_mends_it(dataset, tmp_path):
    spec, _ = imported(text(tmp_path / "t.csv", "id,x", "a,1", "c,2"), dataset)
    path = dataset.folder / "theirs.h5"
    content = bytearray(path.read_bytes())
    at = content.rindex(np.float32(2).tobytes())
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        AffexError, match="An imported feature cannot be computed again: import it again, `make import DATASET="
    ):
        imports.stock(dataset, spec)


def repacked(path: Path) -> None:
    """Write a file anew as h5repack does: the user block as it was, and everything else somewhere else."""
    head = path.read_bytes()[: seal.USER_BLOCK]
    other = path.with_suffix(".tmp")
    with h5py.File(path) as old, h5py.File(other, "w", userblock_size=seal.USER_BLOCK) as new:
        new.create_dataset("first", data=np.arange(999))
        for name in old:
            old.copy(name, new)
    with other.open("r+b") as file:
        file.write(head)
    other.replace(path)


def annotated(path: Path) -> None:
    """Write an attribute into a file by HDF5."""
    with h5py.File(path, "r+") as file:
        file.attrs["note"] = "mine" * 100


def beheaded(path: Path) -> None:
    """Take a file's user block away, as h5py does that copies it into a new file."""
    path.write_bytes(path.read_bytes()[seal.USER_BLOCK :])


@pytest.mark.parametrize("touched", [repacked, annotated, beheaded])
def test_an_import_that_another_program_touched_says_so_and_how_to_import_it_again(dataset, tmp_path, touched, capsys):
    imported(text(tmp_path / "t.csv", "id,x", "a,1", "c,2"), dataset)
    path = dataset.folder / "theirs.h5"
    touched(path)
    with pytest.raises(AffexError) as refused:
        known(dataset, "theirs:pool=mean")
    file = "FILE" if touched is beheaded else "t.csv"
    assert f"'theirs' is damaged: {path} is not as affex wrote it" in str(refused.value)
    assert f"`make import FILE={file} DATASET=csv DATA=mine.csv " in str(refused.value)
    assert str(refused.value).endswith("CALLED=theirs`.")
    assert ("It comes from t.csv (csv)." in str(refused.value)) == (file == "t.csv")
    assert verification.verify(Terminal(), dataset.folder.parent).damaged
    (output,) = [line for line in capsys.readouterr().out.splitlines() if "theirs.h5: " in line]
    assert "--called theirs`" in output
    if touched is repacked:
        assert "theirs.h5: rewritten by another program (as h5repack does)" in output
    imported(tmp_path / "t.csv", dataset)
    assert rows_of(dataset, known(dataset, "theirs")) == {"a": ([[1]], None), "c": ([[2]], None)}


def test_a_corpus_without_it_says_import_it_first(dataset, tmp_path):
    imported(text(tmp_path / "t.csv", "id,x", "a,1"), dataset)
    other = replace(dataset, name="other", folder=dataset.folder.parent / "other")
    spec = known(other, "theirs")
    with pytest.raises(AffexError, match="other has no such feature: import it first, `make import DATASET=o"):
        imports.stock(other, spec)


# Judged like ours


def test_it_evaluates_and_fuses_like_ours_and_cannot_be_fitted(tmp_path):
    path, folder = table(tmp_path), tmp_path / "cache"
    ours = run([path], folder)
    dataset = opened("csv", path, folder, partial=False, console=Terminal(quiet=True))
    (voice,) = feature_specs(VOICE)
    exporting.export(dataset, voice, tmp_path / "out.parquet", "", Listener())
    importing.import_(tmp_path / "out.parquet", dataset, "theirs", Listener())
    theirs = judged([path], folder, "theirs")
    assert (theirs.uar, theirs.confusion) == (ours.uar, ours.confusion)
    assert judged([path], folder, f"{VOICE} theirs").n_utterances == 16
    late = judged([path], folder, f"{VOICE} theirs", fusion="late:mean")
    assert (late.uar, late.confusion) == (ours.uar, ours.confusion)
    assert judged([path], folder, "theirs:columns=loudness").n_utterances == 16

    from affex.pipeline.evaluation.settings import Settings
    from affex.pipeline.models import fit_predict

    with open_workspace([dataset], Terminal(quiet=True), Running("inline", 1)) as workspace:
        settings = Settings(dataset="csv", features="theirs")
        with pytest.raises(UsageError, match="theirs was imported, and affex cannot extract it from new recordings"):
            fit_predict.fit(workspace, settings, tmp_path / "m.affex")
    assert not (tmp_path / "m.affex").exists()


def judged(tables: list[Path], folder: Path, features: str, **settings):
    return run(tables, folder, features=features, **settings)

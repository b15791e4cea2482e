"""Files that anybody may have made: each is imported as it stands or refused in a sentence that names it."""

import io
import json
import random
import re
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpus import Listener
from foreign import corpus, failures, imported, rows_of

from affex.pipeline.exchange import database, exporting, importing, sizes
from affex.pipeline.exchange.record import ImportOptions
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.text.errors import AffexError, UsageError

IDS = np.array(["a", "b"])
GOOD = {"values": np.array([[1.0, 2], [3, 4]]), "ids": IDS, "offsets": np.array([0, 1, 2])}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Dataset:
    return corpus(tmp_path_factory.mktemp("hostile"))


def why_not(path: Path, dataset: Dataset, **settings) -> str:
    """Return why a file is refused: a sentence with its name."""
    with pytest.raises(AffexError) as error:
        imported(path, dataset, "hostile", **settings)
    assert str(path) in str(error.value)
    return str(error.value)


def packed(path: Path, arrays: dict[str, np.ndarray | bytes], way: int = zipfile.ZIP_STORED) -> Path:
    """Write an archive of arrays, some of them as the bytes that are given."""
    with zipfile.ZipFile(path, "w", way) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            if isinstance(array, bytes):
                content.write(array)
            else:
                np.save(content, array, allow_pickle=True)
            archive.writestr(f"{name}.npy", content.getvalue())
    return path


def declaring(shape: tuple[int, ...], content: bytes = b"") -> bytes:
    """Return an array whose header declares a shape, with other content."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return file.getvalue() + content


@pytest.mark.parametrize(
    ("changed", "output"),
    [
        ({"offsets": np.array([0, np.nan, 2])}, "offsets is float64 of the shape .3,.; expected whole numbers"),
        ({"offsets": np.array([0, 2**64 - 1, 2], np.uint64)}, "the offsets do not assign 2 rows to 2 ids"),
        ({"offsets": np.array(2)}, r"offsets is int64 of the shape \(\)"),
        ({"offsets": np.array([2, 1, 0])}, "the offsets do not assign 2 rows"),
        ({"ids": np.array("a")}, r"ids is <U1 of the shape \(\); expected text of \(any\)"),
        ({"ids": np.array([0.5, 1])}, "ids is float64"),
        ({"ids": np.array(["a", "a"])}, "1 ids appear twice: a"),
        ({"ids": np.array([{}, {}], object)}, "ids cannot be read as an array without pickle"),
        ({"values": np.zeros((2, 0))}, "expected numbers of the shape .rows, columns., with at least one column"),
        ({"values": np.array(["x", "y"])}, "values: <U1 of the shape"),
        ({"values": np.array([[1], [2]], object)}, "without pickle"),
        ({"values": np.zeros((2, 2), complex)}, "complex128"),
        ({"values": np.zeros(2, [("x", "f4")])}, "expected numbers of the shape"),
        ({"values": declaring((10**12, 10))}, r"values declares float32 of the shape \(1000000000000, 10\), 4000000"),
        ({"values": declaring((2, 2), bytes(17))}, "declares .* 16 bytes, but has 17 bytes"),
        ({"values": declaring((-2, -2), bytes(16))[:-1]}, "declares"),
        ({"values": b"\x93NUMPY\x01\x00\x10\x00" + b"(" * 16}, "npz"),
        ({"columns": np.array("x")}, r"columns is <U1 of the shape \(\); expected text of \(2\)"),
        ({"columns": np.array(["x"])}, r"expected text of \(2\)"),
        ({"columns": np.array(["x", "x"])}, "1 names belong to several columns: x"),
        ({"columns": np.array(["x", "y\0z"])}, r"the name of a column is 'y\\x00z'"),
        ({"columns": np.array(["x", ""])}, "the name of a column is ''"),
        ({"intervals": np.zeros((2, 3))}, r"intervals is float64 of the shape \(2, 3\); expected numbers of \(2, 2\)"),
        ({"times": np.array(["1", "2"])}, "times is <U1"),
        ({"about": np.array(json.dumps({"affex": 3}))}, "its metadata 'affex' are not as affex writes them"),
        ({"about": np.array(json.dumps({"affex": {}, "framewise": "yes"}))}, "are not as affex writes them"),
        ({"about": np.array(json.dumps({"affex": [], "by": 3}))}, "are not as affex writes them"),
        ({"about": np.array(["{}"])}, r"about is <U2 of the shape \(1,\)"),
    ],
)
def test_an_archive_of_arrays(changed, output, dataset, tmp_path):
    assert re.search(output, why_not(packed(tmp_path / "t.npz", GOOD | changed), dataset))
    assert not list(dataset.folder.rglob("hostile*"))


def test_an_about_that_is_nobodys_is_none(dataset, tmp_path):
    for text in ("no JSON", "[]", '{"theirs": 1}', "[" * 100_000):
        spec, _ = imported(packed(tmp_path / "t.npz", GOOD | {"about": np.array(text)}), dataset, "foreign")
        assert rows_of(dataset, spec) == {"a": ([[1, 2]], None), "b": ([[3, 4]], None)}


def test_ids_of_bytes_are_text(dataset, tmp_path):
    spec, _ = imported(packed(tmp_path / "t.npz", GOOD | {"ids": np.array([b"a", b"b"])}), dataset, "as-bytes")
    assert list(rows_of(dataset, spec)) == ["a", "b"]


@pytest.fixture
def little_room(monkeypatch):
    """Take for gigabytes what is more than a megabyte, so that a test need not write gigabytes."""
    monkeypatch.setattr(sizes, "ROOM", 2**20)


def test_a_small_archive_that_unpacks_to_gigabytes(dataset, tmp_path, little_room):
    rows = 2**21
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("values.npy", "w", force_zip64=True) as file:
            file.write(declaring((rows, 2)))
            file.write(bytes(8 * rows))
        for name, array in (("ids", np.array(["a"])), ("offsets", np.array([0, rows]))):
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, array)
    assert "would unpack to 16777" in why_not(path, dataset)


def test_members_that_come_twice_or_are_locked(dataset, tmp_path):
    path = packed(tmp_path / "t.npz", GOOD)
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("values.npy", b"")
    assert "has an array twice" in why_not(path, dataset)
    content = bytearray(packed(tmp_path / "u.npz", GOOD).read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + at] |= 1  # says that it is encrypted
    (tmp_path / "u.npz").write_bytes(content)
    assert "password required" in why_not(tmp_path / "u.npz", dataset)


@pytest.mark.parametrize(
    ("content", "output"),
    [
        (b"id,x\na,1\n\xff\xfe,2\n", "codec can't decode"),
        ("id,x\na,1\n".encode("utf-16"), "can't decode|zero bytes"),
        (b"id,x\na,1\0\n", "it has zero bytes"),
        (b"x" * 2**24, "its first line has more than 16777216 characters"),
        (b"id,x\na,1,2\n", "rows have more cells than the 2 columns"),
        (b"id,x\na,1\nb,1,2\n", "rows have more cells|Expected 2 fields in line 3, saw 3"),
        (b"id,x,x\na,1,2\n", "several columns are called x"),
        (b"id, id,x\na,b,2\n", "several columns are called id"),
        (b"id\na\n", "no column of numbers besides id"),
        (b"\n\n", "cannot be read as a table"),
        (b'id,x\n"a,1\n', "cannot be read as a table"),
        (b"id,time,x\na,1e999,1\na,0.1,2\n", "the times of 1 of its 2 rows are not numbers of seconds"),
        (b"id,time,x\na,-3,1\na,0.1,2\n", "1 of its 2 rows lie before its beginning, the first at -3 s"),
        (b"id,time,x\na,99999999999999999999 days,1\n", "the column time does not hold times"),
        (b"id,start,end,x\na,0,inf,1\na,0,1,1\n", "the times of 1 of its 2 rows are not numbers of seconds"),
    ],
)
def test_a_table_of_text(content, output, dataset, tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(AffexError) as error:
        imported(path, dataset, "hostile")
    assert re.search(output, str(error.value))


def test_why_no_row_was_taken_is_the_reason_of_those_that_are_there(dataset, tmp_path):
    values = np.full((1, 2), 1e300)
    path = packed(tmp_path / "a.npz", {"values": values, "ids": IDS[1:], "offsets": np.array([0, 1])})
    with pytest.raises(AffexError, match="can be imported: 1 of its 1 rows have NaN or an infinite number"):
        imported(path, dataset, "hostile")


def test_a_table_of_text_that_is_packed_is_not_unpacked(dataset, tmp_path):
    path = tmp_path / "t.csv.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("t.csv", "id,x\na,1\n")
    assert "not a UTF-8 text table" in why_not(path, dataset, format_="csv")


def test_tables_of_text_as_spreadsheets_write_them(dataset, tmp_path):
    (tmp_path / "t.csv").write_bytes("\ufeffid;time;x\r\na;0.2;1\r\na;0.1;2\r\nb;0.1;3\r\n".encode())
    spec, _ = imported(tmp_path / "t.csv", dataset, "spreadsheet")
    assert rows_of(dataset, spec) == {"a": ([[2], [1]], [0.1, 0.2]), "b": ([[3]], [0.1])}
    (tmp_path / "u.csv").write_text("id,x,\na,1,\nb,2,\n")  # what OpenSMILE and others end rows with
    spec, _ = imported(tmp_path / "u.csv", dataset, "trailing")
    assert list(rows_of(dataset, spec)) == ["a", "b"]


def columns(path: Path, *pairs: tuple[str, pa.Array], **settings) -> Path:
    pq.write_table(pa.table([array for _, array in pairs], [name for name, _ in pairs]), path, **settings)
    return path


def test_a_table_in_parquet(dataset, tmp_path):
    ids, numbers = pa.array(["a", "b"]), pa.array([1.0, 2.0])
    lists, records = pa.array([[1.0], [2.0]]), pa.array([{"x": 1}, {"x": 2}])
    path = tmp_path / "t.parquet"
    assert "several columns are called x" in why_not(
        columns(path, ("id", ids), ("x", numbers), ("x", numbers)), dataset
    )
    assert "e hold lists or records" in why_not(columns(path, ("id", ids), ("e", records)), dataset)
    assert "holds lists or records; expected text" in why_not(columns(path, ("id", records), ("x", numbers)), dataset)
    assert "2 rows have an empty cell in the column id" in why_not(
        columns(path, ("id", pa.nulls(2)), ("x", numbers)), dataset
    )
    assert "no column" in why_not(columns(path), dataset)
    spec, output = imported(columns(path, ("id", ids), ("x", numbers), ("e", lists), ("r", records)), dataset, "nested")
    assert rows_of(dataset, spec) == {"a": ([[1, 1]], None), "b": ([[2, 2]], None)}
    assert "  columns left out (text): r" in output


def test_a_small_table_in_parquet_that_unpacks_to_gigabytes(dataset, tmp_path, little_room):
    rows = 2**20
    group = pa.table({"id": pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), ["a"]), "x": np.zeros(rows)})
    with pq.ParquetWriter(tmp_path / "bomb.parquet", group.schema) as writer:
        writer.write_table(group)
    assert "would unpack to 167" in why_not(tmp_path / "bomb.parquet", dataset)


def test_arrays_in_a_folder(dataset, tmp_path):
    at = tmp_path / "arrays"
    at.mkdir()
    for content, output in (
        (declaring((10**12, 10)), "declares float32 of the shape"),
        (declaring((0,)), "at least one column"),
        (declaring((), bytes(4)), r"float32 of the shape \(\)"),
        (declaring((2, 2, 3), bytes(48)), "expected numbers of the shape"),
        (b"", "cannot be read as an array"),
    ):
        (at / "a.npy").write_bytes(content)
        assert re.search(output, why_not(at, dataset))
    with pytest.raises(UsageError, match="is one file: expected a folder"):
        imported(at / "a.npy", dataset, "hostile", format_="npy")


def header(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / database.HEADER).write_text(text, encoding="utf-8")
    return folder


def test_a_database(dataset, tmp_path):
    import audformat

    made = audformat.Database("theirs")
    made.schemes["x"] = audformat.Scheme("float")
    made["t"] = audformat.Table(audformat.filewise_index(["a.wav"]))
    made["t"]["x"] = audformat.Column(scheme_id="x")
    made["t"]["x"].set([1.0])
    made.save(str(tmp_path / "db"), storage_format="parquet")
    good = (tmp_path / "db" / database.HEADER).read_text()
    laughs = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 10))
    hostile = {
        f"{good}\nmeta1: &l0 lol\n{laughs}".replace("l0 lol", "l0 [lol]"): "resolved it has more than 1000000 nodes",
        "a: &a [*a]": "references resolved",
        "a: " + "[" * 5000: "cannot be read as a plain header",
        "a: \t- [": "cannot be read as a plain header",
        "a: \x07": "cannot be read as a plain header",
        "- 3": "is not the header",
        "tables: 3": "cannot be read|'int' object",
        "name: x\nusage: other\ntables: {t: 3}": "cannot be read",
        good.replace("  t:", "  t/../../x:"): "is not the name of a table: it has a slash",
        good.replace("scheme_id: x", "scheme_id: y"): "cannot be read",
        good + "\naffex: 3": None,
        good + "\naffex: '{\"affex\": 3}'": "are not as affex writes them",
    }
    for text, output in hostile.items():
        header(tmp_path / "db", text)
        if output is None:
            imported(tmp_path / "db", dataset, "database")
        else:
            assert re.search(output, why_not(tmp_path / "db", dataset)), text[:80]
    (tmp_path / "db" / "db.x").mkdir()
    (tmp_path / "db" / "db.x" / "y.pkl").write_bytes(b"")
    assert "tables that are pickles" in why_not(tmp_path / "db", dataset)


def test_what_is_no_file_is_not_waited_for(dataset, tmp_path):
    import os

    os.mkfifo(tmp_path / "t.csv")
    for settings in ({}, {"format_": "csv"}):
        assert "it is a FIFO (a named pipe)" in why_not(tmp_path / "t.csv", dataset, **settings)


def test_a_sequence_with_a_bad_record_or_without_columns(dataset, tmp_path):
    from test_import import sequence

    bad = sequence(tmp_path / "t.csd", {"a": ([[1]], [[0, 1]])}, affex={"affex": 3})
    assert "are not as affex writes them" in why_not(bad, dataset)
    none = sequence(tmp_path / "t.csd", {"a": (np.zeros((1, 0)), [[0, 1]])})
    assert "at least one column" in why_not(none, dataset)
    names = sequence(tmp_path / "t.csd", {"a": ([[1, 2]], [[0, 1]])}, dimension_names=["x", "y\0"])
    assert r"the name of a column is 'y\x00'" in why_not(names, dataset)


@pytest.mark.parametrize("ending", ["npz", "parquet", "csv", "npy", "audformat"])
def test_a_file_with_bits_turned_is_imported_or_refused(ending, dataset, tmp_path):
    path = tmp_path / f"t.{ending}"
    damaged = path
    if ending == "npz":
        packed(path, GOOD | {"times": np.array([0.1, 0.2])}, zipfile.ZIP_DEFLATED)
    elif ending == "parquet":
        columns(
            path, ("id", pa.array(["a", "a", "b"])), ("time", pa.array([0.1, 0.2, 0.3])), ("x", pa.array([1, 2, 3]))
        )
    elif ending == "csv":
        path.write_text("id,time,x\na,0.1,1\na,0.2,2\nb,0.1,3\n")
    elif ending == "npy":
        path = tmp_path / "folder"
        path.mkdir()
        damaged = path / "a.npy"
        np.save(damaged, np.arange(6, dtype=np.float32))
    else:
        import audformat

        made = audformat.Database("theirs")
        made["t"] = audformat.Table(audformat.filewise_index(["a.wav", "b.wav"]))
        made["t"]["x"] = audformat.Column()
        made["t"]["x"].set([1.0, 2.0])
        path = tmp_path / "db"
        made.save(str(path), storage_format="parquet")
        damaged = path / database.HEADER
    content, rng = damaged.read_bytes(), random.Random(0)
    outcomes = {"imported": 0, "refused": 0}
    for _ in range(30):
        changed = bytearray(content)
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        damaged.write_bytes(changed)
        try:
            with importing.formats.opened("audformat" if damaged.name == database.HEADER else path.suffix[1:] or "npy",
                                          path, ImportOptions()) as source:  # fmt: skip
                for key in source.keys:
                    source.read(key)
            outcomes["imported"] += 1
        except AffexError:
            outcomes["refused"] += 1
    assert sum(outcomes.values()) == 30


def test_hostile_metadata_is_kept_and_shown_spelt_out(dataset, tmp_path):
    from test_import import sequence

    path = sequence(tmp_path / "t.csd", {"a": ([[1]], [[0, 1]])}, creator="\x1b[31mred\u202e", contact="[red]=1+1")
    spec, _ = imported(path, dataset, "told", note="\x1b]0;title\x07")
    assert spec.feature.record["source.creator"] == "\x1b[31mred\u202e"
    assert failures(dataset, spec)["b"] == "the imported file has no rows for it"
    assert exporting.opened(dataset, spec).n_utterances == 1
    assert Listener().messages == []

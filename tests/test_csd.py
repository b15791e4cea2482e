"""Computational sequences: ours read with h5py alone, others' read with ours, and everything that is none refused."""

import json
import os
import subprocess
import sys

import fuzz_csd
import h5py
import numpy as np
import pytest

from affex.pipeline.media import csd
from affex.pipeline.media.confined import Confined, Limits, RefusedError
from affex.pipeline.text.errors import AffexError

TIMES = np.array([[0.0, 1.5], [1.5, 2.0], [-0.48, 4.1]])
NUMBERS = np.arange(6, dtype=np.float32).reshape(3, 2)


def foreign(path, entries, metadata, root="All Labels", **options):
    """Write a sequence as the SDK deploys it: plain h5py, metadata as JSON in text of any length."""
    with h5py.File(path, "w") as h5:
        for key, (features, intervals) in entries.items():
            group = h5.create_group(f"{root}/data/{key}")
            group.create_dataset("features", data=features, **options)
            group.create_dataset("intervals", data=intervals, **options)
        group = h5.require_group(root).create_group("metadata")
        for key, value in metadata.items():
            group.create_dataset(key, (1,), dtype=h5py.special_dtype(vlen=str))
            group[key][0] = value
    return path


def only(path, key="v0"):
    with csd.reading(path) as sequence:
        return sequence.entries[key]


def test_ours_is_laid_out_as_the_sdk_documents(tmp_path):
    path = tmp_path / "a folder" / "labels.csd"
    entries = {"v0": csd.Entry(NUMBERS, TIMES), "v1[0]": csd.Entry(NUMBERS[:1], TIMES[:1])}
    csd.write(path, "All Labels", entries.items(), {"creator": "Jörg", "dimension names": ["a", "b"]})
    with h5py.File(path) as h5:
        assert list(h5) == ["All Labels"]
        assert sorted(h5["All Labels"]) == ["data", "metadata"]
        data, metadata = h5["All Labels/data"], h5["All Labels/metadata"]
        assert sorted(data) == ["v0", "v1[0]"]
        assert sorted(data["v0"]) == ["features", "intervals"]
        assert data["v0/features"].dtype == np.float32
        assert data["v0/intervals"].dtype == np.float64
        np.testing.assert_array_equal(data["v0/features"][()], NUMBERS)
        np.testing.assert_array_equal(data["v0/intervals"][()], TIMES)
        assert {metadata[key].shape for key in metadata} == {(1,)}
        message = {key: json.loads(metadata[key][0]) for key in metadata}
    assert sorted(message.pop(csd.SEALED)["entries"]) == ["v0", "v1[0]"]
    assert message.pop(csd.SEALER) is True
    assert message == {
        **dict.fromkeys(csd.METADATA),
        **dict.fromkeys(csd.CITATIONS, ""),
        "root name": "All Labels",
        "creator": "Jörg",
        "dimension names": ["a", "b"],
    }
    assert [item.name for item in path.parent.iterdir()] == ["labels.csd"]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64, np.uint8])
@pytest.mark.parametrize("options", [{}, {"compression": "gzip", "compression_opts": 9}], ids=["plain", "gzip"])
def test_others_are_read_at_the_width_they_were_written(dtype, options, tmp_path):
    path = foreign(tmp_path / "a.csd", {"v0": (NUMBERS.astype(dtype), TIMES.astype(np.float32))}, {}, **options)
    entry = only(path)
    assert entry.features.dtype == dtype
    np.testing.assert_array_equal(entry.features, NUMBERS.astype(dtype))
    assert entry.intervals.dtype == np.float64
    np.testing.assert_array_equal(entry.intervals, TIMES.astype(np.float32).astype(np.float64))


@pytest.mark.parametrize("as_written", ["fixed", "any length"])
def test_words_are_text(as_written, tmp_path):
    words = [["so"], ["thé"], ["sp"]]
    kind = h5py.string_dtype() if as_written == "any length" else "S32"
    values = np.array(words if as_written == "any length" else np.char.encode(words, "utf-8"), kind)
    entry = only(foreign(tmp_path / "words.csd", {"v0": (values, TIMES)}, {}, root="words"))
    assert entry.features.tolist() == words
    csd.write(tmp_path / "again.csd", "words", [("v0", entry)], {})
    assert only(tmp_path / "again.csd").features.tolist() == words


def test_metadata_is_json_or_the_text_that_it_is(tmp_path):
    message = {"root name": '"x"', "contact": "a@b.c", "md5": "null", "alignment compatible": "true"}
    with csd.reading(foreign(tmp_path / "a.csd", {"v0": (NUMBERS, TIMES)}, message)) as sequence:
        assert sequence.name == "All Labels"
        assert sequence.metadata == {
            "root name": "x",
            "contact": "a@b.c",
            "md5": None,
            "alignment compatible": True,
        }


def test_a_sequence_is_a_mapping_in_the_order_of_its_keys(tmp_path):
    path = foreign(tmp_path / "a.csd", dict.fromkeys(("v1", "v0"), (NUMBERS, TIMES)), {})
    with csd.reading(path) as sequence:
        assert list(sequence.entries) == ["v0", "v1"]
        assert len(sequence.entries) == 2
        assert "v1" in sequence.entries
        assert sequence.entries.get("v2") is None


def test_more_dimensions_and_no_rows_and_gaps_are_kept(tmp_path):
    cube, gaps = np.zeros((3, 4, 5)), np.array([[np.nan, np.inf], [0, 1], [2, 3]])
    entries = {"cube": (cube, TIMES), "none": (np.zeros((0, 7)), np.zeros((0, 2))), "gaps": (gaps, TIMES)}
    for name in ("theirs.csd", "ours.csd"):
        if name == "theirs.csd":
            foreign(tmp_path / name, entries, {})
        else:
            csd.write(tmp_path / name, "x", ((key, csd.Entry(*pair)) for key, pair in entries.items()), {})
        for key, (features, intervals) in entries.items():
            entry = only(tmp_path / name, key)
            np.testing.assert_array_equal(entry.features, features)
            np.testing.assert_array_equal(entry.intervals, intervals)


@pytest.mark.parametrize(
    ("key", "message"),
    [("v0", ("v0", None)), ("v0[2]", ("v0", 2)), ("a[b][10]", ("a[b]", 10)), ("v[x]", ("v[x]", None))],
)
def test_the_key_of_an_aligned_row_says_which(key, message):
    assert csd.recording(key) == message


@pytest.mark.parametrize(
    ("features", "intervals", "message"),
    [
        (NUMBERS, TIMES[:2], "'v0' has 3 rows of features and 2 intervals, expected one per row"),
        (NUMBERS, TIMES[:, :1], r"the intervals have the shape \(3, 1\)"),
        (NUMBERS, TIMES.ravel(), r"the intervals have the shape \(6,\)"),
        (NUMBERS, np.where(TIMES == 2, np.nan, TIMES), r"expected \(n_rows, 2\) of finite numbers"),
        (NUMBERS[:, 0], TIMES, r"the features have the shape \(3,\)"),
        (NUMBERS.astype(complex), TIMES, "the type complex64|the type complex128"),
    ],
)
def test_halves_that_do_not_belong_together_are_refused_on_both_ways(features, intervals, message, tmp_path):
    path = foreign(tmp_path / "theirs.csd", {"v0": (features, intervals), "v1": (NUMBERS, TIMES)}, {})
    with csd.reading(path) as sequence:
        with pytest.raises(AffexError, match=message) as error:
            sequence.entries["v0"]
        assert "theirs.csd" in str(error.value)
        assert len(sequence.entries["v1"].features) == 3
    with pytest.raises(AffexError, match=message):
        csd.write(tmp_path / "ours.csd", "x", [("v0", csd.Entry(features, intervals))], {})
    assert not (tmp_path / "ours.csd").exists()


def test_an_entry_that_lacks_a_half_is_named(tmp_path):
    path = foreign(tmp_path / "a.csd", {"v0": (NUMBERS, TIMES)}, {})
    with h5py.File(path, "r+") as h5:
        del h5["All Labels/data/v0/intervals"]
        h5["All Labels/data/v1"] = NUMBERS
    with csd.reading(path) as sequence:
        with pytest.raises(AffexError, match="'v0' has no 'intervals'"):
            sequence.entries["v0"]
        with pytest.raises(AffexError, match="'v1' cannot be read"):
            sequence.entries["v1"]


@pytest.mark.parametrize("content", [b"", b"no HDF5 at all", None], ids=["empty", "text", "missing"])
def test_what_is_no_hdf5_is_refused_in_words(content, tmp_path):
    path = tmp_path / "a.csd"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AffexError, match=r"a\.csd cannot be read as a computational sequence \("), csd.reading(path):
        pass


def test_other_hdf5_is_refused_in_words(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as h5:
        h5["values"] = NUMBERS
    message = r"is HDF5, but not a computational sequence: .*found 'values'"
    with pytest.raises(AffexError, match=message), csd.reading(tmp_path / "a.h5"):
        pass


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9])
def test_a_file_that_is_cut_short_is_refused_in_words(kept, tmp_path):
    path = foreign(tmp_path / "a.csd", {"v0": (NUMBERS, TIMES)}, {"creator": '"me"'})
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(AffexError, match="Is it the right file, and whole"):
        only(path)


@pytest.mark.parametrize("key", ["", ".", "a/b", "a\0b"])
def test_a_name_that_hdf5_cannot_hold_is_refused(key, tmp_path):
    for write in (
        lambda: csd.write(tmp_path / "a.csd", "x", [(key, csd.Entry(NUMBERS, TIMES))], {}),
        lambda: csd.write(tmp_path / "a.csd", key, [], {}),
        lambda: csd.write(tmp_path / "a.csd", "x", [], {key: 1}),
    ):
        with pytest.raises(AffexError, match="an HDF5 name must not"):
            write()
    assert not list(tmp_path.iterdir())


def test_a_key_that_comes_twice_is_refused_and_what_stood_there_still_does(tmp_path):
    path = tmp_path / "a.csd"
    path.write_bytes(b"before")
    with pytest.raises(AffexError, match="'v0' occurs twice"):
        csd.write(path, "x", [("v0", csd.Entry(NUMBERS, TIMES))] * 2, {})
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("n_rows", "room"), [(1000, 300_000), (1, 25_000)], ids=["at an entry", "at the end"])
def test_a_full_disk_is_an_error_and_not_the_end_of_the_process(n_rows, room, tmp_path):
    pytest.importorskip("resource", reason="no limits on files here")
    script = f"""
import resource, numpy as np
from pathlib import Path
from affex.pipeline.text.errors import AffexError
from affex.pipeline.media import csd
resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, resource.RLIM_INFINITY))
rows = csd.Entry(np.zeros(({n_rows}, 20)), np.zeros(({n_rows}, 2)))
try:
    csd.write(Path({str(tmp_path / "a.csd")!r}), "x", ((f"v{{n}}", rows) for n in range(9)), {{}})
except AffexError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "a.csd cannot be written: File too large" in done.stdout
    assert not list(tmp_path.iterdir())


# What anybody may have made


def test_a_file_with_bits_turned_reads_as_it_was_or_is_refused(tmp_path):
    found = fuzz_csd.fuzz(fuzz_csd.ours, tmp_path, 16, seed=3)
    assert found["equal"] + found["refused"] == 16
    assert min(found["equal"], found["refused"]) > 2


def test_other_values_in_a_file_of_ours_are_found(tmp_path):
    path = tmp_path / "a.csd"
    csd.write(path, "x", [("v0", csd.Entry(NUMBERS, TIMES)), ("v1", csd.Entry(NUMBERS, TIMES))], {})
    with h5py.File(path, "r+") as h5:
        h5["x/data/v1/features"][1, 1] = 4
    with csd.reading(path) as sequence:
        np.testing.assert_array_equal(sequence.entries["v0"].features, NUMBERS)
        with pytest.raises(AffexError, match="its content differs from what affex wrote"):
            sequence.entries["v1"]
    with h5py.File(path, "r+") as h5:
        h5["x/data"].move("v1", "v2")
    with (
        pytest.raises(AffexError, match="differs from what affex wrote: its names or metadata were changed"),
        csd.reading(path),
    ):
        pass
    with h5py.File(path, "r+") as h5:
        del h5["x/metadata"][csd.SEALED]
    with pytest.raises(AffexError, match="its seal is incomplete"), csd.reading(path):
        pass


@pytest.fixture
def sequence_with(tmp_path):
    """Return a function that writes a sequence whose features are made by hand, and says why it is refused."""

    def refused(make) -> str:
        path = foreign(tmp_path / "theirs.csd", {"v0": (NUMBERS, TIMES)}, {"creator": '"me"'})
        with h5py.File(path, "r+") as h5:
            del h5["All Labels/data/v0/features"]
            make(h5["All Labels/data/v0"])
        with pytest.raises(AffexError, match=r"theirs\.csd") as error, csd.reading(path) as sequence:
            sequence.entries["v0"]
        return str(error.value)

    return refused


def test_nothing_but_the_file_itself_is_read(tmp_path, sequence_with):
    secret = tmp_path / "secret"
    secret.write_bytes(np.arange(6, dtype=np.float32).tobytes())
    other = foreign(tmp_path / "other.csd", {"v0": (NUMBERS, TIMES)}, {})
    inside = "All Labels/data/v0/features"

    def external(group):
        group.create_dataset("features", (3, 2), np.float32, external=[(str(secret), 0, 24)])

    def virtual(group):
        layout = h5py.VirtualLayout((3, 2), np.float32)
        layout[:] = h5py.VirtualSource(str(other), inside, (3, 2))
        group.create_virtual_dataset("features", layout)

    def link(group):
        group["features"] = h5py.ExternalLink(str(other), inside)

    def way_out(group):
        group.file["out"] = h5py.ExternalLink(str(other), "/")
        group["features"] = h5py.SoftLink(f"/out/{inside}")

    def circle(group):
        group["features"] = h5py.SoftLink("features")

    assert "its data lie in other files" in sequence_with(external)
    assert "its data lie in other files" in sequence_with(virtual)
    for make in (link, way_out, circle):
        assert "is a link to another place" in sequence_with(make)
    with h5py.File(tmp_path / "root.csd", "w") as h5:
        h5["All Labels"] = h5py.ExternalLink(str(other), "All Labels")
    with pytest.raises(AffexError, match="is a link to another place"), csd.reading(tmp_path / "root.csd"):
        pass


def test_a_link_within_the_file_is_followed(tmp_path):
    path = foreign(tmp_path / "a.csd", {"v0": (NUMBERS, TIMES)}, {})
    with h5py.File(path, "r+") as h5:
        h5["All Labels/data/v1"] = h5py.SoftLink("/All Labels/data/v0")
    np.testing.assert_array_equal(only(path, "v1").features, NUMBERS)


def test_what_declares_more_than_it_holds_is_refused(sequence_with):
    def declared(shape, **options):
        return lambda group: group.create_dataset("features", shape, np.float32, **options)

    assert "8000000000000 bytes, and the file contains 0 of them" in sequence_with(declared((10**12, 2)))
    assert "1000000 chunks, and the file contains 0 of them" in sequence_with(declared((10**6, 2), chunks=(1, 2)))

    def twice_packed(group):
        made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        made.set_chunk((2**20, 2))
        made.set_deflate(9)
        made.set_deflate(9)
        space = h5py.h5s.create_simple((2**20, 2))
        h5py.h5d.create(group.id, b"features", h5py.h5t.IEEE_F32LE, space, made)

    def foreign_filter(group):
        made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        made.set_chunk((3, 2))
        made.set_filter(32015, h5py.h5z.FLAG_OPTIONAL)
        h5py.h5d.create(group.id, b"features", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((3, 2)), made)

    assert "packed with the filters [1, 1]" in sequence_with(twice_packed)
    assert "packed with the filters [32015]" in sequence_with(foreign_filter)


def test_one_dataset_under_many_names_does_not_make_a_small_file_large(tmp_path):
    rows = 50_000
    path = tmp_path / "bomb.csd"
    entry = (np.zeros((rows, 100), np.float32), np.zeros((rows, 2)))
    foreign(path, {"v0": entry}, {}, compression="gzip", compression_opts=9)
    with h5py.File(path, "r+") as h5:
        for n in range(200):
            h5[f"All Labels/data/w{n}"] = h5["All Labels/data/v0"]
    with csd.reading(path) as sequence, pytest.raises(AffexError, match="together are larger than a file of its size"):
        for key in sequence.entries:
            assert len(sequence.entries[key].features) == rows


def test_rows_come_in_blocks_and_whole(tmp_path):
    large = np.arange(6_000_000, dtype=np.float32).reshape(-1, 3)  # 24 MB
    spans = np.zeros((len(large), 2))
    for options in ({}, {"chunks": (70_001, 2), "compression": "lzf"}):
        path = foreign(tmp_path / "a.csd", {"v0": (large, spans)}, {}, **options)
        np.testing.assert_array_equal(only(path).features, large)


SCRIPT = """
import contextlib, json, os, sys
from multiprocessing.connection import Connection
sys.path.append({folder!r})
import csd_child
descriptor, memory, seconds = map(int, sys.argv[1:4])
csd_child._limit(memory)
channel = Connection(descriptor)
channel.recv_bytes()
csd_child._allow(seconds)
"""


@pytest.mark.parametrize(
    ("does", "message"),
    [
        ("os.kill(os.getpid(), 11)", "the process that reads it ended by signal 11"),
        ("sys.exit(3)", "the process that reads it ended with exit code 3"),
        ("\nwhile True: pass", "reading it took more than 1 s of CPU time"),
        ("channel.recv_bytes()", "it was not read within 0.5 s"),
        ("open(__file__ + '.written', 'w').write('x')", "the process that reads it ended"),
        ("bytearray(2**33)", "the process that reads it ended with exit code 1"),
    ],
    ids=["crash", "exit", "loop", "silence", "writing", "memory"],
)
def test_what_befalls_a_child_is_a_sentence(does, message, tmp_path):
    pytest.importorskip("resource", reason="no limits here")
    (tmp_path / "child.py").write_text(SCRIPT.format(folder=str(csd.CHILD.parent)) + does)
    limits = Limits(seconds=1, patience=0.5 if "0.5 s" in message else 60)
    with pytest.raises(RefusedError, match=message), Confined(tmp_path / "child.py", limits=limits) as child:
        child.ask()


def test_a_fifo_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.csd")
    with pytest.raises(AffexError, match="it is not a file"), csd.reading(tmp_path / "a.csd"):
        pass

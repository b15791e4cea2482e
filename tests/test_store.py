"""The store: what is written is what verifies, and nothing that is damaged verifies."""

import resource
import signal
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pytest

from affex.pipeline.caching import feature_rows, store
from affex.pipeline.caching.entry import CHUNK
from affex.pipeline.caching.seal import COPY
from affex.pipeline.caching.store import Entry, Recipe, Shape
from affex.pipeline.text.errors import AffexError

RECIPE = Recipe('{"feature":"test"}', {"numpy": "1"})
COLUMNS = ("a", "größe")


def utterance(id_: str, n_rows: int = 1, *, frames: bool = False, seed: int = 0) -> Entry:
    values = np.random.default_rng(seed).standard_normal((n_rows, 2)).astype(np.float32)
    return Entry(id_, f"{seed:064d}", values, np.arange(n_rows) / 100 if frames else None)


def pictured(id_: str, sizes: tuple[int, ...], *, frames: bool = True, seed: int = 0) -> Entry:
    crops = tuple(np.random.default_rng([seed, n]).bytes(size) for n, size in enumerate(sizes))
    return replace(utterance(id_, len(sizes), frames=frames, seed=seed), crops=crops)


def publish(path: Path, entries: list[Entry], recipe: Recipe = RECIPE) -> None:
    store.publish(path, recipe, COLUMNS, Shape.of(entries), entries)


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    entries = [
        utterance("häßlich", 3, frames=True, seed=1),
        utterance("b", 1, frames=True, seed=2),
        Entry("c", "s", message="no"),
    ]
    publish(tmp_path / "f.h5", entries)
    table = feature_rows.load(tmp_path / "f.h5", RECIPE.key)
    assert table.ids == ("häßlich", "b")
    assert table.columns == COLUMNS
    assert table.offsets.tolist() == [0, 3, 4]
    np.testing.assert_array_equal(table.values, np.vstack([e.values for e in entries[:2]]))
    found = store.survey(tmp_path / "f.h5", RECIPE.key)
    assert found.failures == {"c": ("s", "no")}
    assert found.damaged == ()
    read = list(store.entries([(i, *found.places[i]) for i in ("b", "häßlich")], RECIPE.key))
    assert [entry.id for entry in read] == ["b", "häßlich"]
    np.testing.assert_array_equal(read[1].times, entries[0].times)


def test_any_program_reads_it(tmp_path: Path) -> None:
    publish(tmp_path / "f.h5", [utterance("x", 2, frames=True), utterance("y", 1, frames=True)])
    with h5py.File(tmp_path / "f.h5") as h5:
        assert h5["ids"].asstr()[:].tolist() == ["x", "y"]
        assert h5["columns"].asstr()[:].tolist() == list(COLUMNS)
        assert h5["values"].dtype == np.float32
        assert h5["times"].attrs["unit"] == "s"
        assert h5.attrs["key"] == RECIPE.key


def test_equal_entries_give_equal_files(tmp_path: Path) -> None:
    for name in ("one.h5", "two.h5"):
        publish(tmp_path / name, [utterance("x", 5), utterance("y", 2), Entry("z", "", message="why")])
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()


def test_a_file_may_hold_failures_only_or_nothing(tmp_path: Path) -> None:
    publish(tmp_path / "f.h5", [Entry("z", "s", message="why " * 400)])
    found = store.survey(tmp_path / "f.h5", RECIPE.key)
    assert found.damaged == ()
    assert found.failures["z"] == ("s", ("why " * 400)[:500])
    publish(tmp_path / "f.h5", [])
    assert feature_rows.load(tmp_path / "f.h5", RECIPE.key).ids == ()


def test_another_key_verifies_nothing(tmp_path: Path) -> None:
    publish(tmp_path / "f.h5", [utterance("x")])
    assert store.survey(tmp_path / "f.h5", Recipe("other").key).places == {}
    with pytest.raises(AffexError, match="Run `make features`"):
        feature_rows.load(tmp_path / "f.h5", Recipe("other").key)


def test_a_digest_binds_key_id_source_rows_and_times() -> None:
    entry = utterance("x", 2, frames=True)
    crops = (b"one", b"")
    others = [
        replace(entry, crops=crops),
        replace(entry, crops=(b"", b"one")),
        replace(entry, crops=(b"on", b"e")),
        replace(entry, crops=(b"", b"")),
        Entry("y", entry.source, entry.values, entry.times),
        Entry("x", "0" * 64 + "1", entry.values, entry.times),
        Entry("x", entry.source, entry.values.T.copy(), entry.times),
        Entry("x", entry.source, entry.values, entry.times + 1e-9),
        Entry("x", entry.source, np.nextafter(entry.values, 9, dtype=np.float32), entry.times),
    ]
    assert len({entry.digest("k"), entry.digest("l"), *(other.digest("k") for other in others)}) == 11


@pytest.mark.parametrize(
    ("some", "step"),
    [
        ([utterance("x", 2, frames=True, seed=1), utterance("y", 1, frames=True, seed=2)], 3),
        ([pictured("x", (40, 0, 7), seed=1), pictured("y", (0, 90), seed=2)], 13),
        ([pictured("x", (0, 0), frames=False)], 29),
    ],
    ids=["rows", "pictures", "empty pictures"],
)
def test_any_flipped_bit_is_found(tmp_path: Path, some: Sequence[Entry], step: int) -> None:
    """Bytes all over a file are flipped; what still verifies afterwards is what was written."""
    entries = [*some, Entry("z", "s", message="why")]
    publish(tmp_path / "f.h5", entries)
    sound = (tmp_path / "f.h5").read_bytes()
    true = {entry.id: entry.digest(RECIPE.key) for entry in entries}
    for at in [*range(0, COPY, 997), *range(2 * COPY, len(sound) - 256, step), *range(len(sound) - 256, len(sound))]:
        damaged = bytearray(sound)
        damaged[at] ^= 1 << at % 8
        (tmp_path / "g.h5").write_bytes(damaged)
        found = store.survey(tmp_path / "g.h5", RECIPE.key)
        assert found.damaged, f"byte {at} was passed over"
        verified = store.entries([(i, *p) for i, p in found.places.items()], RECIPE.key)
        assert all(entry.digest(RECIPE.key) == true[entry.id] for entry in verified)


def test_a_hurt_seal_costs_nothing(tmp_path: Path) -> None:
    publish(tmp_path / "f.h5", [utterance("x"), utterance("y")])
    sound = (tmp_path / "f.h5").read_bytes()
    for at in (5, 100, COPY + 5, COPY + 100):
        damaged = bytearray(sound)
        damaged[at] ^= 1
        (tmp_path / "f.h5").write_bytes(damaged)
        found = store.survey(tmp_path / "f.h5", RECIPE.key)
        assert found.damaged == ("one copy of its seal does not verify",)
        assert list(found.places) == ["x", "y"]
    (tmp_path / "f.h5").write_bytes(b"not a file of ours" * 4000)
    assert store.survey(tmp_path / "f.h5", RECIPE.key).damaged == ("its seal does not verify",)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.9, 0.999])
def test_a_cut_file_keeps_what_lies_before_the_cut(tmp_path: Path, share: float) -> None:
    entries = [utterance(f"{n:03d}", 50, seed=n) for n in range(40)]
    publish(tmp_path / "f.h5", entries)
    content = (tmp_path / "f.h5").read_bytes()
    (tmp_path / "f.h5").write_bytes(content[: int(share * len(content))])
    found = store.survey(tmp_path / "f.h5", RECIPE.key)
    assert found.damaged
    before_values = len(content) - 40 * 50 * 2 * 4
    assert len(found.places) == max(0, int((share * len(content) - before_values) // (50 * 2 * 4)))
    assert list(found.places) == [f"{n:03d}" for n in range(len(found.places))]


def test_a_segment_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(AffexError, match=r"The disk is full: .* All utterances finished so far are kept"):
        store.write_segment(tmp_path / "f.parts", RECIPE, COLUMNS, [utterance("x")])
    assert list((tmp_path / "f.parts").iterdir()) == []


@pytest.mark.parametrize("room", [0, 10_000, 40_000, 100_000])
def test_hdf5_never_meets_a_disk_that_is_full(tmp_path: Path, room: int) -> None:
    entries = [utterance(f"{n}", n_rows=5000) for n in range(3)]
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        with pytest.raises(AffexError, match="cannot be written: File too large"):
            store.write_segment(tmp_path / "f.parts", RECIPE, COLUMNS, entries)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert list((tmp_path / "f.parts").iterdir()) == []


def test_an_old_reader_keeps_its_file_while_a_new_one_is_published(tmp_path: Path) -> None:
    publish(tmp_path / "f.h5", [utterance("x", seed=1)])
    with h5py.File(tmp_path / "f.h5") as reader:
        before = reader["values"][:]
        publish(tmp_path / "f.h5", [utterance("x", seed=2)])
        np.testing.assert_array_equal(reader["values"][:], before)
    assert feature_rows.load(tmp_path / "f.h5", RECIPE.key).values[0, 0] != before[0, 0]


def test_pictures_are_what_was_written(tmp_path: Path) -> None:
    entries = [pictured("x", (5, 0, 70000), seed=1), Entry("f", "s", message="no"), pictured("y", (0,), seed=2)]
    publish(tmp_path / "f.h5", entries)
    found = store.survey(tmp_path / "f.h5", RECIPE.key)
    assert found.damaged == ()
    assert {id_: place.crop_bytes for id_, (_, place) in found.places.items()} == {"x": 70005, "y": 0}
    with store.reading(tmp_path / "f.h5") as reader:
        for number, entry in enumerate((entries[0], entries[2])):
            crops = reader.entry(number, RECIPE.key).crops
            assert tuple(crops) == entry.crops
            assert (crops[-1], len(crops[1:])) == (entry.crops[-1], len(entry.crops[1:]))
            assert tuple(crops[1:]) == entry.crops[1:]
            with pytest.raises(IndexError):
                crops[len(crops)]


def test_any_program_finds_the_picture_of_a_row(tmp_path: Path) -> None:
    entries = [pictured("x", (5, 0), seed=1), pictured("y", (9,), seed=2)]
    publish(tmp_path / "f.h5", entries)
    with h5py.File(tmp_path / "f.h5") as h5:
        crops, begins = h5["crops"], h5["crop_offsets"][:]
        read = [crops[a:b].tobytes() for a, b in pairwise(begins)]
        assert read == [*entries[0].crops, *entries[1].crops]
        assert (crops.dtype, begins.dtype, len(begins)) == (np.uint8, np.int64, 4)


def test_pictures_pass_from_file_to_file_without_being_held(tmp_path: Path) -> None:
    """48 MiB become a segment, that is published, and its utterances read again, in a fraction of that."""
    large = [pictured(str(n), (3 * 2**20,) * 4, seed=n) for n in range(4)]
    digests = {entry.id: entry.digest(RECIPE.key) for entry in large}
    tracemalloc.start()
    segment = store.write_segment(tmp_path / "f.parts", RECIPE, COLUMNS, large)
    places, shape = store.survey(segment, RECIPE.key).places, Shape.of(large)
    read = store.entries([(id_, *places[id_]) for id_ in reversed(places)], RECIPE.key)
    store.publish(tmp_path / "f.h5", RECIPE, COLUMNS, shape, read)
    found = store.survey(tmp_path / "f.h5", RECIPE.key)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * CHUNK
    assert list(found.places) == ["3", "2", "1", "0"]
    assert {
        id_: digest.hex() for id_, digest in store.digests({i: p for i, (_, p) in found.places.items()}).items()
    } == digests


def test_a_flip_in_a_picture_costs_its_clip_and_one_in_an_offset_its_neighbours(tmp_path: Path) -> None:
    publish(tmp_path / "f.h5", [pictured(name, (8, 8), seed=n) for n, name in enumerate("wxyz")])
    sound = (tmp_path / "f.h5").read_bytes()
    with h5py.File(tmp_path / "f.h5") as h5:
        crops, offsets = h5["crops"].id.get_offset(), h5["crop_offsets"].id.get_offset()
    for at, lost in ((crops + 17, "x"), (offsets + 3 * 8, "x"), (offsets + 4 * 8, "xy"), (offsets + 4 * 8 + 7, "xy")):
        (tmp_path / "f.h5").write_bytes(sound[:at] + bytes([sound[at] ^ 0x80]) + sound[at + 1 :])
        found = store.survey(tmp_path / "f.h5", RECIPE.key)
        assert found.damaged_ids == set(lost)
        assert set(found.places) == set("wxyz") - set(lost)


@pytest.mark.parametrize("n_bytes", [1, 8, 9, 20, 32])
def test_a_cut_in_the_pictures_keeps_the_clips_before_it(tmp_path: Path, n_bytes: int) -> None:
    publish(tmp_path / "f.h5", [pictured(name, (4, 4), seed=n) for n, name in enumerate("wxyz")])
    (tmp_path / "f.h5").write_bytes((tmp_path / "f.h5").read_bytes()[:-n_bytes])
    found = store.survey(tmp_path / "f.h5", RECIPE.key)
    assert list(found.places) == list("wxyz"[: (32 - n_bytes) // 8])


def test_what_was_written_before_there_were_pictures_still_verifies() -> None:
    """Frozen from the version before."""
    values = np.arange(6, dtype=np.float32).reshape(3, 2)
    entries = (
        Entry("x", "s", values, np.arange(3) / 100),
        Entry("x", "s", values),
        Entry("x", "s", message="why"),
    )
    assert [entry.digest("k")[:16] for entry in entries] == ["22362479af802caf", "dcfbf3ce02755e85", "8184f70b91f3be53"]

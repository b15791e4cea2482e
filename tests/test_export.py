"""What goes out says what the cache says, in the layout of the format's own project, and comes back to the bit."""

import json
import weakref
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from corpus import Listener, run, spec
from foreign import cached, corpus, extracted, failures, imported
from hypothesis import given
from hypothesis import strategies as st
from plain import Tiles

from affex.pipeline.caching import cache
from affex.pipeline.exchange import exporting, formats, parquet
from affex.pipeline.exchange.record import Export, ExportedUtterance, ImportOptions
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.media import csd
from affex.pipeline.storage.atomic import writing
from affex.pipeline.text.errors import AffexError, UsageError

#: Where each format that affex writes is written.
NAMES = {name: "".join(("out", *one.endings[:1])) for name, one in formats.written().items()}
#: One row an utterance, and rows of frames.
FEATURES = ("gemaps", "mfcc:n=13")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Dataset:
    made = corpus(tmp_path_factory.mktemp("corpus"))
    for name in FEATURES:
        extracted(made, name)
    return made


def written(dataset: Dataset, feature: str, folder: Path, format_: str) -> tuple[Path, list[str]]:
    listener = Listener()
    exporting.export(dataset, extracted(dataset, feature), folder / NAMES[format_], format_, listener)
    assert listener.counted["exporting"] == 5
    return folder / NAMES[format_], listener.messages


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("format_", NAMES)
def test_what_goes_out_comes_back_to_the_bit(dataset, tmp_path, format_, feature):
    path, output = written(dataset, feature, tmp_path, format_)
    assert any("without rows short: " in sentence for sentence in output)
    ours = extracted(dataset, feature)
    theirs, _ = imported(path, dataset, f"{format_}-{feature[:4]}", note="round trip")
    before, after = cached(dataset, ours), cached(dataset, theirs)
    assert after.columns == before.columns, f"{format_}: the columns come back under other names"
    assert after.ids == before.ids, f"{format_}: not all of the 5 utterances come back"
    np.testing.assert_array_equal(after.offsets, before.offsets, f"{format_}: utterances have other numbers of rows")
    assert after.values.tobytes() == before.values.tobytes(), f"{format_}: values come back changed; keep float32"
    assert theirs.framewise == ours.framewise, f"{format_}: the Source does not say whether rows are frames"
    if ours.framewise:
        assert after.times.tobytes() == before.times.tobytes(), f"{format_}: times come back changed; keep float64"
    assert list(failures(dataset, theirs)) == ["short"]
    assert theirs.feature.record["note"] == "round trip"
    came = theirs.feature.record.get("source.key")
    assert came == cache.recipe(ours.feature).key, (
        f"{format_}: write `export.about`, and read it by `said` and `remarks`"
    )


def test_a_sequence_has_the_layout_that_its_own_project_documents(dataset, tmp_path):
    path, _ = written(dataset, "mfcc:n=13", tmp_path, "csd")
    table = cached(dataset, extracted(dataset, "mfcc:n=13"))
    with h5py.File(path) as file:
        (root,) = file
        assert root == "mfcc:n=13"
        assert sorted(file[root]) == ["data", "metadata"]
        assert sorted(file[root]["data"]) == ["a", "b", "c", "d", "dialog%2Fe"]
        entry = file[root]["data"]["c"]
        rows = slice(table.offsets[2], table.offsets[3])
        np.testing.assert_array_equal(entry["features"][()], table.values[rows])
        np.testing.assert_allclose(entry["intervals"][()], table.times[rows][:, None] + [-0.005, 0.005], atol=1e-12)
        output = {key: json.loads(file[root]["metadata"][key][0]) for key in file[root]["metadata"]}
    assert set(csd.METADATA) <= set(output)
    assert output["dimension names"] == list(table.columns)
    assert output["dataset name"] == "mine"
    assert "short" in output["affex failures"]
    with csd.reading(tmp_path / "out-labels.csd") as labels:
        assert labels.metadata["dimension names"] == ["anger", "joy", "valence"]
        np.testing.assert_array_equal(labels.entries["a"].features, [[1, 0, 0]])  # nobody voted: the label
        np.testing.assert_allclose(labels.entries["c"].features, [[0.25, 0.75, 2 / 3]])
        assert labels.metadata["affex utterances"]["speaker"] == [u.speaker for u in dataset.utterances]


@pytest.mark.parametrize("feature", FEATURES)
def test_rows_of_a_recording_stand_together_in_its_time(dataset, tmp_path, feature):
    c, d, e = (next(u for u in dataset.utterances if u.id == id_) for id_ in ("c", "d", "dialog/e"))
    others = [u for u in dataset.utterances if u not in (c, d, e)]
    mixed = replace(dataset, utterances=(e, others[0], c, *others[1:], d))
    ours = extracted(mixed, feature)
    exporting.export(mixed, ours, tmp_path / "out.csd", "", Listener(), by_recording=True)
    table = cached(mixed, ours)
    rows = {id_: slice(*table.offsets[n : n + 2]) for n, id_ in enumerate(table.ids)}
    with h5py.File(tmp_path / "out.csd") as file:
        assert sorted(file[feature]["data"]) == ["a", "b", "long"]
        entry = file[feature]["data"]["long"]
        np.testing.assert_array_equal(entry["features"], np.concatenate([table.values[rows[u.id]] for u in (c, d, e)]))
        if ours.framewise:
            times = np.concatenate([table.times[rows[u.id]] + u.audio.start for u in (c, d, e)])
            np.testing.assert_allclose(np.mean(entry["intervals"], axis=1), times, atol=1e-12)
        else:
            np.testing.assert_allclose(entry["intervals"], [(u.audio.start, u.audio.end) for u in (c, d, e)])
    with csd.reading(tmp_path / "out-labels.csd") as labels:
        assert sorted(labels.entries) == ["a", "b", "long", "short"]
        assert labels.entries["long"].features.shape == (3, 3)
        assert (np.diff(labels.entries["long"].intervals[:, 0]) > 0).all()
    theirs, _ = imported(tmp_path / "out.csd", mixed, f"by-{feature[:4]}")
    after = cached(mixed, theirs)
    assert after.values.tobytes() == table.values.tobytes()
    if ours.framewise:
        np.testing.assert_allclose(after.times, table.times, atol=1e-12)


def test_only_a_sequence_is_written_by_recording(dataset, tmp_path):
    with pytest.raises(
        UsageError, match=r"BY=recording is for the formats csd and npy\. With npz, the table of utterances has"
    ):
        exporting.export(dataset, extracted(dataset, "gemaps"), tmp_path / "a.npz", "", Listener(), by_recording=True)


def test_recordings_of_one_name_are_called_by_their_paths(dataset, tmp_path):
    utterances = [replace(dataset.utterances[0], id=f"{n}", audio=Media(f"{n}/take.wav")) for n in range(2)]
    for exported in utterances:
        (tmp_path / exported.audio.path).parent.mkdir()
        (tmp_path / exported.audio.path).write_bytes((dataset.root / "wav" / "a.wav").read_bytes())
    two = Dataset("two", tmp_path, tmp_path / "cache" / "two", tuple(utterances))
    exporting.export(two, extracted(two, "gemaps"), tmp_path / "out.csd", "", Listener(), by_recording=True)
    with csd.reading(tmp_path / "out.csd") as sequence:
        assert list(sequence.entries) == ["0%2Ftake", "1%2Ftake"]


def test_a_row_of_an_utterance_spans_it_and_its_length_comes_from_the_media(dataset, tmp_path):
    path, _ = written(dataset, "gemaps", tmp_path, "csd")
    with csd.reading(path) as sequence:
        spans = {key: sequence.entries[key].intervals.round(9).tolist() for key in ("a", "b", "c", "dialog%2Fe")}
    assert spans == {"a": [[0, 0.3]], "b": [[0, 0.4]], "c": [[0, 0.4]], "dialog%2Fe": [[0, 0.3375]]}


def test_a_sequence_cannot_do_without_lengths_and_other_formats_can(dataset, tmp_path):
    gone = replace(dataset, root=tmp_path / "nowhere")
    (ours,) = [extracted(dataset, "gemaps")]
    with pytest.raises(AffexError, match="a: its length could not be read from its media"):
        exporting.export(gone, ours, tmp_path / "out.csd", "", Listener())
    assert not (tmp_path / "out.csd").exists()
    exporting.export(gone, ours, tmp_path / "out.npz", "", Listener())
    with np.load(tmp_path / "out.npz") as archive:
        assert np.isnan(archive["intervals"][0, 1])
        assert archive["intervals"][2].tolist() == pytest.approx([0, 0.4])


def test_where_one_recording_does_not_say_how_long_it_is_another_does(dataset, tmp_path):
    ours = extracted(dataset, "gemaps")
    seen = tuple(replace(u, audio=replace(u.audio, path="gone.wav"), video=u.audio) for u in dataset.utterances)
    exporting.export(replace(dataset, utterances=seen), ours, tmp_path / "out.npz", "", Listener())
    with np.load(tmp_path / "out.npz") as archive:
        np.testing.assert_allclose(archive["intervals"][:, 1], [0.3, 0.4, 0.4, 0.5, 0.3375])


def test_an_archive_needs_no_pickle_and_holds_the_table(dataset, tmp_path):
    path, _ = written(dataset, "mfcc:n=13", tmp_path, "npz")
    table = cached(dataset, extracted(dataset, "mfcc:n=13"))
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    np.testing.assert_array_equal(arrays["values"], table.values)
    assert arrays["values"].dtype == np.float32
    np.testing.assert_array_equal(arrays["times"], table.times)
    np.testing.assert_array_equal(arrays["intervals"].mean(axis=1), table.times)
    assert arrays["ids"].tolist() == list(table.ids)
    assert arrays["utterances/id"].tolist() == ["a", "b", "c", "d", "dialog/e", "short"]
    assert arrays["utterances/label"].tolist()[-2:] == ["anger", ""]
    assert arrays["utterances/turn"].tolist() == [-1] * 6
    assert arrays["utterances/audio_start"][2] == 0.15
    assert arrays["utterances/share_joy"][2] == 0.75
    assert "too short" in arrays["utterances/failure"][5]
    assert json.loads(str(arrays["about"]))["affex"]["key"] == cache.recipe(extracted(dataset, "mfcc:n=13").feature).key


def test_parquet_has_a_row_a_row_and_a_table_beside(dataset, tmp_path, monkeypatch):
    import pyarrow.parquet as pq

    monkeypatch.setattr(parquet, "GROUP", 1)  # a group an utterance
    path, _ = written(dataset, "mfcc:n=13", tmp_path, "parquet")
    file = pq.ParquetFile(path)
    table = cached(dataset, extracted(dataset, "mfcc:n=13"))
    assert file.num_row_groups == 5
    assert file.schema_arrow.names == ["id", "start", "end", "time", *table.columns]
    frame = file.read().to_pandas()
    assert len(frame) == len(table.values)
    np.testing.assert_array_equal(frame["time"], table.times)
    np.testing.assert_allclose(frame["end"] - frame["start"], 0.01)
    assert "affex" in json.loads(file.schema_arrow.metadata[b"affex"])
    beside = pq.read_table(tmp_path / "out-utterances.parquet").to_pandas().set_index("id")
    assert beside.loc["short", "text"] == "Äh"
    assert "too short" in beside.loc["short", "failure"]
    assert beside["label"].isna().tolist() == [False] * 5 + [True]


def test_a_database_opens_as_audformat_documents(dataset, tmp_path):
    import audformat

    path, _ = written(dataset, "mfcc:n=13", tmp_path, "audformat")
    database = audformat.Database.load(str(path))
    assert sorted(database.tables) == ["mfcc_n_13", "utterances"]
    frame = database["mfcc_n_13"].get()
    table = cached(dataset, extracted(dataset, "mfcc:n=13"))
    assert audformat.is_segmented_index(frame)
    np.testing.assert_array_equal(frame[list(table.columns)].to_numpy(np.float32), table.values)
    np.testing.assert_array_equal(frame["time"], table.times)
    of_c = frame[frame["utterance"] == "c"].index  # begins at 0.15 s of its file
    middle = (of_c.get_level_values("start") + of_c.get_level_values("end"))[5].total_seconds() / 2
    assert middle == pytest.approx(0.15 + table.times[table.offsets[2] + 5], abs=1e-9)
    assert set(of_c.get_level_values("file")) == {"wav/long.wav"}
    labels = database["utterances"].get()
    assert labels["label"].tolist()[:2] == ["anger", "joy"]
    assert labels["speaker"].tolist() == [u.speaker for u in dataset.utterances]
    assert database.schemes["label"].labels == ["anger", "joy"]
    with pytest.raises(UsageError, match="is not empty"):
        exporting.export(dataset, extracted(dataset, "gemaps"), path, "", Listener())


def test_two_utterances_of_one_span_are_too_much_for_audformat(tmp_path):
    made = corpus(tmp_path)
    first = made.utterances[0]
    twins = replace(made, utterances=(*made.utterances, replace(first, id="twin")))
    with pytest.raises(AffexError, match=r"the same span of wav/a\.wav"):
        exporting.export(twins, extracted(twins, "gemaps"), tmp_path / "out", "", Listener())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("format_", ["csd", "npz", "parquet", "csv", "npy"])
def test_few_clips_are_in_memory_at_a_time(tmp_path, monkeypatch, format_):
    monkeypatch.setattr(parquet, "GROUP", 100)
    listed = tuple(Utterance(f"{n}", "many", "s") for n in range(50))
    alive: set[int] = set()
    most = 0

    def exported_utterances():
        nonlocal most
        for n, utterance in enumerate(listed):
            exported = ExportedUtterance(utterance, np.full((10, 4), n, np.float32), np.zeros((10, 2)), np.zeros(10))
            alive.add(n)
            weakref.finalize(exported, alive.discard, n)
            most = max(most, len(alive))
            yield exported

    export = Export("many", "f", "audio", tuple("wxyz"), True, 50, 500, listed, {}, {}, exported_utterances)
    with writing(tmp_path):
        formats.formats()[format_].write(tmp_path / NAMES[format_], export)
    assert most <= 6  # a group of three, the one before, and the next
    with formats.formats()[format_].reading(tmp_path / NAMES[format_], ImportOptions()) as source:
        assert source.read("49").values.tolist() == [[49.0] * 4] * 10


@pytest.mark.parametrize("framewise", [True, False])
@pytest.mark.parametrize("format_", NAMES)
def test_columns_called_as_a_table_calls_its_own_come_back_under_their_names(tmp_path, format_, framewise):
    utterance = Utterance("u", "c", "s", "joy", audio=Media("u.wav", 0.0, 9.0))
    names = ("time", "found", "ID", "timestamp", "file", "frame", "confidence", "utterance", "start", "feature.time")
    values = np.arange(3 * len(names) if framewise else len(names), dtype=np.float32).reshape(-1, len(names))
    times = np.array([0.5, 1.5, 2.5]) if framewise else None
    intervals = np.array([[0, 1], [1, 2], [2, 3]], float)[: len(values)]
    exported = ExportedUtterance(utterance, values, intervals, times)
    provenance = {"key": "k"}
    made = Export(
        "c", "f", "audio", names, framewise, 1, len(values), (utterance,), {}, provenance, lambda: iter([exported])
    )
    formats.formats()[format_].write(tmp_path / NAMES[format_], made)
    with formats.opened(format_, tmp_path / NAMES[format_], ImportOptions()) as source:
        assert source.columns == names, f"{format_}: columns of these names come back otherwise (`told_apart`, `named`)"
        assert list(source.keys) == ["u"]
        part = source.read("u")
    assert part.values.tolist() == values.tolist()
    if framewise:
        assert part.middles.tolist() == times.tolist()


def test_pictures_are_not_exported_and_it_is_said(tmp_path):
    made = corpus(tmp_path)
    tiles = spec("tiles", Tiles())
    run(made, tiles)
    listener = Listener()
    exporting.export(made, tiles, tmp_path / "out.npz", "", listener)
    assert any("pictures (crops) are not exported" in sentence for sentence in listener.messages)
    with np.load(tmp_path / "out.npz") as archive:
        np.testing.assert_array_equal(archive["values"], cached(made, tiles).values)


def test_what_cannot_be_exported_is_refused_in_words(dataset, tmp_path):
    ours = extracted(dataset, "mfcc:n=13")

    def refused(error, match, feature=ours, name="out.npz", format_=""):
        with pytest.raises(error, match=match):
            exporting.export(dataset, feature, tmp_path / name, format_, Listener())
        assert not list(tmp_path.iterdir())

    refused(UsageError, r"Leave out pool=, columns= and people=", replace(ours, pool=("mean",)))
    refused(AffexError, r"not in the cache: run `make features DATASET=mine FEATURES=tiles`", spec("tiles", Tiles()))
    refused(UsageError, r"out\.xlsx does not show a format: expected \.csd, \.csv, \.tsv, \.npz,", name="out.xlsx")
    refused(UsageError, r"There is no format to export to 'xls'", format_="xls")


@given(
    st.lists(st.floats(0, 1e5), min_size=2, max_size=50, unique=True).map(lambda x: np.sort(np.array(x))),
)
def test_an_interval_has_its_frames_time_in_the_middle(times):
    intervals = exporting.around(times, None)
    exact = intervals[:, 1] <= 3 * times
    np.testing.assert_array_equal(intervals.mean(axis=1)[exact], times[exact])
    np.testing.assert_allclose(intervals.mean(axis=1), times, atol=1e-10)
    np.testing.assert_allclose(np.diff(intervals)[:, 0], np.median(np.diff(times)), atol=1e-9)


def test_a_single_frame_is_as_long_as_the_features_step_or_an_instant():
    np.testing.assert_allclose(exporting.around(np.array([0.5]), 0.01), [[0.495, 0.505]])
    np.testing.assert_array_equal(exporting.around(np.array([0.5]), None), [[0.5, 0.5]])


@pytest.mark.parametrize("format_", NAMES)
def test_real_recordings_come_back_to_the_bit(test_data, tmp_path, format_):
    wavs = sorted(test_data("emodb").rglob("*.wav"))[:3]
    utterances = tuple(Utterance(wav.stem, "real", wav.stem[:2], wav.stem[5], audio=Media(str(wav))) for wav in wavs)
    real = Dataset("real", wavs[0].parent, tmp_path / "cache" / "real", utterances)
    ours = extracted(real, "mfcc:n=13")
    exporting.export(real, ours, tmp_path / NAMES[format_], format_, Listener())
    theirs, _ = imported(tmp_path / NAMES[format_], real)
    before, after = cached(real, ours), cached(real, theirs)
    assert (after.ids, after.columns) == (before.ids, before.columns)
    assert after.values.tobytes() + after.times.tobytes() == before.values.tobytes() + before.times.tobytes()

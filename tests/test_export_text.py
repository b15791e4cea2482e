"""What goes out as .csv and as .npy is laid out as others read it, and only what affex wrote is taken for its own."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from corpus import Listener
from foreign import cached, corpus, extracted, imported, rows_of

from affex.pipeline.exchange import exporting, segments
from affex.pipeline.exchange.record import Export, ExportedUtterance
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.text.errors import AffexError, UsageError

FRAMES, FUNCTIONALS = "mfcc:n=13", "gemaps"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Dataset:
    made = corpus(tmp_path_factory.mktemp("corpus"))
    for name in (FRAMES, FUNCTIONALS):
        extracted(made, name)
    return made


def exported(dataset: Dataset, feature: str, path: Path, format_: str = "", **settings) -> Path:
    exporting.export(dataset, extracted(dataset, feature), path, format_, Listener(), **settings)
    return path


def read(path: Path, parting: str = ",") -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.reader(lines, delimiter=parting))


def test_a_table_names_file_start_and_end_first_and_so_does_that_of_the_utterances(dataset, tmp_path):
    path = exported(dataset, FUNCTIONALS, tmp_path / "x.csv")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["x-about.json", "x-utterances.csv", "x.csv"]
    table = cached(dataset, extracted(dataset, FUNCTIONALS))
    head, *rows = read(path)
    assert head == ["file", "start", "end", *table.columns]
    spans = [["a", 0, 0.3], ["b", 0, 0.4], ["long", 0.15, 0.55], ["long", 0.6, 1.1], ["long", 1.1, 1.4375]]
    assert [[row[0], float(row[1]), float(row[2])] for row in rows] == [[f"wav/{a}.wav", b, c] for a, b, c in spans]
    assert [[np.float32(cell) for cell in row[3:]] for row in rows] == table.values.tolist()
    names, *utterances = read(tmp_path / "x-utterances.csv")
    assert names[:6] == ["file", "start", "end", "id", "corpus", "speaker"]
    assert [row[:3] for row in utterances[:5]] == [row[:3] for row in rows]
    short = dict(zip(names, utterances[5], strict=True))
    assert (short["file"], short["end"], short["label"], short["text"]) == ("wav/short.wav", "", "", "Äh")
    assert "too short" in short["failure"]


def test_frames_are_a_sequence_as_nkululeko_has_it(dataset, tmp_path):
    head, *rows = read(exported(dataset, FRAMES, tmp_path / "x.tsv"), "\t")
    table = cached(dataset, extracted(dataset, FRAMES))
    assert head == ["file", "start", "end", "frame", *table.columns]
    assert [float(row[3]) for row in rows] == table.times.tolist()
    assert len({tuple(row[:3]) for row in rows}) == 5
    assert read(tmp_path / "x-utterances.tsv", "\t")[0][:3] == head[:3]


def test_without_what_lies_beside_it_a_table_is_read_as_anybodys(dataset, tmp_path):
    path = exported(dataset, FUNCTIONALS, tmp_path / "x.csv")
    (tmp_path / "x-about.json").unlink()
    after, _ = imported(path, dataset)
    assert rows_of(dataset, after)["dialog/e"][0] == rows_of(dataset, extracted(dataset, FUNCTIONALS))["dialog/e"][0]
    assert "source.key" not in after.feature.record


@pytest.mark.parametrize("name", ["x.csv", "x-utterances.csv"])
def test_a_table_that_somebody_changed_is_not_taken_for_ours(dataset, tmp_path, name):
    path = exported(dataset, FUNCTIONALS, tmp_path / "x.csv")
    changed = tmp_path / name
    changed.write_text(changed.read_text().replace("wav/a.wav", "wav/b.wav"))
    with pytest.raises(
        AffexError, match=rf"{name} is not what affex wrote: its sha256 is not that in x-about.json. Export it again"
    ):
        imported(path, dataset)


def test_what_lies_beside_a_table_is_part_of_what_was_imported(dataset, tmp_path):
    path = exported(dataset, FUNCTIONALS, tmp_path / "x.csv")
    whole, _ = imported(path, dataset, "whole")
    (tmp_path / "x-about.json").unlink()
    alone, _ = imported(path, dataset, "alone")
    assert whole.feature.digest != alone.feature.digest


@pytest.mark.parametrize(("out", "format_"), [("x.csv", ""), ("database", ""), ("arrays", "npy")])
def test_where_there_are_no_recordings_the_labels_say_of_which_each_is_a_part(dataset, tmp_path, out, format_):
    parts = {"c": Media("v0", 0.5, 1.0), "d": Media("v0", 1.0, 1.75), "dialog/e": Media("v1", 0.0, 0.5)}
    without = tuple(replace(u, audio=None, origin=parts[u.id]) for u in dataset.utterances if u.id in parts)
    bare = replace(dataset, folder=dataset.folder, utterances=without)
    path = tmp_path / out
    exporting.export(bare, extracted(dataset, FUNCTIONALS), path, format_, Listener())
    if path.suffix:
        assert [row[:3] for row in read(path)][1:] == [
            ["v0", "0.5", "1.0"],
            ["v0", "1.0", "1.75"],
            ["v1", "0.0", "0.5"],
        ]
    after, _ = imported(path, replace(bare, folder=tmp_path / "cache" / "bare"))
    before = rows_of(dataset, extracted(dataset, FUNCTIONALS))
    assert rows_of(replace(bare, folder=tmp_path / "cache" / "bare"), after) == {id_: before[id_] for id_ in parts}


def test_names_that_a_spreadsheet_would_run_come_back(dataset, tmp_path):
    twins = tuple(
        replace(u, id={"a": "=a", "b": "'b", "c": "03", "d": "NA"}.get(u.id, u.id)) for u in dataset.utterances
    )
    odd = replace(dataset, folder=tmp_path / "cache" / "odd", utterances=twins)
    for out, format_ in (("x.csv", ""), ("arrays", "npy")):
        after, _ = imported(exported(odd, FUNCTIONALS, tmp_path / out, format_), odd, f"odd{format_}")
        assert cached(odd, after).ids == ("=a", "'b", "03", "NA", "dialog/e")
    assert "'=a" in (tmp_path / "x-utterances.csv").read_text()


def test_two_utterances_of_one_span_are_too_much_for_a_table(dataset, tmp_path):
    twins = replace(dataset, utterances=(*dataset.utterances, replace(dataset.utterances[2], id="twin")))
    with pytest.raises(AffexError, match=r"twin: c is the same span of wav/long\.wav"):
        exported(twins, FUNCTIONALS, tmp_path / "x.csv")
    assert not list(tmp_path.iterdir())


def test_every_float32_is_written_with_as_many_digits_as_it_takes(tmp_path):
    bits = np.random.default_rng(0).integers(0, 2**32, 20_000, np.uint32).view(np.float32)
    values = np.concatenate([bits[np.isfinite(bits)], np.float32([0, -0.0, 1e-45, 3.4028235e38])])[:, None]
    times = np.cumsum(np.random.default_rng(1).random(len(values)))
    utterance = Utterance("u", "c", "s", audio=Media("u.wav"))
    exported = ExportedUtterance(utterance, values, np.zeros((len(values), 2)), times)
    made = Export(
        "c", "f", "audio", ("x",), True, 1, len(values), (utterance,), {}, {}, lambda: iter([exported])
    )  # fmt: skip
    segments.write(tmp_path / "x.csv", made)
    part = segments.ours(tmp_path / "x.csv").read("u")
    assert part.values.tobytes() == values.tobytes()
    assert part.times.tobytes() == times.tobytes()


@pytest.mark.parametrize("feature", [FRAMES, FUNCTIONALS])
def test_arrays_are_called_by_their_utterances_and_a_table_names_them(dataset, tmp_path, feature):
    folder = exported(dataset, feature, tmp_path / "arrays", "npy")
    ours = rows_of(dataset, extracted(dataset, feature))
    names = {row[0]: row[1] for row in read(folder / "utterances.csv")}
    assert names == {"name": "id", "a": "a", "b": "b", "c": "c", "d": "d", "dialog%2Fe": "dialog/e", "": "short"}
    for name, id_ in list(names.items())[1:-1]:
        array = np.load(folder / f"{name}.npy")
        assert array.dtype == np.float32
        assert (array if feature == FRAMES else array[None]).tolist() == ours[id_][0]
    head, *rows = read(folder / "rows.csv")
    assert head == ["name", "start", "end", *(["time"] if feature == FRAMES else [])]
    assert len(rows) == sum(len(values) for values, _ in ours.values())


def test_many_files_are_told_by_their_folder(dataset, tmp_path):
    listener = Listener()
    exporting.export(dataset, extracted(dataset, FUNCTIONALS), tmp_path / "arrays", "npy", listener)
    assert f"62 columns -> {tmp_path / 'arrays'} (8 files)" in listener.messages[0]


@pytest.mark.parametrize("feature", [FRAMES, FUNCTIONALS])
def test_arrays_of_recordings_come_back(dataset, tmp_path, feature):
    folder = exported(dataset, feature, tmp_path / "arrays", "npy", by_recording=True)
    assert sorted(file.stem for file in folder.glob("*.npy")) == ["a", "b", "long"]
    assert [row[:2] for row in read(folder / "utterances.csv")][3:] == [
        ["long", "c"], ["long", "d"], ["long", "dialog/e"], ["", "short"]
    ]  # fmt: skip
    after, _ = imported(folder, dataset, f"by-{feature[:4]}")
    assert rows_of(dataset, after) == rows_of(dataset, extracted(dataset, feature))


def test_an_array_that_somebody_changed_is_not_taken_for_ours(dataset, tmp_path):
    folder = exported(dataset, FUNCTIONALS, tmp_path / "arrays", "npy")
    np.save(folder / "b.npy", np.load(folder / "b.npy") + 1)
    with pytest.raises(AffexError, match=r"b\.npy is not what affex wrote: its sha256 is not that in about\.json"):
        imported(folder, dataset)
    (folder / "about.json").unlink()
    after, _ = imported(folder, dataset)
    assert "source.key" not in after.feature.record


def test_a_record_that_is_not_as_affex_writes_it_is_told(dataset, tmp_path):
    folder = exported(dataset, FUNCTIONALS, tmp_path / "arrays", "npy")
    record = json.loads((folder / "about.json").read_text())
    (folder / "about.json").write_text(json.dumps({**record, "files": [1]}))
    with pytest.raises(
        AffexError, match=r"about\.json is not as affex writes it\. Export it again, or remove about\.json"
    ):
        imported(folder, dataset)


def test_a_folder_that_has_something_in_it_is_left_alone(dataset, tmp_path):
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(UsageError, match="is not empty: name a new folder for the arrays"):
        exported(dataset, FUNCTIONALS, tmp_path, "npy")
    assert (tmp_path / "mine").read_text() == "mine"

"""A folder in the format `datasets`: Hugging Face opens it, Croissant's validator accepts it, without a network."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_hostile_text import HOSTILE, ORDERS

from affex.pipeline.exchange import croissant, datasets, formats, nested, parquet
from affex.pipeline.exchange.record import Export, ExportedUtterance, ImportOptions
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.media import digest
from affex.pipeline.specs import data_sheets, discovery
from affex.pipeline.text.errors import AffexError, UsageError

COLUMNS = ("loud", "pitch <b>", "a,b")


def export(framewise: bool = True, corpus: str = "mine", **more) -> Export:
    """Return an export of utterances with hostile ids, speakers and labels; the third has no rows."""
    utterances = tuple(
        Utterance(
            f"{n} {text}", corpus, text, text, audio=Media(f"/home/somebody/{n}.wav" if n % 2 else f"wav/{n}.wav"),
            votes=((text,), (HOSTILE[0],)), text=text, turn=n or None, **more,
        )
        for n, text in enumerate(HOSTILE)
    )  # fmt: skip
    there = [utterance for n, utterance in enumerate(utterances) if n != 2]
    rows = [rows_of(n if n < 2 else n + 1, utterance, framewise) for n, utterance in enumerate(there)]
    provenance = {"feature": "f", "key": "0" * 64, "versions": {"opensmile": "2.6.0"}}
    failures = {utterances[2].id: "too short <i>"}
    n_rows = sum(len(one.values) for one in rows)
    return Export(
        corpus, "f:a=1", "audio", COLUMNS, framewise, len(rows), n_rows, utterances, failures, provenance,
        lambda: iter(rows),
    )  # fmt: skip


def rows_of(n: int, utterance: Utterance, framewise: bool) -> ExportedUtterance:
    values = np.random.default_rng(n).normal(size=(n % 4 + 1 if framewise else 1, 3)).astype(np.float32)
    times = (np.arange(len(values)) + 0.5) / 7 if framewise else None
    return ExportedUtterance(utterance, values, np.zeros((len(values), 2)), times)


@pytest.fixture(scope="module", params=[True, False], ids=["frames", "utterances"])
def made(request, tmp_path_factory) -> tuple[Export, Path]:
    """An export, and its folder."""
    path, one = tmp_path_factory.mktemp("datasets") / "out", export(request.param)
    datasets.write(path, one)
    return one, path


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """Hugging Face's reader, with a cache of its own, and no network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("HF_HOME", str(tmp_path_factory.mktemp("hub")))
        yield pytest.importorskip("datasets")


def test_it_opens_in_hugging_face_datasets(made, hub, tmp_path):
    one, path = made
    data = hub.load_dataset(str(path), cache_dir=str(tmp_path))["train"].with_format("numpy")
    assert list(data["id"]) == [utterance.id for utterance in one.utterances]
    assert list(data["label"]) == list(data["speaker"]) == [*HOSTILE]
    plain = data.with_format(None)
    assert plain[2]["features"] is None
    assert plain[2]["failure"] == "too short <i>"
    assert [plain[0]["turn"], plain[1]["turn"]] == [None, 1]
    there = [number for number in range(len(HOSTILE)) if number != 2]
    for number, rows in zip(there, one.exported_utterances(), strict=True):
        np.testing.assert_array_equal(np.array(plain[number]["features"], np.float32).reshape(-1, 3), rows.values)
        if one.framewise:
            assert plain[number]["times"] == rows.times.tolist()
    assert ("times" in data.column_names) == one.framewise


def test_croissants_own_reader_accepts_it_and_reads_its_records(made):
    mlcroissant = pytest.importorskip("mlcroissant")
    one, path = made
    described = mlcroissant.Dataset(jsonld=str(path / "croissant.json"))
    assert not described.metadata.ctx.issues.errors
    lacking = {warning.split('"')[1] for warning in described.metadata.ctx.issues.warnings}
    assert lacking == {"https://schema.org/datePublished", "http://mlcommons.org/croissant/citeAs"}
    records = list(described.records(record_set="train"))
    assert [record["train/id"].decode() for record in records] == [utterance.id for utterance in one.utterances]
    assert records[2]["train/features"] is None
    for record, rows in zip(records[3:], list(one.exported_utterances())[2:], strict=True):
        np.testing.assert_array_equal(np.array(record["train/features"]).reshape(-1, 3), rows.values)
    fields = {field.name: field for field in described.metadata.record_sets[0].fields}
    shape = fields["features"].array_shape_tuple
    assert shape == ((-1, 3) if one.framewise else (3,))
    (file,) = described.metadata.distribution
    assert file.sha256 == digest(path / "data" / "train.parquet")


def test_the_validator_ends_well_as_a_command(tmp_path):
    pytest.importorskip("mlcroissant")
    datasets.write(tmp_path / "out", export())
    command = [sys.executable, "-m", "mlcroissant.scripts.validate", "--jsonld", str(tmp_path / "out/croissant.json")]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_hostile_text_is_inert_in_the_card_and_absolute_paths_stay_at_home(made, hub):
    from markdown_it import MarkdownIt
    from yaml import safe_load

    path = made[1]
    _, header, body = (path / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    read = safe_load(header)
    assert read["license"] == "other"
    assert read["configs"][0]["data_files"] == [{"split": "train", "path": "data/train.parquet"}]
    rendered = MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(body)
    assert rendered.count("<tr>") > len(HOSTILE)
    assert "<i>" not in rendered
    assert "<b>" not in rendered
    assert not ORDERS & {*body}
    everything = b"".join(file.read_bytes() for file in path.rglob("*") if file.is_file())
    assert b"somebody" not in everything
    paths = hub.load_dataset("parquet", data_files=str(path / "data" / "*.parquet"))["train"]["audio_path"]
    assert paths[:2] == ["wav/0.wav", "1.wav"]
    assert "openSMILE" in body
    assert "must" not in read


def test_equal_exports_are_equal_bytes(made, tmp_path):
    one, path = made
    datasets.write(tmp_path / "again", one)
    for file in (file for file in path.rglob("*") if file.is_file()):
        assert (tmp_path / "again" / file.relative_to(path)).read_bytes() == file.read_bytes()


def test_the_corpus_own_split_becomes_the_parts(tmp_path, hub, monkeypatch):
    monkeypatch.setattr(parquet, "GROUP", 6)
    one = export()
    split = ("train", "train", "test", "validation")
    utterances = tuple(replace(own, split=split[n % 4]) for n, own in enumerate(one.utterances))
    by_id = {own.id: own for own in utterances}
    rows = [replace(own, utterance=by_id[own.utterance.id]) for own in one.exported_utterances()]
    parted = replace(one, utterances=utterances, exported_utterances=lambda: iter(rows))
    datasets.write(tmp_path / "out", parted)
    found = hub.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "hub"))
    assert {name: len(part) for name, part in found.items()} == {"train": 11, "validation": 5, "test": 5}
    with formats.opened("datasets", tmp_path / "out", ImportOptions()) as source:
        assert set(source.keys) == {own.utterance.id for own in rows}
        for own in rows:
            part = source.read(own.utterance.id)
            assert part.values.tobytes() + part.middles.tobytes() == own.values.tobytes() + own.times.tobytes()
    half = replace(parted, utterances=(replace(utterances[0], split=None), *utterances[1:]))
    assert [*datasets._parts(half)] == ["train"]


def test_a_folder_shows_what_it_is_and_a_changed_one_is_refused(made, tmp_path):
    _, path = made
    assert formats.to_read(path, "") == "datasets"
    (tmp_path / "out").mkdir()
    for file in ("croissant.json", "README.md"):
        (tmp_path / "out" / file).write_bytes((path / file).read_bytes())
    table = tmp_path / "out" / "data" / "train.parquet"
    table.parent.mkdir()

    def refused(match: str) -> None:
        with (
            pytest.raises(AffexError, match=match),
            formats.opened("datasets", tmp_path / "out", ImportOptions()),
        ):
            pass

    refused("its sha256 differs")
    table.write_bytes((path / "data" / "train.parquet").read_bytes()[:-1] + b"!")
    refused("its sha256 differs")
    description = json.loads((path / "croissant.json").read_text(encoding="utf-8"))
    for url in ("../../etc/passwd", "/etc/passwd", "https://a.example/x", "data/../../x"):
        description["distribution"][0]["contentUrl"] = url
        (tmp_path / "out" / "croissant.json").write_text(json.dumps(description), encoding="utf-8")
        refused("lists other files")
    (tmp_path / "out" / "croissant.json").write_text("{", encoding="utf-8")
    refused("cannot be read as datasets")


def test_a_described_folder_of_others_is_refused_with_what_to_do(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    (tmp_path / "data").mkdir()
    pq.write_table(pa.table({"id": ["a"], "features": [[1.0]]}), tmp_path / "data" / "train.parquet")
    one = {"contentUrl": "data/train.parquet", "sha256": digest(tmp_path / "data" / "train.parquet")}
    (tmp_path / "croissant.json").write_text(json.dumps({"distribution": [one]}), encoding="utf-8")
    with (
        pytest.raises(AffexError, match=r"was not written by affex.*FILE=.*train\.parquet"),
        formats.opened("datasets", tmp_path, ImportOptions()),
    ):
        pass


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="not an empty folder"):
        datasets.write(tmp_path / "out", export())
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("framewise", [True, False])
def test_a_table_of_it_is_not_taken_for_a_foreign_one_which_would_bring_labels(tmp_path, framewise):
    datasets.write(tmp_path / "out", export(framewise))
    table = tmp_path / "out" / "data" / "train.parquet"
    with (
        pytest.raises(UsageError, match=f"import its whole folder, FILE={tmp_path / 'out'}"),
        formats.opened("parquet", table, ImportOptions()),
    ):
        pass


@pytest.mark.parametrize("name", discovery.corpora())
def test_every_corpus_has_a_card_and_a_description(name, made):
    sheet = data_sheets.of_corpus(name)
    one = replace(made[0], corpus=name)
    record = json.loads(croissant.text(one, sheet, {"id": str}, {"train": "data/train.parquet"}, {"train": "0"}))
    assert record["license"]
    assert sheet.licence in record["description"]
    if name == "csv":
        return
    assert {"What", "Who", "Licence", "Traps"} <= sheet.sections.keys()
    assert ("url" in record) == (name != "demo")
    assert record["citeAs"]


def test_licences_have_the_hubs_names_only_where_they_are_those():
    found = {name: data_sheets.of_corpus(name).licence_id for name in discovery.corpora()}
    named = {name: id_ for name, id_ in found.items() if id_ != "other"}
    creative = "cc-by-nc-sa-4.0"
    assert named == {
        "cafe": creative, "nemo": creative, "ravdess": creative, "tess": "cc-by-nc-nd-4.0", "cremad": "odbl"
    }  # fmt: skip
    assert data_sheets.of_corpus("tess").licence_url == "https://creativecommons.org/licenses/by-nc-nd/4.0/"


def test_columns_of_any_name_have_identifiers_of_their_own():
    names = ["id", "share_a b", "column-1", *(f"share_{text}" for text in HOSTILE)]
    found = croissant.identifiers(names)
    assert len(set(found)) == len(names)
    assert all(croissant.PLAIN.fullmatch(one) for one in found)
    assert nested.columns(export())["failure"][1][2] == "too short <i>"

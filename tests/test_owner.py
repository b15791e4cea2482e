"""Tables that are called the same, and names that no cache folder can have."""

from pathlib import Path

import pytest
from corpus import write_wav

from affex.pipeline.caching import owner
from affex.pipeline.caching.dataset import last, opened, remember
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import AffexError, UsageError


def table(folder: Path, label: str = "joy", name: str = "mine.csv") -> Path:
    write_wav(folder / "a.wav", 0.1)
    (folder / name).write_text(f"file,speaker,label\na.wav,eva,{label}\n", encoding="utf-8")
    return folder / name


def at_hand(path: Path, cache: Path) -> Dataset:
    return opened("csv", path, cache, partial=False, console=Terminal())


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_a_second_table_of_the_same_name_is_refused(tmp_path, cache):
    first, second = table(tmp_path / "a"), table(tmp_path / "b", "anger")
    assert at_hand(first, cache).folder == cache / "mine"
    assert owner.read(cache / "mine") == first
    with pytest.raises(UsageError) as refused:
        at_hand(second, cache)
    for output in (str(first), str(second), "Rename", "CACHE=folder", str(cache / "mine" / "table.json")):
        assert output in str(refused.value)
    at_hand(first, cache)  # which goes on
    (cache / "mine" / "table.json").unlink()  # the way out that was named
    at_hand(second, cache)
    assert owner.read(cache / "mine") == second


def test_the_same_table_by_another_path_is_the_same(tmp_path, cache, monkeypatch, capsys):
    path = table(tmp_path / "a")
    at_hand(path, cache)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to("a")
    at_hand(Path("a/mine.csv"), cache)
    at_hand(Path("link/../a/mine.csv"), cache)
    at_hand(tmp_path / "link" / "mine.csv", cache)
    assert capsys.readouterr().out == ""


def test_an_edited_table_is_the_same(tmp_path, cache):
    at_hand(table(tmp_path / "a"), cache)
    at_hand(table(tmp_path / "a", "anger"), cache)


def test_a_table_that_was_moved_or_copied_goes_on(tmp_path, cache, capsys):
    at_hand(table(tmp_path / "a"), cache)
    at_hand(table(tmp_path / "b"), cache)
    assert f"was the cache of {tmp_path}/a/mine.csv, which has the same content" in capsys.readouterr().out
    (tmp_path / "b").rename(tmp_path / "c")
    at_hand(table(tmp_path / "c", "edited since"), cache)
    assert f"was the cache of {tmp_path}/b/mine.csv, which is no longer there" in capsys.readouterr().out
    at_hand(tmp_path / "c" / "mine.csv", cache)
    assert capsys.readouterr().out == ""


def test_a_damaged_note_of_the_table_is_said_and_written_anew(tmp_path, cache, capsys):
    path = table(tmp_path / "a")
    at_hand(path, cache)
    record = cache / "mine" / "table.json"
    record.write_text(record.read_text().replace("mine.csv", "yours.csv"))
    at_hand(path, cache)
    assert "no longer says to which table this cache belongs" in capsys.readouterr().out
    assert owner.read(cache / "mine") == path


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("...csv", "not a name for a folder"),
        ("..csv", "not a name for a folder"),
        (".csv", "begin"),
        (".mine.csv", "begin"),
        ("mine..csv", "end"),
        ("  .csv", "not a name for a folder"),
        ("mi\\ne.csv", "character"),
        ("mi\x1bne.csv", "character"),
        ("mi\nne.csv", "character"),
        ("a:b.csv", "character"),
        ("CON.csv", "taken"),
        ("lpt1.x.csv", "taken"),
        ("last.json.csv", "taken"),
        ("README.md.csv", "taken"),
        ("EmoDB.csv", "which is a corpus"),
        ("ä" * 51 + ".csv", "longer than 100 bytes"),
    ],
)
def test_a_name_that_is_none_for_a_folder_is_refused(tmp_path, cache, name, why):
    path = table(tmp_path / "a", name=name)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match=why) as refused:
        at_hand(path, cache)
    assert "Rename the table" in str(refused.value)
    assert "\x1b" not in str(refused.value)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["runs.csv", "Töne 2.csv", "a+b.csv", "v1.2.csv", "mine", "ä" * 50 + ".csv"])
def test_a_name_that_is_one_is_taken(tmp_path, cache, name):
    path = table(tmp_path / "a", name=name)
    assert at_hand(path, cache).folder == cache / path.stem


def test_what_was_extracted_last_is_believed_only_as_it_was_written(cache):
    assert last(cache) is None
    remember(cache, "csv", "a/mine.csv")
    assert last(cache) == ("csv", "a/mine.csv")
    path = cache / "last.json"
    path.write_text(path.read_text().replace("mine", "nine"))
    with pytest.raises(AffexError, match="Name the corpus, for example DATASET=emodb DATA=folder"):
        last(cache)

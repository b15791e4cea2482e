"""What lies below a corpus's folder: links, litter, what cannot be listed, copies, and what was never fetched."""

import os

import pytest
from corpus import pointer

from affex.pipeline.caching import sources
from affex.pipeline.corpora import search
from affex.pipeline.corpora.example_tree import lay
from affex.pipeline.corpora.search import Take
from affex.pipeline.media import pointers
from affex.pipeline.text.errors import CorpusError


def test_the_shallow_come_first_and_litter_not_at_all(tmp_path):
    lay(tmp_path, "b.wav", "a/c.wav", "a/b/a.wav", "._b.wav", ".git/x.wav", "__MACOSX/b.wav", "a/.DS_Store")
    assert search.below(tmp_path) == ["b.wav", "a/c.wav", "a/b/a.wav"]


def test_links_to_folders_are_entered_each_folder_once(tmp_path):
    lay(tmp_path / "elsewhere", "one.wav", "deep/two.wav")
    root = lay(tmp_path / "corpus", "z/three.wav")
    (root / "a").symlink_to(root / "z")  # comes first, but the folder itself counts
    (root / "data").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(root)
    assert search.below(root) == ["data/one.wav", "z/three.wav", "data/deep/two.wav"]


def test_a_root_that_is_a_link_is_entered(tmp_path):
    lay(tmp_path / "elsewhere", "one.wav")
    (tmp_path / "corpus").symlink_to(tmp_path / "elsewhere")
    assert search.below(tmp_path / "corpus") == ["one.wav"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root lists everything")
def test_a_folder_that_cannot_be_listed_is_named(tmp_path):
    lay(tmp_path, "locked/a.wav")
    (tmp_path / "locked").chmod(0)
    try:
        with pytest.raises(CorpusError, match="locked cannot be read: Permission denied"):
            search.below(tmp_path)
    finally:
        (tmp_path / "locked").chmod(0o700)


def test_tables_are_found_in_any_case_and_in_the_order_of_their_names():
    paths = ["x/B.CSV", "a.csv", "deep/er/a.csv"]
    assert search.named(paths, "b.csv", "a.csv") == ["x/B.CSV", "a.csv", "deep/er/a.csv"]
    assert search.named(paths, "c.csv") == []


def key(name: str) -> str | None:
    name = name.rpartition("/")[2].lower()
    return name if name.startswith("clip") else None


def test_sound_and_film_of_a_name_are_one_take():
    takes = search.takes(["clip1.wav", "film/CLIP1.AVI", "clip2.mp4", "other.wav", "clip3.txt"], key)
    assert takes.of == {"clip1": Take("clip1.wav", "film/CLIP1.AVI"), "clip2": Take(film="clip2.mp4")}
    assert takes.of["clip2"].audio == takes.of["clip2"].video
    assert (takes.copies, takes.converted) == ({}, {})


def test_what_its_owners_give_out_is_read_before_what_was_converted():
    takes = search.takes(["clip1.mp4", "clip1.mp3", "deep/clip1.flv", "deep/clip1.wav"], key, ("wav", "mp3", "flv"))
    assert takes.of == {"clip1": Take("deep/clip1.wav", "deep/clip1.flv")}
    assert takes.converted == {("flv", "mp4"): 1}  # the mp3 is their own


def test_files_of_one_name_and_format_are_copies_and_the_shallow_one_is_read():
    takes = search.takes(["clip1.wav", "a/clip1.wav", "b/CLIP1.WAV", "b/clip1.flac"], key)
    assert takes.copies == {"clip1.wav": ["a/clip1.wav", "b/CLIP1.WAV"]}
    found = takes.found("it", [], ["something was left out"])
    assert found.copies == takes.copies
    assert found.remarks == (
        "something was left out",
        "it: 1 recordings exist as .wav and as .flac: the .wav are read",
    )


def test_a_pointer_of_git_lfs_is_told_from_a_recording(tmp_path):
    path = pointer(tmp_path / "a.wav")
    assert pointers.unfetched(path) == ("was never fetched: it is only a pointer. Run `git lfs pull` in its repository")
    path.write_bytes(b"RIFF" + bytes(2000))
    assert pointers.unfetched(path) is None
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n" + bytes(2000))  # longer than any pointer
    assert pointers.unfetched(path) is None


def test_files_of_git_annex_are_told_too(tmp_path):
    (tmp_path / "unlocked.wav").write_text("/annex/objects/SHA256E-s1--0.wav\n")
    (tmp_path / "locked.wav").symlink_to(".git/annex/objects/X1/SHA256E-s1--0.wav")
    (tmp_path / "gone.wav").symlink_to("nowhere.wav")
    assert "`git annex get`" in pointers.unfetched(tmp_path / "unlocked.wav")
    assert "`git annex get`" in pointers.unfetched(tmp_path / "locked.wav")
    assert pointers.unfetched(tmp_path / "gone.wav") is None
    assert pointers.unfetched(tmp_path / "nothing.wav") is None


def test_extraction_names_what_was_never_fetched(tmp_path):
    pointer(tmp_path / "a.wav")
    found = sources.files(tmp_path / "cache", tmp_path, ["a.wav"], lambda _: None)
    assert found["a.wav"].startswith(f"{tmp_path / 'a.wav'} was never fetched")

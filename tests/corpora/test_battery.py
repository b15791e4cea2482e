"""What holds for every corpus in the folder; a new one needs a tree in `trees.py` and no other edit."""

import dataclasses
import importlib
import inspect
from pathlib import Path

import pytest
from trees import TREES

from affex.pipeline.corpora.base import Corpus, shortfalls
from affex.pipeline.manifest.manifest import from_line, to_line
from affex.pipeline.manifest.utterance import Media
from affex.pipeline.specs import discovery
from affex.pipeline.text.errors import CorpusError

CORPORA = discovery.corpora()

pytestmark = pytest.mark.parametrize("corpus", CORPORA.values(), ids=CORPORA)


@pytest.fixture
def tree(corpus: Corpus, tmp_path: Path) -> Path:
    return TREES[corpus.name](tmp_path / "ein Körpus")


def test_its_data_sheet_says_what_who_licence_files_and_traps(corpus):
    module = importlib.import_module(corpus.find.__module__)
    assert module.__name__.rpartition(".")[2] == corpus.name
    for heading in ("What", "who", "icence", "Files", "Traps"):
        assert heading.lower() in module.__doc__.lower()


def test_its_lines_are_filled_in(corpus):
    assert corpus.title.strip()
    assert corpus.licence.strip()
    assert corpus.source.strip()
    assert "\n" not in corpus.title + corpus.licence + corpus.source


def test_its_cards_have_names_of_their_own_and_parts_that_are_counted(corpus):
    assert len({protocol.name for protocol in corpus.protocols}) == len(corpus.protocols) > 0
    assert {part for protocol in corpus.protocols for part in protocol.parts} <= set(corpus.counts)


def test_what_its_files_are_told_has_the_stated_default(corpus):
    parameters = inspect.signature(corpus.find).parameters
    for name, values in corpus.settings.items():
        assert parameters[name].default == values[0]


def test_its_archives_can_be_checked(corpus):
    download = corpus.download
    if download is None:
        pytest.skip("nothing to fetch")
    assert download.base_url.startswith("https://")
    assert download.base_url.endswith("/")
    for name, checksum in {**download.files, **download.extra}.items():
        assert name.endswith(".zip")
        assert download.doi if checksum is None else checksum.startswith(("md5:", "sha256:"))


def test_find_is_the_same_every_time_and_ids_are_unique(corpus, tree):
    utterances = corpus.find(tree)
    assert utterances
    assert list(corpus.find(tree)) == list(utterances)
    assert len({utterance.id for utterance in utterances}) == len(utterances)


def test_every_medium_exists_below_the_root(corpus, tree):
    root = tree.parent if tree.is_file() else tree
    for utterance in corpus.find(tree):
        media = [medium for medium in (utterance.audio, utterance.video) if medium is not None]
        assert media
        for medium in media:
            assert isinstance(medium, Media)
            assert not Path(medium.path).is_absolute()
            assert (root / medium.path).is_file()


def test_every_utterance_survives_the_manifest(corpus, tree):
    utterances = corpus.find(tree)
    assert len({bool(utterance.speaker) for utterance in utterances}) == 1, "everyone is named, or no one"
    for utterance in utterances:
        assert from_line(to_line(utterance)) == utterance
        assert {type(value) for value in dataclasses.astuple(utterance)} <= {str, int, float, tuple, type(None)}


def test_a_part_of_it_is_told_from_the_whole(corpus, tree):
    utterances = corpus.find(tree)
    assert not corpus.counts or bool(shortfalls(corpus, utterances[:-1]))


@pytest.mark.parametrize("wrong", ["missing", "empty", "other"])
def test_a_wrong_root_is_an_error_that_says_what_was_looked_for(corpus, wrong, tmp_path):
    root = tmp_path / wrong
    if wrong == "empty":
        root.mkdir()
    if wrong == "other":
        root.write_text("a file that is no corpus\n", encoding="utf-8")
    with pytest.raises(CorpusError) as error:
        corpus.find(root)
    assert str(root) in str(error.value)
    assert "ooked for" in str(error.value) or "Needed:" in str(error.value)

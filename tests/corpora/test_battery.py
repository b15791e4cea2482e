"""What holds for every corpus in the folder, tried on the example that it carries: a new one needs no edit here.

CONTRIBUTING.md says all that is demanded; a failure names the file and what it lacks in one line.
"""

import dataclasses
import importlib
import inspect
from pathlib import Path

import pytest

from affex.pipeline.corpora.base import Corpus, shortfalls
from affex.pipeline.manifest.manifest import from_line, to_line
from affex.pipeline.manifest.utterance import Media
from affex.pipeline.specs import discovery
from affex.pipeline.text.errors import CorpusError

CORPORA = discovery.corpora()
HEADINGS = ("What", "Who", "Licence", "Files", "Traps")

pytestmark = pytest.mark.parametrize("corpus", CORPORA.values(), ids=CORPORA)


@pytest.fixture
def data(corpus: Corpus, tmp_path: Path) -> Path:
    """Return what ``DATA`` names of the corpus's example, in a folder whose name needs care."""
    return corpus.example(tmp_path / "ein Körpus")


@pytest.fixture
def of(corpus: Corpus) -> str:
    """Return how a failure begins."""
    return f"pipeline/corpora/{corpus.name}.py"


def test_its_name_is_that_of_its_file(corpus):
    for function in (corpus.find, corpus.example):
        module = function.__module__
        assert module == f"affex.pipeline.corpora.{corpus.name}", f"{module} calls its corpus '{corpus.name}'"


def test_its_data_sheet_has_all_headings(corpus, of):
    sheet = (importlib.import_module(corpus.find.__module__).__doc__ or "").lower()
    missing = [heading for heading in HEADINGS if heading.lower() not in sheet]
    assert not missing, f"{of}: the docstring lacks {', '.join(missing)}"


@pytest.mark.parametrize("field", ["title", "licence", "source"])
def test_what_is_listed_of_it_is_one_line(corpus, field, of):
    text = getattr(corpus, field)
    assert text.strip(), f"{of}: CORPUS.{field} is blank"
    assert "\n" not in text, f"{of}: CORPUS.{field} has more than one line"


def test_its_protocols_have_names_of_their_own_and_parts_that_are_counted(corpus, of):
    assert corpus.protocols, f"{of}: CORPUS.protocols is empty"
    names = [protocol.name for protocol in corpus.protocols]
    assert len({*names}) == len(names), f"{of}: two protocols have one name"
    parts = {part for protocol in corpus.protocols for part in protocol.parts}
    assert parts <= set(corpus.counts), f"{of}: a protocol takes parts that CORPUS.counts lacks"


def test_its_settings_have_the_stated_default(corpus, of):
    parameters = inspect.signature(corpus.find).parameters
    for name, values in corpus.settings.items():
        assert name in parameters, f"{of}: find has no parameter '{name}', which CORPUS.settings names"
        assert parameters[name].default == values[0], f"{of}: the default of '{name}' is not the first of its values"


def test_its_archives_can_be_checked(corpus, of):
    download = corpus.download
    if download is None:
        pytest.skip("nothing to fetch")
    assert download.base_url.startswith("https://"), f"{of}: the address is not https"
    assert download.base_url.endswith("/"), f"{of}: the address does not end in a slash"
    for name, checksum in {**download.files, **download.extra}.items():
        assert name.endswith(".zip"), f"{of}: {name} is not a zip archive"
        known = download.doi if checksum is None else checksum.startswith(("md5:", "sha256:"))
        assert known, f"{of}: {name} has no checksum (md5: or sha256:), and there is no DOI that publishes one"


def test_its_example_has_utterances_with_ids_of_their_own_in_a_fixed_order(corpus, data, of):
    utterances = corpus.find(data)
    assert utterances, f"{of}: find sees no utterance in the example"
    assert list(corpus.find(data)) == list(utterances), f"{of}: find returns something else the second time"
    ids = [utterance.id for utterance in utterances]
    assert len({*ids}) == len(ids), f"{of}: two utterances have one id"
    assert {utterance.corpus for utterance in utterances} <= {corpus.name, data.stem}, f"{of}: another corpus is named"


def test_every_medium_exists_below_the_root(corpus, data, of):
    root = data.parent if data.is_file() else data
    for utterance in corpus.find(data):
        media = [medium for medium in (utterance.audio, utterance.video) if medium is not None]
        assert media, f"{of}: '{utterance.id}' has neither sound nor picture"
        for medium in media:
            assert isinstance(medium, Media), f"{of}: a medium is no Media"
            assert not Path(medium.path).is_absolute(), f"{of}: {medium.path} is not relative to the root"
            assert (root / medium.path).is_file(), f"{of}: {medium.path} is no file of the example"


def test_every_utterance_survives_the_manifest(corpus, data, of):
    utterances = corpus.find(data)
    named = {bool(utterance.speaker) for utterance in utterances}
    assert len(named) == 1, f"{of}: some utterances have a speaker and some have none"
    for utterance in utterances:
        assert from_line(to_line(utterance)) == utterance, f"{of}: '{utterance.id}' is read back as something else"
        types = {type(value) for value in dataclasses.astuple(utterance)}
        assert types <= {str, int, float, tuple, type(None)}, f"{of}: '{utterance.id}' holds other than plain values"


def test_a_part_of_it_is_told_from_the_whole(corpus, data, of):
    utterances = corpus.find(data)
    told = not corpus.counts or shortfalls(corpus, utterances[:-1])
    assert told, f"{of}: CORPUS.counts takes a part of the example for the whole corpus"


@pytest.mark.parametrize("wrong", ["missing", "empty", "other"])
def test_a_wrong_root_is_an_error_that_says_what_was_looked_for(corpus, wrong, of, tmp_path):
    root = tmp_path / wrong
    if wrong == "empty":
        root.mkdir()
    if wrong == "other":
        root.write_text("a file that is no corpus\n", encoding="utf-8")
    with pytest.raises(CorpusError) as error:
        corpus.find(root)
    assert str(root) in str(error.value), f"{of}: the error does not name the folder: {error.value}"
    says = "ooked for" in str(error.value) or "Needed:" in str(error.value)
    assert says, f"{of}: the error does not say what was looked for: {error.value}"

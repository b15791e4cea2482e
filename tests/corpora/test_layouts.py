"""The layouts that people keep corpora in hold what those of their owners do, and what is left out is said."""

from collections import Counter
from functools import cache

import pytest
from corpus import Listener, pointer
from layouts import LAYOUTS, fill, row

from affex.pipeline.caching import sources
from affex.pipeline.caching.dataset import opened
from affex.pipeline.manifest.manifest import Dataset, Utterances
from affex.pipeline.specs import discovery
from affex.pipeline.text.errors import CorpusError

CORPORA = discovery.corpora()


def facts(found: Dataset) -> set[tuple[str, str, str | None]]:
    return {(utterance.id, utterance.speaker, utterance.label) for utterance in found.utterances}


@pytest.fixture(scope="module")
def owners(tmp_path_factory):
    """Return a function from a corpus to what its owners' layout, the first of it, holds."""

    @cache
    def of(corpus: str) -> set[tuple[str, str, str | None]]:
        layout = next(layout for layout in LAYOUTS if layout.corpus == corpus)
        return facts(layout.open(tmp_path_factory.mktemp(corpus), Listener()))

    return of


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: f"{layout.corpus}: {layout.title}")
def test_every_layout_holds_what_its_owners_does(layout, owners, tmp_path):
    listener = Listener()
    found = layout.open(tmp_path, listener)
    print(row(layout, found, listener.messages))  # a table, with pytest -s
    assert len(found.utterances) == layout.n
    for part in layout.output:
        assert [sentence for sentence in listener.messages if part in sentence]
    theirs, ours = owners(layout.corpus), facts(found)
    assert ours <= theirs or layout.spec


@pytest.mark.parametrize(
    ("corpus", "one", "other"),
    [
        ("emodb", "wav/03a01Fa.wav", "EMO-DB/wav/03a01fa.WAV"),
        ("ravdess", "Actor_01/03-01-06-01-02-01-01.wav", "audio_speech_actors_01-24/Actor_01/03-01-06-01-02-01-01.wav"),
        ("cremad", "AudioWAV/1001_DFA_ANG_XX.wav", "AudioWAV/AudioWAV/1001_DFA_ANG_XX.wav"),
        ("savee", "ALL/DC_a01.wav", "AudioData/DC/a01.wav"),
        ("rml", "s1/an1.avi", "copy/s1/an1.avi"),
        ("enterface", "subject 1/anger/sentence 1/s1_an_1.avi", "subject 1/anger/sentence 1/s1_an_2.avi"),
        ("afew", "Train_AFEW/Angry/000046280.avi", "Train_AFEW/Train_AFEW/Angry/000046280.avi"),
    ],
)
@pytest.mark.parametrize("content", [b"another recording", b"recordinG"], ids=["longer", "as long"])
def test_two_recordings_of_one_name_are_refused_by_name(corpus, one, other, content, tmp_path):
    fill(tmp_path, [one, other])
    (tmp_path / one).write_bytes(b"recording")
    (tmp_path / other).write_bytes(content)
    with pytest.raises(CorpusError) as error:
        opened(corpus, tmp_path, tmp_path / "cache", partial=True, console=Listener())
    assert f"'{one}' and '{other}'" in str(error.value)
    assert "1 file lies there again with different bytes" in str(error.value)
    assert "Move one of the two away" in str(error.value)


def test_copies_are_read_once(tmp_path, monkeypatch):
    monkeypatch.setattr("affex.pipeline.storage.files.TICK", -60.0)  # files of this very moment are believed, too
    fill(tmp_path, ["wav/03a01Fa.wav", "copy/03a01Fa.wav"])
    for read in (2, 0):
        digest = Counter()
        monkeypatch.setattr(sources.media, "digest", lambda path, seen=digest: (seen.update([path]), "00" * 32)[1])
        opened("emodb", tmp_path, tmp_path / "cache", partial=True, console=Listener())
        assert digest.total() == read


@pytest.mark.parametrize("corpus", [name for name in CORPORA if name != "demo"])
def test_recordings_that_were_never_fetched_are_refused_and_counted(corpus, tmp_path):
    root = CORPORA[corpus].example(tmp_path / "in")

    def at_hand(*, partial: bool) -> Dataset:
        return opened(corpus, root, tmp_path / "cache", partial=partial, console=Listener())

    whole = at_hand(partial=True)
    recording = pointer(whole.root / whole.utterances[0].media()[0].path)
    with pytest.raises(CorpusError, match=r"1 of \d+ files are not recordings: .* never fetched.*`git lfs pull`"):
        at_hand(partial=False)
    assert any("never fetched" in note for note in at_hand(partial=True).notes)
    recording.write_bytes(b"RIFF")
    assert not any("never fetched" in note for note in at_hand(partial=True).notes)


@pytest.mark.parametrize(
    ("corpus", "table"),
    [
        ("cremad", "VideoDemographics.csv"),
        ("omg", "omg_TrainVideos.csv"),
        ("baum1s", "Annotations_BAUM1s.xlsx"),
        ("mosi", "CMU_MOSI_Opinion_Labels.csd"),
        ("csv", "meine Daten.csv"),
    ],
)
def test_tables_that_were_never_fetched_are_named(corpus, table, tmp_path):
    root = CORPORA[corpus].example(tmp_path / "in")
    pointer(tmp_path / "in" / table)
    with pytest.raises(CorpusError, match=rf"{table} was never fetched: .*`git lfs pull`"):
        opened(corpus, root, tmp_path / "cache", partial=True, console=Listener())


def test_a_manifest_keeps_what_a_labels_part_of_a_recording_is(tmp_path):
    found = next(layout for layout in LAYOUTS if layout.title == "the labels alone").open(tmp_path, Listener())
    assert isinstance(found.utterances, Utterances)
    assert found.utterances[1].origin.path == "rec00"
    assert (found.utterances[1].origin.start, found.utterances[1].origin.end) == (2.0, 3.0)

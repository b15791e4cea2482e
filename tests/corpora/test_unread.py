"""Corpora without a reader are recognised, and told how to come in as a table."""

import pytest

from affex.pipeline.corpora.unread import UNREAD, Unread, plain
from affex.pipeline.specs import discovery
from affex.pipeline.text.errors import UsageError

CORPORA = discovery.corpora()
OF_TITLE = {unread.title: unread for unread in UNREAD}


def message(name: str) -> str:
    with pytest.raises(UsageError) as error:
        discovery.corpus(name)
    return str(error.value)


@pytest.mark.parametrize("unread", UNREAD, ids=OF_TITLE)
def test_each_is_told_how_to_come_in_as_a_table(unread):
    for name in (unread.title, unread.title.upper(), plain(unread.title), *unread.also):
        assert message(name).startswith(f"{unread.title} has no reader of its own here.")
        assert "columns file, speaker, label" in message(name)
        assert f"DATASET=csv DATA={plain(unread.title)}.csv" in message(name)


@pytest.mark.parametrize("unread", [unread for unread in UNREAD if unread.rule], ids=lambda unread: unread.title)
def test_a_rule_reads_its_example_and_names_a_corpus_to_copy(unread):
    speaker, label = unread.read(unread.example)
    assert f"{unread.example} is speaker {speaker}, label {label}" in message(unread.title)
    assert unread.like in CORPORA
    assert f"{unread.like} would do to copy" in message(unread.title)


@pytest.mark.parametrize(
    ("title", "path", "speaker", "label"),
    [
        ("TESS", "YAF_bite_ps.wav", "YAF", "ps"),
        ("TESS", "OA_bite_neutral.wav", "OA", "neutral"),
        ("ESD", "0001/Surprise/0001_001401.wav", "0001", "Surprise"),
        ("CaFE", "12-P-2-5.wav", "12", "P"),
        ("CaFE", "01-N-1.wav", "01", "N"),
        ("JL-Corpus", "female1_angry_10a_2.wav", "female1", "angry"),
        ("EMOVO", "m1/rab-m1-b1.wav", "m1", "rab"),
        ("ShEMO", "female/F07W11.wav", "F07", "W"),
        ("SUBESCO", "F_10_FAHMEE_S_6_FEAR_5.wav", "F_10", "FEAR"),
        ("URDU", "Neutral/SM20_F8_N012.wav", "SM20", "N"),
        ("AESDD", "anger/a06 (5)b.wav", "5", "a"),
        ("AESDD", "fear/f13 (01).wav", "01", "f"),
        ("MEAD", "M003/video/front/angry/level_3/001.mp4", "M003", "angry"),
        ("TESS", "03a01Fa.wav", None, None),
    ],
)
def test_rules_read_the_names_that_there_are(title, path, speaker, label):
    assert OF_TITLE[title].read(path) == (None if speaker is None else (speaker, label))


@pytest.mark.parametrize(
    ("asked", "title"),
    [("meldd", "MELD"), ("tes", "TESS"), ("msp-podcst", "MSP-Podcast"), ("subecso", "SUBESCO"), ("CHSIM", "CH-SIMS")],
)
def test_a_misspelt_one_is_recognised(asked, title):
    assert message(asked).startswith(f"There is no corpus '{asked}'. Did you mean {title}? {title} has no reader")


@pytest.mark.parametrize(
    ("asked", "name"), [("crema-d", "cremad"), ("EMO-DB", "emodb"), ("CMU-MOSI", "mosi"), ("eNTERFACE'05", "enterface")]
)
def test_one_with_a_reader_is_told_what_it_is_called_here(asked, name):
    assert message(asked) == f"There is no corpus '{asked}': here it is called {name}, as in DATASET={name}."


@pytest.mark.parametrize(("asked", "name"), [("ravdes", "ravdess"), ("iemocapp", "iemocap"), ("CREMA-DD", "cremad")])
def test_a_misspelt_one_with_a_reader_is_named(asked, name):
    assert message(asked).startswith(f"There is no corpus '{asked}'. Did you mean {name}?\nKnown: afew, baum1s")


def test_what_is_like_none_is_told_what_there_is():
    assert message("xyzzy").startswith("There is no corpus 'xyzzy'.\nKnown: afew, baum1s")


def test_names_are_nobody_elses():
    theirs = [name for unread in UNREAD for name in unread.names]
    ours = [plain(name) for corpus in CORPORA.values() for name in {corpus.name, *corpus.also}]
    assert len({*theirs, *ours}) == len(theirs) + len({*ours})


def test_one_without_a_rule_reads_nothing():
    assert Unread("X", "Its table says all.").read("OAF_back_angry.wav") is None

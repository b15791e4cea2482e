"""CREMA-D: each field of a file name, the votes of those who heard and saw, and what is wrong with the release."""

from collections import Counter

import pytest
from corpus import pointer

from affex.pipeline.corpora.base import shortfalls
from affex.pipeline.corpora.cremad import CORPUS, LABELS, SENTENCES, example, find
from affex.pipeline.corpora.example_tree import lay
from affex.pipeline.evaluation.raters import agreement
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.text.errors import CorpusError

CLIP = "1001_IEO_ANG_LO"


def test_names_and_tables_say_all(tmp_path):
    assert find(example(tmp_path))[1] == Utterance(
        id=CLIP,
        corpus="cremad",
        speaker="1001",
        label="anger",
        audio=Media(f"AudioWAV/{CLIP}.wav"),
        video=Media(f"VideoFlash/{CLIP}.flv"),
        part="low",
        text="It's eleven o'clock",
        sex="male",
        votes=(("anger",), ("anger",), ("disgust",), ("neutral",), ("neutral",)),
        raters=("p1", "p2", "p3", "p4", "p5"),
    )


def test_votes_are_of_those_who_heard_and_saw(tmp_path):
    by_id = {utterance.id: utterance for utterance in find(example(tmp_path))}
    assert agreement(by_id[CLIP].votes) == 2 / 5
    assert by_id["1002_IEO_NEU_XX"].votes == (("sad",),) * 3
    assert by_id["1002_IEO_NEU_XX"].label == "neutral"
    assert by_id["1002_IEO_ANG_HI"].votes == ()


def test_an_answer_after_ten_seconds_and_one_of_sound_alone_are_no_votes(tmp_path):
    clicks = example(tmp_path) / "finishedEmoResponses.csv"
    clicks.write_text(clicks.read_text().replace('"p5",3,5,5,500', '"p5",3,5,5,10001'))
    found = find(tmp_path)
    assert (found[1].votes, found[1].raters) == ((("anger",), ("anger",), ("disgust",), ("neutral",), ("neutral",)), ())
    assert found.remarks == ()  # nobody is named then
    (tmp_path / "processedResults" / "tabulatedVotes.csv").unlink()
    assert find(tmp_path)[1].raters == ("p1", "p2", "p3", "p4")


def test_raters_are_named_only_where_both_tables_agree(tmp_path):
    answers = example(tmp_path) / "finishedResponses.csv"
    answers.write_text(answers.read_text() + '"9","p9",3,"1002_IEO_NEU_XX","9","5","A"\n')
    found = find(tmp_path)
    assert [utterance.raters for utterance in found if utterance.votes] == [("p1", "p2", "p3", "p4", "p5"), ()]
    assert found.remarks == (
        "cremad: the votes on 1 utterances differ between tabulatedVotes.csv and finishedResponses.csv: their raters "
        "are not named",
    )


def test_an_answer_that_is_no_emotion_is_told(tmp_path):
    answers = example(tmp_path) / "finishedResponses.csv"
    answers.write_text(answers.read_text().replace("1,5,A", "1,5,Q"))
    with pytest.raises(CorpusError, match=r"finishedResponses.csv, row 2: 'respEmo' is 'Q', expected one of A, D, F"):
        find(tmp_path)


@pytest.mark.parametrize(("code", "label"), LABELS.items())
def test_the_code_is_the_emotion_that_was_meant(code, label, tmp_path):
    (utterance,) = find(lay(tmp_path, f"AudioWAV/1091_WSI_{code}_XX.wav"))
    assert (utterance.label, utterance.speaker, utterance.part) == (label, "1091", "unspecified")
    assert utterance.text == "We'll stop in a couple of minutes"


def test_without_tables_there_are_neither_sexes_nor_votes(tmp_path):
    (utterance,) = find(lay(tmp_path, f"AudioWAV/{CLIP}.wav"))
    assert (utterance.sex, utterance.votes, utterance.video) == (None, (), None)


def test_a_film_without_a_wav_is_sound_and_picture(tmp_path):
    film = f"VideoFlash/{CLIP}.flv"
    (utterance,) = find(lay(tmp_path, film))
    assert utterance.audio == utterance.video == Media(film)


def test_the_name_that_lacks_a_letter_is_the_clip_of_the_tables(tmp_path):
    (utterance,) = find(lay(tmp_path, "AudioWAV/1040_ITH_SAD_X.wav", "VideoFlash/1040_ITH_SAD_XX.flv"))
    assert utterance.id == "1040_ITH_SAD_XX"
    assert utterance.audio == Media("AudioWAV/1040_ITH_SAD_X.wav")
    assert utterance.video == Media("VideoFlash/1040_ITH_SAD_XX.flv")


def test_other_files_are_not_its(tmp_path):
    names = (f"AudioWAV/._{CLIP}.wav", "AudioWAV/1001_ABC_ANG_XX.wav", "AudioWAV/1001_IEO_SUR_XX.wav", f"{CLIP}.txt")
    with pytest.raises(CorpusError, match="found none"):
        find(lay(tmp_path, *names))


def test_a_table_that_was_not_fetched_is_told(tmp_path):
    pointer(example(tmp_path) / "processedResults" / "tabulatedVotes.csv")
    with pytest.raises(CorpusError, match=r"tabulatedVotes\.csv was never fetched.*`git lfs pull`"):
        find(tmp_path)


def test_a_table_of_another_kind_is_told(tmp_path):
    (example(tmp_path) / "VideoDemographics.csv").write_text("Actor,Sex\n1001,Male\n")
    with pytest.raises(CorpusError, match=r"VideoDemographics\.csv has no column 'ActorID'"):
        find(tmp_path)


def test_a_count_that_is_none_is_told_with_its_row(tmp_path):
    table = example(tmp_path) / "processedResults" / "tabulatedVotes.csv"
    table.write_text(table.read_text().replace('"300002",0', '"300002",x'))
    with pytest.raises(CorpusError, match="row 5: expected whole numbers under A, D, F, H, N, S"):
        find(tmp_path)


def test_the_counts_are_those_of_the_whole_release(tmp_path):
    """91 actors, five emotions, three levels of one sentence; the rest has no level."""
    levels = [f"{a}_IEO_{e}_{x}" for a in range(1001, 1092) for e in LABELS if e != "NEU" for x in ("LO", "MD", "HI")]
    others = [f"{a}_{s}_{e}_XX" for a in range(1001, 1092) for s in SENTENCES if s != "IEO" for e in LABELS]
    rest = 7442 - len(levels) - len(others)
    neutral = [f"{a}_IEO_NEU_XX" for a in range(1001, 1001 + rest)]
    utterances = find(lay(tmp_path, *(f"AudioWAV/{utterance}.wav" for utterance in (*levels, *others, *neutral))))
    assert Counter(utterance.part for utterance in utterances) == CORPUS.counts
    assert sum(CORPUS.counts.values()) == 7442
    assert not shortfalls(CORPUS, utterances)

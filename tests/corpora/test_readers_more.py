"""URDU, nEMO, AESDD, MSP-Podcast, MSP-IMPROV, MEAD, CH-SIMS: what their names and tables say, and their traps."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from affex.pipeline.corpora import aesdd, chsims, mead, mspimprov, msppodcast, nemo, urdu
from affex.pipeline.corpora.base import shortfalls
from affex.pipeline.corpora.example_tree import lay, lay_text
from affex.pipeline.evaluation.folds import clusters, folds
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.text.errors import CorpusError

# URDU


def test_an_urdu_name_says_all(tmp_path):
    assert urdu.find(lay(tmp_path, "Neutral/SM20_F8_N012.wav")) == [
        Utterance("SM20_F8_N012", "urdu", "SM20", "neutral", Media("Neutral/SM20_F8_N012.wav"), sex="male")
    ]


@pytest.mark.parametrize("name", ["sad/sf2_f3_s004.WAV", "SF2_F3_S004.wav", "URDU/Sad/Sad/SF2_F3_S004.mp3"])
def test_urdu_is_found_in_any_folder_and_case(name, tmp_path):
    (utterance,) = urdu.find(lay(tmp_path, name))
    assert (utterance.id, utterance.label, utterance.sex) == ("SF2_F3_S004", "sadness", "female")


def test_a_speaker_of_urdu_may_have_one_class_alone(tmp_path):
    utterances = urdu.find(urdu.example(tmp_path))
    assert {utterance.speaker: utterance.label for utterance in utterances} == {
        "SM1": "anger",
        "SF2": "sadness",
        "SM20": "sadness",
    }
    assert [fold.name for fold in folds(urdu.CORPUS.protocols[0], utterances)] == ["SF2", "SM1", "SM20"]


# nEMO

NEMO_HEAD = "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage"


def test_nemo_takes_all_from_its_table(tmp_path):
    row = "AB0_surprised_3\tsurprised\tTo „zdanie”.\tto zdanie\tAB0\tfemale\t23"
    lay_text(lay(tmp_path, "samples/AB0_surprised_3.wav"), "data.tsv", NEMO_HEAD, row)
    assert nemo.find(tmp_path) == [
        Utterance(
            "AB0_surprised_3",
            "nemo",
            "AB0",
            "surprised",
            Media("samples/AB0_surprised_3.wav"),
            text="To „zdanie”.",
            sex="female",
        )
    ]


def test_nemo_may_spell_the_ending_in_its_table_and_lie_elsewhere(tmp_path):
    lay_text(lay(tmp_path, "in/ab0_x.WAV"), "meta/DATA.tsv", "file_id\temotion\tspeaker_id", "AB0_x.wav\tFear\tAB0")
    (utterance,) = nemo.find(tmp_path)
    assert (utterance.id, utterance.label, utterance.text, utterance.sex) == ("AB0_x", "fear", None, None)


def test_nemo_says_which_rows_and_recordings_have_no_partner(tmp_path):
    lay(nemo.example(tmp_path), "samples/CD0_sadness_9.wav", "samples/CD0_sadness_8.wav")
    (tmp_path / "samples" / "AB0_fear_1.wav").unlink()
    found = nemo.find(tmp_path)
    assert [utterance.id for utterance in found] == ["AB0_anger_1", "CD0_anger_2"]
    assert found.remarks == (
        "nemo: 1 rows of data.tsv have no recording there, and are left out",
        "nemo: 2 recordings have no row in data.tsv, and are left out",
    )


def test_nemo_without_its_table_is_none(tmp_path):
    with pytest.raises(CorpusError, match=r"looked for data\.tsv .* none that belong together"):
        nemo.find(lay(tmp_path, "samples/AB0_anger_1.wav"))


def test_a_column_that_is_missing_is_told(tmp_path):
    lay_text(lay(tmp_path, "samples/a.wav"), "data.tsv", "file_id,emotion,speaker_id", "a,anger,b")
    with pytest.raises(
        CorpusError, match=r"data\.tsv has no column 'file_id'\. Looked for file_id, emotion, speaker_id"
    ):
        nemo.find(tmp_path)


# AESDD


@pytest.mark.parametrize(
    ("name", "id_", "speaker", "label", "text"),
    [
        ("anger/a03 (3).wav", "a03 (3)", "3", "anger", "03"),
        ("anger/a06 (5)b.wav", "a06 (5)b", "5", "anger", "06"),
        ("fear/f13 (01).wav", "f13 (01)", "1", "fear", "13"),
        ("AESDD/Sadness/S20 (2).WAV", "s20 (2)", "2", "sadness", "20"),
        ("d07(4).wav", "d07(4)", "4", "disgust", "07"),
    ],
)
def test_an_aesdd_name_says_all(name, id_, speaker, label, text, tmp_path):
    assert aesdd.find(lay(tmp_path, name)) == [Utterance(id_, "aesdd", speaker, label, Media(name), sentence=text)]


def test_takes_and_spellings_of_aesdd_are_utterances_of_their_own_by_one_speaker(tmp_path):
    names = ("f13 (1)", "f13 (01)", "f13 (1)b")
    found = aesdd.find(lay(tmp_path, *(f"fear/{name}.wav" for name in names)))
    assert {utterance.id for utterance in found} == {*names}
    assert {utterance.speaker for utterance in found} == {"1"}
    assert not found.copies


def test_other_files_are_not_aesdds(tmp_path):
    with pytest.raises(CorpusError, match="found none"):
        aesdd.find(lay(tmp_path, "anger/a03.wav", "anger/n03 (3).wav", "anger/a3 (3).wav", "a03 (3).txt"))


# MSP-Podcast


def podcasts(root: Path, *rows: str, table: str = "Labels/labels_consensus.csv") -> Path:
    """Lay out a recording a row, and the table; a row begins with podcast and turn, as in ``0001_0008``."""
    lay(root, *(f"Audio/MSP-PODCAST_{row.partition(',')[0]}.wav" for row in rows))
    lines = (f"MSP-PODCAST_{row.replace(',', '.wav,', 1)}" for row in rows)
    return lay_text(root, table, ",".join(msppodcast.COLUMNS), *lines)


def test_a_row_of_msp_podcast_says_all(tmp_path):
    assert msppodcast.find(podcasts(tmp_path, "0001_0008,H,4.2,5.5,4.8,127,Female,Train")) == [
        Utterance(
            id="MSP-PODCAST_0001_0008",
            corpus="msppodcast",
            speaker="127",
            label="happiness",
            audio=Media("Audio/MSP-PODCAST_0001_0008.wav"),
            dialog="0001",
            turn=8,
            split="train",
            sex="female",
            arousal=4.2,
            valence=5.5,
            dominance=4.8,
        )
    ]


@pytest.mark.parametrize(("code", "label"), [*msppodcast.CLASSES.items(), ("O", "other"), ("X", None)])
def test_the_class_of_msp_podcast_is_a_letter(code, label, tmp_path):
    (utterance,) = msppodcast.find(podcasts(tmp_path, f"0001_0001,{code},4,4,4,1,Male,Train"))
    assert utterance.label == label
    assert utterance.valence == 4
    counted = msppodcast.CORPUS.protocols[0].classes.split(",")
    assert (utterance.label in counted) == (code not in "OX")


@pytest.mark.parametrize(
    "lines",
    [
        ("FileName,EmoDetail", '{0},"W1; Happy; Happy,Excited; A:5; V:6; D:5;"', '{0},"W2; Other-tired; Sad; A:5;"'),
        ("FileName,Workers,EmoClass_Major,EmoClass_Second", "{0},W1,Happy,Excited", "{0},W2,Other-tired,Sad"),
    ],
)
def test_the_raters_of_msp_podcast_stand_in_two_kinds_of_table(lines, tmp_path):
    podcasts(tmp_path, "0001_0008,H,4.2,5.5,4.8,127,Female,Train")
    lay_text(tmp_path, "Labels/labels_detailed.csv", *(line.format("MSP-PODCAST_0001_0008.wav") for line in lines))
    found = msppodcast.find(tmp_path)
    assert [(u.votes, u.raters) for u in found] == [((("happiness",), ("other",)), ("W1", "W2"))]
    assert found.remarks == ()


def test_a_table_of_answers_of_another_kind_is_left_and_said(tmp_path):
    podcasts(tmp_path, "0001_0008,H,4.2,5.5,4.8,127,Female,Train")
    lay_text(tmp_path, "Labels/labels_detailed.csv", "FileName,Emotion", "MSP-PODCAST_0001_0008.wav,Happy")
    found = msppodcast.find(tmp_path)
    assert [(u.votes, u.raters) for u in found] == [((), ())]
    assert found.remarks == (
        "msppodcast: labels_detailed.csv is not read: looked for FileName, and Workers and EmoClass_Major or EmoDetail",
    )


def test_an_unknown_speaker_of_msp_podcast_is_its_podcasts(tmp_path):
    rows = ("0001_0001", "0001_0002", "0002_0001")
    utterances = msppodcast.find(podcasts(tmp_path, *(f"{row},N,4,4,4,Unknown,Unknown,Train" for row in rows)))
    assert [utterance.speaker for utterance in utterances] == ["unknown-0001", "unknown-0001", "unknown-0002"]
    assert {utterance.sex for utterance in utterances} == {None}
    assert clusters(utterances).unit == "speaker"


def test_msp_podcast_reads_one_test_at_a_time(tmp_path):
    msppodcast.example(tmp_path)
    first, second = msppodcast.find(tmp_path), msppodcast.find(tmp_path, test="test2")
    assert Counter(utterance.split for utterance in first) == {"train": 3, "validation": 1, "test": 1}
    assert [utterance.dialog for utterance in first if utterance.split == "test"] == ["0004"]
    assert [utterance.dialog for utterance in second if utterance.split == "test"] == ["0005"]
    assert first.remarks == ("msppodcast: 1 utterances of test sets other than test1 are left out",)


def test_the_third_test_of_msp_podcast_has_no_labels_and_is_left_out(tmp_path):
    podcasts(tmp_path, "0001_0001,N,4,4,4,1,Male,Train", "test3_0001,,,,,Unknown,Unknown,Test3")
    assert [utterance.id for utterance in msppodcast.find(tmp_path)] == ["MSP-PODCAST_0001_0001"]


def test_rows_and_recordings_of_msp_podcast_without_partner_are_left_out_and_said(tmp_path):
    rows = ("0001_0001,N,4,4,4,1,Male,Train", "0001_0002,N,4,4,4,1,Male,Train")
    podcasts(tmp_path, *rows, table="labels_concensus.csv")
    (tmp_path / "Audio" / "MSP-PODCAST_0001_0002.wav").unlink()
    found = msppodcast.find(lay(tmp_path, "Audio/MSP-PODCAST_0009_0001.wav"))
    assert [utterance.id for utterance in found] == ["MSP-PODCAST_0001_0001"]
    assert found.remarks == (
        "msppodcast: 1 rows of labels_concensus.csv have no recording there, and are left out",
        "msppodcast: 1 recordings have no row in labels_concensus.csv, and are left out",
    )


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("0001_0001,Q,4,4,4,1,Male,Train", "row 2: 'EmoClass' is 'Q', expected one of A, C, D, F, H, N, S, U, O, X"),
        ("0001_0001,N,8,4,4,1,Male,Train", "row 2: 'EmoAct' is '8', expected a number from 1 to 7"),
        ("0001_0001,N,4,x,4,1,Male,Train", "row 2: 'EmoVal' is 'x', expected a number from 1 to 7"),
        ("0001_0001,N,4,4,4,1,Male,Dev", "row 2: 'Split_Set' is 'Dev', expected one of Train, Development, Test1"),
    ],
)
def test_a_cell_of_msp_podcast_that_is_wrong_is_told_with_its_row(row, message, tmp_path):
    with pytest.raises(CorpusError, match=message):
        msppodcast.find(podcasts(tmp_path, row))


def test_a_blank_dimension_of_msp_podcast_is_none(tmp_path):
    (utterance,) = msppodcast.find(podcasts(tmp_path, "0001_0001,N,,4,4,1,Male,Train"))
    assert (utterance.arousal, utterance.valence) == (None, 4)


# MSP-IMPROV

TURN = "S01A-F01-S-FM03"
BLOCK = f"""UTD-IMPROV-{TURN}.avi; N; A:2.600000; V:3.000000 ; D:3.200000 ; N:4.400000;
rater-p1; Neutral; Neutral; A:3; V:3; D:3; N:4;
rater-p2; Angry,Frustrated; Angry; A:3; V:3; D:3; N:4;

"""


def improv(root: Path, *files: str, labels: str = BLOCK, table: str = "Evaluation.txt") -> Path:
    return lay_text(lay(root, *files), table, labels)


def test_a_name_and_a_block_of_msp_improv_say_all(tmp_path):
    wav, film = f"session1/S01A/S/MSP-IMPROV-{TURN}.wav", f"session1/S01A/S/MSP-IMPROV-{TURN}.avi"
    assert mspimprov.find(improv(tmp_path, wav, film)) == [
        Utterance(
            id=TURN,
            corpus="mspimprov",
            speaker="F01",
            label="neutral",
            audio=Media(wav),
            video=Media(film),
            part="other-improvised",
            session="01",
            dialog="S01A-01-improvised",
            turn=3,
            sex="female",
            votes=(("neutral",), ("anger", "frustrated")),
            raters=("rater-p1", "rater-p2"),
            arousal=2.6,
            valence=3.0,
            dominance=3.2,
        )
    ]


@pytest.mark.parametrize("table", ["Evaluation.txt", "labels/Evalution.txt", "evaluation.TXT"])
def test_the_labels_of_msp_improv_have_two_spellings(table, tmp_path):
    (utterance,) = mspimprov.find(improv(tmp_path, f"UTD-IMPROV-{TURN}.mp4", table=table))
    assert (utterance.label, utterance.audio) == ("neutral", utterance.video)


@pytest.mark.parametrize(
    ("condition", "part", "dialog", "turn", "sentence"),
    [
        ("P", "natural", "S05H-06-natural", 12, None),
        ("R", "target-read", None, None, "S05"),
        ("S", "other-improvised", "S05H-06-improvised", 12, None),
        ("T", "target-improvised", "S05H-06-improvised", 12, "S05"),
    ],
)
def test_sex_session_and_condition_are_in_the_name(condition, part, dialog, turn, sentence, tmp_path):
    name = f"S05H-M06-{condition}-FM12"
    (utterance,) = mspimprov.find(improv(tmp_path, f"MSP-IMPROV-{name}.wav", labels=BLOCK.replace(TURN, name)))
    assert (utterance.speaker, utterance.sex, utterance.session) == ("M06", "male", "06")
    assert (utterance.part, utterance.dialog, utterance.turn, utterance.sentence) == (part, dialog, turn, sentence)


@pytest.mark.parametrize(("code", "label"), mspimprov.LABELS.items())
def test_the_class_of_msp_improv_is_what_was_perceived(code, label, tmp_path):
    labels = BLOCK.replace("; N; A:", f"; {code}; A:")
    (utterance,) = mspimprov.find(improv(tmp_path, f"MSP-IMPROV-{TURN}.wav", labels=labels))
    assert utterance.label == label


def test_the_sessions_of_msp_improv_are_left_out_whole(tmp_path):
    utterances = mspimprov.find(mspimprov.example(tmp_path))
    assert [fold.name for fold in folds(mspimprov.CORPUS.protocols[0], utterances)] == ["01", "02"]
    assert {utterance.speaker for utterance in utterances} == {"F01", "M01", "F02"}


def test_an_utterance_of_msp_improv_without_labels_stays_and_is_said(tmp_path):
    found = mspimprov.find(improv(tmp_path, f"MSP-IMPROV-{TURN}.wav", "MSP-IMPROV-S01A-M01-S-FM04.wav"))
    assert [(utterance.label, utterance.votes) for utterance in found][1] == (None, ())
    assert found.remarks == ("mspimprov: 1 utterances have no labels in Evaluation.txt",)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("; N; A:", "; Q; A:", "line 1: the label is 'Q', expected one of A, H, N, S, O, X"),
        ("V:3.000000", "V:6.0", "line 1: V is 6, expected 1 to 5"),
    ],
)
def test_a_line_of_msp_improv_that_is_wrong_is_told(old, new, message, tmp_path):
    with pytest.raises(CorpusError, match=message):
        mspimprov.find(improv(tmp_path, f"MSP-IMPROV-{TURN}.wav", labels=BLOCK.replace(old, new, 1)))


def test_the_counts_of_msp_improv_are_those_of_its_classes_and_conditions():
    assert sum(mspimprov.CORPUS.counts.values()) == 8438
    # The classes of its table 4, by condition: target improvised, target read, other improvised, natural.
    assert mspimprov.ALL_FOUR == {
        "anger": 115 + 169 + 470 + 38,
        "sadness": 106 + 80 + 633 + 66,
        "happiness": 136 + 88 + 1048 + 1372,
        "neutral": 283 + 241 + 1789 + 1164,
    }


# MEAD

SOUND, FILM = "W019/audio/neutral/level_1/020.m4a", "W019/video/front/neutral/level_1/020.mp4"


def test_sound_and_film_of_mead_are_one_utterance(tmp_path):
    assert mead.find(lay(tmp_path, SOUND, FILM)) == [
        Utterance(
            id="W019/neutral/1/020",
            corpus="mead",
            speaker="W019",
            label="neutral",
            audio=Media(SOUND),
            video=Media(FILM),
            sex="female",
            aspects=(("level", "1"),),
        )
    ]


@pytest.mark.parametrize(
    ("name", "video"), [(SOUND, None), (FILM, Media(FILM)), ("part0/m003/Angry/level_3/1.wav", None)]
)
def test_either_file_of_mead_will_do_in_any_folder(name, video, tmp_path):
    (utterance,) = mead.find(lay(tmp_path, name))
    assert (utterance.audio, utterance.video) == (Media(name), video)


def test_films_of_mead_from_other_sides_are_the_same_performance(tmp_path):
    mead.example(tmp_path)
    front, left = mead.find(tmp_path), mead.find(tmp_path, view="left_30")
    assert [utterance.id for utterance in front] == [utterance.id for utterance in left]
    assert len(front) == 6
    assert front[0].video == Media("M003/video/front/angry/level_1/001.mp4")
    assert left[0] == replace(front[0], video=Media("M003/video/left_30/angry/level_1/001.mp4"))
    assert not front.copies


def test_a_sound_of_mead_that_was_converted_is_not_read_beside_the_shipped_one(tmp_path):
    found = mead.find(lay(tmp_path, SOUND, SOUND.replace(".m4a", ".wav")))
    assert found[0].audio == Media(SOUND)
    assert found.remarks == ("mead: 1 recordings exist as .m4a and as .wav: the .m4a are read",)


# CH-SIMS


def sims(root: Path, *rows: str, head: str = "video_id,clip_id,text,label,mode") -> Path:
    return lay_text(root, "label.csv", head, *rows)


def test_a_row_of_ch_sims_says_all(tmp_path):
    lay(tmp_path, "Raw/video_0001/0003.mp4")
    film = Media("Raw/video_0001/0003.mp4")
    assert chsims.find(sims(tmp_path, 'video_0001,0003,"好, 啊",0.6,valid')) == [
        Utterance(
            id="video_0001/0003",
            corpus="chsims",
            speaker="",
            label="positive",
            audio=film,
            video=film,
            dialog="video_0001",
            turn=3,
            split="validation",
            text="好, 啊",
            valence=0.6,
        )
    ]


@pytest.mark.parametrize(
    ("value", "label"),
    [("-1", "negative"), ("-0.2", "negative"), ("0.0", "neutral"), ("0.2", "positive"), ("1", "positive")],
)
def test_the_class_of_ch_sims_is_the_sign(value, label, tmp_path):
    (utterance,) = chsims.find(sims(lay(tmp_path, "v/0001.mp4"), f"v,1,x,{value},train"))
    assert (utterance.label, utterance.valence) == (label, float(value))


def test_ch_sims_without_modes_has_no_split_and_keeps_films_whole(tmp_path):
    lay(tmp_path, "a/0001.mp4", "a/0002.mp4", "b/0001.mp4")
    rows = ("a,0001,x,0.2", "a,0002,x,0.4", "b,0001,x,-0.4")
    utterances = chsims.find(sims(tmp_path, *rows, head="video_id,clip_id,text,label"))
    assert {utterance.split for utterance in utterances} == {None}
    by_film = folds(replace(chsims.CORPUS.protocols[-1], k=2), utterances)
    assert sorted(fold.test.tolist() for fold in by_film) == [[0, 1], [2]]


def test_films_of_ch_sims_are_read_in_the_fixed_split(tmp_path):
    (fold,) = folds(chsims.CORPUS.protocols[0], chsims.find(chsims.example(tmp_path)))
    assert (fold.train.tolist(), fold.test.tolist()) == ([0, 1, 2], [3])


def test_a_sentiment_beyond_the_scale_is_told(tmp_path):
    with pytest.raises(CorpusError, match=r"row 2: 'label' is '1\.2', expected a number from -1 to 1"):
        chsims.find(sims(lay(tmp_path, "v/0001.mp4"), "v,1,x,1.2,train"))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (("v,0001,x,0,train", "v,1,x,1,test"), "rows 2 and 3 are about one recording"),
        (("v,one,x,0,train",), "row 2: 'clip_id' is 'one', expected a whole number, as in 0001"),
        (("v,0001,x,0,dev",), "row 2: 'mode' is 'dev', expected one of nothing, train, valid"),
    ],
)
def test_a_row_of_ch_sims_that_is_wrong_is_told(rows, message, tmp_path):
    with pytest.raises(CorpusError, match=message):
        chsims.find(sims(lay(tmp_path, "v/0001.mp4"), *rows))


# All


@pytest.mark.parametrize("module", [urdu, nemo, aesdd, mspimprov, chsims], ids=lambda module: module.CORPUS.name)
def test_an_example_is_told_from_the_whole(module, tmp_path):
    whole = sum(module.CORPUS.counts.values())
    assert whole in {400, 4481, 604, 8438, 2281}
    assert shortfalls(module.CORPUS, module.find(module.example(tmp_path)))

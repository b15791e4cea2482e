"""MELD, TESS, ESD, CaFE, JL-Corpus, EMOVO, ShEMO, SUBESCO: what their names and tables say, and their traps."""

from collections import Counter
from itertools import product

import pytest

from affex.pipeline.corpora import cafe, emovo, esd, jlcorpus, meld, shemo, subesco, tess
from affex.pipeline.corpora.base import shortfalls
from affex.pipeline.corpora.example_tree import lay, lay_text
from affex.pipeline.evaluation.folds import folds
from affex.pipeline.evaluation.selection import in_parts, select
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.specs.corpora import corpus_of
from affex.pipeline.text.errors import CorpusError

# What a name says, in each layout


@pytest.mark.parametrize(
    ("name", "utterance"),
    [
        (
            "OAF_back_angry.wav",
            Utterance("OAF_back_angry", "tess", "OAF", "angry", text="Say the word back", sex="female"),
        ),
        (
            "0011/Angry/0011_000351.wav",
            Utterance("0011_000351", "esd", "0011", "angry", part="english", sentence="english 1"),
        ),
        (
            "0001/Surprise/train/0001_001750.wav",
            Utterance("0001_001750", "esd", "0001", "surprise", part="mandarin", sentence="mandarin 350"),
        ),
        (
            "CaFE_48k/Peur/Fort/12-P-2-5.wav",
            Utterance("12-P-2-5", "cafe", "12", "fear", part="strong", sentence="5", sex="female"),
        ),
        (
            "male2_concerned_6b_1.wav",
            Utterance(
                "male2_concerned_6b_1", "jlcorpus", "male2", "concerned", part="secondary", sentence="6b", sex="male"
            ),
        ),
        ("f2/gio-f2-b2.wav", Utterance("gio-f2-b2", "emovo", "f2", "joy", sentence="b2", sex="female")),
        ("male/M36S02.wav", Utterance("M36S02", "shemo", "M36", "sadness", sex="male")),
        ("female/F12F03.wav", Utterance("F12F03", "shemo", "F12", "fear", sex="female")),
        (
            "F_10_FAHMEE_S_6_FEAR_5.wav",
            Utterance("F_10_S_6_FEAR_5", "subesco", "F_10", "fear", sentence="S_6", sex="female"),
        ),
    ],
    ids=lambda it: it if isinstance(it, str) else "",
)
@pytest.mark.parametrize("spelt", ["{}", "in/two more/{}"])
@pytest.mark.parametrize("case", [str, str.lower, str.upper])
def test_a_name_says_all_at_any_depth_and_in_any_case(name, utterance, spelt, case, tmp_path):
    path = spelt.format(case(name))
    (found,) = corpus_of(utterance.corpus).find(lay(tmp_path, path))
    assert found.audio == Media(path)
    assert {**_facts(found), "audio": None} == _facts(utterance)


def _facts(utterance):
    return {field: getattr(utterance, field) for field in Utterance.__slots__}


@pytest.mark.parametrize(
    ("corpus", "name"),
    [
        ("tess", "OAF_back_calm.wav"),
        ("tess", "._OAF_back_angry.wav"),
        ("esd", "0011/0011_000351.wav"),
        ("esd", "0021/Angry/0021_000351.wav"),
        ("cafe", "13-P-2-5.wav"),
        ("cafe", "12-P-5.wav"),
        ("jlcorpus", "male3_angry_6b_1.wav"),
        ("jlcorpus", "male2_angry_6b_1.txt"),
        ("emovo", "gio-f4-b2.wav"),
        ("shemo", "M36X02.wav"),
        ("shemo", "03a01Fa.wav"),
        ("subesco", "F_10_S_6_FEAR_5.wav"),
    ],
)
def test_other_files_are_not_its(corpus, name, tmp_path):
    with pytest.raises(CorpusError, match=r"looked for (?:\d+ )?files such as .* found none\. It comes from "):
        corpus_of(corpus).find(lay(tmp_path, name))


# What the whole of each holds

#: As many words as TESS has.
WORDS = ["".join(letters) for letters in product("abcdefghij", "abcdefghij", "ab")]
WHOLE = {
    "tess": (f"{who}_{word}_{e}.wav" for who, word, e in product(("OAF", "YAF"), WORDS, tess.LABELS)),
    "cafe": (
        *(f"{who:02}-N-1-{text}.wav" for who, text in product(range(1, 13), range(1, 7))),
        *(f"{a:02}-{e}-{i}-{t}.wav" for a, e, i, t in product(range(1, 13), "CDJPST", (1, 2), range(1, 7))),
    ),
    "jlcorpus": (
        f"{who}_{emotion}_{text}{letter}_{take}.wav"
        for who, emotion, text, letter, take in product(
            ("female1", "female2", "male1", "male2"),
            (*jlcorpus.PRIMARY, *jlcorpus.SECONDARY),
            range(1, 16),
            "ab",
            (1, 2),
        )
    ),
    "emovo": (
        f"{who}/{emotion}-{who}-{kind}{n}.wav"
        for who, emotion, (kind, last) in product(
            ("f1", "f2", "f3", "m1", "m2", "m3"), emovo.LABELS, (("b", 3), ("l", 4), ("n", 5), ("d", 2))
        )
        for n in range(1, last + 1)
    ),
    "subesco": (
        f"{sex}_{n:02}_NAME_S_{text}_{emotion.upper()}_{take}.wav"
        for sex, n, text, emotion, take in product("FM", range(1, 11), range(1, 11), subesco.LABELS, range(1, 6))
    ),
}


@pytest.mark.parametrize(("corpus", "names"), WHOLE.items(), ids=WHOLE)
def test_the_whole_of_it_is_whole_and_a_part_is_not(corpus, names, tmp_path):
    found = corpus_of(corpus)
    utterances = found.find(lay(tmp_path, *names))
    assert len(utterances) == sum(found.counts.values())
    assert not shortfalls(found, utterances)
    assert len(shortfalls(found, utterances[1:])) == 1


@pytest.mark.parametrize(
    ("corpus", "speakers"),
    [("tess", 2), ("esd", 2), ("cafe", 2), ("jlcorpus", 2), ("emovo", 2), ("shemo", 2), ("subesco", 2)],
)
def test_each_speaker_of_the_example_is_left_out_once(corpus, speakers, tmp_path):
    found = corpus_of(corpus)
    utterances = found.find(found.example(tmp_path))
    assert len(folds(found.protocols[0], utterances)) == speakers


# Traps of single ones


def test_a_misnamed_file_of_tess_is_the_older_womans(tmp_path):
    (utterance,) = tess.find(lay(tmp_path, "OAF_neutral/OA_bite_neutral.wav"))
    assert (utterance.id, utterance.speaker) == ("OAF_bite_neutral", "OAF")
    assert utterance.audio == Media("OAF_neutral/OA_bite_neutral.wav")


def test_tess_within_a_folder_of_its_name_counts_once(tmp_path):
    found = tess.find(lay(tmp_path, "set/YAF_sad/YAF_back_sad.wav", "set/set/YAF_sad/YAF_back_sad.wav"))
    assert [utterance.id for utterance in found] == ["YAF_back_sad"]
    assert found.copies == {"set/YAF_sad/YAF_back_sad.wav": ["set/set/YAF_sad/YAF_back_sad.wav"]}


def test_ps_of_tess_is_pleasant_surprise(tmp_path):
    (utterance,) = tess.find(lay(tmp_path, "YAF_bite_ps.wav"))
    assert utterance.label == "pleasant surprise"


def test_a_sentence_of_esd_has_the_same_text_in_every_emotion(tmp_path):
    texts = Counter((u.part, u.sentence) for u in esd.find(esd.example(tmp_path)))
    assert texts == {("mandarin", "mandarin 1"): 5, ("english", "english 1"): 5}


def test_esd_is_two_languages_with_a_card_each(tmp_path):
    utterances = esd.find(esd.example(tmp_path))
    speakers = {"loso": {"0001", "0011"}, "english": {"0011"}, "mandarin": {"0001"}}
    for protocol in esd.CORPUS.protocols:
        taken = in_parts(utterances, protocol.parts)
        assert {u.speaker for u, here in zip(utterances, taken, strict=True) if here} == speakers[protocol.name]


@pytest.mark.parametrize("name", ["01-N-0-1.wav", "01-N-1-1.wav", "01-N-1.wav"])
def test_a_neutral_utterance_of_cafe_has_any_intensity_or_none(name, tmp_path):
    (utterance,) = cafe.find(lay(tmp_path, name))
    assert (utterance.id, utterance.label, utterance.part, utterance.sentence) == (
        "01-N-0-1",
        "neutral",
        "neutral",
        "1",
    )


@pytest.mark.parametrize(("code", "label"), cafe.LABELS.items())
def test_the_letter_of_cafe_is_the_french_word(code, label, tmp_path):
    (utterance,) = cafe.find(lay(tmp_path, f"02-{code}-1-3.wav"))
    assert utterance.label == label


def test_both_rates_of_cafe_lie_there_under_one_name(tmp_path):
    found = cafe.find(lay(tmp_path, "CaFE_48k/12-P-2-5.wav", "CaFE_192k/12-P-2-5.wav"))
    assert len(found) == len(found.copies) == 1


@pytest.mark.parametrize(("code", "label"), emovo.LABELS.items())
def test_the_three_letters_of_emovo_are_the_italian_word(code, label, tmp_path):
    (utterance,) = emovo.find(lay(tmp_path, f"m1/{code}-m1-n5.wav"))
    assert (utterance.label, utterance.speaker, utterance.sex) == (label, "m1", "male")


def test_numbers_of_speakers_are_within_their_sex(tmp_path):
    lay(tmp_path / "shemo", "F01A01.wav", "M01A01.wav")
    lay(tmp_path / "subesco", "F_01_A_S_1_SAD_1.wav", "M_01_B_S_1_SAD_1.wav")
    assert [u.speaker for u in shemo.find(tmp_path / "shemo")] == ["F01", "M01"]
    assert [u.speaker for u in subesco.find(tmp_path / "subesco")] == ["F_01", "M_01"]


# MELD


def test_a_row_and_a_film_of_meld_say_all(tmp_path):
    film = Media("train_splits/dia0_utt0.mp4")
    assert meld.find(meld.example(tmp_path))[0] == Utterance(
        id="train/dia0_utt0",
        corpus="meld",
        speaker="A",
        label="joy",
        audio=film,
        video=film,
        part="train",
        dialog="train/dia0",
        turn=0,
        split="train",
        text="Well, yes.",
        aspects=(("sentiment", "positive"),),
    )


def test_the_same_names_recur_in_each_split_of_meld(tmp_path):
    utterances = meld.find(meld.example(tmp_path))
    assert [utterance.id for utterance in utterances] == [
        f"{split}/dia0_utt{n}" for split in ("train", "validation", "test") for n in (0, 1)
    ]
    assert {utterance.dialog for utterance in utterances} == {"train/dia0", "validation/dia0", "test/dia0"}
    (fold,) = folds(meld.CORPUS.protocols[0], utterances)
    assert [utterances[n].split for n in fold.test] == ["test", "test"]


def test_sentiment_of_meld_is_a_card(tmp_path):
    utterances = meld.find(meld.example(tmp_path))
    assert set(select(utterances, meld.CORPUS.protocols[1]).y) == {"positive", "negative"}


def _dialog(root, *rows, films):
    lay(root, *films)
    return lay_text(root, "train_sent_emo.csv", ",".join(meld.COLUMNS), *rows)


def test_a_dialog_of_meld_is_in_its_order(tmp_path):
    rows = [f"Hm.,A,neutral,neutral,{dialog},{n}" for dialog, n in ((10, 0), (2, 10), (2, 9))]
    films = [f"train_splits/dia{dialog}_utt{n}.mp4" for dialog, n in ((10, 0), (2, 10), (2, 9))]
    utterances = meld.find(_dialog(tmp_path, *rows, films=films))
    assert [(utterance.dialog, utterance.turn) for utterance in utterances] == [
        ("train/dia2", 9),
        ("train/dia2", 10),
        ("train/dia10", 0),
    ]


def test_an_utterance_of_meld_without_a_film_stays_and_a_film_without_a_row_goes(tmp_path):
    rows = [f"Hm.,A,neutral,neutral,0,{n}" for n in (0, 1)]
    films = [f"train_splits/dia0_utt{n}.mp4" for n in (0, 7)]
    found = meld.find(_dialog(tmp_path, *rows, films=films))
    assert [(utterance.turn, bool(utterance.audio), bool(utterance.absent)) for utterance in found] == [
        (0, True, False),
        (1, False, True),
    ]
    assert found.remarks == (
        "meld: 1 utterances have no video, for example train/dia0_utt1",
        "meld: 1 videos have no row in a table and are left out, for example train/dia0_utt7",
    )


@pytest.mark.parametrize(
    "film",
    ["MELD.Raw/train/train_splits/dia0_utt0.mp4", "Train/DIA0_UTT0.MP4", "test/train_wav/dia0_utt0.wav"],
)
def test_the_innermost_folder_says_the_split_of_meld(film, tmp_path):
    (utterance,) = meld.find(_dialog(tmp_path, "Hm.,A,neutral,neutral,0,0", films=[film]))
    assert (utterance.id, utterance.audio) == ("train/dia0_utt0", Media(film))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("Hm.,A,calm,neutral,0,0", "row 2: 'Emotion' is 'calm', expected one of anger, disgust, fear"),
        ("Hm.,A,joy,good,0,0", "row 2: 'Sentiment' is 'good', expected one of negative, neutral, positive"),
        ("Hm.,A,joy,positive,0,1", "rows 2 and 3 are both about train/dia0_utt1"),
        ("Hm.,A,joy,positive,0,", "row 2: expected whole numbers from 0 under Dialogue_ID and Utterance_ID"),
    ],
)
def test_a_cell_of_meld_that_is_wrong_is_told_with_its_row(row, message, tmp_path):
    with pytest.raises(CorpusError, match=message):
        meld.find(_dialog(tmp_path, row, "Hm.,A,joy,positive,0,1", films=["train_splits/dia0_utt1.mp4"]))


@pytest.mark.parametrize("lacking", ["*.csv", "*/*.mp4"])
def test_films_and_tables_of_meld_must_belong_together(lacking, tmp_path):
    for path in meld.example(tmp_path).glob(lacking):
        path.unlink()
    with pytest.raises(CorpusError, match="found none that belong together"):
        meld.find(tmp_path)


def test_each_split_of_meld_has_its_count():
    sizes = {"train": 9989, "validation": 1109, "test": 2610}
    whole = [Utterance(f"{split}{n}", "meld", "A", part=split) for split, size in sizes.items() for n in range(size)]
    assert not shortfalls(meld.CORPUS, whole)
    assert shortfalls(meld.CORPUS, whole[1:]) == ["meld (train): 9988 utterances found, 9989 expected"]

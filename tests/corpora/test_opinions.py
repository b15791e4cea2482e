"""CMU-MOSI and CMU-MOSEI: segments of whole recordings, labelled by row, and what a release may lack."""

import csv
import shutil
from dataclasses import replace

import numpy as np
import pytest
from corpus import run, spec, write_wav
from plain import Level

from affex.pipeline.corpora import mosei, mosi
from affex.pipeline.corpora.base import shortfalls
from affex.pipeline.corpora.example_tree import lay
from affex.pipeline.corpora.mosei import CORPUS, example, find
from affex.pipeline.corpora.opinions import away_from_zero, nearest
from affex.pipeline.evaluation.folds import folds
from affex.pipeline.evaluation.selection import select
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.media import csd
from affex.pipeline.text.errors import AffexError, CorpusError

CARDS = {protocol.name: protocol for protocol in CORPUS.protocols}
LABELS = "CMU_MOSEI_Labels.csd"
WAVS, FILMS = "Raw/Audio/Full/WAV_16000", "Raw/Videos/Full/Combined"


def labelled(root, values, spans=((0.0, 1.0),), *, key="zk2jTlAtvSU", metadata=None):
    """Return a tree whose labels are these alone."""
    entry = csd.Entry(np.array(values, dtype=float), np.array(spans, dtype=float))
    csd.write(example(root) / LABELS, "All Labels", [(key, entry)], metadata or {})
    return root


def split(root, *rows):
    """Return a tree with a table of the split."""
    with (example(root) / "split.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("video", "split"), *rows])
    return root


def test_a_row_of_the_labels_says_all(tmp_path):
    assert find(example(tmp_path))[0] == Utterance(
        id="_0efYOjQYRc[0]",
        corpus="mosei",
        speaker="_0efYOjQYRc",
        label="-3",
        audio=Media(f"{WAVS}/_0efYOjQYRc.wav", 3.3, 9.0),
        video=Media(f"{FILMS}/_0efYOjQYRc.mp4", 3.3, 9.0),
        turn=1,
        text="Nobody spoke.",
        origin=Media("_0efYOjQYRc", 3.3, 9.0),
        valence=-2.3333333,
        aspects=(
            ("polarity", "negative"),
            ("happy", "absent"),
            ("sad", "present"),
            ("anger", "present"),
            ("surprise", "absent"),
            ("disgust", "absent"),
            ("fear", "absent"),
        ),
    )


def test_what_begins_before_the_recording_begins_with_it_and_comes_first(tmp_path):
    late, early = find(example(tmp_path))[:2]
    assert (early.id, early.turn, early.audio.start, early.audio.end) == ("_0efYOjQYRc[1]", 0, 0.0, 4.1)
    assert late.turn == 1
    assert early.text == "Deloitte ___ announced."


def test_lines_that_are_no_segment_s_are_left_alone(tmp_path):
    transcript = example(tmp_path) / "Raw/Transcript/Segmented/Combined/_0efYOjQYRc.txt"
    lines = ["", "_0efYOjQYRc___1___3.3", "x___1___3.3___9.0___no", "_0efYOjQYRc___1___3.3.1___9.0___no"]
    transcript.write_text("\n".join([*lines, "_0efYOjQYRc___1___3.3e0___9.___yes", "\xe4"]), encoding="latin-1")
    assert [segment.text for segment in find(tmp_path)[:2]] == ["yes", None]


def test_what_ends_before_it_begins_stays_without_media(tmp_path):
    spans = ((0.0, 1.0), (5.0, 5.0), (-0.7, -0.2), (3.0, 2.0))
    found = find(labelled(tmp_path, np.zeros((4, 7)), spans))
    assert [segment.audio is not None for segment in found] == [True, False, False, False]
    assert [segment.video is not None for segment in found] == [True, False, False, False]
    assert [dict(segment.absent).get("audio") for segment in found[:3]] == [
        None,
        "in the labels it begins at 5.000 s and ends at 5.000 s",
        "in the labels it begins at -0.700 s and ends at -0.200 s",
    ]
    assert CORPUS.remarks(found)[:2] == [
        "mosei: 3 of 4 segments have no sound (no recording, or they end before they begin)",
        "mosei: 3 of 4 segments have no picture (no video, or they end before they begin)",
    ]


def test_what_ends_after_its_recording_does_is_named_by_extraction(tmp_path):
    root = labelled(tmp_path / "mosei", np.zeros((3, 7)), ((0.0, 1.0), (1.0, 2.5), (1.0, 0.5)))
    write_wav(root / WAVS / "zk2jTlAtvSU.wav", 2.0)
    [summary] = run(Dataset("mosei", root, tmp_path / "cache", find(root)), spec("level", Level()))
    assert summary.computed == 1
    assert "reaches beyond the end" in summary.failures["zk2jTlAtvSU[1]"]
    assert summary.failures["zk2jTlAtvSU[2]"].endswith("in the labels it begins at 1.000 s and ends at 0.500 s")


def test_a_segment_without_a_wav_is_heard_in_its_film_and_one_without_either_stays(tmp_path):
    root = example(tmp_path)
    (root / WAVS / "_0efYOjQYRc.wav").unlink()
    (root / WAVS / "zk2jTlAtvSU.wav").unlink()
    (root / FILMS / "zk2jTlAtvSU.mp4").unlink()
    found = find(root)
    assert found[0].audio == found[0].video == Media(f"{FILMS}/_0efYOjQYRc.mp4", 3.3, 9.0)
    assert (len(found), found[2].audio, found[2].video) == (7, None, None)
    assert found[0].absent == ()
    assert dict(found[2].absent) == {
        "audio": f"its recording is missing (looked for in {WAVS})",
        "video": f"its recording is missing (looked for in {FILMS})",
    }
    assert CORPUS.remarks(found)[0].startswith("mosei: 5 of 7 segments have no sound")


def test_a_part_is_told_from_the_whole(tmp_path):
    assert shortfalls(CORPUS, find(example(tmp_path))) == ["mosei: 7 utterances found, 23259 expected"]


@pytest.mark.parametrize(
    ("sentiment", "label", "polarity"),
    [
        *((n, str(n), "negative" if n < 0 else "positive") for n in (-3, -2, -1, 1, 2, 3)),
        (0, "0", "neutral"),
        (-0.0, "0", "neutral"),
        (1 / 3, "1", "positive"),
        (-1 / 3, "-1", "negative"),
        (-4 / 3, "-2", "negative"),
        (7 / 3, "3", "positive"),
        (float(np.float32(1) + np.float32(1e-6)), "1", "positive"),
    ],
)
def test_sentiment_is_graded_away_from_zero(sentiment, label, polarity, tmp_path):
    (segment,) = find(labelled(tmp_path, [[sentiment, *[0] * 6]]))
    assert (segment.label, segment.aspects[0], segment.valence) == (label, ("polarity", polarity), sentiment)


def test_the_two_grades_differ():
    values = [-2.6, -2.0, -0.6, -0.4, 0.0, 0.4, 0.6, 1.2, 3.0]
    assert [away_from_zero(value) for value in values] == [-3, -2, -1, -1, 0, 1, 1, 2, 3]
    assert [nearest(value) for value in values] == [-3, -2, -1, 0, 0, 0, 1, 1, 3]


@pytest.mark.parametrize("beyond", [3.5, -4.0, np.nan])
def test_a_sentiment_beyond_the_scale_is_no_label(beyond, tmp_path):
    found = find(labelled(tmp_path, [[beyond, 1, *[0] * 5], [1, *[0] * 6]], ((0, 1), (1, 2))))
    assert (found[0].label, found[0].valence) == (None, None)
    assert dict(found[0].aspects)["happy"] == "present"
    assert "polarity" not in dict(found[0].aspects)
    assert CORPUS.remarks(found)[-1] == "mosei: 1 of 2 segments have no sentiment from -3 to 3"


def test_zeros_under_all_emotions_mean_none(tmp_path):
    calm = dict(find(example(tmp_path))[1].aspects)
    assert {calm[emotion] for emotion in mosei.EMOTIONS} == {"absent"}


def test_an_emotion_that_is_no_number_is_no_label(tmp_path):
    (segment,) = find(labelled(tmp_path, [[1, np.nan, *[0] * 5]]))
    assert [name for name, _ in segment.aspects] == ["polarity", *mosei.EMOTIONS[1:]]


def test_the_two_conventions_of_two_classes(tmp_path):
    found = find(example(tmp_path))
    strict, wide = select(found, CARDS["sentiment2"]), select(found, CARDS["sentiment2-nonnegative"])
    assert strict.y.tolist() == ["negative", "negative", "negative", "positive", "positive", "positive"]
    assert strict.left_out == {"of another polarity": 1}
    assert wide.y.tolist() == ["negative", "nonnegative", *["negative"] * 2, *["nonnegative"] * 3]


def test_every_card_selects(tmp_path):
    found = find(example(tmp_path / "small"))
    assert select(found, CARDS["sentiment"]).y.tolist() == [segment.valence for segment in found]
    assert select(found, CARDS["sad"]).y.tolist() == ["present", *["absent"] * 6]
    values = [[value, *[value > 0] * 6] for value in range(-3, 4)]
    whole = find(labelled(tmp_path / "whole", values, [(n, n + 1) for n in range(7)]))
    assert select(whole, CARDS["sentiment7"]).classes == ("-3", "-2", "-1", "0", "1", "2", "3")
    for protocol in CORPUS.protocols:
        assert len(select(whole, protocol).chosen) == (
            6 if protocol.name.startswith("sentiment2") and "non" not in protocol.name else 7
        )


def test_a_column_goes_by_the_name_that_the_file_gives_it(tmp_path):
    names = ["fear", *mosei.EMOTIONS[:-1], "sentiment"]
    (segment,) = find(labelled(tmp_path, [[2, 0, 0, 0, 0, 0, -1]], metadata={"dimension names": names}))
    assert segment.valence == -1
    assert [name for name, message in segment.aspects if message == "present"] == ["fear"]


def test_labels_that_were_aligned_keep_their_rows(tmp_path):
    (segment,) = find(labelled(tmp_path, np.ones((1, 7)), key="zk2jTlAtvSU[4]"))
    assert (segment.id, segment.speaker, segment.turn) == ("zk2jTlAtvSU[4]", "zk2jTlAtvSU", 4)
    root = labelled(tmp_path / "two", np.ones((2, 7)), ((0, 1), (1, 2)), key="zk2jTlAtvSU[4]")
    with pytest.raises(CorpusError, match=r"'zk2jTlAtvSU\[4\]' has 2 rows, expected the one of a single segment"):
        find(root)


@pytest.mark.parametrize("columns", [1, 6, 8])
def test_labels_of_another_width_are_refused(columns, tmp_path):
    with pytest.raises(CorpusError, match="expected 7 numbers per segment: sentiment, happy, sad"):
        find(labelled(tmp_path, np.zeros((1, columns))))


def test_the_split_is_what_its_table_says(tmp_path):
    root = split(tmp_path, ("_0efYOjQYRc", "valid"), ("zk2jTlAtvSU", "train"), ("7l3BNtSE0xc", "test"))
    found = find(root)
    assert [segment.split for segment in found] == ["validation"] * 2 + ["train"] * 5
    (fold,) = folds(CARDS["sentiment-split"], found)
    assert (fold.train.tolist(), fold.test.tolist()) == ([2, 3, 4, 5, 6], [0, 1])


def test_without_a_table_of_the_split_recordings_are_left_out(tmp_path):
    found = find(example(tmp_path))
    assert {segment.split for segment in found} == {None}
    rounds = folds(replace(CARDS["sentiment7"], k=2), found)
    assert sum(len(fold.test) for fold in rounds) == len(found)
    assert all(not {found[n].speaker for n in fold.train} & {found[n].speaker for n in fold.test} for fold in rounds)
    with pytest.raises(AffexError, match="needs utterances called train"):
        folds(CARDS["sentiment-split"], found)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("a", "trian")], "row 2: 'a' is in 'trian', expected train, valid"),
        ([("a", "train"), ("a", "test")], "row 3: 'a' appears twice"),
    ],
)
def test_a_split_that_makes_no_sense_is_told_with_its_row(rows, message, tmp_path):
    with pytest.raises(CorpusError, match=message):
        find(split(tmp_path, *rows))


def test_a_table_of_another_kind_is_no_split(tmp_path):
    (example(tmp_path) / "split.csv").write_text("id,split\na,train\n")
    with pytest.raises(CorpusError, match="expected the columns video and split"):
        find(tmp_path)


@pytest.mark.parametrize("below", ["labels", "CMU_MOSEI"])
def test_the_files_may_lie_one_folder_below(below, tmp_path):
    root = example(tmp_path / "whole" / below).parent
    if below == "labels":
        (root / below / "Raw").rename(root / "Raw")
    found = find(root)
    assert len(found) == 7
    assert all((root / segment.audio.path).is_file() for segment in found)
    assert found[0].text == "Nobody spoke."


def test_the_labels_go_by_the_name_that_the_sdk_gives_them_too(tmp_path):
    (example(tmp_path) / LABELS).rename(tmp_path / "All Labels.csd")
    assert len(find(tmp_path)) == 7


def test_recordings_without_labels_are_not_the_corpus(tmp_path):
    (example(tmp_path) / LABELS).rename(tmp_path / "elsewhere")
    with pytest.raises(CorpusError, match=f"looked for {LABELS}.* found recordings alone"):
        find(tmp_path)


def test_labels_without_recordings_are_the_corpus(tmp_path):
    whole = find(example(tmp_path))
    shutil.rmtree(tmp_path / "Raw")
    found = find(tmp_path)
    assert [(segment.id, segment.label, segment.origin) for segment in found] == [
        (segment.id, segment.label, segment.origin) for segment in whole
    ]
    assert {segment.audio for segment in found} == {segment.video for segment in found} == {None}
    assert [len(segment.parts()) for segment in found] == [1] * 7
    assert found.remarks == (
        "mosei: there are labels but no recordings: import features of others (see affex import --help)",
    )


def test_recordings_that_lie_elsewhere_are_found_by_name(tmp_path):
    root = example(tmp_path)
    (root / "sound").mkdir()
    for wav in (root / WAVS).iterdir():
        wav.rename(root / "sound" / f"{wav.stem}.WAV")
    lay(root, "sound/zk2jTlAtvSU_1.wav")
    assert {segment.audio.path for segment in find(root)} == {"sound/_0efYOjQYRc.WAV", "sound/zk2jTlAtvSU.WAV"}


def test_recordings_that_no_label_is_about_are_not_the_corpus(tmp_path):
    with pytest.raises(CorpusError, match=r"none of the recordings in .* is in CMU_MOSEI_Labels"):
        find(labelled(tmp_path, np.zeros((1, 7)), key="another"))


def test_labels_that_cannot_be_read_are_refused_in_words(tmp_path):
    (example(tmp_path) / LABELS).write_text("not found")
    with pytest.raises(AffexError, match=r"CMU_MOSEI_Labels\.csd cannot be read as a computational sequence"):
        find(tmp_path)


def test_mosi_says_all_in_its_own_layout(tmp_path):
    first, second, third = mosi.find(mosi.example(tmp_path))[:3]
    assert first == Utterance(
        id="03bSnISJMiM[0]",
        corpus="mosi",
        speaker="03bSnISJMiM",
        label="2",
        audio=Media("Raw/Audio/WAV_16000/Full/03bSnISJMiM.wav", 0.0, 1.0),
        video=Media("Raw/Video/Full/03bSnISJMiM.mp4", 0.0, 1.0),
        turn=0,
        text="ANYHOW IT WAS REALLY GOOD",
        origin=Media("03bSnISJMiM", 0.0, 1.0),
        valence=2.4,
        aspects=(("polarity", "positive"),),
    )
    assert (second.label, second.aspects, second.text) == ("0", (("polarity", "negative"),), "THEY DIDN'T")
    assert (third.label, third.aspects, third.text) == ("0", (("polarity", "neutral"),), None)


def test_mosi_has_the_cards_of_sentiment_and_none_of_emotions():
    names = {protocol.name for protocol in mosi.CORPUS.protocols}
    assert names == {name for name in CARDS if name.startswith("sentiment")}
    assert shortfalls(mosi.CORPUS, ()) == []

"""OMG-Emotion: the tables say all, videos may be gone, and nothing is dropped for it."""

from dataclasses import replace

import pytest
from corpus import run, spec, write_wav
from plain import Level

from affex.pipeline.corpora.example_tree import lay
from affex.pipeline.corpora.omg import CORPUS, LABELS, PUBLISHED, example, find
from affex.pipeline.evaluation.folds import clusters, folds
from affex.pipeline.evaluation.selection import select
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.text.errors import CorpusError

TRAIN = "omg_TrainVideos.csv"


def edited(root, table, old, new):
    """Return a tree in which a table has something else in one place."""
    path = example(root) / table
    assert path.read_text().count(old) == 1
    path.write_text(path.read_text().replace(old, new))
    return root


def test_a_row_says_all(tmp_path):
    film = Media("train/74de88564_1/utterance_1.mp4")
    assert find(example(tmp_path))[0] == Utterance(
        id="train/74de88564_1/utterance_1",
        corpus="omg",
        speaker="",
        label="neutral",
        audio=film,
        video=film,
        dialog="xfsvvbTlR38",
        turn=1,
        split="train",
        valence=0.114515408794,
        arousal=0.05738688939,
    )


@pytest.mark.parametrize("spelling", ["{}", "{}.0", " {} "])
@pytest.mark.parametrize("number", range(7))
def test_the_number_is_the_emotion(number, spelling, tmp_path):
    found = find(edited(tmp_path, TRAIN, "0.114515408794,4", f"0.114515408794,{spelling.format(number)}"))
    names = ("anger", "disgust", "fear", "happy", "neutral", "sad", "surprise")
    assert found[0].label == names[number] == LABELS[number]


def test_a_row_without_a_vote_has_no_label_but_its_dimensions(tmp_path):
    utterances = find(example(tmp_path))
    assert (utterances[1].label, utterances[1].valence) == (None, -0.255681810209)
    arousal, _, emotion = CORPUS.protocols
    assert select(utterances[:3], arousal).chosen.tolist() == [0, 1, 2]
    assert select(utterances[:3], emotion).left_out == {"without a label": 1}


def test_the_pieces_of_a_film_belong_together(tmp_path):
    found = clusters(find(example(tmp_path)))
    assert found.unit == "dialog"
    assert found.of.tolist() == ["xfsvvbTlR38", "xfsvvbTlR38", "gG1zIeeobkA", "dUOkpPu_tsU"]


def test_without_labels_of_the_test_the_validation_is_tested(tmp_path):
    utterances = find(example(tmp_path))
    protocol = CORPUS.protocols[0]
    kept = [utterances[i] for i in select(utterances, protocol).chosen]
    (fold,) = folds(protocol, kept)
    assert (fold.name, fold.train.tolist(), fold.test.tolist()) == ("validation", [0, 1], [2])


def test_the_table_with_labels_is_preferred(tmp_path):
    header = "link,start,end,video,utterance,arousal,valence,EmotionMaxVote"
    row = "https://www.youtube.com/watch?v=_bg0TrqHcBs,0.0,16.2,1f61459b0,utterance_1.mp4,0.46,0.69,3"
    (example(tmp_path) / "omg_TestVideos_WithLabels.csv").write_text(f"{header}\n{row}\n")
    test = [utterance for utterance in find(tmp_path) if utterance.split == "test"]
    assert [(utterance.id, utterance.label) for utterance in test] == [("test/1f61459b0/utterance_1", "happy")]


def test_a_film_that_is_gone_stays_an_utterance_and_is_named(tmp_path):
    for film in example(tmp_path / "omg").rglob("*.mp4"):
        write_wav(film.with_suffix(".wav"), 0.2)
        film.with_suffix(".wav").rename(film)
    (tmp_path / "omg/train/74de88564_2/utterance_2.mp4").unlink()
    utterances = find(tmp_path / "omg")
    assert len(utterances) == 4
    [summary] = run(Dataset("omg", tmp_path / "omg", tmp_path / "cache", utterances), spec("level", Level()))
    assert summary.computed == 3
    ((name, why),) = summary.failures.items()
    assert name == "train/74de88564_2/utterance_2"
    assert why.endswith("omg/train/74de88564_2/utterance_2.mp4 cannot be read: No such file or directory")


def test_a_split_without_a_folder_is_not_read(tmp_path):
    (example(tmp_path) / "test").rename(tmp_path / "elsewhere")
    assert {utterance.split for utterance in find(tmp_path)} == {"train", "validation"}


def test_tables_without_any_film_are_not_the_corpus(tmp_path):
    for film in example(tmp_path).rglob("*.mp4"):
        film.unlink()
    with pytest.raises(CorpusError, match="none that belong together"):
        find(tmp_path)


def test_films_without_tables_are_not_the_corpus(tmp_path):
    with pytest.raises(CorpusError, match=r"looked for tables such as omg_TrainVideos\.csv"):
        find(lay(tmp_path, "train/74de88564/utterance_1.mp4"))


def test_tables_of_another_length_are_told(tmp_path):
    row = Utterance("u", "omg", "", split="train")
    whole = [replace(row, split=split) for split, n in PUBLISHED.items() for _ in range(n)]
    assert CORPUS.remarks(whole) == []
    assert CORPUS.remarks(whole[1:-2229]) == [
        "omg: 2441 utterances of the split 'train' found, of 2442 published",
        "omg: no utterances of the split 'test' found, of 2229 published",
    ]


def test_rows_that_name_no_film_are_left_out_and_said_to_be(tmp_path):
    with (example(tmp_path) / TRAIN).open("a") as table:
        table.write(",,,,,0.285,0.0846,\n,12.5,19.1, ,,0.09,0.31,2.9\n")
    found = find(tmp_path)
    assert [utterance.split for utterance in found] == ["train", "train", "validation", "test"]
    assert found.remarks == (f"omg: 2 rows of {TRAIN} name no video (no link, video and utterance), and are left out",)


@pytest.mark.parametrize(
    "row", ["https://youtu.be/x,0,1,,utterance_1.mp4,0,0,1", ",0,1,74de,utterance_1.mp4,0,0,1", "x,0,1,74de,,0,0,1"]
)
def test_a_row_that_names_a_film_in_part_is_refused(row, tmp_path):
    with (example(tmp_path) / TRAIN).open("a") as table:
        table.write(f"{row}\n")
    with pytest.raises(CorpusError, match="row 4: expected a link, a video such as"):
        find(tmp_path)


def test_transcripts_are_read_where_they_are_there(tmp_path):
    (example(tmp_path) / "omg_TrainTranscripts.csv").write_text(
        "link,video,utterance,transcript\n"
        '"https://www.youtube.com/watch?v=xfsvvbTlR38",74de88564_1,utterance_1.mp4,"so, this is it "\n'
        '"https://www.youtube.com/watch?v=xfsvvbTlR38",74de88564_2,utterance_2.mp4,""\n'
    )
    assert [utterance.text for utterance in find(tmp_path)] == ["so, this is it", None, None, None]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0.05738688939", "1.2", "row 2: 'arousal' is '1.2', expected a number from 0 to 1"),
        ("-0.255681810209", "low", "row 3: 'valence' is 'low', expected a number from -1 to 1"),
        ("-0.255681810209", "nan", "row 3: 'valence' is 'nan', expected a number from -1 to 1"),
        ("0.114515408794,4", "0.114515408794,7", "row 2: 'EmotionMaxVote' is '7', expected 0 to 6"),
        ("utterance_2.mp4", "utterance.mp4", "row 3: expected a link, a video such as 74de88564"),
        ("video,", "film,", "has no column 'video'"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_row(old, new, message, tmp_path):
    with pytest.raises(CorpusError) as error:
        find(edited(tmp_path, TRAIN, old, new))
    assert TRAIN in str(error.value)
    assert message in str(error.value)

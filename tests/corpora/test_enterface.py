"""eNTERFACE'05: folders come before names, which cannot be trusted."""

import pytest

from affex.pipeline.corpora.enterface import CORPUS, find
from affex.pipeline.corpora.example_tree import lay
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.text.errors import CorpusError


def test_a_path_says_all_and_the_film_is_the_sound(tmp_path):
    film = Media("subject 1/anger/sentence 2/s1_an_2.avi")
    assert find(lay(tmp_path, film.path)) == [
        Utterance("s01_an_2", "enterface", "s01", "anger", audio=film, video=film, sentence="an2")
    ]


@pytest.mark.parametrize("label", ["anger", "disgust", "fear", "happiness", "sadness", "surprise"])
def test_the_folder_is_the_emotion(label, tmp_path):
    (utterance,) = find(lay(tmp_path, f"subject 44/{label}/sentence 5/s44_{label[:2]}_5.avi"))
    assert (utterance.id, utterance.label) == (f"s44_{label[:2]}_5", label)


def test_subject_11_is_not_subject_12(tmp_path):
    lay(tmp_path, "subject 11/fear/sentence 1/s12_fe_1.avi", "subject 12/fear/sentence 1/s12_fe_1.avi")
    assert [(utterance.id, utterance.speaker) for utterance in find(tmp_path)] == [
        ("s11_fe_1", "s11"),
        ("s12_fe_1", "s12"),
    ]


@pytest.mark.parametrize(
    ("path", "id_"),
    [
        ("subject 3/surprise/sentence 1/s_3_su_1.avi", "s03_su_1"),
        ("subject 16/surprise/sentence 3/s16_su_3avi.avi", "s16_su_3"),
        ("subject 6/s6_an_1.avi", "s06_an_1"),
        ("subject 6/anger/sentence 2/Anger.avi", "s06_an_2"),
        ("SUBJECT_7/ANGER/SENTENCE_2/S7_AN_2.MP4", "s07_an_2"),
        ("subject 6/anger/s6_an_4.AVI", "s06_an_4"),
        ("subject-20/anger/sentence-4/s20_an_4.avi", "s20_an_4"),
        ("enterface database/subject 9/Anger/Sentence 4/a film.avi", "s09_an_4"),
    ],
)
def test_each_oddity_of_the_release_is_read(path, id_, tmp_path):
    (utterance,) = find(lay(tmp_path, path))
    assert utterance.id == id_
    assert utterance.video == Media(path)
    assert utterance.label == ("surprise" if "_su" in id_ else "anger")
    assert utterance.sentence == id_[4:].replace("_", "")


def test_folders_come_before_the_name(tmp_path):
    (utterance,) = find(lay(tmp_path, "subject 4/fear/sentence 3/s5_an_2.avi"))
    assert (utterance.id, utterance.label, utterance.sentence) == ("s04_fe_3", "fear", "fe3")


def test_the_order_is_that_of_the_subjects(tmp_path):
    lay(tmp_path, *(f"subject {n}/anger/sentence 1/s{n}_an_1.avi" for n in (10, 2, 1)))
    assert [utterance.speaker for utterance in find(tmp_path)] == ["s01", "s02", "s10"]


def test_litter_is_not_its(tmp_path):
    lay(tmp_path, "subject 1/anger/sentence 1/._s1_an_1.avi", "subject 1/anger/sentence 1/Thumbs.db", "s1_an_1.avi")
    with pytest.raises(CorpusError, match="found none"):
        find(tmp_path)


def test_a_film_that_says_no_emotion_is_named(tmp_path):
    lay(tmp_path, "subject 1/anger/sentence 1/s1_an_1.avi", "subject 6/take 1.avi")
    with pytest.raises(CorpusError, match=r"subject 6.take 1\.avi has no emotion in its path.*Rename it"):
        find(tmp_path)


def test_two_films_of_one_sentence_are_two_copies_or_refused_by_name(tmp_path):
    one, other = "subject 1/anger/sentence 1/s1_an_1.avi", "subject 1/anger/sentence 1/s1_an_2.avi"
    assert find(lay(tmp_path, one, other)).copies == {one: [other]}


def test_whole_sessions_are_left_out_and_said_to_be(tmp_path):
    cut = "subject 1/anger/sentence 1/s1_an_1.avi"
    sessions = ["subject 6/anger/s6_an.avi", "subject 6/fear/Fear.avi", "subject 6/s6_sa.avi"]
    found = find(lay(tmp_path, cut, *sessions))
    assert [utterance.id for utterance in found] == ["s01_an_1"]
    assert found.remarks == (
        f"enterface: 3 videos are whole sessions, not one sentence each, and left out: {', '.join(sessions)}",
    )


def test_sound_beside_the_film_or_alone_is_heard(tmp_path):
    film = "subject 1/anger/sentence 1/s1_an_1.avi"
    wav = film.replace(".avi", ".wav")
    (utterance,) = find(lay(tmp_path, film, wav))
    assert (utterance.audio, utterance.video) == (Media(wav), Media(film))
    (tmp_path / film).unlink()
    (utterance,) = find(tmp_path)
    assert (utterance.audio, utterance.video) == (Media(wav), None)


@pytest.mark.parametrize("published", [1166, 1260, 1263, 1287])
def test_a_count_that_somebody_published_is_not_called_anothers(published):
    assert CORPUS.remarks([Utterance("u", "enterface", "s1")] * published) == []


def test_a_count_that_nobody_published_is_told():
    assert CORPUS.remarks([Utterance("u", "enterface", "s1")] * 1200) == [
        "enterface: 1200 utterances found, which differs from all published counts: 1166 in the paper, "
        "1260 in 42 subjects of 30 sentences, 1263 in EmoBox, 1287 in the release"
    ]

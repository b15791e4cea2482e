"""RML: each field of a path, a subject of two languages, and the whole of it."""

from collections import Counter

import pytest

from affex.pipeline.corpora.base import shortfalls
from affex.pipeline.corpora.example_tree import lay
from affex.pipeline.corpora.rml import CORPUS, example, find
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.text.errors import CorpusError


def test_a_path_says_all_and_the_film_is_the_sound(tmp_path):
    film = Media("s3/an10.avi")
    assert find(lay(tmp_path, "s3/an10.avi")) == [
        Utterance("s3/an10", "rml", "s3", "anger", audio=film, video=film),
    ]


@pytest.mark.parametrize(
    ("code", "label"),
    [("an", "anger"), ("di", "disgust"), ("fe", "fear"), ("ha", "happiness"), ("sa", "sadness"), ("su", "surprise")],
)
def test_two_letters_are_the_emotion(code, label, tmp_path):
    (utterance,) = find(lay(tmp_path, f"s1/{code}1.avi"))
    assert utterance.label == label


def test_a_subject_of_two_languages_has_the_same_names_twice(tmp_path):
    lay(tmp_path, "rml-1/s2/English/an1.avi", "rml-1/s2/Mandarin/an1.avi", "rml-2/s6/an1.avi")
    utterances = find(tmp_path)
    assert [utterance.id for utterance in utterances] == ["s2/English/an1", "s2/Mandarin/an1", "s6/an1"]
    assert [utterance.speaker for utterance in utterances] == ["s2", "s2", "s6"]


def test_a_second_copy_counts_once(tmp_path):
    (utterance,) = find(lay(tmp_path, "b/s1/an1.avi", "a/s1/an1.avi"))
    assert utterance.video == Media("a/s1/an1.avi")


def test_other_files_are_not_its(tmp_path):
    lay(tmp_path, "s1/._an1.avi", "s9/an1.avi", "s1/ne1.avi", "s1/an.avi", "s1/an1.txt", "an1.avi")
    with pytest.raises(CorpusError, match="found none"):
        find(tmp_path)


def test_the_whole_of_it_is_whole_and_a_part_is_not(tmp_path):
    emotions = ("an", "di", "fe", "ha", "sa", "su")
    lay(tmp_path, *(f"s{s}/{emotion}{n}.avi" for s in range(1, 9) for emotion in emotions for n in range(1, 16)))
    utterances = find(tmp_path)
    assert not shortfalls(CORPUS, utterances)
    assert set(Counter(utterance.speaker for utterance in utterances).values()) == {90}
    assert shortfalls(CORPUS, utterances[1:]) == ["rml: 719 utterances found, 720 expected"]


def test_a_missing_film_is_told(tmp_path):
    assert shortfalls(CORPUS, find(example(tmp_path))) == ["rml: 6 utterances found, 720 expected"]

"""EMO-DB: each field of a file name, the layouts it comes in, and the real corpus where it is at hand."""

from collections import Counter

import pytest

from affex.pipeline.corpora.base import shortfalls
from affex.pipeline.corpora.emodb import CORPUS, LABELS, MEN, example, find
from affex.pipeline.corpora.example_tree import lay
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.text.errors import CorpusError


def test_a_file_name_says_all(tmp_path):
    assert find(lay(tmp_path, "wav/16b10Fb.wav")) == [
        Utterance("16b10Fb", "emodb", "16", "happiness", Media("wav/16b10Fb.wav"), sentence="b10", sex="female")
    ]


@pytest.mark.parametrize(
    ("letter", "label"),
    [*zip("WLEAFTN", ("anger", "boredom", "disgust", "fear", "happiness", "sadness", "neutral"), strict=True)],
)
def test_the_letter_is_the_german_emotion(letter, label, tmp_path):
    (utterance,) = find(lay(tmp_path, f"wav/03a01{letter}a.wav"))
    assert utterance.label == label
    assert utterance.sex == "male"


@pytest.mark.parametrize("folder", ["", "wav/", "emodb/wav/"])
def test_it_is_found_in_each_layout(folder, tmp_path):
    (utterance,) = find(lay(tmp_path, f"{folder}03a01Wa.wav"))
    assert utterance.audio == Media(f"{folder}03a01Wa.wav")
    assert utterance.id == "03a01Wa"


def test_other_files_are_not_its(tmp_path):
    lay(tmp_path, "wav/._03a01Wa.wav", "wav/01a01Wa.wav", "wav/03c01Wa.wav", "wav/03a01Xa.wav", "wav/03a01Wa.txt")
    with pytest.raises(CorpusError, match="03a01Fa"):
        find(tmp_path)


def test_a_missing_file_is_told(tmp_path):
    assert shortfalls(CORPUS, find(example(tmp_path))) == ["emodb: 14 utterances found, 535 expected"]


def test_the_real_corpus(test_data):
    utterances = find(test_data("emodb"))
    assert not shortfalls(CORPUS, utterances)
    assert Counter(utterance.label for utterance in utterances) == {
        "anger": 127,
        "boredom": 81,
        "neutral": 79,
        "happiness": 71,
        "fear": 69,
        "sadness": 62,
        "disgust": 46,
    }
    speakers = {utterance.speaker: utterance.sex for utterance in utterances}
    assert len(speakers) == 10
    assert {speaker for speaker, sex in speakers.items() if sex == "male"} == MEN
    assert len({utterance.sentence for utterance in utterances}) == 10
    assert "disgust" not in {utterance.label for utterance in utterances if utterance.speaker == "08"}
    assert set(LABELS.values()) == {utterance.label for utterance in utterances}


def test_the_real_corpus_by_its_wav_folder(test_data):
    folder = test_data("emodb") / "wav"
    assert len(find(folder)) == 535
    assert (folder / find(folder)[0].audio.path).is_file()

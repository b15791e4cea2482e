"""SAVEE: wav and video of one sentence are one utterance, and one letter or two are the emotion."""

from collections import Counter

import pytest

from affex.pipeline.corpora.base import shortfalls
from affex.pipeline.corpora.example_tree import lay
from affex.pipeline.corpora.savee import CORPUS, example, find
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.text.errors import CorpusError

WAV, FILM = "AudioData/DC/sa03.wav", "AudioVisualClip/DC/sa3.avi"


def test_wav_and_film_are_one_utterance(tmp_path):
    assert find(lay(tmp_path, WAV, FILM)) == [
        Utterance("DC_sa03", "savee", "DC", "sadness", Media(WAV), Media(FILM), sentence="sa03", sex="male")
    ]


@pytest.mark.parametrize(("file", "audio", "video"), [(WAV, WAV, None), (FILM, FILM, FILM)])
def test_either_will_do(file, audio, video, tmp_path):
    (utterance,) = find(lay(tmp_path, file))
    assert utterance.id == "DC_sa03"
    assert utterance.audio == Media(audio)
    assert utterance.video == (Media(video) if video else None)


@pytest.mark.parametrize("name", ["AudioVisualClip/DC/sa3.mp4", "audiovisualclip/dc/SA3.AVI", "ALL/dc_sa03.mov"])
def test_a_film_that_was_converted_or_renamed_is_seen(name, tmp_path):
    (utterance,) = find(lay(tmp_path, WAV, name))
    assert (utterance.id, utterance.audio, utterance.video) == ("DC_sa03", Media(WAV), Media(name))


@pytest.mark.parametrize(
    ("letters", "label"),
    [
        *(("a", "anger"), ("d", "disgust"), ("f", "fear"), ("h", "happiness"), ("n", "neutral")),
        *(("sa", "sadness"), ("su", "surprise")),
    ],
)
def test_the_letters_are_the_emotion(letters, label, tmp_path):
    (utterance,) = find(lay(tmp_path, f"AudioData/JE/{letters}15.wav"))
    assert utterance.label == label


@pytest.mark.parametrize("name", ["AudioData/KL/su01.wav", "KL/su01.wav", "ALL/KL_su01.wav", "KL_su01.wav"])
def test_it_is_found_in_each_layout(name, tmp_path):
    (utterance,) = find(lay(tmp_path, name))
    assert (utterance.id, utterance.label) == ("KL_su01", "surprise")
    assert utterance.audio == Media(name)


def test_other_files_are_not_its(tmp_path):
    lay(tmp_path, "AudioData/DC/s01.wav", "AudioData/DC/._a01.wav", "AudioData/AB/a01.wav", "AudioData/DC/a01.txt")
    with pytest.raises(CorpusError, match="found none"):
        find(tmp_path)


def test_the_whole_of_it_is_whole_and_a_part_is_not(tmp_path):
    sentences = {letters: 30 if letters == "n" else 15 for letters in ("a", "d", "f", "h", "n", "sa", "su")}
    for speaker in ("DC", "JE", "JK", "KL"):
        for letters, count in sentences.items():
            lay(tmp_path, *(f"AudioData/{speaker}/{letters}{n:02}.wav" for n in range(1, count + 1)))
            lay(tmp_path, *(f"AudioVisualClip/{speaker}/{letters}{n}.avi" for n in range(1, count + 1)))
    utterances = find(tmp_path)
    assert not shortfalls(CORPUS, utterances)
    labels = Counter(utterance.label for utterance in utterances)
    assert labels.pop("neutral") == 120
    assert set(labels.values()) == {60}
    assert [utterance.id for utterance in utterances[:2]] == ["DC_a01", "DC_a02"]
    assert shortfalls(CORPUS, utterances[1:]) == ["savee: 479 utterances found, 480 expected"]


def test_a_missing_file_is_told(tmp_path):
    assert shortfalls(CORPUS, find(example(tmp_path))) == ["savee: 14 utterances found, 480 expected"]

"""RAVDESS: three files of one take are one utterance, whatever folders they lie in."""

from collections import Counter
from itertools import product

import pytest

from affex.pipeline.corpora.base import shortfalls
from affex.pipeline.corpora.example_tree import lay
from affex.pipeline.corpora.ravdess import CORPUS, find
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.text.errors import CorpusError

TAKE = "01-06-01-02-01-12"
AUDIO_VIDEO, VIDEO, AUDIO = f"01-{TAKE}.mp4", f"02-{TAKE}.mp4", f"03-{TAKE}.wav"


def test_a_file_name_says_all(tmp_path):
    assert find(lay(tmp_path, f"Actor_12/{AUDIO}")) == [
        Utterance(
            id=TAKE,
            corpus="ravdess",
            speaker="12",
            label="fearful",
            audio=Media(f"Actor_12/{AUDIO}"),
            part="speech",
            text="Dogs are sitting by the door",
            sex="female",
        )
    ]


@pytest.mark.parametrize(
    ("files", "audio", "video"),
    [
        ((AUDIO_VIDEO, VIDEO, AUDIO), AUDIO, AUDIO_VIDEO),
        ((AUDIO_VIDEO, VIDEO), AUDIO_VIDEO, AUDIO_VIDEO),
        ((AUDIO_VIDEO,), AUDIO_VIDEO, AUDIO_VIDEO),
        ((VIDEO, AUDIO), AUDIO, VIDEO),
        ((VIDEO,), None, VIDEO),
        ((AUDIO,), AUDIO, None),
    ],
)
def test_the_versions_of_a_take_are_one_utterance(files, audio, video, tmp_path):
    (utterance,) = find(lay(tmp_path, *files))
    assert utterance.audio == (Media(audio) if audio else None)
    assert utterance.video == (Media(video) if video else None)
    assert utterance.id == TAKE


def test_the_folders_do_not_matter(tmp_path):
    lay(tmp_path, f"Audio_Speech_Actors_01-24/Actor_12/{AUDIO}", f"Video Sprache/Äpfel/Actor_12/{AUDIO_VIDEO}")
    (utterance,) = find(tmp_path)
    assert utterance.audio == Media(f"Audio_Speech_Actors_01-24/Actor_12/{AUDIO}")
    assert utterance.video == Media(f"Video Sprache/Äpfel/Actor_12/{AUDIO_VIDEO}")


def test_a_second_copy_of_a_file_is_the_same_take(tmp_path):
    (utterance,) = find(lay(tmp_path, f"b/Actor_12/{AUDIO}", f"a/Actor_12/{AUDIO}", AUDIO.replace("12.", "11.")))[1:]
    assert utterance.audio == Media(f"a/Actor_12/{AUDIO}")


def test_other_files_are_not_its(tmp_path):
    names = ("._" + AUDIO, "03-01-09-01-02-01-12.wav", "03-01-06-01-02-01-25.wav", f"03-{TAKE}.mp4", f"01-{TAKE}.wav")
    with pytest.raises(CorpusError, match="found none"):
        find(lay(tmp_path, *names))


def test_speech_song_and_sexes(tmp_path):
    speech, song = find(lay(tmp_path, "Actor_01/03-02-01-01-01-01-01.wav", f"Actor_12/{AUDIO}"))
    assert (speech.part, speech.speaker, speech.sex) == ("speech", "12", "female")
    assert (song.part, song.speaker, song.sex, song.label) == ("song", "01", "male", "neutral")
    assert song.text == "Kids are talking by the door"


def whole():
    """Yield the audio files of the whole release, by its published rules."""
    for actor, emotion, strength, statement, repetition in product(range(1, 25), range(1, 9), (1, 2), (1, 2), (1, 2)):
        if (emotion, strength) != (1, 2):
            yield f"Actor_{actor:02}/03-01-{emotion:02}-{strength:02}-{statement:02}-{repetition:02}-{actor:02}.wav"
            if actor != 18 and emotion <= 6:
                yield f"Actor_{actor:02}/03-02-{emotion:02}-{strength:02}-{statement:02}-{repetition:02}-{actor:02}.wav"


def test_the_counts_are_those_of_the_whole_release(tmp_path):
    utterances = find(lay(tmp_path, *whole()))
    assert Counter(utterance.part for utterance in utterances) == CORPUS.counts
    assert not shortfalls(CORPUS, utterances)
    speech = Counter(utterance.label for utterance in utterances if utterance.part == "speech")
    assert speech.pop("neutral") == 96
    assert set(speech.values()) == {192}
    assert shortfalls(CORPUS, utterances[1:]) == ["ravdess (speech): 1439 utterances found, 1440 expected"]


def test_there_is_no_song_of_actor_18_to_fetch():
    assert len(CORPUS.download.extra) == 47
    assert "Video_Song_Actor_18.zip" not in CORPUS.download.extra


def test_a_real_file(test_data):
    (utterance,) = find(test_data("clips/ravdess"))
    assert utterance.audio is not None
    assert utterance.video == utterance.audio

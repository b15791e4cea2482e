"""The person: mouths with planted movement, the choice from cached tracks, and the rows of one or all people."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from corpus import run, spec, write_wav
from films import film
from scenes import company

from affex.features.base import Rows
from affex.features.detectors import mouth
from affex.features.detectors.chips import MEAN_FACE
from affex.features.detectors.search import Search
from affex.features.face import Face
from affex.features.faces import COLUMNS, Faces, is_found
from affex.features.landmarks import Landmarks
from affex.features.logmel import Logmel
from affex.features.person import SOUND, Person, agreements
from affex.features.pixels import Pixels
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.reporting import coverage
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.streams import table
from affex.pipeline.text.errors import UsageError

N = 75
TIMES = np.arange(N) / 25
#: Syllables, and pauses between words.
AMPLITUDE = np.abs(np.sin(5 * np.pi * TIMES)) * (np.sin(2 * np.pi * 0.7 * TIMES) > -0.3)
#: The movement of someone else.
OTHER = np.abs(np.sin(4.1 * np.pi * TIMES + 1)) * (np.sin(2 * np.pi * 1.1 * TIMES + 2) > 0)


def mouths(opening: np.ndarray, shake: np.ndarray) -> mouth.Mouths:
    """Return the signals of a mouth that is dark inside as it opens; the whole face flickers with `shake`."""
    lips = np.full((N, mouth.MOUTH_SIZE, mouth.MOUTH_SIZE), 120.0)
    lips[:, *mouth.INNER] -= 80 * opening[:, None, None]
    brows = np.full((N, mouth.FACE_SIZE // 2, mouth.FACE_SIZE), 120.0)
    return mouth.mouths(TIMES, lips + shake[:, None, None], brows + shake[:, None, None])


def test_a_mouth_that_opens_with_the_sound_agrees_with_it():
    rng = np.random.default_rng(0)
    still, shaking = np.zeros(N), rng.normal(0, 5, N)
    speaks = mouth.agreement(mouths(AMPLITUDE, still), TIMES, AMPLITUDE)
    assert speaks > 0.3
    assert mouth.agreement(mouths(still, still), TIMES, AMPLITUDE) == pytest.approx(0, abs=1e-9)
    assert mouth.agreement(mouths(OTHER, still), TIMES, AMPLITUDE) < speaks / 2
    assert mouth.agreement(mouths(still, shaking), TIMES, AMPLITUDE) < speaks / 2


def test_the_signals_of_a_mouth():
    opening = np.zeros(N)
    opening[10:20] = 1.0
    signals = mouths(opening, np.zeros(N)).signals
    share = 22 * 24 / mouth.MOUTH_SIZE**2
    assert np.flatnonzero(signals[0]).tolist() == [10, 20]
    assert signals[0, 10] == pytest.approx(80 * share)
    assert signals[1].tolist() == pytest.approx([-40.0 if k in range(10, 20) else -120.0 for k in range(N)])
    gap = mouth.mouths(np.append(TIMES[:10], TIMES[10:] + 1), np.zeros((N, 48, 48)), np.zeros((N, 32, 64)))
    assert not gap.signals[0].any()
    one = mouth.mouths(TIMES[:1], np.zeros((1, 48, 48)), np.zeros((1, 32, 64)))
    assert mouth.agreement(one, TIMES, AMPLITUDE) == 0.0


def painted(opening: float) -> np.ndarray:
    """Return a face whose mouth is open so far, its five points at those of the mean face in 160 px from 40, 40."""
    picture = np.full((240, 240, 3), 150, np.uint8)
    x, y = (np.array(mouth.MOUTH_MIDDLE) * 160 + 40).astype(int)
    half = round(24 * opening)
    picture[y - half : y + half, x - 24 : x + 24] = 20
    return picture


def two_people(speaker: int) -> Rows:
    """Return the rows of two faces, one of which speaks with `AMPLITUDE`, and beside them the sound."""
    from affex.features.detectors import crops

    box = np.array([45.0, 45, 195, 195])
    values, pictures, times = [], [], []
    for number, time in enumerate(TIMES):
        for track in (0, 1):
            row = np.zeros(len(COLUMNS), np.float32)
            row[:2], row[3:7], row[7:17] = (time, 1), box, (40 + 160 * MEAN_FACE).ravel()
            row[COLUMNS.index("track")] = track
            values.append(row)
            opening = (AMPLITUDE if track == speaker else OTHER)[number]
            pictures.append(crops.encoded(painted(float(opening)), box))
            times.append(time)
    levels = np.tile(20 * np.log10(np.maximum(AMPLITUDE, 1e-3))[:, None], (1, SOUND.mels)).astype(np.float32)
    return Rows(np.array(values), np.array(times), tuple(pictures), (Rows(levels, TIMES),))


@pytest.mark.parametrize("speaker", [0, 1])
def test_the_speaker_is_the_one_whose_mouth_moves_with_the_sound(speaker):
    rows = two_people(speaker)
    scores = agreements(rows)
    [own] = Person(choice="speaking").extract_many([rows], None)
    assert set(own.values[:, COLUMNS.index("track")]) == {speaker}
    assert own.values[0, -2:] == pytest.approx([2, scores[speaker] - scores[1 - speaker]])
    assert scores[speaker] > 0.2
    assert len(own.values) == N


def test_a_choice_that_does_not_exist_is_refused():
    for kind in (Person, Face, Landmarks, Pixels):
        with pytest.raises(ValueError, match="choice=best: expected largest, longest, central, speaking"):
            kind(choice="best")
    assert Person().beside == ()
    assert Person(choice="speaking").beside == (Logmel(),)
    assert Face(choice="longest").beside == (Person(choice="longest"),)
    assert Face(missing="frame").beside == (Person(faces=Faces(missing="frame")),)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A film with sound: a large face is there in two of five frames, a smaller one always."""
    folder = tmp_path_factory.mktemp("two people")
    both, one = company((130, 140), (100, 480)), company((100, 480))
    film(folder / "two.mp4", [both, both, one, one, one], rate=5)
    write_wav(folder / "two.wav", 1.0)
    utterance = Utterance("two", "films", "she", video=Media("two.mp4"), audio=Media("two.wav"))
    return Dataset("films", folder, folder / "cache", (utterance,))


def test_another_choice_searches_nothing_again(films: Dataset, monkeypatch: pytest.MonkeyPatch):
    faces, _, face = run(films, spec("face", Face()))
    assert (faces.computed, face.computed, face.failures) == (1, 1, {})
    monkeypatch.setattr(Search, "whole", None)  # it cannot be called any more
    monkeypatch.setattr(Search, "around", None)
    lengths = {}
    for choice in ("largest", "longest", "central", "speaking"):
        *above, chosen = run(films, spec("face", Face(choice=choice)))
        assert above[0].cached == 1
        assert chosen.failures == {}
        lengths[choice] = len(table.load(films, [spec("face", Face(choice=choice))]).X)
    assert lengths == {"largest": 5, "longest": 5, "central": 5, "speaking": 5}


def test_the_rows_are_of_one_person_unless_all_are_wanted(films: Dataset):
    run(films, spec("faces", Faces()))
    one, all_ = (table.load(films, feature_specs(text)) for text in ("faces", "faces:people=all"))
    assert one.X.shape == (5, len(COLUMNS))
    assert all_.X.shape == (7, len(COLUMNS))
    track = COLUMNS.index("track")
    assert set(one.X[is_found(one.X)][:, track]) < set(all_.X[:, track])
    assert all_.X[:, 0] == pytest.approx([0, 0, 0.2, 0.2, 0.4, 0.6, 0.8])
    assert coverage.of_utterances(one)[0].n_frames == 5
    [spec_] = feature_specs("faces:people=all,pool=qmean")
    assert str(spec_) == "faces:pool=qmean,people=all"
    assert np.isfinite(table.load(films, [spec_]).X).all()
    for text, message in (
        ("face:people=all", "face has rows of one person. Features with a row for each person: faces"),
        ("faces:people=two", "There is no value of people 'two'"),
        ("faces faces:people=all", "named twice"),
    ):
        with pytest.raises(UsageError, match=message):
            feature_specs(text)


def test_the_quality_of_a_frame_is_that_of_the_chosen_face(films: Dataset):
    weighed = replace(spec("face", Face(choice="longest")), pool=("qmean",))
    run(films, weighed.unpooled)
    assert np.isfinite(table.load(films, [weighed]).X).all()


def test_an_utterance_without_sound_has_no_speaker(films: Dataset, tmp_path: Path):
    [utterance] = films.utterances
    silent = Dataset("silent", films.root, tmp_path, (replace(utterance, audio=None),))
    *_, person = run(silent, spec("person", Person(choice="speaking")))
    assert person.failures["two"].startswith("logmel: it has no sound")

"""The demo: the same every time, hard but not too hard, with a face that a detector finds."""

import json

import av
import numpy as np
import pytest

from affex.features.base import Frames, Runtime
from affex.features.faces import Faces, is_found
from affex.pipeline.corpora import demo
from affex.pipeline.corpora.base import shortfalls
from affex.pipeline.media import decode_audio
from affex.pipeline.specs import discovery
from affex.pipeline.text.errors import CorpusError


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("Demo mit Ümlaut")
    demo.make(folder)
    return folder


def frames(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_it_is_whole_and_balanced(root):
    utterances = demo.find(root)
    assert not shortfalls(demo.CORPUS, utterances)
    assert len({(utterance.speaker, utterance.label) for utterance in utterances}) == 8 * 4
    assert {utterance.sex for utterance in utterances} == {"female", "male"}


def test_it_is_small(root):
    assert sum(path.stat().st_size for path in root.iterdir()) < 30e6


def test_a_file_holds_the_samples_that_were_synthesised(root):
    signal = demo.PERFORMANCES[37]
    media = demo.find(root)[37].audio
    np.testing.assert_allclose(
        decode_audio(root, media, demo.RATE, 10.0).samples, demo.speech(signal), atol=1.01 * 2**-15
    )


def test_sound_and_picture_are_of_one_length(root):
    for utterance in demo.find(root)[::20]:
        sound = decode_audio(root, utterance.audio, demo.RATE, 10.0)
        assert 1.0 < sound.duration < 2.0
        assert abs(len(frames(root / utterance.video.path)) / demo.FRAME_RATE - sound.duration) < 1 / demo.FRAME_RATE


def test_no_clip_is_clipped():
    assert max(np.abs(demo.speech(signal)).max() for signal in demo.PERFORMANCES) < 1


def test_making_it_again_gives_the_same_bytes(root, tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "PERFORMANCES", demo.PERFORMANCES[::40])
    demo.make(tmp_path)
    assert len(demo.PERFORMANCES) == 4
    for signal in demo.PERFORMANCES:
        assert (tmp_path / signal.name).read_bytes() == (root / signal.name).read_bytes()


def test_clips_that_come_out_otherwise_need_a_new_version():
    assert demo.RECIPE == {"version": 2, "seed": 2024}
    sounds = map(demo.speech, demo.PERFORMANCES[::40])
    assert [(len(sound), round(float(np.abs(np.diff(sound)).mean()), 5)) for sound in sounds] == [
        (18961, 0.00923),
        (20135, 0.01345),
        (20409, 0.01385),
        (20954, 0.01281),
    ]
    pictures = (next(demo.face(signal, np.zeros(1))) for signal in demo.PERFORMANCES[::27])
    assert [round(float(picture.mean()), 2) for picture in pictures] == [99.25, 123.89, 131.02, 96.76, 134.15, 104.77]


def test_what_is_there_is_not_made_again(root):
    times = {path: path.stat().st_mtime_ns for path in root.iterdir()}
    demo.make(root)
    assert {path: path.stat().st_mtime_ns for path in root.iterdir()} == times


@pytest.mark.parametrize("damage", ["no marker", "marker cut", "older version", "utterance missing"])
def test_a_folder_left_half_made_is_not_served_and_made_again(damage, tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "PERFORMANCES", demo.PERFORMANCES[:2])
    demo.make(tmp_path)
    marker = tmp_path / "demo.json"
    match damage:
        case "no marker":
            marker.unlink()
        case "marker cut":
            marker.write_text("{")
        case "older version":
            marker.write_text(json.dumps(demo.RECIPE | {"version": 0}))
        case "utterance missing":
            (tmp_path / demo.PERFORMANCES[1].name).unlink()
    with pytest.raises(CorpusError, match="does not hold the demo corpus"):
        demo.find(tmp_path)
    demo.make(tmp_path)
    assert len(demo.find(tmp_path)) == 2
    assert {path.name for path in tmp_path.iterdir()} == {marker.name, *(signal.name for signal in demo.PERFORMANCES)}


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CorpusError, match="cannot be written"):
        demo.make(tmp_path / "file")


def test_a_face_detector_finds_the_face(root):
    import dlib

    detector = dlib.get_frontal_face_detector()
    pictures = [picture for path in sorted(root.glob("s*_1.avi")) for picture in (frames(path)[0], frames(path)[7])]
    boxes = [detector(picture) for picture in pictures]
    assert np.mean([len(box) == 1 for box in boxes]) >= 0.95
    assert min(face.width() for box in boxes for face in box) >= 100


def test_the_default_detector_finds_the_face_whoever_shows_whatever(root):
    feature = Faces(frames="3/clip", missing="keep")
    model = feature.load(Runtime())
    found = []
    for signal in demo.PERFORMANCES[:: demo.N_TAKES]:
        pictures = np.stack(frames(root / signal.name)[::6])
        seen = feature.extract_stream(iter([Frames(pictures, np.arange(len(pictures)) / 2)]), model)
        found.extend(is_found(seen.values))
    assert len(found) >= 32 * 3
    assert np.mean(found) >= 0.95


def test_the_mouth_opens_and_the_head_moves():
    first, second = list(demo.face(demo.PERFORMANCES[0], np.array([0.0, 1.0])))
    assert first.shape == (demo.SIDE, demo.SIDE, 3)
    mouth = np.abs(first.astype(int) - second)[110:150, 70:120]
    assert mouth.mean() > 5


@pytest.mark.slow
def test_unheard_speakers_are_above_chance_and_below_perfect():
    """Means and deviations of the MFCC, an RBF machine without any tuning: chance is .25."""
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    from affex.features.base import Signal

    mfcc = discovery.feature_presets()["mfcc"]
    rows = [mfcc.extract(Signal(demo.speech(one).astype(np.float32), demo.RATE)).values for one in demo.PERFORMANCES]
    X = np.array([np.concatenate([values.mean(0), values.std(0)]) for values in rows])
    labels = [signal.emotion for signal in demo.PERFORMANCES]
    machine = make_pipeline(StandardScaler(), SVC(gamma=1 / X.shape[1], class_weight="balanced"))
    speakers = [signal.speaker for signal in demo.PERFORMANCES]
    predicted = cross_val_predict(machine, X, labels, groups=speakers, cv=LeaveOneGroupOut())
    uar = balanced_accuracy_score(labels, predicted)
    assert 0.55 < uar < 0.9

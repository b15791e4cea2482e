"""Detectors by name: their weights and what identifies them; those of face-alignment with weights of their shapes."""

import dataclasses

import numpy as np
import pytest
import torch
from scenes import scene
from toyweights import blazeface_weights, sfd_weights

from affex.features.base import Frames, Runtime
from affex.features.detectors import named
from affex.features.detectors.face_alignment import SFD_WEIGHTS, BlazeFace, Sfd
from affex.features.detectors.mmod import Mmod
from affex.features.detectors.yunet import WEIGHTS as YUNETS
from affex.features.faces import COLUMNS, Faces
from affex.features.networks.weights import WeightError, sha256
from affex.pipeline.caching import cache
from affex.pipeline.specs.features import feature_specs


@pytest.fixture(autouse=True)
def downloads(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))


def test_weights_of_face_alignment_that_are_not_here_or_do_not_fit_are_named(tmp_path):
    frames = np.zeros((1, 40, 40, 3), np.uint8)
    with pytest.raises(WeightError, match=r"There is no weight file .*none\.pth"):
        Sfd((tmp_path / "none.pth",)).detect(frames)
    torch.save({"a": torch.ones(1)}, tmp_path / "other.pth")
    with pytest.raises(WeightError, match=r"other\.pth do not fit the detector: "):
        Sfd((tmp_path / "other.pth",)).detect(frames)


def test_sfd_runs_with_weights_of_its_shapes(tmp_path):
    detector = Sfd((sfd_weights(tmp_path / "sfd.pth"),), threshold=0.2)
    frames = np.random.default_rng(0).integers(0, 256, (2, 48, 64, 3), dtype=np.uint8)
    together = detector.detect(frames)
    assert len(together[0]) > 0
    for faces, frame in zip(together, frames, strict=True):
        np.testing.assert_array_equal(faces.boxes, detector.detect(frame[None])[0].boxes)
    assert [len(faces) for faces in detector.detect(frames[:, :31])] == [0, 0]  # its layers take no less


def test_blazeface_runs_with_weights_of_its_shapes(tmp_path):
    detector = BlazeFace(blazeface_weights(tmp_path), threshold=0.4)
    frames = np.random.default_rng(1).integers(0, 256, (1, 48, 64, 3), dtype=np.uint8)
    faces = detector.detect(frames)[0]
    assert len(faces) > 0
    assert (np.diff(faces.scores) <= 0).all()
    assert len(dataclasses.replace(detector, threshold=0.999).detect(frames)[0]) == 0


# By name -------------------------------------------------------------------------------------------


def test_what_brings_its_weights_along_has_no_digest():
    for name in ("mmod", "hog"):
        assert named.digest(name, "", "") == ""
        for weights, digest in (("x.pth", ""), ("", "00")):
            with pytest.raises(ValueError, match=f"{name} takes no weight file"):
                named.digest(name, weights, digest)
    [file] = named.weight_files("mmod", "", "", "")
    assert sha256(file) == Mmod().digest


def test_the_published_weights_are_meant_where_nobody_says(tmp_path):
    assert named.digest("yunet", "", "") == YUNETS[0].sha256
    assert named.digest("sfd", "", "") == named.digest("sfd", str(tmp_path), "") == SFD_WEIGHTS.sha256
    (tmp_path / SFD_WEIGHTS.name).write_bytes(b"others")
    with pytest.raises(WeightError, match=r"is not the expected s3fd-619a316812\.pth"):
        named.weight_files("sfd", SFD_WEIGHTS.sha256, "", str(tmp_path))


def test_weights_of_ones_own_are_known_by_their_digest_wherever_they_move(tmp_path):
    mine = sfd_weights(tmp_path / "mine.pth")
    digest = named.digest("sfd", str(mine), "")
    assert digest == sha256(mine) == Sfd((mine,)).digest
    assert named.weight_files("sfd", digest, str(mine), "") == (mine,)
    moved = mine.rename(tmp_path / "moved.pth")
    assert named.weight_files("sfd", digest, "", str(tmp_path)) == (moved,)
    with pytest.raises(ValueError, match="expected digest=00"):
        named.digest("sfd", str(moved), "00")
    moved.unlink()
    with pytest.raises(WeightError, match=rf"{digest}, .* as in FEATURES=faces:detector=sfd,weights=path, or its"):
        named.weight_files("sfd", digest, "", str(tmp_path))


def test_blazeface_is_the_two_files_of_a_folder(tmp_path):
    with pytest.raises(
        WeightError, match=r"put blazeface\.pth and anchors\.npy from https.* into a folder and name it"
    ):
        named.weight_files("blazeface", named.digest("blazeface", "", ""), "", "")
    files = blazeface_weights(tmp_path)
    digest = named.digest("blazeface", str(tmp_path), "")
    assert digest == BlazeFace(files).digest == "+".join(map(sha256, files))
    assert named.weight_files("blazeface", digest, str(tmp_path), "") == files
    assert named.weight_files("blazeface", digest, "", str(tmp_path)) == files
    with pytest.raises(WeightError, match=r"There is no weight file .*blazeface\.pth.blazeface\.pth"):
        named.digest("blazeface", str(files[0]), "")
    with pytest.raises(ValueError, match=r"digest=00: expected the sha256 of blazeface\.pth and of anchors\.npy"):
        named.digest("blazeface", "", "00")


@pytest.mark.parametrize("name", ["mmod", "hog", "yunet", "yunet+mmod", "sfd", "blazeface"])
def test_every_detector_is_made_by_its_name(name, tmp_path, test_data):
    files = {
        "yunet": lambda: (test_data("weights/yunet_n_dynamic.onnx"),),
        "yunet+mmod": lambda: (test_data("weights/yunet_n_dynamic.onnx"),),
        "sfd": lambda: (sfd_weights(tmp_path / "sfd.pth"),),
        "blazeface": lambda: blazeface_weights(tmp_path),
    }.get(name, tuple)()
    nothing = np.zeros((1, 64, 64, 3), np.uint8)
    [own], [none] = (named.built(name, files, s, "float32", "cpu").detect(nothing) for s in (None, 0.99))
    assert (own.scores > named.SCORES[name]).all()
    assert len(none) == 0


# As detectors of faces -----------------------------------------------------------------------------


def test_faces_are_those_of_the_detector_that_is_named(tmp_path):
    """Its weights may move: neither the feature nor its key nor what one would ask for says where they are."""
    mine = sfd_weights(tmp_path / "mine.pth")
    [spec] = feature_specs(f"faces:detector=sfd,score=0.2,missing=keep,weights={mine}")
    [again] = feature_specs(str(spec))
    assert str(tmp_path) not in str(spec)
    assert again == spec
    assert cache.recipe(again.feature).key == cache.recipe(spec.feature).key
    assert cache.packages(spec.feature)[-1] == "face-alignment"
    signal = Frames(np.stack([scene(k, 60, (130, 160)) for k in range(2)]), np.arange(2) / 5)
    near, far = (
        feature.extract_stream(iter([signal]), feature.load(runtime))
        for feature, runtime in ((spec.feature, Runtime()), (again.feature, Runtime(weights=str(tmp_path))))
    )
    assert near.values[:, COLUMNS.index("found")].any()
    assert near.values.tobytes() == far.values.tobytes()
    with pytest.raises(WeightError, match=r"needs the weight file with the sha256"):
        again.feature.require(Runtime())


def test_blazeface_sees_the_frame_as_it_is(tmp_path):
    blazeface_weights(tmp_path)
    feature = Faces(detector="blazeface", weights=str(tmp_path), score=0.4)
    feature.require(Runtime())
    search = feature.load(Runtime())
    assert search.scales(240, 320) == (1.0,)
    assert search.scales(480, 1280) == (0.5,)
    signal = Frames(np.stack([scene(k) for k in range(2)]), np.arange(2) / 5)
    rows = feature.extract_stream(iter([signal]), search)
    assert rows.values[:, COLUMNS.index("found")].all()


def test_what_brings_its_weights_along_needs_no_other_package():
    assert cache.packages(Faces())[-1] == "opencv-python-headless"
    Faces().require(Runtime())

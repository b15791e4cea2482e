"""The landmark networks of face-alignment, with weights that the tests make in their shapes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from faces_rows import found_in
from skimage.data import astronaut

from affex.features.base import Runtime
from affex.features.detectors import fan
from affex.features.detectors.chips import MEAN_FACE
from affex.features.detectors.fan import FILES, Fan
from affex.features.landmarks import Landmarks
from affex.features.networks.weights import WeightError, sha256
from affex.pipeline.caching import cache

#: Where the mean face lies in the portrait: its first corner and its size, px; hers is about there.
FIRST, FACE = np.array([178, 80]), 95
FIVE = FIRST + FACE * MEAN_FACE


@pytest.fixture(scope="module", autouse=True)
def interpreted() -> None:
    """Import the package uncompiled: to compile its two small functions takes 20 s, to interpret them nothing."""
    import numba

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numba.config, "DISABLE_JIT", True)
        import face_alignment  # noqa: F401


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of random weights: one hourglass in place of four."""
    from face_alignment.models import FAN, ResNetDepth

    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    for name in (*FILES["fan2d"], FILES["fan3d"][0]):
        torch.save(FAN(1).state_dict(), folder / name)
    depth = ResNetDepth().state_dict()
    torch.save({"state_dict": {f"module.{name}": tensor for name, tensor in depth.items()}}, folder / FILES["fan3d"][1])
    return folder


def files(folder: Path, name: fan.Name) -> tuple[Path, ...]:
    return tuple(folder / file for file in FILES[name])


@pytest.mark.parametrize(("name", "axes"), [("fan2d", 2), ("fan3d", 3)])
def test_a_face_has_68_points_the_same_on_every_run(folder, name, axes):
    network = Fan(files(folder, name))
    points = network.refined(astronaut(), FIVE)
    assert points.shape == (68, axes)
    assert np.isfinite(points).all()
    assert len(np.unique(points[:, 0])) > 10
    assert network.refined(astronaut(), FIVE).tobytes() == points.tobytes()


def test_a_map_that_is_even_everywhere_has_its_peak_at_the_first_corner_of_what_is_shown(folder, tmp_path):
    """Closed form: the box about the mean face, by the package's scale and shift, laid back into the picture."""
    [file] = files(folder, "fan2d")
    state = torch.load(file, weights_only=True)
    state["l0.weight"] = torch.zeros_like(state["l0.weight"])
    state["l0.bias"] = torch.zeros_like(state["l0.bias"])
    torch.save(state, tmp_path / "flat.pth")
    points = Fan((tmp_path / "flat.pth",)).refined(astronaut(), FIVE)
    width, height = FACE * np.array(fan.BOX_SIZE)
    shown = 200 * (width + height) / 195
    middle = FIRST + FACE * np.array(fan.BOX_MIDDLE) - [0, 0.12 * height]
    wanted = middle - shown / 2 + 0.5 * shown / 64
    np.testing.assert_allclose(points, np.tile(wanted, (68, 1)), atol=FACE / 300 + 1e-6)  # a pixel of the upright face


def test_points_lean_with_the_head(folder):
    """Turned by a right angle the same pixels are shown, and the same points come out."""
    network, picture = Fan(files(folder, "fan2d")), astronaut()
    turned = np.ascontiguousarray(np.rot90(picture))  # x, y -> y, width - 1 - x
    there = np.stack([FIVE[:, 1], picture.shape[1] - 1 - FIVE[:, 0]], axis=1)
    points = network.refined(picture, FIVE)
    wanted = np.stack([points[:, 1], picture.shape[1] - 1 - points[:, 0]], axis=1)
    assert np.median(np.abs(network.refined(turned, there) - wanted)) < 0.5


def test_depth_grows_with_the_picture(folder):
    network, picture = Fan(files(folder, "fan3d")), astronaut()
    once, twice = network.refined(picture, FIVE), network.refined(picture.repeat(2, 0).repeat(2, 1), 2 * FIVE + 0.5)
    assert np.median(twice[:, 2] / once[:, 2]) == pytest.approx(2, rel=0.1)


def test_other_weights_are_refused(tmp_path, folder):
    torch.save({"a": torch.ones(1)}, tmp_path / "other.pth")
    with pytest.raises(WeightError, match=r"other\.pth does not fit FAN: .* tensors are missing"):
        Fan((tmp_path / "other.pth",)).refined(astronaut(), FIVE)
    with pytest.raises(WeightError, match=r"other\.pth does not fit ResNetDepth"):
        Fan((*files(folder, "fan2d"), tmp_path / "other.pth")).refined(astronaut(), FIVE)


# As a feature --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["fan2d", "fan3d"])
def test_the_feature_says_what_a_network_finds(folder, name):
    rows = found_in([astronaut()] * 2, [FIVE, FIVE])
    feature = Landmarks(points=name, weights=str(folder))
    [out] = feature.extract_many([rows], feature.load(Runtime()))
    assert out.values.shape == (2, 3 * 68 * (3 if name == "fan3d" else 2)) == (2, len(feature.columns))
    assert np.isfinite(out.values).all()
    assert out.values[0].tobytes() == out.values[1].tobytes()  # nothing moves
    assert ("chin_06_z" in feature.columns) == (name == "fan3d")
    assert feature.on_device
    assert "face-alignment" in feature.packages


def test_weights_are_known_by_what_they_hold_and_not_by_where_they_lie(folder, tmp_path):
    feature = Landmarks(points="fan2d", weights=str(folder))
    assert feature.digest == sha256(*files(folder, "fan2d"))
    moved = Landmarks(points="fan2d", digest=feature.digest)
    assert moved == feature
    assert cache.recipe(moved).key == cache.recipe(feature).key
    moved.require(Runtime(weights=str(folder)))
    with pytest.raises(WeightError, match="there is none in"):
        moved.require(Runtime(weights=str(tmp_path)))
    with pytest.raises(ValueError, match="expected digest=00"):
        replace(feature, digest="00")


def test_weights_that_are_not_there_are_named_with_where_they_come_from(tmp_path):
    url = r"depth-2a464da4ea\.pth\.tar from https://\S+/depth-2a464da4ea\.pth\.tar"
    with pytest.raises(WeightError, match=rf"fan3d needs weights that are missing in .*put there\n(.*\n)*.*{url}"):
        Landmarks(points="fan3d", weights=str(tmp_path))
    with pytest.raises(WeightError, match=rf"points=fan3d,weights=path\n(.*\n)*.*{url}"):
        Landmarks(points="fan3d").require(Runtime())

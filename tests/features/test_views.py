"""Views of a face: the views by closed forms, rows against each view by itself, and what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_embeddings import BOX, Colour, face_rows

from affex.features.base import Rows, Runtime
from affex.features.detectors import crops
from affex.features.networks import architectures
from affex.features.networks.base import AskedEmbedder, Embedder
from affex.features.networks.views import View, columns, merged, views_of
from affex.features.smallcnn import SmallCnn
from affex.pipeline.caching.cache import recipe
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.text.errors import UsageError

RUNTIME = Runtime()
OTHER = {"rotations": "-15+0+15", "scales": "0.75+1+1.25"}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(4)
    path = tmp_path_factory.mktemp("weights") / "smallcnn.pth"
    torch.save(architectures.SmallCnn().state_dict(), path)
    return str(path)


def noisy(n_frames: int, seed: int = 0) -> Rows:
    """Return faces of noise, each another."""
    rng = np.random.default_rng(seed)
    rows = face_rows([0] * n_frames)
    frames = [crops.resized(rng.integers(256, size=(24, 32, 3), dtype=np.uint8), 320, 240) for _ in range(n_frames)]
    return replace(rows, crops=tuple(crops.encoded(frame, BOX) for frame in frames))


def vectors(feature: SmallCnn, *utterances: Rows) -> list[np.ndarray]:
    return [one.values for one in feature.extract_many(iter(utterances), feature.load(RUNTIME))]


# The views


def test_both_settings_of_the_source_have_18_views():
    default = SmallCnn(views="mean")
    assert default.n_views == SmallCnn(views="meanstd", **OTHER).n_views == 18
    found = views_of("-2+0+2", "1+1.03+1.07", flip=True)
    assert len(set(found)) == 18
    assert {one.degrees for one in found} == {-2, 0, 2}
    assert sum(one.mirrored for one in found) == 9


def test_views_are_turned_enlarged_and_mirrored():
    chip = np.random.default_rng(0).integers(256, size=(9, 9, 3), dtype=np.uint8)
    assert View().of(chip) is chip
    np.testing.assert_array_equal(View(mirrored=True).of(chip), chip[:, ::-1])
    for turns in (1, 2, 3):
        np.testing.assert_array_equal(View(90 * turns).of(chip), np.rot90(chip, turns))
    np.testing.assert_array_equal(View(90, mirrored=True).of(chip), np.rot90(chip)[:, ::-1])
    np.testing.assert_array_equal(View(scale=2).of(chip)[::2, ::2], chip[2:7, 2:7])
    np.testing.assert_array_equal(View(scale=0.5).of(chip)[2:7, 2:7], chip[::2, ::2])
    uniform = np.full((9, 9, 3), 77, np.uint8)
    np.testing.assert_array_equal(View(15, 0.75).of(uniform), uniform)  # no black corners


# The rows


def test_the_view_that_changes_nothing_is_the_vector_itself_to_the_bit(weights):
    faces = noisy(5)
    [plain] = vectors(SmallCnn(weights=weights), faces)
    same = {"rotations": "0", "scales": "1", "flip": False}
    [one] = vectors(SmallCnn(weights=weights, views="mean", **same), faces)
    assert one.tobytes() == plain.tobytes()
    [spread] = vectors(SmallCnn(weights=weights, views="meanstd", **same), faces)
    assert spread[:, :64].tobytes() == plain.tobytes()
    assert not spread[:, 64:].any()


@pytest.mark.parametrize("setting", [{}, OTHER])
def test_rows_are_mean_and_deviation_over_views_that_the_network_gets_one_by_one(weights, setting):
    feature, faces = SmallCnn(weights=weights, views="meanstd", **setting), noisy(3)
    [found] = vectors(feature, faces)
    embedder = feature.embedder(Path(weights), "cpu")
    for row, values, crop in zip(found, faces.values, faces.crops, strict=True):
        chip = feature.cut(values, crop)
        each = np.concatenate([embedder.embed(view.of(chip)[None]) for view in feature._views]).astype(np.float64)
        assert len(each) == 18
        wanted = np.concatenate([each.mean(axis=0), each.std(axis=0)]).astype(np.float32)
        assert row.tobytes() == wanted.tobytes()
        assert each.std(axis=0).max() > 0
    [mean] = vectors(replace(feature, views="mean"), faces)
    assert mean.tobytes() == np.ascontiguousarray(found[:, :64]).tobytes()


def test_utterances_share_batches_without_a_trace(weights):
    feature = SmallCnn(weights=weights, views="mean")
    one, other = noisy(2), noisy(3, seed=1)
    together = vectors(feature, one, other)
    assert [rows.tobytes() for rows in together] == [
        rows.tobytes() for each in (one, other) for rows in vectors(feature, each)
    ]


def test_a_network_in_another_process_is_asked_for_the_vectors_of_views(weights):
    feature, faces = SmallCnn(weights=weights, views="meanstd"), noisy(5)
    here = feature.load(RUNTIME)
    asked = replace(here, embedder=AskedEmbedder(feature.network, here.embedder.batches.run))
    one, other = (feature.extract_many([faces], model)[0].values for model in (here, asked))
    assert one.tobytes() == other.tobytes()


def test_frames_without_a_face_and_times_stay_as_they_are():
    for missing in ("skip", "nearest"):
        plain, seen = Colour(missing=missing), Colour(missing=missing, views="meanstd")
        faces = face_rows([10, 20, 30, 40], lost=[1])
        [before], [after] = (one.extract_many([faces], one.load(RUNTIME)) for one in (plain, seen))
        np.testing.assert_allclose(after.values[:, :3], before.values, atol=1)
        np.testing.assert_allclose(after.values[:, 3:], 0, atol=1)  # of uniform faces
        np.testing.assert_array_equal(after.times, before.times)


def test_deviations_are_those_of_the_views_themselves():
    given = np.array([[[1, 2], [3, 2]], [[0, 0], [0, 4]]], np.float32)
    assert merged(given, "mean").tolist() == [[2, 2], [0, 2]]
    assert merged(given, "meanstd").tolist() == [[2, 2, 1, 0], [0, 2, 0, 2]]
    assert columns(("a", "b"), "meanstd") == ("a", "b", "a_std", "b_std")


# Planted


class LeftHalf(torch.nn.Module):
    """The brightness of the left half of a chip: a network that hangs on the side that it looks at."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :, :, : x.shape[3] // 2].mean((2, 3))


class Half(Colour):
    """The brightness of the left half of a face."""

    def embedder(self, path: Path, device: str) -> Embedder:
        return Embedder(self.network, LeftHalf(), device, self.precision)


def halves(left: np.ndarray, right: np.ndarray) -> Rows:
    """Return faces whose two halves have these brightnesses."""
    rows = face_rows([0] * len(left))
    frames = np.repeat([left, right], 160, axis=0).T[:, None, :, None] + np.zeros((1, 240, 1, 3))
    middle = np.roll(frames, -10, axis=2).clip(0, 255).astype(np.uint8)  # the box's middle is at 150 px
    return replace(rows, crops=tuple(crops.encoded(frame, BOX) for frame in middle))


def parted(values: np.ndarray, is_high: np.ndarray) -> float:
    """Return the share of two classes that the best threshold tells apart."""
    order = is_high[np.argsort(values)]
    right = [(~order[:n]).sum() + order[n:].sum() for n in range(len(order) + 1)]
    return max(right) / len(order)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 5))])
def test_views_find_what_one_view_hides(seed):
    rng = np.random.default_rng(seed)
    is_high = np.arange(60) % 2 == 0
    shade = rng.uniform(-60, 60, size=60)  # light from one side
    faces = halves(125 + 8 * is_high + shade, 125 + 8 * is_high - shade)
    one, mean = (
        feature.extract_many([faces], feature.load(RUNTIME))[0].values[:, 0]
        for feature in (Half(), Half(views="mean", rotations="0", scales="1"))
    )
    print(seed, parted(one, is_high), parted(mean, is_high))
    assert parted(one, is_high) < 0.75
    assert parted(mean, is_high) > 0.97


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 5))])
def test_deviations_find_what_the_mean_of_views_hides(seed):
    rng = np.random.default_rng(seed)
    is_uneven = np.arange(60) % 2 == 0
    bend = np.where(is_uneven, 30, 12) * rng.choice([-1, 1], size=60)  # one side differs, whichever it is
    faces = halves(125 + bend, 125 - bend)
    feature = Half(views="meanstd", rotations="0", scales="1")
    rows = feature.extract_many([faces], feature.load(RUNTIME))[0].values
    print(seed, parted(rows[:, 0], is_uneven), parted(rows[:, 3], is_uneven))
    assert parted(rows[:, 0], is_uneven) < 0.75
    assert parted(rows[:, 3], is_uneven) > 0.97


# As they are asked for


def test_specs_and_keys_are_what_they_were_without_views():
    (plain,) = feature_specs("fer")
    assert "views" not in recipe(plain.feature).spec
    (asked,) = feature_specs("fer:views=meanstd,rotations=-15+0+15,scales=0.75+1+1.25")
    assert str(asked) == "fer:views=meanstd,rotations=-15+0+15,scales=0.75+1+1.25"
    assert recipe(asked.feature).key != recipe(plain.feature).key
    assert len(asked.feature.columns) == 2 * len(plain.feature.columns)
    assert asked.feature.about.endswith("mean and standard deviation over 18 views")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fer:views=all", "views=all: expected one, mean, meanstd"),
        ("fer:rotations=0+5", "rotations=0\\+5: expected views=mean"),
        ("fer:views=mean,rotations=left", "rotations=left: expected different numbers from -180 to 180, in deg"),
        ("fer:views=mean,rotations=2+2", "rotations=2\\+2: expected different"),
        ("fer:views=mean,scales=0", "scales=0: expected different numbers from 0.25 to 4"),
        ("fer:views=mean,rotations=0+1+2+3+4+5+6+7,scales=1+1.1+1.2+1.3+1.4", "80 views; expected 64"),
        ("resnet18:views=mean,output=maps", "the places of two views are not the same"),
    ],
)
def test_what_makes_no_sense_is_refused(text, message):
    with pytest.raises(UsageError, match=message):
        feature_specs(text)

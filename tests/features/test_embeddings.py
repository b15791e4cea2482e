"""Embeddings: what they share by closed forms, their chips against others', their specs, keys and weights."""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from films import film

from affex.features.base import ExtractionError, Rows, Runtime
from affex.features.detectors import crops
from affex.features.detectors.chips import cut
from affex.features.face import Face
from affex.features.faces import COLUMNS, Faces, boxed, chip
from affex.features.fer import Fer
from affex.features.ir50 import EYES, Ir50, by_eyes
from affex.features.networks import architectures, local, mini_xception
from affex.features.networks.base import Embedder, Network, normalised
from affex.features.networks.embedding import Embedding, nearest
from affex.features.networks.weights import WeightError, sha256
from affex.features.resnet18 import ResNet18
from affex.features.smallcnn import SmallCnn
from affex.features.vggface import VggFace
from affex.pipeline.caching import cache
from affex.pipeline.cli.command import cli
from affex.pipeline.specs import discovery
from affex.pipeline.specs.features import feature_specs, spec_of
from affex.pipeline.text.errors import AffexError, UsageError

RUNTIME = Runtime()
KINDS = {
    "face": 128,
    "fer": 135,
    **{"resnet18": 512, "ir50": 512, "vggface": 4096, "smallcnn": 64},
    **{"alexnet": 4096, "vgg16": 4096, "resnet50": 2048, "densenet121": 1024},
}
#: A face in a frame of 320 x 240, px: its box, and its five points.
BOX = np.array([100.0, 60.0, 200.0, 180.0])
POINTS = np.array([(185.0, 100.0), (165.0, 102.0), (115.0, 100.0), (135.0, 102.0), (150.0, 140.0)])


class Mean(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3))


@dataclass(frozen=True, kw_only=True)
class Colour(Embedding):
    """The mean red, green and blue of a chip, 0 to 255."""

    @property
    def network(self) -> Network:
        return Network("colour", 3, (8, 8), "rgb", (0,) * 3, (1,) * 3, "", "")

    def embedder(self, path: Path, device: str) -> Embedder:
        return Embedder(self.network, Mean(), device, self.precision)

    def weight_file(self, runtime: Runtime) -> Path:
        return Path()


def uniform(level: int) -> np.ndarray:
    return np.full((240, 320, 3), level, np.uint8)


def face_rows(levels: Sequence[int], *, lost: Sequence[int] = (), whole: bool = False, step: float = 0.2) -> Rows:
    """Return faces of frames of one brightness each; those lost have no face, and the whole frame or nothing."""
    values = np.zeros((len(levels), len(COLUMNS)), np.float32)
    times = step * np.arange(len(levels))
    values[:, 0] = times
    pictures = []
    for number, level in enumerate(levels):
        if number in lost:
            pictures.append(crops.compressed(uniform(level)) if whole else b"")
        else:
            values[number, 1:17] = [1, 1, *BOX, *POINTS.ravel()]
            pictures.append(crops.encoded(uniform(level), BOX))
    return Rows(values, times, tuple(pictures))


def brightness(feature: Embedding, *utterances: Rows) -> list[list[int]]:
    rows = feature.extract_many(iter(utterances), feature.load(RUNTIME))
    return [[int(level) for level in np.round(one.values[:, 0])] for one in rows]


# What they share -----------------------------------------------------------------------------------


def test_frames_without_a_face_have_no_row_or_that_of_the_nearest_or_are_shown_whole():
    faces = face_rows([10, 20, 30, 40, 50, 60], lost=[0, 2, 3, 5])
    assert brightness(Colour(), faces) == [[20, 50]]
    assert brightness(Colour(missing="nearest"), faces) == [[20, 20, 20, 50, 50, 50]]
    whole = face_rows([10, 20, 30, 40, 50, 60], lost=[0, 2, 3, 5], whole=True)
    assert brightness(Colour(missing="frame"), whole) == [[10, 20, 30, 40, 50, 60]]
    assert brightness(Colour(missing="skip"), whole) == [[20, 50]]


def test_rows_have_the_times_of_their_frames():
    faces = face_rows([10, 20, 30, 40], lost=[1])
    for missing, wanted in (("skip", [0, 0.4, 0.6]), ("nearest", [0, 0.2, 0.4, 0.6])):
        [rows] = Colour(missing=missing).extract_many([faces], Colour().load(RUNTIME))
        assert rows.times == pytest.approx(wanted)


def test_of_two_neighbours_as_near_the_earlier_counts():
    times = np.arange(80) / 25
    assert nearest(times, times[[2, 6]]).tolist() == [0] * 5 + [1] * 75
    assert not any(nearest(times[[k]], times[[k - 1, k + 1]])[0] for k in range(1, 79))
    assert not nearest(times, times[[10]]).any()
    uneven = np.array([0.0, 1.0, 1.1, 5.0])
    assert nearest(uneven, np.array([0.0, 5.0])).tolist() == [0, 0, 0, 1]


def test_the_nearest_frame_is_one_of_the_same_clip():
    one, other = face_rows([10, 20, 30], lost=[2]), face_rows([90, 100], lost=[0])
    assert brightness(Colour(missing="nearest"), one, other) == [[10, 20, 20], [100, 100]]


@pytest.mark.parametrize("missing", ["skip", "nearest"])
def test_a_clip_without_any_face_fails_unless_whole_frames_are_shown(missing):
    no_face = face_rows([10, 20], lost=[0, 1], whole=True)
    with pytest.raises(ExtractionError, match=r"no face in any of 2 frames.*missing=frame"):
        brightness(Colour(missing=missing), no_face)
    assert brightness(Colour(missing="frame"), no_face) == [[10, 20]]


def test_a_frame_that_was_not_kept_whole_cannot_be_shown():
    with pytest.raises(ExtractionError, match="2 of 3 frames have neither a face nor a picture"):
        brightness(Colour(missing="frame"), face_rows([10, 20, 30], lost=[0, 2]))


def test_whole_frames_are_asked_of_what_finds_faces():
    assert Face(missing="frame").upstream == Faces(missing="frame")
    assert Face(missing="nearest").upstream == Faces()
    assert Face(missing="frame", faces=Faces(frames="all")).upstream == Faces(frames="all", missing="frame")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"missing": "zero"}, "missing=zero: expected skip, nearest, frame"),
        ({"chip": "mouth"}, "chip=mouth: expected aligned, box"),
        ({"precision": "int8"}, "precision=int8"),
        ({"widened": 0.7}, "widened=0.7: expected 0 to 0.6"),
        ({"digest": "00"}, "digest=00: expected a sha256, 64 hexadecimal digits"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Fer(**wrong)


def test_a_network_that_cannot_be_tuned_takes_its_published_weights_only():
    with pytest.raises(ValueError, match="digest=00: face has the sha256 55533b28"):
        Face(digest="00")


# Chips ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def map_clip() -> Rows:
    """A face whose red is where a pixel lies across, and whose green where down, px of the frame less 50."""
    down, across = np.mgrid[0:240, 0:320]
    frame = np.stack([across - 50, down, 0 * down], axis=2).clip(0, 255).astype(np.uint8)
    rows = face_rows([0])
    return replace(rows, crops=(crops.encoded(frame, BOX),))


def test_chips_are_aligned_or_widened_boxes(map_clip: Rows):
    row, crop = map_clip.values[0], map_clip.crops[0]
    np.testing.assert_array_equal(Face().cut(row, crop), chip(row, crop))
    np.testing.assert_array_equal(Fer().cut(row, crop), boxed(row, crop, 64, 64, 0.2))
    np.testing.assert_array_equal(Fer(widened=0).cut(row, crop), boxed(row, crop, 64, 64, 0.0))
    np.testing.assert_array_equal(Fer(chip="aligned").cut(row, crop), chip(row, crop, 64))
    for feature in (ResNet18(), VggFace()):
        np.testing.assert_array_equal(feature.cut(row, crop), boxed(row, crop, 224, 224, 0.3))


def test_eyes_lie_where_those_of_arcface_lie(map_clip: Rows):
    shown = Ir50().cut(map_clip.values[0], map_clip.crops[0])
    assert shown.shape == (112, 112, 3)
    for (x, y), eye in zip(EYES, (POINTS[2:4].mean(axis=0), POINTS[:2].mean(axis=0)), strict=True):
        red, green, _ = shown[round(y), round(x)].astype(float)
        assert np.abs(np.array([red + 50, green]) - eye).max() < 2


def test_a_turned_face_is_laid_upright_by_its_eyes():
    size, turn, first = 112, 1.5 * np.exp(0.4j), 81 + 16j  # a pixel of the chip is 1.5 px of the picture
    left, right = (np.array(EYES) @ (1, 1j)) * turn + first
    corners = np.array([right - 5, right + 5, left + 5, left - 5, 0])
    place = by_eyes(np.stack([corners.real, corners.imag], axis=1), size)
    assert place.angle == pytest.approx(0.4)
    assert place.side == pytest.approx(1.5 * (size - 1) + 1)
    assert complex(*place.middle) == pytest.approx((55.5 + 55.5j) * turn + first)
    down, across = np.mgrid[0:250, 0:250]
    shown = cut(np.stack([across, down, 0 * down], axis=2).astype(np.uint8), place, size)
    for x, y in np.round(EYES).astype(int):
        red, green, _ = shown[y, x].astype(float)
        assert abs(red + 1j * green - ((x + 1j * y) * turn + first)) < 2
    with pytest.raises(ValueError, match="the eyes coincide"):
        by_eyes(np.ones((5, 2)), size)


# Weights of one's own ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(4)
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.save(architectures.ResNet18().state_dict(), path)
    return path


@pytest.fixture
def mixed() -> list[Rows]:
    rng = np.random.default_rng(4)
    rows = face_rows(range(5), lost=[1])
    noise = rng.integers(0, 256, (5, 240, 320, 3), dtype=np.uint8)
    pictures = tuple(crops.encoded(frame, BOX) if kept else b"" for frame, kept in zip(noise, rows.crops, strict=True))
    whole = replace(rows, crops=pictures)
    return [whole, Rows(whole.values[2:4], whole.times[2:4], whole.crops[2:4]), whole]


def test_company_does_not_show_in_an_embedding_of_ones_own_network(weights: Path, mixed: list[Rows]):
    feature = ResNet18(weights=str(weights))
    model = feature.load(RUNTIME)
    alone = [feature.extract_many([one], model)[0] for one in mixed]
    together = feature.extract_many(iter(mixed), feature.load(Runtime(threads=3)))
    assert [len(rows.values) for rows in together] == [4, 2, 4]
    assert np.ptp(alone[0].values, axis=0).max() > 0
    for one, other in zip(alone, together, strict=True):
        assert one.values.tobytes() == other.values.tobytes()
    np.testing.assert_array_equal(together[0].values[1:3], together[1].values)


def test_a_weight_file_may_be_moved_and_is_known_by_its_bytes(weights: Path, tmp_path: Path):
    moved = tmp_path / "other.pth"
    moved.write_bytes(weights.read_bytes())
    one, other = (feature_specs(f"resnet18:weights={path}")[0] for path in (weights, moved))
    assert one == other
    assert cache.recipe(one.feature).key == cache.recipe(other.feature).key
    assert str(one) == f"resnet18:digest={sha256(weights)}"
    [again] = feature_specs(str(one))
    again.feature.require(Runtime(weights=str(tmp_path)))
    assert isinstance(again.feature.load(Runtime(weights=str(tmp_path))).embedder, Embedder)
    torch.save(architectures.ResNet18(8).state_dict(), moved)
    with pytest.raises(WeightError, match=rf"needs the weight file with the sha256 {sha256(weights)}, .* none in"):
        again.feature.require(Runtime(weights=str(tmp_path)))
    [changed] = feature_specs(f"resnet18:weights={moved}")
    assert cache.recipe(changed.feature).key != cache.recipe(one.feature).key
    with pytest.raises(ValueError, match=r"digest=00: .*other\.pth has the sha256"):
        ResNet18(weights=str(moved), digest="00")


@pytest.mark.parametrize("name", ["resnet18", "ir50", "vggface", "smallcnn"])
def test_a_preset_without_weights_says_in_one_sentence_what_is_missing_before_anything_is_decoded(
    name: str, tmp_path: Path
):
    film(tmp_path / "a.avi", 4)
    (tmp_path / "mine.csv").write_text("file,speaker,label\na.avi,s,joy\n", encoding="utf-8")
    told = [
        "features",
        "--dataset",
        "csv",
        "--data",
        str(tmp_path / "mine.csv"),
        "--cache",
        str(tmp_path / "cache"),
    ]
    shown = CliRunner().invoke(cli, [*told, "--features", name, "--scheduler", "inline"])
    assert isinstance(shown.exception, AffexError)
    wanted = f"{name} comes without weights: name your own file, as in FEATURES={name}:weights=path/{name}.pth"
    assert str(shown.exception) == f"{name}: {wanted}"
    assert not list((tmp_path / "cache").rglob("*.h5"))


# Backbones -----------------------------------------------------------------------------------------


def saved(path: Path, architecture: local.Architecture) -> Path:
    torch.manual_seed(4)
    torch.save(architecture.build().state_dict(), path)
    return path


def test_maps_are_a_row_for_each_place_with_the_time_of_their_picture(mixed: list[Rows], tmp_path: Path):
    path = saved(tmp_path / "w.pth", local.SMALLCNN)
    feature = SmallCnn(weights=str(path), output="maps", height=40, width=64)
    model = feature.load(RUNTIME)
    [rows] = feature.extract_many([mixed[0]], model)
    assert rows.values.shape == (4 * 5 * 8, 64)
    np.testing.assert_array_equal(rows.times, np.repeat([0, 0.4, 0.6000000000000001, 0.8], 40))
    module = feature.module(path).eval()
    chip = torch.from_numpy(feature.cut(mixed[0].values[2], mixed[0].crops[2])).permute(2, 0, 1)[None]
    with torch.inference_mode():
        maps = module.maps(normalised(chip, feature.network))[0].numpy()
    np.testing.assert_allclose(rows.values[40:80], maps.reshape(64, 40).T, rtol=1e-4, atol=1e-6)
    [vectors] = SmallCnn(weights=str(path), height=40).extract_many(
        [mixed[0]], SmallCnn(weights=str(path), height=40).load(RUNTIME)
    )
    np.testing.assert_allclose(vectors.values, rows.values.reshape(4, 40, 64).mean(axis=1), rtol=1e-4, atol=1e-6)
    [kept] = replace(feature, missing="nearest").extract_many([mixed[0]], model)
    np.testing.assert_array_equal(kept.values[40:80], kept.values[:40])


def test_own_weights_take_the_place_of_published_ones_and_are_known_by_their_bytes(tmp_path: Path):
    published = feature_specs("alexnet")[0].feature
    assert published.digest == local.PUBLISHED["alexnet"].sha256
    assert published.own_digest == ""
    path = tmp_path / "mine.pth"
    path.write_bytes(b"mine")
    [mine] = feature_specs(f"alexnet:weights={path}")
    assert mine.feature.own_digest == mine.feature.digest == sha256(path)
    assert str(mine) == f"alexnet:digest={sha256(path)}"
    assert feature_specs(str(mine))[0].feature.weight_file(Runtime(weights=str(tmp_path))) == path
    assert cache.recipe(mine.feature).key != cache.recipe(published).key
    named = path.rename(tmp_path / local.PUBLISHED["alexnet"].name)
    with pytest.raises(WeightError, match=r"is not the expected alexnet-owt-7be5be79\.pth"):
        feature_specs(f"alexnet:weights={named}")[0].feature.require(RUNTIME)


@pytest.mark.parametrize("name", ["alexnet", "vgg16", "resnet50", "densenet121"])
def test_a_backbone_sees_the_whole_picture_where_no_face_is_found(name: str):
    feature = replace(discovery.feature_presets()[name], missing="frame", chip="aligned")
    assert feature.upstream == Faces(missing="frame")
    rows = face_rows([10, 200], lost=[1], whole=True)
    chips = [picture() for picture in feature.pictures([rows], [])]
    assert [(chip.shape, int(np.median(chip))) for chip in chips] == [((224, 224, 3), 10), ((224, 224, 3), 200)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("alexnet:output=scores", "output=scores: expected vector, maps"),
        ("resnet50:height=16", "height=16: expected 32 to 1024 px"),
        ("alexnet:height=200,width=300,chip=aligned", "an aligned chip is a square"),
        ("vggface:height=112,width=112", "vggface makes vectors of 224 x 224 px only; output=maps"),
        ("ir50:height=224", "height=224, width=112: ir50 makes vectors of 112 x 112 or 224 x 224"),
    ],
)
def test_a_backbone_refuses_a_size_that_it_cannot_see(text: str, message: str):
    with pytest.raises(UsageError, match=message):
        feature_specs(text)


def test_ir50_at_224_px_is_the_network_of_that_size():
    feature = Ir50(height=224, width=224)
    with torch.device("meta"):
        module = feature.module(None)
    assert module.output_layer[3].in_features == 512 * 14 * 14
    row, crop = face_rows([10]).values[0], face_rows([10]).crops[0]
    assert feature.cut(row, crop).shape == (224, 224, 3)


# Every preset --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "width"), KINDS.items())
def test_every_embedding_can_be_named_without_its_weights(name: str, width: int):
    feature = discovery.feature_presets()[name]
    assert isinstance(feature, Embedding)
    assert (feature.name, len(feature.columns), len(set(feature.columns))) == (name, width, width)
    assert all(column.startswith(f"{name}_") for column in feature.columns)
    assert pickle.loads(pickle.dumps(feature)) == feature
    assert cache.recipe(feature).key != cache.recipe(replace(feature, missing="nearest")).key
    assert (feature.media, feature.framewise, feature.upstream) == ("video", True, Faces())


def test_packaged_and_published_weights_are_part_of_the_key():
    assert cache.parameters(Fer())["digest"] == mini_xception.WEIGHTS.sha256
    assert cache.parameters(Face())["digest"].startswith("55533b28")
    assert "weights" not in cache.parameters(Fer(weights="anywhere"))


def test_fer_scores_a_smile(test_data):
    from skimage.data import astronaut

    feature = Fer(weights=str(test_data("weights")))
    feature.require(RUNTIME)
    frames = face_rows([0, 0])
    hers = np.array([170.0, 70.0, 280.0, 200.0])
    frames.values[:, 3:7] = hers
    faces = replace(frames, crops=(crops.encoded(astronaut(), hers),) * 2)
    [rows] = feature.extract_many([faces], feature.load(RUNTIME))
    assert feature.columns[:7] == tuple(f"fer_{score}" for score in mini_xception.NETWORK.scores)
    assert rows.values[:, :7].sum(axis=1) == pytest.approx([1, 1], abs=1e-5)
    assert feature.columns[rows.values[0, :7].argmax()] == "fer_happiness"


# Specs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "face:faces.frames=16/clip,faces.detector=hog",
        "face:missing=nearest,faces.smallest=60.0,pool=mean+std",
        "fer:faces.score=0.5,precision=bfloat16",
    ],
)
def test_what_a_feature_reads_has_parameters_too(text: str):
    [spec] = feature_specs(text)
    assert feature_specs(str(spec)) == (spec,)
    assert set(str(spec).partition(":")[2].split(",")) == set(text.partition(":")[2].split(","))
    assert not spec.is_preset
    assert cache.FeatureFile(Path(), spec.unpooled).path.stem != spec.preset


def test_a_parameter_of_what_a_feature_reads_is_its():
    [spec] = feature_specs("face:faces.frames=16/clip,faces.detector=hog")
    assert spec.feature == Face(faces=Faces(frames="16/clip", detector="hog"))
    assert str(spec_of(spec.feature.upstream)) == "faces:frames=16/clip,detector=hog"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("face:frames=16/clip", "There is no parameter of face 'frames'. Did you mean faces.frames"),
        ("face:faces.frame=16/clip", "'faces.frame'. Did you mean faces.frames"),
        ("face:faces=hog", "There is no parameter of face 'faces'"),
        ("face:face.frames=all", "'face.frames'. Did you mean faces.frames"),
        ("face:faces.frames=often", "sampling=often: expected all"),
        ("face:faces.every=x", "faces.every=x in .*: expected int"),
    ],
)
def test_a_wrong_parameter_of_what_a_feature_reads_is_named(text: str, message: str):
    with pytest.raises(UsageError, match=message):
        feature_specs(text)

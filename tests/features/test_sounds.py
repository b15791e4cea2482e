"""Embeddings of sound: VGGish's spectrum and layers against plain ones, and pictures of sound for other networks."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch.nn import functional

from affex.features.base import Rows, Runtime, Signal
from affex.features.networks import architectures, local
from affex.features.networks.base import Embedder
from affex.features.networks.sounds import SoundBackbone
from affex.features.networks.weights import WeightError
from affex.features.segments import Segments
from affex.features.sound import vggish as sound
from affex.features.vggish import Vggish, VggishLogmel
from affex.pipeline.caching import cache
from affex.pipeline.specs.features import feature_specs, spec_of
from affex.pipeline.text.errors import UsageError

RNG = np.random.default_rng(4)
RATE = 16000


def heard(seconds: float) -> Signal:
    return Signal((0.1 * RNG.standard_normal(round(seconds * RATE))).astype(np.float32), RATE)


# VGGish's spectrum -----------------------------------------------------------------------------------


def plain_log_mel(samples: np.ndarray) -> np.ndarray:
    """Compute the spectrum as its authors describe it, with loops and complex sums."""
    mel = lambda hertz: 1127 * np.log(1 + hertz / 700)  # noqa: E731
    edges = np.linspace(mel(125), mel(7500), 66)
    window = np.array([0.5 - 0.5 * np.cos(2 * np.pi * n / 400) for n in range(400)])
    rows = []
    for begin in range(0, len(samples) - 399, 160):
        padded = np.zeros(512)
        padded[:400] = samples[begin : begin + 400] * window
        bins = np.array([abs(np.sum(padded * np.exp(-2j * np.pi * k * np.arange(512) / 512))) for k in range(257)])
        row = []
        for band in range(64):
            low, middle, high = edges[band : band + 3]
            level = 0.0
            for k in range(1, 257):
                place = mel(k * RATE / 512)
                level += bins[k] * max(0.0, min((place - low) / (middle - low), (high - place) / (high - middle)))
            row.append(np.log(level + 0.01))
        rows.append(row)
    return np.array(rows)


def test_the_spectrum_of_vggish_is_the_one_that_its_authors_describe():
    signal = heard(0.035)
    found = sound.log_mel(signal)
    assert found.shape == (2, 64)
    np.testing.assert_allclose(found, plain_log_mel(signal.samples.astype(np.float64)), atol=1e-5)


def test_silence_is_the_logarithm_of_the_offset_and_a_tone_lies_in_its_band():
    silent = sound.log_mel(Signal(np.zeros(RATE, np.float32), RATE))
    assert silent == pytest.approx(np.log(0.01))
    times = np.arange(RATE) / RATE
    tone = sound.log_mel(Signal(np.sin(2 * np.pi * 1000 * times).astype(np.float32), RATE))
    mels = np.linspace(*(1127 * np.log(1 + f / 700) for f in (125, 7500)), 66)[1:-1]
    assert (tone.argmax(axis=1) == np.abs(mels - 1127 * np.log(1 + 1000 / 700)).argmin()).all()


def test_pictures_of_vggish_are_96_frames_one_after_another():
    rows = VggishLogmel().extract(heard(2.5))  # 248 frames
    assert rows.values.shape == (2, 96 * 64)
    assert rows.times == pytest.approx([47.5 * 0.01 + 0.0125, 143.5 * 0.01 + 0.0125])
    short = VggishLogmel().extract(heard(0.5)).values.reshape(96, 64)
    assert (short[48:] == short[47]).all()
    assert np.ptp(short[:48], axis=0).min() > 0
    with pytest.raises(UsageError, match=r"rate=8000: expected 16000 Hz"):
        feature_specs("vggish-logmel:rate=8000")


# VGGish's layers -------------------------------------------------------------------------------------


def test_vggish_has_the_published_number_of_parameters():
    with torch.device("meta"):
        assert sum(p.numel() for p in local.VGGISH.build().parameters()) == 72_141_184


def plain_vggish(state: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    for layers in (0,), (3,), (6, 8), (11, 13):
        for layer in layers:
            x = functional.conv2d(x, state[f"features.{layer}.weight"], state[f"features.{layer}.bias"], 1, 1).relu()
        x = functional.max_pool2d(x, 2)
    x = x.transpose(1, 3).transpose(1, 2).flatten(1)
    for layer in 0, 2, 4:
        x = functional.linear(x, state[f"embeddings.{layer}.weight"], state[f"embeddings.{layer}.bias"]).relu()
    return x


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[dict[str, torch.Tensor], Path]:
    """A small VGGish with a weight file of torchvggish's names."""
    build = lambda **given: architectures.Vggish(4, 16, 6, **given)  # noqa: E731
    network = replace(local.VGGISH.network, width=6)
    monkeypatch.setattr(local, "VGGISH", replace(local.VGGISH, build=build, network=network))
    torch.manual_seed(2)
    state = {name: 0.2 * torch.randn_like(tensor) for name, tensor in build(pca="whitened").state_dict().items()}
    torch.save(state, tmp_path / "w.pth")
    return state, tmp_path / "w.pth"


def embedded(feature: Vggish, rows: Rows) -> np.ndarray:
    [found] = feature.extract_many([rows], feature.load(Runtime()))
    np.testing.assert_array_equal(found.times, rows.times)
    return found.values


def test_vggish_gives_the_published_embeddings_and_their_components(small):
    state, path = small
    rows = VggishLogmel().extract(heard(3.0))
    wanted = plain_vggish(state, torch.tensor(rows.values).reshape(-1, 1, 96, 64)).numpy()
    assert np.ptp(wanted, axis=0).max() > 0.1
    np.testing.assert_allclose(embedded(Vggish(weights=str(path)), rows), wanted, rtol=1e-3, atol=1e-4)
    turned = (state["pproc.eigen_vectors"].numpy() @ (wanted.T - state["pproc.means"].numpy())).T.clip(-2, 2)
    np.testing.assert_allclose(embedded(Vggish(weights=str(path), pca="whitened"), rows), turned, rtol=1e-3, atol=1e-3)
    steps = embedded(Vggish(weights=str(path), pca="quantised"), rows)
    assert (steps == steps.round()).all()
    assert np.abs(steps - (turned + 2) * 255 / 4).max() < 0.6


def test_components_need_a_file_that_has_them(small, tmp_path: Path):
    state, _ = small
    torch.save({name: tensor for name, tensor in state.items() if "pproc" not in name}, tmp_path / "plain.pth")
    feature = Vggish(weights=str(tmp_path / "plain.pth"), pca="whitened")
    with pytest.raises(WeightError, match=r"2 tensors are missing \(pproc\.eigen_vectors, pproc\.means\)"):
        feature.load(Runtime())
    assert isinstance(replace(feature, pca="none").load(Runtime()).embedder, Embedder)
    with pytest.raises(UsageError, match="pca=some: expected none, whitened, quantised"):
        feature_specs("vggish:pca=some")


def test_what_is_computed_of_vggish_is_part_of_its_key():
    keys = {cache.recipe(Vggish(pca=pca)).key for pca in ("none", "whitened", "quantised")}
    assert len(keys) == 3
    assert Vggish().digest.startswith("10086976")
    assert Vggish().columns[::127] == ("vggish_000", "vggish_127")
    assert (Vggish().media, Vggish().asks) == ("audio", False)


# Pictures of sound -----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Small(SoundBackbone):
    architecture: ClassVar[local.Architecture] = local.SMALLCNN


def test_levels_and_derivatives_become_colours_at_the_size_of_the_network():
    feature = Small(height=128, width=192)
    levels = np.zeros((64, 64, 3), np.float32)
    levels[:, :, 0] = np.linspace(-120, 0, 64)[:, None]
    levels[:, :, 1], levels[:, :, 2] = -3.75, 20
    picture = feature.picture(levels)
    assert (picture.shape, picture.dtype) == ((128, 192, 3), np.float32)
    assert picture[0, 0] == pytest.approx([0, 255 * 0.375, 255])
    assert picture[127, 0, 0] == pytest.approx(255)
    assert (np.diff(picture[:, 7, 0]) >= 0).all()
    grey = feature.picture(levels[:, :, :1])
    np.testing.assert_array_equal(grey, picture[:, :, :1].repeat(3, axis=2))


def test_maps_of_pictures_of_sound_are_rows_with_the_time_of_their_picture(tmp_path: Path):
    torch.manual_seed(4)
    torch.save(local.SMALLCNN.build().state_dict(), tmp_path / "w.pth")
    chosen = {"sound": Segments(frames=32, step=32), "height": 64, "width": 40, "weights": str(tmp_path / "w.pth")}
    rows = chosen["sound"].extract(heard(1.0))  # 98 frames
    maps, vectors = Small(output="maps", **chosen), Small(**chosen)
    [of_places], [of_pictures] = (one.extract_many([rows], one.load(Runtime())) for one in (maps, vectors))
    assert of_places.values.shape == (3 * 8 * 5, 64)
    np.testing.assert_array_equal(of_places.times, rows.times.repeat(40))
    np.testing.assert_array_equal(of_pictures.times, rows.times)
    means = of_places.values.reshape(3, 40, 64).mean(axis=1)
    np.testing.assert_allclose(of_pictures.values, means, rtol=1e-4, atol=1e-6)
    assert np.ptp(means, axis=0).max() > 0
    [again] = vectors.extract_many([Rows(rows.values[1:2], rows.times[1:2])], vectors.load(Runtime()))
    assert again.values.tobytes() == of_pictures.values[1:2].tobytes()


@pytest.mark.parametrize("name", ["alexnet", "vgg16", "resnet50", "densenet121"])
def test_a_backbone_reads_pictures_of_sound_too(name: str):
    text = f"{name}-segments:sound.frames=300,sound.step=300,height=200,width=300,output=maps"
    [spec] = feature_specs(text)
    assert feature_specs(str(spec)) == (spec,)
    assert str(spec_of(spec.feature.upstream)) == "segments:frames=300,step=300"
    assert len(spec.feature.columns) == local.ARCHITECTURES[name].n_maps
    assert (spec.feature.media, spec.feature.digest) == ("audio", local.PUBLISHED[name].sha256)
    [face] = feature_specs(name)
    assert cache.recipe(face.feature).key != cache.recipe(feature_specs(f"{name}-segments")[0].feature).key


def test_alexnet_of_a_spectrogram_has_5_by_8_maps():
    [spec] = feature_specs("alexnet-spectrogram")
    assert spec.feature.upstream.row_shape == (200, 300, 1)
    assert spec.feature.network.input_size == (200, 300)
    assert len(spec.feature.columns) == 256

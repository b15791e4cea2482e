"""Self-supervised embeddings: equal to `transformers`' own, and the same to the bit in every batch."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from affex.classifiers.estimators.nets.estimator import NetClassifier
from affex.features.base import ExtractionError, Runtime, Signal
from affex.features.networks import speech
from affex.features.networks.weights import WeightError
from affex.features.ssl import Ssl, SslSound
from affex.pipeline.caching import cache
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.text.errors import UsageError

transformers = pytest.importorskip("transformers")

RATE = 16000
SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "conv_dim": (8,) * 7,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
}
WHISPER = {
    "d_model": 16,
    "encoder_layers": 2,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 24,
    "decoder_ffn_dim": 24,
    "vocab_size": 20,
    **dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"), 1),
}
LAYER = {"feat_extract_norm": "layer", "conv_bias": True, "do_stable_layer_norm": True}
KINDS = {
    "wav2vec2-group": ("Wav2Vec2", SMALL),
    "wav2vec2-layer": ("Wav2Vec2", SMALL | LAYER),
    "hubert": ("Hubert", SMALL | LAYER),
    "wavlm": ("WavLM", SMALL | LAYER),
    "whisper": ("Whisper", WHISPER),
}
#: Lengths of utterances, s: some share a class of lengths, one fills its class.
SECONDS = (0.03, 0.3, 0.41, 0.46, 0.9, 0.31)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Tiny models with random weights, as folders."""
    made = {}
    for name, (kind, settings) in KINDS.items():
        torch.manual_seed(1)
        made[name] = tmp_path_factory.mktemp(name)
        config = getattr(transformers, f"{kind}Config")(**settings)
        getattr(transformers, f"{kind}Model")(config).save_pretrained(made[name])
    return made


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Compute as in a run: the number of threads changes the last bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def heard(seconds: float, seed: int = 0) -> Signal:
    samples = 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    return Signal(samples.astype(np.float32), RATE)


def sounds() -> list[np.ndarray]:
    return [heard(seconds, seed).samples for seed, seconds in enumerate(SECONDS)]


def plain(folder: Path, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the last hidden state and that of the first layer by `transformers` alone, as its documentation does."""
    model = transformers.AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        if "Whisper" in type(model).__name__:
            given = transformers.WhisperFeatureExtractor()(samples, sampling_rate=RATE, return_tensors="pt")
            out = model.get_encoder()(given.input_features, output_hidden_states=True)
        else:
            given = transformers.Wav2Vec2FeatureExtractor()(samples, sampling_rate=RATE, return_tensors="pt")
            out = model(given.input_values, output_hidden_states=True)
    return out.last_hidden_state[0].numpy(), out.hidden_states[1][0].numpy()


@pytest.mark.parametrize("name", KINDS)
def test_rows_are_those_of_transformers(folders: dict[str, Path], name: str):
    signal = heard(0.9)
    sound = SslSound().extract(signal)
    last, first = plain(folders[name], signal.samples)
    n_frames = 45 if name == "whisper" else 44
    for layer, wanted in (("last", last), ("1", first)):
        feature = Ssl(model=str(folders[name]), layer=layer)
        [rows] = feature.extract_many([sound], feature.load(Runtime()))
        assert rows.values.shape == (n_frames, 16) == (n_frames, len(feature.columns))
        assert np.ptp(wanted[:n_frames], axis=0).max() > 0.1
        np.testing.assert_allclose(rows.values, wanted[:n_frames], rtol=0, atol=1e-5)
    assert np.diff(rows.times) == pytest.approx(0.02)
    assert rows.times[0] == pytest.approx(0 if name == "whisper" else 0.0125, abs=1e-6)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("together", [1, 4])
def test_an_utterance_is_the_same_to_the_bit_in_every_batch(folders: dict[str, Path], name: str, together: int):
    own = sounds()[: 3 if name == "whisper" else None]
    model = speech.load(folders[name], together=together)
    states = model.states(own, slice(None))
    for at, sound in enumerate(own):
        [alone] = model.states([sound], slice(None))
        assert alone.tobytes() == states[at].tobytes()
    backwards = model.states(own[::-1], slice(None))[::-1]
    assert [one.tobytes() for one in backwards] == [one.tobytes() for one in states]
    last, _ = plain(folders[name], own[2])
    np.testing.assert_allclose(states[2][:, -1], last[: len(states[2])], rtol=0, atol=1e-5)


def test_only_models_whose_frames_see_no_padding_are_padded(folders: dict[str, Path]):
    readings = {name: speech.described(folder).reading for name, folder in folders.items()}
    assert readings == {
        "wav2vec2-group": "alone",
        "wav2vec2-layer": "padded",
        "hubert": "padded",
        "wavlm": "padded",
        "whisper": "windows",
    }
    # What padding would do to a model that normalises over time.
    model = speech.load(folders["wav2vec2-group"])
    wrong = replace(model, description=replace(model.description, reading="padded"), together=4)
    [right], [padded] = (one.states([heard(0.41).samples], slice(-1, None)) for one in (model, wrong))
    assert np.abs(right - padded).max() > 1e-3


def test_whisper_reads_long_sound_in_windows_of_30_s(folders: dict[str, Path]):
    model = speech.load(folders["whisper"])
    long = heard(30.5).samples
    [states] = model.states([long], slice(-1, None))
    [second] = model.states([long[30 * RATE :]], slice(-1, None))
    assert len(states) == 1525
    assert states[1500:].tobytes() == second.tobytes()


def test_all_layers_lie_side_by_side(folders: dict[str, Path]):
    sound = SslSound().extract(heard(0.5))
    every, last, first = (Ssl(model=str(folders["wavlm"]), layer=layer) for layer in ("all", "last", "0"))
    rows, end, begin = (one.extract_many([sound], one.load(Runtime()))[0].values for one in (every, last, first))
    assert every.row_shape == (3, 16)
    assert every.columns[::16] == ("layer00_00", "layer01_00", "layer02_00")
    np.testing.assert_array_equal(rows[:, 32:], end)
    np.testing.assert_array_equal(rows[:, :16], begin)


def test_samples_come_back_as_they_were():
    signal = heard(0.333)
    rows = SslSound().extract(signal)
    assert rows.values[:, -1].sum() == len(signal.samples) == 5328
    np.testing.assert_array_equal(rows.values[:, :320].reshape(-1)[:5328], signal.samples)
    assert not rows.values[-1, 208:320].any()
    with pytest.raises(ExtractionError, match=r"0\.010 s, and a self-supervised model needs at least 0\.025 s"):
        SslSound().extract(heard(0.01))
    assert SslSound().longest == 60


def test_sound_that_begins_late_has_later_frames(folders: dict[str, Path]):
    feature = Ssl(model=str(folders["hubert"]))
    sound = SslSound().extract(heard(0.333))
    late = replace(sound, times=sound.times + 1.5)
    rows, later = feature.extract_many([sound, late], feature.load(Runtime()))
    np.testing.assert_allclose(later.times - rows.times, 1.5)


def test_the_key_holds_the_files_and_not_their_path(folders: dict[str, Path], tmp_path: Path):
    moved = tmp_path / "moved"
    shutil.copytree(folders["hubert"], moved)
    here, there = Ssl(model=str(folders["hubert"])), Ssl(model=str(moved))
    assert (here, here.digest) == (there, there.digest)
    assert cache.recipe(here).key == cache.recipe(there).key != cache.recipe(Ssl(model=str(folders["wavlm"]))).key
    [spec] = feature_specs(f"ssl:model={moved},layer=1")
    assert str(spec) == f"ssl:layer=1,digest={here.digest},width=16,layers=2"
    [again] = feature_specs(str(spec))
    assert again.feature == spec.feature
    # Without its path it is found by its digest in the folder of the run, or inside it.
    for folder in (tmp_path, moved):
        again.feature.require(Runtime(weights=str(folder)))
    with pytest.raises(WeightError, match="no folder was given"):
        again.feature.require(Runtime())
    before = here.digest
    (moved / speech.PREPARED).write_text(json.dumps({"do_normalize": False}))
    assert Ssl(model=str(moved)).digest != before


def test_how_sound_is_prepared_is_read_from_the_folder(folders: dict[str, Path], tmp_path: Path):
    raw = tmp_path / "raw"
    shutil.copytree(folders["hubert"], raw)
    (raw / speech.PREPARED).write_text(json.dumps({"do_normalize": False, "sampling_rate": RATE}))
    quiet, loud = 0.1 * heard(0.5).samples, heard(0.5).samples
    scaled, as_is = (speech.load(folder) for folder in (folders["hubert"], raw))
    for model, is_equal in ((scaled, True), (as_is, False)):
        one, other = model.states([quiet, loud], slice(-1, None))
        assert np.allclose(one, other, atol=1e-3) == is_equal


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), "pytorch_model.bin is a pickle"),
        (lambda f: (f / "config.json").unlink(), "expected a folder with config.json"),
        (lambda f: _set(f, auto_map={"AutoModel": "x.Y"}), "asks to run code of its own"),
        (lambda f: _set(f, add_adapter=True), "has an adapter"),
        (lambda f: _set(f, model_type="bert", conv_kernel=None), "no model of speech that affex reads"),
    ],
)
def test_folders_that_cannot_be_trusted_or_read_are_refused(folders, tmp_path: Path, spoil, message: str):
    folder = tmp_path / "model"
    shutil.copytree(folders["hubert"], folder)
    spoil(folder)
    with pytest.raises(UsageError, match=message):
        feature_specs(f"ssl:model={folder}")


def _set(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_file_that_lacks_tensors_is_refused(folders: dict[str, Path], tmp_path: Path):
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "model"
    shutil.copytree(folders["hubert"], folder)
    state = load_file(folder / "model.safetensors")
    kept = {name: tensor for name, tensor in state.items() if "layers.1." not in name}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(WeightError, match=r"tensors are missing \(encoder\.layers\.1\."):
        speech.load(folder)


def test_parameters_that_make_no_sense_are_refused(folders: dict[str, Path]):
    with pytest.raises(UsageError, match="layer=3: expected last, all, or 0 to 2"):
        feature_specs(f"ssl:model={folders['hubert']},layer=3")
    with pytest.raises(UsageError, match="rate=8000: expected 16000 Hz"):
        feature_specs("ssl-sound:rate=8000")
    with pytest.raises(WeightError, match="FEATURES=ssl:model=FOLDER"):
        Ssl().require(Runtime())


# Layers weighted inside the fold


def planted(seed: int, n: int = 240, n_layers: int = 13, at: int = 8) -> tuple[np.ndarray, ...]:
    """Return rows of layers, two an utterance, whose label lies in one layer only, with labels and offsets."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    X = rng.standard_normal((2 * n, n_layers, 4)).astype(np.float32)
    X[:, at, 0] += np.repeat(2.0 * y - 1, 2)
    return X, y, 2 * np.arange(n + 1)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 5))])
def test_the_layer_that_has_the_label_is_found(seed: int):
    X, y, offsets = planted(seed)
    other, labels, ends = planted(seed + 100)
    net = NetClassifier(trunk="layers", pool="mean", rate=0.02, epochs=30, patience=0, dropout=0.0, seed=seed)
    found = (net.fit(X, y, offsets=offsets).predict(other, offsets=ends) == labels).mean()
    plain = NetClassifier(trunk="none", pool="mean", rate=0.02, epochs=30, patience=0, dropout=0.0, seed=seed)
    mean = plain.fit(X.mean(axis=1), y, offsets=offsets).predict(other.mean(axis=1), offsets=ends)
    assert found > 0.85
    assert (mean == labels).mean() < 0.75

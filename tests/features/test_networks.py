"""Networks: their weight files read safely, and their numbers held to dlib's own and to other implementations."""

import dataclasses
import json
import math
import re
from typing import get_args

import h5py
import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from safetensors.torch import save_file
from torch.nn import functional

from affex.features.networks import architectures, backbones, dlib_resnet, local, mini_xception
from affex.features.networks.base import Embedder, Network, Precision, normalised, place
from affex.features.networks.dlib_weights import DETECTOR, EMBEDDING, fold, pack, tensors_in
from affex.features.networks.weights import WeightError, WeightFile, fill, packaged, read_state, sha256, verified

RNG = np.random.default_rng(4)


@pytest.fixture(scope="module")
def face():
    return dlib_resnet.load()


@pytest.fixture(scope="module")
def chips() -> np.ndarray:
    from skimage.data import astronaut

    noise = RNG.integers(0, 256, (9, 150, 150, 3), dtype=np.uint8)
    return np.concatenate([astronaut()[None, 20:170, 150:300], noise, np.zeros_like(noise[:1])])


# dlib's files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "written"), [(0, "0100"), (2, "0102"), (1216, "02c004"), (-2, "8102")])
def test_integers_are_written_as_dlib_writes_them(number, written):
    assert pack(number).hex() == written


def tensor_bytes(values: np.ndarray) -> bytes:
    return b"".join(pack(n) for n in (2, *values.shape)) + values.astype("<f4").tobytes()


def test_tensors_are_found_between_other_things(tmp_path):
    first, second = RNG.random((3, 1, 1, 1)), RNG.random((1, 2, 5, 4))
    content = b"con_4" + tensor_bytes(first) + b"\x01\x02affine" + tensor_bytes(second) + b"end"
    found = tensors_in(content, [first.shape, second.shape], tmp_path)
    np.testing.assert_array_equal(found[0], first.astype(np.float32))
    np.testing.assert_array_equal(found[1], second.astype(np.float32))


def test_a_tensor_that_is_not_there_or_cut_off_is_named(tmp_path):
    content = tensor_bytes(RNG.random((3, 1, 1, 1)))
    with pytest.raises(WeightError, match=r"tensor 2, of shape \(7, 1, 1, 1\), is missing"):
        tensors_in(content, [(3, 1, 1, 1), (7, 1, 1, 1)], tmp_path)
    with pytest.raises(WeightError, match=r"tensor 1"):
        tensors_in(content[:-1], [(3, 1, 1, 1)], tmp_path)


def test_a_package_that_is_missing_is_named():
    with pytest.raises(WeightError, match="no_such_package, which is not installed"):
        packaged(WeightFile("a.dat", "0" * 64, "no_such_package"))


def test_a_file_with_one_bit_changed_is_refused(tmp_path):
    content = bytearray(packaged(DETECTOR).read_bytes())
    content[1000] ^= 1
    path = tmp_path / DETECTOR.name
    path.write_bytes(content)
    with pytest.raises(WeightError, match=f"expected {DETECTOR.sha256}"):
        verified(path, DETECTOR)
    with pytest.raises(WeightError, match="no weight file"):
        verified(tmp_path / "none.dat", DETECTOR)


def test_a_file_that_changes_is_digested_again(tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(b"one")
    first = sha256(path)
    path.write_bytes(b"three")
    assert sha256(path) != first


@pytest.mark.parametrize("layer", [(3, 4, 5, 2), (3, 4, 3, 1)])
def test_a_folded_convolution_does_the_work_of_both_layers(layer):
    inputs, outputs, size, stride = layer
    filters = RNG.standard_normal((outputs, inputs, size, size)).astype(np.float32)
    biases, gamma, beta = RNG.standard_normal((3, outputs)).astype(np.float32)
    x = torch.from_numpy(RNG.standard_normal((2, inputs, 11, 12)).astype(np.float32))
    both = np.concatenate([filters.ravel(), biases]).reshape(-1, 1, 1, 1)
    padding = 0 if stride > 1 else size // 2
    plain = functional.conv2d(x, torch.from_numpy(filters), torch.from_numpy(biases), stride, padding)
    wanted = plain.numpy() * gamma[:, None, None] + beta[:, None, None]
    np.testing.assert_allclose(fold(both, gamma, beta, layer)(x).detach(), wanted, atol=1e-4)


# Other files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_are_read_from_both_formats_out_of_their_wrappings(tmp_path, suffix, wrapped):
    state = {"a.weight": torch.ones(2, 3), "b": torch.zeros(4)}
    named = {("module." if wrapped else "") + name: tensor for name, tensor in state.items()}
    path = tmp_path / f"weights{suffix}"
    if suffix == ".safetensors":
        save_file(named, path)
    else:
        torch.save({"epoch": 3, "state_dict": named} if wrapped else named, path)
    found = read_state(path)
    assert sorted(found) == sorted(state)
    assert all(torch.equal(found[name], tensor) for name, tensor in state.items())


class Payload:
    """What a pickle could run."""

    def __reduce__(self):
        return print, ("this must not be printed",)


def test_a_pickle_with_a_payload_is_refused_and_not_run(tmp_path, capsys):
    torch.save({"a": torch.ones(1), "b": Payload()}, tmp_path / "bad.pth")
    with pytest.raises(WeightError, match="cannot be read as a weight file"):
        read_state(tmp_path / "bad.pth")
    assert not capsys.readouterr().out


def test_what_holds_no_tensors_is_refused(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "none.pth")
    with pytest.raises(WeightError, match="contains no named tensors"):
        read_state(tmp_path / "none.pth")
    (tmp_path / "junk.safetensors").write_bytes(b"junk")
    with pytest.raises(WeightError, match="cannot be read"):
        read_state(tmp_path / "junk.safetensors")


def test_weights_that_do_not_fit_are_named(tmp_path):
    layer = torch.nn.Linear(3, 2)
    weight, bias = torch.ones(2, 3), torch.ones(2)
    fill(layer, {"weight": weight, "bias": bias, "fc.weight": bias}, tmp_path, unused="fc.")
    assert torch.equal(layer.weight, weight)
    with pytest.raises(WeightError, match=r"1 tensors are missing \(bias\), 1 are unknown \(extra\)"):
        fill(layer, {"weight": weight, "extra": bias}, tmp_path)
    with pytest.raises(WeightError, match=r"weight is \(3, 2\), expected \(2, 3\)"):
        fill(layer, {"weight": weight.T, "bias": bias}, tmp_path)


# The contract --------------------------------------------------------------------------------------


def test_a_network_is_shown_its_channels_scaled():
    picture = torch.tensor([[[[10]], [[20]], [[30]]]], dtype=torch.uint8)
    network = Network("n", 1, (1, 1), "rgb", (10, 10, 10), (0.5, 0.5, 0.5), "last", "")
    assert normalised(picture, network).ravel().tolist() == [0, 5, 10]
    assert normalised(picture, dataclasses.replace(network, channels="bgr")).ravel().tolist() == [10, 5, 0]
    # 0.299 * 10 + 0.587 * 20 + 0.114 * 30 = 18.15, and grey pictures are whole numbers: (18 - 8) * 2.
    grey = dataclasses.replace(network, channels="grey", mean=(8.0,), scale=(2.0,))
    assert normalised(picture, grey).ravel().tolist() == [20]


def test_grey_is_opencvs():
    import cv2

    pictures = RNG.integers(0, 256, (1, 200, 300, 3), dtype=np.uint8)
    network = Network("n", 1, (200, 300), "grey", (0.0,), (1.0,), "last", "")
    grey = normalised(torch.from_numpy(pictures).permute(0, 3, 1, 2), network)
    np.testing.assert_array_equal(grey[0, 0], cv2.cvtColor(pictures[0], cv2.COLOR_RGB2GRAY))


def test_columns_are_named_after_the_network_and_its_scores():
    network = Network("n", 4, (1, 1), "rgb", (), (), "last", "", scores=("joy",))
    assert network.columns == ("n_joy", "n_0", "n_1", "n_2")
    assert dlib_resnet.NETWORK.columns[::127] == ("face_000", "face_127")


def test_what_are_no_chips_is_refused_with_the_shape_expected(face):
    with pytest.raises(ValueError, match=r"expected \(n, 150, 150, 3\) uint8"):
        face.embed(np.zeros((2, 150, 150, 3), np.float32))
    with pytest.raises(ValueError, match=r"\(2, 149, 150, 3\): expected \(n, 150, 150, 3\)"):
        face.embed(np.zeros((2, 149, 150, 3), np.uint8))
    assert face.embed(np.zeros((0, 150, 150, 3), np.uint8)).shape == (0, 128)


def test_a_value_that_is_not_finite_is_an_error_that_names_the_chip():
    class Broken(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 1 / x.amax((2, 3))[:, :1]

    broken = Embedder(Network("broken", 1, (2, 2), "rgb", (0,) * 3, (1,) * 3, "", ""), Broken())
    given = np.ones((11, 2, 2, 3), np.uint8)
    given[9] = 0
    with pytest.raises(ValueError, match="chip 9 of 11: broken returned a value that is not finite"):
        broken.embed(given)


@pytest.mark.parametrize(("device", "precision"), [("tpu", "float32"), ("cpu", "int8"), ("cuda", "float32")])
def test_what_a_network_cannot_run_on_is_refused(device, precision):
    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(ValueError, match=r"(device|precision)="):
        dlib_resnet.load(device, precision)


# dlib's embedding ----------------------------------------------------------------------------------


def test_embeddings_are_dlibs_own(face, chips):
    import dlib

    own = dlib.face_recognition_model_v1(str(packaged(EMBEDDING)))
    wanted = np.array([own.compute_face_descriptor(np.ascontiguousarray(chip)) for chip in chips[[0, 1, 10]]])
    np.testing.assert_allclose(face.embed(chips)[[0, 1, 10]], wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("precision", "tolerance"), [("float16", 0.001), ("bfloat16", 0.01)])
def test_half_precision_stays_near(face, chips, precision, tolerance):
    half = dlib_resnet.load(precision=precision).embed(chips)
    assert half.dtype == np.float32
    assert 0 < np.abs(half - face.embed(chips)).max() < tolerance


def test_of_float16_are_the_factors_and_what_a_layer_gives_and_nothing_between():
    layer = torch.nn.Linear(2, 1, bias=False)
    layer.weight.data = torch.tensor([[1 / 3, 1]])
    place(layer, "cpu", "float16")
    x = np.array([3, 1 + 2**-12], np.float32)  # the second is no float16
    wanted = np.float16(np.float32(np.float16(1 / 3)) * x[0] + np.float32(np.float16(x[1])))
    assert layer(torch.from_numpy(x[None])).item() == float(wanted)

    class Residual(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(2, 2, bias=False)
            self.layer.weight.data.zero_()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.layer(x)

    residual = Residual()
    place(residual, "cpu", "float16")
    np.testing.assert_array_equal(residual(torch.from_numpy(x[None])).numpy()[0], x)


@pytest.mark.parametrize("precision", get_args(Precision))
def test_a_chip_has_the_same_embedding_to_the_bit_in_any_company(chips, precision):
    network = dlib_resnet.load(precision=precision)
    together = network.embed(chips)
    alone = np.concatenate([network.embed(chip[None]) for chip in chips])
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(together[::-1], network.embed(chips[::-1]))


def test_the_number_of_threads_changes_no_bit(face, chips):
    before = torch.get_num_threads()
    try:
        found = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(face.embed(chips))
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(*found)


# mini-Xception -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "wanted"), [(3, [1, 2]), (4, [2, 3]), (5, [1, 3, 4])])
def test_pooling_pads_as_keras_does(size, wanted):
    # Of an even length the windows begin with the first value; of an odd one, one before it.
    line = torch.arange(size, dtype=torch.float32).expand(1, 1, size, size)
    assert architectures._pooled_like_keras(line)[0, 0, -1].tolist() == wanted


def keras_by_numpy(path, x: np.ndarray) -> dict[str, np.ndarray]:
    """Run a Keras 2 file's graph as its own configuration describes it, (n, height, width, channels)."""
    with h5py.File(path) as file:
        layers = json.loads(file.attrs["model_config"])["config"]["layers"]
        arrays = {
            (name, key.decode().rpartition("/")[2]): group[key][()].astype(np.float64)
            for name, group in file["model_weights"].items()
            for key in group.attrs["weight_names"]
        }

    def windows(x: np.ndarray, config: dict, size: int, fill: float) -> np.ndarray:
        step = config["strides"][0]
        total = [max((math.ceil(n / step) - 1) * step + size - n, 0) for n in x.shape[1:3]]
        if config["padding"] == "same":
            x = np.pad(x, [(0, 0), *((n // 2, n - n // 2) for n in total), (0, 0)], constant_values=fill)
        return sliding_window_view(x, (size, size), (1, 2))[:, ::step, ::step]

    outputs: dict[str, np.ndarray] = {}
    for layer in layers:
        name, config, kind = layer["name"], layer["config"], layer["class_name"]
        given = [outputs[node[0]] for node in layer["inbound_nodes"][0]] if layer["inbound_nodes"] else [x]
        y = given[0]
        if kind == "Conv2D":
            y = np.einsum(
                "nhwcij,ijco->nhwo", windows(y, config, config["kernel_size"][0], 0), arrays[name, "kernel:0"]
            )
            y = y + arrays[name, "bias:0"] if config["use_bias"] else y
        elif kind == "SeparableConv2D":
            y = np.einsum("nhwcij,ijcm->nhwc", windows(y, config, 3, 0), arrays[name, "depthwise_kernel:0"])
            y = y @ arrays[name, "pointwise_kernel:0"][0, 0]
        elif kind == "BatchNormalization":
            y = (y - arrays[name, "moving_mean:0"]) / np.sqrt(arrays[name, "moving_variance:0"] + config["epsilon"])
            y = y * arrays[name, "gamma:0"] + arrays[name, "beta:0"]
        elif kind == "MaxPooling2D":
            y = windows(y, config, config["pool_size"][0], -np.inf).max(axis=(4, 5))
        elif kind == "Add":
            y = given[0] + given[1]
        elif kind == "GlobalAveragePooling2D":
            y = y.mean(axis=(1, 2))
        elif kind == "Activation":
            softened = np.exp(y - y.max(axis=-1, keepdims=True))
            y = np.maximum(y, 0) if config["activation"] == "relu" else softened / softened.sum(axis=-1, keepdims=True)
        outputs[name] = y
    return outputs


@pytest.fixture(scope="module")
def keras_file(test_data):
    return test_data("weights/fer2013_mini_XCEPTION.102-0.66.hdf5")


def test_mini_xception_is_the_network_that_its_file_describes(keras_file):
    import cv2
    from skimage.data import astronaut

    noise = RNG.integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    chips = np.concatenate([astronaut()[None, 40:168:2, 160:288:2], noise])
    found = mini_xception.load(keras_file).embed(chips)
    grey = np.stack([cv2.cvtColor(chip, cv2.COLOR_RGB2GRAY) for chip in chips])[..., None]
    wanted = keras_by_numpy(keras_file, (grey / 255 - 0.5) * 2)
    np.testing.assert_allclose(found[:, :7], wanted["predictions"], atol=1e-5)
    np.testing.assert_allclose(found[:, 7:], wanted["add_4"].mean(axis=(1, 2)), rtol=1e-4, atol=1e-4)
    assert mini_xception.NETWORK.columns[3] == "fer_happiness"
    assert found[0, :7].argmax() == 3  # she smiles


def test_another_file_is_no_mini_xception(keras_file, tmp_path):
    with pytest.raises(WeightError, match="expected 59534287"):
        mini_xception.load(packaged(DETECTOR))
    with pytest.raises(WeightError, match="not a weight file of Keras"):
        mini_xception.read_layers(packaged(DETECTOR))
    layers = mini_xception.read_layers(keras_file)
    layers["conv2d_7"]["bias"] = np.zeros(8)
    with pytest.raises(WeightError, match=r"an array is \(8,\), expected \(7,\)"):
        mini_xception.build(layers, tmp_path)
    del layers["conv2d_7"]
    with pytest.raises(WeightError, match="does not fit mini-Xception: 'conv2d_7'"):
        mini_xception.build(layers, tmp_path)


# Local files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("resnet18", 11_689_512),
        ("vggface", 138_357_544),
        ("alexnet", 61_100_840),
        ("vgg16", 138_357_544),
        ("resnet50", 25_557_032),
        ("densenet121", 7_978_856),
    ],
)
def test_architectures_have_the_published_numbers_of_parameters(name, parameters):
    known = local.ARCHITECTURES[name]
    with torch.device("meta"):
        module = known.build()
    last = 1000 * known.network.width + 1000  # published with a layer of 1000 classes
    assert sum(p.numel() for p in module.parameters()) + last == parameters


def test_maps_of_alexnet_are_5_by_8_from_200_by_300():
    with torch.device("meta"):
        assert local.ALEXNET.build().maps(torch.empty(1, 3, 200, 300)).shape == (1, 256, 5, 8)
        assert local.ALEXNET.build().maps(torch.empty(1, 3, 64, 64)).shape == (1, 256, 1, 1)


def lively(module: torch.nn.Module) -> torch.nn.Module:
    """Give every slope, shift and statistic a value that matters."""
    torch.manual_seed(2)
    with torch.no_grad():
        for tensor in module.state_dict().values():
            if tensor.ndim == 1:
                tensor.add_(0.2 * torch.rand_like(tensor))
    return module


def norm(x, state, name):
    keys = ("running_mean", "running_var", "weight", "bias")
    return functional.batch_norm(x, *(state[f"{name}.{key}"] for key in keys))


def plain_resnet18(state, x):
    x = functional.max_pool2d(
        norm(functional.conv2d(x, state["conv1.weight"], None, 2, 3), state, "bn1").relu(), 3, 2, 1
    )
    for layer in range(1, 5):
        for block in range(2):
            at = f"layer{layer}.{block}"
            stride = 2 if layer > 1 and block == 0 else 1
            y = norm(functional.conv2d(x, state[f"{at}.conv1.weight"], None, stride, 1), state, f"{at}.bn1").relu()
            y = norm(functional.conv2d(y, state[f"{at}.conv2.weight"], None, 1, 1), state, f"{at}.bn2")
            if stride == 2:
                x = functional.conv2d(x, state[f"{at}.downsample.0.weight"], None, 2)
                x = norm(x, state, f"{at}.downsample.1")
            x = (x + y).relu()
    return functional.adaptive_avg_pool2d(x, 1).flatten(1)


def plain_ir50(state, x):
    x = norm(functional.conv2d(x, state["input_layer.0.weight"], None, 1, 1), state, "input_layer.1")
    x = functional.prelu(x, state["input_layer.2.weight"])
    for block in range(24):
        at = f"body.{block}"
        stride = 2 if block in (0, 3, 7, 21) else 1
        y = functional.conv2d(norm(x, state, f"{at}.res_layer.0"), state[f"{at}.res_layer.1.weight"], None, 1, 1)
        y = functional.prelu(y, state[f"{at}.res_layer.2.weight"])
        y = norm(functional.conv2d(y, state[f"{at}.res_layer.3.weight"], None, stride, 1), state, f"{at}.res_layer.4")
        if block in (3, 7, 21):
            x = functional.conv2d(x, state[f"{at}.shortcut_layer.0.weight"], None, 2)
            x = norm(x, state, f"{at}.shortcut_layer.1")
        x = x[:, :, ::2, ::2] + y if block == 0 else x + y
    x = norm(x, state, "output_layer.0").flatten(1)
    x = functional.linear(x, state["output_layer.3.weight"], state["output_layer.3.bias"])
    return norm(x, state, "output_layer.4")


def plain_vggface(state, x):
    for stage, layers in (1, 2), (2, 2), (3, 3), (4, 3), (5, 3):
        for layer in range(1, layers + 1):
            at = f"conv{stage}_{layer}"
            x = functional.conv2d(x, state[f"{at}.weight"], state[f"{at}.bias"], 1, 1).relu()
        x = functional.max_pool2d(x, 2)
    x = functional.linear(x.flatten(1), state["fc6.weight"], state["fc6.bias"]).relu()
    return functional.linear(x, state["fc7.weight"], state["fc7.bias"]).relu()


def convolved(x, state, at, stride=1, padding=0):
    return functional.conv2d(x, state[f"{at}.weight"], state.get(f"{at}.bias"), stride, padding)


def dense(x, state, *names):
    for name in names:
        x = functional.linear(x, state[f"{name}.weight"], state[f"{name}.bias"]).relu()
    return x


def plain_alexnet(state, x):
    x = functional.max_pool2d(convolved(x, state, "features.0", 4, 2).relu(), 3, 2)
    x = functional.max_pool2d(convolved(x, state, "features.3", 1, 2).relu(), 3, 2)
    for layer in 6, 8, 10:
        x = convolved(x, state, f"features.{layer}", 1, 1).relu()
    x = functional.adaptive_avg_pool2d(functional.max_pool2d(x, 3, 2), 6).flatten(1)
    return dense(x, state, "classifier.1", "classifier.4")


def plain_vgg16(state, x):
    for layers in (0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28):
        for layer in layers:
            x = convolved(x, state, f"features.{layer}", 1, 1).relu()
        x = functional.max_pool2d(x, 2)
    return dense(functional.adaptive_avg_pool2d(x, 7).flatten(1), state, "classifier.0", "classifier.3")


def plain_resnet50(state, x):
    x = functional.max_pool2d(norm(convolved(x, state, "conv1", 2, 3), state, "bn1").relu(), 3, 2, 1)
    for layer, blocks in enumerate((3, 4, 6, 3), 1):
        for block in range(blocks):
            at = f"layer{layer}.{block}"
            stride = 2 if layer > 1 and block == 0 else 1
            y = norm(convolved(x, state, f"{at}.conv1"), state, f"{at}.bn1").relu()
            y = norm(convolved(y, state, f"{at}.conv2", stride, 1), state, f"{at}.bn2").relu()
            y = norm(convolved(y, state, f"{at}.conv3"), state, f"{at}.bn3")
            if block == 0:
                x = norm(convolved(x, state, f"{at}.downsample.0", stride), state, f"{at}.downsample.1")
            x = (x + y).relu()
    return x.mean((2, 3))


def plain_densenet121(state, x):
    """Its names are those of the published file, with a point before the number of a layer's part."""
    x = norm(convolved(x, state, "features.conv0", 2, 3), state, "features.norm0").relu()
    x = functional.max_pool2d(x, 3, 2, 1)
    for block, layers in enumerate((6, 12, 24, 16), 1):
        for layer in range(1, layers + 1):
            at = f"features.denseblock{block}.denselayer{layer}"
            y = convolved(norm(x, state, f"{at}.norm.1").relu(), state, f"{at}.conv.1")
            x = torch.cat([x, convolved(norm(y, state, f"{at}.norm.2").relu(), state, f"{at}.conv.2", 1, 1)], 1)
        if block < 4:
            at = f"features.transition{block}"
            x = functional.avg_pool2d(convolved(norm(x, state, f"{at}.norm").relu(), state, f"{at}.conv"), 2)
    return norm(x, state, "features.norm5").relu().mean((2, 3))


def as_published(name: str) -> str:
    return re.sub(r"(denselayer\d+\.\w+)([12])\.", r"\1.\2.", name)


SMALL = {
    "alexnet": (lambda: backbones.AlexNet((4, 6, 8, 6, 6), 16), plain_alexnet, (96, 128), 16, "classifier.6.weight"),
    "vgg16": (lambda: backbones.Vgg16(4, 16), plain_vgg16, (64, 96), 16, "classifier.6.weight"),
    "resnet50": (lambda: backbones.ResNet50(4), plain_resnet50, (64, 96), 128, "fc.weight"),
    "densenet121": (lambda: backbones.DenseNet121(4), plain_densenet121, (64, 96), 128, "classifier.weight"),
    "resnet18": (lambda: architectures.ResNet18(8), plain_resnet18, (64, 64), 64, "fc.weight"),
    "ir50": (lambda: architectures.Ir50(8, 32, 16), plain_ir50, (32, 32), 16, None),
    "vggface": (lambda: architectures.VggFace(4, 64, 24), plain_vggface, (64, 64), 24, "fc8.weight"),
}


@pytest.mark.parametrize("name", SMALL)
def test_a_local_file_gives_the_embeddings_of_the_published_architecture(name, tmp_path):
    build, plain, size, width, classifier = SMALL[name]
    state = {as_published(key): t for key, t in lively(build()).state_dict().items() if "num_batches" not in key}
    path = tmp_path / "weights.pth"
    torch.save(state | ({classifier: torch.ones(3)} if classifier else {}), path)
    known = local.ARCHITECTURES[name]
    network = dataclasses.replace(known.network, input_size=size, width=width)
    small = dataclasses.replace(known, network=network, build=build)
    chips = RNG.integers(0, 256, (3, *size, 3), dtype=np.uint8)
    embedder = local.load(small, path, sha256(path))
    x = torch.from_numpy(chips).permute(0, 3, 1, 2)
    wanted = plain(state, normalised(x, embedder.network)).numpy()
    assert np.ptp(wanted, axis=0).max() > 0
    np.testing.assert_allclose(embedder.embed(chips), wanted, rtol=1e-3, atol=1e-4 * np.abs(wanted).max())
    assert embedder.network.digest == sha256(path)


def test_a_local_file_with_another_digest_or_shape_is_refused(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save(architectures.ResNet18(8).state_dict(), path)
    with pytest.raises(WeightError, match="is not the expected file"):
        local.load(local.RESNET18, path, "0" * 64)
    with pytest.raises(WeightError, match=r"conv1.weight is \(8, 3, 7, 7\), expected \(64, 3, 7, 7\)"):
        local.load(local.RESNET18, path)
    with pytest.raises(WeightError, match="There is no weight file"):
        local.load(local.RESNET18, tmp_path / "none.pth")

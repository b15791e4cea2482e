"""Model files whose parts were swapped, cut or overwritten, the digests made to fit: refused in a sentence."""

import io
import json
import random
import re
from pathlib import Path

import fuzz_models
import numpy as np
import pytest

from affex.pipeline.models import model_file, models
from affex.pipeline.text.errors import AffexError


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("models")
    kinds = ("svm", "svm of values", "xgboost", "gmm pfa", "logistic", "forest", "knn", "mlp")
    return {kind: fuzz_models.fitted(kind, folder) for kind in kinds}


@pytest.mark.parametrize("kind", ["svm", "svm of values", "xgboost", "gmm pfa", "logistic", "forest", "knn", "mlp"])
def test_whatever_is_changed_is_refused_or_says_something(kind, files, tmp_path):
    n_frames = fuzz_models.MODELS[kind][2]
    assert fuzz_models.outcome(files[kind], tmp_path, n_frames) == "taken"
    for number in range(16):
        _, changed = fuzz_models.damaged(files[kind], random.Random(number))
        assert fuzz_models.outcome(changed, tmp_path, n_frames) in ("refused", "taken")


def node(tree: dict, *names: str) -> dict:
    """Return a node of a tree of skops: an attribute of an object, a key, or a place in a list."""
    for name in names:
        content = tree["content"]
        tree = content["content"][name] if isinstance(content, dict) and "content" in content else content[name]
    return tree


def with_array(content: bytes, change) -> bytes:
    """Return a model file in which `change(arrays by path)` was applied to the estimator's arrays."""
    members = fuzz_models.unzipped(content)
    inner = fuzz_models.unzipped(members["estimator.skops"])
    tree = json.loads(inner["schema.json"])
    change(tree, inner)
    inner["schema.json"] = json.dumps(tree).encode()
    members["estimator.skops"] = fuzz_models.zipped(inner)
    return with_record(fuzz_models.zipped(members))


def with_record(content: bytes, **changes) -> bytes:
    """Return a model file with other values in its record, and a digest that fits."""
    members = fuzz_models.unzipped(content)
    record = json.loads(members["model.json"]) | changes
    record["estimator"]["sha256"] = model_file._sha256(members["estimator.skops"])
    return fuzz_models.zipped({**members, "model.json": json.dumps(record).encode()})


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def array(tree: dict, inner: dict[str, bytes], *names: str) -> tuple[str, np.ndarray]:
    """Return the member that holds an array, and the array."""
    file = node(tree, *names)["file"]
    return file, np.load(io.BytesIO(inner[file]))


def why_not(content: bytes, folder: Path) -> str:
    path = folder / "hurt.affex"
    path.write_bytes(content)
    with pytest.raises(AffexError) as error:
        model_file.read(path)
    assert str(path) in str(error.value)
    return str(error.value)


SCALE = ("space_", "scale")


@pytest.mark.parametrize(
    ("names", "change", "message"),
    [
        (
            (*SCALE, "mean_"),
            lambda a: np.where(np.arange(len(a)) == 1, np.nan, a),
            "mean_ holds values that are not numbers",
        ),
        ((*SCALE, "scale_"), lambda a: a[:-1], r"scale_ is float64 of the shape \(4,\), expected numbers of \(5,\)"),
        ((*SCALE, "scale_"), lambda a: a[::-1], "scales are not the roots of its variances"),
        ((*SCALE, "var_"), lambda a: -a, "scales are not the roots"),
        (("space_", "rows"), lambda a: a[:-1], "fitted on 64 rows, and its space has 63"),
        (("space_", "rows"), lambda a: a.T, "fitted on 64 rows, and its space has 5"),
        (("space_", "rows"), lambda a: a[:, 1:], r"the training rows is float32 of the shape \(64, 4\)"),
        (("machine_", "support_"), lambda a: a + 2**30, "refers to training rows that are not there"),
        (("machine_", "support_"), lambda a: a * 0, "refers to training rows that are not there"),
        (("machine_", "_n_support"), lambda a: a + 1, "a machine counts"),
        (("machine_", "_dual_coef_"), lambda a: a * 2, "has dual_coef_ twice, and they differ"),
        (("machine_", "_intercept_"), lambda a: a[:1], "a machine's _intercept_ is float64 of the shape"),
        (("classes_",), lambda a: a[::-1], "its machine has other classes"),
        (("classes_",), lambda a: a[:-1], "states the classes anger, joy, neutral, sadness, and the estimator of o"),
    ],
)
def test_an_array_that_does_not_fit(names, change, message, files, tmp_path):
    def changed(tree, inner):
        file, found = array(tree, inner, *names)
        fresh = "999.npy"  # arrays that are alike may share a member
        node(tree, *names)["file"] = fresh
        inner[fresh] = npy(np.ascontiguousarray(change(found)))
        if not any(other.get("file") == file for other in model_file._nodes(tree)):
            del inner[file]

    assert re.search(message, why_not(with_array(files["svm"], changed), tmp_path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_columns": 6}, "states 6 columns, and the estimator of another number"),
        ({"classes": ["joy"]}, "contradicts itself"),
        ({"columns": 3}, "has values that no model of ours has"),
        ({"evaluation": "x"}, "contradicts itself"),
        ({"settings": None}, "TypeError"),
    ],
)
def test_a_record_that_does_not_fit(changes, message, files, tmp_path):
    assert message in why_not(with_record(files["svm"], **changes), tmp_path)


def test_an_estimator_with_other_settings_than_the_record_tells(files, tmp_path):
    members = fuzz_models.unzipped(files["svm"])
    settings = json.loads(members["model.json"])["settings"]
    settings["classifier"]["settings"]["C"] = 10.0
    assert "other settings than model.json states" in why_not(with_record(files["svm"], settings=settings), tmp_path)


def test_an_estimator_of_another_number_of_columns_is_a_sentence(files, tmp_path):
    path = tmp_path / "sound.affex"
    path.write_bytes(files["svm"])
    matrix = fuzz_models.make_table(n_speakers=2, n_columns=7)
    model = models.replace(model_file.read(path), columns=models.columns_digest(matrix.columns))
    with pytest.raises(AffexError, match="was fitted on 5 columns, and the rows here have 7"):
        models.predict(model, matrix)

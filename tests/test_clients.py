"""What docs/other-programs.md tells others to type reads what was exported, in their own programs."""

import pickle
import re
import sys
from pathlib import Path
from types import ModuleType

import clients
import numpy as np
import pytest
import sdk
from conftest import ROOT
from corpus import Listener, write_wav
from foreign import extracted
from sklearn.svm import SVC

from affex.classifiers.estimators.svm import RBFMachine
from affex.pipeline.exchange import exporting
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Media, Utterance

SNIPPETS = clients.snippets()
NAMES = [" ".join(needs) for needs, _, _ in SNIPPETS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Return a folder with a small corpus called demo, exported as the page exports it."""
    root = tmp_path_factory.mktemp("clients")
    utterances = []
    for n in range(8):
        write_wav(root / "data" / f"u{n}.wav", 0.3 + 0.01 * n, seed=n)
        label, split = ("anger", "joy")[n % 2], ("train", "validation", "test", None)[n // 2]
        media = Media(f"u{n}.wav")
        utterances.append(Utterance(f"u{n}", "demo", f"s{n // 4}", label, audio=media, split=split, valence=n / 8))
    demo = Dataset("demo", root / "data", root / "cache" / "demo", tuple(utterances))
    commands = re.findall(r"affex export (\S+) --dataset demo --features egemaps(?: --format (\w+))?", page())
    assert len(commands) == 7
    for out, format_ in commands:
        exporting.export(demo, extracted(demo, "egemaps"), root / out, format_, Listener())
    return root


def page() -> str:
    return (ROOT / "docs" / "other-programs.md").read_text(encoding="utf-8")


class Sdk:
    """Stands for the CMU-MultimodalSDK, which is not in the package index (see `sdk`)."""

    def __init__(self, recipe: dict[str, str]) -> None:
        read = {name: sdk.read(Path(path)) for name, path in recipe.items()}
        self.rows = {name: rows for name, (rows, _) in read.items()}
        self.metadata = {name: output for name, (_, output) in read.items()}

    def align(self, reference: str) -> None:
        self.rows = sdk.align(self.rows, reference)

    def deploy(self, folder: str, names: dict[str, str]) -> None:
        Path(folder).mkdir()
        for name, file in names.items():
            sdk.deploy(Path(folder) / f"{file}.csd", self.rows[name], self.metadata[name])


@pytest.fixture(autouse=True)
def stand_in(monkeypatch) -> None:
    module = ModuleType("mmsdk")
    module.mmdatasdk = ModuleType("mmsdk.mmdatasdk")
    module.mmdatasdk.mmdataset = Sdk
    monkeypatch.setitem(sys.modules, "mmsdk", module)


@pytest.mark.parametrize(("needs", "language", "code"), SNIPPETS, ids=NAMES)
def test_a_client_reads_what_was_exported(folder, needs, language, code):
    if absent := clients.missing(needs):
        pytest.skip(f"{', '.join(absent)} not installed")
    assert clients.run(language, code, folder)


def test_what_mmsa_reads_has_its_names_and_shapes(folder):
    code = next(code for _, _, code in SNIPPETS if "mmsa.pkl" in code)
    clients.run("python", code, folder)
    data = pickle.loads((folder / "mmsa.pkl").read_bytes())
    assert [data[name]["id"].tolist() for name in ("train", "valid", "test")] == [
        ["u0", "u1", "u6", "u7"], ["u2", "u3"], ["u4", "u5"]
    ]  # fmt: skip
    assert data["valid"]["audio"].shape == (2, 1, 88)
    assert data["valid"]["audio_lengths"] == [1, 1]
    np.testing.assert_array_equal(data["test"]["regression_labels"], [0.5, 0.625])


def test_the_unit_of_gamma_is_as_the_page_says():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 8))
    X = ((X - X.mean(axis=0)) / X.std(axis=0)).astype(np.float32)
    y = np.where(X[:, 0] * X[:, 1] > 0, "a", "b")
    ours = RBFMachine(C=10.0, gamma=0.3).fit(X, y)
    theirs = SVC(C=10.0, gamma=0.3 / 8, class_weight="balanced").fit(X, y)
    np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(X), atol=1e-3)


def test_rows_that_are_not_those_of_the_export_are_told(folder, capsys, monkeypatch):
    monkeypatch.setattr(clients, "snippets", lambda: [(["numpy"], "python", "X = [[1.0]] * 8"), (["none"], "", "")])
    assert clients.main(folder) == 1
    output = capsys.readouterr().out
    assert "numpy: FAILED" in output
    assert "none: skipped, none not installed" in output

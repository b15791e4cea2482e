"""What other programs keep features in besides: arrays by recording, ARFF, MATLAB, lists, and our own cache files."""

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io
from corpus import write_wav
from foreign import cached, corpus, extracted, imported, rows_of

from affex.pipeline.caching import cache
from affex.pipeline.exchange.record import ImportOptions
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.text.errors import AffexError, UsageError

A, B = np.arange(6.0).reshape(2, 3), np.arange(9.0).reshape(3, 3) + 0.5
#: What an import of the two has, 0.1 s apart.
ROWS = {"a": (A.tolist(), [0.05, 0.15]), "b": (B.tolist(), [0.05, 0.15, 0.25])}


@pytest.fixture
def dataset(tmp_path) -> Dataset:
    return corpus(tmp_path)


def npz(path: Path) -> None:
    np.savez_compressed(path, **{"wav/a": A, "b": B[None]})


def h5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["set/a"], file["set/b"] = A, B


def h5_nested(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["a/features"], file["b/features"] = A, B
        file["names"] = np.array(["a", "b"], h5py.string_dtype())


def mat(path: Path) -> None:
    scipy.io.savemat(path, {"a": A, "b": B, "note": "words"})


def mat_new(path: Path) -> None:
    """Write a file as MATLAB does with -v7.3: HDF5 behind a user block, columns first."""
    with h5py.File(path, "w", userblock_size=512) as file:
        file["a"], file["b"], file["#refs#/a"] = A.T, B.T, np.zeros(3)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(128))


@pytest.mark.parametrize(
    ("write", "name"), [(npz, "x.npz"), (h5, "x.h5"), (h5_nested, "x.hdf5"), (mat, "x.mat"), (mat_new, "x.mat")]
)
def test_arrays_that_are_called_by_their_recording(dataset, tmp_path, write, name):
    write(tmp_path / name)
    with pytest.raises(UsageError, match=r"has 2 rows and no times.*--hop 0\.01"):
        imported(tmp_path / name, dataset)
    spec, _ = imported(tmp_path / name, dataset, options=ImportOptions(hop=0.1))
    assert rows_of(dataset, spec) == ROWS


@pytest.mark.parametrize("feature", ["mfcc:n=13", "gemaps"])
def test_a_cache_file_of_ours_comes_back_as_it_is(dataset, tmp_path, feature):
    ours = extracted(dataset, feature)
    path = cache.FeatureFile(dataset.folder, ours).path
    other = tmp_path / "from-a-friend.h5"
    other.write_bytes(path.read_bytes())
    theirs, _ = imported(other, dataset)
    assert rows_of(dataset, theirs) == rows_of(dataset, ours)
    assert cached(dataset, theirs).columns == cached(dataset, ours).columns
    other.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(AffexError, match="some of its rows are not there"):
        imported(other, dataset)


@pytest.mark.parametrize(
    ("write", "name"), [(np.savez, "x.npz"), (lambda path, **arrays: scipy.io.savemat(path, arrays), "x.mat")]
)
def test_arrays_that_are_called_by_nothing_known_are_not_asked_how_far_apart_rows_are(dataset, tmp_path, write, name):
    write(tmp_path / name, X=np.ones((4, 3)), y=np.ones((4, 3)))
    with pytest.raises(
        AffexError, match=r"has no rows for mine. Its keys: X, y. .*Expected their ids, or the names of"
    ):
        imported(tmp_path / name, dataset)


def test_names_that_matlab_made_valid_are_those_names(tmp_path):
    media = [Media("wav/03-01 é.wav"), Media("wav/b.wav")]
    dataset = Dataset(
        "mine",
        tmp_path,
        tmp_path / "cache" / "mine",
        tuple(Utterance(str(n), "mine", "s", "joy", audio=item) for n, item in enumerate(media)),
    )
    for item in media:
        write_wav(tmp_path / item.path, 0.2)
    scipy.io.savemat(tmp_path / "x.mat", {"x03_01__": [1.0, 2.0], "b": [3.0, 4.0]})
    spec, _ = imported(tmp_path / "x.mat", dataset)
    assert rows_of(dataset, spec) == {"0": ([[1, 2]], None), "1": ([[3, 4]], None)}


def test_what_leads_to_other_files_is_no_array(dataset, tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["a"] = A
        file["b"] = h5py.ExternalLink("other.h5", "/b")
    with pytest.raises(AffexError, match="is a link to another place"):
        imported(tmp_path / "x.h5", dataset, options=ImportOptions(hop=0.1))


def test_a_table_of_weka(dataset, tmp_path):
    path = tmp_path / "x.arff"
    lines = (
        "@relation 'a test'", "% a remark", "@attribute name string", "@attribute 'F0 mean' numeric",
        "@ATTRIBUTE loud REAL", "@attribute class {joy, anger}", "", "@data", "'wav/a.wav', 1.5,2,joy",
        "'b.wav',3,1e-3,anger", "'long.wav',?,1,joy",
    )  # fmt: skip
    path.write_text("\n".join(lines), encoding="utf-8")
    spec, output = imported(path, dataset)
    assert cached(dataset, spec).columns == ("F0 mean", "loud")
    assert rows_of(dataset, spec) == {"a": ([[1.5, 2]], None), "b": ([[3, np.float32(1e-3)]], None)}
    assert "  columns left out (text): class" in output
    codes = [line.replace("joy", "1").replace("anger", "2") for line in lines]
    path.write_text("\n".join(codes), encoding="utf-8")
    assert "  columns left out (text): class" in imported(path, dataset, "codes")[1]
    path.write_text("\n".join((*lines[:8], "{0 'a.wav', 1 2}")), encoding="utf-8")
    with pytest.raises(AffexError, match="sparse rows"):
        imported(path, dataset)
    path.write_text("\n".join((*lines[:8], "a,1")), encoding="utf-8")
    with pytest.raises(AffexError, match=r"row 1 has 2 cells; expected 4"):
        imported(path, dataset)


def test_a_column_of_lists_is_as_many_columns(dataset, tmp_path):
    frame = pd.DataFrame({"file": ["a.wav", "b.wav"], "vector": [[1.0, 2.0], [3.0, 4.0]], "level": [5.0, 6.0]})
    frame.to_parquet(tmp_path / "x.parquet")
    spec, _ = imported(tmp_path / "x.parquet", dataset)
    assert cached(dataset, spec).columns == ("level", "vector0", "vector1")
    assert rows_of(dataset, spec) == {"a": ([[5, 1, 2]], None), "b": ([[6, 3, 4]], None)}
    frame["vector"] = [[1.0, 2.0], [3.0]]
    frame.to_parquet(tmp_path / "x.parquet")
    with pytest.raises(AffexError, match="the lists of the column vector have 1 to 2 numbers"):
        imported(tmp_path / "x.parquet", dataset)


@pytest.mark.parametrize("name", ["x.TextGrid", "x.eaf"])
def test_annotations_are_said_to_be_labels(dataset, tmp_path, name):
    (tmp_path / name).write_text("", encoding="utf-8")
    with pytest.raises(
        UsageError, match=r"To use labels, make a corpus of them: a table with the columns file, start, end"
    ):
        imported(tmp_path / name, dataset)

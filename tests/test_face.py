"""The Python face: the same rows, figures and errors as the command line's."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from test_experiment import table as made

import affex
from affex.pipeline.text.errors import UsageError

PLACE = {"scheduler": "inline"}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(made(tmp_path_factory.mktemp("face")))


@pytest.fixture(scope="module")
def place(table: str) -> dict[str, object]:
    return {**PLACE, "cache": Path(table).parent / "cache"}


def test_scikit_learn_alone_gives_the_same_predictions(table, place):
    X, y, groups = affex.load(table, "egemaps", **place)
    assert set(X.dtypes) == {np.dtype("float32")}
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    result = affex.evaluate(table, "egemaps", classifier=model, **place)
    predicted = cross_val_predict(model, X, y, groups=groups, cv=LeaveOneGroupOut())
    pd.testing.assert_index_equal(result.predictions.index, X.index)
    assert result.predictions["predicted"].tolist() == predicted.tolist()
    assert result.uar == pytest.approx(np.mean([np.mean(predicted[y == name] == name) for name in y.unique()]))


def test_labels_come_along_on_request(table, place):
    X, y, _ = affex.load(table, "egemaps", labels=("text", "sex"), **place)
    assert y.columns.tolist() == ["label", "text", "sex"]
    assert len(y) == len(X)
    with pytest.raises(UsageError, match="valence"):
        affex.load(table, "egemaps", labels=("valense",), **place)


def test_frames_are_indexed_by_id_and_time(table, place):
    frames = affex.load_frames(table, "mfcc", **place)
    (one,) = {frames.index[0][0]}
    some = affex.load_frames(table, "mfcc", ids=[one], **place)
    pd.testing.assert_frame_equal(some, frames.loc[[one]])
    assert (np.diff(some.index.get_level_values("time")) > 0).all()


@pytest.mark.parametrize("feature", ["egemaps", "mfcc logmel", "mfcc:pool=mean"])
def test_what_has_no_frames_is_refused(feature, table, place):
    with pytest.raises(UsageError, match="expected one feature with one row a frame"):
        affex.load_frames(table, feature, **place)


def test_results_are_compared_and_shown(table, place):
    results = [affex.evaluate(table, "egemaps", classifier=name, **place) for name in ("logistic", "svm:C=1,gamma=1")]
    compared = affex.compare(results)
    assert len(compared.pairs) == 1
    assert "Holm" in repr(compared)
    assert "UAR" in results[0]._repr_html_()
    assert results[0].confusion.to_numpy().sum() == len(results[0].predictions)
    with pytest.raises(UsageError, match="two evaluations at least"):
        affex.compare(results[:1])


def test_what_is_no_estimator_is_refused(table, place):
    with pytest.raises(UsageError, match="expected an estimator of scikit-learn"):
        affex.evaluate(table, "egemaps", classifier=object(), **place)


def test_what_there_is_is_listed():
    assert "emodb" in affex.list_corpora().index
    assert affex.list_features().loc["mfcc", "rows"] == "frame"
    assert "svm" in affex.list_classifiers().index


def test_the_face_is_documented():
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    assert not [name for name in affex.__all__ if name[0].islower() and f"affex.{name}" not in page]

"""The Python face: the same rows, figures and errors as the command line's."""

import inspect
import json
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from test_experiment import table as made
from test_experiment import voice

import affex
from affex import opening
from affex.pipeline.cli import command
from affex.pipeline.corpora import chsims
from affex.pipeline.evaluation.settings import AGAIN
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
    assert affex.load(table, "egemaps", labels="text", **place)[1].columns.tolist() == ["label", "text"]
    assert affex.load(table, "egemaps", labels=iter(["text"]), **place)[1].columns.tolist() == ["label", "text"]


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


def test_what_there_is_is_listed():
    assert "emodb" in affex.list_corpora().index
    assert affex.list_features().loc["mfcc", "rows"] == "frame"
    assert "svm" in affex.list_classifiers().index


def test_the_face_is_documented():
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    assert not [name for name in affex.__all__ if name[0].islower() and f"affex.{name}" not in page]


# The place


def test_a_function_shows_the_keywords_of_a_place():
    shown = {one.__name__: [*inspect.signature(one).parameters] for one in (affex.load, affex.evaluate, affex.predict)}
    assert {*opening.PlaceKeywords.__annotations__} == {*opening.Place.__dataclass_fields__}
    assert {*opening.PlaceKeywords.__annotations__} <= {*shown["load"]} & {*shown["evaluate"]}
    assert shown["predict"] == ["model", "recordings", "cache", "scheduler", "jobs", "device", "weights"]


#: Calls with bad input, and what their errors say.
BAD = [
    (lambda: affex.evaluate("demo", "egemaps", chache="x"), "keyword of evaluate 'chache'. Did you mean cache"),
    (lambda: affex.evaluate("demo", "egemaps", speakernorm=True), "Did you mean speaker_norm"),
    (lambda: affex.predict("m.affex", "folder", data="x"), "There is no keyword of predict 'data'"),
    (
        lambda: affex.evaluate(pd.DataFrame({"file": []}), "egemaps"),
        "corpus: expected the name of a corpus.*got a value of the type DataFrame",
    ),
    (lambda: affex.evaluate(3, "egemaps"), "corpus: expected the name of a corpus"),
    (lambda: affex.evaluate("", "egemaps"), "names 0 corpora"),
    (lambda: affex.evaluate("emodb", "egemaps", data=["a", "b"]), "names 1 corpora, and data 2 folders"),
    (lambda: affex.evaluate("emodb", "egemaps", data=3), "data: expected a path.*got a value of the type int"),
    (lambda: affex.evaluate("emodb", "egemaps", cache=None), "cache: expected a path"),
    (lambda: affex.evaluate("mine.csv", "egemaps", data="folder"), "names its files itself: leave data out"),
    (
        lambda: affex.evaluate("emodb", "egemaps", classifier=SVC),
        r"got the class SVC; pass an object of it, as SVC\(\)",
    ),
    (lambda: affex.evaluate("emodb", "egemaps", classifier=[SVC()]), "got an object of the class list"),
    (lambda: affex.evaluate("emodb", "egemaps", classifier=StandardScaler()), "expected an estimator"),
    (lambda: affex.evaluate("emodb", (name for name in ["egemaps"])), "no such|was not found"),
    (lambda: affex.evaluate("emodb", "egemaps", seed=1.5), "seed = 1.5: expected a whole number"),
    (lambda: affex.evaluate("emodb", "egemaps", jobs=0), "jobs = 0: expected a whole number from 1"),
    (lambda: affex.evaluate("emodb", "egemaps", out=3), "out: expected a path"),
    (lambda: affex.load_frames("demo", "mfcc", device="tpu"), 'device = "tpu": expected "cpu" or "cuda"'),
    (lambda: affex.load_frames("demo", "mfcc", scheduler=None), "scheduler = None: expected local, inline"),
    (lambda: affex.evaluate("emodb", 3), "features: expected a text, or a list of texts, got a value of the type int"),
    (lambda: affex.evaluate("emodb", ["egemaps", 3]), "features: expected a text, or a list of texts"),
    (lambda: affex.load("emodb", None), "features: expected a text"),
    (lambda: affex.load("emodb", ""), "features: expected a text, or a list of texts, got an empty text"),
    (lambda: affex.load("emodb", []), "features: expected a text"),
    (lambda: affex.load_frames("emodb", None), "feature: expected a text"),
    (lambda: affex.load("emodb", "egemaps", labels=3), "labels: expected a text"),
    (lambda: affex.load("emodb", "egemaps", labels="valense"), "There is no label 'valense'"),
    (lambda: affex.load_frames("emodb", "mfcc", ids=[3]), "ids: expected a text.*type int"),
    (lambda: affex.compare(3), "a list of two evaluations at least"),
    (lambda: affex.compare("ab"), "a list of two evaluations at least"),
    (lambda: affex.compare([3, 4]), "results: expected a path"),
    (lambda: affex.compare(str(n) for n in range(2)), "holds no finished run"),
    (lambda: affex.predict(3, "folder"), "model: expected a path"),
    (lambda: affex.predict("model.affex", []), "recordings names no file"),
    (lambda: affex.predict("model.affex", pd.DataFrame({3: []})), "recordings: expected a path"),
    (lambda: affex.predict("model.affex", "folder"), "The model model.affex cannot be read"),
    (lambda: affex.predict("model.affex", [3]), "recordings: expected a path"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input_ends_in_a_sentence(call, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(affex.AffexError, match=message):
        call()
    assert not any(tmp_path.iterdir())


def test_paths_and_lists_stand_for_texts(table, place):
    X, y, _ = affex.load(Path(table), ["egemaps", "gemaps"], **place)
    again, _, _ = affex.load(table, "egemaps gemaps", **place)
    pd.testing.assert_frame_equal(X, again)
    assert y.name == "label"


def test_numbers_of_numpy_are_numbers(table, place):
    one = affex.evaluate(
        table, "egemaps", classifier="logistic", seed=np.int64(3), speaker_norm=np.bool_(True), **place
    )
    assert one.summary.about.settings.every_seed == (3,)


class Own(ClassifierMixin, BaseEstimator):
    """A classifier of a user, which fails in one of several ways."""

    def __init__(self, fails: str = "") -> None:
        self.fails = fails

    def fit(self, X, y):
        if self.fails == "raises":
            raise RuntimeError("out of luck")
        self.classes_ = np.unique(y)
        return None if self.fails == "returns nothing" else self

    def predict(self, X):
        found = np.full(len(X), 0 if self.fails == "predicts numbers" else self.classes_[0])
        return found[:, None] if self.fails == "predicts columns" else found


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Own("raises"), "Fold s0: Own could not be trained on 12 utterances and score 4.\nRuntimeError: out of luck"),
        (Own("returns nothing"), "the fit of Own returned nothing: expected the estimator"),
        (Own("predicts numbers"), "it predicts 0: expected some of loud, soft"),
        (Own("predicts columns"), r"its predictions have the shape \(4, 1\): expected \(4,\)"),
        (SVR(), r'classifier="SVR" predicts values; target="label" has classes. Those that predict classes: dbm, dbn'),
    ],
)
def test_an_estimator_that_fails_ends_in_a_sentence(model, message, table, place):
    with pytest.raises(affex.AffexError, match=message):
        affex.evaluate(table, "egemaps", classifier=model, **place)


# The target


def test_the_target_is_that_of_the_protocol(tmp_path):
    data = chsims.example(tmp_path / "chsims")
    for number, film in enumerate(sorted(data.rglob("*.mp4"))):
        voice(film.with_suffix(".wav"), number, loud=True, seed=number)
        film.with_suffix(".wav").rename(film)
    where = {**PLACE, "cache": tmp_path / "cache", "data": data, "partial": True}
    X, values, _ = affex.load("chsims", "gemaps", **where)
    assert (values.name, values.dtype, len(values)) == ("valence", np.float64, len(X))
    _, beside, _ = affex.load("chsims", "gemaps", labels=("label", "valence"), **where)
    assert beside.columns.tolist() == ["valence", "label"]
    _, classes, _ = affex.load("chsims", "gemaps", protocol="sentiment2", **where)
    assert (classes.name, {*classes}) == ("label", {"negative", "positive"})
    _, named, _ = affex.load("chsims", "gemaps", protocol="sentiment2", target="valence", **where)
    assert named.name == "valence"


# Estimators that were passed


def test_the_settings_of_a_run_with_an_estimator_say_that_no_file_repeats_it(table, place, tmp_path):
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.5, max_iter=1000))
    affex.evaluate(table, "egemaps", classifier=model, out=tmp_path / "run", **place)
    path = tmp_path / "run" / "settings.toml"
    text = path.read_text(encoding="utf-8")
    assert tomllib.loads(text)["classifier"] == "sklearn.pipeline.Pipeline"
    assert text.startswith("# No file repeats this run")
    record = json.loads("\n".join(line[2:] for line in text.splitlines()[2:] if line.startswith("# ")))
    assert record["class"] == "sklearn.pipeline.Pipeline"
    assert record["steps"][1][1]["C"] == 0.5
    again = ["evaluate", "--config", str(path), "--cache", str(place["cache"]), "--scheduler", "inline"]
    with pytest.raises(UsageError, match=r"estimator object that was passed from Python.*classifiers/mine.py"):
        command.cli(again, standalone_mode=False)
    command.cli([*again, "--classifier", "svm:C=1,gamma=1", "--out", str(tmp_path / "named")], standalone_mode=False)
    assert (tmp_path / "named" / "settings.toml").read_text(encoding="utf-8").startswith(AGAIN)


def test_an_estimator_is_fused_over_features(table, place, tmp_path):
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    result = affex.evaluate(
        table, "egemaps gemaps", classifier=model, fusion="late:mean", out=tmp_path / "run", **place
    )
    assert len(result.summary.about.settings.members) == 2
    assert (tmp_path / "run" / "settings.toml").read_text(encoding="utf-8").startswith("# No file repeats this run")


def test_an_error_names_settings_as_keywords_and_a_notebook_shows_the_message_alone(table, place):
    with pytest.raises(affex.AffexError) as error:
        affex.evaluate(table, "egemaps", protocol="random-k:k=2", **place)
    assert "allow_leaks=True" in str(error.value)
    assert "ALLOW_LEAKS" not in str(error.value)
    assert error.value._render_traceback_() == [f"{type(error.value).__name__}: {error.value}"]

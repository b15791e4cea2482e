"""Statistics of frames that look at columns together, and spectra of rows: closed forms, planted signals, specs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from corpus import run, small, spec
from plain import Seen
from scipy.linalg import logm
from scipy.stats import norm
from synthetic import changed, make_table

from affex.features.base import AudioFeature, Rows, Signal
from affex.pipeline.corpora.base import LOSO
from affex.pipeline.evaluation import metrics
from affex.pipeline.evaluation.evaluate import evaluate
from affex.pipeline.evaluation.figures import confusion_of
from affex.pipeline.evaluation.settings import Plan
from affex.pipeline.specs import matrices, pooling, spectra
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.streams.table import Table, load
from affex.pipeline.text.errors import UsageError

SVM = classifier_of("svm:C=10,gamma=1")


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.normal(size=(40, 5)) @ rng.normal(size=(5, 5)) + 3


def full(row: np.ndarray) -> np.ndarray:
    """Return the symmetric matrix of a row."""
    d = int((np.sqrt(8 * len(row) + 1) - 1) / 2)
    matrix = np.zeros((d, d))
    matrix[np.triu_indices(d)] = row
    beside = np.triu(matrix, 1) / np.sqrt(2)
    return np.diag(np.diag(matrix)) + beside + beside.T


# Closed forms


def test_the_row_of_a_covariance_is_its_logarithm(frames):
    wanted = np.cov(frames.T, bias=True)
    wanted += (1e-3 * np.trace(wanted) + 1e-6) * np.eye(5)
    np.testing.assert_allclose(full(matrices.cov(frames)), logm(wanted), atol=1e-10)


def test_the_row_of_a_gaussian_is_the_logarithm_of_a_matrix_of_determinant_1(frames):
    within, mean = matrices.covariance(frames), frames.mean(axis=0)
    joint = np.block([[within + np.outer(mean, mean), mean[:, None]], [mean, np.ones(1)]])
    found = full(matrices.gauss(frames))
    np.testing.assert_allclose(found, logm(joint * np.linalg.det(within) ** (-1 / 6)), atol=1e-9)
    assert np.trace(found) == pytest.approx(0, abs=1e-10)


def test_columns_times_a_number_add_its_logarithm_twice(frames):
    larger = full(matrices.cov(1000 * frames)) - full(matrices.cov(frames))
    np.testing.assert_allclose(larger, 2 * np.log(1000) * np.eye(5), atol=1e-4)  # the least variance is not scaled


def test_the_distance_of_two_rows_is_that_of_their_matrices(frames):
    one, other = frames[:20], frames[20:]
    for row in matrices.MATRICES.values():
        wanted = np.linalg.norm(full(row(one)) - full(row(other)))
        assert np.linalg.norm(row(one) - row(other)) == pytest.approx(wanted)


def test_a_subspace_is_a_projection_whatever_its_basis(frames):
    rng = np.random.default_rng(1)
    basis = np.linalg.qr(rng.normal(size=(12, 3)))[0]
    within = rng.normal(size=(30, 3)) @ np.diag([5, 3, 1])
    found = full(matrices.subspace(within @ basis.T))
    np.testing.assert_allclose(found, basis @ basis.T, atol=1e-10)
    turned = within @ np.linalg.qr(rng.normal(size=(3, 3)))[0]
    np.testing.assert_allclose(full(matrices.subspace(turned @ basis.T)), found, atol=1e-10)
    assert np.trace(full(matrices.subspace(frames))) == pytest.approx(2)  # half of 5 columns
    assert np.trace(full(matrices.subspace(rng.normal(size=(30, 40))))) == pytest.approx(matrices.DIRECTIONS)


def test_one_frame_and_frames_that_do_not_vary_have_rows_too():
    one = np.array([[3.0, 0.0, 4.0]])
    for given in (one, np.repeat(one, 7, axis=0)):
        np.testing.assert_allclose(full(matrices.cov(given)), np.log(1e-6) * np.eye(3), atol=1e-9)
        np.testing.assert_allclose(full(matrices.subspace(given)), one.T @ one / 25, atol=1e-12)
        assert np.isfinite(matrices.gauss(given)).all()
    assert not matrices.subspace(np.zeros((2, 3))).any()
    assert np.isfinite(matrices.cov(np.zeros((2, 3)))).all()


def test_a_projection_keeps_lengths_on_average_and_is_always_the_same():
    found = matrices.projection(512, 64)
    assert set(np.unique(found)) == {-1 / 8, 1 / 8}
    rows = np.random.default_rng(0).normal(size=(200, 512))
    lengths = np.linalg.norm(rows @ found, axis=1) / np.linalg.norm(rows, axis=1)
    assert lengths.mean() == pytest.approx(1, abs=0.02)
    assert matrices.projection(4, 3).tobytes() == (np.array(FOUR_TO_THREE) / np.sqrt(3)).tobytes()


#: As drawn when it was written: models that were saved rest on it.
FOUR_TO_THREE = [(-1.0, -1, 1), (-1, 1, -1), (-1, -1, -1), (1, 1, 1)]


def test_a_spectrum_is_numpy_s_and_has_length_1():
    rows = np.random.default_rng(0).normal(size=(3, 7)).astype(np.float32)
    found = spectra.spectra(rows)
    whole = np.fft.fft(rows.astype(np.float64), axis=1)
    whole /= np.linalg.norm(whole, axis=1, keepdims=True)
    np.testing.assert_allclose(found, np.hstack([whole.real[:, :4], whole.imag[:, :4]]), atol=1e-7)
    np.testing.assert_allclose(spectra.spectra(5 * rows), found, atol=1e-7)
    assert len(spectra.columns("abcdefg")) == found.shape[1]
    assert not spectra.spectra(np.zeros((1, 4), np.float32)).any()


# In the table


def test_frames_without_a_face_and_what_says_so_take_no_part():
    names = ("time", "found", "a", "b", "c")
    values = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
    values[:, 1] = [1, 1, 0, 1, 0, 0]
    offsets = np.array([0, 4, 5, 6])
    rows = pooling.pooled(values, offsets, names, ("mean", "cov"), only=("a", "b"))
    assert pooling.columns(names, ("mean", "cov"), ("a", "b")) == ("a.mean", "b.mean", "a.cov", "a.b.cov", "b.cov")
    counted = values[[0, 1, 3], 2:4].astype(np.float64)
    np.testing.assert_allclose(rows[0], [*counted.mean(axis=0), *matrices.cov(counted)], rtol=1e-6)
    assert np.isnan(rows[1:]).all()


@pytest.mark.parametrize("statistic", matrices.MATRICES)
def test_rows_have_as_many_numbers_as_names(statistic):
    values = np.random.default_rng(0).normal(size=(9, 6)).astype(np.float32)
    for dims in (0, 4):
        rows = pooling.pooled(values, np.array([0, 9]), "abcdef", (statistic,), dims=dims)
        assert rows.shape == (1, len(pooling.columns("abcdef", (statistic,), dims=dims)))


def test_spectra_are_of_frames_and_of_utterances(tmp_path: Path):
    dataset, tones = small(tmp_path, n_utterances=3), spec("tones", Tones())
    run(dataset, tones)
    frames = load(dataset, [tones]).X
    each = load(dataset, [replace(tones, fft=True)])
    assert each.X.tobytes() == spectra.spectra(frames).tobytes()
    assert each.columns == ("real_0", "real_1", "real_2", "imag_0", "imag_1", "imag_2")
    pooled = load(dataset, [replace(tones, fft=True, pool=("mean",), only=("low",))])
    assert pooled.columns == ("real_0.mean", "real_1.mean", "imag_0.mean", "imag_1.mean")
    assert len(pooled.X) == 3


class Tones(AudioFeature):
    """Numbers of each 20 ms."""

    framewise = True
    columns = ("low_0", "low_1", "high_0", "high_1", "high_2")

    def extract(self, signal: Signal) -> Rows:
        n = len(signal.samples) // 320
        return Rows(signal.samples[: n * 320].reshape(n, 5, 64).std(axis=2), np.arange(n) / 50)


# As they are asked for


def test_specs_are_read_as_they_are_written():
    texts = ("fer:pool=mean+cov", "resnet18:pool=gauss,dims=64", "fer:pool=subspace,columns=fer_000", "fer:fft=True")
    for text in texts:
        (asked,) = feature_specs(text)
        assert str(asked) == text
        assert asked.unpooled == feature_specs(text.partition(":")[0])[0]
    assert feature_specs("mfcc:fft=True")[0].framewise
    assert feature_specs("mfcc:fft=0") == feature_specs("mfcc")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("resnet18:pool=cov", "matrix of 512 columns would make 131328 numbers.*dims=64"),
        ("resnet18:pool=cov,dims=512", "dims=512.*expected 2 to 256, less than the 512 columns"),
        ("mfcc:pool=cov,dims=none", "dims=none.*expected 2 to "),
        ("mfcc:pool=mean,dims=4", "dims= is for pool=cov, pool=gauss, pool=subspace"),
        ("egemaps:pool=cov", "egemaps has one row an utterance"),
        ("faces:fft=True", "some columns of faces say where a face is"),
        ("mfcc:fft=real", "fft=real.*expected True or False"),
        ("mfcc mfcc:fft=True", "named twice"),
    ],
)
def test_what_makes_no_sense_is_said(text, message):
    with pytest.raises(UsageError, match=message):
        feature_specs(text)


def test_a_matrix_in_which_nothing_was_found_is_refused(tmp_path: Path):
    dataset, seen = small(tmp_path, n_utterances=6), spec("seen", Seen())
    run(dataset, seen)
    with pytest.raises(Exception, match="05: no frame of seen has anything in it"):
        load(dataset, [replace(seen, pool=("cov",))])


# Planted: the label is in the covariance only


def planted(seed: int) -> Table:
    """Return 96 utterances of 40 frames, whose first two columns rise together, or against each other, by class.

    These two hold the same values in every utterance, in another order: no statistic of one column tells the class. The
    other four columns are noise.
    """
    made = make_table(n_speakers=6, n_each=8, classes=("against", "together"), n_columns=6, n_frames=40, seed=seed)
    rng, levels = np.random.default_rng(seed), norm.ppf((np.arange(40) + 0.5) / 40)
    X = rng.normal(size=made.X.shape)
    for number, utterance in enumerate(made.utterances):
        own = X[40 * number : 40 * (number + 1)]
        own[:, 0] = rng.permutation(levels)
        turned = (1 if utterance.label == "together" else -1) * own[:, 0] + 0.5 * rng.normal(size=40)
        own[:, 1] = levels[turned.argsort().argsort()]
    return changed(made, X=X.astype(np.float32))


def uar(table: Table, pool: tuple[str, ...]) -> float:
    """Return the unweighted average recall of an SVM on pooled frames, one speaker left out at a time."""
    rows = pooling.pooled(table.X, table.offsets, table.columns, pool)
    columns, offsets = pooling.columns(table.columns, pool), np.arange(len(table) + 1)
    pooled = changed(table, X=rows, offsets=offsets, columns=columns)
    settings = Plan(corpus="toy", features=("made",), keys=("0" * 64,), classifier=SVM, protocol=LOSO)
    return metrics.uar(confusion_of(evaluate(pooled, settings).scores))


SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 5))]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_label_in_the_covariance_is_found_by_matrices_alone(seed):
    table = planted(seed)
    found = {pool: uar(table, pool) for pool in (pooling.DEFAULT, ("cov",), ("gauss",))}
    print(seed, found)
    assert found[pooling.DEFAULT] < 0.65
    assert found["cov",] > 0.97
    assert found["gauss",] > 0.97


@pytest.mark.parametrize("seed", SEEDS)
def test_a_label_in_the_directions_of_frames_is_found_by_subspaces(seed):
    table = planted(seed)
    X = table.X * np.array([2, 2, 1, 1, 1, 1], np.float32)
    found = {pool: uar(changed(table, X=X), pool) for pool in (pooling.DEFAULT, ("subspace",))}
    print(seed, found)
    assert found[pooling.DEFAULT] < 0.65
    assert found["subspace",] > 0.97


@pytest.mark.parametrize("seed", SEEDS)
def test_a_label_in_the_shape_of_rows_is_found_by_spectra_alone(seed):
    made = make_table(n_speakers=6, n_each=8, classes=("one", "other"), n_columns=40, seed=seed)
    rng = np.random.default_rng(seed)
    shapes = {name: rng.normal(size=40) for name in ("one", "other")}
    strength = np.exp(rng.uniform(-6, 6, size=(len(made), 1)))
    X = strength * (np.array([shapes[utterance.label] for utterance in made.utterances]) + rng.normal(size=(96, 40)))
    settings = Plan(corpus="toy", features=("made",), keys=("0" * 64,), classifier=SVM, protocol=LOSO)
    found = [
        metrics.uar(confusion_of(evaluate(changed(made, X=rows, columns=columns), settings).scores))
        for rows, columns in (
            (X.astype(np.float32), made.columns),
            (spectra.spectra(X.astype(np.float32)), spectra.columns(made.columns)),
        )
    ]
    print(seed, found)
    assert found[0] < 0.75
    assert found[1] > 0.97


@pytest.mark.parametrize("statistic", matrices.MATRICES)
def test_the_row_of_an_utterance_rests_on_its_own_frames_alone(statistic):
    table = make_table(n_speakers=3, n_frames=9)
    others = np.repeat(table.speakers != "01", table.lengths)
    poisoned = np.where(others[:, None], 7 - 1000 * table.X, table.X)
    own = table.speakers == "01"
    one, other = (pooling.pooled(X, table.offsets, table.columns, (statistic,), dims=3) for X in (table.X, poisoned))
    assert one[own].tobytes() == other[own].tobytes()
    assert one[~own].tobytes() != other[~own].tobytes()

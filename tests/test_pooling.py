"""Frames pooled over the utterance: the statistics, how they are asked for, and what becomes of them up to a model
file."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from corpus import run, small, spec
from films import film
from plain import Level, Samples, Seen, Tiles
from scipy.ndimage import gaussian_filter
from skimage.data import astronaut
from test_experiment import run as evaluated
from test_experiment import table

from affex.features.base import AudioFeature, ChainedFeature, Feature, Rows, Signal
from affex.pipeline.caching import cache as store_of
from affex.pipeline.caching.dataset import opened
from affex.pipeline.cli.command import cli
from affex.pipeline.evaluation.settings import Settings
from affex.pipeline.execution import stages
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.models import fit_predict
from affex.pipeline.models.model_file import read
from affex.pipeline.models.new_recordings import at_hand
from affex.pipeline.specs import discovery, pooling
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.specs.features import FeatureSpec, feature_specs
from affex.pipeline.streams.readers import reader_of
from affex.pipeline.streams.table import load
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import AffexError, UsageError
from affex.pipeline.workspace.workspace import Running, extracted, open_workspace

SVM, GMM = classifier_of("svm:C=1,gamma=1"), classifier_of("gmm")
MEAN_STD = ("mean", "std")


# The statistics


def test_worked_by_hand():
    values = np.array([[1, -2], [3, 4], [8, 4], [5, 6]], np.float32)
    rows = pooling.pooled(values, np.array([0, 3, 4]), "ab", pooling.DEFAULT)
    std = [np.sqrt((9 + 1 + 16) / 3), np.sqrt(8)]
    assert rows[0] == pytest.approx([4, 2, *std, 1, -2, 8, 4])
    assert rows[1].tolist() == [5, 6, 0, 0, 5, 6, 5, 6]  # one frame deviates from nothing
    assert rows.dtype == np.float32


def test_each_clip_as_numpy_says():
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 40, size=30)
    values = (1e3 + rng.standard_normal((lengths.sum(), 5))).astype(np.float32)
    rows = pooling.pooled(values, np.concatenate([[0], np.cumsum(lengths)]), "abcde", pooling.DEFAULT)
    for row, frames in zip(rows, np.split(values.astype(np.float64), np.cumsum(lengths)[:-1]), strict=True):
        expected = np.concatenate([frames.mean(0), frames.std(0), frames.min(0), frames.max(0)])
        assert row == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_what_does_not_vary_has_exactly_no_deviation():
    values = np.full((1000, 1), 0.1, np.float32)
    mean, std = pooling.pooled(values, np.array([0, 1000]), "a", MEAN_STD)[0]
    assert (mean, std) == (np.float32(0.1), 0)


def test_frames_without_a_face_count_for_time_and_found_alone():
    values = np.array([[0, 1, 4], [1, 0, 0], [2, 1, 8], [0, 0, 0]], np.float32)
    rows = pooling.pooled(values, np.array([0, 3, 4]), ("time", "found", "score"), ("mean", "min"))
    assert rows[0] == pytest.approx([1, 2 / 3, 6, 0, 0, 4])
    assert rows[1].tolist() == pytest.approx([0, 0, np.nan, 0, 0, np.nan], nan_ok=True)


def test_columns_say_what_they_are():
    assert pooling.columns(("a", "b"), MEAN_STD) == ("a.mean", "b.mean", "a.std", "b.std")


# As good as the face is

EVALUATED = ("time", "found", "score", "sharpness", "yaw", "inside")


def judged(*frames: tuple[float, ...]) -> np.ndarray:
    """Return rows of `EVALUATED` at 0, 1, 2 ... s; a frame is (score, sharpness, yaw, inside), or () without a face."""
    rows = [(time, 1, *frame) if frame else (time, 0, 0, 0, 0, 0) for time, frame in enumerate(frames)]
    return np.array(rows, np.float32)


def quality(*frames: tuple[float, ...]) -> list[float]:
    return pooling.qualities(judged(*frames), np.array([0, len(frames)]), EVALUATED).tolist()


PERFECT = (1.0, 200.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("frame", "weight"),
    [
        (PERFECT, 1),
        ((0.25, 200, 0, 1), 0.25),  # found with a quarter of the usual score
        ((9, 900, 0, 1), 1),  # better than usual counts no more
        ((1, 50, 0, 1), 0.25),  # a quarter as sharp
        ((1, 200, 1, 1), 0.5),  # half turned to either side
        ((1, 200, -1, 1), 0.5),
        ((1, 200, 0, 0.7), 0.7),  # partly outside
        ((0.5, 100, 2, 0.5), 0.5 * 0.5 * 0.2 * 0.5),
        ((-0.1, 200, 0, 1), 0),
        ((), 0),  # no face
    ],
)
def test_what_a_frame_weighs_among_good_ones(frame, weight):
    assert quality(PERFECT, frame, PERFECT, PERFECT) == pytest.approx([1, weight, 1, 1], abs=1e-6)


def test_a_weight_does_not_ask_for_other_clips_or_for_scales():
    rng = np.random.default_rng(0)
    frames = [tuple(frame) for frame in np.abs(rng.standard_normal((9, 4))) * [1, 300, 0.3, 0.5]]
    scaled = [(3 * score, sharpness / 7, yaw, inside) for score, sharpness, yaw, inside in frames]
    assert quality(*scaled) == pytest.approx(quality(*frames), rel=1e-6)
    both = pooling.qualities(judged(*frames, *[PERFECT] * 4), np.array([0, 9, 13]), EVALUATED)
    assert both.tolist() == [*quality(*frames), 1, 1, 1, 1]


def test_clips_that_are_nowhere_sharp_or_sure_are_judged_by_the_rest():
    assert quality((0, 0, 0, 1), (0, 0, 1, 1)) == [1, 0.5]
    assert quality((), ()) == [0, 0]


def weighted(values: np.ndarray, weights: list[float], pool: tuple[str, ...] = ("qmean", "qstd")) -> list[float]:
    return pooling.pooled(values, np.array([0, len(values)]), "a", pool, np.array(weights)).ravel().tolist()


def test_weighted_worked_by_hand():
    values = np.array([[1], [4], [9]], np.float32)
    assert weighted(values, [0.5, 0.25, 0.25]) == pytest.approx([3.75, np.sqrt((2.75**2 * 2 + 0.25**2 + 5.25**2) / 4)])
    assert weighted(values, [0.3, 0.3, 0.3]) == pytest.approx([values.mean(), values.std()])  # all alike
    assert weighted(values, [0.2, 0.2, 0]) == pytest.approx([2.5, 1.5])  # one does not count
    assert weighted(values, [0, 0.1, 0]) == [4, 0]
    assert weighted(values, [0, 0, 0]) == pytest.approx([values.mean(), values.std()])  # none does: all alike


def test_whole_numbers_of_weights_are_frames_that_come_again():
    rng = np.random.default_rng(1)
    values, weights = rng.standard_normal((20, 1)).astype(np.float32), rng.integers(0, 4, 20)
    again = np.repeat(values, weights, axis=0)
    assert weighted(values, list(weights)) == pytest.approx([again.mean(), again.std()], rel=1e-5)


def test_what_does_not_vary_has_exactly_no_weighted_deviation():
    values = np.full((1000, 1), 0.1, np.float32)
    assert weighted(values, list(np.random.default_rng(0).random(1000))) == [np.float32(0.1), 0]


def test_plain_and_weighted_statistics_stand_side_by_side():
    values = judged((1, 200, 0, 1), (1, 200, 0, 0.5), ())
    weights = pooling.qualities(values, np.array([0, 3]), EVALUATED)
    [row] = pooling.pooled(values, np.array([0, 3]), EVALUATED, ("mean", "qmean"), weights)
    named = dict(zip(pooling.columns(EVALUATED, ("mean", "qmean")), row.tolist(), strict=True))
    assert named["inside.mean"] == 0.75
    assert named["inside.qmean"] == pytest.approx((1 + 0.5 * 0.5) / 1.5)
    assert (named["found.mean"], named["found.qmean"]) == (pytest.approx(2 / 3), 1)
    assert named["time.qmean"] == pytest.approx(0.5 / 1.5)
    with pytest.raises(ValueError, match="qmean needs the weights"):
        pooling.pooled(values, np.array([0, 3]), EVALUATED, ("mean", "qmean"))


def test_real_faces_judge_themselves_and_their_embeddings():
    presets = discovery.feature_presets()
    assert pooling.quality_feature(presets["faces"]) == presets["faces"]
    assert pooling.quality_feature(presets["face"]) == presets["person"]
    assert pooling.quality_feature(presets["mfcc"]) is None


# How it is asked for


def test_quality_is_asked_for_by_name_and_never_by_default():
    assert pooling.DEFAULT == ("mean", "std", "min", "max")
    (asked,) = feature_specs("face:pool=qstd+mean+qmean")
    assert asked.pool == ("mean", "qmean", "qstd")
    assert feature_specs(str(asked)) == (asked,)


def test_pooling_is_written_like_a_parameter_but_is_none_of_the_feature():
    (asked,) = feature_specs("mfcc:n=20,pool=std+mean,hop=5ms")
    (plain,) = feature_specs("mfcc:n=20,hop=5ms")
    assert asked.pool == MEAN_STD
    assert asked.feature == plain.feature
    assert asked.unpooled == plain
    assert (asked.framewise, plain.framewise) == (False, True)
    assert str(asked) == "mfcc:hop=0.005,n=20,pool=mean+std"
    assert feature_specs(str(asked)) == (asked,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mfcc:pool=mean+sdt", "no statistic of pool 'sdt'. Did you mean std"),
        ("mfcc:pool=", "mean, .*min"),
        ("mfcc:pool=mean+mean", "names a statistic twice"),
        ("mfcc:pol=mean", "Did you mean pool"),
        ("egemaps:pool=mean", "egemaps has one row an utterance"),
        ("mfcc:pool=mean+qmean", "nothing says how good a frame of mfcc is.*these have that: .*face, faces"),
        ("mfcc:pool=mean mfcc:pool=std", "named twice"),
        ("mfcc mfcc:pool=std", "named twice"),
    ],
)
def test_what_cannot_be_pooled_is_said(text, message):
    with pytest.raises(UsageError, match=rf"(?s){message}"):
        feature_specs(text)


def test_no_feature_has_a_parameter_of_that_name():
    assert not [name for name, feature in discovery.feature_presets().items() if hasattr(feature, "pool")]


def test_frames_are_pooled_for_a_classifier_of_clips_alone():
    asked = feature_specs("mfcc logmel:pool=max egemaps")
    assert [one.pool for one in reader_of(SVM).wanted(asked)] == [pooling.DEFAULT, ("max",), ()]
    assert reader_of(GMM).wanted(asked) == asked


# In the matrix

SAMPLES, LEVEL = spec("samples", Samples()), spec("level", Level())


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return small(tmp_path, n_utterances=6)


def test_pooled_frames_are_the_rows_of_the_clips(dataset):
    run(dataset, SAMPLES)
    frames = load(dataset, [SAMPLES])
    matrix = load(dataset, [replace(SAMPLES, pool=MEAN_STD)])
    assert matrix.columns == ("sample.mean", "sample.std")
    assert matrix.lengths.tolist() == [1] * 6
    for n, row in enumerate(matrix.X):
        own = frames.take([n]).X.astype(np.float64)
        assert row == pytest.approx([own.mean(), own.std()])


def test_pooled_frames_stand_beside_other_rows(dataset):
    late, pooled = spec("late", Level(least=0.22)), replace(SAMPLES, pool=("mean", "max"))
    run(dataset, SAMPLES, late)
    matrix = load(dataset, [late, pooled])
    assert matrix.columns[2:] == (
        f"{late}.length",
        "samples:pool=mean+max.sample.mean",
        "samples:pool=mean+max.sample.max",
    )
    assert matrix.present[:, 0].tolist() == [False, False, True, True, True, True]
    assert matrix.X[2:, 0] == pytest.approx(matrix.X[2:, 3], abs=1e-6)
    assert np.isfinite(matrix.X[:, 3:]).all()


def test_a_clip_without_frames_stays_without_a_row(dataset):
    frames = spec("samples", Samples(longest=0.235))
    run(dataset, frames)
    matrix = load(dataset, [replace(frames, pool=MEAN_STD)])
    assert matrix.present[:, 0].tolist() == [True] * 4 + [False] * 2
    assert np.isnan(matrix.X[4:]).all()


def test_a_clip_where_nothing_was_found_is_not_pooled_in_silence(dataset):
    seen = spec("seen", Seen())
    run(dataset, seen)
    with pytest.raises(AffexError, match=r"^05: no frame of seen has anything in it"):
        load(dataset, [replace(seen, pool=MEAN_STD)])


# In the matrix, as good as the face is


@dataclass(frozen=True, kw_only=True)
class Rated(AudioFeature):
    """Loudness each 20 ms, in `EVALUATED`: sharpness is the frame's number, every third frame has no face."""

    gain: float = 1.0

    @property
    def framewise(self) -> bool:
        return True

    @property
    def columns(self) -> tuple[str, ...]:
        return (*EVALUATED, "loudness")

    def extract(self, signal: Signal) -> Rows:
        n = len(signal.samples) // 320
        values = np.zeros((n, 7), np.float32)
        values[:, 0] = np.arange(n) / 50
        faces = np.arange(n) % 3 != 2
        values[faces, 1:6] = 1, 1, 0, 0, 1
        values[faces, 3] = np.flatnonzero(faces)
        values[faces, 6] = self.gain * signal.samples[: n * 320].reshape(n, 320).std(axis=1)[faces]
        return Rows(values, values[:, 0].astype(np.float64))


@dataclass(frozen=True, kw_only=True)
class Loudness(ChainedFeature):
    """The loudness of each frame of `Rated` with a face; those without have no row. `late` by so much, s."""

    packages: ClassVar[tuple[str, ...]] = ()

    rated: Rated = Rated()
    late: float = 0.0

    @property
    def upstream(self) -> Feature:
        return self.rated

    @property
    def framewise(self) -> bool:
        return True

    @property
    def columns(self) -> tuple[str, ...]:
        return ("loudness",)

    def extract_many(self, utterances: Iterable[Rows], model: Any) -> list[Rows]:
        return [self._rows(signal) for signal in utterances]

    def _rows(self, signal: Rows) -> Rows:
        faces = signal.values[:, 1] == 1
        return Rows(signal.values[faces, 6:].copy(), signal.times[faces] + self.late)


RATED, LOUDNESS = spec("rated", Rated()), spec("heard", Loudness())


@pytest.fixture
def presets(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the registry know `Rated` and `Loudness` beside the real features."""
    known = discovery.feature_presets() | {"rated": Rated(), "heard": Loudness()}
    monkeypatch.setattr("affex.pipeline.specs.discovery.feature_presets", lambda: known)


@pytest.mark.usefixtures("presets")
def test_an_embedding_is_weighed_by_the_faces_it_was_made_of(dataset):
    run(dataset, LOUDNESS)
    [rated, heard] = (load(dataset, [replace(one, pool=("qmean",))]) for one in (RATED, LOUDNESS))
    assert heard.columns == ("loudness.qmean",)
    assert heard.X[:, 0] == pytest.approx(rated.X[:, 6], rel=1e-6)
    frames = load(dataset, [LOUDNESS])
    for n, (found,) in enumerate(heard.X):
        loudness = frames.take([n]).X[:, 0]
        number = np.array([frame for frame in range(99) if frame % 3 != 2])[: len(loudness)]
        weights = np.minimum(number / np.median(number), 1)
        assert found == pytest.approx(np.average(loudness, weights=weights), rel=1e-6)
        assert found != pytest.approx(loudness.mean(), rel=1e-5)


@pytest.mark.usefixtures("presets")
def test_a_row_that_no_frame_is_known_of_is_said(dataset):
    late = spec("heard", Loudness(late=0.001))
    run(dataset, late)
    with pytest.raises(AffexError, match=r"^00: rated does not have every frame of heard:late=0.001, so nothing says"):
        load(dataset, [replace(late, pool=("qmean",))])


@pytest.mark.usefixtures("presets")
def test_a_clip_or_a_file_that_is_missing_upstream_is_said(dataset):
    run(dataset, LOUDNESS)
    run(replace(dataset, folder=dataset.folder / "fewer", utterances=dataset.utterances[:-1]), RATED)
    path = store_of.FeatureFile(dataset.folder, RATED).path
    path.write_bytes(store_of.FeatureFile(dataset.folder / "fewer", RATED).path.read_bytes())
    with pytest.raises(AffexError, match=r"^05: rated does not have every frame of heard, .*FEATURES=heard"):
        load(dataset, [replace(LOUDNESS, pool=("qmean",))])
    path.unlink()
    with pytest.raises(AffexError, match=r"rated\.h5 is not there. Run `make features DATASET=small FEATURES=rated`"):
        load(dataset, [replace(LOUDNESS, pool=("qmean",))])
    assert load(dataset, [replace(LOUDNESS, pool=("mean",))]).columns == ("loudness.mean",)


def test_what_nobody_judges_is_refused_in_the_matrix_too(dataset):
    run(dataset, SAMPLES)
    with pytest.raises(UsageError, match="nothing says how good a frame of samples is"):
        load(dataset, [replace(SAMPLES, pool=("qmean",))])


def test_blurred_frames_of_a_real_face_hardly_move_its_embedding(tmp_path):
    picture = np.ascontiguousarray(astronaut()[:320, 60:380])
    (tmp_path / "data").mkdir()
    film(tmp_path / "data" / "one.mp4", [picture, blurred(picture), blurred(picture), picture], rate=5)
    utterance = Utterance(id="one", corpus="small", speaker="s", video=Media("one.mp4"))
    utterances = Dataset("small", tmp_path / "data", tmp_path / "cache" / "small", (utterance,))
    (face,) = feature_specs("face:pool=mean+qmean")
    run(utterances, face.unpooled)
    frames = load(utterances, [face.unpooled]).X
    mean, weighted = load(utterances, [face]).X[0].reshape(2, -1)
    sharp = frames[[0, 3]].mean(axis=0)
    assert len(frames) == 4
    assert np.linalg.norm(weighted - sharp) < 0.5 * np.linalg.norm(mean - sharp)


def blurred(picture: np.ndarray) -> np.ndarray:
    return gaussian_filter(picture, (3, 3, 0))


# From settings to a model file


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_an_evaluation_pools_by_itself_says_so_and_computes_nothing_again(tmp_path, cache, capsys):
    path = table(tmp_path)
    found = evaluated([path], cache, features="mfcc")
    output = capsys.readouterr().out.replace("\n", " ")
    assert "mfcc has one row a frame, and svm reads one an utterance: pooled, as mfcc:pool=mean+std+min+max" in output
    assert found.about.settings.features == ("mfcc:pool=mean+std+min+max",)
    assert list(cache.glob("mine/runs/mfcc-pool=mean+std+min+max_svm_*"))

    other = evaluated([path], cache, features="mfcc:pool=mean gemaps")
    output = capsys.readouterr().out
    assert "mfcc: 16 cached, 0 computed" in output  # another pooling is no other feature
    assert "pooled, as" not in output
    assert other.about.settings.features == ("mfcc:pool=mean", "gemaps")
    assert other.about.settings.feature_keys[0] == found.about.settings.feature_keys[0]


def test_frames_go_as_they_are_to_a_classifier_of_frames(tmp_path, cache, capsys):
    found = evaluated([table(tmp_path)], cache, features="mfcc", classifier="gmm:components=2")
    assert found.about.settings.features == ("mfcc",)
    assert "pooled" not in capsys.readouterr().out
    with pytest.raises(UsageError, match=r"(?s)gmm reads one row a frame, but FEATURES='mfcc:pool=mean'.*an utterance"):
        evaluated([tmp_path / "mine.csv"], cache, features="mfcc:pool=mean", classifier="gmm")
    with pytest.raises(UsageError, match=r"mfcc and logmel cannot stand .*mfcc:pool=mean\+std"):
        evaluated([tmp_path / "mine.csv"], cache, features="mfcc logmel", classifier="gmm")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table, its wavs, and a model that was fitted on them."""
    folder, console = tmp_path_factory.mktemp("fitted"), Terminal()
    corpus = opened("csv", table(folder), folder / "cache", partial=False, console=console)
    settings = Settings(dataset="csv", features="mfcc", classifier="svm:C=1,gamma=1", protocol="loso")
    with open_workspace([corpus], console, Running("inline", 1)) as workspace:
        fit_predict.fit(workspace, settings, folder / "one.affex")
    return folder


def test_a_model_pools_new_recordings_as_those_it_was_fitted_on(fitted):
    model = read(fitted / "one.affex")
    assert model.plan.features == ("mfcc:pool=mean+std+min+max",)
    recordings = at_hand(fitted / "mine-wav", fitted / "cache", with_speakers=False)
    with open_workspace([recordings], Terminal(), Running("inline", 1)) as workspace:
        lines = fit_predict.predict(workspace, model, "one", None).read_text(encoding="utf-8").splitlines()
    right = [("loud" if int(line.split(",")[0].split(".")[0][-1]) % 2 else "soft") in line for line in lines[1:]]
    assert len(right) == 16
    assert all(right)


@pytest.mark.usefixtures("presets")
def test_a_model_weighs_new_recordings_as_those_it_was_fitted_on(tmp_path, cache):
    corpus = opened("csv", table(tmp_path), cache, partial=False, console=Terminal())
    settings = Settings(dataset="csv", features="heard:pool=qmean+qstd", classifier="svm:C=1,gamma=1", protocol="loso")
    with open_workspace([corpus], Terminal(), Running("inline", 1)) as workspace:
        fit_predict.fit(workspace, settings, tmp_path / "one.affex")
    model = read(tmp_path / "one.affex")
    assert model.plan.features == ("heard:pool=qmean+qstd",)
    recordings = at_hand(tmp_path / "mine-wav", tmp_path / "elsewhere", with_speakers=False)
    with open_workspace([recordings], Terminal(), Running("inline", 1)) as workspace:
        lines = fit_predict.predict(workspace, model, "one", None).read_text(encoding="utf-8").splitlines()
    right = [("loud" if int(line.split(",")[0].split(".")[0][-1]) % 2 else "soft") in line for line in lines[1:]]
    assert len(right) == 16
    assert all(right)


# The device


def test_the_device_reaches_the_features_and_brings_a_worker_a_gpu(dataset, monkeypatch):
    seen: dict[str, Any] = {}

    def extract(dataset, specs, runner, console, runtime, *, verify):
        with runner():
            seen.update(specs=specs, device=runtime.device, several=runtime.threads > 1)
        return []

    def workers(scheduler, jobs, gpus, report, taken):
        seen["gpus"] = gpus
        return stages.contextlib.nullcontext(stages.Inline())

    monkeypatch.setattr("affex.pipeline.workspace.workspace.extract", extract)
    monkeypatch.setattr(stages, "opened", workers)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 3)
    monkeypatch.setattr("joblib.cpu_count", lambda: 2)
    tiles = FeatureSpec("tiles", Tiles(), Tiles())
    for device, gpus in (("cuda", 3), ("cpu", 0)):
        with open_workspace([dataset], Terminal(), Running("local", 2, device)) as workspace:
            extracted(workspace, [replace(tiles, pool=MEAN_STD)])
        assert seen == {"specs": [tiles], "device": device, "several": device == "cuda", "gpus": gpus}


@pytest.mark.parametrize(
    "verb",
    [
        "features --dataset csv --data mine.csv --features mfcc",
        "evaluate --dataset csv --data mine.csv --features mfcc",
        "fit --dataset csv --data mine.csv --features mfcc",
        "predict --model one.affex --data mine-wav",
    ],
)
def test_every_verb_that_extracts_says_where(fitted, monkeypatch, verb):
    class StoppedError(Exception): ...

    def extract(dataset, specs, runner, console, runtime, *, verify):
        raise StoppedError(runtime.device)

    monkeypatch.setattr("affex.pipeline.workspace.workspace.extract", extract)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    monkeypatch.chdir(fitted)
    for device in ("cpu", "cuda"):
        with pytest.raises(StoppedError, match=device):
            cli([*verb.split(), "--device", device, "--scheduler", "inline"], standalone_mode=False)

"""Parts of a feature: how they are spelt, which columns they are, and that nothing is extracted for them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from corpus import run, small, spec
from plain import Seen

from affex.classifiers.gmm import Gmm
from affex.features.base import Signal
from affex.features.landmarks import Landmarks
from affex.pipeline.caching.cache import recipe
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.specs import column_groups, discovery, grammar
from affex.pipeline.specs.classifiers import classifier_of, members_of
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.streams.readers import reader_of
from affex.pipeline.streams.table import load
from affex.pipeline.text.errors import UsageError


def test_a_part_is_written_like_a_parameter_but_is_none_of_the_feature():
    (asked,) = feature_specs("landmarks:columns=mouth+brows,span=200ms,pool=mean")
    (whole,) = feature_specs("landmarks:span=200ms")
    assert asked.only == ("brows", "mouth")  # as the columns stand
    assert asked.unpooled == whole
    assert recipe(asked.feature).key == recipe(whole.feature).key
    assert str(asked) == "landmarks:span=0.2,pool=mean,columns=brows+mouth"
    assert feature_specs(str(asked)) == (asked,)


def test_a_part_is_a_whole_word_at_the_beginning_of_a_name():
    columns = ("mouth_00_x", "mouthing_00", "mouth_d1_00_x", "my_mouth_0", "mouth", "mouth.mean", "chin_00_x")
    assert column_groups.chosen(columns, ["mouth"]) == ("mouth_00_x", "mouth_d1_00_x", "mouth", "mouth.mean")
    assert column_groups.places(columns, ["chin", "mouth_00_x"]) == [0, 6]
    assert column_groups.chosen(columns, []) == columns


def test_the_parts_of_the_face_are_all_of_its_columns():
    face = Landmarks()
    own = [column_groups.chosen(face.columns, [part]) for part in face.parts]
    assert list(map(len, own)) == [2 * 3 * n for n in (10, 12, 9, 10, 20, 7)]
    assert sorted(column for part in own for column in part) == sorted(face.columns)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("landmarks:columns=mout", "no part of the columns of landmarks 'mout'. Did you mean mouth"),
        ("landmarks:columns=", "Known: brows, cheeks, chin, eyes, mouth, nose"),
        ("landmarks:columns=mouth+mouth", "names a part twice"),
        ("landmarks:column=mouth", "Did you mean columns"),
        ("landmarks:columns", "written name=value"),
        ("landmarks:columns=each", "columns=each makes a model of each part of landmarks.*FUSION=late"),
        ("landmarks:columns=mouth landmarks:columns=chin", "named twice"),
    ],
)
def test_what_is_no_part_is_said(text, message):
    with pytest.raises(UsageError, match=rf"(?s){message}"):
        feature_specs(text)


def test_no_feature_has_a_parameter_of_that_name():
    own = [grammar.differences(one, one) | vars(one) for one in discovery.feature_presets().values()]
    assert not [fields for fields in own if "columns" in fields]


# One model a part


def test_each_part_is_a_model_of_its_own():
    found = members_of(
        "landmarks:columns=each mfcc-voice", "gmm:decision=vote gmm:decision=vote,noise=0.25", "late:bayes"
    )
    names = [f"landmarks:columns={part}" for part in ("brows", "eyes", "nose", "cheeks", "mouth", "chin")]
    assert [features for features, _ in found] == [(name,) for name in (*names, "mfcc-voice")]
    assert [one for _, one in found] == [Gmm(decision="vote")] * 6 + [Gmm(decision="vote", noise=0.25)]


def test_a_feature_of_parts_is_several_by_itself():
    found = members_of("landmarks:points=5,columns=each,span=200ms", "gmm", "late")
    assert [features for features, _ in found] == [
        (f"landmarks:points=5,columns={part},span=200ms",) for part in ("eyes", "nose")
    ]


def test_what_has_no_parts_is_said():
    with pytest.raises(UsageError, match=r"mfcc has no parts\. Features that have: .*landmarks"):
        members_of("mfcc:columns=each landmarks", "gmm", "late")
    with pytest.raises(UsageError, match="expected two features at least"):
        members_of("landmarks:columns=mouth", "gmm", "late")


# In the matrix

MFCC, SEEN = feature_specs("mfcc-voice")[0], spec("seen", Seen())


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return small(tmp_path, n_utterances=5)


def test_the_rows_of_a_part_are_its_columns_of_the_whole(dataset):
    run(dataset, MFCC)
    files = sorted(dataset.folder.rglob("*.h5"))
    whole, part = (load(dataset, [one]) for one in (MFCC, replace(MFCC, only=("mfcc_d1", "mfcc_00"))))
    assert part.columns == ("mfcc_00", *(f"mfcc_d1_{n:02}" for n in range(12)))
    assert np.array_equal(part.X, whole.X[:, [0, *range(12, 24)]])
    assert np.array_equal(part.offsets, whole.offsets)
    assert sorted(dataset.folder.rglob("*.h5")) == files


def test_what_says_which_frames_count_need_not_be_looked_at(dataset):
    """In the third utterance two of five frames are not found: their scores, 0, do not enter the mean, 9."""
    run(dataset, SEEN)
    matrix = load(dataset, [replace(SEEN, pool=("mean",), only=("score",))])
    assert matrix.columns == ("score.mean",)
    assert matrix.X.tolist() == [[9]] * 5


def test_parts_stand_beside_other_rows(dataset):
    pooled = [replace(MFCC, pool=("mean",), only=("mfcc_01",)), replace(SEEN, pool=("max",), only=("time",))]
    run(dataset, MFCC, SEEN)
    matrix = load(dataset, pooled)
    assert matrix.columns == (f"{pooled[0]}.mfcc_01.mean", f"{pooled[1]}.time.max")
    assert matrix.X.shape == (5, 2)


# Loudness


def test_a_model_of_noise_wants_to_know_how_loud_a_frame_is():
    noisy, plain = classifier_of("gmm:noise=0.2"), classifier_of("gmm")
    for text in ("mfcc-voice", "mfcc:n=20", "mfcc:columns=mfcc"):
        reader_of(noisy).require(feature_specs(text))
    for text in ("landmarks", "logmel", "mfcc:columns=mfcc_d1"):
        reader_of(plain).require(feature_specs(text))
        with pytest.raises(UsageError, match=r"how loud a frame is, and .*does not.*: mfcc, .*mfcc-voice"):
            reader_of(noisy).require(feature_specs(text))


def test_twice_as_loud_is_6_db_up_in_the_level():
    """Noise in all bands: each goes up by 20 log 2; the coefficient is their sum / sqrt(26)."""
    noise, voice = 0.01 * np.random.default_rng(0).normal(size=16000), MFCC.feature
    once, twice = (voice.extract(Signal((gain * noise).astype(np.float32), 16000)).values for gain in (1, 2))
    place = voice.columns.index(voice.level)
    assert (twice - once)[:, place] == pytest.approx(np.sqrt(26) * 20 * np.log10(2), rel=1e-4)

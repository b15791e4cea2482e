"""Features of motion capture: what holds for all, closed forms, gaps, and others' reckoning."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from make_references import excerpt, motion, motion_presets, path
from scipy.signal import savgol_filter

from affex.features.base import ExtractionError, Motion
from affex.features.capture.markers import MARKERS, REGIONS, bridged, placed
from affex.features.hands import HANDS
from affex.features.mocap import FACE, Mocap
from affex.features.mocap_slices import MocapSlices, sliced
from affex.pipeline.specs import column_groups
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.text.errors import UsageError

PRESETS = motion_presets()
FRAMES = ["mocap", "markers", "headmotion", "hands"]

#: A moving point: where it is, how fast it moves, and how fast that changes, by time.
PLACE = lambda t: 3 * t**2 - 2 * t + 1  # noqa: E731
SLOPE = lambda t: 6 * t - 2  # noqa: E731


def still(n_frames=120, rate=120):
    """A face that keeps still: each marker at its own place."""
    times = np.arange(n_frames) / rate
    places = np.arange(55 * 3, dtype=float).reshape(55, 3)
    head = np.tile([1.0, 2, 3, 400, 500, 600], (n_frames, 1))
    hands = np.tile(1000 + np.arange(18.0).reshape(6, 3), (n_frames, 1, 1))
    return Motion(MARKERS, np.tile(places, (n_frames, 1, 1)), times, head, hands)


def lost(of, name, frames):
    """Return motion in which a marker of the face is not seen in some frames."""
    positions = of.positions.copy()
    positions[frames, of.names.index(name)] = np.nan
    return replace(of, positions=positions)


def column(feature, rows, name):
    return rows.values[:, feature.columns.index(name)]


# All of them


@pytest.mark.parametrize("name", PRESETS)
def test_rows_are_finite_float32_of_the_stated_width_with_rising_times(name):
    feature = PRESETS[name]
    rows = feature.extract(motion())
    assert rows.values.dtype == np.float32
    assert rows.values.shape == (len(rows.times), len(feature.columns))
    assert np.isfinite(rows.values).all()
    assert (np.diff(rows.times) > 0).all()
    assert len(set(feature.columns)) == len(feature.columns)


@pytest.mark.parametrize("name", PRESETS)
def test_values_are_those_frozen_beside_this_test(name):
    frozen, now = np.load(path(name)), excerpt(PRESETS[name])
    assert now["n_rows"] == frozen["n_rows"]
    # Second derivatives reach 1e3 and are differences of float32 positions.
    np.testing.assert_allclose(now["values"], frozen["values"], rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("name", PRESETS)
def test_a_feature_travels_to_workers_and_serves_as_a_key(name):
    twin = pickle.loads(pickle.dumps(PRESETS[name]))
    assert twin == PRESETS[name]
    assert hash(twin) == hash(PRESETS[name])


@pytest.mark.parametrize("name", PRESETS)
def test_every_column_is_of_one_part(name):
    feature = PRESETS[name]
    found = [column_groups.places(feature.columns, [part]) for part in feature.parts]
    assert sorted(number for part in found for number in part) == list(range(len(feature.columns)))
    assert not any("_" in part or "." in part for part in feature.parts)


@pytest.mark.parametrize("name", PRESETS)
def test_what_is_read_stays_as_it_was(name):
    before, given = motion(), motion()
    PRESETS[name].extract(given)
    for field in ("positions", "times", "head", "hands"):
        np.testing.assert_array_equal(getattr(before, field), getattr(given, field))


# The face


def test_six_regions_hold_46_markers():
    assert {region: len(names) for region, names in REGIONS.items()} == {
        **{"chin": 3, "forehead": 3, "cheek": 16, "upperbrow": 8, "eyebrow": 8, "mouth": 8},
    }
    assert len(FACE) == len(set(FACE)) == 46
    assert len(MARKERS) == 55
    assert set(MARKERS) - set(FACE) == {"LLID", "RLID", "MH", "MNOSE", "LNSTRL", "TNOSE", "RNSTRL", "LHD", "RHD"}


def test_columns_are_named_by_region_marker_and_axis():
    columns = PRESETS["mocap"].columns
    assert len(columns) == 46 * 3 * 3
    assert columns[:3] == ("chin_CH1_x", "chin_CH1_y", "chin_CH1_z")
    assert columns[137] == "mouth_MOU8_z"
    assert columns[138] == "chin_d1_CH1_x"
    assert columns[-1] == "mouth_d2_MOU8_z"
    assert len(PRESETS["markers"].columns) == 46 * 3 * 2


def test_a_region_is_a_part():
    (spec,) = feature_specs("mocap:columns=eyebrow")
    assert len(column_groups.chosen(spec.feature.columns, spec.only)) == 8 * 3 * 3
    with pytest.raises(UsageError, match="There is no part of the columns of mocap 'brow'"):
        feature_specs("mocap:columns=brow")


def test_a_still_face_is_where_it_is_relative_to_the_tip_of_the_nose_and_does_not_move():
    rows = Mocap().extract(still())
    expected = [np.array(3 * MARKERS.index(name)) - 3 * MARKERS.index("TNOSE") for name in FACE for _ in "xyz"]
    np.testing.assert_allclose(rows.values[:, :138], np.tile(expected, (40, 1)))
    assert np.abs(rows.values[:, 138:]).max() < 1e-2
    np.testing.assert_allclose(rows.times, np.arange(40) / 40)


def test_a_head_that_moves_as_a_whole_does_not_show():
    one = motion()
    other = replace(one, positions=one.positions + 100 * np.random.default_rng(0).random((240, 1, 3)))
    np.testing.assert_allclose(Mocap().extract(other).values[:, :138], Mocap().extract(one).values[:, :138], atol=1e-4)


def test_a_marker_has_the_velocity_and_the_acceleration_that_it_has():
    face = still(360)
    positions = face.positions.copy()
    positions[:, MARKERS.index("MOU3"), 1] = PLACE(face.times)
    positions[:, MARKERS.index("TNOSE")] = 0
    feature = Mocap()
    rows = feature.extract(replace(face, positions=positions))
    np.testing.assert_allclose(column(feature, rows, "mouth_MOU3_y"), PLACE(rows.times), rtol=1e-6)
    np.testing.assert_allclose(column(feature, rows, "mouth_d1_MOU3_y"), SLOPE(rows.times), atol=1e-3)
    np.testing.assert_allclose(column(feature, rows, "mouth_d2_MOU3_y"), 6, atol=0.05)


def test_derivatives_are_those_of_savitzky_and_golay():
    smooth = replace(motion(), positions=np.nan_to_num(motion().positions))
    feature = Mocap(derivatives=1)
    static, slopes = np.split(feature.extract(smooth).values, 2, axis=1)
    theirs = savgol_filter(static.astype(float), 5, 2, deriv=1, delta=1 / 40, axis=0)  # 0.12 s at 40 Hz
    np.testing.assert_allclose(slopes[2:-2], theirs[2:-2], rtol=1e-3, atol=1e-2)


def test_markers_are_the_same_with_first_derivatives():
    mocap, markers = (PRESETS[name].extract(motion()).values for name in ("mocap", "markers"))
    np.testing.assert_array_equal(mocap[:, :276], markers)


@pytest.mark.parametrize(("rate", "n_rows"), [(40, 40), (120, 120), (1000, 120), (60, 60), (50, 50), (1, 1)])
def test_frames_are_kept_by_the_clock(rate, n_rows):
    rows = Mocap(rate=rate).extract(still(120))
    assert len(rows.times) == n_rows
    assert rows.times[0] == 0
    assert (np.diff(np.floor(rows.times * rate + 0.01)) == 1).all() or rate == 1000


@pytest.mark.parametrize("name", PRESETS)
def test_a_turn_of_a_single_frame_stands_still(name):
    feature = PRESETS[name]
    values = feature.extract(still(1)).values
    assert len(values) == (200 if name == "mocap-slices" else 1)
    moving = [number for number, column in enumerate(feature.columns) if "_d1_" in column or "_d2_" in column]
    assert (values[:, moving] == 0).all()


def test_another_nose_may_be_the_origin():
    other = Mocap(nose="MNOSE").extract(still()).values[0, 0]
    assert other - Mocap().extract(still()).values[0, 0] == 3 * (MARKERS.index("TNOSE") - MARKERS.index("MNOSE"))
    with pytest.raises(UsageError, match="nose=CH1: expected a marker that is in no region: LLID, RLID, MH, MNOSE"):
        feature_specs("mocap:nose=CH1")


# Gaps


def test_a_short_gap_is_a_straight_line_and_a_long_one_is_left_open():
    times = np.arange(10) / 10
    values = np.stack([times, 2 * times, np.full(10, np.nan)], axis=1)
    values[3:5, 0] = values[2:7, 1] = np.nan  # 0.3 and 0.6 s between the frames around them
    values[8:, 1] = np.nan
    found = bridged(values, times, 0.3)
    np.testing.assert_allclose(found[:, 0], times)
    assert np.flatnonzero(np.isnan(found[:, 1])).tolist() == [2, 3, 4, 5, 6, 8, 9]
    assert np.isnan(found[:, 2]).all()
    held = bridged(values, times, 0.3, ends=True)
    assert held[8:, 1].tolist() == [1.4, 1.4]
    assert np.isnan(bridged(values, times, 0.15, ends=True)[8:, 1]).all()
    assert np.isnan(held[:, 2]).all()


@pytest.mark.parametrize("gap", [0.0, 0.1, 1.0])
def test_without_gaps_nothing_is_bridged(gap):
    values = np.random.default_rng(0).random((20, 3))
    for ends in (False, True):
        np.testing.assert_array_equal(bridged(values, np.arange(20.0), gap, ends=ends), values)


def test_frames_in_a_long_gap_are_left_out_and_no_derivative_reaches_across():
    whole, broken = still(360), lost(still(360), "LC3", slice(120, 240))
    shifted = broken.positions.copy()
    shifted[240:, MARKERS.index("MOU1")] += 50  # the mouth is elsewhere after it
    rows = Mocap().extract(replace(broken, positions=shifted))
    np.testing.assert_allclose(rows.times, [*np.arange(40) / 40, *np.arange(80, 120) / 40])
    assert np.abs(rows.values[:, 138:]).max() < 1e-2
    assert len(Mocap().extract(whole).times) == 120


def test_two_frames_between_long_gaps_have_the_slope_of_their_line_and_no_curvature():
    face = still(360)
    positions = face.positions.copy()
    positions[:, MARKERS.index("MOU1"), 0] = 100 * PLACE(face.times)
    positions[:, MARKERS.index("TNOSE")] = 0
    for gap in (slice(100, 150), slice(156, 200)):
        positions[gap, MARKERS.index("LC3")] = np.nan
    feature = Mocap()
    rows = feature.extract(replace(face, positions=positions))
    alone = (rows.times > 1) & (rows.times < 1.5)
    assert rows.times[alone].tolist() == pytest.approx([1.25, 1.275])
    slope = 100 * (PLACE(1.275) - PLACE(1.25)) / 0.025
    np.testing.assert_allclose(column(feature, rows, "mouth_d1_MOU1_x")[alone], slope, rtol=1e-4)
    assert (column(feature, rows, "mouth_d2_MOU1_x")[alone] == 0).all()


def test_frames_in_a_short_gap_stay():
    rows, expected = Mocap().extract(lost(still(), "LC3", slice(40, 60))), Mocap().extract(still())
    np.testing.assert_allclose(rows.values, expected.values, atol=1e-2)
    assert len(Mocap(gap=0.1).extract(lost(still(), "LC3", slice(40, 60))).times) < 40


def test_a_frame_without_the_nose_is_no_frame():
    rows = Mocap().extract(lost(still(), "TNOSE", slice(0, 60)))
    assert rows.times[0] == 0.5


@pytest.mark.parametrize("nearly", [0, 5])
def test_a_marker_that_is_hardly_seen_is_a_failure_that_says_which_and_how_long(nearly):
    unseen = lost(lost(still(), "RBRO2", slice(nearly, None)), "FH1", slice(90, None))
    expected = (
        rf"{nearly and 2} of 40 frames are complete, at least 10% are needed: of 1.00 s are missing "
        rf"RBRO2 for {1 if not nearly else 0.95:.2f} s, FH1 for 0.25 s \(gaps of up to 0.2 s are interpolated\)"
    )
    with pytest.raises(ExtractionError, match=expected):
        Mocap().extract(unseen)


def test_a_nose_that_is_hardly_seen_is_what_is_missing():
    with pytest.raises(ExtractionError, match=r"of 1\.00 s are missing TNOSE for 0\.92 s \(gaps"):
        Mocap().extract(lost(still(), "TNOSE", slice(10, None)))


def test_markers_that_a_file_does_not_have_are_named():
    of = still()
    renamed = replace(of, names=tuple(name.replace("MOU", "LIP") for name in of.names))
    with pytest.raises(ExtractionError, match=r"lacks MOU1, MOU2, MOU3 and 5 more among its 55.* LIP1, LIP2, LIP3 and"):
        Mocap().extract(renamed)
    assert placed(of, ["RHD"]).tolist()[0] == [[162.0, 163.0, 164.0]]


# Head and hands


def test_the_head_s_columns_are_those_of_its_file():
    feature = PRESETS["headmotion"]
    rows = feature.extract(still())
    assert feature.columns[:6] == ("angle_pitch", "angle_roll", "angle_yaw", "place_x", "place_y", "place_z")
    np.testing.assert_allclose(rows.values[0, :6], [1, 2, 3, 400, 500, 600])
    assert np.abs(rows.values[:, 6:]).max() < 1e-2
    turning = still()
    turning.head[:, 2] = PLACE(turning.times)
    slopes = column(feature, feature.extract(turning), "angle_d1_yaw")
    np.testing.assert_allclose(slopes, SLOPE(np.arange(40) / 40), atol=1e-3)


def test_hands_are_where_they_are_from_their_middle_over_the_turn():
    feature = PRESETS["hands"]
    one = feature.extract(still())
    np.testing.assert_allclose(one.values[0, :18].reshape(6, 3).mean(axis=0), 0, atol=1e-5)
    elsewhere = still()
    np.testing.assert_allclose(feature.extract(replace(elsewhere, hands=elsewhere.hands - 700)).values, one.values)
    moving = still()
    moving.hands[:, :, 1] += PLACE(moving.times)[:, None]
    rows = feature.extract(moving)
    for hand in HANDS:
        np.testing.assert_allclose(column(feature, rows, f"{hand}_d1_y"), SLOPE(rows.times), atol=0.01)


@pytest.mark.parametrize(("name", "what"), [("headmotion", "head"), ("hands", "hands"), ("mocap-slices", "head")])
def test_a_turn_without_their_file_says_so(name, what):
    with pytest.raises(ExtractionError, match=f"this turn has no motion capture file of the {what}"):
        PRESETS[name].extract(replace(still(), **{what: None}))


def test_hands_that_are_out_of_sight_are_a_failure():
    unseen = still()
    unseen.hands[:] = np.nan
    with pytest.raises(ExtractionError, match=r"missing hand1 for 1\.00 s, hand2 .* and 3 more"):
        PRESETS["hands"].extract(unseen)


# Slices


def test_slices_are_200_by_189_face_head_hands():
    feature = PRESETS["mocap-slices"]
    assert len(feature.columns) == 189
    assert [feature.columns[n] for n in (0, 164, 165, 170, 171, 188)] == [
        *("face_CH1_x", "face_RHD_z", "head_pitch", "head_z", "hands_1_x", "hands_6_z"),
    ]
    rows = feature.extract(still(777))
    assert rows.values.shape == (200, 189)
    expected = [*range(165), 1, 2, 3, 400, 500, 600, *range(1000, 1018)]
    np.testing.assert_allclose(rows.values, np.tile(expected, (200, 1)))


@pytest.mark.parametrize("n_frames", [200, 201, 399, 1234])
def test_slices_are_the_means_of_numpy_s(n_frames):
    values = np.random.default_rng(0).random((n_frames, 4))
    means, times = sliced(values, np.arange(n_frames) / 120, 200)
    np.testing.assert_allclose(means, [part.mean(axis=0) for part in np.array_split(values, 200)])
    np.testing.assert_allclose(times, [part.mean() for part in np.array_split(np.arange(n_frames) / 120, 200)])


@pytest.mark.parametrize("n_frames", [1, 2, 50, 199])
def test_a_short_turn_is_read_off_on_straight_lines(n_frames):
    times = np.arange(n_frames) / 120
    means, at = sliced(np.stack([PLACE(0) + 5 * times, 0 * times], axis=1), times, 200)
    assert means.shape == (200, 2)
    np.testing.assert_allclose(means[:, 0], 1 + 5 * at)
    assert 0 <= at[0] <= at[-1] <= times[-1]


def test_each_slice_must_have_every_marker():
    feature = PRESETS["mocap-slices"]
    assert len(feature.extract(lost(still(480), "LLID", slice(100, 150))).values) == 200
    with pytest.raises(ExtractionError, match=r"240 of 480 frames are complete.* LLID for 2.00 s"):
        feature.extract(lost(still(480), "LLID", slice(100, 340)))
    without = MocapSlices(without="LLID+RLID")
    assert without.extract(lost(still(480), "LLID", slice(None))).values.shape == (200, 183)
    assert not any("LID" in name for name in without.columns)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("mocap:rate=0", "rate=0.0: expected 1 to 1000 Hz"),
        ("mocap:gap=2", "gap=2.0: expected 0 to 1 s"),
        ("headmotion:least=2", "least=2.0: expected 0 to 1"),
        ("hands:span=-1", "span=-1.0: expected 0 to 10 s"),
        ("mocap:derivatives=3", "derivatives=3: expected 0"),
        ("mocap-slices:slices=0", "slices=0: expected 1 to"),
        ("mocap-slices:without=LID", "without=LID: LID is not a marker; expected some of CH1"),
    ],
)
def test_parameters_without_sense_are_refused(spec, message):
    with pytest.raises(UsageError, match=message):
        feature_specs(spec)

"""Files of motion capture: what they say, how they may be written, and what is wrong with them."""

import dialogs
import numpy as np
import pandas
import pytest
from dialogs import captured, motion

from affex.features.capture.markers import MARKERS
from affex.pipeline.manifest.utterance import Media
from affex.pipeline.media.mocap import read_motion
from affex.pipeline.text.errors import MediaError


def read(folder, text=None, head=None, hands=None):
    """Return what is read of a face's file, and of files that belong to it."""
    files = {"face.txt": text or motion(), "head.txt": head, "hands.txt": hands}
    for name, content in files.items():
        if content is not None:
            (folder / name).write_text(content)
    beside = tuple(name for name, content in files.items() if content is not None and name != "face.txt")
    return read_motion(folder, Media("face.txt", beside=beside))


def test_a_turn_is_read_whole(tmp_path):
    found = read(tmp_path, motion(seed=3, start=41.5), motion(n_columns=6), motion(n_columns=18))
    assert found.names == MARKERS
    assert found.positions.shape == (12, 55, 3)
    np.testing.assert_allclose(found.positions.reshape(12, -1), captured(seed=3)[:, 2:], atol=1e-5)
    assert np.isnan(found.positions[dialogs.LOST, 0]).all()
    assert np.isnan(found.positions).sum() == 2 * 3
    np.testing.assert_allclose(found.times, np.arange(12) / 120, atol=1e-5)  # from the turn's beginning
    np.testing.assert_allclose(found.head, captured(n_columns=6)[:, 2:], atol=1e-5)
    np.testing.assert_allclose(found.hands.reshape(12, -1), captured(n_columns=18)[:, 2:], atol=1e-5)


def test_numbers_are_those_that_pandas_reads(tmp_path):
    found = read(tmp_path, motion(40))
    theirs = pandas.read_csv(tmp_path / "face.txt", sep=r"\s+", skiprows=2, header=None)
    np.testing.assert_array_equal(found.positions.reshape(40, -1), theirs.to_numpy()[:, 2:])


def test_what_does_not_belong_to_it_is_not_there(tmp_path):
    found = read(tmp_path)
    assert found.head is None
    assert found.hands is None


@pytest.mark.parametrize(
    "written",
    [
        lambda text: text.replace(" ", "\t"),
        lambda text: text.replace("\n", " \t\n"),
        lambda text: text.replace(" ", "   "),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\n\n") + "\n \n",
        lambda text: text.replace("nan", "NaN"),
        lambda text: text.lower(),
        lambda text: text.upper(),
        lambda text: text.replace("Frame# Time", "Frame #  TIME"),
        lambda text: text.replace(" ".join(MARKERS), " ".join(name for name in MARKERS for _ in "xyz")),
        lambda text: "\n".join(line for number, line in enumerate(text.splitlines()) if number != 1),
        lambda text: text.rstrip("\n"),
    ],
    ids=["tabs", "tails", "blanks", "crlf", "lines", "NaN", "lower", "upper", "words", "thrice", "no-axes", "no-end"],
)
def test_a_file_may_be_written_in_other_ways(tmp_path, written):
    usual, other = read(tmp_path), read(tmp_path, written(motion()))
    assert other.names == usual.names
    np.testing.assert_array_equal(other.positions, usual.positions)
    np.testing.assert_array_equal(other.times, usual.times)


def test_frames_of_the_head_lie_beside_those_of_the_face_by_their_number(tmp_path):
    lines = motion(n_columns=6).splitlines()
    late = "\n".join(lines[:2] + lines[6:10])
    found = read(tmp_path, head=late)
    assert np.isnan(found.head[:4]).all()
    np.testing.assert_allclose(found.head[4:8], captured(n_columns=6)[4:8, 2:], atol=1e-5)
    assert np.isnan(found.head[8:]).all()
    face = motion().splitlines()
    found = read(tmp_path, "\n".join(face[:2] + face[4:]), motion(n_columns=6))
    np.testing.assert_allclose(found.head, captured(n_columns=6)[2:, 2:], atol=1e-5)


def line(number, change):
    """Return a file in which one line is changed."""
    lines = motion().splitlines()
    lines[number - 1] = change(lines[number - 1])
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (" \n\n", "face.txt is empty"),
        (motion().split("\n", 2)[2], r"face.txt has no header; expected a row of names that begins with 'Frame# Time'"),
        ("\n".join(motion().splitlines()[:2]), "face.txt has a header and no frame below it"),
        (motion().replace(" CH1 ", " "), "face.txt names 54 markers and has 165 columns besides"),
        (motion().replace(" RHD", " LHD"), "face.txt names the marker LHD twice"),
        (line(7, lambda row: row + " 1.0"), "face.txt, line 7: 168 numbers, and the other lines have 167$"),
        (line(14, lambda row: row[:100]), r"line 14: \d+ numbers, .* 167: the file seems to be cut short there"),
        (line(9, lambda row: row.rsplit(" ", 1)[0] + " 1,5"), "face.txt, line 9: '1,5' is not a number"),
        (line(9, lambda row: row.rsplit(" ", 1)[0] + " inf"), "face.txt, line 9: a number is infinite"),
        (
            line(6, lambda row: row.replace("0.03333", "0.02500")),
            "line 6: the time of a frame is not greater than that of the",
        ),
        (line(6, lambda row: row.replace("0.03333", "nan")), "line 6: the time of a frame is not greater"),
        (line(3, lambda row: row.replace("0.00833", "nan")), "line 3: the time of a frame is not greater"),
        (
            line(5, lambda row: "2" + row[1:]),
            "line 5: the number of a frame is not greater than that of the frame before it",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(tmp_path, text, message):
    with pytest.raises(MediaError, match=message):
        read(tmp_path, text)


def test_a_file_of_the_head_or_the_hands_has_their_columns(tmp_path):
    with pytest.raises(MediaError, match=r"head.txt has 165 columns .* expected 6, pitch, roll, yaw .* or 18, six"):
        read(tmp_path, head=motion())


def test_files_of_other_frames_are_not_of_one_turn(tmp_path):
    lines = motion(40, 6).splitlines()
    with pytest.raises(MediaError, match=r"head.txt has no frame in common with face.txt"):
        read(tmp_path, head="\n".join(lines[:2] + lines[20:]))

"""Stills: a photograph is a video of one picture, upright; and what files hold is told by what is in them."""

import csv as tables
import json
import os
import struct
import zlib
from collections import Counter
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from corpus import run, write_wav
from films import film, number, numbered
from numpy.typing import NDArray
from scenes import company, scene

from affex.features.pictures.sampling import sampling
from affex.pipeline.caching import cache, feature_rows
from affex.pipeline.cli.command import cli
from affex.pipeline.corpora import csv
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Media
from affex.pipeline.media import contents, decode_audio, probe, video
from affex.pipeline.media.probe import Content
from affex.pipeline.media.video import Ended, Wanted, Window
from affex.pipeline.models.new_recordings import HIDDEN, at_hand
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.text.errors import CorpusError, MediaError

STILL = Content(pictures=True, still=True)

#: Formats of stills, and by how much a value may be off: what is lossy, by its coding.
FORMATS = {".png": 0, ".bmp": 0, ".tiff": 0, ".ppm": 0, ".webp": 0, ".jp2": 0, ".jpg": 6, ".avif": 12}

Picture = NDArray[np.uint8]


def quarters(height: int = 48, width: int = 64) -> Picture:
    """Return red, green, blue and grey in the quarters of a picture, from the top left on."""
    picture = np.zeros((height, width, 3), np.uint8)
    half, middle = height // 2, width // 2
    picture[:half, :middle], picture[:half, middle:] = (220, 30, 30), (30, 200, 40)
    picture[half:, :middle], picture[half:, middle:] = (20, 40, 210), (120, 120, 120)
    return picture


def encoded(picture: NDArray[np.generic], suffix: str = ".png") -> bytes:
    options = [cv2.IMWRITE_WEBP_QUALITY, 101] if suffix == ".webp" else []
    swapped = picture[..., [2, 1, 0, *range(3, picture.shape[2])]] if picture.ndim == 3 else picture
    return cv2.imencode(suffix, np.ascontiguousarray(swapped), options)[1].tobytes()


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def seen(path: Path, frames: str = "5/s", **wanted: object) -> list[Window | Ended]:
    return list(video.windows(path.parent, path.name, [Wanted("x", sampling(frames), **wanted)]))


def shown(path: Path, frames: str = "5/s", **wanted: object) -> Picture:
    """Return the one picture of a still."""
    window, ended = seen(path, frames, **wanted)
    assert ended == Ended("x", 1)
    assert window.frames.times.tolist() == [0.0]
    (picture,) = window.frames.pictures
    return picture


def problem(path: Path, **wanted: object) -> str:
    (ended,) = seen(path, **wanted)
    assert ended.n_frames == 0
    return ended.problem


def off(one: Picture, other: Picture) -> int:
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other).max())


# One picture


@pytest.mark.parametrize(("suffix", "most"), FORMATS.items())
def test_a_still_is_a_film_of_one_picture(suffix, most, tmp_path):
    path = write(tmp_path / f"a{suffix}", encoded(quarters(), suffix))
    assert probe.probed(path) == STILL
    for frames in ("5/s", "1/10s", "16/clip", "all"):
        picture = shown(path, frames)
        assert picture.shape == (48, 64, 3)
        assert off(picture[4:20, 4:28], quarters()[4:20, 4:28]) <= most
        assert off(picture[28:44, 36:60], quarters()[28:44, 36:60]) <= most
    assert off(shown(path, region="left"), shown(path)[:, :32]) == 0
    assert probe.probed(path.rename(tmp_path / "photograph")) == STILL


def test_a_single_gif_is_a_still_and_several_are_a_film(tmp_path):
    write(tmp_path / "one.gif", encoded(quarters(), ".gif"))
    assert probe.probed(tmp_path / "one.gif") == STILL
    dithered = shown(tmp_path / "one.gif")[2:22, 2:30].mean(axis=(0, 1))
    assert dithered == pytest.approx(quarters()[0, 0], abs=8)  # of 256 colours
    for name, rate in (("film.gif", 5), ("film.apng", 5)):
        path = tmp_path / name
        animate(path, [numbered(k) for k in range(6)], rate)
        assert probe.probed(path) == Content(pictures=True)
        windows = [each for each in seen(path, "5/s") if isinstance(each, Window)]
        pictures = [picture for window in windows for picture in window.frames.pictures]
        assert [number(picture) for picture in pictures] == list(range(6))
        assert np.concatenate([w.frames.times for w in windows]) == pytest.approx(np.arange(6) / rate, abs=0.02)


def animate(path: Path, pictures: list[Picture], rate: int) -> None:
    pixels, codec = ("rgb8", "gif") if path.suffix == ".gif" else ("rgb24", "apng")
    with av.open(str(path), "w", format=codec) as out:
        stream = out.add_stream(codec, rate=rate)
        stream.height, stream.width, stream.pix_fmt = *pictures[0].shape[:2], pixels
        for k, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pixels)
            frame.pts, frame.time_base = k, Fraction(1, rate)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def test_an_animated_webp_says_that_it_cannot_be_read(tmp_path):
    animation = cv2.Animation()
    animation.frames, animation.durations = [numbered(0), numbered(1)], [200, 200]
    cv2.imwriteanimation(str(tmp_path / "a.webp"), animation)
    assert problem(tmp_path / "a.webp") == (
        "a.webp is an animated WebP, which cannot be read: save it as a GIF or as a video"
    )


def test_a_row_of_jpegs_is_a_film_and_one_with_another_behind_it_on_purpose_a_still(tmp_path):
    jpegs = [encoded(numbered(k), ".jpg") for k in range(4)]
    write(tmp_path / "row.mjpg", b"".join(jpegs))
    assert probe.probed(tmp_path / "row.mjpg") == Content(pictures=True)
    windows = [each for each in seen(tmp_path / "row.mjpg", "all") if isinstance(each, Window)]
    assert [number(picture) for window in windows for picture in window.frames.pictures] == [0, 1, 2, 3]
    marked = segment(jpegs[2], 0xE2, b"MPF\0" + bytes(20)) + jpegs[3]
    assert number(shown(write(tmp_path / "pair.jpg", marked))) == 2


def segment(jpeg: bytes, marker: int, content: bytes) -> bytes:
    """Return a JPEG with one segment more at its beginning."""
    return jpeg[:2] + struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content + jpeg[2:]


# As it was meant to be seen


#: What is to be done to a stored picture to see it (EXIF 2.32, tag 274).
UPRIGHT = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.swapaxes(0, 1),
    6: lambda p: np.rot90(p, -1),
    7: lambda p: p.swapaxes(0, 1)[::-1, ::-1],
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_a_photograph_is_turned_as_its_camera_was_held(orientation, tmp_path):
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 274, 3, 1, orientation) + bytes(4)
    plain = encoded(quarters(), ".jpg")
    path = write(tmp_path / "a.jpg", segment(plain, 0xE1, exif))
    stored = shown(write(tmp_path / "plain.jpg", plain))
    assert off(shown(path), UPRIGHT[orientation](stored)) == 0


def test_a_frame_of_a_film_is_turned_by_its_exif_too(tmp_path):
    """PyAV knows no EXIF, and gave up all that stands beside it."""
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 274, 3, 1, 6) + bytes(4)
    plain = encoded(quarters(), ".jpg")
    row = write(tmp_path / "row.mjpg", segment(plain, 0xE1, exif) * 3)
    windows = [each for each in seen(row, "all") if isinstance(each, Window)]
    assert off(windows[0].frames.pictures[0], np.rot90(quarters(), -1)) < 140  # at the edges of colours
    assert off(windows[0].frames.pictures[0][4:20, 4:16], np.rot90(quarters(), -1)[4:20, 4:16]) <= 6


def test_16_bits_grey_alpha_and_palettes_become_rgb_of_8_bits(tmp_path):
    picture = quarters()
    rng = np.random.default_rng(0)
    deep = (picture.astype(np.uint16) << 8) + rng.integers(0, 256, picture.shape, dtype=np.uint16)
    assert off(shown(write(tmp_path / "deep.png", encoded(deep))), picture) == 0
    assert off(shown(write(tmp_path / "deep.tiff", encoded(deep, ".tiff"))), picture) <= 1
    grey = picture[..., 0]
    assert off(shown(write(tmp_path / "grey.png", encoded(grey))), grey[..., None].repeat(3, axis=2)) == 0
    assert off(shown(write(tmp_path / "grey16.png", encoded(deep[..., 0]))), grey[..., None].repeat(3, axis=2)) == 0
    alpha = np.dstack([picture, rng.integers(0, 256, picture.shape[:2], dtype=np.uint8)])
    assert off(shown(write(tmp_path / "alpha.png", encoded(alpha))), picture) == 0


@pytest.mark.parametrize("suffix", [*FORMATS, ".gif"])
def test_a_picture_that_was_cut_short_is_none(suffix, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    whole = encoded(noise, suffix)
    path = write(tmp_path / f"a{suffix}", whole[: int(0.6 * len(whole))])
    assert problem(path) in (
        f"{path.name} is a still picture that is cut short, damaged or in an unknown format",
        f"{path.name} cannot be decoded: Invalid data found when processing input",
    )


def test_a_small_file_that_declares_many_pixels_is_not_decoded(tmp_path):
    content = bytearray(encoded(quarters()))
    content[16:24] = struct.pack(">II", 30000, 30000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    write(tmp_path / "a.png", bytes(content))
    assert problem(tmp_path / "a.png").endswith("more than can be decoded: at most 268435456")


def test_a_still_has_no_sound_and_no_length(tmp_path):
    path = write(tmp_path / "a.png", encoded(quarters()))
    assert problem(path, start=1.0, end=2.0) == (
        "the span begins at 1.000 s, and a.png is a still picture, which has no length"
    )
    (tmp_path / "t.csv").write_text("file,speaker,label,start\na.png,eva,joy,0.5\n")
    with pytest.raises(CorpusError, match=r"row 2: 'a\.png' is a still picture, which has no length"):
        csv.find(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text("file,speaker,label\na.png,eva,joy\n")
    dataset = Dataset("t", tmp_path, tmp_path / "cache" / "t", csv.find(tmp_path / "t.csv"))
    (heard,) = run(dataset, *feature_specs("egemaps"))
    assert heard.failures == {"a": "it has no sound: its file is a still picture"}


# What files hold


def written(folder: Path) -> dict[str, Content | str]:
    """Write files under names that mislead, or none that a list has; return what each holds, or why it is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    alone = Content(sound=True)
    film(folder / "f.avi", 10).rename(folder / "no ending")
    film(folder / "f.mkv", 10).rename(folder / "film.wav")
    film(folder / "g.mp4", 10).rename(folder / "film.m4v")
    film(folder / "h.ts", 10).rename(folder / "film.mts")
    film(folder / "i.mpg", 10).rename(folder / "film.vob")
    write_wav(folder / "sound.wav", 0.2)
    write_wav(folder / "s.wav", 0.2)
    (folder / "s.wav").rename(folder / "sound.mp4")
    samples = 0.1 * np.random.default_rng(0).standard_normal(8000)
    for name, kind in (("a.caf", "CAF"), ("a.sph", "NIST"), ("a.w64", "W64"), ("a.voc", "VOC"), ("a.rf64", "RF64")):
        soundfile.write(folder / name, samples, 16000, format=kind, subtype="PCM_16")
    soundfile.write(folder / "a.unknown", samples, 16000, format="OGG")
    write(folder / "photo.wav", encoded(quarters()))
    write(folder / "notes.txt", b"no recording\n")
    write(folder / "labels.csv", b"file,label\n")
    write(folder / "random.bin", np.random.default_rng(0).bytes(20_000))
    write(folder / "empty.dat", b"")
    write(folder / "list.ffconcat", b"ffconcat version 1.0\nfile film.m4v\n")
    write(folder / "subtitles.srt", b"1\n00:00:00,000 --> 00:00:01,000\nhello\n")
    nothing = "is not a recording (Invalid data found when processing input)"
    return {
        **dict.fromkeys(("no ending", "film.wav", "film.m4v", "film.mts", "film.vob"), Content(pictures=True)),
        **dict.fromkeys(("sound.wav", "sound.mp4", "a.caf", "a.sph", "a.w64", "a.voc", "a.rf64", "a.unknown"), alone),
        "photo.wav": STILL,
        **dict.fromkeys(("notes.txt", "labels.csv", "random.bin"), nothing),
        "empty.dat": "is empty (0 bytes)",
        "list.ffconcat": "is a list of other files, not a recording",
        "subtitles.srt": "is not a recording: it has neither sound nor pictures that can be decoded",
    }


def test_what_a_file_holds_is_told_by_what_is_in_it(tmp_path):
    for name, held in written(tmp_path).items():
        found, why = contents.of_files(tmp_path, [name])[name]
        assert (why if found is None else found) == held, name


def test_what_files_hold_is_remembered_until_they_change(tmp_path, monkeypatch):
    held = written(tmp_path / "in")
    for path in (tmp_path / "in").iterdir():
        os.utime(path, (1, 1))
    monkeypatch.setattr("affex.pipeline.storage.files.TICK", -60.0)  # all of them have changed long ago
    opened = Counter[str]()
    in_container = contents.in_container
    monkeypatch.setattr(contents, "in_container", lambda path: opened.update([path.name]) or in_container(path))

    def looked_at() -> int:
        opened.clear()
        found = contents.of_files(tmp_path / "in", list(held), tmp_path / "cache")
        assert {name: why if content is None else content for name, (content, why) in found.items()} == held
        return opened.total()

    first = looked_at()
    assert first > 5
    assert looked_at() == 0
    os.utime(tmp_path / "in" / "film.wav", (2, 2))
    assert (looked_at(), opened) == (1, {"film.wav": 1})
    record = tmp_path / "cache" / contents.RECORD
    record.write_text(record.read_text().replace("true", "false", 1))
    assert looked_at() == first
    assert looked_at() == 0
    monkeypatch.setattr(contents, "version", lambda _: "another")
    assert looked_at() == first


def test_a_folder_is_all_recordings_in_it_and_what_is_left_out_is_said(tmp_path):
    held = written(tmp_path / "in")
    write_wav(tmp_path / "in/deep/er/x.wav", 0.1)
    write_wav(tmp_path / "in/.hidden/y.wav", 0.1)
    write(tmp_path / "in/broken.wav", b"no sound")
    (tmp_path / "in/loop").symlink_to(tmp_path / "in")
    found = at_hand(tmp_path / "in", tmp_path / "cache")
    expected = {name: content for name, content in held.items() if isinstance(content, Content)}
    expected |= {"broken.wav": Content(sound=True), "deep/er/x.wav": Content(sound=True)}
    names = [next(medium.path for medium in utterance.media()) for utterance in found.utterances]
    assert names == sorted(expected)
    for utterance, name in zip(found.utterances, names, strict=True):
        kinds = (utterance.audio is not None, utterance.video is not None)
        assert kinds == (expected[name].sound, expected[name].pictures), name
    assert found.left_out == {
        **{name: why for name, why in held.items() if isinstance(why, str)},
        ".hidden/y.wav": HIDDEN,
        "loop": "is the same folder as the whole folder",
    }


def test_a_picture_that_cannot_be_opened_lacks_sound_for_that_reason(tmp_path):
    write(tmp_path / "rec" / "a.png", b"")
    write(tmp_path / "rec" / "b.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    found = at_hand(tmp_path / "rec", tmp_path / "cache").utterances
    assert [why for one in found for _, why in one.absent] == [
        "its file is empty (0 bytes)",
        "its file is not a recording: it has neither sound nor pictures that can be decoded",
    ]


def test_a_table_may_name_films_and_sounds_of_any_kind(tmp_path):
    held = {name: content for name, content in written(tmp_path).items() if isinstance(content, Content)}
    (tmp_path / "t.csv").write_text("\n".join(["id,file,speaker,label", *(f"{n},{n},eva,joy" for n in held)]))
    for utterance in csv.find(tmp_path / "t.csv"):
        content = held[utterance.id]
        assert (utterance.audio is not None, utterance.video is not None) == (content.sound, content.pictures)


def test_a_list_of_other_files_is_never_decoded(tmp_path):
    """Its bytes do not tell whether those of the others have changed, and these may be anybody's."""
    film(tmp_path / "f.mp4", 10)
    write(tmp_path / "l.avi", b"ffconcat version 1.0\nfile f.mp4\n")
    assert problem(tmp_path / "l.avi") == "l.avi is a list of other files, not a recording"
    with pytest.raises(MediaError, match="is a list of other files"):
        decode_audio(tmp_path, Media("l.avi"), 16000, 60.0)


# Photographs of people


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A folder of photographs: of her at two sizes, of two, and of nobody's."""
    folder = tmp_path / "photos"
    for n in range(8):
        width = 70 if n // 4 % 2 else 110
        suffix = (".jpg", ".png")[n % 2]
        write(folder / f"s{n % 4}_{n}{suffix}", encoded(scene(n % 3, width), suffix))
    write(folder / "two.png", encoded(company((120, 140), (100, 480))))
    write(folder / "nobody.bmp", encoded(quarters(240, 320), ".bmp"))
    return folder


def test_faces_of_photographs_are_a_row_each(photographs, tmp_path):
    found = at_hand(photographs, tmp_path / "cache")
    (faces,) = run(found, *feature_specs("faces:detector=hog"))
    table = feature_rows.load(faces.path, cache.recipe(faces.spec.feature).key)
    assert (len(table.ids), table.values.shape[0], set(table.times)) == (9, 10, {0.0})  # a row per face
    ((no_face, why),) = faces.failures.items()
    assert (no_face, why.partition(":")[0]) == ("nobody", "no face in any of 1 frames")
    n_faces = dict(
        zip(table.ids, table.values[table.offsets[:-1], table.columns.index("n_faces")].tolist(), strict=True)
    )
    assert n_faces == {id_: 1 + (id_ == "two") for id_ in table.ids}


def test_a_folder_of_photographs_is_evaluated_and_predicted(photographs, tmp_path):
    labels = {path.name: "small" if int(path.stem[3:]) // 4 % 2 else "large" for path in sorted(photographs.glob("s*"))}
    rows = [f"photos/{name},{name[:2]},{label}" for name, label in labels.items()]
    (tmp_path / "t.csv").write_text("\n".join(["file,speaker,label", *rows]))
    chosen = ["--features", "faces:detector=hog,pool=mean", "--classifier", "svm:C=1,gamma=0.01"]
    told = ["--dataset", "csv", "--data", str(tmp_path / "t.csv"), "--cache", str(tmp_path / "cache")]
    affex("evaluate", *told, *chosen, "--out", str(tmp_path / "run"))
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["n_utterances"] == 8
    affex("fit", *told, *chosen, "--model", str(tmp_path / "m.affex"))
    write(photographs / "notes.txt", b"not a photograph")
    outputs = affex("predict", "--model", str(tmp_path / "m.affex"), "--data", str(photographs), "--cache",
                 str(tmp_path / "cache"), "--out", str(tmp_path / "out.csv"))  # fmt: skip
    assert "9 of 10 recordings labelled, 1 file left out" in outputs
    assert "Left out 1: notes.txt: it is not a recording" in outputs
    with (tmp_path / "out.csv").open(newline="") as file:
        found = {row["file"]: row for row in tables.DictReader(file)}
    assert len(found) == 11
    assert found["notes.txt"]["note"].startswith("left out: it is not a recording")
    assert {row["predicted"] for name, row in found.items() if name.startswith("s")} == {"small", "large"}


def affex(*arguments: str) -> str:
    outputs = CliRunner().invoke(cli, [*arguments, "--scheduler", "inline"])
    assert outputs.exit_code == 0, outputs.output
    return outputs.output


def test_a_sound_model_says_that_a_photograph_has_no_sound(tmp_path):
    write_wav(tmp_path / "in" / "a.wav", 0.4)
    write(tmp_path / "in" / "cover.jpg", encoded(quarters(), ".jpg"))
    found = at_hand(tmp_path / "in", tmp_path / "cache")
    (heard,) = run(found, *feature_specs("egemaps"))
    assert (heard.computed, heard.failures) == (1, {"cover": "it has no sound: its file is a still picture"})

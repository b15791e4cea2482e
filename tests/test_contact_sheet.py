"""Contact sheets: what is gathered, in closed forms, and what is drawn."""

import io
import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from corpus import write_wav
from films import film, number, numbered
from matplotlib.image import imread

from affex.features.base import Signal
from affex.features.detectors import crops
from affex.features.faces import COLUMNS
from affex.pipeline import media
from affex.pipeline.caching import cache, sources, store
from affex.pipeline.caching.entry import Entry, Shape
from affex.pipeline.cli.command import cli
from affex.pipeline.contact_sheet import draw, frames, tracks
from affex.pipeline.contact_sheet.draw import drawn
from affex.pipeline.contact_sheet.gather import chosen, gathered
from affex.pipeline.contact_sheet.record import LOGMEL, MFCC, ContactSheet, Face, FaceTrack, Look, OverTime, Shot, Sound
from affex.pipeline.contact_sheet.style import FOUND, GAP, LOST, MARGIN, MARK
from affex.pipeline.contact_sheet.write import default_path
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.reporting.pictures import DPI
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.text.errors import UsageError

(FACES,) = feature_specs("faces")
BOX = (10.0, 20.0, 40.0, 60.0)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Return a video of 2 s with sound beside it, once whole and once from 0.4 s on, and a wav alone."""
    film(tmp_path / "film.mp4", 50)
    write_wav(tmp_path / "film.wav", 2.0)
    sound = Media("film.wav")
    whole = Utterance("whole", "mine", "s1", "joy", audio=sound, video=Media("film.mp4"))
    part = Utterance("part", "mine", "s1", audio=Media("film.wav", 0.4, 1.6), video=Media("film.mp4", 0.4, 1.6))
    return Dataset(
        "mine", tmp_path, tmp_path / "cache" / "mine", (whole, part, Utterance("heard", "mine", "", audio=sound))
    )


def rows(times: np.ndarray, lost: tuple[int, ...] = ()) -> np.ndarray:
    """Return rows whose face stands still, with scores that fall from 1."""
    values = np.zeros((len(times), len(COLUMNS)), np.float32)
    values[:, 0], values[:, 1], values[:, 2] = times, 1, 1 - np.arange(len(times)) / 100
    values[:, 3:7], values[:, 7:17], values[:, COLUMNS.index("n_faces")] = BOX, np.arange(10, 20), 2
    values[list(lost), 1:] = 0
    return values


def entry(dataset: Dataset, id_: str, times: np.ndarray, lost: tuple[int, ...] = ()) -> Entry:
    values = rows(times, lost)
    picture = np.full((200, 200, 3), 90, np.uint8)
    kept = [crops.encoded(picture, row[3:7]) if row[1] else b"" for row in values]
    return Entry(id_, source(dataset, id_), values, np.asarray(times, np.float64), crops=kept)


def source(dataset: Dataset, id_: str) -> str:
    of = next(utterance for utterance in dataset.utterances if utterance.id == id_).video
    return sources.source(sources.File(bytes.fromhex(media.digest(dataset.root / of.path)), b""), of).hex()


def keep(dataset: Dataset, *entries: Entry) -> Path:
    path = cache.FeatureFile(dataset.folder, FACES).path
    store.publish(path, cache.recipe(FACES.feature), COLUMNS, Shape.of(entries), entries)
    return path


def sheet_of(dataset: Dataset, id_: str) -> ContactSheet:
    return gathered(dataset, next(utterance for utterance in dataset.utterances if utterance.id == id_), FACES)


# -- which frames ------------------------------------------------------------------------------------------


def choose(n: int, worst: int, lost: tuple[int, ...] = (), most: int = 6) -> list[int]:
    found, scores = np.ones(n, bool), np.ones(n, np.float32)
    found[list(lost)], scores[list(lost)], scores[worst] = False, 0, 0.5
    return chosen(FaceTrack(np.arange(n) / 5, found, scores), most)


def test_frames_are_chosen_evenly():
    assert choose(12, worst=5) == [1, 3, 5, 7, 9, 11]
    assert choose(6000, worst=500) == [500, 1500, 2500, 3500, 4500, 5500]
    assert choose(4, worst=2) == [0, 1, 2, 3]
    assert choose(1, worst=0) == [0]


def test_the_worst_frame_and_a_lost_one_are_always_among_them():
    assert choose(12, worst=0) == [0, 3, 5, 7, 9, 11]
    assert choose(12, worst=5, lost=(8,)) == [1, 3, 5, 8, 9, 11]  # the first of two that are as near
    assert choose(12, worst=5, lost=(7, 8)) == [1, 3, 5, 7, 9, 11]  # there is one already
    assert choose(12, worst=0, lost=(2,)) == [0, 2, 5, 7, 9, 11]
    assert choose(100, worst=50, lost=(51,), most=2) == [50, 51]


@pytest.mark.parametrize("seed", range(40))
def test_whatever_is_lost(seed: int):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 60))
    found = rng.random(n) < rng.random()
    faces = FaceTrack(np.arange(n) / 5, found, rng.random(n).astype(np.float32))
    picked = chosen(faces)
    assert picked == sorted(set(picked))
    assert len(picked) == min(n, 6)
    assert faces.worst is None or faces.worst in picked
    assert (faces.worst is None) == (not found.any())
    assert found.all() or not found[picked].all()


# -- what is gathered --------------------------------------------------------------------------------------


def test_the_frames_of_their_times_with_their_faces(dataset):
    times = np.arange(50) / 25
    keep(dataset, entry(dataset, "whole", times, lost=(20, 21)))
    sheet = sheet_of(dataset, "whole")
    expected = chosen(sheet.faces)
    assert [shot.row for shot in sheet.faces.shots] == expected
    assert [number(shot.picture) for shot in sheet.faces.shots] == expected  # a frame carries its number
    assert [shot.face is None for shot in sheet.faces.shots] == [row in (20, 21) for row in expected]
    assert {20, 21} & set(expected)
    face = sheet.faces.shots[0].face
    assert face.box.tolist() == list(BOX)
    assert face.points.tolist() == [[10, 11], [12, 13], [14, 15], [16, 17], [18, 19]]
    assert face.n_faces == 2
    assert sheet.faces.shots[0].crop.shape == (64, 48, 3)  # a box of 30 x 40 px, widened by 60 %
    assert sheet.faces.found.sum() == 48
    assert np.array_equal(sheet.faces.times, times)
    assert (sheet.detector, sheet.duration, sheet.key) == ("mmod", 2.0, cache.recipe(FACES.feature).key)


def test_times_are_those_of_the_utterance(dataset):
    keep(dataset, entry(dataset, "part", np.array([0.1, 0.5, 0.9])))
    sheet = sheet_of(dataset, "part")
    assert [number(shot.picture) for shot in sheet.faces.shots] == [12, 22, 32]  # at 0.48 s of the video, and so on
    assert sheet.duration == pytest.approx(1.2)
    assert len(sheet.sound.samples) == round(1.2 * 16000)


def test_a_lost_frame_may_be_kept_whole(dataset):
    some = entry(dataset, "whole", np.arange(3) / 25, lost=(1,))
    kept = [*some.crops[:1], crops.encoded(numbered(1), np.array([20, 20, 40, 40])), *some.crops[2:]]
    keep(dataset, replace(some, crops=kept))
    shots = sheet_of(dataset, "whole").faces.shots
    assert [shot.face is None for shot in shots] == [False, True, False]
    assert [shot.crop.shape for shot in shots] == [(64, 48, 3), (32, 32, 3), (64, 48, 3)]


def test_large_frames_are_shrunk_and_keep_their_own_size(dataset):
    film(dataset.root / "film.mp4", (np.kron(numbered(k), np.ones((16, 20, 1), np.uint8)) for k in range(5)))
    keep(dataset, entry(dataset, "whole", np.arange(5) / 25))
    shot = sheet_of(dataset, "whole").faces.shots[3]
    assert (shot.width, shot.height, shot.picture.shape) == (1280, 1024, (512, 640, 3))
    assert number(np.ascontiguousarray(shot.picture[:, ::5, :].repeat(4, axis=1))) == 3


def test_sound_alone(dataset):
    sheet = sheet_of(dataset, "heard")
    assert sheet.faces == "there is no video"
    assert (sheet.duration, len(sheet.sound.samples)) == (2.0, 32000)
    assert sheet.sound.logmel.values.shape[1] == 90
    assert sheet.sound.mfcc.times[0] == pytest.approx(0.0125)


def test_pictures_alone(dataset):
    silent = Utterance("whole", "mine", "s1", video=Media("film.mp4"))
    keep(dataset, entry(dataset, "whole", np.arange(10) / 5))
    sheet = gathered(dataset, silent, FACES)
    assert sheet.sound == "there is no audio"
    assert sheet.duration == pytest.approx(1.9)


def test_why_nothing_can_be_seen_or_heard(dataset):
    keep(dataset, Entry("whole", source(dataset, "whole"), message="no face in any of 50 frames"))
    write_wav(dataset.root / "film.wav", 0.02)
    sheet = sheet_of(dataset, "whole")
    assert sheet.faces == "no face in any of 50 frames"
    assert sheet.sound.logmel == "too short: 0.020 s, and one window of 0.128 s needs at least 0.128 s"
    (dataset.root / "film.wav").write_text("not sound")
    assert "cannot be decoded" in sheet_of(dataset, "whole").sound
    (dataset.root / "film.wav").unlink()
    (dataset.root / "film.mp4").unlink()
    sheet = sheet_of(dataset, "whole")
    assert sheet.sound == "film.wav cannot be read: No such file or directory"
    assert sheet.faces == "film.mp4 cannot be read: No such file or directory"
    assert sheet.duration == 0


def test_what_is_to_be_done_first(dataset):
    to_do = r" Run `make features DATASET=mine FEATURES=faces` first\."
    assert re.fullmatch(rf".*faces\.h5 does not exist\.{to_do}", sheet_of(dataset, "whole").faces)
    path = keep(dataset, entry(dataset, "part", np.arange(3) / 5))
    assert re.fullmatch(rf"it is not among the utterances in the cache\.{to_do}", sheet_of(dataset, "whole").faces)
    keep(dataset, entry(dataset, "whole", np.arange(3) / 5))
    film(dataset.root / "film.mp4", 49)
    of_another = rf"film\.mp4, or the utterance's span of it, is not what they were made from\.{to_do}"
    assert re.fullmatch(of_another, sheet_of(dataset, "whole").faces)
    (other,) = feature_specs("faces:detector=hog")
    store.publish(path, cache.recipe(other.feature), COLUMNS, Shape.of([]), [])
    otherwise = rf".*faces\.h5 was made with other settings \(parameters\.detector hog -> mmod\)\.{to_do}"
    assert re.fullmatch(otherwise, sheet_of(dataset, "whole").faces)
    assert isinstance(sheet_of(dataset, "whole").sound, Sound)  # all the same


def test_a_feature_without_crops(dataset):
    with pytest.raises(UsageError, match="mfcc has no boxes and crops"):
        gathered(dataset, dataset.utterances[0], *feature_specs("mfcc"))


def test_hurt_rows_are_not_shown(dataset):
    path = keep(dataset, entry(dataset, "whole", np.arange(3) / 5))
    damaged = bytearray(path.read_bytes())
    damaged[store.described(path).arrays["values"].offset] ^= 1
    path.write_bytes(damaged)
    assert "the rows of 'whole' do not verify" in sheet_of(dataset, "whole").faces
    path.write_bytes(b"nothing")
    assert "its seal does not verify" in sheet_of(dataset, "whole").faces


# -- what is drawn -----------------------------------------------------------------------------------------


def face_track(times: np.ndarray, lost: tuple[int, ...] = (), face: bool = True) -> FaceTrack:
    found = np.ones(len(times), bool)
    found[list(lost)] = False
    picture = np.zeros((120, 160, 3), np.uint8)
    some = Face(np.array([160, 120, 480, 360]), np.array([[320, 240]]), 1)
    crop = np.zeros((100, 100, 3), np.uint8)
    shots = (
        Shot(0, picture, 640, 480, crop if face else None, some if face else None),
        Shot(1, picture, 640, 480, crop, some),
    )
    return FaceTrack(times, found, np.ones(len(times), np.float32), shots)


def sheet_with(faces: FaceTrack | str, sound: Sound | str = "there is no audio") -> ContactSheet:
    return ContactSheet(Utterance("$a_1$", "mine", "s1"), "faces", "mmod", "0" * 64, faces, sound)


def pixels(sheet: ContactSheet) -> np.ndarray:
    return imread(io.BytesIO(drawn(sheet)))[..., :3]


def near(picture: np.ndarray, colour: str) -> np.ndarray:
    wanted = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.abs(picture - wanted).max(axis=2) < 0.02


def test_the_size_of_a_sheet():
    notes = draw.HEADING + 2 * tracks.NOTE + tracks.AXIS
    assert pixels(sheet_with("there is no video")).shape[:2] == (round(DPI * notes), 14 * DPI)
    tiles = frames.TILE * 480 / 640 + frames.TILE + 2 * frames.LABEL + GAP
    height = draw.HEADING + tiles + tracks.LINE + tracks.NOTE + tracks.AXIS
    assert pixels(sheet_with(face_track(np.arange(3) / 5))).shape[:2] == (pytest.approx(DPI * height, abs=1), 14 * DPI)


def test_the_box_is_drawn_where_the_face_is():
    picture = pixels(sheet_with(face_track(np.arange(3) / 5)))
    left, top, scale = DPI * MARGIN, DPI * (draw.HEADING + frames.LABEL), DPI * frames.TILE / 640
    tile = near(picture, MARK)[: int(top + 480 * scale), : int(left + 640 * scale)]
    ys, xs = np.nonzero(tile)
    assert [xs.min(), xs.max()] == pytest.approx([left + 160 * scale, left + 480 * scale], abs=3)
    assert [ys.min(), ys.max()] == pytest.approx([top + 120 * scale, top + 360 * scale], abs=3)
    middle = tile[int(top + 230 * scale) : int(top + 250 * scale), int(left + 310 * scale) : int(left + 330 * scale)]
    assert middle.any()  # the landmark


def test_what_is_lost_is_marked():
    times = np.arange(3) / 5
    whole, lost = pixels(sheet_with(face_track(times))), pixels(sheet_with(face_track(times, (0,), False)))
    bottom = int(DPI * (draw.HEADING + frames.LABEL + frames.TILE * 480 / 640 + 0.05))
    tile, strip = np.s_[:bottom, : int(DPI * (MARGIN + frames.TILE))], np.s_[bottom : -round(DPI * tracks.NOTE)]
    assert not near(whole[tile], LOST).any()
    assert not near(whole[strip], LOST).any()
    assert near(lost[tile], LOST).sum() > 1000  # its frame's edge
    assert near(lost[strip], LOST).any()  # and its stretch of time
    assert near(lost, FOUND).sum() < near(whole, FOUND).sum()


def test_a_clip_in_which_all_is_lost():
    faces = face_track(np.arange(2) / 5, (0, 1), False)
    faces = replace(faces, shots=tuple(replace(shot, crop=None, face=None) for shot in faces.shots))
    assert faces.worst is None
    assert not near(pixels(sheet_with(faces)), FOUND).any()


def test_stretches_reach_half_way_to_the_next_frame():
    faces = face_track(np.array([0.1, 0.3, 0.5, 0.9]), lost=(1, 2))
    assert faces.stretches(1.0) == [
        (0, pytest.approx(0.2), True),
        (pytest.approx(0.2), pytest.approx(0.7), False),
        (pytest.approx(0.7), 1.0, True),
    ]


def test_equal_sheets_are_equal_files_of_each_kind():
    sheet = sheet_with(face_track(np.arange(3) / 5))
    begins = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}
    for kind, begin in begins.items():
        file = drawn(sheet, kind)
        assert file.startswith(begin)
        assert file == drawn(sheet, kind)


def test_what_is_heard_is_drawn_where_it_is():
    silence, rate = np.zeros(32000, np.float32), 16000
    tone = silence.copy()
    tone[16000:] = np.sin(2 * np.pi * 1000 * np.arange(16000) / rate) / 2
    signal = Signal(tone, rate)
    whole = pixels(sheet_with("there is no video", Sound(tone, rate, LOGMEL.extract(signal), MFCC.extract(signal))))
    wave = near(whole[int(DPI * (draw.HEADING + tracks.NOTE)) :][: int(DPI * tracks.LINE)], "#000000")[20:-40]
    columns = wave[:, 100:-140].sum(axis=0)
    half = len(columns) // 2
    assert np.median(columns[half + 20 :]) > 5 * np.median(columns[: half - 20])


def test_an_id_is_no_formula_and_its_end_is_shown():
    name = "/a/long/way" * 30 + r"/张/$\frac$"
    sheet = replace(sheet_with("there is no video"), utterance=Utterance(name, "mine", "s1"))
    assert draw.heading(sheet).partition("\n")[0] == name[-draw.LONGEST :]
    with warnings.catch_warnings(action="error"):  # of letters that the font lacks, to somebody who cannot help it
        assert pixels(sheet).shape[1] == 14 * DPI


# -- the verb ----------------------------------------------------------------------------------------------


def portrait() -> Iterator[np.ndarray]:
    """Yield 2 s of a portrait at 10 frames a second, that is gone after 1 s, for half a second."""
    from skimage.data import astronaut

    face = np.ascontiguousarray(astronaut()[:256, 96:352])
    for k in range(20):
        yield np.zeros_like(face) if 10 <= k < 15 else face


def test_the_verb(tmp_path, capsys):
    film(tmp_path / "Jäger 1.mp4", portrait(), rate=10)
    write_wav(tmp_path / "a.wav", 2.0)
    (tmp_path / "t.csv").write_text(
        "file,speaker,label,video\na.wav,s,joy,Jäger 1.mp4\nJäger 1.mp4,s,joy,\n", encoding="utf-8"
    )
    common = ["--data", str(tmp_path / "t.csv"), "--dataset", "csv", "--cache", str(tmp_path / "cache")]
    common += ["--features", "faces:detector=hog"]
    cli(["show", "a", *common, "--out", str(tmp_path / "a.svg")], standalone_mode=False)
    to_do = capsys.readouterr().out
    assert "does not exist. Run `affex features --dataset csv --data " in to_do
    assert " --features faces:detector=hog` first.\n" in to_do
    cli(["features", *common, "--scheduler", "inline"], standalone_mode=False)
    before = {path: path.read_bytes() for path in (tmp_path / "cache").rglob("*.*")}
    cli(["show", "Jäger 1", *common], standalone_mode=False)
    path = tmp_path / "cache" / "t" / "sheets" / "Jäger-1.png"
    assert imread(path).shape[1] == 14 * DPI
    assert capsys.readouterr().out.endswith(f"-> {path}\n")
    cli(["show", "a", *common, "--out", str(tmp_path / "new" / "a.PDF")], standalone_mode=False)
    assert (tmp_path / "new" / "a.PDF").read_bytes().startswith(b"%PDF")
    assert {path: path.read_bytes() for path in before} == before
    for arguments, message in (
        (["Jager 1"], "There is no utterance 'Jager 1'. Did you mean Jäger 1"),
        ([], r"make show UTTERANCE=s1_anger_1"),
        (["a", "--out", "a.jpg"], r"expected a file name that ends in \.png, \.pdf, \.svg"),
        (["a", "--features", "faces mfcc"], "one feature"),
    ):
        with pytest.raises(UsageError, match=message):
            cli(["show", *common, *arguments], standalone_mode=False)


def test_a_sheet_is_called_by_its_utterance(dataset):
    names = {
        "s1_anger_1": "s1_anger_1",
        "wav/Ärger 3": "wav-Ärger-3",
        "/far/off/a": "far-off-a",
        "../b": "b",
        "?": "utterance",
    }
    for id_, name in names.items():
        assert default_path(dataset, id_) == dataset.folder / "sheets" / f"{name}.png"
    assert len(default_path(dataset, "张" * 4000).name.encode()) < 255


# -- what a model looks at ---------------------------------------------------------------------------------


def looks(region: bool = True) -> tuple[Look, ...]:
    """Return two pictures, of which the second falls most in its last column."""
    grey = np.full((30, 20), 0.5, np.float32)
    fall = np.zeros((30, 20))
    fall[:, -5:] = 0.4
    corners = np.array([[5.0, 5], [15, 5], [15, 25], [5, 25]]) if region else None
    return (Look(0.1, grey, corners, np.zeros((30, 20)), "joy", 0.9), Look(0.5, grey, corners, fall, "sad", 0.6))


def test_where_a_network_looks_is_a_row_of_its_own():
    plain = replace(sheet_with(face_track(np.arange(3) / 5)), looks=(), model="")
    shown = replace(plain, looks=looks(), model="faces.affex")
    more = frames.height_of_looks(shown.looks) + GAP
    assert pixels(shown).shape[0] - pixels(plain).shape[0] == pytest.approx(DPI * more, abs=2)
    assert near(pixels(shown), MARK).sum() > near(pixels(replace(shown, looks=looks(region=False))), MARK).sum() + 100
    assert drawn(shown) == drawn(shown)


def test_scores_over_time_are_a_track_of_their_own():
    plain = sheet_with(face_track(np.arange(3) / 5))
    over = OverTime("run", np.arange(5) / 10, np.full((5, 2), 0.5), ("joy", "sad"), "joy", "sad")
    assert pixels(replace(plain, over_time=over)).shape[0] > pixels(plain).shape[0]
    values = replace(over, classes=(), values=np.arange(5.0)[:, None], true="1.00", predicted="2.00")
    assert drawn(replace(plain, over_time=values)) != drawn(replace(plain, over_time=over))

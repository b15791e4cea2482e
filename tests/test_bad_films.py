"""Bad videos, all the way: from a file that a test encodes to what the cache holds of its faces, and what it says.

What the decoder itself makes of such files is held frame by frame in `test_media_video` and `test_media_damage`.
"""

import tracemalloc
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from corpus import run, spec, write_wav
from films import film, noisy
from scenes import company, middle, no_face, scene, scenes

from affex.features.base import Feature, Rows
from affex.features.detectors import crops
from affex.features.face import Face
from affex.features.faces import COLUMNS, Faces
from affex.features.logmel import Logmel
from affex.features.person import Person
from affex.pipeline.caching import cache, store
from affex.pipeline.extraction.extract import Summary
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.reporting import coverage
from affex.pipeline.streams import table

#: What two boxes of one face may be apart, px: the detector's windows lie 8 px apart, or less in a small frame.
NEAR = 8


@dataclass(frozen=True)
class Seen:
    """What the cache holds of one utterance."""

    values: np.ndarray
    times: np.ndarray
    crops: tuple[bytes, ...]

    def __getitem__(self, column: str) -> np.ndarray:
        return self.values[:, COLUMNS.index(column)]

    @property
    def middles(self) -> np.ndarray:
        """Return the middle of the box of each frame, (n, 2) px."""
        return np.column_stack([self["x0"] + self["x1"], self["y0"] + self["y1"]]) / 2


def corpus(folder: Path, *utterances: Media) -> Dataset:
    """Return a corpus of utterances of that folder, each called as its file (the second of one file with a 2 ...)."""
    ids = [utterance.path.partition(".")[0] for utterance in utterances]
    ids = [f"{id_}{ids[:n].count(id_) + 1}" if id_ in ids[:n] else id_ for n, id_ in enumerate(ids)]
    utterances = [
        Utterance(i, "films", f"of {i}", video=utterance, audio=utterance)
        for i, utterance in zip(ids, utterances, strict=True)
    ]
    return Dataset("films", folder, folder / "cache", tuple(utterances))


def held(summary: Summary) -> dict[str, Seen]:
    """Return what the published file holds, every row verified, of one person a row per frame."""
    key = cache.recipe(summary.spec.feature).key
    with store.reading(summary.path) as reader:
        entries = [reader.entry(number, key) for number in range(len(reader.ids))]
        own = {e.id: summary.spec.feature.one_person(Rows(e.values, e.times, e.crops)) for e in entries}
        return {i: Seen(r.values, r.times, () if r.crops is None else tuple(r.crops)) for i, r in own.items()}


def watched(
    folder: Path, *utterances: str | Media, feature: Feature | None = None
) -> tuple[dict[str, Seen], dict[str, str]]:
    """Return what the cache holds of each utterance's faces, and why of the others it holds nothing."""
    dataset = corpus(
        folder, *(Media(utterance) if isinstance(utterance, str) else utterance for utterance in utterances)
    )
    *_, summary = run(dataset, spec("faces", feature or Faces()))
    return held(summary), summary.failures


# No video, no sound --------------------------------------------------------------------------------------


def test_what_is_no_film_says_so_and_the_others_are_done(tmp_path: Path) -> None:
    film(tmp_path / "fine.mp4", scenes([0, 0]))
    write_wav(tmp_path / "heard.wav", 0.5)
    with av.open(str(tmp_path / "sound.mp4"), "w") as out:
        stream = out.add_stream("aac", rate=16000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 8192), np.float32), format="fltp", layout="mono")
        silence.sample_rate, silence.pts = 16000, 0
        out.mux(stream.encode(silence) + stream.encode(None))
    (tmp_path / "zero.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("I am not a film. " * 50)
    for name in ("none.avi", "none.mp4"):
        with av.open(str(tmp_path / name), "w") as out:
            stream = out.add_stream("mpeg4", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
            out.start_encoding()
    seen, failures = watched(
        tmp_path, "fine.mp4", "heard.wav", "sound.mp4", "zero.mp4", "text.mp4", "none.avi", "none.mp4", "gone.mp4"
    )
    assert list(seen) == ["fine"]
    assert failures.pop("gone").endswith("gone.mp4 cannot be read: No such file or directory")
    assert failures == {
        "heard": "heard.wav has no video stream, only audio: expected a video",
        "sound": "sound.mp4 has no video stream, only audio: expected a video",
        "zero": "zero.mp4 is empty (0 bytes)",
        "text": "text.mp4 cannot be decoded: Invalid data found when processing input",
        "none": "none.avi has a video stream without pictures",
        "none2": "none.mp4 has no video stream, nor any other: expected a video",
    }


def test_a_film_without_sound_has_faces_and_a_wav_has_sound(tmp_path: Path) -> None:
    film(tmp_path / "mute.mp4", scenes([0, 0]))
    write_wav(tmp_path / "heard.wav", 0.5)
    dataset = corpus(tmp_path, Media("mute.mp4"), Media("heard.wav"))
    faces, heard = run(dataset, spec("faces", Faces()), spec("logmel", Logmel()))
    assert list(held(faces)) == ["mute"]
    assert list(held(heard)) == ["heard"]
    assert heard.failures == {"mute": "mute.mp4 has no audio stream, only video: expected sound"}


# Times, damage -------------------------------------------------------------------------------------------


def test_a_variable_frame_rate_is_sampled_by_time(tmp_path: Path) -> None:
    times = np.array([0.0, 0.05, 0.1, 0.75, 0.8, 1.5])
    film(tmp_path / "uneven.mkv", scenes(range(6)), times=times)
    [seen] = watched(tmp_path, Media("uneven.mkv", 0.0, 1.5), feature=Faces(frames="5/s"))[0].values()
    instants = np.arange(0.1, 1.5, 0.2)
    shown = np.unique(np.searchsorted(times, instants + 1e-3, side="right") - 1)
    assert shown.tolist() == [2, 4]
    assert seen.times == pytest.approx(times[shown], abs=1e-3)
    assert seen["time"] == pytest.approx(seen.times)
    assert np.abs(seen.middles - [middle(k) for k in shown]).max() < 15


@pytest.mark.parametrize("kind", ["mp4", "mkv", "avi", "mpg"])
def test_of_a_film_with_a_broken_last_third_the_clips_before_it_are_done(tmp_path: Path, kind: str) -> None:
    """An utterance that reaches into it has no rows, however many of its frames could be decoded, and it is said
    where."""
    whole = film(tmp_path / f"whole.{kind}", moving_noise(150), container={"movflags": "faststart"})
    content = whole.read_bytes()
    (tmp_path / f"cut.{kind}").write_bytes(content[: len(content) * 2 // 3])
    spans = [Media(f"cut.{kind}", k, k + 1.0) for k in range(6)]
    seen, failures = watched(tmp_path, Media(f"cut.{kind}"), *spans)
    assert set(failures) >= {"cut", "cut6", "cut7"}
    assert set(seen) >= {"cut2", "cut3"}
    assert set(seen) | set(failures) == {"cut", *(f"cut{n}" for n in range(2, 8))}
    assert all(len(each.values) == 5 and each["found"].all() for each in seen.values())
    assert all(f"cut.{kind}" in message for message in failures.values())
    assert any(words in failures["cut"] for words in ("is cut short: it declares 6.", "it cannot be decoded after "))


def moving_noise(count: int) -> list[np.ndarray]:
    """Return scenes under noise, so that the packets are as large as real ones."""
    her = scene(0).astype(int)
    return [
        np.clip(her + cv2.resize(noise, (320, 240)).astype(int)[..., :1] // 4 - 30, 0, 255).astype(np.uint8)
        for noise in noisy(count)
    ]


# Pictures ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """What is held of her, filmed as is usual."""
    folder = tmp_path_factory.mktemp("usual")
    film(folder / "usual.mp4", scenes([0, 2, 4]), rate=5)
    return watched(folder, "usual.mp4")[0]["usual"]


def assert_alike(seen: Seen, usual: Seen) -> None:
    assert usual["found"].tolist() == [1, 1, 1]
    assert seen["found"].tolist() == [1, 1, 1]
    assert np.abs(seen.middles - usual.middles).max() <= NEAR
    assert seen.times == pytest.approx(usual.times)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_portrait_film_is_upright(tmp_path: Path, usual: Seen, degrees: int) -> None:
    stored = [np.ascontiguousarray(np.rot90(picture, -(degrees // 90))) for picture in scenes([0, 2, 4])]
    film(tmp_path / "turned.mp4", stored, rate=5, turned=lambda stream: stream.set_display_rotation(degrees))
    assert_alike(watched(tmp_path, "turned.mp4")[0]["turned"], usual)


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [("ten.mp4", "libx264", "yuv420p10le"), ("grey.mkv", "ffv1", "gray"), ("greyten.mkv", "ffv1", "gray10le")],
)
def test_grey_and_ten_bits_show_the_same_face(tmp_path: Path, usual: Seen, name: str, codec: str, pixels: str) -> None:
    film(tmp_path / name, scenes([0, 2, 4]), rate=5, codec=codec, pixels=pixels, options={})
    [seen] = watched(tmp_path, name)[0].values()
    assert_alike(seen, usual)
    colours = crops.decoded(seen.crops[0]).astype(int)
    assert (np.ptp(colours, axis=2).mean() > 4) == (name == "ten.mp4")


def test_a_film_of_8k_takes_the_memory_of_a_few_frames(tmp_path: Path) -> None:
    frame, n_frames = cv2.resize(scene(0, 120, (240, 427)), (7680, 4320)), 6
    pictures = (frame for _ in range(n_frames))
    film(tmp_path / "huge.avi", pictures, rate=5, codec="mjpeg", pixels="yuvj420p", options={})
    tracemalloc.start()
    [seen] = watched(tmp_path, "huge.avi")[0].values()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # One is decoded, one is on its way, one waits, two are held until a cut before them is known, one is searched.
    assert peak < 7 * frame.nbytes
    assert seen["found"].tolist() == [1] * n_frames
    assert (seen["x1"] - seen["x0"] > 1500).all()
    assert max(map(len, seen.crops)) <= crops.MOST


# Nobody, and several -------------------------------------------------------------------------------------


def test_a_film_without_a_face_fails_or_is_kept_as_asked(tmp_path: Path) -> None:
    film(tmp_path / "nobody.mp4", [no_face()] * 3, rate=5)
    film(tmp_path / "her.mp4", scenes([0]), rate=5)
    seen, failures = watched(tmp_path, "nobody.mp4", "her.mp4")
    assert list(seen) == ["her"]
    assert failures["nobody"].startswith("no face in any of 3 frames: mmod searched for faces of 45 px and more.")
    for missing, sizes in (("keep", []), ("frame", [(216, 288, 3)] * 3)):
        dataset = corpus(tmp_path, Media("nobody.mp4"), Media("her.mp4"))
        faces = Faces(missing=missing)
        summary, _, embedded = run(dataset, spec("face", Face(faces=faces)))
        seen = held(summary)
        assert summary.failures == {}
        assert seen["nobody"].times == pytest.approx([0, 0.2, 0.4])
        assert not seen["nobody"].values[:, 1:].any()
        assert [crops.decoded(crop).shape for crop in seen["nobody"].crops if crop] == sizes
        shares = {each.name: each.share for each in coverage.of_utterances(table.load(dataset, [summary.spec]))}
        assert shares == {"nobody": 0, "her": 1}
        assert list(held(embedded)) == ["her"]
        assert embedded.failures["nobody"].startswith("no face in any of 3 frames")


@pytest.mark.parametrize(
    ("choice", "where"),
    [("largest", [115] * 3), ("central", [250] * 3), ("longest", [500] * 6)],
)
def test_of_several_faces_one_is_chosen_by_the_rule_and_the_others_are_counted(
    tmp_path: Path, choice: str, where: list[int]
) -> None:
    all_, one = company((150, 115), (90, 250), (95, 500)), company((95, 500))
    film(tmp_path / "three.mp4", [all_] * 3 + [one] * 3, rate=5)
    *_, summary = run(corpus(tmp_path, Media("three.mp4")), spec("person", Person(choice=choice)))
    seen = held(summary)["three"]
    n = len(where)
    assert seen["found"].tolist() == [1] * n + [0] * (6 - n)
    assert np.abs(seen.middles[:n, 0] - where).max() < 25
    assert seen["n_faces"].tolist() == [3, 3, 3, 1, 1, 1][:n] + [0] * (6 - n)
    assert set(seen.values[:, -2]) == {3}  # tracks


def test_of_two_faces_each_half_shows_its_own(tmp_path: Path) -> None:
    film(tmp_path / "two.mp4", [company((120, 140), (100, 480))] * 3, rate=5)
    halves = [Media("two.mp4", region=region) for region in ("left", "right")]
    seen, _ = watched(tmp_path, "two.mp4", *halves)
    assert [each["n_faces"].tolist() for each in seen.values()] == [[2] * 3, [1] * 3, [1] * 3]
    assert [round(float(each.middles[0, 0]) / 20) for each in seen.values()] == [7, 7, 8]


def test_a_face_that_leaves_and_returns_is_not_made_up_meanwhile(tmp_path: Path) -> None:
    film(tmp_path / "away.mp4", scenes([0, 1, None, None, 4, 5, 6]), rate=5)
    faces, _, face = run(corpus(tmp_path, Media("away.mp4")), spec("face", Face()))
    seen, embedded = held(faces)["away"], held(face)["away"]
    assert seen["found"].tolist() == [1, 1, 0, 0, 1, 1, 1]
    assert not seen.values[2:4, 1:].any()
    assert seen.crops[2:4] == (b"", b"")
    assert np.abs(seen.middles[[0, 1, 4, 5, 6]] - [middle(k) for k in (0, 1, 4, 5, 6)]).max() < 15
    assert embedded.times == pytest.approx(np.array([0, 1, 4, 5, 6]) / 5)
    assert coverage.of_utterances(table.load(corpus(tmp_path, Media("away.mp4")), [faces.spec]))[0].n_found == 5

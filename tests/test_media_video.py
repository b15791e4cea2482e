"""Video, against closed forms: every frame carries its number, so that the right ones at the right times are known."""

import math
import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import psutil
import pytest
from films import KINDS, SIDE, film, number, numbered

from affex.features.base import Frames
from affex.features.pictures.sampling import sampling
from affex.pipeline.media import timeline
from affex.pipeline.media.video import Ended, Wanted, Window, windows


def want(id_: str = "", how: str = "all", start: float | None = None, end: float | None = None, **more) -> Wanted:
    return Wanted(id_, sampling(how), start, end, **more)


def gathered(events: Iterable[Window | Ended]) -> dict[str, Frames]:
    """Return all pictures of each utterance; every one must end once, well, and with what it was given."""
    parts: dict[str, list[Frames]] = {}
    ended: dict[str, Frames] = {}
    for event in events:
        assert event.id not in ended
        if isinstance(event, Window):
            parts.setdefault(event.id, []).append(event.frames)
            continue
        assert event.problem is None
        given = parts.pop(event.id)
        ended[event.id] = Frames(
            np.concatenate([part.pictures for part in given]), np.concatenate([part.times for part in given])
        )
        assert len(ended[event.id].times) == event.n_frames
    assert not parts
    return ended


def see(path: Path, *wanted: Wanted, **how) -> dict[str, Frames]:
    seen = gathered(windows(path.parent, path.name, wanted, **how))
    assert set(seen) == {each.id for each in wanted}
    return seen


def numbers(frames: Frames) -> list[int]:
    return [number(picture) for picture in frames.pictures]


def taken(path: Path, how: str, start: float | None = None, end: float | None = None) -> list[int]:
    return numbers(see(path, want("", how, start, end))[""])


@pytest.fixture(scope="module")
def three_seconds(tmp_path_factory) -> Path:
    return film(tmp_path_factory.mktemp("films") / "a.mp4", 75)


def test_frames_are_drawn_at_random_by_the_seed(three_seconds: Path) -> None:
    drawn = [numbers(see(three_seconds, want("", "8-random/clip", seed=seed))[""]) for seed in ("a", "b", "a")]
    assert drawn[0] == drawn[2] != drawn[1]
    assert all(len(set(one)) == 8 and one == sorted(one) for one in drawn)
    part = see(three_seconds, want("", "8-random/clip", 1.0, 2.0, seed="a"))[""]
    assert numbers(part) == [int(t * 25) for t in sampling("8-random/clip").instants(1.0, 2.0, "a")]


@pytest.mark.parametrize("kind", KINDS)
def test_every_frame_comes_once_in_order_at_its_time(tmp_path: Path, kind: str) -> None:
    frames = see(film(tmp_path / f"a.{kind}", 50), want())[""]
    assert (frames.pictures.dtype, frames.pictures.shape) == (np.uint8, (50, SIDE, SIDE, 3))
    assert frames.times.dtype == np.float64
    assert numbers(frames) == list(range(50))
    late = {"avi": 0.04}.get(kind, 0.0)  # AVI has no presentation times: FFmpeg adds the delay of B-frames
    np.testing.assert_allclose(frames.times, np.arange(50) / 25 + late, atol=1e-3)


def test_a_slow_avi_with_b_frames_begins_at_its_beginning(tmp_path: Path) -> None:
    frames = see(film(tmp_path / "a.avi", 20, rate=5), want())[""]
    assert numbers(frames) == list(range(20))
    assert frames.times[0] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("how", "instants"),
    [
        ("13/s", (np.arange(39) + 0.5) / 13),
        ("20/3s", (np.arange(20) + 0.5) * 3 / 20),
        ("16/clip", (np.arange(16) + 0.5) * 3 / 16),
        ("5/s", (np.arange(15) + 0.5) / 5),
        ("100/s", (np.arange(300) + 0.5) / 100),
    ],
)
def test_an_instant_takes_the_frame_on_screen(three_seconds: Path, how: str, instants: np.ndarray) -> None:
    frames = see(three_seconds, want("", how))[""]
    assert numbers(frames) == sorted(set(np.floor(instants * 25).astype(int)))
    np.testing.assert_allclose(frames.times, np.array(numbers(frames)) / 25)


@pytest.mark.parametrize("kind", ["mp4", "mkv"])
def test_a_changing_frame_rate_is_sampled_by_time(tmp_path: Path, kind: str) -> None:
    times = np.cumsum(np.random.default_rng(0).choice([0.02, 0.04, 0.1, 0.7], 60))
    times -= times[0]
    path = film(tmp_path / f"a.{kind}", 60, times=times)
    for step in (0.1, 0.25):
        instants = np.arange(step / 2, times[-1], step)
        on_screen = sorted(set((np.searchsorted(times, instants, side="right") - 1).tolist()))
        assert taken(path, f"1/{step}s", 0.0, times[-1]) == on_screen
    frames = see(path, want())[""]
    assert numbers(frames) == list(range(60))
    np.testing.assert_allclose(frames.times, times, atol=1e-3)


def test_on_the_border_of_two_frames_the_later_is_taken(tmp_path: Path, three_seconds: Path) -> None:
    assert taken(three_seconds, "25/2s", 0.0, 1.0) == list(range(1, 25, 2))
    rounded = film(tmp_path / "a.mkv", 60, rate=30)  # Matroska rounds 5/30 s up to 0.167 s
    assert taken(rounded, "15/s", 0.0, 2.0) == list(range(1, 60, 2))


def test_a_span_holds_the_frames_on_screen_in_it(three_seconds: Path) -> None:
    frames = see(three_seconds, want("", "all", 1.0, 2.0))[""]
    assert numbers(frames) == list(range(25, 50))
    np.testing.assert_allclose(frames.times, np.arange(25) / 25, atol=1e-9)
    cut = see(three_seconds, want("", "all", 1.01, 1.09))[""]
    assert numbers(cut) == [25, 26, 27]
    np.testing.assert_allclose(cut.times, [0.0, 0.03, 0.07], atol=1e-9)
    assert taken(three_seconds, "16/clip", 1.0, 2.0) == [25 + math.floor((k + 0.5) * 25 / 16) for k in range(16)]
    assert taken(three_seconds, "16/clip", 2.0) == [50 + math.floor((k + 0.5) * 25 / 16) for k in range(16)]


def test_a_span_within_one_frame_shows_it(tmp_path: Path) -> None:
    path = film(tmp_path / "still.mp4", 3, times=[0.0, 0.5, 8.0])
    for how in ("all", "10/s", "1/clip"):
        frames = see(path, want("", how, 2.0, 3.0))[""]
        assert (numbers(frames), frames.times.tolist()) == ([1], [0.0])


def test_a_span_too_short_for_any_instant_takes_its_last_frame(three_seconds: Path) -> None:
    assert taken(three_seconds, "1/2s", 1.0, 1.5) == [37]


def test_the_last_instants_fall_on_the_last_frame_where_the_span_is_a_little_longer(three_seconds: Path) -> None:
    assert taken(three_seconds, "4/clip", 2.9, 3.08) == [73, 74]
    assert taken(three_seconds, "2/clip", 2.9, 3.08) == [73, 74]


@pytest.mark.parametrize("kind", KINDS)
def test_many_spans_are_served_by_one_reading(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = film(tmp_path / f"a.{kind}", 250)
    spans = [(0.0, 2.0), (1.0, 9.0), (1.5, 1.8), (4.0, 6.0), (4.0, 6.0), (8.5, None), (None, 0.5)]
    wanted = [want(f"{k}", how, *span) for k, span in enumerate(spans) for how in [("all", "7/s", "6/clip")[k % 3]]]
    alone = {each.id: see(path, each)[each.id] for each in wanted}
    opened: list[int] = []
    read = timeline._read
    monkeypatch.setattr(timeline, "_read", lambda reel: opened.append(1) or read(reel))
    together = see(path, *wanted[::-1])
    assert len(opened) == 1 + (kind in ("ts", "mpg"))  # no length in the header: the packets are read for it first
    for id_, frames in alone.items():
        np.testing.assert_array_equal(together[id_].pictures, frames.pictures)
        np.testing.assert_array_equal(together[id_].times, frames.times)


@pytest.mark.parametrize("kind", KINDS)
def test_what_nobody_wants_is_not_decoded_and_changes_nothing(tmp_path: Path, kind: str, monkeypatch) -> None:
    path = film(tmp_path / f"a.{kind}", 1000)
    spans = [want("far", "all", 20.0, 21.0), want("farther", "5/s", 30.01, 31.0), want("near", "all", 1.0, 1.5)]
    whole = see(path, want())[""]
    decoded: list[int] = []
    add = timeline._Line.add
    monkeypatch.setattr(timeline._Line, "add", lambda line, frame: decoded.append(1) or add(line, frame))
    some = see(path, *spans)
    assert len(decoded) < 250
    for each in spans[:1] + spans[2:]:
        inside = (whole.times > each.start - 0.04 + 1e-3) & (whole.times < each.end - 1e-3)
        np.testing.assert_array_equal(some[each.id].pictures, whole.pictures[inside])
    late = int(kind == "avi")
    assert numbers(some["farther"]) == [math.floor((30.11 + k / 5) * 25) - late for k in range(5)]


def test_a_film_with_one_key_frame_is_decoded_though_nobody_wants_its_beginning(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", 1000, options={"g": "9999", "sc_threshold": "0", "preset": "ultrafast"})
    assert taken(path, "all", 38.0, 38.2) == list(range(950, 955))


def test_halves_are_of_the_upright_picture(tmp_path: Path) -> None:
    corners = np.repeat(np.repeat(np.array([[0, 80], [160, 240]], np.uint8), 16, 0), 32, 1)[..., None].repeat(3, 2)
    level = film(tmp_path / "level.mp4", [corners] * 3)
    seen = see(level, want("whole"), *(want(half, region=half) for half in ("left", "right", "top", "bottom")))
    assert seen["whole"].pictures.shape == (3, 32, 64, 3)
    for half, expected in {"left": (0, 160), "right": (80, 240), "top": (0, 80), "bottom": (160, 240)}.items():
        assert seen[half].pictures.shape[1:3] == ((32, 32) if half in ("left", "right") else (16, 64))
        inner = seen[half].pictures[:, 4:-4, 4:-4]
        assert (inner.min(), inner.max()) == pytest.approx(expected, abs=4)


@pytest.mark.parametrize("degrees", [90, 180, 270])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_turned_film_is_upright(tmp_path: Path, degrees: int, mirrored: bool) -> None:
    corners = np.repeat(np.repeat(np.array([[0, 80], [160, 240]], np.uint8), 16, 0), 32, 1)[..., None].repeat(3, 2)
    path = film(
        tmp_path / "turned.mp4",
        [corners] * 3,
        turned=lambda stream: stream.set_display_rotation(degrees, hflip=mirrored),
    )
    turned = np.rot90(corners, degrees // 90)  # counterclockwise, as FFmpeg counts
    expected = turned[:, ::-1] if mirrored else turned
    seen = see(path, want("whole"), want("top", region="top"))
    assert seen["whole"].pictures.shape[1:] == expected.shape
    middles = (slice(8, None, expected.shape[0] // 2), slice(8, None, expected.shape[1] // 2))
    np.testing.assert_allclose(seen["whole"].pictures[0][middles].astype(int), expected[middles].astype(int), atol=4)
    np.testing.assert_array_equal(seen["top"].pictures, seen["whole"].pictures[:, : expected.shape[0] // 2])


LEVELS = (0, 16, 64, 128, 200, 235, 255)


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "range_"),
    [
        ("limited.mp4", "libx264", "yuv420p", 1),
        ("full.mp4", "libx264", "yuvj420p", 2),
        ("ten.mp4", "libx264", "yuv420p10le", 1),
        ("ten-full.mp4", "libx264", "yuv420p10le", 2),
        ("four.mp4", "libx264", "yuv444p", 1),
        ("grey.mkv", "ffv1", "gray", None),
        ("grey10.mkv", "ffv1", "gray10le", None),
        ("sixteen.mkv", "ffv1", "yuv420p16le", 1),
        ("rgb.mkv", "ffv1", "bgr0", None),
        ("alpha.mkv", "ffv1", "yuva420p", 1),
    ],
)
def test_grey_levels_are_what_was_filmed(tmp_path: Path, name: str, codec: str, pixels: str, range_: int | None):
    filmed = [np.full((SIDE, SIDE, 3), level, np.uint8) for level in LEVELS]
    options = {"crf": "1"} if codec == "libx264" else {}
    path = film(tmp_path / name, filmed, codec=codec, pixels=pixels, range_=range_, options=options)
    pictures = see(path, want())[""].pictures.astype(int)
    np.testing.assert_allclose(np.median(pictures, axis=(1, 2)), np.array(LEVELS)[:, None].repeat(3, 1), atol=1)


@pytest.mark.parametrize("colorspace", [1, 5])
def test_colours_are_what_was_filmed_in_both_matrices(tmp_path: Path, colorspace: int) -> None:
    filmed = np.empty((SIDE, SIDE, 3), np.uint8)
    filmed[:] = (200, 30, 60)
    k_red, k_blue = {1: (0.2126, 0.0722), 5: (0.299, 0.114)}[colorspace]  # BT.709, BT.601
    red, green, blue = np.array([200, 30, 60]) / 255
    luma = k_red * red + (1 - k_red - k_blue) * green + k_blue * blue
    planes = [16 + 219 * luma, 128 + 112 * (blue - luma) / (1 - k_blue), 128 + 112 * (red - luma) / (1 - k_red)]
    path = yuv_film(tmp_path / "colour.mp4", [round(level) for level in planes], colorspace)
    pictures = see(path, want())[""].pictures.astype(int)
    np.testing.assert_allclose(pictures[0, 9, 9], (200, 30, 60), atol=2)


def yuv_film(path: Path, levels: list[int], colorspace: int) -> Path:
    """Write a video of one colour, given as it is stored."""
    import av

    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"crf": "1"})
        stream.width = stream.height = SIDE
        stream.pix_fmt, stream.colorspace, stream.color_range = "yuv444p", colorspace, 1
        planes = np.broadcast_to(np.array(levels, np.uint8)[:, None, None], (3, SIDE, SIDE))
        for k in range(3):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(planes), format="yuv444p")
            frame.colorspace, frame.color_range, frame.pts = colorspace, 1, k
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def test_windows_are_bounded_and_shared_by_those_who_overlap(three_seconds: Path) -> None:
    picture = SIDE * SIDE * 3
    for n_utterances, most in [(1, 10), (2, 5), (5, 2), (20, 1)]:
        wanted = [want(f"{k}") for k in range(n_utterances)]
        sizes = [
            len(event.frames.times)
            for event in windows(three_seconds.parent, "a.mp4", wanted, window_bytes=10 * picture)
            if isinstance(event, Window)
        ]
        assert max(sizes) == most
        assert sum(sizes) == 75 * n_utterances


def test_an_8k_film_comes_one_picture_at_a_time(tmp_path: Path) -> None:
    huge = (np.full((4320, 7680, 3), level, np.uint8) for level in (0, 200))
    path = film(tmp_path / "8k.avi", huge, codec="mjpeg", pixels="yuvj420p", options={})
    sizes = [
        [picture.shape for picture in event.frames.pictures] if isinstance(event, Window) else event.problem
        for event in windows(tmp_path, path.name, [want("", "1/clip"), want("b", "2/clip")])
    ]
    assert sorted(sizes, key=str) == [None] * 2 + [[(4320, 7680, 3)]] * 3


def test_memory_does_not_grow_with_the_film(tmp_path: Path) -> None:
    """Half an hour takes no more than three minutes, neither Python's nor FFmpeg's."""
    short, long = (
        film(tmp_path / f"{n}.mp4", (numbered(k) for k in range(n)), rate=5, codec="mpeg4", options={"g": "50"})
        for n in (900, 9000)
    )
    traced, resident = peak(short)
    longer_traced, longer_resident = peak(long)
    assert longer_traced < 1.05 * traced
    assert longer_resident < resident + 20 * 2**20


def peak(path: Path) -> tuple[int, int]:
    """Return the peaks of Python's memory and of the whole process while a film's pictures are read, bytes."""
    process, resident = psutil.Process(), []
    tracemalloc.start()
    for event in windows(path.parent, path.name, [want(), want("even", "16/clip"), want("end", "all", 170.0, 179.0)]):
        resident.append(process.memory_info().rss)
        assert isinstance(event, Window) or event.problem is None
    traced = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return traced, max(resident)


def test_real_films_are_read_whole(test_data) -> None:
    utterances = test_data("clips")
    for path, n_frames, size in [
        ("mead/M003_level_1_happy_024.mp4", 63, (1080, 1920)),
        ("grid/bbaf2n.mpg", 75, (288, 360)),
        ("lrs3/00002.mp4", 48, (224, 224)),
        ("ravdess/01-01-01-01-01-01-01.mp4", 98, (720, 1280)),  # 99 in the file, the last one cut off by its edit list
    ]:
        seen = gathered(
            windows(utterances, path, [want("all"), want("span", "all", 0.6, 1.0), want("even", "16/clip")])
        )
        frames = seen["all"]
        rate = 30000 / 1001 if "ravdess" in path else 25
        assert frames.pictures.shape == (n_frames, *size, 3)
        np.testing.assert_allclose(frames.times, np.arange(n_frames) / rate, atol=1e-5)
        assert frames.pictures[::9, ::8, ::8].std(axis=(1, 2, 3)).min() > 10
        inside = (frames.times > 0.6 - 1 / rate + 1e-3) & (frames.times < 1.0 - 1e-3)
        np.testing.assert_array_equal(seen["span"].pictures, frames.pictures[inside])
        np.testing.assert_allclose(np.diff(seen["even"].times), n_frames / rate / 16, atol=1.5 / rate)

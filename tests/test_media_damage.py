"""Bad video: what is wrong is said of those utterances that it touches, and of no other."""

import wave
from pathlib import Path

import av
import numpy as np
import pytest
from films import KINDS, film, noisy, number

from affex.features.pictures.sampling import sampling
from affex.pipeline.media import timeline
from affex.pipeline.media.video import Ended, Wanted, Window, windows


def want(id_: str, start: float | None = None, end: float | None = None, how: str = "all", **more) -> Wanted:
    return Wanted(id_, sampling(how), start, end, **more)


def outcomes(path: Path, *wanted: Wanted) -> tuple[dict[str, list[int]], dict[str, str | None]]:
    """Return the numbers of the frames that came, and the problem, of each utterance."""
    came: dict[str, list[int]] = {each.id: [] for each in wanted}
    problems: dict[str, str | None] = {}
    for event in windows(path.parent, path.name, wanted):
        assert event.id not in problems
        if isinstance(event, Window):
            came[event.id] += [number(picture) for picture in event.frames.pictures]
        else:
            assert event.n_frames == len(came[event.id])
            problems[event.id] = event.problem
    assert set(problems) == set(came)
    return came, problems


def problem(path: Path, *span: float | None, **more) -> str:
    [ended] = [e for e in windows(path.parent, path.name, [want("", *span, **more)]) if isinstance(e, Ended)]
    assert ended.problem is not None
    return ended.problem


def seconds() -> list[Wanted]:
    return [want(f"{k}", k, k + 1.0) for k in range(10)]


def truth(k: int, kind: str) -> list[int]:
    late = int(kind == "avi")  # the first frame of an AVI with B-frames is shown one frame late
    return list(range(max(25 * k - late, 0), 25 * (k + 1) - late))


def whole_film(path: Path) -> bytearray:
    """Write ten seconds with packets as large as real ones, and the index in front where there is one."""
    return bytearray(film(path, noisy(250), container={"movflags": "faststart"}).read_bytes())


@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_last_third_spoils_only_who_reaches_into_it(tmp_path: Path, kind: str) -> None:
    content = whole_film(tmp_path / f"whole.{kind}")
    cut = tmp_path / f"cut.{kind}"
    cut.write_bytes(content[: len(content) * 2 // 3])
    came, problems = outcomes(cut, want("whole"), *seconds())
    fine = [k for k in range(10) if problems[f"{k}"] is None]
    assert fine == list(range(len(fine)))
    assert 4 <= len(fine) <= 7
    for k in fine:
        assert came[f"{k}"] == truth(k, kind)
    assert all(f"cut.{kind}" in (problems[f"{k}"] or "") for k in range(len(fine), 10))
    if kind not in ("ts", "mpg"):  # these do not say how long they are
        assert f"cut.{kind} is " in (problems["whole"] or "")


@pytest.mark.parametrize("at", [0.4, 0.55, 0.7])
@pytest.mark.parametrize("kind", ["mp4", "mkv", "ts"])  # what the others do not notice is told in `timeline`
def test_a_damaged_stretch_is_not_shown_and_what_follows_is(tmp_path: Path, kind: str, at: float) -> None:
    path = tmp_path / f"a.{kind}"
    content = whole_film(path)
    first, length = int(at * len(content)), len(content) // 30
    content[first : first + length] = np.random.default_rng(1).bytes(length)
    path.write_bytes(content)
    came, problems = outcomes(path, want("whole"), *seconds())
    if kind == "mkv":  # loses packets without a word
        problems = {id_: problem or stands_still(path, id_) for id_, problem in problems.items()}
    spoilt = [k for k in range(10) if problems[f"{k}"] is not None]
    assert problems["whole"] is not None
    assert spoilt == list(range(spoilt[0], spoilt[-1] + 1))
    assert 1 <= spoilt[0] <= 8
    assert len(spoilt) <= 3
    for k in set(range(10)) - set(spoilt):
        assert came[f"{k}"] == truth(k, kind)


def test_frames_that_a_decoder_keeps_to_itself_are_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = film(tmp_path / "a.mp4", 75)
    frames = timeline._frames
    monkeypatch.setattr(timeline, "_frames", lambda decoder, packet: frames(decoder, packet) if packet.size else [])
    came, problems = outcomes(path, want("whole"), want("first", 0.0, 2.5))
    assert (came["first"], problems["first"]) == (list(range(63)), None)
    assert "a.mp4 is damaged: it cannot be decoded after 2." in (problems["whole"] or "")


def test_after_damage_a_file_without_times_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    content = whole_film(path)
    with av.open(str(path)) as container:
        packet = next(packet for packet in container.demux(video=0) if packet.dts >= 130 and packet.is_keyframe)
    first = content.index(bytes(packet))
    content[first : first + packet.size] = bytes(packet.size)
    path.write_bytes(content)
    came, problems = outcomes(path, want("whole"), *seconds())
    assert problems["whole"] is not None
    assert [k for k in range(10) if problems[f"{k}"] is None] == [0, 1, 2, 3, 4]
    assert [came[f"{k}"] for k in range(5)] == [truth(k, "avi") for k in range(5)]


def stands_still(path: Path, id_: str) -> str | None:
    wanted = next(each for each in [want("whole"), *seconds()] if each.id == id_)
    *_, ended = windows(path.parent, path.name, [wanted])
    return "stands still" if ended.longest > 0.05 else None


def test_how_long_a_picture_stands_is_told(tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", 4, times=[0.0, 0.5, 8.0, 8.5])
    ended = [event for event in windows(tmp_path, "a.mp4", [want("", 1.0, 8.5)]) if isinstance(event, Ended)]
    assert [event.longest for event in ended] == [pytest.approx(7.0)]


def test_where_a_file_ends_early_is_said(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", 75)
    assert problem(path, 2.0, 5.0) == (
        "the span 2.000 to 5.000 s reaches beyond the end of a.mp4, which has 3.000 s of video"
    )
    assert problem(path, 4.0, 5.0) == "the span begins at 4.000 s, and a.mp4 has 3.000 s of video"
    assert problem(path, 4.0, None, how="4/clip") == "the span begins at 4.000 s, and a.mp4 has 3.000 s of video"
    assert problem(path, 1.0, 1.0) == "the span 1.000 to 1.000 s of a.mp4 is empty"
    assert problem(path, 1.0, 2.0, region="lft").startswith("There is no region 'lft'. Did you mean left?")


def test_pictures_that_begin_late_are_said(tmp_path: Path) -> None:
    path = film(tmp_path / "late.mkv", 50, times=[2 + k / 25 for k in range(50)])
    with_sound(path, tmp_path / "both.mkv")
    came, problems = outcomes(tmp_path / "both.mkv", want("early", 0.0, 3.0), want("fine", 2.0, 3.0), want("whole"))
    assert problems == {"early": "both.mkv shows its first picture at 2.000 s", "fine": None, "whole": None}
    assert (came["fine"], came["whole"]) == (list(range(25)), list(range(50)))


def with_sound(path: Path, both: Path) -> None:
    """Copy a video and give it a second of silence from its very beginning."""
    with av.open(str(path)) as film_, av.open(str(both), "w") as out:
        picture = out.add_stream_from_template(film_.streams.video[0])
        sound = out.add_stream("pcm_s16le", rate=16000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.int16), format="s16", layout="mono")
        silence.sample_rate, silence.pts = 16000, 0
        out.mux(sound.encode(silence))
        for packet in film_.demux(video=0):
            if packet.size:
                packet.stream = picture
                out.mux(packet)


def sound(path: Path, codec: str = "aac", cover: bool = False, empty: bool = False) -> Path:
    with av.open(str(path), "w", format="mp4" if path.suffix == ".m4a" else None) as out:
        stream = out.add_stream(codec, rate=16000, layout="mono")
        if cover or empty:
            picture = out.add_stream("mjpeg" if cover else "mpeg4", rate=25)
            picture.width = picture.height = 64
            picture.pix_fmt = "yuvj420p" if cover else "yuv420p"
        if cover:
            picture.disposition = av.stream.Disposition.attached_pic
            black = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            packets = picture.encode(black.reformat(format="yuvj420p")) + picture.encode(None)
        for k in range(8):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16000, 1024 * k
            out.mux(stream.encode(frame))
            if cover and k == 0:
                out.mux(packets)
        out.mux(stream.encode(None))
    return path


def test_files_that_are_no_video_say_so(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(bytes(32000))
    sound(tmp_path / "sound.mp4")
    sound(tmp_path / "cover.m4a", cover=True)
    sound(tmp_path / "empty.mp4", empty=True)
    (tmp_path / "zero.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("I am not a film. " * 50)
    with av.open(str(tmp_path / "none.avi"), "w") as out:
        stream = out.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        out.start_encoding()
    for name, output in {
        "a.wav": "a.wav has no video stream, only audio: expected a video",
        "sound.mp4": "sound.mp4 has no video stream, only audio: expected a video",
        "cover.m4a": "cover.m4a has no video stream, only audio and a cover picture: expected a video",
        "empty.mp4": "empty.mp4 has no video stream, only audio: expected a video",
        "zero.mp4": "zero.mp4 is empty (0 bytes)",
        "text.mp4": "text.mp4 cannot be decoded: Invalid data found when processing input",
        "none.avi": "none.avi has a video stream without pictures",
    }.items():
        _, problems = outcomes(tmp_path / name, want("whole"), want("span", 0.1, 0.2), want("even", how="16/clip"))
        assert problems == dict.fromkeys(("whole", "span", "even"), output)


def test_a_film_without_sound_is_fine(tmp_path: Path) -> None:
    assert outcomes(film(tmp_path / "a.mp4", 5), want("")) == ({"": [0, 1, 2, 3, 4]}, {"": None})


def test_a_file_that_is_not_there_is_no_bad_medium(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(windows(tmp_path, "gone.mp4", [want("")]))


def test_a_file_that_begins_anew_is_cut_in_two(tmp_path: Path) -> None:
    content = film(tmp_path / "a.ts", 75).read_bytes()
    (tmp_path / "twice.ts").write_bytes(content + content)
    came, problems = outcomes(tmp_path / "twice.ts", want("whole"), want("first", 0.0, 2.5))
    assert came["first"] == list(range(63))
    assert problems["first"] is None
    assert "twice.ts begins again" in (problems["whole"] or "")

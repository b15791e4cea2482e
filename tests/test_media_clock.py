"""One clock for all that is in a file: a span holds what is heard and seen at its times, or is refused and told why."""

import json
import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import clock
import numpy as np
import pytest
import soundfile
from corpus import Listener, run, spec
from films import number
from plain import Greys, Level, Peaks, Samples
from sounds import FPS, RATE, copied, from_, late, place, planted, recording, span, unchanged, without

from affex.features.pictures.sampling import Sampling, sampling
from affex.pipeline.caching import cache, feature_rows
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.media import decode_audio, length
from affex.pipeline.media.video import Ended, Wanted, Window, windows
from affex.pipeline.text.errors import MediaError
from affex.pipeline.workspace import workspace

SOUND, WHOLE = planted(6), planted(6, RATE)


@dataclass(frozen=True, kw_only=True)
class Shades(Greys):
    """The mean grey of every picture of a real film."""

    @property
    def sampling(self) -> Sampling:
        return sampling("all")


LEVEL, SHADES = spec("level", Level()), spec("shades", Shades())

#: How far a piece may be from where it should be, s: what containers round.
NEAR = 1.5e-3


def film(path: Path, change=unchanged, codec: str = "aac", pictures: str = "mpeg4") -> Path:
    return recording(path, SOUND, codec, pictures=pictures, n_pictures=6 * FPS, change=change)


def off(path: Path, start: float, end: float, shift: float = 0.0, **how) -> float:
    """Return how far the content of a span is from where it should be, s."""
    utterance = span(path, start, end, **how)
    return abs(place(utterance, WHOLE, start + utterance.begins - shift) - (start + utterance.begins - shift))


def seen(path: Path, start: float, end: float) -> list[int]:
    events = list(windows(path.parent, path.name, [Wanted("", sampling("all"), start, end)]))
    assert [event.problem for event in events if isinstance(event, Ended)] == [None]
    return [number(picture) for event in events if isinstance(event, Window) for picture in event.frames.pictures]


def problem(path: Path, start: float | None = None, end: float | None = None) -> str:
    """Return why a span of the pictures is refused."""
    [ended] = [
        e for e in windows(path.parent, path.name, [Wanted("", sampling("all"), start, end)]) if isinstance(e, Ended)
    ]
    return ended.problem or ""


@pytest.mark.parametrize("kind", [clock.KINDS[0], clock.KINDS[5], clock.KINDS[8]], ids=lambda kind: kind.suffix)
def test_spans_hold_what_is_planted_there(tmp_path: Path, kind: clock.Kind) -> None:
    of = clock.material(kind, None)
    for case in clock.cases(of):
        assert clock.measured(of, case, tmp_path / f"{case.name}.{kind.suffix}").wrong == []


def test_spans_of_a_real_clip_hold_what_was_said_then(tmp_path: Path, test_data) -> None:
    of = clock.material(clock.KINDS[11], test_data("clips"))  # MPEG-1 with MP2
    for case in clock.cases(of):
        assert clock.measured(of, case, tmp_path / f"{case.name}.mpg").wrong == []


# -- sound that begins later than the picture ----------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_sound_that_begins_late_is_heard_when_it_is(tmp_path: Path, suffix: str) -> None:
    path = film(tmp_path / f"late.{suffix}", late(0.5), "ac3" if suffix == "ts" else "aac")
    assert off(path, 1.5, 3.0, 0.5) <= NEAR
    assert off(path, 0.7, 1.4, 0.5) <= NEAR
    assert seen(path, 1.5, 3.0) == list(range(37, 75))
    with pytest.raises(MediaError, match=r"begins at 0\.100 s, and the sound of late\.\w+ begins at 0\.(4|5)\d+ s"):
        span(path, 0.1, 1.0)
    with pytest.raises(MediaError, match=r"the sound of late\.\w+ begins at 0\.(4|5)\d+ s"):
        span(path, None, 0.3)


def test_rows_of_a_whole_film_are_at_the_times_of_its_pictures(tmp_path: Path) -> None:
    film(tmp_path / "late.mkv", late(0.5), "pcm_s16le")
    dataset = corpus(tmp_path, Media("late.mkv"))
    rows = [load(dataset, run(dataset, one)[0]) for one in (spec("samples", Samples()), SHADES)]
    assert rows[0].times[0] == pytest.approx(0.5, abs=1e-3)
    assert rows[1].times[0] == 0.0
    np.testing.assert_allclose(rows[0].values[50:500, 0], WHOLE[50:500], atol=1e-3)


# -- holes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mkv", "pcm_s16le"), ("a.mp4", "aac"), ("a.webm", "libopus"), ("a.ogg", "libopus"), ("a.ts", "ac3")],
)
def test_a_hole_in_the_sound_is_named_and_not_closed(tmp_path: Path, name: str, codec: str) -> None:
    path = recording(tmp_path / name, SOUND, codec, change=without(2, 3))
    with pytest.raises(MediaError, match=rf"{name} has a hole: sound is missing between [12]\.\d+ and [23]\.\d+ s"):
        span(path, 1.5, 4.0)
    with pytest.raises(MediaError, match="has a hole"):
        span(path)
    assert off(path, 0.2, 1.2) <= 0.027
    assert off(path, 3.3, 4.3) <= 0.027
    assert off(path, 4.5, 5.5) <= 0.027


def test_an_avi_with_a_hole_is_refused_since_it_does_not_say_where(tmp_path: Path) -> None:
    path = film(tmp_path / "a.avi", without(2, 3), "libmp3lame")
    for start, end in [(0.2, 1.0), (4.0, 5.0), (None, None)]:
        with pytest.raises(
            MediaError, match=r"a.avi lacks sound: it declares 6\.\d+ s and has 5\.\d+ s, and in an AVI the place"
        ):
            span(path, start, end)


@pytest.mark.parametrize("codec", ["pcm_s16le", "libmp3lame", "ac3"])
def test_a_lost_chunk_of_an_avi_is_a_hole_since_its_index_says_when_each_is(tmp_path: Path, codec: str) -> None:
    path = recording(tmp_path / "a.avi", SOUND, codec)
    content = bytearray(path.read_bytes())
    middle, n = len(content) // 2, len(content) // 20
    content[middle : middle + n] = bytes(n)
    path.write_bytes(content)
    assert max(off(path, 1.0, 2.0), off(path, 4.0, 5.0)) <= 0.025
    for start, end in [(None, None), (2.5, 5.0), (3.1, 3.3)]:
        with pytest.raises(MediaError, match=r"a.avi has a hole: sound is missing between [23]\.\d+ and 3\.\d+ s"):
            span(path, start, end)


def test_damage_is_a_hole(tmp_path: Path) -> None:
    path = recording(tmp_path / "a.mkv", SOUND, "ac3")
    with av.open(str(path)) as container:
        packet = next(packet for packet in container.demux() if packet.pts > 3000)
    content = bytearray(path.read_bytes())
    at = content.index(bytes(packet))
    content[at : at + packet.size] = bytes(packet.size)
    path.write_bytes(content)
    with pytest.raises(MediaError, match=r"is damaged: sound cannot be decoded between 3\.0\d+ and 3\.0\d+ s"):
        span(path, 2.5, 4.0)
    assert off(path, 3.5, 4.5) <= 0.03


# -- two clocks in one file ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "where"), [("a.mp3", 0.5), ("a.aac", 0.5), ("a.ac3", 0.5), ("a.flac", 0.05)])
def test_where_a_file_without_times_is_damaged_its_sound_ends(tmp_path: Path, name: str, where: float) -> None:
    path = recording(tmp_path / name, SOUND, {"a.mp3": "libmp3lame"}.get(name, name[2:]))
    content = bytearray(path.read_bytes())
    begin = round(where * len(content))
    content[begin : begin + 3000] = b"\xff\x00\xfb\xa5" * 750
    path.write_bytes(content)
    if where > 0.1:
        assert off(path, 1.0, 2.0) <= 0.025
    for start, end in [(None, None), (2.5, 4.0), (4.5, 5.5)]:
        with pytest.raises(
            MediaError, match=rf"{name} is damaged: at .* decoded, and the times after that are unknown"
        ):
            span(path, start, end)


def test_a_frame_that_has_the_time_of_the_next_is_no_hole(tmp_path: Path) -> None:
    path = recording(tmp_path / "a.vob", np.concatenate([SOUND] * 3), "ac3")
    assert span(path).duration == pytest.approx(18.0, abs=0.05)


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_a_span_shorter_than_a_sample_says_so(tmp_path: Path, name: str) -> None:
    soundfile.write(tmp_path / name, WHOLE, RATE)
    with pytest.raises(MediaError, match=r"the span 1 to 1 s of a\.\w+ is shorter than one sample"):
        span(tmp_path / name, 1.0, 1.0000001)


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.ogg", "libopus"), ("a.oga", "flac"), ("a.m4a", "aac"), ("a.mpg", "mp2"), ("a.wmv", "wmav2")],
)
def test_a_copy_that_begins_inside_has_one_clock(tmp_path: Path, name: str, codec: str) -> None:
    path = recording(tmp_path / name, SOUND, codec, change=from_(1.21))
    errors = [
        place(span(path, start, start + 0.7), WHOLE, start + 1.21) - start - 1.21 for start in (0.2, 0.95, 1.1, 3.0)
    ]
    assert np.ptp(errors) <= NEAR
    assert np.abs(errors).max() <= 0.045


def test_sound_from_before_a_copy_begins_moves_nothing(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "ref.ogg", SOUND, 48000, format="OGG", subtype="VORBIS")
    path = copied(tmp_path / "ref.ogg", tmp_path / "c.ogg", from_(1.21, keep=0.2))
    assert max(off(path, start, start + 0.7, -1.21) for start in (0.0, 0.2, 0.95, 1.1, 3.0)) <= NEAR


@pytest.mark.parametrize("subtype", ["IMA_ADPCM", "MS_ADPCM"])
def test_a_compressed_wav_is_not_sought_by_its_bit_rate(tmp_path: Path, subtype: str) -> None:
    soundfile.write(tmp_path / "a.wav", WHOLE, RATE, subtype=subtype)
    assert max(off(tmp_path / "a.wav", start, start + 1.0) for start in (0.5, 1.5, 4.0)) <= NEAR


def test_times_that_drift_away_from_the_sound_are_two_clocks(tmp_path: Path) -> None:
    path = recording(tmp_path / "a.mkv", SOUND, change=lambda packet, _, at: later(packet, 0.03 * at))
    with pytest.raises(
        MediaError, match=r"a.mkv has inconsistent times: after 3\.\d+ s of sound its timestamp is 3\.\d+ s"
    ):
        span(path)
    slow = recording(tmp_path / "b.mkv", SOUND, change=lambda packet, _, at: later(packet, 0.001 * at))
    assert span(slow).duration == pytest.approx(6.0, abs=1e-3)  # a microphone's clock is not exact


def test_of_a_file_that_begins_anew_the_first_part_is_heard(tmp_path: Path) -> None:
    one = recording(tmp_path / "one.ogg", SOUND, "libopus").read_bytes()
    other = recording(tmp_path / "other.ogg", SOUND[::-1].copy(), "libopus").read_bytes()
    (tmp_path / "both.ogg").write_bytes(one + other)
    assert off(tmp_path / "both.ogg", 4.0, 5.0) <= NEAR
    with pytest.raises(MediaError, match=r"both.ogg begins again: at 6\.0\d+ s its times step back"):
        span(tmp_path / "both.ogg")
    with pytest.raises(MediaError, match=r"both\.ogg begins again"):
        span(tmp_path / "both.ogg", 7.0, 8.0)


# -- a rate that changes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["aac", "mp3"])
def test_where_the_rate_changes_the_sound_ends(tmp_path: Path, suffix: str) -> None:
    codec = {"aac": "aac", "mp3": "libmp3lame"}[suffix]
    parts = [recording(tmp_path / f"{rate}.{suffix}", planted(3, rate), codec, rate=rate) for rate in (16000, 48000)]
    path = tmp_path / f"joined.{suffix}"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    whole = planted(3, RATE)
    assert abs(place(span(path, 1.5, 2.5), whole, 1.5) - 1.5) <= 0.065
    for start, end in [(None, None), (2.5, 4.0), (3.5, 4.5)]:
        with pytest.raises(MediaError, match=r"changes its sample rate at 3\.\d+ s, from 16000 to 48000 Hz|is damaged"):
            span(path, start, end)


# -- files that were cut ----------------------------------------------------------------------------------------


def cut(path: Path, share: float = 0.6) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: round(share * len(content))])
    return path


@pytest.mark.parametrize("format_", ["WAV", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "NIST", "VOC", "SVX"])
def test_a_sound_file_that_was_cut_says_so(tmp_path: Path, format_: str) -> None:
    path = tmp_path / f"a.{format_.lower()}"
    soundfile.write(path, WHOLE, RATE, format=format_, subtype="PCM_16")
    assert off(path, 1.5, 5.5) <= NEAR
    assert off(cut(path), 1.5, 2.5) <= NEAR
    with pytest.raises(MediaError, match=rf"a.{format_.lower()} is cut short: it declares"):
        span(path)
    with pytest.raises(
        MediaError, match=r"beyond the end of a.\w+, which has 3\.\d+ s of sound and is cut short: it decl"
    ):
        span(path, 2.0, 5.0)


@pytest.mark.parametrize(
    ("name", "codec", "why"),
    [
        ("a.mkv", "aac", "it declares"),
        ("a.mp4", "aac", "it declares"),
        ("a.flv", "libmp3lame", "it declares"),
        ("a.wmv", "wmav2", "it declares"),
        ("a.avi", "libmp3lame", "it declares"),
        ("a.ogg", "libopus", "its last page is not marked as the end"),
        ("a.mp3", "libmp3lame", "it declares"),
    ],
)
def test_a_recording_that_was_cut_says_so(tmp_path: Path, name: str, codec: str, why: str) -> None:
    path = cut(recording(tmp_path / name, planted(6, 44100), codec, rate=48000 if codec == "libopus" else 44100))
    with pytest.raises(MediaError, match=rf"{name} is cut short: {why}"):
        span(path)


@pytest.mark.parametrize("name", ["a.mkv", "a.flv", "a.wmv"])
def test_a_film_that_was_cut_says_so(tmp_path: Path, name: str) -> None:
    pictures = {"flv": "flv", "wmv": "wmv2"}.get(name[2:], "mpeg4")
    path = cut(recording(tmp_path / name, None, pictures=pictures, n_pictures=100))
    assert f"{name} is cut short: it declares" in problem(path)
    assert problem(path, 0.5, 1.0) == ""


def test_where_nothing_says_how_long_it_is_nothing_is_said(tmp_path: Path) -> None:
    for name, codec in [("a.ts", "ac3"), ("a.aac", "aac"), ("a.mp2", "mp2")]:
        assert 3.0 < span(cut(recording(tmp_path / name, SOUND, codec))).duration < 4.5


# -- what a file is, and good files -------------------------------------------------------------------------------


def test_what_a_file_is_decides_not_what_it_is_called(tmp_path: Path) -> None:
    sound = np.concatenate([SOUND, 0.001 * SOUND, SOUND])  # whoever estimates the length from its beginning is wrong
    with av.open(str(tmp_path / "vbr.mp3"), "w", options={"write_xing": "0"}) as out:
        stream = out.add_stream("libmp3lame", rate=48000, layout="mono")
        stream.codec_context.flags |= av.codec.context.Flags.qscale
        stream.codec_context.global_quality = 5 * 118  # FF_QP2LAMBDA
        for at in range(0, len(sound), 1152):
            frame = av.AudioFrame.from_ndarray(sound[None, at : at + 1152], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48000, at, Fraction(1, 48000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    (tmp_path / "vbr.mp3").rename(tmp_path / "vbr.wav")
    assert span(tmp_path / "vbr.wav").duration == pytest.approx(18.0, abs=0.06)
    assert abs(place(span(tmp_path / "vbr.wav", 15.0, 16.5), WHOLE, 3.0) - 3.0) <= 0.025
    soundfile.write(tmp_path / "a.mp4", WHOLE, RATE, format="WAV")
    np.testing.assert_allclose(span(tmp_path / "a.mp4").samples, WHOLE, atol=2**-15)


@pytest.mark.parametrize(
    ("riff", "data"),
    [
        (0, 0),
        (2**32 - 1, 2**32 - 1),
        (0x7FFFF024, 0x7FFFF000),
        (0x80000024, 0x80000000),
        (2**31 + 7, 2**31 - 37),
        (0, None),
        (2**32 - 1, None),
    ],
)
def test_a_wav_from_a_pipe_is_whole(tmp_path: Path, riff: int, data: int | None) -> None:
    soundfile.write(tmp_path / "a.wav", WHOLE, RATE)
    content = bytearray((tmp_path / "a.wav").read_bytes())
    content[4:8] = struct.pack("<I", riff)
    at = content.index(b"data") + 4
    content[at : at + 4] = content[at : at + 4] if data is None else struct.pack("<I", data)
    (tmp_path / "a.wav").write_bytes(content)
    np.testing.assert_allclose(span(tmp_path / "a.wav").samples, WHOLE, atol=2**-15)
    assert off(tmp_path / "a.wav", 3.5, 5.0) <= NEAR
    assert length.seconds(tmp_path / "a.wav") == pytest.approx(6.0)


def test_a_flac_of_unknown_length_is_whole(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", WHOLE, RATE)
    content = bytearray((tmp_path / "a.flac").read_bytes())
    content[21:26] = bytes([content[21] & 0xF0, 0, 0, 0, 0])
    (tmp_path / "a.flac").write_bytes(content)
    np.testing.assert_allclose(span(tmp_path / "a.flac").samples, WHOLE, atol=2**-15)
    assert off(tmp_path / "a.flac", 3.5, 5.0) <= NEAR
    assert length.seconds(tmp_path / "a.flac") == pytest.approx(6.0, abs=0.01)


@pytest.mark.parametrize("suffix", ["mkv", "ts", "mp4"])
def test_times_that_begin_at_ten_seconds_are_the_files_own(tmp_path: Path, suffix: str) -> None:
    path = film(tmp_path / f"ten.{suffix}", lambda packet, *_: later(packet, 10), "ac3")
    assert span(path).duration == pytest.approx(6.0, abs=0.05)
    assert off(path, 1.5, 3.0) <= 0.01
    assert seen(path, 1.5, 3.0)[1:] == list(range(38, 75))
    assert problem(path) == ""
    assert length.seconds(path) == pytest.approx(6.0, abs=0.1)


def later(packet, seconds: float):
    ticks = round(seconds / packet.time_base)
    packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
    return packet


@pytest.mark.parametrize(
    ("name", "codec"), [("a.m4a", "aac"), ("a.mp3", "libmp3lame"), ("a.opus", "libopus"), ("a.m4a", "alac")]
)
def test_what_an_encoder_puts_before_the_sound_is_not_heard(tmp_path: Path, name: str, codec: str) -> None:
    path = recording(tmp_path / name, SOUND, codec)
    whole = span(path)
    assert whole.begins == 0.0
    assert whole.duration == pytest.approx(6.0, abs=0.04)
    assert max(off(path, start, start + 0.9) for start in (0.0, 0.5, 1.2, 4.5)) <= 1e-4


# -- silence, channels and tracks ----------------------------------------------------------------------------------


def test_digital_silence_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "zero.wav", np.zeros(RATE), RATE)
    soundfile.write(tmp_path / "half.wav", np.concatenate([np.zeros(RATE), WHOLE[:RATE]]), RATE)
    with pytest.raises(MediaError, match=r"zero\.wav is digital silence: every sample is 0"):
        span(tmp_path / "zero.wav")
    with pytest.raises(MediaError, match=r"half.wav is digital silence"):
        span(tmp_path / "half.wav", 0.2, 0.8)
    assert span(tmp_path / "half.wav").duration == 2.0


@pytest.mark.parametrize("name", ["a.wav", "a.ogg", "a.flac"])
def test_channels_that_cancel_out_are_refused(tmp_path: Path, name: str) -> None:
    soundfile.write(tmp_path / name, np.stack([WHOLE, -WHOLE], axis=1), RATE)
    with pytest.raises(MediaError, match=r"is digital silence: the channels cancel out; choose one with channel="):
        span(tmp_path / name)
    assert off(tmp_path / name, 1.0, 2.0, channel=0) <= NEAR


def two_tracks(path: Path, default: int | None) -> Path:
    """Write a video whose first sound track is silent."""
    with av.open(str(path), "w") as out:
        streams = [out.add_stream("pcm_s16le", rate=RATE, layout="mono") for _ in range(2)]
        for number, stream in enumerate(streams):
            stream.disposition = av.stream.Disposition.default if number == default else av.stream.Disposition(0)
        for at in range(0, len(WHOLE), 1000):
            for stream, loud in zip(streams, (0.0, 1.0), strict=True):
                piece = (2**15 * loud * WHOLE[None, at : at + 1000]).astype(np.int16)
                frame = av.AudioFrame.from_ndarray(piece, format="s16", layout="mono")
                frame.sample_rate, frame.pts = RATE, at
                out.mux(stream.encode(frame))
        for stream in streams:
            out.mux(stream.encode(None))
    return path


def test_the_track_marked_as_default_is_heard_and_said(tmp_path: Path) -> None:
    assert off(two_tracks(tmp_path / "a.mkv", 1), 2.0, 3.0) <= NEAR
    dataset = corpus(tmp_path, Media("a.mkv"))
    [summary] = run(dataset, LEVEL)
    note = "a.mkv has 2 sound tracks: number 2 is read, marked as the default"
    assert (summary.computed, summary.notes) == (1, {"a": note})
    listener = Listener()
    workspace._show(listener, summary)
    assert f"  note a: {note}" in listener.messages
    with pytest.raises(
        MediaError, match=r"is digital silence: every sample is 0 \(b.mkv has 2 sound tracks: number 1 is"
    ):
        span(two_tracks(tmp_path / "b.mkv", 0))


# -- spans that are not in the file ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def eight(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("eight")
    soundfile.write(folder / "a.wav", planted(8, RATE), RATE)
    recording(folder / "a.mkv", planted(8, RATE), rate=RATE, pictures="mpeg4", n_pictures=8 * FPS)
    return folder


@pytest.mark.parametrize("name", ["a.wav", "a.mkv"])
def test_a_span_far_beyond_the_end_is_told_the_length_first(eight: Path, name: str) -> None:
    for start, end in [(1000.0, 2000.0), (0.0, 1e308), (1e300, 1e308), (5e5, 5e5 + 1)]:
        with pytest.raises(MediaError, match=rf"reaches beyond the end of {name}, which has 8\.0\d\d s of sound"):
            span(eight / name, start, end)
    with pytest.raises(MediaError, match=rf"the span begins at 1e\+300 s, and {name} has 8\.0\d\d s of sound"):
        span(eight / name, 1e300)
    with pytest.raises(MediaError, match=r"too long: a.\w+ has 8\.0 s, and at most 5\.0 s"):
        decode_audio(eight, Media(name, 0.0, 8.0), RATE, 5.0)


@pytest.mark.parametrize("name", ["a.wav", "a.mkv"])
def test_a_span_in_milliseconds_is_asked_whether_it_is_in_seconds(eight: Path, name: str) -> None:
    with pytest.raises(MediaError, match=r"Are start and end in seconds\? They would fit as milliseconds"):
        span(eight / name, 1500.0, 3000.0)
    with pytest.raises(MediaError, match=r"which has 8\.0\d\d s of sound$"):
        span(eight / name, 7.0, 9.0)


def test_spans_of_pictures_are_told_the_same(eight: Path) -> None:
    path = eight / "a.mkv"
    assert problem(path, 1500.0, 3000.0).endswith(
        "a.mkv has 8.000 s of video. Are start and end in seconds? They would fit as milliseconds"
    )
    assert problem(path, 1e300, 1e308) == "the span begins at 1e+300 s, and a.mkv has 8.000 s of video"
    assert problem(path, 2.0, 1e308) == (
        "the span 2.000 to 1e+308 s reaches beyond the end of a.mkv, which has 8.000 s of video"
    )


@pytest.mark.parametrize(
    ("start", "end"), [(float("nan"), 1.0), (0.0, float("nan")), (0.0, float("inf")), (-1.0, 1.0), (2.0, 1.0)]
)
def test_a_span_that_is_none_says_so(eight: Path, start: float, end: float) -> None:
    with pytest.raises(MediaError, match=r"the span .* of a.wav is (empty|invalid: expected seconds, from 0 on)"):
        span(eight / "a.wav", start, end)
    assert "of a.mkv is " in problem(eight / "a.mkv", start, end)


# -- the decoder's version ------------------------------------------------------------------------------------------


def corpus(folder: Path, *media: Media) -> Dataset:
    utterances = tuple(Utterance(Path(item.path).stem, "clock", "s", audio=item, video=item) for item in media)
    return Dataset("clock", folder, folder / "cache", utterances)


def load(dataset: Dataset, summary):
    return feature_rows.load(summary.path, cache.recipe(summary.spec.feature).key)


def test_a_cache_of_the_decoder_before_serves_none_of_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film(tmp_path / "a.mkv", codec="pcm_s16le")
    dataset, specs = corpus(tmp_path, Media("a.mkv", 1.0, 2.0)), [LEVEL, SHADES]
    monkeypatch.setattr(cache, "DECODED", {})  # as keys were made before the decoder had a version
    assert [summary.computed for summary in run(dataset, *specs)] == [1, 1]
    old = [cache.recipe(each.feature).key for each in specs]
    monkeypatch.undo()
    for each, before in zip(specs, old, strict=True):
        assert cache.recipe(each.feature).key != before
        [summary] = run(dataset, each)
        assert (summary.cached, summary.computed) == (0, 1)
        assert list(summary.reasons) == ["made otherwise before: decoder not stated -> 3"]
        [again] = run(dataset, each)
        assert (again.cached, again.computed) == (1, 0)


def test_what_reads_other_features_has_the_decoders_version_from_them() -> None:
    stated = json.loads(cache.recipe(Peaks()).spec)
    assert ("decoder" in stated, stated["upstream"]["decoder"]) == (False, 3)

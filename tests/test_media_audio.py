"""Decoding, against closed forms: what is written is what is read, at any depth, rate and number of channels."""

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from affex.pipeline.manifest.utterance import Media
from affex.pipeline.media import decode_audio
from affex.pipeline.text.errors import MediaError


def decode(path: Path, *, rate: int = 16000, longest: float = 600.0, **span: float | int):
    return decode_audio(path.parent, Media(path.name, **span), rate, longest)


def tone(seconds: float, rate: int, hertz: float = 440.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


@pytest.mark.parametrize(
    ("subtype", "step"), [("PCM_U8", 2**-7), ("PCM_16", 2**-15), ("PCM_24", 2**-23), ("FLOAT", 1e-7)]
)
def test_full_scale_is_one_at_every_depth(tmp_path: Path, subtype: str, step: float) -> None:
    written = np.array([0.0, 0.5, -0.5, -1.0, 0.25] * 100)
    soundfile.write(tmp_path / "a.wav", written, 16000, subtype=subtype)
    utterance = decode(tmp_path / "a.wav")
    assert utterance.samples.dtype == np.float32
    np.testing.assert_allclose(utterance.samples, written, atol=step)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000, 96000])
def test_resampling_keeps_length_frequency_and_level(tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "a.wav", tone(1.0, rate), rate)
    utterance = decode(tmp_path / "a.wav")
    assert utterance.rate == 16000
    assert len(utterance.samples) == 16000
    spectrum = np.abs(np.fft.rfft(utterance.samples))
    assert spectrum.argmax() == 440
    assert spectrum[440] / 8000 == pytest.approx(0.5, abs=2e-3)


def test_channels_are_averaged_or_one_is_chosen(tmp_path: Path) -> None:
    six = np.arange(6) / 10 * np.ones((1000, 6))
    soundfile.write(tmp_path / "six.wav", six, 16000, subtype="FLOAT")
    np.testing.assert_allclose(decode(tmp_path / "six.wav").samples, 0.25, atol=1e-6)
    np.testing.assert_allclose(decode(tmp_path / "six.wav", channel=4).samples, 0.4, atol=1e-6)
    with pytest.raises(MediaError, match=r"has 6 channels \(from 0\) and no channel 6"):
        decode(tmp_path / "six.wav", channel=6)


def test_a_span_is_the_same_samples(tmp_path: Path) -> None:
    ramp = np.linspace(-1, 1, 16000)
    soundfile.write(tmp_path / "a.wav", ramp, 16000, subtype="FLOAT")
    utterance = decode(tmp_path / "a.wav", start=0.25, end=0.75)
    np.testing.assert_array_equal(utterance.samples, ramp[4000:12000].astype(np.float32))


@pytest.mark.parametrize(("start", "end"), [(0.5, 2.0), (1.5, 1.6)])
def test_a_span_outside_its_file_is_refused(tmp_path: Path, start: float, end: float) -> None:
    soundfile.write(tmp_path / "a.wav", tone(1.0, 16000), 16000)
    with pytest.raises(MediaError, match=r"reaches beyond the end of a.wav, which has 1\.000 s"):
        decode(tmp_path / "a.wav", start=start, end=end)


@pytest.mark.parametrize("suffix", ["mkv", "mov"])
def test_a_span_of_a_container_is_the_same_samples(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    written = (np.random.default_rng(0).uniform(-0.5, 0.5, 48000) * 2**15).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=16000, layout="mono")
        for at in range(0, len(written), 1000):
            frame = av.AudioFrame.from_ndarray(written[None, at : at + 1000], format="s16", layout="mono")
            frame.sample_rate, frame.pts = 16000, at
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    whole = decode(path)
    np.testing.assert_array_equal(whole.samples, written / np.float32(2**15))
    span = decode(path, start=2.0, end=2.5)
    np.testing.assert_array_equal(span.samples, whole.samples[32000:40000])


@pytest.mark.parametrize("utterance", ["mead/M003_level_1_happy_024.mp4", "grid/bbaf2n.mpg"])
def test_a_span_of_compressed_audio_is_the_same_samples(test_data, utterance: str) -> None:
    path = test_data("clips") / utterance
    whole, span = decode(path), decode(path, start=1.6, end=2.2)
    assert len(span.samples) == 9600
    inner = slice(200, -200)  # the resampler sees other neighbours at the edges of a span
    np.testing.assert_allclose(span.samples[inner], whole.samples[25600:35200][inner], atol=1e-4)


def test_what_goes_over_full_scale_is_clipped_and_another_scale_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "over.wav", np.array([0.0, 1.2, -1.2] * 50), 16000, subtype="FLOAT")
    assert np.abs(decode(tmp_path / "over.wav").samples).max() == 1.0
    soundfile.write(tmp_path / "integers.wav", np.array([0.0, 3000.0] * 50), 16000, subtype="FLOAT")
    with pytest.raises(MediaError, match=r"integers.wav reaches 3000, .* Were integers saved as floats"):
        decode(tmp_path / "integers.wav")


def test_nan_samples_are_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "nan.wav", np.array([0.0, np.nan, np.inf] * 10), 16000, subtype="FLOAT")
    with pytest.raises(MediaError, match=r"nan.wav has 20 samples that are not finite numbers \(of 30\)"):
        decode(tmp_path / "nan.wav")


def test_files_that_are_no_audio_say_so(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("I am not a recording. " * 50)
    (tmp_path / "zero.wav").write_bytes(b"")
    soundfile.write(tmp_path / "none.wav", np.zeros(0), 16000)
    for name, message in {
        "text.wav": "text.wav cannot be decoded: Invalid data",
        "zero.wav": r"zero.wav is empty \(0 bytes\)",
        "none.wav": "none.wav has no audio samples",
    }.items():
        with pytest.raises(MediaError, match=message):
            decode(tmp_path / name)


@pytest.mark.parametrize("share", [0.001, 0.5, 0.99])
def test_a_cut_wav_is_refused_not_shortened(tmp_path: Path, share: float) -> None:
    soundfile.write(tmp_path / "whole.wav", tone(1.0, 16000), 16000)
    content = (tmp_path / "whole.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(content[: int(share * len(content))])
    with pytest.raises(MediaError, match=r"cut.wav (is cut short: it declares 32044 bytes and has|cannot be decoded)"):
        decode(tmp_path / "cut.wav")


def test_an_hour_is_refused_before_it_is_in_memory(tmp_path: Path) -> None:
    with soundfile.SoundFile(tmp_path / "hour.wav", "w", 8000, 1, subtype="PCM_U8") as file:
        for _ in range(3600):
            file.write(np.full(8000, 0.1))
    with pytest.raises(MediaError, match=r"too long: hour.wav has 3600\.0 s, and at most 600\.0 s"):
        decode(tmp_path / "hour.wav")
    assert decode(tmp_path / "hour.wav", start=3000.0, end=3001.0).duration == 1.0


def test_names_with_blanks_and_umlauts(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "süße Größe ärgerlich.wav", tone(0.1, 16000), 16000)
    assert len(decode(tmp_path / "süße Größe ärgerlich.wav").samples) == 1600

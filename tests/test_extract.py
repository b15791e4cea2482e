"""Extraction: what is computed, what is not, and why; what fails and how it is said."""

import json
import os
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import soundfile
from corpus import Listener, at_hand, run, small, spec, write_wav
from plain import Broken, Level, Samples

from affex.features.base import Runtime
from affex.pipeline.caching import cache, feature_rows, sources
from affex.pipeline.execution import stages
from affex.pipeline.extraction.extract import extract
from affex.pipeline.manifest import manifest
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Media
from affex.pipeline.specs import discovery
from affex.pipeline.specs.features import FeatureSpec
from affex.pipeline.text.errors import AffexError


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return small(tmp_path)


LEVEL = spec("level", Level())


def rows(dataset: Dataset, one: FeatureSpec) -> dict[str, list[float]]:
    table = feature_rows.load(cache.FeatureFile(dataset.folder, one).path, cache.recipe(one.feature).key)
    return {
        id_: table.values[a:b].ravel().tolist()
        for id_, a, b in zip(table.ids, table.offsets, table.offsets[1:], strict=False)
    }


def test_rows_are_those_of_each_clip_in_the_corpus_order(dataset: Dataset) -> None:
    [summary] = run(dataset, LEVEL)
    assert (summary.cached, summary.computed, summary.failures) == (0, 20, {})
    found = rows(dataset, LEVEL)
    assert list(found) == [utterance.id for utterance in dataset.utterances]
    for utterance in dataset.utterances:
        samples, _ = soundfile.read(dataset.root / utterance.audio.path, dtype="float32")
        assert found[utterance.id] == pytest.approx([samples.mean(), np.abs(samples).max(), len(samples)])


def test_a_second_run_computes_and_writes_nothing(dataset: Dataset) -> None:
    run(dataset, LEVEL)
    before = cache.FeatureFile(dataset.folder, LEVEL).path.stat().st_mtime_ns

    def none():
        raise AssertionError("nothing is missing")

    [summary] = run(dataset, LEVEL, runner=none)
    assert (summary.cached, summary.computed) == (20, 0)
    assert cache.FeatureFile(dataset.folder, LEVEL).path.stat().st_mtime_ns == before


def test_touching_recomputes_nothing(dataset: Dataset) -> None:
    run(dataset, LEVEL)
    os.utime(dataset.root / "03.wav")
    [summary] = run(dataset, LEVEL)
    assert summary.computed == 0


@pytest.mark.parametrize("put_back", [False, True])
def test_one_changed_sample_recomputes_that_clip_only(dataset: Dataset, put_back: bool) -> None:
    path = dataset.root / "03.wav"
    os.utime(path, ns=(10**18, 10**18))
    run(dataset, LEVEL)
    content = bytearray(path.read_bytes())
    content[-1] ^= 0x10
    path.write_bytes(content)
    if put_back:
        os.utime(path, ns=(10**18, 10**18))
    [summary] = run(dataset, LEVEL)
    assert (summary.cached, summary.computed) == (19, 1)
    assert dict(summary.reasons) == {"its media bytes or its span changed": 1}


def test_a_media_file_is_hashed_once(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("affex.pipeline.storage.files.TICK", -1.0)
    run(dataset, LEVEL)
    monkeypatch.setattr("affex.pipeline.media.digest", lambda path: pytest.fail(f"{path} was hashed again"))
    run(dataset, LEVEL)


def test_relabelling_recomputes_nothing(dataset: Dataset) -> None:
    run(dataset, LEVEL)
    relabelled = replace(dataset, utterances=tuple(replace(u, label="new") for u in dataset.utterances))
    [summary] = run(relabelled, LEVEL)
    assert summary.computed == 0
    assert {u.label for u in manifest.read(dataset.folder / "manifest.jsonl")} == {"new"}


def test_another_parameter_makes_another_file(dataset: Dataset) -> None:
    run(dataset, LEVEL)
    before = cache.FeatureFile(dataset.folder, LEVEL).path.read_bytes()
    louder = spec("level", Level(gain=2.0))
    [summary] = run(dataset, louder)
    assert summary.path.name == f"level-{cache.recipe(louder.feature).key[:12]}.h5"
    assert cache.FeatureFile(dataset.folder, LEVEL).path.read_bytes() == before
    assert rows(dataset, louder)["00"][1] == pytest.approx(2 * rows(dataset, LEVEL)["00"][1])


def test_a_file_names_the_devices_that_computed_the_rows_of_a_network(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = cache.FeatureFile(dataset.folder, LEVEL).path
    run(dataset, LEVEL)
    with h5py.File(path) as file:
        assert "device" not in json.loads(file.attrs["versions"])
    monkeypatch.setattr(Level, "on_device", True)
    for device, devices in (("cpu", "cpu"), ("cuda", "cpu, cuda")):  # the level itself is computed on the CPU
        write_wav(dataset.root / "03.wav", 0.2, seed=len(devices))
        extract(dataset, [LEVEL], lambda: stages.opened("inline", 1), Listener(), Runtime(device))
        with h5py.File(path) as file:
            assert json.loads(file.attrs["versions"])["device"] == devices


def test_a_new_version_keeps_the_old_file_and_says_why(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    run(dataset, LEVEL)
    old = cache.recipe(Level()).key
    before = cache.FeatureFile(dataset.folder, LEVEL).path.read_bytes()
    monkeypatch.setattr(Level, "version", 2)
    [summary] = run(dataset, LEVEL)
    assert dict(summary.reasons) == {"made otherwise before: version 1 -> 2": 20}
    assert (dataset.folder / f"level-{old[:12]}.h5").read_bytes() == before

    monkeypatch.setattr(Level, "version", 1)  # and back: the old rows are still there
    [summary] = run(dataset, LEVEL)
    assert summary.computed == 0
    assert cache.FeatureFile(dataset.folder, LEVEL).path.read_bytes() == before
    assert not (dataset.folder / f"level-{old[:12]}.h5").exists()


def test_a_clip_that_leaves_the_corpus_and_returns_is_not_lost(dataset: Dataset) -> None:
    run(dataset, LEVEL)
    whole = cache.FeatureFile(dataset.folder, LEVEL).path.read_bytes()
    [summary] = run(replace(dataset, utterances=dataset.utterances[:5]), LEVEL)
    assert list(rows(dataset, LEVEL)) == ["00", "01", "02", "03", "04"]
    before = cache.FeatureFile(dataset.folder, LEVEL).path.stat().st_mtime_ns
    [summary] = run(replace(dataset, utterances=dataset.utterances[:5]), LEVEL)
    assert cache.FeatureFile(dataset.folder, LEVEL).path.stat().st_mtime_ns == before
    [summary] = run(replace(dataset, utterances=dataset.utterances[:6]), LEVEL)
    assert summary.computed == 0
    [summary] = run(dataset, LEVEL)
    assert (summary.cached, summary.computed) == (20, 0)
    assert cache.FeatureFile(dataset.folder, LEVEL).path.read_bytes() == whole
    assert not cache.FeatureFile(dataset.folder, LEVEL).parts.exists()


def test_several_features_decode_each_clip_once(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    from affex.pipeline import media

    decoded: list[str] = []
    decode = media.decode_audio
    monkeypatch.setattr(
        media, "decode_audio", lambda root, item, *form: decoded.append(item.path) or decode(root, item, *form)
    )
    run(dataset, LEVEL, spec("samples", Samples()))
    assert sorted(decoded) == sorted(u.audio.path for u in dataset.utterances)


def test_frames_have_their_times(dataset: Dataset) -> None:
    samples = spec("samples", Samples())
    run(dataset, samples)
    with h5py.File(cache.FeatureFile(dataset.folder, samples).path) as h5:
        begin, end = h5["offsets"][3:5]
        np.testing.assert_allclose(h5["times"][begin:end], np.arange(end - begin) / 16000)


def test_failures_are_recorded_and_not_tried_again(dataset: Dataset) -> None:
    (dataset.root / "05.wav").write_text("not audio " * 99)
    picky = spec("level", Level(least=0.25))
    [summary] = run(dataset, picky)
    assert summary.failures["05"] == "05.wav cannot be decoded: Invalid data found when processing input"
    assert summary.failures["00"] == "too short: 0.200 s, and at least 0.25 s are needed"
    assert summary.computed == 20 - len(summary.failures)
    with h5py.File(summary.path) as h5:
        recorded = dict(zip(h5["failed/ids"].asstr()[:], h5["failed/message"].asstr()[:], strict=True))
    assert recorded == summary.failures

    listener = Listener()
    [again] = run(dataset, picky, listener=listener)
    assert "extracting" not in listener.counted
    assert again.failures == summary.failures

    write_wav(dataset.root / "05.wav", 1.0)
    [mended] = run(dataset, picky)
    assert mended.computed == 1
    assert "05" not in mended.failures


def test_a_missing_file_is_recorded_and_looked_for_again(dataset: Dataset) -> None:
    moved = (dataset.root / "04.wav").rename(dataset.root / "away.wav")
    [summary] = run(dataset, LEVEL)
    assert "04.wav cannot be read: No such file or directory" in summary.failures["04"]
    moved.rename(dataset.root / "04.wav")
    [summary] = run(dataset, LEVEL)
    assert (summary.cached, summary.computed, summary.failures) == (19, 1, {})


def test_a_file_that_goes_for_a_while_does_not_lose_its_rows(dataset: Dataset) -> None:
    run(dataset, LEVEL)
    moved = (dataset.root / "04.wav").rename(dataset.root / "away.wav")
    [summary] = run(dataset, LEVEL)
    assert list(summary.failures) == ["04"]
    moved.rename(dataset.root / "04.wav")
    [summary] = run(dataset, LEVEL)
    assert (summary.cached, summary.computed, summary.failures) == (20, 0, {})
    assert not cache.FeatureFile(dataset.folder, LEVEL).parts.exists()


def test_a_clip_done_since_it_failed_has_not_failed(dataset: Dataset) -> None:
    moved = (dataset.root / "04.wav").rename(dataset.root / "away.wav")
    run(dataset, LEVEL)
    moved.rename(dataset.root / "04.wav")
    with pytest.raises(KeyboardInterrupt), pytest.MonkeyPatch.context() as patch:
        patch.setattr("affex.pipeline.caching.cache.publish", interrupt)
        run(dataset, LEVEL)
    [summary] = run(dataset, LEVEL)
    assert (summary.cached, summary.computed, summary.failures) == (20, 0, {})


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("nan", r"plain returned values that are not finite in 1 columns \(only ...\)"),
        ("shape", r"plain returned rows of shape \(1, 2\), expected 1 columns"),
        ("empty", r"plain returned rows of shape \(0, 1\)"),
        ("float64", "plain returned float64 rows, expected float32"),
        ("error", "plain: RuntimeError: a library's own trouble"),
    ],
)
def test_what_must_not_reach_the_cache_is_a_failure(dataset: Dataset, how: str, message: str) -> None:
    import re

    [summary] = run(dataset, spec("broken", Broken(how=how)))
    assert len(summary.failures) == 20
    assert all(re.match(message, failure) for failure in summary.failures.values())
    assert rows(dataset, summary.spec) == {}


def test_hurt_rows_are_computed_again_and_only_those(dataset: Dataset) -> None:
    run(dataset, LEVEL)
    path = cache.FeatureFile(dataset.folder, LEVEL).path
    sound = path.read_bytes()
    with h5py.File(path) as h5:
        at = h5["values"].id.get_offset() + 7 * 3 * 4
    damaged = bytearray(sound)
    damaged[at] ^= 1
    path.write_bytes(damaged)
    [summary] = run(dataset, LEVEL)
    assert (summary.cached, summary.computed) == (19, 1)
    assert dict(summary.reasons) == {"its rows in the cache are damaged": 1}
    assert path.read_bytes() == sound


def test_two_utterances_with_one_id_are_refused(dataset: Dataset) -> None:
    twice = replace(dataset, utterances=(*dataset.utterances, dataset.utterances[0]))
    with pytest.raises(AffexError, match="1 utterance ids stand for more than one utterance: 00"):
        run(twice, LEVEL)


def test_a_span_outside_its_file_and_names_with_umlauts(tmp_path: Path) -> None:
    write_wav(tmp_path / "data" / "süße Töne.wav", 1.0)
    dataset = at_hand(tmp_path, ["süße Töne.wav"])
    [whole] = dataset.utterances
    outside = replace(whole, id="outside", audio=Media("süße Töne.wav", 0.5, 1.5))
    [summary] = run(replace(dataset, utterances=(whole, outside)), LEVEL)
    assert summary.computed == 1
    assert "the span 0.500 to 1.500 s reaches beyond the end of süße Töne.wav" in summary.failures["outside"]


def test_a_cache_that_cannot_be_written(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AffexError, match=r"cannot be written: Not a directory. Is it the right folder"):
        run(replace(dataset, folder=tmp_path / "file" / "small"), LEVEL)


def test_a_second_run_waits_for_the_first(dataset: Dataset) -> None:
    import threading

    listener = Listener()
    with cache.locked(dataset.folder, listener.print):
        second = threading.Thread(target=run, args=(dataset, LEVEL), kwargs={"listener": listener})
        second.start()
        while not listener.messages:
            second.join(0.01)
        assert "Another run is writing to" in listener.messages[0]
        assert not (dataset.folder / "level.h5").exists()
    second.join()
    assert (dataset.folder / "level.h5").exists()


def test_clips_of_much_audio_travel_in_small_batches(dataset: Dataset) -> None:
    from affex.pipeline.extraction.extract import _batches
    from affex.pipeline.extraction.work import Job

    long = [Job(str(n), Media("a.wav", 0.0, 100.0), 1, 1, (0,)) for n in range(6)]
    assert [len(batch) for batch in _batches(long)] == [2, 2, 2]
    short = [Job(str(n), Media("a.wav", 0.0, 1.0), 1, 1, (0,)) for n in range(40)]
    assert [len(batch) for batch in _batches(short)] == [16, 16, 8]


@pytest.mark.parametrize(
    ("preset", "key"),
    [
        ("compare", "f92e1f8a10ccae09152d040060791e84484d69e57ca9cd8a2fecbb4e513acc50"),
        ("mfcc", "74eab016b8c2e56fec68cda047c0f6705fa4340577a0d1ded65761dbdb1978f4"),
        ("logmel", "dd76369de91534e16c5be7bdced115226ba07e40de25a1f89accc382d1c82f7b"),
        ("fingerprint", "80257f27a9b864a459a5b135425e274c98dc09cfde1f42823218460f6de62e48"),
    ],
)
def test_keys_stay_as_they_were(preset: str, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frozen, at version 1 of all packages and the decoder: who changes how keys are made throws away all caches."""
    monkeypatch.setattr(cache, "versions", lambda names: dict.fromkeys(names, "1"))
    monkeypatch.setattr(cache, "DECODED", {"audio": 1})
    assert cache.recipe(discovery.feature_presets()[preset]).key == key


def test_what_is_remembered_of_a_file_is_proved_line_by_line(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """A digit of a digest that changed on the disk gave rows of another source; now the file is hashed again."""
    monkeypatch.setattr("affex.pipeline.storage.files.TICK", -1.0)
    run(dataset, LEVEL)
    path = dataset.folder / "media.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    record = json.loads(lines[3])
    digest = record["digest"]
    forged = record | {"digest": ("1" if digest[0] == "0" else "0") + digest[1:]}
    for damaged in (
        json.dumps(forged),
        json.dumps([record["file"], forged["digest"], 1, 2, 3, 4]),
        "\udcff",
        "{}",
        "7",
    ):
        path.write_bytes(b"".join([*lines[:3], damaged.encode("utf-8", "surrogateescape") + b"\n", *lines[4:]]))
        assert sources.damaged(dataset.folder) == [4]
        [summary] = run(dataset, LEVEL)
        assert (summary.computed, summary.reasons) == (0, {})
        assert path.read_bytes() == b"".join(lines)


def test_a_name_with_a_line_separator_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("affex.pipeline.storage.files.TICK", -1.0)
    write_wav(tmp_path / "data" / "a\u2028b\x85.wav", 0.2)
    dataset = at_hand(tmp_path, ["a\u2028b\x85.wav"])
    run(dataset, LEVEL)
    assert list(sources._stored(dataset.folder / "media.jsonl")) == ["a\u2028b\x85.wav"]

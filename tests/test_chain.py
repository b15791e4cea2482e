"""Features that read features: what is done again and what is not, failures, clusters, and the GPU's worker."""

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import plain
import pytest
import soundfile
from corpus import Listener, run, small, spec, write_wav
from plain import Copies, Last, Peaks, Tiles

from affex.features.base import Rows, Runtime
from affex.features.networks.prefetch import ahead
from affex.pipeline import media
from affex.pipeline.caching import cache, feature_rows, inventory, store
from affex.pipeline.execution import stages
from affex.pipeline.extraction import chain
from affex.pipeline.extraction.chain import Link, LinkBatch
from affex.pipeline.extraction.extract import Summary, extract
from affex.pipeline.extraction.work import Failure
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.specs.features import spec_of
from affex.pipeline.text.errors import AffexError

TILES = spec("tiles", Tiles())
PEAKS = spec("peaks", Peaks())


@pytest.fixture(autouse=True)
def presets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the registry know the features that others read here."""
    known = {"tiles": Tiles(), "copies": Copies()}
    monkeypatch.setattr("affex.pipeline.specs.discovery.feature_presets", lambda: known)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return small(tmp_path)


@pytest.fixture
def no_media(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function after whose call nobody may decode."""

    def forbid() -> None:
        monkeypatch.setattr(media, "decode_audio", lambda *_: pytest.fail("something was decoded"))

    return forbid


def test_the_spec_of_a_feature_is_what_one_would_ask_for() -> None:
    assert str(spec_of(Tiles())) == "tiles"
    assert str(spec_of(Tiles(gain=2.0))) == "tiles:gain=2.0"
    with pytest.raises(LookupError, match="a kind that has no preset"):
        spec_of(Peaks())


def rows(summary: Summary) -> dict[str, np.ndarray]:
    table = feature_rows.load(summary.path, cache.recipe(summary.spec.feature).key)
    return {i: table.values[a:b] for i, a, b in zip(table.ids, table.offsets[:-1], table.offsets[1:], strict=True)}


def samples(dataset: Dataset, number: int) -> np.ndarray:
    return soundfile.read(dataset.root / dataset.utterances[number].audio.path, dtype="float32")[0]


def replaced(dataset: Dataset, name: str, seconds: float = 0.5, seed: int = 99) -> None:
    write_wav(dataset.root / name, seconds, seed=seed)


def test_what_is_upstream_is_brought_up_to_date_first_and_shown(dataset: Dataset) -> None:
    tiles, peaks = run(dataset, PEAKS)
    assert (str(tiles.spec), tiles.computed) == ("tiles", 20)
    assert (str(peaks.spec), peaks.computed, peaks.failures) == ("peaks", 20, {})
    for number, (id_, found) in enumerate(rows(peaks).items()):
        x = samples(dataset, number)
        cut = x[: len(x) // 160 * 160].reshape(-1, 160)
        pictured = cut[np.arange(len(cut)) % 3 != 2]
        assert id_ == dataset.utterances[number].id
        assert found.tolist() == [[np.abs(pictured).max(), len(pictured)]]


def test_summaries_come_in_the_order_of_the_wish(dataset: Dataset) -> None:
    level, last = spec("level", plain.Level()), spec("last", Last())
    assert [str(s.spec) for s in run(dataset, last, level)] == ["tiles", "copies", "last", "level"]
    assert [str(s.spec) for s in run(dataset, PEAKS, TILES, level)] == ["tiles", "peaks", "level"]


def test_a_second_run_computes_and_writes_nothing(dataset: Dataset) -> None:
    before = [summary.path.stat().st_mtime_ns for summary in run(dataset, PEAKS)]

    def none():
        raise AssertionError("nothing is missing")

    again = run(dataset, PEAKS, runner=none)
    assert [(s.cached, s.computed) for s in again] == [(20, 0), (20, 0)]
    assert [summary.path.stat().st_mtime_ns for summary in again] == before


def test_another_feature_of_the_same_rows_decodes_nothing(dataset: Dataset, no_media: Callable[[], None]) -> None:
    run(dataset, PEAKS)
    no_media()
    listener = Listener()
    tiles, copies = run(dataset, spec("copies", Copies()), listener=listener)
    assert (tiles.computed, copies.computed) == (0, 20)
    assert listener.counted["extracting"] == 20


def test_one_changed_clip_is_done_again_alone_all_the_way_down(dataset: Dataset) -> None:
    last = spec("last", Last())
    before = rows(run(dataset, last)[-1])
    replaced(dataset, "03.wav")
    summaries = run(dataset, last)
    assert [(s.cached, s.computed) for s in summaries] == [(19, 1)] * 3
    assert [dict(s.reasons) for s in summaries] == [
        {"its media bytes or its span changed": 1},
        {"its plain changed": 1},
        {"its plain changed": 1},
    ]
    after = rows(summaries[-1])
    assert [id_ for id_ in before if before[id_] != after[id_]] == ["03"]


def test_a_change_that_leaves_the_upstream_rows_alone_stops_there(dataset: Dataset) -> None:
    run(dataset, PEAKS)
    path = dataset.root / "03.wav"
    path.write_bytes(path.read_bytes() + b"LIST\4\0\0\0note")  # other bytes, the same sound
    tiles, peaks = run(dataset, PEAKS)
    assert tiles.computed == 1
    # The digest of the rows covers their source: what was made of other bytes is other rows.
    assert peaks.computed == 1


def test_touching_and_relabelling_do_nothing_again(dataset: Dataset) -> None:
    run(dataset, PEAKS)
    os.utime(dataset.root / "03.wav")
    relabelled = replace(dataset, utterances=tuple(replace(u, label="new") for u in dataset.utterances))
    assert [summary.computed for summary in run(relabelled, PEAKS)] == [0, 0]


def test_a_key_holds_the_whole_recipe_upstream(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {cache.recipe(feature).key for feature in (Peaks(), Peaks(most=8.0), Peaks(tiles=Tiles(gain=2.0)))}
    keys |= {cache.recipe(feature).key for feature in (Last(), Last(copies=Copies(tiles=Tiles(gain=2.0))))}
    assert len(keys) == 5
    made = json.loads(cache.recipe(Peaks()).spec)
    assert made["upstream"] == json.loads(cache.recipe(Tiles()).spec)
    assert "tiles" not in made["parameters"]
    assert made["packages"] == {}  # what decodes sound is upstream's affair
    monkeypatch.setattr(Tiles, "version", 2)
    assert not {cache.recipe(Peaks()).key, cache.recipe(Last()).key} & keys


def test_another_upstream_stands_beside_the_first(dataset: Dataset) -> None:
    run(dataset, PEAKS)
    louder = spec("peaks", Peaks(tiles=Tiles(gain=2.0)))
    tiles, peaks = run(dataset, louder)
    assert tiles.path.name == f"tiles-{cache.recipe(Tiles(gain=2.0)).key[:12]}.h5"
    assert rows(peaks)["00"][0, 0] == 2 * rows(run(dataset, PEAKS)[-1])["00"][0, 0]


def test_a_new_version_upstream_says_what_changed(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    run(dataset, PEAKS)
    monkeypatch.setattr(Tiles, "version", 2)
    _, peaks = run(dataset, PEAKS)
    assert dict(peaks.reasons) == {"made otherwise before: upstream.version 1 -> 2": 20}


def test_failures_upstream_are_failures_here(dataset: Dataset) -> None:
    (dataset.root / "05.wav").write_text("not audio " * 99)
    soundfile.write(dataset.root / "06.wav", np.linspace(0.0, 0.5, 8000), 16000)
    tiles, peaks = run(dataset, PEAKS)
    assert tiles.failures["06"] == "nobody is there"
    assert peaks.failures == {
        "05": "plain: 05.wav cannot be decoded: Invalid data found when processing input",
        "06": "plain: nobody is there",
    }
    with h5py.File(peaks.path) as h5:
        assert h5["failed/message"].asstr()[:].tolist() == list(peaks.failures.values())
    before = peaks.path.stat().st_mtime_ns
    _, again = run(dataset, PEAKS)
    assert again.path.stat().st_mtime_ns == before

    replaced(dataset, "06.wav")
    tiles, peaks = run(dataset, PEAKS)
    assert (tiles.computed, peaks.computed, list(peaks.failures)) == (1, 1, ["05"])


def test_a_clip_that_is_refused_fails_alone_and_is_not_tried_again(dataset: Dataset) -> None:
    peaks = run(dataset, PEAKS)[-1]
    heights = {id_: float(found[0, 0]) for id_, found in rows(peaks).items()}
    tallest = max(heights, key=heights.get)
    picky = spec("peaks", Peaks(most=sorted(heights.values())[-2] + 1e-4))
    for computed in (19, 0):
        summary = run(dataset, picky)[-1]
        assert summary.computed == computed
        assert list(summary.failures) == [tallest]
        assert "a peak of " in summary.failures[tallest]


def test_hurt_upstream_rows_are_mended_first(dataset: Dataset) -> None:
    tiles, peaks = run(dataset, PEAKS)
    sound, before = tiles.path.read_bytes(), peaks.path.stat().st_mtime_ns
    with h5py.File(tiles.path) as h5:
        at = h5["crops"].id.get_offset() + int(h5["crop_offsets"][h5["offsets"][7]])
    tiles.path.write_bytes(sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
    tiles, peaks = run(dataset, PEAKS)
    assert (tiles.computed, peaks.computed) == (1, 0)
    assert tiles.path.read_bytes() == sound
    assert peaks.path.stat().st_mtime_ns == before


def link_batch(dataset: Dataset, feature: Peaks, tiles: Summary) -> LinkBatch:
    key = cache.recipe(feature.tiles).key
    with store.reading(tiles.path) as reader:
        links = [Link(id_, ((n, reader.digests[n]),), 20) for n, id_ in enumerate(reader.ids)]
    return LinkBatch(tuple(links), ((tiles.path, key),), (feature,), Runtime())


def test_rows_that_change_under_a_worker_are_a_failure_to_be_tried_again(dataset: Dataset) -> None:
    [tiles] = run(dataset, TILES)
    batch = link_batch(dataset, Peaks(), tiles)
    links = (replace(batch.jobs[0], rows=((0, "0" * 64),)), *batch.jobs[1:])
    [part] = chain.extract(replace(batch, jobs=links))
    assert part.outcomes["00"] == Failure(
        "the rows that '00' is computed from changed while they were read", final=False
    )
    assert all(isinstance(outcome, Rows) for id_, outcome in part.outcomes.items() if id_ != "00")

    content = bytearray(tiles.path.read_bytes())
    content[-1] ^= 1  # in the last utterance's last picture, or its values
    tiles.path.write_bytes(content)
    [part] = chain.extract(batch)
    assert "the rows of '19' do not verify" in part.outcomes["19"].message
    tiles.path.unlink()
    [part] = chain.extract(batch)
    assert all(not outcome.final and "No such file" in outcome.message for outcome in part.outcomes.values())


def test_clips_come_together(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    together = []
    whole = Peaks.extract_many

    def counted(self: Peaks, utterances: Iterable[Rows], model: object) -> list[Rows]:
        together.append(whole(self, utterances, model))
        return together[-1]

    monkeypatch.setattr(Peaks, "extract_many", counted)
    run(dataset, PEAKS)
    assert list(map(len, together)) == [16, 4]


def test_a_model_is_loaded_once(dataset: Dataset) -> None:
    [tiles] = run(dataset, TILES)
    batch = link_batch(dataset, Peaks(most=1e3), tiles)
    plain.LOADED.clear()
    for runtime in (Runtime(), Runtime(), Runtime(device="cuda"), Runtime()):
        chain.extract(replace(batch, runtime=runtime))
    assert plain.LOADED == ["cpu", "cuda"]


def test_what_a_feature_lacks_is_one_error_before_any_clip(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, no_media: Callable[[], None]
) -> None:
    def require(*_: object) -> None:
        raise ValueError("no weights")

    run(dataset, TILES)
    with monkeypatch.context() as patch:
        patch.setattr(Peaks, "require", require)
        with pytest.raises(AffexError, match="peaks: no weights"):
            run(dataset, PEAKS)
    run(dataset, PEAKS)
    monkeypatch.setattr(Peaks, "require", require)
    assert [summary.cached for summary in run(dataset, PEAKS)] == [20, 20]  # what is cached needs none
    replaced(dataset, "03.wav")
    no_media()
    with pytest.raises(AffexError, match="peaks: no weights"):
        run(dataset, PEAKS)


def test_a_model_that_cannot_be_loaded_is_every_clips_failure(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_: object) -> None:
        raise FileNotFoundError("no weights")

    monkeypatch.setattr(Peaks, "load", load)
    _, peaks = run(dataset, spec("peaks", Peaks(most=1e4)))
    assert set(peaks.failures.values()) == {"plain: FileNotFoundError: no weights"}


def test_a_feature_that_forgets_a_clip_is_caught(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Peaks, "extract_many", lambda self, utterances, model: [self._rows(c, model) for c in utterances][1:]
    )
    _, peaks = run(dataset, PEAKS)
    assert set(peaks.failures.values()) == {
        "plain: ValueError: extract_many returned the rows of 0 utterances, expected 1"
    }


def test_pictures_that_are_not_as_promised_do_not_reach_the_cache(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Copies, "with_crops", False)
    copies = run(dataset, spec("copies", Copies()))[-1]
    assert len(copies.failures) == 20
    assert all("rows, expected without pictures" in message for message in copies.failures.values())


@pytest.mark.parametrize(("n_utterances", "n_rows"), [(1, 4096), (7, 4096), (64, 30)])
def test_results_do_not_depend_on_batches(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, n_utterances: int, n_rows: int
) -> None:
    last = spec("last", Last())
    whole = [summary.path.read_bytes() for summary in run(dataset, last, PEAKS)]
    monkeypatch.setitem(chain.BATCH, "cpu", (n_utterances, n_rows))
    split = run(replace(dataset, folder=dataset.folder / "b"), last, PEAKS)
    assert [summary.path.read_bytes() for summary in split] == whole


def test_batches_are_neither_many_clips_nor_many_rows_nor_much_memory() -> None:
    links = [Link(str(n), ((n, ""),), 100) for n in range(200)]
    short = [replace(link, n_rows=1) for link in links]
    assert [len(batch) for batch in chain.batches(links, 128, "cuda")] == [41, 41, 41, 41, 36]
    assert [len(batch) for batch in chain.batches(links, 18_000, "cuda")] == [10] * 20
    assert [len(batch) for batch in chain.batches(links, 10**8, "cuda")] == [1] * 200
    assert [len(batch) for batch in chain.batches(short, 128, "cuda")] == [64, 64, 64, 8]
    assert [len(batch) for batch in chain.batches(links, 128, "cpu")] == [6] * 33 + [2]
    assert [len(batch) for batch in chain.batches(short, 128, "cpu")] == [16] * 12 + [8]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_cluster_gives_what_this_process_gives(dataset: Dataset, jobs: int) -> None:
    last = spec("last", Last())
    inline = [summary.path.read_bytes() for summary in run(dataset, last, PEAKS)]
    elsewhere = replace(dataset, folder=dataset.folder / "b")
    local = run(elsewhere, last, PEAKS, runner=lambda: stages.opened("local", jobs))
    assert [summary.path.read_bytes() for summary in local] == inline


def test_a_clip_that_kills_its_worker_is_given_up_alone(dataset: Dataset) -> None:
    replaced(dataset, "07.wav", 2.0)
    deadly = spec("peaks", Peaks(deadly=150))
    tiles, peaks = run(dataset, deadly, runner=lambda: stages.opened("local", 2))
    assert (tiles.computed, peaks.computed, list(peaks.failures)) == (20, 19, ["07"])
    assert "the worker process died each time" in peaks.failures["07"]


def test_what_runs_on_a_gpu_has_a_worker_and_a_model_of_its_own(dataset: Dataset) -> None:
    placed = spec("peaks", Peaks(place=True))
    runner = lambda: stages.opened("local", 2, gpus=1)  # noqa: E731
    _, peaks = extract(dataset, [placed], runner, Listener(), Runtime(device="cuda"))
    assert peaks.failures == {}
    where = np.vstack(list(rows(peaks).values()))[:, 2:]
    assert len({process for process, _ in where.tolist()}) == 1
    assert set(where[:, 1]) == {1.0}


def test_a_gpu_that_no_worker_has_is_missed_at_once(dataset: Dataset) -> None:
    with pytest.raises(AffexError, match=r"No worker of the cluster offers a GPU, .* DEVICE=cpu"):
        extract(dataset, [PEAKS], lambda: stages.opened("local", 1), Listener(), Runtime(device="cuda"))
    assert [summary.cached for summary in run(dataset, TILES)] == [20]  # what was finished before is kept


def test_what_a_run_would_do_is_said(dataset: Dataset) -> None:
    peaks = PEAKS
    held, reasons = inventory.stock(Listener(), dataset, peaks)
    assert not held.places
    assert set(reasons.values()) == {"plain: not computed yet"}
    run(dataset, peaks)
    replaced(dataset, "03.wav")
    held, reasons = inventory.stock(Listener(), dataset, peaks)
    assert len(held.places) == 19
    assert reasons == {"03": "plain: its media bytes or its span changed"}


def test_a_run_that_was_killed_between_two_links_goes_on(dataset: Dataset, no_media: Callable[[], None]) -> None:
    run(dataset, TILES)
    no_media()
    with pytest.raises(KeyboardInterrupt), pytest.MonkeyPatch.context() as patch:
        patch.setattr("affex.pipeline.caching.cache.publish", interrupt)
        run(dataset, PEAKS)
    _, peaks = run(dataset, PEAKS)
    assert (peaks.cached, peaks.computed) == (20, 0)


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_items_are_prepared_ahead_in_order_and_not_too_many() -> None:
    begun = []

    def items():
        for n in range(50):
            begun.append(n)
            yield n

    results = ahead(lambda n: n * n, items(), threads=3)
    assert begun == [0, 1, 2, 3, 4, 5]
    for n, result in enumerate(results):
        assert result == n * n
        assert len(begun) <= n + 8
    with pytest.raises(ZeroDivisionError):
        list(ahead(lambda n: 1 // n, [1, 0, 1]))

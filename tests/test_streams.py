"""Streams: a file is decoded once for all its utterances, and no utterance waits for another or is held whole.

The decoder here is a stand-in: a "video" is a text of its number of frames; frame ``k`` is grey ``k`` at ``k / 10`` s.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from corpus import run, spec
from plain import Greys, Level

from affex.features.base import Frames, Rows, Runtime
from affex.features.pictures import spool
from affex.pipeline.caching import cache, entry, feature_rows, store
from affex.pipeline.extraction import streams
from affex.pipeline.extraction.extract import Summary
from affex.pipeline.extraction.work import AudioBatch, Job
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.media.video import Ended, Wanted, Window

#: Frames to a window.
WINDOW = 4


class StandIn:
    """Decodes texts, and notes what it was asked for."""

    def __init__(self) -> None:
        self.decoded: list[tuple[str, int]] = []
        self.break_at = 10**9
        self.shown: list[int] = []

    def __call__(
        self, root: Path, path: str, wanted: Sequence[Wanted], *, window_bytes: int
    ) -> Iterator[Window | Ended]:
        self.decoded.append((path, len(wanted)))
        text = (root / path).read_text()
        if not text.strip().isdigit():
            yield from (Ended(each.id, 0, f"{path} cannot be decoded") for each in wanted)
            return
        n_frames = int(text)
        spans = [(each, round((each.start or 0) * 10), round((each.end or 1e6) * 10)) for each in wanted]
        for begin in range(0, n_frames, WINDOW):
            if begin >= self.break_at:
                raise OSError("the drive went away")
            self.shown.append(begin)
            for each, start, end in spans:
                at = np.arange(max(begin, start), min(begin + WINDOW, n_frames, end))
                if len(at):
                    yield Window(each.id, Frames(pictures(at), (at - start) / 10))
                if start < end <= begin + WINDOW and end > begin:
                    yield Ended(each.id, end - start)
        for each, _, end in spans:
            if end > n_frames:
                yield Ended(each.id, 0, None if each.end is None else f"{path} ends before the span does")


def pictures(at: np.ndarray) -> np.ndarray:
    return np.broadcast_to(at.astype(np.uint8)[:, None, None, None], (len(at), 8, 6, 3)).copy()


@pytest.fixture
def decoder(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    standing_in = StandIn()
    monkeypatch.setattr(streams, "windows", standing_in)
    return standing_in


def utterance(id_: str, path: str, start: float | None = None, end: float | None = None) -> Utterance:
    return Utterance(id=id_, corpus="small", speaker="s", video=Media(path, start, end))


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Two dialogs, each with overlapping turns of two speakers, listed by speaker, and one utterance besides."""
    (tmp_path / "data").mkdir()
    for name, n_frames in (("a", 40), ("b", 30), ("c", 7)):
        (tmp_path / "data" / f"{name}.txt").write_text(str(n_frames))
    utterances = (
        utterance("a1", "a.txt", 0.0, 1.5),
        utterance("b1", "b.txt", 0.5, 1.0),
        utterance("a2", "a.txt", 1.0, 3.5),
        utterance("b2", "b.txt", 0.0, 3.0),
        utterance("a3", "a.txt"),
        utterance("c", "c.txt"),
    )
    return Dataset("small", tmp_path / "data", tmp_path / "cache" / "small", utterances)


GREYS = spec("greys", Greys())


def rows(summary: Summary) -> dict[str, list[float]]:
    table = feature_rows.load(summary.path, cache.recipe(summary.spec.feature).key)
    return {
        i: table.values[a:b, 0].tolist() for i, a, b in zip(table.ids, table.offsets, table.offsets[1:], strict=False)
    }


def test_every_clip_sees_its_own_frames_and_each_file_is_decoded_once(dataset: Dataset, decoder: StandIn) -> None:
    [greys] = run(dataset, GREYS)
    assert greys.failures == {}
    spans = {"a1": (0, 15), "b1": (5, 10), "a2": (10, 35), "b2": (0, 30), "a3": (0, 40), "c": (0, 7)}
    assert rows(greys) == {id_: list(map(float, range(*span))) for id_, span in spans.items()}
    assert decoder.decoded == [("a.txt", 3), ("b.txt", 2), ("c.txt", 1)]
    with store.reading(greys.path) as reader:
        kept = reader.entry(2, cache.recipe(Greys()).key)
        assert (kept.times * 10).round().tolist() == list(range(25))
        assert list(kept.crops) == [bytes([k, k, k]) for k in range(10, 35)]


def test_features_of_one_sampling_share_windows_and_others_a_decoder(dataset: Dataset, decoder: StandIn) -> None:
    run(dataset, GREYS, spec("few", Greys(most=2)), spec("slow", Greys(fps=5.0)))
    assert decoder.decoded == [("a.txt", 6), ("b.txt", 4), ("c.txt", 2)]


def test_only_what_is_missing_is_decoded(dataset: Dataset, decoder: StandIn) -> None:
    run(dataset, GREYS)
    decoder.decoded.clear()
    (dataset.root / "b.txt").write_text("31")
    [greys] = run(dataset, GREYS)
    assert (greys.cached, greys.computed, decoder.decoded) == (4, 2, [("b.txt", 2)])
    more = replace(dataset, utterances=(*dataset.utterances, utterance("a4", "a.txt", 2.0, 2.5)))
    [greys] = run(more, GREYS)
    assert (greys.computed, decoder.decoded[1:], rows(greys)["a4"]) == (1, [("a.txt", 1)], [20, 21, 22, 23, 24])


def test_a_clip_that_ends_too_early_fails_and_the_others_of_its_file_do_not(dataset: Dataset, decoder: StandIn) -> None:
    (dataset.root / "a.txt").write_text("20")
    [greys] = run(dataset, GREYS)
    assert greys.failures == {"a2": "a.txt ends before the span does"}
    assert len(rows(greys)["a3"]) == 20


def test_a_file_that_cannot_be_decoded_fails_until_its_bytes_change(dataset: Dataset, decoder: StandIn) -> None:
    (dataset.root / "a.txt").write_text("no video")
    for _ in range(2):
        [greys] = run(dataset, GREYS)
        assert greys.failures == dict.fromkeys(("a1", "a2", "a3"), "a.txt cannot be decoded")
    assert [path for path, _ in decoder.decoded].count("a.txt") == 1


def test_what_was_seen_whole_before_a_decoder_failed_counts(dataset: Dataset, decoder: StandIn) -> None:
    decoder.break_at = 20
    [greys] = run(dataset, GREYS)
    assert greys.failures == {
        "a2": "a.txt: OSError: the drive went away",
        "a3": "a.txt: OSError: the drive went away",
        "b2": "b.txt: OSError: the drive went away",
    }
    decoder.break_at = 10**9
    [greys] = run(dataset, GREYS)  # such failures are not final
    assert (greys.computed, greys.failures) == (3, {})


def test_a_file_that_changes_under_the_decoder_gives_nothing(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    def changing(root: Path, path: str, wanted: Sequence[Wanted], **how: int) -> Iterator[Window | Ended]:
        yield from StandIn()(root, path, wanted, **how)
        (root / path).write_text("999")

    monkeypatch.setattr(streams, "windows", changing)
    [greys] = run(dataset, GREYS)
    assert set(greys.failures.values()) == {f"{name}.txt changed while it was read" for name in "abc"}


def test_a_file_that_goes_under_the_decoder_gives_nothing(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    def losing(root: Path, path: str, wanted: Sequence[Wanted], **how: int) -> Iterator[Window | Ended]:
        yield from StandIn()(root, path, wanted, **how)
        (root / path).unlink()

    monkeypatch.setattr(streams, "windows", losing)
    [greys] = run(dataset, GREYS)
    assert set(greys.failures.values()) == {f"{name}.txt changed while it was read" for name in "abc"}


def test_a_clip_without_video_says_so(dataset: Dataset, decoder: StandIn) -> None:
    mute = replace(dataset.utterances[0], id="mute", video=None)
    [greys] = run(replace(dataset, utterances=(mute, *dataset.utterances)), GREYS)
    assert greys.failures == {"mute": "it has no video"}


def test_a_feature_may_leave_early(dataset: Dataset, decoder: StandIn) -> None:
    [few] = run(dataset, spec("few", Greys(most=2)))
    assert rows(few)["b2"] == list(range(8))
    assert decoder.decoded == [("a.txt", 3), ("b.txt", 2), ("c.txt", 1)]


def test_a_feature_that_fails_in_the_middle_does_not_stop_the_others(
    dataset: Dataset, decoder: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Greys.extract_stream

    def picky(self: Greys, windows: Iterator[Frames], model: object) -> Rows:
        first = next(windows)
        if first.pictures[0, 0, 0, 0] == 10:
            raise RuntimeError("a library's own trouble")
        return whole(self, iter([first, *windows]), model)

    monkeypatch.setattr(Greys, "extract_stream", picky)
    [greys] = run(dataset, GREYS)
    assert greys.failures == {"a2": "plain: RuntimeError: a library's own trouble"}


def test_sound_and_video_go_their_own_ways_in_one_run(dataset: Dataset, decoder: StandIn) -> None:
    from corpus import write_wav

    write_wav(dataset.root / "x.wav", 0.5)
    both = replace(dataset, utterances=tuple(replace(u, audio=Media("x.wav")) for u in dataset.utterances))
    greys, level = run(both, GREYS, spec("level", Level()))
    assert (greys.computed, level.computed) == (6, 6)


def test_a_feature_computes_one_clip_at_a_time_while_the_decoder_is_a_window_ahead(
    dataset: Dataset, decoder: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows of overlapping utterances alternate, so all of them are begun; but only one computes, whichever it is."""
    busy, most = threading.Semaphore(1), []

    def counted(self: Greys, windows: Iterator[Frames], model: object) -> Rows:
        n = 0
        for frames in windows:
            assert busy.acquire(blocking=False), "two utterances were computed at once"
            n += len(frames.times)
            most.append(decoder.shown[-1] - int(frames.pictures[0, 0, 0, 0]))
            busy.release()
        return Rows(np.full((n, 1), 0, np.float32), np.arange(n) / 10, (b"",) * n)

    monkeypatch.setattr(Greys, "extract_stream", counted)
    (dataset.root / "a.txt").write_text("200")
    alone = replace(dataset, utterances=(utterance("a", "a.txt"),))
    [greys] = run(alone, GREYS)
    assert (greys.computed, greys.failures) == (1, {})
    assert max(most) <= WINDOW  # one window is computed, one waits
    most.clear()
    [greys] = run(dataset, GREYS)
    assert (greys.computed, greys.failures) == (6, {})


def test_many_pictures_reach_the_driver_over_the_disk(
    dataset: Dataset, decoder: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    [carried] = run(dataset, GREYS)
    spilled = []
    monkeypatch.setattr(streams, "CARRIED", 30)
    monkeypatch.setattr(streams, "spill", lambda *given: spilled.append(entry.spill(*given)) or spilled[-1])
    publish = cache.publish

    def tidy(file: cache.FeatureFile, *given: object) -> None:
        assert not list(file.folder.rglob("*.tmp")), "each is removed once its segment is written"
        publish(file, *given)

    monkeypatch.setattr(cache, "publish", tidy)
    [greys] = run(replace(dataset, folder=dataset.folder / "b"), GREYS)
    assert sorted(len(crops) for crops in spilled) == [15, 25, 30, 40]
    assert greys.path.read_bytes() == carried.path.read_bytes()


def test_pictures_that_the_driver_cannot_see_are_a_failure(
    dataset: Dataset, decoder: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "CARRIED", 90)
    monkeypatch.setattr(streams, "spill", lambda crops, _: entry.Spilled(Path("nowhere.tmp"), np.arange(41)))
    [greys] = run(dataset, GREYS)
    assert list(greys.failures) == ["a3"]
    assert "left pictures in nowhere.tmp" in greys.failures["a3"]


def test_what_a_dead_worker_left_is_removed(dataset: Dataset, decoder: StandIn) -> None:
    decode = decoder.__call__

    def dying(*given: object, **how: int) -> Iterator[Window | Ended]:
        scratch = cache.FeatureFile(dataset.folder, GREYS).parts
        scratch.mkdir(parents=True, exist_ok=True)
        (scratch / "0123456789ab.crops.tmp").write_text("half a picture")
        return decode(*given, **how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "windows", dying)
        run(dataset, GREYS)
    assert not cache.FeatureFile(dataset.folder, GREYS).parts.exists()


def test_a_spool_gives_back_what_was_put_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(spool, "HELD", 100)
    pictures = [bytes([n]) * (n % 7 * 20) for n in range(40)]
    collected = spool.Spool()
    for number, picture in enumerate(pictures):
        collected.append(picture)
        assert collected[number // 2] == pictures[number // 2]
    spilled = entry.spill(collected, tmp_path)
    for held in (collected, spilled):
        assert list(held) == pictures
        assert (held[-1], held[3:5], len(held)) == (pictures[-1], tuple(pictures[3:5]), 40)
        assert entry.lengths(held).tolist() == list(map(len, pictures))
        assert b"".join(entry.chunks(held)) == b"".join(pictures)


def test_a_batch_that_dies_is_halved_by_its_clips() -> None:
    jobs = tuple(Job(str(n), Media("a.mp4", n, n + 1), 1, 1, (0,)) for n in range(5))
    first, second = AudioBatch(jobs, Path(), (Greys(),), Runtime()).halves()
    assert (first.jobs, second.jobs) == (jobs[:2], jobs[2:])
    assert replace(first, jobs=jobs[:1]).halves() is None

"""The page of a corpus before any model: what it says first, its numbers, and how a browser shows it."""

import json
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from browser import WAYS, looked_at, opened, program, showing
from corpus import Listener, small
from test_cli import affex
from test_experiment import voice
from test_hostile_text import HOSTILE

from affex.pipeline.evaluation.named_votes import named_votes
from affex.pipeline.execution.runner import Inline
from affex.pipeline.extraction import headers
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.media.header import Header, header
from affex.pipeline.pages import corpus as corpus_page
from affex.pipeline.specs import discovery
from affex.pipeline.statistics import counts, description
from affex.pipeline.statistics.agreement import agreement
from affex.pipeline.statistics.description import Description
from affex.pipeline.statistics.findings import findings
from affex.pipeline.statistics.labels import labels
from affex.pipeline.statistics.raters import raters
from affex.pipeline.statistics.recordings import QUANTITIES, recordings
from affex.pipeline.statistics.twins import twins
from affex.pipeline.storage.records import plain, restored
from affex.pipeline.storage.sealed import opened as unsealed

#: Names that a browser would obey, if they were not escaped.
SCRIPTS = (
    "<script>window.obeyed = 1</script>",
    '"><img src=x onerror="window.obeyed = 1">',
    "</title><svg onload=window.obeyed=1>",
    "</style></script><script>window.obeyed = 1</script>",
    "' onmouseover='window.obeyed = 1",
    "{{ 7 * 7 }}{% raw %}",
)
CORPUS = ("--dataset", "csv", "--features", "gemaps", "--scheduler", "inline")


def described(folder: Path, *more: str) -> tuple[list[str], Description, Path]:
    """Describe the table of a folder; return what was printed, the record and the page."""
    told = affex("describe", *CORPUS, "--data", str(folder / "lone.csv"), "--cache", str(folder / "cache"), *more)
    assert told.returncode == 0, told.stdout + told.stderr
    own = folder / "cache" / "lone"
    record = restored(Description, unsealed((own / corpus_page.RECORD).read_text()))
    return told.stdout.splitlines(), record, own / corpus_page.PAGE


@pytest.fixture(scope="module")
def lone(tmp_path_factory) -> Path:
    """A table whose six speakers have one class each; a copy, a clipped, a silent and a missing recording."""
    folder = tmp_path_factory.mktemp("lone")
    rows = ["file,speaker,label"]
    for number in range(18):
        speaker = number // 3
        voice(folder / f"{number}.wav", speaker, loud=bool(speaker % 2), seed=number)
        rows.append(f"{number}.wav,s{speaker},{'calm' if speaker % 2 else 'wild'}")
    shutil.copy(folder / "0.wav", folder / "copy.wav")
    clipped = np.clip(20 * soundfile.read(folder / "4.wav")[0], -1, 1)
    soundfile.write(folder / "4.wav", clipped, 16000, subtype="PCM_16")
    soundfile.write(folder / "silent.wav", np.zeros(16000), 16000, subtype="PCM_16")
    rows += ["copy.wav,s1,calm", "silent.wav,s0,wild"]
    (folder / "lone.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def found(lone: Path) -> tuple[list[str], Description, Path]:
    return described(lone)


@pytest.fixture(scope="module")
def window() -> Iterator[Any]:
    if program() is None:
        pytest.skip("no Chromium is installed")
    with opened() as browser:
        yield browser


def test_the_first_lines_say_that_speakers_have_one_class_each(found):
    lines, record, written = found
    at = next(number for number, line in enumerate(lines) if line.startswith("lone: "))
    assert lines[at].startswith("lone: 20 utterances, 6 speakers, 2 classes")
    assert lines[at + 1].startswith("SERIOUS: Each of the 6 speakers has utterances of one class only.")
    assert "speaker-norm" in lines[at + 1]
    assert record.findings[0].weight == "serious"
    assert record.crossed.determined == pytest.approx(1)
    first = re.sub(
        r"<[^>]*>", "", written.read_text(encoding="utf-8").partition('class="notice')[2].partition("</p>")[0]
    )
    assert "Each of the 6 speakers has utterances of one class only" in first


def test_what_is_wrong_with_the_recordings_is_said(found):
    _, record, _ = found
    said = {one.text for one in record.findings}
    assert any(
        "1 pair of utterances hold the same recording" in text and "1 with different classes" in text for text in said
    )
    assert any("1 of 20 utterances have no rows of levels" in text and "digital silence" in text for text in said)
    assert record.recordings.clipped.n == 1
    assert record.recordings.n_measured == 19
    assert [pair.labels for pair in record.twins.same] == [("wild", "calm")]


def test_nothing_can_be_said_of_effects_where_speakers_have_one_class(found):
    _, record, written = found
    [view] = record.views
    assert view.shares is not None
    assert view.shares.only_label.value == pytest.approx(0, abs=1e-9)
    assert not any(one.largest for one in view.effects.classes)
    assert "no class has them" in written.read_text(encoding="utf-8")


def test_a_second_time_gives_equal_bytes_and_the_same_as_json(lone, found):
    before = {path.name: path.read_bytes() for path in found[2].parent.glob("description.*")}
    told = affex("describe", *CORPUS, "--data", str(lone / "lone.csv"), "--cache", str(lone / "cache"), "--json")
    assert {path.name: path.read_bytes() for path in found[2].parent.glob("description.*")} == before
    assert json.loads(told.stdout) == [plain(found[1])]


def test_a_changed_record_is_not_read(found):
    text = (found[2].parent / corpus_page.RECORD).read_text()
    with pytest.raises(ValueError, match="seal"):
        unsealed(text.replace('"lone"', '"loan"', 1))


def test_a_corpus_without_a_class_or_a_speaker_is_described(tmp_path, lone):
    rows = "".join(f"{lone}/{number}.wav,,\n" for number in range(4))
    (tmp_path / "bare.csv").write_text(f"file,speaker,label\n{rows}")
    where = ("--data", str(tmp_path / "bare.csv"), "--cache", str(tmp_path / "cache"), "--scheduler", "inline")
    told = affex("describe", "--dataset", "csv", "--features", "levels", *where)
    assert told.returncode == 0, told.stderr
    assert "The speakers are not known" in told.stdout
    assert "No utterance has a class." in told.stdout


def test_a_missing_feature_or_class_is_refused(lone):
    where = ("--dataset", "csv", "--data", str(lone / "lone.csv"), "--cache", str(lone / "cache"))
    assert affex("describe", *where, "--features", "gemapz").returncode == 2
    assert affex("describe", *where, "--classes", "calm,wilder").returncode == 2


@pytest.mark.parametrize("way", WAYS)
def test_a_browser_finds_nothing_wrong(found, window, way):
    seen = looked_at(window, found[2], way)
    assert (seen.errors, seen.requests, seen.overflow, seen.findings) == ([], [], 0, [])


def made(utterances: list[Utterance], n_columns: int = 0) -> Description:
    """Return the description of utterances with random levels, and rows of so many columns."""
    rng = np.random.default_rng(0)
    own = labels(utterances, "", "")
    names, speakers = tuple(label or "" for label in own.of), tuple(u.speaker for u in utterances)
    n = len(utterances)
    level_columns = (*QUANTITIES, "clipped", "zeros")
    rows = (level_columns, rng.random((n, len(level_columns))).astype(np.float32))
    found_headers = {u.audio.path: Header("wav", 1.0, "pcm_s16le", 16000, 1) for u in utterances if u.audio}
    X = (tuple(f"column{i}" for i in range(n_columns)), rng.standard_normal((n, n_columns)).astype(np.float32))
    whole = Description(
        corpus=utterances[0].corpus,
        target="",
        chosen_classes="",
        ids=tuple(u.id for u in utterances),
        speakers=speakers,
        labels=names,
        findings=(),
        classes=counts.by_class(names),
        fields=counts.by_fields(utterances),
        crossed=counts.crossed(names, speakers),
        dimensions=counts.dimensions(utterances),
        recordings=recordings(utterances, names, rows, np.ones(n, bool), found_headers),
        failures=description.failures("levels", {utterances[0].id: "why"}, utterances),
        agreement=agreement([u.votes for u in utterances], speakers, own.classes, {}),
        raters=raters(named_votes(utterances, {}, own.classes), own.classes),
        views=(description.view("made", X, np.arange(n), speakers, names),) if n_columns else (),
        twins=twins(utterances, names, None),
        identities=(),
        notes=own.notes,
    )
    return Description(**{**vars(whole), "findings": findings(whole)})


def crowd(n: int, names: tuple[str, ...], speakers: tuple[str, ...]) -> list[Utterance]:
    """Return utterances of all names, speaker by speaker, with votes, and two of one recording."""
    return [
        Utterance(
            id=f"{i}-{names[i % len(names)]}",
            corpus=names[0],
            speaker=speakers[i // len(names) % len(speakers)],
            label=names[i % len(names)],
            session=names[i // 2 % len(names)],
            votes=((names[i % len(names)],), (names[i % 3 % len(names)],)) if i < 300 else (),
            raters=(speakers[i % 3], speakers[-1 - i % 3]) if i < 300 else (),
            audio=Media(f"{max(1, i)}.wav"),
        )
        for i in range(n)
    ]


class Tags(HTMLParser):
    """Collects the tags of a page, and the attributes that run a script."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.handlers += [name for name, value in attrs if name.startswith("on") or "javascript:" in (value or "")]


def tags(content: bytes) -> Tags:
    parser = Tags()
    parser.feed(content.decode())
    return parser


@pytest.fixture(scope="module")
def crowded(tmp_path_factory) -> Path:
    """The page of 10 000 utterances, 40 classes and 60 speakers, of which the first have hostile names."""
    hostile = (*SCRIPTS, *HOSTILE)
    classes, speakers = (
        (*hostile, *(f"{kind} {i:02d}" for i in range(60)))[:n] for kind, n in (("class", 40), ("speaker", 60))
    )
    return corpus_page.write(tmp_path_factory.mktemp("crowded"), made(crowd(10_000, classes, speakers), 88), hostile[0])


def test_hostile_names_are_inert(crowded, found, window):
    content = crowded.read_bytes()
    assert tags(content).tags <= tags(found[2].read_bytes()).tags | {"dl", "dt", "dd", "sub"}
    assert tags(content).handlers == []
    assert content.count(b"<script") == 1
    assert not set(map(ord, "\x1b\x07\u202e\u2066")) & set(map(ord, content.decode()))
    with showing(window, crowded) as (shown, seen):
        shown.locator("main summary").first.click()
        shown.locator("th button").first.click()
        assert shown.evaluate("window.obeyed") is None
        assert (seen.errors, seen.requests) == ([], [])


def test_forty_classes_of_sixty_speakers_fit_a_phone(crowded, window):
    with showing(window, crowded, "phone") as (_, seen):
        assert (seen.errors, seen.requests, seen.overflow) == ([], [], 0)
    text = crowded.read_text(encoding="utf-8")
    assert all(f"class {i:02d}" in text for i in range(40 - len(SCRIPTS) - len(HOSTILE)))
    assert "of 10000 utterances that have rows: a random sample" in text


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_axe_finds_nothing_in_a_large_page(crowded, window, way):
    assert looked_at(window, crowded, way).findings == []


def test_ten_thousand_utterances_stay_under_3_megabytes(crowded):
    assert crowded.stat().st_size < 3e6
    assert crowded.with_name(corpus_page.RECORD).stat().st_size < 3e6


@pytest.mark.parametrize("name", sorted(discovery.corpora()))
def test_every_corpus_can_be_described(name, tmp_path):
    """Of the example tree of each: whatever it has of classes, speakers, votes, dimensions."""
    own = discovery.corpora()[name]
    if own.example is None:
        pytest.skip("it has no example tree")
    utterances = list(own.find(own.example(tmp_path / name) or tmp_path / name))
    record = made(utterances)
    assert restored(Description, json.loads(json.dumps(plain(record)))).findings == record.findings
    assert record.findings


def test_emodb_says_that_its_speakers_have_several_classes(tmp_path, test_data):
    """Of three speakers, of whom one lacks a class, with the cheapest feature."""
    (tmp_path / "wav").mkdir()
    for path in sorted((test_data("emodb") / "wav").glob("*.wav")):
        if path.name[:2] in ("03", "08", "14") and path.name[6] == "a":
            (tmp_path / "wav" / path.name).symlink_to(path)
    where = ("--data", str(tmp_path), "--cache", str(tmp_path / "cache"), "--partial", "--scheduler", "inline")
    told = affex("describe", "--dataset", "emodb", *where, "--features", "levels")
    assert told.returncode == 0, told.stderr
    lines = [line for line in told.stdout.splitlines() if line.startswith(("emodb: ", "Note: ", "Warning: "))]
    assert "3 speakers, 7 classes" in lines[0]
    assert lines[1].startswith(
        "Note: All 3 speakers have several classes: 1 of 3 have all 7; 03 lacks disgust; 08 lacks"
    )


def test_headers_are_kept_and_damaged_lines_are_read_again(tmp_path):
    dataset, listener = small(tmp_path, n_utterances=3), Listener()
    first = headers.of_corpus(dataset, Inline, listener)
    assert first["00.wav"] == Header("wav", pytest.approx(0.2), "pcm_s16le", 16000, 1)

    def refuse() -> Inline:
        raise AssertionError("all headers are known")

    assert headers.of_corpus(dataset, refuse, listener) == first
    memory = dataset.folder / headers.MEMORY
    memory.write_text(memory.read_text().replace("16000", "48000", 1))
    assert headers.of_corpus(dataset, Inline, listener) == first
    assert headers.of_corpus(dataset, refuse, listener) == first


def test_a_file_that_is_no_recording_has_a_header_that_says_so(tmp_path):
    (tmp_path / "a.wav").write_text("no sound at all")
    assert header(tmp_path, "a.wav").wrong
    assert header(tmp_path, "missing.wav").wrong

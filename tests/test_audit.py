"""The audit: every leak in its smallest form, then recordings and their copies on their way through the cache."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from copies import Treatment, voice, write_copy
from corpus import run

from affex.pipeline import media
from affex.pipeline.corpora import csv, emodb
from affex.pipeline.corpora.base import LOSO
from affex.pipeline.evaluation import audit
from affex.pipeline.evaluation.audit import Pair, errors, refusal, warnings
from affex.pipeline.evaluation.folds import Fold, folds
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.streams.table import Table, load

SPECS = feature_specs("fingerprint")


def u(id_, speaker, **fields):
    return Utterance(id_, "toy", speaker, **fields)


def halves(n):
    """Return one fold that learns from the first half and tests the second."""
    return [Fold("late", np.arange(n // 2), np.arange(n // 2, n))]


def prints_of(utterances, *rows):
    offsets = np.cumsum([0, *map(len, rows)])
    present = np.array([[len(its) > 0] for its in rows])
    return Table.of(np.concatenate(rows), offsets, tuple(utterances), tuple(map(str, range(32))), present)


def noise(seed, n=60):
    return np.random.default_rng(seed).standard_normal((n, 32)).astype(np.float32)


def looked_at(utterances, rounds=None, labels=None, *, prints=True, **options):
    """Return the findings by kind; prints of sounds that differ, so that only what is asked about is found."""
    rows = [noise(seed) for seed in range(len(utterances))] if prints is True else prints
    found = audit.audit(
        utterances,
        np.array([utterance.label or "" for utterance in utterances] if labels is None else labels),
        halves(len(utterances)) if rounds is None else rounds,
        prints=prints_of(utterances, *rows) if rows else None,
        **options,
    )
    assert len({finding.kind for finding in found}) == len(found)
    return {finding.kind: finding for finding in found}


def test_honest_folds_are_silent():
    utterances = [u("a", "ada", text="one", session="1"), u("b", "ben", text="two", session="2")]
    assert looked_at(utterances) == {}
    assert warnings([]) == ()


def test_a_speaker_on_both_sides_is_fatal():
    utterances = [u("a", "ada"), u("b", "ben"), u("c", "ben"), u("d", "cyd")]
    (finding,) = looked_at(utterances).values()
    assert (finding.kind, finding.fatal) == ("speaker", True)
    assert finding.pairs == (Pair("b", "c", "late", "speaker ben"),)
    assert finding.message == (
        "1 speaker (ben) on both sides of 1 of 1 folds: 1 of 2 test utterances share theirs with training utterances"
    )


def test_speakers_of_two_corpora_are_two_though_their_names_are_one():
    utterances = [u("a", "03"), replace(u("a", "03"), corpus="other")]
    assert looked_at(utterances) == {}


def test_a_recording_of_two_corpora_is_named_with_them():
    utterances = [u("a", "03"), replace(u("a", "03"), corpus="other")]
    found = looked_at(utterances, prints=[noise(0), noise(0)])
    assert [pair[:2] for pair in found["duplicate"].pairs] == [("toy/a", "other/a")]


def test_an_utterance_without_a_speaker_is_said_to_have_none():
    utterances = [u("a", ""), u("b", "ben"), u("c", ""), u("d", "cyd")]
    (finding,) = looked_at(utterances).values()
    assert not finding.fatal
    assert finding.message.startswith("2 of 4 utterances have no speaker")


def two_sessions():
    """Return two speakers in each of two sessions, with a dialog of their own each; dialogs are numbered anew."""
    return [u(f"{s}{who}", f"{s}{who}", session=f"Ses{s}", dialog="d1") for s in "12" for who in "FM"]


def test_a_session_shared_by_two_speakers_warns_under_loso():
    utterances = two_sessions()
    found = looked_at(utterances, folds(LOSO, utterances))
    assert [finding.fatal for finding in found.values()] == [False, False]
    assert found["session"].message == (
        "2 sessions (Ses1, Ses2) on both sides of 4 of 4 folds: 4 of 4 test utterances share theirs with "
        "training utterances"
    )
    assert found["session"].pairs == (Pair("1M", "1F", "1F", "session Ses1"), Pair("2M", "2F", "2F", "session Ses2"))
    assert found["dialog"].message.startswith("2 dialogs (Ses1/d1, Ses2/d1) on both sides")


def test_strictness_makes_sessions_and_dialogs_fatal():
    utterances = two_sessions()
    rounds = folds(LOSO, utterances)
    strict = looked_at(utterances, rounds, strict_sessions=True, strict_dialogs=True)
    assert [finding.fatal for finding in strict.values()] == [True, True]
    context = looked_at(utterances, rounds, strict_dialogs=True)
    assert [(finding.kind, finding.fatal) for finding in context.values()] == [("dialog", True), ("session", False)]


def spoken_at_once(**changes):
    """Return two partners whose turns overlap, 1 s of theirs, and two of another dialog who take turns."""
    spans = {"1F": (0, 3), "1M": (2, 6), "2F": (0, 3), "2M": (3, 6)}
    return [
        u(name, name, session=name[0], dialog="d", audio=Media(f"{name[0]}.wav", *span), **changes)
        for name, span in spans.items()
    ]


def test_partners_who_speak_at_once_warn_where_folds_part_speakers():
    utterances = spoken_at_once()
    found = looked_at(utterances, folds(LOSO, utterances))
    assert set(found) == {"at once", "session", "dialog"}
    assert not errors(found.values())
    assert found["at once"].message == (
        "1 pair of turns in which partners of a dialog speak at once (2 utterances), one in training and one in "
        "test: each may contain the other speaker's voice"
    )
    assert found["at once"].pairs == (Pair("1M", "1F", "1F", "1.00 s of one file in common"),)


def test_partners_who_speak_at_once_are_a_leak_where_a_speaker_is_on_both_sides():
    utterances = [*spoken_at_once(), u("other", "1M")]
    rounds = [Fold("x", np.array([1, 2, 3]), np.array([0, 4]))]
    assert [finding.kind for finding in errors(looked_at(utterances, rounds).values())] == ["speaker", "overlap"]


@pytest.mark.parametrize("lost", [{"dialog": None}, {"speaker": ""}, {"session": "9"}])
def test_overlaps_of_others_than_partners_are_a_leak(lost):
    first, *others = spoken_at_once()
    found = looked_at([replace(first, **lost), *others], [Fold("x", np.array([1, 2, 3]), np.array([0]))])
    assert [finding.kind for finding in errors(found.values())] == ["overlap"]


def test_partners_share_their_sound_in_files_of_their_own_too():
    """Cut from one dialog, most of either turn sounds in the other's file; where they lie, their videos say."""
    turns = [
        u(who, who, session="1", dialog="d", audio=Media(f"{who}.wav"), video=Media("d.avi", *span, region=half))
        for who, span, half in (("F", (0, 3), "left"), ("M", (0.8, 4), "right"))
    ]
    sound = noise(0, 300)
    prints = [sound[:200], sound[50:260]]
    assert set(looked_at(turns, prints=prints)) == {"at once", "session", "dialog"}
    copies = [replace(turn, video=None) for turn in turns]
    assert [finding.kind for finding in errors(looked_at(copies, prints=prints).values())] == ["duplicate"]
    same = [replace(turn, video=turns[0].video) for turn in turns]
    assert [finding.kind for finding in errors(looked_at(same, prints=prints).values())] == ["duplicate"]


def turns_of_a_dialog(*spans):
    """Return partners whose turns have files of their own, and nothing but the dialog's time says when they are."""
    return [
        u(f"{who}{n}", who, session="1", dialog="d", audio=Media(f"{who}{n}.wav"), dialog_start=start, dialog_end=end)
        for n, (who, start, end) in enumerate(spans)
    ]


def test_the_time_of_the_dialog_says_who_speaks_at_once_though_no_medium_is_a_span():
    turns = turns_of_a_dialog(("F", 0.0, 3.0), ("M", 2.5, 4.0), ("F", 4.0, 5.0), ("M", 4.98, 6.0))
    found = looked_at(turns, folds(LOSO, turns))
    assert set(found) == {"at once", "session", "dialog"}
    assert [pair[:2] for pair in found["at once"].pairs] == [("M1", "F0")]
    assert found["at once"].pairs[0].note == "0.50 s of one dialog in common"
    others = [replace(turn, session=turn.id) for turn in turns]
    assert looked_at(others, folds(LOSO, others)) == {}


def test_crosstalk_is_no_copy_of_a_recording_and_a_copy_is_one():
    """A short turn sounds whole in the partner's longer one, at one time; at another time it would be a copy."""
    sound = noise(0, 300)
    prints = [sound[:260], sound[100:200]]
    heard = turns_of_a_dialog(("F", 0.0, 2.6), ("M", 1.0, 2.0))
    copied = turns_of_a_dialog(("F", 0.0, 2.6), ("M", 3.0, 4.0))
    unknown = [replace(turn, dialog_start=None, dialog_end=None) for turn in heard]
    assert set(looked_at(heard, prints=[sound[:200], sound[50:200]])) == {"at once", "session", "dialog"}
    assert set(looked_at(heard, prints=prints)) == {"at once", "session", "dialog"}
    assert "duplicate" in looked_at(copied, prints=[sound[:200], sound[50:200]])
    assert "duplicate" in looked_at(unknown, prints=[sound[:200], sound[50:200]])


def test_turns_at_once_are_a_leak_by_the_time_of_the_dialog_too_where_a_speaker_is_on_both_sides():
    turns = [*turns_of_a_dialog(("F", 0.0, 3.0), ("M", 2.5, 4.0)), u("x", "M")]
    found = looked_at(turns, [Fold("x", np.array([0]), np.array([1, 2])), Fold("y", np.array([1]), np.array([2]))])
    assert [finding.kind for finding in errors(found.values())] == ["speaker", "overlap"]


def test_who_is_on_a_channel_of_one_file_is_not_heard_in_the_other():
    turns = turns_of_a_dialog(("F", 0.0, 3.0), ("M", 2.5, 4.0))
    channels = [replace(turn, audio=Media("d.wav", channel="FM".index(turn.speaker))) for turn in turns]
    assert "at once" not in looked_at(channels, folds(LOSO, channels))


def test_partners_who_are_only_seen_or_are_on_channels_of_their_own_do_not_speak_at_once():
    utterances = spoken_at_once()
    films = [replace(u, audio=None, video=replace(u.audio, region="FM"[u.id[1] == "F"])) for u in utterances]
    channels = [replace(u, audio=replace(u.audio, channel="FM".index(u.id[1]))) for u in utterances]
    for turns, kind in ((films, "video"), (channels, "audio")):
        assert set(looked_at(turns, folds(LOSO, turns), media=(kind,))) == {"session", "dialog"}


def test_no_session_is_shared_when_whole_sessions_are_left_out():
    utterances = two_sessions()
    assert looked_at(utterances, halves(4), strict_sessions=True, strict_dialogs=True) == {}


def test_the_same_words_warn_however_they_are_written():
    utterances = [u("a", "ada", text="Na, so was!"), u("b", "ben", text="na so  was"), u("c", "cyd", text="…")]
    (finding,) = looked_at(utterances, [Fold("x", np.array([0, 2]), np.array([1]))]).values()
    assert (finding.kind, finding.fatal, finding.pairs) == ("text", False, (Pair("a", "b", "x", "text na so was"),))


def test_a_long_text_is_shortened():
    utterances = [u("a", "ada", text="word " * 100), u("b", "ben", text="word " * 100)]
    assert len(looked_at(utterances)["text"].message) < 250


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        (Media("x.wav"), Media("x.wav"), "duplicate"),
        (Media("x.wav"), Media("x.wav", start=0.0), "duplicate"),
        (Media("x.wav", 1, 2), Media("x.wav", 1, 2, channel=1), "duplicate"),
        (Media("x.wav", 1, 2), Media("x.wav", 1.5, 2.5), "overlap"),
        (Media("x.wav"), Media("x.wav", 3, 4), "overlap"),
        (Media("x.wav"), Media("x.wav", 3), "overlap"),
        (Media("x.wav", 1, 2, 0), Media("x.wav", 1, 2, 1), None),
        (Media("x.wav", 1, 2), Media("x.wav", 2, 3), None),
        (Media("x.wav", 1, 2.04), Media("x.wav", 2, 3), None),
        (Media("x.wav", 1, 2), Media("y.wav", 1, 2), None),
    ],
)
def test_spans_of_one_file(one, other, kind):
    for pair in ((one, other), (other, one)):
        utterances = [u("a", "ada", audio=pair[0]), u("b", "ben", audio=pair[1])]
        found = looked_at(utterances)
        assert list(found) == ([kind] if kind else [])
        assert all(finding.fatal and finding.pairs[0][:3] == ("a", "b", "late") for finding in found.values())


def test_the_two_halves_of_a_picture_are_two_pictures():
    film = Media("x.avi", 1, 2)
    left, right = replace(film, region="left"), replace(film, region="right")
    pairs = {(left, right): [], (left, left): ["duplicate"], (left, film): ["duplicate"]}
    for (one, other), kinds in pairs.items():
        utterances = [u("a", "ada", video=one), u("b", "ben", video=other)]
        assert list(looked_at(utterances)) == kinds
        assert looked_at(utterances, media=("audio",)) == {}


def test_one_long_span_overlaps_all_within_and_no_further():
    spans = [(0, 10), (1, 2), (3, 4), (5, 6), (11, 12)]
    utterances = [u(f"{n}", f"s{n}", audio=Media("x.wav", *span)) for n, span in enumerate(spans)]
    (finding,) = looked_at(utterances, folds(LOSO, utterances)).values()
    assert finding.message == "3 pairs of overlapping parts of a recording on both sides of a fold"
    assert [pair[:2] for pair in finding.pairs] == [("1", "0"), ("2", "0"), ("3", "0")]
    assert finding.pairs[0].note == "1.00 s of one file in common"


def test_spans_without_an_end_share_the_end():
    utterances = [u("a", "ada", audio=Media("x.wav")), u("b", "ben", audio=Media("x.wav", 3))]
    assert looked_at(utterances)["overlap"].pairs[0].note == "the end of one file in common"


def test_the_same_sound_in_another_file_is_a_duplicate_and_a_part_of_it_an_overlap():
    utterances = [u("a", "ada", label="joy"), u("b", "ben", label="joy"), u("c", "cyd", label="joy")]
    rows = [noise(0, 200), np.pad(noise(0, 200), ((9, 9), (0, 0))), noise(0, 200)[50:120]]
    found = looked_at(utterances, folds(LOSO, utterances), prints=rows)
    assert found["duplicate"].pairs == (Pair("b", "a", "ada", "the same sound for 3.2 s, similarity 1.00"),)
    assert [pair[:2] for pair in found["overlap"].pairs] == [("c", "a"), ("c", "b")]


def test_a_span_cut_twice_is_found_once():
    utterances = [u("a", "ada", audio=Media("x.wav", 1, 3)), u("b", "ben", audio=Media("x.wav", 1.1, 3))]
    assert list(looked_at(utterances, prints=[noise(0), noise(0)[5:]])) == ["duplicate"]


def test_conflicting_labels_of_duplicates_are_said():
    utterances = [u("a", "ada", label="joy"), u("b", "ben", label="fear")]
    (finding,) = looked_at(utterances, prints=[noise(0), noise(0)]).values()
    assert finding.message == "1 pair of duplicates on both sides of a fold, 1 of them under conflicting labels"
    assert finding.pairs[0].note.endswith(", labels joy and fear")


@pytest.mark.parametrize(("labels", "conflict"), [([0.5, 0.5], 0), ([0.5, 0.25], 1), ([np.nan, np.nan], 0)])
def test_values_conflict_as_classes_do(labels, conflict):
    found = looked_at([u("a", "ada"), u("b", "ben")], labels=labels, prints=[noise(0), noise(0)])
    assert ("conflicting" in found["duplicate"].message) == conflict


def test_duplicates_that_no_fold_parts_are_no_leak_but_their_labels_may_conflict():
    utterances = [u("a", "ada", label="joy"), u("b", "ada", label="fear"), u("c", "ben"), u("d", "ben")]
    rows = [noise(0), noise(0), noise(1), noise(1)]
    (finding,) = looked_at(utterances, folds(LOSO, utterances), prints=rows).values()
    assert (finding.kind, finding.fatal) == ("conflict", False)
    assert finding.message.endswith("always on one side of a fold: a and b")
    assert [pair[:3] for pair in finding.pairs] == [("a", "b", "")]


def test_an_utterance_that_is_learned_from_and_tested_is_its_own_duplicate():
    rounds = [Fold("x", np.array([0, 1]), np.array([1]))]
    found = looked_at([u("a", "ada"), u("b", "ben")], rounds)
    assert found["duplicate"].pairs == (Pair("b", "b", "x", "the very same utterance"),)


def test_utterances_outside_the_folds_leak_nothing():
    utterances = [u("a", "ada", label="joy"), u("b", "ben"), u("c", "ada", label="fear"), u("d", "")]
    rounds = [Fold("x", np.array([0]), np.array([1]))]
    assert looked_at(utterances, rounds, prints=[noise(0), noise(1), noise(0), noise(0, 0)]) == {}


def test_what_could_not_be_compared_is_counted():
    utterances = [u("a", "ada"), u("b", "ben"), u("c", "cyd"), u("d", "dan")]
    silent = [noise(0), noise(0, 0), np.zeros((50, 32), np.float32), noise(1)]
    assert looked_at(utterances, prints=silent)["unprinted"].message.startswith("2 of 4 utterances could not be")
    assert looked_at(utterances, prints=None)["unprinted"].message.startswith("4 of 4 utterances could not be")


def test_prints_and_labels_must_be_those_of_the_utterances():
    utterances = [u("a", "ada"), u("b", "ben")]
    with pytest.raises(ValueError, match="1 labels of 2 utterances"):
        looked_at(utterances, labels=["x"])
    with pytest.raises(ValueError, match="another order"):
        audit.audit(utterances, np.array(["", ""]), [], prints=prints_of(utterances[::-1], noise(0), noise(1)))


def test_a_refusal_lists_the_pairs_and_says_how_to_go_on():
    utterances = [u(f"{n}", f"s{n % 12}", text="so") for n in range(24)]
    found = looked_at(utterances).values()
    assert [finding.kind for finding in errors(found)] == ["speaker"]
    lines = refusal(found).splitlines()
    assert lines[1].startswith("- 12 speakers (s0, s1, s2 and 9 more) on both sides of 1 of 1 folds")
    assert lines[2] == "    fold late: 0 is in training, 12 in test (speaker s0)"
    assert lines[12] == "    and 2 more"
    assert lines[-1].endswith("ALLOW_LEAKS=1.")
    assert [sentence[:15] for sentence in warnings(found)] == ["1 text (so) on "]


def audited(dataset):
    """Return the findings under leave-one-speaker-out, by kind, with the fingerprints from the cache."""
    run(dataset, *SPECS)
    prints = load(dataset, SPECS)
    utterances = dataset.utterances
    labels = np.array([utterance.label for utterance in utterances])
    found = audit.audit(utterances, labels, folds(LOSO, utterances), prints=prints)
    return {finding.kind: finding for finding in found}


@pytest.fixture(params=["EMO-DB", "synthetic voices"])
def takes(request, tmp_path):
    """Return eight wavs of four speakers, two sentences each: of real actors, or of nobody."""
    names = [f"{speaker}{text}" for speaker in ("03", "08", "09", "10") for text in ("a01Nc", "a02Na")]
    if request.param == "EMO-DB":
        real = request.getfixturevalue("test_data")("emodb")
        names = sorted(path.stem for path in (real / "wav").glob("*.wav"))[::67]
    for seed, name in enumerate(names):
        if request.param == "EMO-DB":
            shutil.copy(real / "wav" / f"{name}.wav", tmp_path)
        else:
            soundfile.write(tmp_path / f"{name}.wav", voice(seed), 16000)
    return [tmp_path / f"{name}.wav" for name in names]


def table(folder, rows):
    lines = ["file,speaker,label,text", *(",".join(row) for row in rows)]
    (folder / "mine.csv").write_text("\n".join(lines), encoding="utf-8")
    return Dataset("mine", folder, folder / "cache" / "mine", csv.find(folder / "mine.csv"))


def test_copies_in_a_table_are_found_and_nothing_else(takes, tmp_path):
    first, second, third, fourth = ((path, *soundfile.read(path)) for path in takes[:4])
    shutil.copy(first[0], tmp_path / "renamed.wav")
    write_copy(tmp_path / "front", second[1], second[2], Treatment(rate=44100, front=0.3))
    write_copy(tmp_path / "behind", third[1], third[2], Treatment(rate=22050, back=0.3))
    write_copy(tmp_path / "film", fourth[1], fourth[2], Treatment(rate=44100, suffix=".mp4", bit_rate=64000))
    originals = [(path.name, f"speaker {n}", "joy", f"sentence {n}") for n, path in enumerate(takes)]
    copies = [
        ("renamed.wav", "somebody else", "joy", "sentence 0"),
        ("front.wav", "a second one", "joy", "something"),
        ("behind.wav", "a third one", "joy", ""),
        ("film.mp4", "a fourth one", "fear", ""),
    ]
    found = audited(table(tmp_path, [*originals, *copies]))
    names = ("renamed", "front", "behind", "film")
    assert list(found) == ["duplicate", "text"]
    expected = {frozenset((path.stem, name)) for path, name in zip(takes, names, strict=False)}
    assert {frozenset(pair[:2]) for pair in found["duplicate"].pairs} == expected
    assert "4 pairs of duplicates on both sides of a fold, 1 of them under conflicting" in found["duplicate"].message
    assert [set(pair[:2]) for pair in found["text"].pairs] == [{"renamed", takes[0].stem}]


def test_a_table_without_copies_has_none(takes, tmp_path):
    rows = [(path.name, path.stem[:2], "joy", path.stem) for path in takes]
    assert audited(table(tmp_path, rows)) == {}


def test_a_film_without_sound_is_counted_as_not_compared(takes, tmp_path):
    import av

    with av.open(str(tmp_path / "mute.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 32
        for picture in (*[np.zeros((32, 32, 3), np.uint8)] * 10, None):
            frame = None if picture is None else av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame))
    rows = [(path.name, path.stem, "joy", "") for path in takes[:3]]
    (finding,) = audited(table(tmp_path, [*rows, ("mute.mp4", "x", "joy", "")])).values()
    assert finding.message.startswith("1 of 4 utterances could not be compared by their sound")


def test_films_and_their_sound_tracks_are_found(test_data, tmp_path):
    root = test_data("clips")
    films = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.mp*"))[::4]
    rows = []
    for n, film in enumerate(films):
        track = media.decode_audio(root, Media(film), 44100, 60.0).samples
        soundfile.write(tmp_path / f"{n}.wav", np.pad(track, (13230, 0)), 44100)
        rows += [(f"{root}/{film}", f"actor {n}", "joy", ""), (f"{n}.wav", f"voice {n}", "joy", "")]
    dataset = table(tmp_path, rows)
    (finding,) = audited(dataset).values()
    ids = [utterance.id for utterance in dataset.utterances]
    assert {frozenset(pair[:2]) for pair in finding.pairs} == set(map(frozenset, zip(ids[::2], ids[1::2], strict=True)))


def test_emodb_repeats_its_texts_and_no_recording(test_data, tmp_path):
    root = test_data("emodb")
    dataset = Dataset("emodb", root, tmp_path / "cache" / "emodb", emodb.find(root))
    (finding,) = audited(dataset).values()
    assert finding.kind == "text"
    assert finding.message == (
        "10 texts (a01, a02, a04 and 7 more) on both sides of 10 of 10 folds: 535 of 535 test utterances share "
        "theirs with training utterances"
    )


# Columns that say by themselves what is to be recognised


def rows_of(utterances, columns, lengths=None):
    """Return rows of the columns given, ``name: one value an utterance``, each repeated over the utterance's frames."""
    lengths = [1] * len(utterances) if lengths is None else lengths
    X = np.repeat(np.array(list(columns.values()), np.float32).T, lengths, axis=0)
    present = np.ones((len(utterances), 1), bool)
    return Table.of(X, np.cumsum([0, *lengths]), tuple(utterances), tuple(columns), present)


def forty():
    """Return 40 utterances of 4 speakers and 4 labels, sorted by label, each label of every speaker."""
    labels = ["anger", "fear", "joy", "sad"]
    return [u(f"{n:02}", f"s{n % 4}", label=labels[n // 10]) for n in range(40)]


@pytest.mark.parametrize("lengths", [None, [1, 2, 3, 4] * 10])
def test_a_column_that_determines_the_label_or_the_speaker_is_named(lengths):
    utterances, number = forty(), np.arange(40)
    draw = np.random.default_rng(0)
    honest = {"level": draw.normal(size=40), "count": draw.integers(0, 9, 40), "none": np.zeros(40), "sex": number % 2}
    told = {
        "code": number // 10 * 2 + 1,
        "row": number,
        "many": number // 10 * 10 + number % 3,
        "who": number % 4 - 0.5,
    }
    told["code"] = np.where(number == 7, np.nan, told["code"])  # of whom nothing is known
    shuffled = draw.permutation(40)
    utterances = [utterances[n] for n in shuffled]
    columns = {name: np.asarray(values)[shuffled] for name, values in {**honest, **told}.items()}
    found = looked_at(utterances, rows=rows_of(utterances, columns, lengths))
    label, speaker = found["telltale"].message.split("; ")
    assert not found["telltale"].fatal
    assert label == (
        "the columns code, row, many of the features each say by themselves what the label of every utterance is: "
        "unless that was measured, leave it out (`affex import ... --without NAME`)"
    )
    assert speaker.startswith("the column who of the features says what the speaker of every utterance is")
    assert "telltale" not in looked_at(utterances, rows=rows_of(utterances, {n: columns[n] for n in honest}, lengths))


def test_a_column_that_marks_one_label_or_one_speaker_is_named():
    utterances, number = forty(), np.arange(40)
    told = {"label_joy": number // 10 == 2, "not_sad": number // 10 != 3, "is_s1": number % 4 == 1}
    honest = {"sex": number % 2, "rare": number == 7, "nearly": (number // 10 == 2) & (number != 25)}
    rows = rows_of(utterances, {name: np.asarray(values, float) for name, values in {**told, **honest}.items()})
    label, speaker = looked_at(utterances, rows=rows)["telltale"].message.split("; ")
    assert label == (
        "the columns label_joy, not_sad of the features each say by themselves which utterances have one certain "
        "label: unless that was measured, leave it out (`affex import ... --without NAME`)"
    )
    assert speaker.startswith("the column is_s1 of the features says which utterances have one certain speaker:")


def test_a_column_in_the_order_of_the_values_is_named():
    utterances, values = forty(), np.random.default_rng(1).integers(1, 8, 40) / 2
    rows = rows_of(utterances, {"twice": 2 * values, "back": 8 - values, "other": np.roll(values, 1)})
    found = looked_at(utterances, labels=values, rows=rows)
    assert "the columns twice, back of the features each say" in found["telltale"].message
    assert "other" not in found["telltale"].message


def test_few_utterances_say_nothing_of_a_column():
    utterances = [u(n, f"s{n}", label=label) for n, label in zip("abcdef", "xxxyyy", strict=True)]
    assert "telltale" not in looked_at(utterances, rows=rows_of(utterances, {"x": [0, 0, 0, 1, 1, 1]}))

"""The splits: who is tested when."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from synthetic import make_table, relabelled

from affex.pipeline.corpora.base import LOSO, Protocol
from affex.pipeline.evaluation.folds import clusters, folds, loso, notes, protocol_hash
from affex.pipeline.evaluation.selection import select
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.text.errors import AffexError, UsageError


def spoken(*pairs: tuple[str, str | None]) -> list[Utterance]:
    return [Utterance(f"u{i}", "toy", speaker, label) for i, (speaker, label) in enumerate(pairs)]


def test_loso_tests_every_speaker_once_and_never_learns_from_them():
    matrix = make_table(n_speakers=5)
    rounds = loso(LOSO, matrix.utterances)
    assert [fold.name for fold in rounds] == ["00", "01", "02", "03", "04"]
    tested = np.concatenate([fold.test for fold in rounds])
    assert sorted(tested.tolist()) == list(range(len(matrix)))
    for fold in rounds:
        assert set(matrix.speakers[fold.test]) == {fold.name}
        assert fold.name not in matrix.speakers[fold.train]
        assert len(fold.train) + len(fold.test) == len(matrix)


def test_folds_come_in_the_order_of_the_names_whatever_the_order_of_the_utterances():
    rounds = loso(LOSO, spoken(("ben", "a"), ("ada", "b"), ("ben", "b")))
    assert [(fold.name, fold.train.tolist(), fold.test.tolist()) for fold in rounds] == [
        ("ada", [0, 2], [1]),
        ("ben", [1], [0, 2]),
    ]


def test_one_speaker_cannot_be_left_out():
    with pytest.raises(AffexError, match="at least 2 speakers, found 1: 'ada'"):
        loso(LOSO, spoken(("ada", "a"), ("ada", "b")))


def test_no_speaker_cannot_be_left_out_either():
    with pytest.raises(AffexError, match="found 0: none"):
        loso(LOSO, [])


def test_a_card_names_its_protocol():
    utterances = spoken(("ada", "a"), ("ben", "b"))
    assert [fold.name for fold in folds(LOSO, utterances)] == ["ada", "ben"]
    with pytest.raises(UsageError, match=r"no protocol 'lsoo'\. Did you mean loso"):
        folds(Protocol("odd", "lsoo"), utterances)


# The other protocols


def placed(**columns: list[str]) -> list[Utterance]:
    """Utterances u0, u1 ... with these fields."""
    n = len(next(iter(columns.values())))
    made = [Utterance(f"u{i}", "toy", "") for i in range(n)]
    return [replace(made[i], **{name: values[i] for name, values in columns.items()}) for i in range(n)]


def as_sets(rounds):
    return [(fold.name, set(fold.train.tolist()), set(fold.test.tolist())) for fold in rounds]


def test_a_session_is_left_out_with_all_who_speak_in_it():
    utterances = placed(speaker=["f1", "m1", "f2", "m2"], session=["1", "1", "2", "2"])
    assert as_sets(folds(Protocol("session", "session"), utterances)) == [("1", {2, 3}, {0, 1}), ("2", {0, 1}, {2, 3})]


def test_a_corpus_without_sessions_says_so():
    with pytest.raises(AffexError, match=r"3 of 3 utterances have no session \(the first: u0\)"):
        folds(Protocol("session", "session"), placed(speaker=["a", "b", "c"]))


def test_speakers_are_grouped_evenly_and_the_same_whatever_the_order():
    utterances = placed(speaker=[*"aaaaa", *"bbbb", *"ccc", *"dd"])
    protocol = Protocol("group-k", "group-k", k=2)
    assert as_sets(folds(protocol, utterances)) == [
        ("group 1", set(range(5, 12)), {0, 1, 2, 3, 4, 12, 13}),
        ("group 2", {0, 1, 2, 3, 4, 12, 13}, set(range(5, 12))),
    ]
    turned = folds(protocol, utterances[::-1])
    ids = [{utterances[::-1][i].id for i in fold.test} for fold in turned]
    assert ids == [{f"u{i}" for i in fold.test} for fold in folds(protocol, utterances)]


@pytest.mark.parametrize(
    ("protocol", "k", "fields", "expected"),
    [
        ("group-k", 1, {"speaker": [*"abcd"]}, r"k=1 groups of speakers, and there are 4: expected 2 to 4, as .*k=2\."),
        ("group-k", 5, {"speaker": [*"abcd"]}, r"k=5 groups of speakers, and there are 4: expected 2 to 4, as .*k=4\."),
        ("group-k", 6, {"speaker": [*"aabb"]}, r"k=6 groups of speakers, and there are 2: expected 2, as in .*k=2\."),
        ("group-k", 6, {"speaker": ["a"] * 3}, r"groups of speakers, and there is only one, 'a': .* whatever k is"),
        ("group-k", 6, {"session": ["x"] * 3}, r"groups of sessions \(sessions replace speakers, because no speaker is "
         r"named\), and there is only one, 'x': .* whatever k is\.\nAdd recordings of other sessions, or name "),
        ("group-k", 6, {"session": [*"xyz"]}, r"groups of sessions \(sessions replace .*there are 3: expected 2 to 3"),
        ("group-k", 6, {"dialog": [*"xyz"]}, r"groups of dialogs \(dialogs replace speakers"),
        ("group-k", 6, {"label": [*"xyz"]}, r"groups of videos \(videos replace .*there is only one, ''"),
        ("random-k", 9, {"speaker": ["a"] * 3}, r"k=9 parts of the utterances, and there are 3: expected 2 to 3"),
        ("random-k", 9, {"speaker": ["a"]}, r"k=9 parts of the utterances, and there is only one, 'u0'"),
    ],
)  # fmt: skip
def test_there_are_not_as_many_groups(protocol, k, fields, expected):
    with pytest.raises(AffexError, match=f"(?s){expected}"):
        folds(Protocol(protocol, protocol, k=k), placed(**fields))


def test_who_names_no_speaker_is_told_what_stands_in():
    with pytest.raises(
        AffexError, match=r"(?s)2 of 2 utterances have no speaker.*PROTOCOL=group-k, which keeps sessions whole"
    ):
        folds(Protocol("loso", "loso"), placed(session=[*"xy"]))
    with pytest.raises(AffexError, match=r"(?s)1 of 2 utterances have no speaker.*of every utterance, or of none"):
        folds(Protocol("loso", "loso"), placed(speaker=["a", ""]))


def test_utterances_dealt_at_random_fall_where_they_fell_before():
    utterances = placed(speaker=["a"] * 12)
    protocol = Protocol("random-k", "random-k", k=3)
    rounds = folds(protocol, utterances)
    assert sorted(np.concatenate([fold.test for fold in rounds]).tolist()) == list(range(12))
    assert [len(fold.test) for fold in rounds] == [4, 4, 4]
    assert as_sets(rounds)[0][2] == first_dealt(utterances, 3)


def first_dealt(utterances, k):
    order = sorted(range(len(utterances)), key=lambda i: hashlib.sha256(utterances[i].id.encode()).hexdigest())
    return set(order[::k])


def test_a_fixed_split_is_one_fold_with_its_own_validation():
    utterances = placed(speaker=[*"abcde"], split=["train", "train", "validation", "test", None])
    (fold,) = folds(Protocol("split", "split"), utterances)
    assert (fold.name, fold.train.tolist(), fold.test.tolist()) == ("test", [0, 1, 2], [3])
    ((train, validation),) = fold.inner
    assert (train.tolist(), validation.tolist()) == ([0, 1], [2])


def test_without_a_test_part_validation_is_tested_and_tunes_nothing():
    (fold,) = folds(Protocol("split", "split"), placed(speaker=[*"abc"], split=["train", "train", "validation"]))
    assert (fold.name, fold.train.tolist(), fold.test.tolist(), fold.inner) == ("validation", [0, 1], [2], None)


def test_a_split_file_overrules_the_corpus(tmp_path):
    table = tmp_path / "split.csv"
    table.write_text("id,split\nu0,test\nu1,train\n", encoding="utf-8")
    utterances = placed(speaker=[*"abc"], split=["train", "test", "test"])
    (fold,) = folds(Protocol("split", "split", file=str(table)), utterances)
    assert (fold.train.tolist(), fold.test.tolist(), fold.inner) == ([1], [0], None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,part\nu0,test\n", "expected a table with the columns id and split"),
        ("id,split\nu0,dev\n", "row 2: 'split' is 'dev', expected train, validation, test or nothing"),
        ("id,split\nx,test\n", "names no utterance of this corpus"),
        ("id,split\nu0,test\n", "found: test 1"),
    ],
)
def test_split_files_that_are_none(tmp_path, content, message):
    table = tmp_path / "split.csv"
    table.write_text(content, encoding="utf-8")
    with pytest.raises(AffexError, match=message):
        folds(Protocol("split", "split", file=str(table)), placed(speaker=[*"ab"]))


def test_a_split_file_that_is_not_there():
    with pytest.raises(AffexError, match=r"nowhere\.csv cannot be read"):
        folds(Protocol("split", "split", file="nowhere.csv"), placed(speaker=[*"ab"]))


def test_a_corpus_without_a_split_says_what_to_give():
    with pytest.raises(AffexError, match=r"(?s)found: none is called anything.*PROTOCOL=split:file=mine\.csv"):
        folds(Protocol("split", "split"), placed(speaker=[*"ab"]))


@pytest.mark.parametrize("protocol", [Protocol("cross", "cross", test="b"), Protocol("cross", "cross", train="a+c")])
def test_across_corpora(protocol):
    rounds = folds(protocol, placed(corpus=["a", "b", "c", "b"]))
    assert as_sets(rounds) == [("b", {0, 2}, {1, 3})]


@pytest.mark.parametrize(
    ("train", "test", "error", "message"),
    [
        ("a", "d", UsageError, "no corpus .* 'd'"),
        ("a", "a+b", UsageError, "'a' cannot be in training and in test"),
        ("", "a+b", AffexError, "here there is only a, b"),
    ],
)
def test_corpora_that_cannot_be_crossed(train, test, error, message):
    with pytest.raises(error, match=message):
        folds(Protocol("cross", "cross", train=train, test=test), placed(corpus=["a", "b"]))


# What stands for a speaker, and the hash of a protocol


def test_who_belongs_together_where_nobody_is_named():
    assert clusters(placed(speaker=["a", "b"])).unit == "speaker"
    found = clusters(placed(session=["1", "2"]))
    assert (found.unit, found.of.tolist()) == ("session", ["1", "2"])
    videos = [replace(u, video=Media(f"{n}.avi")) for n, u in zip("xy", placed(speaker=["", ""]), strict=True)]
    assert (clusters(videos).unit, clusters(videos).of.tolist()) == ("video", ["x.avi", "y.avi"])


def test_a_speaker_here_and_none_there():
    with pytest.raises(AffexError, match=r"1 of 2 utterances have no speaker \(the first: u1\)"):
        clusters(placed(speaker=["a", ""]))


def test_the_hash_of_a_protocol_is_what_it_says_not_what_it_is_called(tmp_path):
    assert protocol_hash(Protocol("mine")) == protocol_hash(LOSO)
    others = (
        Protocol("loso", parts=("song",)),
        Protocol("loso", classes="a,b"),
        Protocol("loso", "group-k"),
        Protocol("l", k=3),
    )
    assert len({protocol_hash(protocol) for protocol in (LOSO, *others)}) == 5
    # Frozen: the same protocol has the same hash on every machine.
    assert protocol_hash(Protocol("x", "group-k", k=5, classes="a,b"))[:16] == "d509d5fbb57a9289"


def test_the_hash_of_a_split_file_is_that_of_its_content(tmp_path):
    for name in ("one.csv", "other.csv"):
        (tmp_path / name).write_text("id,split\nu0,test\n")
    one, other = (Protocol("split", "split", file=str(tmp_path / name)) for name in ("one.csv", "other.csv"))
    assert protocol_hash(one) == protocol_hash(other)
    (tmp_path / "other.csv").write_text("id,split\nu0,train\n")
    assert protocol_hash(one) != protocol_hash(other)


# Notes


def test_a_label_with_one_clip_and_one_of_a_single_speaker_are_noted():
    matrix = make_table(n_speakers=3, n_each=2, classes=("anger", "joy"))
    labels = [utterance.label for utterance in matrix.utterances]
    labels[0] = "awe"
    labels[4] = labels[5] = "fear"
    selection = select(relabelled(matrix, labels).utterances, LOSO)
    assert notes(selection.y, loso(LOSO, matrix.utterances)) == (
        "'awe' has 1 utterance: its recall can only be 0 or 1",
        "fold 00: 'awe' is in no training utterance, so it cannot be predicted there (score 0)",
        "fold 01: 'fear' is in no training utterance, so it cannot be predicted there (score 0)",
    )
    assert notes(select(matrix.utterances, LOSO).y, loso(LOSO, matrix.utterances)) == ()

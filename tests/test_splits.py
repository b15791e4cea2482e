"""The splits: who counts, and who is tested when."""

from dataclasses import replace

import numpy as np
import pytest
from synthetic import EMOTIONS, make_matrix, relabelled

from pipeline.corpora.base import LOSO, Card
from pipeline.errors import AffexError, UsageError
from pipeline.manifest import Utterance
from pipeline.splits import class_map, find_card, folds, in_parts, loso, notes, select


def spoken(*pairs: tuple[str, str | None]) -> list[Utterance]:
    return [Utterance(f"u{i}", "toy", speaker, label) for i, (speaker, label) in enumerate(pairs)]


def test_loso_tests_every_speaker_once_and_never_learns_from_them():
    matrix = make_matrix(n_speakers=5)
    rounds = loso(matrix.utterances)
    assert [fold.name for fold in rounds] == ["00", "01", "02", "03", "04"]
    tested = np.concatenate([fold.test for fold in rounds])
    assert sorted(tested.tolist()) == list(range(len(matrix)))
    for fold in rounds:
        assert set(matrix.speakers[fold.test]) == {fold.name}
        assert fold.name not in matrix.speakers[fold.train]
        assert len(fold.train) + len(fold.test) == len(matrix)


def test_folds_come_in_the_order_of_the_names_whatever_the_order_of_the_utterances():
    rounds = loso(spoken(("ben", "a"), ("ada", "b"), ("ben", "b")))
    assert [(fold.name, fold.train.tolist(), fold.test.tolist()) for fold in rounds] == [
        ("ada", [0, 2], [1]),
        ("ben", [1], [0, 2]),
    ]


def test_one_speaker_cannot_be_left_out():
    with pytest.raises(AffexError, match="at least 2 speakers, found 1: 'ada'"):
        loso(spoken(("ada", "a"), ("ada", "b")))


def test_no_speaker_cannot_be_left_out_either():
    with pytest.raises(AffexError, match="found 0: none"):
        loso([])


def test_a_card_names_its_protocol():
    utterances = spoken(("ada", "a"), ("ben", "b"))
    assert [fold.name for fold in folds(LOSO, utterances)] == ["ada", "ben"]
    with pytest.raises(UsageError, match=r"no protocol 'lsoo'\. Did you mean loso"):
        folds(Card("odd", "lsoo"), utterances)


def test_cards_are_found_by_name_the_first_by_default():
    cards = (Card("speech", parts=("speech",)), Card("song", parts=("song",)))
    assert find_card(cards) == cards[0]
    assert find_card(cards, "song") == cards[1]
    assert find_card(cards, "loso") == LOSO
    with pytest.raises(UsageError, match=r"no protocol 'sing'\. Did you mean song"):
        find_card(cards, "sing")


def test_a_corpus_may_give_a_protocol_s_name_a_meaning_of_its_own():
    own = Card("loso", parts=("speech",))
    assert find_card((Card("both"), own), "loso") == own


def test_parts():
    utterances = [
        replace(u, part=p) for u, p in zip(spoken(("ada", "a"), ("ben", "b")), ("speech", "song"), strict=True)
    ]
    assert in_parts(utterances, ()).tolist() == [True, True]
    assert in_parts(utterances, ("song",)).tolist() == [False, True]
    with pytest.raises(AffexError, match=r"no utterance in the part 'sung' \(it has: song, speech\)"):
        in_parts(utterances, ("sung",))


def test_every_label_is_a_class_by_default():
    selection = select(spoken(("ada", "b"), ("ada", None), ("ben", "a")))
    assert selection.chosen.tolist() == [0, 2]
    assert selection.y.tolist() == ["b", "a"]
    assert selection.classes == ("a", "b")
    assert selection.left_out == {"without a label": 1}


def test_classes_are_merged_and_the_rest_is_left_out_and_counted():
    utterances = spoken(*(("ada", label) for label in ("hap", "exc", "ang", "fru", "fru", None)))
    selection = select(utterances, classes="hap+exc,ang")
    assert selection.y.tolist() == ["hap+exc", "hap+exc", "ang"]
    assert selection.classes == ("hap+exc", "ang")
    assert selection.left_out == {"without a label": 1, "of another label": 2}


def test_the_class_map_of_the_four_class_protocol():
    assert class_map("ang, neu,sad, hap + exc", ["ang", "exc", "fru", "hap", "neu", "sad"]) == {
        "ang": "ang",
        "neu": "neu",
        "sad": "sad",
        "hap": "hap+exc",
        "exc": "hap+exc",
    }


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ("anger,joi", r"no label 'joi'\. Did you mean joy"),
        ("anger,joy+anger", "names 'anger' twice"),
        ("anger+joy", "is one class"),
        ("anger,,joy", "no label ''"),
    ],
)
def test_classes_that_make_no_sense(classes, message):
    with pytest.raises(UsageError, match=message):
        class_map(classes, EMOTIONS)


def test_another_target():
    matrix = make_matrix()
    assert select(matrix.utterances, "sex").classes == ("f", "m")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("valence", "comes with regression, which is not built yet"),
        ("lable", "no target 'lable'. Did you mean label"),
    ],
)
def test_targets_that_are_not_there(target, message):
    with pytest.raises(UsageError, match=message):
        select(make_matrix().utterances, target)


@pytest.mark.parametrize(
    ("labels", "message"),
    [(["joy"] * 3, "of 3 utterances every label is 'joy'"), ([None] * 3, "of 3 utterances none has a label")],
)
def test_one_class_is_too_few(labels, message):
    with pytest.raises(AffexError, match=message):
        select(spoken(*(("ada", label) for label in labels)))


def test_a_label_with_one_clip_and_one_of_a_single_speaker_are_noted():
    matrix = make_matrix(n_speakers=3, n_each=2, classes=("anger", "joy"))
    labels = [utterance.label for utterance in matrix.utterances]
    labels[0] = "awe"
    labels[4] = labels[5] = "fear"
    selection = select(relabelled(matrix, labels).utterances)
    assert notes(selection.y, loso(matrix.utterances)) == (
        "'awe' has 1 utterance: its recall can only be 0 or 1",
        "fold 00: 'awe' is in no training utterance, so it cannot be predicted there (score 0)",
        "fold 01: 'fear' is in no training utterance, so it cannot be predicted there (score 0)",
    )
    assert notes(select(matrix.utterances).y, loso(matrix.utterances)) == ()

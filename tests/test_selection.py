"""The selection: who counts, and as what."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from synthetic import EMOTIONS, make_table

from affex.pipeline.corpora.base import LOSO, Protocol
from affex.pipeline.evaluation.selection import class_map, has_values, in_parts, require_counts, select
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.text.errors import AffexError, UsageError


def spoken(*labels: str | None) -> list[Utterance]:
    return [Utterance(f"u{i}", "toy", "ada", label) for i, label in enumerate(labels)]


def test_parts():
    utterances = [replace(u, part=p) for u, p in zip(spoken("a", "b"), ("speech", "song"), strict=True)]
    assert in_parts(utterances, ()).tolist() == [True, True]
    assert in_parts(utterances, ("song",)).tolist() == [False, True]
    with pytest.raises(AffexError, match=r"no utterance in the part 'sung' \(it has: song, speech\)"):
        in_parts(utterances, ("sung",))


def test_every_label_is_a_class_by_default():
    selection = select(spoken("b", None, "a"), LOSO)
    assert selection.chosen.tolist() == [0, 2]
    assert selection.y.tolist() == ["b", "a"]
    assert selection.classes == ("a", "b")
    assert selection.left_out == {"without a label": 1}


def test_classes_are_merged_and_the_rest_is_left_out_and_counted():
    utterances = spoken("hap", "exc", "ang", "fru", "fru", None)
    selection = select(utterances, Protocol("c", classes="hap+exc,ang"))
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
    matrix = make_table()
    assert select(matrix.utterances, Protocol("c", target="sex")).classes == ("f", "m")


def test_an_aspect_is_a_target_like_a_label():
    happy = (("happy", "present"), ("sad", "absent"))
    aspects = (happy, (("happy", "absent"),), (), happy[:1])
    utterances = [replace(u, aspects=a) for u, a in zip(spoken("a", "b", "c", "d"), aspects, strict=True)]
    selection = select(utterances, Protocol("c", target="happy", classes="absent,present"))
    assert selection.chosen.tolist() == [0, 1, 3]
    assert selection.y.tolist() == ["present", "absent", "present"]
    assert selection.left_out == {"without a happy": 1}
    with pytest.raises(UsageError, match=r"There is no target 'hapy'\. Did you mean happy"):
        select(utterances, Protocol("c", target="hapy"))
    with pytest.raises(AffexError, match="every sad is 'absent'"):
        select(utterances, Protocol("c", target="sad"))


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("lable", "no target 'lable'. Did you mean label"),
        ("velance", "no target 'velance'. Did you mean valence"),
    ],
)
def test_targets_that_are_not_there(target, message):
    with pytest.raises(UsageError, match=message):
        select(make_table().utterances, Protocol("c", target=target))


@pytest.mark.parametrize(
    ("labels", "message"),
    [(["joy"] * 3, "of 3 utterances every label is 'joy'"), ([None] * 3, "of 3 utterances none has a label")],
)
def test_one_class_is_too_few(labels, message):
    with pytest.raises(AffexError, match=message):
        select(spoken(*labels), LOSO)


def test_classes_can_be_named_and_a_label_can_be_one_corpus_s_own():
    table = [("a", "happy"), ("a", "fear"), ("b", "fear"), ("b", "joy"), ("b", "calm")]
    utterances = [Utterance(f"u{i}", corpus, "ada", label) for i, (corpus, label) in enumerate(table)]
    selection = select(utterances, Protocol("c", classes="joy=happy+joy, fear=a:fear"))
    assert selection.y.tolist() == ["joy", "fear", "joy"]
    assert selection.chosen.tolist() == [0, 1, 3]
    assert selection.classes == ("joy", "fear")
    assert selection.left_out == {"of another label": 2}
    with pytest.raises(UsageError, match="no label 'a:calm'"):
        select(utterances, Protocol("c", classes="a:calm,fear"))


def test_values_are_selected_where_there_are_any():
    utterances = [replace(u, valence=v) for u, v in zip(spoken("a", "b", "c"), (1.5, None, -2.0), strict=True)]
    selection = select(utterances, Protocol("c", target="valence"))
    assert selection.y.dtype == np.float64
    assert selection.y.tolist() == [1.5, -2.0]
    assert (selection.classes, selection.left_out) == ((), {"without a valence": 1})


@pytest.mark.parametrize(
    ("values", "classes", "error", "message"),
    [
        ((1.0, 1.0), "", AffexError, "2 different ones, but of 2 utterances every valence is 1"),
        ((None, None), "", AffexError, "of 2 utterances none has a valence"),
        ((1.0, 2.0), "a,b", UsageError, "valence has values, and 'a' is no range of them: expected ranges"),
        ((1.0, 2.0), "2..1,1..2", UsageError, "'2..1' is no range"),
        ((1.0, 2.0), "..2,1.5..", UsageError, r"the ranges \.\.2 and 1\.5\.\. overlap"),
    ],
)
def test_values_that_cannot_be_predicted(values, classes, error, message):
    utterances = [replace(u, valence=v) for u, v in zip(spoken("a", "b"), values, strict=True)]
    with pytest.raises(error, match=message):
        select(utterances, Protocol("c", target="valence", classes=classes))


def test_only_those_the_raters_agree_on():
    votes = [(("a",), ("a",), ("a",)), (("b",), ("b",), ("a",)), ()]
    utterances = [replace(u, votes=v) for u, v in zip(spoken("a", "b", "b", "b"), [*votes, votes[0]], strict=True)]
    assert select(utterances, Protocol("c", agreement=0.6)).chosen.tolist() == [0, 1, 3]
    selection = select(utterances, Protocol("c", agreement=1))
    assert selection.chosen.tolist() == [0, 3]
    assert selection.left_out == {"with agreement below 1": 2}


def test_asserted_counts():
    selection = select(spoken("a", "a", "b"), LOSO)
    assert require_counts(Protocol("c", counts=Counter({"a": 2, "b": 1})), selection) == ()
    assert require_counts(Protocol("own", counts={"a": 3, "b": 1}), selection) == (
        "the protocol own asserts 3 utterances of 'a', found 2",
    )


def test_classes_of_values_are_ranges_up_to_below_their_upper_limit():
    values = (1.0, 2.5, None, 3.5, -1.0, 9.0)
    utterances = [Utterance(f"u{n}", "toy", "ada", valence=value) for n, value in enumerate(values)]
    protocol = Protocol("levels", target="valence", classes="low=-1..2.5,mid=2.5..3.5,high=3.5..5")
    selection = select(utterances, protocol)
    assert not has_values(protocol)
    assert has_values(replace(protocol, classes=""))
    assert selection.y.tolist() == ["low", "mid", "high", "low"]
    assert selection.classes == ("low", "mid", "high")
    assert selection.left_out == {"without a valence": 1, "of another valence": 1}

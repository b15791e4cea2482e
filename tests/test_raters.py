"""Raters' votes: soft targets, agreement and the human ceiling, worked by hand."""

import numpy as np
import pytest

from affex.pipeline.evaluation.raters import Ceiling, against_shares, agreement, human_ceiling, shares

CLASS_OF = {"ang": "ang", "hap": "hap+exc", "exc": "hap+exc", "neu": "neu"}
CLASSES = ("ang", "hap+exc", "neu")


def test_shares_by_hand():
    votes = (
        (("ang",), ("ang",), ("neu",)),
        (("ang", "neu"), ("neu",)),  # 1/2 + 0, 1/2 + 1, of 2
        (("hap",), ("exc",)),  # two labels, one class
        (("hap", "exc", "neu"),),  # 1/3 + 1/3, 1/3
        (("ang", "fru"), ("neu",)),  # the half outside drops: 1/2 and 1, of 1.5
    )
    expected = [[2 / 3, 0, 1 / 3], [1 / 4, 0, 3 / 4], [0, 1, 0], [0, 2 / 3, 1 / 3], [1 / 3, 0, 2 / 3]]
    assert shares(votes, CLASS_OF, CLASSES) == pytest.approx(np.array(expected))


def test_shares_of_no_vote_inside_the_classes_are_undefined():
    found = shares(((), (("fru",), ("oth",)), ((), ("ang",)), ((),)), CLASS_OF, CLASSES)
    assert np.isnan(found).all(axis=1).tolist() == [True, True, False, True]
    assert found[2].tolist() == [1, 0, 0]
    assert shares((), CLASS_OF, CLASSES).shape == (0, 3)


def test_a_label_named_twice_by_one_rater_counts_once():
    assert shares(((("ang", "ang", "neu"),),), CLASS_OF, CLASSES).tolist() == [[0.5, 0, 0.5]]
    assert agreement([("ang", "ang"), ("neu",), ("neu",)]) == 2 / 3


def test_agreement_by_hand():
    votes = (
        (("ang",), ("ang",), ("neu",)),
        (("ang", "neu"), ("neu",), ("ang",), ("sad",)),  # ang and neu have two of four each
        (("ang", "fru"), ("fru",), ("fru", "neu")),
        (("ang",), ()),  # who chose nothing is no rater
        (("hap",), ("exc",)),
    )
    assert [agreement(raters) for raters in votes] == [2 / 3, 1 / 2, 1, 1, 1 / 2]
    assert agreement(votes[4], CLASS_OF) == 1
    assert np.isnan(agreement(()))
    assert np.isnan(agreement(((), ())))


def test_the_ceiling_by_hand():
    votes = (
        # Each 'ang' faces ang and neu, a tie; 'neu' faces two 'ang', so ang is taken for neu.
        (("ang",), ("ang",), ("neu",)),
        # Three judgements, all right.
        (("neu",), ("neu",), ("neu",)),
        # 'hap' and 'exc' are one class: 3 right.
        (("hap",), ("exc",), ("hap",)),
        # Each 'neu' faces neu twice and ang once: two right. The third faces two 'neu': half right, half ang.
        (("neu",), ("neu",), ("neu", "ang")),
    )
    #   majority \ evaluated   ang  hap+exc  neu
    # ang                     0        0    1
    # hap+exc                 0        3    0
    # neu                    .5        0  5.5
    found = human_ceiling(votes, CLASS_OF, CLASSES)
    assert found == Ceiling(
        metric="uar",
        value=pytest.approx((0 + 1 + 5.5 / 6) / 3),
        n_judgements=10,
        n_utterances=4,
        n_classes=3,
        n_ties=2,
        n_outside=0,
        n_alone=0,
    )
    assert human_ceiling(votes, CLASS_OF, CLASSES, "war").value == pytest.approx(8.5 / 10)
    f1 = (0 + 1 + 2 * 5.5 / (6 + 6.5)) / 3
    assert human_ceiling(votes, CLASS_OF, CLASSES, "macro_f1").value == pytest.approx(f1)


def test_what_lies_outside_the_classes_is_left_out_and_counted():
    votes = (
        (("ang",), ("fru",), ("fru",)),  # ang faces fru, which is no class; each fru faces a tie
        (("ang",), ("ang",), ("fru",)),  # each ang faces a tie, for fru counts among the others; fru is outside
        (("ang", "fru"), ("ang",), ("ang",)),  # half a judgement, right; two right
    )
    found = human_ceiling(votes, CLASS_OF, CLASSES, "war")
    assert (found.value, found.n_judgements, found.n_utterances) == (1, 3, 1)
    assert (found.n_ties, found.n_outside, found.n_alone, found.n_classes) == (4, 2, 0, 1)


def test_half_a_judgement_has_half_the_weight():
    found = human_ceiling(((("neu", "fru"), ("ang",), ("ang",)), (("ang",), ("ang",))), CLASS_OF, CLASSES, "war")
    # neu against ang and ang: half a vote, wrong. Each 'ang' of the first faces ang, neu and fru: ties. Two right.
    assert (found.value, found.n_ties) == (pytest.approx(2 / 2.5), 2)


def test_one_rater_alone_cannot_be_held_against_others():
    found = human_ceiling(((("ang",),), (("neu",), ()), (("ang",), ("ang",))), CLASS_OF, CLASSES)
    assert (found.value, found.n_judgements, found.n_alone) == (1, 2, 2)


def test_the_order_of_the_raters_does_not_matter():
    rng = np.random.default_rng(0)
    labels = np.array(["ang", "hap", "exc", "neu", "fru"])
    votes = [[tuple(rng.choice(labels, rng.integers(0, 3))) for _ in range(4)] for _ in range(60)]
    mixed = [[raters[k] for k in rng.permutation(4)] for raters in votes]
    assert human_ceiling(votes, CLASS_OF, CLASSES) == human_ceiling(mixed, CLASS_OF, CLASSES)
    assert [agreement(raters) for raters in votes] == pytest.approx([agreement(m) for m in mixed], nan_ok=True)
    assert shares(votes, CLASS_OF, CLASSES) == pytest.approx(shares(mixed, CLASS_OF, CLASSES), nan_ok=True)


def test_raters_who_guess_have_the_ceiling_of_chance():
    rng = np.random.default_rng(0)
    votes = [[(name,) for name in rng.choice(["ang", "hap", "neu"], 4)] for _ in range(3000)]
    assert human_ceiling(votes, CLASS_OF, CLASSES).value == pytest.approx(1 / 3, abs=0.03)


def test_where_no_judgement_is_left_there_is_no_figure():
    for votes in ((), ((), ((),)), ((("ang",),), (("neu",),))):
        found = human_ceiling(votes, CLASS_OF, CLASSES)
        assert (found.value, found.n_judgements) == (None, 0)
        assert found.n_alone == sum(map(any, votes))


def test_the_ceiling_refuses_what_is_no_headline():
    with pytest.raises(ValueError, match="'auc' is no headline figure"):
        human_ceiling(((("ang",), ("ang",)),), CLASS_OF, CLASSES, "auc")


def test_a_map_to_no_class_is_refused():
    for function in (shares, human_ceiling):
        with pytest.raises(ValueError, match="no class: happy"):
            function(((("ang",),),), {"ang": "ang", "hap": "happy"}, CLASSES)


def test_scores_against_shares_by_hand():
    given = np.array([[0.5, 0.5, 0], [1, 0, 0], [np.nan] * 3])
    scores = np.array([[0.25, 0.5, 0.25], [0.5, 0.25, 0.25], [1, 0, 0]])
    found = against_shares(given, scores)
    assert found.n_utterances == 2
    assert found.cross_entropy == pytest.approx((1.5 * np.log(2) + np.log(2)) / 2)
    assert found.divergence == pytest.approx((0.5 * np.log(2) + np.log(2)) / 2)
    assert found.cosine == pytest.approx((0.375 / np.sqrt(0.5 * 0.375) + 0.5 / np.sqrt(0.375)) / 2)
    # The mean shares are 3/4 and 1/4.
    costs = (np.log(4 / 3) / 2 + np.log(4) / 2 - np.log(2)) + np.log(4 / 3)
    assert found.chance == pytest.approx(costs / 2)


def test_scores_that_are_the_shares_are_the_best():
    given = np.random.default_rng(0).dirichlet(np.ones(4), size=20)
    found = against_shares(given, given)
    assert found.divergence == 0
    assert found.cosine == pytest.approx(1)
    assert found.cross_entropy == pytest.approx(-(given * np.log(given)).sum(axis=1).mean())
    assert against_shares(np.full((2, 4), np.nan), given[:2]) is None

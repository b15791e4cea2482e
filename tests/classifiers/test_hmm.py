"""Hidden Markov models: likelihoods against all paths, and classes that only an order of frames or streams tells."""

from itertools import pairwise, product

import numpy as np
import pytest
import skops.io
from scipy.stats import norm

from affex.classifiers.estimators.exponents import shares
from affex.classifiers.estimators.hmm import ClassChains, chain
from affex.classifiers.estimators.settling import settled
from affex.classifiers.estimators.trusted import foreign
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.text.errors import UsageError

#: Frames of an utterance.
LENGTH = 16
FIVE = [pytest.param(seed, marks=() if seed == 0 else pytest.mark.slow) for seed in range(5)]


def paths(start, transitions, emissions):
    """Return each path of states with its probability together with the frames."""
    for path in product(range(len(start)), repeat=len(emissions)):
        steps = [transitions[i, j] for i, j in pairwise(path)]
        yield (
            path,
            start[path[0]] * np.prod(steps) * np.prod([row[state] for row, state in zip(emissions, path, strict=True)]),
        )


def offsets(n, length=LENGTH):
    return np.arange(n + 1) * length


def rises(rng, n):
    """Frames that rise at some time in one class, and fall in the other; their mean tells neither."""
    y, cut = rng.integers(0, 2, n), rng.integers(4, LENGTH - 4, n)
    after = np.where(np.arange(LENGTH) < cut[:, None], -1, 1) * (2 * y - 1)[:, None]
    return (after[..., None] + rng.normal(size=(n, LENGTH, 2))).reshape(-1, 2), np.array(["falls", "rises"])[y]


def one_leads_the_other(rng, n):
    """Two streams that go up and down from a random phase; the class is which leads by a quarter of a period."""
    y, phase = rng.integers(0, 2, n), rng.integers(0, 8, n)
    moments = np.arange(LENGTH) + phase[:, None]
    lags = np.where(y == 0, 2, -2)[:, None]
    up = [moments % 8 < 4, (moments + lags) % 8 < 4]
    rows = [(2.0 * own[..., None] + 0.5 * rng.normal(size=(n, LENGTH, 1))).reshape(-1, 1) for own in up]
    return rows, np.array(["first", "second"])[y]


# Against all paths


def test_a_likelihood_is_the_sum_over_all_paths():
    rng = np.random.default_rng(0)
    X, y = [rng.normal(size=(120, 2)), rng.normal(size=(120, 1))], np.tile(["a", "b"], 15)
    given = [offsets(30, 4)] * 2
    fitted = ClassChains(states=3, topology="ergodic", exponents=(1.0, 0.5), iterations=2).fit(X, y, offsets=given)
    tested = [rng.normal(size=(4, 2)), np.array([[0.3], [np.nan], [-1.0], [2.0]])]
    found = fitted.log_likelihood(tested, [np.array([0, 4])] * 2)
    scaled = [(own - rows.mean(axis=0)) / rows.std(axis=0) for own, rows in zip(tested, X, strict=True)]
    values, powers = np.hstack(scaled), np.array([1.0, 1.0, 0.5])
    for code in range(2):
        density = norm.logpdf(values[:, None], fitted.means_[code], np.sqrt(fitted.variances_[code]))
        emissions = np.exp(np.nansum(powers * density, axis=2))
        expected = sum(p for _, p in paths(fitted.starts_[code], fitted.transitions_[code], emissions))
        assert found[0, code] == pytest.approx(np.log(expected), abs=1e-9)


def test_viterbi_and_posteriors_are_those_of_all_paths():
    rng = np.random.default_rng(1)
    start, transitions, emissions = rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(3), 3), rng.random((9, 3))
    lengths = [5, 1, 3]
    _, decoded = chain(start, transitions).decode(np.log(emissions), lengths)
    posteriors = chain(start, transitions).predict_proba(np.log(emissions), lengths)
    for begin, length in zip((0, 5, 6), lengths, strict=True):
        own = slice(begin, begin + length)
        every = list(paths(start, transitions, emissions[own]))
        assert tuple(decoded[own]) == max(every, key=lambda one: one[1])[0]
        shares = np.zeros((length, 3))
        for path, probability in every:
            shares[np.arange(length), path] += probability
        assert posteriors[own] == pytest.approx(shares / shares.sum(axis=1, keepdims=True), abs=1e-12)


def test_one_state_is_the_gaussian_of_the_frames():
    rng = np.random.default_rng(0)
    X, y = rises(rng, 20)
    fitted = ClassChains(states=1, floor=0.25).fit(X, y, offsets=offsets(20))
    Z, own = (X - X.mean(axis=0)) / X.std(axis=0), np.repeat(y, LENGTH) == "rises"
    density = norm.logpdf(Z, Z[own].mean(axis=0), np.sqrt(Z[own].var(axis=0) + 0.25)).sum(axis=1)
    expected = np.add.reduceat(density, offsets(20)[:-1])
    assert fitted.log_likelihood(X, offsets(20))[:, 1] == pytest.approx(expected, abs=1e-8)


def test_left_to_right_never_goes_back_nor_jumps():
    X, y = rises(np.random.default_rng(0), 30)
    fitted = ClassChains(states=3, iterations=5).fit(X, y, offsets=offsets(30))
    for start, transitions in zip(fitted.starts_, fitted.transitions_, strict=True):
        assert start.tolist() == [1, 0, 0]
        assert (transitions[~(np.eye(3) + np.eye(3, k=1)).astype(bool)] == 0).all()
        assert transitions.sum(axis=1) == pytest.approx(1)


def test_training_raises_the_likelihood():
    X, y = rises(np.random.default_rng(0), 40)
    own = [ClassChains(topology="ergodic", floor=1e-4, iterations=n).fit(X, y, offsets=offsets(40)) for n in (1, 3, 8)]
    sums = [
        sum(fitted.log_likelihood(X, offsets(40))[y == name, code].sum() for code, name in enumerate(fitted.classes_))
        for fitted in own
    ]
    assert sums[0] < sums[1] < sums[2]


# What only an order tells


@pytest.mark.parametrize("topology", ["left-right", "ergodic"])
@pytest.mark.parametrize("seed", FIVE)
def test_states_tell_classes_whose_frames_are_the_same_in_another_order(seed, topology):
    rng = np.random.default_rng(seed)
    (X, y), (tested, true) = rises(rng, 40), rises(rng, 60)
    right = {
        states: np.mean(
            ClassChains(states=states, topology=topology, iterations=5)
            .fit(X, y, offsets=offsets(40))
            .predict(tested, offsets(60))
            == true
        )
        for states in (1, 2)
    }
    assert right[2] > 0.9
    assert right[1] < 0.7


@pytest.mark.parametrize("seed", FIVE)
def test_two_streams_in_one_chain_tell_which_leads_and_neither_stream_alone_does(seed):
    rng = np.random.default_rng(seed)
    (X, y), (tested, true) = one_leads_the_other(rng, 40), one_leads_the_other(rng, 60)

    def right(streams=(0, 1), **settings):
        fitted = ClassChains(**{"states": 4, "topology": "ergodic", "iterations": 5} | settings)
        fitted.fit([X[k] for k in streams], y, offsets=[offsets(40)] * len(streams))
        return np.mean(fitted.predict([tested[k] for k in streams], [offsets(60)] * len(streams)) == true)

    assert right() > 0.9
    assert max(right((0,)), right((1,)), right(states=1), right(exponents=(1.0, 0.0))) < 0.75


# Streams


def one_tells_and_the_other_drifts(rng, n):
    """A stream whose mean tells the class, and one of an utterance's own level, in six columns that say the same."""
    y, level = rng.integers(0, 2, n), rng.normal(size=n)
    telling = 0.25 * (2 * y - 1)[:, None, None] + rng.normal(size=(n, LENGTH, 2))
    drifting = level[:, None, None] + 0.2 * rng.normal(size=(n, LENGTH, 6))
    return [telling.reshape(-1, 2), drifting.reshape(-1, 6)], np.array(["low", "high"])[y]


@pytest.mark.parametrize("seed", FIVE)
def test_exponents_found_on_inner_speakers_mute_a_stream_that_only_seems_sure(seed):
    rng = np.random.default_rng(seed)
    (X, y), (tested, true) = one_tells_and_the_other_drifts(rng, 60), one_tells_and_the_other_drifts(rng, 120)

    def right(exponents):
        fitted = ClassChains(states=1, exponents=exponents)
        fitted.fit(X, y, np.arange(60) % 6, offsets=[offsets(60)] * 2)
        return np.mean(fitted.predict(tested, [offsets(120)] * 2) == true), fitted

    found, fitted = right("auto")
    assert found > 0.8
    assert right((1.0,))[0] < found - 0.1
    assert fitted.exponents_[0] > fitted.exponents_[1]
    assert fitted.best_params_["exponents"] == "/".join(f"{one:g}" for one in fitted.exponents_)
    assert [axis.name for axis in fitted.search_axes] == ["exponents"]
    again = settled(fitted).fit(X, y, np.arange(60) % 6, offsets=[offsets(60)] * 2)
    assert again.exponents_ == fitted.exponents_
    assert np.array_equal(
        again.predict_proba(tested, [offsets(120)] * 2), fitted.predict_proba(tested, [offsets(120)] * 2)
    )


def test_a_search_for_exponents_tries_equal_ones_first():
    assert shares(2) == [(1, 1), (0.5, 1.5), (1.5, 0.5), (0, 2), (2, 0)]
    assert shares(3)[0] == (1, 1, 1)
    assert len(shares(3)) == 10
    assert {sum(one) for one in shares(3)} == {3}
    X, y = one_leads_the_other(np.random.default_rng(0), 20)
    alone = ClassChains(iterations=2, exponents="auto").fit(X[0], y, np.arange(20) % 4, offsets=offsets(20))
    assert alone.exponents_ == (1.0,)
    assert "exponents" not in alone.best_params_
    with pytest.raises(ValueError, match="weighs 4 streams at most, found 5"):
        ClassChains(exponents="auto").fit([X[0]] * 5, y, offsets=[offsets(20)] * 5)


def test_exponents_weigh_streams_only_when_utterances_are_scored():
    X, y = one_leads_the_other(np.random.default_rng(0), 20)
    weighed, plain = (
        ClassChains(iterations=2, exponents=exponents).fit(X, y, offsets=[offsets(20)] * 2)
        for exponents in ((1.5, 0.5), (1.0,))
    )
    assert all(np.array_equal(*both) for both in zip(weighed.means_, plain.means_, strict=True))
    found = [one.log_likelihood(X, [offsets(20)] * 2) for one in (weighed, plain)]
    assert not np.array_equal(*found)


@pytest.mark.parametrize(
    ("groups", "inner", "why"),
    [
        (np.zeros(20), None, "1 training speaker"),
        (np.arange(20) % 4, [], "1 training speaker"),
        (np.arange(20) % 4, "one class", "no inner fold has frames of two classes to learn from"),
        (np.arange(20) % 4, "one of two", ""),
    ],
)
def test_exponents_stay_equal_where_inner_folds_are_too_few(groups, inner, why):
    X, y = one_leads_the_other(np.random.default_rng(0), 20)
    of_one, rest = np.flatnonzero(y == y[0]), np.flatnonzero(y != y[0])
    if inner == "one class":
        inner = [(of_one, rest)]
    elif inner == "one of two":
        inner = [(of_one, rest), (np.arange(10), np.arange(10, 20))]
    fitted = ClassChains(iterations=1, exponents="auto").fit(X, y, groups, offsets=[offsets(20)] * 2, inner=inner)
    assert fitted.limits_ == ({"search": why} if why else {})
    assert (fitted.exponents_ == (1.0, 1.0)) or not why


def test_an_exponent_of_0_leaves_a_stream_out():
    X, y = one_leads_the_other(np.random.default_rng(0), 20)
    both = ClassChains(exponents=(1.0, 0.0), iterations=3).fit(X, y, offsets=[offsets(20)] * 2)
    alone = ClassChains(iterations=3).fit(X[0], y, offsets=offsets(20))
    found = both.log_likelihood(X, [offsets(20)] * 2)
    assert found == pytest.approx(alone.log_likelihood(X[0], offsets(20)), abs=1e-9)


def test_an_utterance_without_one_stream_is_the_other_stream_s_to_say():
    X, y = one_leads_the_other(np.random.default_rng(0), 20)
    X[1][: 5 * LENGTH] = np.nan
    for components in (0, 1):
        fitted = ClassChains(iterations=3, components=components).fit(X, y, offsets=[offsets(20)] * 2)
        one, other = ([X[0], np.where(np.isnan(X[1]), np.nan, rows)] for rows in (X[1], X[1] + 100))
        found, moved = (fitted.log_likelihood(rows, [offsets(20)] * 2) for rows in (one, other))
        assert np.isfinite(found).all()
        assert np.array_equal(found[:5], moved[:5])
        assert (found[5:] != moved[5:]).all()


def test_an_utterance_without_a_frame_is_as_probable_in_each_class():
    X, y = rises(np.random.default_rng(0), 20)
    fitted = ClassChains(iterations=2).fit(X, y, offsets=offsets(20))
    assert fitted.predict_proba(X[:0], np.array([0, 0])).tolist() == [[0.5, 0.5]]


def test_streams_of_other_frames_are_refused():
    X, y = one_leads_the_other(np.random.default_rng(0), 20)
    with pytest.raises(ValueError, match="expected the same of each stream"):
        ClassChains().fit(X, y, offsets=[offsets(20), offsets(20)[::-1]])
    with pytest.raises(ValueError, match="3 exponents of 2 streams"):
        ClassChains(exponents=(1.0, 1.0, 1.0)).fit(X, y, offsets=[offsets(20)] * 2)
    with pytest.raises(ValueError, match="the same sample_weight for all, found 1 to 20"):
        ClassChains().fit(X, y, offsets=[offsets(20)] * 2, sample_weight=np.arange(1, 21))


def test_a_class_has_no_more_states_than_its_frames_bear():
    X, y = rises(np.random.default_rng(0), 20)
    y[:] = "often"
    y[:1] = "rare"
    fitted = ClassChains(states=3, iterations=2).fit(X, y, offsets=offsets(20))
    assert fitted.best_params_ == {"states.often": 3, "states.rare": 1}
    assert np.isfinite(fitted.log_likelihood(X * 1e6, offsets(20))).all()


def test_priors_are_equal_or_as_in_training():
    X, y = rises(np.random.default_rng(0), 20)
    y[:] = np.repeat(["often", "rare"], [15, 5])
    shares = [
        np.exp(
            classifier_of(f"hmm:iterations=1{more}").estimator(seed=0).fit(X, y, offsets=offsets(20)).class_log_prior_
        )
        for more in ("", ",weights=none")
    ]
    assert [one.tolist() for one in shares] == [[0.5, 0.5], pytest.approx([0.75, 0.25])]


def test_it_is_saved_as_numbers_and_settings_alone():
    X, y = rises(np.random.default_rng(0), 20)
    fits = [ClassChains(topology="ergodic", iterations=2).fit(X, y, offsets=offsets(20)) for _ in range(2)]
    archives = [skops.io.dumps(fitted) for fitted in fits]
    refused, trusted = foreign(archives[0])
    assert refused == []
    read = skops.io.loads(archives[0], trusted=trusted)
    assert np.array_equal(*(one.log_likelihood(X, offsets(20)) for one in (fits[1], read)))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("hmm:states=0", "states=0: expected 1 or more"),
        ("hmm:topology=ring", "topology=ring: expected left-right or ergodic"),
        ("hmm:exponents=1/x", "joined by /"),
        ("hmm:exponents=0/0", "not all of them 0"),
        ("hmm:floor=0", "expected 0.0001 or more"),
        ("hmm:weights=some", "expected balanced or none"),
    ],
)
def test_settings_without_sense_are_refused(spec, message):
    with pytest.raises(UsageError, match=message):
        classifier_of(spec)

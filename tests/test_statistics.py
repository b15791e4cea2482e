"""Statistics of a corpus: closed forms first, then planted signals."""

import math

import numpy as np
import pytest
from scipy.stats import ttest_rel

from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.media.header import Header
from affex.pipeline.statistics import agreement, counts, effects, maps, recordings, variance
from affex.pipeline.statistics.description import failures
from affex.pipeline.statistics.labels import labels
from affex.pipeline.statistics.standard import standardised, varying
from affex.pipeline.statistics.twins import twins
from affex.pipeline.text.errors import UsageError

FLOAT = np.float32


def utterance(number: int, speaker: str = "s", label: str | None = "a", **fields) -> Utterance:
    return Utterance(id=f"u{number}", corpus="made", speaker=speaker, label=label, **fields)


def crossing(table: list[list[int]]) -> counts.Crossed:
    """Return speakers 0, 1 ... with so many utterances of classes a, b ..."""
    pairs = [(str(i), "abcdef"[j]) for i, row in enumerate(table) for j, n in enumerate(row) for _ in range(n)]
    return counts.crossed([label for _, label in pairs], [who for who, _ in pairs])


def test_the_speaker_determines_nothing_of_the_class_if_all_have_the_same_shares():
    crossed = crossing([[4, 2], [2, 1], [6, 3]])
    assert crossed.determined == pytest.approx(0, abs=1e-12)
    assert crossed.of_one_class == ()
    assert crossed.lacking == {}


def test_the_speaker_determines_the_class_if_each_has_one():
    crossed = crossing([[3, 0], [5, 0], [0, 4]])
    assert crossed.determined == pytest.approx(1)
    assert crossed.of_one_class == ("0", "1", "2")
    assert crossed.lacking == {"0": ("b",), "1": ("b",), "2": ("a",)}
    assert crossed.n_speakers_of == {"a": 2, "b": 1}


def test_half_of_the_class_is_determined():
    """Two speakers have one class each, two have both alike: of one bit, half is left."""
    crossed = crossing([[2000, 0], [0, 2000], [1000, 1000], [1000, 1000]])
    assert crossed.determined == pytest.approx(0.5, abs=1e-3)


def test_speakers_at_random_determine_nothing():
    """Without the adjustment so few utterances a speaker would determine a quarter of the class."""
    rng = np.random.default_rng(0)
    found = [crossing(rng.multinomial(4, [0.25] * 4, size=20).tolist()).determined for _ in range(20)]
    assert np.mean(found) < 0.03
    assert math.isnan(crossing([[1, 0], [0, 1]]).determined)


def test_one_class_determines_nothing():
    assert math.isnan(crossing([[3], [4]]).determined)


def test_counts_know_what_is_unknown():
    some = [utterance(0, sex="female"), utterance(1, "", None), utterance(2, "t", "b")]
    assert counts.by_class([u.label for u in some]) == counts.Counts(
        "class", (counts.Count("a", 1), counts.Count("b", 1)), 1
    )
    by = {one.by: one for one in counts.by_fields(some)}
    assert set(by) == {"speaker", "sex"}
    assert (by["speaker"].n_unknown, by["sex"].n_unknown) == (1, 2)


def test_dimensions_have_their_spread():
    [found] = counts.dimensions([utterance(0, valence=1.0), utterance(1, valence=4.0), utterance(2)])
    assert found == counts.Dimension("valence", 2, 1.0, 2.5, 1.5, 4.0)


def test_columns_that_do_not_vary_are_left_out():
    X = np.column_stack([np.arange(6), np.full(6, 1e6), 1e-9 * np.arange(6)]).astype(FLOAT)
    assert varying(X).tolist() == [True, False, True]
    Z = standardised(X)
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose((Z**2).mean(axis=0), 1)


def balanced(speaker: float, label: float, noise: float, n: int = 4) -> tuple[np.ndarray, list[str], list[str]]:
    """Return rows of 6 speakers with 3 classes and `n` takes each: orthogonal effects of known variances."""
    who, what, take = (axis.ravel() for axis in np.indices((6, 3, n)))
    patterns = [np.array([1, -1, 1, -1, 1, -1.0]), np.array([1, -1, 0]) * np.sqrt(1.5), np.tile([1, -1.0], n // 2)]
    shares = zip((speaker, label, noise), patterns, (who, what, take), strict=True)
    x = sum(np.sqrt(size) * pattern[place] for size, pattern, place in shares)
    return x[:, None].astype(FLOAT), [f"s{i}" for i in who], [f"c{i}" for i in what]


def test_shares_of_a_balanced_corpus_are_those_that_were_planted():
    found = variance.shares(*balanced(0.5, 0.2, 0.3))
    assert found.speaker.value == pytest.approx(0.5, abs=1e-6)
    assert found.label.value == pytest.approx(0.2, abs=1e-6)
    assert found.both.value == pytest.approx(0.7, abs=1e-6)
    assert (found.only_speaker.value, found.only_label.value) == pytest.approx((0.5, 0.2), abs=1e-6)
    assert (found.speaker_by_chance, found.label_by_chance) == (5 / 71, 2 / 71)


def test_nothing_is_unique_if_each_speaker_has_one_class():
    """The class is a function of the speaker, so all that it explains the speaker explains, too."""
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(6), 10)
    what = who % 2
    X = (2 * what + rng.standard_normal(60))[:, None].astype(FLOAT)
    found = variance.shares(X, [str(i) for i in who], [str(i) for i in what])
    assert found.only_label.value == pytest.approx(0, abs=1e-9)
    assert found.both.value == pytest.approx(found.speaker.value)
    assert found.label.value > 0.1


def regressed(Z: np.ndarray, who: np.ndarray, what: np.ndarray) -> float:
    """Return the share that indicators of speaker and class explain, by least squares."""
    design = np.column_stack([np.eye(5)[who], np.eye(3)[what]])
    residual = Z - design @ np.linalg.lstsq(design, Z, rcond=None)[0]
    return float(1 - (residual**2).sum() / ((Z - Z.mean(axis=0)) ** 2).sum())


def test_shares_and_intervals_are_those_of_regressions_where_classes_are_unbalanced():
    rng = np.random.default_rng(1)
    who, what = rng.integers(5, size=200), rng.integers(3, size=200) ** 2 // 2
    X = (rng.standard_normal((200, 4)) + who[:, None] * [1, 0, 0.5, 0] + what[:, None] * [0, 1, 0.5, 0]).astype(FLOAT)
    found = variance.shares(X, [str(i) for i in who], [str(i) for i in what])
    Z = standardised(X)
    assert found.both.value == pytest.approx(regressed(Z, who, what))
    assert found.speaker.value + found.only_label.value == pytest.approx(found.both.value)
    without = np.array([regressed(Z[who != s], who[who != s], what[who != s]) for s in range(5)])
    assert found.both.standard_error == pytest.approx(math.sqrt(4 * without.var()))
    assert found.both.n_clusters == 5


def test_many_speakers_are_left_out_in_groups():
    rng = np.random.default_rng(9)
    who, what = np.arange(400) % 200, np.arange(400) // 200
    found = variance.shares(rng.standard_normal((400, 3)).astype(FLOAT), [str(i) for i in who], [str(i) for i in what])
    assert found.both.n_clusters == variance.MOST


def test_random_groups_explain_what_chance_does():
    rng = np.random.default_rng(2)
    X = rng.standard_normal((300, 50)).astype(FLOAT)
    who, what = rng.permutation(np.arange(300) % 10), rng.permutation(np.arange(300) % 4)
    found = variance.shares(X, [str(i) for i in who], [str(i) for i in what])
    assert found.speaker.value == pytest.approx(found.speaker_by_chance, abs=0.01)
    assert found.label.value == pytest.approx(found.label_by_chance, abs=0.005)


@pytest.mark.parametrize(("who", "what"), [(["s"] * 6, list("ababab")), (list("ststst"), ["a"] * 6)])
def test_one_speaker_or_one_class_has_no_shares(who, what):
    assert variance.shares(np.arange(6, dtype=FLOAT)[:, None], who, what) is None


def test_the_correction_is_hedges():
    assert effects.correction(9) == pytest.approx(1 - 3 / (4 * 9 - 1), abs=1e-3)
    assert effects.correction(2) == pytest.approx(math.sqrt(1 / math.pi), rel=1e-9)  # gamma(1) / gamma(1/2)


def test_false_discoveries_are_corrected_as_in_the_paper():
    """The 15 p-values of Benjamini and Hochberg's example: four are rejected at .05."""
    p = np.array([0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240,
                  0.4262, 0.5719, 0.6528, 0.7590, 1.0])  # fmt: skip
    found = effects.false_discovery(p)
    assert (found < 0.05).sum() == 4
    assert found[0] == pytest.approx(0.0001 * 15)
    assert found[-1] == 1
    shuffled = np.random.default_rng(0).permutation(15)
    np.testing.assert_allclose(effects.false_discovery(p[shuffled]), found[shuffled])
    with_gap = effects.false_discovery(np.append(p, np.nan))
    np.testing.assert_allclose(with_gap[:-1], found)
    assert math.isnan(with_gap[-1])


def planted(n_speakers: int = 8, n_columns: int = 40) -> tuple[np.ndarray, list[str], list[str], list[str]]:
    """Return noise in which class b shifts column 7 up and column 11 down in every speaker."""
    rng = np.random.default_rng(3)
    who, what, _ = (axis.ravel() for axis in np.indices((n_speakers, 3, 6)))
    X = rng.standard_normal((len(who), n_columns)) + 3 * rng.standard_normal((n_speakers, n_columns))[who]
    X[what == 1, 7] += 3
    X[what == 1, 11] -= 3
    return X.astype(FLOAT), [f"x{i}" for i in range(n_columns)], [f"s{i}" for i in who], ["abc"[i] for i in what]


def test_the_planted_columns_are_found_and_the_others_are_not():
    X, columns, who, what = planted()
    found = {one.label: one for one in effects.effects(X, columns, who, what).classes}
    assert [(one.column, one.size > 0) for one in found["b"].largest[:2]] in (
        [("x7", True), ("x11", False)],
        [("x11", False), ("x7", True)],
    )
    assert found["b"].n_significant == 2
    assert all(one.n_speakers == 8 for one in found.values())
    others = {one.column for label in "ac" for one in found[label].largest if one.corrected < effects.ALPHA}
    assert len(others - {"x7", "x11"}) <= 1  # of 120 tests, a twentieth of the discoveries may be false


def test_size_shift_and_p_are_those_of_a_paired_t_test():
    X, columns, who, what = planted()
    Z, speakers, classes = standardised(X), np.array(who), np.array(what)
    rows = []
    for speaker in np.unique(speakers):
        own = {c: Z[(speakers == speaker) & (classes == c), 7].mean() for c in "abc"}
        rows.append((own["b"], (own["a"] + own["c"]) / 2))
    one, rest = np.array(rows).T
    [effect] = [e for e in effects.effects(X, columns, who, what).classes[1].largest if e.column == "x7"]
    difference = one - rest
    assert effect.shift == pytest.approx(difference.mean())
    assert effect.size == pytest.approx(effects.correction(7) * difference.mean() / difference.std(ddof=1))
    test = ttest_rel(one, rest)
    assert effect.p == pytest.approx(test.pvalue)
    assert (effect.low, effect.high) == pytest.approx(tuple(test.confidence_interval(0.95)))


def test_speakers_of_one_class_give_no_effects():
    X, columns, _, what = planted()
    found = effects.effects(X, columns, [f"s{label}" for label in what], what)
    assert [(one.n_speakers, one.largest) for one in found.classes] == [(0, ())] * 3
    assert found.n_tests == 0
    assert effects.effects(X[:0], columns, [], []).classes == ()


def votes(*raters: str) -> list[tuple[tuple[str, ...], ...]]:
    """Return the votes of utterances from one text a rater; a dot is no vote."""
    return [tuple(() if vote == "." else (vote,) for vote in unit) for unit in zip(*raters, strict=True)]


def test_alpha_is_that_of_krippendorffs_example():
    """Four observers, twelve units, nominal: .743 (Krippendorff, Computing Krippendorff's alpha-reliability)."""
    given = votes("123321412...", "12332241 25.3".replace(" ", ""), ".3332342251.", "12332441251.")
    found = agreement.agreement(given, [f"s{i % 3}" for i in range(12)], [], {})
    assert found.alpha.value == pytest.approx(0.743, abs=5e-4)
    assert (found.n_utterances, found.n_votes, found.least_raters, found.most_raters) == (11, 40, 2, 4)


def test_alpha_of_two_raters_by_hand():
    """Of ten pairs eight agree; 10 votes are a, 10 b: 1 - (4/20) / (2*10*10/(20*19)) = .62."""
    found = agreement.agreement(votes("aaaaabbbbb", "aaaabbbbba"), ["s"] * 10, ["a", "b"], {})
    assert found.alpha.value == pytest.approx(1 - 0.2 / (200 / 380))
    assert found.unanimous == 0.8
    assert found.tied == 0.2
    assert found.alpha.reason  # one speaker: no interval


def test_alpha_has_an_interval_over_speakers():
    given, who = votes("aaaaabbbbbaabb" * 3, "aaaabbbbbaaabb" * 3), [f"s{i // 10}" for i in range(42)]
    alpha = agreement.agreement(given, who, ["a", "b"], {}).alpha
    assert alpha.low < alpha.value < alpha.high
    assert alpha.n_clusters == 5


def test_a_map_of_classes_may_turn_disagreement_into_agreement():
    given, who = votes("hhhass", "eeeass"), ["s", "t"] * 3
    plain = agreement.agreement(given, who, [*"hase"], {})
    merged = agreement.agreement(given, who, ["h", "a", "s"], {"h": "h", "e": "h", "a": "a", "s": "s"})
    assert merged.alpha.value == 1 > plain.alpha.value


def test_a_rater_who_names_two_labels_gives_each_a_half():
    found = agreement._coincidences([(("a", "b"), ("a",))], np.array([0]))
    np.testing.assert_allclose(found[0], [[1.0, 0.5], [0.5, 0.0]])


def test_without_two_raters_there_is_no_agreement():
    assert agreement.agreement([(("a",),), ()], ["s", "s"], ["a"], {}) is None


def test_pca_is_that_of_scikit_learn():
    from sklearn.decomposition import PCA

    X = (np.random.default_rng(4).standard_normal((40, 6)) @ np.diag([5, 3, 1, 1, 1, 1]) @ np.ones((6, 6))).astype(
        FLOAT
    )
    X += np.random.default_rng(5).standard_normal((40, 6)).astype(FLOAT)
    pca = maps.maps(X)[0]
    expected = PCA(2).fit(Z := standardised(X))
    plane = np.abs(expected.transform(Z))
    np.testing.assert_allclose(np.abs(np.column_stack([pca.x, pca.y])), plane, rtol=1e-3, atol=1e-3)
    assert f"{expected.explained_variance_ratio_.sum():.0%}" in pca.about


def test_equal_rows_give_equal_maps_and_groups_stay_together():
    rng = np.random.default_rng(6)
    group = np.arange(60) % 2
    X = (rng.standard_normal((60, 10)) + 8 * group[:, None]).astype(FLOAT)
    found = maps.maps(X)
    assert found == maps.maps(X.copy())
    assert [one.method for one in found][:2] == ["PCA", "t-SNE"]
    for one in found:
        points = np.column_stack([one.x, one.y])
        distances = np.linalg.norm(points[:, None] - points, axis=2)
        np.fill_diagonal(distances, np.inf)
        assert (group[distances.argmin(axis=1)] == group).all()


@pytest.mark.parametrize("shape", [(0, 3), (2, 3), (3, 1), (4, 2), (5, 1), (9, 3)])
def test_few_rows_have_the_maps_that_they_allow(shape):
    X = np.random.default_rng(7).standard_normal(shape).astype(FLOAT)
    expected = 0 if shape[0] < 3 else 1 if shape[0] < 5 else 2
    assert len(maps.maps(X)) >= expected
    assert len(maps.maps(np.ones(shape, FLOAT))) == 0


def test_umap_is_drawn_where_it_is_installed():
    pytest.importorskip("umap", reason="umap-learn is optional and not installed")
    X = np.random.default_rng(8).standard_normal((40, 5)).astype(FLOAT)
    assert [one.method for one in maps.maps(X)] == ["PCA", "t-SNE", "UMAP"]


def test_a_sample_keeps_the_shares_of_speakers():
    who = ["a"] * 600 + ["b"] * 300 + ["c"] * 100
    chosen = maps.sample(who, 100)
    assert len(chosen) == len(set(chosen.tolist())) == 100
    assert (np.diff(chosen) > 0).all()
    assert [[who[i] for i in chosen].count(name) for name in "abc"] == [60, 30, 10]
    assert maps.sample(who, 2000).tolist() == list(range(1000))


def test_spreads_and_histograms_count_every_utterance():
    values = np.array([1.0, 2.0, 3.0, 4.0, 10.0])
    found = recordings.quantity("duration_s", values, list("vwxyz"), ["a", "a", "b", "b", ""])
    assert (found.whole.least, found.whole.median, found.whole.most, found.whole.total) == (1, 3, 10, 20)
    assert (found.lowest, found.highest) == ("v", "z")
    assert [one.n for one in found.classes] == [2, 2]
    assert [sum(row) for row in found.histogram] == [2, 2]
    assert sum(map(sum, recordings.quantity("duration_s", values, list("vwxyz"), [""] * 5).histogram)) == 5


def test_formats_are_counted_by_what_headers_say():
    some = [utterance(i, label="ab"[i % 2], audio=Media(f"{i}.wav")) for i in range(4)]
    headers = {f"{i}.wav": Header("wav", 1.0, "pcm_s16le", 16000 if i < 3 else 8000, 1) for i in range(4)}
    [first, second] = recordings.formats(some, [u.label for u in some], headers)["audio"]
    assert (first.about, first.n_utterances, first.classes) == (
        "wav, pcm_s16le, 16000 Hz, mono",
        3,
        (("a", 2), ("b", 1)),
    )
    assert second.about.endswith("8000 Hz, mono")


def test_failures_of_one_kind_are_one_reason():
    some = [utterance(i, audio=Media(f"wav/{i}.wav")) for i in range(3)]
    messages = {f"u{i}": f"wav/{i}.wav has 0.0{i} s, too short" for i in range(2)} | {"u2": "wav/2.wav is empty"}
    found = failures("levels", messages, some)
    assert [(one.utterances.n, one.reason) for one in found] == [
        (2, "wav/0.wav has 0.00 s, too short"),
        (1, "wav/2.wav is empty"),
    ]


def test_spans_of_one_file_are_twins():
    whole, half = Media("a.wav", 0.0, 2.0), Media("a.wav", 1.0, 3.0)
    some = [utterance(0, audio=whole), utterance(1, "t", "b", audio=whole), utterance(2, audio=half)]
    found = twins(some, [u.label for u in some], None)
    assert (found.n_same, found.n_parts, found.n_labels_differ, found.n_speakers_differ) == (1, 2, 1, 1)
    assert (found.same[0].first, found.same[0].second, found.same[0].labels) == ("u0", "u1", ("a", "b"))


def test_classes_are_labels_unless_they_are_named():
    some = [utterance(0, label="hap"), utterance(1, label="exc"), utterance(2, label="ang"), utterance(3, label=None)]
    assert labels(some, "", "").of == ("hap", "exc", "ang", None)
    named = labels(some, "", "ang,joy=hap+exc")
    assert named.of == ("joy", "joy", "ang", None)
    assert named.classes == ("ang", "joy")
    with pytest.raises(UsageError, match="TARGET=valence has values"):
        labels([utterance(0, valence=1.0), utterance(1, valence=2.0)], "valence", "")
    assert labels([utterance(0, label="Joy"), utterance(1, label="joy")], "", "").notes

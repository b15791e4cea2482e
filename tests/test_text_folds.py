"""Text that was never heard: folds, inner folds and controls of ``loso+text``, and the folds of ``text``."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from synthetic import EMOTIONS, Bayes, changed, make_table, relabelled, with_values

from affex.classifiers.base import of_estimator
from affex.classifiers.estimators.settling import settled
from affex.pipeline.corpora import emodb, ravdess
from affex.pipeline.corpora.base import LOSO, Protocol
from affex.pipeline.corpora.example_tree import lay
from affex.pipeline.evaluation import audit, controls, metrics, text_folds
from affex.pipeline.evaluation.evaluate import build, evaluate, fit, inner_parts
from affex.pipeline.evaluation.figures import confusion_of
from affex.pipeline.evaluation.finished_folds import FinishedFolds
from affex.pipeline.evaluation.folds import Fold, folds
from affex.pipeline.evaluation.prechecks import foreseen
from affex.pipeline.evaluation.results import Result
from affex.pipeline.evaluation.settings import Plan, Settings
from affex.pipeline.evaluation.task import inner_pairs, prepare
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.streams.table import Table
from affex.pipeline.text.errors import AffexError, UsageError

BOTH, TEXT = Protocol("loso+text", "loso+text"), Protocol("text", "text")
PLAN = Plan(corpus="toy", features=("made",), classifier=Bayes(), protocol=BOTH)


def saying(*pairs: tuple[str, str | None]) -> list[Utterance]:
    return [Utterance(f"u{i}", "toy", speaker, "a", text=text) for i, (speaker, text) in enumerate(pairs)]


def spoken(matrix: Table, text: Callable[[int, Utterance], str | None]) -> Table:
    """Return the matrix with texts, each a function of the number of the utterance and of the utterance."""
    pairs = enumerate(matrix.utterances)
    return replace(matrix, utterances=tuple(replace(u, text=text(number, u)) for number, u in pairs))


def each_says(n_texts: int = 4, **options) -> Table:
    """Every speaker says every text once in each class."""
    return spoken(make_table(n_each=n_texts, **options), lambda number, _: f"t{number % n_texts}")


def uar(result: Result) -> float:
    return metrics.uar(confusion_of(result.scores))


def sides(rounds: Sequence[Fold]) -> list[tuple[str, list[int], list[int]]]:
    return [(fold.name, fold.train.tolist(), fold.test.tolist()) for fold in rounds]


# Folds


def test_a_fold_trains_on_neither_the_speaker_nor_the_text():
    utterances = saying(("ada", "So!"), ("ada", "no"), ("ben", "so"), ("ben", "no"), ("cy", "no"))
    assert sides(folds(BOTH, utterances)) == [
        ("ada, no", [2], [1]),
        ("ada, so", [3, 4], [0]),
        ("ben, no", [0], [3]),
        ("ben, so", [1, 4], [2]),
        ("cy, no", [0, 2], [4]),
    ]


def test_texts_of_one_speaker_alone_and_unknown_texts_join_that_speaker():
    utterances = saying(("ada", "so"), ("ada", "mine"), ("ada", None), ("ada", "?!"), ("ben", "so"), ("ben", None))
    assert sides(folds(BOTH, utterances)) == [
        ("ada, so", [5], [0]),
        ("ada, own texts", [4, 5], [1, 2, 3]),
        ("ben, so", [1, 2, 3], [4]),
        ("ben, own texts", [0, 1, 2, 3], [5]),
    ]


def test_more_than_twenty_texts_are_dealt_into_ten_even_groups():
    pairs = [(speaker, f"text {n}") for speaker, n in product("abc", range(25))]
    rounds = folds(BOTH, saying(*pairs))
    assert len(rounds) == 3 * 10
    assert {len(fold.test) for fold in rounds} == {2, 3}
    assert {fold.name for fold in rounds} == {f"{s}, texts {n:02d}" for s in "abc" for n in range(1, 11)}
    shuffled = np.random.default_rng(0).permutation(len(pairs))
    again = folds(BOTH, saying(*(pairs[i] for i in shuffled)))
    assert {fold.name: {pairs[i] for i in fold.test} for fold in rounds} == {
        fold.name: {pairs[shuffled[i]] for i in fold.test} for fold in again
    }
    assert len(folds(BOTH, saying(*pairs[:20], *pairs[25:45]))) == 2 * 20


@pytest.mark.parametrize("seed", range(20))
def test_every_utterance_is_tested_once_and_the_audit_finds_nothing_shared(seed):
    rng = np.random.default_rng(seed)
    n_texts = int(rng.integers(2, 40))
    names = [None, *(f"text {n}" for n in range(n_texts))]
    utterances = [
        Utterance(f"u{i}", "toy", f"s{rng.integers(5)}", "a", text=names[rng.integers(len(names))]) for i in range(120)
    ]
    rounds, labels = folds(BOTH, utterances), np.full(120, "a")
    assert Counter(np.concatenate([fold.test for fold in rounds]).tolist()) == Counter(range(120))
    found = {finding.kind for finding in audit.audit(utterances, labels, rounds)}
    assert not found & {"speaker", "text"}
    alone = {finding.kind for finding in audit.audit(utterances, labels, folds(LOSO, utterances))}
    assert "text" in alone
    assert "speaker" not in alone


def test_leaving_texts_out_alone_leaves_speakers_on_both_sides_which_the_audit_refuses():
    utterances = saying(*product("ab", ("so", "no")), ("a", None))
    rounds = folds(TEXT, utterances)
    assert sides(rounds) == [
        ("no", [0, 2, 4], [1, 3]),
        ("so", [1, 3, 4], [0, 2]),
        ("utterance u4", [0, 1, 2, 3], [4]),
    ]
    (found,) = audit.errors(audit.audit(utterances, np.full(5, "a"), rounds))
    assert found.kind == "speaker"


def test_texts_are_needed():
    for protocol in (BOTH, TEXT):
        with pytest.raises(AffexError, match=r"(?s)text of none of the 2 utterances is known.*column text"):
            folds(protocol, saying(("a", None), ("b", None)))
    with pytest.raises(AffexError, match="at least 2 texts, found 1: 'so'"):
        folds(TEXT, saying(("a", "so"), ("b", "so")))
    with pytest.raises(AffexError, match="at least 2 speakers, found 1: 'a'"):
        folds(BOTH, saying(("a", "so"), ("a", "no")))


def test_a_code_belongs_to_its_corpus_and_words_to_all():
    one, other = Utterance("1", "x", "a", sentence="01"), Utterance("2", "y", "b", sentence="01")
    assert text_folds.texts_of([one, other]) == ["x/01", "y/01"]
    assert text_folds.texts_of([one, replace(other, corpus="x")]) == ["01", "01"]
    words = [Utterance("1", "x", "a", text="Über 10!"), Utterance("2", "y", "b", text="über, 10")]
    assert text_folds.texts_of(words) == ["über 10", "über 10"]


def test_codes_are_no_words_and_known_texts_are_read(tmp_path):
    (utterance, *_) = emodb.find(emodb.example(tmp_path))
    assert (utterance.text, utterance.sentence) == (None, "a01")


def test_a_ravdess_tree_has_a_fold_a_speaker_and_statement(tmp_path):
    takes = product(("01", "05", "06"), ("01", "02"), ("01", "02"), ("01", "02", "03", "04"))
    lay(tmp_path, *(f"Actor_{take[-1]}/03-01-{take[0]}-01-{'-'.join(take[1:])}.wav" for take in takes))
    utterances = ravdess.find(tmp_path)
    (protocol,) = (one for one in ravdess.CORPUS.protocols if one.name == "speech+text")
    rounds = folds(protocol, utterances)
    assert len(rounds) == 4 * 2
    for fold in rounds:
        assert (len(fold.train), len(fold.test)) == (3 * 6, 6)
    foreseen(utterances, replace(PLAN, protocol=protocol, classifier=classifier_of("svm")))


def test_emodb_has_a_hundred_folds(test_data):
    rounds = folds(BOTH, emodb.find(test_data("emodb")))
    assert len(rounds) == 10 * 10
    assert sorted(np.concatenate([fold.test for fold in rounds]).tolist()) == list(range(535))


@pytest.mark.parametrize("protocol", [BOTH, TEXT])
def test_a_class_that_a_fold_cannot_learn_is_an_error_before_extraction(protocol):
    matrix = each_says(n_speakers=3)
    labels = ["joy" if u.text == "t1" else "anger" if u.label == "joy" else u.label for u in matrix.utterances]
    matrix = relabelled(matrix, labels)
    message = r"Fold (00, )?t1: none of its \d+ training utterances has the class 'joy'"
    with pytest.raises(AffexError, match=message):
        foreseen(matrix.utterances, replace(PLAN, protocol=protocol))
    with pytest.raises(AffexError, match=message):
        evaluate(matrix, replace(PLAN, protocol=protocol))
    evaluate(matrix, replace(PLAN, protocol=LOSO))


# Inner folds


def test_inner_folds_keep_speakers_and_texts_apart():
    matrix = each_says(n_texts=6, n_speakers=7)
    task = prepare(matrix, PLAN)
    said = np.array([utterance.text for utterance in matrix.utterances])
    for fold in task.folds:
        pairs = inner_pairs(task.examples, fold)
        assert len(pairs) == 5
        for train, tested in pairs:
            assert set(train.tolist()) | set(tested.tolist()) <= set(fold.train.tolist())
            assert not set(matrix.speakers[train]) & set(matrix.speakers[tested])
            assert not set(said[train]) & set(said[tested])
        tested = np.concatenate([tested for _, tested in pairs])
        assert set(matrix.speakers[tested]) == set(matrix.speakers[fold.train])
        assert set(said[tested]) == set(said[fold.train])


def test_inner_folds_reach_every_search_and_the_inner_scores():
    matrix = each_says(n_speakers=4)
    result = evaluate(matrix, PLAN, inner=True)
    # 3 speakers and 3 texts train; of these 2 and 2 are learned from, and 1 and 1 validated on.
    assert result.folds[0].best_params["n_inner"] == [[16, 4]] * 3
    assert len(result.inner) == 16
    for scores in result.inner:
        assert len(scores) == 3 * 4
    task = prepare(matrix, PLAN)
    for fold in task.folds:
        for part in inner_parts(task.examples, fold):
            (pair, *_) = inner_pairs(task.examples, part)
            assert set(pair[0].tolist()) | set(pair[1].tolist()) <= set(part.train.tolist())


def test_a_search_of_scikit_learn_validates_on_unheard_texts():
    seen: list[tuple[np.ndarray, np.ndarray]] = []

    class Watching(GridSearchCV):
        def fit(self, X, y=None, **given):
            seen.extend(self.cv.split(X))
            return super().fit(X, y, **given)

    matrix = each_says(n_speakers=4)
    task = prepare(matrix, PLAN)
    fold = task.folds[0]
    search = Watching(LogisticRegression(), {"C": [0.1, 1.0]})
    fit(search, task.examples, fold, replace(PLAN, classifier=of_estimator(search)))
    wanted = [(fold.train[train], fold.train[test]) for train, test in seen]
    for (train, test), pair in zip(wanted, inner_pairs(task.examples, fold), strict=True):
        assert [train.tolist(), test.tolist()] == [part.tolist() for part in pair]


def test_with_one_text_in_training_inner_folds_leave_out_speakers_only_and_it_is_said():
    result = evaluate(each_says(n_texts=2, n_speakers=4), PLAN)
    assert any("8 of 8 folds train on fewer than 2 shared texts" in note for note in result.notes)
    assert "n_inner" not in result.folds[0].best_params
    assert not any("shared texts" in note for note in evaluate(each_says(n_speakers=4), PLAN).notes)


def test_own_texts_go_with_their_speaker_in_inner_folds():
    speakers, texts = np.repeat(list("abcd"), 3), np.array(["x", "y", ""] * 4)
    pairs = text_folds.inner_pairs(speakers, texts)
    assert [(train.tolist(), test.tolist()) for train, test in pairs] == [
        ([4, 5, 10, 11], [0, 2, 6, 8]),
        ([0, 2, 6, 8], [4, 5, 10, 11]),
    ]
    assert text_folds.inner_pairs(np.full(3, "a"), texts[:3]) == ()
    assert text_folds.inner_pairs(np.array(["a", "b"]), np.array(["x", "x"])) is None


# Signals that only one protocol finds


def carried_by_text(seed: int) -> Table:
    """Rows tell the text; the class of an utterance is that of its text, of which each class has 5."""
    rng = np.random.default_rng(seed)
    of_text, utterances, rows = rng.normal(scale=3, size=(20, 20)), [], []
    for s, t in product(range(4), range(20)):
        utterances.append(Utterance(f"{s}-{t:02d}", "toy", f"s{s}", EMOTIONS[t % 4], sentence=f"{t:02d}"))
        rows.append(of_text[t] + rng.normal(size=20))
    columns, present = tuple(f"c{i}" for i in range(20)), np.ones((80, 1), bool)
    return Table.of(np.float32(rows), np.arange(81), tuple(utterances), columns, present)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 10))])
def test_a_class_that_only_the_text_carries_is_chance_where_the_text_is_unheard(seed):
    svm = replace(PLAN, classifier=classifier_of("svm:C=10,gamma=1"), settings=Settings(controls=1))
    matrix = carried_by_text(seed)
    assert uar(evaluate(matrix, replace(svm, protocol=LOSO, settings=Settings()))) > 0.95
    result = evaluate(matrix, svm)
    assert uar(result) < 0.35  # chance is .25
    (decided,) = result.controls
    assert metrics.uar(confusion_of(replace(result.scores, predicted=decided))) > 0.9


# The canary


def corrupted(matrix: Table, poisoned: Callable[[Utterance], bool]) -> Table:
    """Return the matrix with the rows and labels of some utterances turned to nonsense."""
    bad = np.array([poisoned(u) for u in matrix.utterances])
    turned = {name: EMOTIONS[(EMOTIONS.index(name) + 1) % 4] for name in EMOTIONS}
    labels = [turned[u.label] if is_bad else u.label for u, is_bad in zip(matrix.utterances, bad, strict=True)]
    return relabelled(changed(matrix, X=np.where(bad[:, None], 7 - 1000 * matrix.X, matrix.X)), labels)


def state(matrix: Table, plan: Plan, name: str) -> str:
    task = prepare(matrix, plan)
    fold = next(fold for fold in task.folds if fold.name == name)
    fitted = fit(build(plan, task.examples), task.examples, fold, plan)
    return joblib.hash(getattr(fitted, "best_estimator_", fitted))


SEARCH = of_estimator(GridSearchCV(LogisticRegression(), {"C": [0.01, 1.0]}))


@pytest.mark.parametrize("spec", ["bayes", "svm", "svm:C=1,gamma=1", "xgboost:rounds=5", "search"])
def test_neither_the_tested_speaker_nor_the_tested_text_leaves_a_trace(spec):
    matrix = each_says(n_speakers=4)
    classifier = {"bayes": Bayes(), "search": SEARCH}.get(spec) or classifier_of(spec)
    plan, name = replace(PLAN, classifier=classifier), "02, t1"
    clean = state(matrix, plan, name)
    assert clean == state(corrupted(matrix, lambda u: u.speaker == "02" or u.text == "t1"), plan, name)
    assert clean != state(corrupted(matrix, lambda u: u.speaker == "03"), plan, name)
    assert clean != state(corrupted(matrix, lambda u: u.text == "t2"), plan, name)


def test_what_an_inner_fold_is_validated_on_leaves_no_trace_in_its_model():
    matrix = each_says(n_speakers=4)
    task = prepare(matrix, PLAN)
    fold = task.folds[0]
    for part in inner_parts(task.examples, fold):
        speakers = set(matrix.speakers[part.test])
        said = {matrix.utterances[i].text for i in part.test}
        other = corrupted(matrix, lambda u, speakers=speakers, said=said: u.speaker in speakers or u.text in said)
        one, two = (
            joblib.hash(fit(build(PLAN, own.examples), own.examples, part, PLAN))
            for own in (task, prepare(other, PLAN))
        )
        assert one == two


def test_controls_hear_the_text_but_never_the_tested_speaker():
    matrix, plan = each_says(n_speakers=4), replace(PLAN, settings=Settings(controls=2))
    one = evaluate(matrix, plan)
    turned = corrupted(matrix, lambda u: u.speaker == "02")
    rows = np.where((matrix.speakers == "02")[:, None], matrix.X, turned.X)
    other = evaluate(changed(turned, X=rows), plan)  # the labels alone are nonsense
    own = one.scores.clusters == "02"
    assert one.controls[:, own].tolist() == other.controls[:, own].tolist()


# Size-matched controls


def test_a_control_lacks_as_many_utterances_of_each_speaker_and_class_as_the_text_took():
    matrix = spoken(make_table(n_speakers=4, n_each=5), lambda number, _: f"t{(number * 7) % 11 % 4}")
    task = prepare(matrix, PLAN)
    cells = [(u.speaker, u.label) for u in matrix.utterances]
    differing = 0
    for number, fold in enumerate(task.folds):
        speaker = matrix.speakers[fold.test[0]]
        whole = np.flatnonzero(matrix.speakers != speaker)
        draws = list(controls.drawn(task.examples, fold, 3, (0, number)))
        for train in draws:
            assert set(train.tolist()) <= set(whole.tolist())
            assert Counter(cells[i] for i in train) == Counter(cells[i] for i in fold.train)
        differing += len({tuple(train.tolist()) for train in draws}) == 3
        again = list(controls.drawn(task.examples, fold, 3, (0, number)))
        assert [train.tolist() for train in draws] == [train.tolist() for train in again]
    assert differing == len(task.folds)


def test_a_control_takes_the_hyperparameters_that_its_fold_chose():
    matrix = each_says(n_speakers=4)
    task = prepare(matrix, PLAN)
    for spec, chosen in (("svm", ("C", "gamma")), ("xgboost:rounds=40", ("rounds",))):
        plan = replace(PLAN, classifier=classifier_of(spec))
        fitted = fit(build(plan, task.examples), task.examples, task.folds[0], plan)
        fixed = fit(settled(fitted), task.examples, replace(task.folds[0], inner=()), plan)
        assert {name: fixed.best_params_[name] for name in chosen} == dict(fitted.best_params_)
        rows = matrix.X[task.folds[0].test]
        assert fixed.predict(rows).tolist() == fitted.predict(rows).tolist()
        assert not hasattr(fixed, "grid_recalls_")
    search = GridSearchCV(LogisticRegression(), {"C": [0.01, 1.0]}, cv=2).fit(matrix.X[:32], [0, 1] * 16)
    assert settled(search).get_params()["C"] == search.best_params_["C"]


def test_controls_by_hand():
    matrix = each_says(n_speakers=3)
    scores = evaluate(matrix, PLAN).scores
    right, wrong = scores.true, np.full(len(scores), "joy")
    found = controls.control_of(scores, np.stack([right, wrong]), "speaker", 12.0)
    assert found.figures == (1.0, 0.25)
    assert found.mean.value == 0.625
    assert found.deviation == pytest.approx(0.75 / np.sqrt(2))
    assert found.difference.value == pytest.approx(uar(evaluate(matrix, PLAN)) - 0.625)


def test_controls_of_values_and_of_folds_from_which_a_text_takes_nothing():
    matrix = with_values(spoken(make_table(n_speakers=3), lambda n, u: f"t{n % 4}" if u.label != "joy" else None))
    plan = replace(PLAN, protocol=replace(BOTH, target="valence"), settings=Settings(controls=2))
    result = evaluate(matrix, plan)
    own = np.char.endswith(result.scores.folds, "own texts")
    assert own.sum() == 3 * 4
    assert (result.controls[:, own] == result.scores.predicted[own]).all()
    assert (result.controls[:, ~own] != result.scores.predicted[~own]).any()


def test_a_kept_fold_with_other_controls_or_inner_folds_is_computed_again(tmp_path: Path):
    fold = Fold("a", np.arange(4), np.arange(4, 6), ((np.arange(2), np.arange(2, 4)),))
    kept = FinishedFolds(tmp_path, "basis", inner=False)
    others = [
        (replace(kept, controls=3), fold),
        (kept, replace(fold, inner=None)),
        (kept, replace(fold, inner=((np.arange(3), np.arange(3, 4)),))),
    ]
    assert len({one._of(which) for one, which in [(kept, fold), *others]}) == 4


def test_a_number_of_controls_is_checked():
    with pytest.raises(UsageError, match="controls = -1: expected a whole number from 0 to 1000"):
        Settings(controls=-1)

"""Transcripts: counts of words, their cache, and TF-IDF inside the fold."""

from dataclasses import replace

import joblib
import numpy as np
import pytest
from corpus import run, spec
from make_references import TEXT, excerpt, path, text_presets
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from synthetic import changed, make_table, relabelled

from affex.classifiers.estimators.fitting import fit as fitted
from affex.features.text import Text
from affex.pipeline.caching.cache import FeatureFile
from affex.pipeline.evaluation import metrics
from affex.pipeline.evaluation.evaluate import build, evaluate, fit
from affex.pipeline.evaluation.figures import confusion_of
from affex.pipeline.evaluation.settings import Plan
from affex.pipeline.evaluation.task import prepare
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.streams.table import load
from affex.pipeline.text.errors import UsageError


def counts(text, **settings):
    return Text(**settings).extract(text).values[0]


@pytest.mark.parametrize("name", text_presets())
def test_a_preset_gives_its_reference(name):
    now, frozen = excerpt(text_presets()[name]), np.load(path(name))
    assert now["values"].dtype == np.float32
    assert (now["values"] == frozen["values"]).all()


def test_counts_are_those_of_the_words():
    found = counts(TEXT)
    words, often = np.unique(CountVectorizer().build_analyzer()(TEXT), return_counts=True)
    assert found.sum() == often.sum() == 15
    assert sorted(found[found > 0]) == sorted(often)
    assert len(words) == len(often)
    assert (counts("never MONDAY") == counts("monday  never!")).all()
    assert not counts("... ?!").any()


def test_sequences_of_words_are_counted_too():
    assert counts("not so good", longest=2).sum() == 5
    assert (counts("good not so", longest=2) != counts("so not good", longest=2)).any()
    assert (counts("good not so") == counts("so not good")).all()


@pytest.mark.parametrize("settings", ["n=0", "longest=6"])
def test_what_makes_no_sense_is_refused(settings):
    with pytest.raises(UsageError, match="expected 1 to"):
        feature_specs(f"text:{settings}")


# In the cache


def dataset(tmp_path, *texts):
    utterances = tuple(Utterance(f"u{i}", "toy", "a", text=text) for i, text in enumerate(texts))
    return Dataset("toy", tmp_path / "data", tmp_path / "cache", utterances)


def test_transcripts_are_extracted_once_and_again_where_one_changed(tmp_path):
    wanted = spec("text", Text())
    [first] = run(dataset(tmp_path, "good day", None, "bad day"), wanted)
    assert (first.computed, dict(first.failures)) == (2, {"u1": "it has no transcript"})
    [again] = run(dataset(tmp_path, "good day", None, "bad day"), wanted)
    assert (again.computed, again.cached) == (0, 2)
    corpus = dataset(tmp_path, "good day", "now here", "bad night")
    [third] = run(corpus, wanted)
    assert (third.computed, third.cached, third.failures) == (2, 1, {})
    rows = load(corpus, [wanted]).X
    assert (rows == np.stack([counts(text) for text in ("good day", "now here", "bad night")])).all()
    assert FeatureFile(corpus.folder, wanted).path.is_file()


# Inside the fold


def spoken(n_speakers=4, seed=0):
    """Return a table whose words tell the class, among many that do not."""
    rng = np.random.default_rng(seed)
    table = make_table(n_speakers=n_speakers, classes=("glad", "sad"), n_each=8)
    own = {"glad": ["sun", "nice"], "sad": ["rain", "grey"]}
    others = [f"word{i}" for i in range(40)]
    texts = [" ".join([*rng.choice(own[u.label], 1), *rng.choice(others, 6)]) for u in table.utterances]
    X = np.stack([counts(text, n=256) for text in texts])
    return changed(table, X=X, columns=tuple(f"c{i}" for i in range(256)))


TFIDF = Plan(corpus="toy", features=("text",), classifier=classifier_of("tfidf"))


def test_words_tell_the_class():
    assert metrics.uar(confusion_of(evaluate(spoken(), TFIDF).scores)) > 0.9


def test_weights_are_those_of_the_training_utterances():
    table = spoken()
    task = prepare(table, TFIDF)
    fold = task.folds[0]
    model = fit(build(TFIDF, task.examples), task.examples, fold, TFIDF)
    expected = TfidfTransformer().fit(table.X[fold.train])
    assert (model[1].idf_ == expected.idf_).all()
    assert (model[1].idf_ != TfidfTransformer().fit(table.X).idf_).any()


def test_the_tested_speaker_leaves_no_trace():
    def state(table):
        task = prepare(table, TFIDF)
        return joblib.hash(fit(build(TFIDF, task.examples), task.examples, task.folds[1], TFIDF))

    table = spoken()
    own = table.speakers == "01"
    turned = changed(table, X=np.where(own[:, None], table.X[::-1] + 1, table.X))
    turned = relabelled(turned, ["sad" if mine else u.label for mine, u in zip(own, table.utterances, strict=True)])
    assert state(table) == state(turned)
    assert state(table) != state(replace(turned, utterances=turned.utterances[::-1]))


def test_a_missing_transcript_counts_as_none():
    X = np.where(np.arange(8)[:, None] == 3, np.nan, np.eye(8)).astype(np.float32)
    y = np.array(["a", "b"] * 4)
    model = fitted(classifier_of("tfidf").estimator(), X, y, groups=y)
    assert np.isfinite(model.predict_proba(X)).all()

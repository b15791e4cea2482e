"""Utterances without a class: pairs of them teach a network before, and none that is tied to a tested one does."""

from dataclasses import replace

import joblib
import numpy as np
import pytest
from test_contrastive import two_streams

from affex.pipeline.corpora.base import LOSO, Protocol
from affex.pipeline.evaluation import metrics
from affex.pipeline.evaluation.evaluate import build, evaluate, fit
from affex.pipeline.evaluation.figures import confusion_of
from affex.pipeline.evaluation.settings import Plan
from affex.pipeline.evaluation.task import folds_hash, prepare
from affex.pipeline.evaluation.unlabelled import unlabelled
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.models import models
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.streams.stream import Stream
from affex.pipeline.streams.table import Table

QUICK = "net:trunk=none,units=4,epochs=2,patience=0,pretrain=contrastive,pretrain_epochs=1"


def stream(name, rows):
    columns = tuple(f"{name}{number}" for number in range(rows.shape[1]))
    return Stream(name, columns, np.arange(len(rows) + 1), (rows.astype(np.float32), None))


def table_of(streams, utterances):
    rows = tuple(stream(name, own) for name, own in zip("ab", streams, strict=True))
    return Table(rows, tuple(utterances), np.ones((len(utterances), 2), bool))


def toy(n=60, n_speakers=6):
    """Return utterances of speakers in turn; of each, every other one has no class."""
    rng = np.random.default_rng(0)
    y = np.array(["joy", "sad"])[np.arange(n) // n_speakers % 2]
    streams = [rng.standard_normal((n, 3)) + (y == "joy")[:, None] for _ in range(2)]
    utterances = [
        Utterance(f"u{k:02d}", "toy", f"s{k % n_speakers}", None if k // n_speakers % 4 > 1 else str(y[k]))
        for k in range(n)
    ]
    return table_of(streams, utterances)


def plan_of(spec=QUICK, protocol=LOSO):
    return Plan(
        corpus="toy", features=("a", "b"), keys=("0" * 64,) * 2, classifier=classifier_of(spec), protocol=protocol
    )


def spoilt(table, chosen):
    """Return the table with nonsense as the rows of the chosen utterances without a class."""
    hit = np.array([u.label is None and chosen(u) for u in table.utterances])
    assert hit.any()
    streams = (replace(own, rows=(np.where(hit[:, None], 99 * own.flat, own.flat), None)) for own in table.streams)
    return replace(table, streams=tuple(streams))


def state(table, spec=QUICK, name="s0"):
    plan = plan_of(spec)
    task = prepare(table, plan)
    fold = next(fold for fold in task.folds if fold.name == name)
    return joblib.hash(fit(build(plan, task.examples), task.examples, fold, plan))


def test_pairs_without_a_class_show_what_40_labels_do_not():
    """The signal of `classifiers/test_contrastive`, from a table of utterances of which 40 have a label."""
    n, n_labels, n_tested = 2000, 40, 400
    streams, y = two_streams(0, n + n_tested)
    utterances = [
        Utterance(f"u{k:04d}", "toy", f"s{k % 8}" if k < n else f"t{k % 4}",
                  "abcd"[y[k]] if k < n_labels or k >= n else None, split="train" if k < n else "test")
        for k in range(n + n_tested)
    ]  # fmt: skip
    table = table_of(streams, utterances)
    found = {}
    for pretrain in ("contrastive,pretrain_epochs=10,frozen=1", "none"):
        spec = f"net:trunk=none,units=8,rate=0.01,epochs=60,patience=0,dropout=0,batch=128,pretrain={pretrain}"
        result = evaluate(table, plan_of(spec, Protocol("split", "split")))
        found[pretrain] = metrics.uar(confusion_of(result.scores))
        assert len(result.scores.ids) == n_tested
    with_pairs, without = found.values()
    assert with_pairs > 0.7
    assert without < 0.55
    assert result.left_out == {"without a label": n - n_labels}


def test_pairs_of_the_tested_speaker_leave_no_trace_and_those_of_others_do():
    table = toy()
    assert state(table) == state(spoilt(table, lambda u: u.speaker == "s0"))
    assert state(table) != state(spoilt(table, lambda u: u.speaker == "s1"))
    assert state(table, "net:trunk=none,epochs=2,patience=0") == state(
        spoilt(table, lambda u: u.speaker == "s1"), "net:trunk=none,epochs=2,patience=0"
    )


def test_speakers_without_any_label_are_learned_from_too_and_inner_folds_hold_theirs_out():
    table = toy()
    alone = replace(
        table, utterances=tuple(replace(u, label=None) if u.speaker == "s5" else u for u in table.utterances)
    )
    searching = QUICK.replace("patience=0", "patience=1")
    for spec in (QUICK, searching):
        assert state(alone, spec) != state(spoilt(alone, lambda u: u.speaker == "s5"), spec)
        assert state(alone, spec) == state(spoilt(alone, lambda u: u.speaker == "s0"), spec)


@pytest.mark.parametrize("tie", ["speaker", "dialog", "file", "its other file"])
def test_what_shares_a_speaker_a_dialog_or_a_file_with_what_is_left_out_is_not_read(tie):
    film = Media({"file": "both.mp4", "its other file": "hands.txt"}.get(tie, "one.wav"))
    known = [
        Utterance("tested", "toy", "s0", "joy", dialog="d0", video=Media("both.mp4", beside=("hands.txt",))),
        Utterance("trained", "toy", "s1", "sad", dialog="d1", audio=Media("two.wav")),
        Utterance("tied", "toy", "S0" if tie == "speaker" else "s2", None, dialog="d0" if tie == "dialog" else "d2",
                  audio=film),
        Utterance("free", "toy", "s2", None, dialog="d3", audio=Media("three.wav")),
        Utterance("nobody", "toy", "", None, dialog="d4", audio=Media("four.wav")),
    ]  # fmt: skip
    found = unlabelled(LOSO, known, 2, "speaker")
    assert found.ids[found.beside(np.array([1]))].tolist() == ["free"]
    assert found.ids[found.beside(np.array([0, 1]))].tolist() == ["tied", "free"]
    assert found.without(["s2"]).beside(np.array([0, 1])).tolist() == ([2] if tie == "speaker" else [])


def test_sessions_are_left_out_whole_where_they_are_what_is_left_out():
    told = [("s0", "joy", "1"), ("s1", "sad", "2"), ("s2", None, "1")]
    known = [Utterance(f"u{k}", "toy", who, label, session=where) for k, (who, label, where) in enumerate(told)]
    for protocol, unit, read in ((LOSO, "speaker", [2]), (Protocol("session", "session"), "speaker", []),
                                 (Protocol("group-k", "group-k"), "session", [])):  # fmt: skip
        assert unlabelled(protocol, known, 2, unit).beside(np.array([1])).tolist() == read


def test_a_split_and_corpora_say_on_which_side_an_utterance_is():
    sides = ["train", "test", "train", "test", "validation", None]
    known = [
        Utterance(f"u{k}", "one" if k % 2 else "two", f"s{k}", "joy" if k < 2 else None, split=side)
        for k, side in enumerate(sides)
    ]
    for protocol, read in (
        (Protocol("split", "split"), [2]),
        (Protocol("cross", "cross", test="one"), [2, 4]),
        (Protocol("text", "text"), []),
        (Protocol("loso+text", "loso+text"), []),
        (Protocol("folds", "folds"), []),
        (Protocol("random-k", "random-k"), []),
    ):
        assert unlabelled(protocol, known, 2, "speaker").beside(np.array([0])).tolist() == read


def test_protocols_that_do_not_say_the_side_read_none_and_say_so():
    result = evaluate(toy(), plan_of(protocol=Protocol("random-k", "random-k", k=3)))
    (note,) = [note for note in result.notes if "without a class" in note]
    assert note.startswith("24 utterances without a class that counts are not learned from: PROTOCOL=random-3 does not")


def test_an_utterance_that_lacks_one_of_two_features_makes_no_pair():
    table = toy()
    lacking = table.present.copy()
    lacking[[u.label is None for u in table.utterances], 1] = False
    rows = table.streams[1]
    kept = np.flatnonzero(lacking[:, 1])
    fewer = replace(rows, offsets=np.append(0, np.cumsum(lacking[:, 1])), rows=(rows.flat[kept], None))
    result = evaluate(replace(table, streams=(table.streams[0], fewer), present=lacking), plan_of())
    assert not [note for note in result.notes if "learned from" in note]


def test_turns_of_a_dialog_beside_those_that_count_make_no_pairs():
    table = toy()
    spoken = tuple(replace(u, dialog=f"d{k // 12}", dialog_start=float(k)) for k, u in enumerate(table.utterances))
    table = replace(table, utterances=spoken)
    plan = plan_of(f"{QUICK},context=speaker")
    task = prepare(table, plan)
    assert task.examples.unlabelled is None
    assert any("24 utterances without a class that counts are read as context" in note for note in task.notes)
    assert np.isfinite(evaluate(table, plan).scores.values).all()


def test_a_run_says_what_it_read_and_its_hash_depends_on_it():
    table = toy()
    result = evaluate(table, plan_of())
    assert any(
        "of 24 utterances without a class that counts, 20 are learned from in each fold" in n for n in result.notes
    )
    assert len(result.scores.ids) == 36
    whole = folds_hash(prepare(table, plan_of()))
    without = [u.label is None for u in table.utterances].index(True)
    fewer = table.take(np.delete(np.arange(60), without))
    assert folds_hash(prepare(fewer, plan_of())) != whole
    plain = plan_of("net:trunk=none,epochs=2,patience=0")
    assert folds_hash(prepare(fewer, plain)) == folds_hash(prepare(table, plain))


def test_segments_are_paired_too():
    result = evaluate(toy(), plan_of(f"{QUICK},segment=1"))
    assert np.isfinite(result.scores.values).all()
    again = evaluate(toy(), plan_of(f"{QUICK},segment=1"))
    assert again.scores.values.tobytes() == result.scores.values.tobytes()


def test_a_saved_model_learns_as_the_fold_does():
    table, plan = toy(), plan_of()
    model = models.fit(table, plan, exclude=["s0"], recipes=["{}"] * 2)
    own = table.take(np.flatnonzero([u.speaker == "s0" and u.label is not None for u in table.utterances]))
    scores = evaluate(table, plan).scores
    assert "of 24 utterances without a class that counts, 20 are learned from, those that" in " ".join(
        model.learned.notes
    )
    expected = scores.values[scores.folds == "s0"]
    assert models.predict(model, own).fold_scores.scores.tobytes() == expected.tobytes()


def test_a_speaker_without_any_label_can_be_excluded():
    table, plan = toy(), plan_of()
    alone = replace(
        table, utterances=tuple(replace(u, label=None) if u.speaker == "s5" else u for u in table.utterances)
    )
    states = [
        joblib.hash(models.fit(own, plan, exclude=exclude, recipes=["{}"] * 2).estimator)
        for own in (alone, spoilt(alone, lambda u: u.speaker == "s5"))
        for exclude in ([], ["S5"])
    ]
    assert states[0] != states[2]
    assert states[1] == states[3]

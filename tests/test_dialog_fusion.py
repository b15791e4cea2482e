"""Fusion that reads the turns of a dialog: classes that persist, what is learned from whom, and which are read."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import joblib
import numpy as np
import pytest
from corpus import write_wav
from panels import without
from synthetic import Bayes, changed

from affex.pipeline.cli import command
from affex.pipeline.corpora.base import LOSO, Protocol
from affex.pipeline.evaluation import runs
from affex.pipeline.evaluation.dialogs import Turn, dialogs_of, from_rows
from affex.pipeline.evaluation.evaluate import evaluate
from affex.pipeline.evaluation.runs import Run
from affex.pipeline.evaluation.settings import Plan, Settings
from affex.pipeline.evaluation.summary import summarise
from affex.pipeline.fusion import fusion
from affex.pipeline.fusion.dialog_rules import Chain
from affex.pipeline.fusion.registry import CLASS_RULES
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.reporting import report
from affex.pipeline.specs.classifiers import members_of
from affex.pipeline.specs.fusions import OF_DIALOGS, reads_dialogs
from affex.pipeline.streams.table import Table
from affex.pipeline.systems.needs import needs
from affex.pipeline.text.errors import UsageError

CLASSES = "abcd"
SESSION = Protocol("session", "session")
FIVE = [pytest.param(seed, marks=() if seed == 0 else pytest.mark.slow) for seed in range(5)]


def persistent(
    seed: int, *, n_sessions: int = 4, n_dialogs: int = 6, n_turns: int = 25, n_each: int = 1, stay: float = 0.95
) -> Table:
    """Return turns whose class is that of the turn before it with probability `stay`, and shows weakly in four columns.

    The turns of a dialog go round the `n_each` speakers of its session. Utterances are in no order of time.
    """
    rng = np.random.default_rng(seed)
    utterances, rows = [], []
    for session in range(n_sessions):
        for dialog in range(n_dialogs):
            code = int(rng.integers(4))
            for turn in range(n_turns):
                if rng.random() > stay:
                    code = (code + int(rng.integers(1, 4))) % 4
                id_, speaker = f"{session}-{dialog}-{turn:02}", f"{session}{turn % n_each}"
                where = {"session": str(session), "dialog": f"d{dialog}", "dialog_start": float(turn)}
                utterances.append(Utterance(id_, "toy", speaker, CLASSES[code], **where))
                rows.append(1.4 * np.eye(4)[code] + rng.normal(size=4))
    order = rng.permutation(len(rows))
    return Table.of(
        X=np.array(rows, np.float32)[order],
        offsets=np.arange(len(rows) + 1),
        utterances=tuple(utterances[n] for n in order),
        columns=tuple("wxyz"),
        present=np.ones((len(rows), 1), dtype=bool),
    )


@pytest.fixture(scope="module", autouse=True)
def _no_pictures():
    """Pictures take most of the time of writing a run, and no fusion looks at them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report.pictures, "of_result", lambda result, found: {})
        yield


def made(table: Table, folder: Path, protocol: Protocol = LOSO, name: str = "face") -> Run:
    """Evaluate, write the run's files, and read them."""
    plan = Plan(corpus="toy", features=(name,), keys=(f"key-{name}",), classifier=Bayes(), protocol=protocol)
    report.write(evaluate(table, plan, inner=True), folder / name, f"basis of {name}")
    return runs.read(folder / name)


# Classes that persist


@pytest.mark.parametrize("seed", FIVE)
def test_turns_beside_a_turn_tell_its_class_where_classes_persist(seed, tmp_path):
    run = made(persistent(seed), tmp_path)
    alone, chained = run.summary.uar, summarise(fusion.late([run], "chain")).uar
    assert alone < 0.7
    assert chained > alone + 0.12


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_an_lstm_over_turns_finds_them_too(seed, tmp_path):
    run = made(persistent(seed), tmp_path)
    # It gains less than a chain, which has fewer numbers to learn: .11 with seed 3.
    assert summarise(fusion.late([run], "lstm")).uar > run.summary.uar + 0.08


def test_without_persistence_there_is_nothing_in_the_other_turns(tmp_path):
    run = made(persistent(0, stay=0.25), tmp_path)
    assert summarise(fusion.late([run], "chain")).uar == pytest.approx(run.summary.uar, abs=0.03)


def test_two_models_are_chained_together(tmp_path):
    face, noise = persistent(0), np.random.default_rng(9).normal(size=(600, 4))
    shown = np.eye(4)[[CLASSES.index(u.label) for u in face.utterances]]
    voice = changed(face, X=(1.4 * shown + noise).astype(np.float32))
    members = [made(face, tmp_path, name="face"), made(voice, tmp_path, name="voice")]
    alone = [summarise(fusion.late([run], "chain")).uar for run in members]
    assert summarise(fusion.late(members, "chain")).uar > max(*alone, summarise(fusion.late(members, "weights")).uar)


def test_what_a_member_lacks_in_the_middle_of_a_dialog_is_the_other_s_to_say(tmp_path):
    table = persistent(0, n_dialogs=2)
    face = made(without(table, np.arange(len(table)) % 3 == 0), tmp_path, name="face")
    voice = made(table, tmp_path, name="voice")
    for members in ([face, voice], [voice, face]):
        result = fusion.late(members, "chain")
        assert result.dialogs.turns == voice.dialogs.turns
        assert np.isfinite(result.scores.values).all()
    assert all(voice.dialogs.turns[id_] == turn for id_, turn in face.dialogs.turns.items())
    assert len(face.dialogs.turns) < len(voice.dialogs.turns)


# What is learned


def test_first_classes_and_transitions_are_counted_in_training_dialogs_alone(tmp_path):
    table = persistent(0, n_dialogs=2, n_turns=6)
    learned = fusion.learned([made(table, tmp_path)], "chain")
    start, pairs = np.ones(4), np.ones((4, 4))
    dialogs: dict[tuple[str, str], list[Utterance]] = {}
    for utterance in sorted(table.utterances, key=lambda one: one.dialog_start):
        if utterance.speaker != "10":
            dialogs.setdefault((utterance.session, utterance.dialog), []).append(utterance)
    for own in dialogs.values():
        start[CLASSES.index(own[0].label)] += 1
        for one, other in pairwise(own):
            pairs[CLASSES.index(one.label), CLASSES.index(other.label)] += 1
    rule = learned["10"]
    assert isinstance(rule, Chain)
    assert rule.start == pytest.approx(start / start.sum())
    assert rule.transitions == pytest.approx(pairs / pairs.sum(axis=1, keepdims=True))
    assert {"temperatures", "temperature", "start", "transitions"} == set(rule.best_params)


def spoilt(table: Table) -> Table:
    """Return the table with other rows and labels of one speaker's session, and the turns of its dialogs in reverse."""
    own = np.array([u.session == "1" for u in table.utterances])
    pairs = zip(table.utterances, own, strict=True)
    turned = (
        replace(u, label=CLASSES[(CLASSES.index(u.label) + 1) % 4], dialog_start=-u.dialog_start) if o else u
        for u, o in pairs
    )
    return changed(table, X=np.where(own[:, None], 7 - 100 * table.X, table.X), utterances=tuple(turned))


@pytest.mark.parametrize("rule", OF_DIALOGS)
def test_the_tested_dialogs_leave_no_trace_in_what_a_fusion_learned(rule, tmp_path):
    table = persistent(0, n_sessions=3, n_dialogs=2, n_turns=6)
    before, after = (
        {fold: joblib.hash(one) for fold, one in fusion.learned([made(each, tmp_path / name)], rule).items()}
        for name, each in (("one", table), ("other", spoilt(table)))
    )
    assert [before[fold] == after[fold] for fold in ("00", "10", "20")] == [False, True, False]


def test_the_canary_dies_where_a_chain_counts_the_tested_dialogs(tmp_path, monkeypatch):
    monkeypatch.setattr(fusion, "_inner", lambda member, fold: member.scores)
    monkeypatch.setattr(fusion, "_require_apart", lambda inner, aligned: None)
    table = persistent(0, n_sessions=3, n_dialogs=2, n_turns=6)
    before, after = (
        fusion.learned([made(each, tmp_path / name)], "chain")["10"].transitions
        for name, each in (("one", table), ("other", spoilt(table)))
    )
    assert not np.array_equal(before, after)


@pytest.mark.parametrize("rule", ["chain", pytest.param("lstm", marks=pytest.mark.slow)])
def test_the_same_run_gives_the_same_bytes(rule, tmp_path):
    run = made(persistent(0, n_sessions=3, n_dialogs=2, n_turns=6), tmp_path)
    for name in ("one", "other"):
        report.write(fusion.late([run], rule), tmp_path / name)
    for file in ("metrics.json", "predictions.csv", "turns.csv"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()


def test_a_fused_run_knows_its_dialogs_and_can_be_read(tmp_path):
    run = made(persistent(0, n_sessions=3, n_dialogs=2, n_turns=6), tmp_path)
    report.write(fusion.late([run], "chain"), tmp_path / "fused")
    fused = runs.read(tmp_path / "fused")
    assert fused.dialogs == run.dialogs
    assert fused.summary.about.model == ("face", "synthetic", "late-chain")
    assert fused.summary.fold("10").best_params["transitions"][0][0] > 0


# Which turns are read


def test_a_dialog_is_read_whole_where_sessions_are_left_out(tmp_path):
    table = persistent(0, n_each=2)
    (note,) = (n for n in fusion.late([made(table, tmp_path, SESSION)], "chain").notes if "reads" in n)
    assert note == "the fusion reads the turns of each of 24 dialogs together; no fold has a dialog on both sides"


def test_each_speaker_s_own_turns_are_read_where_speakers_are_left_out_and_the_run_says_what_is_shared(tmp_path):
    table = persistent(0, n_each=2)
    run = made(table, tmp_path)
    result = fusion.late([run], "chain")
    (note,) = (n for n in result.notes if "reads" in n)
    assert note.startswith(
        "the fusion reads each speaker's own turns of a dialog, since 24 of 24 dialogs have turns on"
    )
    assert summarise(result).uar > run.summary.uar + 0.08


def test_a_speaker_s_own_turns_on_both_sides_are_refused(tmp_path):
    run = made(persistent(0, n_dialogs=2, n_turns=6), tmp_path, Protocol("random-k", "random-k", k=2))
    with pytest.raises(UsageError, match=r"those of toy/\d/d\d of \d\d are on both sides of a fold"):
        fusion.late([run], "chain")


def test_runs_without_dialogs_are_refused(tmp_path):
    table = persistent(0, n_dialogs=1, n_turns=8)
    bare = replace(table, utterances=tuple(replace(u, dialog=None) for u in table.utterances))
    run = made(bare, tmp_path)
    assert not (tmp_path / "face" / runs.TURNS).exists()
    with pytest.raises(UsageError, match=r"FUSION=late:chain reads the turns of dialogs, and face has none\."):
        fusion.late([run], "chain")


def test_turns_are_numbered_in_order_of_time_and_read_as_they_were_written():
    table = persistent(0, n_sessions=2, n_dialogs=1, n_turns=3)
    found = dialogs_of([*table.utterances, Utterance("alone", "toy", "s", "a")])
    assert found.turns["1-0-02"] == Turn("toy/1/d0", 3)
    assert len(found.turns) == 6
    ids = np.array(["0-0-00", "alone"])
    assert (found.names(ids).tolist(), found.numbers(ids).tolist()) == (["toy/0/d0", ""], [1, 0])
    assert from_rows([[*map(str, row)] for row in found.rows()]) == found


# What is asked for


def test_the_rules_that_read_dialogs_are_rules_and_take_one_model():
    assert set(OF_DIALOGS) <= set(CLASS_RULES)
    assert [reads_dialogs(text) for text in ("late:chain", "late", "early", "late:svm")] == [True, False, False, False]
    (one,) = members_of("gemaps", "svm", "late:chain")
    assert one[0] == ("gemaps",)
    assert "dialogs" in needs([one], Settings(fusion="late:chain"))
    assert "dialogs" not in needs([one], Settings(fusion="late"))
    with pytest.raises(UsageError, match="expected two features at least"):
        members_of("gemaps", "svm", "late:mean")


@pytest.fixture
def typed(tmp_path: Path) -> Callable[..., None]:
    """Type affex in this process, with a table of sound without dialogs."""
    lines = ["file,speaker,label"]
    for n in range(4):
        write_wav(tmp_path / f"{n}.wav", 0.5, seed=n)
        lines.append(f"{n}.wav,s{n % 2},{'ab'[n // 2]}")
    (tmp_path / "mine.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def run(options: Sequence[str]) -> None:
        place = ["--dataset", "csv", "--data", str(tmp_path / "mine.csv"), "--cache", str(tmp_path / "cache")]
        command.cli([*options, *place, "--scheduler", "inline"], standalone_mode=False)

    return run


def test_a_corpus_without_dialogs_is_refused_before_anything_is_extracted(typed, tmp_path):
    for rule in OF_DIALOGS:
        with pytest.raises(UsageError, match=f"FUSION=late:{rule} reads the turns of dialogs, and mine has none"):
            typed(["evaluate", "--features", "gemaps", "--fusion", f"late:{rule}"])
    assert not list(tmp_path.rglob("*.h5"))


def test_a_system_that_chains_one_model_is_not_saved_without_its_chain(typed, monkeypatch):
    from affex.pipeline.cli import models

    def chained(console: object, settings: Settings, corpora: object) -> Settings:
        return replace(settings, system="one", features="gemaps", fusion="late:chain")

    monkeypatch.setattr(models, "with_system", chained)
    with pytest.raises(UsageError, match=r"fuses the turns of dialogs \(FUSION=late:chain\), which is not saved\."):
        typed(["fit", "--classifier", "svm"])

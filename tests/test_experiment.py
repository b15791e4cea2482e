"""From settings to finished runs, on small corpora of wavs: protocols, leaks, fusion, values, several corpora."""

import shlex
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from affex.pipeline.caching.dataset import opened
from affex.pipeline.corpora.base import LOSO, Protocol
from affex.pipeline.evaluation import protocols, runs
from affex.pipeline.evaluation.settings import Settings
from affex.pipeline.evaluation.summary import Summary
from affex.pipeline.pages import run as run_page
from affex.pipeline.specs.classifiers import members_of
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import AffexError, UsageError
from affex.pipeline.workspace import experiment
from affex.pipeline.workspace.workspace import Running, open_workspace

RATE = 16000
#: Quick, and one row an utterance.
FEATURES = "gemaps"
SVM = "svm:C=1,gamma=1"


def voice(path: Path, speaker: int, *, loud: bool, seed: int) -> None:
    """Write 1 s of babble: a speaker's harmonics, each with a level that wanders; nobody babbles alike twice."""
    rng = np.random.default_rng(seed)
    time = np.arange(RATE) / RATE
    samples = 1e-3 * rng.standard_normal(RATE)
    for k in range(1, 13):
        level = np.exp(np.interp(time, np.linspace(0, 1, 15), rng.normal(scale=1.2, size=15)))
        samples += level / k * np.sin(2 * np.pi * k * (100 + 15 * speaker) * time + rng.uniform(0, 6))
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, (0.5 if loud else 0.05) * samples / np.abs(samples).max(), RATE, subtype="PCM_16")


def table(folder: Path, name: str = "mine", *, n_speakers: int = 4, labels: tuple[str, str] = ("soft", "loud"),
          **columns: Any) -> Path:  # fmt: skip
    """Write a corpus of 4 utterances a speaker; a column is a function of (speaker, number of the utterance)."""
    lines = [",".join(["file", "speaker", "label", *columns])]
    for s in range(n_speakers):
        for k in range(4):
            path = Path(f"{name}-wav") / f"{s}-{k}.wav"
            voice(folder / path, s, loud=k % 2 == 1, seed=100 * s + k + sum(map(ord, name)))
            lines.append(",".join([str(path), f"s{s}", labels[k % 2], *(str(f(s, k)) for f in columns.values())]))
    (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / f"{name}.csv"


def added(path: Path, row: str) -> None:
    with path.open("a", encoding="utf-8") as lines:
        lines.write(row + "\n")


def run(tables: list[Path], cache: Path, *, features: str = FEATURES, classifier: str = SVM, out: Path | None = None,
        **others: Any) -> Summary:  # fmt: skip
    """Evaluate, and return what metrics.json says."""
    console = Terminal()
    datasets = [opened("csv", path, cache, partial=False, console=console) for path in tables]
    named = {"dataset": " ".join("csv" for _ in tables), "data": shlex.join(map(str, tables)), "protocol": "loso"}
    settings = Settings(features=features, classifier=classifier, **named | others)
    with open_workspace(datasets, console, Running("inline", 1)) as workspace:
        experiment.run(workspace, settings, out)
    folder = out or max((cache / workspace.name / "runs").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    return runs.read(folder).summary


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


# Leaks


def test_a_speaker_renamed_in_a_copy_stops_the_run(tmp_path, cache, capsys):
    path = table(tmp_path)
    shutil.copy(tmp_path / "mine-wav" / "1-1.wav", tmp_path / "mine-wav" / "copy.wav")
    added(path, "mine-wav/copy.wav,new,loud")
    with pytest.raises(AffexError, match=r"(?s)mine-wav/1-1.*mine-wav/copy|mine-wav/copy.*mine-wav/1-1") as refused:
        run([path], cache)
    assert "ALLOW_LEAKS=1" in str(refused.value)
    assert not list(cache.glob("mine/runs/*"))  # nothing was scored

    found = run([path], cache, allow_leaks=True)
    assert found.leaks
    assert "(with leaks)" in capsys.readouterr().out
    (folder,) = cache.glob("mine/runs/*")
    assert "LEAK: " in (folder / "report.txt").read_text(encoding="utf-8")


def test_a_copy_under_another_rate_and_after_silence_stops_the_run(tmp_path, cache):
    path = table(tmp_path)
    samples, _ = soundfile.read(tmp_path / "mine-wav" / "2-1.wav")
    import soxr

    padded = np.concatenate([np.zeros(round(0.3 * 22050)), soxr.resample(samples, RATE, 22050)])
    soundfile.write(tmp_path / "mine-wav" / "again.wav", padded, 22050)
    added(path, "mine-wav/again.wav,new,soft")
    with pytest.raises(AffexError, match="mine-wav/again"):
        run([path], cache)


def test_a_session_that_two_speakers_share_is_warned_of_under_loso_and_left_out_whole_under_session(tmp_path, cache):
    path = table(tmp_path, session=lambda s, k: f"ses{s // 2}")
    assert any("session" in warning for warning in run([path], cache).notes)
    found = run([path], cache, protocol="session")
    assert found.leaks == ()
    assert not any("session" in warning for warning in found.notes)
    assert [fold.name for fold in found.folds] == ["ses0", "ses1"]
    assert found.about.unit == "speaker"


def test_what_a_leak_is_worth(tmp_path, cache, capsys):
    path = table(tmp_path)
    run([path], cache, leak=True)
    schemes = {runs.read(folder).summary.about.protocol.scheme for folder in runs.known(cache, "mine")}
    assert schemes == {"loso", "random-k"}
    output = capsys.readouterr().out
    assert "random-k" in output


def test_what_unheard_text_is_worth(tmp_path, cache, capsys):
    path = table(tmp_path, sentence=lambda s, k: f"t{k // 2}")
    assert any("PROTOCOL=loso+text LEAK=1 shows" in note for note in run([path], cache).notes)
    found = run([path], cache, protocol="loso+text", leak=True, controls=2, out=tmp_path / "own")
    assert len(found.control.figures) == 2
    assert not any(" on both sides" in note or "LEAK=1" in note for note in found.notes)
    schemes = {runs.read(tmp_path / "own" / name).summary.about.protocol.scheme for name in ("loso", "random-k")}
    assert schemes == {"loso", "random-k"}
    output = capsys.readouterr().out
    assert "size-matched control minus loso+text is" in output
    again = run([path], cache, protocol="loso+text", controls=2, out=tmp_path / "own")
    assert again == found
    assert "is not computed again" in capsys.readouterr().out


def test_folds_that_leak_stand_beside_the_honest_ones(tmp_path, cache, capsys):
    path = table(tmp_path, text=lambda s, k: f"t{k // 2}")
    with pytest.raises(AffexError, match="speaker"):
        run([path], cache, protocol="text", leak=True)
    assert not run([path], cache, protocol="text", leak=True, allow_leaks=True, out=tmp_path / "own").control
    assert runs.read(tmp_path / "own" / "loso").summary.leaks == ()
    assert "this is" not in capsys.readouterr().err


@pytest.mark.parametrize("others", [{"protocol": "loso"}, {"protocol": "loso+text", "fusion": "late"}])
def test_controls_where_there_are_none_are_refused(tmp_path, cache, others):
    path = table(tmp_path, text=lambda s, k: f"t{k // 2}")
    with pytest.raises(UsageError, match="CONTROLS=3: only folds of loso"):
        run([path], cache, controls=3, features=f"{FEATURES} egemaps", **others)


def test_utterances_dealt_at_random_need_to_be_allowed(tmp_path, cache):
    with pytest.raises(AffexError, match="speaker"):
        run([table(tmp_path)], cache, protocol="random-k:k=4")


# Several corpora


def test_across_two_corpora_with_a_label_map(tmp_path, cache):
    one = table(tmp_path, "one")
    other = table(tmp_path, "other", labels=("leise", "laut"))
    classes = "soft=soft+leise,loud=one:loud+other:laut"
    found = run([one, other], cache, protocol="cross:test=other", classes=classes)
    assert found.classes == ("soft", "loud")
    assert found.n_utterances == 16
    assert found.fold("other").n_train == 16
    assert [one.name for one in found.per_speaker] == [f"other/s{n}" for n in range(4)]
    assert found.about.corpus == "one+other"
    assert found.uar > 0.8


def test_speakers_of_two_corpora_are_never_the_same(tmp_path, cache):
    found = run([table(tmp_path, "one"), table(tmp_path, "other")], cache)
    assert found.n_clusters == 8


def test_one_corpus_twice(tmp_path, cache):
    path = table(tmp_path)
    with pytest.raises(UsageError, match="called the same"):
        run([path, path], cache)


# Values, fixed splits, bytes


def invented(s: int, k: int) -> float:
    """A target that loudness tells, and a little noise."""
    return round((k % 2) + 0.1 * np.sin(7 * s + 3 * k), 4)


@pytest.mark.parametrize("classifier", [SVM.replace("gamma=1", "gamma=1"), "xgboost:rounds=20,patience=3"])
def test_values_are_predicted_with_an_interval_and_to_the_byte(tmp_path, cache, classifier):
    path = table(tmp_path, valence=invented)
    found = run([path], cache, classifier=classifier, target="valence", out=tmp_path / "one")
    assert found.ccc > 0.3
    interval = found.interval("ccc")
    assert interval.low < found.ccc < interval.high
    run([path], cache, classifier=classifier, target="valence", out=tmp_path / "two")
    for file in ("metrics.json", "predictions.csv", "scatter.png", "report.txt"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_fixed_split_to_the_byte(tmp_path, cache):
    path = table(tmp_path, split=lambda s, k: ("train", "train", "validation", "test")[s])
    for name in ("one", "two"):
        found = run([path], cache, protocol="split", classifier="svm", out=tmp_path / name)
    assert ([fold.name for fold in found.folds], found.n_utterances, found.n_clusters) == (["test"], 4, 1)
    assert found.interval("uar").low is None
    assert "at least 2" in found.interval("uar").reason
    for file in ("metrics.json", "predictions.csv", "report.txt"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


# Fusion


def test_columns_side_by_side(tmp_path, cache):
    found = run([table(tmp_path)], cache, features="gemaps is09", classifier=SVM)
    assert found.about.settings.features == ("gemaps", "is09")
    assert found.about.model[0] == "gemaps+is09"


def test_scores_are_fused_and_each_member_has_a_run(tmp_path, cache, capsys):
    path = table(tmp_path)
    found = run([path], cache, features="gemaps is09", classifier=f"{SVM} xgboost:rounds=10,patience=2", fusion="late")
    assert len(list(cache.glob("mine/runs/*/metrics.json"))) == 3
    (member,) = (runs.read(folder).summary for folder in cache.glob("mine/runs/gemaps_svm*"))
    assert found.uar >= member.uar > 0.5  # so few speakers leave votes, and the first member decides a tie
    assert found.protocol_hash == member.protocol_hash


@pytest.mark.parametrize(
    ("features", "classifiers", "fusion", "message"),
    [
        ("gemaps is09", "svm gmm xgboost", "late", "there are 2 of the first and 3 of the second"),
        ("gemaps", "svm", "late", "expected two features at least"),
        ("gemaps", "svm gmm", "early", "fuse their scores with FUSION=late"),
        ("gemaps", "svm", "lat", "Did you mean late"),
        ("gemaps", " ", "early", "No classifier was named"),
    ],
)
def test_members_that_cannot_be_paired(features, classifiers, fusion, message):
    with pytest.raises(UsageError, match=message):
        members_of(features, classifiers, fusion)


def test_members_are_paired():
    pairs = [(features, one.name) for features, one in members_of("a b", "svm gmm", "late:mean")]
    assert pairs == [(("a",), "svm"), (("b",), "gmm")]
    assert [f for f, _ in members_of("a b", "svm", "late")] == [("a",), ("b",)]
    assert [f for f, _ in members_of("a", "svm xgboost", "late")] == [("a",), ("a",)]
    assert [f for f, _ in members_of(None, "svm gmm", "late")] == [("compare",), ("mfcc-voice",)]
    assert members_of("a b", "svm", "early")[0][0] == ("a", "b")


# Protocols


def test_protocols_are_found_by_name_the_first_by_default():
    own = (Protocol("speech", parts=("speech",)), Protocol("song", parts=("song",)))
    assert protocols.protocol("", own) == own[0]
    assert protocols.protocol("song", own) == own[1]
    assert protocols.protocol("loso", own) == LOSO
    assert protocols.protocol("", ()) == LOSO
    with pytest.raises(UsageError, match=r"no protocol 'sing'\. Did you mean song"):
        protocols.protocol("sing", own)


def test_a_corpus_may_give_a_protocol_s_name_a_meaning_of_its_own():
    own = Protocol("loso", parts=("speech",))
    assert protocols.protocol("loso", (Protocol("both"), own)) == own


def test_protocols_have_parameters():
    assert protocols.protocol("group-k:k=5", ()).k == 5
    assert protocols.protocol("cross:train=a+b,test=c", ()).train == "a+b"
    with pytest.raises(UsageError, match="no parameter of group-k 'classes'"):
        protocols.protocol("group-k:classes=a", ())


def test_other_classes_assert_no_counts():
    own = Protocol("4", classes="a,b", counts={"a": 3})
    assert protocols.with_target(own, None, None) == own
    assert protocols.with_target(own, None, "a,c") == replace(own, classes="a,c", counts={})
    assert protocols.with_target(own, "valence", None) == replace(own, target="valence", classes="", counts={})


def test_the_price_of_normalisation_stands_beside_a_run_and_is_not_computed_again(tmp_path, capsys):
    mine, cache = table(tmp_path), tmp_path / "cache"
    plain = run([mine], cache)
    assert plain.enrolment is None
    found = run([mine], cache, enrol=True)
    points = found.enrolment.points
    assert [point.called for point in points] == ["0", "5", "10", "20", "all others"]
    assert points[0].figures["uar"].mean == found.interval("uar") == plain.interval("uar")
    assert [point.n_fewer for point in points] == [0, 16, 16, 16, 0]
    assert sum("the speaker has fewer than" in note for note in found.notes) == 3
    assert points[1].figures == points[2].figures, "there are three others in any case"
    capsys.readouterr()
    assert run([mine], cache, enrol=True) == found
    assert run([mine], cache) == found
    assert capsys.readouterr().out.count("Nothing has changed since this run") == 2
    (folder,) = cache.glob("*/runs/*")
    page = run_page.write(runs.read(folder), run_page.Beside()).read_text()
    assert '<h2 id="enrolment">The price of normalisation</h2>' in page
    assert "5 utterances of the new speaker before the first is recognised; no labels" in page
    with pytest.raises(UsageError, match="ENROL=1 is about one model"):
        run([mine], cache, enrol=True, fusion="late", features=f"{FEATURES} egemaps")
    with pytest.raises(UsageError, match="LEAK=1 adds folds"):
        run([mine], cache, leak=True, speaker_norm="enrol:n=2")


@pytest.mark.slow
def test_the_curve_of_emodb_ends_at_the_two_known_figures(tmp_path, test_data):
    datasets = [opened("emodb", test_data("emodb"), tmp_path, partial=False, console=Terminal())]
    with open_workspace(datasets, Terminal(), Running("local", 2)) as workspace:
        settings = Settings(dataset="emodb", features="compare", classifier="svm", enrol=True)
        summary = runs.read(experiment.run(workspace, settings, tmp_path / "run")).summary
    first, *_, last = (point.figures["uar"].mean.value for point in summary.enrolment.points)
    assert first == pytest.approx(0.787, abs=0.001)
    assert last == pytest.approx(0.865, abs=0.01)

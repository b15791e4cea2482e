"""Models to take away: what a fold said is said again in another process; what is not a model is refused unrun."""

import contextlib
import csv
import hashlib
import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from conftest import ROOT
from corpus import write_wav
from synthetic import changed, make_table, relabelled, with_values

from affex.pipeline.caching.cache import recipe
from affex.pipeline.cli.command import cli
from affex.pipeline.corpora.base import LOSO, Protocol
from affex.pipeline.evaluation import runs
from affex.pipeline.evaluation.evaluate import evaluate
from affex.pipeline.evaluation.settings import Plan, Settings
from affex.pipeline.models import model_card
from affex.pipeline.models.fit_predict import lines
from affex.pipeline.models.model_file import read, write
from affex.pipeline.models.models import Model, fit, predict, require_features
from affex.pipeline.models.new_recordings import at_hand
from affex.pipeline.reporting import tables
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.streams.table import Table
from affex.pipeline.text.errors import AffexError, CorpusError, UsageError

VALENCE = Protocol("valence", target="valence")


def wanted(classifier: str, **changes: Any) -> Plan:
    (spec,) = feature_specs("egemaps")
    return Plan(
        corpus="toy",
        features=("egemaps",),
        keys=(recipe(spec.feature).key,),
        classifier=classifier_of(classifier),
        **changes,
    )


def fitted(matrix: Table, settings: Plan, *exclude: str) -> Model:
    (spec,) = feature_specs("egemaps")
    return fit(matrix, settings, exclude=exclude, recipes=[recipe(spec.feature).spec])


def through_a_file(model: Model, folder: Path) -> Model:
    write(model, folder / "model.affex")
    return read(folder / "model.affex")


def of_speaker(matrix: Table, name: str) -> Table:
    return matrix.take(np.flatnonzero(matrix.speakers == name))


@pytest.fixture(scope="module")
def svm() -> Model:
    return fitted(make_table(), wanted("svm"))


# What a fold said is said again


@pytest.mark.parametrize(
    ("settings", "n_frames"),
    [
        (wanted("svm"), 1),
        (wanted("svm", settings=Settings(reweight=True), protocol=replace(LOSO, classes="joy,anger+sadness")), 1),
        (wanted("svm:select=anova", protocol=VALENCE), 1),
        (wanted("svm:select=pca,C=1"), 1),
        (wanted("svm:select=pfa,C=1"), 1),
        (wanted("xgboost:rounds=20"), 1),
        (wanted("xgboost:rounds=20", protocol=VALENCE), 1),
        (wanted("gmm:components=2"), 12),
        (wanted("gmm:components=2,decision=vote"), 12),
        (wanted("logistic", settings=Settings(reweight=True)), 1),
        (wanted("lda"), 1),
        (wanted("forest:trees=20"), 1),
        (wanted("knn"), 1),
        (wanted("mlp:hidden=9,epochs=50"), 1),
    ],
    ids=lambda value: getattr(value, "classifier", None) and f"{value.classifier.name}-{value.protocol.target}",
)
@pytest.mark.usefixtures("several_threads")
def test_a_model_without_a_speaker_says_what_the_fold_of_that_speaker_said(settings, n_frames, tmp_path):
    matrix = with_values(make_table(n_frames=n_frames, classes=("anger", "joy", "sadness")))
    matrix = matrix.take(np.flatnonzero([u.id != "00-joy-0" for u in matrix.utterances]))  # so that frequencies differ
    scores = evaluate(matrix, settings).scores
    output = predict(through_a_file(fitted(matrix, settings, "03"), tmp_path), of_speaker(matrix, "03")).fold_scores
    own = scores.folds == "03"
    assert own.sum() == len(output.numbers) == 12
    assert output.predicted.tolist() == scores.predicted[own].tolist()
    assert output.scores.tolist() == scores.values[own].tolist()


@pytest.mark.usefixtures("several_threads")
def test_normalised_by_speaker_as_well(tmp_path):
    matrix, settings = make_table(speaker_shift=5.0), wanted("svm", settings=Settings(speaker_norm=True))
    scores = evaluate(matrix, settings).scores
    output = predict(through_a_file(fitted(matrix, settings, "03"), tmp_path), of_speaker(matrix, "03")).fold_scores
    own = scores.folds == "03"
    assert output.predicted.tolist() == scores.predicted[own].tolist()
    assert output.scores == pytest.approx(
        scores.values[own], rel=1e-6
    )  # there, one matrix of distances serves all folds


@pytest.mark.parametrize(("classifier", "n_frames"), [("svm:C=1,gamma=1", 1), ("gmm:components=2,decision=vote", 12)])
@pytest.mark.usefixtures("several_threads")
def test_without_the_speaker_s_mean_as_well(classifier, n_frames, tmp_path):
    matrix = make_table(speaker_shift=5.0, n_frames=n_frames)
    settings = wanted(classifier, settings=Settings(speaker_norm="mean"))
    scores = evaluate(matrix, settings).scores
    model = through_a_file(fitted(matrix, settings, "03"), tmp_path)
    assert model.plan.settings.speaker_norm == "mean"
    assert "spkmean" in model.name
    output = predict(model, of_speaker(matrix, "03")).fold_scores
    own = scores.folds == "03"
    assert output.predicted.tolist() == scores.predicted[own].tolist()
    assert output.scores.tolist() == scores.values[own].tolist()


def test_it_learns_from_all_but_those_left_out():
    model = fitted(make_table(), wanted("svm:C=1,gamma=1"))
    assert (model.learned.n_utterances, model.learned.n_clusters, model.learned.excluded) == (96, 6, ())
    assert model.name == model.evaluation
    some = fitted(make_table(), wanted("svm:C=1,gamma=1"), "01", "04")
    assert (some.learned.n_utterances, some.learned.n_clusters, some.learned.excluded) == (64, 4, ("01", "04"))
    assert some.learned.counts == dict.fromkeys(("anger", "joy", "neutral", "sadness"), 16)
    assert "without-01-04" in some.name
    with pytest.raises(UsageError, match="There is no speaker '7'"):
        fitted(make_table(), wanted("svm:C=1,gamma=1"), "7")
    one = fitted(make_table(), wanted("svm:C=1,gamma=1"), "00", "01", "02", "03", "04")
    assert any("scores are not calibrated" in note for note in one.learned.notes)
    with pytest.raises(AffexError, match="svm could not be trained on 0 utterances of toy"):
        fitted(make_table(), wanted("svm:C=1,gamma=1"), "00", "01", "02", "03", "04", "05")
    two = make_table(n_speakers=2)
    glad = relabelled(two, ["joy" if u.speaker == "00" else u.label for u in two.utterances])
    with pytest.raises(AffexError, match="svm could not be trained on 16 utterances of toy"):
        fitted(glad, wanted("svm"), "01")


def test_those_whom_a_fixed_split_names_on_no_side_are_not_learned_from():
    matrix = make_table()
    side = {"00": "train", "01": "train", "02": "validation", "03": "test"}
    utterances = tuple(replace(u, split=side.get(u.speaker)) for u in matrix.utterances)
    model = fitted(
        replace(matrix, utterances=utterances), wanted("svm:C=1,gamma=1", protocol=Protocol("split", "split"))
    )
    assert model.learned.n_utterances == 64
    assert model.learned.left_out == {"in no fold": 32}


def test_what_is_short_of_the_card_is_kept_with_the_model():
    protocol = replace(LOSO, counts={"joy": 25})
    with pytest.raises(AffexError, match="PARTIAL=1"):
        fit(make_table(), wanted("svm:C=1,gamma=1", protocol=protocol))
    model = fit(make_table(), wanted("svm:C=1,gamma=1", protocol=protocol, settings=Settings(partial=True)))
    assert model.learned.notes == ("the protocol loso asserts 25 utterances of 'joy', found 24",)


def test_a_model_file_keeps_all_that_is_known_of_it(svm, tmp_path):
    again = through_a_file(svm, tmp_path)
    for name in ("plan", "recipes", "columns", "learned", "classes", "evaluation", "name", "versions"):
        assert getattr(again, name) == getattr(svm, name), name
    assert again.chosen == svm.chosen == again.estimator.best_params_


@pytest.mark.parametrize(
    ("classifier", "n_frames"),
    [
        ("svm:select=anova", 1),
        ("xgboost:rounds=5", 1),
        ("gmm:components=2", 12),
        ("forest:trees=5", 1),
        ("mlp:epochs=9", 1),
    ],
)
def test_equal_fits_give_equal_bytes(classifier, n_frames, tmp_path):
    for name in ("one", "other"):
        write(fitted(make_table(n_frames=n_frames), wanted(classifier)), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


# What is refused


def members_of(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        return {name: file.read(name) for name in file.namelist()}


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def with_estimator(model_file: bytes, estimator: bytes) -> bytes:
    """The file with another estimator, and the digest that goes with it."""
    members = members_of(model_file)
    record = json.loads(members["model.json"])
    record["estimator"]["sha256"] = hashlib.sha256(estimator).hexdigest()
    return zipped({"model.json": json.dumps(record).encode(), "estimator.skops": estimator})


def with_node(model_file: bytes, node: Any, name: str = "C") -> bytes:
    """The file with another node in the place of one attribute of the estimator."""
    members = members_of(members_of(model_file)["estimator.skops"])
    tree = json.loads(members["schema.json"])
    tree["content"]["content"][name] = node
    return with_estimator(model_file, zipped({**members, "schema.json": json.dumps(tree).encode()}))


@pytest.fixture
def genuine(svm: Model, tmp_path: Path) -> bytes:
    write(svm, tmp_path / "genuine.affex")
    return (tmp_path / "genuine.affex").read_bytes()


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """What a payload leaves behind if it is run."""
    return tmp_path / "it was run"


@pytest.fixture
def refused(tmp_path: Path, trace: Path) -> Callable[[bytes], str]:
    """Return a function that says why a file with this content is refused, and sees that nothing in it was run."""

    def why(content: bytes) -> str:
        path = tmp_path / "foreign.affex"
        path.write_bytes(content)
        with pytest.raises(AffexError) as error:
            read(path)
        assert "It was refused, and nothing in it was run." in str(error.value)
        assert str(path) in str(error.value)
        assert not trace.exists()
        return str(error.value)

    return why


class Payload:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return Path.touch, (self.trace,)


def node(loader: str, name: str, content: Any = None) -> dict[str, Any]:
    module, _, kind = name.rpartition(".")
    return {"__class__": kind, "__module__": module, "__loader__": loader, "content": content}


def text(value: str) -> dict[str, Any]:
    return node("JsonNode", "builtins.str", json.dumps(value)) | {"is_json": True}


def test_the_payload_is_a_real_one(trace):
    pickle.loads(pickle.dumps(Payload(trace)))
    assert trace.exists()


def test_a_pickle_is_refused_wherever_it_stands(genuine, refused, trace):
    payload = pickle.dumps(Payload(trace))
    members = members_of(genuine)
    assert "File is not a zip file" in refused(payload)
    assert "File is not a zip file" in refused(with_estimator(genuine, payload))
    assert "it holds model.json, estimator.skops, more.pkl; expected" in refused(
        zipped({**members, "more.pkl": payload})
    )
    assert "it holds model.json, estimator.pkl; expected model.json and estimator.skops alone" in refused(
        zipped({"model.json": members["model.json"], "estimator.pkl": payload})
    )
    inner = members_of(members["estimator.skops"])
    assert "estimator.skops holds more.pkl" in refused(with_estimator(genuine, zipped({**inner, "more.pkl": payload})))
    array = io.BytesIO()
    np.save(array, np.array([Payload(trace)]), allow_pickle=True)
    hidden = zipped({name: array.getvalue() if name.endswith(".npy") else inner[name] for name in inner})
    assert "allow_pickle=False" in refused(with_estimator(genuine, hidden))


def test_code_in_the_tree_is_refused(genuine, refused, trace):
    arguments = node(
        "TupleNode", "builtins.tuple", [node("ListNode", "builtins.list", [text("touch"), text(str(trace))])]
    )
    call = node("ConstructorFromReduceNode", "subprocess.Popen", arguments)
    assert "nodes of the kind ConstructorFromReduceNode, which no model has" in refused(with_node(genuine, call))
    keyed = node("DictNode", "builtins.dict", {str(trace): text("")})
    keyed["key_types"] = node("ListNode", "builtins.list", [node("TypeNode", "subprocess.Popen")])
    for foreign in (keyed, node("TypeNode", "subprocess.Popen"), node("ObjectNode", "subprocess.Popen")):
        assert "what is no part of a model: subprocess.Popen" in refused(with_node(genuine, foreign))
    assert "what is no part of a model: os.system" in refused(with_node(genuine, node("FunctionNode", "os.system")))
    bound = node("MethodNode", "pathlib.Path", {"func": "touch", "obj": node("ObjectNode", "pathlib.Path")})
    assert "MethodNode" in refused(with_node(genuine, bound))


def test_the_tree_would_run_it_if_it_were_trusted(genuine, trace):
    arguments = node(
        "TupleNode", "builtins.tuple", [node("ListNode", "builtins.list", [text("touch"), text(str(trace))])]
    )
    call = node("ConstructorFromReduceNode", "subprocess.Popen", arguments)
    archive = members_of(with_node(genuine, call))["estimator.skops"]
    run = skops.io.loads(archive, trusted=skops.io.get_untrusted_types(data=archive)).C
    assert run.wait(timeout=60) == 0
    assert trace.exists()


def test_what_was_changed_is_refused(genuine, refused):
    assert "Bad CRC-32" in refused(genuine.replace(b"RBFMachine", b"RBFmachine", 1))
    assert refused(genuine[:-200])
    members = members_of(genuine)
    other = zipped({**members_of(members["estimator.skops"]), "99.npy": b""})
    assert "estimator.skops is not what model.json says it is" in refused(zipped({**members, "estimator.skops": other}))
    assert "it is compressed" in refused(zipped(members, zipfile.ZIP_DEFLATED))
    assert "KeyError: 'schema'" in refused(zipped({**members, "model.json": b"{}"}))
    forest = node("ObjectNode", "sklearn.ensemble._forest.RandomForestClassifier")
    tree = json.loads(members_of(members["estimator.skops"])["schema.json"])
    forest |= {"protocol": tree["protocol"], "_skops_version": tree["_skops_version"]}
    another = zipped({"schema.json": json.dumps(forest).encode()})
    assert "the estimator is a RandomForestClassifier; expected RBFMachine" in refused(with_estimator(genuine, another))


def test_another_layout_and_a_file_that_is_not_there_say_what_to_do(genuine, tmp_path):
    members = members_of(genuine)
    record = json.loads(members["model.json"]) | {"schema": 99}
    (tmp_path / "late.affex").write_bytes(zipped({**members, "model.json": json.dumps(record).encode()}))
    with pytest.raises(AffexError, match="has the layout 99, and this version of affex reads 4"):
        read(tmp_path / "late.affex")
    with pytest.raises(UsageError, match="cannot be read: No such file or directory"):
        read(tmp_path / "nowhere.affex")


def test_features_under_another_key_are_refused(svm):
    specs = feature_specs("egemaps")
    require_features(svm, specs)
    older = json.loads(svm.recipes[0])
    older["packages"]["opensmile"] = "1.0"
    old = replace(svm, recipes=(json.dumps(older),), plan=replace(svm.plan, keys=("0" * 64,)))
    with pytest.raises(AffexError) as error:
        require_features(old, specs)
    assert f"fitted on egemaps under the key {'0' * 12}, and here" in str(error.value)
    assert f"has the key {svm.plan.keys[0][:12]}: packages.opensmile 1.0 -> " in str(error.value)


def test_rows_with_other_columns_are_refused(svm):
    with pytest.raises(AffexError, match="5 columns under other names than those that the model was fitted on"):
        predict(svm, changed(make_table(), columns=tuple("abcde")))


# What nothing is said of


def table(matrix: Table, model: Model, *failures: dict[str, str]) -> list[dict[str, str]]:
    written = "".join(lines(matrix, predict(model, matrix, failures), model.classes))
    return list(csv.DictReader(io.StringIO(written)))


def lacking(matrix: Table, *numbers: int) -> Table:
    present = matrix.present.copy()
    present[list(numbers)] = False
    X = np.where(present, matrix.X, np.float32(np.nan))
    return changed(matrix, present=present, X=X)


def test_a_clip_without_features_has_a_reason_and_no_guess(svm):
    matrix = lacking(of_speaker(make_table(), "03"), 1)
    rows = table(matrix, svm, {matrix.utterances[1].id: "too short"})
    assert [bool(row["predicted"]) for row in rows] == [True, False] + 14 * [True]
    assert rows[1]["note"] == "no egemaps: too short"
    assert {rows[1][f"score_{name}"] for name in svm.classes} == {""}
    assert {row["note"] for row in rows if row["predicted"]} == {""}


def test_what_is_filled_in_is_said():
    matrix = make_table()
    present = np.ones((len(matrix), 2), dtype=bool)
    present[5, 1] = False
    matrix = changed(matrix, present=present, X=np.where(present[:, [0, 0, 0, 1, 1]], matrix.X, np.float32(np.nan)))
    settings = replace(wanted("svm"), features=("egemaps", "gemaps"), keys=("a", "b"))
    rows = table(matrix, fit(matrix, settings, recipes=("{}", "{}")), {}, {matrix.utterances[5].id: "too short"})
    assert rows[5]["predicted"]
    assert rows[5]["note"] == "no gemaps: too short; its columns were filled with the means of the training rows"


def test_a_speaker_with_one_clip_cannot_be_normalised():
    matrix = make_table()
    model = fitted(matrix, wanted("svm", settings=Settings(speaker_norm=True)))
    rows = table(matrix.take([0, 1, 2, 20]), model)
    assert [bool(row["predicted"]) for row in rows] == [True, True, True, False]
    assert rows[3]["note"] == "its speaker has no other row here: normalised within the speaker it is all 0"
    nameless = replace(matrix, utterances=tuple(replace(u, speaker="") for u in matrix.utterances))
    with pytest.raises(UsageError, match=r"it needs speakers, and 96 of 96 utterances have no speaker"):
        predict(model, nameless)


# What is labelled


def test_a_folder_is_all_sounds_and_videos_in_it_and_below(tmp_path):
    for name in ("b.wav", "a/x.WAV", "a/x.mp4", "a/notes.txt", ".hidden/y.wav", "a/._b.wav"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).touch()
    found = at_hand(tmp_path / "in", tmp_path / "cache")
    assert [u.id for u in found.utterances] == ["a/x.WAV", "a/x.mp4", "b"]
    assert [u.video is not None for u in found.utterances] == [False, True, False]
    assert found.root == tmp_path / "in"
    (other,) = at_hand(tmp_path / "in" / "b.wav", tmp_path / "cache").utterances
    assert (other.id, other.audio.path) == ("b", "b.wav")


def test_two_folders_of_one_name_have_caches_of_their_own(tmp_path):
    for name in ("one", "other"):
        write_wav(tmp_path / name / "calls" / "a.wav", 0.1)
    folders = {at_hand(tmp_path / name / "calls", tmp_path).folder.name for name in ("one", "other")}
    assert len(folders) == 2
    assert all(name.startswith("predict-calls-") for name in folders)


def test_nothing_to_label_says_what_was_looked_for(tmp_path):
    with pytest.raises(CorpusError, match="holds no sound or video file"):
        at_hand(tmp_path, tmp_path / "cache")
    with pytest.raises(CorpusError, match="Expected a folder of wavs or videos, one such file, or a table"):
        at_hand(tmp_path / "nowhere", tmp_path / "cache")
    (tmp_path / "a.wav").touch()
    (tmp_path / "t.csv").write_text("file\na.wav\n")
    assert [u.speaker for u in at_hand(tmp_path / "t.csv", tmp_path / "cache").utterances] == [""]
    with pytest.raises(CorpusError, match="has no column 'speaker'"):
        at_hand(tmp_path / "t.csv", tmp_path / "cache", with_speakers=True)


# From one process to another


def affex(*arguments: str) -> str:
    """Run the command in this process; return what it prints."""
    with contextlib.redirect_stdout(io.StringIO()) as output:
        cli([*arguments, "--scheduler", "inline"], standalone_mode=False)
    return output.getvalue()


def elsewhere(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a new process."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("AFFEX_")}
    return subprocess.run(
        [sys.executable, "-m", "affex.pipeline.cli", *arguments, "--scheduler", "inline"],
        env={**clean, "PYTHONPATH": str(ROOT), "COLUMNS": "100"},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def corpus(tmp_path: Path) -> list[str]:
    """A corpus of 24 utterances, 4 speakers, 2 labels; returns the options that name it, and the cache."""
    rows = ["file,speaker,label"]
    for n in range(24):
        name = f"s{n % 4}/{n:02d}.wav"
        write_wav(tmp_path / name, 0.4 + 0.02 * (n % 5), seed=n)
        rows.append(f"{name},s{n % 4},{'loud' if n // 4 % 2 else 'soft'}")
    (tmp_path / "mine.csv").write_text("\n".join(rows) + "\n")
    return ["--dataset", "csv", "--data", str(tmp_path / "mine.csv"), "--cache", str(tmp_path / "cache")]


def predictions_of(path: Path, **where: str) -> dict[str, list[str]]:
    """What a table says of each utterance, by the utterance's own name: the prediction and the scores."""
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if where.items() <= row.items()]
    wanted = [name for name in rows[0] if name == "predicted" or name.startswith("score_")]
    return {row["id"].rpartition("/")[2]: [row[name] for name in wanted] for row in rows}


@pytest.mark.parametrize(
    ("classifier", "features"),
    [
        ("svm:C=1", "egemaps"),
        pytest.param("xgboost:rounds=20", "egemaps", marks=pytest.mark.slow),
        pytest.param("gmm:components=2", "mfcc-voice", marks=pytest.mark.slow),
    ],
)
def test_a_new_process_says_of_new_wavs_what_the_evaluation_said(classifier, features, corpus, tmp_path):
    chosen = [*corpus, "--classifier", classifier, "--features", features]
    affex("evaluate", *chosen, "--out", str(tmp_path / "run"))
    affex("fit", *chosen, "--exclude", "s2", "--model", str(tmp_path / "m.affex"))
    (tmp_path / "s2" / "bad.wav").write_text("not audio")
    out = tmp_path / "labelled.csv"
    output = elsewhere("predict", "--model", str(tmp_path / "m.affex"), "--data", str(tmp_path / "s2"),
                       "--out", str(out), "--cache", str(tmp_path / "cache"))  # fmt: skip
    assert output.returncode == 0, output.stderr
    assert "6 of 7 recordings labelled ->" in output.stdout
    assert f"bad: no {features}: bad.wav cannot be decoded" in output.stdout
    assert "These predictions carry no figure of their quality" in output.stdout
    found = predictions_of(out)
    assert found.pop("bad") == ["", "", ""]
    assert found == predictions_of(tmp_path / "run" / "predictions.csv", fold="s2")
    assert "18 utterances of 3 speakers of mine, without s2: loud 9, soft 9" in output.stdout


def test_a_model_that_needs_speakers_asks_for_them(corpus, tmp_path):
    told = affex("fit", *corpus, "--classifier", "gmm:components=1", "--features", "mfcc-voice", "--speaker-norm")
    assert "gmm on mfcc-voice, learned from 24 utterances of 4 speakers of mine: loud 12, soft 12" in told
    assert "to use it, name the speakers" in told
    (path,) = (tmp_path / "cache" / "mine" / "models").glob("mfcc-voice_gmm_loso_spknorm-*.affex")
    arguments = ["predict", "--model", str(path), "--cache", str(tmp_path / "cache")]
    with pytest.raises(UsageError, match="so it needs speakers, and 6 of 6 utterances have no speaker"):
        affex(*arguments, "--data", str(tmp_path / "s2"))
    assert "Note: transductive" in affex(*arguments, "--data", str(tmp_path / "mine.csv"))
    (written,) = (tmp_path / "cache").glob(f"predict-mine-*/{path.stem}.csv")
    assert len(predictions_of(written)) == 24


def test_a_model_says_where_its_figures_are_and_so_does_its_card(corpus, tmp_path):
    chosen = [*corpus, "--classifier", "xgboost:rounds=2", "--features", "egemaps"]
    assert (
        "For the performance of such models on new speakers: `affex evaluate` with the same settings (run egemaps_xgb"
        in affex("fit", *chosen)
    )
    (file,) = (tmp_path / "cache" / "mine" / "models").glob("*.affex")
    card = file.with_name(f"{file.name}.md")
    assert model_card.UNKNOWN in card.read_text(encoding="utf-8")
    assert hashlib.sha256(file.read_bytes()).hexdigest() in card.read_text(encoding="utf-8")
    affex("evaluate", *chosen)
    assert "Such models on new speakers of mine: UAR 0." in (told := affex("fit", *chosen))
    assert f"good such models are -> {card}" in told
    (run,) = runs.known(tmp_path / "cache", "mine")
    summary, text = runs.read(run).summary, card.read_text(encoding="utf-8")
    assert f"From the run `{run.name}`" in text
    assert f"| UAR | {tables.with_interval(summary.interval('uar'))} |".replace("[", "\\[").replace("]", "\\]") in text
    assert text.count(str(tmp_path)) == 0
    (run / "report.txt").write_text("changed")
    affex("fit", *chosen)
    assert model_card.UNKNOWN in card.read_text(encoding="utf-8"), "a damaged run gives no figures"

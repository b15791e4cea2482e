"""Other people's folds as one figure: five made formats, and everything that may be wrong with a table of folds."""

import codecs
import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic import EMOTIONS, make_table, relabelled
from test_evaluate import BAYES, corrupted, fitted_states

from affex.pipeline.corpora.base import LOSO, Protocol
from affex.pipeline.evaluation.evaluate import evaluate
from affex.pipeline.evaluation.folds import folds, protocol_hash
from affex.pipeline.evaluation.prechecks import foreseen
from affex.pipeline.evaluation.settings import Settings
from affex.pipeline.evaluation.task import prepare
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.text.errors import AffexError, UsageError

#: Six utterances of three speakers, each with a recording.
UTTERANCES = [
    Utterance(f"u{n}", "toy", f"s{n // 2}", "ab"[n % 2], audio=Media(f"wav/s{n // 2}/rec{n}.wav")) for n in range(6)
]
#: Three folds, one a speaker: the test utterances.
TESTED = {"1": (0, 1), "2": (2, 3), "3": (4, 5)}


def given(path: Path) -> Protocol:
    return Protocol("folds", "folds", file=str(path))


def sides(path: Path, utterances=UTTERANCES):
    return {fold.name: (fold.train.tolist(), fold.test.tolist()) for fold in folds(given(path), utterances)}


LEFT_OUT = {name: ([n for n in range(6) if n not in test], [*test]) for name, test in TESTED.items()}


def written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))
    return path


def fold_of(n: int) -> str:
    return next(name for name, test in TESTED.items() if n in test)


# The formats


def by_fold(root: Path) -> Path:
    return written(root / "folds.csv", "id,fold\n" + "".join(f"u{n},{fold_of(n)}\n" for n in range(6)))


def by_role(root: Path) -> Path:
    rows = (f"u{n}\t{name}\t{'test' if n in test else 'train'}\n" for name, test in TESTED.items() for n in range(6))
    return written(root / "folds.tsv", "id\tfold\trole\n" + "".join(rows))


def by_column(root: Path) -> Path:
    rows = (f"u{n},{','.join('Test' if n in test else 'Train' for test in TESTED.values())}\n" for n in range(6))
    return written(root / "folds.csv", "id,fold_1,fold_2,fold_3\n" + "".join(rows))


def by_file(root: Path) -> Path:
    for name, test in TESTED.items():
        rows = (f"u{n},{'test' if n in test else 'train'}\n" for n in range(6))
        written(root / "folds" / f"{name}.csv", "id,split\n" + "".join(rows))
    return root / "folds"


def by_named_file(root: Path) -> Path:
    for name, test in TESTED.items():
        for role in ("train", "test"):
            rows = (f"s{n // 2}/rec{n}.wav\n" for n in range(6) if (n in test) == (role == "test"))
            written(root / "folds" / f"fold_{name}" / f"{role}.csv", "file\n" + "".join(rows))
    return root / "folds"


def emobox(root: Path) -> Path:
    for name, test in TESTED.items():
        for role in ("train", "test"):
            own = [n for n in range(6) if (n in test) == (role == "test")]
            rows = [{"key": f"toy-s{n // 2}-rec{n}", "dataset": "toy", "wav": f"downloads/toy/rec{n}.wav"} for n in own]
            text = "".join(f"{json.dumps(row)}\n" for row in rows)
            folder = root / "data" / "toy" / f"fold_{name}"
            written(folder / f"toy_{role}_fold_{name}.jsonl", text)
            written(folder / f"toy_{role}_fold{name}.jsonl", text.replace('"wav"', '"audio"'))  # as EMO-DB's
    written(root / "data" / "toy" / "toy.jsonl", "{}\n")
    return root / "data" / "toy"


def emosuperb(root: Path) -> Path:
    for name, test in TESTED.items():
        rows = (f"rec{n}.wav,0.5,s{n // 2},{'Test' if n in test else 'Train'}\n" for n in range(6))
        written(root / "TOY" / f"labels_consensus_{name}.csv", "FileName,Angry,SpkrID,Split_Set\n" + "".join(rows))
    return root / "TOY"


def dumped(root: Path) -> Path:
    splits = [
        {"train": [f"u{n}" for n in range(6) if n not in test], "test": [f"u{n}" for n in test]}
        for test in TESTED.values()
    ]
    return written(root / "splits.json", json.dumps(splits))


def pairs(root: Path) -> Path:
    splits = [[[f"u{n}" for n in range(6) if n not in test], [f"u{n}" for n in test]] for test in TESTED.values()]
    return written(root / "splits.json", json.dumps({"splits": splits}))


FORMATS = (by_fold, by_role, by_column, by_file, by_named_file, emobox, emosuperb, dumped, pairs)


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_the_same_folds(form, tmp_path):
    assert sides(form(tmp_path)) == LEFT_OUT


def test_the_hash_of_a_protocol_covers_what_the_table_says_and_not_where_it_lies_or_how_it_is_written(tmp_path):
    one = protocol_hash(given(by_fold(tmp_path / "one")))
    assert one == protocol_hash(given(by_role(tmp_path / "other")))
    assert one == protocol_hash(given(dumped(tmp_path / "json")))
    moved = written(
        tmp_path / "moved.csv", by_fold(tmp_path / "one").read_text(encoding="utf-8").replace("u0,1", "u0,2")
    )
    assert one != protocol_hash(given(moved))
    assert one != protocol_hash(LOSO)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_windows_line_endings_marks_and_blank_lines_change_nothing(encoding, tmp_path):
    text = by_fold(tmp_path).read_text(encoding="utf-8").replace("\n", "\r\n\r\n").replace(",", " ; ")
    assert sides(written(tmp_path / "windows.csv", text, encoding)) == LEFT_OUT
    text = (
        emobox(tmp_path).joinpath("fold_1/toy_test_fold_1.jsonl").read_text(encoding="utf-8").replace("\n", "\r\n\r\n")
    )
    written(tmp_path / "data/toy/fold_1/toy_test_fold_1.jsonl", text, encoding)
    assert sides(tmp_path / "data" / "toy") == LEFT_OUT


def test_folds_as_numbers_of_pandas_are_in_the_order_of_numbers(tmp_path):
    rows = "".join(f"u{n},{10 - n}.0\n" for n in range(6))
    assert [*sides(written(tmp_path / "folds.csv", f"id,fold\n{rows}"))] == ["5", "6", "7", "8", "9", "10"]


def test_fold_minus_one_is_always_trained_on(tmp_path):
    path = written(tmp_path / "folds.csv", "id,fold\nu0,-1\nu1,-1\nu2,0\nu3,0\nu4,1\nu5,1\n")
    assert sides(path) == {"0": ([0, 1, 4, 5], [2, 3]), "1": ([0, 1, 2, 3], [4, 5])}


def test_a_validation_part_is_for_the_search_and_is_learned_from_at_the_end(tmp_path):
    path = written(tmp_path / "f.csv", "id,fold,role\nu0,a,train\nu1,a,train\nu2,a,dev\nu3,a,val\nu4,a,test\n")
    (fold,) = folds(given(path), UTTERANCES)
    assert (fold.name, fold.train.tolist(), fold.test.tolist()) == ("a", [0, 1, 2, 3], [4])
    assert [part.tolist() for part in _flat(fold.inner)] == [[0, 1], [2, 3]]


def _flat(parts):
    """Return the arrays of inner folds, whether they are one pair or several."""
    return [parts] if isinstance(parts, np.ndarray) else [array for part in parts for array in _flat(part)]


# Which utterance a key names


def named(*paths: str) -> list[Utterance]:
    return [Utterance(f"u{n}", "toy", f"s{n}", "ab"[n % 2], audio=Media(path)) for n, path in enumerate(paths)]


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path):
    corpus = named("a/x/1.wav", "b/x/1.wav", "a/y/1.wav", "b/y/1.wav")
    rows = ("C:\\their\\b\\x\\1.wav", "/home/a/x/1.mp4", "b/y/1", "./a/y/1.wav")
    path = written(tmp_path / "f.csv", "file,fold\n" + "".join(f"{row},{n % 2}\n" for n, row in enumerate(rows)))
    assert sides(path, corpus) == {"0": ([0, 2], [1, 3]), "1": ([1, 3], [0, 2])}
    short = written(tmp_path / "short.csv", "file,fold\nx/1.wav,0\nb/y/1,1\n")
    with pytest.raises(AffexError, match=r"short\.csv, line 2: x/1\.wav may be one of 2 utterances \(toy u0, toy u1\)"):
        sides(short, corpus)


def test_case_and_the_encoding_of_an_umlaut_do_not_matter_where_the_name_is_the_only_one(tmp_path):
    corpus = named("wav/A\u0308rger.WAV", "wav/b.wav")
    assert sides(written(tmp_path / "f.csv", "file,fold\n\u00c4RGER.flac,0\nB.wav,1\n"), corpus) == {
        "0": ([1], [0]),
        "1": ([0], [1]),
    }


def test_a_dot_in_a_name_is_no_suffix(tmp_path):
    corpus = named("m3.n_nie_4.wav", "m3.a_nie_4.wav")
    path = written(tmp_path / "f.csv", "id,fold\nm3.n_nie_4,0\nm3.a_nie_4,1\n")
    assert sides(path, corpus) == {"0": ([1], [0]), "1": ([0], [1])}


def test_a_recording_stands_for_all_its_utterances(tmp_path):
    spans = [replace(u, audio=Media("one.wav" if n < 3 else "two.wav", n, n + 1)) for n, u in enumerate(UTTERANCES)]
    path = written(tmp_path / "f.csv", "file,fold\none.wav,0\ntwo.wav,1\n")
    assert sides(path, spans) == {"0": ([3, 4, 5], [0, 1, 2]), "1": ([0, 1, 2], [3, 4, 5])}


def test_a_key_never_means_another_utterance_because_its_own_does_not_count(tmp_path):
    corpus = named("a/1.wav", "b/1.wav", "c/2.wav", "c/3.wav")
    path = written(tmp_path / "f.csv", "file,fold\na/1.wav,0\nc/2.wav,0\nc/3.wav,1\n")
    (first, _) = folds(given(path), corpus[1:], corpus)
    assert first.test.tolist() == [1]  # of b/1.wav nothing is said


# What is refused


def refusal(path: Path, error: type[AffexError] = AffexError, utterances=UTTERANCES) -> str:
    with pytest.raises(error) as found:
        folds(given(path), utterances)
    assert path.name in str(found.value)
    return str(found.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "id,fold\nu0,1\nu0,1\nu1,2\n",
            "Fold 1: the utterance u0 stands twice in test: as u0 (PATH, line 2) and as u0 ",
        ),
        ("id,fold\nu0,1\nrec0.wav,1\nu1,2\n", "u0 stands twice in test: as u0 (PATH, line 2) and as rec0.wav "),
        (
            "id,fold,role\nu0,1,train\nu1,1,test\nu0,1,test\n",
            "Fold 1: the utterance u0 stands both in train and in test",
        ),
        ("id,fold,role\nu0,1,train\nu1,1,val\nu1,1,train\nu2,1,test\n", "u1 stands both in validation and in train"),
        ("id,fold,role\nu0,1,train\nu1,1,train\n", "PATH, fold 1: it has no row for test (it has train)"),
        ("id,fold,role\nu0,1,test\n", "PATH, fold 1: it has no row for train (it has test)"),
        ("id,fold,role\nu0,1,train\nu1,1,probe\n", "PATH, line 3: the part is 'probe', expected train, validation"),
        ("id,fold,role\nu0,1,train\nu1,1,\n", "PATH, line 3: 'role' is blank"),
        ("id,fold_1,fold_2\nu0,test,train\nu1,train,oops\n", "PATH, line 3, fold_2: the part is 'oops'"),
        ("id,fold\nu0,train\nu1,test\n", "PATH: the column fold holds train, test, which are parts of one fold"),
        (
            "id,fold,role\nu0,1,train\nu1,1,test\nu0,2,train\nu1,2,test\n",
            "PATH: the utterance u1 is tested in the folds 1 and 2",
        ),
        ("id,fold_1,fold_2\nu0,test,test\nu1,train,train\n", "u0 is tested in the folds 1 and 2"),
        ("id,label\nu0,a\n", "PATH is no table of folds: its columns are id, label"),
        ("name,fold\nu0,1\n", "PATH has no column that names utterances: expected id or file, found name, fold"),
        ("id,id,fold\nu0,u0,1\n", "PATH: two columns are called id"),
        ("id,fold\nu0,1,2\n", "PATH, line 2: 3 cells, expected 2"),
        ("id,fold\nu0\n", "PATH, line 2: 1 cells, expected 2"),
        ("id,fold\n,1\nu1,2\n", "PATH, line 2: no name, expected the id of an utterance"),
        (f"id,fold\n{'u' * 1001},1\nu1,2\n", "PATH, line 2: a name of 1001 characters"),
        ("id,fold\n", "PATH has no rows"),
        ("", "PATH has no rows"),
        ('id,fold\n"u0,1\nu1,2\n', "PATH, line 3: unexpected end of data"),
        ("id,fold\nu0,1\n\0,2\n", "PATH is no text: it has zero bytes"),
    ],
)
def test_tables_that_are_refused(text, message, tmp_path):
    path = written(tmp_path / "f.csv", text)
    assert message.replace("PATH", str(path)) in refusal(path)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([{"train": [0, 1], "test": [2]}], "fold 1, train, entry 1 is the position 0. Positions are of the rows of"),
        ([[[0.0], ["u1"]]], "is the position 0.0"),
        ([{"train": [True], "test": ["u1"]}], "fold 1, train, entry 1: expected the id of an utterance, a text"),
        ([{"train": [["u0"]], "test": ["u1"]}], "expected the id of an utterance, a text"),
        ([{"train": "u0", "test": ["u1"]}], "fold 1: train is no list of ids"),
        ([{"train": ["u0"], "probe": ["u1"]}], 'fold 1: expected a list of {"train": [ids], "test": [ids]}'),
        ([[["u0"], ["u1"], ["u2"]]], "fold 1: expected a list"),
        ([{"train": ["u0"], "test": []}], "fold 1: it has no row for test (it has train)"),
        ([], "holds no folds"),
        ({}, "holds no folds"),
        ("u0", "holds no folds"),
        ([{"train": ["u0"], "test": ["u1"]}, {"train": ["u0"], "test": ["u1"]}], "u1 is tested in the folds 1 and 2"),
    ],
)
def test_dumped_splits_that_are_refused(value, message, tmp_path):
    assert message in refusal(written(tmp_path / "f.json", json.dumps(value)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"train": ["u0"], "train": ["u1"], "test": ["u2"]}]', "it has the member 'train' twice"),
        ("[" * 100_000, "is not valid JSON"),
        ("[{", "is not valid JSON"),
    ],
)
def test_json_that_is_none(text, message, tmp_path):
    assert message in refusal(written(tmp_path / "f.json", text))


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", ["folds.pkl", "folds.joblib", "folds.csv", "folds.json", "folds"])
def test_a_pickle_is_refused_by_its_name_and_by_its_bytes_and_is_not_opened(name, protocol, tmp_path):
    path = tmp_path / name
    path.write_bytes(pickle.dumps([(np.arange(2), np.arange(2))], protocol=protocol))
    said = refusal(path, UsageError)
    assert "is a pickle, and is not opened" in said
    assert "columns id and fold" in said
    if name == "folds.pkl":
        assert "is a pickle" in refusal(tmp_path, UsageError)


def test_another_encoding_is_refused_by_line(tmp_path):
    path = written(tmp_path / "f.csv", "id,fold\nu0,1\n\u00c4rger,2\n", "latin-1")
    assert f"{path}, line 3: byte 0xc4 is not UTF-8" in refusal(path)
    path.write_bytes(codecs.BOM_UTF16_LE + b"i\0d\0\xff")
    assert "is not UTF-16" in refusal(path)


def test_what_is_not_there_or_holds_nothing(tmp_path):
    assert "cannot be read: No such file" in refusal(tmp_path / "none.csv")
    assert "holds no table of folds that affex reads" in refusal(written(tmp_path / "f.xyz", "x").parent, UsageError)
    with pytest.raises(UsageError, match="PROTOCOL=folds needs a table of folds"):
        folds(Protocol("folds", "folds"), UTTERANCES)


def test_two_files_of_one_part_must_agree(tmp_path):
    folder = emobox(tmp_path)
    twin = folder / "fold_2" / "toy_train_fold2.jsonl"
    twin.write_text("".join(twin.read_text(encoding="utf-8").splitlines(keepends=True)[1:]), encoding="utf-8")
    with pytest.raises(
        AffexError, match=r"toy_train_fold2.jsonl and .*toy_train_fold_2.jsonl are one part .* differ in 1"
    ):
        folds(given(folder), UTTERANCES)


def test_a_row_of_json_lines_that_is_none_is_named_by_its_line(tmp_path):
    folder = emobox(tmp_path)
    for line, said in (("[1]", "expected an object"), ('{"wav": "x"}', "texts key and wav"), ("{", "not valid JSON")):
        written(folder / "fold_1" / "toy_test_fold_1.jsonl", f'{{"key": "toy-s0-rec0", "wav": "rec0.wav"}}\n{line}\n')
        with pytest.raises(AffexError, match=rf"toy_test_fold_1\.jsonl, line 2.*{said}"):
            folds(given(folder), UTTERANCES)


def test_folds_of_several_corpora_are_not_one_protocol(tmp_path):
    emobox(tmp_path)
    written(tmp_path / "data" / "other" / "fold_1" / "other_test_fold_1.jsonl", '{"key": "x"}\n')
    with pytest.raises(UsageError, match=r"has folds of 2 corpora \(other, toy\): name the file or folder of one"):
        folds(given(tmp_path / "data"), UTTERANCES)


def test_as_many_folds_as_utterances_are_refused_before_they_fill_the_memory(tmp_path):
    rows = "".join(f"u{n},{n}\n" for n in range(5000))
    assert "5000 folds of 5000 rows are 25000000 roles" in refusal(written(tmp_path / "f.csv", f"id,fold\n{rows}"))


# As an evaluation


def as_csv(path: Path, table, fold_of_utterance) -> Path:
    rows = (f"{u.id},{fold_of_utterance(n, u)}\n" for n, u in enumerate(table.utterances))
    return written(path, "id,fold\n" + "".join(rows))


def under(path: Path, **settings: bool):
    return replace(BAYES, protocol=given(path), settings=Settings(**settings))


def test_loso_written_as_a_table_is_loso(tmp_path):
    table = make_table()
    own = evaluate(table, BAYES)
    path = as_csv(tmp_path / "loso.csv", table, lambda _, u: u.speaker)
    found = evaluate(table, under(path))
    assert found.scores.values.tobytes() == own.scores.values.tobytes()
    assert found.scores.folds.tolist() == own.scores.folds.tolist()
    assert found.folds_hash == own.folds_hash
    assert (found.leaks, found.left_out, found.notes) == (own.leaks, own.left_out, own.notes)


def test_the_predictions_of_a_run_are_a_table_of_its_folds(tmp_path):
    scores = evaluate(make_table(), BAYES).scores
    rows = zip(*scores.columns().values(), strict=True)
    lines = [",".join(map(str, line)) for line in (scores.columns(), *rows)]
    again = evaluate(make_table(), under(written(tmp_path / "predictions.csv", "\n".join(lines)))).scores
    assert again.values.tobytes() == scores.values.tobytes()


def test_what_no_fold_has_and_what_none_tests_is_counted(tmp_path):
    table = make_table(n_speakers=5)
    path = as_csv(tmp_path / "f.csv", table, lambda _, u: {"03": "", "04": "-1"}.get(u.speaker, u.speaker))
    result = evaluate(table, under(path))
    assert result.left_out == {"in no fold": 16}
    assert set(result.scores.clusters.tolist()) == {"00", "01", "02"}
    assert "the given folds test 48 of the 80 utterances that count: the figures are of these alone" in result.notes
    assert f"16 rows name no fold (the first: line {2 + 48})" in result.notes
    assert [(fold.n_train, fold.n_test) for fold in result.folds] == [(48, 16)] * 3


def test_utterances_that_do_not_count_may_be_listed(tmp_path):
    table = make_table()
    labels = [None, *(utterance.label for utterance in table.utterances[1:])]
    path = as_csv(tmp_path / "f.csv", table, lambda _, u: u.speaker)
    assert evaluate(relabelled(table, labels), under(path)).left_out == {"without a label": 1}
    only = as_csv(tmp_path / "g.csv", table, lambda n, _: "first" if not n else "others")
    with pytest.raises(AffexError, match=r"fold first: none of its utterances for test counts here"):
        evaluate(relabelled(table, labels), under(only))


def test_a_key_of_an_utterance_that_does_not_count_is_not_taken_for_that_of_another(tmp_path):
    table = make_table()
    media = [Media("a/1.wav"), Media("b/1.wav"), *(Media(f"c/{n}.wav") for n in range(2, len(table)))]
    spoken = [replace(u, audio=item) for u, item in zip(table.utterances, media, strict=True)]
    table = replace(table, utterances=(replace(spoken[0], label=None), *spoken[1:]))
    rows = "".join(f"{u.audio.path},{u.speaker}\n" for u in spoken if u.audio.path != "b/1.wav")
    result = evaluate(table, under(written(tmp_path / "f.csv", f"file,fold\n{rows}")))
    assert result.left_out == {"without a label": 1, "in no fold": 1}
    assert spoken[1].id not in result.scores.ids


def test_keys_of_no_utterance_are_refused_or_counted(tmp_path):
    table = make_table()
    path = as_csv(tmp_path / "f.csv", table, lambda _, u: u.speaker)
    path.write_text(path.read_text(encoding="utf-8") + "ghost,00\n", encoding="utf-8")
    said = rf"line 98: 1 of 97 keys of {path} name no utterance of this corpus \(the first: ghost\)\.\n.*PARTIAL=1"
    for refused in (lambda: prepare(table, under(path)), lambda: foreseen(table.utterances, under(path))):
        with pytest.raises(AffexError, match=said):
            refused()
    result = evaluate(table, under(path, partial=True))
    assert any(note.endswith("(the first: ghost): left out") for note in result.notes)
    assert result.scores.values.tobytes() == evaluate(table, BAYES).scores.values.tobytes()
    other = written(tmp_path / "other.csv", "id,fold\nx,0\ny,1\n")
    with pytest.raises(AffexError, match=r"names no utterance of this corpus: it names x .* the corpus has 00-anger-0"):
        evaluate(table, under(other, partial=True))


def test_the_search_is_handed_the_validation_part_of_the_table(tmp_path):
    table = make_table(n_speakers=3)
    role = {"00": "train", "01": "val", "02": "test"}
    rows = "".join(f"{u.id},x,{role[u.speaker]}\n" for u in table.utterances)
    path = written(tmp_path / "f.csv", f"id,fold,role\n{rows}")
    found = evaluate(table, under(path)).folds[0]
    assert (found.n_train, found.n_test) == (32, 16)
    assert found.best_params["n_inner"] == [[16, 16]]


def test_the_canary_the_tested_part_of_given_folds_leaves_no_trace_in_what_was_fitted(tmp_path):
    table = make_table()
    path = as_csv(tmp_path / "f.csv", table, lambda _, u: u.speaker)
    state = fitted_states(table, under(path), "02")
    assert state == fitted_states(corrupted(table, "02"), under(path), "02")
    assert state != fitted_states(corrupted(table, "03"), under(path), "02")


def test_the_canary_a_part_that_no_fold_names_is_not_learned_from(tmp_path):
    table = make_table()
    path = as_csv(tmp_path / "f.csv", table, lambda _, u: {"03": ""}.get(u.speaker, u.speaker))
    assert fitted_states(table, under(path), "02") == fitted_states(corrupted(table, "03"), under(path), "02")
    assert fitted_states(table, under(path), "02") != fitted_states(corrupted(table, "04"), under(path), "02")


def test_random_folds_score_speakers_who_were_heard(tmp_path):
    """Where a class is a matter of the speaker alone, random folds are right, and folds by speaker at chance."""
    rng = np.random.default_rng(0)
    table = make_table(n_speakers=8, n_each=6, class_shift=0.0, speaker_shift=4.0)
    of = {f"{n:02d}": EMOTIONS[n % 4] for n in range(8)}
    told = relabelled(table, [of[u.speaker] for u in table.utterances])
    dealt = rng.permutation(np.arange(len(table)) % 5)
    mixed = evaluate(told, under(as_csv(tmp_path / "mixed.csv", told, lambda n, _: dealt[n]))).scores
    apart = evaluate(told, under(as_csv(tmp_path / "apart.csv", told, lambda _, u: u.speaker))).scores
    assert np.mean(mixed.predicted == mixed.true) > 0.8
    assert np.mean(apart.predicted == apart.true) < 0.5

"""Names: which may be one, which stand for nothing, and that it is said wherever speakers and classes are counted."""

import json
import unicodedata
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from corpus import write_wav
from synthetic import make_table
from test_audit import looked_at, u

from affex.pipeline.cli.command import cli
from affex.pipeline.corpora import csv
from affex.pipeline.corpora.base import LOSO
from affex.pipeline.evaluation.audit import errors
from affex.pipeline.evaluation.folds import Fold, folds
from affex.pipeline.evaluation.selection import select
from affex.pipeline.evaluation.settings import Plan
from affex.pipeline.models.models import fit
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.text import names
from affex.pipeline.text.errors import CorpusError, UsageError


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Eva", "eva"),
        ("straße", "STRASSE"),
        ("00", "0"),
        ("s01", "s1"),
        ("s1_007", "S1_7"),
        ("eva k", "evak"),
        ("eva\u00a0k", "eva k"),
        ("eva", "eva\u200b"),
        ("eva", "\u2060eva\ufe0f"),
        ("eva", "\u202aeva\u202c"),
        ("Jörg", unicodedata.normalize("NFD", "Jörg")),
        ("ﬁn", "fin"),
        ("Ａ１", "a1"),
    ],
)
def test_names_that_differ_in_how_they_are_spelled_may_be_one(one, other):
    assert names.normal(one) == names.normal(other) != ""
    assert names.alike(["x", one, "y", other]) == [(one, other)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("eva", "ewa"),
        ("10", "1"),
        ("100", "10"),
        ("1.05", "1.5"),
        ("1,05", "1,5"),
        ("jörg", "jorg"),
        ("a-b", "ab"),
        ("0", ""),
    ],
)
def test_names_that_say_something_else_are_two(one, other):
    assert names.normal(one) != names.normal(other)
    assert names.alike([one, other]) == []


def test_what_cannot_be_seen_is_written_out():
    assert names.quoted(["eva", "eva\u200b", "e\u00a0v a"]) == r"'eva' and 'eva\u200b' and 'e\xa0v a'"


# Speakers


def test_speakers_who_may_be_one_are_named_where_folds_part_them():
    utterances = [u("a", "00"), u("b", "0"), u("c", "ben")]
    found = looked_at(utterances, folds(LOSO, utterances))
    assert set(found) == {"alike"}
    assert not errors(found.values())
    assert found["alike"].message == (
        "speakers '00' and '0' may be one person: they are trained on and tested, in 2 of 3 folds"
    )
    together = [Fold("x", np.array([0, 1]), np.array([2]))]
    assert looked_at(utterances, together)["alike"].message == (
        "speakers '00' and '0' may be one person: they count as 2"
    )
    assert looked_at([replace(utterances[0], corpus="other"), *utterances[1:]], folds(LOSO, utterances)) == {}


def test_sessions_and_dialogs_that_may_be_one_are_named():
    utterances = [u("a", "ada", session="S1", dialog="d1"), u("b", "ben", session="s01", dialog="d1")]
    message = looked_at(utterances)["alike"].message
    assert message == "sessions 'S1' and 's01' may be one session: they are trained on and tested, in 1 of 1 folds"
    dialogs = [replace(one, session="S1", dialog=d) for one, d in zip(utterances, ("d1", "D1"), strict=True)]
    assert "dialogs 'S1/d1' and 'S1/D1' may be one dialog" in looked_at(dialogs)["alike"].message


def test_a_model_says_that_two_of_its_speakers_may_be_one():
    matrix = make_table()
    renamed = {"01": "eva", "02": "Eva "}
    utterances = tuple(replace(one, speaker=renamed.get(one.speaker, one.speaker)) for one in matrix.utterances)
    matrix = replace(matrix, utterances=utterances)
    settings = Plan(corpus="toy", features=("egemaps",), keys=("",), classifier=classifier_of("svm:C=1,gamma=1"))
    model = fit(matrix, settings, exclude=["eva", "3"], recipes=("{}",))
    assert model.learned.excluded == ("eva", "03")
    assert model.learned.notes == ("speakers 'eva' and 'Eva ' may be one: they count as 2",)
    with pytest.raises(UsageError, match="There is no speaker 'EVA'"):  # which of the two is meant?
        fit(matrix, settings, exclude=["EVA"], recipes=("{}",))


# Labels


def labelled(*labels, **fields):
    return [u(str(n), "ada", label=label, **fields) for n, label in enumerate(labels)]


def test_labels_that_may_be_one_class_are_named():
    utterances = labelled("anger", "Anger", "joy", "joy\u200b", None)
    assert select(utterances, LOSO).notes == (
        "labels 'anger' and 'Anger' may be one class: they are counted as 2",
        r"labels 'joy' and 'joy\u200b' may be one class: they are counted as 2",
    )
    some = select(utterances, replace(LOSO, classes="anger,joy"))
    assert some.y.tolist() == ["anger", "joy"]
    assert some.notes == (
        "labels 'anger' and 'Anger' may be one class: 'Anger' is left out",
        r"labels 'joy' and 'joy\u200b' may be one class: 'joy\u200b' is left out",
    )
    merged = select(utterances, replace(LOSO, classes="anger=anger+Anger,joy=joy+joy\u200b"))
    assert (merged.notes, merged.y.tolist()) == ((), ["anger", "anger", "joy", "joy"])
    sexes = [replace(one, sex=sex) for one, sex in zip(utterances, ("F", "f", "m", "m", "m"), strict=True)]
    assert select(sexes, replace(LOSO, target="sex")).notes == (
        "values of sex 'F' and 'f' may be one class: they are counted as 2",
    )


def test_a_class_is_meant_by_the_only_label_that_it_may_be():
    decomposed = unicodedata.normalize("NFD", "Ärger")
    utterances = labelled(decomposed, "Freude ", "neutral")
    found = select(utterances, replace(LOSO, classes="ärger,freude"))
    assert found.y.tolist() == [decomposed, "Freude "]
    with pytest.raises(UsageError, match="There is no label 'ANGER'"):
        select(labelled("anger", "Anger", "joy"), replace(LOSO, classes="ANGER,joy"))


def test_votes_that_are_spelled_otherwise_than_labels_are_named():
    utterances = labelled("anger", "joy", votes=(("Anger",), ("joy",)))
    assert select(utterances, LOSO).notes == ("votes for 'Anger' may mean the label 'anger': they count for none",)


# Missing values in tables


@pytest.fixture
def table(tmp_path):
    def write(*rows: str):
        for n in range(len(rows)):
            (tmp_path / f"{n}.wav").touch()
        lines = [
            "file,speaker,label,session,dialog,part,sex,split,votes,video,id",
            *(f"{n}.wav,{row}" for n, row in enumerate(rows)),
        ]
        (tmp_path / "t.csv").write_text("\n".join(lines), encoding="utf-8")
        return tmp_path / "t.csv"

    return write


@pytest.mark.parametrize(
    "missing", ["nan", "NaN", "NAN", "N/A", "n/a", "#N/A", "null", "NULL", "None", "<NA>", "NaT", "", "\u200b"]
)
def test_what_programs_write_for_a_missing_value_is_no_name(missing, table):
    found = csv.find(table(",".join([missing] * 8 + [missing, missing]), "eva,joy,s,d,p,f,Train,joy;nan;fear/N/A,,x"))
    one, other = found
    fields = ("label", "session", "dialog", "part", "sex", "split", "video")
    assert {getattr(one, field) for field in fields} == {None}
    assert (one.speaker, one.votes, one.id) == ("", (), "0")
    assert (other.speaker, other.label, other.split, other.id) == ("eva", "joy", "train", "x")
    if missing and missing != "\u200b":
        assert f"1 cell of the column 'speaker' of t.csv: '{missing}' is taken as missing" in found.notes
        assert f"1 cell of the column 'label' of t.csv: '{missing}' is taken as missing" in found.notes


@pytest.mark.parametrize("name", ["NA", "none", "Nan", "Null", "unknown", "?"])
def test_what_may_be_a_name_is_one_and_is_said(name, table):
    found = csv.find(table(f"{name},{name},,,,,,,,", "eva,joy,,,,,,,,"))
    assert (found[0].speaker, found[0].label) == (name, name)
    assert (
        f"1 cell of the column 'label' of t.csv: '{name}' is taken as a name; "
        "leave a cell blank where the value is unknown" in found.notes
    )


def test_a_split_is_what_it_says_in_any_spelling(table):
    assert csv.find(table("a,joy,,,,,VALIDATION,,,"))[0].split == "validation"
    with pytest.raises(CorpusError, match="'split' is 'dev'"):
        csv.find(table("a,joy,,,,,dev,,,"))


# Outputs


def test_every_output_says_so(tmp_path):
    rows = ["file,speaker,label"]
    for n in range(32):
        write_wav(tmp_path / f"{n:02}.wav", 0.4, seed=n)
        speaker = ("s1", "S01", "s2", "s3")[n % 4]
        rows.append(f"{n:02}.wav,{speaker},{('loud', 'soft', 'Soft', 'nan')[n // 4 % 4]}")
    (tmp_path / "mine.csv").write_text("\n".join(rows) + "\n")
    out = tmp_path / "run"
    outputs = CliRunner().invoke(
        cli,
        ["evaluate", "--dataset", "csv", "--data", str(tmp_path / "mine.csv"), "--cache", str(tmp_path / "cache"),
         "--classifier", "svm:C=1,gamma=1", "--features", "egemaps", "--classes", "loud,soft", "--scheduler", "inline",
         "--out", str(out)],
    )  # fmt: skip
    assert outputs.exit_code == 0, outputs.output
    report, found = (out / "report.txt").read_text(), json.loads((out / "metrics.json").read_text())
    for sentence in (
        "speakers 's1' and 'S01' may be one person: they are trained on and tested, in 2 of 4 folds",
        "labels 'soft' and 'Soft' may be one class: 'Soft' is left out",
        "8 cells of the column 'label' of mine.csv: 'nan' is taken as missing",
    ):
        assert sentence in found["notes"]
        assert sentence in " ".join(report.split())
        assert sentence in " ".join(outputs.output.split())
    assert found["left_out"]["without a label"] == 8

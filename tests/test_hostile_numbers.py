"""Numbers that people write: too large, too small or none at all are refused in a sentence."""

import pytest
from click.testing import CliRunner
from corpus import write_wav
from synthetic import make_table

from affex.pipeline.cli.command import cli
from affex.pipeline.corpora import csv
from affex.pipeline.evaluation import protocols
from affex.pipeline.evaluation.evaluate import evaluate
from affex.pipeline.evaluation.settings import Plan
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.text.errors import CorpusError, UsageError

ABSURD = ("1e30", "1e308s", "1e400", "-1e400", "1e999ms")


@pytest.mark.parametrize("value", ABSURD)
@pytest.mark.parametrize("spec", ["mfcc:n=", "mfcc:hop=", "logmel:mels=", "faces:every=", "shorttime:most="])
def test_a_feature(spec, value):
    with pytest.raises(UsageError, match=r"expected (a number of 1e\+09 at the most|.* or more)"):
        feature_specs(spec + value)


@pytest.mark.parametrize("value", ABSURD)
@pytest.mark.parametrize("spec", ["gmm:components=", "gmm:floor=", "svm:C=", "xgboost:rounds="])
def test_a_classifier(spec, value):
    with pytest.raises(UsageError, match="a number of"):
        classifier_of(spec + value)


def test_a_classifier_s_setting_that_is_for_another_target():
    settings = Plan(corpus="toy", features=("x",), classifier=classifier_of("svm:epsilon=0.1"))
    with pytest.raises(UsageError, match=r"CLASSIFIER=svm: epsilon=0.1 is for values"):
        evaluate(make_table(n_speakers=2), settings)


@pytest.mark.parametrize("value", ABSURD)
def test_a_protocol(value):
    with pytest.raises(UsageError, match="a number of"):
        protocols.protocol(f"group-k:k={value}", ())


@pytest.mark.parametrize("column", ["start", "end", "channel", "turn", "valence"])
@pytest.mark.parametrize("value", ["1e308", "1e10", "1e999", "-1e308"])
def test_a_cell_of_a_table(column, value, tmp_path):
    write_wav(tmp_path / "a.wav", 0.1)
    table = tmp_path / "mine.csv"
    table.write_text(f"file,speaker,label,{column}\na.wav,s,joy,{value}\n")
    with pytest.raises(CorpusError, match=rf"row 2: '{column}' is '{value}', expected a number of 1e\+09 at the most"):
        csv.find(table)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "--seed", "-1"], "0<=x<=4294967295"),
        (["evaluate", "--seed", str(10**30)], "0<=x<=4294967295"),
        (["evaluate", "--seed", "1e9"], "not a valid integer"),
        (["features", "--jobs", str(10**9)], "1<=x<=1024"),
        (["import", "x.npy", "--called", "x", "--hop", "1e400"], "expected more than 0 s, and 3600 s at the most"),
        (["import", "x.npy", "--called", "x", "--hop", "nan"], "expected more than 0 s"),
    ],
)
def test_an_option(arguments, message):
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code != 0
    assert message in done.output + str(done.exception)

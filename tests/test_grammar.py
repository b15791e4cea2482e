"""The grammar of specs: one for features, classifiers, protocols, corpora and fusions."""

import pytest

from affex.pipeline.specs import discovery, grammar
from affex.pipeline.specs.classifiers import classifier_of, classifier_spec, members_of
from affex.pipeline.specs.corpora import corpus_of
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.text.errors import UsageError

CHOICES = {"marked": ("left", "right")}


def test_a_spec_is_a_name_and_parameters():
    assert grammar.name_of("mfcc:n=20,hop=5ms") == "mfcc"
    assert grammar.parameters("mfcc:n=20,hop=5ms") == {"n": "20", "hop": "5ms"}
    assert grammar.parameters("mfcc") == grammar.parameters("mfcc:") == {}
    assert grammar.parameters("resnet18:weights=a:b=c") == {"weights": "a:b=c"}
    assert (grammar.name_of("late:svm"), grammar.after_name("late:svm")) == ("late", "svm")


def test_what_is_written_is_read_again():
    for text in ("mfcc", "mfcc:n=20,hop=0.005"):
        assert grammar.spec(grammar.name_of(text), grammar.parameters(text)) == text


@pytest.mark.parametrize("kind", [feature_specs, classifier_of, corpus_of])
def test_a_parameter_without_a_value_is_refused_alike_for_each_kind(kind):
    name = {feature_specs: "mfcc", classifier_of: "svm", corpus_of: "iemocap"}[kind]
    with pytest.raises(UsageError, match=rf"^'loud' in '{name}:loud': parameters are written name=value"):
        kind(f"{name}:loud")


def test_a_parameter_with_choices():
    assert grammar.chosen("iemocap:marked=right", CHOICES) == {"marked": "right"}
    with pytest.raises(UsageError, match="value of iemocap:marked"):
        grammar.chosen("iemocap:marked=rigth", CHOICES)
    with pytest.raises(UsageError, match="setting of iemocap"):
        grammar.chosen("iemocap:side=right", CHOICES)


def test_an_error_shows_the_whole_spec():
    with pytest.raises(UsageError, match="'mfcc:n=many,pool=mean'"):
        feature_specs("mfcc:n=many,pool=mean")


@pytest.mark.parametrize("name", discovery.classifier_presets())
def test_the_spec_of_a_classifier_is_read_as_that_classifier(name):
    assert classifier_of(classifier_spec(classifier_of(name))) == classifier_of(name)
    assert classifier_spec(classifier_of("svm:C=1,select=anova")) == "svm:C=1.0,select=anova"


def test_a_model_for_each_part_of_a_feature_keeps_the_other_parameters():
    members = members_of("landmarks:columns=each,pool=mean", "svm", "late")
    specs = [spec for (spec,), _ in members]
    assert "landmarks:columns=mouth,pool=mean" in specs
    assert [grammar.parameters(spec)["pool"] for spec in specs] == ["mean"] * len(specs)

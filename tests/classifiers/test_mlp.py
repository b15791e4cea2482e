"""The small network: its hidden layers as they are spelt."""

import itertools

import numpy as np
import pytest
from toys import speakers_and_classes

from affex.classifiers.estimators.fitting import fit
from affex.pipeline.specs.classifiers import classifier_of, classifier_spec
from affex.pipeline.text.errors import UsageError


@pytest.mark.parametrize(("text", "layers"), [("32", [32]), ("16+8+4", [16, 8, 4]), ("none", [])])
def test_any_number_of_hidden_layers(text, layers):
    X, y, speakers = speakers_and_classes()
    classifier = classifier_of(f"mlp:hidden={text}")
    network = fit(classifier.estimator(seed=0), X, y, groups=speakers)[-1]
    widths = [X.shape[1], *layers, network.n_outputs_]
    assert [weights.shape for weights in network.coefs_] == list(itertools.pairwise(widths))
    assert classifier_of(classifier_spec(classifier)) == classifier


@pytest.mark.parametrize("text", ["0", "16+", "16+x", "-3", "2.5"])
def test_other_layers_are_refused(text):
    with pytest.raises(UsageError, match=r"hidden=.*expected none, or units of each layer joined by"):
        classifier_of(f"mlp:hidden={text}")


def test_three_layers_learn_what_one_line_cannot_part():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2)).astype(np.float32)
    y = np.where(X[:, 0] * X[:, 1] > 0, "alike", "apart")
    found = {
        hidden: (fit(classifier_of(f"mlp:hidden={hidden}").estimator(seed=0), X[:300], y[:300], groups=y[:300])
                 .predict(X[300:]) == y[300:]).mean()
        for hidden in ("none", "32+16+8")
    }  # fmt: skip
    assert found["32+16+8"] > 0.85
    assert found["none"] < 0.65

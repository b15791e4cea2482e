"""A saved sequence model (two streams, a dialog) predicts as its fold; one that cannot be saved is refused."""

import inspect
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_readers import SESSION, InDialog, PreviousTurn, dialogs

from affex import classifiers
from affex.classifiers import estimators
from affex.pipeline.evaluation.evaluate import evaluate
from affex.pipeline.evaluation.prechecks import require_able
from affex.pipeline.evaluation.settings import Plan
from affex.pipeline.models import model_file, models
from affex.pipeline.specs import discovery
from affex.pipeline.text.errors import AffexError, UsageError

HEAD = """
from typing import Any
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression

"""
PLUGIN = """
from dataclasses import dataclass
from affex.classifiers.base import Classifier

@dataclass(frozen=True, kw_only=True)
class Previous(Classifier):
    reads = "sequence"
    streams = 2
    context = "{context}"

    def build(self):
        from affex.classifiers.estimators.previous_turn import PreviousTurn
        return PreviousTurn()

PRESETS = {{"previous": Previous()}}
"""


@pytest.fixture(params=["dialog", "none"])
def plan(request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plan]:
    """Put the classifier and its estimator where CONTRIBUTING says, in folders of their own; return its plan."""
    for package, name, code in (
        (estimators, "previous_turn", HEAD + inspect.getsource(PreviousTurn)),
        (classifiers, "previous", PLUGIN.format(context=request.param)),
    ):
        folder = tmp_path / package.__name__
        folder.mkdir()
        (folder / f"{name}.py").write_text(code)
        monkeypatch.setattr(package, "__path__", [str(folder), *package.__path__])
        monkeypatch.delattr(package, name, raising=False)
    discovery.classifier_presets.cache_clear()
    yield planned(discovery.classifier_presets()["previous"])
    discovery.classifier_presets.cache_clear()
    for name in ("previous", "estimators.previous_turn"):
        sys.modules.pop(f"affex.classifiers.{name}", None)


def planned(classifier: Any) -> Plan:
    return Plan(corpus="toy", features=("voice", "face"), keys=("v", "f"), classifier=classifier, protocol=SESSION)


def test_it_says_again_what_the_fold_said(plan, tmp_path):
    table = dialogs()
    model_file.require_savable(require_able(plan), plan.classifier)
    model = models.fit(table, plan, exclude=["s0a", "s0b"], recipes=["{}", "{}"])
    model_file.write(model, tmp_path / "one.affex")
    again = model_file.read(tmp_path / "one.affex")
    assert again.plan == plan
    own = table.take(np.flatnonzero([utterance.session == "0" for utterance in table.utterances]))
    said = models.predict(again, own).fold_scores
    assert len(said.numbers) == len(own)
    predicted = dict(zip([utterance.id for utterance in own.utterances], said.scores.tolist(), strict=True))
    scores = evaluate(table, plan).scores
    tested = scores.folds == "0"
    assert tested.sum() > 40
    assert [predicted[id_] for id_ in scores.ids[tested]] == scores.values[tested].tolist()


def test_rows_of_another_form_are_refused(plan, tmp_path):
    table = dialogs()
    model_file.write(models.fit(table, plan, recipes=["{}", "{}"]), tmp_path / "one.affex")
    again = model_file.read(tmp_path / "one.affex")
    with pytest.raises(UsageError, match=r"reads 2 features as streams of their own"):
        models.predict(again, replace(table, streams=table.streams[:1]))
    with pytest.raises(AffexError, match="under other names than those that the model was fitted on"):
        models.predict(again, replace(table, streams=table.streams[::-1]))


def test_an_estimator_that_is_in_no_file_of_affex_is_refused_before_it_learns():
    plan = planned(InDialog())
    with pytest.raises(UsageError, match=r"test_readers\.PreviousTurn, and a model file holds types of scikit-learn"):
        model_file.require_savable(require_able(plan), plan.classifier)

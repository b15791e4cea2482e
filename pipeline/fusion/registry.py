"""Registry: the arrow from the name of a fusion rule to the rule."""

from collections.abc import Mapping

from affex.pipeline.fusion.dialog_rules import Chain, Recurrent
from affex.pipeline.fusion.rules import (
    AccuracyWeighted,
    Combination,
    ErrorWeighted,
    Mean,
    MeanValue,
    Mixture,
    Product,
    Rule,
    Stacked,
    Vote,
)

#: The rules that fuse classes, by name; those of `pipeline.specs.fusions.OF_DIALOGS` read turns.
CLASS_RULES: Mapping[str, type[Rule]] = {
    "mean": Mean,
    "product": Product,
    "vote": Vote,
    "weights": Mixture,
    "accuracy": AccuracyWeighted,
    "bayes": ErrorWeighted,
    "svm": Stacked,
    "chain": Chain,
    "lstm": Recurrent,
}
#: The rules that fuse values, by name; a rule learns if the rule of the same name for classes does.
VALUE_RULES: Mapping[str, type[Rule]] = {"mean": MeanValue, "weights": Combination}

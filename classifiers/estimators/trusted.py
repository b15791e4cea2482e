"""What a saved model may hold: settings and numbers in types of scikit-learn, of numpy and of affex. Never a pickle.

skops (https://skops.readthedocs.io) writes an estimator as a tree of nodes. Each names the type it stands for, and
whatever is not trusted is refused before anything is made of it.
"""

import importlib
import re
from typing import Any

#: The kinds of nodes that estimators are made of. None calls a function that the file names: a tree, a loss or a source
#: of random numbers is made by its own constructor.
NODES = frozenset({
    *("DictNode", "ListNode", "TupleNode", "JsonNode", "NdArrayNode", "MaskedArrayNode", "DTypeNode"),
    *("ObjectNode", "TypeNode", "FunctionNode", "TreeNode", "LossNode", "RandomStateNode", "RandomGeneratorNode"),
})  # fmt: skip

#: Packages of scikit-learn whose classes are no parts of a model.
NO_MODELS = frozenset({"datasets", "externals", "utils", "inspection", "experimental", "tests", "conftest"})

#: Classes elsewhere that are.
HELPERS = frozenset({
    "numpy.dtype",
    "sklearn.utils._bunch.Bunch",
    "sklearn.utils._metadata_requests.MetadataRequest",
    "sklearn.utils._metadata_requests.MethodMetadataRequest",
})  # fmt: skip

#: Modules with functions that a model may call: scores of columns, figures that a search goes by, and kernels.
FUNCTIONS = frozenset({
    "affex.classifiers.estimators.selection",
    "sklearn.feature_selection._univariate_selection",
    "sklearn.feature_selection._mutual_info",
    "sklearn.metrics._classification",
    "sklearn.metrics._ranking",
    "sklearn.metrics._regression",
    "sklearn.metrics.pairwise",
})  # fmt: skip


def foreign(archive: bytes) -> tuple[list[str], list[str]]:
    """Return the types in a skops archive that are no part of a model, and those that skops is to be told to trust."""
    import skops.io

    named = skops.io.get_untrusted_types(data=archive)
    return [name for name in named if not is_trusted(name)], [name for name in named if is_trusted(name)]


def is_trusted(name: str) -> bool:
    """Tell whether a type, by its dotted name, may be part of a saved model."""
    if name in HELPERS:
        return True
    if not re.fullmatch(r"(sklearn|affex\.classifiers\.estimators)(\.\w+)+", name) or name.split(".")[1] in NO_MODELS:
        return False
    module, _, kind = name.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), kind, None)
    except ImportError:
        return False
    if getattr(found, "__module__", "") != module:  # defined there, not imported
        return False
    return isinstance(found, type) or module in FUNCTIONS


def require_savable(estimator: Any) -> None:
    """Refuse an estimator, fitted or not, that cannot be saved without a pickle.

    Raises
    ------
    ValueError
        Naming the types that stand in the way.
    """
    import skops.io

    try:
        refused, _ = foreign(skops.io.dumps(estimator))
    except Exception as error:  # whatever somebody's class raises when it is looked at
        raise ValueError(f"it cannot be saved without a pickle: {error}") from error
    if refused:
        raise ValueError(
            f"it holds {', '.join(refused)}, and a model file holds types of scikit-learn, numpy and affex only, since "
            "others would need a pickle; expected a step of scikit-learn, or a function of numpy, in its place"
        )

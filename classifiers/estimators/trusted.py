"""Trust: from a skops archive to the types in it that no saved model may hold. A model is never a pickle.

A saved model holds settings and numbers in types of scikit-learn, numpy and affex. skops
(https://skops.readthedocs.io) writes an estimator as a tree of nodes, each of which names its type. Types that are not
trusted are refused before an object is made.
"""

import importlib
import re
from typing import Any

#: The kinds of nodes that estimators consist of. None of them calls a function that the file names: trees, losses and
#: random number generators are made by their own constructors.
NODES = frozenset({
    *("DictNode", "ListNode", "TupleNode", "JsonNode", "NdArrayNode", "MaskedArrayNode", "DTypeNode"),
    *("ObjectNode", "TypeNode", "FunctionNode", "TreeNode", "LossNode", "RandomStateNode", "RandomGeneratorNode"),
})  # fmt: skip

#: Packages of scikit-learn whose classes are not parts of a model.
NO_MODELS = frozenset({"datasets", "externals", "utils", "inspection", "experimental", "tests", "conftest"})

#: Classes of other packages that are parts of a model.
HELPERS = frozenset({
    "numpy.dtype",
    "sklearn.utils._bunch.Bunch",
    "sklearn.utils._metadata_requests.MetadataRequest",
    "sklearn.utils._metadata_requests.MethodMetadataRequest",
})  # fmt: skip

#: Modules with functions that a model may call: scores of columns, search criteria, and kernels.
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
    """Return the types in a skops archive that are not part of a model, and the types to pass to skops as trusted."""
    import skops.io

    named = skops.io.get_untrusted_types(data=archive)
    return [name for name in named if not is_trusted(name)], [name for name in named if is_trusted(name)]


def is_trusted(name: str) -> bool:
    """Return whether a type, by its dotted name, may be part of a saved model."""
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
        If types prevent saving; the message names them.
    """
    import skops.io

    try:
        refused, _ = foreign(skops.io.dumps(estimator))
    except Exception as error:  # a class from elsewhere may raise any exception when it is inspected
        raise ValueError(f"it cannot be saved without a pickle: {error}") from error
    if refused:
        raise ValueError(
            f"it holds {', '.join(refused)}, and a model file holds types of scikit-learn, numpy and affex only, since "
            "others would need a pickle; expected a step of scikit-learn, or a function of numpy, in its place"
        )

"""Model files: the arrow from a fitted model to one portable file, and back.

A model file is a zip archive without compression. It has two members::

    model.json        the settings, the training data, the licence, and the sha256 of the other member
    estimator.skops   the estimator as skops writes it (https://skops.readthedocs.io): a tree in JSON, and arrays in
                      numpy's own format; of XGBoost its own JSON

Equal models give equal bytes: members have no dates, and the ids and random names of skops are removed or replaced by
counters. **No pickle is ever read.** Before any object is made, reading refuses a file with any other member, and a
file whose tree has a node of a kind or type that no model of affex has. This keeps foreign code out. Then the estimator
is compared with the record, its arrays are checked against each other (`classifiers.estimators.soundness`), and it is
tried on some rows, unless it reads sequences. These checks cannot show whether the numbers are honest: a model can be
made to mislead.
"""

import dataclasses
import hashlib
import io
import json
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from affex.classifiers.base import Classifier, Target, Wrapped
from affex.pipeline.corpora.base import Protocol
from affex.pipeline.evaluation.folds import protocol_hash
from affex.pipeline.evaluation.settings import Plan, Settings, expected
from affex.pipeline.media import pointers
from affex.pipeline.models.models import Learned, Model
from affex.pipeline.specs import discovery
from affex.pipeline.storage import files
from affex.pipeline.storage.atomic import temporary, writing
from affex.pipeline.text.errors import AffexError, UsageError

#: Increased by hand whenever the layout of a file or the meaning of a field changes.
SCHEMA = 4

SUFFIX = ".affex"
RECORD = "model.json"
ESTIMATOR = "estimator.skops"

#: The first possible date of a zip archive, because members have no date.
_NO_DATE = (1980, 1, 1, 0, 0, 0)


class _ForeignError(Exception):
    """A file is not a model file of affex; the message says why."""


def write(model: Model, path: Path) -> None:
    """Write a model, whole or not at all.

    Raises
    ------
    AffexError
        If the file cannot be written, or the estimator cannot be saved without a pickle.
    """
    import skops.io

    classifier = model.plan.classifier
    require_savable(model.estimator, classifier)
    if classifier.reads != "sequence" and _n_columns(model.estimator) is None:
        raise UsageError(
            f"{classifier.name} cannot be fitted to be taken away: its estimator does not state the number of columns, "
            "which scikit-learn calls n_features_in_. Set it in fit."
        )
    estimator = _canonical(skops.io.dumps(model.estimator))
    record = json.dumps(_record(model, estimator), indent=2, ensure_ascii=False, allow_nan=False)
    content = _zipped({RECORD: record.encode(), ESTIMATOR: estimator})
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary(path) as file:
            file.write(content)


def require_savable(estimator: Any, classifier: Classifier) -> None:
    """Refuse an estimator, fitted or not, that cannot be saved without a pickle.

    Raises
    ------
    UsageError
        If it cannot be saved; the message names the reason.
    """
    from affex.classifiers.estimators import trusted

    try:
        trusted.require_savable(estimator)
    except ValueError as error:
        raise UsageError(f"{classifier.name} cannot be saved as a model: {error}.") from error


def read(path: Path) -> Model:
    """Return the model in a file.

    Raises
    ------
    UsageError
        If the file does not exist, or was never fetched.
    AffexError
        If any part of it is not that of a model file of affex, or another version of affex made it. No part of it
        has then been run.
    """
    if why := pointers.unfetched(path):
        raise UsageError(f"The model {path} {why}.")
    try:
        content = files.content(path)
    except OSError as error:
        raise UsageError(
            f"The model {path} cannot be read: {error.strerror or error}. Make one with `make fit`, or say where it "
            f"is with MODEL=file{SUFFIX}."
        ) from error
    try:
        return _model(content)
    except AffexError:
        raise
    except Exception as error:  # the content of a foreign file may raise any exception
        why = str(error) if isinstance(error, _ForeignError) else f"{type(error).__name__}: {error}"
        raise AffexError(
            f"{path} is not a model file of affex, or it was changed: {why}.\n"
            "It was refused, and nothing in it was run. Get it again from its author, or make one with `make fit`."
        ) from error


def _model(content: bytes) -> Model:
    members = _unzipped(content)
    if set(members) != {RECORD, ESTIMATOR}:
        raise _ForeignError(f"it holds {', '.join(members) or 'nothing'}; expected {RECORD} and {ESTIMATOR} alone")
    record = json.loads(members[RECORD])
    if record["schema"] != SCHEMA:
        raise AffexError(
            f"The model file has the layout {record['schema']}, and this version of affex reads {SCHEMA}: fit the "
            "model anew with `make fit`, or use the affex that made it."
        )
    if record["estimator"]["sha256"] != _sha256(members[ESTIMATOR]):
        raise _ForeignError(f"{ESTIMATOR} is not what {RECORD} says it is")
    _require_types(record)
    estimator = _estimator(members[ESTIMATOR])
    plan = _plan(record["settings"], estimator)
    learned = record["learned_from"]
    _require_built(estimator, plan, values=not learned["counts"])
    model = Model(
        plan=plan,
        recipes=tuple(_canonical_json(feature["recipe"]) for feature in record["features"]),
        columns=record["columns"],
        learned=Learned(**{**learned, **{name: tuple(learned[name]) for name in ("excluded", "notes")}}),
        estimator=estimator,
        chosen=record["chosen"],
        versions=record["versions"],
    )
    _require_agreement(model, record)
    return model


def _require_types(record: Mapping[str, Any]) -> None:
    """Refuse a record with values of unexpected types."""
    settings, learned = record["settings"], record["learned_from"]
    of_text = [record["columns"], settings["corpus"], settings["device"], learned["unit"],
               *settings["features"], *settings["keys"], *learned["counts"], *learned["left_out"], *learned["sexes"],
               *learned["excluded"], *learned["notes"], *record["chosen"], *record["versions"],
               *record["versions"].values()]  # fmt: skip
    counts = [learned["n_utterances"], learned["n_clusters"], settings["seed"], *learned["counts"].values(),
              *learned["sexes"].values(),
              *learned["left_out"].values()]  # fmt: skip
    if (
        not all(isinstance(value, str) for value in of_text)
        or not all(type(value) is int and value >= 0 for value in counts)
        or not isinstance(settings["reweight"], bool)
        or expected("soft", settings["soft"])
        or settings["speaker_norm"] not in (False, True, "mean")
        or not len(settings["features"]) == len(settings["keys"]) == len(record["features"])
    ):
        raise _ForeignError(f"{RECORD} has values that no model of ours has")


def _require_agreement(model: Model, record: Mapping[str, Any]) -> None:
    """Refuse an estimator that does not match the record."""
    from affex.classifiers.estimators.native import UnsoundError
    from affex.classifiers.estimators.soundness import require_sound

    estimator, plan = model.estimator, model.plan
    if record["n_columns"] != _n_columns(estimator):
        raise _ForeignError(f"{RECORD} states {record['n_columns']} columns, and the estimator of another number")
    if sorted(getattr(estimator, "classes_", ())) != sorted(name for name, n in model.learned.counts.items() if n):
        raise _ForeignError(f"{RECORD} states the classes {', '.join(model.classes)}, and the estimator of others")
    derived = {"protocol_hash": protocol_hash(plan.protocol), "evaluation": model.evaluation,
               "classes": [*model.classes],
               "target": plan.protocol.target, "scores": plan.about().scores}  # fmt: skip
    if any(record[name] != value for name, value in derived.items()):
        raise _ForeignError(f"{RECORD} contradicts itself")
    try:
        # A model for a GPU may be read on a machine without one, and single rows are no sequence.
        require_sound(estimator, trial=plan.settings.device == "cpu" and plan.classifier.reads != "sequence")
    except UnsoundError as error:
        raise _ForeignError(f"the estimator is not whole: {error}") from error


def _record(model: Model, estimator: bytes) -> dict[str, Any]:
    """Return the content of ``model.json``."""
    plan, classifier = model.plan, model.plan.classifier
    made: dict[str, Any] = {"name": classifier.name, "settings": dict(classifier.settings)}
    if isinstance(classifier, Wrapped):
        made["open_seeds"] = classifier.open_seeds
    features = zip(plan.features, plan.keys, model.recipes, strict=True)
    return {
        "schema": SCHEMA,
        "settings": {
            "corpus": plan.corpus,
            "features": plan.features,
            "keys": plan.keys,
            "classifier": made,
            "protocol": dataclasses.asdict(plan.protocol),
            **plan.settings.recorded,
        },
        "protocol_hash": protocol_hash(plan.protocol),
        "target": plan.protocol.target,
        "classes": list(model.classes),
        "scores": plan.about().scores,
        "features": [{"spec": spec, "key": key, "recipe": json.loads(recipe)} for spec, key, recipe in features],
        "columns": model.columns,
        "n_columns": _n_columns(model.estimator),
        "learned_from": dataclasses.asdict(model.learned),
        "evaluation": model.evaluation,
        "chosen": {name: _plain(value) for name, value in model.chosen.items()},
        "versions": dict(model.versions),
        "estimator": {"file": ESTIMATOR, "sha256": _sha256(estimator)},
    }


def _plan(record: Mapping[str, Any], estimator: Any) -> Plan:
    rest = dict(record)
    protocol = rest.pop("protocol")
    return Plan(
        corpus=rest.pop("corpus"),
        features=tuple(rest.pop("features")),
        keys=tuple(rest.pop("keys")),
        classifier=_classifier(estimator, **rest.pop("classifier")),
        protocol=Protocol(**{**protocol, "parts": tuple(protocol["parts"])}),
        settings=Settings(**rest),
    )


def _classifier(estimator: Any, name: str, settings: Mapping[str, Any], open_seeds: Any = None) -> Classifier:
    """Return the classifier in a record; for a wrapped estimator it is made from the estimator itself."""
    kinds = {preset.name: type(preset) for preset in discovery.classifier_presets().values()}
    if name in kinds:
        return kinds[name](**settings)
    if open_seeds is None:
        raise _ForeignError(f"its classifier is '{name}'; known are {', '.join(kinds)}")
    from sklearn.base import clone

    model = clone(estimator).set_params(**dict.fromkeys(open_seeds))
    found = Wrapped(model=model, rows=settings.get("rows", "pooled"))
    if (found.name, found.settings, list(found.open_seeds)) != (name, settings, open_seeds):
        raise _ForeignError(f"the estimator has other settings than {RECORD} states")
    return found


def _estimator(archive: bytes) -> Any:
    """Return the estimator in a skops archive, if a model may have each of its nodes."""
    import skops.io

    from affex.classifiers.estimators.trusted import NODES, foreign

    members = _unzipped(archive)
    others = [name for name in members if not re.fullmatch(r"schema\.json|\d+\.npy", name)]
    if others:
        raise _ForeignError(f"{ESTIMATOR} holds {', '.join(others)}; expected schema.json and numbered arrays alone")
    kinds = {node["__loader__"] for node in _nodes(json.loads(members["schema.json"]))}
    if kinds - NODES:
        raise _ForeignError(f"{ESTIMATOR} has nodes of the kind {', '.join(sorted(kinds - NODES))}, which no model has")
    refused, trusted = foreign(archive)
    if refused:
        raise _ForeignError(f"{ESTIMATOR} has what is no part of a model: {', '.join(sorted(refused))}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about other versions, which the user of the model is told separately
        return skops.io.loads(archive, trusted=trusted)


def _require_built(estimator: Any, plan: Plan, *, values: bool) -> None:
    """Refuse an estimator that differs from what the classifier builds."""
    from affex.classifiers.estimators.inspection import spelled

    target: Target = "values" if values else "classes"
    expected = plan.classifier.estimator(target=target, seed=plan.settings.seed, device=plan.settings.device)
    if type(estimator) is not type(expected):
        raise _ForeignError(f"the estimator is a {type(estimator).__name__}; expected {type(expected).__name__}")
    if spelled(estimator) != spelled(expected):
        raise _ForeignError(f"the estimator has other settings than {RECORD} states")


def _canonical(archive: bytes) -> bytes:
    """Return an equivalent skops archive, without the parts that differ between two equal estimators.

    These are the ids of its objects, which only mark repeated references, and the names of its arrays.
    """
    members = _unzipped(archive)
    tree = json.loads(members["schema.json"])
    names: dict[str, str] = {}
    for node in _nodes(tree):
        node.pop("__id__", None)
        if "file" in node:
            node["file"] = names.setdefault(node["file"], f"{len(names)}.npy")
    arrays = {new: members[old] for old, new in names.items()}
    return _zipped({"schema.json": json.dumps(tree).encode(), **arrays})


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield every node of a skops tree in its order, starting at the root."""
    if isinstance(tree, dict):
        if "__loader__" in tree:
            yield tree
        for branch in tree.values():
            yield from _nodes(branch)
    elif isinstance(tree, list):
        for branch in tree:
            yield from _nodes(branch)


def _zipped(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo(name, _NO_DATE)
            member.create_system = 3  # the same on all systems
            archive.writestr(member, content)
    return buffer.getvalue()


def _unzipped(content: bytes) -> dict[str, bytes]:
    """Return the members of an archive; refuse compressed members, which could fill the memory."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise _ForeignError("it is compressed")
        if len({member.filename for member in members}) < len(members):
            raise _ForeignError("it holds a member twice")
        return {member.filename: archive.read(member) for member in members}


def _n_columns(estimator: Any) -> int | None:
    """Return the number of columns that an estimator was fitted on; None where one of sequences does not state it."""
    found = getattr(estimator, "n_features_in_", None)
    return None if found is None else int(found)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _canonical_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

"""The arrow from a model of pictures and an utterance's cached pictures to where the model looks."""

from pathlib import Path
from typing import Any

import numpy as np

from affex.pipeline.contact_sheet.record import SHOTS, Look
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.models import model_file, models
from affex.pipeline.models.models import Model
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.streams.table import load
from affex.pipeline.text.errors import UsageError


def looks(path: Path, dataset: Dataset, utterance: Utterance) -> tuple[Look, ...]:
    """Return where a saved model looks in some pictures of an utterance, evenly spread over its time.

    Raises
    ------
    UsageError
        If the model is no network of classes on the pictures of one feature, or the utterance has none.
    AffexError
        If the file is no model, or the feature is not in the cache.
    """
    model = model_file.read(path)
    specs = feature_specs(" ".join(model.plan.features))
    _require_pictures(model, path, [spec.feature.row_shape for spec in specs])
    models.require_features(model, specs)
    stream = load(dataset, specs, [utterance.id]).streams[0]
    if not len(stream.values):
        raise UsageError(f"{utterance.id} has no row of {specs[0]}: there is nothing to look at.")
    assert stream.times is not None
    n = min(SHOTS, len(stream.values))
    chosen = [int((k + 0.5) * len(stream.values) / n) for k in range(n)]
    return _of_pictures(model.estimator, stream.values[chosen], stream.times[chosen])


def _of_pictures(estimator: Any, pictures: "np.ndarray[Any, Any]", times: "np.ndarray[Any, Any]") -> tuple[Look, ...]:
    from affex.classifiers.estimators.nets import looking

    regions, found = looking.regions(estimator, pictures), []
    for number, (picture, time) in enumerate(zip(pictures, times.tolist(), strict=True)):
        scores, fall = looking.falls(estimator, picture)
        shown = picture[..., 0] if picture.shape[-1] == 1 else picture
        best = int(scores.argmax())
        region = None if regions is None else regions[number]
        found.append(Look(time, shown, region, fall, str(estimator.classes_[best]), float(scores[best])))
    return tuple(found)


def _require_pictures(model: Model, path: Path, shapes: list[tuple[int, ...]]) -> None:
    """Refuse a model that is not a network of classes on pictures of one feature."""
    is_net = model.plan.classifier.name == "net" and model.classes
    if not is_net or len(shapes) != 1 or len(shapes[0]) != 3 or shapes[0][2] not in (1, 3):
        raise UsageError(
            f"MODEL={path}: {model.plan.classifier.name} on {' '.join(model.plan.features)} does not read pictures "
            "alone. Expected a network of classes on one feature of pictures, as of "
            "`make fit FEATURES=pixels-grey CLASSIFIER=net:trunk=stn+cnn2d,segment=1`."
        )

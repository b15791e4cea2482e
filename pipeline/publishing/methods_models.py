"""The sentences of the methods on models: features, how rows are prepared, the classifier, what is searched, fusion."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from affex.classifiers.base import Classifier
from affex.pipeline.evaluation import training_limits
from affex.pipeline.evaluation.results import FusionSettings
from affex.pipeline.evaluation.settings import DAWID_SKENE
from affex.pipeline.evaluation.summary import Summary
from affex.pipeline.fusion.fusion import rule_of
from affex.pipeline.fusion.registry import CLASS_RULES, VALUE_RULES
from affex.pipeline.publishing import described, prose
from affex.pipeline.publishing.described import DescribedFeature, DescribedModel
from affex.pipeline.publishing.prose import Cite, cite, listed
from affex.pipeline.specs import discovery, matrices, spectra
from affex.pipeline.specs.features import FeatureSpec
from affex.pipeline.streams.enrolment import is_enrolment
from affex.pipeline.text.errors import AffexError

#: A classifier with more settings than these names those only that are not its defaults.
MOST_SETTINGS = 8
#: What a note says of a search whose choice stands at the edge (`pipeline.evaluation.searches`).
EDGE = "edge of its grid"
#: Steps of scikit-learn's pipelines in words; `{}` is the setting that is named behind.
STEPS = {
    "SimpleImputer": ("missing values become the column's {}", "strategy"),
    "StandardScaler": ("columns are z-scored", ""),
    "MinMaxScaler": ("columns are scaled to the range {}", "feature_range"),
    "RobustScaler": ("columns are scaled by their quantiles", ""),
    "PCA": ("{} principal components are kept", "n_components"),
    "SelectKBest": ("the best {} columns are kept", "k"),
    "TfidfTransformer": ("counts are weighted by TF-IDF", ""),
}


def models(summary: Summary) -> Iterator[str | Cite]:
    """Yield the sentences on each model of a run."""
    found = described.models(summary.about.settings)
    for number, model in enumerate(found, 1):
        yield f"Model {number} of {len(found)}: " if len(found) > 1 else ""
        yield from _features(model)
        same = next((n for n, other in enumerate(found[: number - 1], 1) if _is_same(model, other)), None)
        if same:
            yield f"All else is as for model {same}. "
        else:
            yield from _classifier(model, summary)
    yield from _chosen(summary)


def _is_same(model: DescribedModel, other: DescribedModel) -> bool:
    """Return whether two models differ in their features only."""
    one, two = (replace(each.settings, features=(), feature_keys=()) for each in (model, other))
    return one == two


def fusion(summary: Summary) -> Iterator[str | Cite]:
    """Yield the sentence on the rule by which the models are fused; nothing for one model."""
    settings = summary.about.settings
    if not isinstance(settings, FusionSettings):
        return
    yield f"The models' answers are fused by the rule {settings.fusion}"
    rules: Mapping[str, Any] = CLASS_RULES if summary.classes else VALUE_RULES
    try:
        rule = rules[rule_of(settings.fusion)]
    except (AffexError, KeyError):
        yield ". "
        return
    yield f" ({rule.scores})"
    yield from cite(*rule.cites)
    learned = "learned from the scores of inner models, which were not trained on the utterances that they score"
    yield f", {learned if rule.learns else 'which learns nothing'}. "


def _features(model: DescribedModel) -> Iterator[str | Cite]:
    several = len(model.features) > 1
    yield "Each utterance is described by "
    for number, feature in enumerate(model.features):
        yield (" and " if number == len(model.features) - 1 else ", ") if number else ""
        yield from _feature(feature)
    streams = model.classifier is not None and model.classifier.streams != 1
    yield f", {'as streams of their own' if streams else 'side by side (early fusion)'}. " if several else ". "


def _feature(feature: DescribedFeature) -> Iterator[str | Cite]:
    yield feature.phrase
    yield from cite(*feature.cites, *_statistics_cites(feature.spec))
    known = filter(None, (*_details(feature), _computed(feature)))
    yield f" [{'; '.join(known)}]"


def _statistics_cites(spec: FeatureSpec | None) -> tuple[str, ...]:
    """Return what the statistics of a feature's frames and the spectra of its rows rest on."""
    if spec is None:
        return ()
    own = [key for name in spec.pool for key in matrices.CITED.get(name, ())]
    reduced = ["achlioptas2003"] if spec.dims else []
    return tuple(dict.fromkeys([*own, *reduced, *(spectra.CITED if spec.fft else ())]))


def _details(feature: DescribedFeature) -> Iterator[str]:
    spec = feature.spec
    if spec is None:
        yield "computed by another project and imported as they were"
        return
    yield f"FEATURES={feature.text}: {spec.feature.about}"
    if spec.fft:
        yield "each row is the Fourier transform of its columns, scaled to length 1, real and imaginary parts"
    if spec.pool:
        yield f"the frames of an utterance are pooled by {listed(spec.pool)}"
    if spec.dims:
        yield f"before, a fixed projection reduces their columns to {spec.dims}"
    if spec.only:
        yield f"only the columns that begin with {listed(spec.only)}"


def _computed(feature: DescribedFeature) -> str:
    by = listed([f"{name} {version}" for name, version in feature.versions.items()])
    key = f"cache key {feature.key[:12]}" if feature.key else ""
    return ", ".join(filter(None, (f"computed with {by}" if by else "", key)))


def _classifier(model: DescribedModel, summary: Summary) -> Iterator[str | Cite]:
    settings = model.settings
    yield f"In each fold, {preparation(model)}. " if preparation(model) else ""
    yield f"The model is {model.phrase}"
    yield from cite(*(model.classifier.cites if model.classifier else _estimator_cites(model)))
    yield "" if settings.passed else f" ({given})" if (given := fixed(model)) else ""
    yield ". "
    if search := searched(model, summary):
        yield f"Searched inside the training {summary.about.unit}s of each fold: {search}. "
    if settings.soft == DAWID_SKENE:
        yield "A training utterance counts for each class as a model of the raters has it"
        yield from cite("dawid1979")
        yield ", fitted in each fold to the votes on its training utterances. "
    elif settings.soft:
        yield "A training utterance counts for each class in proportion to the raters who chose it. "
    if settings.reweight:
        yield "Scores are multiplied by the square root of their class's training frequency"
        yield from cite("zhou2019")
        yield ". "


def _estimator_cites(model: DescribedModel) -> tuple[str, ...]:
    return ("pedregosa2011",) if "sklearn." in str(model.settings.passed or "") else ()


def fixed(model: DescribedModel) -> str:
    """Return the settings of a named classifier that are not searched, in words.

    Of many settings those that are not the defaults are named.
    """
    settings = model.settings.classifier_settings
    given = {name: value for name, value in settings.items() if value not in (None, "none")}
    if len(given) <= MOST_SETTINGS or model.classifier is None:
        return prose.settings(given)
    default = discovery.classifier_presets().get(model.settings.classifier, model.classifier).settings
    own = {name: value for name, value in settings.items() if value != default.get(name)}
    others = f"the other {len(settings) - len(own)} settings are affex's defaults, in the run's record"
    return "; ".join(filter(None, (prose.settings(own), others)))


def preparation(model: DescribedModel) -> str:
    """Return how rows are prepared before the model learns, in words; empty where that is not known."""
    if _takes_distances(model):
        return "rows are taken as the normalisation within speakers leaves them, unless a value is missing"
    if model.classifier is not None and model.classifier.prepares:
        return model.classifier.prepares
    estimator = model.estimator.get("estimator") if "cv" in model.estimator else model.estimator
    steps = estimator.get("steps", ()) if isinstance(estimator, Mapping) else ()
    return listed([_step(step) for _, step in steps[:-1] if isinstance(step, Mapping)])


def _takes_distances(model: DescribedModel) -> bool:
    """Return whether rows that are z-scored within speakers are not scaled again (`Classifier.distances`)."""
    own = type(model.classifier).distances is not Classifier.distances if model.classifier else False
    selects = getattr(model.classifier, "select", "none") != "none"
    norm = model.settings.speaker_norm
    return own and (norm is True or is_enrolment(norm)) and not selects


def _step(step: Mapping[str, Any]) -> str:
    name = described.name_of(step)
    wording, setting = STEPS.get(name, (f"the step {name} is applied", ""))
    return wording.format(step.get(setting, ""))


def searched(model: DescribedModel, summary: Summary) -> str:
    """Return what is searched on inner folds, and how, in words; empty if nothing is."""
    own = model.classifier.searched(described.targets(summary)) if model.classifier else _grid(model.estimator)
    if not own:
        return ""
    unit = "session" if summary.about.protocol.scheme == "session" else summary.about.unit
    if summary.about.protocol.scheme == "split":
        return f"{own} (trained on the split's training part and scored on its validation part, where there is one)"
    inner = f"inner folds over the training {unit}s, each kept whole"
    if summary.about.protocol.scheme == "folds":
        return f"{own} (a fold's validation part where the table has one, else {inner})"
    return f"{own} ({inner})"


def _grid(estimator: Mapping[str, Any]) -> str:
    """Return the grid of a search of scikit-learn in words."""
    grid = estimator.get("param_grid") or estimator.get("param_distributions")
    if not grid:
        return ""
    by = estimator.get("scoring") or "the estimator's own score"
    return f"{prose.settings(grid) if isinstance(grid, Mapping) else grid}; by {by} on the inner folds"


def _chosen(summary: Summary) -> Iterator[str]:
    """Yield what the folds chose, and where the search was not possible."""
    if choices := chosen(summary):
        yield f"The folds chose {'; '.join(choices)}. "
    for sentence in limits(summary):
        yield f"Limits: {sentence}. "


def limits(summary: Summary) -> Sequence[str]:
    """Return what the training rows were too few for, and where a search stands at the edge of its grid."""
    met = tuple(training_limits.sentences([(fold.best_params, fold.limits) for fold in summary.folds]))
    return (*met, *(note for note in summary.notes if EDGE in note and note not in met))


def chosen(summary: Summary) -> list[str]:
    """Return each hyperparameter with its values and in how many folds they were chosen."""
    names = dict.fromkeys(name for fold in summary.folds for name in fold.best_params)
    return [f"{name} = {_values(summary, name)}" for name in names]


def _values(summary: Summary, name: str) -> str:
    found = Counter(prose.settings({"": fold.best_params.get(name)})[3:] for fold in summary.folds)
    most = [f"{value} ({n} of {len(summary.folds)})" for value, n in found.most_common(4)]
    return ", ".join(most) + (f" and {len(found) - 4} other values" if len(found) > 4 else "")

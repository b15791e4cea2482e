"""The model card: the arrow from a fitted model to a page on what it is for, what it learned from, how good it is.

The sections are those of Mitchell et al., "Model Cards for Model Reporting" (2019, doi:10.1145/3287560.3287596). All of
it is read from the model, from the data sheets of its corpora, and from the evaluation with the same settings, where
the cache has one; no figure comes from elsewhere. Text of users (labels, names of tables and speakers) is escaped.
Equal models have equal cards.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from affex.pipeline.evaluation.results import TRANSDUCTIVE
from affex.pipeline.evaluation.summary import Summary
from affex.pipeline.models.models import Model
from affex.pipeline.reporting import tables
from affex.pipeline.specs.data_sheets import DataSheet
from affex.pipeline.text.markdown import code, escaped, table

#: The ending of a card, behind the name of the model's file.
SUFFIX = ".md"
#: What a card says where a run with the same settings is not in the cache.
UNKNOWN = "No evaluation with these settings is in the cache, so nothing is known of how good this model is."
#: What no model of affex is for.
OUT_OF_SCOPE = "* Out of scope: any decision about a person, such as on work, education, health, insurance or police."
#: The distribution whose licence also covers what is learned from its features.
OPENSMILE = "opensmile"


@dataclass(frozen=True)
class File:
    """A model's file: its name without a folder, its size in bytes, and its sha256."""

    name: str
    size: int
    digest: str


def text(model: Model, file: File, sheets: Sequence[DataSheet], evaluation: Summary | None) -> str:
    """Return the card.

    Parameters
    ----------
    sheets
        The data sheet of each corpus that it learned from.
    evaluation
        The figures of the run with the same settings; None if there is none.
    """
    parts = (
        _details(model, file),
        _intended_use(model, sheets),
        _factors(model, sheets),
        _metrics(evaluation),
        _training_data(model, sheets),
        _quantitative(model, evaluation),
        _ethics(model, sheets),
        _caveats(model),
        _how_to_use(file),
    )
    title = f"# Model card: {escaped(file.name)}\n"
    return "\n".join([title, *(line for part in parts for line in part)]) + "\n"


def _details(model: Model, file: File) -> Iterator[str]:
    plan = model.plan
    target = "classes" if model.classes else f"values of {plan.protocol.target}"
    yield "## Model details\n"
    yield f"* File: {escaped(file.name)}, {file.size} bytes, sha256 `{file.digest}`."
    yield f"* Model: {code(plan.classifier.name)} on {code(' '.join(plan.features))}, which predicts {target}."
    yield f"* Classes: {', '.join(map(escaped, model.classes))}." if model.classes else "* It has no classes."
    yield f"* Scores: {escaped(plan.about().scores)}."
    yield f"* System: {code(plan.settings.system)}." if plan.settings.system else "* It follows no published system."
    yield f"* Evaluated as: protocol {code(str(plan.protocol))}, run {code(model.evaluation)}.\n"
    yield from table(("setting", "value"), _settings(model))
    yield ""
    yield from table(("feature", "key", "computed with"), _features(model))
    yield ""
    yield from table(("package", "version"), model.versions.items())


def _settings(model: Model) -> Iterator[tuple[str, object]]:
    """Yield the settings of the classifier, what the search chose, and those of the model."""
    yield from model.plan.classifier.settings.items()
    yield from ((f"{name} (chosen by inner folds)", value) for name, value in model.chosen.items())
    yield from ((name, value) for name, value in model.plan.settings.recorded.items() if name != "system")


def _features(model: Model) -> Iterator[tuple[str, str, str]]:
    for spec, key, recipe in zip(model.plan.features, model.plan.keys, model.recipes, strict=True):
        packages = _packages(json.loads(recipe))
        yield spec, key, ", ".join(f"{name} {version}" for name, version in packages.items())


def _packages(recipe: Mapping[str, Any]) -> dict[str, str]:
    """Return the versions of the packages of a recipe, and of those of the features that it is computed from."""
    found = dict(recipe.get("packages", {}))
    for upstream in (recipe.get("upstream"), *recipe.get("beside", {}).values()):
        found = (_packages(upstream) if upstream else {}) | found
    return found


def _intended_use(model: Model, sheets: Sequence[DataSheet]) -> Iterator[str]:
    yield "\n## Intended use\n"
    yield f"Research: labelling recordings like those of {escaped(model.plan.corpus)}, with a person who checks them."
    yield "What it predicts is how somebody labelled such recordings, not what a person feels.\n"
    yield from limits(sheets)
    if norm := model.plan.settings.speaker_norm:
        yield f"* It is {TRANSDUCTIVE[norm]}: it needs named speakers, and several recordings of each."
    yield OUT_OF_SCOPE


def limits(sheets: Sequence[DataSheet]) -> Iterator[str]:
    """Yield the limits that the corpora set to what is learned from them, a line each."""
    languages = ", ".join(dict.fromkeys(language for sheet in sheets for language in sheet.languages))
    yield f"* Languages, as the data sheet says: {languages or 'not stated'}. Others were not tried."
    if any(sheet.is_acted for sheet in sheets):
        yield "* Actors speak in the recordings: how the model does on speech that is not acted was not measured."
    if any(sheet.is_synthetic for sheet in sheets):
        yield "* The recordings are synthetic: the model shows that all runs, and says nothing about people."


def _factors(model: Model, sheets: Sequence[DataSheet]) -> Iterator[str]:
    learned = model.learned
    sexes = ", ".join(f"{n} {escaped(sex)}" for sex, n in learned.sexes.items())
    yield "\n## Factors\n"
    yield f"* {learned.unit.capitalize()}s: {learned.n_clusters}. Sex, where known: {sexes or 'not known'}."
    if learned.excluded:
        yield f"* Left out of the training: {', '.join(map(escaped, learned.excluded))}."
    for sheet in sheets:
        if who := sheet.sections.get("Who"):
            yield f"* Of {escaped(sheet.name)}: {_paragraph(who)}"
    yield "* Age, origin, microphones and rooms are not part of the model; the data sheet says what is known of them."


def _metrics(evaluation: Summary | None) -> Iterator[str]:
    yield "\n## Metrics\n"
    if evaluation is None:
        yield "None were computed: see below."
        return
    names = ", ".join(metric.title for metric in evaluation.headlines.values())
    level = evaluation.interval(next(iter(evaluation.headlines))).level
    yield f"{names}, of all tested utterances. Intervals at {level:.0%}: {escaped(evaluation.interval_method)}."
    yield f"Chance is {escaped(evaluation.chance_is)}."


def _training_data(model: Model, sheets: Sequence[DataSheet]) -> Iterator[str]:
    learned = model.learned
    yield "\n## Training data\n"
    corpus = escaped(model.plan.corpus)
    yield f"{learned.n_utterances} utterances of {learned.n_clusters} {learned.unit}s of {corpus}.\n"
    if learned.counts:
        yield from table(("class", "utterances"), learned.counts.items())
        yield ""
    for reason, n in learned.left_out.items():
        yield f"* Left out: {n}, {escaped(reason)}."
    yield from corpora(sheets)


def corpora(sheets: Sequence[DataSheet]) -> Iterator[str]:
    """Yield the title, the licence and the source of each corpus."""
    for sheet in sheets:
        yield f"* {escaped(sheet.name)}: {escaped(sheet.title)}. Licence: {escaped(sheet.licence)}."
        yield f"  Source: {escaped(sheet.source)}."


def _quantitative(model: Model, evaluation: Summary | None) -> Iterator[str]:
    yield "\n## Evaluation data and quantitative analyses\n"
    if evaluation is None:
        yield f"{UNKNOWN} `make evaluate` with the same settings makes the run {code(model.evaluation)}."
        return
    unit = f"{evaluation.about.unit}s"
    apart = "in folds with leaks" if evaluation.leaks else "that it did not learn from"
    yield f"From the run {code(model.evaluation)} in the cache: models with the same settings, each tested on {unit}"
    yield f"{apart}; {evaluation.n_utterances} utterances of {evaluation.n_clusters} {unit}."
    yield "This model itself was tested on nothing.\n"
    yield from table(("figure", "value and interval", "chance"), _figures(evaluation))
    yield ""
    if evaluation.per_class:
        yield from table(("class", "utterances", "recall", "precision", "F1"), _by_class(evaluation))
        yield ""
    yield from _by_speaker(evaluation)
    caveats = (tables.mark(evaluation).strip(" ()"), *evaluation.leaks, *_other_versions(model, evaluation))
    yield from (f"* {escaped(caveat)}." for caveat in caveats if caveat)


def _figures(evaluation: Summary) -> Iterator[tuple[str, str, str]]:
    for name, metric in evaluation.headlines.items():
        figure = evaluation.figures[name]
        yield metric.title, tables.with_interval(evaluation.interval(name)), tables.number(figure.chance)


def _by_class(evaluation: Summary) -> Iterator[tuple[str, int, str, str, str]]:
    for one in evaluation.per_class:
        yield one.name, one.n, tables.number(one.recall), tables.number(one.precision), tables.number(one.f1)


def _by_speaker(evaluation: Summary) -> Iterator[str]:
    """Yield the worst and the best speaker by the main figure; nothing where it is undefined for all."""
    main = next(iter(evaluation.headlines))
    known = [(value, one.name) for one in evaluation.per_speaker if (value := one.figures.get(main)) is not None]
    if known:
        (low, worst), (high, best) = min(known), max(known)
        title = evaluation.headlines[main].title
        ends = f"{tables.number(low)} ({escaped(worst)}) to {tables.number(high)} ({escaped(best)})"
        yield f"* {title} by {evaluation.about.unit}: from {ends}."


def _other_versions(model: Model, evaluation: Summary) -> Iterator[str]:
    """Yield a sentence if the evaluation was computed under other versions than the model."""
    names = [name for name, version in evaluation.versions.items() if model.versions.get(name) != version]
    if names:
        yield f"the run was computed under other versions of {', '.join(names)} than this model"


def _ethics(model: Model, sheets: Sequence[DataSheet]) -> Iterator[str]:
    yield "\n## Ethical considerations\n"
    yield from bound(sheets)
    if any(OPENSMILE in _packages(json.loads(recipe)) for recipe in model.recipes):
        yield "* Its features are computed by openSMILE, whose licence (audEERING Research License) covers research,"
        yield "  teaching and private use only, also of what is learned from them."
    yield "* Ask the people in your recordings before you use it on them."


def bound(sheets: Sequence[DataSheet]) -> Iterator[str]:
    """Yield the licences that bind what was learned from the corpora."""
    yield "* A model may reveal something of the recordings that it learned from, and is bound by their licence:"
    yield f"  {'; '.join(f'{escaped(sheet.name)}: {escaped(sheet.licence)}' for sheet in sheets)}."


def _caveats(model: Model) -> Iterator[str]:
    yield "\n## Caveats and recommendations\n"
    yield from (f"* {escaped(note)}." for note in model.learned.notes)
    yield "* A prediction carries no figure of its own quality. Label some recordings of yours by hand, and compare."
    yield "* Features under another key (other versions of affex or of what it computes with) are refused."


def _how_to_use(file: File) -> Iterator[str]:
    yield "\n## How to use it\n"
    yield f"With affex, in a shell and in Python; the file is {code(file.name)}:\n"
    yield "```sh\nmake predict MODEL=model.affex DATA=recordings\n```\n"
    yield '```python\nimport affex\n\nlabelled = affex.predict("model.affex", "recordings")\n```'


def _paragraph(section: str) -> str:
    """Return the first paragraph of a section of a data sheet in one line, its code between single backticks."""
    return " ".join(section.split("\n\n", maxsplit=1)[0].split()).replace("``", "`")

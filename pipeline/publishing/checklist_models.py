"""Answers on preparation, models and leakage: the last item of module 4, and modules 5 and 6 of the checklist."""

from collections.abc import Iterator

from affex.pipeline.publishing import methods_models, prose
from affex.pipeline.publishing.checklist_answers import PARTLY, RUN, Answer, Known, record
from affex.pipeline.publishing.described import DescribedModel
from affex.pipeline.publishing.methods_protocol import protocol, shared
from affex.pipeline.publishing.prose import as_text, counted, listed


def transformations(known: Known) -> Answer:
    """4c: features, normalisation, imputation, and where they are fitted."""
    features = "; ".join(f"{one.phrase} ({one.text})" for model in known.models for one in model.features)
    prepared = dict.fromkeys(filter(None, map(methods_models.preparation, known.models)))
    summary = known.summary
    norm = f" The figures are {summary.transductive}." if summary.transductive else ""
    norm += f" Test utterances are {summary.about.enrolled}." if summary.about.enrolled else ""
    fitted = listed([*prepared]) or "nothing"
    text = f"Features: {features}. In each fold, fitted on its training part only: {fitted}.{norm}"
    return Answer(RUN, text, record("about.settings", "transductive"))


def trained(known: Known) -> Answer:
    """5a: every model with its settings."""
    text = f"Trained: {'; '.join(_model(model) for model in known.models)}"
    rule = as_text(methods_models.fusion(known.summary))
    return Answer(RUN, f"{text}. {rule}".strip(), record("about.settings"))


def _model(model: DescribedModel) -> str:
    given = methods_models.fixed(model) if not model.settings.passed else "its parameters in the record"
    on = listed([feature.text for feature in model.features])
    return f"{model.phrase} on {on}" + (f" ({given})" if given else "")


def why_models(known: Known) -> Answer:
    """5b: the sources of the models and of their defaults."""
    keys = dict.fromkeys(key for model in known.models if model.classifier for key in model.classifier.cites)
    system = known.summary.about.settings.system
    named = f"The settings are those of the published system {system}. " if system else ""
    text = f"{named}Sources of the models and their defaults: {as_text(prose.cite(*keys)).strip('()') or 'none named'}."
    return Answer(PARTLY, text, "classifiers/: cites", "Why these models, and which others were tried.")


def evaluated(known: Known) -> Answer:
    """5c: the protocol, with its digest."""
    summary = known.summary
    digests = f"sha256 of the protocol {summary.protocol_hash}, of the folds {summary.folds_hash or 'not known'}."
    return Answer(RUN, f"{as_text(protocol(summary))} {digests}", record("about.protocol", "folds", "folds_hash"))


def selected(known: Known) -> Answer:
    """5d: the inner search."""
    summary = known.summary
    searches = dict.fromkeys(filter(None, (methods_models.searched(model, summary) for model in known.models)))
    if not searches:
        return Answer(RUN, "Nothing was chosen: all settings were fixed beforehand.", record("about.settings"))
    limits = " ".join(f"Limits: {sentence}." for sentence in methods_models.limits(summary))
    text = f"Inside the training part of each fold: {'; or '.join(searches)}. No test part was looked at. {limits}"
    return Answer(RUN, text.strip(), record("folds.best_params", "folds.limits"))


def hyperparameters(known: Known) -> Answer:
    """5e: what was fixed, what was searched, and what each fold chose."""
    named = (model for model in known.models if not model.settings.passed)
    fixed = "; ".join(dict.fromkeys(filter(None, (methods_models.fixed(model) for model in named))))
    chosen = "; ".join(methods_models.chosen(known.summary))
    passed = " The estimator's parameters stand in the record." if known.summary.about.settings.passed else ""
    members = getattr(known.summary.about.settings, "members", ())
    others = f" What members' folds chose: see their runs, {listed([one.run for one in members])}." if members else ""
    text = f"Fixed: {fixed or 'none'}. Chosen by the folds: {chosen or 'none'}.{others}{passed}"
    return Answer(RUN, text, record("about.settings.classifier_settings", "folds.best_params"))


def apart(known: Known) -> Answer:
    """6a: how training and test are kept apart."""
    summary = known.summary
    if summary.leaks:
        return Answer(RUN, f"They are not: {'; '.join(summary.leaks)}.", record("leaks"))
    text = (
        "All that learns (imputation, scaling, selection, search, calibration, fusion) is fitted inside the training "
        f"part of each of {counted(len(summary.folds), 'fold')}; tests of affex plant a canary that would show a leak."
    )
    used = "; ".join(filter(None, (summary.transductive, summary.about.enrolled)))
    but = f" But: {used}." if used else ""
    return Answer(RUN, text + but, record("folds_hash", "transductive"))


def dependent(known: Known) -> Answer:
    """6b: what the audit looked for, and what it found."""
    found = " ".join(f"{sentence}." for sentence in (*known.summary.leaks, *shared(known.summary)))
    text = (
        f"Before scoring, an audit compared {known.unit}s, recordings (bytes, and sound where there is any), spans of "
        "one file, sessions, dialogs, texts and the spelling of names. "
        f"{found or 'It found nothing on both sides of a fold.'}"
    )
    return Answer(RUN, text, record("leaks", "notes"))


def inputs(known: Known) -> Answer:
    """6c: what the models see, and what the checks say of it."""
    text = " ".join(_inputs(known))
    return Answer(PARTLY, text, record("about.settings.features", "notes"), "Why each input would be there in use.")


def _inputs(known: Known) -> Iterator[str]:
    for feature in dict.fromkeys(one for model in known.models for one in model.features):
        made = (
            f"computed from {feature.spec.feature.media}" if feature.spec else "imported, computed by another project"
        )
        yield f"{feature.text}: {made}."
    revealing = [note for note in known.summary.notes if "column" in note]
    yield (
        " ".join(f"{note}." for note in revealing)
        or "The checks noted no column that reveals the label or the speaker."
    )

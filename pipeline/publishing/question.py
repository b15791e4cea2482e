"""Question: from a run to what it asked, in one sentence."""

from affex.pipeline.evaluation.results import FusionSettings
from affex.pipeline.evaluation.summary import Summary
from affex.pipeline.publishing import described
from affex.pipeline.publishing.described import DescribedModel
from affex.pipeline.publishing.prose import counted, listed
from affex.pipeline.text.printable import printable

#: The most models of a fusion that a question names.
MOST = 3


def question(summary: Summary) -> str:
    """Return what a run asked, as in ``How well does a support-vector machine ... recognise 7 emotions ...?``."""
    models = described.models(summary.about.settings)
    does, verb = (
        "do" if len({model.phrase for model in models}) > 1 else "does",
        "recognise" if summary.classes else "predict",
    )
    asked = f"How well {does} {_models(summary, models)} {verb} {_target(summary)} {_whose(summary)}?"
    return printable(asked)


def _models(summary: Summary, models: tuple[DescribedModel, ...]) -> str:
    settings = summary.about.settings
    rule = f", fused by the rule {settings.fusion}," if isinstance(settings, FusionSettings) else ""
    if len(models) > MOST:
        return f"{len(models)} models{rule}"
    phrases = [model.phrase for model in models]
    if len(set(phrases)) == 1 and len(models) > 1:
        return f"{phrases[0]}, one on each of {listed([_inputs(model) for model in models])}{rule}"
    return listed([f"{model.phrase} on {_inputs(model)}" for model in models]) + rule


def _inputs(model: DescribedModel) -> str:
    return listed([feature.phrase for feature in model.features])


def _target(summary: Summary) -> str:
    target = summary.about.protocol.target
    if not summary.classes:
        return f"the value of {target}"
    of_emotion = target == "label" and all(corpus.sheet for corpus in described.corpora(summary))
    return f"{len(summary.classes)} {'emotions' if of_emotion else f'classes of {target}'}"


def _whose(summary: Summary) -> str:
    """Return whose utterances are tested, and what the models had not seen of them."""
    about = summary.about
    tested = f"in utterances of {counted(summary.n_clusters, about.unit)} of {titles(summary)}"
    trained = (
        "that they were not trained on" if len(described.models(about.settings)) > 1 else "that it was not trained on"
    )
    apart = {
        "session": f"in sessions {trained}",
        "split": "in the test part of a fixed split",
        "folds": "in the test parts of given folds",
        "cross": f"after training on {about.protocol.train or 'the other corpora'}",
        "loso+text": f"{trained}, nor on the texts that they say",
        "text": f"of texts {trained}, although other utterances of the same {about.unit}s were in training",
        "random-k": f"although utterances of the same {about.unit}s were in training",
    }
    return f"{tested}{_comma(about.protocol.scheme)}{apart.get(about.protocol.scheme, trained)}"


def _comma(scheme: str) -> str:
    return ", " if scheme in ("session", "split", "folds", "cross", "text", "random-k") else " "


def titles(summary: Summary) -> str:
    """Return the corpora of a run in a text."""
    protocol, corpora = summary.about.protocol, described.corpora(summary)
    if protocol.scheme == "cross" and protocol.test:
        tested = [corpus.short for corpus in corpora if corpus.name in protocol.test.split("+")]
        return listed(tested) or protocol.test
    return listed([corpus.short for corpus in corpora])

"""Verbs for files of what was learned: fit, predict, tune."""

import csv
from pathlib import Path
from typing import Any

import click

from affex.pipeline.cli.config import CONFIG
from affex.pipeline.cli.options import CACHE, FITTED, PATH, RUNNING, TUNED, option, with_system
from affex.pipeline.evaluation.settings import Settings
from affex.pipeline.specs import grammar
from affex.pipeline.specs.classifiers import classifier_spec
from affex.pipeline.text import wording
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import UsageError
from affex.pipeline.workspace import experiment
from affex.pipeline.workspace.corpora import Corpora
from affex.pipeline.workspace.workspace import Running, open_workspace

EXCLUDE = option(
    "--exclude", default="", help="Speakers left out of training, separated by commas; one with a comma in quotes."
)


def _names(text: str) -> list[str]:
    return [name.strip() for name in next(csv.reader([text], skipinitialspace=True), []) if name.strip()]


@click.command()
@CONFIG
@FITTED
@EXCLUDE
@option("--model", type=PATH, default=None, help="The file. [<cache>/<corpus>/models/...]")
def fit(corpora: Corpora, settings: Settings, running: Running, exclude: str, model: Path | None) -> None:
    """Learn from all of a corpus, and save a model that can be taken away, with its model card beside it.

    \b
    Examples:
      affex fit --dataset emodb --classifier svm
      affex fit --dataset emodb --features egemaps --classifier xgboost --exclude 03,08 --model mine.affex
    """
    from affex.pipeline.models import fit_predict

    console = Terminal()
    corpora = corpora.or_last(console)
    settings = with_system(console, settings, corpora.names)
    models = experiment.models_of(console, settings, corpora.imported)
    if settings.fusion.startswith("late"):
        (names, classifier), *others = models
        one = wording.command("fit", FEATURES=" ".join(names), CLASSIFIER=classifier_spec(classifier))
        fused = (
            f"fuses {len(models)} models. Fit them one by one, beginning with"
            if others
            else (f"fuses the turns of dialogs (FUSION={settings.fusion}), which is not saved. Fit its model alone")
        )
        raise UsageError(f"SYSTEM={settings.system} {fused}: {one}")
    excluded = _names(exclude)
    with open_workspace(corpora.at_hand(console), console, running) as workspace:
        path = fit_predict.fit(workspace, corpora.named_in(settings), model, exclude=excluded, member=models[0])
        console.print(corpora.next_step("predict", MODEL=path, DATA="recordings") + " (a folder of yours)")


@click.command()
@option("--model", type=PATH, default=None, help="The file that `affex fit` saved.")
@option("--data", type=PATH, default=None, help="Folder, file, or table with the column file.")
@option("--out", type=PATH, default=None, help="The table. [<cache>/predict-.../<model>.csv]")
@CACHE
@RUNNING
def predict(model: Path | None, data: Path | None, out: Path | None, cache: Path, running: Running) -> None:
    """Label recordings with a saved model: a table with one row a file, and one score a class.

    Their features are kept in the cache, under predict-<folder>-<hash>, until you delete them.

    \b
    Examples:
      affex predict --model mine.affex --data recordings
      affex predict --model mine.affex --data calls.csv --out labelled.csv
    """
    from affex.pipeline.models import fit_predict, model_file, new_recordings

    if model is None or data is None:
        raise UsageError("Say which model and which recordings, as in: make predict MODEL=mine.affex DATA=recordings")
    fitted = model_file.read(model)
    console = Terminal()
    found = new_recordings.at_hand(data, cache, with_speakers=bool(fitted.plan.settings.speaker_norm), console=console)
    with open_workspace([found], console, running) as workspace:
        fit_predict.predict(workspace, fitted, model.stem, out)


@click.command()
@CONFIG
@TUNED
@EXCLUDE
@option("--network", default=None, help="The embedding that is tuned, as in 'resnet18:weights=path'.")
@option("--epochs", type=click.IntRange(0), default=20, help="Most epochs; 0 writes the network as it begins.")
@option("--patience", type=click.IntRange(0), default=3, help="Epochs without improvement; 0: no search.")
@option("--rate", type=click.FloatRange(0, min_open=True), default=None, help="Learning rate. [1e-4; 1e-3 at random]")
@option("--batch", type=click.IntRange(2), default=32, help="Pictures in a batch.")
@option("--scratch", is_flag=True, default=False, help="Begin at random, not with weights.")
@option("--out", type=PATH, default=None, help="The weight file. [<cache>/<corpus>/models/...]")
def tune(
    corpora: Corpora,
    settings: Settings,
    running: Running,
    exclude: str,
    network: str | None,
    out: Path | None,
    **training: Any,
) -> None:
    """Tune a network on the labelled faces or sound of a corpus, into a weight file for the feature of that name.

    \b
    Examples:
      affex tune --dataset ravdess --network smallcnn --exclude 01,02,03
      affex tune --dataset csv --data stills.csv --network resnet18:weights=resnet18.pth --epochs 5
      affex tune --dataset emodb --network alexnet-segments --exclude 03,08
    """
    from affex.pipeline.models import tuning

    if network is None:
        raise UsageError("Say which network, as in: make tune NETWORK=smallcnn DATASET=ravdess")
    console = Terminal()
    corpora = corpora.or_last(console)
    tuning.tunable(network)
    with open_workspace(corpora.at_hand(console), console, running) as workspace:
        how = tuning.Training(**training)
        path = tuning.tune(workspace, network, corpora.named_in(settings), how, out, exclude=_names(exclude))
        tuned = {**grammar.parameters(network), "weights": path}
        console.print(corpora.next_step("evaluate", FEATURES=grammar.spec(grammar.name_of(network), tuned)))

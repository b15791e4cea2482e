"""Verbs for models that are taken away: fit, predict."""

from pathlib import Path

import click

from pipeline import study
from pipeline.cli.options import (
    CACHE,
    CORPUS,
    MODEL,
    RUNNING,
    at_hand,
    card_of,
    corpora_or_demo,
    members,
    option,
    with_options,
)
from pipeline.console import Terminal
from pipeline.dataset import remember
from pipeline.errors import UsageError
from pipeline.matrix import SpeakerNorm


@click.command()
@with_options(CORPUS, MODEL)
@option("--exclude", default="", help="Speakers who are not learned from, parted by commas.")
@option("--model", type=click.Path(path_type=Path), default=None, help="The file. [<cache>/<corpus>/models/...]")
@with_options(RUNNING)
def fit(
    dataset: str | None,
    data: str | None,
    partial: bool,
    cache: Path,
    features: str | None,
    classifier: str,
    protocol: str,
    target: str | None,
    classes: str | None,
    speaker_norm: SpeakerNorm,
    reweight: bool,
    soft: bool,
    seed: int,
    exclude: str,
    model: Path | None,
    scheduler: str,
    jobs: int | None,
    device: str,
    weights: Path | None,
) -> None:
    """Learn from all of a corpus, and save a model that can be taken away.

    \b
    Examples:
      affex fit --dataset emodb --classifier svm
      affex fit --dataset emodb --features egemaps --classifier xgboost --exclude 03,08 --model mine.affex
    """
    from pipeline.fitted import takeaway
    from pipeline.judging.task import Settings

    console = Terminal()
    ((names, built),) = members(console, features, classifier)
    corpora, data = corpora_or_demo(console, dataset, data, cache)
    datasets = at_hand(console, corpora, data, cache, partial=partial)
    with study.opened(datasets, console, scheduler, jobs, device, weights) as desk:
        remember(cache, corpora, data)
        settings = Settings(
            corpus=desk.name,
            features=names,
            classifier=built,
            card=card_of(corpora, protocol, target, classes),
            speaker_norm=speaker_norm,
            reweight=reweight,
            soft=soft,
            seed=seed,
            device=device,
        )
        excluded = [name.strip() for name in exclude.split(",") if name.strip()]
        takeaway.fit(desk, settings, model, exclude=excluded, partial=partial)


@click.command()
@option("--model", type=click.Path(path_type=Path), default=None, help="The file that `affex fit` saved.")
@option("--data", type=click.Path(path_type=Path), default=None, help="Folder, file, or table with the column file.")
@option("--out", type=click.Path(path_type=Path), default=None, help="The table. [<cache>/predict-.../<model>.csv]")
@with_options((CACHE,), RUNNING)
def predict(
    model: Path | None,
    data: Path | None,
    out: Path | None,
    cache: Path,
    scheduler: str,
    jobs: int | None,
    device: str,
    weights: Path | None,
) -> None:
    """Label recordings with a saved model: a table with one row a file, and one score a class.

    Their features are kept in the cache, under predict-<folder>-<hash>, until you delete them.

    \b
    Examples:
      affex predict --model mine.affex --data recordings
      affex predict --model mine.affex --data calls.csv --out labelled.csv
    """
    from pipeline.fitted import modelfile, recordings, takeaway

    if model is None or data is None:
        raise UsageError("Say which model and which recordings, as in: make predict MODEL=mine.affex DATA=recordings")
    fitted = modelfile.read(model)
    found = recordings.at_hand(data, cache, with_speakers=bool(fitted.settings.speaker_norm))
    with study.opened([found], Terminal(), scheduler, jobs, device, weights) as desk:
        takeaway.predict(desk, fitted, model.stem, out)

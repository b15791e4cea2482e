"""Verbs that provide media and features: features, coverage, download."""

from collections.abc import Sequence
from pathlib import Path

import click

from affex.pipeline.cli.options import CORPORA, JSON, PATH, RUNNING, option, print_json, setting, with_system
from affex.pipeline.evaluation.settings import Settings
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.specs import grammar
from affex.pipeline.specs.corpora import corpus_of
from affex.pipeline.specs.features import FeatureSpec, feature_specs
from affex.pipeline.systems.needs import require
from affex.pipeline.text import wording
from affex.pipeline.text.console import Terminal
from affex.pipeline.workspace import experiment
from affex.pipeline.workspace.corpora import Corpora
from affex.pipeline.workspace.workspace import Running, Workspace, extracted, open_workspace

#: Default features of the verb `features`: of sound, and of film where a corpus has any.
OF_SOUND, OF_FILM = "compare mfcc logmel", "faces face"
DEFAULTS = f"{OF_SOUND}, with film also {OF_FILM}"
#: A feature for inspection, not for training.
FACES = "faces"


@click.command()
@CORPORA
@option("--features", default=None, help=f"Features, separated by blanks. [{DEFAULTS}]")
@setting("system")
@RUNNING
def features(corpora: Corpora, features: str | None, system: str | None, running: Running) -> None:
    """Extract features into HDF5 files, what is missing only.

    \b
    Examples:
      affex features --dataset emodb
      affex features --dataset csv --data mine.csv --features "egemaps mfcc:n=20,hop=5ms"
      affex features --dataset iemocap --system poria2017-bclstm
    """
    console = Terminal()
    corpora = corpora.or_last(console)
    named = feature_specs(features, corpora.imported) if features is not None else ()
    settings = with_system(console, Settings(system=system), corpora.names)
    datasets = corpora.at_hand(console)
    if not named and settings.system is not None:
        named = _of_system(console, corpora, settings, datasets)
    elif not named:
        console.print(_by_default(datasets))
    specs = named or feature_specs(default_features(datasets))
    with open_workspace(datasets, console, running) as workspace:
        extracted(workspace, specs)
        is_whole = settings.system is not None and features is None
        step = corpora.next_step("evaluate", SYSTEM=system, PARTIAL=corpora.partial) if is_whole else ""
        console.print(step or _next(corpora, workspace, features))


def _of_system(
    console: Terminal, corpora: Corpora, settings: Settings, datasets: Sequence[Dataset]
) -> tuple[FeatureSpec, ...]:
    """Return the features of a system's models as they are cached, if the corpora have what it needs."""
    members = experiment.models_of(console, settings, corpora.imported)
    require(datasets, members, settings)
    specs = (spec for names, _ in members for spec in feature_specs(" ".join(names), corpora.imported))
    return tuple(dict.fromkeys(spec.unpooled for spec in specs))


def default_features(datasets: Sequence[Dataset]) -> str:
    """Return the features that are extracted from some corpora if none is named."""
    with_film = any(utterance.video for dataset in datasets for utterance in dataset.utterances)
    return f"{OF_SOUND} {OF_FILM}" if with_film else OF_SOUND


def _by_default(datasets: Sequence[Dataset]) -> str:
    """Return the line that says which features are extracted, and how to leave one out."""
    features = default_features(datasets)
    fewer = features.rpartition(" ")[0]
    return f"FEATURES='{features}' (the default; to leave one out, name the others, as in FEATURES='{fewer}')"


def _next(corpora: Corpora, workspace: Workspace, features: str | None) -> str:
    """Return a next step for the named features, or the default ones, as a line to copy."""
    if features is None:
        return corpora.next_step("evaluate", CLASSIFIER="svm", PARTIAL=corpora.partial)
    able = [spec for spec in features.split() if grammar.name_of(spec) != FACES]
    if not able:
        return corpora.next_step(
            "show", UTTERANCE=workspace.datasets[0].utterances[0].id, FEATURES=features, PARTIAL=corpora.partial
        )
    return corpora.next_step("evaluate", FEATURES=able[0], CLASSIFIER="svm", PARTIAL=corpora.partial)


@click.command()
@CORPORA
@option("--features", default="faces", help="The feature that looks for faces.")
@JSON
def coverage(corpora: Corpora, features: str, as_json: bool) -> None:
    """Table the share of frames with a face, by speaker and utterance, from what is cached.

    \b
    Examples:
      affex coverage --dataset demo
      affex coverage --dataset ravdess --features faces:frames=16/clip
    """
    from affex.pipeline.reporting import coverage as found
    from affex.pipeline.streams.table import load

    console = Terminal(aside=as_json)
    corpora = corpora.or_last(console)
    specs = feature_specs(features, corpora.imported)
    for spec in specs:
        found.require_found(spec)
    covered = [
        found.of_corpus(corpus.name, str(spec), load(corpus, [spec]))
        for spec in specs
        for corpus in corpora.at_hand(console)
    ]
    if as_json:
        print_json(covered)
        return
    for one in covered:
        found.show(console.rich, one)


@click.command()
@option("--dataset", required=True, help="Corpus that is free to fetch.")
@option("--data", type=PATH, default=None, help="Where it goes. [data/<dataset>]")
@option("--extra", is_flag=True, default=False, help="Fetch the large archives, too (RAVDESS: 24 GB of video).")
def download(dataset: str, data: Path | None, extra: bool) -> None:
    """Fetch a corpus that is free to fetch; an interrupted download goes on where it ended."""
    from affex.pipeline.caching.dataset import DATA as DEFAULT
    from affex.pipeline.corpora.download import fetch

    console = Terminal()
    corpus = corpus_of(dataset)
    root = data or DEFAULT / dataset
    fetch(corpus, root, console.print, extra=extra)
    console.print(f"Done: {root}")
    console.print(f"Next: {wording.command('features', DATASET=dataset, DATA=data)}")

"""Verbs that provide media and features: features, coverage, download."""

from pathlib import Path

import click

from affex.pipeline.cli.options import CORPORA, JSON, PATH, RUNNING, option, print_json
from affex.pipeline.specs import grammar
from affex.pipeline.specs.corpora import corpus_of
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.text import wording
from affex.pipeline.text.console import Terminal
from affex.pipeline.workspace.corpora import Corpora
from affex.pipeline.workspace.workspace import Running, Workspace, extracted, open_workspace

#: Default features of the verb `features`.
DEFAULT_FEATURES = "compare mfcc logmel"
#: A feature for inspection, not for training.
FACES = "faces"


@click.command()
@CORPORA
@option("--features", default=None, help=f"Features, separated by blanks. [{DEFAULT_FEATURES}]")
@RUNNING
def features(corpora: Corpora, features: str | None, running: Running) -> None:
    """Extract features into HDF5 files, what is missing only.

    \b
    Examples:
      affex features --dataset emodb
      affex features --dataset csv --data mine.csv --features "egemaps mfcc:n=20,hop=5ms"
    """
    console = Terminal()
    corpora = corpora.or_last(console)
    if features is None:
        features = DEFAULT_FEATURES
        console.print(f"FEATURES='{features}' (the default)")
    specs = feature_specs(features, corpora.imported)
    with open_workspace(corpora.at_hand(console), console, running) as workspace:
        extracted(workspace, specs)
        console.print(_next(corpora, workspace, features))


def _next(corpora: Corpora, workspace: Workspace, features: str) -> str:
    """Return a next step for features, as a line to copy."""
    able = [spec for spec in features.split() if grammar.name_of(spec) != FACES]
    if not able:
        return corpora.next_step(
            "show", UTTERANCE=workspace.datasets[0].utterances[0].id, FEATURES=features, PARTIAL=corpora.partial
        )
    one = None if features == DEFAULT_FEATURES else able[0]
    return corpora.next_step("evaluate", FEATURES=one, CLASSIFIER="svm", PARTIAL=corpora.partial)


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

"""The command ``affex``: one verb a step, and the demo that takes them all.

Every option is also an environment variable ``AFFEX_<OPTION>``; that is how the Makefile hands its
variables on, so that blanks, umlauts and quotes survive. Exit code 0 is success, 1 a failed run, 2 a usage
error, 130 an interrupt.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline import __version__, registry, stages
from pipeline.cache import recipe
from pipeline.console import Terminal
from pipeline.dataset import last, opened, remember
from pipeline.errors import AffexError, UsageError, unknown
from pipeline.extract import Summary, extract
from pipeline.manifest import Dataset
from pipeline.registry import FeatureSpec

if TYPE_CHECKING:
    from pipeline.evaluate import Result, Settings
    from pipeline.matrix import Matrix

#: How many failures are shown by name before they are only counted.
SHOWN = 8

#: What `features` extracts when nobody says.
DEFAULT_FEATURES = "compare mfcc logmel"


class Group(click.Group):
    """Verbs, with the nearest one named for a misspelt one."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[Any, Any, list[str]]:
        """Return the verb that was asked for."""
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise unknown("verb", args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)


def _option(*names: str, **settings: Any) -> Callable[[Any], Any]:
    """Return a click option that shows its default and reads its environment variable."""
    variable = "AFFEX_" + names[0].removeprefix("--").replace("-", "_").upper()
    return click.option(*names, envvar=variable, show_default=settings.get("default") is not None, **settings)


CACHE = _option("--cache", type=click.Path(path_type=Path), default=Path("cache"), help="Folder of all caches.")
CORPUS = (
    _option("--dataset", default=None, help="Corpus (see `affex list`), or csv."),
    _option("--data", type=click.Path(path_type=Path), default=None, help="Its folder, or the table. [data/<dataset>]"),
    _option("--partial", is_flag=True, default=False, help="Go on with a corpus that is not whole."),
    CACHE,
)
RUNNING = (
    _option("--scheduler", default="local", help="local, inline or tcp://host:8786 of a running Dask scheduler."),
    _option("--jobs", type=click.IntRange(1), default=None, help="Processes. [one a core]"),
)


def _with(options: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    def apply(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return apply


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="affex")
def cli() -> None:
    """Audio-visual emotion recognition: features extracted once, judged honestly.

    \b
    Examples:
      affex demo
      affex features --dataset emodb --features "compare mfcc:n=20,hop=5ms"
      affex evaluate --dataset emodb --classifier svm --speaker-norm
    """


@cli.command()
@_with(CORPUS)
@_option("--features", default=None, help=f"Features, parted by blanks. [{DEFAULT_FEATURES}]")
@_with(RUNNING)
def features(
    dataset: str | None,
    data: Path | None,
    partial: bool,
    cache: Path,
    features: str | None,
    scheduler: str,
    jobs: int | None,
) -> None:
    """Extract features into HDF5 files, what is missing only.

    \b
    Examples:
      affex features --dataset emodb
      affex features --dataset csv --data mine.csv --features "egemaps mfcc:n=20,hop=5ms"
    """
    console = Terminal()
    name, data = _corpus_or_demo(console, dataset, data, cache)
    if features is None:
        features = DEFAULT_FEATURES
        console.say(f"FEATURES='{features}' (when nobody says)")
    specs = registry.feature_specs(features)
    at_hand = opened(name, data, cache, partial=partial, console=console)
    _extracted(console, at_hand, specs, scheduler, jobs)
    remember(cache, name, data)


@cli.command()
@_with(CORPUS)
@_option("--features", default=None, help="Features, parted by blanks. [what the classifier prefers]")
@_option("--classifier", default="svm", help="Classifier, with parameters after a colon.")
@_option("--protocol", default="", help="Protocol card. [the corpus's first]")
@_option("--target", default="label", help="What is predicted: label, or another field of the utterances.")
@_option("--classes", default="", help="Classes that count, merged with +, as in 'ang,neu,sad,hap+exc'. [all]")
@_option("--speaker-norm", is_flag=True, default=False, help="z-scores within each speaker (transductive).")
@_option("--seed", type=int, default=0, help="Seeds all that is random.")
@_option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", help="Where XGBoost runs.")
@_option(
    "--out", type=click.Path(path_type=Path), default=None, help="Folder of the results. [cache/<corpus>/runs/<run>]"
)
@_with(RUNNING)
def evaluate(
    dataset: str | None,
    data: Path | None,
    partial: bool,
    cache: Path,
    features: str | None,
    classifier: str,
    protocol: str,
    target: str,
    classes: str,
    speaker_norm: bool,
    seed: int,
    device: str,
    out: Path | None,
    scheduler: str,
    jobs: int | None,
) -> None:
    """Train and test, leaving one speaker out at a time; extract first what is missing.

    \b
    Examples:
      affex evaluate --classifier svm
      affex evaluate --dataset emodb --features egemaps --classifier xgboost --seed 1
      affex evaluate --dataset ravdess --protocol song --classes 'angry,happy,sad,calm+neutral'
    """
    from pipeline import report
    from pipeline.evaluate import Settings
    from pipeline.matrix import load
    from pipeline.splits import find_card

    console = Terminal()
    model = registry.classifier(classifier)
    name, data = _corpus_or_demo(console, dataset, data, cache)
    if features is None:
        features = model.prefers
        console.say(f"FEATURES={features} (what {model.name} prefers)")
    specs = registry.feature_specs(features)
    at_hand = opened(name, data, cache, partial=partial, console=console)
    settings = Settings(
        corpus=at_hand.name,
        features=tuple(map(str, specs)),
        keys=tuple(recipe(spec.feature).key for spec in specs),
        classifier=model,
        card=find_card(registry.corpus(name).cards, protocol),
        target=target,
        classes=classes,
        speaker_norm=speaker_norm,
        seed=seed,
        device=device,
    )
    _extracted(console, at_hand, specs, scheduler, jobs)
    remember(cache, name, data)
    folder = out or at_hand.folder / "runs" / report.run_name(settings)
    matrix = load(at_hand, specs)
    basis = report.rests_on(matrix, settings)
    text = report.kept(folder, basis)
    if text is not None:
        console.say(f"{text}Nothing has changed since this run: it is not computed again -> {folder}")
        return
    result = _evaluated(console, matrix, settings, jobs)
    result = replace(result, notes=(*at_hand.missing, *result.notes))
    report.write(result, folder, basis)
    report.show(result, folder, console.rich)


@cli.command()
@CACHE
@_with(RUNNING)
@click.pass_context
def demo(context: click.Context, cache: Path, scheduler: str, jobs: int | None) -> None:
    """Make a small corpus, extract its features and evaluate on speakers the model never heard."""
    shared = {"dataset": "demo", "cache": cache, "scheduler": scheduler, "jobs": jobs}
    context.invoke(features, **shared)
    context.invoke(evaluate, **shared)


@cli.command()
@_option("--dataset", required=True, help="Corpus that is free to fetch.")
@_option("--data", type=click.Path(path_type=Path), default=None, help="Where it goes. [data/<dataset>]")
@_option("--extra", is_flag=True, default=False, help="Fetch the large archives, too (RAVDESS: 24 GB of video).")
def download(dataset: str, data: Path | None, extra: bool) -> None:
    """Fetch a corpus that is free to fetch; an interrupted download goes on where it ended."""
    from pipeline.dataset import DATA
    from pipeline.download import fetch

    console = Terminal()
    corpus = registry.corpus(dataset)
    root = data or DATA / dataset
    fetch(corpus, root, console.say, extra=extra)
    console.say(f"Done: {root}. Next: make features DATASET={dataset}")


@cli.command(name="list")
@CACHE
def list_(cache: Path) -> None:
    """List corpora, features, classifiers, and what is cached."""
    from pipeline import inventory

    inventory.show_plugins(Terminal().rich)
    inventory.show_cache(Terminal().rich, cache)


@cli.group(name="cache", cls=Group, invoke_without_command=True)
@CACHE
@click.pass_context
def cache_(context: click.Context, cache: Path) -> None:
    """Look at the cache: list it, verify it, say why a clip is computed again.

    \b
    Examples:
      affex cache
      affex cache verify
      affex cache why --dataset emodb --features compare
    """
    from pipeline import inventory

    context.obj = cache
    if context.invoked_subcommand is None:
        inventory.show_cache(Terminal().rich, cache)


@cache_.command()
@click.pass_obj
def verify(cache: Path) -> None:
    """Check every clip of every file against its digest; exit code 1 if any is hurt."""
    from pipeline import inventory

    if not inventory.verify(Terminal(), cache):
        raise AffexError("Damage was found. `make features` mends it by computing again only what is hurt.")


@cache_.command()
@_with(CORPUS[:-1])
@_option("--features", default=DEFAULT_FEATURES, help="Features, parted by blanks.")
@click.pass_obj
def why(cache: Path, dataset: str | None, data: Path | None, partial: bool, features: str) -> None:
    """Say which clips the next `affex features` would compute, and why."""
    from pipeline import inventory

    console = Terminal()
    name, data = _corpus_or_demo(console, dataset, data, cache)
    inventory.show_why(
        console, opened(name, data, cache, partial=partial, console=console), registry.feature_specs(features)
    )


def _corpus_or_demo(console: Terminal, name: str | None, data: Path | None, cache: Path) -> tuple[str, Path | None]:
    """Return the corpus that was named, else the one extracted last, else the demo."""
    if name is not None:
        return name, data
    if data is not None:
        raise UsageError(f"DATA={data} was given without DATASET: say which corpus it is (csv for a table).")
    found = last(cache)
    console.say(f"DATASET={found[0]} (extracted last)" if found else "DATASET=demo (none was extracted yet)")
    return found or ("demo", None)


def _extracted(
    console: Terminal, at_hand: Dataset, specs: Sequence[FeatureSpec], scheduler: str, jobs: int | None
) -> None:
    """Extract what is missing and say how it went."""
    from joblib import cpu_count

    began = time.monotonic()
    summaries = extract(at_hand, specs, lambda: stages.opened(scheduler, jobs or cpu_count()), console)
    for summary in summaries:
        _show(console, summary)
    console.say(f"{at_hand.name}: {len(at_hand.utterances)} utterances, {time.monotonic() - began:.1f} s")
    if all(len(summary.failures) == len(at_hand.utterances) for summary in summaries):
        raise AffexError("No clip has any of the features; the reasons stand above.")


def _show(console: Terminal, summary: Summary) -> None:
    """Print what became of one feature."""
    counts = f"{summary.cached} cached, {summary.computed} computed, {len(summary.failures)} failed"
    console.say(f"{summary.spec}: {counts} -> {summary.path}")
    for reason, count in summary.reasons.most_common(SHOWN):
        console.say(f"  computed {count}: {reason}")
    for id_, message in list(summary.failures.items())[:SHOWN]:
        console.say(f"  failed {id_}: {message}")
    if len(summary.failures) > SHOWN:
        console.say(f"  ... and {len(summary.failures) - SHOWN} more (failed/ in the file has them all)")


def _evaluated(console: Terminal, matrix: "Matrix", settings: "Settings", jobs: int | None) -> "Result":
    """Evaluate with a progress bar of the folds."""
    from joblib import cpu_count

    from pipeline.evaluate import evaluate as run

    with console.progress("evaluating", len({*matrix.speakers.tolist()}), "folds") as tick:
        return run(matrix, settings, jobs=jobs or cpu_count(), progress=lambda *_: tick(1))


def main() -> None:
    """Run the command; every error that is meant for people is shown as a sentence."""
    try:
        code = cli(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted. All clips finished so far are kept; run the same command again to go on.", err=True)
        sys.exit(130)
    except AffexError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2 if isinstance(error, UsageError) else 1)


if __name__ == "__main__":
    main()

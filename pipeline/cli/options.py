"""Options that several verbs share, and what they mean together."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from features.imported import Imported
from pipeline import registry
from pipeline.caching import imports
from pipeline.console import Terminal
from pipeline.corpora.base import Card
from pipeline.dataset import folder_name, last, opened
from pipeline.errors import UsageError, unknown
from pipeline.judging import cards
from pipeline.manifest import Dataset
from pipeline.matrix import SpeakerNorm
from pipeline.registry import Member


class Group(click.Group):
    """Verbs, with the nearest one named for a misspelt one."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[Any, Any, list[str]]:
        """Return the verb that was asked for."""
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise unknown("verb", args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)


class SpeakerNormType(click.ParamType[SpeakerNorm]):
    """What is done to each speaker's rows: what click takes for true or false, or mean."""

    name = "speaker norm"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> SpeakerNorm:
        """Return it as the settings have it."""
        if value == "mean":
            return "mean"
        try:
            return bool(click.BOOL.convert(value, param, ctx))
        except click.BadParameter:
            self.fail(f"'{value}' is neither 1, 0 nor mean", param, ctx)


def option(*names: str, **settings: Any) -> Callable[[Any], Any]:
    """Return a click option that shows its default and reads its environment variable."""
    variable = "AFFEX_" + names[0].removeprefix("--").replace("-", "_").upper()
    return click.option(*names, envvar=variable, show_default=settings.get("default") is not None, **settings)


CACHE = option("--cache", type=click.Path(path_type=Path), default=Path("cache"), help="Folder of all caches.")
CORPUS = (
    option("--dataset", default=None, help="Corpus (see `affex list`), or csv; several parted by blanks."),
    option("--data", default=None, help="Its folder, or the table; as many as corpora. [data/<dataset>]"),
    option("--partial", is_flag=True, default=False, help="Go on with a corpus that is not whole."),
    CACHE,
)
RUNNING = (
    option("--scheduler", default="local", help="local, inline or tcp://host:8786 of a running Dask scheduler."),
    option("--jobs", type=click.IntRange(1), default=None, help="Processes. [one a core]"),
    option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", help="Where networks, SVM, XGBoost compute."),
    option("--weights", type=click.Path(path_type=Path), default=None, help="Folder of networks' weight files."),
)
MODEL = (
    option("--features", default=None, help="Features, parted by blanks. [what the classifier prefers]"),
    option("--classifier", default="svm", help="Classifier, with parameters after a colon."),
    option("--protocol", default="", help="Protocol card, with parameters after a colon. [the corpus's first]"),
    option("--target", default=None, help="What is predicted: label, valence, or another field of the utterances."),
    option("--classes", default=None, help="Classes that count, merged with +, as in 'ang,neu,sad,hap+exc'. [all]"),
    option(
        "--speaker-norm",
        is_flag=False,
        flag_value="1",
        default=False,
        type=SpeakerNormType(),
        metavar="[1|mean]",
        help="z-scores within each speaker; mean: the speaker's mean is taken away, no more (both transductive).",
    ),
    option("--reweight", is_flag=True, default=False, help="Scores times the square root of the class's frequency."),
    option("--soft", is_flag=True, default=False, help="Learn from the shares of the raters' votes."),
    option("--seed", type=int, default=0, help="Seeds all that is random."),
)


def with_options(*groups: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    """Return a decorator that adds groups of options, shown in this order."""

    def apply(function: Any) -> Any:
        for one in reversed([one for group in groups for one in group]):
            function = one(function)
        return function

    return apply


def corpora_or_demo(console: Terminal, names: str | None, data: str | None, cache: Path) -> tuple[str, str | None]:
    """Return the corpora that were named, else those extracted last, else the demo."""
    if names is not None:
        return names, data
    if data is not None:
        raise UsageError(f"DATA={data} was given without DATASET: say which corpus it is (csv for a table).")
    found = last(cache)
    console.say(
        f"DATASET={shlex.quote(found[0])} (extracted last)" if found else "DATASET=demo (none was extracted yet)"
    )
    return found or ("demo", None)


def at_hand(console: Terminal, names: str, data: str | None, cache: Path, *, partial: bool) -> list[Dataset]:
    """Open the corpora that are meant.

    Raises
    ------
    UsageError
        If there are not as many folders as corpora.
    """
    pairs = _paired(names, data)
    return [opened(name, folder, cache, partial=partial, console=console) for name, folder in pairs]


def imported(names: str, data: str | None, cache: Path) -> dict[str, Imported]:
    """Return the features of other projects that the cache holds, by name, those of the corpora named before others."""
    return imports.found(cache, [folder_name(name, folder) for name, folder in _paired(names, data)])


def _paired(names: str, data: str | None) -> list[tuple[str, Path | None]]:
    """Return each corpus that is named, and where it is said to lie."""
    corpora = names.split()
    folders: list[Path | None] = [None] * len(corpora)
    if data is not None:
        folders = [Path(folder) for folder in (shlex.split(data) if len(corpora) > 1 else [data])]
    if not corpora or len(folders) != len(corpora):
        raise UsageError(
            f"DATASET='{names}' names {len(corpora)} corpora, and DATA='{data}' {len(folders)} folders: expected one "
            "each, in the same order (a folder with blanks in its name needs quotes of its own)."
        )
    return list(zip(corpora, folders, strict=True))


def members(
    console: Terminal,
    features: str | None,
    classifiers: str,
    fusion: str = "early",
    imported: Mapping[str, Imported] | None = None,
) -> list[Member]:
    """Return the models that are meant, and say which features they have where nobody named any."""
    found = registry.members(features, classifiers, fusion, imported)
    for names, classifier in found if features is None else ():
        console.say(f"FEATURES={' '.join(names)} (what {classifier.name} prefers)")
    return found


def card_of(names: str, protocol: str, target: str | None, classes: str | None) -> Card:
    """Return the protocol card that is meant, with the target and the classes that were asked for."""
    corpora = names.split()
    card = cards.card(protocol, registry.corpus(corpora[0]).cards if len(corpora) == 1 else ())
    return cards.with_target(card, target, classes)

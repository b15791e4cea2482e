"""Options that several verbs share, and what they mean together."""

import dataclasses
import functools
import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from affex.features.external.imported import Imported
from affex.pipeline.caching import dataset, imports
from affex.pipeline.caching.dataset import folder_name, last, opened, remember
from affex.pipeline.corpora.base import Protocol
from affex.pipeline.evaluation import protocols
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.specs.classifiers import Member, members_of
from affex.pipeline.specs.corpora import corpus_of
from affex.pipeline.streams.table import SpeakerNorm
from affex.pipeline.text import wording
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import UsageError, unknown
from affex.pipeline.workspace.workspace import Running


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


class PathType(click.Path):
    """A path, with the home folder that ``~`` stands for: only some shells expand it behind a variable of make."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return it as a `Path`."""
        return super().convert(expanded(value), param, ctx)


def expanded(path: Any) -> Any:
    """Return a path with the home folder in the place of ``~``; where there is no such user, as it is."""
    return os.path.expanduser(path)  # noqa: PTH111 - `Path.expanduser` raises where there is no such user


#: A path, as `PathType` reads it.
PATH = PathType()


def parted(text: str) -> list[str]:
    """Return the names, or the paths, that are parted by blanks; one with blanks in it stands in quotes.

    Raises
    ------
    UsageError
        If a quote does not end.
    """
    try:
        return [expanded(name) for name in shlex.split(text)]
    except ValueError as error:
        raise UsageError(f"{text}: a quote in it does not end.") from error


def option(*names: str, **settings: Any) -> Callable[[Any], Any]:
    """Return a click option that shows its default and reads its environment variable."""
    variable = "AFFEX_" + names[0].removeprefix("--").replace("-", "_").upper()
    return click.option(*names, envvar=variable, show_default=bool(settings.get("default")), **settings)


def gathered(name: str, record: type, *options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a decorator that adds options, whose values reach the function together.

    Parameters
    ----------
    name
        The argument of the function that they come as.
    record
        What they become: a dataclass that has a field for each.
    options
        In the order in which help shows them.
    """
    fields = [field.name for field in dataclasses.fields(record)]

    def apply(function: Any) -> Any:
        @functools.wraps(function)
        def called(*context: Any, **values: Any) -> Any:
            whole = record(**{field: values.pop(field) for field in fields})
            return function(*context, **values, **{name: whole})

        for one in reversed(options):
            called = one(called)
        return called

    return apply


@dataclass(frozen=True)
class Corpora:
    """Which corpora are meant, and where all caches are; fields as the options say them."""

    dataset: str | None
    data: str | None
    partial: bool
    cache: Path

    def or_last(self, console: Terminal) -> "Corpora":
        """Return the corpora that were named, else those used last, else the demo."""
        if self.dataset is not None:
            for name in self.names:
                dataset.require_no_table(name, self.cache)
            return self
        if self.data is not None:
            raise UsageError(
                f"DATA={shlex.quote(self.data)} does not say which corpus it is: name it, as in DATASET=emodb, or "
                "DATASET=csv for a table."
            )
        found = last(self.cache)
        console.say(
            f"DATASET={shlex.quote(found[0])} (used last)" if found else "DATASET=demo (no corpus was used before)"
        )
        name, data = found or ("demo", None)
        return replace(self, dataset=name, data=data)

    @property
    def names(self) -> list[str]:
        """What each corpus is called."""
        return (self.dataset or "").split()

    def at_hand(self, console: Terminal) -> list[Dataset]:
        """Open them, and note that they were used last, for who names none.

        Raises
        ------
        UsageError
            If there are not as many folders as corpora.
        """
        pairs = zip(self.names, self._folders, strict=True)
        found = [opened(name, folder, self.cache, partial=self.partial, console=console) for name, folder in pairs]
        remember(self.cache, self.dataset or "", self.data, found)
        return found

    def the_one(self, console: Terminal) -> Dataset:
        """Open the one that is meant.

        Raises
        ------
        UsageError
            If several are.
        """
        if len(self.names) != 1:
            raise UsageError(f"DATASET='{self.dataset}': name the one corpus whose utterances are meant.")
        (corpus,) = self.at_hand(console)
        return corpus

    @property
    def folder(self) -> Path:
        """The cache folder of the corpus, or of the corpora together; it need not be there."""
        pairs = zip(self.names, self._folders, strict=True)
        return self.cache / "+".join(folder_name(name, folder) for name, folder in pairs)

    @property
    def imported(self) -> dict[str, Imported]:
        """The features of other projects that the cache holds, by name, those of these corpora before others."""
        pairs = zip(self.names, self._folders, strict=True)
        return imports.found(self.cache, [folder_name(name, folder) for name, folder in pairs])

    def next_step(self, verb: str, **settings: object) -> str:
        """Return what might be done next, as a line to copy; it names no corpora, since these are the last ones."""
        elsewhere = self.cache if self.cache != dataset.CACHE else None
        return f"Next: {wording.command(verb, **settings, CACHE=elsewhere)}"

    def protocol(self, asked: "Asked") -> Protocol:
        """Return the protocol that is meant, with the target and the classes that were asked for."""
        protocol = protocols.protocol(
            asked.protocol, corpus_of(self.names[0]).protocols if len(self.names) == 1 else ()
        )
        return protocols.with_target(protocol, asked.target, asked.classes)

    @property
    def _folders(self) -> list[Path | None]:
        """Where each is said to lie."""
        n, data = len(self.names), self.data
        folders: list[Path | None] = [None] * n
        if data is not None:
            folders = [Path(folder) for folder in (parted(data) if n > 1 else [expanded(data)])]
        if not n or len(folders) != n:
            raise UsageError(
                f"DATASET='{self.dataset}' names {n} corpora, and DATA='{data or ''}' {len(folders)} folders: expected "
                "one each, in the same order (a folder with blanks in its name needs quotes of its own)."
            )
        return folders


@dataclass(frozen=True)
class Asked:
    """What is to be learned, and how it is evaluated; fields as the options say them."""

    features: str | None
    classifier: str
    protocol: str
    target: str | None
    classes: str | None
    speaker_norm: SpeakerNorm
    reweight: bool
    soft: bool
    seed: int

    @property
    def settings(self) -> dict[str, object]:
        """What names the same by variable, but for what is not usual."""
        return {
            "FEATURES": self.features,
            "CLASSIFIER": self.classifier,
            "PROTOCOL": self.protocol,
            "TARGET": self.target,
            "CLASSES": self.classes,
            "SPEAKER_NORM": self.speaker_norm,
            "REWEIGHT": self.reweight,
            "SOFT": self.soft,
            "SEED": self.seed,
        }

    def members(
        self, console: Terminal, fusion: str = "early", imported: Mapping[str, Imported] | None = None
    ) -> list[Member]:
        """Return the models that are meant, and say which features they have where nobody named any."""
        found = members_of(self.features, self.classifier, fusion, imported)
        for names, classifier in found if self.features is None else ():
            console.say(f"FEATURES={' '.join(names)} (what {classifier.name} prefers)")
        return found


CACHE = option("--cache", type=PATH, default=Path("cache"), help="Folder of all caches.")


def under(function: Any) -> Any:
    """Give a verb under another the folder of all caches, which may be named behind either."""

    @functools.wraps(function)
    def called(cache: Path | None, **values: Any) -> Any:
        return function(cache or click.get_current_context().obj, **values)

    return click.option("--cache", type=PATH, default=None, help="Folder of all caches.")(called)


DATASET = option("--dataset", default=None, help="Corpus (see `affex list`), or csv; several parted by blanks.")
DATA = option("--data", default=None, help="Its folder, or the table; as many as corpora. [data/<dataset>]")
PARTIAL = option("--partial", is_flag=True, default=False, help="Go on with a corpus that is not whole.")
CORPORA = gathered("corpora", Corpora, DATASET, DATA, PARTIAL, CACHE)
RUNNING = gathered(
    "running",
    Running,
    option("--scheduler", default="local", help="local, inline or tcp://host:8786 of a running Dask scheduler."),
    option("--jobs", type=click.IntRange(1, 1024), default=None, help="Processes. [one a core]"),
    option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", help="Where networks, SVM, XGBoost compute."),
    option("--weights", type=PATH, default=None, help="Folder of networks' weight files."),
)
ASKED = gathered(
    "asked",
    Asked,
    option("--features", default=None, help="Features, parted by blanks. [what the classifier prefers]"),
    option("--classifier", default="svm", help="Classifier, with parameters after a colon."),
    option("--protocol", default="", help="Protocol, with parameters after a colon. [the corpus's first]"),
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
    option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, help="Seeds all that is random."),
)

"""Systems: the arrow from the setting ``SYSTEM`` to a published system, and to the settings that it stands for.

Each system is a file ``pipeline/systems/<name>.toml``. Its settings are defaults: whatever is typed beside its name has
priority. A system that cannot run is a file, too, and says why.
"""

import functools
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from affex.pipeline.evaluation.settings import FIELDS, Settings, expected, shown
from affex.pipeline.specs import grammar
from affex.pipeline.specs.classifiers import Member, classifier_of, classifier_spec, members_of
from affex.pipeline.text import wording
from affex.pipeline.text.errors import UsageError, unknown

#: The folder of the files, which is the registry.
FOLDER = Path(__file__).parent
#: The settings that a file may have: those that make a model and its protocol.
ALLOWED = (
    "features",
    "classifier",
    "fusion",
    "protocol",
    "target",
    "classes",
    "speaker_norm",
    "reweight",
    "soft",
    "moments",
)
#: The settings that a file may leave to whoever runs it; all others then have their defaults.
OPEN = ("protocol", "classes", "moments")

Status = Literal["works", "needs weights", "not built", "out of reach"]


@dataclass(frozen=True, kw_only=True)
class Published:
    """What the source says of its result and its network; empty, or 0 parameters, where it says nothing."""

    figure: str = ""
    corpus: str = ""
    protocol: str = ""
    parameters: int = 0


@dataclass(frozen=True, kw_only=True)
class Ours:
    """A figure of a run of affex.

    Parameters
    ----------
    metric
        Its name, as in ``"uar"``.
    value, low, high
        The figure, and its interval over speakers at 95 %.
    retrained
        Whether the interval includes that other training speakers would give another model; else it takes the models
        as given, and is narrower.
    data
        The corpus; whether its labels are made.
    command
        The command, as typed.
    seconds
        How long the processor computed for the command, s, with the features, and the runs of a fusion if they were
        evaluated before, being there.
    """

    metric: str
    value: float
    low: float
    high: float
    data: str
    command: str
    seconds: int
    retrained: bool = False

    def __str__(self) -> str:
        numbers = (f"{number:.2f}".replace("0.", ".", 1) for number in (self.value, self.low, self.high))
        return "{} {} [{}, {}]".format(self.metric.upper(), *numbers) + "*" * self.retrained


@dataclass(frozen=True, kw_only=True)
class System:
    """A published system as settings of an evaluation.

    Parameters
    ----------
    name
        The name of its file.
    row
        The letter of the document that describes it, and its number there, as in ``"A2"``.
    title, paper, doi
        What it is; authors, year and title of its paper; the paper's DOI or arXiv identifier, empty if there is none.
    status, reason
        Whether it runs; if not, what is missing, as a sentence.
    beside
        What must be typed beside its name, as in ``"FEATURES=resnet18:weights=FILE"``.
    parameters
        How many numbers its network has, where the source, or the publisher of its weights, says how many theirs has.
    published
        The source's figure.
    differs
        What differs from the source, a sentence each.
    settings
        Fields of `Settings`, of `ALLOWED`.
    corpora
        The corpora for which it was made, those of the command first, with settings that hold there only.
    ours
        Figures of runs.

    Raises
    ------
    ValueError
        If the file contradicts itself.
    """

    name: str
    row: str
    title: str
    paper: str
    doi: str = ""
    status: Status
    reason: str = ""
    beside: str = ""
    parameters: int = 0
    published: Published = field(default_factory=Published)
    differs: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    corpora: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    ours: tuple[Ours, ...] = ()

    def __post_init__(self) -> None:
        if self.status not in get_args(Status):
            raise ValueError(f"{self.name}: status = {self.status}: expected {', '.join(get_args(Status))}")
        if (self.status == "works") == bool(self.reason):
            raise ValueError(f"{self.name}: expected a reason if, and only if, the system does not simply work")
        if self.is_built != bool(self.settings.get("features") and self.corpora):
            raise ValueError(f"{self.name}: expected features and corpora if, and only if, it is built")
        for table in (self.settings, *self.corpora.values()):
            for key, value in table.items():
                if key not in ALLOWED:
                    raise ValueError(f"{self.name}: {key} is none of {', '.join(ALLOWED)}")
                if wanted := expected(key, value):
                    raise ValueError(f"{self.name}: {key} = {shown(value)}: expected {wanted}")

    @property
    def is_built(self) -> bool:
        """Whether it has settings."""
        return self.status in ("works", "needs weights")

    @property
    def command(self) -> str | None:
        """The command that evaluates it on the first of its corpora, for make; None if it cannot run."""
        if not self.is_built:
            return None
        command = wording.command("evaluate", SYSTEM=self.name, DATASET=next(iter(self.corpora)))
        return f"{command} {self.beside}".rstrip()

    def settings_on(self, corpora: Sequence[str]) -> Mapping[str, Any]:
        """Return its settings on corpora: on a single one for which it was made, with those that hold there only."""
        own = self.corpora.get(grammar.name_of(corpora[0]), {}) if len(corpora) == 1 else {}
        return {**self.settings, **own}

    @property
    def members(self) -> list[Member]:
        """Its models, each with its features."""
        chosen = Settings(**self.settings)
        return members_of(chosen.features, chosen.classifier, chosen.fusion)


@functools.cache
def systems() -> Mapping[str, System]:
    """Return every system by name, in the order of the rows."""
    found = sorted(map(_read, FOLDER.glob("*.toml")), key=lambda one: (one.row[0], int(one.row[1:]), one.name))
    return {one.name: one for one in found}


def _read(path: Path) -> System:
    """Return the system of a file.

    Raises
    ------
    TypeError, ValueError
        If the file has an unknown key, lacks one, or contradicts itself.
    """
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    table["published"] = Published(**table.get("published", {}))
    table["ours"] = tuple(Ours(**one) for one in table.get("ours", ()))
    table["differs"] = tuple(table.get("differs", ()))
    return System(name=path.stem, **table)


def system_of(name: str) -> System:
    """Return a system that can run.

    Raises
    ------
    UsageError
        If there is none of this name, or it is not built.
    """
    if name not in systems():
        raise unknown("system", name, systems())
    found = systems()[name]
    if not found.is_built:
        raise UsageError(f"SYSTEM={name} is {found.status}: {found.reason}")
    return found


def applied(settings: Settings, corpora: Sequence[str], typed: Collection[str]) -> Settings:
    """Return settings with those of their system, if they name one.

    Parameters
    ----------
    corpora
        The names of the corpora.
    typed
        The settings that the user named: they have priority.

    Raises
    ------
    UsageError
        As `system_of`.
    """
    if settings.system is None:
        return settings
    own = system_of(settings.system).settings_on(corpora)
    return replace(settings, **{name: value for name, value in own.items() if name not in typed})


def in_words(settings: Settings) -> str:
    """Return the settings that a system stands for as they would be typed."""
    values = {name.upper(): getattr(settings, name) for name in ALLOWED}
    changed = {name: value for name, value in values.items() if value != FIELDS[name.lower()].default}
    return wording.command("evaluate", **changed).removeprefix("make evaluate ")


def departures(settings: Settings) -> tuple[str, ...]:
    """Return a sentence that says which settings differ from those of their system; none if there are no such."""
    if settings.system is None:
        return ()
    own = system_of(settings.system).settings_on((settings.dataset or "").split())
    wanted = {name: FIELDS[name].default for name in ALLOWED if name not in OPEN} | dict(own)
    changed = [name for name, value in wanted.items() if _as_run(name, value) != _as_run(name, getattr(settings, name))]
    return (f"{settings.system} with settings other than its own: {', '.join(changed)}",) if changed else ()


def _as_run(name: str, value: Any) -> Any:
    """Return a setting's value in the form that a run's own settings have it."""
    is_named = name == "classifier"
    return " ".join(classifier_spec(classifier_of(spec)) for spec in value.split()) if is_named else value

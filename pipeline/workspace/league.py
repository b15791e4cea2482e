"""League: from competitors and corpora to runs of each competitor on each corpus, and to one verdict over the corpora.

Each run is an ordinary one (`pipeline.workspace.experiment`), in the cache of its corpus. So a finished run is shown
again, and a league that was killed goes on at the fold where it stopped. A run that cannot be made (a leak, too few
speakers, a missing feature) becomes a line of the league with its reason, and the others go on.
"""

import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from affex.pipeline.caching import dataset as datasets
from affex.pipeline.caching import owner
from affex.pipeline.evaluation import emotions, runs
from affex.pipeline.evaluation.settings import Settings
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.reporting import league as record
from affex.pipeline.reporting import tables
from affex.pipeline.reporting.league import Tried
from affex.pipeline.reporting.league_record import League
from affex.pipeline.specs import discovery, grammar
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.specs.corpora import corpus_of
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.storage.sealed import DamagedError
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import AffexError, CorpusError, UsageError
from affex.pipeline.workspace import experiment, pages
from affex.pipeline.workspace.competitors import Competitor
from affex.pipeline.workspace.corpora import Corpora, parted
from affex.pipeline.workspace.workspace import Running, Workspace, extracted, open_workspace, readable

#: The suffixes of tables.
TABLES = (".csv", ".tsv")


@dataclass(frozen=True)
class AtHand:
    """A corpus that is at hand: how it was named, and its utterances."""

    named: Corpora
    dataset: Dataset


def named(names: Sequence[str], data: str | None, cache: Path, *, partial: bool) -> list[Corpora]:
    """Return the corpora of a league, one by one.

    Parameters
    ----------
    names
        Corpora by name; or tables, by path or by the name of their cache folder.
    data
        As many folders as there are names that are no tables; None for ``data/<name>``.
    cache
        The folder of all caches.

    Raises
    ------
    UsageError
        If there is no such corpus, one comes twice, or there are not as many folders as corpora.
    """
    found = {name: _table(name, cache) for name in names}
    if not names or len(found) < len(names):
        raise UsageError("Say which corpora, each once, as in CORPORA='emodb ravdess mine.csv'.")
    for name, table in found.items():
        if table is None:
            corpus_of(name)
    plain = [name for name, table in found.items() if table is None]
    folders = parted(data) if data is not None else []
    if data is not None and len(folders) != len(plain):
        raise UsageError(
            f"DATA='{data}' names {len(folders)} folders, and CORPORA='{' '.join(names)}' {len(plain)} corpora that "
            "are no tables: expected one each, in the same order (a folder with blanks in its name needs quotes of "
            "its own)."
        )
    folder_of = dict(zip(plain, folders, strict=False))
    return [
        Corpora(datasets.TABLE, str(table), partial, cache)
        if table
        else Corpora(name, folder_of.get(name), partial, cache)
        for name, table in found.items()
    ]


def run(
    console: Terminal,
    corpora: Sequence[Corpora],
    models: Sequence[Competitor],
    settings: Settings,
    running: Running,
    *,
    cross: bool = True,
    media: bool | None = False,
) -> League:
    """Run each competitor on each corpus that is at hand, and judge them over the corpora.

    Parameters
    ----------
    console
        Where each finished run is shown, a line each.
    corpora
        The corpora, one by one.
    settings
        All other settings of the runs; its corpora, features and classifiers are not read.
    cross
        Whether each corpus is also tested by models that were trained on all others, over the classes of all.
    media
        Whether pages of runs show recordings although a licence may bind them; None for no pages.

    Raises
    ------
    AffexError
        If no corpus is at hand.
    """
    there, skipped = _at_hand(console, corpora)
    with open_workspace([one.dataset for one in there], Terminal(quiet=True), running) as workspace:
        league = _Rounds(console, workspace, models, settings, media)
        own = {one.dataset.name: league.round([one], settings, one.dataset.name) for one in there}
        others, notes = league.crossed(there) if cross and len(there) > 1 else (None, ())
    return record.league([one.name for one in models], own, others, skipped, notes)


@dataclass(frozen=True)
class _Rounds:
    """The runs of all competitors, corpus by corpus."""

    console: Terminal
    whole: Workspace
    models: Sequence[Competitor]
    settings: Settings
    media: bool | None

    def round(self, corpora: Sequence[AtHand], settings: Settings, name: str) -> list[Tried]:
        """Run all competitors on a corpus, or on several together; `name` is what lines say."""
        workspace = replace(self.whole, datasets=[one.dataset for one in corpora])
        dataset, data = _naming(corpora)
        settings = replace(settings, dataset=dataset, data=data)
        self._extract(workspace)
        return [self._tried(workspace, one, settings, name) for one in self.models]

    def crossed(self, corpora: Sequence[AtHand]) -> tuple[dict[str, list[Tried]] | None, tuple[str, ...]]:
        """Test each corpus with models of all others; return what became of them, and sentences for the reader."""
        if self.settings.target not in (None, "label"):
            return None, ()
        labels = {one.dataset.name: {u.label for u in one.dataset.utterances if u.label} for one in corpora}
        shared = emotions.shared(labels)
        if len(shared.classes) < 2:
            self.console.print(f"No training across corpora: {_unshared(labels)}")
            return None, ()
        settings = replace(self.settings, classes=shared.setting, target="label")
        found = {}
        for one in corpora:
            protocol = f"cross:test={next(iter(one.dataset.utterances)).corpus}"
            name = f"{one.dataset.name} by the others"
            found[one.dataset.name] = self.round(corpora, replace(settings, protocol=protocol), name)
        return found, (_sharing(shared), *_leaving(shared))

    def _extract(self, workspace: Workspace) -> None:
        """Extract the features of all competitors at once, so that each recording is decoded once."""
        specs = [
            spec
            for one in self.models
            for spec in readable(workspace.console, one.features, classifier_of(one.classifier), workspace.imported)
        ]
        try:
            extracted(
                replace(workspace, console=self.console),
                list(dict.fromkeys(specs)),
                beside=feature_specs(experiment.PRINTS),
                verify=False,
            )
        except AffexError as error:  # each run that needs what is missing then fails with its own reason
            self.console.print(f"{workspace.name}: {error}")

    def _tried(self, workspace: Workspace, one: Competitor, settings: Settings, name: str) -> Tried:
        """Make one run, or show it again; return it, or why it cannot be made."""
        settings = replace(settings, features=" ".join(one.features), classifier=one.classifier)
        began = time.time()
        try:
            folder = experiment.run(workspace, settings)
            found = runs.read(folder)
        except AffexError as error:
            self.console.print(f"{name}, {one.name}: failed: {error}")
            return Tried(None, str(error))
        is_kept = runs.written(folder) < began
        if self.media is not None and not (is_kept and pages.is_written(folder)):
            pages.write_run(workspace.console, folder, workspace.datasets, media=self.media)
        before = " (finished before)" if is_kept else ""
        self.console.print(f"{name}, {one.name}: {tables.headline(found.summary)}{before} -> {folder}")
        return Tried(found)


def _table(name: str, cache: Path) -> Path | None:
    """Return the table that a name means: a path, or a table whose cache folder has that name; None for a corpus."""
    if Path(name).suffix.lower() in TABLES:
        return Path(name)
    if grammar.name_of(name) in discovery.corpora():
        return None
    try:
        known = owner.read(cache / name)
    except DamagedError:
        known = None
    beside = Path(f"{name}.csv")
    return known or (beside if beside.is_file() else None)


def _at_hand(console: Terminal, corpora: Sequence[Corpora]) -> tuple[list[AtHand], dict[str, str]]:
    """Open the corpora; return those at hand, and why others are not."""
    there, skipped = [], {}
    for one in corpora:
        try:
            there.append(AtHand(one, one.opened(console)[0]))
        except CorpusError as error:
            skipped[one.folder.name] = str(error)
            console.print(f"Skipped: {one.folder.name}. {error}")
    if not there:
        raise AffexError("None of the corpora is at hand:\n" + "\n".join(skipped.values()))
    return there, skipped


def _naming(corpora: Sequence[AtHand]) -> tuple[str, str | None]:
    """Return the settings that name corpora, and their folders; of several, each needs one."""
    dataset = " ".join(str(one.named.dataset) for one in corpora)
    if len(corpora) == 1:
        return dataset, corpora[0].named.data
    return dataset, shlex.join(one.named.data or str(one.dataset.root) for one in corpora)


def _unshared(labels: Mapping[str, set[str]]) -> str:
    own = "; ".join(f"{name}: {', '.join(sorted(found)) or 'no labels'}" for name, found in labels.items())
    return (
        f"these corpora do not share two classes ({own}). Merge them by hand: make evaluate PROTOCOL=cross CLASSES=..."
    )


def _sharing(shared: emotions.Shared) -> str:
    return f"over the classes that all corpora share: {', '.join(shared.classes)} (CLASSES='{shared.setting}')"


def _leaving(shared: emotions.Shared) -> Iterator[str]:
    for name, labels in shared.left_out.items():
        yield f"left out of {name}, because not all corpora have it: {', '.join(labels)}"

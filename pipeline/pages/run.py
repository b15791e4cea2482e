"""The page of a run: the arrow from a finished run, and what lies beside it, to ``report.html``.

The page is made from the verified files of the run; it is no part of them, because it also shows times and recordings.
It is written again if the run, a run beside it that shows what a leak is worth, or the code of pages has changed.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from affex.pipeline.evaluation import prediction_sets, runs, times
from affex.pipeline.evaluation.calibration import Calibration
from affex.pipeline.evaluation.importance import Importance
from affex.pipeline.evaluation.results import ModelSettings
from affex.pipeline.evaluation.runs import Run
from affex.pipeline.evaluation.summary import Summary
from affex.pipeline.evaluation.times import Times
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.pages import abstaining_pictures, examples, page, run_pictures, run_tables
from affex.pipeline.pages.page import Picture, Table
from affex.pipeline.publishing import beside as beside_figures
from affex.pipeline.publishing import methods
from affex.pipeline.publishing.question import question
from affex.pipeline.reporting import inputs, leak, tables
from affex.pipeline.specs import discovery
from affex.pipeline.storage.provenance import code_digest
from affex.pipeline.text import wording

#: The file in a run's folder.
PAGE = "report.html"
#: How much of a page is read to see whether it is up to date, bytes.
HEAD = 4096


@dataclass(frozen=True)
class Beside:
    """What lies beside a run and is shown on its page.

    Parameters
    ----------
    datasets
        The corpora with their recordings; empty where they are not at hand.
    media
        Whether recordings are shown although a licence may bind them.
    """

    datasets: Sequence[Dataset] = ()
    media: bool = False


def write(run: Run, beside: Beside) -> Path:
    """Write the page of a run into its folder, unless it is there and up to date; return its path.

    Raises
    ------
    AffexError
        If the folder cannot be written.
    """
    path, others = run.folder / PAGE, leak.near(run)
    stamp = _stamp(run, others, beside)
    if not _is_current(path, stamp):
        page.write(path, "run.html", _content(run, beside, others) | {"stamp": stamp})
    return path


def _stamp(run: Run, others: Sequence[Run], beside: Beside) -> str:
    """Return the sha256 of all that a page depends on, but for the recordings."""
    sha = hashlib.sha256(code_digest([__package__]).encode())
    for path in sorted(page.TEMPLATES.iterdir()):
        sha.update(path.read_bytes())
    for path in (one.folder / name for one in (run, *others) for name in (runs.RECORD, times.FILE, inputs.FILE)):
        sha.update(path.read_bytes() if path.exists() else b"-")
    sha.update(f"{beside.media} {[str(dataset.root) for dataset in beside.datasets]}".encode())
    return sha.hexdigest()


def _is_current(path: Path, stamp: str) -> bool:
    try:
        with path.open("rb") as file:
            return stamp.encode() in file.read(HEAD)
    except OSError:
        return False


def _content(run: Run, beside: Beside, others: Sequence[Run]) -> dict[str, object]:
    """Return the values of the template's variables."""
    summary = run.summary
    shown = examples.shown(examples.worst(run.scores), beside.datasets, media=beside.media)
    return {
        "kind": "Run",
        "title": tables.title(summary),
        "summary": summary,
        "run": run,
        "cards": run_tables.cards(summary),
        "against_chance": tables.chance_words(summary),
        "figures": run_tables.figures(summary),
        "confusion": run_tables.confusion(summary),
        "scatter": None if summary.classes else run_pictures.scatter(summary, run.scores),
        "pictures": _pictures(summary),
        "calibration": _calibration(summary.calibration),
        "label_errors": _label_errors(run),
        "label_error_words": tables.label_error_words(summary.label_errors),
        "enrolment": _enrolment(summary),
        "abstaining": _abstaining(summary),
        "sets": _sets(summary),
        "promises": [*prediction_sets.notes(summary.sets, summary.about.unit, len(summary.folds))]
        if summary.sets
        else [],
        "importance": _importance(summary.importance, summary.about.unit),
        "moments": run_tables.moments(summary),
        "moment_words": tables.moment_words(summary) if summary.moments else "",
        "searched": run_tables.searched(summary),
        "folds": run_tables.folds(summary),
        "question": question(summary),
        "methods": methods.paragraph(summary),
        "bibtex": methods.bibtex(summary),
        "beside": beside_figures.in_words(summary),
        "examples": shown,
        "licences": _licences(beside),
        "leak": _leak(run, others),
        "left_out": [(reason, str(n)) for reason, n in summary.left_out.items()],
        "origin": _origin(run),
        "settings_text": (run.folder / runs.SETTINGS).read_text(encoding="utf-8") if _has_settings(run) else "",
        "commands": _commands(run),
        **_processing(run),
    }


def _leak(run: Run, others: Sequence[Run]) -> dict[str, object] | None:
    """Return what a leak is worth; None where neither other folds nor controls show it."""
    if not others and not run.summary.control:
        return None
    found = leak.ladder(run, others)
    return {"says": found.says, "tables": [run_tables.rungs(found), run_tables.steps(found)]}


def _pictures(summary: Summary) -> list[Picture]:
    """Return the pictures of figures by class, by speaker and by other groups."""
    of_classes = [run_pictures.classes(summary, run_tables.classes(summary))] if summary.classes else []
    of_groups = [run_pictures.groups(summary, run_tables.groups(summary))] if summary.groups else []
    return [*of_classes, run_pictures.speakers(summary, run_tables.speakers(summary)), *of_groups]


def _calibration(found: Calibration) -> Picture | None:
    return run_pictures.calibration(found, run_tables.calibration(found)) if found.bins else None


def _label_errors(run: Run) -> Table | None:
    return run_tables.label_errors(run.scores, run.summary.about.unit) if run.summary.label_errors.n else None


def _processing(run: Run) -> dict[str, object]:
    """Return what the features lack and how long the run took, as far as the files beside it say so."""
    lacking = inputs.read(run.folder, run.summary.depends_on)
    taken = times.read(run.folder, run.summary.depends_on)
    return {
        "failures": run_tables.failures(lacking) if lacking else None,
        "coverage": [run_tables.coverage(one) for one in lacking.coverage] if lacking else [],
        "stages": run_tables.stages(taken) if taken else None,
        "machine": _machine(taken) if taken else [],
    }


def _machine(taken: Times) -> list[tuple[str, str]]:
    """Return where and when a run was computed, by name."""
    folds = taken.folds
    slowest = f"{folds.slowest}, {folds.slowest_wall:.1f} s" if folds else "-"
    return [
        ("began", taken.began),
        ("system", f"{taken.system}, {taken.machine}"),
        ("processors", str(taken.processors)),
        ("memory", f"{taken.memory / 2**30:.1f} GiB"),
        ("processes", str(taken.processes or "-")),
        ("folds", f"{folds.n}, {folds.n_kept} of them kept from before; {folds.cpu:.1f} s of CPU" if folds else "-"),
        ("slowest fold", slowest),
    ]


def _importance(found: Importance, unit: str) -> Picture | None:
    return run_pictures.importance(found, unit, run_tables.importance(found)) if found.groups else None


def _abstaining(summary: Summary) -> Picture | None:
    found, unit = summary.abstaining, summary.about.unit
    return abstaining_pictures.risk(found, unit, abstaining_pictures.risks(found)) if found else None


def _sets(summary: Summary) -> Picture | None:
    found, unit = summary.sets, summary.about.unit
    return abstaining_pictures.sets(found, unit, abstaining_pictures.speakers(found, unit)) if found else None


def _enrolment(summary: Summary) -> Picture | None:
    found, unit = summary.enrolment, summary.about.unit
    return run_pictures.enrolment(found, unit, run_tables.enrolment(found)) if found else None


def _licences(beside: Beside) -> list[str]:
    """Return the terms of the corpora whose recordings are shown, a sentence each."""
    known = discovery.corpora()
    names = dict.fromkeys(utterance.corpus for dataset in beside.datasets for utterance in dataset.utterances)
    return [
        f"{known[name].title}. Licence: {known[name].licence}. Source: {known[name].source}"
        for name in names
        if name in known
    ]


def _origin(run: Run) -> list[tuple[str, str]]:
    """Return what a run was computed with, by name."""
    summary, settings = run.summary, run.summary.about.settings
    keys = zip(settings.features, settings.feature_keys, strict=True) if isinstance(settings, ModelSettings) else ()
    digests = {
        "protocol": summary.protocol_hash,
        "folds": summary.folds_hash,
        "everything the result depends on": summary.depends_on,
    }
    return [
        *((f"version of {name}", version) for name, version in summary.versions.items()),
        *((f"cache key of {feature}", key) for feature, key in keys),
        *((f"sha256 of {what}", digest) for what, digest in digests.items() if digest),
    ]


def _has_settings(run: Run) -> bool:
    return run.summary.about.settings.passed is None and (run.folder / runs.SETTINGS).exists()


def _commands(run: Run) -> list[str]:
    """Return the commands that repeat a run, and that check whether the result is the same."""
    repeat = [wording.command("evaluate", CONFIG=run.folder / runs.SETTINGS)] if _has_settings(run) else []
    return [*repeat, wording.command("reproduce", RUN=run.folder)]

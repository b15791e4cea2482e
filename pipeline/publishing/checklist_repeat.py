"""Answers on how a run is repeated: module 2 of the checklist."""

from affex.pipeline.caching.dataset import TABLE
from affex.pipeline.evaluation import runs, times
from affex.pipeline.publishing.checklist_answers import PARTLY, RUN, Answer, Known, author, record
from affex.pipeline.publishing.prose import counted, listed, settings
from affex.pipeline.text import wording


def data(known: Known) -> Answer:
    """2a: the corpus, where it comes from, and the digest of all that the result depends on."""
    summary = known.summary
    counts = f"{counted(summary.n_utterances, 'utterance')} of {counted(summary.n_clusters, known.unit)}"
    digest = f"sha256 of rows, labels, speakers, settings, code and versions: {summary.depends_on or 'not known'}"
    own = [corpus for corpus in known.corpora if corpus.sheet is None or corpus.sheet.name == TABLE]
    named = (f"{c.title}: {c.sheet.source} (licence: {c.sheet.licence})" for c in known.corpora if c.sheet)
    text = f"{'; '.join(named) or known.corpora[0].title}. {counts}; {digest}."
    source = record("about.corpus", "n_utterances", "depends_on") + (
        f"; {known.sheets}: Source" if known.sheets else ""
    )
    if own:
        return Answer(PARTLY, text, source, "An address at which others find these recordings and labels.")
    return Answer(RUN, text, source)


def code(known: Known) -> Answer:
    """2b: affex, its version, and the keys of features, which cover their versions."""
    keys = [f"{one.text} {one.key[:12]}" for model in known.models for one in model.features if one.key]
    version = known.summary.versions.get("affex", "unknown")
    text = (
        f"affex {version} (MIT licence); the digest of 2a covers the code. Keys of features: {listed(keys) or 'none'}."
    )
    passed = known.summary.about.settings.passed
    if passed:
        missing = "The code of the estimator object that was passed from Python."
        return Answer(PARTLY, text, record("versions", "about.settings"), missing)
    return Answer(RUN, text, record("versions", "about.settings.feature_keys", "depends_on"))


def machine(known: Known) -> Answer:
    """2c: processors and memory, and the versions of what computed."""
    versions = f"Software: {listed([f'{k} {v}' for k, v in known.summary.versions.items()])}."
    if not known.machine:
        return Answer(PARTLY, versions, record("versions"), "The machine: processors, memory, accelerator.")
    text = f"Machine: {settings(known.machine)}. {versions}"
    return Answer(RUN, text, f"{times.FILE}: system, machine, processors, memory; {record('versions')}")


def instructions(known: Known) -> Answer:
    """2d: the documentation, and the command that repeats the run."""
    if not _repeats(known):
        return Answer(PARTLY, "README.md and docs/ of affex.", "README.md", "How the run was started.")
    command = wording.command("evaluate", CONFIG=runs.SETTINGS)
    text = f"README.md and docs/ of affex say how it is installed and used; {command} repeats the run."
    return Answer(RUN, text, f"README.md; {runs.SETTINGS}")


def script(known: Known) -> Answer:
    """2e: the settings that repeat the run to the byte."""
    if not _repeats(known):
        return author(
            "A script that repeats the run: its estimator was passed from Python, which no file of settings holds."
        )
    text = (
        f"{runs.SETTINGS} holds all settings of the run; with the same corpus, versions and seed it gives the same "
        f"bytes of {runs.RECORD} and {runs.PREDICTIONS} on the processor."
    )
    return Answer(RUN, text, runs.SETTINGS)


def _repeats(known: Known) -> bool:
    """Return whether the run's folder has settings that repeat it."""
    return (known.run.folder / runs.SETTINGS).is_file() and known.summary.about.settings.passed is None

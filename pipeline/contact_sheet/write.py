"""The arrow from the id of an utterance to a file with its contact sheet."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from affex.pipeline.contact_sheet.draw import drawn
from affex.pipeline.contact_sheet.gather import gathered
from affex.pipeline.contact_sheet.over_time import scores_over_time
from affex.pipeline.contact_sheet.record import Look
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.reporting.pictures import KINDS
from affex.pipeline.specs.features import FeatureSpec
from affex.pipeline.storage.atomic import temporary, writing
from affex.pipeline.text.console import Console
from affex.pipeline.text.errors import UsageError, unknown

#: The greatest number of characters of an utterance's id in a file name.
NAME = 60


def show(
    datasets: Sequence[Dataset],
    id_: str,
    spec: FeatureSpec,
    out: Path | None,
    console: Console,
    run: str = "",
    looks: tuple[str, tuple[Look, ...]] = ("", ()),
) -> None:
    """Write the contact sheet of an utterance; report its path, and why frames or sound are missing.

    Parameters
    ----------
    datasets
        The corpora in which the utterance is searched. If several utterances have the id, the first is shown.
    spec
        The feature whose rows are shown.
    out
        The file, whose suffix gives its format; None for a PNG in the corpus's cache folder.
    run
        A finished run whose scores over time are drawn, by name or folder; empty for none.
    looks
        The name of a model, and where it looks.

    Raises
    ------
    UsageError
        If there is no such utterance, the file format is unknown, or the feature has no faces.
    AffexError
        If the file cannot be written.
    """
    dataset, utterance = found(datasets, id_)
    path = out or default_path(dataset, id_)
    kind = path.suffix.lower().removeprefix(".")
    if kind not in KINDS:
        raise UsageError(f"OUT={path}: expected a file name that ends in .{', .'.join(KINDS)}.")
    over_time = scores_over_time(run, dataset, id_) if run else None
    model, where = looks
    sheet = replace(gathered(dataset, utterance, spec), over_time=over_time, looks=where, model=model)
    picture = drawn(sheet, kind)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary(path) as file:
            file.write(picture)
    for what, why in (("frames", sheet.faces), ("sound", sheet.sound)):
        if isinstance(why, str):
            console.print(f"No {what}: {why}")
    console.print(f"-> {path}")


def default_path(dataset: Dataset, id_: str) -> Path:
    """Return the default path of a sheet. Its name is the end of the id, with dashes for special characters."""
    name = re.sub(r"[^\w.+=@-]+", "-", id_).strip("-.")[-NAME:] or "utterance"
    return dataset.folder / "sheets" / f"{name}.png"


def found(datasets: Sequence[Dataset], id_: str) -> tuple[Dataset, Utterance]:
    """Return an utterance and its corpus.

    Raises
    ------
    UsageError
        If there is none of this id.
    """
    for dataset in datasets:
        for utterance in dataset.utterances:
            if utterance.id == id_:
                return dataset, utterance
    raise unknown("utterance", id_, (utterance.id for dataset in datasets for utterance in dataset.utterances))

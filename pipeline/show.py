"""Showing: from the id of an utterance to a picture of all there is of it (see `sheet`, `sheet_picture`), as a file."""

import re
from collections.abc import Sequence
from pathlib import Path

from pipeline.atomic import temporary, writing
from pipeline.errors import UsageError, unknown
from pipeline.manifest import Dataset, Utterance
from pipeline.pictures import KINDS
from pipeline.registry import FeatureSpec

#: How much of an utterance's id a file is called by, characters.
NAME = 120


def show(datasets: Sequence[Dataset], id_: str, spec: FeatureSpec, out: Path | None) -> Path:
    """Write the contact sheet of an utterance; return where.

    Parameters
    ----------
    datasets
        The corpora that it is looked for in; of several utterances of one id, the first is shown.
    spec
        The feature whose rows are shown.
    out
        The file, whose ending says its kind; None for a PNG in the corpus's cache folder.

    Raises
    ------
    UsageError
        If there is no such utterance, or no such kind of file, or the feature does not hold faces.
    AffexError
        If the face is not in the cache as it should be, or the file cannot be written.
    """
    from pipeline.sheet import gathered
    from pipeline.sheet_picture import drawn

    dataset, utterance = _found(datasets, id_)
    path = out or default_path(dataset, id_)
    kind = path.suffix.lower().removeprefix(".")
    if kind not in KINDS:
        raise UsageError(f"OUT={path}: expected a file that ends in .{', .'.join(KINDS)}.")
    picture = drawn(gathered(dataset, utterance, spec), kind)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary(path) as file:
            file.write(picture)
    return path


def default_path(dataset: Dataset, id_: str) -> Path:
    """Return where a sheet is written when nobody says: an id may be a path, and the end of one says most."""
    return dataset.folder / "sheets" / (re.sub(r"[^\w.+=@-]+", "-", id_).strip("-.")[-NAME:] + ".png")


def _found(datasets: Sequence[Dataset], id_: str) -> tuple[Dataset, Utterance]:
    for dataset in datasets:
        for utterance in dataset.utterances:
            if utterance.id == id_:
                return dataset, utterance
    raise unknown("utterance", id_, (utterance.id for dataset in datasets for utterance in dataset.utterances))

"""The format ``datasets``: a folder that Hugging Face's ``datasets`` opens, with a Croissant description and a card.

``data/<part>.parquet`` has one record per utterance (see `nested`). The parts are those of the corpus's own split if
every utterance is in one, else the one part ``train``. ``croissant.json`` describes the files, with the sha256 of each
(see `croissant`), ``README.md`` is the card (see `card`). Recordings are not in it, and no absolute path.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from affex.pipeline import media
from affex.pipeline.exchange import card, croissant, nested
from affex.pipeline.exchange.record import Export, Format, ImportOptions, Source, remarks
from affex.pipeline.specs import data_sheets
from affex.pipeline.storage import atomic
from affex.pipeline.text.errors import AffexError, UsageError

#: The folder of tables, the card, and the description.
DATA, CARD, DESCRIPTION = "data", "README.md", "croissant.json"
#: The parts of a corpus's split, and that of a corpus without one, as the Hub calls all data.
SPLITS = ("train", "validation", "test")
WHOLE = "train"
#: What to do about a folder of affex that was changed.
AGAIN = "Export it again."


def write(path: Path, export: Export) -> list[Path]:
    """Write an export into a folder; return the files.

    Raises
    ------
    UsageError
        If the folder is not empty.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError(f"{path} is not an empty folder: name a new one for the data set.")
    with atomic.staging(path) as beside:
        made = beside / path.name
        (made / DATA).mkdir(parents=True)
        _fill(made, export)
        for file in (*made.rglob("*"), made):
            atomic.sync(file)
        made.replace(path)
    return sorted(file for file in path.rglob("*") if file.is_file())


def _fill(made: Path, export: Export) -> None:
    members = _parts(export)
    files = {part: f"{DATA}/{part}.parquet" for part in members}
    nested.write(export, {part: (made / files[part], members[part]) for part in members})
    sheet = data_sheets.of_corpus(export.corpus)
    columns = {name: kind for name, (kind, _) in nested.columns(export).items()}
    digests = {part: media.digest(made / file) for part, file in files.items()}
    (made / CARD).write_text(card.text(export, sheet, files), encoding="utf-8")
    (made / DESCRIPTION).write_text(croissant.text(export, sheet, columns, files, digests), encoding="utf-8")


def _parts(export: Export) -> dict[str, list[int]]:
    """Return the numbers of the utterances of each part."""
    splits = [utterance.split for utterance in export.utterances]
    if not set(splits) <= set(SPLITS):
        return {WHOLE: [*range(len(splits))]}
    parts = {part: [number for number, split in enumerate(splits) if split == part] for part in SPLITS}
    return {part: numbers for part, numbers in parts.items() if numbers}


@contextmanager
def reading(path: Path, options: ImportOptions) -> Iterator[Source]:  # noqa: ARG001 - such a folder leaves nothing open
    """Open a folder that affex wrote; its tables are verified."""
    files = [path / name for name in _described(path)]
    records = [nested.about(file) for file in files]
    if not all(records):
        raise AffexError(f"{path} was not written by affex. {_as_foreign(files[0])}")
    places = {id_: place for file in files for id_, place in nested.places(file).items()}
    yield Source(
        tuple(map(str, records[0]["columns"])),
        list(places),
        lambda id_: nested.part(places[id_]),
        framewise=records[0]["framewise"],
        remarks=remarks(records[0]),
        ours=True,
    )


def is_one(path: Path) -> bool:
    """Whether a folder has a Croissant description."""
    return (path / DESCRIPTION).is_file()


def _described(path: Path) -> list[str]:
    """Return the files that the description lists, after comparing the sha256 of each.

    Raises
    ------
    AffexError
        If there is no description, or a file was changed.
    """
    if not is_one(path):
        raise AffexError(f"{path} has no {DESCRIPTION}. {_as_foreign(path / DATA / 'train.parquet')}")
    listed = _listed(json.loads((path / DESCRIPTION).read_text(encoding="utf-8")))
    if not listed or any(Path(name).parent != Path(DATA) for name in listed):
        raise AffexError(f"{path / DESCRIPTION} lists other files than {DATA}/... {AGAIN}")
    for name, digest in listed.items():
        if not (path / name).is_file() or media.digest(path / name) != digest:
            raise AffexError(f"{path / name} is not what {DESCRIPTION} describes: its sha256 differs. {AGAIN}")
    return list(listed)


def _listed(description: Mapping[str, Any]) -> dict[str, str]:
    return {str(one["contentUrl"]): str(one["sha256"]) for one in description.get("distribution", [])}


def _as_foreign(table: Path) -> str:
    return f"Of a data set of others, import a table with one row per utterance, as in FILE={table} ONLY='embedding*'."


FORMATS = {"datasets": Format((), reading, write)}

"""Corpus ``nemo``: nEMO, emotional speech in Polish -> utterances.

What
    4481 acted utterances, Polish, 24 kHz wav, in six emotions: anger, fear, happiness, neutral, sadness, surprised.
Who
    Nine actors. Christop, "nEMO: Dataset of emotional speech in Polish", LREC-COLING 2024, arXiv:2404.06292.
Licence
    CC BY-NC-SA 4.0.
Source
    https://github.com/amu-cai/nEMO. We have not seen the files.
Files
    ``samples/<file_id>.wav``, and ``data.tsv``, separated by tabs: file_id (with or without ``.wav``), emotion,
    speaker_id, and where they are there raw_text (what was listed), gender. In any folders, in upper or lower case.
Traps
    Only the table has speaker and emotion: a recording without a row, and a row without a recording, are left out and
    reported. All actors say the same sentences. A Hugging Face export (parquet) is not read.
"""

import re
from pathlib import Path

from affex.pipeline.corpora import search, tables
from affex.pipeline.corpora.base import Corpus, require_folder
from affex.pipeline.corpora.example_tree import lay, lay_text
from affex.pipeline.corpora.search import Found, Take
from affex.pipeline.corpora.tables import Row
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.text.errors import CorpusError

TABLE = "data.tsv"
COLUMNS = ("file_id", "emotion", "speaker_id")


def find(root: Path) -> Found:
    """Return the utterances, by file name."""
    require_folder(root, f"nEMO's {TABLE} and samples/<file_id>.wav")
    paths = search.below(root)
    table = search.first(root, paths, TABLE)
    listed = tables.keyed(tables.rows(table, COLUMNS, "\t") if table else (), lambda row: _key(row["file_id"]))
    takes = search.takes(paths, _key)
    chosen = sorted(listed.keys() & takes.of.keys())
    if not chosen:
        raise CorpusError(
            f"{root} does not hold nEMO: looked for {TABLE} in it and all its folders, and for the 4481 recordings "
            f"that it lists, samples/<file_id>.wav, and found none that belong together. They come from {CORPUS.source}"
        )
    utterances = (_utterance(listed[key], takes.of[key]) for key in chosen)
    return takes.found("nemo", utterances, [*tables.unmatched("nemo", TABLE, listed, takes.of)])


def _key(name: str) -> str:
    """Return a recording's name for comparisons: without folder and suffix, in lower case."""
    return name.rpartition("/")[2].lower().removesuffix(".wav")


def _utterance(row: Row, take: Take) -> Utterance:
    return Utterance(
        id=re.sub(r"\.wav$", "", row["file_id"], flags=re.IGNORECASE),
        corpus="nemo",
        speaker=row["speaker_id"],
        label=row["emotion"].lower(),
        audio=take.audio,
        video=take.video,
        text=row["raw_text"] or None,
        sex=row["gender"].lower() or None,
    )


def example(root: Path) -> Path:
    """Lay out two speakers."""
    listed = {
        "AB0_anger_1": "anger\tTo zdanie.\tAB0\tfemale",
        "AB0_fear_1": "fear\tTo zdanie.\tAB0\tfemale",
        "CD0_anger_2": "anger\tDrugie zdanie.\tCD0\tmale",
    }
    rows = (f"{name}\t{cells}" for name, cells in listed.items())
    lay(root, *(f"samples/{name}.wav" for name in listed))
    return lay_text(root, TABLE, "file_id\temotion\traw_text\tspeaker_id\tgender", *rows)


CORPUS = Corpus(
    name="nemo",
    title="nEMO: 4481 acted utterances, 9 actors, 6 emotions, Polish",
    licence="CC BY-NC-SA 4.0 (not for commercial use)",
    excerpts=True,
    source="https://github.com/amu-cai/nEMO",
    cites=("christop2024",),
    language="Polish",
    find=find,
    counts={None: 4481},
    example=example,
)

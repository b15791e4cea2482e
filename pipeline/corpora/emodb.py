"""Corpus ``emodb``: the Berlin Database of Emotional Speech -> utterances.

What
    535 acted utterances, 16 kHz mono wav, German: ten sentences of everyday speech in seven emotions (anger 127,
    boredom 81, neutral 79, happiness 71, fear 69, sadness 62, disgust 46), kept where at least 80 % of the
    listeners recognised the emotion and 60 % found it natural.
Who
    Ten actors, five women and five men. Burkhardt, Paeschke, Rolfes, Sendlmeier, Weiss, "A database of German
    emotional speech", Interspeech 2005, doi:10.21437/Interspeech.2005-446.
Licence
    Free for research. The release on Zenodo is under CC BY 4.0.
Source
    doi:10.5281/zenodo.7447302 (version 1.3.0, one archive). The download uses it, because the authors' own page,
    http://emodb.bilderbar.info, has neither https nor a checksum. The checksum is quoted from others; we have not
    downloaded the archive.
Files
    ``wav/03a01Fa.wav``: speaker, text, emotion (the first letter of its German name), version; in any folders, in upper
    or lower case. Version 2.0 (doi:10.5281/zenodo.17651657; not seen by us) holds 281 ambiguous utterances besides,
    with less than 80 % agreement: its tables ``db.emotion.csv`` (with confidence) and
    ``db.emotion.categories.{train,test}.gold_standard.csv`` list them. They are left out, and reported, unless
    ``DATASET=emodb:part=all`` or ``part=ambiguous`` takes them: their part is then ``ambiguous``.
Traps
    Ten sentences are shared by all speakers. Speaker 08 has no disgust: a mean over the speakers' own UARs does
    not exist. Most other corpora do not have boredom.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from affex.pipeline.corpora import search
from affex.pipeline.corpora.base import LOSO, Corpus, Download, Protocol
from affex.pipeline.corpora.example_tree import lay
from affex.pipeline.corpora.search import Found, Take
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.text.errors import CorpusError
from affex.pipeline.text.filenames import path_of

LABELS = {
    "W": "anger",  # Wut (Ärger)
    "L": "boredom",  # Langeweile
    "E": "disgust",  # Ekel
    "A": "fear",  # Angst
    "F": "happiness",  # Freude
    "T": "sadness",  # Trauer
    "N": "neutral",
}
MEN = {"03", "10", "11", "12", "15"}

#: The least share of listeners who recognise a gold utterance's emotion (Burkhardt et al. 2005).
AGREED = 0.8
#: The values of ``DATASET=emodb:part=...``, for a release with ambiguous utterances.
GOLD, AMBIGUOUS, ALL = "gold", "ambiguous", "all"
#: The number of ambiguous utterances in version 2.0.
N_AMBIGUOUS = 281

NAME = re.compile(
    r"(?:.*/)?(?P<speaker>03|08|09|1[0-6])(?P<text>a0[12457]|b0[1239]|b10)(?P<emotion>[WLEAFTN])(?P<version>[a-z])",
    re.IGNORECASE,
)


def find(root: Path, part: str = GOLD) -> Found:
    """Return the utterances, by file name.

    Parameters
    ----------
    root
        The corpus's folder.
    part
        Of version 2.0: the utterances that at least 80 % of the listeners recognised (``"gold"``), the other ones
        (``"ambiguous"``), or ``"all"``.

    Raises
    ------
    CorpusError
        If there are none, or a table cannot be read.
    """
    takes = search.recordings(root, CORPUS, "wav/03a01Fa.wav", _id)
    ambiguous = _ambiguous(root, takes.paths) & takes.of.keys()
    chosen = {GOLD: takes.of.keys() - ambiguous, AMBIGUOUS: ambiguous, ALL: takes.of.keys()}[part]
    utterances = (_utterance(id_, takes.of[id_], AMBIGUOUS if id_ in ambiguous else None) for id_ in sorted(chosen))
    left = [id_ for id_ in ambiguous if id_ not in chosen]
    remarks = [
        f"emodb: {len(left)} utterances that less than {AGREED:.0%} of the listeners recognised are left out; to use "
        f"them: DATASET=emodb:part={ALL} (or part={AMBIGUOUS})"
    ]
    return takes.found("emodb", utterances, remarks if left else ())


def _id(name: str) -> str | None:
    """Return the id of a file's utterance in the owners' spelling; None for other files."""
    match = NAME.fullmatch(name)
    if match is None:
        return None
    return f"{match['speaker']}{match['text'].lower()}{match['emotion'].upper()}{match['version'].lower()}"


def _ambiguous(root: Path, paths: Sequence[str]) -> set[str]:
    """Return the utterances that the tables of version 2.0 do not count as gold; none where there are no tables."""
    tables = {path: path.rpartition("/")[2].lower() for path in paths if path.lower().endswith(".csv")}
    rated = [path for path, name in tables.items() if name in ("db.emotion.csv", "emotion.csv")]
    listed = [path for path, name in tables.items() if "ambiguous" in name]
    gold = [path for path, name in tables.items() if "gold_standard" in name]
    doubtful = {
        id_ for path in rated for id_, share in _rows(path_of(root, path)) if share is not None and share < AGREED
    }
    doubtful |= {id_ for path in listed for id_, _ in _rows(path_of(root, path))}
    return doubtful - {id_ for path in gold for id_, _ in _rows(path_of(root, path))}


def _rows(table: Path) -> Iterator[tuple[str, float | None]]:
    """Yield utterance and agreement on its emotion (None if missing) of each row of a table."""
    rows = search.rows(table)
    if "file" not in (rows.fieldnames or ()):
        raise CorpusError(f"{table} has no column 'file': it is not a table of EMO-DB.")
    for number, row in enumerate(rows, 2):
        text = row.get("emotion.confidence") or ""
        try:
            share = float(text) if text.strip() else None
        except ValueError as error:
            raise CorpusError(f"{table}, row {number}: 'emotion.confidence' is '{text}', expected a number.") from error
        if id_ := _id(row["file"].replace("\\", "/").rpartition(".")[0]):
            yield id_, share


def _utterance(id_: str, take: Take, part: str | None) -> Utterance:
    speaker = id_[:2]
    return Utterance(
        id=id_,
        corpus="emodb",
        speaker=speaker,
        label=LABELS[id_[5]],
        audio=take.audio,
        video=take.video,
        part=part,
        sentence=id_[2:5],
        sex="male" if speaker in MEN else "female",
    )


def remarks(utterances: Sequence[Utterance]) -> list[str]:
    """Return a sentence if the number of ambiguous utterances is not the published one."""
    n = sum(utterance.part == AMBIGUOUS for utterance in utterances)
    return [f"emodb: {n} ambiguous utterances found, of {N_AMBIGUOUS} published"] if n not in (0, N_AMBIGUOUS) else []


def example(root: Path) -> Path:
    """Lay out one sentence of two actors in all emotions."""
    return lay(root, *(f"wav/{speaker}a01{emotion}a.wav" for speaker in ("03", "08") for emotion in LABELS))


CORPUS = Corpus(
    name="emodb",
    title="Berlin Database of Emotional Speech (EMO-DB): 535 utterances, 10 actors, 7 emotions, German",
    licence="free for research; the release on Zenodo is under CC BY 4.0",
    excerpts=True,
    source="https://doi.org/10.5281/zenodo.7447302",
    cites=("burkhardt2005",),
    language="German",
    also=("EMO-DB", "Berlin", "Berlin EmoDB"),
    find=find,
    example=example,
    counts={None: 535},
    remarks=remarks,
    protocols=(LOSO, Protocol("loso+text", "loso+text")),
    settings={"part": (GOLD, AMBIGUOUS, ALL)},
    download=Download(
        base_url="https://zenodo.org/records/7447302/files/",
        files={"emodb.zip": "md5:9d21362dbc5676ef3ab4745d83ced0db"},
    ),
    speaker_key=r"(?:^|[-/])(\d\d)[ab]\d\d[A-Z]",
    text_key=r"(?:^|[-/])\d\d([ab]\d\d)[A-Z]",
)

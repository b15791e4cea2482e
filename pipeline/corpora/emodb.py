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
    doi:10.5281/zenodo.7447302 (version 1.3.0, one archive), which is fetched here, as the authors' own page,
    http://emodb.bilderbar.info, has neither https nor a checksum. The checksum is the record's as
    others quote it; the archive has not been fetched by us.
Files
    ``wav/03a01Fa.wav``: speaker, text, emotion (the first letter of its German name), version. The folder
    `wav` itself will do, and so will the folder ``emodb/wav`` that the archive unpacks to.
Traps
    Ten sentences are shared by all speakers. Speaker 08 has no disgust: a mean over the speakers' own UARs does
    not exist. Boredom is no emotion of most other corpora.
"""

import re
from pathlib import Path

from pipeline.corpora.base import Corpus, Download, require_folder
from pipeline.errors import CorpusError
from pipeline.manifest import Media, Utterance

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

NAME = re.compile(
    r"(?P<speaker>03|08|09|1[0-6])(?P<text>a0[12457]|b0[1239]|b10)(?P<emotion>[WLEAFTN])(?P<version>[a-z])\.wav"
)


def find(root: Path) -> list[Utterance]:
    """Return the utterances, by file name."""
    require_folder(root, "EMO-DB's wav/03a01Fa.wav and its like")
    for folder in (root / "wav", root / "emodb" / "wav", root):
        names = filter(None, map(NAME.fullmatch, sorted(path.name for path in folder.glob("*.wav"))))
        if utterances := [_utterance(name, folder.relative_to(root)) for name in names]:
            return utterances
    raise CorpusError(
        f"{root} does not hold EMO-DB: looked for 535 files such as wav/03a01Fa.wav in it, in its folder 'wav' and in "
        "'emodb/wav', and found none."
    )


def _utterance(name: re.Match[str], folder: Path) -> Utterance:
    return Utterance(
        id=Path(name[0]).stem,
        corpus="emodb",
        speaker=name["speaker"],
        label=LABELS[name["emotion"]],
        audio=Media((folder / name[0]).as_posix()),
        text=name["text"],
        sex="male" if name["speaker"] in MEN else "female",
    )


CORPUS = Corpus(
    name="emodb",
    title="Berlin Database of Emotional Speech (EMO-DB): 535 utterances, 10 actors, 7 emotions, German",
    licence="free for research; the release on Zenodo is under CC BY 4.0",
    source="https://doi.org/10.5281/zenodo.7447302",
    find=find,
    counts={None: 535},
    download=Download(
        base_url="https://zenodo.org/records/7447302/files/",
        files={"emodb.zip": "md5:9d21362dbc5676ef3ab4745d83ced0db"},
    ),
)

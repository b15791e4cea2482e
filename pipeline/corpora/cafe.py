"""Corpus ``cafe``: the Canadian French Emotional speech dataset -> utterances.

What
    936 acted utterances, Canadian French: six sentences in anger, disgust, fear, happiness, sadness and surprise, each
    ``mild`` (faible, 432) and ``strong`` (fort, 432), and ``neutral`` (72). The intensity is the part here.
Who
    Six men and six women, 15 to 64 years old. Gournay, Lahaie, Lefebvre, "A Canadian French emotional speech dataset",
    ACM Multimedia Systems 2018, doi:10.1145/3204949.3208121.
Licence
    CC BY-NC-SA 4.0: not for commercial use.
Source
    https://doi.org/10.5281/zenodo.1478765. We have not seen the files.
Files
    ``CaFE_48k/Peur/Fort/12-P-2-5.wav``: speaker (odd numbers are men), emotion (C colère, D dégoût, J joie, N neutre, P
    peur, S surprise, T tristesse), intensity (1 faible, 2 fort; any or none for neutral), sentence; in any
    folders.
Traps
    It is given out at 48 kHz and at 192 kHz under the same names: keep one of the two below the folder. The sentence
    is known by its number; all speakers say the same six.
"""

import re
from pathlib import Path

from affex.pipeline.corpora import search
from affex.pipeline.corpora.base import LOSO, Corpus, Protocol
from affex.pipeline.corpora.example_tree import lay
from affex.pipeline.corpora.search import Found
from affex.pipeline.manifest.utterance import Utterance

LABELS = {"C": "anger", "D": "disgust", "J": "happiness", "N": "neutral", "P": "fear", "S": "surprise", "T": "sadness"}
INTENSITIES = {"1": "mild", "2": "strong"}

NAME = re.compile(
    r"(?:.*/)?(?P<speaker>0[1-9]|1[0-2])-(?:(?P<neutral>N)(?:-\d)?|(?P<emotion>[CDJPST])-(?P<intensity>[12]))"
    r"-(?P<sentence>[1-6])",
    re.IGNORECASE,
)


def find(root: Path) -> Found:
    """Return the utterances, by speaker, emotion, intensity and sentence."""
    return search.by_name(root, CORPUS, "CaFE_48k/Peur/Fort/12-P-2-5.wav", NAME, _utterance)


def _utterance(name: re.Match[str]) -> Utterance:
    speaker, sentence = name["speaker"], name["sentence"]
    emotion, intensity = (name["emotion"] or "N").upper(), name["intensity"] or "0"
    return Utterance(
        id=f"{speaker}-{emotion}-{intensity}-{sentence}",
        corpus="cafe",
        speaker=speaker,
        label=LABELS[emotion],
        part=INTENSITIES.get(intensity, "neutral"),
        sentence=sentence,
        sex="male" if int(speaker) % 2 else "female",
    )


def example(root: Path) -> Path:
    """Lay out two speakers: one sentence neutral, and in fear of both intensities."""
    files = ("Neutre/{}-N-0-5.wav", "Peur/Faible/{}-P-1-5.wav", "Peur/Fort/{}-P-2-5.wav")
    return lay(root, *(f"CaFE_48k/{file.format(speaker)}" for speaker in ("11", "12") for file in files))


CORPUS = Corpus(
    name="cafe",
    title="CaFE: 936 acted utterances, 12 actors, 7 emotions in two intensities, Canadian French",
    licence="CC BY-NC-SA 4.0 (not for commercial use)",
    excerpts=True,
    source="https://doi.org/10.5281/zenodo.1478765",
    cites=("gournay2018",),
    language="Canadian French",
    also=("Canadian French Emotional",),
    find=find,
    example=example,
    protocols=(LOSO, Protocol("strong", parts=("strong", "neutral")), Protocol("mild", parts=("mild", "neutral"))),
    counts={"neutral": 72, "mild": 432, "strong": 432},
    speaker_key=r"(?:^|[-/])(\d\d)-[A-Z]",
    text_key=r"-(\d)$",
)

"""Corpus ``savee``: the Surrey Audio-Visual Expressed Emotion database -> utterances.

What
    480 acted utterances, British English, 44.1 kHz wav and the video (avi): neutral 120, and anger, disgust, fear,
    happiness, sadness and surprise 60 each. The sentences are TIMIT's.
Who
    Four men of the University of Surrey, DC, JE, JK and KL, aged 27 to 31. Haq, Jackson, "Multimodal emotion
    recognition", in Machine Audition, IGI Global, 2010, doi:10.4018/978-1-61520-919-4.ch017.
Licence
    Free on registration with its owners, on their terms.
Source
    http://kahlan.eps.surrey.ac.uk/savee/. We have not seen the files.
Files
    ``AudioData/DC/a01.wav`` and ``AudioVisualClip/DC/a1.avi``: speaker, emotion (a, d, f, h, n, sa, su), sentence;
    in any folders, in upper or lower case. Copies on the web have ``ALL/DC_a01.wav``: read too.
Traps
    ``sa`` and ``su`` begin with the same letter. The numbers of videos have no leading zero. wav and video of one
    sentence are one performance, and one utterance here: its sound is the wav, or else that of the video. The sentence
    (its code is the emotion's letters and the number, as in ``d03``) is the same for all four men. Most sentences
    belong to one emotion only, so the words reveal the emotion. Three are common to all emotions, and neutral repeats
    the sentences of the others under other numbers.
"""

import re
from pathlib import Path

from affex.pipeline.corpora import search
from affex.pipeline.corpora.base import Corpus
from affex.pipeline.corpora.example_tree import lay
from affex.pipeline.corpora.search import Found
from affex.pipeline.manifest.utterance import Utterance

LABELS = {
    "a": "anger",
    "d": "disgust",
    "f": "fear",
    "h": "happiness",
    "n": "neutral",
    "sa": "sadness",
    "su": "surprise",
}

PATH = re.compile(r"(?:.*/)?(?P<speaker>DC|JE|JK|KL)[/_](?P<emotion>sa|su|[adfhn])(?P<sentence>\d\d?)", re.IGNORECASE)


def find(root: Path) -> Found:
    """Return the utterances, by speaker, emotion and sentence."""
    return search.by_name(root, CORPUS, "AudioData/DC/a01.wav", PATH, _utterance)


def _utterance(name: re.Match[str]) -> Utterance:
    speaker, emotion = name["speaker"].upper(), name["emotion"].lower()
    sentence = f"{emotion}{int(name['sentence']):02}"
    return Utterance(
        id=f"{speaker}_{sentence}",
        corpus="savee",
        speaker=speaker,
        label=LABELS[emotion],
        sentence=sentence,
        sex="male",
    )


def example(root: Path) -> Path:
    """Lay out two men: one sentence per emotion, and two videos."""
    for speaker in ("DC", "KL"):
        lay(root, *(f"AudioData/{speaker}/{emotion}01.wav" for emotion in LABELS))
        lay(root, *(f"AudioVisualClip/{speaker}/{emotion}1.avi" for emotion in ("a", "sa")))
    return root


CORPUS = Corpus(
    name="savee",
    title="SAVEE: 480 acted utterances, 4 men, 7 emotions, audio and video, British English",
    licence="free on registration with its owners, on their terms",
    source="http://kahlan.eps.surrey.ac.uk/savee/",
    cites=("haq2010",),
    language="British English",
    also=("Surrey",),
    find=find,
    example=example,
    counts={None: 480},
    speaker_key=r"(?:^|[-/])([A-Z]{2})[-_/]",
    text_key=r"(?:^|[-/])[A-Z]{2}[-_/]([a-z]{1,2}\d\d)",
)

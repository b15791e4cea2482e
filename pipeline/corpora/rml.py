"""Corpus ``rml``: the RML emotion database -> utterances.

What
    720 acted films of 3 to 6 s (avi, 30 frames/s; mono sound, 22.05 kHz) in six emotions: anger, disgust, fear,
    happiness, sadness, surprise. Six languages: English, Mandarin, Urdu, Punjabi, Persian, Italian.
Who
    Eight subjects of the Ryerson Multimedia Lab. Wang, Guan, "Recognizing human emotional state from audiovisual
    signals", IEEE Transactions on Multimedia 10(5), 2008, doi:10.1109/TMM.2008.927665. Nothing published says who is
    a man and who a woman.
Licence
    On request, free for research: not for commerce.
Source
    The lab's page, http://www.rml.ryerson.ca/rml-emotion-database.html, where the figures above stand; it gave the
    films to those who signed an agreement. We have not seen them.
Files
    ``s1/an1.avi``: the subject's folder, then the emotion (an, di, fe, ha, sa, su) and a number; in any arrangement of
    folders above (some have ``rml-1/s1/`` and ``rml-2/s6/``).
Traps
    A subject who speaks two languages has a folder for each, and the same file names in both: the folder is part of
    the id. The film is the sound, too. Ten sentences an emotion were handed out, and many said others, so that
    the number says nothing of what was said. A subject's language is heard in all of his films, and some are
    spoken by one subject alone. A second copy of a subject's folder counts once.
"""

import re
from pathlib import Path

from pipeline.corpora.base import Corpus, found_below, require_folder
from pipeline.errors import CorpusError
from pipeline.manifest import Media, Utterance

LABELS = {
    "an": "anger",
    "di": "disgust",
    "fe": "fear",
    "ha": "happiness",
    "sa": "sadness",
    "su": "surprise",
}

PATH = re.compile(
    r"(?:.*/)?(?P<id>(?P<speaker>s[1-8])/(?:[^/]+/)*(?P<emotion>an|di|fe|ha|sa|su)\d+)\.avi", re.IGNORECASE
)


def find(root: Path) -> list[Utterance]:
    """Return the utterances, by subject, folder and file name."""
    require_folder(root, "RML's s1/an1.avi and its like")
    films: dict[str, re.Match[str]] = {}
    for path in found_below(root):
        if name := PATH.fullmatch(path):
            films.setdefault(name["id"], name)
    if not films:
        raise CorpusError(
            f"{root} does not hold RML: looked for 720 films such as s1/an1.avi in it and all its folders, and found "
            f"none. They are given on request: see {CORPUS.source}"
        )
    return [_utterance(films[id_]) for id_ in sorted(films)]


def _utterance(name: re.Match[str]) -> Utterance:
    film = Media(name[0])
    return Utterance(
        id=name["id"],
        corpus="rml",
        speaker=name["speaker"].lower(),
        label=LABELS[name["emotion"].lower()],
        audio=film,
        video=film,
    )


CORPUS = Corpus(
    name="rml",
    title="RML: 720 acted films, 8 subjects, 6 emotions, six languages",
    licence="on request, free for research and not for commerce",
    source="http://www.rml.ryerson.ca/rml-emotion-database.html",
    find=find,
    counts={None: 720},
)

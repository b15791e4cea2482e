"""Corpus ``ravdess``: the Ryerson Audio-Visual Database of Emotional Speech and Song -> utterances.

What
    1440 spoken and 1012 sung takes of two sentences, audio (48 kHz wav, a few stereo) and video (1280 x 720, 29.97
    frames/s, AAC sound), North American English. Speech: neutral 96, and calm, happy, sad, angry, fearful,
    disgust, surprised 192 each. Song: neutral 92, and calm, happy, sad, angry, fearful 184 each.
Who
    24 actors, odd numbers men and even numbers women; actor 18 did not sing. Livingstone and Russo, PLoS ONE 13(5),
    2018, doi:10.1371/journal.pone.0196391. People recognised 80 % of the audio-visual takes, 75 % by video and
    60 % by audio alone.
Licence
    CC BY-NC-SA 4.0: not for commercial use.
Source
    doi:10.5281/zenodo.1188976. Both audio archives are downloaded by default (0.4 GB) and checked by checksums that are
    quoted from others. The 47 video archives (24 GB) are downloaded only with EXTRA=1, and checked by the checksums
    that Zenodo publishes at that time. We have not downloaded any of them.
Files
    ``Actor_01/03-01-06-01-02-01-12.wav``, in any arrangement of folders: modality (01 audio-video, 02 video only, 03
    audio only), channel (01 speech, 02 song), emotion, intensity (01 normal, 02 strong; neutral has no strong
    one), statement, repetition, actor.
Traps
    The 01, 02 and 03 files of one take are the same performance, and one utterance here (its id is the name
    without the modality): its sound is the 03 file's, else the 01 file's; its picture the 01 file's, else the
    02 file's. Copies on the web have every file twice; each name counts once.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from affex.pipeline.corpora import search
from affex.pipeline.corpora.base import Corpus, Download, Protocol, require_folder
from affex.pipeline.corpora.example_tree import lay
from affex.pipeline.corpora.search import Found
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.text.errors import CorpusError

#: The values of the first field: sound and picture, picture alone, sound alone.
BOTH, SILENT, SOUND = "01", "02", "03"
PARTS = {"01": "speech", "02": "song"}
LABELS = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fearful",
    "07": "disgust",
    "08": "surprised",
}
STATEMENTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}

NAME = re.compile(r"(?:.*/)?(?P<modality>0[123])-(?P<take>0[12]-0[1-8]-0[12]-0[12]-0[12]-(?:0[1-9]|1\d|2[0-4]))")


def find(root: Path) -> Found:
    """Return the utterances, speech before song, by emotion, then by the other fields of their names."""
    require_folder(root, "RAVDESS's Actor_01/03-01-01-01-01-01-01.wav and its like")
    versions = search.takes(search.below(root), _version, ("wav", "mp4"))
    takes: dict[str, dict[str, str]] = defaultdict(dict)
    for (take, modality), its in versions.of.items():
        if path := its.sound if modality == SOUND else its.film:
            takes[take][modality] = path
    if not takes:
        raise CorpusError(
            f"{root} does not hold RAVDESS: looked for files such as Actor_01/03-01-01-01-01-01-01.wav or "
            "Actor_01/01-01-01-01-01-01-01.mp4 in it and all its folders, and found none."
        )
    return versions.found("ravdess", (_utterance(take, takes[take]) for take in sorted(takes)))


def _version(name: str) -> tuple[str, str] | None:
    """Return take and modality of a file; None for other files."""
    match = NAME.fullmatch(name)
    return (match["take"], match["modality"]) if match else None


def _utterance(take: str, paths: Mapping[str, str]) -> Utterance:
    part, emotion, _, statement, _, actor = take.split("-")
    audio, video = paths.get(SOUND) or paths.get(BOTH), paths.get(BOTH) or paths.get(SILENT)
    return Utterance(
        id=take,
        corpus="ravdess",
        speaker=actor,
        label=LABELS[emotion],
        audio=Media(audio) if audio else None,
        video=Media(video) if video else None,
        part=PARTS[part],
        text=STATEMENTS[statement],
        sex="male" if int(actor) % 2 else "female",
    )


ACTORS = [f"{actor:02}" for actor in range(1, 25)]


def example(root: Path) -> Path:
    """Lay out two actors: sound and video of speech, sound of song."""
    takes = [f"{emotion}-01-02-01-{actor}" for actor in ("01", "02") for emotion in ("01", "05")]
    files = ("01-01-{}.mp4", "02-01-{}.mp4", "03-01-{}.wav", "03-02-{}.wav")
    return lay(root, *(f"Actor_{take[-2:]}/{file.format(take)}" for take in takes for file in files))


CORPUS = Corpus(
    name="ravdess",
    title="RAVDESS: 1440 spoken and 1012 sung takes, 24 actors, 8 emotions, audio and video, English",
    licence="CC BY-NC-SA 4.0 (not for commercial use)",
    excerpts=True,
    source="https://doi.org/10.5281/zenodo.1188976",
    cites=("livingstone2018",),
    language="North American English",
    human=("people recognised 80 % of the audio-visual takes, 75 % by video alone and 60 % by audio alone",),
    find=find,
    example=example,
    protocols=(
        Protocol("speech", parts=("speech",)),
        Protocol("song", parts=("song",)),
        Protocol("both", parts=("speech", "song")),
        Protocol("speech+text", "loso+text", parts=("speech",)),
        Protocol("song+text", "loso+text", parts=("song",)),
    ),
    counts={"speech": 1440, "song": 1012},
    download=Download(
        base_url="https://zenodo.org/records/1188976/files/",
        files={
            "Audio_Speech_Actors_01-24.zip": "md5:bc696df654c87fed845eb13823edef8a",
            "Audio_Song_Actors_01-24.zip": "md5:5411230427d67a21e18aa4d466e6d1b9",
        },
        extra={
            f"Video_{part}_Actor_{actor}.zip": None
            for part in ("Speech", "Song")
            for actor in ACTORS
            if (part, actor) != ("Song", "18")
        },
        doi="10.5281/zenodo.1188976",
    ),
    speaker_key=r"-(\d\d)$",
    text_key=r"-(\d\d)-\d\d-\d\d$",
)

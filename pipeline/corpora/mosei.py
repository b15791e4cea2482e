"""Corpus ``mosei``: CMU Multimodal Opinion Sentiment and Emotion Intensity -> utterances.

What
    Segments, about a sentence each, of monologues on YouTube, English: sentiment from -3 to 3, and happiness,
    sadness, anger, surprise, disgust and fear, each from 0 (no evidence) to 3, as the mean of three raters. Sentiment
    is the valence here, in these units. The label is one of seven classes, -3 to 3, rounded as in the SDK (away from
    zero: -0.3 is -1). ``TARGET=polarity`` is negative, neutral (0) or positive; ``TARGET=happy`` and the other emotions
    are absent (0) or present, and a segment may have several.
Who
    More than 1000 speakers, not named. Zadeh, Liang, Poria, Cambria, Morency, "Multimodal Language Analysis in the
    Wild: CMU-MOSEI Dataset and Interpretable Dynamic Fusion Graph", ACL 2018, doi:10.18653/v1/P18-1208.
Licence
    Not stated. Labels and features are published; the videos belong to their makers and are no longer distributed.
Source
    https://github.com/CMU-MultiComp-Lab/CMU-MultimodalSDK (``CMU_MOSEI_Labels.csd``); the recordings were in
    ``CMU_MOSEI.zip``. We have not seen them: the layout is as its users describe it.
Files
    ``CMU_MOSEI_Labels.csd`` in the folder or below it, or ``All Labels.csd``, as the SDK writes it anew. The whole
    recordings, ``Raw/Audio/Full/WAV_16000/<video>.wav`` and ``Raw/Videos/Full/Combined/<video>.mp4``; the cut videos
    beside the latter are not read: they are fewer. ``Raw/Transcript/Segmented/Combined/<video>.txt`` with
    lines ``<video>___<number>___<start>___<end>___<text>``. The split is in the SDK's Python code and is not
    repeated here. To use it, write ``split.csv`` with the columns video and split (train, valid, test), for the
    protocols ``...-split``. The other protocols leave out recordings, in five groups.
Counts
    23 453 segments of 3228 videos in the paper; 23 259 of 3293 in the file of labels, as a user counted them in 2020
    (https://github.com/A2Zadeh/CMU-MultimodalSDK/issues/258) and as asserted here; 22 856 in the features that others
    publish, without segments that lack a modality. A file of labels of 2018 had 11 875.
Traps
    Each video counts as a speaker. The same person may speak in several videos, so training and test may share people,
    also in the authors' split. There are two conventions for two classes, whose results differ by some percent:
    negative and positive without the zeros (``sentiment2``, since 2019), and negative and all others
    (``sentiment2-nonnegative``, before). Segments overlap and are not ordered. Some begin before 0: here they begin at
    0. Some end before they begin, or have no recording: they stay, without media. Some end after their recording:
    extraction reports them. In some videos the times do not match the speech (issues 227, 278 and 359 of the SDK); it
    is not known which. Zeros for all emotions mean no emotion, not unknown. Values beyond 3 are not labels. The number
    in a transcript's line is not the row of the labels: times connect them.
"""

import re
from collections.abc import Callable
from pathlib import Path

from affex.pipeline.corpora import opinions, search
from affex.pipeline.corpora.base import Corpus, is_there
from affex.pipeline.corpora.example_tree import lay_text
from affex.pipeline.corpora.search import Found

NUMBER = r"-?\d+(?:\.\d*)?(?:e-?\d+)?"
EMOTIONS = ("happy", "sad", "anger", "surprise", "disgust", "fear")


def texts(raw: Path, video: str) -> Callable[[int, float, float], str | None]:
    """Return a function from the times of a segment to its transcript."""
    path = raw / "Transcript" / "Segmented" / "Combined" / f"{video}.txt"
    # Names and texts may begin or end with underscores themselves.
    line = re.compile(rf"{re.escape(video)}___\d+___({NUMBER})___({NUMBER})___(.*)")
    lines = search.text(path).splitlines() if is_there(path) else []
    texts = {_span(float(found[1]), float(found[2])): found[3].strip() for found in map(line.fullmatch, lines) if found}
    return lambda _, start, end: texts.get(_span(start, end)) or None


def _span(start: float, end: float) -> tuple[int, int]:
    """Return a span in ms, because two files write it with different digits."""
    return round(1000 * start), round(1000 * end)


RELEASE = opinions.Release(
    corpus="mosei",
    title="CMU-MOSEI",
    labels=("CMU_MOSEI_Labels.csd", "CMU_MOSEI_All_Labels.csd", "All Labels.csd"),
    columns=("sentiment", *EMOTIONS),
    audio="Audio/Full/WAV_16000",
    video="Videos/Full/Combined",
    grade=opinions.away_from_zero,
    texts=texts,
)


def find(root: Path) -> Found:
    """Return the segments, by video, then in the order of the labels."""
    return opinions.find(root, RELEASE)


def example(root: Path) -> Path:
    """Lay out the labels and recordings of two videos, and the transcript of one."""
    calm = [0.0] * len(EMOTIONS)
    talks = {
        "_0efYOjQYRc": ([[-2.3333333, 0, 1, 0.6666667, 0, 0, 0], [0, *calm]], [[3.3, 9.0], [-0.48, 4.1]]),
        "zk2jTlAtvSU": (
            [[value, *calm] for value in (-2, -0.3333333, 0.6666667, 2, 3)],
            [[float(n), n + 1.5] for n in range(5)],
        ),
    }
    lines = ("0___-0.48___4.1___Deloitte ___ announced.", "7___3.3___9.0___Nobody spoke.")
    lay_text(root, "Raw/Transcript/Segmented/Combined/_0efYOjQYRc.txt", *[f"_0efYOjQYRc___{line}" for line in lines])
    return opinions.lay_labelled(root, RELEASE, talks)


CORPUS = Corpus(
    name="mosei",
    title="CMU-MOSEI: 23 259 segments of 3293 YouTube monologues, sentiment and 6 emotions, English",
    licence="not stated; the videos belong to their makers",
    source=opinions.SOURCE,
    cites=("zadeh2018",),
    language="English",
    also=("CMU-MOSEI",),
    find=find,
    example=example,
    protocols=opinions.protocols(*EMOTIONS),
    counts={None: 23259},
    remarks=opinions.remarks,
)

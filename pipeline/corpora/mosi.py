"""Corpus ``mosi``: CMU Multimodal Opinion Sentiment Intensity -> utterances.

What
    2199 segments of 93 movie reviews on YouTube, English: sentiment from -3 to 3, the mean of five raters. Sentiment is
    the valence here, in these units. The label is one of seven classes, -3 to 3, rounded as in the SDK (to the
    nearest); ``TARGET=polarity`` is negative, neutral (0) or positive.
Who
    89 speakers, one per video, not named. Zadeh, Zellers, Pincus, Morency, "Multimodal Sentiment Intensity Analysis in
    Videos: Facial Gestures and Verbal Messages", IEEE Intelligent Systems 31(6), 2016, doi:10.1109/MIS.2016.94; also
    arXiv:1606.06259.
Licence
    Not stated. Labels and features are published; the videos belong to their makers and are no longer distributed.
Source
    https://github.com/CMU-MultiComp-Lab/CMU-MultimodalSDK (``CMU_MOSI_Opinion_Labels.csd``); the recordings were in
    ``CMU_MOSI.zip``. We have not seen them: the layout is as its users describe it.
Files
    ``CMU_MOSI_Opinion_Labels.csd`` in the folder or below it, or ``Opinion Segment Labels.csd``, as the SDK
    writes it anew. The whole recordings, ``Raw/Audio/WAV_16000/Full/<video>.wav`` and ``Raw/Video/Full/<video>.mp4``;
    the cut ones beside them are not read. ``Raw/Transcript/Segmented/<video>.annotprocessed`` with lines
    ``<number>_DELIM_<text>``. ``split.csv`` as for ``mosei``.
Traps
    Each video counts as a speaker, although the speakers of four of the 93 also speak in another. Rounding makes -0.4 a
    0, so the seven classes do not show the sign; ``polarity`` does. For the two conventions of two classes, see
    ``mosei``. A transcript has no times. Its lines are numbered from 1, and here line n belongs to row n of
    the labels, as other users do it.
"""

from collections.abc import Callable
from pathlib import Path

from affex.pipeline.corpora import opinions, search
from affex.pipeline.corpora.base import Corpus, is_there
from affex.pipeline.corpora.example_tree import lay_text
from affex.pipeline.corpora.search import Found


def texts(raw: Path, video: str) -> Callable[[int, float, float], str | None]:
    """Return a function from the row of a segment to its transcript."""
    path = raw / "Transcript" / "Segmented" / f"{video}.annotprocessed"
    lines = search.text(path).splitlines() if is_there(path) else []
    texts = {number.strip(): text.strip() for number, _, text in (line.partition("_DELIM_") for line in lines)}
    return lambda row, _start, _end: texts.get(str(row + 1)) or None


RELEASE = opinions.Release(
    corpus="mosi",
    title="CMU-MOSI",
    labels=("CMU_MOSI_Opinion_Labels.csd", "Opinion Segment Labels.csd"),
    columns=("sentiment",),
    audio="Audio/WAV_16000/Full",
    video="Video/Full",
    grade=opinions.nearest,
    texts=texts,
)


def find(root: Path) -> Found:
    """Return the segments, by video, then in the order of the labels."""
    return opinions.find(root, RELEASE)


def example(root: Path) -> Path:
    """Lay out the labels and recordings of two videos, and the transcript of one."""
    sentiments = {"03bSnISJMiM": [2.4, -0.4, 0.0, -3.0, 1.0], "_dI--eQ6qVU": [-2.0, -1.4, 3.0]}
    talks = {
        talk: ([[value] for value in values], [[2.0 * n, 2.0 * n + 1] for n in range(len(values))])
        for talk, values in sentiments.items()
    }
    lines = ("1_DELIM_ANYHOW IT WAS REALLY GOOD", "2_DELIM_THEY DIDN'T")
    lay_text(root, "Raw/Transcript/Segmented/03bSnISJMiM.annotprocessed", *lines)
    return opinions.lay_labelled(root, RELEASE, talks)


CORPUS = Corpus(
    name="mosi",
    title="CMU-MOSI: 2199 segments of 93 movie reviews on YouTube, sentiment, English",
    licence="not stated; the videos belong to their makers",
    source=opinions.SOURCE,
    cites=("zadeh2016",),
    language="English",
    also=("CMU-MOSI",),
    find=find,
    example=example,
    protocols=opinions.protocols(),
    counts={None: 2199},
    remarks=opinions.remarks,
)

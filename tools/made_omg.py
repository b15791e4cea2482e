"""Make a tree in OMG-Emotion's layout from the films of the corpus ``demo``, with invented arousal and valence.

::

    .venv/bin/python tools/made_omg.py FOLDER
    make evaluate SYSTEM=omg-5conv DATASET=omg DATA=FOLDER PARTIAL=1

160 utterances in 40 videos of four utterances each: those of four speakers are training, of two validation, of two
test. Values follow from the emotion that is played, with noise. Figures on the tree say nothing about people.
"""

import argparse
import csv
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from affex.pipeline.corpora import demo
from affex.pipeline.corpora.demo import Performance

#: The folder of a split, its table, and its speakers.
SPLITS = {
    "train": ("omg_TrainVideos.csv", range(4)),
    "validation": ("omg_ValidationVideos.csv", range(4, 6)),
    "test": ("omg_TestVideos_WithLabels.csv", range(6, 8)),
}
#: Arousal, 0 to 1, and valence, -1 to 1, of an emotion, and the number of its label.
PLAYED = {"anger": (0.8, -0.6, 0), "happiness": (0.7, 0.7, 3), "neutral": (0.3, 0.0, 4), "sadness": (0.2, -0.5, 5)}
#: The standard deviation of an utterance's values around those of its emotion.
SPREAD = 0.05
HEADER = ("link", "start", "end", "video", "utterance", "arousal", "valence", "EmotionMaxVote")


def main() -> None:
    """Make the tree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as films:
        demo.make(Path(films))
        for split, (table, speakers) in SPLITS.items():
            played = [one for one in demo.PERFORMANCES if one.speaker in speakers]
            rows = [row(one) for one in played]
            for one, (*_, video, utterance, _, _, _) in zip(played, rows, strict=True):
                path = given.folder / split / video / utterance
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(Path(films, one.name), path)
            with (given.folder / table).open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([HEADER, *rows])
    print(given.folder)


def row(one: Performance) -> Sequence[object]:
    """Return the row of an utterance in its split's table."""
    arousal, valence, label = PLAYED[one.emotion]
    noise = one.random(100).normal(0, SPREAD, 2)
    video = f"s{one.speaker + 1}take{one.take + 1}"
    utterance = f"utterance_{1 + sorted(PLAYED).index(one.emotion)}.mp4"
    values = (np.clip(arousal + noise[0], 0, 1), np.clip(valence + noise[1], -1, 1))
    return (f"https://youtu.be/{video}", 0, 1, video, utterance, *(f"{value:.6f}" for value in values), label)


if __name__ == "__main__":
    main()

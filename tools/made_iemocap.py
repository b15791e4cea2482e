"""Make a tree in IEMOCAP's layout, with invented labels and synthetic voices, faces and markers.

::

    .venv/bin/python tools/made_iemocap.py FOLDER
    make features DATASET=iemocap DATA=FOLDER PARTIAL=1 FEATURES='compare mfcc-voice logmel faces mocap'
    make evaluate CLASSIFIER=svm PROTOCOL=loso PARTIAL=1

The corpus itself may not be redistributed. This tree replaces it in tests of commands: 5 sessions, 10 speakers, 20
dialogs, half of them scripted, 280 turns. Its figures say nothing about people. Takes a minute on one core.
"""

import argparse
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1] / "tests"


def main() -> None:
    """Make the tree."""
    sys.path[:0] = [str(TESTS), str(TESTS / "corpora")]
    import plays

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 2, 3, 4, 5], metavar="N")
    arguments = parser.parse_args()
    print(plays.iemocap(arguments.folder, arguments.sessions))


if __name__ == "__main__":
    main()

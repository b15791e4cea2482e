"""ComParE functionals of EMO-DB: affex with two workers against opensmile's own `process_files`, in alternating runs.

::

    python benchmarks/extraction.py ../shared/data/emodb/wav

Each run is a whole process that ends with the rows of all utterances at hand: affex hashes, decodes, extracts, and
writes a verified cache file; the peer calls ``opensmile.Smile(num_workers=2).process_files``. Prints both times of
each pair, the medians and their ratio, and the largest difference between the values.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

PEER = """
import sys
from pathlib import Path
import opensmile
files = sorted(map(str, Path(sys.argv[1]).glob("*.wav")))
smile = opensmile.Smile(opensmile.FeatureSet.ComParE_2016, opensmile.FeatureLevel.Functionals, num_workers=2)
smile.process_files(files).to_numpy().astype("float32").tofile(sys.argv[2])
"""


def timed(command: list[str]) -> float:
    """Run a command to its end; return its wall-clock time, s."""
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    """Compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wav", type=Path, help="the folder of EMO-DB's wavs")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as folder:
        cache, peer = Path(folder, "cache"), Path(folder, "peer.bin")
        for run in range(options.runs):
            affex = [
                sys.executable,
                "-m",
                "affex.pipeline.cli",
                "features",
                "--dataset",
                "emodb",
                "--data",
                str(options.wav),
            ]
            affex += ["--features", "compare", "--jobs", "2", "--cache", str(cache / str(run))]
            ours.append(timed(affex))
            theirs.append(timed([sys.executable, "-c", PEER, str(options.wav), str(peer)]))
            print(f"run {run + 1}: affex {ours[-1]:.2f} s, process_files {theirs[-1]:.2f} s", flush=True)
        with h5py.File(cache / "0" / "emodb" / "compare.h5") as h5:
            values = h5["values"][:]
        difference = np.abs(values - np.fromfile(peer, np.float32).reshape(values.shape)).max()
    a, b = statistics.median(ours), statistics.median(theirs)
    print(f"medians: affex {a:.2f} s, process_files {b:.2f} s; affex is {b / a:.2f} times as fast")
    print(f"largest difference between the values: {difference}")


if __name__ == "__main__":
    main()

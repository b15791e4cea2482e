"""Peak memory of the driver and of each worker on a corpus of 20 000 utterances against one of 2 000.

::

    python benchmarks/memory.py

Makes both corpora (two-second wavs of noise, as hard links to a hundred different ones would not do: every utterance
has bytes of its own), extracts a feature from each, and prints every process's peak resident memory, MiB.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import processes
import soundfile


def make(folder: Path, n_utterances: int) -> Path:
    """Write `n_utterances` wavs of 2 s and the table that lists them; return the table."""
    (folder / "wav").mkdir(parents=True)
    noise = (3000 * np.random.default_rng(0).standard_normal(64000)).astype(np.int16)
    lines = ["file,speaker,label"]
    for n in range(n_utterances):
        utterance = noise[n : n + 32000].copy()
        soundfile.write(folder / "wav" / f"{n:06d}.wav", utterance, 16000)
        lines.append(f"wav/{n:06d}.wav,s{n % 10},l{n % 4}")
    table = folder / f"utterances{n_utterances}.csv"
    table.write_text("\n".join(lines) + "\n")
    return table


def main() -> None:
    """Compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--feature", default="mfcc-voice")
    parser.add_argument("--sizes", type=int, nargs=2, default=(2000, 20000))
    options = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for n_utterances in options.sizes:
            table = make(Path(folder, str(n_utterances)), n_utterances)
            run = processes.features(table, Path(folder, "cache"), options.feature)
            results.append(run.peaks)
            shown = ", ".join(f"{peak:.0f}" for peak in run.peaks)
            print(f"{n_utterances} utterances, {run.seconds:.0f} s: driver and workers peak at {shown} MiB", flush=True)
    ratios = ", ".join(f"{large / small:.3f}" for small, large in zip(*results, strict=False))
    print(f"ratios: {ratios}")


if __name__ == "__main__":
    main()

"""Time and peak memory of a network on sequences in training, at two sizes of a corpus.

::

    python benchmarks/net.py

Trains ``net`` with a BiLSTM and attention for an epoch on sequences of 300 rows of 90 columns of noise: as many as
IEMOCAP has utterances of four emotions (5531), and a third of them. Each size has a process of its own. Printed are
the CPU seconds of an epoch, and the peak resident memory of the process with the rows. The cost of an epoch is
proportional to the rows, and the process stays below 3 GiB; where it does not, the exit status is 1.
"""

import argparse
import resource
import subprocess
import sys
import time

import numpy as np

from affex.classifiers.estimators.nets.estimator import NetClassifier

#: Rows of a sequence, and their columns.
N_ROWS, N_COLUMNS = 300, 90
MOST_MEMORY = 3 * 2**30
#: The most by which the seconds of a sequence may differ between two sizes.
MOST_DIFFERENCE = 0.15


def trained(n_sequences: int) -> tuple[float, int]:
    """Train on sequences; return the CPU seconds of an epoch and the peak memory of this process, bytes."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((n_sequences * N_ROWS, N_COLUMNS), np.float32)
    offsets = np.arange(n_sequences + 1) * N_ROWS
    labels = rng.integers(0, 4, n_sequences)
    seconds = []
    for epochs in (1, 2):  # the difference has no start
        net = NetClassifier(trunk="bilstm", pool="transformer", epochs=epochs, patience=0)
        began = time.process_time()
        net.fit(rows, labels, offsets=offsets)
        seconds.append(time.process_time() - began)
    return seconds[1] - seconds[0], 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> int:
    """Measure, and print; return 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs=2, default=(1844, 5531))
    parser.add_argument("--alone", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        print(*trained(options.alone))
        return 0
    of_one, peaks = [], []
    for n in options.sizes:
        command = [sys.executable, __file__, "--alone", str(n)]
        seconds, peak = map(float, subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.split())
        of_one.append(seconds / n)
        peaks.append(peak)
        print(f"{n} sequences: {seconds:.1f} s an epoch, peak {peak / 2**20:.0f} MiB", flush=True)
    ratio = of_one[1] / of_one[0]
    print(f"seconds of a sequence, the large corpus to the small one: {ratio:.3f}")
    return int(max(peaks) > MOST_MEMORY or abs(ratio - 1) > MOST_DIFFERENCE)


if __name__ == "__main__":
    sys.exit(main())

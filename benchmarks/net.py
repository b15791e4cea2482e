"""Time and peak memory of a network on sequences in training, at two sizes of a corpus.

::

    python benchmarks/net.py
    python benchmarks/net.py --device cuda    # how far a GPU is from the CPU, part by part, and the time of an epoch

Trains ``net`` with a BiLSTM and attention for an epoch on sequences of 300 rows of 90 columns of noise: as many as
IEMOCAP has utterances of four emotions (5531), and a third of them. Each size has a process of its own. Printed are
the CPU seconds of an epoch, and the peak resident memory of the process with the rows. The cost of an epoch is
proportional to the rows, and the process stays below 3 GiB; where it does not, the exit status is 1.
"""

import argparse
import itertools
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
from sklearn.base import clone

from affex.classifiers.estimators.nets.estimator import NetClassifier
from affex.classifiers.net import POOLS, TRUNKS

#: Rows of a sequence, and their columns.
N_ROWS, N_COLUMNS = 300, 90
MOST_MEMORY = 3 * 2**30
#: The most by which the seconds of a sequence may differ between two sizes.
MOST_DIFFERENCE = 0.15


def trained(n_sequences: int, device: str, clock: Callable[[], float]) -> tuple[float, int]:
    """Train on sequences; return the seconds of an epoch by a clock, and the peak memory of this process, bytes."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((n_sequences * N_ROWS, N_COLUMNS), np.float32)
    offsets = np.arange(n_sequences + 1) * N_ROWS
    labels = rng.integers(0, 4, n_sequences)
    seconds = []
    for epochs in (1, 2):  # the difference has no start
        net = NetClassifier(trunk="bilstm", pool="transformer", epochs=epochs, patience=0, device=device)
        began = clock()
        net.fit(rows, labels, offsets=offsets)
        seconds.append(clock() - began)
    return seconds[1] - seconds[0], 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def on_gpu(device: str, n_sequences: int) -> int:
    """Train each part on a GPU and on the CPU, and print how far their probabilities are apart, and a time."""
    rng = np.random.default_rng(0)
    offsets, labels = np.arange(61) * 8, rng.integers(0, 3, 60)
    pictures = (rng.standard_normal((480, 8, 8)) + labels.repeat(8)[:, None, None]).astype(np.float32)
    for trunk, pool in itertools.product(TRUNKS, POOLS):
        net = NetClassifier(trunk=trunk, pool=pool, epochs=3, patience=0, dropout=0.0)
        nets = [clone(net).set_params(device=name) for name in ("cpu", device)]
        one, other = (net.fit(pictures, labels, offsets=offsets).predict_proba(pictures, offsets) for net in nets)
        print(f"{trunk}, {pool}: probabilities differ by {np.abs(one - other).max():.1e} at most", flush=True)
    trained(n_sequences // 10, device, time.perf_counter)  # libraries prepare themselves
    seconds, _ = trained(n_sequences, device, time.perf_counter)
    print(f"{n_sequences} sequences: {seconds:.1f} s an epoch on {device}")
    return 0


def main() -> int:
    """Measure, and print; return 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs=2, default=(1844, 5531))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--alone", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        print(*trained(options.alone, "cpu", time.process_time))
        return 0
    if options.device != "cpu":
        return on_gpu(options.device, options.sizes[1])
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

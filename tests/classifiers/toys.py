"""Rows of made-up speakers for the tests of the classifiers."""

import numpy as np


def speakers_and_classes(*, n_speakers=6, n_each=6, n_columns=8, classes=("ang", "hap", "sad"), shift=1.5, seed=0):
    """Return rows, classes and speakers: class and speaker each shift the columns."""
    rng = np.random.default_rng(seed)
    of_class = rng.normal(scale=shift, size=(len(classes), n_columns))
    of_speaker = rng.normal(size=(n_speakers, n_columns))
    speaker, label, _ = (part.ravel() for part in np.indices((n_speakers, len(classes), n_each)))
    X = of_class[label] + of_speaker[speaker] + rng.normal(size=(len(label), n_columns))
    return X.astype(np.float32), np.array(classes)[label], np.array([f"s{number}" for number in speaker])


def speakers_and_values(*, n_speakers=6, n_each=18, n_columns=8, noise=0.5, seed=0):
    """Return rows, values and speakers: the value bends every column, each speaker shifts them."""
    rng = np.random.default_rng(seed)
    speaker = np.repeat(np.arange(n_speakers), n_each)
    hidden = rng.normal(size=(len(speaker), 1))
    bent = np.tanh(hidden * rng.uniform(0.5, 2, size=n_columns)) + noise * rng.normal(size=(len(speaker), n_columns))
    X = bent + 0.3 * rng.normal(size=(n_speakers, n_columns))[speaker]
    return X.astype(np.float32), 50 + 10 * hidden[:, 0], np.array([f"s{number}" for number in speaker])

"""
Whether scores can be read as probabilities
===========================================

A reliability curve: of all scores around .8, were 80 % of the classes true? The curve of a calibrated model lies on the
diagonal. A score counts where it belongs to the class that the model decided for.
"""

import matplotlib.pyplot as plt
import numpy as np

import affex

CLASSIFIERS = ("svm", "knn", "logistic")
BINS = np.linspace(0.2, 1, 6)


def curve(result):
    """Return the mean score, the share of true decisions and the number of utterances, bin by bin."""
    predictions = result.predictions
    score = predictions.filter(like="score_").max(axis=1)
    right = predictions["true"] == predictions["predicted"]
    of = np.clip(np.digitize(score, BINS), 1, len(BINS) - 1)
    return np.array([(score[of == n].mean(), right[of == n].mean(), (of == n).sum()) for n in np.unique(of)]).T


def error(points):
    """Return the expected calibration error: the mean distance from the diagonal, weighted by utterances."""
    scores, shares, n = points
    return float(np.average(abs(scores - shares), weights=n))


curves = {name: curve(affex.evaluate("demo", "egemaps", classifier=name)) for name in CLASSIFIERS}

# %%

plt.style.use("petroff8")
figure, axes = plt.subplots(figsize=(5.5, 5), layout="constrained")
figure.set_label(
    "Reliability curves of three classifiers. Expected calibration errors: "
    + "; ".join(f"{name} {error(points):.2f}" for name, points in curves.items())
)
axes.plot([0.2, 1], [0.2, 1], color="black", linestyle=":", label="calibrated")
for (name, points), marker in zip(curves.items(), "osD", strict=True):
    axes.plot(points[0], points[1], marker=marker, markersize=8, label=f"{name}: error {error(points):.2f}")
axes.set(xlabel="mean score of the decided class", ylabel="share of true decisions", xlim=(0.2, 1.02), ylim=(0, 1.02))
axes.legend(loc="lower right")
plt.show()

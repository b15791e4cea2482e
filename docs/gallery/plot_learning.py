"""
How many speakers are enough
============================

Models that learn from one to seven speakers, each tested on a speaker that it did not hear. `affex.load` returns plain
tables, so any loop of your own works on them.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import affex

X, y, groups = affex.load("demo", "egemaps")
speakers = sorted(groups.unique())
model = make_pipeline(StandardScaler(), SVC())


def recall(tested, n_training, draw):
    """Return the UAR of a speaker, after learning from some of the others, drawn at random."""
    others = np.random.default_rng(draw).permutation([one for one in speakers if one != tested])[:n_training]
    learned = groups.isin(others)
    fitted = model.fit(X[learned], y[learned])
    return balanced_accuracy_score(y[groups == tested], fitted.predict(X[groups == tested]))


numbers = range(1, len(speakers))
recalls = np.array([[np.mean([recall(one, n, draw) for draw in range(3)]) for one in speakers] for n in numbers])

# %%

plt.style.use("petroff8")
figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
means = recalls.mean(axis=1)
figure.set_label(f"UAR over the number of training speakers: {means[0]:.2f} with one, {means[-1]:.2f} with seven")
axes.plot(numbers, recalls, color="0.75", linewidth=1)
axes.plot(numbers, means, "o-", color="C0", markersize=8, label="mean of eight tested speakers (grey: each)")
axes.axhline(0.25, color="black", linestyle=":", label="chance")
axes.set(xlabel="speakers in training", ylabel="UAR", ylim=(0, 1.02))
axes.legend(loc="lower right")
plt.show()

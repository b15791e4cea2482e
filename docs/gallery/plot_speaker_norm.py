"""
What speaker normalisation does
===============================

``speaker_norm`` computes z-scores within each speaker. It often helps, and it is **transductive**: it uses the other
utterances of the tested speaker, without their labels. A model in use would have to wait for them, so affex writes it
beside every such figure.
"""

import matplotlib.pyplot as plt

import affex

CLASSIFIERS = ("svm", "knn", "lda")
pairs = {
    name: [affex.evaluate("demo", "egemaps", classifier=name, speaker_norm=norm) for norm in (False, True)]
    for name in CLASSIFIERS
}
print(pairs["svm"][1].summary.transductive)

# %%
# Is the difference more than chance? The test is paired: it swaps the predictions of whole speakers.

compared = affex.compare(pairs["svm"])
print(compared)

# %%

plt.style.use("petroff8")
figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
figure.set_label(
    "UAR without and with speaker normalisation: "
    + "; ".join(f"{name} {before.uar:.2f} and {after.uar:.2f}" for name, (before, after) in pairs.items())
)
for (name, both), marker in zip(pairs.items(), "osD", strict=True):
    axes.plot([0, 1], [one.uar for one in both], marker=marker, markersize=9, label=name)
axes.set_xticks([0, 1], ["rows as they are", "z-scores within each speaker\n(transductive)"])
axes.set(ylabel="UAR, one speaker left out", xlim=(-0.3, 1.3))
axes.legend()
plt.show()

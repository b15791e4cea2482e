"""
Voice and face, alone and fused
===============================

Early fusion puts the columns of both features side by side before one model learns. Late fusion trains a model for
each feature and fuses their scores; the default rule learns its weights inside the training speakers.
"""

import matplotlib.pyplot as plt

import affex

VOICE, FACE = "egemaps", "face"
results = {
    "voice alone": affex.evaluate("demo", VOICE),
    "face alone": affex.evaluate("demo", FACE),
    "early fusion": affex.evaluate("demo", [VOICE, FACE]),
    "late fusion": affex.evaluate("demo", [VOICE, FACE], fusion="late"),
}

# %%
# A ranking needs a test: each pair is compared over speakers, and p is corrected for the number of pairs.

print(affex.compare(results.values()))

# %%

plt.style.use("petroff8")
figure, axes = plt.subplots(figsize=(7, 3.5), layout="constrained")
figure.set_label("UAR with intervals: " + "; ".join(f"{name} {one.uar:.2f}" for name, one in results.items()))
for (name, one), marker in zip(results.items(), "osD^", strict=True):
    interval = one.interval("uar")
    reach = [[one.uar - interval.low], [interval.high - one.uar]]
    axes.errorbar(one.uar, name, xerr=reach, fmt=marker, markersize=9, capsize=4)
axes.axvline(0.25, color="black", linestyle=":", label="chance")
axes.margins(y=0.2)
axes.invert_yaxis()
axes.set(xlabel="UAR, 95 % interval over speakers", xlim=(0.2, 1.02))
axes.legend(loc="lower left")
plt.show()

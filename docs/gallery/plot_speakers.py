"""
How different the speakers are
==============================

The unweighted average recall (UAR) of each speaker, tested by a model that did not hear this speaker. The spread
between speakers is why affex computes intervals over speakers: eight speakers are eight observations, whatever the
number of utterances.
"""

import matplotlib.pyplot as plt

import affex

result = affex.evaluate("demo", "egemaps", classifier="svm")
speakers = sorted(result.summary.per_speaker, key=lambda speaker: speaker.figures["uar"])
names = [speaker.name for speaker in speakers]
recalls = [speaker.figures["uar"] for speaker in speakers]
interval = result.interval("uar")

plt.style.use("petroff8")
figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
figure.set_label(
    f"UAR of eight speakers, from {min(recalls):.2f} to {max(recalls):.2f}, beside the pooled UAR {result.uar:.2f} "
    f"with its interval from {interval.low:.2f} to {interval.high:.2f}"
)
axes.axvspan(interval.low, interval.high, alpha=0.25, label="95 % interval over speakers")
axes.axvline(result.uar, label="all speakers, pooled")
axes.axvline(result.summary.figure("uar").chance, color="black", linestyle=":", label="chance")
axes.plot(recalls, names, "o", color="C1", markersize=9, label="one speaker")
axes.set(xlabel="UAR", ylabel="speaker left out", xlim=(0, 1.02))
axes.margins(y=0.1)
axes.legend(loc="upper left")
plt.show()

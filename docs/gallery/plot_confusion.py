"""
Which emotions are taken for which
==================================

A confusion matrix with rates (the colour, each row sums to 1) and counts. Each row is a true class, and each utterance
was tested by a model that did not hear its speaker.
"""

import matplotlib.pyplot as plt

import affex

result = affex.evaluate("demo", "egemaps", classifier="svm")
counts = result.confusion
rates = counts.div(counts.sum(axis=1), axis=0)

# %%
# ``cividis`` looks the same to people with and without red-green blindness, and stays ordered in grey.

figure, axes = plt.subplots(figsize=(6, 5), layout="constrained")
figure.set_label(
    f"Confusion matrix of four emotions. Recalls: {', '.join(f'{name} {rates.loc[name, name]:.2f}' for name in rates)}"
)
image = axes.imshow(rates, cmap="cividis", vmin=0, vmax=1)
for i, true in enumerate(counts.index):
    for j, predicted in enumerate(counts.columns):
        rate = rates.loc[true, predicted]
        ink = "black" if rate > 0.5 else "white"
        axes.text(j, i, f"{rate:.2f}\n{counts.loc[true, predicted]}", ha="center", va="center", color=ink)
axes.set_xticks(range(len(counts)), counts.columns)
axes.set_yticks(range(len(counts)), counts.index)
interval = result.interval("uar")
axes.set(xlabel="predicted", ylabel="true", title=f"UAR {result.uar:.3f} [{interval.low:.3f}, {interval.high:.3f}]")
figure.colorbar(image, label="share of the true class")
plt.show()

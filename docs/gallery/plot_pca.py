"""
Do the features tell the class, or the speaker?
===============================================

The first two principal components of all utterances. The colour is the class on the left, and the speaker on the right;
speakers also have a marker each. Where the speakers lie apart, a classifier may learn who speaks instead of the
emotion, and a test with the same speakers on both sides would not notice.
"""

import matplotlib.pyplot as plt
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

import affex

X, y, groups = affex.load("demo", "egemaps")
model = PCA(2)
points = model.fit_transform(StandardScaler().fit_transform(X))


def explained(of):
    """Return which share of the points' variance lies between the groups of a Series."""
    whole = ((points - points.mean(axis=0)) ** 2).sum()
    within = sum(((points[of == one] - points[of == one].mean(axis=0)) ** 2).sum() for one in of.unique())
    return 1 - within / whole


# %%

plt.style.use("petroff8")
figure, panels = plt.subplots(1, 2, figsize=(9, 4.5), sharex=True, sharey=True, layout="constrained")
figure.set_label(
    f"Two principal components of 160 utterances. Class explains {explained(y):.0%} of their variance, "
    f"speaker {explained(groups):.0%}"
)
for axes, of in zip(panels, (y, groups), strict=True):
    for name, marker in zip(sorted(of.unique()), "osD^vP*X", strict=False):
        axes.scatter(*points[of == name].T, marker=marker, alpha=0.8, label=name)
    axes.set(title=f"by {of.name}: {explained(of):.0%} of the variance", xlabel="component 1")
    axes.legend(fontsize="small", ncols=2)
panels[0].set_ylabel("component 2")
plt.show()

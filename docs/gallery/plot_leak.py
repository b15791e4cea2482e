"""
What a leak of speakers adds
============================

The same features and classifiers, once with the tested speaker left out of the training (``loso``), and once with
utterances assigned to folds at random, so that each speaker is on both sides (``random-k``). The second figure is
too high for any use of a model on new speakers. affex refuses it unless ``allow_leaks`` is set, and then marks it.
"""

import matplotlib.pyplot as plt

import affex

CLASSIFIERS = ("svm", "knn", "lda")
PROTOCOLS = {"loso": {}, "random-k:k=10": {"allow_leaks": True}}

results = {
    (name, protocol): affex.evaluate("demo", "egemaps", classifier=name, protocol=protocol, **allowed)
    for name in CLASSIFIERS
    for protocol, allowed in PROTOCOLS.items()
}
print(results["svm", "random-k:k=10"].notes[0])

# %%
# Both bars of a pair test the same 160 utterances.

plt.style.use("petroff8")
figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
pairs = [(name, *(results[name, protocol].uar for protocol in PROTOCOLS)) for name in CLASSIFIERS]
figure.set_label(
    "UAR of three classifiers, with the tested speaker left out and with every speaker on both sides: "
    + "; ".join(f"{name} {apart:.2f} and {leaking:.2f}" for name, apart, leaking in pairs)
)
looks = {"loso": ("speaker left out", "o", -0.1), "random-k:k=10": ("speaker on both sides: leaks", "X", 0.1)}
for protocol, (label, marker, aside) in looks.items():
    of = [results[name, protocol] for name in CLASSIFIERS]
    low = [one.uar - one.interval("uar").low for one in of]
    high = [one.interval("uar").high - one.uar for one in of]
    at = [position + aside for position in range(len(of))]
    axes.errorbar(at, [one.uar for one in of], [low, high], fmt=marker, markersize=9, capsize=4, label=label)
axes.set_xticks(range(len(CLASSIFIERS)), CLASSIFIERS)
axes.set(ylabel="UAR, 95 % interval over speakers", xlim=(-0.5, len(CLASSIFIERS) - 0.5))
axes.legend()
plt.show()

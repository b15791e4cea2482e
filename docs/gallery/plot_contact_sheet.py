"""
A contact sheet: what affex saw and heard
=========================================

``affex show`` draws an utterance on one time axis: pictures with the box and the landmarks of the face, the crops,
where the face was found, and the sound. It shows what is cached and extracts nothing; so the features come first.
"""

import subprocess
import sys

import matplotlib.pyplot as plt

import affex

for feature in ("faces", "logmel", "mfcc"):
    print(feature, affex.load_frames("demo", feature, ids=["s1_anger_1"]).shape)

# %%
# The verb is the command's, ``affex show s1_anger_1 --dataset demo --out sheet.png``.

options = ["s1_anger_1", "--dataset", "demo", "--out", "sheet.png"]
subprocess.run([sys.executable, "-m", "affex.pipeline.cli", "show", *options], check=True)
sheet = plt.imread("sheet.png")

figure = plt.figure(figsize=(9, 9 * sheet.shape[0] / sheet.shape[1]))
figure.set_label("Contact sheet of s1_anger_1: pictures with face boxes and landmarks, crops, waveform, bands of sound")
axes = figure.add_axes((0, 0, 1, 1))
axes.imshow(sheet)
axes.set_axis_off()
plt.show()

"""
An utterance as a picture of its sound
======================================

Log-mel bands are what many networks read: the level of the sound in each band of the mel scale, frame by frame. Here
are the four emotions of one speaker, on one scale of levels.
"""

import matplotlib.pyplot as plt

import affex

EMOTIONS = ("anger", "happiness", "neutral", "sadness")
ids = [f"s1_{emotion}_1" for emotion in EMOTIONS]
frames = affex.load_frames("demo", "logmel", ids=ids)
print(frames.shape, frames.index.names)

# %%
# The index holds the utterance and the time of the frame's middle, s.

figure, panels = plt.subplots(2, 2, figsize=(8, 5.5), sharex=True, sharey=True, layout="constrained")
figure.set_label("Log-mel pictures of one synthetic speaker: anger, happiness, neutral, sadness; time, band, level")
for axes, utterance, emotion in zip(panels.flat, ids, EMOTIONS, strict=True):
    one = frames.loc[utterance]
    image = axes.pcolormesh(one.index, range(one.shape[1]), one.T, cmap="viridis", vmin=-90, vmax=-20)
    axes.set_title(emotion)
figure.supxlabel("time, s")
figure.supylabel("mel band")
figure.colorbar(image, ax=panels, label="level, dB")
plt.show()

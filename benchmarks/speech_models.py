"""Self-supervised models of speech: utterances by affex, and one at a time by `transformers` alone.

::

    python benchmarks/speech_models.py
    python benchmarks/speech_models.py --device cuda --size base    # the size of wav2vec 2.0 base, with random weights

Makes models with random weights, and utterances of noise of 1 to 4 s. Prints the seconds of each way (the least of
several runs; the processor's on a CPU), their ratio, the largest difference of a value, and whether every utterance has
the same bits alone, backwards and together. On a CPU ``--together 4`` shows what padded batches would cost there. The
exit status is 1 if values differ by more than 1e-5 on a CPU (1e-3 on a GPU), or bits differ.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from affex.features.networks import speech
from affex.features.networks.batches import exact

#: Utterances, and the shortest and the longest, s.
SHORTEST, LONGEST = 1.0, 4.0
SIZES: dict[str, dict[str, Any]] = {
    "tiny": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    | {"conv_dim": (16,) * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2},
    "small": {"hidden_size": 192, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 768}
    | {"conv_dim": (128,) * 7},
    "base": {},
}
MODELS = {"wav2vec2, group norm": "group", "wav2vec2, layer norm": "layer"}
TOLERANCE = {"cpu": 1e-5, "cuda": 1e-3}


def least(ways: Sequence[Callable[[], Any]], device: str, repeats: int) -> list[float]:
    """Return the seconds of the quickest of several runs of each way; the ways take turns."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    taken: list[list[float]] = [[] for _ in ways]
    for repeat in range(repeats + 1):
        for run, own in zip(ways, taken, strict=True):
            began = clock()
            run()
            own.extend([clock() - began] if repeat else [])  # the first run warms up
    return [min(own) for own in taken]


def compared(folder: Path, sounds: list[speech.Sound], given: argparse.Namespace) -> tuple[float, float, float, bool]:
    """Return the seconds one at a time and by affex, the largest difference, and whether bits are the same."""
    model = speech.load(folder, given.device, given.together)
    extractor = transformers.Wav2Vec2FeatureExtractor()

    def alone() -> list[np.ndarray]:
        made = []
        with exact():
            for sound in sounds:
                shown = extractor(sound, sampling_rate=speech.RATE, return_tensors="pt").input_values
                made.append(model.module(shown.to(given.device)).last_hidden_state[0].cpu().numpy())
        return made

    def together() -> list[np.ndarray]:
        return [one[:, 0] for one in model.states(sounds, slice(-1, None))]

    made = together()
    difference = max(float(np.abs(a - b).max()) for a, b in zip(made, alone(), strict=True))
    others = [model.states([sound], slice(-1, None))[0][:, 0] for sound in sounds]
    backwards = [one[:, 0] for one in model.states(sounds[::-1], slice(-1, None))][::-1]
    bits = all(a.tobytes() == b.tobytes() == c.tobytes() for a, b, c in zip(made, others, backwards, strict=True))
    before, after = least((alone, together), given.device, given.repeats)
    return before, after, difference, bits


def main() -> int:
    """Compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--size", default="small", choices=SIZES)
    parser.add_argument("--utterances", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--together", type=int, default=0, help="utterances in a batch; 0: as affex does")
    given = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    lengths = (speech.RATE * rng.uniform(SHORTEST, LONGEST, given.utterances)).astype(int)
    sounds = [(0.1 * rng.standard_normal(length)).astype(np.float32) for length in lengths]
    wrong = 0
    for name, norm in MODELS.items():
        stable = {"conv_bias": True, "do_stable_layer_norm": True} if norm == "layer" else {}
        torch.manual_seed(0)
        config = transformers.Wav2Vec2Config(**SIZES[given.size], **stable, feat_extract_norm=norm)
        with tempfile.TemporaryDirectory() as folder:
            transformers.Wav2Vec2Model(config).save_pretrained(folder)
            before, after, difference, bits = compared(Path(folder), sounds, given)
        print(
            f"{name}, {given.size}, {given.device}: {before:.2f} s one at a time, {after:.2f} s by affex, "
            f"{before / after:.2f} times as fast; differ by {difference:.1e}; bits the same: {bits}"
        )
        wrong += difference > TOLERANCE[given.device.partition(":")[0]] or not bits
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())

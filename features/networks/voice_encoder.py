"""Resemblyzer's voice encoder: from 1.6 s of mel bands to 256 numbers that say who speaks.

Jemine 2019, Resemblyzer 0.1.4 (Apache-2.0), after Wan et al. 2018, Generalized end-to-end loss for speaker
verification, doi:10.1109/ICASSP.2018.8462665: three LSTMs of 256, their last state through a linear layer and ReLU,
scaled to length 1; trained on LibriSpeech, VoxCeleb 1 and VoxCeleb 2. Its weights lie in the package's wheel, which is
read and never imported: the import needs webrtcvad, which only compiles.

**It identifies the person**, also across recordings: treat its numbers, and every cache that contains them, as
biometric data.
"""

from pathlib import Path

from affex.features.networks.base import Embedder, Network
from affex.features.networks.weights import WeightFile, fill, read_state
from affex.features.sound.speaker import BANDS, FRAMES

WEIGHTS = WeightFile(
    "pretrained.pt",
    "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
    package="resemblyzer",
    folder="",
    source="Resemblyzer 0.1.4",
    remedy="pip install --no-deps resemblyzer==0.1.4",
)

NETWORK = Network(
    name="speaker",
    width=256,
    input_size=(FRAMES, BANDS),
    channels="one",
    mean=(0.0,),
    scale=(1.0,),
    layer="linear, ReLU, length 1",
    digest=WEIGHTS.sha256,
    dtype="float32",
)

#: The scale and the offset of similarities in its training.
UNUSED = "similarity_weight similarity_bias"


def load(path: Path, device: str = "cpu") -> Embedder:
    """Return the network with its published weights, ready to run.

    Raises
    ------
    WeightError
        If the file is missing, cannot be read safely or does not fit.
    """
    from affex.features.networks.architectures import VoiceEncoder

    module = VoiceEncoder(BANDS, NETWORK.width)
    fill(module, read_state(path), path, UNUSED)
    return Embedder(NETWORK, module, device)

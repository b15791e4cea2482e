"""Make weight files with random numbers in the shapes of published networks, where the published ones are not at hand.

::

    .venv/bin/python tools/made_weights.py FOLDER alexnet resnet50
    make evaluate SYSTEM=omg-face-resnet50-gru DATASET=omg FEATURES=resnet50:weights=FOLDER/resnet50.safetensors
    .venv/bin/python tools/made_weights.py FOLDER wav2vec2
    make evaluate SYSTEM=speech-embeddings-ssl DATASET=emodb FEATURES='compare ssl:model=FOLDER/wav2vec2,pool=mean'

``wav2vec2`` is a folder of `transformers`: a model of 4 layers of 192 columns, smaller than the published ones. The
files show that a system runs. A network with random weights has learned nothing, so figures with it are no replication.
Equal seeds give equal bytes.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affex.features.networks.local import ARCHITECTURES

if TYPE_CHECKING:
    from torch import Tensor

#: The model of speech.
SPEECH = "wav2vec2"
SIZE: Mapping[str, Any] = {
    "hidden_size": 192,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 768,
} | {"conv_dim": (128,) * 7}


def made(name: str, seed: int = 0) -> "Mapping[str, Tensor]":
    """Return the arrays of a network: weights after He et al. 2015, doi:10.1109/ICCV.2015.123, the rest as it begins.

    Without their scale, the signal would be lost on its way through so many layers.
    """
    import torch

    torch.manual_seed(seed)
    module = ARCHITECTURES[name].build()
    for layer in module.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            torch.nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return module.state_dict()


def made_speech(folder: Path, seed: int = 0) -> Path:
    """Make a model of speech, with weights as `transformers` begins them, and return its folder."""
    import torch
    import transformers

    torch.manual_seed(seed)
    transformers.Wav2Vec2Model(transformers.Wav2Vec2Config(**SIZE)).save_pretrained(folder / SPEECH)
    return folder / SPEECH


def main() -> None:
    """Make the files."""
    from safetensors.torch import save_file

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("networks", nargs="+", choices=sorted([*ARCHITECTURES, SPEECH]), metavar="NETWORK")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    for name in given.networks:
        if name == SPEECH:
            print(made_speech(given.folder, given.seed))
            continue
        path = given.folder / f"{name}.safetensors"
        save_file({key: tensor.contiguous() for key, tensor in made(name, given.seed).items()}, path)
        print(path)


if __name__ == "__main__":
    main()

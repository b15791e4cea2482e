"""Weight files that tests make themselves, in the shapes of the published ones; what they find means nothing."""

from pathlib import Path

import numpy as np
import torch


def sfd_weights(path: Path) -> Path:
    """Write weights of S3FD, drawn at random; with a threshold of 0.2 they see many faces in noise."""
    from face_alignment.detection.sfd.net_s3fd import s3fd

    torch.manual_seed(0)
    torch.save(s3fd().state_dict(), path)
    return path


def blazeface_weights(folder: Path) -> tuple[Path, Path]:
    """Write weights and anchors of BlazeFace; with a threshold of 0.4 they see a face at every anchor."""
    from face_alignment.detection.blazeface.net_blazeface import BlazeFace

    torch.manual_seed(0)
    network = BlazeFace()
    for head in (network.regressor_8, network.regressor_16):
        # Boxes as large as their anchors: of a box that is inside out the package never gets rid.
        torch.nn.init.zeros_(head.weight)
        torch.nn.init.zeros_(head.bias)
        head.bias.data.reshape(-1, 16)[:, 2:4] = 128
    torch.save(network.state_dict(), folder / "blazeface.pth")
    np.save(folder / "anchors.npy", np.random.default_rng(0).uniform(0.3, 0.6, (896, 4)).astype(np.float32))
    return folder / "blazeface.pth", folder / "anchors.npy"

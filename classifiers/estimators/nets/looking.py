"""Where a network looks: from a fitted network and single pictures to the part it samples, and what it needs of them.

A spatial transformer says which part of a picture it samples. For any network, a window of a picture is covered by
the mean of the training pictures, and the score of the decided class falls the more, the more the window matters
(Zeiler and Fergus 2014, doi:10.1007/978-3-319-10590-1_53; of faces Minaee and Abdolrashidi 2019, arXiv:1902.01019).
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from affex.classifiers.estimators.nets.network import Network
from affex.classifiers.estimators.nets.sequences import Scale
from affex.classifiers.estimators.nets.training import single_thread
from affex.classifiers.estimators.nets.transformer import SpatialTransformer

Pictures = NDArray[np.float32]
Floats = NDArray[np.float64]

#: The side of a window, as a share of the picture's; windows overlap by half.
WINDOW = 0.2
#: The corners of what a spatial transformer returns, x and y.
CORNERS = ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0))


def regions(estimator: Any, pictures: Pictures) -> Floats | None:
    """Return the corners of the part that the first network's spatial transformer samples of each picture.

    Parameters
    ----------
    estimator
        A fitted network of one stream.
    pictures : (n, height, width) or (n, height, width, channels)

    Returns
    -------
    (n, 4, 2) float64, px, x and y; None if its trunk does not begin with one.
    """
    how = Scale(**estimator.scales_[0][0])
    shape = how.shape(pictures.shape[1:])
    n_outputs = len(getattr(estimator, "classes_", [0]))
    network = Network(estimator.design, [shape], n_outputs).with_state(estimator.states_[0])
    layer = getattr(network.streams[0].trunk, "layers", [None])[0]
    if not isinstance(layer, SpatialTransformer):
        return None
    rows = torch.from_numpy(how.scaled(pictures))
    with single_thread(), torch.inference_mode():
        maps = layer.maps(rows.reshape(*rows.shape[:3], -1).permute(0, 3, 1, 2)).double().numpy()
    places = np.einsum("nij,cj->nci", maps, np.column_stack([CORNERS, np.ones(4)]))
    size = np.array([pictures.shape[2], pictures.shape[1]])
    corners: Floats = (places + 1) / 2 * size
    return corners


def falls(estimator: Any, picture: Pictures) -> tuple[Floats, Floats]:
    """Return the scores of a picture alone, and by how much that of the decided class falls where it is covered.

    Parameters
    ----------
    picture : (height, width) or (height, width, channels)

    Returns
    -------
    scores : (n_classes,)
    fall : (height, width)
        The mean over the windows that cover a pixel.
    """
    windows = _windows(*picture.shape[:2])
    covered = np.repeat(picture[None], len(windows), axis=0)
    for one, (rows, columns) in zip(covered, windows, strict=True):
        one[rows, columns] = np.nan  # a missing value is the mean
    every = np.concatenate([picture[None], covered])
    scores = estimator.predict_proba(every, offsets=np.arange(len(every) + 1))
    decided = scores[0].argmax()
    total, counts = np.zeros(picture.shape[:2]), np.zeros(picture.shape[:2])
    for (rows, columns), score in zip(windows, scores[1:, decided], strict=True):
        total[rows, columns] += scores[0, decided] - score
        counts[rows, columns] += 1
    return scores[0], total / counts


def _windows(height: int, width: int) -> list[tuple[slice, slice]]:
    """Return overlapping windows that cover a picture, by rows and columns."""
    each = [
        [slice(begin, begin + side) for begin in sorted({*range(0, size - side, max(1, side // 2)), size - side})]
        for size, side in ((size, max(1, round(WINDOW * size))) for size in (height, width))
    ]
    return [(rows, columns) for rows in each[0] for columns in each[1]]

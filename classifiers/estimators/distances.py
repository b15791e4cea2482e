"""Squared distances of rows by matrix products, in blocks of bounded size, on the CPU or a GPU.

``|a - b|^2 = |a|^2 + |b|^2 - 2 ab``, in float64. Where two long rows nearly coincide, the rounding error is about 1e-16
of their squared lengths. With many columns the products ``ab`` are computed in float32, in half the time: the error is
then about 1e-7, as large as that of libsvm, which keeps its kernel in float32. The blocks depend only on the number of
rows and columns, so neither memory nor the number of processes changes a result.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]

#: Memory of a block of rows in float64, in bytes. Two blocks and their product are in memory at a time.
BLOCK_BYTES = 64 * 2**20

#: With this many columns or more, products are computed in float32 on the CPU; with fewer they cost little.
MANY_COLUMNS = 1024


def squared_distances(A: Rows, B: Rows | None = None, *, device: str = "cpu") -> Floats:
    """Return the squared Euclidean distance of every row of `A` to every row of `B`.

    Parameters
    ----------
    A : (n_rows, n_columns) float32 or float64
        Finite rows.
    B : (n_others, n_columns) float32 or float64, optional
        None means `A` itself, at half the cost; the result is then symmetric to the bit.
    device
        ``"cpu"`` (numpy), or ``"cuda"`` (torch).

    Returns
    -------
    (n_rows, n_others) float64
        Not negative; exactly 0 on the diagonal if `B` is None.

    Raises
    ------
    ValueError
        If the device does not exist.
    """
    if device == "cpu":
        return _in_blocks(A, B, _with_numpy)
    require_device(device)
    return _in_blocks(A, B, partial(_with_torch, device=device))


def _in_blocks(A: Rows, B: Rows | None, between: Callable[[Rows, Rows], Floats]) -> Floats:
    others = A if B is None else B
    distances = np.empty((len(A), len(others)))
    for own in _blocks(A):
        rows = A[own]
        for other in _blocks(others):
            if B is not None or other.start >= own.start:
                further = rows if B is None and other == own else others[other]
                np.maximum(between(rows, further), 0.0, out=distances[own, other])
            if B is None and other.start > own.start:
                distances[other, own] = distances[own, other].T
    if B is None:
        np.fill_diagonal(distances, 0.0)
    return distances


def _blocks(rows: Rows) -> Iterator[slice]:
    length = max(1, BLOCK_BYTES // (8 * max(1, rows.shape[1])))
    return (slice(begin, begin + length) for begin in range(0, len(rows), length))


def _with_numpy(a: Rows, b: Rows) -> Floats:
    same, kind = a is b, np.float32 if a.shape[1] >= MANY_COLUMNS else np.float64
    a = a.astype(kind, copy=False)
    # The product of a block with its own transpose costs half, and is symmetric to the bit.
    b = a if same else b.astype(kind, copy=False)
    products: Floats = (a @ b.T).astype(np.float64, copy=False)
    products *= -2.0
    lengths = np.einsum("ij,ij->i", b, b, dtype=np.float64)
    products += (lengths if same else np.einsum("ij,ij->i", a, a, dtype=np.float64))[:, None]
    products += lengths
    return products


def _with_torch(a: Rows, b: Rows, *, device: str) -> Floats:
    import torch

    on_device = partial(torch.as_tensor, dtype=torch.float64, device=device)
    left = on_device(np.ascontiguousarray(a))
    right = on_device(np.ascontiguousarray(b))
    products = torch.mm(left, right.T).mul_(-2.0)
    products += (left * left).sum(dim=1)[:, None]
    products += (right * right).sum(dim=1)
    found: Floats = products.cpu().numpy()
    return found


def require_device(device: str) -> None:
    """Refuse a device that torch does not find on this machine.

    Raises
    ------
    ValueError
        If it is neither ``cpu`` nor a CUDA device that is there.
    """
    import torch

    if device == "cpu":
        return
    if not device.startswith("cuda"):
        raise ValueError(f"device={device}: expected cpu or cuda")
    if not torch.cuda.is_available():
        raise ValueError(f"device={device}: torch finds no such device on this machine; expected cpu")

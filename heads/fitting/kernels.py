"""The kernels that support vector machines use."""

from __future__ import annotations

import numpy as np

from data.base import Float32


def kernel(A: Float32, B: Float32, gamma: float | None) -> Float32:
    """The kernel `(a, b)` float32 between rows `(a, F)` and `(b, F)`.

    It is exp(-gamma |a - b|²), or a·b where `gamma` is None.
    """
    K: Float32 = A @ B.T
    if gamma is None:
        return K
    K *= 2
    K -= np.einsum("ij,ij->i", A, A)[:, None]
    K -= np.einsum("ij,ij->i", B, B)
    np.minimum(K, 0, out=K)
    K *= np.float32(gamma)
    if A is B:
        np.fill_diagonal(K, 0)
    np.exp(K, out=K)
    return K

"""How well an autoencoder rebuilds images that it has not seen, beside the mean image and PCA of the same size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data.base import Float32, Float64

if TYPE_CHECKING:
    import pandas as pd

EXACT = 2000
"""PCA is exact for so many inputs or so many voxels; beyond both it is randomised, with a fixed seed."""

MOST = 1 << 29
"""PCA is fitted on so many numbers at most: of more inputs it takes an even selection."""

INSIDE = 0.5
"""From which share on a voxel counts as inside a structure."""


def rate(seen: Float32, unseen: Float32, rebuilt: Float32, channels: tuple[str, ...], latent: int) -> pd.DataFrame:
    """One row for each channel.

    Args:
        seen: `(n, C, *shape)` the inputs that the autoencoder was trained on, with those held out for early stopping.
        unseen: `(m, C, *shape)` inputs of other patients.
        rebuilt: Their reconstructions.
        channels: The names of the C channels.
        latent: The number of components of PCA, which is fitted on `seen`.

    Returns:
        `channel`; `n_inputs` (m) and `components`; `rmse`, `rmse_mean` and `rmse_pca`: the root of the mean squared
        error over all voxels, in units of the inputs, of the autoencoder, of the mean of `seen`, and of PCA; for masks
        `dice`, `dice_mean` and `dice_pca`, means over the inputs; `spread`: the variance between reconstructions, as a
        share of that between the inputs (means over voxels).
    """
    import pandas as pd

    flat = seen.reshape(len(seen), -1)
    mean, pca, components = _linear(flat, unseen.reshape(len(unseen), -1), latent)
    shape = unseen.shape
    models = {"": rebuilt, "_mean": np.broadcast_to(mean, (len(unseen), flat.shape[1])).reshape(shape)}
    models["_pca"] = pca.reshape(shape)
    rows = []
    for channel, name in enumerate(channels):
        truth = unseen[:, channel].astype(np.float64)
        row: dict[str, object] = {"channel": name, "n_inputs": len(unseen), "components": components}
        for end, model in models.items():
            row[f"rmse{end}"] = float(np.sqrt(np.mean((model[:, channel] - truth) ** 2)))
            row[f"dice{end}"] = float(dice(model[:, channel], truth).mean()) if name == "mask" else np.nan
        between = truth.var(axis=0).mean()
        spread = rebuilt[:, channel].astype(np.float64).var(axis=0).mean()
        row["spread"] = float(spread / between) if between > 0 else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def dice(masks: NDArray[np.floating], truth: NDArray[np.floating]) -> Float64:
    """The Dice coefficient of each pair of masks `(n, ...)` in shares; 1 where both are empty."""
    a, b = (values.reshape(len(values), -1) >= INSIDE for values in (masks, truth))
    total = a.sum(axis=1) + b.sum(axis=1)
    overlap = (a & b).sum(axis=1)
    found: Float64 = np.where(total > 0, 2 * overlap / np.maximum(total, 1), 1.0)
    return found


def _linear(seen: Float32, unseen: Float32, latent: int) -> tuple[Float32, Float32, int]:
    """The mean of the inputs `(d,)`, the reconstructions by PCA `(m, d)`, and its number of components."""
    from sklearn.decomposition import PCA

    mean: Float32 = seen.mean(axis=0)
    fewer = max(latent + 1, MOST // seen.shape[1])
    if len(seen) > fewer:
        seen = seen[np.linspace(0, len(seen) - 1, fewer).astype(np.int64)]
    components = min(latent, len(seen) - 1, seen.shape[1])
    if components < 1:
        return mean, np.broadcast_to(mean, unseen.shape), 0
    solver = "full" if min(seen.shape) <= EXACT else "randomized"
    pca = PCA(components, svd_solver=solver, random_state=0).fit(seen)
    rebuilt: Float32 = pca.inverse_transform(pca.transform(unseen)).astype(np.float32)
    return mean, rebuilt, components

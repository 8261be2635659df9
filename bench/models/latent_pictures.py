"""Pictures of what an autoencoder learnt: reconstructions, traversals, interpolation, generation, neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.base import Float32, Float64, Image

STEPS = 6
TRAVERSED = 8
SHOWN = 8
QUERIES = 5
NEAREST = 5
PERCENTILES = (5.0, 95.0)
_CHUNK = 500
_ENOUGH = 50  # crops, for the usual size
_AXES = {0: "sagittal", 1: "coronal", 2: "axial"}


class Pictures:
    """The pictures of one trained autoencoder.

    A sample of several slices is shown by its middle slice, a volume by its middle slice along each axis.

    Args:
        fitted: The autoencoder, with `prepare`, `decode`, `channels` and `recipe`.
        images: The crops of N samples, read when indexed.
        latents: `(N, F)` float32 of their middle slice, or of the volume.
        patients: `(N,)`.
        seen: `(N,)` bool: whether the network was trained on the patient.
        seed: The seed of all draws.
    """

    def __init__(
        self,
        fitted: Any,
        images: Sequence[Image],
        latents: Float32,
        patients: NDArray[np.str_],
        seen: NDArray[np.bool_],
        *,
        seed: int,
    ) -> None:
        self._fitted, self._images, self._latents = fitted, images, latents
        self._patients, self._seen = patients, seen
        self._random = np.random.default_rng(seed)
        spread = latents.std(axis=0, dtype=np.float64)
        self._scaled = (latents - latents.mean(axis=0, dtype=np.float64)) / np.where(spread > 0, spread, 1)
        unseen = np.flatnonzero(~seen)
        self._candidates = unseen if len(unseen) else np.arange(len(seen))
        self._planes, self._turned = _planes(fitted.recipe, images[: min(len(images), _ENOUGH)])

    def write(self, folder: Path) -> dict[str, Any]:
        """Writes an `.npz` for each kind of picture, with an array `plane_I` `(..., C, h, w)` float32 for each plane.

        - `reconstructions` `(2, n, ...)`: samples of patients that the network did not see, and their reconstructions.
        - `traversal` `(K, 6, ...)`: K features, each from its 5th to its 95th percentile, the others at their mean.
        - `interpolation` `(8, ...)`: a sample, six decoded steps from it to another, and that one.
        - `generated` `(n, ...)`: draws from a normal distribution with the mean and covariance of the training latents.
        - `neighbours` `(q, 1 + k, ...)`: a sample, and those of other patients whose features are nearest.

        `neighbours.csv` has the k nearest samples of every sample, by position in `samples.csv`. Returns facts about
        the pictures for their captions.
        """
        shown = {
            "channels": list(self._fitted.channels),
            "planes": self._planes,
            "reconstructions": self._reconstructions(folder),
            "traversal": self._traversal(folder),
            "interpolation": self._interpolation(folder),
            "generated": self._generation(folder),
            "neighbours": self._neighbours(folder),
        }
        return shown

    def _reconstructions(self, folder: Path) -> dict[str, Any]:
        chosen = _spread_out(self._candidates, SHOWN)
        before = self._inputs(chosen)
        after = self._fitted.decode(self._latents[chosen])
        _save(folder / "reconstructions.npz", np.stack([before, after]), self._turned)
        axes = tuple(range(2, before.ndim))
        errors = np.sqrt(((before - after) ** 2).mean(axis=axes))
        inside = [array >= 0.5 for array in (before, after)]
        both = (inside[0] & inside[1]).sum(axis=axes)
        dice = 2 * both / np.maximum(inside[0].sum(axis=axes) + inside[1].sum(axis=axes), 1)
        return {"samples": chosen.tolist(), "rmse": errors.tolist(), "dice": dice.tolist()}

    def _traversal(self, folder: Path) -> dict[str, Any]:
        """The features whose ends differ most in the picture, most first."""
        low, high = np.percentile(self._latents, PERCENTILES, axis=0)
        mean = self._latents.mean(axis=0)
        change = np.empty(len(mean))
        for j in range(len(mean)):
            ends = np.repeat(mean[None], 2, axis=0)
            ends[:, j] = low[j], high[j]
            first, last = self._fitted.decode(ends.astype(np.float32))
            change[j] = np.sqrt(((last - first) ** 2).mean())
        features = np.argsort(-change, kind="stable")[:TRAVERSED]
        values = np.linspace(low[features], high[features], STEPS, axis=1)
        kept: dict[str, list[Float32]] = {}
        for j, line in zip(features, values, strict=True):
            steps = np.repeat(mean[None], STEPS, axis=0)
            steps[:, j] = line
            for name, plane in _middle(self._fitted.decode(steps.astype(np.float32)), self._turned).items():
                kept.setdefault(name, []).append(plane)
        stacked: dict[str, Any] = {name: np.stack(planes) for name, planes in kept.items()}
        np.savez(folder / "traversal.npz", **stacked)
        return {"features": features.tolist(), "values": values.tolist(), "change": change.tolist()}

    def _interpolation(self, folder: Path) -> dict[str, Any]:
        """From the sample nearest to the 5th percentile of the first principal component to that at the 95th."""
        _, _, directions = np.linalg.svd(self._scaled, full_matrices=False)
        along = (self._scaled @ directions[0])[self._candidates]
        start, end = (int(np.abs(along - p).argmin()) for p in np.percentile(along, PERCENTILES))
        if self._patients[self._candidates[start]] == self._patients[self._candidates[end]]:
            others = self._patients[self._candidates] != self._patients[self._candidates[start]]
            if others.any():
                end = int(np.where(others, np.abs(along - along[start]), -1).argmax())
        pair = self._candidates[[start, end]]
        share = np.linspace(0, 1, STEPS)[:, None]
        between = self._fitted.decode(np.float32((1 - share) * self._latents[pair[0]] + share * self._latents[pair[1]]))
        ends = self._inputs(pair)
        _save(folder / "interpolation.npz", np.concatenate([ends[:1], between, ends[1:]]), self._turned)
        return {"samples": pair.tolist()}

    def _generation(self, folder: Path) -> dict[str, Any]:
        """Draws of new latents, clipped to the range of the training latents."""
        known = self._latents[self._seen].astype(np.float64)
        covariance = np.atleast_2d(np.cov(known, rowvar=False))
        drawn = self._random.multivariate_normal(known.mean(axis=0), covariance, SHOWN, method="eigh")
        inside = np.clip(drawn, known.min(axis=0), known.max(axis=0))
        _save(folder / "generated.npz", self._fitted.decode(inside.astype(np.float32)), self._turned)
        return {"moved": float((inside != drawn).mean()), "training_samples": len(known)}

    def _neighbours(self, folder: Path) -> dict[str, Any]:
        """The nearest samples by Euclidean distance, each feature divided by its standard deviation."""
        import pandas as pd

        nearest, distance = nearest_of_others(self._scaled, self._patients, NEAREST)
        k = nearest.shape[1]
        rows = np.repeat(np.arange(len(nearest)), k)
        table = {"sample": rows, "rank": np.tile(np.arange(1, k + 1), len(nearest))}
        table |= {"neighbour": nearest.ravel(), "distance": distance.ravel()}
        pd.DataFrame(table).to_csv(folder / "neighbours.csv", index=False)
        _, first = np.unique(self._patients[self._candidates], return_index=True)
        chosen = _spread_out(self._random.permutation(self._candidates[first]), QUERIES)
        shown = [self._inputs(np.append(query, nearest[query])) for query in chosen]
        _save(folder / "neighbours.npz", np.stack(shown), self._turned)
        return {"queries": chosen.tolist()}

    def _inputs(self, rows: NDArray[np.int64]) -> Float32:
        """What the network got for some samples: `(n, C, *shape)`."""
        parts = []
        for row in rows:
            tokens = self._fitted.prepare(self._images[int(row)])
            parts.append(tokens[len(tokens) // 2])
        return np.stack(parts)


def nearest_of_others(values: Float64, patients: NDArray[np.str_], k: int) -> tuple[NDArray[np.int64], Float64]:
    """The k rows of other patients nearest to each row `(n, F)`, and their distances: `(n, k)` each.

    k is smaller if some patient has fewer rows of others.
    """
    from scipy.spatial.distance import cdist

    _, owner, counts = np.unique(patients, return_inverse=True, return_counts=True)
    k = min(k, len(values) - int(counts.max()))
    rows, distances = [], []
    for start in range(0, len(values), _CHUNK):
        part = slice(start, start + _CHUNK)
        away = cdist(values[part], values)
        away[owner[part, None] == owner] = np.inf
        order = np.argsort(away, axis=1, kind="stable")[:, :k]
        rows.append(order)
        distances.append(np.take_along_axis(away, order, axis=1))
    return np.concatenate(rows), np.concatenate(distances)


def _spread_out(rows: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """At most n of some rows, evenly."""
    return np.asarray(rows[np.unique(np.linspace(0, len(rows) - 1, n).round().astype(int))])


def _planes(recipe: Any, some: Sequence[Image]) -> tuple[list[dict[str, Any]], tuple[bool, ...]]:
    """For each plane its name and how much taller than wide its pixels are; and which planes are turned.

    The rows of a plane run along the body or from front to back, whatever the order of the scan's axes.
    """
    flat = len(recipe.shape) == 2
    if recipe.placing == "pad":
        spacing = np.array((1.0, *recipe.spacing_mm)[-3:])
    else:
        extents = [np.asarray(image.spacing) * image.pixels.shape for image in some]
        spacing = np.median(extents, axis=0) / ((1, *recipe.shape) if flat else recipe.shape)
    placed = not np.allclose(some[0].affine[:3, :3], np.eye(3))
    along = np.abs(some[0].directions).argmax(axis=1)
    planes: list[dict[str, Any]] = []
    turned = []
    for axis in (0,) if flat else (0, 1, 2):
        down, across = (i for i in range(3) if i != axis)
        turn = bool(placed and not flat and along[down] < along[across])
        down, across = (across, down) if turn else (down, across)
        name = _AXES[int(along[axis])] if placed else f"along axis {axis}"
        planes.append({"name": name, "aspect": float(spacing[down] / spacing[across])})
        turned.append(turn)
    return planes, tuple(turned)


def _middle(arrays: Float32, turned: Sequence[bool]) -> dict[str, Float32]:
    """`plane_I` from `(..., C, *shape)`: a picture as it is, or a volume's middle slice along axis I."""
    if len(turned) == 1:
        return {"plane_0": arrays}
    planes = [arrays.take(arrays.shape[i - 3] // 2, axis=i - 3) for i in range(3)]
    return {
        f"plane_{i}": np.swapaxes(plane, -1, -2) if turn else plane
        for i, (plane, turn) in enumerate(zip(planes, turned, strict=True))
    }


def _save(path: Path, arrays: Float32, turned: Sequence[bool]) -> None:
    planes: dict[str, Any] = {**_middle(arrays, turned)}
    np.savez(path, **planes)

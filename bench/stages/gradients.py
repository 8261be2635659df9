"""Integrated gradients of a torch network whose features a cell reads linearly.

The score is the log odds of the called class against the next most probable one, log p - log q. It is a linear function
of the features for linear heads (logistic regression, a linear SVC with Platt's sigmoid, the linear layer of a network
trained with labels) on features that are averaged, concatenated, projected and standardised. Then its gradient with
respect to the features is one fixed vector, and the gradient with respect to the pixels is that of the network alone.
No other head is explained by gradients: trees have none, and for the rest it would be that of a single point.

References:
    M. Sundararajan, A. Taly, Q. Yan, Axiomatic attribution for deep networks, ICML 2017, arXiv:1703.01365.
    N. Kokhlikyan et al., Captum: A unified and generic model interpretability library for PyTorch, 2020,
    arXiv:2009.07896.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from bench.stages.occlusion import resampled
from bench.stages.scorer import CellScorer, SampleTokens
from data import ScangridError
from data.base import Float32, Float64, Image

if TYPE_CHECKING:
    import pandas as pd

STEPS, DOUBLED = 50, 4  # points on the path, and how often they are doubled until the attributions are complete
TRIALS = 8  # random changes of the features by which linearity is tried
BENT = 0.02  # the largest error of a linear score, as a share of how much the score varies
GAP = 0.05  # the largest gap of completeness, as a share of the change of the score
LEAST_CHANGE = 0.05  # log odds below which an error is not taken as a share
TRIED = 3.0  # log odds by which trials move the score at most
SATURATED = 1e-4  # a lower probability is too near to 0 to take its logarithm in single precision
ROWS = 1024  # changes that are graded at a time
NOT_LINEAR = (
    "the head or the fusion of this cell is not linear in the features, so that one gradient does not explain it: use "
    "occlusion"
)


class GradientsError(ScangridError):
    """A cell that has no gradients to explain it by; the message is one line with the way out."""


@runtime_checkable
class FittedNetwork(Protocol):
    """A fitted encoder that is a torch network: `prepare` gives its inputs, `network` maps them to tokens."""

    network: Any
    prepare: Callable[[Image], Float32]
    device: str
    batch: int


class Gradients(NamedTuple):
    """The integrated gradients of one sample.

    Args:
        called: The class that the cell calls.
        against: The next most probable class.
        maps: For each sequence `(D, H, W)` float32: what each voxel adds to the score. None where the sample lacks the
            sequence.
        score: The score of the sample.
        baseline: The score of the mean crops in its place.
        gap: The sum of all attributions minus (score - baseline), which is 0 if they are complete.
    """

    called: int
    against: int
    maps: tuple[Float32 | None, ...]
    score: float
    baseline: float
    gap: float


def has_path(scorer: CellScorer) -> bool:
    """Whether every encoder of a cell is a torch network."""
    return all(isinstance(one, FittedNetwork) for each in scorer.encoders for one in each)


def integrated_gradients(
    scorer: CellScorer,
    crops: Sequence[Image | None],
    columns: pd.DataFrame,
    means: Sequence[Float32],
    centre: Sequence[Sequence[Float32]],
    spread: Sequence[Sequence[Float32]],
    *,
    seed: int,
    steps: int = STEPS,
) -> Gradients:
    """What each voxel adds to the score, along the straight path from the mean crops to the sample's.

    Args:
        scorer: The cell; `has_path` is true.
        crops: The sample's crop in each sequence; None where it has none.
        columns: As in `CellScorer.grade`.
        means: For each sequence the mean of the training crops.
        centre: For each encoder and sequence the mean `(F,)` of the training tokens.
        spread: For each encoder and sequence the standard deviation `(F,)` of the training tokens.
        seed: For the trials of linearity.
        steps: Points on the path at first, by Gauss-Legendre quadrature.

    Raises:
        GradientsError: The score is not linear in the features, or the attributions miss its change by over 5 %.
    """
    base = scorer.tokens(crops)
    P, called = (found[0] for found in scorer.grade(base, columns))
    against = int(np.argsort(np.where(np.arange(len(P)) == called, -1, P))[-1])

    def scores(tokens: SampleTokens, sequence: int, changed: Sequence[Sequence[Float32]] | None) -> Float64:
        p = scorer.grade(tokens, columns, sequence, changed).P[:, [called, against]]
        return np.asarray(np.diff(np.log(np.maximum(p, SATURATED / 10)), axis=1)[:, 0] * -1)

    readout = _readout(base, centre, spread, scores, np.random.default_rng(seed))
    inside = [None if crop is None else _baseline(crop, mean) for crop, mean in zip(crops, means, strict=True)]
    score, baseline = readout(base), readout(scorer.tokens(inside))
    if P[against] > SATURATED and abs(score - float(scores(base, 0, None)[0])) > BENT * max(1.0, abs(score)):
        raise GradientsError(NOT_LINEAR)
    for points in (steps * 2**k for k in range(DOUBLED + 1)):
        maps, total = _integrated(scorer, readout.weights, crops, inside, points)
        gap = total - (score - baseline)
        if abs(gap) <= GAP * max(abs(score - baseline), LEAST_CHANGE):
            return Gradients(int(called), against, maps, score, baseline, gap)
    raise GradientsError(
        f"integrated gradients of {points} points sum to {total:.3f}, but the score changes by {score - baseline:.3f}: "
        "they are not complete for this cell, so use occlusion"
    )


def _integrated(
    scorer: CellScorer,
    weights: Sequence[Sequence[Float32]],
    crops: Sequence[Image | None],
    inside: Sequence[Image | None],
    steps: int,
) -> tuple[tuple[Float32 | None, ...], float]:
    """The attributions of each sequence on its voxels, and their sum."""
    maps: list[Float32 | None] = []
    total = 0.0
    for s, (crop, start) in enumerate(zip(crops, inside, strict=True)):
        if crop is None or start is None:
            maps.append(None)
            continue
        found = np.zeros(crop.pixels.shape)
        for each, own in zip(scorer.encoders, weights, strict=True):
            attributions = _attributions(each[s], crop, start, own[s], steps)
            total += float(attributions.sum())
            found += on_voxels(attributions, crop.pixels.shape)
        maps.append(found.astype(np.float32))
    return tuple(maps), total


def on_voxels(attributions: Float64, shape: tuple[int, ...]) -> Float64:
    """Attributions of a network's inputs `(T, C, H', W')` or `(1, C, D', H', W')` on the crop's voxels `(D, H, W)`.

    Channels are added up. Each voxel gets what falls on it, so that the sum stays the same.
    """
    plain = attributions.sum(axis=1)
    volume = plain[0] if plain.ndim == 4 else plain
    for axis, (old, new) in enumerate(zip(volume.shape, shape, strict=True)):
        if old != new:
            edges = np.concatenate([np.zeros(1), np.arange(1, old + 1) / old])
            sums = np.concatenate([np.zeros((1, *np.delete(volume.shape, axis))), np.moveaxis(volume, axis, 0)])
            ends = np.linspace(0, 1, new + 1)
            whole = np.apply_along_axis(lambda line: np.interp(ends, edges, line), 0, sums.cumsum(axis=0))  # noqa: B023
            volume = np.moveaxis(np.diff(whole, axis=0), 0, axis)
    return np.asarray(volume, dtype=np.float64)


def _baseline(crop: Image, mean: Float32) -> Image:
    d, h, w = crop.pixels.shape
    return replace(crop, pixels=resampled(mean, (d, h, w)))


def _attributions(fitted: Any, crop: Image, start: Image, weights: Float32, steps: int) -> Float64:
    """What the inputs `(T, C, ...)` add to the sum over tokens of features times `weights` `(T, F)`."""
    import torch
    from captum.attr import IntegratedGradients

    inputs, baselines, readout = (
        torch.from_numpy(np.ascontiguousarray(one)).to(fitted.device)
        for one in (fitted.prepare(crop), fitted.prepare(start), weights)
    )

    def forward(batch: Any, own: Any) -> Any:
        return (fitted.network(batch).float() * own).sum(dim=1)

    found = IntegratedGradients(forward).attribute(
        inputs,
        baselines,
        additional_forward_args=(readout,),
        n_steps=steps,
        method="gausslegendre",
        internal_batch_size=max(fitted.batch, len(inputs)),
    )
    return np.asarray(found.detach().cpu().numpy(), dtype=np.float64)


class _Readout(NamedTuple):
    """The score as a linear function of the tokens: its value at some tokens, and its derivatives there."""

    at: SampleTokens
    value: float
    weights: list[list[Float32]]

    def __call__(self, tokens: SampleTokens) -> float:
        """The score of other tokens."""
        total = self.value
        for each, start, weights in zip(tokens, self.at, self.weights, strict=True):
            for token, own, weight in zip(each, start, weights, strict=True):
                if token is not None and own is not None:
                    total += float(((token - own).astype(np.float64) * weight).sum())
        return total


def _readout(
    base: SampleTokens,
    centre: Sequence[Sequence[Float32]],
    spread: Sequence[Sequence[Float32]],
    scores: Callable[[SampleTokens, int, Sequence[Sequence[Float32]] | None], Float64],
    rng: np.random.Generator,
) -> _Readout:
    """The score's derivatives by differences at the centre of the training tokens, where no probability is near 0.

    Raises:
        GradientsError: The score is not linear in the tokens.
    """
    start: SampleTokens = [
        [None if token is None else np.tile(mean, (len(token), 1)) for token, mean in zip(each, means, strict=True)]
        for each, means in zip(base, centre, strict=True)
    ]
    value = float(scores(start, 0, None)[0])
    weights: list[list[Float32]] = []
    for e, each in enumerate(start):
        weights.append([])
        for s, token in enumerate(each):
            if token is None:
                weights[e].append(np.zeros((0, 0), dtype=np.float32))
                continue
            step = np.where(spread[e][s] > 0, spread[e][s], 1.0)
            slopes = np.empty(token.size)
            for part in np.array_split(np.arange(token.size), -(-token.size // ROWS)):
                moved = np.repeat(token.reshape(1, -1), len(part), axis=0)
                moved[np.arange(len(part)), part] += step[part % token.shape[1]]
                slopes[part] = scores(start, s, _with(start, e, s, [*moved.reshape(-1, *token.shape)])) - value
            slopes = slopes.reshape(token.shape) / step
            moves = rng.normal(size=(TRIALS, *token.shape)) * step
            moves *= min(1.0, TRIED / max(float(np.abs(np.einsum("ntf,tf->n", moves, slopes)).max()), 1e-9))
            found = scores(start, s, _with(start, e, s, [*(token + moves).astype(np.float32)])) - value
            bent = np.abs(found - np.einsum("ntf,tf->n", moves, slopes)).max()
            if bent > BENT * max(float(np.abs(found).max()), LEAST_CHANGE):
                raise GradientsError(NOT_LINEAR)
            weights[e].append(slopes.astype(np.float32))
    return _Readout(start, value, weights)


def _with(base: SampleTokens, encoder: int, sequence: int, changed: list[Float32]) -> list[list[Float32]]:
    """The changed tokens of one encoder, and for each other the tokens that it has anyway."""
    out: list[list[Float32]] = []
    for e, each in enumerate(base):
        token = each[sequence]
        assert token is not None
        out.append(changed if e == encoder else [token] * len(changed))
    return out

"""Calibration in every resample of patients: slope, intercepts, expected error, integrated calibration index."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from results.statistics.bootstrap import PatientBootstrap, PredictedRows
from results.statistics.calibration import bin_of, overlap
from results.statistics.metrics.base import OfRows

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

KNOTS = (0.05, 0.35, 0.65, 0.95)
STEPS = 30
CONVERGED = 1e-6
RIDGE = 1e-9
HALVINGS = 20
CHUNK = 100_000

SCALES = {
    "slope": OfRows("Slope", loss=lambda y, P: np.zeros(len(y))),
    "intercept": OfRows("Intercept", loss=lambda y, P: np.zeros(len(y))),
    "intercept (slope 1)": OfRows("Intercept (slope 1)", loss=lambda y, P: np.zeros(len(y))),
    "ECE": OfRows("ECE", loss=lambda y, P: np.zeros(len(y)), lowest=0, highest=1),
    "ICI": OfRows("ICI", loss=lambda y, P: np.zeros(len(y)), lowest=0, highest=1),
}
"""What is computed, with the scale of its interval."""


def calibration_draws(
    bootstrap: PatientBootstrap, rows: PredictedRows, event: Bool, p: Float64, *, bins: int = 10
) -> dict[str, Float64]:
    """For each of `SCALES` `(R, 1 + B)`: its value in each repeat, then in every resample; NaN where it is undefined.

    - `slope`, `intercept`: a logistic regression of the outcome on the logit of its probability.
    - `intercept (slope 1)`: that with the slope held at 1.
    - `ECE`: expected calibration error over bins of equal mass; the bins are those of the repeat in all resamples.
    - `ICI`: the mean distance of the probabilities from a smooth calibration curve, a logistic regression on a
      restricted cubic spline of the logit with 4 knots.

    Args:
        bootstrap: The resamples.
        rows: The rows.
        event: `(n,)` bool: the outcome.
        p: `(n,)` its probability.
        bins: The number of bins.

    References:
        P. C. Austin and E. W. Steyerberg, The integrated calibration index (ICI) and related metrics, 2019,
        doi:10.1002/sim.8281.
        F. E. Harrell, Regression modeling strategies, 2015, doi:10.1007/978-3-319-19425-7 (splines).
    """
    weights = np.concatenate([np.ones((1, bootstrap.counts.shape[1])), bootstrap.counts])
    found: dict[str, list[Float64]] = {name: [] for name in SCALES}
    for repeat in np.unique(rows.repeat):
        at = np.flatnonzero(rows.repeat == repeat)
        parts = [_of_rows(weights[part][:, rows.patient[at]], event[at], p[at], bins) for part in _parts(weights, at)]
        for name in SCALES:
            found[name].append(np.concatenate([part[name] for part in parts]))
    return {name: np.array(values) for name, values in found.items()}


def error_if_calibrated(p: Float64, *, bins: int = 10, times: int = 200, seed: int = 0) -> float:
    """The expected calibration error that `(n,)` probabilities have on average if they are perfectly calibrated.

    Outcomes are drawn with the probabilities, independently. The error is above 0 since the bins are small; it is what
    an expected calibration error is to be compared with.

    Args:
        p: `(n,)` probabilities.
        bins: The number of bins.
        times: How often outcomes are drawn.
        seed: The seed of the draws.

    References:
        J. Brocker and L. A. Smith, Increasing the reliability of reliability diagrams, 2007, doi:10.1175/WAF993.1.
    """
    events = np.random.default_rng(seed).random((times, len(p))) < p
    hot = _hot(p, bins)
    return float(np.abs((events - p) @ hot).sum(axis=1).mean() / len(p))


def _parts(weights: Float64, at: Int64) -> Iterator[slice]:
    step = max(1, CHUNK // len(at))
    return (slice(start, start + step) for start in range(0, len(weights), step))


def _of_rows(w: Float64, event: Bool, p: Float64, bins: int) -> dict[str, Float64]:
    """Each of `SCALES` for weights `(B, n)`."""
    epsilon = np.finfo(np.float64).eps
    x = np.log(np.clip(p, epsilon, 1 - epsilon)) - np.log1p(-np.clip(p, epsilon, 1 - epsilon))
    total = w.sum(axis=1)
    ece = np.abs((w * (event - p)) @ _hot(p, bins)).sum(axis=1) / total
    undefined = np.full(len(w), np.nan)
    found = dict.fromkeys(SCALES, undefined) | {"ECE": ece}
    if event.all() or not event.any():
        return found
    ones = np.ones((len(x), 1))
    found["intercept (slope 1)"] = _logistic(ones, event, w, x)[:, 0]
    if not overlap(x[event], x[~event]):
        return found
    centre, scale = x.mean(), x.std()
    z = (x - centre) / scale
    line = _logistic(np.column_stack([ones, z]), event, w, 0 * x)
    found["slope"], found["intercept"] = line[:, 1] / scale, line[:, 0] - line[:, 1] * centre / scale
    design = np.column_stack([ones, z, *_spline(z)])
    curve = expit(np.clip(_logistic(design, event, w, 0 * x) @ design.T, -700, 700))
    found["ICI"] = (w * np.abs(curve - p)).sum(axis=1) / total
    return found


def _hot(p: Float64, bins: int) -> Float64:
    """`(n, bins)`: which bin of equal mass each row is in; equal probabilities share the bin of the first of them."""
    return np.eye(bins)[bin_of(p, bins=bins)]


def _spline(z: Float64) -> list[Float64]:
    """The two non-linear columns of a restricted cubic spline; none where too many probabilities are equal."""
    knots = np.quantile(z, KNOTS)
    if (np.diff(knots) < 1e-6).any():
        return []
    last, before = knots[-1], knots[-2]
    cubes = [np.maximum(z - knot, 0) ** 3 for knot in knots]
    columns = []
    for j in range(len(knots) - 2):
        of_before = cubes[-2] * (last - knots[j]) / (last - before)
        of_last = cubes[-1] * (before - knots[j]) / (last - before)
        columns.append((cubes[j] - of_before + of_last) / (last - knots[0]) ** 2)
    return columns


def _logistic(design: Float64, event: Bool, w: Float64, offset: Float64) -> Float64:
    """`(B, d)`: coefficients of weighted logistic regressions by Newton's method; NaN where they do not converge.

    Columns are made orthogonal first, and a step that makes the loss larger is halved.
    """
    n, d = design.shape
    Q, R = np.linalg.qr(design)
    Q, R = Q * np.sqrt(n), R / np.sqrt(n)
    products = (Q[:, :, None] * Q[:, None, :]).reshape(n, d * d)
    found, step = np.zeros((len(w), d)), np.full((len(w), d), np.inf)
    loss = _losses(found @ Q.T + offset, event, w)
    for _ in range(STEPS):
        going = np.abs(step).max(axis=1) > CONVERGED
        if not going.any():
            break
        some, own = found[going], w[going]
        p = expit(offset + some @ Q.T)
        gradient = (own * (event - p)) @ Q
        bend = ((own * p * (1 - p)) @ products).reshape(-1, d, d)
        bend += (RIDGE * np.trace(bend, axis1=1, axis2=2) + np.finfo(float).tiny)[:, None, None] * np.eye(d)
        moved = np.linalg.solve(bend, gradient[:, :, None])[:, :, 0]
        for _ in range(HALVINGS):
            new = _losses((some + moved) @ Q.T + offset, event, own)
            worse = new > loss[going] * (1 + 1e-12)
            if not worse.any():
                break
            moved[worse] /= 2
        found[going], step[going], loss[going] = some + moved, moved, new
    found = np.linalg.solve(R, found.T).T
    return np.where(np.abs(step).max(axis=1, keepdims=True) > CONVERGED, np.nan, found)


def _losses(odds: Float64, event: Bool, w: Float64) -> Float64:
    """`(B,)`: the weighted loss of log odds `(B, n)`."""
    return np.asarray((w * np.logaddexp(0, np.where(event, -odds, odds))).sum(axis=1))

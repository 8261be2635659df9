"""Whether `interval: refit` covers the AUC of a procedure: part of `python -m tests.studies.simulate`.

The data are those of its cross-validated predictions. Every draw of patients is cut into folds anew, with all copies
of a patient in one fold, and its logistic regressions are fitted together.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, ndtr

from results.statistics.evaluate import evaluate
from results.statistics.metrics.auc import METRIC as AUC
from tests.studies.simulate import (
    FEATURES,
    FOLDS,
    _features,
    _labels,
    _probabilities,
    _rows,
    _streams,
    both_intervals,
)
from tests.studies.simulated import Line

DRAWS = 50
NEWTON_STEPS = 6
Ends = tuple[float, float]
C = 0.1


def refits(simulations: dict[str, int]) -> list[Line]:
    """Coverage of the AUC of the procedure by the intervals of one fit and by those over refits, on the same data."""
    lines = []
    for patients in (33, 75):
        value, models, draws, ends = [], [], [], []
        for random in _streams(6, patients, simulations["refits"]):
            one = _simulate(random, patients)
            for kept, found in zip((value, models, draws, ends), one, strict=True):
                kept.append(found)
        aimed, centre, drawn = np.mean(models), np.array(value), np.array(draws)
        sd = drawn.std(axis=1, ddof=1)
        low, high = np.quantile(drawn, [0.025, 0.975], axis=1)
        intervals = {
            "in use": tuple(np.array([own for own, _ in ends]).T),
            "percentiles of these fits": tuple(np.array([own for _, own in ends]).T),
            "refit, 1.96 SD": (centre - 1.96 * sd, centre + 1.96 * sd),
            "percentiles of refits": (low, high),
        }
        for how, (lower, upper) in intervals.items():
            covered = (lower <= aimed) & (aimed <= upper)
            lines.append(Line.of(f"Coverage, AUC of the procedure, {how}", patients, covered))
            lines.append(Line.of(f"Width of that interval, {how}", patients, upper - lower))
        lines.append(Line.of("AUC over refits less AUC", patients, drawn.mean(axis=1) - centre))
        lines.append(Line.of("SD over refits by true SD of the AUC", patients, sd / centre.std(ddof=1), "about 1"))
    return lines


def _simulate(random: np.random.Generator, patients: int) -> tuple[float, float, np.ndarray, tuple[Ends, Ends]]:
    """The AUC over 5 folds, the mean AUC of its models on new patients, the AUCs of the draws, both intervals."""
    patient, y = _labels(random, patients)
    while min(np.bincount(y, minlength=2)) < 2 * FOLDS:
        patient, y = _labels(random, patients)
    X, apart = _features(random, patient, y)
    times = np.ones((DRAWS + 1, patients), dtype=np.int64)
    times[1:] = random.multinomial(patients, np.full(patients, 1 / patients), size=DRAWS)
    fold = np.array([_folds(random, drawn) for drawn in times])
    score, weights = _cross_validated(X, y, times[:, patient], fold[:, patient])
    values = [
        evaluate(AUC, y[rows], _probabilities(s[rows]), repeat=np.zeros_like(rows), fold=f[patient[rows]]).value
        for s, f, rows in zip(score, fold, (np.repeat(np.arange(len(y)), t[patient]) for t in times), strict=True)
    ]
    rows = _rows(patient, y, fold[0][patient])
    usual = both_intervals(random, rows, _probabilities(score[0]))
    of_models = ndtr(weights[0] @ apart / np.linalg.norm(weights[0], axis=1) / np.sqrt(2))
    return values[0], float(np.mean(of_models)), np.array(values[1:]), usual


def _folds(random: np.random.Generator, times: np.ndarray) -> np.ndarray:
    """The fold of each patient, `(P,)`: drawn patients are dealt out evenly, however often they were drawn."""
    fold, drawn = np.zeros(len(times), dtype=np.int64), np.flatnonzero(times)
    fold[drawn] = random.permutation(len(drawn)) % FOLDS
    return fold


def _cross_validated(X: np.ndarray, y: np.ndarray, times: np.ndarray, fold: np.ndarray) -> tuple[np.ndarray, ...]:
    """The out-of-fold scores `(B, n)` of B draws with `times` `(B, n)`, and the weights `(B, 5, features)`."""
    train = times[:, None, :] * (fold[:, None, :] != np.arange(FOLDS)[:, None])
    weights = logistic(X, y, train.reshape(-1, len(y))).reshape(len(times), FOLDS, -1)
    own = np.take_along_axis(weights, fold[:, :, None], axis=1)
    return np.einsum("bnf,nf->bn", own[:, :, :FEATURES], X) + own[:, :, FEATURES], weights[:, :, :FEATURES]


def logistic(X: np.ndarray, y: np.ndarray, times: np.ndarray) -> np.ndarray:
    """scikit-learn's `LogisticRegression(C)` for each of B weightings `(B, n)` of the rows: `(B, features + 1)`."""
    Z = np.column_stack([X, np.ones(len(X))])
    ridge = np.diag([1 / C] * X.shape[1] + [0.0])
    found = np.zeros((len(times), Z.shape[1]))
    for _ in range(NEWTON_STEPS):
        p = expit(found @ Z.T)
        slope = (times * (p - y)) @ Z + found @ ridge
        bend = (Z.T[None] * (times * p * (1 - p))[:, None, :]) @ Z + ridge
        found -= np.linalg.solve(bend, slope[:, :, None])[:, :, 0]
    return found

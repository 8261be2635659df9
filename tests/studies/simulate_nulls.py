"""Whether null runs hold the size of the test: `python -m tests.studies.simulate_nulls` prints a table.

Labels and features are alike inside a patient, and features show the level of the disc. Logistic regressions on 5 folds
by patient are scored fold by fold, as a cell is. `docs/pages/simulations.md` keeps the table and explains it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from scipy.special import expit, ndtri  # noqa: E402
from tabulate import tabulate  # noqa: E402

from bench.plan.exchange import exchanged  # noqa: E402

Labels = NDArray[np.int64]
Names = NDArray[np.str_]

RUNS = 20
FOLDS = 5
FEATURES = 12
EVENTS = 0.35
STEEP = 0.8
"""The SD of the levels' effect on the labels' latent variable, whose own SD is 1."""
SIGNAL = 0.5
SIMULATIONS = 1000
PENALTY = 1.0


@dataclass(frozen=True)
class Setting:
    """What is drawn.

    Args:
        patients: How many.
        correlation: Of labels inside a patient, on the latent scale; features have .5 always.
        level: Whether labels depend on the level of the disc.
        places: `"all"`: 7 levels each; `"some"`: each is there in 70 %; `"none"`: 1 to 14 samples without a level.
        signal: The shift of two features, in SD, from the label.
    """

    patients: int
    correlation: float
    level: bool
    places: str = "all"
    signal: float = 0.0


SETTINGS = [
    Setting(patients, correlation, level, places, signal)
    for patients in (33, 75)
    for correlation, level, places, signal in (
        (0.0, False, "all", 0.0),
        (0.5, False, "all", 0.0),
        (0.5, True, "all", 0.0),
        (0.5, True, "some", 0.0),
        (0.5, False, "none", 0.0),
        (0.5, True, "all", SIGNAL),
        (0.5, False, "none", SIGNAL),
    )
]


def main(simulations: int = SIMULATIONS) -> None:
    """Simulates everything and prints the table."""
    rows = []
    for setting in SETTINGS:
        print(f"simulating: {setting} ...", file=sys.stderr, flush=True)
        found = np.array([_simulate(setting, random) for random in _streams(setting, simulations)])
        rejected, null = (found[:, :, 0] <= 0.05).mean(axis=0), found[:, 0, 1:].mean(axis=0)
        about = (setting.patients, setting.correlation, "yes" if setting.level else "no", setting.places)
        what = "power" if setting.signal else "size"
        rows.append((*about, what, *(f"{value:.3f}" for value in (*rejected, *null))))
    header = ("Patients", "ICC", "Level effect", "Places", "Share of p <= .05 is", *SCHEMES, "Null AUC", "within level")
    print(tabulate(rows, header, tablefmt="pipe", disable_numparse=True))


def patients_exchange(y: Labels, patient: Names, place: Names, seed: int) -> Labels:
    """What a null run does."""
    return exchanged(y, patient, place, seed=seed)


def samples_permuted(y: Labels, patient: Names, place: Names, seed: int) -> Labels:
    """Labels permuted over all samples."""
    return np.random.default_rng(seed).permutation(y)


def samples_within_level(y: Labels, patient: Names, place: Names, seed: int) -> Labels:
    """Labels permuted over the samples of each level."""
    random, found = np.random.default_rng(seed), y.copy()
    for one in np.unique(place):
        found[place == one] = random.permutation(y[place == one])
    return found


Scheme = Callable[[Labels, Names, Names, int], Labels]
SCHEMES: dict[str, Scheme] = {
    "Patients exchange": patients_exchange,
    "Samples permuted": samples_permuted,
    "Samples within level": samples_within_level,
}


def _streams(setting: Setting, simulations: int) -> Iterator[np.random.Generator]:
    for stream in np.random.SeedSequence([11, SETTINGS.index(setting)]).spawn(simulations):
        yield np.random.default_rng(stream)


def _simulate(setting: Setting, random: np.random.Generator) -> NDArray[np.float64]:
    """For each scheme its p-value, the mean AUC of its null runs, and that within level."""
    patient, level, y, X = draw(setting, random)
    names = np.char.add("p", patient.astype(str))
    places = np.where(setting.places == "none", "", level.astype(str))
    rows = []
    observed = None
    for scheme in SCHEMES.values():
        labels = np.array([y, *(scheme(y, names, places, int(random.integers(2**31))) for _ in range(RUNS))])
        fold = np.array([_folds(patient, random) for _ in labels])
        if observed is not None:
            labels, fold = labels[1:], fold[1:]
        score = predicted(X, labels, fold)
        auc = np.array([_auc(*one) for one in zip(labels, score, fold, strict=True)])
        within = np.array([_auc(*one, level) for one in zip(labels[-RUNS:], score[-RUNS:], fold[-RUNS:], strict=True)])
        observed = auc[0] if observed is None else observed
        nulls = auc[-RUNS:]
        rows.append(((1 + (nulls >= observed).sum()) / (RUNS + 1), nulls.mean(), within.mean()))
    return np.array(rows)


def draw(setting: Setting, random: np.random.Generator) -> tuple[NDArray[np.int64], ...]:
    """Patient, level, label `(n,)`, and features `(n, FEATURES)`."""
    while True:
        counts = random.integers(1, 15, setting.patients) if setting.places == "none" else np.full(setting.patients, 7)
        patient = np.repeat(np.arange(setting.patients), counts)
        level = np.concatenate([np.arange(n) for n in counts])
        if setting.places == "none":
            level = np.zeros_like(level)
        n = len(patient)
        of_patient = random.standard_normal(setting.patients)[patient]
        alone = random.standard_normal(n)
        latent = np.sqrt(setting.correlation) * of_patient + np.sqrt(1 - setting.correlation) * alone
        effect = (level - 3) / 2 * STEEP * setting.level
        spread = np.sqrt(1 + np.var(effect))
        y = (latent + effect > -ndtri(EVENTS) * spread + 0.0).astype(np.int64)
        shared = random.standard_normal((setting.patients, FEATURES))[patient]
        X = (shared + random.standard_normal((n, FEATURES))) / np.sqrt(2)
        X[:, 0] += level - level.mean()
        X[:, 1:3] += setting.signal * y[:, None]
        kept = random.random(n) < 0.7 if setting.places == "some" else np.ones(n, dtype=bool)
        patient, level, y, X = patient[kept], level[kept], y[kept], X[kept]
        if min(len(np.unique(patient[y == k])) for k in (0, 1)) >= 2 * FOLDS:
            return patient, level, y, (X - X.mean(axis=0)) / X.std(axis=0)


def _folds(patient: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
    return (random.permutation(patient.max() + 1) % FOLDS)[patient]


def predicted(X: NDArray[np.float64], labels: NDArray[np.int64], fold: NDArray[np.int64]) -> NDArray[np.float64]:
    """`(R, n)`: scores of rows by the logistic regression of the other folds, for R labellings with their folds.

    All fits take Newton's steps together, which is many times faster than one by one.
    """
    Z = np.column_stack([np.ones(len(X)), X])
    k = Z.shape[1]
    products = (Z[:, :, None] * Z[:, None, :]).reshape(len(Z), -1)
    ridge = np.diag([1e-9, *[PENALTY] * (k - 1)])
    train = np.concatenate([fold != f for f in range(FOLDS)]).astype(float)
    y = np.tile(labels, (FOLDS, 1))
    beta = np.zeros((len(y), k))
    for _ in range(12):
        p = expit(beta @ Z.T)
        slope = (train * (y - p)) @ Z - beta @ ridge
        bend = ((train * p * (1 - p)) @ products).reshape(-1, k, k) + ridge
        step = np.linalg.solve(bend, slope[:, :, None])[:, :, 0]
        beta += step
        if np.abs(step).max() < 1e-4:
            break
    scores = (beta @ Z.T).reshape(FOLDS, *labels.shape)
    return np.take_along_axis(scores, fold[None], axis=0)[0]


def _auc(
    y: NDArray[np.int64], score: NDArray[np.float64], fold: NDArray[np.int64], level: NDArray[np.int64] | None = None
) -> float:
    """AUC over the pairs of one fold, and of one level."""
    group = fold if level is None else fold * 100 + level
    positive = y == 1
    pairs = group[positive][:, None] == group[~positive][None, :]
    difference = score[positive][:, None] - score[~positive][None, :]
    return float((pairs * ((difference > 0) + 0.5 * (difference == 0))).sum() / pairs.sum())


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

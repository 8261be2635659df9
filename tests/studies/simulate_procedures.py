"""Whether tests and intervals hold for procedures, which are fitted anew on new patients: a part of `simulate`.

Two procedures get features of the same distribution and are equally good, though the models that they give on one
data set are not. Labels and features are alike inside a patient, as in `tests.studies.simulate`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context

import numpy as np
from scipy import stats
from scipy.special import expit, ndtri

from results.statistics.bootstrap import PatientBootstrap, PredictedRows, percentiles
from results.statistics.delong import auc_test
from results.statistics.evaluate import evaluate, fold_values
from results.statistics.metrics import METRICS
from results.statistics.resampled_t import corrected_resampled_t
from results.statistics.uncertainty import difference, interval, standard_error
from tests.studies.simulate import DISCS, FOLDS, _alike
from tests.studies.simulated import Line

SHARES = {2: (0.65, 0.35), 5: (0.35, 0.25, 0.2, 0.12, 0.08)}
INFORMATIVE = 5
FEATURES = {"linear": 20, "neighbours": 10}
NEIGHBOURS = 15
REPEATS = 5
APART = 0.65
BETTER = 0.25
RESAMPLES = 500
DRAWS = 50
SCORED = ("auc", "accuracy", "f1", "log_loss")
ENOUGH = {2: 20, 5: 8}

CHOSEN = "in use"
OTHERS = ("AUC: clustered DeLong", "AUC: bootstrap of these fits", "AUC: corrected resampled t")
WORKERS = 2


@dataclass(frozen=True)
class Setting:
    """Patients, classes, the learner of both procedures, repeats; `gain`: how much further apart the second's classes
    lie."""

    patients: int
    classes: int
    learner: str
    repeats: int = REPEATS
    gain: float = 0.0

    @property
    def name(self) -> str:
        """For the table."""
        return f"{self.classes} classes, {self.learner}" + (", 1 repeat" if self.repeats == 1 else "")


SETTINGS = [
    Setting(patients, classes, learner)
    for patients in (33, 75, 200)
    for classes in (2, 5)
    for learner in ("linear", "neighbours")
]


def procedures(simulations: dict[str, int]) -> list[Line]:
    """Type I error, power and coverage of every candidate, and those of the ones that need more fits."""
    n = simulations["procedures"]
    lines: list[Line] = []
    for setting in [*SETTINGS, Setting(75, 2, "linear", repeats=1)]:
        null = list(_simulated(partial(_two, setting), 21, setting, n))
        lines += _rejected(f"Type I error: {setting.name}", setting, null)
        lines += _coverage(setting, null)
    for patients in (33, 75, 200):
        setting = Setting(patients, 2, "linear", gain=BETTER)
        found = list(_simulated(partial(_two, setting), 22, setting, n // 2))
        lines += _rejected(f"Power: {_truth(setting, found)}", setting, found)
    for setting in (Setting(33, 2, "linear"), Setting(75, 2, "linear"), Setting(75, 2, "neighbours")):
        costly = list(_simulated(partial(_costly, setting), 23, setting, simulations["refits"]))
        lines += _rejected(f"With more fits: type I error, {setting.name}", setting, costly)
        setting = replace(setting, gain=BETTER)
        costly = list(_simulated(partial(_costly, setting), 24, setting, simulations["refits"]))
        lines += _rejected(f"With more fits: power, {_truth(setting, costly)}", setting, costly)
    return lines


def _truth(setting: Setting, found: list[dict[str, float]]) -> str:
    gain = np.mean([one["difference"] for one in found])
    return f"{setting.name}, AUC better by {gain:.2f}"


def _rejected(what: str, setting: Setting, found: list[dict[str, float]]) -> Iterator[Line]:
    """How often each candidate has p of at most .05."""
    for how in found[0]:
        if how.startswith("p, "):
            rejected = np.array([one[how] <= 0.05 for one in found])
            yield Line.of(what, setting.patients, rejected, column=how[3:])


def _coverage(setting: Setting, found: list[dict[str, float]]) -> Iterator[Line]:
    """How often the interval of one procedure holds its mean score over all simulations."""
    for name in SCORED:
        value = np.array([one[f"{name} value"] for one in found])
        for how in (CHOSEN, "these fits"):
            low, high = (np.array([one[f"{name} {end} {how}"] for one in found]) for end in ("low", "high"))
            covered = (low <= value.mean()) & (value.mean() <= high)
            column = f"{METRICS[name].title()}, {how}"
            yield Line.of(f"Coverage: {setting.name}", setting.patients, covered, column=column)


def _two(setting: Setting, random: np.random.Generator) -> dict[str, float]:
    """One simulation of two procedures: p-values of the candidates, and the intervals of the first."""
    patient, y, X = drawn(random, setting, cells=2)
    rows, P = cross_validated(random, setting, patient, y, X)
    bootstrap = PatientBootstrap(setting.patients, resamples=RESAMPLES, seed=int(random.integers(2**31)))
    out: dict[str, float] = {}
    for name in SCORED:
        metric = METRICS[name]
        values = [evaluate(metric, rows.y, p, repeat=rows.repeat, fold=rows.fold).value for p in P]
        draws = [bootstrap.by_repeat(metric, rows, p) for p in P]
        gain, gains = values[1] - values[0], draws[1] - draws[0]
        out[f"p, {metric.title()}: {CHOSEN}"] = difference(metric, rows, gain, gains).p_value
        ends = {
            CHOSEN: interval(metric, rows, values[0], standard_error(metric, rows, draws[0])),
            "these fits": percentiles(draws[0].mean(axis=0)),
        }
        for how, (low, high) in ends.items():
            out |= {f"{name} low {how}": low, f"{name} high {how}": high}
        out[f"{name} value"] = values[0]
        if name == "auc":
            out["difference"] = gain
            out |= {f"p, {how}": p for how, p in _of_these_fits(setting, rows, P, gain, gains).items()}
    return out


def _of_these_fits(
    setting: Setting, rows: PredictedRows, P: list[np.ndarray], gain: float, gains: np.ndarray
) -> dict[str, float]:
    """P-values of the AUC that hold the fits fixed, and that of the corrected resampled t."""
    found: dict[str, float] = {}
    if setting.classes == 2:
        block = rows.repeat * FOLDS + rows.fold
        test = auc_test(rows.y, P[1][:, 1], P[0][:, 1], rows.patient, block=block, repeat=rows.repeat)
        found[OTHERS[0]] = test.p_value
    found[OTHERS[1]] = float(2 * stats.norm.sf(abs(gain) / np.nanstd(gains.mean(axis=0), ddof=1)))
    of_folds = [fold_values(METRICS["auc"], rows.y, p, repeat=rows.repeat, fold=rows.fold) for p in P]
    over_folds = of_folds[1] - of_folds[0]
    found[OTHERS[2]] = corrected_resampled_t(over_folds[np.isfinite(over_folds)], 1 / (FOLDS - 1)).p_value
    return found


def _costly(setting: Setting, random: np.random.Generator) -> dict[str, float]:
    """Candidates that need fits of their own: refits on drawn patients, and 5 x 2 cross-validation."""
    patient, y, X = drawn(random, setting, cells=2)
    rows, P = cross_validated(random, setting, patient, y, X)
    gain = _gain(rows, P)
    once = replace(setting, repeats=1)
    gains = []
    for _ in range(DRAWS):
        times = _times(random, patient, y, setting)
        at = np.repeat(np.arange(len(y)), times[patient])
        gains.append(_gain(*cross_validated(random, once, patient[at], y[at], [x[at] for x in X])))
    t = abs(gain) / np.std(gains, ddof=1)
    halves = np.array([_halves(random, setting, patient, y, X) for _ in range(5)])
    variances = ((halves - halves.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    F = (halves**2).sum() / (2 * variances.sum())
    bootstrap = PatientBootstrap(setting.patients, resamples=RESAMPLES, seed=int(random.integers(2**31)))
    auc = METRICS["auc"]
    in_use = difference(auc, rows, gain, bootstrap.difference(auc, rows, P[1], P[0]))
    return {
        f"p, AUC: {CHOSEN}": in_use.p_value,
        f"p, AUC: SD over {DRAWS} refits on drawn patients": float(2 * stats.norm.sf(t)),
        "p, AUC: 5 x 2 cross-validation, F": float(stats.f.sf(F, 10, 5)),
        "difference": gain,
    }


def _times(random: np.random.Generator, patient: np.ndarray, y: np.ndarray, setting: Setting) -> np.ndarray:
    while True:
        times = np.bincount(random.integers(0, setting.patients, setting.patients), minlength=setting.patients)
        if len(np.unique(y[times[patient] > 0])) == setting.classes:
            return times


def _halves(
    random: np.random.Generator, setting: Setting, patient: np.ndarray, y: np.ndarray, X: list[np.ndarray]
) -> list[float]:
    """The gain on each half of the patients, of models that were fitted on the other half."""
    half = random.permutation(setting.patients)[patient] % 2
    gains = []
    for tested in (0, 1):
        test = half == tested
        P = [fitted(setting, x[~test], y[~test], x[test]) for x in X]
        zeros = np.zeros(int(test.sum()), dtype=np.int64)
        gains.append(_gain(PredictedRows(patient[test], zeros, zeros, y[test], setting.classes), P))
    return gains


def _gain(rows: PredictedRows, P: list[np.ndarray]) -> float:
    first, second = (evaluate(METRICS["auc"], rows.y, p, repeat=rows.repeat, fold=rows.fold).value for p in P)
    return second - first


def drawn(
    random: np.random.Generator, setting: Setting, *, cells: int
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """The patient and class of each disc, and its features for each procedure; all but the first may be better."""
    patient = np.repeat(np.arange(setting.patients), DISCS)
    cuts = ndtri(np.cumsum(SHARES[setting.classes])[:-1])
    while True:
        y = np.searchsorted(cuts, _alike(random, patient))
        carriers = [len(np.unique(patient[y == k])) for k in range(setting.classes)]
        if min(carriers) >= min(ENOUGH[setting.classes], setting.patients // 2):
            break
    grade, apart = y / (setting.classes - 1), np.zeros(FEATURES[setting.learner])
    apart[:INFORMATIVE] = APART
    gains = [0.0] + [setting.gain] * (cells - 1)
    return patient, y, [grade[:, None] * apart * (1 + g) + _alike(random, patient, apart.shape) for g in gains]


def cross_validated(
    random: np.random.Generator, setting: Setting, patient: np.ndarray, y: np.ndarray, X: list[np.ndarray]
) -> tuple[PredictedRows, list[np.ndarray]]:
    """The rows of all repeats, and the probabilities of each procedure; all copies of a patient are in one fold."""
    fold_of, P = [], [[] for _ in X]
    for _ in range(setting.repeats):
        fold = np.empty(setting.patients, dtype=np.int64)
        there = np.unique(patient)
        fold[random.permutation(there)] = np.arange(len(there)) % FOLDS
        fold_of.append(fold[patient])
        for found, x in zip(P, X, strict=True):
            p = np.empty((len(y), setting.classes))
            for f in range(FOLDS):
                test = fold_of[-1] == f
                p[test] = fitted(setting, x[~test], y[~test], x[test])
            found.append(p)
    repeat = np.repeat(np.arange(setting.repeats), len(y))
    tiled = (np.tile(one, setting.repeats) for one in (patient, y))
    where, truth = tiled
    rows = PredictedRows(where, repeat, np.concatenate(fold_of), truth, setting.classes)
    return rows, [np.concatenate(found) for found in P]


def fitted(setting: Setting, train: np.ndarray, y: np.ndarray, test: np.ndarray) -> np.ndarray:
    """`(n, K)`: probabilities of a ridge regression on the classes, or of the nearest neighbours."""
    hot = np.eye(setting.classes)[y]
    if setting.learner == "neighbours":
        distance = (test**2).sum(axis=1)[:, None] + (train**2).sum(axis=1) - 2 * test @ train.T
        nearest = np.argpartition(distance, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
        return (hot[nearest].sum(axis=1) + hot.mean(axis=0)) / (NEIGHBOURS + 1)
    centre, share = train.mean(axis=0), hot.mean(axis=0)
    Z = train - centre
    weights = np.linalg.solve(Z.T @ Z + 30 * np.eye(Z.shape[1]), Z.T @ (hot - share))
    odds = np.log(share + 1e-6) + 4 * (test - centre) @ weights
    p = expit(odds)
    return p / p.sum(axis=1, keepdims=True)


def _simulated(
    one: Callable[[np.random.Generator], dict[str, float]], experiment: int, setting: Setting, simulations: int
) -> Iterator[dict[str, float]]:
    """The results of all simulations, from a process for each core."""
    key = [experiment, setting.patients, setting.classes, setting.repeats, sorted(FEATURES).index(setting.learner)]
    seeds = np.random.SeedSequence(key).spawn(simulations)
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("fork")) as pool:
        yield from pool.map(partial(_seeded, one), seeds, chunksize=10)


def _seeded(one: Callable[[np.random.Generator], dict[str, float]], seed: np.random.SeedSequence) -> dict[str, float]:
    return one(np.random.default_rng(seed))

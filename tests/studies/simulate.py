"""Whether intervals and tests hold where the truth is known: `python -m tests.studies.simulate` prints a table.

Patients have 7 discs. Labels and scores are alike inside a patient: both latent variables have the intra-patient
correlation `CORRELATION`. `docs/pages/simulations.md` keeps the table and explains how to read it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402
from scipy.special import ndtr, ndtri  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402

from results.statistics.bootstrap import PatientBootstrap, PredictedRows, percentiles  # noqa: E402
from results.statistics.delong import auc_test  # noqa: E402
from results.statistics.evaluate import evaluate  # noqa: E402
from results.statistics.mcnemar import clustered_mcnemar  # noqa: E402
from results.statistics.metrics.auc import METRIC as AUC  # noqa: E402
from results.statistics.selection import selection_corrected  # noqa: E402
from results.statistics.step_down import step_down_max_t  # noqa: E402
from results.statistics.uncertainty import interval, standard_error  # noqa: E402
from tests.studies.simulated import Line, crossed, table  # noqa: E402

DISCS = 7
CORRELATION = 0.5
EVENTS = 0.35
TRUE_AUC = 0.75
FOLDS = 5
FEATURES = 20
CELLS = 24
COMPARISONS = 10
BETTER_AUC = 0.85
MANY = 10**9
RESAMPLES = 1000

SIMULATIONS = {
    "fixed": 2000,
    "cross-validated": 1000,
    "tests": 10_000,
    "family": 2000,
    "selection": 300,
    "refits": 300,
    "procedures": 1000,
    "families": 400,
}


def main() -> None:
    """Simulates everything and prints the table."""
    from tests.studies.simulate_families import families
    from tests.studies.simulate_procedures import procedures
    from tests.studies.simulate_refits import refits

    lines: list[Line] = []
    of_fixed = (fixed_predictions, tests_of_two, family, selection)
    for simulate in (procedures, families, cross_validated, refits, *of_fixed):
        print(f"simulating: {simulate.__name__.replace('_', ' ')} ...", file=sys.stderr, flush=True)
        lines += simulate(SIMULATIONS)
    crossings = dict.fromkeys(tuple(line.what.partition(":")[0] for line in lines if line.column))
    for title in crossings:
        print(crossed(title, [line for line in lines if line.column and line.what.startswith(f"{title}:")]), end="\n\n")
    print(table([line for line in lines if not line.column]))


def fixed_predictions(simulations: dict[str, int]) -> list[Line]:
    """Coverage of 95 % intervals of a fixed model's AUC, from resampled patients and from resampled samples."""
    lines = []
    for patients, wanted in ((50, ""), (100, ""), (200, ".93 to .97")):
        by_patient, by_sample = [], []
        for random in _streams(1, patients, simulations["fixed"]):
            patient, y = _labels(random, patients)
            P = _probabilities(_score(random, patient, y))
            seed = int(random.integers(2**31))
            by_patient.append(_covers(TRUE_AUC, patient, y, P, seed))
            if len(by_sample) < simulations["fixed"] // 4:
                by_sample.append(_covers(TRUE_AUC, np.arange(len(y)), y, P, seed))
        what = "Coverage, fixed predictions, bootstrap over"
        lines.append(Line.of(f"{what} patients", patients, np.array(by_patient), wanted))
        lines.append(Line.of(f"{what} samples", patients, np.array(by_sample), "fails"))
    return lines


def cross_validated(simulations: dict[str, int]) -> list[Line]:
    """Coverage of two targets by the same interval, for 5-fold predictions of logistic regressions.

    The target "these models" is the mean AUC of the five models on new patients. "The procedure" is the mean of that
    over all simulated training sets.
    """
    lines = []
    for patients in (33, 75):
        ends: dict[str, list[tuple[float, float]]] = {"in use": [], "percentiles of these fits": []}
        truth = []
        for random in _streams(2, patients, simulations["cross-validated"]):
            *found, of_models = _cross_validate(random, patients)
            for how, own in zip(ends, found, strict=True):
                ends[how].append(own)
            truth.append(of_models)
        for how, own in ends.items():
            low, high = np.array(own).T
            for target, aimed in (("these models", np.array(truth)), ("the procedure", np.mean(truth))):
                covered = (low <= aimed) & (aimed <= high)
                lines.append(Line.of(f"Coverage, logistic, 1 repeat, AUC of {target}, {how}", patients, covered))
    return lines


def tests_of_two(simulations: dict[str, int]) -> list[Line]:
    """Type I error at .05 of two equally good scores."""
    lines = []
    for patients, wanted in ((33, ""), (75, "at most .06")):
        found: dict[str, list[float]] = {}
        for random in _streams(3, patients, simulations["tests"]):
            patient, y = _labels(random, patients)
            a, b = (_score(random, patient, y) for _ in range(2))
            sample, fold = np.arange(len(y)), patient % FOLDS
            right = [(score > ndtri(TRUE_AUC) / np.sqrt(2)) == y for score in (a, b)]
            p_values = {
                "plain DeLong": auc_test(y, a, b, sample).p_value,
                "clustered DeLong": auc_test(y, a, b, patient).p_value,
                "clustered DeLong within 5 folds": auc_test(y, a, b, patient, block=fold).p_value,
                "plain McNemar": clustered_mcnemar(*right, sample).p_value,
                "clustered McNemar": clustered_mcnemar(*right, patient).p_value,
            }
            for what, p_value in p_values.items():
                found.setdefault(what, []).append(p_value <= 0.05)
        for what, rejected in found.items():
            aim = "fails" if "plain" in what else wanted
            lines.append(Line.of(f"Type I error, fixed predictions, {what}", patients, np.array(rejected), aim))
    return lines


def family(simulations: dict[str, int]) -> list[Line]:
    """How often, at .05, any cell is found to differ from the reference though it is as good.

    "By normal tails" is step-down as if there were many patients: without the correction for few.
    """
    lines = []
    for patients, better, wanted in ((33, 0, ""), (75, 0, "at most .06"), (75, COMPARISONS // 2, "at most .06")):
        found: dict[str, list[float]] = {}
        for random in _streams(4, 1000 * better + patients, simulations["family"]):
            patient, y = _labels(random, patients)
            rows = _rows(patient, y)
            bootstrap = PatientBootstrap(patients, resamples=RESAMPLES, seed=int(random.integers(2**31)))
            aucs = [TRUE_AUC] * (COMPARISONS + 1 - better) + [BETTER_AUC] * better
            cells = [_probabilities(_score(random, patient, y, true_auc)) for true_auc in aucs]
            value = np.array([AUC(y, P) for P in cells])
            draws = np.stack([bootstrap.draws(AUC, rows, P) for P in cells], axis=1)
            differences, drawn, equal = value[1:] - value[0], draws[:, 1:] - draws[:, :1], COMPARISONS - better
            spread = drawn.std(axis=0, ddof=1)
            errors = spread * np.sqrt(patients / (patients - 1))
            alone = [step_down_max_t(differences[[m]], errors[[m]], drawn[:, [m]], patients)[0] for m in range(equal)]
            p_values = {
                "not adjusted": min(alone),
                "step-down by normal tails": step_down_max_t(differences, spread, drawn, MANY)[:equal].min(),
                "step-down": step_down_max_t(differences, errors, drawn, patients)[:equal].min(),
            }
            for how, p_value in p_values.items():
                found.setdefault(how, []).append(p_value <= 0.05)
        what = f"Family error, fixed predictions, {COMPARISONS} comparisons of which {better} differ,"
        for how, rejected in found.items():
            aim = {"not adjusted": "fails", "step-down": wanted}.get(how, "")
            lines.append(Line.of(f"{what} {how}", patients, np.array(rejected), aim))
    return lines


def selection(simulations: dict[str, int], patients: int = 75) -> list[Line]:
    """The AUC of the best of 24 uninformative cells, and its corrected score."""
    best, corrected, covered = [], [], []
    for random in _streams(5, patients, simulations["selection"]):
        patient, y = _labels(random, patients)
        rows = _rows(patient, y)
        bootstrap = PatientBootstrap(patients, resamples=RESAMPLES, seed=int(random.integers(2**31)))
        cells = [_probabilities(_score(random, patient, y, true_auc=0.5)) for _ in range(CELLS)]
        best.append(max(AUC(y, P) for P in cells))
        found = selection_corrected(bootstrap, AUC, rows, cells)
        corrected.append(found.value)
        covered.append(found.low <= 0.5 <= found.high)
    return [
        Line.of(f"AUC on null labels, best of {CELLS} cells", patients, np.array(best), "above .5"),
        Line.of(f"AUC on null labels, best of {CELLS}, corrected", patients, np.array(corrected), "about .5"),
        Line.of("Coverage of .5 by the corrected interval", patients, np.array(covered)),
    ]


def _streams(experiment: int, patients: int, simulations: int) -> Iterator[np.random.Generator]:
    for seed in np.random.SeedSequence([experiment, patients]).spawn(simulations):
        yield np.random.default_rng(seed)


def _alike(random: np.random.Generator, patient: np.ndarray, size: tuple[int, ...] = ()) -> np.ndarray:
    """`(n, *size)` standard normals with the intra-patient correlation."""
    of_patient = random.normal(size=(patient.max() + 1, *size))[patient]
    return np.sqrt(CORRELATION) * of_patient + np.sqrt(1 - CORRELATION) * random.normal(size=(len(patient), *size))


def _labels(random: np.random.Generator, patients: int) -> tuple[np.ndarray, np.ndarray]:
    patient = np.repeat(np.arange(patients), DISCS)
    return patient, (_alike(random, patient) < ndtri(EVENTS)).astype(np.int64)


def _score(random: np.random.Generator, patient: np.ndarray, y: np.ndarray, true_auc: float = TRUE_AUC) -> np.ndarray:
    """A score with this AUC over pairs of different patients."""
    return np.sqrt(2) * ndtri(true_auc) * y + _alike(random, patient)


def _features(random: np.random.Generator, patient: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`(n, FEATURES)` normals, and how far the classes lie apart in each."""
    apart = np.zeros(FEATURES)
    apart[:5] = 0.6
    return y[:, None] * apart + _alike(random, patient, (FEATURES,)), apart


def _probabilities(score: np.ndarray) -> np.ndarray:
    return np.stack([ndtr(-score), ndtr(score)], axis=1)


def _rows(patient: np.ndarray, y: np.ndarray, fold: np.ndarray | None = None) -> PredictedRows:
    zeros = np.zeros(len(y), np.int64)
    return PredictedRows(patient, zeros, zeros if fold is None else fold, y, 2)


def _covers(truth: float, patient: np.ndarray, y: np.ndarray, P: np.ndarray, seed: int) -> bool:
    rows = replace(_rows(patient, y), ratio=0.0)
    bootstrap = PatientBootstrap(patient.max() + 1, resamples=RESAMPLES, seed=seed)
    low, high = interval(AUC, rows, AUC(y, P), standard_error(AUC, rows, bootstrap.by_repeat(AUC, rows, P)))
    return low <= truth <= high


def _cross_validate(
    random: np.random.Generator, patients: int
) -> tuple[tuple[float, float], tuple[float, float], float]:
    """Both intervals of the AUC over 5 folds, and the mean AUC of the five models on new patients.

    Features are normal with covariance 1 in both classes, whose means lie d apart. A linear score w x then has the AUC
    Phi(w d / |w| / sqrt(2)) over pairs of different patients.
    """
    patient, y = _labels(random, patients)
    while min(np.bincount(y, minlength=2)) < 2 * FOLDS:
        patient, y = _labels(random, patients)
    X, apart = _features(random, patient, y)
    fold, P, of_models = random.permutation(patients)[patient] % FOLDS, np.empty((len(y), 2)), []
    for f in range(FOLDS):
        test = fold == f
        model = LogisticRegression(C=0.1).fit(X[~test], y[~test])
        P[test] = model.predict_proba(X[test])
        weights = model.coef_[0]
        of_models.append(ndtr(weights @ apart / np.linalg.norm(weights) / np.sqrt(2)))
    rows = _rows(patient, y, fold)
    return *both_intervals(random, rows, P), float(np.mean(of_models))


def both_intervals(
    random: np.random.Generator, rows: PredictedRows, P: np.ndarray
) -> tuple[tuple[float, float], tuple[float, float]]:
    """The interval of the AUC that is in use, and the percentiles over patients of these fits."""
    bootstrap = PatientBootstrap(rows.n_patients, resamples=RESAMPLES, seed=int(random.integers(2**31)))
    draws = bootstrap.by_repeat(AUC, rows, P)
    value = evaluate(AUC, rows.y, P, repeat=rows.repeat, fold=rows.fold).value
    return interval(AUC, rows, value, standard_error(AUC, rows, draws)), percentiles(draws.mean(axis=0))


if __name__ == "__main__":
    main()

"""Which interval of average precision covers: `python -m tests.studies.simulate_precision` prints a Markdown table.

There are few events, 5 folds, average precision fold by fold, and a model that was fitted elsewhere.
`docs/pages/simulations.md` keeps the table and explains how to read it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri
from tabulate import tabulate

from results.statistics.bootstrap import PatientBootstrap, PredictedRows, percentiles
from results.statistics.evaluate import evaluate
from results.statistics.metrics.average_precision import METRIC as AVERAGE_PRECISION
from results.statistics.uncertainty import interval, standard_error
from tests.studies.simulate import FOLDS, RESAMPLES, _alike, _probabilities, _streams

SIMULATIONS = 800
HOW = (
    "percentile, copies tied",
    "percentile, copies apart",
    "basic, copies apart",
    "BC, copies apart",
    "logit t (in use)",
)


@dataclass(frozen=True)
class Study:
    """Patients, discs per patient, share of discs with an event, AUC over pairs of different patients, repeats."""

    patients: int
    discs: int
    events: float
    auc: float
    repeats: int = 1


STUDIES = (
    Study(40, 7, 0.036, 0.75),
    Study(40, 7, 0.09, 0.75),
    Study(75, 7, 0.019, 0.75),
    Study(75, 7, 0.048, 0.75),
    Study(75, 7, 0.048, 0.9),
    Study(40, 1, 0.25, 0.75),
    Study(75, 1, 0.14, 0.75),
    Study(75, 1, 0.33, 0.9),
    Study(40, 7, 0.09, 0.75, repeats=5),
    Study(40, 1, 0.25, 0.75, repeats=5),
    Study(75, 1, 0.14, 0.75, repeats=5),
)


def main() -> None:
    """Simulates every study and prints the table."""
    print(table([(study, simulate(study, SIMULATIONS)) for study in STUDIES]))


def simulate(study: Study, simulations: int) -> dict[str, np.ndarray]:
    """One value per simulation for `value`, `events`, `bias tied` and `bias apart`; for each of `HOW` ends `(n, 2)`."""
    found: dict[str, list[object]] = {}
    seed = round(1000 * (study.events + study.auc)) + study.discs
    for random in _streams(seed, study.patients, simulations):
        rows, P = _drawn(random, study)
        bootstrap = PatientBootstrap(study.patients, resamples=RESAMPLES, seed=int(random.integers(2**31)))
        value = evaluate(AVERAGE_PRECISION, rows.y, P, repeat=rows.repeat, fold=rows.fold).value
        bootstrap = bootstrap.some(bootstrap.whole(rows))
        apart, tied = bootstrap.draws(AVERAGE_PRECISION, rows, P), copies_tied(bootstrap.counts, rows, P[:, 1])
        low, high = percentiles(apart)
        error = standard_error(AVERAGE_PRECISION, rows, bootstrap.by_repeat(AVERAGE_PRECISION, rows, P))
        one = {
            "value": value,
            "events": rows.y.sum() / study.repeats,
            "bias tied": tied.mean() - value,
            "bias apart": apart.mean() - value,
            HOW[0]: percentiles(tied),
            HOW[1]: (low, high),
            HOW[2]: (2 * value - high, 2 * value - low),
            HOW[3]: bias_corrected(apart, value),
            HOW[4]: interval(AVERAGE_PRECISION, rows, value, error),
        }
        for name, number in one.items():
            found.setdefault(name, []).append(number)
    return {name: np.array(values, dtype=np.float64) for name, values in found.items()}


def table(found: list[tuple[Study, dict[str, np.ndarray]]]) -> str:
    """A Markdown table with each study's mean value, the bias of its draws, and the coverage of the mean value."""
    lines = []
    for study, of in found:
        mean = of["value"].mean()
        covered = [((of[how][:, 0] <= mean) & (mean <= of[how][:, 1])).mean() for how in HOW]
        about = (study.patients, study.discs, study.repeats, f"{of['events'].mean():.0f}", f"{study.auc:g}")
        numbers = (mean, true_average_precision(study), of["bias tied"].mean(), of["bias apart"].mean(), *covered)
        lines.append((*about, *(f"{number:.2f}" for number in numbers)))
    header = (
        "Patients",
        "Discs each",
        "Repeats",
        "Events",
        "AUC",
        "AP",
        "AP of many",
        "Draws off, tied",
        "apart",
        *HOW,
    )
    return tabulate(lines, header, tablefmt="pipe", disable_numparse=True)


def copies_tied(counts: np.ndarray, rows: PredictedRows, score: np.ndarray) -> np.ndarray:
    """`(B,)` average precision over folds, if copies of a row are tied, as in scikit-learn; no two scores are equal."""
    total, pairs = np.zeros((2, rows.n_repeats, len(counts)))
    for repeat, of_fold in rows.blocks:
        of_fold = of_fold[np.argsort(-score[of_fold])]
        weight = counts[:, rows.patient[of_fold]]
        events = weight * rows.y[of_fold]
        above, found = weight.cumsum(axis=1), events.cumsum(axis=1)
        precision = np.divide(found, above, out=np.zeros_like(found), where=above > 0)
        total[repeat] += (events * precision).sum(axis=1) * (above[:, -1] - found[:, -1])
        pairs[repeat] += found[:, -1] * (above[:, -1] - found[:, -1])
    return np.asarray((total / pairs).mean(axis=0))


def bias_corrected(draws: np.ndarray, value: float) -> tuple[float, float]:
    """Efron's bias-corrected percentile interval; B. Efron, Better bootstrap confidence intervals, 1987,
    doi:10.1080/01621459.1987.10478410."""
    below = ((draws < value).mean() + (draws <= value).mean()) / 2
    shift = 2 * ndtri(np.clip(below, 0.5 / len(draws), 1 - 0.5 / len(draws)))
    low, high = np.quantile(draws, ndtr(shift + ndtri([0.025, 0.975])))
    return float(low), float(high)


def true_average_precision(study: Study) -> float:
    """The average precision of infinitely many samples: the mean precision over the scores of positives."""
    apart = np.sqrt(2) * ndtri(study.auc)
    cut = apart + ndtri((np.arange(100_000) + 0.5) / 100_000)
    found, false = study.events * ndtr(apart - cut), (1 - study.events) * ndtr(-cut)
    return float((found / (found + false)).mean())


def _drawn(random: np.random.Generator, study: Study) -> tuple[PredictedRows, np.ndarray]:
    """The rows of all repeats, with events in at least 4 patients, and the probabilities of one model."""
    patient = np.repeat(np.arange(study.patients), study.discs)
    y = np.zeros_like(patient)
    while len(np.unique(patient[y == 1])) < 4:
        y = (_alike(random, patient) < ndtri(study.events)).astype(np.int64)
    P = _probabilities(np.sqrt(2) * ndtri(study.auc) * y + _alike(random, patient))
    fold = np.concatenate([random.permutation(study.patients)[patient] % FOLDS for _ in range(study.repeats)])
    repeat, every = np.repeat(np.arange(study.repeats), len(y)), np.tile(np.arange(len(y)), study.repeats)
    return PredictedRows(patient[every], repeat, fold, y[every], 2, ratio=0.0), P[every]


if __name__ == "__main__":
    main()

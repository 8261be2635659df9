"""Many procedures at once: families of comparisons, best rows, floors and the chosen cell; a part of `simulate`.

The procedures and their data are those of `tests.studies.simulate_procedures`.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from results.scores.paired import stepped_down
from results.statistics.best_set import best_set
from results.statistics.bootstrap import PatientBootstrap, percentiles
from results.statistics.evaluate import evaluate
from results.statistics.metrics.auc import METRIC as AUC
from results.statistics.selection import selection_corrected
from results.statistics.uncertainty import difference
from tests.studies.simulate import CELLS, COMPARISONS, RESAMPLES
from tests.studies.simulate_procedures import Setting, _simulated, cross_validated, drawn
from tests.studies.simulated import Line

HELD = 0.39
"""The AUC of a floor whose labels were matched, as on a real table."""


def families(simulations: dict[str, int]) -> list[Line]:
    """Errors of step-down, of the best set and of "beats every floor", where all procedures are equally good."""
    lines = []
    for patients, classes in ((33, 2), (75, 2), (75, 5), (200, 2)):
        setting = Setting(patients, classes, "linear")
        n = simulations["families"] if patients < 200 else simulations["families"] // 2
        found = list(_simulated(partial(_equal, setting), 25, setting, n))
        columns = {
            "family": f"A false finding in a family of {COMPARISONS}, step-down",
            "any": "A table with a cell not underlined, in use",
            "any pair": "A table with a cell not underlined, by pairs with the best",
            "excluded": "Cells not underlined, in use",
            "pairs": "Cells not underlined, by pairs with the best",
        }
        what = f"Equal procedures, {CELLS} cells: {classes} classes"
        for how, column in columns.items():
            lines.append(Line.of(what, patients, np.array([one[how] for one in found]), column=column))
    setting = Setting(75, 2, "linear", gain=0.6)
    found = list(_simulated(partial(_one_worse, setting), 26, setting, simulations["families"] // 2))
    gain = np.mean([one["gain"] for one in found])
    what = f"Cell that is worse by {gain:.2f} in AUC excluded from the best set, {CELLS} cells"
    lines.append(Line.of(what, 75, np.array([one["excluded"] for one in found])))
    setting = Setting(75, 2, "linear")
    found = list(_simulated(partial(_noise, setting), 27, setting, simulations["families"]))
    for how, wanted in ((f'"gains" over a floor of AUC {HELD:g}', ""), ("beats every floor", "at most .06")):
        lines.append(Line.of(f"Noise {how}", 75, np.array([one[how] for one in found]), wanted))
    found = list(_simulated(partial(_chosen, setting), 28, setting, simulations["families"]))
    for how, wanted in (("best", "above .5"), ("corrected", "near .5")):
        what = {"best": f"best of {CELLS} cells", "corrected": f"best of {CELLS}, corrected (BBC-CV)"}[how]
        lines.append(Line.of(f"AUC of fits to noise, {what}", 75, np.array([one[how] for one in found]), wanted))
    return lines


def _equal(setting: Setting, random: np.random.Generator) -> dict[str, float]:
    """Whether any of equally good procedures is found to differ from the first, or to be worse than the best."""
    rows, P = cross_validated(random, setting, *drawn(random, setting, cells=CELLS))
    bootstrap = PatientBootstrap(setting.patients, resamples=RESAMPLES, seed=int(random.integers(2**31)))
    values = np.array([evaluate(AUC, rows.y, p, repeat=rows.repeat, fold=rows.fold).value for p in P])
    draws = np.stack([bootstrap.by_repeat(AUC, rows, p) for p in P])
    pairs = [(values[i] - values[0], draws[i] - draws[0]) for i in range(1, COMPARISONS + 1)]
    differences = [difference(AUC, rows, value, drawn_) for value, drawn_ in pairs]
    adjusted = stepped_down(differences, [drawn_ for _, drawn_ in pairs], setting.patients)
    kept = best_set(AUC, rows, values, draws)
    best = int(values.argmax())
    gaps = [percentiles((draws[i] - draws[best]).mean(axis=0)) for i in range(CELLS) if i != best]
    apart = np.array([high < 0 for _, high in gaps])
    return {
        "family": float(adjusted.min() <= 0.05),
        "any": float(not kept.all()),
        "excluded": float((~kept).mean()),
        "any pair": float(apart.any()),
        "pairs": float(apart.sum() / CELLS),
    }


def _one_worse(setting: Setting, random: np.random.Generator) -> dict[str, float]:
    """Whether the one procedure that is worse is excluded."""
    rows, P = cross_validated(random, setting, *drawn(random, setting, cells=CELLS))
    bootstrap = PatientBootstrap(setting.patients, resamples=RESAMPLES, seed=int(random.integers(2**31)))
    values = np.array([evaluate(AUC, rows.y, p, repeat=rows.repeat, fold=rows.fold).value for p in P])
    kept = best_set(AUC, rows, values, np.stack([bootstrap.by_repeat(AUC, rows, p) for p in P]))
    return {"excluded": float(not kept[0]), "gain": float(values[1:].mean() - values[0])}


def _chosen(setting: Setting, random: np.random.Generator) -> dict[str, float]:
    """The AUC of the best of procedures that see noise, and the same corrected for the choice."""
    patient, y, X = drawn(random, setting, cells=CELLS)
    rows, P = cross_validated(random, setting, patient, y, [random.normal(size=x.shape) for x in X])
    bootstrap = PatientBootstrap(setting.patients, resamples=RESAMPLES // 5, seed=int(random.integers(2**31)))
    values = [evaluate(AUC, rows.y, p, repeat=rows.repeat, fold=rows.fold).value for p in P]
    return {"best": max(values), "corrected": selection_corrected(bootstrap, AUC, rows, P).value}


def _noise(setting: Setting, random: np.random.Generator) -> dict[str, float]:
    """Whether a procedure on features without information beats a floor of low AUC, and a constant floor as well."""
    patient, y, X = drawn(random, setting, cells=2)
    X = [random.normal(size=x.shape) for x in X]
    rows, (P, _) = cross_validated(random, setting, patient, y, X)
    bootstrap = PatientBootstrap(setting.patients, resamples=RESAMPLES, seed=int(random.integers(2**31)))
    low = _held(random, rows.y)
    constant = np.full_like(low, 0.5)
    beaten = []
    for floor in (low, constant):
        values = [evaluate(AUC, rows.y, p, repeat=rows.repeat, fold=rows.fold).value for p in (P, floor)]
        found = difference(AUC, rows, values[0] - values[1], bootstrap.difference(AUC, rows, P, floor))
        beaten.append(found.value > 0 and found.p_value <= 0.05)
    return {f'"gains" over a floor of AUC {HELD:g}': float(beaten[0]), "beats every floor": float(all(beaten))}


def _held(random: np.random.Generator, y: np.ndarray) -> np.ndarray:
    """`(n, 2)`: probabilities with AUC `HELD`, the same for a sample in every repeat."""
    from scipy.special import ndtr, ndtri

    repeats = len(y) // (n := len(y) // 5)
    score = np.tile(np.sqrt(2) * ndtri(HELD) * y[:n] + random.normal(size=n), repeats)
    return np.stack([ndtr(-score), ndtr(score)], axis=1)

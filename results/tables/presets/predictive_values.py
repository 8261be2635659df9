"""Predictive values of the best cells at a prevalence that is stated, such as that of the clinic."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from results import ResultsError
from results.run_folder import Predictions, Run, RunCell
from results.scores.alignment import aligned
from results.statistics import per_class as rates
from results.statistics.bootstrap import FEWEST, PatientBootstrap, PredictedRows
from results.statistics.metrics.base import OfCounts
from results.statistics.uncertainty import NONE, no_farther, patients, reach_of_perfect, standard_error
from results.tables.formats import Row, Score, Sheet
from results.tables.leading import common_notes, few_notes, leading, names, score
from results.tables.notes import calling
from results.tables.presets.base import Preset

Float64 = NDArray[np.float64]
TOP = 3


def predictive_value_sheets(run: Run, prevalence: str, *, resamples: int = 2000) -> list[Sheet]:
    """One sheet for each target: PPV and NPV of its best cells at a prevalence, each class against the rest.

    They follow from sensitivity and specificity by Bayes' rule. Those of the samples themselves hold only where a class
    is as frequent as in the data, which a study on chosen patients seldom is.

    Args:
        run: A run folder.
        prevalence: The share of the class, above 0 and below 1, such as `0.1`.
        resamples: Draws of the bootstrap; 0 for no intervals.

    Raises:
        ResultsError: A prevalence outside these limits, or a broken run folder.

    References:
        D. G. Altman and J. M. Bland, Diagnostic tests 2: predictive values, 1994, doi:10.1136/bmj.309.6947.102.
    """
    try:
        share = float(prevalence)
    except ValueError:
        share = float("nan")
    if not 0 < share < 1:
        raise ResultsError(f"prevalence ({prevalence}) must lie between 0 and 1, such as predictive-values:0.1")
    sheets = [_sheet(run, target, share, resamples) for target in run.targets]
    return [sheet for sheet in sheets if sheet is not None]


def _sheet(run: Run, target: str, prevalence: float, resamples: int) -> Sheet | None:
    found = leading(run, target, TOP)
    if not found.cells:
        return None
    classes = found.cells[0].classes
    alignment = aligned(run, target, found.predictions, places=False)
    bootstrap = PatientBootstrap(alignment.n_patients, resamples=resamples)
    axes, labels = names(run)
    shown = range(1 if len(classes) == 2 else 0, len(classes))

    def rows(cell: RunCell) -> list[Row]:
        own, predictions = alignment.rows[cell.key], found.predictions[cell.key]
        drawn = []
        for k in shown:
            scores = _scores(k, prevalence, own, predictions, bootstrap if resamples else None)
            drawn.append(Row((*labels[cell.key], classes[k]), scores))
        return drawn

    total = sum(cell.target == target and cell.status == "done" and not cell.floor for cell in run.cells)
    best = found.predictions[found.cells[0].key]
    once = best.y[best.repeat == best.repeat[0]]
    shares = ", ".join(f"{name}: {(once == k).mean():.2f}" for k, name in enumerate(classes))
    return Sheet(
        target=target,
        title=f"{target}: predictive values at a prevalence of {prevalence:g}, {run.dataset}, run {run.name}",
        labels=(*axes, "Class"),
        headers=("Sensitivity", "Specificity", f"PPV at\n{prevalence:g}", f"NPV at\n{prevalence:g}"),
        extras=(),
        rows=tuple(row for cell in found.cells for row in rows(cell)),
        floors=tuple(row for cell in found.floors for row in rows(cell)),
        always=frozenset({2, 3}),
        notes=(
            f"PPV and NPV from sensitivity and specificity by Bayes' rule, if {100 * prevalence:g} % of samples are of "
            f"the class. In these data the shares are {shares}. Each class against the rest. {calling(run, classes)}",
            *(few_notes((rate for k in shown for rate in _rates(k)), alignment.rows.values()) if resamples else []),
            *(
                [f"The best {len(found.cells)} of {total} cells by AUC were chosen on these samples: optimistic."]
                if total > 1
                else []
            ),
            *common_notes(
                run, target, resamples=resamples, left_out=max(map(bootstrap.left_out, alignment.rows.values()))
            ),
        ),
    )


def _scores(
    k: int, prevalence: float, rows: PredictedRows, predictions: Predictions, bootstrap: PatientBootstrap | None
) -> tuple[Score | None, ...]:
    """Sensitivity, specificity, PPV and NPV of class k at a prevalence.

    The predictive values are those of the mean rates over repeats, and so in each resample: a repeat in which a class
    is hardly ever called has a predictive value of chance.
    """
    rates_of_k = _rates(k)
    found, passed = (score(metric, rows, predictions, bootstrap) for metric in rates_of_k)
    if found is None or passed is None:
        return found, passed, None, None

    def at(sensitivity: Float64 | float, specificity: Float64 | float) -> tuple[Float64, Float64]:
        return _bayes(np.asarray(sensitivity), np.asarray(specificity), prevalence)

    values, ends = at(found.value, passed.value), [NONE] * 2
    if bootstrap is not None and all(patients(metric, rows) >= FEWEST for metric in rates_of_k):
        first, second = (
            bootstrap.by_repeat(metric, rows, predictions.scored_by(metric)).mean(axis=0) for metric in rates_of_k
        )
        missed, alarmed = (reach_of_perfect(metric, rows) for metric in rates_of_k)
        ones = at(found.value, 1 - alarmed)[0], at(1 - missed, passed.value)[1]
        zeros = at(missed, passed.value)[0], at(found.value, alarmed)[1]
        fewest = min(rates_of_k, key=lambda metric: patients(metric, rows))
        ends = [
            _interval(fewest, rows, float(value), standard_error(fewest, rows, drawn[None]), float(one), float(zero))
            for value, drawn, one, zero in zip(values, at(first, second), ones, zeros, strict=True)
        ]
    ppv, npv = (
        Score(float(value), low, high, n=found.n) if np.isfinite(value) else None
        for value, (low, high) in zip(values, ends, strict=True)
    )
    return found, passed, ppv, npv


def _interval(
    rate: OfCounts, rows: PredictedRows, value: float, error: float, one: float, zero: float
) -> tuple[float, float]:
    """The interval of a predictive value, as `uncertainty.interval` makes it.

    A PPV of 1 has called no sample of the rest, an NPV of 1 has missed none of the class: Bayes' rule gives the lower
    end from the exact one of that rate. A PPV of 0 has found no sample of the class, an NPV of 0 none of the rest.

    Args:
        rate: The rate that counts the fewer patients.
        rows: The rows.
        value: The predictive value.
        error: Its standard error.
        one: The exact lower end of a predictive value of 1.
        zero: The exact upper end of one of 0.
    """
    from scipy.special import stdtrit

    if not 0 < value < 1:
        return (one, 1.0) if value == 1 else (0.0, zero) if value == 0 else NONE
    if not error > 0:
        return NONE
    reach = float(stdtrit(patients(rate, rows) - 1, 0.975)) * error
    return no_farther(rate, value, reach, zero if value < 0.5 else 1 - one)


def _rates(k: int) -> tuple[OfCounts, OfCounts]:
    """Sensitivity and specificity of class k."""
    limits: dict[str, Any] = {"lowest": 0, "highest": 1, "every_class": True}
    return (
        OfCounts("sensitivity", formula=lambda c: rates.sensitivity(c)[..., k], among=lambda y: y == k, **limits),
        OfCounts("specificity", formula=lambda c: rates.specificity(c)[..., k], among=lambda y: y != k, **limits),
    )


def _bayes(found: Float64, passed: Float64, prevalence: float) -> tuple[Float64, Float64]:
    """PPV and NPV from sensitivity and specificity at a prevalence; NaN where nobody is called, or everybody is."""
    pairs = (
        (prevalence * found, (1 - prevalence) * (1 - passed)),
        ((1 - prevalence) * passed, prevalence * (1 - found)),
    )
    ppv, npv = (
        np.divide(right, right + wrong, out=np.full_like(right, np.nan), where=right + wrong > 0)
        for right, wrong in pairs
    )
    return ppv, npv


PRESET = Preset(
    "Positive and negative predictive value of the best cells at a prevalence.",
    predictive_value_sheets,
    argument="PREVALENCE",
    example="0.1",
    order=45,
)

"""Predictive values of the best cells at a prevalence that is stated, such as that of the clinic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from results import ResultsError
from results.run_folder import Run, RunCell
from results.scores.alignment import aligned
from results.statistics import per_class as rates
from results.statistics.bootstrap import PatientBootstrap
from results.statistics.metrics.base import OfCounts
from results.tables.formats import Row, Score, Sheet
from results.tables.leading import common_notes, leading, names, score
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

    def rows(cell: RunCell) -> list[Row]:
        own, predictions = alignment.rows[cell.key], found.predictions[cell.key]
        drawn = []
        for k in range(1 if len(classes) == 2 else 0, len(classes)):
            metrics = _metrics(k, prevalence)
            scores = [score(metric, own, predictions, bootstrap if resamples else None) for metric in metrics]
            drawn.append(Row((*labels[cell.key], classes[k]), _exact(scores, prevalence)))
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
            *(
                [f"The best {len(found.cells)} of {total} cells by AUC were chosen on these samples: optimistic."]
                if total > 1
                else []
            ),
            *common_notes(run, target, resamples=resamples),
        ),
    )


def _exact(scores: Sequence[Score | None], prevalence: float) -> tuple[Score | None, ...]:
    """The four scores of a class; a predictive value of 1 has the lower end of the rate that it is perfect by.

    A PPV is 1 because no sample of the rest is called, so that its lower end is the PPV at the lower end of the
    specificity; an NPV is 1 because no sample of the class is missed.
    """
    found, passed, ppv, npv = scores
    if found is not None and passed is not None:
        ppv = _at(ppv, found.value, passed.low, prevalence)
        npv = _at(npv, passed.value, found.low, 1 - prevalence)
    return found, passed, ppv, npv


def _at(perfect: Score | None, rate: float, low: float | None, share: float) -> Score | None:
    if perfect is None or perfect.value < 1 or low is None:
        return perfect
    return replace(perfect, low=share * rate / (share * rate + (1 - share) * (1 - low)), high=1.0)


def _metrics(k: int, prevalence: float) -> tuple[OfCounts, ...]:
    """Sensitivity, specificity, PPV and NPV of class k at a prevalence."""

    def rate(counts: Float64, what: str) -> Float64:
        found, missed = rates.sensitivity(counts)[..., k], 1 - rates.sensitivity(counts)[..., k]
        passed, alarmed = rates.specificity(counts)[..., k], 1 - rates.specificity(counts)[..., k]
        share, rest = prevalence, 1 - prevalence
        of = {
            "sensitivity": (found, found + missed),
            "specificity": (passed, passed + alarmed),
            "PPV": (share * found, share * found + rest * alarmed),
            "NPV": (rest * passed, rest * passed + share * missed),
        }
        part, whole = of[what]
        return np.divide(part, whole, out=np.full_like(np.asarray(whole), np.nan), where=np.asarray(whole) > 0)

    return tuple(
        OfCounts(what, formula=partial(rate, what=what), lowest=0, highest=1, every_class=True)
        for what in ("sensitivity", "specificity", "PPV", "NPV")
    )


PRESET = Preset(
    "Positive and negative predictive value of the best cells at a prevalence.",
    predictive_value_sheets,
    argument="PREVALENCE",
    example="0.1",
    order=45,
)

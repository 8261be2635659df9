"""What each step of an axis changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from data.text.names import nearest
from results import ResultsError
from results.run_folder import Predictions, Run, RunCell
from results.scores import reconstruction
from results.scores.alignment import Alignment, aligned
from results.scores.target import described
from results.statistics.bootstrap import PatientBootstrap
from results.statistics.evaluate import evaluate
from results.statistics.metrics.auc import METRIC as AUC
from results.statistics.uncertainty import difference
from results.tables import notes
from results.tables.beaten import exploratory
from results.tables.formats import Row, Score, Sheet
from results.tables.presets.base import Preset

Settings = dict[tuple[str, ...], dict[str, RunCell]]
"""For the steps of all other axes: the cell with each step of the axis."""


def ablation(run: Run, axis: str, *, resamples: int = 2000) -> list[Sheet]:
    """What each step of an axis changes: mean AUC over cells that differ in this step only, and the paired difference.

    A row compares a step with the first step of the axis, over those settings of the other axes for which both are done
    on the same samples. The interval is a bootstrap of the mean difference over patients.

    Args:
        run: A run folder.
        axis: An axis with several steps.
        resamples: Draws of the bootstrap.

    Raises:
        ResultsError: No such axis, or no two of its steps can be compared.
    """
    if axis not in run.axes:
        raise ResultsError(f"no axis '{axis}'{nearest(axis, run.axes)}")
    sheets = [sheet for target in run.targets if (sheet := _ablation(run, target, axis, resamples)) is not None]
    if not sheets:
        raise ResultsError(f"axis '{axis}' has no two steps that are done with the same steps on the other axes")
    return sheets


def _ablation(run: Run, target: str, axis: str, resamples: int) -> Sheet | None:
    cells = [c for c in run.cells if c.target == target and not c.floor and c.status == "done"]
    steps = list(dict.fromkeys(c.axes[axis] for c in cells))
    if len(steps) < 2:
        return None
    settings: Settings = {}
    for cell in cells:
        others = tuple(step for other, step in cell.axes.items() if other != axis)
        settings.setdefault(others, {})[cell.axes[axis]] = cell
    undone = [c for c in run.cells if c.target == target and not c.floor and c.status != "done"]
    predictions = {cell.key: run.predictions(cell) for cell in cells}
    alignment = aligned(run, target, predictions, places=False)
    bootstrap = PatientBootstrap(alignment.n_patients, resamples=resamples)
    complete = {place: found for place, found in settings.items() if set(steps) <= set(found)}
    failed = reconstruction.collapsed(run)
    users = {step: [cell.key for cell in cells if cell.axes[axis] == step] for step in steps}
    rows = list(_steps(steps, complete or settings, predictions, alignment, bootstrap))
    if not rows:
        return None
    named = [c for c in run.cells if c.target == target and not c.floor]
    varying = [a for a in run.axes if len({c.axes[a] for c in named}) > 1 or a == "heads"]
    left_out = max(map(bootstrap.left_out, alignment.rows.values()))
    records = described(run, [*cells, *undone], alignment)
    compared = {row.labels[0] for row in rows}
    absent = [step for step in dict.fromkeys(c.axes[axis] for c in named) if step not in {*compared, steps[0]}]
    return Sheet(
        target=target,
        title=f"{target}: what axis {axis} changes, {run.dataset}, run {run.name}",
        labels=(axis,),
        headers=("AUC", f"AUC of\n{steps[0]}", "Difference"),
        extras=("Pairs of cells",),
        rows=tuple(
            replace(row, labels=reconstruction.marked(row.labels, (axis,), users[row.labels[0]], failed))
            for row in sorted(rows, key=lambda row: -(row.scores[2].value if row.scores[2] else 0))
        ),
        floors=(),
        notes=(
            f"Each step is compared with {steps[0]}: means over pairs of cells that differ in {axis} only, on the same "
            "samples.",
            *([_over(axis, len(complete), len(settings))] if len(complete) < len(settings) else []),
            *([f"Not compared, since no pair is on the same samples: {', '.join(absent)}."] if absent else []),
            *([] if exploratory(records) else _plainly(rows, steps[0], axis)),
            "The interval of the difference is that of the mean over pairs, not corrected for the number of steps.",
            *notes.beside(run, records, varying=varying, resamples=resamples, left_out=left_out),
        ),
    )


def _plainly(rows: Sequence[Row], first: str, axis: str) -> Iterator[str]:
    """The steps that are shown to change the AUC."""
    known = [(row.labels[0], score) for row in rows if (score := row.scores[2]) is not None and score.low is not None]
    if not known:
        return
    changed = [
        f"{step} ({score.text(interval=False)})"
        for step, score in known
        if score.low is not None and score.high is not None and (score.low > 0 or score.high < 0)
    ]
    if changed:
        yield f"Shown to change the AUC against {first}: {', '.join(changed)}, each by itself."
    else:
        yield f"No step of {axis} is shown to change the AUC against {first}."


def _over(axis: str, complete: int, every: int) -> str:
    """A note on the settings of the other axes that means are over."""
    if complete:
        return f"Means are over the {complete} of {every} settings of the other axes in which every step is done."
    return f"No setting has every step of {axis} done: rows are means over different pairs and can't be compared."


def _steps(
    steps: list[str],
    settings: Settings,
    predictions: Mapping[str, Predictions],
    alignment: Alignment,
    bootstrap: PatientBootstrap,
) -> Iterator[Row]:
    """A row for each step after the first that can be compared with it."""
    draws: dict[str, tuple[float, Any]] = {}

    def of(cell: RunCell) -> tuple[float, Any]:
        if cell.key not in draws:
            rows, P = alignment.rows[cell.key], predictions[cell.key].P
            value = evaluate(AUC, rows.y, P, repeat=rows.repeat, fold=rows.fold).value
            draws[cell.key] = value, bootstrap.by_repeat(AUC, rows, P)
        return draws[cell.key]

    for step in steps[1:]:
        pairs = [(found[step], found[steps[0]]) for found in settings.values() if {step, steps[0]} <= set(found)]
        pairs = [(one, first) for one, first in pairs if alignment.rows[one.key] is alignment.rows[first.key]]
        if not pairs:
            continue
        values = np.array([(of(one)[0], of(first)[0]) for one, first in pairs]).mean(axis=0)
        drawn = np.mean([of(one)[1] - of(first)[1] for one, first in pairs], axis=0)
        fewest = min((alignment.rows[one.key] for one, _ in pairs), key=lambda rows: rows.n_patients)
        found = difference(AUC, fewest, float(values[0] - values[1]), drawn)
        gain = Score(found.value, found.low, found.high, signed=True)
        yield Row((step,), (Score(float(values[0])), Score(float(values[1])), gain), (str(len(pairs)),))


PRESET = Preset(
    "What each step of an axis changes, with the other steps held equal.",
    ablation,
    argument="AXIS",
    example="encoders",
    order=20,
)

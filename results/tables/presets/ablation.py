"""What each step of an axis changes."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from data.text.names import nearest
from results import ResultsError
from results.run_folder import Predictions, Run, RunCell
from results.scores import reconstruction
from results.scores.alignment import Alignment, aligned
from results.scores.target import described
from results.statistics.bootstrap import Float64, PatientBootstrap, PredictedRows
from results.statistics.evaluate import evaluate
from results.statistics.metrics.auc import METRIC as AUC
from results.statistics.uncertainty import difference
from results.tables import notes
from results.tables.beaten import any_exploratory
from results.tables.formats import Row, Score, Sheet
from results.tables.presets.base import Preset

Settings = dict[tuple[str, ...], dict[str, RunCell]]
"""For the steps of all other axes: the cell with each step of the axis."""


def ablation(run: Run, axis: str, *, resamples: int = 2000) -> list[Sheet]:
    """What each step of an axis changes: mean AUC over cells that differ in this step only, and the paired difference.

    A row compares a step with the first step of the axis, over those settings of the other axes for which both are
    done. Both cells of a pair are scored on the samples that both predict. The interval is a bootstrap of the mean
    difference over patients.

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
        raise ResultsError(_nothing(run, axis))
    return sheets


def _nothing(run: Run, axis: str) -> str:
    """Why no two steps of an axis can be compared."""
    for target in run.targets:
        _, settings = _settings(run, target, axis)
        if any(len(found) > 1 for found in settings.values()):
            return (
                f"no two steps of axis '{axis}' are scored on enough of the same samples of {target}: run the grid "
                "with protocol.complete: true, so that all cells have the same samples"
            )
    return f"axis '{axis}' has no two steps that are done with the same steps on the other axes"


def _settings(run: Run, target: str, axis: str) -> tuple[list[RunCell], Settings]:
    """The cells of a target that are done, also by their steps on the other axes."""
    cells = [c for c in run.cells if c.target == target and not c.floor and c.status == "done"]
    settings: Settings = {}
    for cell in cells:
        others = tuple(step for other, step in cell.axes.items() if other != axis)
        settings.setdefault(others, {})[cell.axes[axis]] = cell
    return cells, settings


def _ablation(run: Run, target: str, axis: str, resamples: int) -> Sheet | None:
    cells, settings = _settings(run, target, axis)
    steps = list(dict.fromkeys(c.axes[axis] for c in cells))
    if len(steps) < 2:
        return None
    undone = [c for c in run.cells if c.target == target and not c.floor and c.status != "done"]
    predictions = {cell.key: run.predictions(cell) for cell in cells}
    alignment = aligned(run, target, predictions, places=False)
    bootstrap = PatientBootstrap(alignment.n_patients, resamples=resamples)
    complete = {place: found for place, found in settings.items() if set(steps) <= set(found)}
    failed = reconstruction.collapsed(run)
    users = {step: [cell.key for cell in cells if cell.axes[axis] == step] for step in steps}
    in_means = sum(cell.key in failed for cell in cells)
    found = list(_steps(steps, complete or settings, predictions, alignment, bootstrap))
    rows = [row for row, _ in found]
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
        headers=("AUC", f"AUC of\n{_marked(steps[0], axis, users, failed)}", "Difference"),
        extras=("Pairs of cells",),
        rows=tuple(
            replace(row, labels=(_marked(row.labels[0], axis, users, failed),))
            for row in sorted(rows, key=lambda row: -(row.scores[2].value if row.scores[2] else 0))
        ),
        floors=(),
        notes=(
            f'Each step is compared with "{steps[0]}", the first step of the axis {axis}. Scores are means over pairs '
            f"of cells that differ in {axis} only, on the same samples.",
            *_on_fewer(found),
            *([_over(axis, len(complete), len(settings))] if len(complete) < len(settings) else []),
            *([f"Not compared, since no pair shares enough samples: {', '.join(absent)}."] if absent else []),
            *([] if any_exploratory(records) else _plainly(rows, steps[0], axis)),
            "The interval of the difference is that of the mean over pairs, not corrected for the number of steps.",
            *([_with_failed(in_means, len(cells))] if in_means and axis != "encoders" else []),
            *notes.beside(run, records, varying=varying, resamples=resamples, left_out=left_out),
        ),
    )


def _marked(step: str, axis: str, users: Mapping[str, list[str]], failed: Container[str]) -> str:
    """The step, with the mark if it is an encoder that collapsed: of other axes no step did."""
    return reconstruction.marked((step,), (axis,), users[step] if axis == "encoders" else (), failed)[0]


def _with_failed(failed: int, cells: int) -> str:
    use = "1 uses an autoencoder" if failed == 1 else f"{failed} use an autoencoder"
    return f"Of the {cells} cells of this target, {use} that collapsed; the preset reconstruction has its ratings."


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
        yield f'Shown to change the AUC against "{first}": {", ".join(changed)}, each by itself.'
    else:
        yield f'No step of {axis} is shown to change the AUC against "{first}".'


def _on_fewer(found: Sequence[tuple[Row, str]]) -> Iterator[str]:
    """A note on pairs whose cells were scored on different samples."""
    if fewer := "; ".join(f"{row.labels[0]} on {words}" for row, words in found if words):
        yield (
            f"Where the cells of a pair have different samples, both are scored on those that both have: {fewer}. "
            "Other tables score each cell on all its own samples, so that its AUC there may be another."
        )


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
) -> Iterator[tuple[Row, str]]:
    """A row for each step after the first that can be compared with it, and its samples if the two have different ones.

    The samples are words such as `116 of 117 and 118 samples`.
    """
    values: dict[tuple[str, PredictedRows], float] = {}
    draws: dict[tuple[str, PredictedRows], Float64] = {}

    def score(cell: RunCell, rows: PredictedRows, taken: NDArray[np.int64]) -> float:
        if (cell.key, rows) not in values:
            P = predictions[cell.key].P[taken]
            values[cell.key, rows] = evaluate(AUC, rows.y, P, repeat=rows.repeat, fold=rows.fold).value
            draws[cell.key, rows] = bootstrap.by_repeat(AUC, rows, P)
        return values[cell.key, rows]

    for step in steps[1:]:
        both = [(found[step], found[steps[0]]) for found in settings.values() if {step, steps[0]} <= set(found)]
        pairs = [(one, first, *alignment.shared(one.key, first.key)) for one, first in both]
        pairs = [pair for pair in pairs if len(pair[2].y)]
        scores = np.array([(score(one, rows, a), score(first, rows, b)) for one, first, rows, a, b in pairs])
        known = [pair for pair, two in zip(pairs, scores, strict=True) if np.isfinite(two).all()]
        if not known:
            continue
        means = scores[np.isfinite(scores).all(axis=1)].mean(axis=0)
        drawn = np.mean([draws[one.key, rows] - draws[first.key, rows] for one, first, rows, _, _ in known], axis=0)
        fewest = min((rows for _, _, rows, _, _ in known), key=lambda rows: rows.n_patients)
        found = difference(AUC, fewest, float(means[0] - means[1]), drawn)
        gain = Score(found.value, found.low, found.high, signed=True)
        words = {_samples(predictions[one.key], predictions[first.key], a) for one, first, _, a, _ in known} - {""}
        row = Row((step,), (Score(float(means[0])), Score(float(means[1])), gain), (str(len(known)),))
        yield row, " or ".join(sorted(words))


def _samples(one: Predictions, first: Predictions, shared: NDArray[np.int64]) -> str:
    """How many samples two cells share, of how many; empty if they have the same."""
    here, there, both = (len(set(names.tolist())) for names in (one.sample, first.sample, one.sample[shared]))
    if both == here == there:
        return ""
    return f"{both} of {here} and {there} samples" if here != there else f"{both} of {here} samples each"


PRESET = Preset(
    "What each step of an axis changes, with the other steps held equal.",
    ablation,
    argument="AXIS",
    example="encoders",
    order=20,
)

"""How wrong test labels would change a table: its best rows are scored again with some labels flipped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from results import ResultsError
from results.run_folder import Predictions, Run, RunCell
from results.scores.alignment import Alignment, aligned
from results.scores.fitness import check_fit, left_out, unfit
from results.scores.named import floor_for
from results.scores.records import records
from results.scores.scores import scores as scores_of
from results.scores.target import described
from results.statistics.bootstrap import PredictedRows, percentiles
from results.statistics.evaluate import evaluate
from results.statistics.flips import flipped_labels, scores_of_labels
from results.statistics.metrics import METRICS
from results.statistics.metrics.base import Float64, Int64
from results.tables import notes
from results.tables.columns import columns
from results.tables.formats import Row, Sheet
from results.tables.leading import leading, names, stored_score

if TYPE_CHECKING:
    pass

USUAL = ("accuracy", "f1", "auc")
LEADING = 3


def flip_sheets(
    run: Run, rate: float, *, metrics: Sequence[str] = (), times: int = 500, seed: int = 0, top: int = 10
) -> list[Sheet]:
    """One table for each target: the best rows with the range of each metric under flipped test labels.

    Each time another share of the samples gets another label, the same for all rows and repeats. Ordinal labels move to
    a neighbouring class, others to any other class. Nothing is fitted again: stored predictions are scored.

    Args:
        run: A run folder.
        rate: The share of samples whose label is flipped, above 0, at most 0.5.
        metrics: Names in `results.statistics.metrics.METRICS`; empty: accuracy, macro F1, AUC and ordinal metrics.
        times: The number of times that labels are flipped.
        seed: The seed of the flips.
        top: The number of rows, best AUC first.

    Raises:
        ResultsError: A rate outside these limits, an unknown metric, or one that means nothing for any target.
    """
    if not 0 < rate <= 0.5:
        raise ResultsError(f"--flip {rate:g}: a share of labels above 0 and at most 0.5, such as 0.05")
    for name in metrics:
        METRICS.named(name)
    check_fit(run, metrics)
    found = [_sheet(run, target, rate, metrics, times, seed, top) for target in run.targets]
    return [sheet for sheet in found if sheet is not None]


@dataclass(frozen=True, eq=False)
class _Rescored:
    """The rows of a target under the same flips.

    Args:
        predictions: The predictions of each cell, by its key.
        alignment: The rows of every cell.
        labels: `(times, n)` int64 flipped labels of each cell, by its key.
        flipped: The number of samples whose label moves each time.
        samples: The number of samples.
    """

    predictions: dict[str, Predictions]
    alignment: Alignment
    labels: dict[str, Int64]
    flipped: int
    samples: int

    def score(self, name: str, key: str) -> tuple[float, Float64]:
        """A metric of a cell on the stored labels, and `(times,)` on each set of flipped labels."""
        return self._of(
            name, self.alignment.rows[key], self.predictions[key].scored_by(METRICS[name]), self.labels[key]
        )

    def gain(self, key: str, other: str) -> tuple[float, Float64]:
        """The AUC of a cell minus that of another on the samples that both predict."""
        rows, mine, theirs = self.alignment.shared(key, other)
        if not len(rows.y):
            return float("nan"), np.full(len(self.labels[key]), np.nan)
        labels = self.labels[key][:, mine]
        value, draws = self._of("auc", rows, self.predictions[key].P[mine], labels)
        other_value, other_draws = self._of("auc", rows, self.predictions[other].P[theirs], labels)
        return value - other_value, draws - other_draws

    def _of(self, name: str, rows: PredictedRows, P: Float64, labels: Int64) -> tuple[float, Float64]:
        metric, repeat, fold, within = METRICS[name], rows.repeat, rows.fold, rows.within
        return (
            evaluate(metric, rows.y, P, repeat=repeat, fold=fold, within=within).value,
            scores_of_labels(metric, labels, P, repeat=repeat, fold=fold, within=within),
        )


def _rescored(run: Run, target: str, rate: float, times: int, seed: int, top: int) -> tuple[list[RunCell], _Rescored]:
    """The best rows and floors of a target, under the same flips.

    Raises:
        ResultsError: The share is less than one sample.
    """
    best = leading(run, target, top)
    shown = [*best.cells, *best.floors]
    alignment = aligned(run, target, best.predictions)
    every = np.concatenate([best.predictions[cell.key].sample for cell in shown]).astype(str)
    samples, first = np.unique(every, return_index=True)
    y = np.concatenate([best.predictions[cell.key].y for cell in shown])[first]
    flipped = round(rate * len(y))
    if not flipped:
        raise ResultsError(f"{target}: {_share(rate)} of {len(y)} samples is less than one sample: flip a larger share")
    flips = flipped_labels(y, len(shown[0].classes), rate=rate, times=times, seed=seed, ordinal=shown[0].ordinal)
    of_rows: dict[int, Int64] = {}
    for cell in shown:
        rows = alignment.rows[cell.key]
        if id(rows) not in of_rows:
            of_rows[id(rows)] = flips[:, np.searchsorted(samples, best.predictions[cell.key].sample.astype(str))]
    labels = {cell.key: of_rows[id(alignment.rows[cell.key])] for cell in shown}
    return shown, _Rescored(best.predictions, alignment, labels, flipped, len(y))


def _sheet(run: Run, target: str, rate: float, metrics: Sequence[str], times: int, seed: int, top: int) -> Sheet | None:
    cells = [cell for cell in run.cells if cell.target == target]
    if not any(cell.status == "done" and not cell.floor for cell in cells):
        return None
    shown, found = _rescored(run, target, rate, times, seed, top)
    usual = (*USUAL, *(name for name, metric in METRICS.items() if metric.ordinal))
    used = [name for name in metrics or usual if not unfit(run, target, name)]
    used += [] if "auc" in used else ["auc"]
    axes, labels = names(run)
    floors = [cell for cell in shown if cell.floor]
    ranked = [cell for cell in shown if not cell.floor]
    other = {cell.key: floor.key for cell in shown if (floor := floor_for(cell, floors, run.location)) is not None}
    aucs = np.stack([found.score("auc", cell.key)[1] for cell in ranked])
    ranks = 1 + np.argsort(np.argsort(-aucs, axis=0, kind="stable"), axis=0)
    of_cell = {record["key"]: record for record in records(scores_of(run, used), target)}
    extras = [f"{METRICS[name].title(run.within)},\nflipped" for name in used]
    extras += [*(["Rank", "First"] if len(ranked) > 1 else []), *(["Gain above 0"] if other else [])]
    rows: list[Row] = []
    for i, cell in enumerate(shown):
        scores = [stored_score(of_cell[cell.key], name) for name in used]
        texts = [_range(name, found.score(name, cell.key)[1]) for name in used]
        if len(ranked) > 1:
            texts += [_ranks(ranks[i]), _share((ranks[i] == 1).mean())] if not cell.floor else ["", ""]
        if other:
            over = other.get(cell.key, cell.key)
            gain = None if over == cell.key else found.gain(cell.key, over)[1]
            scores.append(None if gain is None else stored_score(of_cell[cell.key], "gain"))
            texts.append("" if gain is None or cell.floor else _share((gain > 0).mean()))
        rows.append(Row(labels[cell.key], tuple(scores), tuple(texts)))
    headers = [METRICS[name].title(run.within) for name in used] + (["Gain over\nlocation"] if other else [])
    order = [_order(ranks[:LEADING])] if len(ranked) > 1 else []
    undone = [cell for cell in cells if cell.status != "done"]
    grid = sum(not cell.floor and cell.status == "done" for cell in cells)
    about = described(run, [*shown, *undone], found.alignment)
    return Sheet(
        target=target,
        title=f"{target}: {_share(rate)} of labels flipped, {run.dataset}, run {run.name}",
        labels=tuple(axes),
        headers=tuple(headers),
        extras=tuple(extras),
        rows=tuple(rows[: len(ranked)]),
        floors=tuple(rows[len(ranked) :]),
        always=frozenset({used.index("auc")}),
        notes=(
            *_notes(run, target, metrics, found, times, seed),
            *([f"Rows: the best of {grid} cells by AUC, at most {top}."] if grid > 1 else []),
            *order,
            *(
                ["Gain above 0: how often the AUC is above that of location on the same flipped labels."]
                if other
                else []
            ),
            *notes.beside(run, about, varying=axes),
        ),
    )


def _notes(run: Run, target: str, metrics: Sequence[str], found: _Rescored, times: int, seed: int) -> Iterator[str]:
    """The notes on what is flipped, how, and what the ranges mean."""
    cell = next(cell for cell in run.cells if cell.target == target)
    how = (
        "to the other class"
        if len(cell.classes) == 2
        else "to a neighbouring class"
        if cell.ordinal
        else "to any other"
    )
    yield (
        "Scores are on the labels as they are, with the intervals of the main table. Flipped: the range of 95 % of the "
        f"scores on flipped labels. {times} times the labels of {found.flipped} of the {found.samples} samples, drawn "
        f"anew each time, are moved {how} (seed {seed}, the same for all rows)."
    )
    yield (
        "Only test labels move and nothing is fitted again. The ranges show how errors in the reference standard "
        "change the scores, not what models learnt from wrong labels. Random errors lower scores, so a range may lie "
        "below its score. It does not cover the sampling of patients and is no confidence interval."
    )
    yield from left_out(run, target, metrics)


def _range(name: str, draws: Float64) -> str:
    """The range of 95 % of the numbers under flips; empty where the metric is undefined."""
    low, high = percentiles(draws)
    digits = columns()[name].decimals
    return f"{low:.{digits}f} to {high:.{digits}f}" if np.isfinite(low) else ""


def _order(leaders: Int64) -> str:
    """The note on the order of the first rows, from their ranks `(rows, times)` under the flips."""
    moved = float((leaders != np.arange(1, len(leaders) + 1)[:, None]).any(axis=0).mean())
    return (
        "Rank: by AUC among these rows, in 95 % of the flips; First: how often a row is the first. The order of the "
        f"first {len(leaders)} rows changes in {_share(moved)} of the flips."
    )


def _ranks(ranks: Int64) -> str:
    low, high = np.quantile(ranks, [0.025, 0.975], method="inverted_cdf")
    return f"{low:.0f}" if low == high else f"{low:.0f} to {high:.0f}"


def _share(share: float) -> str:
    return f"{100 * share:.3g} %"

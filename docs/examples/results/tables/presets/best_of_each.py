"""The best cell of each step on an axis."""

from results import ResultsError
from results.run_folder import Run
from results.scores.records import records
from results.scores.scores import scores
from results.tables import notes
from results.tables.formats import Row, Sheet
from results.tables.leading import stored_score
from results.tables.presets.base import Preset


def best_of_each(run: Run, axis: str, *, resamples: int = 2000) -> list[Sheet]:
    """One row per step of an axis: the cell with the highest AUC among those that have this step.

    Args:
        run: A run folder.
        axis: Such as `encoders`.
        resamples: Draws of the bootstrap.

    Raises:
        ResultsError: The run has no such axis.
    """
    if axis not in run.axes:
        raise ResultsError(f"no axis '{axis}': use one of {', '.join(run.axes)}")
    found = scores(run, ["auc", "accuracy"], resamples=resamples)
    sheets = []
    for target in run.targets:
        cells = [r for r in records(found, target) if r["status"] == "done" and not r["floor"]]
        cells.sort(key=lambda r: -r["auc"])
        best = {r[axis]: r for r in reversed(cells)}  # the last one written for a step is its best
        rows = sorted(best.values(), key=lambda r: -r["auc"])
        shown = list(dict.fromkeys([axis, *(a for a in run.axes if len({r[a] for r in rows}) > 1)]))
        sheets.append(
            Sheet(
                target=target,
                title=f"{target}: the best cell of each of the {axis}, {run.dataset}, run {run.name}",
                labels=tuple(shown),
                headers=("AUC", "Accuracy"),
                extras=(),
                rows=tuple(
                    Row(tuple(str(r[a]) for a in shown), (stored_score(r, "auc"), stored_score(r, "accuracy")))
                    for r in rows
                ),
                floors=(),
                notes=(
                    f"Each row is the best of all cells with this step, chosen on these numbers: {len(cells)} cells.",
                    *notes.beside(run, cells, varying=shown, resamples=resamples),
                ),
            )
        )
    return sheets


PRESET = Preset("The best cell of each step on an axis.", best_of_each, argument="AXIS", example="encoders")

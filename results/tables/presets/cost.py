"""AUC and the time that it took."""

from __future__ import annotations

import numpy as np

from results.run_folder import Run
from results.scores.labels import shorten
from results.scores.reconstruction import collapsed, marked
from results.scores.records import Record, records
from results.scores.scores import scores
from results.tables import notes
from results.tables.costs import seconds
from results.tables.formats import Row, Score, Sheet
from results.tables.leading import stored_score
from results.tables.presets.base import Preset


def cost(run: Run, *, resamples: int = 2000) -> list[Sheet]:
    """AUC and the seconds of each cell's fits, with the training of its fusion if that learns from labels.

    What cells share otherwise (reading, embedding) does not count. Seconds are empty where the run folder lacks them,
    and for floors, which hardly take any.

    Args:
        run: A run folder.
        resamples: Draws of the bootstrap.
    """
    found = scores(run, ["auc"], resamples=resamples)
    failed = collapsed(run)
    sheets = []
    for target in run.targets:
        of_target = records(found, target)
        took = seconds(run, target)
        known = [r for r in of_target if r["status"] == "done"]
        done = [r for r in known if not r["floor"]]
        varying = [axis for axis in run.axes if len({r[axis] for r in done}) > 1 or axis == "heads"]
        short = {axis: shorten(str(r[axis]) for r in done) for axis in varying}
        unknown = any(not np.isfinite(took[r["key"]]) for r in done)
        done.sort(key=lambda r: -r["auc"])
        sheets.append(
            Sheet(
                target=target,
                title=f"{target}: score and cost, {run.dataset}, run {run.name}",
                labels=tuple(varying),
                headers=("AUC", "Seconds"),
                extras=(),
                rows=tuple(
                    Row(marked([short[a][str(r[a])] for a in varying], varying, [r["key"]], failed), _scores(r, took))
                    for r in done
                ),
                floors=tuple(
                    Row(tuple("" if r[a] == "none" else str(r[a]) for a in varying), (stored_score(r, "auc"), None))
                    for r in known
                    if r["floor"]
                ),
                notes=(
                    "Seconds: of the cell's fits. The training of a fusion that learns from labels counts in full for "
                    "each cell that uses it. Reading, embedding and steps that learn without labels do not count.",
                    *(["Seconds are empty where the run folder lacks those of a trained fusion."] if unknown else []),
                    *notes.beside(run, of_target, varying=varying, resamples=resamples),
                ),
            )
        )
    return sheets


def _scores(record: Record, took: dict[str, float]) -> tuple[Score | None, Score | None]:
    spent = took[record["key"]]
    return stored_score(record, "auc"), Score(spent, decimals=2) if np.isfinite(spent) else None


PRESET = Preset("AUC of every cell and the seconds of its fits.", cost, order=70)

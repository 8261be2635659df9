"""The table of scores: one row for each cell of a run, with intervals. It is kept in the run folder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from results import cache
from results.run_folder import Run
from results.scores.records import Record
from results.scores.target import score_target
from results.statistics.metrics import METRICS

if TYPE_CHECKING:
    import pandas as pd

FILE = "scores.parquet"
COUNTS = ("n_patients", "n_samples", "rarest_class_patients", "folds_left_out", "draws_left_out", "null_runs", "refits")


def scores(
    run: Run,
    metrics: Sequence[str] | None = None,
    *,
    resamples: int = 2000,
    seed: int = 0,
    against: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """One row for each cell, in the order of the run.

    Columns: `key`, `target`, the axes, `floor`, `status`, `reason`, `tuned`, `seconds`; `n_patients`, `n_samples`,
    `n_events` (samples by class, `299/207`), `rarest_class_patients`, `folds_left_out` (those that lack a class),
    `draws_left_out` (draws of the bootstrap that lack a class of the cell's rows).

    For each metric `m`: `m` (the primary value), `m_low`, `m_high` (95 % interval over patients and training sets:
    `results.statistics.uncertainty`), `m_fold_mean`, `m_fold_sd`, `m_repeat_sd`, and `m_in_best_set`: whether the cell
    is not shown to be worse than another (`results.statistics.best_set`; empty for floors and for cells on other
    samples than the best, and for all cells where the best is exploratory).

    With `auc` there are also `gain`, `gain_low`, `gain_high` (AUC minus that of `location`, or of `against`, on the
    samples that both predict, from the same resamples), `gain_pixels` with its interval (over the floor of small
    pixels), `floors_over` (the floors on the cell's sequences), `floors_beaten` (those over which the gain is shown,
    corrected for the number of cells), `null_auc`,
    `null_sd`, `null_within_auc`, `null_within_sd` (among samples of one place), `null_runs`,
    `p_value`, and for the best cell `auc_corrected`, `auc_corrected_low`, `auc_corrected_high`: its AUC,
    corrected for being chosen among the `auc_corrected_among` cells on its samples. Cells with refits have `refits`
    and the columns of `results.scores.refits`.

    A column is empty where it does not apply, such as ordinal metrics of other targets, or the p-value of a target
    with fewer than 20 patients in a class. The table is kept in the run folder and computed again when a prediction,
    the code of `results/` or an argument changes.

    Args:
        run: A run folder.
        metrics: Names in `METRICS`; None for those that tables show.
        resamples: Draws of the bootstrap; 0 for no intervals.
        seed: The seed of the draws.
        against: Axes with the steps of one cell of each target: gains are over that cell. Such a table is not kept.

    Raises:
        ResultsError: An unknown metric, an `against` that names no cell or several, or a broken run folder.
    """
    import pandas as pd

    wanted = shown_metrics() if metrics is None else list(metrics)
    for name in wanted:
        METRICS.named(name)
    path, digest = run.folder / FILE, cache.digest(run.folder, f"{resamples} {seed}")
    kept = _read(path, digest) if against is None else None
    had = [] if kept is None else kept.attrs["metrics"]
    if kept is not None and set(wanted) <= set(had):
        return kept
    together = [name for name in METRICS if name in had or name in wanted]
    rows: dict[str, Record] = {}
    for target in run.targets:
        cells = [c for c in run.cells if c.target == target]
        rows |= score_target(run, cells, together, resamples, seed, against)
    table = pd.DataFrame([rows[cell.key] for cell in run.cells])
    table = table.astype({name: "Int64" for name in COUNTS if name in table})
    table = table.astype({name: "boolean" for name in table if str(name).endswith("_in_best_set")})
    table.attrs = {"digest": digest, "metrics": together, "resamples": resamples}
    if against is None:
        cache.keep(path, lambda to: _write(table, to))
    return table


def kept_scores(folder: Path) -> pd.DataFrame | None:
    """The table that a run folder keeps, whatever has changed since; None if there is none, or another one."""
    import pandas as pd
    import pyarrow as pa

    try:
        table = pd.read_parquet(folder / FILE, page_checksum_verification=True)
        return table if table.attrs.get("content") == _content(table) else None
    except (pa.ArrowException, OSError, ValueError, TypeError):
        return None


def shown_metrics() -> list[str]:
    """The metrics that tables show without being asked, in their order."""
    return [name for name, metric in METRICS.items() if metric.shown]


def _read(path: Path, digest: str) -> pd.DataFrame | None:
    table = kept_scores(path.parent)
    return table if table is not None and table.attrs.get("digest") == digest else None


def _write(table: pd.DataFrame, to: Path) -> None:
    """Writes the table with a digest of what is read back, so that an edited one is not used."""
    import pandas as pd

    table.to_parquet(to)
    kept = pd.read_parquet(to)
    kept.attrs = {**table.attrs, "content": _content(kept)}
    kept.to_parquet(to, write_page_checksum=True)


def _content(table: pd.DataFrame) -> str:
    import pandas as pd

    rows = pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes()
    return hashlib.sha256(rows + str(list(table.columns)).encode()).hexdigest()

"""How near found points come to the annotated ones, and how near guesses without an image come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from results.run_folder import Run
from results.run_tables import read_table
from results.statistics.bootstrap import percentiles
from results.tables.formats import Row, Score, Sheet

if TYPE_CHECKING:
    import pandas as pd

FILE, TRAINING_FILE = "points.csv", "training_points.csv"
TRAINING = "found, training patients"
BASELINES = {"_mean": "mean position", "_centre": "mean position from the centre"}
COLUMNS: dict[str, type] = {"regions": str, "patient": str} | {
    f"{what}{of}": float for what in ("slices", "slice_mm", "mm") for of in ("", *BASELINES)
}
HEADERS = (
    "Slices off, median",
    "Slice off, mm",
    "mm off, median",
    "mm off, 95 %",
    "Within 5 mm, %",
    "Within 10 mm, %",
    "Not found, %",
)


def found_points(run: Run, *, by: Iterable[str] | None = None, resamples: int = 2000) -> Sheet | None:
    """Errors of the points that regions found in the scans of test patients; None if no region finds points.

    One row for each region is about training patients: heads learn around these points.

    Args:
        run: A run folder.
        by: Locating columns; each of their values has rows of its own. None: the first column, if there are several.
        resamples: Draws of the bootstrap over patients.
    """
    path = run.folder / FILE
    if not path.exists():
        return None
    table = read_table(path, COLUMNS)
    trained = run.folder / TRAINING_FILE
    training = read_table(trained, COLUMNS) if trained.exists() else table.iloc[:0]
    if by is None:
        by = run.locations[:1] if len(run.locations) > 1 else ()
    by = tuple(column for column in dict.fromkeys(by) if column in table)
    rows = []
    for region, of_region in table.groupby("regions", sort=False):
        parts = [((str(region), *["all"] * len(by)), of_region)] if by else []
        groups = of_region.groupby(list(by), sort=False) if by else [((), of_region)]
        parts += [((str(region), *map(str, place)), found) for place, found in groups]
        of_training = training[training["regions"] == region]
        for i, (place, found) in enumerate(parts):
            rows += _rows(place, found, resamples, {"": "found", **BASELINES})
            if len(of_training) and i == 0:
                rows += _rows(place, of_training, resamples, {"": TRAINING})
    training_notes = (f"{TRAINING.capitalize()}: the points around which heads learn.",) if len(training) else ()
    return Sheet(
        target="points",
        title=f"How near found points come to the annotated ones: {run.dataset}, run {run.name}",
        labels=("regions", *by, "points"),
        headers=tuple(f"{name}\nof these fits" for name in HEADERS),
        extras=("Patients", "Points"),
        rows=tuple(rows),
        floors=(),
        notes=(
            "Points of test patients against the annotated ones: distance in slices of the stack, along their normal, "
            "and in three dimensions, over the points that were found. A point that was not found counts as not within "
            "5 or 10 mm.",
            *training_notes,
            "Mean position: the mean of the training patients' points, in patient coordinates or from the scan's "
            "centre.",
            f"[ ]: 95 % percentile bootstrap over patients ({resamples} resamples).",
        ),
    )


def _rows(place: tuple[str, ...], found: pd.DataFrame, resamples: int, names: Mapping[str, str]) -> list[Row]:
    patients, owner = np.unique(found["patient"].to_numpy(dtype=str), return_inverse=True)
    times = np.ones((1, len(patients)))
    if len(patients) > 1:
        draws = np.random.default_rng(0).integers(0, len(patients), size=(resamples, len(patients)))
        drawn = np.apply_along_axis(np.bincount, 1, draws, minlength=len(patients))
        times = np.concatenate([times, drawn])
    weights = times[:, owner].astype(np.float64)
    rows = []
    for mark, name in names.items():
        errors = (found[f"{what}{mark}"].to_numpy(dtype=np.float64) for what in ("slices", "slice_mm", "mm"))
        slices, away, mm = errors
        values = [_quantile(each, weights, 0.5) for each in (slices, away, mm)] + [_quantile(mm, weights, 0.95)]
        values += [100 * _share(mm <= most, weights) for most in (5, 10)] + [100 * _share(np.isnan(mm), weights)]
        scores = tuple(_score(each) for each in values)
        rows.append(Row((*place, name), scores, (str(len(patients)), str(len(found)))))
    return rows


def _quantile(values: NDArray[np.float64], weights: NDArray[np.float64], q: float) -> NDArray[np.float64]:
    """`(R,)`: the value below which a share q of the weight lies, for weights `(R, n)`; NaN without values.

    Between two values it is their mean, so that q = 0.5 gives the usual median.
    """
    known = np.flatnonzero(np.isfinite(values))
    known = known[np.argsort(values[known], kind="stable")]
    if not len(known):
        return np.full(len(weights), np.nan)
    below = np.cumsum(weights[:, known], axis=1)
    share = q * below[:, -1:]
    first, second = ((below < share + edge).sum(axis=1).clip(max=len(known) - 1) for edge in (-1e-9, 1e-9))
    return np.where(below[:, -1] > 0, (values[known][first] + values[known][second]) / 2, np.nan)


def _share(which: NDArray[np.bool_], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((weights * which).sum(axis=1) / weights.sum(axis=1))


def _score(values: NDArray[np.float64]) -> Score | None:
    """The first value, with the interval of the others."""
    if not np.isfinite(values[0]):
        return None
    rest = values[1:][np.isfinite(values[1:])]
    return Score(float(values[0]), *percentiles(rest)) if len(rest) else Score(float(values[0]))

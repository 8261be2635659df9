"""The tables after those of the targets: fitted regions, filled sequences, and the dataset's own score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from results.flow import counted
from results.run_folder import Run
from results.run_tables import read_table
from results.statistics.bootstrap import percentiles
from results.tables.formats import Row, Score, Sheet
from results.tables.intervals import covers

if TYPE_CHECKING:
    import pandas as pd


COLUMNS: dict[str, dict[str, type]] = {
    "filling.csv": {"target": str, "missing": str, "sequence": str, "repeat": int, "fold": int, "n": int}
    | dict.fromkeys(("explained_variance", "cosine"), float),
    "regions.csv": {"regions": str, "sequence": str, "patient": str, "fold": int},
    "not_found.csv": {"regions": str, "sequence": str, "sample": str},
    "dataset_scores.csv": {"heads": str, "targets": str, "score": str, "value": float, "low": float, "high": float}
    | {"n_samples": int, "n_patients": int, "lower_is_better": bool},
}


DRAWN = 1000
"""The resamples of the run for the dataset's own score."""


def filling(run: Run) -> Sheet | None:
    """How well each missing step filled hidden sequences of test samples; None if no step learnt to fill."""
    table = _read(run, "filling.csv")
    if table is None:
        return None
    axes = [axis for axis in run.axes if axis in table]
    labels = [axis for axis in axes if len(set(table[axis])) > 1 or axis == "missing"]
    by = [*labels, "sequence"] if "sequence" not in labels else labels
    rows = []
    for place, found in table[table["n"] > 0].groupby(by, sort=False):
        weights = found["n"] / found["n"].sum()
        values = [Score(float((found[name] * weights).sum())) for name in ("explained_variance", "cosine")]
        spread = f"{found['explained_variance'].std():.2f}" if len(found) > 1 else ""
        rows.append(Row(tuple(map(str, place)), tuple(values), (spread, str(_samples(found)))))
    rows.sort(key=lambda row: (row.labels[-1], *row.labels[: -2 if len(row.labels) > 1 else None]))
    folds = table[["repeat", "fold"]].drop_duplicates()
    return Sheet(
        target="filling",
        title=f"How well absent sequences are filled: {run.dataset}, run {run.name}",
        labels=tuple(by),
        headers=("Explained variance", "Cosine"),
        extras=("SD over folds", "n"),
        rows=tuple(rows),
        floors=(),
        best=_best(rows),
        notes=(
            "Each sequence of a test sample is hidden in turn, filled from its other sequences by the step that was "
            "fitted on the training patients, and compared with the truth.",
            f"Explained variance: 1 for the truth, 0 for the training mean. Means over {counted(len(folds), 'fold')}, "
            "weighted by samples.",
        ),
    )


def _samples(table: pd.DataFrame) -> int:
    """The number of samples of a table with a row for each target, repeat and fold."""
    return int(table.groupby(["target", "repeat"])["n"].sum().max())


def found_regions(run: Run, *, resamples: int = 2000) -> Sheet | None:
    """How near fitted regions came to the given masks or points of test patients; None if no region was fitted."""
    table = _read(run, "regions.csv")
    if table is None:
        return None
    by = ["regions", "sequence"]
    names = [str(c) for c in table if c not in (*by, "repeat", "fold", "study", "patient")]
    rows, notes = [], []
    for place, found in table.groupby(by, sort=False):
        each = found.groupby(found["patient"].astype(str))[names].mean()
        scores = tuple(_over_patients(each[name].to_numpy(dtype=np.float64), resamples) for name in names)
        rows.append(Row(tuple(map(str, place)), scores, (str(len(each)),)))
        where = f"{place[0]} on {place[1]}"
        for name in (name for name in names if name.startswith("dice") and each[name].notna().sum() > 1):
            worst = f"{each[name].min():.2f}, in patient {each[name].idxmin()}"
            notes.append(f"{where}: {_words(name)} is lowest, {worst}.")
        for name in (name for name in names if each[name].isna().any()):
            n = int(each[name].notna().sum())
            notes.append(f"{where}: {_words(name)} is defined for {n} of {len(each)} patients only.")
        if (found["fold"] < 0).any():
            notes.append(f"{where}: its weights are given. All patients are shown, and it may have learnt from them.")
        notes += _not_found(run, *map(str, place))
    return Sheet(
        target="regions",
        title=f"What fitted regions found: {run.dataset}, run {run.name}",
        labels=tuple(by),
        headers=tuple(f"{_words(name)}\nof these fits" for name in names),
        extras=("Patients",),
        rows=tuple(rows),
        floors=(),
        notes=(
            "Found regions against the given ones on scans of test patients: means over a patient's scans, then over "
            f"patients. [ ]: 95 % percentile bootstrap over patients ({resamples} resamples).",
            *notes,
        ),
    )


def _words(name: str) -> str:
    return name.replace("_", " ")


def _not_found(run: Run, region: str, sequence: str) -> list[str]:
    """The note on the test samples that a region did not find."""
    table = _read(run, "not_found.csv")
    if table is None:
        return []
    found = table[(table["regions"] == region) & (table["sequence"] == sequence)]
    if found.empty:
        return []
    n = found["sample"].nunique()
    return [f"{region} on {sequence}: {n} test samples were not found and get base rates, see not_found.csv."]


def _over_patients(values: NDArray[np.float64], resamples: int) -> Score | None:
    """The mean over patients that have a value, with its interval."""
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    drawn = np.random.default_rng(0).integers(0, len(values), size=(resamples, len(values)))
    return Score(float(values.mean()), *percentiles(values[drawn].mean(axis=1)))


def dataset_scores(run: Run) -> Sheet | None:
    """The dataset's own metrics, best first; None if it has none."""
    table = _read(run, "dataset_scores.csv")
    if table is None:
        return None
    table = table.rename(columns={"targets": "target"})
    names = list(dict.fromkeys(table["score"]))
    axes = [axis for axis in (*run.axes, "target") if len(set(table[axis])) > 1 or axis == "heads"]
    rows = []
    for place, found in table.groupby(axes, sort=False):
        by_name = {r["score"]: r for r in found.to_dict("records")}
        scores = tuple(
            Score(by_name[n]["value"], by_name[n]["low"], by_name[n]["high"], decimals=3) if n in by_name else None
            for n in names
        )
        words = tuple("" if word == "none" else str(word) for word in place)
        rows.append(Row(words, scores, (str(found["n_samples"].max()),)))
    sign = 1 if bool(table["lower_is_better"].iloc[0]) else -1
    rows.sort(key=lambda row: sign * row.scores[0].value if row.scores[0] else float("inf"))
    of_steps: dict[tuple[str, ...], list[str]] = {}
    for cell in run.cells:
        of_steps.setdefault(tuple(cell.axes.values()), []).append(cell.status)
    lacking = sum("done" in states and set(states) != {"done"} for states in of_steps.values())
    notes = [
        f"{int(table['n_patients'].max())} patients at most; n: samples. "
        f"{'Lower is better.' if sign > 0 else 'Higher is better.'} {covers(run, DRAWN, 0, rows='')} Numbers are means "
        "over repeats."
    ]
    if lacking:
        notes.append(f"{lacking} combinations of steps have no joint score, since not all of their targets are done.")
    if len(set(table["n_samples"])) > 1:
        notes.append("Scores with different n are on different samples and can't be compared.")
    return Sheet(
        target="dataset score",
        title=f"The dataset's own score: {run.dataset}, run {run.name}",
        labels=tuple(axes),
        headers=tuple(map(_words, names)),
        extras=("n",),
        rows=tuple(rows),
        floors=(),
        always=frozenset({0}),
        notes=tuple(notes),
    )


def _read(run: Run, name: str) -> pd.DataFrame | None:
    path = run.folder / name
    if not path.exists():
        return None
    table = read_table(path, COLUMNS[name])
    return table if len(table) else None


def _best(rows: list[Row]) -> frozenset[tuple[int, int]]:
    """The places of the best-filled row of each sequence, if there are several."""
    best: set[tuple[int, int]] = set()
    for sequence in dict.fromkeys(row.labels[-1] for row in rows):
        there = [i for i, row in enumerate(rows) if row.labels[-1] == sequence]
        for j in range(2):
            values = {i: score.value for i in there if (score := rows[i].scores[j]) is not None}
            if len(values) > 1:
                best |= {(i, j) for i, value in values.items() if value == max(values.values())}
    return frozenset(best)

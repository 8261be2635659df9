"""Permutation importance as a table and as a figure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from results.figures.drawing.style import Drawing, NothingToDrawError, Width, colour, legend_below, styled
from results.flow import counted
from results.interpretability.explained import Explanations
from results.statistics.resampled_t import resampled_interval
from results.tables.formats import Row, Score, Sheet

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 25
LINE = 4.2  # mm of a feature
KINDS = {"feature": "feature", "column": "column", "group": "together", "block": "block"}
LONGEST = 40  # letters of a name in the figure


def importance_table(explained: Explanations) -> pd.DataFrame:
    """One row for each feature and adjustment: the mean fall of the AUC over folds with its interval.

    Columns: `feature`, `kind`, `adjustment`, `by`, `fall`, `low`, `high`, `folds`, `left_out`; the largest mean first.
    The interval is the corrected resampled t interval over the folds of all repeats; NaN with fewer than two folds.
    Folds that lack a class are left out.
    """
    import pandas as pd

    ratio = explained.about["importance"]["test_train_ratio"]
    rows = []
    for (feature, kind, adjustment), found in explained.falls.groupby(["feature", "kind", "adjustment"], sort=False):
        falls = found["fall"].to_numpy(dtype=np.float64)
        kept = falls[~np.isnan(falls)]
        low, high = resampled_interval(kept, ratio) if len(kept) > 1 else (math.nan, math.nan)
        mean = float(kept.mean()) if len(kept) else math.nan
        facts = {"feature": feature, "kind": kind, "adjustment": adjustment, "by": found["by"].iloc[0]}
        rows.append(
            facts | {"fall": mean, "low": low, "high": high, "folds": len(kept), "left_out": len(falls) - len(kept)}
        )
    return pd.DataFrame(rows).sort_values("fall", ascending=False, kind="stable", ignore_index=True)


def importance_sheet(explained: Explanations) -> Sheet:
    """The table as it is printed."""
    table = importance_table(explained)
    adjustments = list(dict.fromkeys(explained.falls["adjustment"]))
    rows = []
    for feature in dict.fromkeys(table.loc[table["adjustment"] == adjustments[0], "feature"]):
        own = table[table["feature"] == feature].set_index("adjustment")
        first = own.iloc[0]
        scores = tuple(_score(own.loc[name]) if name in own.index else None for name in adjustments)
        rows.append(Row((short(str(feature)), KINDS[str(first["kind"])]), scores, (str(first["by"]),)))
    return Sheet(
        target=explained.cell.target,
        title=f"Permutation importance for {explained.cell.target}: {explained.words}, run {explained.run.name}",
        labels=("Feature", "Kind"),
        headers=tuple(f"Fall of AUC\n{name}" for name in adjustments),
        extras=("Permuted over",),
        rows=tuple(rows),
        floors=(),
        notes=tuple(notes(explained, table)),
    )


def notes(explained: Explanations, table: pd.DataFrame) -> list[str]:
    """The sentences under the table and the figure."""
    auc = explained.falls.drop_duplicates(["repeat", "fold"])["auc"]
    left_out = int(table["left_out"].max())
    found = [
        "Fall of AUC: how much lower the AUC of a fold's test samples is when the feature is permuted among them; the "
        f"mean over {explained.about['importance']['permutations']} permutations and {int(table['folds'].max())} "
        f"folds. The mean AUC of the folds is {auc.mean():.2f}.",
        "[ ]: 95 % interval of the mean over folds (corrected resampled t: folds share training patients). It is wide "
        "with few folds.",
        "A feature that is the same for all samples of each patient is permuted over patients, any other over samples.",
    ]
    if left_out:
        lack = "lacks a class and is" if left_out == 1 else "lack a class and are"
        found.append(f"{counted(left_out, 'fold')} {lack} left out.")
    if (table["adjustment"] == "within place").any():
        found.append(
            f"Within place: permuted among samples of the same {explained.run.within}, so that what the feature shows "
            "of the place stays."
        )
    if (table["kind"] == "block").any():
        found.append("Block: all features of an encoder permuted together.")
    if len(explained.correlated):
        first, pairs = explained.correlated.iloc[0], len(explained.correlated)
        found.append(
            f"Warning: {pairs} {'pair of features has' if pairs == 1 else 'pairs of features have'} a Spearman "
            f"correlation of 0.7 or more (the strongest: {first['first']} and {first['second']}, {first['rho']:+.2f}). "
            "When one feature is permuted, the others still show the same, so its own fall is too small. Rows of kind "
            "together permute all of them at once."
        )
    return found


@styled
def importance_figure(explained: Explanations, *, width: Width = "double") -> Drawing:
    """The mean fall of the AUC with its interval, for each feature.

    Raises:
        NothingToDrawError: No feature has a name, or every fold lacks a class.
    """
    if explained.falls.empty:
        raise NothingToDrawError("no feature of this cell has a name")
    table = importance_table(explained)
    table = table[table["fall"].notna()]
    if table.empty:
        raise NothingToDrawError("every fold lacks a class")
    adjustments = list(dict.fromkeys(explained.falls["adjustment"]))
    names = list(dict.fromkeys(table.loc[table["adjustment"] == adjustments[0], "feature"]))
    shown = names[:SHOWN]
    figure = Drawing(width, LINE * len(shown) + 14)
    axes = figure.subplots()
    handles = []
    for a, adjustment in enumerate(adjustments):
        own = table[table["adjustment"] == adjustment].set_index("feature")
        places = [i for i, name in enumerate(shown) if name in own.index]
        rows = own.loc[[shown[i] for i in places]]
        height = np.array(places) + (a - (len(adjustments) - 1) / 2) * 0.3
        reach = np.abs(np.nan_to_num(rows[["low", "high"]].to_numpy().T - rows["fall"].to_numpy()))
        marker: dict[str, Any] = {"fmt": ("o", "s")[a % 2], "color": colour(a), "markersize": 3, "linewidth": 0.9}
        handles.append(axes.errorbar(rows["fall"], height, xerr=reach, label=adjustment, **marker))
    kinds = table.drop_duplicates("feature").set_index("feature")["kind"]
    labels = [f"{short(name)}{' (together)' if kinds[name] == 'group' else ''}" for name in shown]
    axes.set_yticks(range(len(shown)), labels)
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.6)
    axes.set_xlabel("fall of AUC when permuted")
    if len(adjustments) > 1:
        legend_below(figure, handles)
    more = f"The {SHOWN} of {len(names)} rows with the largest falls are shown. " if len(names) > SHOWN else ""
    what = f"Permutation importance for {explained.cell.target}: {explained.words}. {more}"
    figure.caption = what + " ".join(notes(explained, table))
    return figure


def short(name: str) -> str:
    """A feature's name; of a group the first features, as many as are needed to know it."""
    parts = name.split(" + ")
    kept, more = parts[:1], len(parts) - 1
    while more and len(" + ".join([*kept, parts[len(kept)]])) <= LONGEST:
        kept, more = parts[: len(kept) + 1], more - 1
    return " + ".join(kept) + (f" + {more} more" if more else "")


def _score(row: pd.Series) -> Score | None:
    if math.isnan(row["fall"]):
        return None
    low, high = (None if math.isnan(row[end]) else float(row[end]) for end in ("low", "high"))
    return Score(float(row["fall"]), low, high, signed=True, decimals=3)

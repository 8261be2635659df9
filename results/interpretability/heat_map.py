"""Heat map of the correlations of features with measures and gradings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from results.figures.drawing.style import (
    WIDTHS,
    Drawing,
    NothingToDrawError,
    Width,
    readable_on,
    styled,
    text_width,
    titled,
)
from results.interpretability.found import Latents
from results.interpretability.table import EVENTS, POOLED, short, within

if TYPE_CHECKING:
    import pandas as pd

ROWS = 24
TALL = 4.6
NUMBERS = 5.6  # mm of a cell's width from which its number is written
ALPHA = 0.05
FEW = 40
SUBJECTS = {"pearson": "Pearson", "spearman": "Spearman"}


@styled
def correlation_heat_map(latents: Latents, table: pd.DataFrame, method: str, *, width: Width = "double") -> Drawing:
    """Features as rows, measures and gradings as columns; within places above, pooled below; marked if q < 0.05.

    Args:
        latents: The latents.
        table: The table of `correlation_table`.
        method: `pearson` or `spearman`.
        width: The width of the figure.

    Raises:
        NothingToDrawError: No measure varies.
    """
    table = table[(table["method"] == method) & table["r"].notna()]
    if table.empty:
        raise NothingToDrawError("no measure or grading varies over the samples")
    shown = [name for name in (within(latents), POOLED) if (table["adjustment"] == name).any()]
    first = table[table["adjustment"] == shown[0]]
    columns = [name for name in map(str, latents.measures) if name in set(first["measure"])]
    largest = first.assign(size=first["r"].abs()).groupby("feature")["size"].max()
    chosen = set(largest.nlargest(ROWS).index)
    rows = [name for name in latents.names if name in chosen]
    room = (WIDTHS[width] - 26) / len(columns)
    below = max(text_width(name.replace("_", " ")) for name in columns)
    figure = Drawing(width, len(shown) * (TALL * len(rows) + 7) + below + 6)
    panels = figure.subplots(len(shown), 1, squeeze=False)[:, 0].tolist()
    for panel, name in zip(panels, shown, strict=True):
        part = table[table["adjustment"] == name].set_index(["feature", "measure"])
        image = _panel(panel, part, rows, columns, numbers=room >= NUMBERS)
    kinds = [latents.about["kinds"][name] for name in columns]
    for panel in panels:
        for edge in range(1, len(kinds)):
            if kinds[edge] != kinds[edge - 1]:
                panel.axvline(edge - 0.5, color="black", linewidth=1.2)
    panels[-1].set_xticks(range(len(columns)), [name.replace("_", " ") for name in columns], rotation=90)
    titled(panels, shown)
    bar = figure.colorbar(image, ax=panels, pad=0.01, aspect=30)
    bar.set_label(f"{SUBJECTS[method]} correlation")
    figure.caption = _caption(latents, table, method, rows, shown, numbers=room >= NUMBERS)
    return figure


def _panel(panel: Axes, part: pd.DataFrame, rows: list[str], columns: list[str], *, numbers: bool) -> AxesImage:
    r, q = (_square(part, value, rows, columns) for value in ("r", "q"))
    image = panel.imshow(r, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    for (i, j), value in np.ndenumerate(r):
        if np.isnan(value):
            continue
        sure = bool(q[i, j] < ALPHA)
        if numbers:
            text = short(value)
            weight = "bold" if sure else "normal"
            colour = readable_on(image.to_rgba(np.array([value]))[0])
            panel.text(j, i, text, ha="center", va="center", fontsize=5.5, weight=weight, color=colour)
        elif sure:
            panel.plot(j, i, marker=".", markersize=2.5, color=readable_on(image.to_rgba(np.array([value]))[0]))
    panel.set_yticks(range(len(rows)), rows)
    panel.set_xticks([])
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    panel.set_facecolor("0.9")
    return image


def _square(part: pd.DataFrame, value: str, rows: list[str], columns: list[str]) -> NDArray[np.float64]:
    return (
        part.reset_index()
        .pivot_table(value, "feature", "measure")
        .reindex(index=rows, columns=columns)
        .to_numpy(dtype=np.float64)
    )


def _caption(
    latents: Latents, table: pd.DataFrame, method: str, rows: list[str], shown: list[str], *, numbers: bool
) -> str:
    about = latents.about
    first = table[table["adjustment"] == shown[0]]
    seen = latents.samples.loc[~latents.held_out, "patient"].nunique()
    unseen = latents.samples.loc[latents.held_out, "patient"].nunique()
    place = latents.run.within
    how = {
        "pearson": f"after the mean of the {place} is subtracted from both",
        "spearman": f"of ranks among the samples of one {place}",
    }[method]
    line = " (right of the line)" if len(set(first["kind"])) > 1 else ""
    measures = "" if about["not_measured"] else f"the measures of {about['measured_by']} and with "
    network = (
        f"the network of fold {about['fold']} of the first repeat; features of different networks share no meaning"
    )
    whose = f" ({network})" if latents.run.crossed else ""
    text = (
        f"{SUBJECTS[method]} correlations of the features of {about['encoder']}{whose} with {measures}gradings{line}. "
    )
    text += (
        f"Within {place} (above): {how}; pooled (below): over all samples. "
        if len(shown) > 1
        else "Pooled over all samples: there are no places to compare within. "
    )
    text += (
        f"{len(latents.values)} samples of {seen + unseen} patients. {seen} of them trained the network, without "
        f"measures or gradings; {unseen} did not, and correlations among only these are in correlations.csv "
        f"(held_out_r){_agreement(first)}. "
    )
    family = int(first["family"].iloc[0])
    if family:
        mark = "Bold" if numbers else "Dot"
        text += (
            f"{mark}: q < 0.05 by Benjamini and Hochberg over the {family} p-values of a panel. p-values flip the "
            "signs of patients' shares of the covariance, so that the samples of one patient count as one. "
        )
    text += (
        "95 % intervals (bootstrap over patients, conditional on the fitted network) are in correlations.csv. Many "
        "features and measures are correlated with each other: a correlation shows neither what a feature is nor that "
        "it causes a grade."
    )
    rare = sorted(set(first.loc[first["remark"] != "", "measure"]))
    if rare:
        text += f" Exploratory, without p-value (fewer than {EVENTS} patients): {', '.join(rare)}."
    if family and seen + unseen < FEW:
        text += f" Fewer than {FEW} patients: p-values are approximate."
    absent = [str(name) for name in latents.measures if name not in set(first["measure"])]
    if absent:
        text += f" Not shown, since they are the same for all samples or not known: {', '.join(absent)}."
    if about["not_measured"]:
        text += f" Nothing was measured: {about['not_measured']}."
    if len(rows) < latents.values.shape[1]:
        text += f" The {len(rows)} of {latents.values.shape[1]} features with the largest correlation are shown."
    if about["others"]:
        text += f" Other networks of the cell are not shown: {', '.join(about['others'])}."
    return text


def _agreement(first: pd.DataFrame) -> str:
    """The number of significant correlations that have the same sign in held-out patients."""
    sure = first[(first["q"] < ALPHA) & first["held_out_r"].notna()]
    if sure.empty:
        return ""
    adjustment = str(first["adjustment"].iloc[0])
    same = int((np.sign(sure["r"]) == np.sign(sure["held_out_r"])).sum())
    return (
        f"; of the {len(sure)} with q < 0.05 {'here' if adjustment == POOLED else adjustment}, {same} have the same "
        "sign there"
    )

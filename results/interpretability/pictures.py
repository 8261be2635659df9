"""Figures of what an autoencoder's features do to a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from results.figures.drawing.style import COLOURS, WIDTHS, Drawing, Width, styled, wrapped
from results.interpretability.found import Latents

Float32 = NDArray[np.float32]
Row = tuple[str, list[Float32 | None]]

SHARES = (1.0, 99.0)
HALF = 0.5
LEFT = 22.0  # mm for the names of rows
STEPS = ("5 %", "", "", "", "", "95 %")


@styled
def reconstructions(of: Latents, *, width: Width = "double") -> Drawing:
    """Held-out samples above, what became of them below, for every plane."""
    about = of.about["reconstructions"]
    titles = [f"{i + 1}. {_fit(of, i)}" for i in range(len(about["samples"]))]
    rows: list[Row] = []
    for name, (before, after) in zip(_planes(of), of.pictures("reconstructions"), strict=True):
        rows += [(f"input{name}", [*before]), (f"decoded{name}", [*after])]
    figure = _draw(of, rows, titles, width)
    whom = "patients that it was not trained on" if of.held_out.any() else "patients that it was trained on"
    figure.caption = (
        f"What {_who(of)} keeps of {len(titles)} samples of {whom}: input and what is decoded from its "
        f"{of.values.shape[1]} features. {_fits(of)}{_shown(of)}"
    )
    return figure


@styled
def traversal(of: Latents, plane: int, *, meanings: Sequence[str], width: Width = "double") -> Drawing:
    """One feature a row from its 5th to its 95th percentile, and how the picture changes.

    Args:
        of: The latents.
        plane: Which plane.
        meanings: For each feature shown, a line about it.
        width: Of the figure.
    """
    about = of.about["traversal"]
    arrays = of.pictures("traversal")[plane]
    rows: list[Row] = [
        (f"z{j}\n{wrapped(said, LEFT - 4)}".strip(), [*steps, None])
        for j, said, steps in zip(about["features"], meanings, arrays, strict=True)
    ]
    change = arrays[:, -1, 0] - arrays[:, 0, 0]
    most = float(np.abs(change).max()) or 1.0

    def last(axes: Axes, row: int, aspect: float) -> None:
        axes.imshow(change[row], cmap="RdBu_r", vmin=-most, vmax=most, aspect=aspect)

    figure = _draw(of, rows, [*STEPS, "95 % less 5 %"], width, planes=[plane] * len(rows), last=last)
    chosen = (
        f"The {len(rows)} of {of.values.shape[1]} features whose traversal changes the picture most, in that order,"
        if len(rows) < of.values.shape[1]
        else "Every feature, those first that change the picture most,"
    )
    figure.caption = (
        f"{chosen} from the 5th to the 95th percentile in six equal steps, the others at their mean, "
        f"decoded by {_who(of)}; right, the last less the first (red: more{_of_first(of)}). {_said(of, meanings)}"
        "Pictures are what the decoder makes of such features: no patient need have them."
        f"{_shown(of, plane)}"
    )
    return figure


@styled
def interpolation(of: Latents, *, width: Width = "double") -> Drawing:
    """From one sample to another along the straight line between their features."""
    titles = ["sample A", *(f"{100 * share:.0f} %" for share in np.linspace(0, 1, 6)), "sample B"]
    rows: list[Row] = [(name.strip(), [*p]) for name, p in zip(_planes(of), of.pictures("interpolation"), strict=True)]
    figure = _draw(of, rows, titles, width)
    ends = [of.run.levels.get(of.samples["sample"].iloc[i], "") for i in of.about["interpolation"]["samples"]]
    levels = f" (A: {ends[0]}, B: {ends[1]})" if all(ends) else ""
    whom = "patients not trained on" if of.held_out.any() else "the training patients"
    figure.caption = (
        f"Between two samples of {whom}{levels}, nearest to the 5th and 95th percentile of the features' first "
        f"principal component: inputs at the ends, between them what {_who(of)} decodes along the straight line "
        f"between their features.{_shown(of)}"
    )
    return figure


@styled
def generated(of: Latents, *, width: Width = "double") -> Drawing:
    """Pictures of drawn features."""
    arrays = of.pictures("generated")
    rows: list[Row] = [(name.strip(), [*p]) for name, p in zip(_planes(of), arrays, strict=True)]
    figure = _draw(of, rows, [f"draw {i + 1}" for i in range(len(arrays[0]))], width)
    about = of.about["generated"]
    moved = (
        f" {100 * about['moved']:.0f} % of the values drawn lay outside and were moved to the border."
        if about["moved"]
        else ""
    )
    figure.caption = (
        "Generated: features drawn from one normal distribution with the mean and covariance of "
        f"{about['training_samples']} training samples' features, kept within their range, and decoded by "
        f"{_who(of)}.{moved} That the features are normal is assumed, not shown.{_shown(of)}"
    )
    return figure


@styled
def neighbours(of: Latents, *, width: Width = "double") -> Drawing:
    """Samples, and those of other patients that are nearest in the features."""
    import pandas as pd

    table = pd.read_csv(of.folder / "neighbours.csv")
    queries = of.about["neighbours"]["queries"]
    away = {int(str(q)): rows["distance"].to_numpy() for q, rows in table.groupby("sample") if q in queries}
    found = of.pictures("neighbours")[0]
    rows: list[Row] = [(f"sample {i + 1}", [*pictures]) for i, pictures in enumerate(found)]
    k = found.shape[1] - 1
    under = [["", *(f"{d:.2f}" for d in away[q])] for q in queries]
    figure = _draw(
        of, rows, ["sample", *(f"neighbour {i + 1}" for i in range(k))], width, planes=[0] * len(rows), under=under
    )
    figure.caption = (
        "Nearest neighbours among the samples of other patients, by the Euclidean distance (the number) of the "
        f"features of {_who(of)}, each divided by its standard deviation. Inputs are shown; the samples on the left "
        f"are of patients {'not trained on' if of.held_out.any() else 'trained on'}.{_alike(of, table)} "
        f"neighbours.csv has the nearest of every sample.{_shown(of, 0)}"
    )
    return figure


def _draw(
    of: Latents,
    rows: list[Row],
    titles: Sequence[str],
    width: Width,
    *,
    planes: Sequence[int] | None = None,
    last: Callable[[Axes, int, float], None] | None = None,
    under: Sequence[Sequence[str]] = (),
) -> Drawing:
    """Pictures `(C, h, w)` in rows; each row is of one plane, by default of the planes in turn."""
    per_plane = len(rows) // len(of.about["planes"])
    planes = planes or [i // per_plane for i in range(len(rows))]
    aspects = [of.about["planes"][plane]["aspect"] for plane in planes]
    side = (WIDTHS[width] - LEFT) / len(titles)
    ratios = []
    for (_, pictures), aspect in zip(rows, aspects, strict=True):
        first = next(p for p in pictures if p is not None)
        ratios.append(first.shape[1] * aspect / first.shape[2])
    below = 3.5 if under else 0.0
    figure = Drawing(width, sum(side * ratio + below + 1.0 for ratio in ratios) + 8)
    grid = figure.subplots(len(rows), len(titles), squeeze=False, gridspec_kw={"height_ratios": ratios})
    figure.set_layout_engine("constrained", w_pad=0.01, h_pad=0.02, wspace=0.01, hspace=0.01)
    grey = _grey(of)
    for i, (name, pictures) in enumerate(rows):
        for j, picture in enumerate(pictures):
            axes = grid[i, j]
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
            if picture is not None:
                _picture(axes, picture, of.about["channels"], grey, aspects[i])
            elif last is not None:
                last(axes, i, aspects[i])
            if i == 0:
                axes.set_title(titles[j])
            if under:
                axes.set_xlabel(under[i][j], labelpad=1.5)
        grid[i, 0].set_ylabel(name, rotation=0, ha="right", va="center", labelpad=3)
    return figure


def _picture(axes: Axes, picture: Float32, channels: Sequence[str], grey: tuple[float, float], aspect: float) -> None:
    """The first channel in grey, and where there are two the outline of the mask over it."""
    axes.imshow(picture[0], cmap="gray", vmin=grey[0], vmax=grey[1], aspect=aspect)
    if len(channels) > 1 and picture[1].min() < HALF < picture[1].max():
        axes.contour(picture[1], levels=[HALF], colors=COLOURS[4], linewidths=0.7)


def _grey(of: Latents) -> tuple[float, float]:
    """The grey scale of all figures: that of the inputs that are rebuilt."""
    if of.about["channels"][0] == "mask":
        return 0.0, 1.0
    inputs = np.concatenate([before[:, 0].ravel() for before, _ in of.pictures("reconstructions")])
    low, high = np.percentile(inputs, SHARES)
    return float(low), float(high) if high > low else float(low) + 1


def _who(of: Latents) -> str:
    return f"{of.about['encoder']} (fold {of.about['fold']})"


def _planes(of: Latents) -> list[str]:
    names = [plane["name"] for plane in of.about["planes"]]
    return [f"\n{name}" for name in names] if len(names) > 1 else [""]


def _shown(of: Latents, plane: int | None = None) -> str:
    """Which slices, and what grey and colour mean; all planes where none is named."""
    planes = of.about["planes"]
    which = "along each axis" if plane is None else planes[plane]["name"]
    return (f" Middle slices, {which}." if len(planes) > 1 else "") + _look(of)


def _look(of: Latents) -> str:
    channels = of.about["channels"]
    if channels == ["mask"]:
        look = "Grey from 0 (outside) to 1 (inside the structure)."
    else:
        look = "Grey from the 1st to the 99th percentile of all pictures shown."
    if len(channels) > 1:
        look += " Orange: outline of the mask, where it is one half."
    return f" {look}"


def _of_first(of: Latents) -> str:
    return "" if len(of.about["channels"]) == 1 else f", of the {of.about['channels'][0]}"


def _fit(of: Latents, i: int) -> str:
    about, channels = of.about["reconstructions"], of.about["channels"]
    if "mask" in channels:
        return f"Dice {about['dice'][i][channels.index('mask')]:.2f}".replace("0.", ".")
    return f"RMSE {about['rmse'][i][0]:.2f}".replace("0.", ".")


def _fits(of: Latents) -> str:
    if "mask" in of.about["channels"]:
        return "Dice: of what lies above one half, in the whole picture."
    return "RMSE: root mean squared error of a pixel, in the units of the input."


def _said(of: Latents, meanings: Sequence[str]) -> str:
    if not any(meanings):
        return ""
    within = "" if of.level is None else " within level"
    return f"Under a feature's name: the measure with the largest Spearman correlation{within}. "


def _alike(of: Latents, table: Any) -> str:
    """How often a neighbour is of the same level, and how often any sample of another patient is."""
    if of.level is None:
        return ""
    near = float((of.level[table["sample"]] == of.level[table["neighbour"]]).mean())
    both = np.unique(np.stack([of.level, of.patient]), axis=1, return_counts=True)[1]
    alike = (np.bincount(of.level) ** 2).sum() - (both**2).sum()
    chance = float(alike / (len(of.level) ** 2 - (np.bincount(of.patient) ** 2).sum()))
    return (
        f" {100 * near:.0f} % of all neighbours are of the sample's level, {100 * chance:.0f} % of all pairs of two "
        "patients."
    )

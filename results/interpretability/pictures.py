"""Figures that show how an autoencoder's features change a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from data.text.csv_tables import read_csv
from results.figures.drawing.style import COLOURS, WIDTHS, Drawing, Width, styled, wrapped
from results.interpretability.found import Latents

Float32 = NDArray[np.float32]
PictureRow = tuple[str, list[Float32 | None]]

SHARES = (1.0, 99.0)
HALF = 0.5
LEFT = 22.0  # mm for the names of rows
STEPS = ("5 %", "", "", "", "", "95 %")


@styled
def reconstructions(latents: Latents, *, width: Width = "double") -> Drawing:
    """Held-out samples, and below them their reconstructions, for every plane."""
    about = latents.about["reconstructions"]
    titles = [f"{i + 1}. {_fit(latents, i)}" for i in range(len(about["samples"]))]
    rows: list[PictureRow] = []
    for name, (before, after) in zip(_planes(latents), latents.pictures("reconstructions"), strict=True):
        rows += [(f"input{name}", [*before]), (f"decoded{name}", [*after])]
    figure = _draw(latents, rows, titles, width)
    whom = "patients that did not train the network" if latents.held_out.any() else "patients that trained the network"
    figure.caption = (
        f"{len(titles)} samples of {whom}, and what {_who(latents)} decodes from their {latents.values.shape[1]} "
        f"features. {_fits(latents)}{_shown(latents)}"
    )
    return figure


@styled
def traversal(latents: Latents, plane: int, *, meanings: Sequence[str], width: Width = "double") -> Drawing:
    """One feature per row from its 5th to its 95th percentile, and the change of the picture.

    Args:
        latents: The latents.
        plane: The number of the plane.
        meanings: A line about each feature shown.
        width: The width of the figure.
    """
    about = latents.about["traversal"]
    arrays = latents.pictures("traversal")[plane]
    rows: list[PictureRow] = [
        (f"z{j}\n{wrapped(meaning, LEFT - 4)}".strip(), [*steps, None])
        for j, meaning, steps in zip(about["features"], meanings, arrays, strict=True)
    ]
    change = arrays[:, -1, 0] - arrays[:, 0, 0]
    most = float(np.abs(change).max()) or 1.0

    def last(axes: Axes, row: int, aspect: float) -> None:
        axes.imshow(change[row], cmap="RdBu_r", vmin=-most, vmax=most, aspect=aspect)

    figure = _draw(latents, rows, [*STEPS, "95 % minus 5 %"], width, planes=[plane] * len(rows), last=last)
    chosen = (
        f"The {len(rows)} of {latents.values.shape[1]} features whose traversal changes the picture most, in that "
        "order,"
        if len(rows) < latents.values.shape[1]
        else "Every feature, in the order of how much it changes the picture,"
    )
    figure.caption = (
        f"{chosen} from the 5th to the 95th percentile in six equal steps, with the others at their mean, decoded by "
        f"{_who(latents)}. Right: the last picture minus the first (red: more{_of_first(latents)}). "
        f"{_below(latents, meanings)}The decoder made these pictures; no patient need have such features."
        f"{_shown(latents, plane)}"
    )
    return figure


@styled
def interpolation(latents: Latents, *, width: Width = "double") -> Drawing:
    """Pictures from one sample to another along the straight line between their features."""
    titles = ["sample A", *(f"{100 * share:.0f} %" for share in np.linspace(0, 1, 6)), "sample B"]
    rows: list[PictureRow] = [
        (name.strip(), [*p]) for name, p in zip(_planes(latents), latents.pictures("interpolation"), strict=True)
    ]
    figure = _draw(latents, rows, titles, width)
    ends = [
        latents.run.places.get(latents.samples["sample"].iloc[i], "") for i in latents.about["interpolation"]["samples"]
    ]
    places = f" (A: {ends[0]}, B: {ends[1]})" if all(ends) else ""
    whom = "patients who did not train the network" if latents.held_out.any() else "the training patients"
    figure.caption = (
        f"Between two samples of {whom}{places}, which are nearest to the 5th and the 95th percentile of the features' "
        f"first principal component. At the ends are the inputs, between them the pictures that {_who(latents)} "
        f"decodes along the straight line between their features.{_shown(latents)}"
    )
    return figure


@styled
def generated(latents: Latents, *, width: Width = "double") -> Drawing:
    """Pictures decoded from drawn features."""
    arrays = latents.pictures("generated")
    rows: list[PictureRow] = [(name.strip(), [*p]) for name, p in zip(_planes(latents), arrays, strict=True)]
    figure = _draw(latents, rows, [f"draw {i + 1}" for i in range(len(arrays[0]))], width)
    about = latents.about["generated"]
    moved = (
        f" {100 * about['moved']:.0f} % of the drawn values lay outside and were moved to the border."
        if about["moved"]
        else ""
    )
    figure.caption = (
        "Generated: features drawn from one normal distribution with the mean and covariance of "
        f"the features of {about['training_samples']} training samples, kept within their range, and decoded by "
        f"{_who(latents)}.{moved} The normal distribution is an assumption that was not tested.{_shown(latents)}"
    )
    return figure


@styled
def neighbours(latents: Latents, *, width: Width = "double") -> Drawing:
    """Samples, and the samples of other patients with the nearest features."""
    table = read_csv(latents.folder / "neighbours.csv", text=())
    queries = latents.about["neighbours"]["queries"]
    away = {int(str(q)): rows["distance"].to_numpy() for q, rows in table.groupby("sample") if q in queries}
    found = latents.pictures("neighbours")[0]
    rows: list[PictureRow] = [(f"sample {i + 1}", [*pictures]) for i, pictures in enumerate(found)]
    k = found.shape[1] - 1
    under = [["", *(f"{d:.2f}" for d in away[q])] for q in queries]
    figure = _draw(
        latents, rows, ["sample", *(f"neighbour {i + 1}" for i in range(k))], width, planes=[0] * len(rows), under=under
    )
    figure.caption = (
        "Nearest neighbours among the samples of other patients, by the Euclidean distance (the number) between the "
        f"features of {_who(latents)}, each divided by its standard deviation. The pictures are inputs. The patients "
        f"on the left {'did not train' if latents.held_out.any() else 'trained'} the network.{_alike(latents, table)} "
        f"neighbours.csv has the nearest neighbours of every sample.{_shown(latents, 0)}"
    )
    return figure


def _draw(
    latents: Latents,
    rows: list[PictureRow],
    titles: Sequence[str],
    width: Width,
    *,
    planes: Sequence[int] | None = None,
    last: Callable[[Axes, int, float], None] | None = None,
    under: Sequence[Sequence[str]] = (),
) -> Drawing:
    """Draws pictures `(C, h, w)` in rows; each row shows one plane, by default the planes in turn."""
    per_plane = len(rows) // len(latents.about["planes"])
    planes = planes or [i // per_plane for i in range(len(rows))]
    aspects = [latents.about["planes"][plane]["aspect"] for plane in planes]
    side = (WIDTHS[width] - LEFT) / len(titles)
    ratios = []
    for (_, pictures), aspect in zip(rows, aspects, strict=True):
        first = next(p for p in pictures if p is not None)
        ratios.append(first.shape[1] * aspect / first.shape[2])
    below = 3.5 if under else 0.0
    figure = Drawing(width, sum(side * ratio + below + 1.0 for ratio in ratios) + 8)
    grid = figure.subplots(len(rows), len(titles), squeeze=False, gridspec_kw={"height_ratios": ratios})
    figure.set_layout_engine("constrained", w_pad=0.01, h_pad=0.02, wspace=0.01, hspace=0.01)
    grey = _grey(latents)
    for i, (name, pictures) in enumerate(rows):
        for j, picture in enumerate(pictures):
            axes = grid[i, j]
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
            if picture is not None:
                _picture(axes, picture, latents.about["channels"], grey, aspects[i])
            elif last is not None:
                last(axes, i, aspects[i])
            if i == 0:
                axes.set_title(titles[j])
            if under:
                axes.set_xlabel(under[i][j], labelpad=1.5)
        grid[i, 0].set_ylabel(name, rotation=0, ha="right", va="center", labelpad=3)
    return figure


def _picture(axes: Axes, picture: Float32, channels: Sequence[str], grey: tuple[float, float], aspect: float) -> None:
    """Draws the first channel in grey, and over it the outline of the mask if there are two channels."""
    axes.imshow(picture[0], cmap="gray", vmin=grey[0], vmax=grey[1], aspect=aspect)
    if len(channels) > 1 and picture[1].min() < HALF < picture[1].max():
        axes.contour(picture[1], levels=[HALF], colors=COLOURS[4], linewidths=0.7)


def _grey(latents: Latents) -> tuple[float, float]:
    """The grey scale of all figures, from the inputs of the reconstructions."""
    if latents.about["channels"][0] == "mask":
        return 0.0, 1.0
    inputs = np.concatenate([before[:, 0].ravel() for before, _ in latents.pictures("reconstructions")])
    low, high = np.percentile(inputs, SHARES)
    return float(low), float(high) if high > low else float(low) + 1


def _who(latents: Latents) -> str:
    fold = f" (fold {latents.about['fold']})" if latents.run.crossed else ""
    return f"{latents.about['encoder']}{fold}"


def _planes(latents: Latents) -> list[str]:
    names = [plane["name"] for plane in latents.about["planes"]]
    return [f"\n{name}" for name in names] if len(names) > 1 else [""]


def _shown(latents: Latents, plane: int | None = None) -> str:
    """The end of a caption on slices, grey and colour; on all planes if none is given."""
    planes = latents.about["planes"]
    which = "along each axis" if plane is None else planes[plane]["name"]
    return (f" Middle slices, {which}." if len(planes) > 1 else "") + _look(latents)


def _look(latents: Latents) -> str:
    channels = latents.about["channels"]
    if channels == ["mask"]:
        look = "Grey from 0 (outside) to 1 (inside the structure)."
    else:
        look = "Grey from the 1st to the 99th percentile of all pictures shown."
    if len(channels) > 1:
        look += " Orange: outline of the mask at one half."
    return f" {look}"


def _of_first(latents: Latents) -> str:
    return "" if len(latents.about["channels"]) == 1 else f", of the {latents.about['channels'][0]}"


def _fit(latents: Latents, i: int) -> str:
    about, channels = latents.about["reconstructions"], latents.about["channels"]
    if "mask" in channels:
        return f"Dice {about['dice'][i][channels.index('mask')]:.2f}"
    return f"RMSE {about['rmse'][i][0]:.2f}"


def _fits(latents: Latents) -> str:
    if "mask" in latents.about["channels"]:
        return "Dice: of the mask above one half, in the whole picture."
    return "RMSE: root mean squared error of a pixel, in the units of the input."


def _below(latents: Latents, meanings: Sequence[str]) -> str:
    if not any(meanings):
        return ""
    within = "" if latents.place is None else f" within {latents.run.within}"
    return f"Below the name of a feature: the measure with the largest Spearman correlation{within}. "


def _alike(latents: Latents, table: Any) -> str:
    """A sentence on how often a neighbour is at the same place, and how often any sample of another patient is."""
    if latents.place is None:
        return ""
    near = float((latents.place[table["sample"]] == latents.place[table["neighbour"]]).mean())
    both = np.unique(np.stack([latents.place, latents.patient]), axis=1, return_counts=True)[1]
    alike = (np.bincount(latents.place) ** 2).sum() - (both**2).sum()
    chance = float(alike / (len(latents.place) ** 2 - (np.bincount(latents.patient) ** 2).sum()))
    return (
        f" {100 * near:.0f} % of all neighbours have the same {latents.run.within} as the sample, and "
        f"{100 * chance:.0f} % of all pairs of samples of two patients do."
    )

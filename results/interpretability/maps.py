"""Panels of samples: the crop, and over it the map of what spoke for the class that was called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from results.figures.drawing.style import LINE, WIDTHS, Drawing, Width, styled, wrapped
from results.interpretability.explained import Explanations

Float32 = NDArray[np.float32]

SLICES = 3  # the most that are shown of a crop, besides the one without a map
COLUMNS = {"single": 3, "double": 6}
TITLE, NAME, BAR = 7.0, 5.0, 17.0  # mm of a sample's title, of a picture's name, and of a colour bar
SHARES = (1.0, 99.0)
FLAT = 0.01  # log odds: a map without a larger change shows nothing
SURE = 1 - 1e-15  # a probability that is 1 to all digits
TOO_SURE = "its probability stays 1 to all digits: too sure to measure"
EXTREME = 99.9  # percentile of the map at which colours end
BAR_SHARE = 0.25  # the scale bar is at most so long as a share of the picture's width


class _Strip(NamedTuple):
    """The pictures of one sample: for each sequence the crop and its maps, with the slices that they show."""

    title: str
    rows: list[tuple[str, Float32 | None, Float32 | None, list[int], tuple[float, float]]]
    unit: str = "mm"
    flat: str = f"no place changes the log odds by {FLAT:g}"

    @property
    def columns(self) -> int:
        """How many pictures the widest row has."""
        return 1 + max((len(slices) for *_, slices, _ in self.rows), default=1)

    @property
    def tall(self) -> float:
        """The largest height of a crop as a share of its width."""
        found = [
            (crop.shape[1] * mm[0]) / (crop.shape[2] * mm[1]) for _, crop, _, _, mm in self.rows if crop is not None
        ]
        return max(found, default=1.0)

    @property
    def is_flat(self) -> bool:
        """Whether no map shows anything."""
        return self.most < FLAT

    @property
    def most(self) -> float:
        """Where colours end."""
        found = [np.abs(values).ravel() for _, _, values, _, _ in self.rows if values is not None]
        return float(np.percentile(np.concatenate(found), EXTREME)) if found else 0.0


@styled
def explanation_maps(explained: Explanations, method: str, *, width: Width = "double") -> Drawing:
    """The samples of a method, each with its crop and the map over it, with a colour bar of its own.

    Args:
        explained: The explanations.
        method: `occlusion` or `gradients`.
        width: The width of the figure.
    """
    strips = _strips(explained, method)
    columns = max(strip.columns for strip in strips)
    beside = max(1, COLUMNS[width] // columns)
    lines = [strips[k : k + beside] for k in range(0, len(strips), beside)]
    rows = max(len(strip.rows) for strip in strips)
    tall = max(strip.tall for strip in strips) * (WIDTHS[width] / beside - BAR) / columns
    heading = TITLE + (LINE if any(strip.is_flat for strip in strips) else 0)
    figure = Drawing(width, len(lines) * (rows * (tall + NAME) + heading))
    grid = figure.subfigures(len(lines), beside, squeeze=False)
    for line, shown in zip(grid, lines, strict=True):
        for place, strip in zip(line, shown, strict=False):
            _draw(place, strip, columns, rows)
    figure.caption = _caption(explained, method)
    return figure


@styled
def one_sample(rows: Sequence[tuple[str, Float32, Float32, tuple[float, float]]], title: str) -> Drawing:
    """One sample: for each sequence its crop and the map over it.

    Args:
        rows: For each sequence its words, the crop and the map `(D, H, W)`, and the spacing of rows and columns, mm.
        title: The line above.
    """
    strip = _Strip(title, [(words, crop, values, _shown(values), spacing) for words, crop, values, spacing in rows])
    columns = strip.columns
    width: Width = "double" if columns > 2 else "single"
    tall = strip.tall * (WIDTHS[width] - BAR) / columns
    figure = Drawing(width, len(rows) * (tall + NAME) + TITLE)
    _draw(figure.subfigures(1, 1), strip, columns, len(rows))
    return figure


def _strips(explained: Explanations, method: str) -> list[_Strip]:
    arrays = explained.arrays(method)
    unit = _unit(explained, method)
    found = []
    for i, sample in enumerate(explained.about[method]["samples"]):
        rows = []
        for j, sequence in enumerate(explained.about["sequences"]):
            crop, values = arrays.get(f"crop_{i}_{j}"), arrays.get(f"map_{i}_{j}")
            spacing = sample["spacing"][j] or (1.0, 1.0, 1.0)
            slices = [] if values is None else _shown(values)
            rows.append((sequence, crop, values, slices, (float(spacing[1]), float(spacing[2]))))
        words = f"{i + 1}. called {sample['called']} (p {_short(sample['probability'])}), label {sample['label']}"
        sure = min(sample["probability"], sample.get("least", 0.0)) > SURE
        found.append(_Strip(words, rows, unit, TOO_SURE) if sure else _Strip(words, rows, unit))
    return found


def _shown(values: Float32) -> list[int]:
    """The slices that are shown: all if there are few, otherwise those with the largest changes, in their order."""
    largest = np.abs(values).max(axis=(1, 2))
    return sorted(np.argsort(-largest, kind="stable")[:SLICES].tolist())


def _draw(place: Any, strip: _Strip, columns: int, height: int) -> None:
    grid = place.subplots(height, columns, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    image: Any = None
    for line, (sequence, crop, values, slices, spacing) in zip(grid, strip.rows, strict=False):
        if crop is None or values is None:
            line[0].text(0.5, 0.5, f"no {sequence}", ha="center", va="center", transform=line[0].transAxes)
            continue
        peak = int(np.abs(values).max(axis=(1, 2)).argmax())
        _crop(line[0], crop[peak], spacing)
        _scale_bar(line[0], crop.shape[2] * spacing[1], crop.shape[1] * spacing[0], strip.unit)
        line[0].set_title(f"{sequence}{f', slice {peak + 1}' if len(crop) > 1 else ''}")
        for axes, d in zip(line[1:], slices, strict=False):
            _crop(axes, crop[d], spacing)
            image = _over(axes, values[d], spacing, max(strip.most, FLAT))
            if len(crop) > 1:
                axes.set_title(f"slice {d + 1}")
    words = [strip.title, strip.flat] if strip.is_flat else [strip.title]
    place.suptitle("\n".join(wrapped(line, 30.0 * columns) for line in words), x=0.02, ha="left")
    if image is not None and not strip.is_flat:
        bar = place.colorbar(image, ax=list(grid.flat), location="right", shrink=0.9, aspect=18, pad=0.01)
        bar.set_label("log odds")


def _crop(axes: Axes, pixels: Float32, spacing: tuple[float, float]) -> None:
    low, high = np.percentile(pixels, SHARES)
    axes.imshow(pixels, cmap="gray", vmin=low, vmax=max(high, low + 1e-6), extent=_extent(pixels, spacing))


def _over(axes: Axes, values: Float32, spacing: tuple[float, float], most: float) -> Any:
    strength = np.clip(np.abs(values) / most, 0, 1)
    return axes.imshow(
        values, cmap="RdBu_r", vmin=-most, vmax=most, alpha=0.85 * strength, extent=_extent(values, spacing)
    )


def _extent(pixels: Float32, spacing: tuple[float, float]) -> tuple[float, float, float, float]:
    return 0.0, pixels.shape[1] * spacing[1], pixels.shape[0] * spacing[0], 0.0


def _unit(explained: Explanations, method: str) -> str:
    """The unit of lengths: `px` where the spacing of all crops is 1, as of pictures that have none."""
    spacings = (spacing for one in explained.about[method]["samples"] for spacing in one["spacing"] if spacing)
    return "px" if all(set(spacing) == {1.0} for spacing in spacings) else "mm"


def _scale_bar(axes: Axes, wide: float, high: float, unit: str) -> None:
    length = max((n for n in (1, 2, 5, 10, 20, 50, 100) if n <= BAR_SHARE * wide), default=0)
    if length:
        edge = [withStroke(linewidth=3, foreground="black")]
        axes.plot(
            [0.05 * wide, 0.05 * wide + length], [0.94 * high] * 2, color="white", linewidth=1.5, path_effects=edge
        )
        axes.text(
            0.05 * wide,
            0.91 * high,
            f"{length} {unit}",
            color="white",
            fontsize=5.5,
            va="bottom",
            path_effects=[withStroke(linewidth=1.2, foreground="black")],
        )


def _short(probability: float) -> str:
    """A probability in two digits, which is not rounded to 1."""
    return "> 0.99" if probability > 0.995 else f"{probability:.2f}"


def _caption(explained: Explanations, method: str) -> str:
    about, samples = explained.about[method], explained.about[method]["samples"]
    chosen = (
        "Half of the samples have the highest and half the lowest probability of their own class, with at most one "
        "sample per patient in each half. "
        if any(one["half"] for one in samples)
        else ""
    )
    whom = (
        f"{len(samples)} test samples of {explained.about['target']}, each explained by the fit that tested it "
        f"({explained.words}). {chosen}Numbers stand for names; about.json in this folder has the names in "
        "this order. "
    )
    depths = [len(one) for name, one in explained.arrays(method).items() if name.startswith("crop_")]
    shown = "Of a crop with more than three slices, those with the largest values are shown. "
    slices = shown if max(depths, default=1) > SLICES else ""
    if method == "gradients":
        gaps = max(abs(one["gap"]) for one in samples)
        return (
            f"Integrated gradients of {whom}Red: the place adds to the log odds of the called class against the next "
            "most probable one; blue: it takes from them; both compared with the mean of the training crops. All "
            f"values of a sample add up to the change of its log odds, to within {gaps:.2g}. {slices}"
        ).strip()
    largest = max(max(abs(x) for x in one["patch_mm"][1:]) for one in samples)
    filling = "the mean of the training crops" if about["filling"] == "mean" else "the crop blurred over half a patch"
    unit = _unit(explained, method)
    whole = [] if unit == "px" and round(largest, 1) == about["patch"] else [f"{largest:.1f} {unit} in whole pixels"]
    whole += [f"{samples[0]['patch_mm'][0]:.1f} {unit} across slices"] if max(depths, default=1) > 1 else []
    size = f"{about['patch']:g} {unit}" + (f" ({', '.join(whole)})" if whole else "")
    falls = [one["probability"] - one["least"] for one in samples]
    return (
        f"Occlusion of {whom}A patch of {size} is replaced by {filling}. Red: without the patch the log odds of the "
        "called class fall, so the place speaks for it; blue: they rise. A value is the mean over the patches that "
        "cover the place. The colour bar of each sample ends at its own largest value. One patch lowers the "
        f"probability of the called class by up to {max(falls):.2f}. {slices}"
    ).strip()

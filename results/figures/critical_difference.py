"""Critical-difference diagram: mean ranks of the cells over targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from results.figures.base import PaperFigure
from results.figures.drawing.chosen import RESAMPLES, Chosen, chosen
from results.figures.drawing.style import COLOURS, LINE, WIDTHS, Drawing, NothingToDrawError, Width, styled, wrapped
from results.run_folder import Predictions, Run
from results.statistics import ranks as statistics
from results.statistics.bootstrap import PatientBootstrap, PredictedRows
from results.statistics.evaluate import evaluate
from results.statistics.metrics.auc import METRIC as AUC
from results.statistics.uncertainty import standard_error, widened
from results.tables.beaten import any_exploratory

Float64 = NDArray[np.float64]
TARGETS = 3
SHOWN = 20
ROW = 4.2
LEVEL = 0.05


@dataclass(frozen=True, eq=False)
class Ranked:
    """The cells that are done for every target, with their scores on each.

    Args:
        names: The names of k cells.
        targets: The targets.
        scores: `(targets, k)` AUC.
        draws: `(targets, B, k)` AUC in the same B resamples of patients; B may be 0.
    """

    names: tuple[str, ...]
    targets: tuple[str, ...]
    scores: Float64
    draws: Float64


@styled
def critical_difference(
    run: Run, *, width: Width = "double", shown: int = SHOWN, resamples: int = RESAMPLES, seed: int = 0
) -> Drawing:
    """Mean ranks by AUC of the cells that are done for every target; bars join cells that do not differ (Nemenyi).

    If Friedman's test does not reject, one bar joins all cells.

    Args:
        run: A run folder with at least three targets.
        width: The width of the figure.
        shown: The largest number of cells.
        resamples: Draws of patients for the intervals of mean ranks.
        seed: The seed of the draws.

    Raises:
        NothingToDrawError: Fewer than three targets, or fewer than three cells that are done for all of them.

    References:
        J. Demšar, Statistical comparisons of classifiers over multiple data sets, 2006, JMLR 7:1-30.
    """
    found = _ranked(run, resamples, seed)
    n, k = found.scores.shape
    test, critical = statistics.friedman(found.scores), statistics.critical_difference(n, k, LEVEL)
    mean = statistics.average_ranks(found.scores)
    order = np.argsort(mean, kind="stable")[:shown]
    means, (low, high) = mean[order], mean_rank_interval(found.draws)[:, order]
    drawn = [wrapped(found.names[i], WIDTHS[width] * 0.36) for i in order]
    bars = statistics.groups(means, critical) if test.p < LEVEL else [tuple(range(len(means)))]
    lines = np.array([name.count("\n") + 1 for name in drawn])
    tall = np.maximum(ROW, LINE * lines + 1.0)
    y = np.cumsum(tall) - tall / 2
    figure = Drawing(width, float(tall.sum()) + 26)
    panel = figure.subplots()
    panel.hlines(y, 1, k, color="0.9", linewidth=0.6, zorder=0)
    panel.hlines(y, low, high, color=COLOURS[0], linewidth=0.9)
    panel.plot(means, y, "o", color=COLOURS[0])
    words = [_spell(*numbers) for numbers in zip(means, low, high, strict=True)]
    _bars(panel, y, tall, bars, k, words, width)
    panel.errorbar(1 + critical / 2, -4.0, xerr=critical / 2, color="black", capsize=2, linewidth=0.9)
    words_above = f"critical difference {critical:.1f}" + (f", more than all {k} ranks" if critical > k - 1 else "")
    panel.annotate(words_above, (1, -4.0), (0, 4), textcoords="offset points", va="bottom")
    panel.set_yticks(y, drawn)
    panel.tick_params(axis="y", length=0)
    panel.spines["left"].set_visible(False)
    panel.set_ylim(float(tall.sum()) + 1, -9.0)
    panel.set_xlim(0.7, max(k, 1 + critical) + 0.3)
    panel.xaxis.set_major_locator(MaxNLocator(min(8, k), integer=True))
    panel.set_xlabel(f"Mean rank by AUC (1: best of {k} cells)")
    figure.caption = _caption(found, test, critical, [found.names[i] for i in order], words)
    return figure


def mean_rank_interval(draws: Float64, level: float = 0.95) -> Float64:
    """`(2, k)`: the percentile interval of the mean rank over targets; NaN if no draw is left.

    Args:
        draws: `(targets, B, k)` scores in the same B resamples; draws with a NaN are left out.
        level: The share of draws inside the interval.

    References:
        H. Goldstein and D. J. Spiegelhalter, League tables and their limitations, 1996, doi:10.2307/2983325.
    """
    whole = draws[:, np.isfinite(draws).all(axis=(0, 2))]
    if not whole.shape[1]:
        return np.full((2, draws.shape[2]), np.nan)
    means = np.mean([statistics.ranks(of_target) for of_target in whole], axis=0)
    return np.asarray(np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=0))


def _bars(
    panel: Axes, y: Float64, tall: Float64, bars: Sequence[tuple[int, ...]], k: int, words: Sequence[str], width: Width
) -> None:
    """Draws the mean ranks in a column to the right of the panel, and to its right the bars that join cells."""
    room = {"single": 0.05, "double": 0.025}[width]
    edge = panel.get_yaxis_transform()
    for number, bar in enumerate(bars):
        x = 1.0 + room * (number + 0.7)
        ends = [y[bar[0]] - 0.35 * tall[bar[0]], y[bar[-1]] + 0.35 * tall[bar[-1]]]
        panel.plot([x, x], ends, color="black", linewidth=1.8, solid_capstyle="butt", transform=edge, clip_on=False)
    x = 1.0 + room * (len(bars) + 0.7)
    for place, text in zip(y, words, strict=True):
        panel.text(x, place, text, transform=edge, va="center")
    panel.text(x, -4.0, "Mean rank\n[95 %]", transform=edge, va="center", fontweight="bold")


def _caption(
    found: Ranked, test: statistics.Friedman, critical: float, names: Sequence[str], words: Sequence[str]
) -> str:
    n, k = found.scores.shape
    rejected = (
        "A vertical bar joins cells whose mean ranks differ by less than Nemenyi's critical difference"
        if test.p < LEVEL
        else "Since it does not reject at 0.05, one bar joins all cells, whatever Nemenyi's critical difference"
    )
    covers = (
        f"Lines and [ ]: 95 % percentiles of the mean rank over {found.draws.shape[1]} resamples of patients, shared "
        "by all targets; AUCs are as far apart in them as their standard errors say, which cover training sets too."
    )
    more = f" The best {len(names)} of {k} cells are shown." if len(names) < k else ""
    listed = "; ".join(f"{name} {text}" for name, text in zip(names, words, strict=True))
    return (
        f"Mean ranks by AUC of {k} cells over {n} targets ({', '.join(found.targets)}), rank 1 for the best: {listed}. "
        f"Friedman's test of whether all cells are equally good: chi2 = {test.chi2:.1f} with {k - 1} degrees of "
        f"freedom, {_p(test.p)}; Iman and Davenport's F = {test.f:.1f} with {k - 1} and {(k - 1) * (n - 1)}, "
        f"{_p(test.p_f)}. {rejected} at 0.05 ({critical:.2f} for {k} cells and {n} targets). {covers} Targets of the "
        "same patients are not independent, and with few targets only large differences show. Ranks of cells on "
        f"different samples are only a hint.{more}"
    )


def _p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def _spell(mean: float, low: float, high: float) -> str:
    return f"{mean:.1f} [{low:.1f}, {high:.1f}]" if np.isfinite([low, high]).all() else f"{mean:.1f}"


def _ranked(run: Run, resamples: int, seed: int) -> Ranked:
    """The cells that are done for every target that has any done cell and is not exploratory."""
    found: list[tuple[Chosen, dict[tuple[str, ...], str]]] = []
    for target in run.targets:
        try:
            choice = chosen(run, target)
        except NothingToDrawError:
            continue
        if any_exploratory(choice.cells):
            continue
        done = (cell["key"] for cell in choice.cells if np.isfinite(cell["auc"]))
        found.append((choice, {tuple(choice.by_key[key].axes.values()): key for key in done}))
    common = [steps for steps in (found[0][1] if found else ()) if all(steps in keys for _, keys in found)]
    if len(found) < TARGETS:
        raise NothingToDrawError(
            f"ranks need {TARGETS} targets of which no cell is exploratory, and the run has {len(found)}"
        )
    if len(common) < TARGETS:
        raise NothingToDrawError(
            f"ranks need {TARGETS} cells that are done for all targets, and there are {len(common)}"
        )
    first, keys = found[0]
    names = {cell["key"]: first.name(cell) for cell in first.cells}
    auc_of = [{cell["key"]: float(cell["auc"]) for cell in choice.cells} for choice, _ in found]
    return Ranked(
        names=tuple(names[keys[steps]] for steps in common),
        targets=tuple(choice.target for choice, _ in found),
        scores=np.array([[own[keys[steps]] for steps in common] for own, (_, keys) in zip(auc_of, found, strict=True)]),
        draws=_draws([(choice, [keys[steps] for steps in common]) for choice, keys in found], resamples, seed),
    )


def _draws(cells: Sequence[tuple[Chosen, Sequence[str]]], resamples: int, seed: int) -> Float64:
    """`(targets, B, k)`: the AUC of each target's cells in one bootstrap over the patients of all targets."""
    predictions = [[choice.run.predictions(choice.by_key[key]) for key in keys] for choice, keys in cells]
    patients = np.unique(np.concatenate([p.patient for of_target in predictions for p in of_target]))
    shared: dict[tuple[bytes, ...], PredictedRows] = {}
    rows = [
        [_rows(p, patients, len(choice.classes), shared) for p in of_target]
        for (choice, _), of_target in zip(cells, predictions, strict=True)
    ]
    bootstrap = PatientBootstrap(len(patients), resamples=resamples, seed=seed)
    return np.array(
        [
            np.stack([_widened(bootstrap, own, p) for own, p in zip(*of_target, strict=True)], axis=1)
            for of_target in zip(rows, predictions, strict=True)
        ]
    )


def _widened(bootstrap: PatientBootstrap, rows: PredictedRows, p: Predictions) -> Float64:
    """`(B,)`: the AUC of a cell in every resample, as far apart as its standard error says."""
    draws = bootstrap.by_repeat(AUC, rows, p.P)
    value = evaluate(AUC, rows.y, p.P, repeat=rows.repeat, fold=rows.fold).value
    return widened(draws.mean(axis=0), value, standard_error(AUC, rows, draws))


def _rows(
    p: Predictions, patients: NDArray[np.object_], n_classes: int, shared: dict[tuple[bytes, ...], PredictedRows]
) -> PredictedRows:
    """The rows of some predictions; equal rows share one object."""
    own = PredictedRows(np.searchsorted(patients, p.patient), p.repeat, p.fold, p.y, n_classes)
    return shared.setdefault(tuple(part.tobytes() for part in (own.patient, own.repeat, own.fold, own.y)), own)


FIGURE = PaperFigure("Mean ranks over targets", critical_difference, of="run", order=220)

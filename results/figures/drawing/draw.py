"""Writes every figure that a run has data for."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from results.run_folder import ResultsError, Run
from results.scores.scores import nearest

if TYPE_CHECKING:
    from results.figures.drawing.style import Drawing, Width

FORMATS = ("pdf", "png")


def draw_all(run: Run, folder: Path, *, width: Width = "double") -> list[Path]:
    """Writes each figure of each target as PDF and PNG (200 dpi), and `captions.md`, which also says what was skipped.

    The same run gives the same bytes.

    Args:
        run: A run folder.
        folder: Where to; made if there is none.
        width: `single` (89 mm) or `double` (183 mm).

    Returns:
        The files, `captions.md` last.

    Raises:
        ResultsError: An unknown width, or a run folder that does not hold what it should.
    """
    from results.figures.drawing.style import WIDTHS, NothingToDrawError

    if width not in WIDTHS:
        raise ResultsError(f"no width '{width}': there is {', '.join(WIDTHS)}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    captions, skipped = [], []
    for name, draw in _wanted(run, width):
        try:
            figure = draw()
        except NothingToDrawError as error:
            skipped.append(f"- {name}: {error}.")
            continue
        for ending in FORMATS:
            written.append(folder / f"{_file_name(name)}.{ending}")
            figure.savefig(written[-1])
        captions.append(f"**{_file_name(name)}.** {figure.caption}")
    lines = [f"# Figures of {run.name}", *captions, *(["## Not drawn", "\n".join(skipped)] if skipped else [])]
    path = folder / "captions.md"
    path.write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    return [*written, path]


def draw_one(run: Run, name: str, target: str, *, width: Width = "double") -> Drawing:
    """One figure.

    Args:
        run: A run folder.
        name: Such as `roc` or `critical_difference`.
        target: The target; a figure of the whole run ignores it.
        width: `single` (89 mm) or `double` (183 mm).

    Raises:
        ResultsError: There is no such figure or target.
        NothingToDrawError: The run lacks what it shows.
    """
    if target not in run.targets:
        raise ResultsError(f"no target '{target}'{nearest(target, run.targets)}")
    known = {full.removesuffix(f" {target}"): draw for full, draw in _wanted(run, width)}
    if name not in known:
        raise ResultsError(f"no figure '{name}'{nearest(name, [one for one in known if ' ' not in one])}")
    return known[name]()


def _wanted(run: Run, width: Width) -> list[tuple[str, Callable[[], Drawing]]]:
    """The figures by their names, in the order of a paper."""
    from functools import partial

    from results.figures.attention import attention_over_slices
    from results.figures.cases import best_and_worst_cases
    from results.figures.confusion import confusion_matrix
    from results.figures.cost import cost
    from results.figures.critical_difference import critical_difference
    from results.figures.decision_curves import decision_curves
    from results.figures.flow import flow
    from results.figures.forest import forest
    from results.figures.heat_map import heat_map
    from results.figures.learning_curves import learning_curves
    from results.figures.missing_rate import missing_rate
    from results.figures.null_distribution import null_distribution
    from results.figures.reconstructions import reconstructions, training_evolution
    from results.figures.reliability import reliability
    from results.figures.roc import precision_recall, roc

    of_target: tuple[Callable[..., Drawing], ...] = (
        flow,
        forest,
        heat_map,
        roc,
        precision_recall,
        confusion_matrix,
        reliability,
        decision_curves,
        cost,
        missing_rate,
        learning_curves,
        attention_over_slices,
        null_distribution,
        best_and_worst_cases,
    )
    wanted: list[tuple[str, Callable[[], Drawing]]] = [
        (f"{draw.__name__} {target}", partial(draw, run, target, width=width))
        for target in run.targets
        for draw in of_target
    ]
    of_run = (reconstructions, training_evolution, critical_difference)
    return [*wanted, *((draw.__name__, partial(draw, run, width=width)) for draw in of_run)]


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.+-]+", "_", name)

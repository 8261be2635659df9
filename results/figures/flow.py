"""Flow diagram: from the dataset to the samples and folds of a target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from results.figures.base import PaperFigure
from results.figures.drawing.chosen import Chosen, chosen
from results.figures.drawing.style import LINE, WIDTHS, Drawing, Width, styled, wrapped
from results.flow import counted, flows
from results.run_folder import Run
from results.run_tables import EXCLUDED, read_table

REASONS = 6
CUT = 90
GAP = 7.0
PADDING = 3.0


@dataclass(frozen=True)
class FlowBox:
    """A box of the flow, and the box of what was left out before it.

    Args:
        words: The lines of the box.
        left_out: The lines of the box of what was left out; empty for none.
    """

    words: tuple[str, ...]
    left_out: tuple[str, ...] = ()


@styled
def flow(run: Run, target: str, *, width: Width = "single") -> Drawing:
    """Boxes from the dataset to the folds or the test part of a target, with every exclusion in the run folder.

    Args:
        run: A run folder.
        target: One of its targets.
        width: The width of the figure.

    Raises:
        NothingToDrawError: No cell of the target is done.

    References:
        J. Mongan, L. Moy and C. E. Kahn, Checklist for artificial intelligence in medical imaging (CLAIM), 2020,
        doi:10.1148/ryai.2020200029.
    """
    choice = chosen(run, target)
    full, steps = WIDTHS[width], _steps(run, choice)
    main, side = 0.54 * full, 0.38 * full
    boxes = [(_fit(step.words, main), _fit(step.left_out, side) if step.left_out else "") for step in steps]
    heights = [_height(words) for words, _ in boxes]
    heights[0] = max(heights[0], _height(boxes[0][1]))
    gaps = [0.0, *(max(GAP, _height(left_out) + 3 if left_out else 0) for _, left_out in boxes[1:])]
    figure = Drawing(width, sum(heights) + sum(gaps) + 4)
    figure.set_layout_engine("none")
    panel = figure.add_axes((0, 0, 1, 1))
    total = sum(heights) + sum(gaps) + 4
    panel.set(xlim=(0, full), ylim=(total, 0))
    panel.set_axis_off()
    y, middle = 2.0, 2 + main / 2
    for i, ((words, left_out), height, gap) in enumerate(zip(boxes, heights, gaps, strict=True)):
        if i:
            panel.annotate("", (middle, y + gap), (middle, y), arrowprops=_arrow())
        if left_out:
            own, start = _height(left_out), middle if i else 2 + main
            beside = y + (gap if i else height) / 2  # the first box has nothing above it
            panel.annotate("", (full - side - 2, beside), (start, beside), arrowprops=_arrow())
            _box(panel, full - side - 2, beside - own / 2, side, own, left_out, dashed=True)
        _box(panel, 2, y + gap, main, height, words, dashed=False)
        y += gap + height
    figure.caption = f"From the dataset to the folds of {target}. {'. '.join(map(_in_words, steps))}."
    return figure


def _in_words(step: FlowBox) -> str:
    """The words of both boxes as a sentence without a full stop."""
    first, *rest = (*step.left_out, "")
    lost = f"{first} {'; '.join(filter(None, rest))}".strip()
    return "; ".join(filter(None, (*step.words, lost)))


def _steps(run: Run, choice: Chosen) -> list[FlowBox]:
    found = [choice.predictions(record) for record in (*choice.cells, *choice.floors)]
    classes: dict[str, int] = {}
    patients: set[str] = set()
    for p in {id(p.sample): p for p in found}.values():
        classes |= dict(zip(p.sample.tolist(), p.y.tolist(), strict=True))
        patients |= set(p.patient.tolist())
    events = np.bincount(list(classes.values()), minlength=len(choice.classes))
    by_class = ", ".join(f"{name}: {n}" for name, n in zip(choice.classes, events, strict=True))
    sizes = sorted({len(set(p.sample.tolist())) for p in found})
    several = f"cells predict {sizes[0]} to {sizes[-1]} of them, depending on their sequences"
    some = (several,) if len(sizes) > 1 else ()
    ways = flows(run, choice.target, [str(record["key"]) for record in (*choice.cells, *choice.floors)])
    widest = max(ways, key=lambda way: way.left(), default=None)
    left_out = tuple(one.text() for one in widest.losses) if widest is not None else ()
    others = ("by the cells that predict most",) if len(ways) > 1 and left_out else ()
    first = (
        "samples are not counted: the run folder has none"
        if widest is None
        else f"{counted(widest.samples, 'sample')} of {counted(widest.patients, 'patient')}"
    )
    return [
        FlowBox((f"Dataset: {run.dataset}", first + _known(run)), _excluded(run)),
        FlowBox(
            (f"{choice.target}: {len(classes)} samples of {len(patients)} patients", by_class, *some),
            (f"Left out{''.join(f' {one}' for one in others)}:", *left_out) if left_out else (),
        ),
        FlowBox(_folds(run, found[0].patient, found[0].repeat, found[0].fold)),
    ]


def _known(run: Run) -> str:
    return "" if run.patients_known else " (the source gives no patient ids: a sample counts as a patient)"


def _excluded(run: Run) -> tuple[str, ...]:
    path = run.folder / "excluded.csv"
    table: Any = read_table(path, EXCLUDED) if path.exists() else None
    if table is None or not len(table):
        return (f"Faults while reading: {run.n_excluded}",) if run.n_excluded else ("Faults while reading: none",)
    reasons = Counter(table["reason"].str.partition(":")[0])
    listed = [f"{n}: {reason[:CUT]}{'...' if len(reason) > CUT else ''}" for reason, n in reasons.most_common(REASONS)]
    rest = len(table) - sum(n for _, n in reasons.most_common(REASONS))
    return (
        f"Faults while reading ({counted(len(table), 'row')} of excluded.csv):",
        *listed,
        *([f"{rest}: other reasons"] if rest else []),
    )


def _folds(run: Run, patient: Any, repeat: Any, fold: Any) -> tuple[str, ...]:
    sizes = [len(np.unique(patient[(repeat == r) & (fold == f)])) for r, f in set(zip(repeat, fold, strict=True))]
    span = f"{min(sizes)}" if min(sizes) == max(sizes) else f"{min(sizes)} to {max(sizes)}"
    if run.protocol.get("split") == "external":
        about = run.protocol["external"]
        return (
            f"{span} patients, scored once",
            f"by cells fitted on {about['patients']} patients of {about['fitted_on']}",
        )
    if run.protocol.get("split") == "official":
        return (f"Official split: {span} patients in its test part", "predicted once")
    repeats = len(np.unique(repeat))
    return (
        f"{run.protocol.get('folds')} folds by patient, drawn {'once' if repeats == 1 else f'{repeats} times'}",
        f"{span} test patients per fold; each sample is predicted once per repeat",
    )


def _fit(words: Sequence[str], width: float) -> str:
    return "\n".join(wrapped(line, width - 2 * PADDING) for line in words)


def _height(words: str) -> float:
    return LINE * (words.count("\n") + 1) + 2 * PADDING if words else 0.0


def _box(panel: Axes, x: float, y: float, width: float, height: float, words: str, *, dashed: bool) -> None:
    from matplotlib.patches import Rectangle

    line = "--" if dashed else "-"
    panel.add_patch(
        Rectangle((x, y), width, height, linewidth=0.7, linestyle=line, edgecolor="black", facecolor="white")
    )
    panel.text(x + PADDING, y + height / 2, words, va="center", ha="left", linespacing=1.25)


def _arrow() -> dict[str, Any]:
    return {"arrowstyle": "-|>", "linewidth": 0.7, "color": "black", "shrinkA": 0, "shrinkB": 0, "mutation_scale": 7}


FIGURE = PaperFigure("Flow from the dataset to the folds", flow, order=10)

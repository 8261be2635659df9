"""Flow diagram: from the dataset to the samples and folds of a target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from results.faults import short_reason, target_faults
from results.figures.base import PaperFigure
from results.figures.drawing.chosen import Chosen, chosen
from results.figures.drawing.style import LINE, WIDTHS, Drawing, Width, styled, wrapped
from results.flow import FILE, Flow, counted, flows, official_parts, span, whose
from results.methods.evidence import tested_patients
from results.run_folder import Predictions, Run
from results.tables.held_out import learnt

REASONS = 6
WAYS = 4  # of the samples of cells, that a chart tells apart
CUT = 90
GAP = 7.0
PADDING = 3.0


@dataclass(frozen=True)
class FlowBox:
    """A box of the flow, and the box of what was left out before it.

    Args:
        words: The lines of the box.
        left_out: The lines of the box of what was left out; empty for none.
        caption: What both boxes say, in sentences.
    """

    words: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    caption: str = ""


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
    parts = "folds" if run.crossed else "test part" if run.protocol.get("split") == "official" else "scored patients"
    figure.caption = f"From the dataset to the {parts} of {target}. {' '.join(step.caption for step in steps)}"
    return figure


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
    several = f"cells predict {sizes[0]} to {sizes[-1]} of them" if len(sizes) > 1 else ""
    ways = _ways(run, choice)
    learns = list(_learns(ways))
    used = {way.left(tested=False) for _, way in ways} if learns else {(len(classes), len(patients))}
    most = max(used)
    whom = f"{'up to ' if len(used) > 1 else ''}{counted(most[0], 'sample')} of {counted(most[1], 'patient')}"
    predicted = f"{counted(len(classes), 'sample')} of {counted(len(patients), 'patient')} are predicted ({by_class})"
    lines, sentence = ((), whom) if learns else ((by_class,), f"{whom} ({by_class})")
    left_out, told = _left_out(ways)
    return [
        _dataset(run, choice.target, ways[0][1] if ways else None),
        FlowBox(
            (f"{choice.target}: {whom}", *lines, *filter(None, [several if not learns else ""])),
            left_out,
            caption=f"{choice.target} has {sentence}{f'; {several}' if several and not learns else ''}. {told}",
        ),
        _tested(run, choice.target, found, [*learns, predicted, several] if learns else []),
    ]


def _ways(run: Run, choice: Chosen) -> list[tuple[str, Flow]]:
    """The ways of the samples, with words for their cells such as `with sequences t1`; no words if there is one way."""
    found = flows(run, choice.target, [str(record["key"]) for record in (*choice.cells, *choice.floors)])
    if len(found) < 2:
        return [("", way) for way in found]
    names = whose({cell.key: cell.axes for cell in run.cells}, list(found.values()))
    return [(f"{'in' if name[0].isdigit() else 'with'} {name}", way) for name, way in zip(names, found, strict=True)]


def _left_out(ways: Sequence[tuple[str, Flow]]) -> tuple[tuple[str, ...], str]:
    """What the cells of each way leave out, as the lines of a box and in sentences."""
    lost = [(name, ", ".join(one.text() for one in way.left_out)) for name, way in ways]
    if not any(losses for _, losses in lost):
        return (), "None is left out."
    if len(lost) == 1:
        return ("Left out:", *(one.text() for one in ways[0][1].left_out)), f"These are left out: {lost[0][1]}."
    lines = [f"- {name}: {losses or 'none'}" for name, losses in lost[:WAYS]]
    told = [
        f"{_capital(name)}, {f'these are left out: {losses}' if losses else 'none is left out'}."
        for name, losses in lost[:WAYS]
    ]
    if len(lost) > WAYS:
        lines.append(f"- others: see {FILE}")
        told.append(f"What other cells leave out is in {FILE}.")
    return ("Left out:", *lines), " ".join(told)


def _learns(ways: Sequence[tuple[str, Flow]]) -> Iterator[str]:
    """Who only serves to fit models, for the cells of each way if these differ."""
    said = {way.learns: name for name, way in ways}
    if len(said) == 1:
        yield from (one.rstrip(".") for one in said if one)
        return
    for name, way in ways[:WAYS]:
        yield f"{name}, {way.learns.rstrip('.') or 'all samples are predicted'}"
    if len(ways) > WAYS:
        yield f"other cells: see {FILE}"


def _dataset(run: Run, target: str, way: Flow | None) -> FlowBox:
    """The samples that the dataset names, and the faults that were found while they were read."""
    known = "" if run.patients_known else " (the source gives no patient ids: a sample counts as a patient)"
    size = (
        "samples are not counted: the run folder has none"
        if way is None
        else f"{counted(way.samples, 'sample')} of {counted(way.patients, 'patient')}"
    )
    first, *rest = _excluded(run, target)
    faults = " ".join(filter(None, [first, "; ".join(rest)]))
    return FlowBox(
        (f"Dataset: {run.dataset}", size + known), (first, *rest), f"Dataset {run.dataset}: {size}{known}. {faults}."
    )


def _excluded(run: Run, target: str) -> tuple[str, ...]:
    found = target_faults(run, target)
    n = len(found.reasons)
    if not n and not found.others:
        return (f"Faults while reading: {run.n_excluded}",) if run.n_excluded else ("No fault while reading",)
    if not n:
        return (f"No fault while reading, but {counted(found.others, 'row')} of excluded.csv on other targets",)
    others = f", without {found.others} of other targets" if found.others else ""
    reasons = Counter(map(short_reason, found.reasons))
    listed = [f"{n}: {reason[:CUT]}{'...' if len(reason) > CUT else ''}" for reason, n in reasons.most_common(REASONS)]
    rest = n - sum(n for _, n in reasons.most_common(REASONS))
    return (
        f"Faults while reading ({counted(n, 'row')} of excluded.csv{others}):",
        *listed,
        *([f"{rest}: other reasons"] if rest else []),
    )


def _tested(run: Run, target: str, found: Sequence[Predictions], more: Sequence[str]) -> FlowBox:
    """The test parts of all cells together, with more lines."""
    parts: dict[tuple[int, int], set[str]] = {}
    for p in {id(p.sample): p for p in found}.values():
        for repeat, fold in set(zip(p.repeat.tolist(), p.fold.tolist(), strict=True)):
            tested = p.patient[(p.repeat == repeat) & (p.fold == fold)]
            parts.setdefault((repeat, fold), set()).update(tested.tolist())
    sizes = span([len(patients) for patients in parts.values()])
    own = span([n for p in found for n in tested_patients(p)])
    by_cell = f" over all cells together, {own} in single cells" if own != sizes else ""
    lines: tuple[str, ...]
    if run.protocol.get("split") == "external":
        about = run.protocol["external"]
        lines = (
            f"{sizes} patients, scored once",
            f"by cells fitted on {learnt(run, target)} of {about['fitted_on']}",
        )
        return FlowBox(lines, caption=f"{' '.join(lines)}.")
    if run.protocol.get("split") == "official":
        others = official_parts(run).others()
        lines = (f"Official split: {sizes} patients in its test part, predicted once", f"Its other patients: {others}")
    else:
        repeats = len({repeat for repeat, _ in parts})
        lines = (
            f"{run.protocol.get('folds')} folds by patient, drawn {'once' if repeats == 1 else f'{repeats} times'}",
            f"{sizes} test patients per fold{by_cell}; each sample is predicted once per repeat",
        )
    lines = (*lines, *filter(None, more))
    return FlowBox(lines, caption=" ".join(f"{_capital(line)}." for line in lines))


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


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


FIGURE = PaperFigure("Flow from the dataset to the test parts", flow, order=10)

"""Counts which step lost which samples and patients, from the dataset's rows to those of a cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.grid.cells import NONE
from bench.plan.labels import defined
from bench.plan.plan import Plan
from bench.plan.references import CropsRef, PlannedCell
from data.base import NO_LABEL

Bools = NDArray[np.bool_]


def flow(plan: Plan, cells: list[PlannedCell], counted: Bools | None = None) -> list[dict[str, Any]]:
    """What is left after each step, once for all cells on the same samples.

    The steps are `dataset` (all samples that the dataset names), `any_label` (those with a label of any target; only
    where some have none), `read` (those that could be used), `target` (those that the target is about), `labels` (with
    a label), `sequences` (with a scan of a sequence of the cell), `regions` (whose scan could be read and cut),
    `copies` (whose image is not another patient's), `complete` (with every sequence of the grid, if the protocol asks
    for it; then it comes before `sequences`) and `tested` (in the test part of a fold).

    Args:
        plan: The plan, whose scans were read.
        cells: Its cells.
        counted: `(N,)` the samples of the plan that are counted; None for all samples of the dataset.

    Returns:
        For each group of cells `cells` (their keys), `target`, `steps` and `present`. Each of the `steps` has `step`,
        and the `samples` and `patients` that are left after it. The source does not name the patients of samples that
        could not be read, so these are among the samples of `dataset`, and not among its patients. `present` says of
        cells of several sequences how many of the samples that they learn from or predict have which `sequences`.
    """
    before = [] if counted is not None else _before(plan)
    groups: dict[tuple[Any, ...], dict[str, Any]] = {}
    for planned in cells:
        if planned.refused:
            continue
        group = planned.cell.target, *planned.cell.of_samples()
        if group not in groups:
            every = np.ones(len(plan.ids), dtype=bool) if counted is None else counted
            after = list(_after(plan, planned, every))
            steps = [*before, *(_step(name, int(left.sum()), _patients(plan, left)) for name, left in after)]
            present = _present(plan, planned, after[-2][1])  # before `tested`
            groups[group] = {"cells": [], "target": planned.cell.target, "steps": steps, "present": present}
        groups[group]["cells"].append(planned.key)
    return list(groups.values())


def _before(plan: Plan) -> list[dict[str, Any]]:
    """The steps before the samples of the plan."""
    samples = plan.dataset.samples()
    there, patients = set(samples.index.astype(str)), samples["patient"].nunique()
    excluded = plan.dataset.excluded()
    lost = {name for name in excluded["sample"] if name} - there
    unlabelled = lost.intersection(excluded["sample"][excluded["reason"] == NO_LABEL])
    steps = [_step("dataset", len(there) + len(lost), patients)]
    if unlabelled:
        steps.append(_step("any_label", len(there) + len(lost - unlabelled), patients))
    return [*steps, _step("read", len(there), patients)]


def _after(plan: Plan, planned: PlannedCell, left: Bools) -> Iterator[tuple[str, Bools]]:
    """The steps from the samples of the plan to those that a cell predicts, with those that are left, each `(N,)`."""
    one = planned.view.labels[planned.cell.target]
    there, cut, used = _images(plan, planned)
    tested = np.any([fold.test for fold in planned.view.folds], axis=0)
    masks = {
        "target": defined(plan.samples, one.target.rows),
        "labels": one.y >= 0,
    }
    seen = {"sequences": there, "regions": cut, "copies": used}
    complete: Bools = np.any(plan.present_in(planned.cell), axis=1)
    if plan.grid.protocol.complete:
        masks["complete"] = complete  # first, since it is the same for all cells
    masks |= seen
    masks.setdefault("complete", complete)
    masks["tested"] = tested
    for step, mask in masks.items():
        left = left & mask
        yield step, left


def _present(plan: Plan, planned: PlannedCell, left: Bools) -> list[dict[str, Any]]:
    """How many of the samples that are left have which of a cell's sequences, if it has several; most first."""
    names = [part.name for part in planned.cell["sequences"].each]
    if len(names) < 2:
        return []
    found = Counter(map(tuple, plan.present_in(planned.cell)[left].tolist()))
    return [
        {"sequences": [name for name, there in zip(names, have, strict=True) if there], "samples": n}
        for have, n in found.most_common()
    ]


def _patients(plan: Plan, left: Bools) -> int:
    return len(set(plan.patients[left].tolist()))


def _images(plan: Plan, planned: PlannedCell) -> tuple[Bools, Bools, Bools]:
    """Which samples have a scan, a crop, and a crop that is no copy, in any sequence of a cell, each `(N,)`."""
    cell, axes = planned.cell, plan.grid.axes
    regions = axes["regions"] if cell["regions"] == NONE else (cell["regions"],)
    chains = axes["images"] if cell["images"] == NONE else (cell["images"],)
    found = [np.zeros(len(plan.ids), dtype=bool) for _ in range(3)]
    for part in cell["sequences"].each:
        for ref in (plan.keys.crops(part.name, one, chain) for one in regions for chain in chains):
            for mask, seen in zip(found, _of_crops(plan, ref), strict=True):
                mask |= seen
    return found[0], found[1], found[2]


def _of_crops(plan: Plan, ref: CropsRef) -> tuple[Bools, Bools, Bools]:
    crops = plan.crops(ref)
    if crops is None:
        every = np.ones(len(plan.ids), dtype=bool)
        return every, every, every
    cut = crops.rows >= 0
    there = cut.copy()
    there[[fault[0] for fault in crops.faults if fault[0] >= 0]] = True
    return there, cut, plan.rows(ref) >= 0


def _step(name: str, samples: int, patients: int) -> dict[str, Any]:
    return {"step": name, "samples": samples, "patients": patients}

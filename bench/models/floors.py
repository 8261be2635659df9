"""The floors of a model: what its training rows alone say of a sample, without its scan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.grid.cells import Cell, Step, floor_steps
from bench.grid.grid import floors, reads
from bench.plan import identity
from bench.plan.plan import Plan
from bench.plan.references import PlannedCell
from bench.stages.fits import fit_heads
from bench.tasks.work import Work
from data.base import Float64

if TYPE_CHECKING:
    import pandas as pd

KEPT = ("nothing", "locations")
"""What the floors of a model read: floors that read scans or sequences are not kept."""


def fit_floors(plan: Plan, work: Work, planned: PlannedCell, *, device: str) -> dict[str, Any]:
    """The floors of a cell, fitted on the training rows of its only fold, as plain values.

    Each floor by its name: what it `reads`, and the probabilities `P` of each of its `places`, which are the values of
    `columns`. A floor that reads nothing has a single place without columns.
    """
    found = {}
    for name, head in floors().items():
        if reads(head) not in KEPT or (head.reads_locations and not plan.dataset.locations):
            continue
        cell = Cell(floor_steps(planned.cell["sequences"], Step(name)), planned.cell.target)
        floor = plan.plan_cell(cell, planned.view)
        fit = floor.fits[0]
        branches = work.heads.branches(floor, fit, work.heads.embedding_key(floor))
        training = [work.heads.training(floor, fit, one) for one in branches]
        seed = identity.seed(plan.grid.protocol.seed, "fit", fit.fold.repeat, fit.fold.number)
        plugin = plan.keys.plugin("heads", cell["heads"])
        fitted = fit_heads(plugin, training, [True] * len(branches), seed=seed, threads=1, device=device)
        columns = list(plan.dataset.locations) if head.reads_locations else []
        places = plan.samples[columns].astype(str).iloc[fit.rows.train].apply(tuple, axis=1) if columns else None
        rows = fit.rows.train[:1] if places is None else fit.rows.train[~places.duplicated().to_numpy()]
        P = fitted.predict([one.X[rows] for one in branches], np.stack([one.present[rows] for one in branches])).P
        values = plan.samples[columns].astype(str).iloc[rows].to_numpy().tolist()
        found[name] = {"reads": reads(head), "columns": columns, "places": values, "P": P.tolist()}
    return found


def floor_probabilities(floor: Mapping[str, Any], samples: pd.DataFrame, rates: Float64) -> Float64 | None:
    """The probabilities `(N, K)` that a floor gives samples; None if the samples lack one of its columns.

    Args:
        floor: A floor of `fit_floors`.
        samples: N samples with locating columns.
        rates: `(K,)` shares of the classes in training, for a place that training had not.
    """
    columns = floor["columns"]
    if not set(columns) <= set(samples):
        return None
    known = dict(zip(map(tuple, floor["places"]), floor["P"], strict=True))
    places = samples[columns].astype(str).itertuples(index=False, name=None)
    return np.array([known.get(place, rates) for place in places], dtype=np.float64).reshape(len(samples), len(rates))

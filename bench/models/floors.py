"""The floors of a model: what its training rows, or small pixels alone, give a sample."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.grid.cells import is_floor
from bench.grid.grid import reads
from bench.models.chains import fit_chain
from bench.plan import identity
from bench.plan.plan import Plan
from bench.plan.references import PlannedCell
from bench.stages import features
from bench.stages.branches import one_hot
from bench.stages.chain import Chain
from bench.stages.features import Scale
from bench.stages.fits import FittedHeads, fit_heads
from bench.tasks.work import Work
from data.base import Float64, Int64

if TYPE_CHECKING:
    import pandas as pd

OTHER = ""
"""Stands in for a value that no training sample has."""
KEPT = ("nothing", "locations", "clinical", "pixels")
"""What the floors of a model read."""


@dataclass(frozen=True, eq=False)
class FittedFloor:
    """A floor that was fitted with a cell.

    Args:
        planned: The floor on all patients.
        places: For a floor that reads nothing or locations: its `columns`, their values, with `P` and `called`.
        chain: For any other floor what was fitted; without encoders if it reads clinical columns.
    """

    planned: PlannedCell
    places: dict[str, Any] | None = None
    chain: Chain | None = None


def floors_of(plan: Plan, planned: PlannedCell) -> dict[str, PlannedCell]:
    """The floors with which a cell is compared, by name: those that have most steps in common with it."""
    found: dict[str, PlannedCell] = {}
    best: dict[str, list[bool]] = {}
    for other in plan.cells(planned.view):
        if other.cell.target != planned.cell.target or not is_floor(other.cell) or other.refused:
            continue
        name = other.cell["heads"].name
        alike = [other.cell[axis] == planned.cell[axis] for axis in ("sequences", "regions", "drop")]
        if reads(plan.keys.plugin("heads", other.cell["heads"])) in KEPT and alike > best.get(name, []):
            found[name], best[name] = other, alike
    for one in found.values():
        one.fits[0].filling = ""
    return found


def fit_floor(plan: Plan, work: Work, planned: PlannedCell, *, device: str) -> FittedFloor:
    """A floor, fitted on the training rows of its only fold."""
    fit, head = planned.fits[0], plan.keys.plugin("heads", planned.cell["heads"])
    if fit.tokens:
        return FittedFloor(planned, chain=fit_chain(plan, work, planned, fit, device=device))
    branches = work.heads.branches(planned, fit, work.heads.embedding_key(planned))
    training = [work.heads.training(planned, fit, one) for one in branches]
    seed = identity.seed(plan.grid.protocol.seed, "fit", fit.fold.repeat, fit.fold.number)
    fitted = fit_heads(head, training, [True], seed=seed, threads=1, device=device)
    if not head.reads_clinical:
        columns = list(plan.dataset.locations) if head.reads_locations else []
        return FittedFloor(planned, places=_places(plan.samples[columns].iloc[fit.rows.train], fitted))
    train, clinical = fit.rows.train, plan.samples[plan.keys.table_columns(planned.cell)]
    seed = identity.seed(plan.grid.protocol.seed, "table", fit.fold.repeat, fit.fold.number)
    table = features.fitted_table(plan.keys.plugin("tables", planned.cell["tables"]), clinical, train, seed=seed)
    X = features.table_features(table, clinical)
    assert X is not None
    return FittedFloor(planned, chain=Chain((), table, (Scale.of(X, train),), fitted))


def by_place(floor: Mapping[str, Any], samples: pd.DataFrame) -> tuple[Float64, Int64]:
    """Probabilities `(N, K)` and called classes `(N,)` by a floor that reads nothing or locations, for N samples."""
    columns = floor["columns"]
    known = {tuple(place): i for i, place in enumerate(floor["places"])}
    seen = [{place[i] for place in known} for i in range(len(columns))]
    rows = samples[columns].astype(str).itertuples(index=False, name=None)
    places = [tuple(v if v in here else OTHER for v, here in zip(row, seen, strict=True)) for row in rows]
    at = [known[place] for place in places]
    return np.array(floor["P"], dtype=np.float64)[at], np.array(floor["called"], dtype=np.int64)[at]


def by_columns(chain: Chain, samples: pd.DataFrame) -> tuple[Float64, Int64]:
    """As `by_place`, for a floor that reads the clinical columns of N samples."""
    X = features.table_features(chain.table, samples)
    assert X is not None
    return _called(chain.heads, chain.scales[0](X))


def _called(heads: FittedHeads, X: Any) -> tuple[Float64, Int64]:
    found = heads.predict([X], np.ones((1, len(X)), dtype=bool))
    return found.P, found.P.argmax(axis=1) if found.called is None else found.called


def _places(columns: pd.DataFrame, fitted: FittedHeads) -> dict[str, Any]:
    """The probabilities of every combination of the values of training samples, and of values that are none of them."""
    import pandas as pd

    names = list(map(str, columns))
    values = [[*dict.fromkeys(columns[name].astype(str)), OTHER] for name in names]
    places = list(itertools.product(*values))
    every = pd.concat([columns.astype(str), pd.DataFrame(places, columns=names)], ignore_index=True)
    train = np.arange(len(columns))
    X = one_hot(every, train)[len(columns) :] if names else np.zeros((1, 0), dtype=np.float32)
    P, called = _called(fitted, X)
    found = [list(place) for place in places]
    return {"columns": names, "places": found, "P": P.tolist(), "called": called.tolist()}

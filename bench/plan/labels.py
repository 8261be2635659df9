"""Targets as class indices over the samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.grid.misfit import GridMisfitError, check_targets
from bench.plan import identity
from bench.plan.exchange import exchanged
from data.base import Target
from data.text.names import nearest

if TYPE_CHECKING:
    import pandas as pd


class LabelError(GridMisfitError):
    """Labels that the target does not know."""


@dataclass(frozen=True, eq=False)
class Labels:
    """The labels of one target.

    Args:
        target: The dataset's target.
        classes: The class names, merged ones left out.
        y: `(N,)` int64 class of each sample; -1 where it has none.
    """

    target: Target
    classes: tuple[str, ...]
    y: NDArray[np.int64]

    def exchanged(self, patients: NDArray[np.str_], places: NDArray[np.str_], *, seed: int) -> Labels:
        """The labels that patients `(N,)` exchanged place by place; see `exchanged`."""
        return replace(self, y=exchanged(self.y, patients, places, seed=seed))


def choose(targets: list[Target], samples: pd.DataFrame, name: str, merge: Mapping[str, str]) -> Labels:
    """The labels of a target by name.

    Args:
        targets: What the dataset offers.
        samples: The samples with the target's column.
        name: The target.
        merge: For a label the label that it is counted as.

    Raises:
        GridMisfitError: There is no such target.
        LabelError: A label is none of its classes.
    """
    by_name = {target.name: target for target in targets}
    check_targets([name], list(by_name))
    target = by_name[name]
    names = [text(c) for c in target.classes]
    for label in (*merge, *merge.values()):
        if label not in names:
            raise LabelError(
                f"merge: '{label}' is no label of {name}{nearest(label, names)}", "targets", name, name, "merge"
            )
    kept = [c for c in names if merge.get(c, c) == c]
    place = {c: kept.index(merge.get(c, c)) for c in names}
    column = samples[target.column]
    chosen = defined(samples, target.rows)
    y = np.full(len(samples), -1, dtype=np.int64)
    for row in np.flatnonzero(chosen & column.notna().to_numpy()):
        label = text(column.iloc[row])
        if label not in place:
            raise LabelError(
                f"sample {samples.index[int(row)]} has the label '{label}', but {name} knows {', '.join(names)}"
            )
        y[row] = place[label]
    return Labels(target, tuple(kept), y)


def defined(samples: pd.DataFrame, rows: Mapping[str, Any]) -> NDArray[np.bool_]:
    """`(N,)`: the samples that a target's `rows` pick."""
    chosen = np.ones(len(samples), dtype=bool)
    for column, value in rows.items():
        chosen &= (samples[column] == value).to_numpy(dtype=bool)
    return chosen


def text(label: Any) -> str:
    """A label as text, the same whether a table holds 2, 2.0 or "2"."""
    try:
        return str(int(label)) if float(label) == int(label) else str(label)
    except (TypeError, ValueError, OverflowError):
        return str(label)


def digest(sample_ids: NDArray[np.str_], y: NDArray[np.int64], rows: NDArray[np.int64]) -> str:
    """The digest of the samples that something learns from and of their labels."""
    return identity.lines(f"{s} {label}" for s, label in zip(sample_ids[rows], y[rows], strict=True))

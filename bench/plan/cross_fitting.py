"""Parts of a fold's training patients, for regions whose points of training patients are found by cross-fitting."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.plan import identity
from bench.plan.references import Fold, PointsPart
from preprocessing.regions.base import Region


def parts_of(
    region: Region, fold: Fold, patients: NDArray[np.str_], network: str, *, seed: int
) -> tuple[PointsPart, ...]:
    """Deals the training patients of a fold into parts of equal size; all copies of a patient are in one part.

    Args:
        region: The region. One that joins sequences may have a field `cross_fits`, the number of parts; without it, or
            below 2, there are none.
        fold: The fold.
        patients: `(N,)` the patient of each sample.
        network: The key of the region that is fitted on all training patients.
        seed: The seed of the grid.
    """
    wanted = int(getattr(region, "cross_fits", 0)) if region.joins_sequences and region.learns != "nothing" else 0
    training = np.unique(patients[fold.train])
    count = min(wanted, len(training))
    if count < 2:
        return ()
    rng = np.random.default_rng(identity.seed(seed, "cross-fitting", fold.repeat, fold.number))
    dealt = np.array_split(rng.permutation(training), count)
    return tuple(
        PointsPart(i, count, fold.train & np.isin(patients, part), identity.combine(network, f"part {i} of {count}"))
        for i, part in enumerate(dealt, start=1)
    )

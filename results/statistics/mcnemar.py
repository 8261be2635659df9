"""McNemar's test for paired classifications of patients with several samples."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class McNemarTest:
    """Two classifications compared.

    Args:
        difference: The share that the first gets right minus that of the second, in each patient, averaged over
            patients: a patient with many samples counts as much as one with few.
        statistic: Chi-squared with 1 degree of freedom.
        p_value: Two-sided; 1 if both are right equally often in every patient.
    """

    difference: float
    statistic: float
    p_value: float


def clustered_mcnemar(
    right_a: NDArray[np.bool_], right_b: NDArray[np.bool_], patient: NDArray[np.int64]
) -> McNemarTest:
    """Whether two classifications of the same rows are right equally often.

    With one row per patient it is McNemar's test without continuity correction. A patient may have rows of several
    samples and repeats.

    Args:
        right_a: `(n,)` bool: whether the first is right.
        right_b: `(n,)` bool: whether the second is right.
        patient: `(n,)` labels.

    References:
        V. L. Durkalski, Y. Y. Palesch, S. R. Lipsitz and P. F. Rust, Analysis of clustered matched-pair data, 2003,
        doi:10.1002/sim.1438.
    """
    members = np.unique(patient, return_inverse=True)[1]
    excess = np.bincount(members, weights=right_a.astype(np.float64) - right_b)
    by_patient = excess / np.bincount(members)
    spread = float(by_patient @ by_patient)
    statistic = float(by_patient.sum()) ** 2 / spread if spread > 0 else 0.0
    return McNemarTest(float(by_patient.mean()), statistic, math.erfc(math.sqrt(statistic / 2)))

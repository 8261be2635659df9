"""A patient's age, sex and weight, as they go with degeneration, with gaps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# Correlations with the degeneration of the patient at effect 1; of weight among men and among women.
_AGE, _WEIGHT = 0.6, 0.3
_MEN = 0.5
_YEARS = 57.0, 15.0, 18, 90  # mean, standard deviation, least, most
_KILOGRAMS = {"F": (70.0, 14.0), "M": (84.0, 14.0)}
_LIGHTEST, _HEAVIEST = 40, 160
# Shares of gaps: weight lacks more often in those of 60 years and more, so that it isn't missing at random.
_NO_AGE, _NO_SEX, _NO_WEIGHT, _NO_WEIGHT_60 = 0.05, 0.03, 0.15, 0.4


class ClinicalValues(NamedTuple):
    """What is known of a patient; None is a gap.

    Args:
        age: Years.
        sex: `F` or `M`.
        weight: kg.
    """

    age: int | None
    sex: str | None
    weight: int | None


def draw_clinical(rng: np.random.Generator, degeneration: float, *, effect: float) -> ClinicalValues:
    """Age and weight are normal and correlate with degeneration; men are heavier; sex has no other effect.

    Args:
        rng: A generator of its own.
        degeneration: The patient's, standard normal; see `Severities.patient`.
        effect: 0 (age and weight are independent of degeneration) to 1 (correlations of 0.6 and 0.3).
    """
    own, luck = rng.standard_normal(2), rng.random(4)
    years, kilograms = (
        r * effect * degeneration + np.sqrt(1 - (r * effect) ** 2) * z
        for r, z in zip((_AGE, _WEIGHT), own, strict=True)
    )
    sex = "M" if luck[0] < _MEN else "F"
    mean, deviation, youngest, oldest = _YEARS
    age = int(np.clip(round(mean + deviation * years), youngest, oldest))
    mean, deviation = _KILOGRAMS[sex]
    weight = int(np.clip(round(mean + deviation * kilograms), _LIGHTEST, _HEAVIEST))
    no_weight = _NO_WEIGHT_60 if age >= 60 else _NO_WEIGHT
    return ClinicalValues(
        age if luck[1] >= _NO_AGE else None,
        sex if luck[2] >= _NO_SEX else None,
        weight if luck[3] >= no_weight else None,
    )

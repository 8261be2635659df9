"""The table of correlations of latent features with measures and gradings."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import numpy as np

from results.interpretability.correlations import FLIPS, RESAMPLES, Method, correlations, false_discovery
from results.interpretability.found import Latents

if TYPE_CHECKING:
    import pandas as pd

EVENTS = 20
"""The number of patients with an event below which a correlation is exploratory and has no p-value."""

METHODS: tuple[Method, ...] = get_args(Method)
POOLED = "pooled"


def correlation_table(
    latents: Latents, *, resamples: int = RESAMPLES, flips: int = FLIPS, seed: int = 0
) -> pd.DataFrame:
    """A row for each feature, measure, method and adjustment; `within PLACE` comes before `pooled`.

    Columns: `feature`, `measure`, `kind` (measure or grading), `method`, `adjustment`, `r`, `low`, `high`, `p`, `q`
    (Benjamini and Hochberg over all p-values of the method and adjustment, `family` of them), `n`, `patients`,
    `held_out_r` and `held_out_n` (only the patients that the network did not see), `remark`.

    All samples count, also those of patients that trained the network, since it saw neither measure nor grading. There
    is no p-value for a grading with fewer than 20 patients outside its commonest class, nor for a measure that fewer
    than 20 patients have.
    """
    import pandas as pd

    measured = latents.measures.to_numpy(dtype=np.float64)
    rare = np.array([_events(latents, name) < EVENTS for name in map(str, latents.measures)])
    nothing = np.zeros(len(latents.values), dtype=np.int64)
    parts = []
    for adjustment, place in ((within(latents), latents.place), (POOLED, nothing)):
        if place is None:
            continue
        for method in METHODS:
            found = correlations(
                latents.values, measured, latents.patient, place, method, resamples=resamples, flips=flips, seed=seed
            )
            out = latents.held_out
            alone = (
                correlations(
                    latents.values[out], measured[out], latents.patient[out], place[out], method, resamples=0, flips=0
                )
                if out.any()
                else None
            )
            p = np.where(rare, np.nan, found.p)
            F, G = p.shape
            columns = {
                "feature": np.repeat(latents.names, G),
                "measure": np.tile(np.array(latents.measures.columns), F),
                "kind": np.tile([latents.about["kinds"][name] for name in latents.measures], F),
                "method": method,
                "adjustment": adjustment,
                "r": found.r.ravel(),
                "low": found.low.ravel(),
                "high": found.high.ravel(),
                "p": p.ravel(),
                "q": false_discovery(p).ravel(),
                "family": int(np.isfinite(p).sum()),
                "n": np.tile(found.n, F),
                "patients": np.tile(found.patients, F),
                "held_out_r": alone.r.ravel() if alone else np.nan,
                "held_out_n": np.tile(alone.n, F) if alone else 0,
                "remark": np.tile([f"exploratory: fewer than {EVENTS} patients" if one else "" for one in rare], F),
            }
            parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def within(latents: Latents) -> str:
    """The adjustment that compares samples at one place only, such as `within level`."""
    return f"within {latents.run.within}"


def short(r: float) -> str:
    """A correlation as figures write it: `0.87`, with a true minus sign."""
    return f"{r:.2f}".replace("-0.00", "0.00").replace("-", "\N{MINUS SIGN}")


def _events(latents: Latents, name: str) -> int:
    """The number of patients who have a measure; for a grading, of those outside its commonest class."""
    values = latents.measures[name].to_numpy(dtype=np.float64)
    known = np.isfinite(values)
    if latents.about["kinds"][name] == "grading" and known.any():
        classes, counts = np.unique(values[known], return_counts=True)
        known &= values != classes[counts.argmax()]
    return len(np.unique(latents.patient[known]))

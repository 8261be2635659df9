"""Clinical columns: which of them give a label away, and which values of other data a fit would misread."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.plan.labels import Labels, text
from data.text.spelling import as_known, changed

if TYPE_CHECKING:
    import pandas as pd

RARE = math.log(1e-4)  # labels that know nothing of a column fit it as well less often than this
_SHOWN = 3


def gives_away(samples: pd.DataFrame, columns: Sequence[str], labels: Labels) -> Iterator[str]:
    """A note for each clinical column from which the class of every patient can be read.

    Args:
        samples: The samples, with `patient` and the columns.
        columns: The clinical columns.
        labels: The labels of one target.
    """
    import pandas as pd

    rows = np.flatnonzero(labels.y >= 0)
    for name in columns:
        cells = samples[name].iloc[rows]
        number = pd.api.types.is_numeric_dtype(cells.dtype)
        about = {"patient": samples["patient"].iloc[rows].to_numpy(), "y": labels.y[rows]}
        known = pd.DataFrame(about | {"value": cells.to_numpy() if number else cells.astype(str).to_numpy()})
        known = known[cells.notna().to_numpy()].drop_duplicates()
        if known["y"].nunique() < 2:
            continue
        how = ""
        if _by_chance_of_values(known) < RARE:
            how = "each of its values has one class"
        elif number and _by_chance_of_order(known) < RARE:
            how = "its values are in the order of the classes"
        if how:
            yield (
                f"Clinical column '{name}' gives {labels.target.name} away: {how}, in all {known['patient'].nunique()} "
                "patients who have both. Leave it out of the clinical columns unless it is known before the scan is "
                "graded."
            )


def _by_chance_of_values(known: pd.DataFrame) -> float:
    """At most the logarithm of the chance that each value has one class; 0 if one has several."""
    groups = known.groupby("value")["y"]
    if (groups.min() < groups.max()).any():
        return 0.0
    most = float(known["y"].value_counts(normalize=True).max())
    return float((groups.size() - 1).sum()) * math.log(most)


def _by_chance_of_order(known: pd.DataFrame) -> float:
    """The logarithm of the chance that no two classes overlap on a line; 0 if two do."""
    groups = known.groupby("y")["value"]
    ranges = sorted(zip(groups.min(), groups.max(), strict=True))
    if any(high >= low for (_, high), (low, _) in itertools.pairwise(ranges)):
        return 0.0
    orders = sum(math.lgamma(n + 1) for n in groups.size())
    return math.lgamma(len(ranges) + 1) + orders - math.lgamma(len(known) + 1)


def values(samples: pd.DataFrame, columns: Sequence[str]) -> dict[str, list[str] | None]:
    """The words of each clinical column; None for a column of numbers."""
    found: dict[str, list[str] | None] = {}
    for name in columns:
        cells = samples[name].dropna().infer_objects()
        found[name] = None if _is_number(cells) else sorted({str(cell) for cell in cells})
    return found


def as_learnt(learnt: Mapping[str, list[str] | None], samples: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Other data with the words of their clinical columns spelt as a fit learnt them, as within one table.

    Args:
        learnt: The `values` of the samples of the fit.
        samples: The samples of other data.

    Returns:
        The samples, and a note on each column in which words were spelt otherwise.
    """
    notes = []
    for name, words in learnt.items():
        if not words or name not in samples:
            continue
        cells = samples[name].dropna().map(text)
        spelt = as_known(cells, words)
        if spelt or not samples[name].dropna().isin(words).all():
            column = samples[name].astype(object)
            column[cells.index] = cells.map(lambda cell, spelt=spelt: spelt.get(cell, cell))
            samples = samples.assign(**{name: column})
        if spelt:
            n = int(cells.isin(spelt).sum())
            where = f"in {n} sample{'s' * (n > 1)}"
            notes.append(f"Clinical column '{name}' is read as training spells it: {changed(spelt)}, {where}.")
    return samples, notes


def misread(learnt: Mapping[str, list[str] | None], samples: pd.DataFrame) -> tuple[str, list[str]]:
    """What a fit would make of the clinical columns of other data.

    Args:
        learnt: The `values` of the samples of the fit.
        samples: The samples of other data.

    Returns:
        Why they can't be read, or an empty text; and notes on words that the fit does not know.
    """
    import pandas as pd

    notes = []
    for name, words in learnt.items():
        if name not in samples:
            continue
        cells = samples[name].dropna()
        if words is None:
            numbers = pd.to_numeric(cells, errors="coerce")
            odd = cells[~np.isfinite(numbers.to_numpy(dtype=np.float64, na_value=np.nan))]
            if len(odd):
                return f"{name} holds numbers in training, but {_shown(odd)}: mend these cells or leave them empty", []
        else:
            odd = cells[~cells.astype(str).isin(words)]
            if len(odd) and words:
                few = ", ".join(words[:_SHOWN]) + (", ..." if len(words) > _SHOWN else "")
                notes.append(
                    f"Clinical column '{name}' has words that training lacks ({few}): {_shown(odd)}. They count as "
                    "none of its categories."
                )
    return "", notes


def _is_number(cells: pd.Series[Any]) -> bool:
    import pandas as pd

    return bool(pd.api.types.is_numeric_dtype(cells)) and not pd.api.types.is_bool_dtype(cells)


def _shown(cells: pd.Series[Any]) -> str:
    more = f" and {len(cells) - _SHOWN} more" if len(cells) > _SHOWN else ""
    return ", ".join(f"sample {sample} has '{cell}'" for sample, cell in cells.iloc[:_SHOWN].items()) + more

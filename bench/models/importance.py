"""Permutation importance: how much a fold's AUC falls when one feature of its test samples is permuted.

References:
    L. Breiman, Random forests, 2001, doi:10.1023/A:1010933404324.
    A. Fisher, C. Rudin, F. Dominici, All models are wrong, but many are useful: Learning a variable's importance, JMLR
    20, 2019, arXiv:1801.01489.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.models.cell_folds import ReopenedCell, ReopenedFold
from bench.plan import identity
from data.base import Float64, Int64
from encoders.base import Tokens
from results.statistics.evaluate import evaluate
from results.statistics.metrics.auc import METRIC as AUC

if TYPE_CHECKING:
    import pandas as pd

PERMUTATIONS = 20
CORRELATED = 0.7  # the absolute rank correlation from which features are also permuted together
POOLED, WITHIN = "over all samples", "within place"


@dataclass(frozen=True)
class _Part:
    """A feature: some features of some tokens, or a column of the table.

    Args:
        name: As tables show it.
        kind: `feature`, `column`, or `block` for all features of an encoder.
        encoder: The position of its encoder; -1 for a column.
        sequences: The positions of its sequences.
        features: The positions of its features; None for all.
        column: The column.
    """

    name: str
    kind: str
    encoder: int = -1
    sequences: tuple[int, ...] = ()
    features: tuple[int, ...] | None = None
    column: str = ""


def parts(cell: ReopenedCell) -> list[_Part]:
    """The named features of a cell: those of encoders that name theirs, and columns of the table.

    If it has several encoders, or an encoder and columns, every encoder is a block too.
    """
    planned, keys = cell.planned, cell.plan.keys
    sequences = [part.name for part in planned.cell["sequences"].each]
    columns = [] if planned.cell["heads"].name == "own" else keys.table_columns(planned.cell)
    encoders = planned.cell["encoders"].each
    found: list[_Part] = []
    for e, step in enumerate(encoders):
        names = getattr(keys.plugin("encoders", step), "feature_names", ())
        for s, sequence in enumerate(sequences):
            where = f" ({sequence})" if len(sequences) > 1 else ""
            found += [_Part(f"{name}{where}", "feature", e, (s,), (j,)) for j, name in enumerate(names)]
    found += [_Part(column, "column", column=column) for column in columns]
    if found and len(encoders) + bool(columns) > 1:
        everywhere = tuple(range(len(sequences)))
        found += [_Part(f"all of {step.label()}", "block", e, everywhere) for e, step in enumerate(encoders)]
    return found


def importance(
    cell: ReopenedCell, *, permutations: int = PERMUTATIONS, tick: Callable[[int, int], None] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The fall of the AUC for each named feature in each fold, and the pairs of features that are correlated.

    A feature that differs between samples of one patient is permuted over the fold's test samples; one that is the same
    for all samples of each patient, such as age, is permuted over patients, so that no patient gets two ages. Slices
    of a sample keep together, and a value that could not be measured is permuted like any other. If samples have places
    (level, side), a feature is also permuted among samples at the same place alone, so that what it shows of the place
    stays. Features whose Spearman correlation over all samples is .7 or more, directly or through others, are also
    permuted together, as a row of kind `group`.

    Args:
        cell: The cell.
        permutations: For each feature and fold; their mean counts.
        tick: Called with the numbers of folds done and to do.

    Returns:
        A table with the columns `feature`, `kind`, `adjustment`, `repeat`, `fold`, `auc`, `fall`, `by` (samples or
        patients), and a table with the columns `first`, `second`, `rho`.
    """
    import pandas as pd

    named = parts(cell)
    values = _values(cell, named)
    pairs = _pairs(named, values)
    groups = [*([part] for part in named), *_groups(named, pairs)]
    places = _places(cell)
    rows = []
    for done, fit in enumerate(cell.fits):
        fold = cell.open(fit)
        test = fit.rows.test
        y = cell.y[test]
        before = _auc(y, fold.predict())
        for group in groups:
            by_patient = all(_is_of_patients(values[part.name][test], cell.plan.patients[test]) for part in group)
            units = cell.plan.patients[test] if by_patient else test.astype(str)
            for adjustment, place in ((POOLED, None), (WITHIN, places)):
                if adjustment == WITHIN and (place is None or by_patient):
                    continue
                seed = identity.seed(cell.plan.grid.protocol.seed, "permute", fit.fold.repeat, fit.fold.number)
                rng = np.random.default_rng(seed)
                own = None if place is None else place[test]
                given = np.stack([donors(units, own, rng) for _ in range(permutations)])
                after = [_auc(y, P) for P in _permuted(fold, group, given)]
                rows.append(
                    {
                        "feature": " + ".join(part.name for part in group),
                        "kind": group[0].kind if len(group) == 1 else "group",
                        "adjustment": adjustment,
                        "repeat": fit.fold.repeat,
                        "fold": fit.fold.number,
                        "auc": before,
                        "fall": before - float(np.mean(after)),
                        "by": "patients" if by_patient else "samples",
                    }
                )
        if tick is not None:
            tick(done + 1, len(cell.fits))
    return pd.DataFrame(rows), pd.DataFrame(pairs, columns=["first", "second", "rho"])


def donors(units: NDArray[np.str_], places: NDArray[np.str_] | None, rng: np.random.Generator) -> Int64:
    """For each of n rows the row whose value it gets.

    Rows of one unit (a patient) get values of one other unit, taken in turn; units are permuted.

    Args:
        units: `(n,)`: the rows that belong together.
        places: `(n,)`: only rows at the same place exchange values; None: all do.
        rng: Draws the permutation.
    """
    out = np.arange(len(units))
    for place in [None] if places is None else np.unique(places):
        rows = np.arange(len(units)) if place is None else np.flatnonzero(places == place)
        members = [rows[units[rows] == unit] for unit in dict.fromkeys(units[rows].tolist())]
        for taker, giver in zip(members, rng.permutation(len(members)).tolist(), strict=True):
            out[taker] = members[giver][np.arange(len(taker)) % len(members[giver])]
    return out


def _permuted(fold: ReopenedFold, group: Sequence[_Part], given: Int64) -> Float64:
    """The probabilities `(n, m, K)` of the test samples when the features of a group come from others, n times.

    Args:
        fold: The fold.
        group: The features.
        given: `(n, m)`: the sample, among those tested, whose value each sample gets.
    """
    times, m = given.shape
    rows = np.tile(fold.fit.rows.test, times)
    donor = (given + m * np.arange(times)[:, None]).ravel()
    tokens = [[one.take(rows) for one in each] for each in fold.tokens]
    columns = None
    if any(part.column for part in group):
        columns = fold.columns(rows.tolist())
    for part in group:
        if part.column and columns is not None:
            columns = columns.assign(**{part.column: columns[part.column].array[donor]})
        for s in part.sequences:
            tokens[part.encoder][s] = _exchanged(tokens[part.encoder][s], donor, part.features)
    return fold.predict(tokens, columns, times=times).reshape(times, m, -1)


def _exchanged(tokens: Tokens, donor: Int64, features: tuple[int, ...] | None) -> Tokens:
    """Tokens with features of other samples; a sample with more slices than its donor takes them in turn.

    A sample keeps its own where it or the donor lacks the sequence.
    """
    values, present = tokens.gather()
    count = present.sum(axis=1)
    lend = np.where((count > 0) & (count[donor] > 0), donor, np.arange(len(donor)))
    turns = np.arange(values.shape[1])[None] % np.maximum(count[lend], 1)[:, None]
    given = values[lend[:, None], turns]
    new = values.copy()
    chosen = np.arange(values.shape[2]) if features is None else np.array(features)
    new[:, :, chosen] = np.where(present[:, :, None], given[:, :, chosen], values[:, :, chosen])
    return replace(tokens, values=new, present=present, rows=np.where(count > 0, np.arange(len(new)), -1))


def _values(cell: ReopenedCell, named: Sequence[_Part]) -> dict[str, Float64]:
    """For each feature a number for each sample `(N,)`, NaN where it has none, to find what is correlated."""
    import pandas as pd

    fold = cell.open(cell.fits[0])
    means: dict[tuple[int, int], Float64] = {}
    out: dict[str, Float64] = {}
    for part in named:
        if part.column:
            column = cell.plan.samples[part.column]
            numbers = pd.to_numeric(column, errors="coerce")
            codes = np.asarray(numbers if numbers.notna().any() else pd.factorize(column)[0], dtype=np.float64)
            out[part.name] = np.where(column.isna(), np.nan, codes)
            continue
        at = part.encoder, part.sequences[0]
        if at not in means:
            values, have = fold.tokens[at[0]][at[1]].means()
            means[at] = np.where(have[:, None], values.astype(np.float64), np.nan)
        j = 0 if part.features is None else part.features[0]
        out[part.name] = means[at][:, j]
    return out


def _pairs(named: Sequence[_Part], values: dict[str, Float64]) -> list[tuple[str, str, float]]:
    """The pairs of features with a Spearman correlation of .7 or more, of either sign, the strongest first."""
    import pandas as pd

    names = [part.name for part in named if part.kind != "block"]
    with np.errstate(invalid="ignore"):
        rho = pd.DataFrame({name: values[name] for name in names}).corr(method="spearman").to_numpy()
    found = [
        (names[i], names[j], float(rho[i, j]))
        for i in range(len(names))
        for j in range(i + 1, len(names))
        if np.isfinite(rho[i, j]) and abs(rho[i, j]) >= CORRELATED
    ]
    return sorted(found, key=lambda pair: -abs(pair[2]))


def _groups(named: Sequence[_Part], pairs: Sequence[tuple[str, str, float]]) -> list[list[_Part]]:
    """The features that pairs connect, in the order of the features."""
    group = {part.name: i for i, part in enumerate(named)}
    for first, second, _ in pairs:
        old, new = group[second], group[first]
        group = {name: new if own == old else own for name, own in group.items()}
    found: dict[int, list[_Part]] = {}
    for part in named:
        found.setdefault(group[part.name], []).append(part)
    return [members for members in found.values() if len(members) > 1]


def _places(cell: ReopenedCell) -> NDArray[np.str_] | None:
    """The place of each sample; None where the dataset has none, or all are the same."""
    columns = list(cell.plan.dataset.within)
    if not columns:
        return None
    parts = cell.plan.samples[columns].astype(str).apply(lambda one: one.str.replace(" ", "\u00a0"))
    found = parts.agg(" ".join, axis=1).to_numpy(dtype=str)
    return found if len(np.unique(found)) > 1 else None


def _is_of_patients(values: Float64, patients: NDArray[np.str_]) -> bool:
    """Whether all samples of each patient have the same value, and a patient has several samples."""
    import pandas as pd

    several = len(set(patients.tolist())) < len(patients)
    kinds = pd.Series(values).fillna(np.inf).groupby(patients).nunique()
    return several and bool((kinds == 1).all())


def _auc(y: Int64, P: Float64) -> float:
    once = np.zeros(len(y), dtype=np.int64)
    return float(evaluate(AUC, y, P, repeat=once, fold=once).value)

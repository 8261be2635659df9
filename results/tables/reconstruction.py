"""How well autoencoders rebuilt test patients, beside the mean image and PCA of the same size."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from results.run_folder import Run
from results.scores.reconstruction import LEAST_GAIN, LEAST_SPREAD, MARK, Reconstruction, ratings
from results.tables.formats import Row, Score, Sheet

HEADERS = {
    "rmse": "RMSE",
    "rmse_pca": "RMSE\nof PCA",
    "rmse_mean": "RMSE of the\nmean image",
    "dice": "Dice",
    "dice_pca": "Dice\nof PCA",
    "spread": "Spread",
}
DECIMALS = {"spread": 2}


def rebuilt(run: Run, *, by_fold: bool = False) -> Sheet | None:
    """A row for each autoencoder and channel, the mean over folds; None if the run has no autoencoder.

    Args:
        run: A run folder.
        by_fold: Whether each fold has a row of its own below.

    Raises:
        ResultsError: A table can't be read.
    """
    found = ratings(run)
    if not found:
        return None
    groups: dict[tuple[str, str], list[Reconstruction]] = {}
    for one in found:
        groups.setdefault((one.name, one.channel), []).append(one)
    shown = [name for name in HEADERS if any(math.isfinite(one.values[name]) for one in found)]
    rows: list[Row] = []
    for (name, channel), of_step in groups.items():
        rows.append(_row((name, channel, *(["all"] if by_fold else [])), of_step, shown))
        if by_fold:
            rows += [_row((name, channel, _place(one)), [one], shown) for one in of_step]
    sizes = sorted({int(one.values["components"]) for one in found})
    return Sheet(
        target="reconstruction",
        title=f"How well autoencoders rebuild test patients: {run.dataset}, run {run.name}",
        labels=("autoencoder", "channel", *(["fold"] if by_fold else [])),
        headers=tuple(HEADERS[name] for name in shown),
        extras=("Inputs", "Collapsed"),
        rows=tuple(rows),
        floors=(),
        notes=(
            f"Test patients of each fold, whom neither the autoencoder nor PCA has seen; means over {_folds(found)} "
            "folds. RMSE: root of the mean squared error over all pixels, in units of the inputs. PCA has as many "
            f"components as the autoencoder has features ({', '.join(map(str, sizes))}) and is fitted on all training "
            "patients of the fold.",
            "Spread: variance between the reconstructions, as a share of that between the inputs.",
            f"Collapsed: folds with a spread under {LEAST_SPREAD:g}, or an RMSE that is not below that of the mean "
            f"image by {LEAST_GAIN * 100:g} %. Tables mark the cells that use such a fit with {MARK}.",
        ),
    )


def _row(labels: tuple[str, ...], found: Sequence[Reconstruction], shown: Iterable[str]) -> Row:
    scores = []
    for name in shown:
        values = [one.values[name] for one in found if math.isfinite(one.values[name])]
        scores.append(Score(math.fsum(values) / len(values), decimals=DECIMALS.get(name, 3)) if values else None)
    inputs = sorted({int(one.values["n_inputs"]) for one in found})
    n = f"{inputs[0]} to {inputs[-1]}" if len(inputs) > 1 else str(inputs[0])
    failed = sum(one.collapsed for one in found)
    return Row(labels, tuple(scores), (n, f"{failed} of {len(found)}"))


def _place(one: Reconstruction) -> str:
    return f"repeat {one.repeat}, fold {one.fold}"


def _folds(found: Sequence[Reconstruction]) -> int:
    return len({(one.repeat, one.fold) for one in found})

"""Writes scores on a held-out set as a folder in the layout of a run, so that `results` reads it like one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.grid.axes import AXES
from bench.run import facts
from bench.run.files import replace_file, write_json
from bench.run.sums import seal
from data.base import Dataset

if TYPE_CHECKING:
    import pandas as pd


def external_protocol(
    *,
    fitted_on: str,
    patients: Mapping[str, int],
    uses: tuple[int, int],
    left_out: int,
    kept_alike: int,
    compared_ids: bool,
    notes: Mapping[str, Sequence[str]],
    cross_validated: Mapping[str, Sequence[float]],
) -> dict[str, Any]:
    """How cells were fitted and scored, for `run.json`.

    Args:
        fitted_on: The training data, as captions name it.
        patients: For each cell by key the number of patients in it that it learnt from.
        uses: Earlier uses of the held-out set, and uses of others that share scans with it.
        left_out: The number of patients who were left out, since they were, or may have been, in training.
        kept_alike: The number of patients who were kept though a scan looks like one of training.
        compared_ids: Whether patients of the training data were looked for by their ids, besides the pixels.
        notes: For each target sentences about the held-out set.
        cross_validated: For each cell by key its cross-validated AUC with both ends of its interval, where it is known.
    """
    return {
        "fitted_on": fitted_on,
        "patients": max(patients.values(), default=0),
        "patients_by_cell": dict(patients),
        "uses_before": uses[0],
        "uses_overlapping": uses[1],
        "left_out": left_out,
        "kept_alike": kept_alike,
        "compared_ids": compared_ids,
        "notes": {name: list(lines) for name, lines in notes.items()},
        "cross_validated": {key: list(values) for key, values in cross_validated.items()},
    }


def write_scored(
    folder: Path,
    *,
    name: str,
    source: str,
    dataset: Dataset,
    samples: pd.DataFrame,
    cells: Sequence[Mapping[str, Any]],
    predictions: Mapping[str, pd.DataFrame],
    external: Mapping[str, Any],
    n_excluded: int,
    merged: Mapping[str, Mapping[str, str]],
    seed: int,
    device: str,
) -> None:
    """Writes `run.json`, `cells.json`, `samples.parquet`, predictions of cells that were fitted elsewhere, and sums.

    Args:
        folder: A new folder.
        name: The name of the scores.
        source: The held-out dataset, as captions name it.
        dataset: The held-out dataset.
        samples: Its samples.
        cells: The cells as `cells.json` describes them, with their rule of calling as `threshold`.
        predictions: The predictions of each cell by its key.
        external: See `external_protocol`.
        n_excluded: The number of rows of `excluded.csv`.
        merged: By target the labels that count as others.
        seed: The seed of the bootstrap's draws.
        device: Where the cells computed.
    """
    located = [column for column in dataset.locations if column in samples]
    about = {
        "name": name,
        "dataset": source,
        "floors": {cell["axes"]["heads"]: cell["reads"] for cell in cells if cell["floor"]},
        "axes": [{word: getattr(axis, word) for word in facts.WORDS} for axis in AXES],
        "patients_known": dataset.patients_known,
        "locations": located,
        "merged": dict(merged),
        "within": [column for column in dataset.within if column in located],
        "protocol": {
            "folds": 1,
            "repeats": 1,
            "seed": seed,
            "split": "external",
            "threshold": next((cell["threshold"] for cell in cells if not cell["floor"]), "argmax"),
            "external": dict(external),
        },
        "n_excluded": n_excluded,
        "devices": [device],
    }
    (folder / "cells").mkdir(parents=True)
    write_json(folder / facts.ABOUT, about)
    write_json(folder / "cells.json", list(cells))
    replace_file(folder / "samples.parquet", lambda to: samples.to_parquet(to))
    for key, table in predictions.items():
        table.to_parquet(folder / "cells" / f"{key}.parquet", index=False, write_page_checksum=True)
    seal(folder)

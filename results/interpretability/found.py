"""Reads the folder that `bench.models.latents` wrote for one autoencoder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.files.sums import read_sums
from data.text.csv_tables import read_csv
from results.json_files import read_json
from results.run_folder import ResultsError, Run

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Latents:
    """The latents of one network of a run.

    Args:
        run: The run.
        folder: `RUN/latents/KEY`.
        about: The contents of `about.json`, which describes the arrays.
        values: `(N, F)` features.
        samples: One row per sample: `sample`, `patient`, `in_training`.
        measures: `(N, G)` by name, NaN where a sample lacks a measure.
    """

    run: Run
    folder: Path
    about: dict[str, Any]
    values: NDArray[np.float64]
    samples: pd.DataFrame
    measures: pd.DataFrame

    @cached_property
    def patient(self) -> NDArray[np.int64]:
        """`(N,)` counted from 0."""
        return np.unique(self.samples["patient"].to_numpy(dtype=str), return_inverse=True)[1].astype(np.int64)

    @cached_property
    def place(self) -> NDArray[np.int64] | None:
        """`(N,)` counted from 0; None if the dataset has no locating columns, or all samples are at one place."""
        names = [self.run.places.get(sample, "") for sample in self.samples["sample"]]
        found, place = np.unique(names, return_inverse=True)
        return place.astype(np.int64) if len(found) > 1 else None

    @cached_property
    def held_out(self) -> NDArray[np.bool_]:
        """`(N,)`: whether the patient is not among those that trained the network."""
        return ~self.samples["in_training"].to_numpy(dtype=bool)

    @property
    def names(self) -> list[str]:
        """The features: z0, z1 and so on."""
        return [f"z{j}" for j in range(self.values.shape[1])]

    def pictures(self, kind: str) -> list[NDArray[np.float32]]:
        """The arrays of one kind of picture, one for each plane."""
        path = self.folder / f"{kind}.npz"
        try:
            with np.load(path) as file:
                return [file[f"plane_{i}"] for i in range(len(self.about["planes"]))]
        except (OSError, KeyError, ValueError) as error:
            raise ResultsError(f"{path} can't be read: {error}: run the command `latents` again") from error


def read_latents(run: Run, folder: Path) -> Latents:
    """Opens a folder that `bench.models.latents` wrote.

    Raises:
        ResultsError: Something in it can't be read.
        SumsError: One of its files was changed.
    """
    read_sums(folder, "run the command `latents` again").check()
    try:
        about = read_json(folder / "about.json", dict[str, Any], out="run the command `latents` again")
        values = np.load(folder / "latents.npy").astype(np.float64)
        samples = read_csv(folder / "samples.csv")
        measures = read_csv(folder / "measures.csv").set_index("sample")
    except (OSError, ValueError) as error:
        raise ResultsError(f"{folder} can't be read: {error}: run the command `latents` again") from error
    return Latents(run, folder, about, values, samples, measures.astype(np.float64))

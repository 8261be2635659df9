"""Reads the folders that `bench.models.explain` wrote for the cells of a run."""

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
from results.run_folder import ResultsError, Run, RunCell

if TYPE_CHECKING:
    import pandas as pd

FOLDER = "explanations"
AGAIN = "run the command `explain` again"


@dataclass(frozen=True, eq=False)
class Explanations:
    """What explains one cell.

    Args:
        run: The run.
        cell: The cell.
        folder: `RUN/explanations/KEY`.
        about: The contents of `about.json`.
    """

    run: Run
    cell: RunCell
    folder: Path
    about: dict[str, Any]

    @property
    def words(self) -> str:
        """The steps of the cell that differ from none, in the order of the axes."""
        return ", ".join(step for step in self.cell.axes.values() if step != "none")

    def arrays(self, method: str) -> dict[str, NDArray[np.float32]]:
        """`crop_I_J` and `map_I_J` `(D, H, W)` of sample I and sequence J.

        Raises:
            ResultsError: They can't be read.
        """
        path = self.folder / f"{method}.npz"
        try:
            with np.load(path) as file:
                return {name: file[name] for name in file.files}
        except (OSError, ValueError) as error:
            raise ResultsError(f"{path} can't be read: {error}: {AGAIN}") from error

    @cached_property
    def falls(self) -> pd.DataFrame:
        """The fall of the AUC for each feature and fold; empty where no feature has a name."""
        return self._table("importance.csv")

    @cached_property
    def correlated(self) -> pd.DataFrame:
        """The pairs of features that are correlated."""
        return self._table("correlated.csv")

    def _table(self, name: str) -> pd.DataFrame:
        import pandas as pd

        if "importance" not in self.about:
            return pd.DataFrame()
        try:
            return read_csv(self.folder / name, text=["feature"])
        except (OSError, ValueError) as error:
            raise ResultsError(f"{self.folder / name} can't be read: {error}: {AGAIN}") from error


def read_explanations(run: Run, folder: Path) -> Explanations:
    """Opens the folder of a cell.

    Raises:
        ResultsError: It can't be read, or the run no longer has the cell.
        SumsError: One of its files was changed.
    """
    read_sums(folder, AGAIN).check()
    try:
        about: dict[str, Any] = read_json(folder / "about.json", dict[str, Any], out=AGAIN)
        cell = next(one for one in run.cells if one.key == about["cell"])
    except StopIteration:
        raise ResultsError(f"{folder} explains a cell that the run no longer has: delete the folder") from None
    except (OSError, ValueError, KeyError) as error:
        raise ResultsError(f"{folder} can't be read: {error}: {AGAIN}") from error
    return Explanations(run, cell, folder, about)


def all_explanations(run: Run) -> list[Explanations]:
    """Those of all cells that the run still has, in the order of the cells."""
    folders = [run.folder / FOLDER / cell.key for cell in run.cells]
    return [read_explanations(run, folder) for folder in folders if (folder / "about.json").is_file()]

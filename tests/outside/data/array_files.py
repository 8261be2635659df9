"""Arrays on disk with a table of labels."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from data.base import DataError, Dataset, Image, Target


@dataclass(frozen=True, kw_only=True)
class ArrayFiles(Dataset):
    """Volumes as `{study}_{sequence}.npy` beside `labels.csv` with the columns study, patient, side, age, torn."""

    words = "volumes of the Example Knee Archive"
    cites = ("@article{okafor2021,\n  author={Okafor, Ada},\n  title={The Example Knee Archive},\n  year={2021}\n}",)

    folder: str = ""
    sequences: tuple[str, ...] = ("pd", "t2")
    locations = ("side",)
    clinical = ("age",)

    def targets(self) -> list[Target]:
        return [Target("torn", "torn", (0, 1))]

    def samples(self) -> pd.DataFrame:
        table = Path(self.folder) / "labels.csv"
        if not self.folder or not table.is_file():
            raise DataError(f"array_files: no file '{table}': set `folder` to where labels.csv lies")
        samples = pd.read_csv(table, dtype={"study": str, "patient": str, "side": str})
        return samples.set_index(pd.Index(samples["study"], name="sample"))

    def load(self, study: str, sequence: str) -> Image | None:
        path = Path(self.folder) / f"{study}_{sequence}.npy"
        return Image(np.load(path).astype(np.float32), np.eye(4)) if path in self.files(study) else None

    def files(self, study: str) -> list[Path]:
        paths = [Path(self.folder) / f"{study}_{sequence}.npy" for sequence in self.sequences]
        return [path for path in paths if path.is_file()]

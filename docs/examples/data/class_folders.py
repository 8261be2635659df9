"""Pictures in one folder per class."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from data.base import DataError, Dataset, Image, Target
from data.reading import volumes


@dataclass(frozen=True, kw_only=True)
class ClassFolders(Dataset):
    """Pictures that lie in one folder per class; a file's name begins with the patient: `normal/p01_l4.png`.

    Args:
        folder: The folder that holds the classes' folders.
        ending: The ending of the pictures' files.
    """

    folder: str = ""
    ending: str = ".png"

    @property
    def sequences(self) -> tuple[str, ...]:
        """There is one."""
        return ("image",)

    def targets(self) -> list[Target]:
        """One: which folder a picture lies in."""
        return [Target("folder", "folder", tuple(sorted(self.samples()["folder"].unique())))]

    def samples(self) -> pd.DataFrame:
        """One row per picture, called `{class}/{file}`."""
        if not Path(self.folder).is_dir() or not self.folder:
            raise DataError(
                f"class_folders: no folder '{self.folder}': set `folder` to one that holds a folder per class"
            )
        found = sorted(Path(self.folder).glob(f"*/*{self.ending}"))
        if not found:
            raise DataError(
                f"{self.folder}: holds no *{self.ending} in a folder per class: set `ending` to another one"
            )
        names = pd.Index([f"{path.parent.name}/{path.stem}" for path in found], name="sample")
        patients = [path.stem.partition("_")[0] for path in found]
        return pd.DataFrame(
            {"patient": patients, "study": names, "folder": [path.parent.name for path in found]}, index=names
        )

    def load(self, study: str, sequence: str) -> Image | None:
        """The picture of a study; None for another sequence."""
        files = self.files(study)
        return volumes.read(files[0]) if files and sequence in self.sequences else None

    def files(self, study: str) -> list[Path]:
        """The one file of a study."""
        path = Path(self.folder) / f"{study}{self.ending}"
        return [path] if path.is_file() else []

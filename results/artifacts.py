"""What trained steps left in a run folder, as the index in `artifacts/` lists it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from results.json_files import read_json
from results.run_records import ArtifactRecord
from results.run_sums import check_run_files

INDEX = Path("artifacts") / "index.json"


@dataclass(frozen=True)
class Artifact:
    """What one trained step left in one fold.

    Args:
        step: `"region"`, `"encoder"` or `"fusion"`.
        words: The labels of all that went into the step, in reading order.
        target: The target that it was trained for; None for a step that was trained without labels.
        sequences: The sequences that it saw.
        repeat: The repeat of its fold.
        fold: The number of its fold.
        cells: The keys of the cells that use it.
        files: Its files, by what they hold, such as `learning_curve`.
        seconds: How long it was trained; NaN where that is not known.
    """

    step: str
    words: tuple[str, ...]
    target: str | None
    sequences: tuple[str, ...]
    repeat: int
    fold: int
    cells: tuple[str, ...]
    files: Mapping[str, tuple[Path, ...]]
    seconds: float


def read_artifacts(folder: Path) -> list[Artifact]:
    """The artifacts of a run folder, in the order of its cells; none where nothing was trained.

    Raises:
        ResultsError: The index can't be read.
        SumsError: A file of an artifact was changed after the run.
    """
    path = folder / INDEX
    check_run_files(folder, "artifacts")
    if not path.exists():
        return []
    return [_artifact(path.parent, entry) for entry in read_json(path, list[ArtifactRecord])]


def _artifact(root: Path, entry: ArtifactRecord) -> Artifact:
    folder = root / entry.folder
    files = {content: tuple(folder / name for name in names) for content, names in entry.files.items()}
    return Artifact(
        step=entry.step,
        words=entry.words,
        target=entry.target,
        sequences=entry.sequences,
        repeat=entry.repeat,
        fold=entry.fold,
        cells=entry.cells,
        files=files,
        seconds=float("nan") if entry.seconds is None else entry.seconds,
    )

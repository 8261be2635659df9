"""Writes phantom MRI."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.api.errors import ArgumentError, check_choice

LAYOUTS = ("spider", "rsna", "oai")


def phantom(
    folder: str | Path,
    *,
    patients: int = 40,
    layout: str = "spider",
    effect: float = 0.5,
    missing: float = 0.0,
    sequences: Sequence[str] = ("t1", "t2"),
    missing_labels: float = 0.0,
    split: bool = False,
    confined: bool = False,
    mark_error: int = 0,
    size: Sequence[int] = (40, 64, 64),
    seed: int = 0,
) -> Path:
    """Writes phantom MRI in the layout of SPIDER or RSNA 2024 (lumbar spines) or of OAI (knees).

    Args:
        folder: A new or empty folder.
        patients: The number of patients.
        layout: `"spider"` (.mha, masks), `"rsna"` (DICOM, points) or `"oai"` (DICOM, knees).
        effect: How much gradings show in the images, 0 to 1.
        missing: The share of series that are left out.
        sequences: For `spider`: some of `"t1"`, `"t2"`, `"t2_SPACE"`.
        missing_labels: For `rsna`: the share of empty labels.
        split: For `rsna`: whether one half of the sign in a foramen is in T1 and the other in T2.
        confined: For `rsna`: whether each foramen lies in one slice.
        mark_error: For `rsna`: by how many slices a point is off at most.
        size: For `oai`: slices, rows and columns of a knee.
        seed: The seed of everything that is drawn.

    Returns:
        The folder.

    Raises:
        ArgumentError: The folder is not empty, or there is no such layout or size.

    Examples:
        >>> api.phantom("phantom", patients=20, layout="rsna")
    """
    folder = Path(folder)
    check_choice("--layout", layout, LAYOUTS)
    if folder.exists() and any(folder.iterdir()):
        raise ArgumentError(f"{folder} is not empty: name a new folder")
    if layout == "rsna":
        from data.phantom import write_rsna_phantom

        write_rsna_phantom(
            folder,
            patients=patients,
            seed=seed,
            effect=effect,
            missing=missing,
            missing_labels=missing_labels,
            split=split,
            confined=confined,
            mark_error=mark_error,
        )
    elif layout == "oai":
        from data.phantom import write_oai_phantom

        if len(size) != 3 or min(size) < 1:
            shown = ",".join(map(str, size))
            raise ArgumentError(f"--size {shown}: expected three numbers above 0, such as 40,64,64")
        slices, rows, columns = size
        write_oai_phantom(
            folder, patients=patients, seed=seed, effect=effect, missing=missing, size=(slices, rows, columns)
        )
    else:
        from data.phantom import write_phantom

        write_phantom(folder, patients=patients, seed=seed, effect=effect, sequences=tuple(sequences), missing=missing)
    return folder

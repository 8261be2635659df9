"""Translates masks of other segmenters into SPIDER's labels.

The maps in this folder follow the label tables of TotalSpineSeg and SPINEPS (its instance masks). Both name vertebrae
by anatomy, so that L5/S1 is 201 even in a spine with six lumbar vertebrae. Labels that a map lacks become background.

References:
    Y. Warszawer et al., TotalSpineSeg, 2025, doi:10.13140/RG.2.2.31318.56649.
    H. Moeller et al., SPINEPS, European Radiology, 2024, doi:10.1007/s00330-024-11155-y.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from data.base import DataError, Image
from data.reading.tables import spreadsheets
from data.text.names import closest


def path(labels: str) -> Path:
    """The file of a map: one of this folder by its name, or any CSV file.

    Raises:
        DataError: There is no such map or file.
    """
    maps = {file.stem: file for file in sorted(Path(__file__).parent.glob("*.csv"))}
    if labels in maps:
        return maps[labels]
    if not Path(labels).is_file():
        close = closest(labels, maps)
        meant = f"did you mean '{close}'? " if close else ""
        raise DataError(f"no map of labels '{labels}': {meant}There is {', '.join(maps)}, or give a CSV file")
    return Path(labels)


def apply(image: Image, labels: str) -> Image:
    """The image with its mask in SPIDER's labels.

    Raises:
        DataError: There is no such map, it is not a CSV file with whole numbers as `label` and `spider`, or it has no
            label of the mask.
    """
    if image.mask is None:
        return image
    file = path(labels)
    known = _read(file, file.stat().st_mtime_ns)
    mask = np.zeros_like(image.mask)
    for theirs in np.unique(image.mask).tolist():
        mask[image.mask == theirs] = known.get(theirs, 0)
    if not mask.any():
        found = ", ".join(map(str, np.unique(image.mask)[:20]))
        raise DataError(f"{file}: has none of the mask's labels ({found}): is it the map of another segmenter?")
    return replace(image, mask=mask)


@lru_cache
def _read(file: Path, changed: int) -> dict[int, int]:
    table = spreadsheets.read(file)
    pairs = zip(*(spreadsheets.column(table, name, file) for name in ("label", "spider")), strict=True)
    try:
        return {int(theirs): int(ours) for theirs, ours in pairs}
    except ValueError as error:
        raise DataError(f"{file}: label and spider must be whole numbers: {error}") from error

"""Writes phantom MRI."""

from __future__ import annotations

from inspect import signature
from pathlib import Path
from typing import Any

from bench.api.errors import ArgumentError, check_choice, writing
from data.files.whole import MARKER, new_folder
from data.text.names import nearest


def phantom(folder: str | Path, *, layout: str = "spider", **options: Any) -> Path:
    """Writes phantom MRI in the layout of SPIDER or RSNA 2024 (lumbar spines) or of OAI (knees), or crops with lesions.

    Args:
        folder: A new or empty folder.
        layout: `"spider"` (.mha, masks), `"rsna"` (DICOM, points), `"oai"` (DICOM, knees) or `"lesions"` (crops of
            discs for `image_table`, half of them with a lesion at a known place).
        options: Arguments of the layout. All have `patients`, `effect` (how much gradings show in the images, 0 to 1),
            `missing` (the share of series that are left out) and `seed`. `help(data.phantom.LAYOUTS["rsna"])` shows
            the others.

    Returns:
        The folder.

    Raises:
        ArgumentError: The folder is not empty, there is no such layout, or it has no such option.
        DataError: An option is out of its range.

    Examples:
        >>> api.phantom("phantom", patients=20, layout="rsna")
    """
    from data.phantom import LAYOUTS

    folder = Path(folder)
    check_choice("--layout", layout, LAYOUTS)
    known = [name for name in signature(LAYOUTS[layout]).parameters if name != "folder"]
    for name in options:
        if name not in known:
            raise ArgumentError(f"--layout {layout} has no option '{name}'{nearest(name, known)}")
    if (seed := options.get("seed", 0)) < 0:
        raise ArgumentError(f"--seed {seed}: must be 0 or more")
    if folder.exists() and any(folder.iterdir()):
        raise ArgumentError(f"{folder} is not empty: name a new folder")
    with writing(folder), new_folder(folder) as draft:
        LAYOUTS[layout](draft, **options)
        (draft / MARKER).unlink()  # the phantom is the user's
    return folder

"""Compares the files of a run folder with the sums that its run wrote last."""

from __future__ import annotations

from pathlib import Path

from data.files.sums import read_sums

LATER = ("cells", "null", "refit", "artifacts", "panels")
"""Folders whose files are compared when they are read, since there may be many."""
OUT = "restore it, or run the grid again, which writes it anew (what is done is kept)"


def check_run_files(folder: Path, *places: str) -> None:
    """Demands the files of a run folder that its run wrote; that of an earlier version has no sums and passes.

    Args:
        folder: The run folder.
        places: Names of files or of folders in it that are about to be read; none for all files but those in `LATER`.

    Raises:
        SumsError: A file was changed or is missing.
    """
    read_sums(folder, OUT).check(*places, beside=() if places else LATER)

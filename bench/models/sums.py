"""Every file of a model is compared with its sum: a part that is damaged, missing or of another model is named."""

from __future__ import annotations

from pathlib import Path

from bench.models.records import read_facts
from data.files.sums import SUMS, SumsError, read_sums


def check_sums(folder: Path) -> None:
    """Compares every file with `SHA256SUMS`.

    Raises:
        SumsError: A file is missing or another, or there are no sums.
        ResultsError: The facts are none.
    """
    sums = read_sums(folder, "copy the whole folder of the model again, or fit it again")
    if not sums.digests:
        raise SumsError(f"{folder / SUMS}: no such file: fit the model again")
    sums.check()
    read_facts(folder)

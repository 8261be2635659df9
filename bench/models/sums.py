"""Every file of a model is compared with its sum: a part that is damaged, missing or of another model is named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.models.records import read_facts
from data.files.sums import SUMS, SumsError, read_sums


def check_sums(folder: Path, about: Mapping[str, Any]) -> None:
    """Compares every file with `SHA256SUMS`, and what was fitted with the sums in `model.json`.

    Args:
        folder: A model.
        about: Its `model.json`.

    Raises:
        SumsError: A file is missing or another, or there are no sums.
        ResultsError: The facts are none.
    """
    out = "copy the whole folder of the model again, or fit it again"
    sums = read_sums(folder, out)
    if not sums.digests:
        raise SumsError(f"{folder / SUMS}: no such file: fit the model again")
    sums.check()
    read_facts(folder)
    for one in _with_chains(about["cells"]):
        own = one.get("chain_sum")
        if own and sums.digests.get(one["chain"], own) != own:
            raise SumsError(f"{folder / one['chain']}: is of another model than model.json: {out}")


def _with_chains(cells: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Cells and floors, of which each has what was fitted in a file of its own."""
    for cell in cells:
        yield cell
        for floor in cell["floors"].values():
            yield from _with_chains([floor["cell"]] if floor.get("cell") else ())
            if floor.get("chain"):
                yield floor

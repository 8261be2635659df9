"""A table of the lowest levels of new studies, for the regions of a model that number levels."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.models.reopen import CellError
from data.text.names import nearest
from preprocessing.regions.base import Region


@dataclass(eq=False)
class Anchors:
    """Gives the table to the regions with a field `anchor`. The table of the run names the studies of the run.

    Args:
        file: The table, or "" for none.
    """

    file: str = ""
    studies: set[str] = field(default_factory=set)
    taken: bool = False

    def step(self, step: dict[str, Any]) -> dict[str, Any]:
        """A region's part of `model.json` with this table."""
        if "anchor" not in step["fields"]:
            return step
        self.taken = True
        return {**step, "fields": step["fields"] | {"anchor": self.file}}

    def note(self, region: Region) -> None:
        """Notes the studies that the table names.

        Raises:
            DataError: The table can't be used.
        """
        self.studies |= set(getattr(region, "anchored", ()))

    def check_taken(self, folder: Path) -> None:
        """Demands that some region of the model read the table, if there is one.

        Raises:
            CellError: None did.
        """
        if self.file and not self.taken:
            raise CellError(f"anchor {self.file}: no region of {folder} numbers levels: leave it out")

    def check_named(self, studies: Collection[str]) -> None:
        """Demands that each study of the table is one of those at hand.

        Raises:
            CellError: One is none of them.
        """
        if unknown := sorted(self.studies.difference(studies)):
            raise CellError(f"anchor {self.file}: '{unknown[0]}' is no study at hand{nearest(unknown[0], studies)}")

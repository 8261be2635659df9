"""What each entry of the store holds for people: a note, tables and arrays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bench.plan.references import CropsRef, TokensRef
from bench.tasks.versions import versions


def made_by(kind: str, what: Any, **more: Any) -> dict[str, Any]:
    """A readable note about what made an entry; only its key decides whether it is used again."""
    if isinstance(what, TokensRef):
        what = {"encoder": what.encoder.label(), "sequence": what.crops.sequence, "images": what.crops.images.label()}
    elif isinstance(what, CropsRef):
        what = {"sequence": what.sequence, "region": what.region.label(), "images": what.images.label()}
    return {"kind": kind, "of": what, **more, "versions": versions()}


def keep_artifacts(folder: Path, artifacts: Mapping[str, Any]) -> None:
    """Writes tables as CSV and arrays as .npy."""
    for name, value in artifacts.items():
        if isinstance(value, np.ndarray):
            np.save(folder / f"{name}.npy", value)
        else:
            value.to_csv(folder / f"{name}.csv", index=False)

"""What each entry of the store holds for people to read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bench.plan.references import CropsRef, TokensRef
from bench.tasks.versions import versions


def made_by(kind: str, what: Any, **more: Any) -> dict[str, Any]:
    """A readable note of what made an entry; keys decide, this does not."""
    if isinstance(what, TokensRef):
        what = {"encoder": what.encoder.label(), "sequence": what.crops.sequence, "images": what.crops.images.label()}
    elif isinstance(what, CropsRef):
        what = {"sequence": what.sequence, "region": what.region.label(), "images": what.images.label()}
    return {"kind": kind, "of": what, **more, "versions": versions()}


def keep_artifacts(folder: Path, artifacts: Mapping[str, Any]) -> None:
    """Tables as CSV, arrays as .npy."""
    for name, value in artifacts.items():
        if isinstance(value, np.ndarray):
            np.save(folder / f"{name}.npy", value)
        else:
            value.to_csv(folder / f"{name}.csv", index=False)

"""A diagnosis as JSON and as a flat table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from results.diagnosis.findings import WARNING, Diagnosis, Finding

if TYPE_CHECKING:
    import pandas as pd


def write_json(of: Diagnosis, path: Path) -> None:
    """Writes the study, the model's facts, notes and a list of findings.

    `slice.index` counts from 0 in the stack sorted by position, `slice.instance` from 1 as scanners do. `point.pixel`
    is column and row of the slice as it is shown, `point.file_pixel` of the file, both from 0; `point.mm` is LPS.
    """
    told = {
        "study": of.study,
        "warning": WARNING,
        "model": dict(of.model),
        "notes": list(of.notes),
        "classes": list(of.classes),
        "findings": [_finding(of, one) for one in of.findings],
    }
    path.write_text(json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def table(of: Diagnosis) -> pd.DataFrame:
    """One row a finding; the columns of `write_csv`, missing values where nothing is known."""
    import pandas as pd

    rows = []
    for one in of.findings:
        row: dict[str, Any] = {"study": of.study, "condition": one.condition, "side": one.side, "level": one.level}
        row |= {"grade": one.grade or None, "missing": one.missing or None}
        probabilities = one.probabilities or (None,) * len(of.classes)
        row |= {f"p_{short(name)}": p for name, p in zip(of.classes, probabilities, strict=True)}
        mark = one.mark
        x, y, z = mark.position if mark else (None, None, None)
        row |= {
            "sequence": mark and mark.sequence,
            "slice": mark and mark.index,
            "x": mark and mark.x,
            "y": mark and mark.y,
            "x_mm": x,
            "y_mm": y,
            "z_mm": z,
            "series": (mark and mark.series) or None,
            "file": (mark and mark.file) or None,
            "instance": mark and mark.instance,
            "file_x": mark and mark.file_x,
            "file_y": mark and mark.file_y,
        }
        rows.append(row)
    found = pd.DataFrame(rows)
    return found.astype({"slice": "Int64", "instance": "Int64"})


def write_csv(of: Diagnosis, path: Path) -> None:
    """Writes `table`: a finding a row, probabilities `p_...` by class, places as in `write_json`."""
    table(of).to_csv(path, index=False, float_format="%.6g")


def short(name: str) -> str:
    """A class as a column is called: `normal_mild` of `Normal/Mild`."""
    return name.lower().replace("/", "_").replace(" ", "_")


def _finding(of: Diagnosis, one: Finding) -> dict[str, Any]:
    told: dict[str, Any] = {"condition": one.condition, "side": one.side, "level": one.level}
    if one.missing:
        return told | {"missing": one.missing}
    told |= {"grade": one.grade, "probabilities": dict(zip(of.classes, one.probabilities, strict=True))}
    if (mark := one.mark) is None:
        return told
    place = {"index": mark.index, "instance": mark.instance, "series": mark.series or None, "file": mark.file or None}
    point: dict[str, Any] = {"pixel": [mark.x, mark.y], "mm": list(mark.position)}
    if mark.file_x is not None and mark.file_y is not None:
        point["file_pixel"] = [mark.file_x, mark.file_y]
    return told | {"sequence": mark.sequence, "slice": place, "point": point}

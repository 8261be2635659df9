"""A diagnosis as JSON and as a flat table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.files.whole import replace_file, replace_text
from results.diagnosis.findings import WARNING, Diagnosis, Finding
from results.tables.escaping import csv_frame

if TYPE_CHECKING:
    import pandas as pd


def write_json(diagnosis: Diagnosis, path: Path) -> None:
    """Writes the study, the model's facts, notes and a list of findings.

    `slice.index` counts from 0 in the stack sorted by position, `slice.instance` from 1 as scanners do. `point.pixel`
    is column and row of the slice as it is shown, `point.file_pixel` of the file, both from 0; `point.mm` is LPS.
    """
    content = {
        "study": diagnosis.study,
        "warning": WARNING,
        "model": dict(diagnosis.model),
        "notes": list(diagnosis.notes),
        "classes": list(diagnosis.classes),
        "findings": [_finding(diagnosis, one) for one in diagnosis.findings],
    }
    replace_text(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def table(diagnosis: Diagnosis) -> pd.DataFrame:
    """One row per finding, with the columns of `write_csv`; unknown values are missing."""
    import pandas as pd

    rows = []
    for one in diagnosis.findings:
        row: dict[str, Any] = {"study": diagnosis.study, **one.place}
        row |= {"grade": one.grade or None, "missing": one.missing or None}
        probabilities = one.probabilities or (None,) * len(diagnosis.classes)
        row |= {f"p_{short(name)}": p for name, p in zip(diagnosis.classes, probabilities, strict=True)}
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


def write_csv(diagnosis: Diagnosis, path: Path) -> None:
    """Writes `table`: one row per finding, a column `p_...` for each class, slices and points as in `write_json`."""
    found = csv_frame(table(diagnosis))
    replace_file(path, lambda to: found.to_csv(to, index=False, float_format="%.6g"))


def short(name: str) -> str:
    """A class as the name of a column: `normal_mild` for `Normal/Mild`."""
    return name.lower().replace("/", "_").replace(" ", "_")


def _finding(diagnosis: Diagnosis, one: Finding) -> dict[str, Any]:
    about: dict[str, Any] = dict(one.place)
    if one.missing:
        return about | {"missing": one.missing}
    about |= {"grade": one.grade, "probabilities": dict(zip(diagnosis.classes, one.probabilities, strict=True))}
    if (mark := one.mark) is None:
        return about
    place = {"index": mark.index, "instance": mark.instance, "series": mark.series or None, "file": mark.file or None}
    point: dict[str, Any] = {"pixel": [mark.x, mark.y], "mm": list(mark.position)}
    if mark.file_x is not None and mark.file_y is not None:
        point["file_pixel"] = [mark.file_x, mark.file_y]
    return about | {"sequence": mark.sequence, "slice": place, "point": point}

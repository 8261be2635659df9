"""The kinds of points that are marked, and the sequence in which each kind is looked for."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from preprocessing.regions.base import Study

PointKind = tuple[tuple[str, str], ...]
"""The columns that locate a sample, such as condition, level and side: names and values, sorted by name."""


def mark_of(sample: Mapping[str, Any]) -> PointKind:
    """The kind of a sample's point, the same in all patients: its row without `sample`, `patient` and `study`."""
    return tuple(sorted((k, str(v)) for k, v in sample.items() if k not in ("sample", "patient", "study")))


def marks_by_sequence(studies: Sequence[Study]) -> dict[str, list[PointKind]]:
    """The marks that have a point, sorted, under the sequence in which they are looked for.

    This is the sequence in which most points of the mark's condition were marked; of several, the first by name.
    """
    seen: defaultdict[str, Counter[str]] = defaultdict(Counter)
    marks: set[PointKind] = set()
    for study in studies:
        usable = usable_points(study)
        for sample in study.samples:
            if sample["sample"] in usable:
                marks.add(mark_of(sample))
                seen[str(sample.get("condition", ""))][usable[sample["sample"]][0]] += 1
    found: defaultdict[str, list[PointKind]] = defaultdict(list)
    for mark in sorted(marks):
        counts = seen[dict(mark).get("condition", "")]
        found[min(counts, key=lambda sequence: (-counts[sequence], sequence))].append(mark)
    return dict(sorted(found.items()))


def usable_points(study: Study) -> dict[str, tuple[str, tuple[float, float, float]]]:
    """The sequence and the place (LPS mm) of each annotated point without a fault, by sample."""
    points = study.points
    if points is None:
        return {}
    points = points[(points["fault"].fillna("") == "") & points[["x", "y", "z"]].notna().all(axis=1)]
    columns = (points[name] for name in ("sequence", "x", "y", "z"))
    return {
        str(sample): (str(sequence), (float(x), float(y), float(z)))
        for sample, sequence, x, y, z in zip(points.index, *columns, strict=True)
    }

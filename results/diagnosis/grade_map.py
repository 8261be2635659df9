"""Where a crop spoke for the grade of a finding."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

if TYPE_CHECKING:
    from results.diagnosis.findings import Diagnosis, Finding


@dataclass(frozen=True, eq=False, kw_only=True)
class MappedCrop:
    """A crop and the map over it.

    Args:
        sequence: Such as `sagittal_t1`.
        pixels: `(D, H, W)`.
        values: `(D, H, W)`: log odds of the grade as they are, minus with the place covered.
        spacing: Distance of rows and of columns, mm.
    """

    sequence: str
    pixels: NDArray[Any]
    values: NDArray[Any]
    spacing: tuple[float, float]


@dataclass(frozen=True, eq=False, kw_only=True)
class GradeMap:
    """The maps of one finding, one for each sequence that it was read in.

    Args:
        crops: The crops with their maps.
        patch: Side of the patches that were covered, mm.
        least: The lowest probability of the grade under any patch.
    """

    crops: tuple[MappedCrop, ...]
    patch: float
    least: float


def draw_grade_map(diagnosis: Diagnosis, finding: Finding, path: Path) -> None:
    """Writes the crops of a finding as PNG, with the map over each."""
    from results.interpretability.maps import one_sample

    shown = finding.grade_map
    assert shown is not None
    where = f"{diagnosis.column(finding)} {diagnosis.row(finding)}"
    title = f"{where}: {finding.grade} (p {diagnosis.probability(finding):.2f})"
    rows = [(diagnosis.sequence(one.sequence), one.pixels, one.values, one.spacing) for one in shown.crops]
    one_sample(rows, title).savefig(path)


def grade_map_caption(diagnosis: Diagnosis, finding: Finding) -> str:
    """What a picture of a map shows, in words."""
    shown = finding.grade_map
    assert shown is not None
    return (
        f"{diagnosis.column(finding)} {diagnosis.row(finding)}: {finding.grade}, "
        f"{100 * diagnosis.probability(finding):.0f} %; with one patch of {shown.patch:g} mm blurred, "
        f"{100 * shown.least:.0f} % or more"
    )

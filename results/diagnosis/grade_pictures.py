"""Pictures of what spoke for the grades of findings."""

from __future__ import annotations

from pathlib import Path

from results.diagnosis.findings import Diagnosis, Finding


def draw_grade_map(diagnosis: Diagnosis, finding: Finding, path: Path) -> None:
    """Writes the crops of a finding as PNG, with the map over each."""
    from results.interpretability.maps import one_sample

    shown = finding.grade_map
    assert shown is not None
    where = f"{diagnosis.column(finding)} {diagnosis.row(finding)}"
    title = f"{where}: {finding.grade} (p {diagnosis.probability(finding):.2f})"
    rows = [(diagnosis.sequence(one.sequence), one.pixels, one.values, one.spacing) for one in shown.crops]
    one_sample(rows, title).savefig(path, format="png")


def grade_map_caption(diagnosis: Diagnosis, finding: Finding) -> str:
    """What a picture of a map shows, in words."""
    shown = finding.grade_map
    assert shown is not None
    return (
        f"{diagnosis.column(finding)} {diagnosis.row(finding)}: {finding.grade}, "
        f"{100 * diagnosis.probability(finding):.0f} %; with one patch of {shown.patch:g} mm blurred, "
        f"{100 * shown.least:.0f} % or more"
    )

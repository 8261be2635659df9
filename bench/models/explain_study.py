"""Maps of what spoke for the grades of a new study, by occlusion with a local blur.

A model keeps no picture of its training patients, so there is no mean crop to replace patches by.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.models.model import FittedCell
from bench.stages.crops import StudyCrops
from bench.stages.occlusion import usual_patch
from bench.stages.scorer import CellScorer
from data.base import Image
from results.diagnosis import GradeMap, MappedCrop

if TYPE_CHECKING:
    import pandas as pd


def grade_map(cell: FittedCell, crops: Sequence[StudyCrops], sample: int, samples: pd.DataFrame) -> GradeMap:
    """The map of one finding.

    Args:
        cell: The cell that graded it.
        crops: The study's crops in each sequence of the cell.
        sample: The position of the sample in the study.
        samples: The study's samples, with the columns that the cell's table step reads.
    """
    scorer = CellScorer(cell.encoders, cell.about["widths"], cell.chain, len(cell.about["classes"]))
    own: list[Image | None] = [one.images[one.entry[sample]] if one.entry[sample] >= 0 else None for one in crops]
    side = usual_patch([crop for crop in own if crop is not None])
    columns = samples.iloc[[sample]][cell.columns]
    found = scorer.occlude(own, columns, side, [None] * len(own))
    names = [step["name"] for step in cell.about["steps"]["sequences"]]
    mapped = [
        MappedCrop(sequence=name, pixels=crop.pixels, values=values, spacing=crop.spacing[1:])
        for name, crop, values in zip(names, own, found.maps, strict=True)
        if crop is not None and values is not None
    ]
    return GradeMap(crops=tuple(mapped), patch=side, least=found.least)

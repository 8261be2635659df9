"""Diagnoses as the table that the challenge of a model's dataset asks for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.models.model import base_rates, read_about
from bench.plugins import plugin_class
from results.diagnosis import Diagnosis

if TYPE_CHECKING:
    import pandas as pd


def submission(model: Path, diagnoses: Sequence[Diagnosis]) -> pd.DataFrame:
    """The table for some studies; a place without a grade gets the shares of the classes in training.

    Args:
        model: The folder of a model.
        diagnoses: One for each study.

    Raises:
        DataError: The model's dataset gives no table for a challenge, or the model has other classes.
        ModelError: The folder is no model.
    """
    about = read_about(model)
    cell = about["cells"][0]
    studies = {
        one.study: {tuple(finding.place.values()): finding.probabilities for finding in one.findings if finding.grade}
        for one in diagnoses
    }
    dataset = plugin_class("data", about["dataset"])
    table: pd.DataFrame = dataset.submission(
        studies, classes=cell["classes"], base_rates=base_rates(model, next(iter(cell["places"]), ""))
    )
    return table

"""What the JSON files of a model must hold; other keys are left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, StringConstraints, field_validator

from bench.grid.axes import LISTED
from bench.plan.known import is_look
from results.json_files import read_json
from results.methods.model_card import FACTS
from results.run_records import Interval

Name = Annotated[StrictStr, StringConstraints(min_length=1)]
Count = Annotated[StrictInt, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Step(_Record):
    name: Name
    fields: dict[str, Any] = {}
    code: StrictStr = ""


class _Floor(_Record):
    reads: Name
    axes: dict[str, StrictStr]
    columns: list[StrictStr] = []
    places: list[list[StrictStr]] | None = None
    P: list[list[Share]] | None = None
    called: list[Count] | None = None
    cell: ModelCell | None = None
    chain: Name | None = None


class ModelCell(_Record):
    """A cell of a model."""

    target: Name
    classes: Annotated[list[StrictStr], Field(min_length=2)]
    rows: dict[str, Any]
    merge: dict[str, StrictStr]
    ordinal: StrictBool
    axes: dict[str, StrictStr]
    calls: list[dict[str, Any]]
    floors: dict[str, _Floor]
    steps: dict[str, list[_Step]]
    columns: list[StrictStr]
    networks: list[list[dict[str, StrictStr]]]
    regions: dict[str, StrictStr]
    fusions: list[Name]
    chain: Name
    places: dict[str, list[StrictStr]]
    n_samples: Annotated[StrictInt, Field(ge=1)]
    n_patients: Count
    n_by_class: list[Count]

    @field_validator("steps")
    @classmethod
    def _are_whole(cls, steps: dict[str, list[_Step]]) -> dict[str, list[_Step]]:
        lost = [axis.name for axis in LISTED if axis.name not in steps]
        lost += [name for name in ("sequences", "regions", "encoders", "heads") if not steps.get(name)]
        if lost:
            raise ValueError(f"must name {lost[0]}")
        return steps


class ModelRecord(_Record):
    """A model."""

    fitted: Name
    run: Name
    dataset: Name
    source: StrictStr
    locations: list[StrictStr]
    patients: Count
    seed: Count
    dataset_sequences: list[StrictStr]
    versions: dict[str, StrictStr]
    code: dict[str, Any]
    cells: list[ModelCell]


class CrossScores(_Record):
    """Scores of a cell or a floor in cross-validation, as the model card shows them."""

    auc: Interval


CrossValidated = dict[str, dict[str, CrossScores]]
"""`cross_validation.json`: target, floor or "" for the cell; of each metric the score and its interval."""


def read_facts(folder: Path) -> dict[str, str]:
    """The facts about a model for its pages; none where it has no `facts.json`.

    Raises:
        ResultsError: The file holds something else.
    """
    try:
        found: dict[str, str] = read_json(folder / FACTS, dict[str, StrictStr], out="fit the model again")
    except FileNotFoundError:
        return {}
    return found


class LearntFromRecord(_Record):
    """Whom a model learnt from."""

    patients: list[StrictStr]
    scans: list[StrictStr]
    ids_known: StrictBool
    looks: list[StrictStr] = []

    @field_validator("looks")
    @classmethod
    def _are_looks(cls, looks: list[str]) -> list[str]:
        if not all(map(is_look, looks)):
            raise ValueError("must be texts of 128 or 384 hexadecimal digits")
        return looks


_Floor.model_rebuild()

"""What `model.json` and `learnt_from.json` must hold; other keys are left alone."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, StringConstraints, field_validator

from bench.plan.known import is_look

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

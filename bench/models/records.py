"""What the JSON files of a model must hold; other keys are left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    StringConstraints,
    field_validator,
    model_validator,
)

from bench.grid.axes import LISTED
from bench.plan.known import is_look
from results.json_files import read_json
from results.methods.model_card import FACTS
from results.run_records import FileName, Interval

Name = Annotated[StrictStr, StringConstraints(min_length=1)]
Count = Annotated[StrictInt, Field(ge=0)]
ROUNDING = 1e-5
Width = Annotated[StrictInt, Field(ge=1, le=10_000_000)]
Share = Annotated[float, Field(ge=0, le=1)]


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Step(_Record):
    name: Name
    fields: dict[str, Any] = {}
    code: StrictStr = ""


class _Call(_Record):
    threshold: Share | None = None
    weights: list[Annotated[float, Field(ge=0, allow_inf_nan=False)]] | None = None


class _Floor(_Record):
    reads: Name
    axes: dict[str, StrictStr]
    columns: list[StrictStr] = []
    places: list[list[StrictStr]] | None = None
    P: list[list[Share]] | None = None
    called: list[Count] | None = None
    cell: ModelCell | None = None
    chain: Name | None = None
    chain_sum: StrictStr = ""


class ModelCell(_Record):
    """A cell of a model."""

    target: Name
    classes: Annotated[list[StrictStr], Field(min_length=2)]
    rows: dict[str, StrictStr | StrictInt | StrictFloat | StrictBool]
    merge: dict[str, StrictStr]
    ordinal: StrictBool
    axes: dict[str, StrictStr]
    calls: list[_Call]
    threshold: StrictStr
    clinical: dict[str, list[StrictStr] | None] = {}
    floors: dict[str, _Floor]
    steps: dict[str, list[_Step]]
    columns: list[StrictStr]
    networks: list[list[dict[str, StrictStr]]]
    widths: list[list[Width]]
    regions: dict[str, StrictStr]
    lies: dict[str, list[StrictStr]] = {}
    fusions: list[Name]
    chain: Name
    chain_sum: StrictStr = ""
    places: dict[str, list[StrictStr]]
    n_samples: Annotated[StrictInt, Field(ge=1)]
    n_patients: Count
    n_by_class: list[Count]

    @field_validator("steps")
    @classmethod
    def _name_all(cls, steps: dict[str, list[_Step]]) -> dict[str, list[_Step]]:
        lost = [axis.name for axis in LISTED if axis.name not in steps]
        lost += [name for name in ("sequences", "regions", "encoders", "heads") if not steps.get(name)]
        if lost:
            raise ValueError(f"must name {lost[0]}")
        return steps

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("classes must differ")
        classes, shape = len(self.classes), (len(self.steps["encoders"]), len(self.steps["sequences"]))
        for name in ("networks", "widths"):
            each = getattr(self, name)
            if len(each) != shape[0] or any(len(one) != shape[1] for one in each):
                raise ValueError(f"{name} must have an entry for each encoder and sequence")
        if len(self.n_by_class) != classes or sum(self.n_by_class) != self.n_samples:
            raise ValueError("n_by_class must have a number for each class, n_samples in all")
        for name, floor in self.floors.items():
            if floor.P is not None or (floor.cell is None and floor.chain is None):
                _check_places(name, floor, classes)
        return self


class FittedRecord(ModelCell):
    """A cell that was fitted for use: its key in the model and in the run."""

    key: FileName
    key_in_run: FileName


class ModelRecord(_Record):
    """A model."""

    fitted: Name
    run: Name
    dataset: Name
    dataset_fields: dict[str, Any] | None = None
    source: StrictStr
    locations: list[StrictStr]
    patients: Count
    seed: Count
    dataset_sequences: list[StrictStr]
    versions: dict[str, StrictStr]
    code: dict[str, Any]
    cells: list[FittedRecord]


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


def _check_places(name: str, floor: _Floor, classes: int) -> None:
    """Demands the probabilities and the called class of every place."""
    places, P, called = floor.places or [], floor.P or [], floor.called or []
    if not places or {len(places)} != {len(P), len(called)} or any(len(one) != len(floor.columns) for one in places):
        raise ValueError(f"floor {name:.40} must have probabilities and a class for each place")
    if any(len(row) != classes or abs(sum(row) - 1) > ROUNDING for row in P) or max(called) >= classes:
        raise ValueError(f"floor {name:.40} must have a probability for each class, 1 in all, and name a class")


_Floor.model_rebuild()

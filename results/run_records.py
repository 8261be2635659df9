"""What `run.json` and `cells.json` must hold; other keys are left alone."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    StringConstraints,
)

from data.files.whole import MARKER
from results.json_files import AGAIN, Records, lacks, read_json

CELLS, SESSIONS, GRID = "cells.json", "provenance.json", "grid.yaml"


def _is_inside(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise ValueError("must be the name of a file below this folder")
    return name


FileName = Annotated[StrictStr, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,100}$")]
Label = StrictStr | StrictInt | StrictFloat | StrictBool
Count = Annotated[StrictInt, Field(ge=0, lt=2**63)]
Inside = Annotated[StrictStr, StringConstraints(min_length=1, max_length=500), AfterValidator(_is_inside)]
"""A name of a file that lies below a folder."""
Share = Annotated[float, Field(ge=-1e-5, le=1 + 1e-5)]
Interval = Annotated[list[float], Field(min_length=3, max_length=3)]
"""A score and both ends of its interval; they may be NaN."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore")


class CellRecord(_Record):
    """A cell, as `RunCell` describes it."""

    number: Annotated[StrictInt, Field(ge=0, lt=2**63)] = 0
    key: FileName
    axes: dict[str, StrictStr]
    target: StrictStr
    classes: Annotated[list[Label], Field(min_length=1)]
    ordinal: StrictBool = False
    status: Literal["done", "failed", "refused", "to do"]
    reason: StrictStr = ""
    tuned: StrictBool = False
    seconds: Annotated[float, Field(ge=0)] | None = None
    floor: StrictBool = False
    reads: StrictStr = "embedding"


class AxisRecord(_Record):
    """An axis, as `AxisWords` describes it."""

    name: StrictStr
    noun: StrictStr
    plural: StrictStr
    meaning: StrictStr
    unused: StrictStr = ""


class SessionRecord(BaseModel):
    """One start of a run; what else it holds is shown as it is."""

    model_config = ConfigDict(extra="allow")

    finished: StrictStr = ""
    device: StrictStr = ""
    code: dict[str, StrictStr | StrictInt | None] = {}
    machine: dict[str, Any] = {}
    seconds: dict[str, float] = {}
    versions: dict[str, StrictStr] = {}


class PictureRecord(_Record):
    """A drawn figure in the index of its folder."""

    name: StrictStr
    caption: StrictStr
    scans: StrictBool


class CaseRecord(_Record):
    """A case that the run kept a picture of: its label and the class that was called, each with its probability."""

    sample: StrictStr
    label: StrictStr
    probability: Share
    predicted: StrictStr
    predicted_probability: Share
    repeat: Count
    fold: Count
    half: Literal["best", "worst"]


class PanelsFileRecord(_Record):
    """The name of the files with the cases of one cell."""

    target: StrictStr
    cell: FileName
    file: Inside


class PanelsRecord(_Record):
    """The cases of a target that the run kept pictures of."""

    cell: StrictStr
    sequences: Annotated[list[StrictStr], Field(min_length=1, max_length=100)]
    samples: Annotated[list[CaseRecord], Field(min_length=1, max_length=10_000)]


class ExternalRecord(BaseModel):
    """How an external test was made, as `bench.run.scored.external_protocol` gives it."""

    model_config = ConfigDict(extra="allow")

    fitted_on: StrictStr
    patients: Count
    patients_by_cell: dict[str, Count] = {}
    uses_before: Count
    uses_overlapping: Count
    left_out: Count
    kept_alike: Count = 0
    compared_ids: StrictBool
    notes: dict[str, list[StrictStr]]
    cross_validated: dict[str, Interval]


class ProtocolRecord(BaseModel):
    """How a run was split; the tables read other keys as they are."""

    model_config = ConfigDict(extra="allow")

    folds: Count = 0
    repeats: Count = 0
    seed: Count = 0
    stratify: StrictStr = ""
    split: StrictStr = ""
    external: ExternalRecord | None = None


class NotesRecord(_Record):
    """What a reader should know about how images and tables were read."""

    reading: list[StrictStr] = []
    tables: list[StrictStr] = []
    gives_away: dict[str, list[StrictStr]] = {}


class ArtifactRecord(_Record):
    """What a trained step left, as the index in `artifacts/` lists it; `files` are names below `folder`."""

    step: StrictStr
    words: tuple[StrictStr, ...]
    target: StrictStr | None
    sequences: tuple[StrictStr, ...]
    repeat: Count
    fold: StrictInt
    folder: Inside
    cells: tuple[StrictStr, ...]
    files: dict[str, list[Inside]]
    seconds: Annotated[float, Field(ge=0)] | None = None


class FlowStepRecord(_Record):
    """The samples and patients that are left after a step."""

    step: Literal[
        "dataset", "any_label", "read", "target", "labels", "sequences", "regions", "copies", "complete", "tested"
    ]
    samples: Count
    patients: Count


class PresentRecord(_Record):
    """How many samples have these sequences of a cell, and no other."""

    sequences: Annotated[list[StrictStr], Field(min_length=1)]
    samples: Count


class FlowRecord(_Record):
    """The way of the samples of some cells, as `bench.plan.flow` gives it; `present` is that of several sequences."""

    cells: list[FileName]
    target: StrictStr
    steps: Annotated[list[FlowStepRecord], Field(min_length=1)]
    present: list[PresentRecord] = []


class RefitRecord(_Record):
    """How often cells were refitted on drawn patients."""

    draws: Count = 0
    redrawn: dict[str, Count] = {}


class RunRecord(_Record):
    """A run, as `Run` describes it."""

    name: StrictStr
    dataset: StrictStr
    patients_known: StrictBool
    locations: list[StrictStr]
    within: list[StrictStr] | None = None
    clinical: list[StrictStr] = []
    protocol: ProtocolRecord
    n_excluded: Count
    devices: list[StrictStr]
    null_within: StrictStr | None = None
    compare: list[dict[str, Any]] = []
    refit: RefitRecord = RefitRecord()
    floors: dict[str, StrictStr]
    merged: dict[str, dict[str, StrictStr]] = {}
    axes: list[AxisRecord] = []
    notes: NotesRecord = NotesRecord()


def no_run(folder: Path, lacking: str) -> str:
    """Why a folder can't be used as one of a run, with the way out if its run was killed or still goes on.

    Args:
        folder: What the user named.
        lacking: The name of the file that it lacks.
    """
    if (folder / MARKER).is_file() and (folder / GRID).is_file():  # a run writes both before it fits anything
        return (
            f"{folder}: its run has not finished. Wait for it if it still goes on; otherwise run its grid again, which "
            "keeps what is done"
        )
    return f"{folder} is no run folder: {lacks(folder, lacking)}"


def read_cells(folder: Path) -> list[CellRecord]:
    """The cells of `cells.json` with their numbers; in folders of earlier versions, their positions are the numbers.

    Raises:
        FileNotFoundError: There is no such file.
        ResultsError: The file holds something else.
    """
    found: list[CellRecord] = read_json(folder / CELLS, list[CellRecord])
    for position, cell in enumerate(found, start=1):
        cell.number = cell.number or position
    return found


def read_sessions(folder: Path) -> list[dict[str, Any]]:
    """The records of `provenance.json`, one for each start of a run.

    Raises:
        FileNotFoundError: There is no such file.
        ResultsError: The file holds something else.
    """
    out = f"delete it, and {AGAIN}"
    read_json(folder / SESSIONS, list[SessionRecord], out=out)
    found: list[dict[str, Any]] = read_json(folder / SESSIONS, Records, out=out)
    return found

"""The keys of a grid file, each with its type, its default and what it means.

The keys of the axes are made from `bench.grid.axes`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from bench.grid.axes import LISTED, Axis

Entry = str | dict[str, Any]
"""A step by its name, or as `{name: {field: value}}`."""


class Strict(BaseModel):
    """A mapping that takes no other keys and converts no values."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ProtocolKeys(Strict):
    """How cells are split and seeded."""

    folds: int = Field(5, ge=2, description="The number of folds, by patient.")
    repeats: int = Field(1, ge=1, le=1000, description="How often the folds are drawn.")
    seed: int = Field(0, ge=0, lt=2**32, description="The seed of everything that is drawn.")
    stratify: str | None = Field(
        None, description="The target that the folds are stratified on; if none is given, the first of `targets`."
    )
    split: str = Field(
        "patients",
        description="`patients` draws the folds; `official` takes the dataset's own split; a CSV file with the columns "
        "`patient`, `fold` and optionally `repeat` gives the folds.",
    )
    identical_images: Literal["refuse", "exclude"] = Field(
        "refuse",
        description="What happens if two patients have the same image and the split can part them: `refuse` stops the "
        "run, `exclude` leaves out the second image, or under a given split the one that trains.",
    )
    near_duplicates: Literal["refuse", "group", "allow"] = Field(
        "refuse",
        description="What happens if a patient's scan is a changed copy of another patient's (resized, re-encoded, "
        "brightened, padded, flipped, turned) or the same: `refuse` stops the run, `group` keeps such patients in one "
        "fold, or under a given split leaves out the scan that trains, `allow` lists the pairs, and also keeps "
        "patients of `external` whose scans merely look like those of `data`.",
    )
    complete: bool = Field(
        False, description="Keeps only the samples that have every sequence of the grid, the same for all cells."
    )
    threshold: str = Field(
        "argmax",
        description="How classes are called. `argmax` calls the most probable class. `priors` divides probabilities by "
        "the class frequencies that the fit saw. `f1` and `balanced_accuracy` weigh the classes so that macro F1 or "
        "balanced accuracy is highest on inner folds. `youden`, or a sensitivity such as `sensitivity=.9`, sets a "
        "threshold of class 1 of two on inner folds; with more classes the most probable one is called.",
    )
    external_known: Literal["refuse", "exclude"] = Field(
        "refuse",
        description="What happens if patients of `external` are also in `data`, by their ids, or by identical scans "
        "or changed copies: "
        "`refuse` stops the run, `exclude` leaves them out of the external test.",
    )
    external_ids: Literal["shared", "own"] = Field(
        "shared",
        description="Whether equal patient ids in `data` and `external` mean the same patient (`shared`), or the two "
        "sources count their patients independently (`own`), so that only scans are compared.",
    )
    drop: dict[str, list[Annotated[float, Field(ge=0, lt=1, strict=False)]]] = Field(
        default_factory=dict,
        description="For each sequence the shares of patients that lose it, such as `{t1: [0, 0.3, 0.6]}`: each share "
        "is a step of the axis `drop`.",
    )


class IntervalKeys(Strict):
    """The cells that are refitted on drawn patients, so that their interval covers the whole procedure."""

    refit: int = Field(ge=2, le=10_000, description="The number of draws of patients.")
    cells: list[dict[str, str]] = Field(
        min_length=1, description="The cells, each by its steps on some axes, such as `{heads: svc}`."
    )


class CompareKeys(Strict):
    """A family of cells that are compared with one reference, declared before anything is run."""

    family: dict[str, str] = Field(
        default_factory=dict, description="The steps that the cells have, by axis; if it is empty, all cells."
    )
    against: str | dict[str, str] = Field(
        "location",
        description="The reference: a floor of the table (`prior`, `location`, `clinical`, `pixels`, `presence`), "
        "`best`, or the steps that name one cell, by axis.",
    )
    metric: str = Field("auc", description="The metric that is compared.")
    margin: float | None = Field(
        None, gt=0, strict=False, description="Differences within it count as equivalent; without it, none are tested."
    )


class QuestionKeys(Strict):
    """What a grid is about."""

    name: str | None = Field(
        None, description="The name of the run and of its folder below `runs/`; if none is given, the file's name."
    )
    data: dict[str, dict[str, Any] | None] = Field(
        description="The dataset with its fields, such as `spider: {folder: scans}`."
    )
    targets: list[Entry] = Field(
        min_length=1,
        description="What is predicted: targets of the dataset by name. `{modic: {merge: {2: 1, 3: 1}}}` counts "
        "labels 2 and 3 as 1.",
    )


class RunKeys(Strict):
    """How the cells are run and compared."""

    protocol: ProtocolKeys = Field(
        default_factory=lambda: ProtocolKeys.model_validate({}), description="How cells are split and seeded."
    )
    exclude: list[dict[str, str]] = Field(
        [], description="The cells that are not run. Each rule names steps on some axes, such as `{heads: svc}`."
    )
    compare: list[CompareKeys] = Field([], description="The families of cells that are compared with a reference.")
    panels: int = Field(
        0,
        ge=0,
        le=1000,
        description="How many pictures of cases the run keeps for each target: one half of the best, one of the worst.",
    )
    interval: IntervalKeys | None = Field(
        None, description="The cells that are refitted on drawn patients; without it, none."
    )
    external: dict[str, dict[str, Any] | None] | None = Field(
        None,
        description="A second dataset with its fields, as in `data`. Every cell is fitted once on all patients of "
        "`data` and scored once on this dataset. Without it, none.",
    )


def _key(axis: Axis) -> Any:
    """The key of an axis: a list of steps."""
    usual = [axis.default] if axis.default is not None else ...
    return list[Entry], Field(usual, min_length=1, description=axis.meaning)


_AxisKeys: Any = create_model("_AxisKeys", __base__=Strict, **{axis.name: _key(axis) for axis in LISTED})


class GridFile(RunKeys, _AxisKeys, QuestionKeys):  # type: ignore[misc] # the fields of the axes come from their table
    """A whole grid file: what is asked, the axes, and how it is run."""

"""The one table of the axes: what a grid combines, in the order in which a scan meets it.

Adding an axis is a row here, a folder of plug-ins with its `base.py`, and the stage that uses it. A cell that leaves an
axis at its default has the same keys as before the axis was added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One axis of a grid.

    Args:
        name: Its name in the grid file, in tables and in `--only`; also the name of its kind of plug-ins.
        package: The package that holds its plug-ins, such as `"preprocessing.regions"`; empty if it has none.
        base: The class in the package's `base.py` that its plug-ins derive from.
        default: The step that a cell gets if the grid file names none; None if the grid file must name one.
        joins: Whether `a + b` in the grid file makes one step of several.
        listed: Whether the grid file has a key of this name. `drop` has none: it is made from `protocol.drop`.
        of_floors: Whether there are floors for each of its steps.
        decides: The first thing that it changes: the `"samples"` of a cell and what is cut out of them, the
            `"features"` that are made from them, or how a head is `"fit"` on the features.
        noun: The name of one step in a methods section.
        plural: The name of several steps there.
        meaning: What the axis is, in one or two short sentences.
        unused: The sentence of a methods section where every cell has `none` on it; empty for no sentence.
    """

    name: str
    package: str = ""
    base: str = ""
    default: str | None = None
    joins: bool = False
    listed: bool = True
    of_floors: bool = False
    decides: Literal["samples", "features", "fit"]
    noun: str
    plural: str
    meaning: str
    unused: str = ""


AXES = (
    Axis(
        name="sequences",
        joins=True,
        of_floors=True,
        decides="samples",
        noun="input",
        plural="inputs",
        meaning="The sequences that a sample is made of.",
    ),
    Axis(
        name="drop",
        listed=False,
        of_floors=True,
        decides="samples",
        noun="sequences taken from a share of the patients",
        plural="shares of patients that lost sequences",
        meaning="The share of patients from whom a sequence was taken away.",
    ),
    Axis(
        name="regions",
        package="preprocessing.regions",
        base="Region",
        default="whole",
        of_floors=True,
        decides="samples",
        noun="region",
        plural="regions",
        meaning="What is cut out of the scan.",
    ),
    Axis(
        name="images",
        package="preprocessing.images",
        base="ImageStep",
        default="grayscale",
        joins=True,
        decides="samples",
        noun="image preparation",
        plural="image preparations",
        meaning="The steps that change the pixels.",
    ),
    Axis(
        name="encoders",
        package="encoders",
        base="Encoder",
        joins=True,
        decides="features",
        noun="encoder",
        plural="encoders",
        meaning="What turns an image into features. weights=random: it was not trained.",
    ),
    Axis(
        name="missing",
        package="encoders.missing",
        base="Missing",
        default="zeros",
        decides="features",
        noun="substitute for an absent sequence",
        plural="substitutes for an absent sequence",
        meaning="What stands in for a sequence that a sample lacks.",
    ),
    Axis(
        name="fusion",
        package="encoders.fusion",
        base="Fusion",
        default="mean",
        decides="features",
        noun="fusion of slices and sequences",
        plural="fusions of slices and sequences",
        meaning="How the features of slices and sequences become one row.",
    ),
    Axis(
        name="tables",
        package="preprocessing.tables",
        base="Table",
        default="none",
        decides="fit",
        noun="use of clinical columns",
        plural="uses of clinical columns",
        meaning="The clinical columns that are added as features.",
    ),
    Axis(
        name="balance",
        package="preprocessing.balance",
        base="Balance",
        default="none",
        decides="fit",
        noun="treatment of class imbalance",
        plural="treatments of class imbalance",
        meaning="How classes are balanced, in training rows only.",
        unused="Class imbalance was not treated.",
    ),
    Axis(
        name="heads",
        package="heads",
        base="Head",
        of_floors=True,
        decides="fit",
        noun="classifier (head)",
        plural="classifiers (heads)",
        meaning="The classifier.",
    ),
)

NAMES = tuple(axis.name for axis in AXES)
LISTED = tuple(axis for axis in AXES if axis.listed)
"""The axes that are keys of a grid file."""
DEFAULTS = {axis.name: axis.default for axis in AXES if axis.default is not None}


def names(*decides: Literal["samples", "features", "fit"]) -> tuple[str, ...]:
    """The names of the axes that decide samples, features or fits; one or several of these."""
    return tuple(axis.name for axis in AXES if axis.decides in decides)

"""Whether the second dataset of an external test fits the grid."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench.grid.cells import Step
from bench.plan.errors import PlanError
from bench.plan.labels import Labels
from bench.plan.plan import Plan
from bench.plan.references import View
from data.base import Dataset

if TYPE_CHECKING:
    import pandas as pd


def check_fits(plan: Plan, data: Step, other: Dataset, others: pd.DataFrame) -> None:
    """Demands samples, a sequence and a target that the grid has too.

    Args:
        plan: The plan of the run.
        data: The second dataset with its fields.
        other: The second dataset.
        others: Its samples.

    Raises:
        PlanError: It lacks one of these.
    """
    if others.empty:
        rows = other.excluded()
        why = "it has no row" if rows.empty else f"{rows['file'].iloc[0]}: {rows['reason'].iloc[0]}"
        raise PlanError(f"{data.label()} gives no usable sample: {why}", "external")
    wanted = dict.fromkeys(part.name for step in plan.grid.axes["sequences"] for part in step.each)
    if not set(wanted) & set(other.sequences):
        raise PlanError(
            f"the grid reads {', '.join(wanted)}, and {data.label()} has the sequences {', '.join(other.sequences)}",
            "external",
        )
    known = {target.name: target.column for target in other.targets()}
    asked = [target.name for target in plan.grid.targets]
    if not any(name in known and others[known[name]].notna().any() for name in asked):
        raise PlanError(
            f"{data.label()} has no label of {', '.join(asked)}, so nothing can be scored on it; `predict` needs none",
            "external",
        )


def class_notes(
    view: View,
    tested: Any,
    unknown: dict[str, dict[str, int]],
    respelt: dict[str, str],
    every: Mapping[str, Labels],
) -> Iterator[tuple[str, list[str]]]:
    """For each target sentences about labels that are spelt otherwise, and about classes that do not match.

    Args:
        view: The labels of the joined data.
        tested: `(N,)` bool: the samples of the second dataset.
        unknown: For each target the number of samples of each label that the grid does not know.
        respelt: For each target a sentence about labels that are spelt otherwise.
        every: For each target the labels of the second dataset, with those of patients who were left out.
    """
    for name, labels in view.labels.items():
        found = [respelt[name]] if name in respelt else []
        if name in unknown:
            listed = ", ".join(
                f"'{label}' ({n} {'sample' if n == 1 else 'samples'})" for label, n in sorted(unknown[name].items())
            )
            found.append(
                f"Classes of {name} do not match: the grid knows {', '.join(labels.classes)}, and the external dataset "
                f"also has {listed}, which are not scored."
            )
        y = labels.y[tested]
        absent = [label for k, label in enumerate(labels.classes) if not (y == k).any()]
        if (y >= 0).any():
            here = {every[name].classes[k] for k in set(every[name].y.tolist()) - {-1}}
            found += absent_classes(name, absent, here, "the external dataset")
        yield name, found


def absent_classes(target: str, absent: Sequence[str], every: Collection[str], dataset: str) -> list[str]:
    """Sentences on classes of which no sample is left.

    Args:
        target: The target.
        absent: These classes.
        every: The classes that occur among all patients, also those who were left out.
        dataset: What the sentences call the dataset.
    """
    nowhere = [name for name in absent if name not in every]
    gone = [name for name in absent if name in every]
    found = [f"Classes of {target} do not match: {dataset} has no sample of {', '.join(nowhere)}."] if nowhere else []
    if gone:
        found.append(f"No sample of {target} with the class {' or '.join(gone)} is left: all are of patients left out.")
    return found

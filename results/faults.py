"""The faults that a run found while its data were read, for one target."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from results.run_tables import EXCLUDED, SAMPLES, read_samples, read_table

if TYPE_CHECKING:
    from results.run_folder import Run

FILE = "excluded.csv"
_LINE = re.compile(r"^line \d+: ")
_ONE_TARGET = "left out of this target"


@dataclass(frozen=True)
class TargetFaults:
    """The rows of `excluded.csv`, as one target sees them.

    Args:
        reasons: The reasons of the rows that are about all samples, or about the label of the target.
        others: The number of rows that are about the label of another target.
    """

    reasons: tuple[str, ...] = ()
    others: int = 0


def target_faults(run: Run, target: str) -> TargetFaults:
    """Parts the rows of `excluded.csv` by whether they have to do with a target; none without the file.

    Raises:
        ResultsError: A table of the run folder can't be read.
    """
    path = run.folder / FILE
    table: Any = read_table(path, EXCLUDED) if path.exists() else None
    reasons = [] if table is None else [str(reason) for reason in table["reason"]]
    labels = set(run.targets)
    if any(_ONE_TARGET in reason for reason in reasons) and (run.folder / SAMPLES).exists():
        labels.update(map(str, read_samples(run.folder).columns))  # the run may have left out targets of the dataset
    own = [reason for reason in reasons if _label(reason, labels) in (target, None)]
    return TargetFaults(tuple(own), len(reasons) - len(own))


def short_reason(reason: str) -> str:
    """A reason of `excluded.csv` without its line and without what follows its first colon."""
    return _LINE.sub("", reason).partition(":")[0]


def _label(reason: str, labels: Iterable[str]) -> str | None:
    """The label that a reason names, where it leaves samples out of one target only; of several the longest."""
    words = _LINE.sub("", reason).removeprefix("its sequences contradict each other in ")
    named = [name for name in labels if words.startswith((f"{name} is ", f"{name}, so "))]
    return max(named, key=len) if named and _ONE_TARGET in words else None

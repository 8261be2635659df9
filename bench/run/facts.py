"""The facts of a run: its plan and its subject."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.grid.axes import AXES
from bench.grid.cells import Step
from bench.grid.grid import Family, floors, reads
from bench.plan.flow import flow
from bench.plan.plan import Plan
from bench.plan.references import PlannedCell
from bench.run.files import read_json, replace_file, write_json
from bench.run.sessions import read_sessions
from data.base import Dataset

if TYPE_CHECKING:
    import pandas as pd

WORDS = ("name", "noun", "plural", "meaning", "unused")
ABOUT = "run.json"
FLOW = "flow.json"
DECLARED = "compare.json"


def write_plan(
    folder: Path,
    plan: Plan,
    cells: list[PlannedCell],
    excluded: pd.DataFrame,
    grid_file: Path,
    settings: list[str],
) -> None:
    """Writes what is fixed before anything is fitted: samples, folds, exclusions, the grid and what it compares."""
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / "samples.parquet", lambda to: plan.samples.to_parquet(to))
    replace_file(folder / "folds.csv", lambda to: plan.folds.to_csv(to, index=False))
    replace_file(folder / "excluded.csv", lambda to: excluded.to_csv(to, index=False))
    write_json(folder / FLOW, flow(plan, cells))
    write_json(folder / DECLARED, _declared(folder, plan.grid.compare))
    text = grid_file.read_text(encoding="utf-8")
    changed = "".join(f"\n# --set {setting}" for setting in settings)
    replace_file(folder / "grid.yaml", lambda to: to.write_text(text + changed, encoding="utf-8"))


def _declared(folder: Path, families: Iterable[Family]) -> list[dict[str, Any]]:
    """The declared families, each with `cells_before`: how many cells of the run folder had been scored before."""
    earlier = read_json(folder / ABOUT, {}).get("compare", [])  # as versions wrote it that counted nothing
    known = [{"cells_before": 0} | family for family in read_json(folder / DECLARED, earlier)]
    scored = sum(1 for _ in folder.glob("cells/*.parquet"))
    found = []
    for family in map(dataclasses.asdict, families):
        before = [one["cells_before"] for one in known if one | family == one]
        found.append(family | {"cells_before": before[0] if before else scored})
    return found


def write_about(
    folder: Path,
    plan: Plan,
    *,
    n_excluded: int,
    null: tuple[int, str | None],
    redrawn: Mapping[str, int],
    external: Mapping[str, Any] | None = None,
) -> None:
    """Writes `run.json`: what the run is about.

    Args:
        folder: The run folder.
        plan: The plan of the run.
        n_excluded: The number of rows that were left out.
        null: The number of null runs that were asked for, and the column within which labels are permuted.
        redrawn: For each refitted cell, by key, the draws of patients that were drawn again.
        external: How an external test was made; None for any other run.
    """
    protocol = plan.grid.protocol
    before = read_json(folder / ABOUT, {})
    about = {
        "name": plan.grid.name,
        "dataset": source(plan.grid.data, plan.dataset),
        "floors": {name: reads(head) for name, head in floors().items()},
        "axes": [{name: getattr(axis, name) for name in WORDS} for axis in AXES],
        "patients_known": plan.dataset.patients_known,
        "locations": list(plan.dataset.locations),
        "within": list(plan.dataset.within),
        "clinical": list(plan.dataset.clinical),
        "protocol": {
            "folds": len({fold.number for fold in plan.view.folds}),
            "repeats": len({fold.repeat for fold in plan.view.folds}),
            "seed": protocol.seed,
            "stratify": protocol.stratify or plan.grid.targets[0].name,
            "split": "file" if protocol.split not in ("patients", "official") else protocol.split,
            "split_file": Path(protocol.split).name,
            "validation": any(fold.inner is not None for fold in plan.view.folds),
            "complete": protocol.complete,
            "threshold": protocol.threshold,
            **({} if plan.near_duplicates() is None else {"near_duplicates": protocol.near_duplicates}),
            **({"split": "external", "external": dict(external)} if external is not None else {}),
        },
        "merged": {target.name: dict(target.merge) for target in plan.grid.targets if target.merge},
        "compare": read_json((folder if external is None else folder.parent) / DECLARED, []),
        "refit": {"draws": plan.grid.interval.refit, "redrawn": dict(redrawn)},
        "null_within": null[1] if null[0] else dict(before if isinstance(before, dict) else {}).get("null_within"),
        "n_excluded": n_excluded,
        "notes": {
            "reading": plan.reading_notes(),
            "tables": list(plan.dataset.table_notes()),
            "gives_away": plan.gives_away,
        },
        "devices": _devices(folder),
    }
    write_json(folder / ABOUT, about)


def _devices(folder: Path) -> list[str]:
    """The devices that the starts of the run used, or that the store names for what they found there."""
    return list(dict.fromkeys(device for one in read_sessions(folder) for device in one["device"].split(", ")))


def source(data: Step, dataset: Dataset) -> str:
    """The dataset as a caption names it: its name and the folder or file that it was read from."""
    path = getattr(dataset, dataset.source, "") if dataset.source else ""
    return f"{data.name} ({Path(path).name})" if path else data.name

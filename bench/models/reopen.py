"""Opens a run again: its plan, and one of its cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bench.grid.axes import NAMES
from bench.grid.cells import matches, read_rule
from bench.grid.file import read_grid
from bench.plan import identity
from bench.plan.plan import Plan
from bench.plan.references import PlannedCell, TokensRef
from bench.tasks.store import Store
from data import ScangridError
from data.text.names import nearest
from encoders.base import FittedEncoder
from results.json_files import read_json
from results.run_records import CellRecord
from results.run_sums import check_run_files

SHORT = 8
_SHOWN = 8
_SETTING = "# --set "


class CellError(ScangridError):
    """A run or a cell that can't be used, with the way out."""


def open_plan(run: Path, grid_file: Path | None, store: Store) -> Plan:
    """The plan of a run, from the grid in its folder and the settings of its command.

    Args:
        run: A run folder.
        grid_file: The run's grid, if it is not the copy in the run folder.
        store: The store of the run.

    Raises:
        CellError: The folder is no run folder.
        SumsError: One of its files was changed after the run.
    """
    own = run / "grid.yaml"
    check_run_files(run)
    if not own.is_file():
        raise CellError(f"{run} is no run folder: it has no grid.yaml")
    lines = own.read_text(encoding="utf-8").splitlines()
    settings = [line.removeprefix(_SETTING) for line in lines if line.startswith(_SETTING)]
    plan = Plan(read_grid(grid_file or own, settings), store)
    plan.check_images()
    return plan


def find_cell(run: Path, cell: str, plan: Plan, fit: Callable[[PlannedCell], bool], which: str) -> PlannedCell:
    """The planned cell with a key, with a key that begins so, or with the steps that are named.

    Args:
        run: A run folder.
        cell: The key, or its beginning; or steps that name one cell that fits: `encoders=cae_2d,heads=logistic`.
        plan: The plan of the run.
        fit: Which cells the message names if `cell` names none.
        which: These cells in words, such as `"with an autoencoder"`.

    Raises:
        CellError: The key is that of no cell or of several, or the grid no longer makes the cell.
    """
    path = run / "cells.json"
    if not path.is_file():
        raise CellError(f"{run} is no run folder: it has no cells.json")
    known: list[str] = [one.key for one in read_json(path, list[CellRecord])]
    planned = {one.key: one for one in plan.cells()}
    if "=" in cell:
        those = _with_steps(cell, [one for one in planned.values() if one.key in known], run)
        found = [one.key for one in those if fit(one) or len(those) == 1]
    else:
        found = [key for key in known if key.startswith(cell)] if cell else []
    if len(found) != 1:
        likely = [key for key in found or known if key in planned and fit(planned[key])]
        named = [f"{key[:SHORT]} ({_described(planned[key], plan)})" for key in likely]
        close = nearest(cell, [key[: max(SHORT, len(cell))] for key in known]) if cell and "=" not in cell else ""
        if "did you mean" in close:
            raise CellError(f"--cell '{cell}' is no cell of {run}{close}")
        if not cell:
            raise CellError(f"--cell must name a cell of {run}; cells {which}:\n  " + "\n  ".join(named or ["none"]))
        why = "names several cells" if found else "is no cell"
        raise CellError(f"--cell '{cell}' {why} of {run}: cells {which} are {_few(named)}")
    if found[0] not in planned:
        raise CellError(
            f"cell {found[0][:SHORT]} of {run} is not what its grid, data and code now make: run the grid again"
        )
    return planned[found[0]]


def _with_steps(text: str, cells: Sequence[PlannedCell], run: Path) -> list[PlannedCell]:
    """The cells with the steps that a text names.

    Raises:
        CellError: The text names no axis of a grid.
    """
    try:
        rule = read_rule(text)
    except ValueError as error:
        raise CellError(f"--cell {error}") from error
    for axis in rule:
        if axis not in (*NAMES, "targets"):
            raise CellError(f"--cell: '{axis}' is no axis of {run}{nearest(axis, [*NAMES, 'targets'])}")
    return [one for one in cells if matches(one.cell, rule)]


def load_encoder(ref: TokensRef, plan: Plan, store: Store, device: str) -> FittedEncoder:
    """The encoder that made some tokens: what it learnt in its fold, or built again by its fields and weights.

    Args:
        ref: The tokens.
        plan: The plan of the run.
        store: The store of the run.
        device: `"cpu"` or `"cuda"`.

    Raises:
        CellError: What it learnt is no longer in the store.
    """
    plugin = plan.keys.plugin("encoders", ref.encoder).frozen()
    fitted: FittedEncoder
    if ref.fold is None:
        seed = identity.seed(plan.grid.protocol.seed, "encoder")
        fitted = plugin.fit([], None, groups=np.zeros(0, dtype=str), seed=seed, device=device)
        return fitted
    where = store.find("networks", ref.network)
    if where is None:
        raise CellError(
            f"what {ref.encoder.label()} learnt in this fold is no longer in {store.folder}: run the grid again, "
            "or name the store of the run with --store"
        )
    fitted = plugin.load(where, device=device)
    return fitted


def _described(planned: PlannedCell, plan: Plan) -> str:
    """The target, the encoder and whatever else differs in the grid."""
    axes = [axis for axis, steps in plan.grid.axes.items() if axis != "encoders" and len(steps) > 1]
    return ", ".join([planned.cell.target, *(planned.cell[axis].label() for axis in ["encoders", *axes])])


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more if names else "none"

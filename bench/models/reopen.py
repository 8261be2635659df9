"""Opens a run again: its plan, and one of its cells."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.grid.file import read_grid
from bench.grid.tree import GridError
from bench.plan import identity
from bench.plan.plan import Plan
from bench.plan.references import PlannedCell, TokensRef
from bench.plugins import UnknownPluginError
from bench.tasks.store import Store
from data import ScangridError
from data.text.names import nearest
from encoders.base import FittedEncoder
from results.run_records import CELLS, GRID, no_run, read_cells
from results.run_sums import check_run_files
from results.scores.named import SHORT, listed, named_cells, not_one, numbered

_KEY = re.compile("[0-9a-f]{8,}")
_SETTING = "# --set "


class CellError(ScangridError):
    """A run or a cell that can't be used, with the way out."""


def open_plan(run: Path, grid_file: Path | None, store: Store) -> Plan:
    """The plan of a run, from the grid in its folder and the settings of its command.

    Cells that need a plug-in that is not here are not in it.

    Args:
        run: A run folder.
        grid_file: The run's grid, if it is not the copy in the run folder.
        store: The store of the run.

    Raises:
        CellError: The folder is no run folder.
        SumsError: One of its files was changed after the run.
    """
    own = run / GRID
    check_run_files(run)
    if not own.is_file():
        raise CellError(no_run(run, GRID))
    lines = own.read_text(encoding="utf-8").splitlines()
    settings = [line.removeprefix(_SETTING) for line in lines if line.startswith(_SETTING)]
    try:
        grid = read_grid(grid_file or own, settings, known_only=True)
    except GridError as error:
        if isinstance(error.__cause__, UnknownPluginError) and grid_file is None:
            raise CellError(error.__cause__.of(run)) from error
        raise
    plan = Plan(grid, store)
    plan.check_images()
    return plan


def find_cell(run: Path, cell: str, plan: Plan, fit: Callable[[PlannedCell], bool], which: str) -> PlannedCell:
    """The planned cell that is named by its number, its key, its steps or its label; see `named_cells`.

    Args:
        run: A run folder.
        cell: What the user wrote. Of several cells that it means, those that fit count.
        plan: The plan of the run.
        fit: Which cells the message names if `cell` names none.
        which: These cells in words, such as `"with an autoencoder"`.

    Raises:
        CellError: It is no cell, or several, or the grid no longer makes the cell.
    """
    if not (run / CELLS).is_file():
        raise CellError(no_run(run, CELLS))
    known = read_cells(run)
    planned = {one.key: one for one in plan.cells()}
    likely = [one for one in known if one.key in planned and fit(planned[one.key])]
    if not cell:
        if not likely:
            raise CellError(f"{run} has no cells {which}: add some to its grid and run it again")
        lines = [f"{number}  {key[:SHORT]}  {name}" for number, key, name in numbered(known, likely)]
        lines += [f"{one.of(run)} to list and use its cells too" for _, one in plan.grid.unknown]
        raise CellError(f"--cell must name a cell of {run}; cells {which}:\n  " + "\n  ".join(lines))
    try:
        named = named_cells(known, cell)
    except ScangridError as error:
        raise CellError(str(error)) from error
    fitting = [one for one in named if one in likely]
    found = fitting if len(named) > 1 and fitting else named
    if len(found) != 1:
        close = nearest(cell, [one.key[: max(SHORT, len(cell))] for one in known]) if _KEY.fullmatch(cell) else ""
        if "did you mean" in close:
            raise CellError(f"--cell '{cell}' is no cell of {run}{close}")
        why = not_one(known, found, cell, run)
        raise CellError(f"--cell '{cell}' {why}: cells {which} are {listed(known, fitting or likely) or 'none'}")
    if found[0].key not in planned:
        for axis, missing in plan.grid.unknown:
            if found[0].axes[axis] not in plan.grid.labels(axis):
                raise CellError(missing.of(run))
        raise CellError(
            f"cell {found[0].key[:SHORT]} of {run} is not what its grid, data and code now make: run the grid again, "
            "or name the store of the run with --store"
        )
    return planned[found[0].key]


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

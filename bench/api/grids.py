"""Plans and runs a grid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bench.api.errors import ArgumentError, check_choice, check_names, check_number
from bench.api.plug_ins import add_folder
from bench.api.results import Results
from bench.api.threads import one_thread

if TYPE_CHECKING:
    import pandas as pd

RUNS, STORE = Path("runs"), Path(".store")
DEVICES = ("auto", "cpu", "cuda")
GridSource = str | Path | Mapping[str, Any]


@dataclass(frozen=True)
class Planned:
    """A plan; printed, it is the text that the command `plan` prints.

    Args:
        cells: One row per cell: `number`, `key`, `target`, each axis, `status` (`done`, `partly cached`, `to compute`
            or `refused`), `reason`, and `same_as`: the number of an earlier cell that must give the same, or 0.
        text: Cells by state, what is left to compute with its time, memory and disk, and patients and samples by class
            and fold.
    """

    cells: pd.DataFrame
    text: str

    def __str__(self) -> str:
        return self.text


def plan(
    grid: GridSource,
    *,
    settings: Sequence[str] = (),
    only: Sequence[str] = (),
    plugins: str | Path | None = None,
    runs: str | Path = RUNS,
    store: str | Path = STORE,
    cells: bool = False,
) -> Planned:
    """Sums up what a run would do: cells by state, time, memory and disk, samples and patients. Computes nothing.

    Args:
        grid: A grid file, or a dict with the keys of one.
        settings: Values to replace, such as `"protocol.folds=3"`.
        only: Steps to keep, such as `"encoders=resnet50,raw_pixels"`.
        plugins: A folder of your own plug-ins, of the project's shape.
        runs: Where run folders are; cells have the numbers that they have in the grid's run folder.
        store: Where finished steps are kept.
        cells: Whether the text lists every cell with its number and its state.

    Returns:
        The plan, with its cells in a frame.

    Raises:
        ScangridError: The grid can't be read, or does not fit its dataset; the message names the line of the file.

    Examples:
        >>> planned = api.plan("grids/demo.yaml", only=["heads=logistic"])
        >>> print(planned)
        >>> planned.cells["status"].value_counts()
    """
    check_names(settings=settings, only=only)
    add_folder(plugins)
    from bench.grid.selection import parse_only
    from bench.plan.overview import Overview
    from bench.run.provenance import cores
    from bench.tasks.store import Store

    with _located(grid, settings):
        read = _read(grid, settings)
        how: dict[str, Any] = {"runs": Path(runs), "jobs": cores()}
        overview = Overview(read, Store(Path(store)), parse_only(read, list(only)), **how)
        return Planned(overview.cells(), "\n".join(overview.lines(listed=cells)))


def run(
    grid: GridSource,
    *,
    settings: Sequence[str] = (),
    only: Sequence[str] = (),
    device: str = "auto",
    jobs: int = 0,
    null: int = 0,
    null_within: str | None = None,
    verify: bool = False,
    plugins: str | Path | None = None,
    runs: str | Path = RUNS,
    store: str | Path = STORE,
    quiet: bool = False,
) -> Results:
    """Computes the cells that are not done, and writes the run folder with its tables.

    Progress goes to standard error: a panel in a terminal, plain lines in a notebook.

    Args:
        grid: A grid file, or a dict with the keys of one.
        settings: Values to replace, such as `"protocol.folds=3"`.
        only: Steps to run, such as `"encoders=resnet50,raw_pixels"`; the other cells stay as they are.
        device: `"auto"`, `"cpu"` or `"cuda"`.
        jobs: Heads that are fitted at the same time; 0: as many as there are cores.
        null: The number of runs on permuted labels for each cell.
        null_within: A column; labels are exchanged only among samples with the same value in it, and of one place.
        verify: Whether the content of all scans and of all entries of the store for this grid is read again. Without
            it, scans count by size and times of change, and entries are read when they are used.
        plugins: A folder of your own plug-ins, of the project's shape.
        runs: Where run folders are written.
        store: Where finished steps are kept.
        quiet: Whether to show no progress.

    Returns:
        The results, with the cells that failed in `outcome.failures`.

    Raises:
        ScangridError: The grid can't be read, or does not fit its dataset; the message names the line of the file.

    Examples:
        >>> api.run({
        ...     "name": "mine",
        ...     "data": {"image_table": {"table": "scans.csv", "labels": ["grade"]}},
        ...     "targets": ["grade"],
        ...     "sequences": ["image"],
        ...     "encoders": ["raw_pixels", {"resnet50": {"size": 64}}],
        ...     "heads": ["logistic"],
        ... })
    """
    check_choice("--device", device, DEVICES)
    check_names(settings=settings, only=only)
    check_number(jobs=jobs, null=null)
    add_folder(plugins)
    from bench.grid.selection import parse_only
    from bench.run.claim import claimed
    from bench.run.progress import Progress
    from bench.run.provenance import cores
    from bench.run.run import Options
    from bench.run.run import run as run_grid
    from bench.run.stopped import stopped_by_disk

    with _located(grid, settings):
        read = _read(grid, settings)
        chosen = parse_only(read, list(only))
    options = Options(Path(runs), Path(store), device, jobs, chosen, null, null_within, verify)
    progress = Progress(jobs=jobs or cores(), live=False if quiet else None, show=_nothing if quiet else None)
    folder = options.runs / read.name
    with stopped_by_disk(folder, progress), claimed(folder):
        with _located(grid, settings), one_thread(), _as_file(grid) as file:
            found = Results(run_grid(read, file, list(settings), options, progress))
        found.write_tables()
    return found


def _read(grid: GridSource, settings: Sequence[str]) -> Any:
    from bench.grid.file import read_grid

    if not isinstance(grid, str | Path | Mapping):
        raise ArgumentError(f"a grid is a file or a dict, not {grid!r}")
    return read_grid(Path(grid) if isinstance(grid, str) else grid, list(settings))


@contextmanager
def _located(grid: GridSource, settings: Sequence[str]) -> Iterator[None]:
    """Puts the line of the grid file in front of an error message, if the error names keys of the grid."""
    from data import ScangridError

    try:
        yield
    except ScangridError as error:
        if keys := getattr(error, "keys", ()):
            from bench.grid.tree import place

            source = Path(grid) if isinstance(grid, str) else grid
            error.args = (f"{place(source, list(settings), keys)}: {error}",)
        raise


@contextmanager
def _as_file(grid: GridSource) -> Iterator[Path]:
    """The file of a grid; a temporary one for a dict."""
    if not isinstance(grid, Mapping):
        yield Path(grid)
        return
    from ruamel.yaml import YAML

    from bench.grid.values import plain

    with TemporaryDirectory() as folder:
        file = Path(folder) / "grid.yaml"
        YAML().dump(plain(grid), file)
        yield file


def _nothing(line: str) -> None:
    pass

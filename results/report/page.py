"""Writes the page from its template."""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from data.files.whole import replace_text, why_not_written
from results.flow import counted
from results.interpretability.explained import all_explanations
from results.methods.data import left_out as lost_samples
from results.reading_notes import on_images, on_tables
from results.report import about
from results.report.cell_pictures import cell_pictures
from results.report.cells import CellPage, cell_pages
from results.report.dataset_card import dataset_card
from results.report.guards import Guard, guards
from results.report.leaderboard import Leaderboard, leaderboard
from results.report.plug_ins import plug_in_table
from results.report.reading import read_target
from results.run_folder import Run
from results.scores.scores import scores
from results.tables.comparisons import comparisons
from results.tables.external import external_run, external_sheets

HERE = Path(__file__).parent


@dataclass(frozen=True)
class TargetPage:
    """Everything on the page about one target."""

    name: str
    number: int
    classes: tuple[str, ...]
    board: Leaderboard
    pages: list[CellPage]
    folds: list[about.FoldCounts]
    guards: list[Guard]


def write_report(
    run: Run, to: Path, *, figures: Path | None = None, panels: bool = True, cells: Collection[str] = ()
) -> Path:
    """Writes the report of a run: one HTML file that needs no other file and no network.

    It holds leaderboards (sorted, filtered and searched in the browser by DataTables, as itables bundles it), the
    comparisons that the grid declared, figures, what `explain` found, plug-ins, a page for each cell, folds,
    exclusions, checks and provenance. Without scripts everything can still be read.

    Args:
        run: A run folder.
        to: The file, or a folder in which it is named `report.html`.
        figures: A folder that `draw_all` wrote, or any folder of PNG files; they may take 1 MB for each target,
            at least 2 MB and at most 6 MB together.
        panels: Whether figures that show scans of patients are included.
        cells: Keys of cells whose pages get pictures, beside the five best of each target and its floors.

    Returns:
        The file that was written.

    Raises:
        ResultsError: A broken run folder, or there is no such folder of figures.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    shown, left_out = about.figures(figures, targets=len(run.targets), panels=panels)
    explained = [
        (f"{one.about['target']}: {one.words}", *about.figures(one.folder, panels=panels))
        for one in all_explanations(run)
    ]
    targets = [_target(run, target, number, cells, panels) for number, target in enumerate(run.targets, start=1)]
    facts, versions = about.provenance(run)
    library, style = _data_tables()
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.get_template("report.html.jinja").render(
        run=run,
        card=dataset_card(run),
        targets=targets,
        meanings=_meanings(targets),
        compared=comparisons(run),
        tested=any(isinstance(one.get("floors_beaten"), str) for one in scores(run).to_dict("records")),
        external=[] if external_run(run) is None else external_sheets(run),
        plug_ins=plug_in_table(run),
        figures=shown,
        figures_left_out=left_out,
        explained=explained,
        exclusions=about.exclusions(run),
        left_out=[one for name in run.targets for one in lost_samples(run, name)],
        image_notes=on_images(run),
        table_notes=on_tables(run),
        facts=facts,
        versions=versions,
        library=library,
        zip=zip,
        counted=counted,
        styles=[style, (HERE / "report.css").read_text(encoding="utf-8")],
    )
    return _write(page, to / "report.html" if to.is_dir() else to)


def write_drawn(
    run: Run, to: Path, *, panels: bool = True, elsewhere: bool = False, cells: Collection[str] = ()
) -> Path:
    """Draws the figures of a run into `RUN/figures` and writes its report, see `write_report`.

    Args:
        run: A run folder.
        to: The file, or a folder.
        panels: Whether figures that show scans of patients are included.
        elsewhere: Whether a run folder that can't be written gets no figures; they are then in the report alone.
        cells: As for `write_report`.
    """
    from results.figures import draw_all

    to.parent.mkdir(parents=True, exist_ok=True)
    try:
        drawn = draw_all(run, run.folder / "figures")
    except OSError as error:
        if not (elsewhere and why_not_written(error)):
            raise
        with TemporaryDirectory() as folder:
            draw_all(run, Path(folder))
            return write_report(run, to, figures=Path(folder), panels=panels, cells=cells)
    return write_report(run, to, figures=drawn[0].parent, panels=panels, cells=cells)


def _target(run: Run, target: str, number: int, asked: Collection[str], panels: bool) -> TargetPage:
    cells = [cell for cell in run.cells if cell.target == target]
    board = leaderboard(run, scores(run), target)
    read = read_target(run, cells)
    largest = max(read.row_sets, key=lambda p: len(p.y), default=None)
    return TargetPage(
        name=target,
        number=number,
        classes=cells[0].classes,
        board=board,
        pages=cell_pages(run, board, read, cell_pictures(run, board, asked, panels=panels)),
        folds=[] if largest is None else about.folds(largest, len(cells[0].classes)),
        guards=guards(run, board, read),
    )


def _meanings(targets: Iterable[TargetPage]) -> list[tuple[str, str]]:
    return list({column.name: column.meaning for target in targets for column in target.board.columns}.items())


def _data_tables() -> tuple[str, str]:
    """The DataTables module that itables bundles, as a data address, and its style sheet."""
    from itables import options

    script = Path(options.dt_bundle)
    encoded = base64.b64encode(script.read_bytes()).decode("ascii")
    return f"data:text/javascript;base64,{encoded}", script.with_suffix(".css").read_text(encoding="utf-8")


def _write(page: str, to: Path) -> Path:
    replace_text(to, page)
    return to

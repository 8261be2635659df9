"""The results of a run: tables, predictions, figures, report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.api.errors import check_names, writing
from bench.api.plug_ins import add_folder
from bench.api.widths import width_of
from data.files.whole import replace_text

if TYPE_CHECKING:
    import pandas as pd

    from bench.run.run import RunOutcome
    from results.figures.drawing.style import Drawing
    from results.run_folder import Run


class Results:
    """The run folder of one run.

    Args:
        outcome: The outcome of the run that just ended, or the folder of an earlier run.

    Attributes:
        folder: The run folder.
        outcome: The outcome; None where the run was opened later.
    """

    def __init__(self, outcome: RunOutcome | Path) -> None:
        self.outcome = None if isinstance(outcome, Path) else outcome
        self.folder = outcome if isinstance(outcome, Path) else outcome.folder

    def __repr__(self) -> str:
        states = self.cells["status"].value_counts()
        return f"Results({str(self.folder)!r}): " + ", ".join(f"{n} cells {state}" for state, n in states.items())

    @cached_property
    def opened(self) -> Run:
        """The run folder as `results` reads it.

        Raises:
            ResultsError: No cell of the run is done.
        """
        from results.run_folder import read

        return read(self.folder)

    @property
    def cells(self) -> pd.DataFrame:
        """One row per cell: its number `cell`, `key`, `target`, each axis, and its state."""
        import pandas as pd

        names = ("floor", "status", "reason", "tuned", "seconds")
        return pd.DataFrame(
            {"cell": cell.number, "key": cell.key, "target": cell.target, **cell.axes}
            | {n: getattr(cell, n) for n in names}
            for cell in self.opened.cells
        )

    def predictions(self, cell: str | int) -> pd.DataFrame:
        """The predictions of a cell for samples that it was not fitted on.

        Args:
            cell: Its number, as tables show it, its key, or its steps, such as `"svc, resnet50"`.

        Returns:
            One row per sample and repeat: `sample`, `patient`, `repeat`, `fold`, `y` (class index), `p_0` ... `p_K-1`.

        Raises:
            ArgumentError: It is no cell, or several.
            ResultsError: The cell is not done.
        """
        import pandas as pd

        from bench.api.tables import named_cell

        found = self.opened.predictions(named_cell(self.opened, cell))
        columns = {name: getattr(found, name) for name in ("sample", "patient", "repeat", "fold", "y")}
        return pd.DataFrame(columns | {f"p_{k}": p for k, p in enumerate(found.P.T)})

    def table(
        self,
        *,
        rows: Sequence[str] = (),
        columns: Sequence[str] = (),
        metrics: Sequence[str] = (),
        against: Mapping[str, str] | str | int | None = None,
    ) -> pd.DataFrame:
        """Scores as numbers.

        Without `rows` and `columns` there is one row per cell, best AUC first and floors last. With them, a number is
        the mean over the axes that are not named; it is missing if a cell that it averages is not done.

        Args:
            rows: Axes whose steps are rows.
            columns: Axes whose steps are columns.
            metrics: Such as `"auc"`, `"f1"` or `"gain"`; if none is named, those of the main table.
            against: A cell, as in `predictions`, or its steps: `gain` is then over it instead of over `location`.

        Returns:
            A frame indexed by target and steps. A metric `m` has the columns `m`, `m_low` and `m_high` (95 % bootstrap
            over patients), followed by the steps of `columns` if there are any. `attrs["notes"]` holds the notes that
            a reader of the numbers needs.

        Raises:
            ResultsError: There is no such axis, metric or cell.

        Examples:
            >>> run.table(rows=["encoders"], columns=["heads"], metrics=["auc"])
        """
        check_names(rows=rows, columns=columns, metrics=metrics)
        from bench.api.frames import pivot, scored
        from bench.api.tables import steps_against

        over = steps_against(self.opened, against)
        return (
            pivot(self.opened, rows, columns, metrics, over) if rows or columns else scored(self.opened, metrics, over)
        )

    def tables(
        self,
        *,
        rows: Sequence[str] = (),
        columns: Sequence[str] = (),
        metrics: Sequence[str] = (),
        format: str = "text",  # noqa: A002
        preset: str = "main",
        out: str | Path | None = None,
        against: Mapping[str, str] | str | int | None = None,
        published: str | Path | None = None,
        flip: float | None = None,
    ) -> str:
        """Tables as text, or in a file.

        Args:
            rows: Axes whose steps are rows.
            columns: Axes whose steps are columns.
            metrics: Such as `"auc"`.
            format: `text`, `md`, `csv`, `latex` or `html`.
            preset: A table for a purpose, such as `"ablation:encoders"`.
            out: A file to write instead; its ending (.docx .xlsx .html .md .tex .csv .txt) decides the format.
            against: A cell or its steps, as in `table`: gains are over that cell.
            published: A CSV file of a published table; its rows are shown next to the matching cells.
            flip: Shows the best rows again with this share of the test labels flipped.

        Returns:
            The tables; with `out`, the name of the file.

        Raises:
            ScangridError: Arguments that exclude each other, or an unknown axis, metric, preset or format.

        Examples:
            >>> print(run.tables(preset="ablation:encoders", format="md"))
        """
        from bench.api.tables import text

        shown: dict[str, Any] = {"rows": rows, "columns": columns, "metrics": metrics, "against": against}
        shown |= {"preset": preset, "flip": flip, "published": None if published is None else Path(published)}
        return text(self.opened, format=format, out=None if out is None else Path(out), **shown)

    def figure(self, name: str, target: str | None = None, *, width: str = "double") -> Drawing:
        """One figure, which a notebook shows; its `caption` explains how to read it.

        Args:
            name: Such as `"roc"`, `"forest"` or `"flow"`.
            target: The target; if none is named, the first one.
            width: `"double"` (183 mm) or `"single"` (89 mm).

        Raises:
            ArgumentError: There is no such width.
            ResultsError: There is no such figure or target.
            NothingToDrawError: The run lacks what the figure shows.

        Examples:
            >>> run.figure("roc", "narrowing").savefig("roc.pdf")
        """
        from results.figures import draw_one

        return draw_one(self.opened, name, target or self.opened.targets[0], width=width_of(width))

    def figures(self, *, out: str | Path | None = None, width: str = "double", cell: str | int = "") -> list[Path]:
        """Draws every figure that the run has data for, as PDF and PNG, with captions.

        Args:
            out: A folder; if none is given, `figures` in the run folder.
            width: `"double"` (183 mm) or `"single"` (89 mm).
            cell: A cell, as in `predictions`: draws what there is about it instead (confusion matrix, ROC, reliability,
                worst cases), into `figures/cells/KEY`, with `misread.csv`.

        Returns:
            The files, `captions.md` last.
        """
        chosen = width_of(width)
        if cell != "":
            from bench.api.tables import named_cell
            from results.figures.drawing.one_cell import draw_cell

            one = named_cell(self.opened, cell)
            to = Path(out or self.folder / "figures" / "cells" / one.key)
            with writing(to):
                return draw_cell(self.opened, one, to, width=chosen)
        from results.figures import draw_all

        to = Path(out or self.folder / "figures")
        with writing(to):
            return draw_all(self.opened, to, width=chosen)

    def report(self, *, out: str | Path | None = None, panels: bool = True, cells: Sequence[str | int] = ()) -> Path:
        """Draws the figures and writes the report: one HTML file that needs no other file and no network.

        Args:
            out: The file; if none is given, `report.html` in the run folder. With a file of your own, a run folder that
                can't be written gets no figures.
            panels: Whether to show scans of the best and worst cases, if the run kept them.
            cells: Cells whose pages get pictures, beside the five best of each target and its floors.

        Returns:
            The file.
        """
        from bench.api.tables import named_cell
        from results.report import write_drawn

        to = Path(out or self.folder / "report.html")
        with writing(to):
            keys = [named_cell(self.opened, cell).key for cell in cells]
            return write_drawn(self.opened, to, panels=panels, elsewhere=out is not None, cells=keys)

    def methods(self, *, out: str | Path | None = None) -> str:
        """The methods section, its references, table 1 and a reviewer's checklist.

        Args:
            out: A Markdown file; if it is given, the text is also written there.

        Returns:
            Markdown.
        """
        from results.methods import methods
        from results.methods.checklist import checklist
        from results.tables.formats import markdown
        from results.tables.table_one import table_one

        first = f"## Table 1\n\n{markdown(table_one(self.opened))}"
        text = "\n\n".join([methods(self.opened), first, checklist(self.opened)])
        if out is not None:
            with writing(Path(out)):
                Path(out).parent.mkdir(parents=True, exist_ok=True)
                replace_text(Path(out), text + "\n")
        return text

    def summary(self) -> list[str]:
        """Lines about the run that just ended: its cells by state, what was excluded, and its files."""
        from bench.api.summary import summary

        return [] if self.outcome is None else list(summary(self.outcome))

    def failed(self) -> list[str]:
        """Lines about the cells that failed in the run that just ended, with their reasons."""
        from bench.api.summary import failed

        return [] if self.outcome is None else list(failed(self.outcome))

    def write_tables(self) -> None:
        """Writes tables and leaderboards into the run folder, if a cell is done and they are not those of its cells."""
        from results.run_folder import ResultsError
        from results.tables.files import are_current, write_files

        if are_current(self.folder):
            return
        try:
            found = self.opened
        except ResultsError:  # no cell is done
            return
        write_files(found)


def open_results(folder: str | Path, *, plugins: str | Path | None = None) -> Results:
    """Opens the folder of a run.

    Args:
        folder: Such as `runs/demo`.
        plugins: A folder of your own presets, metrics and figures, of the project's shape.

    Raises:
        ResultsError: It is no run folder, or no cell of it is done.

    Examples:
        >>> api.open("runs/demo").cells
    """
    add_folder(plugins)
    found = Results(Path(folder))
    _ = found.opened
    return found

"""The command line: `python run_benchmark.py --help`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

# One thread inside each task: must be set before numerical libraries load. Torch is told per task.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import typer  # noqa: E402

if TYPE_CHECKING:
    from bench.run.run import RunOutcome

app = typer.Typer(
    help="Which combination of preprocessing, encoder and head is best on my scans, and is the difference real?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

GridFile = Annotated[Path, typer.Argument(help="A grid file, such as grids/demo.yaml.", metavar="GRID")]
Settings = Annotated[list[str] | None, typer.Option("--set", help="Replace a value: protocol.folds=3.", metavar="K=V")]
Only = Annotated[
    list[str] | None, typer.Option(help="Only these steps of an axis: encoders=resnet50.", metavar="AXIS=NAME,...")
]
Plugins = Annotated[Path | None, typer.Option(help="A folder of your own plug-ins, of the project's shape.")]
Runs = Annotated[Path, typer.Option(help="Where run folders are written.")]
StoreFolder = Annotated[Path, typer.Option("--store", help="Where finished steps lie; it can be made again.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Jobs = Annotated[int, typer.Option(help="Heads fitted at a time; 0 for one a core.", min=0)]
Null = Annotated[int, typer.Option(help="Also run each cell N times on permuted labels.", metavar="N", min=0)]


RunFolder = Annotated[Path, typer.Argument(help="A run folder, such as runs/demo.", metavar="RUN")]


@app.command()
def run(
    grid: GridFile,
    settings: Settings = None,
    only: Only = None,
    device: Device = "auto",
    jobs: Jobs = 0,
    null: Null = 0,
    null_within: Annotated[
        str | None, typer.Option(help="Permute inside the values of this column.", metavar="COLUMN")
    ] = None,
    plugins: Plugins = None,
    runs: Runs = Path("runs"),
    store: StoreFolder = Path(".store"),
) -> None:
    """Run what isn't done and print the table."""
    if device not in ("auto", "cpu", "cuda"):
        _stop(f"--device {device}: there is auto, cpu, cuda")
    with _clear_errors(grid, settings):
        from bench.grid.file import read_grid
        from bench.grid.selection import parse_only
        from bench.run.progress import Progress
        from bench.run.provenance import cores
        from bench.run.run import Options
        from bench.run.run import run as run_grid

        _add_plugins(plugins)
        read = read_grid(grid, settings or [])
        chosen = parse_only(read, only or [])
        options = Options(runs, store, device, jobs, chosen, null, null_within)
        progress = Progress(jobs=jobs or cores())
        try:
            outcome = run_grid(read, grid, settings or [], options, progress)
        except KeyboardInterrupt:
            _stop("stopped: run the same command again to go on", code=130)
    _report(outcome)


@app.command()
def plan(
    grid: GridFile,
    settings: Settings = None,
    only: Only = None,
    plugins: Plugins = None,
    store: StoreFolder = Path(".store"),
) -> None:
    """Show every cell as done, partly cached, to compute or refused; compute nothing."""
    with _clear_errors(grid, settings):
        from bench.grid.file import read_grid
        from bench.grid.selection import parse_only
        from bench.plan.overview import lines
        from bench.tasks.store import Store

        _add_plugins(plugins)
        read = read_grid(grid, settings or [])
        for line in lines(read, Store(store), parse_only(read, only or [])):
            print(line)


@app.command("list")
def list_plugins(
    kind: Annotated[str | None, typer.Argument(help="Such as encoders or heads; all where none is given.")] = None,
    plugins: Plugins = None,
) -> None:
    """List the plug-ins with what they are, their fields and defaults."""
    with _clear_errors():
        from bench.plugins import KINDS, describe

        _add_plugins(plugins)
        for one in [kind] if kind else KINDS:
            print("\n".join(describe(one)), end="\n\n" if not kind else "\n")


@app.command()
def check(
    kind: Annotated[str, typer.Argument(help="Such as encoders.")],
    name: Annotated[str, typer.Argument(help="The plug-in's file name without .py.")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A field: epochs=2, or a dataset's folder=...", metavar="K=V")
    ] = None,
    plugins: Plugins = None,
) -> None:
    """Check the contract of a plug-in on phantom data, for who writes one."""
    with _clear_errors():
        from bench.contracts import run_checks
        from bench.grid.tree import read_fields

        _add_plugins(plugins)
        failed = 0
        for line, error in run_checks(kind, name, **read_fields(settings or [])):
            failed += bool(error)
            print(f"{'FAILED' if error else 'ok    '} {line}" + (f"\n       {error}" if error else ""))
    print(f"{kind}/{name}: " + (f"{failed} checks failed" if failed else "keeps the contract"))
    raise typer.Exit(1 if failed else 0)


@app.command()
def tables(
    run: RunFolder,
    rows: Annotated[str, typer.Option(help="Axes as rows, joined by commas.")] = "",
    columns: Annotated[str, typer.Option(help="Axes as columns.")] = "",
    metrics: Annotated[str, typer.Option(help="Such as auc,f1.")] = "",
    format: Annotated[str, typer.Option(help="text, md, csv, latex or html; several joined by commas.")] = "text",  # noqa: A002
    preset: Annotated[
        str,
        typer.Option(
            help="main, ablation:AXIS, subgroups:COLUMN, per-class, calibration, per-target, cost, points or table-1.",
            metavar="NAME",
        ),
    ] = "main",
    out: Annotated[
        Path | None, typer.Option(help="Write to a file: its ending (.docx .html .md .tex .csv .txt) tells the format.")
    ] = None,
    against: Annotated[str, typer.Option(help="Gains over this cell and not location.", metavar="AXIS=STEP,...")] = "",
    beside: Annotated[
        Path | None, typer.Option("--published", help="A CSV of a published table to print ours beside.")
    ] = None,
    flip: Annotated[
        float | None, typer.Option(help="The best rows again with this share of test labels flipped.", metavar="SHARE")
    ] = None,
) -> None:
    """Print the tables of a run again, or write them to a file."""
    with _clear_errors():
        from results.run_folder import read
        from results.tables import presets as presets
        from results.tables.flips import flip_sheets
        from results.tables.main import draw, sheets, table, write
        from results.tables.published import published

        found = read(run)
        shown: dict[str, Any] = {"rows": _names(rows), "columns": _names(columns), "metrics": _names(metrics)}
        if flip is not None and (preset != "main" or against or rows or columns or beside is not None):
            _stop("--flip takes no --preset, --rows, --columns, --against, --published")
        if beside is not None:
            for one in format.split(","):
                print(published(found, beside, format=one))
        elif preset != "main" and (against or any(shown.values())):
            _stop(f"--preset {preset} takes no --rows, --columns, --metrics, --against")
        elif preset != "main" or out is not None or flip is not None:
            if flip is not None:
                chosen = flip_sheets(found, flip, metrics=_names(metrics))
            elif preset == "main":
                chosen = sheets(found, against=_named(against), **shown)
            else:
                chosen = presets.of(found, preset)
            if out is not None:
                print(f"wrote {write(chosen, out)}")
                return
            for one in format.split(","):
                print(draw(chosen, one))
        else:
            for one in format.split(","):
                print(table(found, format=one, against=_named(against), **shown))


@app.command()
def figures(
    run: RunFolder,
    out: Annotated[Path | None, typer.Option(help="A folder; RUN/figures where none is given.")] = None,
    width: Annotated[str, typer.Option(help="double (183 mm) or single (89 mm).")] = "double",
) -> None:
    """Draw every figure that a run has data for, as PDF and PNG, with captions."""
    if width not in ("double", "single"):
        _stop(f"--width {width}: there is double, single")
    with _clear_errors():
        from results.figures import draw_all
        from results.run_folder import read

        found = read(run)
        written = draw_all(found, out or found.folder / "figures", width="single" if width == "single" else "double")
        print("\n".join(map(str, written)))


@app.command()
def latents(
    run: RunFolder,
    cell: Annotated[
        str, typer.Option(help="The key of a cell with an autoencoder, or how it begins; none lists them.")
    ] = "",
    fold: Annotated[int, typer.Option(help="Whose network, of the first repeat.", min=0)] = 0,
    measures: Annotated[
        str, typer.Option(help="The encoder that measures each crop: disc_geometry or radiomics.", metavar="NAME")
    ] = "disc_geometry",
    grid: Annotated[Path | None, typer.Option(help="The run's grid file, if not the copy in RUN.")] = None,
    plugins: Plugins = None,
    store: StoreFolder = Path(".store"),
) -> None:
    """Draw what an autoencoder's features mean: correlations, traversals, interpolation, generation, neighbours."""
    with _clear_errors(grid):
        from bench.models.latents import write_latents
        from bench.run.run import pick_device

        _add_plugins(plugins)
        device = pick_device("auto")
        folder = write_latents(run, cell, store=store, grid_file=grid, measures=measures, fold=fold, device=device)
        from results.interpretability.write import write_figures

        written = write_figures(run, folder)
    print("\n".join(map(str, written)))


@app.command()
def fit(
    run: RunFolder,
    cell: Annotated[list[str], typer.Option(help="The key of a cell, or how it begins; one a target.")],
    out: Annotated[Path, typer.Option(help="A new folder for the model.")],
    device: Device = "auto",
    jobs: Jobs = 0,
    grid: Annotated[Path | None, typer.Option(help="The run's grid file, if not the copy in RUN.")] = None,
    plugins: Plugins = None,
    store: StoreFolder = Path(".store"),
) -> None:
    """Refit cells of a run on all patients and write a model, which diagnose reads, with its card."""
    with _clear_errors(grid):
        from bench.models.fit import fit_model
        from bench.run.progress import Progress
        from bench.run.provenance import cores
        from bench.run.run import pick_device
        from results.methods.model_card import write_card
        from results.run_folder import read

        _add_plugins(plugins)
        found, workers = read(run), jobs or cores()
        options: dict[str, Any] = {"store": store, "grid_file": grid, "device": pick_device(device), "jobs": workers}
        fit_model(run, cell, out, **options, progress=Progress(jobs=workers))
        print(f"model: {out}; its card: {write_card(found, out)}")


@app.command()
def diagnose(
    model: Annotated[Path, typer.Argument(help="A folder that fit wrote.")],
    studies: Annotated[list[Path], typer.Argument(help="Folders of DICOM files, one a study.")],
    out: Annotated[Path, typer.Option(help="A folder; a folder a study is made in it.")] = Path("diagnosis"),
    descriptions: Annotated[
        Path | None, typer.Option(help="A table such as test_series_descriptions.csv that says each series' sequence.")
    ] = None,
    keep_names: Annotated[
        bool, typer.Option("--keep-names", help="Call studies as their folders are, which may name a patient.")
    ] = False,
    submission: Annotated[
        Path | None,
        typer.Option(help="Write Kaggle's submission.csv of RSNA 2024 too; needs --keep-names.", metavar="FILE"),
    ] = None,
    device: Device = "auto",
    plugins: Plugins = None,
) -> None:
    """Grade new studies: slice, point, probabilities and picture of each level and condition. Not for clinical use."""
    _check_outputs(out, submission, keep_names=keep_names)
    with _clear_errors():
        from bench.models.diagnose import grade
        from bench.models.model import model_warnings
        from bench.run.run import pick_device
        from results.diagnosis import write_diagnosis, write_submission

        _add_plugins(plugins)
        for line in model_warnings(model):
            print(f"scangrid: {line}", file=sys.stderr)
        found, failed = [], 0
        for one in grade(model, studies, descriptions, keep_names=keep_names, device=pick_device(device)):
            if isinstance(one, Exception):
                print(f"scangrid: {one}", file=sys.stderr)
                failed += 1
                continue
            found.append(one)
            page = write_diagnosis(one, out / one.study)[-1]
            told = sum(bool(finding.grade) for finding in one.findings)
            print(f"{one.study}: {told} of {len(one.findings)} graded, {page}")
        if submission is not None:
            from bench.models.model import base_rates

            write_submission(found, submission, base_rates=base_rates(model, "condition"))
            print(f"wrote {submission}")
    if failed:
        raise typer.Exit(2)


@app.command()
def report(
    run: RunFolder,
    out: Annotated[Path | None, typer.Option(help="A file; RUN/report.html where none is given.")] = None,
    panels: Annotated[bool, typer.Option(help="Scans of the best and worst cases, if the run kept them.")] = True,
) -> None:
    """Draw the figures of a run and write its report: one HTML file that needs no other and no network."""
    with _clear_errors():
        from results.figures import draw_all
        from results.report import write_report
        from results.run_folder import read

        found = read(run)
        if out is not None:
            out.parent.mkdir(parents=True, exist_ok=True)
        drawn = draw_all(found, found.folder / "figures")
        to = out or found.folder / "report.html"
        written = write_report(found, to, figures=found.folder / "figures", panels=panels)
        print(f"figures: {drawn[0].parent} ({sum(path.suffix == '.png' for path in drawn)}, as PDF and PNG)")
        print(f"report: {written}")


@app.command()
def methods(
    run: RunFolder,
    out: Annotated[Path | None, typer.Option(help="A Markdown file; printed where none is given.")] = None,
) -> None:
    """Print the methods section, its references, table 1 and a reviewer's checklist, from what a run holds."""
    with _clear_errors():
        from results.methods import methods as in_words
        from results.methods.checklist import checklist
        from results.run_folder import read
        from results.tables.formats import markdown
        from results.tables.table_one import table_one

        found = read(run)
        text = "\n\n".join([in_words(found), f"## Table 1\n\n{markdown(table_one(found))}", checklist(found)])
        if out is None:
            print(text)
        else:
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(text + "\n", encoding="utf-8")
            print(f"wrote {out}")


@app.command()
def compare(
    first: RunFolder,
    second: RunFolder,
    metric: Annotated[str, typer.Option(help="Such as auc.")] = "auc",
) -> None:
    """Set two runs side by side on the samples that they share."""
    with _clear_errors():
        from results.run_folder import read
        from results.tables.compare import compare as side_by_side

        print(side_by_side(read(first), read(second), metric=metric))


@app.command()
def phantom(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    patients: Annotated[int, typer.Option(min=1)] = 40,
    layout: Annotated[
        str, typer.Option(help="spider (.mha, masks), rsna (DICOM, points) or oai (DICOM, knees).")
    ] = "spider",
    effect: Annotated[float, typer.Option(help="How much gradings show: 0 to 1.", min=0, max=1)] = 0.5,
    missing: Annotated[float, typer.Option(help="Share of series that are left out.", min=0, max=0.9)] = 0.0,
    sequences: Annotated[str, typer.Option(help="spider: t1, t2, t2_SPACE, joined by commas.")] = "t1,t2",
    missing_labels: Annotated[float, typer.Option(help="rsna: share of empty labels.", min=0, max=1)] = 0.0,
    split: Annotated[bool, typer.Option(help="rsna: half of a foramen's sign in T1, half in T2.")] = False,
    confined: Annotated[bool, typer.Option(help="rsna: each foramen lies in one slice.")] = False,
    mark_error: Annotated[int, typer.Option(help="rsna: slices that points are off by, at most.", min=0)] = 0,
    size: Annotated[
        str, typer.Option(help="oai: slices, rows and columns of a knee; 160,384,384 as the real ones.")
    ] = "40,64,64",
    seed: int = 0,
) -> None:
    """Write phantom MRI in the layout of SPIDER or RSNA 2024 (lumbar spines) or of OAI (knees), to try things on."""
    if layout not in ("spider", "rsna", "oai"):
        _stop(f"--layout {layout}: there is spider, rsna, oai")
    if folder.exists() and any(folder.iterdir()):
        _stop(f"{folder} is not empty: name a new folder")
    with _clear_errors():
        if layout == "rsna":
            from data.phantom import write_rsna_phantom

            write_rsna_phantom(
                folder,
                patients=patients,
                seed=seed,
                effect=effect,
                missing=missing,
                missing_labels=missing_labels,
                split=split,
                confined=confined,
                mark_error=mark_error,
            )
        elif layout == "oai":
            from data.phantom import write_oai_phantom

            sides = [int(n) if n.isdecimal() else 0 for n in _names(size)]
            if len(sides) != 3 or not all(sides):
                _stop(f"--size {size}: expected three numbers, such as 40,64,64")
            shape = sides[0], sides[1], sides[2]
            write_oai_phantom(folder, patients=patients, seed=seed, effect=effect, missing=missing, size=shape)
        else:
            from data.phantom import write_phantom

            chosen = tuple(_names(sequences))
            write_phantom(folder, patients=patients, seed=seed, effect=effect, sequences=chosen, missing=missing)
    print(f"wrote {patients} phantom patients to {folder}")


@app.command()
def doctor(store: StoreFolder = Path(".store")) -> None:
    """Show versions, machine, GPU, whether the hub can be reached, and where weights are looked for."""
    with _clear_errors():
        from bench.run.doctor import lines

        for line in lines(store):
            print(line)


def _report(outcome: RunOutcome) -> NoReturn:
    """Prints what a run came to, the table last, and ends with 1 where a cell failed."""
    from bench.run.run import rerun_command
    from results.run_folder import ResultsError, read
    from results.tables.main import table

    counts = ", ".join(f"{n} {state}" for state, n in outcome.counts.items())
    print(f"cells: {counts}; {outcome.computed} fits computed; run folder: {outcome.folder}")
    if len(outcome.excluded):
        print(f"excluded: {len(outcome.excluded)} rows, listed in {outcome.folder / 'excluded.csv'}")
        for why, count in outcome.excluded["reason"].value_counts().head(5).items():
            print(f"  {count} x {why}")
    try:
        found = read(outcome.folder)
        if outcome.computed or not (outcome.folder / "tables.md").exists():
            from results.tables.files import write_files

            write_files(found)
        print(f"tables and pictures: {outcome.folder}/tables.md, .csv, .tex, leaderboard_*.png")
        print(f"figures and a report in one file: run_benchmark.py report {outcome.folder}\n")
        print(table(found, rows=[], columns=[], metrics=[], format="text"))
    except ResultsError as error:
        print(error)
    if outcome.failures:
        print(f"\nfailed: {_kinds(outcome.failures)} (tracebacks in {outcome.folder / 'failures'}):")
        for planned, reason in outcome.failures[:20]:
            view = "" if planned.view.kind == "real" else f", {planned.view.kind} {planned.view.number}"
            what = f"{planned.cell['heads'].label()} on {planned.cell['encoders'].label()}, {planned.cell.target}{view}"
            print(f"  {planned.key[:8]} {what}: {reason}")
        print(f"run exactly these again: {rerun_command(sys.argv)}")
    raise typer.Exit(1 if outcome.failures else 0)


def _kinds(failures: list[Any]) -> str:
    """`2 cells, 3 refits of 1 cell`."""
    words = []
    for kind, word in (("real", "cell"), ("null", "null run"), ("refit", "refit")):
        found = [planned for planned, _ in failures if planned.view.kind == kind]
        of = len({(planned.cell.target, tuple(planned.cell.steps.items())) for planned in found})
        if found:
            of_cells = "" if kind == "real" else f" of {of} cell{'s' * (of > 1)}"
            words.append(f"{len(found)} {word}{'s' * (len(found) > 1)}{of_cells}")
    return ", ".join(words)


def _check_outputs(out: Path, submission: Path | None, *, keep_names: bool) -> None:
    """Tells what can't be written before a study is read."""
    file = next((path for path in (out, *out.parents) if path.exists() and not path.is_dir()), None)
    if file is not None:
        _stop(f"--out {out}: {file} is a file: name a folder")
    if submission is None:
        return
    if not keep_names:
        _stop("--submission needs the studies' own names: give --keep-names too")
    if submission.is_dir() or not submission.parent.is_dir():
        _stop(f"--submission {submission}: name a file in a folder that exists")


def _add_plugins(folder: Path | None) -> None:
    if folder is not None:
        from bench.plugins import add_folder

        add_folder(folder)


def _names(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _named(text: str) -> dict[str, str] | None:
    """`axis=step,axis=step` as a mapping; commas and signs inside brackets belong to a step."""
    import re

    parts = [part.partition("=") for part in re.split(r",(?![^()]*\))", text) if part.strip()]
    for axis, equals, _ in parts:
        if not equals:
            _stop(f"--against {axis}: expected axis=step, such as fusion=mean")
    return {axis.strip(): step.strip() for axis, _, step in parts} or None


class _clear_errors:  # noqa: N801 (reads as a statement)
    """Turns errors that a user can mend into one line and exit code 2, with the grid's line if it has one."""

    def __init__(self, grid: Path | None = None, settings: list[str] | None = None) -> None:
        self._grid, self._settings = grid, settings or []

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from data import ScangridError

        if isinstance(error, ScangridError):
            _stop(self._place(error) + str(error))

    def _place(self, error: Exception) -> str:
        keys = getattr(error, "keys", ())
        if self._grid is None or not keys:
            return ""
        from bench.grid.tree import place

        return f"{place(self._grid, self._settings, keys)}: "


def _stop(message: str, code: int = 2) -> NoReturn:
    print(f"scangrid: {message}", file=sys.stderr)
    raise typer.Exit(code)


if __name__ == "__main__":
    app()

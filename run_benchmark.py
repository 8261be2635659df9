"""The command line: `python run_benchmark.py --help`."""

from __future__ import annotations

from bench import interrupts  # isort: split

if __name__ == "__main__":
    interrupts.watch()  # before the other imports, which take a while

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument as Arg
from typer import Option as Opt

from bench import api
from bench.api import commands, terminal, words
from data import ScangridError
from data.text.command import NAME, command

api.limit_threads()  # before numerical libraries are loaded

app = typer.Typer(
    cls=terminal.Commands,
    help="Which combination of preprocessing, encoder and head is best on my scans, and is the difference real?",
    no_args_is_help=True,
    add_completion=Path(sys.argv[0]).stem == NAME,  # a shell completes commands, not scripts of Python
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

STORE = Path(".store")
PRESETS = ", ".join(api.presets())


@app.command()
def init(
    table: Annotated[str, Arg(help="A CSV or Excel file with a row for each image.")],
    out: Annotated[Path, Opt(help="The grid file.")] = Path("mine.yaml"),
) -> None:
    """Look at a table of images, guess which column is what, and write a first grid with the reasons."""
    print(api.init(table, out=out))


@app.command()
def run(
    grid: terminal.GridFile,
    settings: terminal.Settings = None,
    only: terminal.Only = None,
    device: terminal.Device = "auto",
    jobs: terminal.Jobs = 0,
    null: Annotated[int, Opt(help="Also run each cell N times on exchanged labels.", metavar="N", min=0)] = 0,
    null_within: Annotated[str | None, Opt(help="Labels also stay within its values.", metavar="COLUMN")] = None,
    verify: Annotated[bool, Opt("--verify", help="Read all files again: scans, and the store's entries.")] = False,
    plugins: terminal.Plugins = None,
    runs: terminal.Runs = Path("runs"),
    store: terminal.Store = STORE,
) -> None:
    """Compute the cells that are not done and print the table."""
    how: dict[str, Any] = {"device": device, "jobs": jobs, "plugins": plugins, "runs": runs, "store": store}
    how |= {"settings": settings or [], "only": only or [], "null": null, "null_within": null_within, "verify": verify}
    print(*(found := api.run(grid, **how)).summary(), sep="\n")
    try:
        print(f"\n{found.tables()}")
    except ScangridError as error:  # no cell is done
        print(error)
    if lines := found.failed():
        print("\n".join(["", *lines, f"run exactly these again: {command(*sys.argv[1:])}"]))
        raise typer.Exit(1)


@app.command()
def plan(
    grid: terminal.GridFile,
    settings: terminal.Settings = None,
    only: terminal.Only = None,
    cells: Annotated[bool, Opt("--cells", help="List every cell with its number and state.")] = False,
    plugins: terminal.Plugins = None,
    runs: terminal.Runs = Path("runs"),
    store: terminal.Store = STORE,
) -> None:
    """Sum up what a run would do: cells by state, time, memory, disk, samples by class and fold; compute nothing."""
    how: dict[str, Any] = {"settings": settings or [], "only": only or [], "plugins": plugins, "runs": runs}
    print(api.plan(grid, **how, store=store, cells=cells))


@app.command("list")
def plugins(
    kind: Annotated[str | None, Arg(help="A kind, such as encoders or heads; all kinds if none is given.")] = None,
    plugins: terminal.Plugins = None,
) -> None:
    """List the plug-ins, with a description, fields and defaults."""
    print(api.plugins(kind, plugins=plugins))


@app.command()
def check(
    kind: Annotated[str, Arg(help="The kind, such as encoders.")],
    name: Annotated[str, Arg(help="The name of the plug-in's file without .py.")],
    settings: terminal.Fields = None,
    plugins: terminal.Plugins = None,
) -> None:
    """Check the contract of a plug-in that you write, on phantom data."""
    found = api.check(kind, name, settings=settings or [], plugins=plugins)
    for rule, error in found:
        print(f"FAILED {rule}\n       {error}" if error else f"ok     {rule}")
    failed = sum(bool(one.error) for one in found)
    print(f"{kind}/{name}: " + (f"{failed} checks failed" if failed else "keeps the contract"))
    raise typer.Exit(1 if failed else 0)


@app.command()
def tables(
    run: terminal.RunFolder,
    rows: Annotated[str, Opt(help="Axes whose steps are rows, joined by commas.")] = "",
    columns: Annotated[str, Opt(help="Axes whose steps are columns.")] = "",
    metrics: Annotated[str, Opt(help="Metrics, such as auc,f1.")] = "",
    format: Annotated[str, Opt(help="text, md, csv, latex or html; several joined by commas.")] = "text",  # noqa: A002
    preset: Annotated[str, Opt(help=f"One of {PRESETS}; an axis or column follows a colon.", metavar="NAME")] = "main",
    out: Annotated[Path | None, Opt(help="Write to a file: .docx, .xlsx, .html, .md, .tex, .csv or .txt.")] = None,
    against: Annotated[str, Opt(help="Show gains over this cell instead of location.", metavar="CELL")] = "",
    published: Annotated[Path | None, Opt(help="A CSV file of a published table, shown with the run's.")] = None,
    flip: Annotated[float | None, Opt(help="The best rows with this share of labels flipped.", metavar="SHARE")] = None,
    plugins: terminal.Plugins = None,
) -> None:
    """Print the tables of a run again, or write them to a file."""
    found = api.open(run, plugins=plugins)
    shown: dict[str, Any] = {"preset": preset, "against": against or None, "published": published, "flip": flip}
    shown |= {"rows": words.names(rows), "columns": words.names(columns), "metrics": words.names(metrics)}
    if out is not None:
        print(f"wrote {found.tables(out=out, **shown)}")
        return
    for one in format.split(","):
        print(found.tables(format=one, **shown))


@app.command()
def figures(
    run: terminal.RunFolder,
    out: Annotated[Path | None, Opt(help="A folder; RUN/figures if none is given.")] = None,
    width: terminal.Width = "double",
    cell: terminal.CellKey = "",
    plugins: terminal.Plugins = None,
) -> None:
    """Draw every figure that a run has data for, as PDF and PNG, with captions; or those of one cell."""
    print("\n".join(map(str, api.open(run, plugins=plugins).figures(out=out, width=width, cell=cell))))


@app.command()
def report(
    run: terminal.RunFolder,
    out: Annotated[Path | None, Opt(help="A file; RUN/report.html if none is given.")] = None,
    panels: Annotated[bool, Opt(help="Show scans of the best and worst cases, if the run kept them.")] = True,
    cell: terminal.CellKeys = None,
    plugins: terminal.Plugins = None,
) -> None:
    """Draw the figures of a run and write its report: one HTML file that needs no other file and no network."""
    written = api.open(run, plugins=plugins).report(out=out, panels=panels, cells=cell or [])
    print(f"figures: {run / 'figures'} ({len([*(run / 'figures').glob('*.png')])}, as PDF and PNG)")
    print(f"report: {written}")


@app.command()
def methods(
    run: terminal.RunFolder, out: Annotated[Path | None, Opt(help="A Markdown file; printed if none is given.")] = None
) -> None:
    """Print the methods section, its references, table 1 and a reviewer's checklist, from a run folder alone."""
    text = api.open(run).methods(out=out)
    print(text if out is None else f"wrote {out}")


@app.command()
def compare(
    first: terminal.RunFolder, second: terminal.RunFolder, metric: Annotated[str, Opt(help="Such as auc.")] = "auc"
) -> None:
    """Compare two runs on the samples that they share."""
    print(api.compare(first, second, metric=metric))


@app.command()
def latents(
    run: terminal.RunFolder,
    cell: terminal.AnyCell = "",
    fold: Annotated[int, Opt(help="The fold of the first repeat whose network is shown.", min=0)] = 0,
    measures: Annotated[str, Opt(help="The encoder that measures each crop; by default the first that can.")] = "",
    grid: terminal.RunGrid = None,
    plugins: terminal.Plugins = None,
    store: terminal.Store = STORE,
) -> None:
    """Draw what an autoencoder's features mean: correlations, traversals, interpolation, generation, neighbours."""
    print(*api.latents(run, cell, fold=fold, measures=measures, grid=grid, plugins=plugins, store=store), sep="\n")


@app.command()
def explain(
    run: terminal.RunFolder,
    cell: terminal.AnyCell = "",
    samples: Annotated[int, Opt(help="Test samples that get maps: half the best and half the worst cases.")] = 6,
    sample: Annotated[list[str] | None, Opt(help="A test sample by its name, instead; may be repeated.")] = None,
    method: Annotated[str, Opt(help="occlusion, gradients, importance; by default all that are defined.")] = "",
    patch: Annotated[float | None, Opt(help="Side of a covered patch, mm; by default a sixth of the crop.")] = None,
    fill: Annotated[str, Opt(help="What replaces a patch: mean (of the training crops) or blur.")] = "mean",
    permutations: Annotated[int, Opt(help="Permutations of each named feature in each fold.")] = 20,
    device: terminal.Device = "auto",
    grid: terminal.RunGrid = None,
    plugins: terminal.Plugins = None,
    store: terminal.Store = STORE,
) -> None:
    """Show what spoke for the class that a cell called: maps over crops, and the importance of named features."""
    how: dict[str, Any] = {"samples": sample or samples, "methods": words.names(method), "patch": patch, "fill": fill}
    how |= {"permutations": permutations, "device": device, "grid": grid, "plugins": plugins, "store": store}
    print("\n".join(map(str, api.explain(run, cell, **how))))


@app.command()
def fit(
    run: terminal.RunFolder,
    cell: terminal.Cells,
    out: Annotated[Path, Opt(help="A new folder for the model.")],
    device: terminal.Device = "auto",
    jobs: terminal.Jobs = 0,
    grid: terminal.RunGrid = None,
    plugins: terminal.Plugins = None,
    store: terminal.Store = STORE,
) -> None:
    """Refit cells of a run on all patients and write a model, which predict and diagnose read, with its card."""
    model = api.fit(run, cell, out, device=device, jobs=jobs, grid=grid, plugins=plugins, store=store)
    print(f"model: {model.folder}; its card: {model.card}")


@app.command()
def predict(
    model: terminal.ModelFolder,
    data: Annotated[str, Opt(help="A dataset as in a grid: 'spider: {folder: scans}'.", metavar="DATASET")],
    out: Annotated[Path, Opt(help="A new folder.")] = Path("predicted"),
    exclude_known: Annotated[bool, Opt("--exclude-known", help="Leave out patients of the training data.")] = False,
    own_ids: Annotated[bool, Opt("--own-ids", help="Equal patient ids mean nothing: compare scans alone.")] = False,
    near_duplicates: terminal.NearDuplicates = "refuse",
    anchor: terminal.Anchor = None,
    device: terminal.Device = "auto",
    plugins: terminal.Plugins = None,
    store: terminal.Store = STORE,
) -> None:
    """Predict a dataset, and score the model where there are labels: external validation. Not for clinical use."""
    where: dict[str, Any] = {"exclude_known": exclude_known, "own_ids": own_ids, "anchor": anchor, "store": store}
    where |= {"near_duplicates": near_duplicates}
    print(api.predict(model, data, out=out, device=device, plugins=plugins, **where))


@app.command()
def diagnose(
    model: terminal.ModelFolder,
    studies: Annotated[list[Path], Arg(help="Folders of DICOM files, one for each study.")],
    out: Annotated[Path, Opt(help="A folder, in which each study gets a folder.")] = Path("diagnosis"),
    descriptions: Annotated[Path | None, Opt(help="A table that gives the sequence of each series.")] = None,
    keep_names: Annotated[bool, Opt(help="Keep the names of folders, which may name a patient.")] = False,
    submission: Annotated[Path | None, Opt(help="Also write the table for the dataset's challenge.")] = None,
    explain: Annotated[bool, Opt("--explain", help="Add maps of the places that spoke for each grade.")] = False,
    anchor: terminal.Anchor = None,
    device: terminal.Device = "auto",
    plugins: terminal.Plugins = None,
) -> None:
    """Grade new studies: slice, point, probabilities and picture for each place. Not for clinical use."""
    where: dict[str, Any] = {"descriptions": descriptions, "keep_names": keep_names, "submission": submission}
    where |= {"explain": explain, "anchor": anchor}
    found = api.diagnose(model, studies, out=out, device=device, plugins=plugins, each=words.show, **where)
    print(f"wrote {submission}\n" if submission is not None else "", end="")
    if any(one.error for one in found):
        raise typer.Exit(2)


app.command()(commands.preview)
app.command()(commands.phantom)


@app.command()
def doctor(store: terminal.Store = STORE) -> None:
    """Show versions, machine, GPU, whether the hub can be reached, and where weights are looked for."""
    print(api.doctor(store=store))


if __name__ == "__main__":
    app()

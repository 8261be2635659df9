"""Commands of the command line that need many options: each parses, calls the function of its name, and prints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument as Arg
from typer import Option as Opt

from bench import api
from bench.api import words
from bench.api.terminal import GridFile, Plugins, Settings, Store


def preview(
    grid: GridFile,
    settings: Settings = None,
    samples: Annotated[int, Opt(help="Samples of each class that are shown.", min=1, max=20)] = 2,
    out: Annotated[Path | None, Opt(help="A folder; runs/NAME if none is given.")] = None,
    plugins: Plugins = None,
    store: Store = Path(".store"),
) -> None:
    """Show some scans with their boxes, and the crops as encoders will see them, before a run."""
    found = api.preview(grid, settings=settings or [], samples=samples, out=out, plugins=plugins, store=store)
    print(*found.notes, *map(str, found.files), sep="\n")


def phantom(
    folder: Annotated[Path, Arg(help="A new or empty folder.")],
    patients: Annotated[int, Opt(min=1, help="The number of patients.")] = 40,
    layout: Annotated[str, Opt(help="spider (.mha, masks), rsna (DICOM), oai (DICOM, knees), lesions.")] = "spider",
    effect: Annotated[float, Opt(help="How much gradings show: 0 to 1.", min=0, max=1)] = 0.5,
    missing: Annotated[float, Opt(help="Share of series that are left out.", min=0, max=0.9)] = 0.0,
    sequences: Annotated[str, Opt(help="spider: t1, t2, t2_SPACE, joined by commas; t1,t2 if not given.")] = "",
    missing_labels: Annotated[float, Opt(help="rsna: share of empty labels.", min=0, max=1)] = 0.0,
    split: Annotated[bool, Opt(help="rsna: half of a foramen's sign in T1, half in T2.")] = False,
    confined: Annotated[bool, Opt(help="rsna: each foramen lies in one slice.")] = False,
    mark_error: Annotated[int, Opt(help="rsna: by how many slices points are off at most.", min=0)] = 0,
    size: Annotated[str, Opt(help="oai: slices, rows and columns; 40,64,64 if not given, really 160,384,384.")] = "",
    seed: Annotated[int, Opt(help="The seed of everything that is drawn.", min=0)] = 0,
) -> None:
    """Write phantom MRI in the layout of SPIDER or RSNA 2024 (spines), of OAI (knees), or crops with lesions."""
    own = {"sequences": words.names(sequences), "missing_labels": missing_labels, "split": split, "confined": confined}
    own |= {"mark_error": mark_error, "size": words.numbers(size)}
    given = {name: value for name, value in own.items() if value}
    api.phantom(folder, layout=layout, patients=patients, effect=effect, missing=missing, seed=seed, **given)
    print(f"wrote {patients} phantom patients to {folder}")

"""Shows what encoders will see, before a run."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from bench.api.errors import check_names, writing
from bench.api.grids import RUNS, STORE, GridSource, _located, _read
from bench.api.plug_ins import add_folder


@dataclass(frozen=True)
class Previewed:
    """The files of a preview, and what a reader of them should know."""

    files: list[Path]
    notes: list[str]


def preview(
    grid: GridSource,
    *,
    settings: Sequence[str] = (),
    samples: int = 2,
    out: str | Path | None = None,
    plugins: str | Path | None = None,
    store: str | Path = STORE,
) -> Previewed:
    """Draws some samples of each class with their boxes, and the crops as encoders will see them.

    It reads scans with the code of a run: those of the samples that it shows, and a few more to find samples that have
    all sequences. There is a page for each sequence, region and image chain of the grid. A region that learns has no
    box before a run.

    Args:
        grid: A grid file, or a dict with the keys of one.
        settings: Values to replace, such as `"protocol.folds=3"`.
        samples: Samples of each class of each target, from different patients and with all sequences if
            possible; at most 24.
        out: The folder for `preview.pdf` and `preview.png`; if none is given, `runs/NAME`.
        plugins: A folder of your own plug-ins, of the project's shape.
        store: Where finished steps are kept; it is only looked at.

    Returns:
        The files.

    Raises:
        ScangridError: The grid can't be read, or does not fit its dataset.

    Examples:
        >>> api.preview("grids/demo.yaml", out="preview")
    """
    check_names(settings=settings)
    add_folder(plugins)
    from bench.plan.plan import Plan
    from bench.run.claim import claimed
    from bench.tasks.previews import preview_samples, previewed
    from bench.tasks.store import Store
    from results.figures.drawing.contact_sheet import ROWS, contact_sheet, write_sheets

    with _located(grid, settings):
        read = _read(grid, settings)
        plan = Plan(read, Store(Path(store)))
        pages, notes = [], dict[str, None]()
        for sheet in previewed(plan, preview_samples(plan, samples)):
            steps = ", ".join(step for step in (sheet.sequence, sheet.region, sheet.images) if step not in ("none", ""))
            if sheet.note:
                notes[f"{sheet.region}: {sheet.note}."] = None
            for start in range(0, len(sheet.samples), ROWS):
                part = sheet.samples[start : start + ROWS]
                pages.append(contact_sheet(f"{read.name}: {steps}", part, sheet.note))
        to = Path(out or RUNS / read.name)
        with writing(to), nullcontext() if out else claimed(to):
            return Previewed(write_sheets(pages, to), list(notes))

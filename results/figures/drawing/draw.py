"""Writes every figure that a run has data for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.files.whole import replace_file, replace_text
from data.text.file_names import file_name
from data.text.names import nearest
from results import ResultsError
from results.figures.base import FIGURES, PaperFigure
from results.run_folder import Run

if TYPE_CHECKING:
    from results.figures.drawing.style import Drawing, Width

FORMATS = ("pdf", "png")
INDEX = "figures.json"
BOARD_DPI = 160


def draw_all(run: Run, folder: Path, *, width: Width = "double") -> list[Path]:
    """Writes each figure as PDF and PNG (200 dpi), `captions.md` with captions and skipped figures, and `figures.json`.

    The same run gives the same bytes. Pictures that an earlier call drew and this one does not are removed.
    `figures.json` lists the figures in the order of a paper: `name`, `figure`, `title`, `caption`, and `scans` (whether
    it shows scans of patients).

    Args:
        run: A run folder.
        folder: Where to write; it is made if it does not exist.
        width: `single` (89 mm) or `double` (183 mm).

    Returns:
        The pictures, then `figures.json` and `captions.md`.

    Raises:
        ResultsError: An unknown width, or a broken run folder.
    """
    from results.figures.drawing.closing import closed
    from results.figures.drawing.style import WIDTHS, NothingToDrawError, styled

    if width not in WIDTHS:
        raise ResultsError(f"no width '{width}': use one of {', '.join(WIDTHS)}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    index: list[dict[str, Any]] = []
    skipped = []
    for file, target, kind, record, draw in _wanted(run, width):
        try:
            figure = closed(styled(draw)(), run, target)
        except NothingToDrawError as error:
            skipped.append(f"- {kind}{f' {target}' if target else ''}: {error}.")
            continue
        for ending in FORMATS:
            written.append(folder / f"{file}.{ending}")
            _save(figure, written[-1])
        about = {"title": record.title, "caption": figure.caption, "scans": record.scans}
        index.append({"name": file, "figure": kind} | about)
    _remove_former(folder, {one["name"] for one in index})
    captions = [f"**{one['name']}.** {one['caption']}" for one in index]
    lines = [f"# Figures of {run.name}", *captions, *(["## Not drawn", "\n".join(skipped)] if skipped else [])]
    texts = {INDEX: json.dumps(index, indent=1), "captions.md": "\n\n".join(lines)}
    for name, text in texts.items():
        replace_text(folder / name, text + "\n")
    return [*written, *(folder / name for name in texts)]


def draw_into(
    folder: Path, wanted: Iterable[tuple[str, Callable[[], Drawing]]]
) -> tuple[list[Path], dict[str, str], dict[str, str]]:
    """Writes figures as PDF and PNG.

    Returns:
        The files; the caption of each figure that was drawn, by name; and the reason why each other one was not.
    """
    from results.figures.drawing.style import NothingToDrawError

    written: list[Path] = []
    captions, refused = {}, {}
    for name, draw in wanted:
        try:
            figure = draw()
        except NothingToDrawError as error:
            refused[name] = str(error)
            continue
        for ending in FORMATS:
            written.append(folder / f"{name}.{ending}")
            _save(figure, written[-1])
        captions[name] = figure.caption
    return written, captions, refused


def draw_one(run: Run, name: str, target: str, *, width: Width = "double") -> Drawing:
    """One figure.

    Args:
        run: A run folder.
        name: Such as `roc` or `critical_difference`.
        target: One of its targets; a figure of the whole run ignores it.
        width: `single` (89 mm) or `double` (183 mm).

    Raises:
        ResultsError: There is no such figure or target.
        NothingToDrawError: The run lacks what it shows.
    """
    from results.figures.drawing.closing import closed
    from results.figures.drawing.style import styled

    if target not in run.targets:
        raise ResultsError(f"no target '{target}'{nearest(target, run.targets)}")
    record = FIGURES.named(name)
    draw = partial(record.draw, run, *([target] if record.of == "target" else []), width=width)
    return draw() if record.when == "run" else closed(styled(draw)(), run, target if record.of == "target" else None)


def draw_boards(run: Run) -> list[Path]:
    """Writes the figures that are drawn when a run ends as `NAME_TARGET.png` into the run folder; gives the files."""
    from results.figures.drawing.style import NothingToDrawError

    written = []
    for name, record in FIGURES.items():
        for target in run.targets if record.when == "run" else ():
            try:
                figure = record.draw(run, target)
            except NothingToDrawError:
                continue
            written.append(run.folder / f"{name}_{file_name(target, run.targets)}.png")
            _save(figure, written[-1], dpi=BOARD_DPI)
    return written


def _save(figure: Drawing, path: Path, **options: Any) -> None:
    replace_file(path, lambda to: figure.savefig(to, format=path.suffix[1:], **options))


def _remove_former(folder: Path, kept: set[str]) -> None:
    """Removes the pictures that the index of this folder lists and that are not drawn any more."""
    try:
        former = {str(one["name"]) for one in json.loads((folder / INDEX).read_text(encoding="utf-8"))}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return  # there is no index that could be read
    for name in former - kept:
        for ending in FORMATS:
            (folder / f"{Path(name).name}.{ending}").unlink(missing_ok=True)


def _wanted(run: Run, width: Width) -> Iterator[tuple[str, str | None, str, PaperFigure, Callable[[], Drawing]]]:
    """The figures of each target, then those of the run: file, target, kind, record, and the function that draws it."""
    drawn = {name: record for name, record in FIGURES.items() if record.when == "figures"}
    for target in run.targets:
        for name, record in drawn.items():
            if record.of == "target":
                file = f"{name}_{file_name(target, run.targets)}"
                yield file, target, name, record, partial(record.draw, run, target, width=width)
    for name, record in drawn.items():
        if record.of == "run":
            yield name, None, name, record, partial(record.draw, run, width=width)

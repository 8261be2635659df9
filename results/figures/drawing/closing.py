"""What the caption of every figure ends with: merged classes, few patients, and the mark of failed trainings."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.text import Text

from results.figures.drawing.chosen import table
from results.figures.drawing.style import Drawing
from results.run_folder import Run
from results.scores import reconstruction
from results.scores.labels import merging
from results.scores.records import records
from results.tables.who import exploratory


def closed(figure: Drawing, run: Run, target: str | None = None) -> Drawing:
    """The figure, whose caption also says what tables say of the target, and what the mark means where it is drawn.

    Args:
        figure: A figure with its caption.
        run: The run that it is of.
        target: The target that it is of; None for a figure of the run.
    """
    said = "" if target is None else about(run, target)
    drawn = [figure.caption, *(str(one.get_text()) for one in figure.findobj(Text) if isinstance(one, Text))]
    if any(reconstruction.MARK in words for words in drawn):
        keys = [cell.key for cell in run.cells if target in (None, cell.target)]
        said += "".join(f" {note}" for note in reconstruction.notes(run, keys))
    figure.caption += said
    return figure


def about(run: Run, target: str) -> str:
    """The sentences on merged classes and on few patients, each after a blank."""
    return merging(run.merged.get(target, {})) + "".join(f" {note}" for note in _few(run, target))


def _few(run: Run, target: str) -> Iterator[str]:
    found = table(run)
    done = records(found[(found["target"] == target) & (found["status"] == "done")])
    if done:
        yield from exploratory(run, done)

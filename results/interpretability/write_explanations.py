"""Writes the figures and captions of what explains one cell."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from data.files.whole import replace_text
from results.figures.drawing.draw import draw_into
from results.interpretability.explained import Explanations, read_explanations
from results.run_folder import read

if TYPE_CHECKING:
    from results.figures.drawing.style import Drawing, Width

FIGURES = "figures.json"
MAPS = ("occlusion", "gradients")


def draw_explanations(run: Path, folder: Path, *, width: Width = "double") -> list[Path]:
    """Writes every figure as PDF and PNG, `captions.md`, and `figures.json`, which the report reads.

    Args:
        run: A run folder.
        folder: `RUN/explanations/KEY`, as `bench.models.explain` wrote it.
        width: `single` (89 mm) or `double` (183 mm).

    Returns:
        The files, `captions.md` last.
    """
    explained = read_explanations(read(run), folder)
    written, captions, refused = draw_into(folder, _wanted(explained, width))
    shown = [{"name": name, "caption": caption, "scans": name in MAPS} for name, caption in captions.items()]
    replace_text(folder / FIGURES, json.dumps(shown, indent=1))
    lines = [f"**{name}.** {caption}" for name, caption in captions.items()]
    lines += [f"**{name}.** Not drawn: {why}." for name, why in refused.items()]
    lines += [f"**{name}.** Not made, since {why}." for name, why in explained.about["refused"].items()]
    path = folder / "captions.md"
    title = f"# Explanations of {explained.words}, {explained.about['target']}, run {explained.run.name}"
    replace_text(path, "\n\n".join([title, *lines]) + "\n")
    return [*written, path]


def _wanted(explained: Explanations, width: Width) -> list[tuple[str, Callable[[], Drawing]]]:
    from results.interpretability.importance import importance_figure
    from results.interpretability.maps import explanation_maps

    maps = [(name, partial(explanation_maps, explained, name, width=width)) for name in MAPS if name in explained.about]
    if "importance" not in explained.about:
        return [*maps]
    return [*maps, ("importance", partial(importance_figure, explained, width=width))]

"""Writes the figures, the table and the captions of one autoencoder's latents."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data.files.whole import replace_file, replace_text
from data.text.file_names import file_name
from results.figures.drawing.draw import draw_into
from results.interpretability.correlations import RESAMPLES
from results.interpretability.found import Latents, read_latents
from results.interpretability.table import METHODS, correlation_table, short
from results.run_folder import read

if TYPE_CHECKING:
    import pandas as pd

    from results.figures.drawing.style import Drawing, Width


def write_figures(run: Path, folder: Path, *, width: Width = "double", resamples: int = RESAMPLES) -> list[Path]:
    """Writes `correlations.csv`, every figure as PDF and PNG, and `captions.md` into the folder of the arrays.

    Args:
        run: A run folder.
        folder: `RUN/latents/KEY`, as `bench.models.latents` wrote it.
        width: `single` (89 mm) or `double` (183 mm).
        resamples: Draws of patients for intervals.

    Returns:
        The files, `captions.md` last.
    """
    latents = read_latents(read(run), folder)
    table = correlation_table(latents, resamples=resamples)
    written = [folder / "correlations.csv"]
    replace_file(written[0], lambda to: table.to_csv(to, index=False, float_format="%.6g"))
    files, captions, refused = draw_into(folder, _wanted(latents, table, width))
    lines = [f"**{name}.** {caption}" for name, caption in captions.items()]
    lines += [f"**{name}.** Not drawn: {why}." for name, why in refused.items()]
    path = folder / "captions.md"
    title = f"# Latent features of {latents.about['encoder']} on {latents.about['sequence']}, {latents.run.name}"
    replace_text(path, "\n\n".join([title, *lines]) + "\n")
    return [*written, *files, path]


def _wanted(latents: Latents, table: pd.DataFrame, width: Width) -> list[tuple[str, Callable[[], Drawing]]]:
    from results.interpretability import pictures
    from results.interpretability.heat_map import correlation_heat_map

    meanings = [_meaning(table, f"z{j}") for j in latents.about["traversal"]["features"]]
    planes = latents.about["planes"]
    names = [f"_{file_name(plane['name'].replace(' ', '_'))}" if len(planes) > 1 else "" for plane in planes]
    return [
        *((f"correlations_{m}", partial(correlation_heat_map, latents, table, m, width=width)) for m in METHODS),
        ("reconstructions", partial(pictures.reconstructions, latents, width=width)),
        *(
            (f"traversal{name}", partial(pictures.traversal, latents, i, meanings=meanings, width=width))
            for i, name in enumerate(names)
        ),
        ("interpolation", partial(pictures.interpolation, latents, width=width)),
        ("generated", partial(pictures.generated, latents, width=width)),
        ("neighbours", partial(pictures.neighbours, latents, width=width)),
    ]


def _meaning(table: pd.DataFrame, feature: str) -> str:
    """The measure that correlates most with a feature, by Spearman and within places if there are places."""
    rows = table[(table["feature"] == feature) & (table["method"] == "spearman") & (table["remark"] == "")]
    rows = rows[(rows["adjustment"] == table["adjustment"].iloc[0]) & (rows["kind"] == "measure") & rows["r"].notna()]
    if rows.empty:
        return ""
    best = rows.iloc[int(np.abs(rows["r"].to_numpy()).argmax())]
    return f"{str(best['measure']).replace('_', ' ')} {short(float(best['r']))}"

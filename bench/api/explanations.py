"""Explains cells of a run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bench.api.errors import cell_text, check_choice
from bench.api.grids import DEVICES, STORE
from bench.api.plug_ins import add_folder
from bench.api.threads import one_thread


def explain(
    run: str | Path,
    cell: str | int = "",
    *,
    samples: int | Sequence[str] = 6,
    methods: Sequence[str] = (),
    patch: float | None = None,
    fill: str = "mean",
    permutations: int = 20,
    device: str = "auto",
    grid: str | Path | None = None,
    plugins: str | Path | None = None,
    store: str | Path = STORE,
) -> list[Path]:
    """Draws what spoke for the classes that a cell called: maps over crops, and the importance of named features.

    Only samples that a fold tested are explained, each by the fit of that fold. What is written lies in
    `RUN/explanations/KEY/`, and the report shows it.

    Args:
        run: A run folder.
        cell: A cell: its number or key, or its steps, such as `"svc, cae_2d"`; empty lists them.
        samples: How many samples get maps, half of them the best and half the worst cases; or their names.
        methods: Some of `"occlusion"`, `"gradients"` and `"importance"`; empty: all that are defined for the cell.
        patch: Side of the patches that occlusion covers, mm; None: a sixth of the longer side of a slice.
        fill: What replaces a patch: `"mean"` of the training crops, or a local `"blur"`.
        permutations: Permutations of each named feature in each fold.
        device: `"auto"`, `"cpu"` or `"cuda"`.
        grid: The run's grid file, if it is not the copy in the run folder.
        plugins: A folder of your own plug-ins, of the project's shape.
        store: Where finished steps are kept.

    Returns:
        The files that were written.

    Raises:
        ScangridError: There is no such run, cell or sample, or a method that was named is not defined for the cell.

    Examples:
        >>> api.explain("runs/demo", run.cells["key"][0], samples=4, methods=["occlusion"])
    """
    check_choice("--device", device, DEVICES)
    add_folder(plugins)
    from bench.models.explain import ExplainOptions, write_explanations
    from bench.run.compute import pick_device
    from results.interpretability.write_explanations import draw_explanations

    run = Path(run)
    options = ExplainOptions(
        samples=samples if isinstance(samples, int) else tuple(map(str, samples)),
        methods=tuple(methods),
        patch=patch,
        filling=fill,
        permutations=permutations,
    )
    with one_thread():
        folder, refused = write_explanations(
            run,
            cell_text(cell),
            options,
            store=Path(store),
            grid_file=Path(grid) if grid else None,
            device=pick_device(device),
            tick=_show,
        )
    for name, why in refused.items():
        print(f"scangrid: left out {name}, since {why}.", file=sys.stderr)
    return draw_explanations(run, folder)


def _show(method: str, done: int, total: int) -> None:
    print(f"{method}: {done}/{total} {'folds' if method == 'importance' else 'samples'}", file=sys.stderr, flush=True)

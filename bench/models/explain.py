"""Explains a cell of a run: maps over the crops of samples that its folds tested, and the importance of its features.

Samples are explained by the fit of the fold that tested them, so never by one that was fitted on them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from bench.models.cell_folds import ReopenedCell, ReopenedFold
from bench.models.importance import PERMUTATIONS, importance, parts
from bench.models.reopen import CellError
from bench.plan import identity
from bench.plan.references import Fit
from bench.run.files import write_json
from bench.run.panels import first_repeat, of_patients
from bench.stages.gradients import GradientsError, has_path, integrated_gradients
from bench.stages.occlusion import FILLINGS, usual_patch
from data.base import Float32, Image
from data.files.sums import write_sums
from data.files.whole import new_folder, remove_folder
from data.text.names import nearest
from results.scores.named import SHORT

FOLDER = "explanations"
Method = Literal["occlusion", "gradients", "importance"]
METHODS: tuple[str, ...] = get_args(Method)
Tick = Callable[[str, int, int], None]


class ExplainError(CellError):
    """What can't be explained, with the way out."""


@dataclass(frozen=True, kw_only=True)
class ExplainOptions:
    """What is explained, and how.

    Args:
        samples: How many samples get maps, half of them the best and half the worst cases; or their names.
        methods: Some of `METHODS`; empty: all that are defined for the cell.
        patch: Side of the patches that occlusion covers, mm; None: a sixth of the longer side of a slice.
        filling: What replaces a patch: `"mean"` of the training crops, or a local `"blur"`.
        permutations: Permutations of each feature in each fold.
    """

    samples: int | tuple[str, ...] = 6
    methods: tuple[str, ...] = ()
    patch: float | None = None
    filling: str = "mean"
    permutations: int = PERMUTATIONS


class _Case(NamedTuple):
    """A sample that is explained: its position, and its row in the table of predictions."""

    sample: int
    fit: Fit
    probability: float
    half: str


def write_explanations(
    run: Path,
    cell: str,
    options: ExplainOptions,
    *,
    store: Path,
    grid_file: Path | None = None,
    device: str = "cpu",
    tick: Tick = lambda name, done, total: None,
) -> tuple[Path, dict[str, str]]:
    """Writes `RUN/explanations/KEY/`: `about.json`, and what the methods found.

    `occlusion.npz` and `gradients.npz` hold, for sample I and sequence J, `crop_I_J` and `map_I_J` `(D, H, W)` float32;
    `importance.csv` and `correlated.csv` are the tables of `importance.importance`. What an earlier call wrote for the
    same cell is replaced.

    Args:
        run: A run folder.
        cell: The key of a cell, or its beginning.
        options: What is explained.
        store: The store of the run.
        grid_file: The run's grid, if it is not the copy in the run folder.
        device: `"cpu"` or `"cuda"`.
        tick: Called with a method and its numbers of samples or folds done and to do.

    Returns:
        The folder, and for each method that is not defined for the cell the reason.

    Raises:
        CellError: There is no such run or cell, the store no longer has what is needed, or an option is wrong.
        ExplainError: No method that was asked for is defined for the cell.
    """
    _check(options)
    opened = ReopenedCell(run, cell, store=store, grid_file=grid_file, device=device)
    wanted = options.methods or METHODS
    found: dict[str, Any] = {}
    refused: dict[str, str] = {}
    folder = run / FOLDER / opened.planned.key
    folds: dict[tuple[int, int], ReopenedFold] = {}

    def open_fold(fit: Fit) -> ReopenedFold:
        at = fit.fold.repeat, fit.fold.number
        if at not in folds:
            folds[at] = opened.open(fit)
        return folds[at]

    with new_folder(folder) as draft:
        cases = [] if wanted == ("importance",) else _cases(opened, options.samples)
        if "occlusion" in wanted:
            one = _occlusion(draft, opened, cases, open_fold, options, tick)
            if one.pop("flat"):
                (draft / "occlusion.npz").unlink()
                refused["occlusion"] = (
                    "no patch changes the output, so the cell does not read the pixels or its output moves in steps"
                )
            else:
                found["occlusion"] = one
        if "gradients" in wanted:
            try:
                found["gradients"] = _gradients(draft, opened, cases, open_fold, tick)
            except GradientsError as error:
                refused["gradients"] = str(error)
        if "importance" in wanted:
            if parts(opened):
                found["importance"] = _importance(draft, opened, options, tick)
            else:
                refused["importance"] = "no feature of this cell has a name (it has neither measures nor columns)"
        undone = [name for name in options.methods if name in refused]
        if undone:
            raise ExplainError(f"--method {undone[0]}: {refused[undone[0]]}")
        _describe(draft, opened, found, refused)
        write_sums(draft)
        remove_folder(folder, "about.json")
    return folder, refused


def _check(options: ExplainOptions) -> None:
    for name in options.methods:
        if name not in METHODS:
            raise ExplainError(f"--method {name}: use {', '.join(METHODS)}{nearest(name, METHODS)}")
    if options.filling not in FILLINGS:
        raise ExplainError(f"--fill {options.filling}: use {' or '.join(FILLINGS)}")
    if options.patch is not None and not options.patch > 0:
        raise ExplainError(f"--patch {options.patch:g} must be above 0 mm")
    if options.permutations < 1 or (isinstance(options.samples, int) and options.samples < 1):
        raise ExplainError(
            f"--samples ({options.samples}) and --permutations ({options.permutations}) must be at least 1"
        )


def _cases(cell: ReopenedCell, samples: int | tuple[str, ...]) -> list[_Case]:
    """The samples to explain, in the first repeat.

    By number: half with the highest and half with the lowest probability of their own class, at most one per patient in
    each half.

    Raises:
        ExplainError: A sample was tested by no fold of the cell.
    """
    table = first_repeat(cell.file)
    fit_of = {(fit.fold.repeat, fit.fold.number): fit for fit in cell.fits}
    place = {sample: i for i, sample in enumerate(cell.plan.ids.tolist())}
    own = table.filter(regex=r"^p_\d+$").to_numpy()[np.arange(len(table)), table["y"]]
    names = table["sample"].astype(str).tolist()
    if isinstance(samples, int):
        order, patients = np.argsort(own, kind="stable"), table["patient"].to_numpy()
        best = of_patients(order[::-1], patients, max(1, (samples + 1) // 2))
        worst = [row for row in of_patients(order, patients, samples // 2) if row not in best] if samples > 1 else []
        rows = [*((row, "best") for row in best), *((row, "worst") for row in worst)]
    else:
        if unknown := [name for name in samples if name not in names]:
            raise ExplainError(
                f"--sample {unknown[0]}: no fold of cell {cell.planned.key[:SHORT]} tested it"
                f"{nearest(unknown[0], names)}"
            )
        rows = [(names.index(name), "") for name in samples]
    found = []
    for row, half in rows:
        one = table.iloc[row]
        fit = fit_of[int(one["repeat"]), int(one["fold"])]
        found.append(_Case(place[names[row]], fit, float(own[row]), half))
    return found


def _occlusion(
    to: Path,
    cell: ReopenedCell,
    cases: Sequence[_Case],
    open_fold: Callable[[Fit], ReopenedFold],
    options: ExplainOptions,
    tick: Tick,
) -> dict[str, Any]:
    crops = [open_fold(case.fit).crops(case.sample) for case in cases]
    side = options.patch or usual_patch([crop for each in crops for crop in each if crop is not None])
    arrays: dict[str, Any] = {}
    shown = []
    for i, (case, mine) in enumerate(zip(cases, crops, strict=True)):
        fold = open_fold(case.fit)
        means: list[Float32 | None] = [*fold.means] if options.filling == "mean" else [None] * len(mine)
        found = fold.scorer.occlude(mine, fold.columns([case.sample]), side, means)
        _keep(arrays, i, mine, found.maps)
        windows = next(patches for patches in found.patches if patches is not None)
        lengths = [n * mm for n, mm in zip(windows.lengths, windows.spacing, strict=True)]
        about = _about(cell, case, found.called, found.P, mine)
        shown.append(about | {"least": found.least, "patch_mm": lengths})
        tick("occlusion", i + 1, len(cases))
    flat = all(not np.any(arrays[name]) for name in arrays if name.startswith("map_"))
    np.savez_compressed(to / "occlusion.npz", **arrays)
    return {"samples": shown, "patch": side, "filling": options.filling, "flat": flat}


def _gradients(
    to: Path, cell: ReopenedCell, cases: Sequence[_Case], open_fold: Callable[[Fit], ReopenedFold], tick: Tick
) -> dict[str, Any]:
    arrays: dict[str, Any] = {}
    shown = []
    for i, case in enumerate(cases):
        fold = open_fold(case.fit)
        if not has_path(fold.scorer):
            raise GradientsError("an encoder of this cell is no torch network, so it has no gradient: use occlusion")
        mine = fold.crops(case.sample)
        columns, seed = fold.columns([case.sample]), identity.seed(cell.plan.grid.protocol.seed, "gradients")
        found = integrated_gradients(fold.scorer, mine, columns, fold.means, fold.centre, fold.spread, seed=seed)
        _keep(arrays, i, mine, found.maps)
        P = fold.predict()[np.flatnonzero(case.fit.rows.test == case.sample)[0]]
        about = _about(cell, case, found.called, P, mine)
        numbers = {"score": found.score, "baseline": found.baseline, "gap": found.gap}
        shown.append(about | numbers | {"against": cell.classes[found.against]})
        tick("gradients", i + 1, len(cases))
    np.savez_compressed(to / "gradients.npz", **arrays)
    return {"samples": shown}


def _importance(to: Path, cell: ReopenedCell, options: ExplainOptions, tick: Tick) -> dict[str, Any]:
    def done(folds: int, total: int) -> None:
        tick("importance", folds, total)

    table, pairs = importance(cell, permutations=options.permutations, tick=done)
    table.to_csv(to / "importance.csv", index=False)
    pairs.to_csv(to / "correlated.csv", index=False)
    return {"permutations": options.permutations, "test_train_ratio": _test_train_ratio(cell)}


def _test_train_ratio(cell: ReopenedCell) -> float:
    """Test samples over training samples, in the mean over folds."""
    return float(np.mean([len(fit.rows.test) / len(fit.rows.train) for fit in cell.fits]))


def _keep(arrays: dict[str, Any], i: int, crops: Sequence[Image | None], maps: Sequence[Float32 | None]) -> None:
    for j, (crop, found) in enumerate(zip(crops, maps, strict=True)):
        if crop is not None and found is not None:
            arrays[f"crop_{i}_{j}"], arrays[f"map_{i}_{j}"] = crop.pixels.astype(np.float32), found


def _about(
    cell: ReopenedCell, case: _Case, called: int, P: NDArray[np.float64], crops: Sequence[Image | None]
) -> dict[str, Any]:
    return {
        "sample": str(cell.plan.ids[case.sample]),
        "label": cell.classes[int(cell.y[case.sample])],
        "called": cell.classes[called],
        "probability": float(P[called]),
        "half": case.half,
        "repeat": case.fit.fold.repeat,
        "fold": case.fit.fold.number,
        "spacing": [None if crop is None else list(crop.spacing) for crop in crops],
    }


def _describe(to: Path, cell: ReopenedCell, found: dict[str, Any], refused: dict[str, str]) -> None:
    planned = cell.planned
    about = {
        "cell": planned.key,
        "target": planned.cell.target,
        "steps": planned.cell.shown(),
        "sequences": [part.name for part in planned.cell["sequences"].each],
        "classes": list(cell.classes),
        "refused": refused,
        **found,
    }
    write_json(to / "about.json", about)

"""Whether maps lie on the sign that was planted in lesion phantoms, and whether they depend on the network's weights.

`python -m tests.studies.explanations RUN STORE PHANTOM [CELL ...]` prints two tables for a run of `grids/lesions.yaml`.
The first has all cells, or those whose words begin like a CELL, such as "t2, raw_pixels(size=24), logistic".

Fixed before anything was measured: a map hits if its largest value, over all slices and sequences of the sample, lies
in the planted lesion or at most half a patch's side from it, in the same slice. Samples are test samples with a lesion
that the fold calls a lesion, one per patient. Chance is the share of a sample's voxels that count as hits.

References:
    J. Adebayo et al., Sanity checks for saliency maps, NeurIPS 2018, arXiv:1810.03292.
    J. Zhang et al., Top-down neural attention by excitation backprop, IJCV 126, 2018, arXiv:1608.00507 (the pointing
    game).
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bench.models.cell_folds import ReopenedCell, ReopenedFold
from bench.stages.gradients import GradientsError, has_path, integrated_gradients
from bench.stages.occlusion import usual_patch
from data.base import Image
from data.reading import volumes

PLANTED_IN = "t2"
Maps = list[Any]
Explain = Callable[[ReopenedFold, int], tuple[Maps, int]]


class Planted(NamedTuple):
    """How often maps of a cell hit the planted sign, in how many samples, and how often chance would."""

    n: int
    hits: float
    chance: float


def positives(cell: ReopenedCell, *, most: int, repeat: int = 0) -> Iterator[tuple[ReopenedFold, int]]:
    """Test samples with a lesion that their fold calls a lesion, at most one per patient, the first by number."""
    seen: set[str] = set()
    for fit in cell.fits:
        if fit.fold.repeat != repeat or len(seen) >= most:
            continue
        fold = cell.open(fit)
        for sample, p in zip(fit.rows.test.tolist(), fold.predict(), strict=True):
            patient = str(cell.plan.patients[sample])
            if cell.y[sample] == 1 and p[1] > 0.5 and patient not in seen and len(seen) < most:
                seen.add(patient)
                yield fold, sample


def occlusion(side: float | None = None, filling: str = "mean") -> Explain:
    """Explains by occlusion; a side of None is the usual one."""

    def explain(fold: ReopenedFold, sample: int) -> tuple[Maps, int]:
        crops = fold.crops(sample)
        used = usual_patch([crop for crop in crops if crop is not None]) if side is None else side
        means = fold.means if filling == "mean" else [None] * len(crops)
        found = fold.scorer.occlude(crops, fold.columns([sample]), used, means)
        return list(found.maps), found.called

    return explain


def gradients(fold: ReopenedFold, sample: int) -> tuple[Maps, int]:
    """Explains by integrated gradients, smoothed over the usual patch, since single voxels of them are noisy."""
    from scipy.ndimage import uniform_filter

    crops = fold.crops(sample)
    found = integrated_gradients(
        fold.scorer, crops, fold.columns([sample]), fold.means, fold.centre, fold.spread, seed=0
    )
    side = usual_patch([crop for crop in crops if crop is not None])
    sizes = [(1, *(max(1, round(side / mm)) for mm in crop.spacing[1:])) for crop in crops if crop is not None]
    return [uniform_filter(one, size) for one, size in zip(found.maps, sizes, strict=True)], found.called


def pointing(cell: ReopenedCell, phantom: Path, explain: Explain, *, most: int = 30) -> Planted:
    """How often the largest value of a map hits the planted sign."""
    sequences = [part.name for part in cell.planned.cell["sequences"].each]
    hits, chances = [], []
    for fold, sample in positives(cell, most=most):
        crops = fold.crops(sample)
        try:
            maps, _ = explain(fold, sample)
        except GradientsError:  # the attributions of this sample are not complete
            continue
        near = [_near(crop, phantom, str(cell.plan.ids[sample]), s) for crop, s in zip(crops, sequences, strict=True)]
        values, inside = (np.concatenate([one.ravel() for one in parts]) for parts in (maps, near))
        hits.append(bool(inside[values.argmax()]))
        chances.append(float(inside.mean()))
    return Planted(len(hits), *(float(np.mean(one)) if one else np.nan for one in (hits, chances)))


def _near(crop: Image | None, phantom: Path, sample: str, sequence: str) -> Any:
    """The voxels `(D, H, W)` in the lesion or at most half a usual patch from it; none in other sequences."""
    from scipy.ndimage import distance_transform_edt

    assert crop is not None
    out = np.zeros(crop.pixels.shape, dtype=bool)
    if sequence == PLANTED_IN:
        lesion = volumes.read(phantom / "masks" / f"{sample.replace('/', '')}_{sequence}.mha").pixels > 0
        for d in np.flatnonzero(lesion.any(axis=(1, 2))):
            out[d] = distance_transform_edt(~lesion[d], sampling=crop.spacing[1:]) <= usual_patch([crop]) / 2
    return out


def untrained(fold: ReopenedFold, seed: int = 0) -> ReopenedFold:
    """The fold with the weights of its networks drawn anew, and the same head on them."""
    import torch

    def drawn(fitted: Any) -> Any:
        other = copy.copy(fitted)
        other.network = copy.deepcopy(fitted.network)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for module in other.network.modules():
                if hasattr(module, "reset_parameters"):
                    module.reset_parameters()
        return other

    made = replace(fold)
    encoders = [[drawn(one) for one in each] for each in fold.scorer.encoders]
    made.__dict__["scorer"] = replace(fold.scorer, encoders=encoders)
    return made


def agreement(first: tuple[Maps, int], second: tuple[Maps, int]) -> float:
    """Spearman correlation of two maps of a sample, both turned to the log odds of class 1; 0 if one is flat."""
    from scipy.stats import spearmanr

    values = [(1 if called else -1) * np.concatenate([one.ravel() for one in maps]) for maps, called in (first, second)]
    return 0.0 if min(np.ptp(one) for one in values) < 1e-9 else float(spearmanr(*values).statistic)


def cells(run: Path) -> dict[str, str]:
    """The keys of the cells that read scans, by their sequences, encoder and head."""
    found = json.loads((run / "cells.json").read_text(encoding="utf-8"))
    return {
        ", ".join(c["axes"][a] for a in ("sequences", "encoders", "heads")): c["key"] for c in found if not c["floor"]
    }


def main(run: Path, store: Path, phantom: Path, wanted: Sequence[str] = ()) -> None:
    """Prints both tables."""
    where: dict[str, Any] = {"store": store, "grid_file": None, "device": "cpu"}
    rows = []
    for words, key in cells(run).items():
        if wanted and not any(words.startswith(one) for one in wanted):
            continue
        cell = ReopenedCell(run, key, **where)
        methods: dict[str, Explain] = {"occlusion, mean": occlusion(), "occlusion, blur": occlusion(filling="blur")}
        if has_path(cell.open(cell.fits[0]).scorer):
            methods["integrated gradients"] = gradients
        for name, explain in methods.items():
            row = (words, name, *pointing(cell, phantom, explain))
            print(row, file=sys.stderr, flush=True)
            if row[2]:  # gradients refuse every sample of a cell whose head is not linear
                rows.append(row)
    print(
        pd.DataFrame(rows, columns=["cell", "method", "n", "hits", "chance"]).to_markdown(index=False, floatfmt=".2f")
    )
    print()
    print(weights(run, where).to_markdown(index=False, floatfmt=".2f"))


def weights(run: Path, where: dict[str, Any], *, most: int = 10) -> pd.DataFrame:
    """The mean agreement of maps by occlusion with those of other fits and of other weights, on t2 and logistic."""
    keys = cells(run)
    first, random = (
        ReopenedCell(run, next(k for w, k in keys.items() if w.startswith(f"t2, {name}") and "logistic" in w), **where)
        for name in ("efficientnet_lite0", "timm_backbone")
    )
    again, other = by_sample(first, repeat=1), by_sample(random, repeat=0)
    explain = occlusion()
    rows: dict[str, list[float]] = {}
    for fold, sample in positives(first, most=most):
        base = explain(fold, sample)
        versions = {
            "same weights, head fitted on other patients (second repeat)": again[sample],
            "weights drawn anew, head fitted on them": other[sample],
            "weights drawn anew, same head": untrained(fold),
        }
        for name, version in versions.items():
            rows.setdefault(name, []).append(agreement(base, explain(version, sample)))
    return pd.DataFrame(
        [(name, len(v), np.mean(v), min(v), max(v)) for name, v in rows.items()],
        columns=["compared with", "n", "mean correlation", "lowest", "highest"],
    )


def by_sample(cell: ReopenedCell, *, repeat: int) -> dict[int, ReopenedFold]:
    """For each sample the fold of a repeat that tested it."""
    folds = [cell.open(fit) for fit in cell.fits if fit.fold.repeat == repeat]
    return {sample: fold for fold in folds for sample in fold.fit.rows.test.tolist()}


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]), sys.argv[4:])

"""Writes the latents of an autoencoder, with measures and pictures, as arrays for `results/interpretability`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from bench.models import latent_pictures
from bench.models.reopen import CellError, find_cell, open_plan
from bench.plan import labels
from bench.plan.plan import Plan
from bench.plan.references import PlannedCell, TokensRef
from bench.plugins import find, plugin_class
from bench.stages.crop_files import Subset
from bench.tasks.store import Store
from data.base import Float32, Float64, Image
from data.files.sums import write_sums
from data.files.whole import new_folder, remove_folder
from results.scores.named import SHORT

if TYPE_CHECKING:
    import pandas as pd

FOLDER = "latents"


class LatentsError(CellError):
    """A cell whose latents can't be shown, with the way out."""


@runtime_checkable
class DecodingEncoder(Protocol):
    """A fitted encoder that also decodes."""

    channels: tuple[str, ...]
    recipe: Any
    prepare: Any

    def encode(self, images: Iterable[Image]) -> Iterator[Float32]:
        """As in `FittedEncoder`."""
        ...

    def decode(self, latents: Float32) -> Float32:
        """`(n, F)` to `(n, C, H, W)` or `(n, C, D, H, W)`."""
        ...


def write_latents(
    run: Path,
    cell: str,
    *,
    store: Path,
    grid_file: Path | None = None,
    measures: str = "",
    fold: int = 0,
    device: str = "cpu",
) -> Path:
    """Writes `RUN/latents/KEY/` for the network of one fold of the first repeat; each fold has other features.

    `latents.npy` `(N, F)` float32 holds the features of every sample with a picture, the mean over its slices;
    `samples.csv` lists the samples, `measures.csv` their measures and gradings, and `about.json` has the rest. The
    pictures are `.npz` files, see `latent_pictures`.

    Args:
        run: A run folder.
        cell: The key of a cell, or its beginning.
        store: The store of the run.
        grid_file: The run's grid, if it is not the copy in the run folder.
        measures: The encoder that measures each crop; empty: the first one by name that can.
        fold: The fold of the network.
        device: `"cpu"` or `"cuda"`.

    Raises:
        CellError: There is no such run or cell.
        LatentsError: There is no such fold, the cell has no autoencoder, or the store no longer has what is needed.
    """
    kept = Store(store)
    plan = open_plan(run, grid_file, kept)
    planned = find_cell(run, cell, plan, lambda one: bool(_learnt(one, plan)), "with an autoencoder")
    ref, others = _autoencoder(planned, plan, fold)
    fitted = _network(ref, plan, kept, device)
    crops = kept.crops(ref.crops.key, pixels=True)
    assert crops is not None and ref.fold is not None
    entries = plan.rows(ref.crops) if ref.present is None else np.where(ref.present, plan.rows(ref.crops), -1)
    used = np.flatnonzero(entries >= 0)
    means, middles = _features(ref, kept, entries[used])
    seen = ref.fold.train[used]
    pictures = latent_pictures.Pictures(
        fitted, Subset(crops, entries[used]), middles, plan.patients[used], seen, seed=plan.grid.protocol.seed
    )
    folder = run / FOLDER / planned.key
    with new_folder(folder) as draft:
        shown = pictures.write(draft)
        np.save(draft / "latents.npy", means)
        _samples(plan, used, seen).to_csv(draft / "samples.csv", index=False)
        measures = measures or next(iter(_measuring()), "")
        measured, kinds, why = _measures(plan, Subset(crops, entries[used]), used, measures)
        measured.to_csv(draft / "measures.csv", index=False)
        about = {
            "cell": planned.key,
            "encoder": ref.encoder.label(),
            "sequence": ref.crops.sequence,
            "region": ref.crops.region.label(),
            "images": ref.crops.images.label(),
            "others": others,
            "repeat": ref.fold.repeat,
            "fold": ref.fold.number,
            "measured_by": measures,
            "not_measured": why,
            "kinds": kinds,
            **shown,
        }
        (draft / "about.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
        write_sums(draft)
        remove_folder(folder, "about.json")
    return folder


def _learnt(planned: PlannedCell, plan: Plan) -> list[TokensRef]:
    """The tokens of the first fold that an encoder learnt from images alone."""
    tokens = [ref for each in planned.fits[0].tokens for ref in each]
    return [ref for ref in tokens if plan.keys.plugin("encoders", ref.encoder).learns == "images"]


def _autoencoder(planned: PlannedCell, plan: Plan, fold: int) -> tuple[TokensRef, list[str]]:
    """The tokens of the cell's first autoencoder in its first sequence, and the names of its other autoencoders."""
    if not _learnt(planned, plan):
        named = planned.cell.shown()["encoders"]
        raise LatentsError(
            f"cell {planned.key[:SHORT]} has no autoencoder (its encoder is {named}): "
            "name one whose encoder learns from images"
        )
    folds = {f.fold.number: f for f in planned.fits if f.fold.repeat == planned.fits[0].fold.repeat}
    if fold not in folds:
        raise LatentsError(f"--fold {fold}: use one of {', '.join(map(str, folds))}")
    learnt = _learnt(PlannedCell(planned.cell, planned.view, planned.key, [folds[fold]]), plan)
    return learnt[0], [f"{ref.encoder.label()} on {ref.crops.sequence}" for ref in learnt[1:]]


def _network(ref: TokensRef, plan: Plan, store: Store, device: str) -> DecodingEncoder:
    where = store.find("networks", ref.network)
    if where is None or store.find("tokens", ref.key) is None or store.crops(ref.crops.key, pixels=True) is None:
        raise LatentsError(
            f"what {ref.encoder.label()} learnt in this fold is no longer in {store.folder}: run the grid again, "
            "or name the store of the run with --store"
        )
    fitted = plan.keys.plugin("encoders", ref.encoder).frozen().load(where, device=device)
    if not isinstance(fitted, DecodingEncoder):
        raise LatentsError(f"{ref.encoder.label()} has no `decode`: only an encoder that decodes can be shown")
    return fitted


def _features(ref: TokensRef, store: Store, entries: NDArray[np.int64]) -> tuple[Float32, Float32]:
    """The mean over slices and the middle slice's features, `(N, F)` each."""
    from bench.stages import tokens

    where = store.find("tokens", ref.key)
    assert where is not None
    found = tokens.read(where, entries)
    values, present = found.gather()
    middle = present.sum(axis=1) // 2
    return found.means()[0], values[np.arange(len(values)), middle]


def _samples(plan: Plan, used: NDArray[np.int64], seen: NDArray[np.bool_]) -> pd.DataFrame:
    import pandas as pd

    table: dict[str, Any] = {"sample": plan.ids[used], "patient": plan.patients[used], "in_training": seen}
    places = {column: plan.samples[column].to_numpy()[used] for column in plan.dataset.locations}
    return pd.DataFrame(table | places)


def _measures(
    plan: Plan, crops: Sequence[Image], used: NDArray[np.int64], name: str
) -> tuple[pd.DataFrame, dict[str, str], str]:
    """A column for each measure and grading, with NaN for gaps; what each is; and why nothing was measured, if so."""
    import pandas as pd

    found, why = _measured(plan, crops, name)
    kinds = dict.fromkeys(found, "measure")
    for target in plan.dataset.targets():
        of_grid = plan.view.labels.get(target.name)
        one = of_grid or labels.choose(plan.dataset.targets(), plan.samples, target.name, {})
        y = one.y[used].astype(np.float64)
        y[y < 0] = np.nan
        ranked = target.ordinal or len(one.classes) <= 2
        column = target.name if ranked else f"{target.name} (not {one.classes[0]})"
        found[column] = y if ranked else np.where(np.isnan(y), np.nan, y > 0)
        kinds[column] = "grading"
    return pd.DataFrame({"sample": plan.ids[used], **found}), kinds, why


def _measuring() -> list[str]:
    """The encoders that measure structures of a mask, by name."""
    return [name for name in find("encoders") if plugin_class("encoders", name).measures]


def _measured(plan: Plan, crops: Sequence[Image], name: str) -> tuple[dict[str, Float64], str]:
    from bench.grid.cells import Step

    plugin = plan.keys.plugin("encoders", Step(name))
    names = getattr(plugin, "feature_names", ())
    if plugin.learns != "nothing" or not names:
        raise LatentsError(
            f"--measures {name}: must be an encoder that learns nothing and names its features, such as "
            f"{', '.join(_measuring())}"
        )
    masked = np.flatnonzero([image.structure is not None for image in crops])
    if not len(masked):
        return {}, "the crops are around no structure of a mask: use region mask on scans with masks"
    fitted = plugin.fit([], None, groups=np.zeros(0, dtype=str), seed=0, device="cpu")
    values = np.full((len(crops), len(names)), np.nan)
    for row, token in zip(masked, fitted.encode(Subset(crops, masked)), strict=True):
        values[row] = token[len(token) // 2]
    return {str(n): column for n, column in zip(names, values.T, strict=True)}, ""

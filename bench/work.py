"""The work of a plan as a graph of tasks that embed and fit. Results go to the store."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bench import identity
from bench.execute import Task
from bench.keys import CropsRef, Fit, TokensRef
from bench.plan import Plan, PlannedCell
from bench.progress import Progress
from bench.shared import Shared
from bench.stages.crops import Crops, Subset
from bench.store import Store
from data.base import Float32
from encoders.base import Encoder, FittedEncoder, Tokens


class Work:
    """The tasks of cells; what several of them need is made once, shared, and freed after the last.

    Args:
        plan: The plan, its crops in the store.
        store: Where results go.
        device: `"cpu"` or `"cuda"`.
        progress: Is told of images.
        fitted: Called with a cell when the last of its fits is in the store.
    """

    def __init__(
        self, plan: Plan, store: Store, *, device: str, progress: Progress, fitted: Callable[[PlannedCell], None]
    ) -> None:
        self._plan = plan
        self._store = store
        self._device = device
        self._progress = progress
        self._fitted = fitted
        self._shared = Shared()
        self._encoder: tuple[Any, FittedEncoder] | None = None
        self._left: Counter[str] = Counter()
        self._lock = threading.Lock()

    def tasks(self, cells: list[PlannedCell]) -> tuple[list[Task], dict[Task, list[PlannedCell]]]:
        """The tasks that some cells still need, and the cells that each fit is of."""
        tokens_done, fits_done = self._store.keys("tokens"), self._store.keys("fits")
        encode: dict[str, Task] = {}
        fits: dict[str, Task] = {}
        cells_of: dict[Task, list[PlannedCell]] = {}
        places: dict[Hashable, int] = {}
        for planned in cells:
            missing = [fit for fit in planned.fits if fit.key not in fits_done]
            self._left[planned.key] += len(missing)
            for fit in missing:
                if fit.key not in fits:
                    before = []
                    for ref in (ref for each in fit.tokens for ref in each):
                        if ref.key in tokens_done:
                            continue
                        if ref.key not in encode:
                            encode[ref.key] = self._encode_task(ref, len(encode))
                        before.append(encode[ref.key])
                    place = places.setdefault(self._embedding_key(planned), len(places))
                    fits[fit.key] = self._fit_task(planned, fit, tuple(dict.fromkeys(before)), place)
                    cells_of[fits[fit.key]] = []
                cells_of[fits[fit.key]].append(planned)
        self._cells_of = {id(task): found for task, found in cells_of.items()}
        return [*encode.values(), *fits.values()], cells_of

    def _encode_task(self, ref: TokensRef, place: int) -> Task:
        part = f", repeat {ref.part.repeat} fold {ref.part.fold}" if ref.part else ""
        name = f"{ref.encoder.label()} on {ref.crops.sequence}, {ref.crops.images.label()}{part}"
        learns = float(ref.part is not None)
        return Task(name, lambda: self._encode(ref, name), "torch", order=(learns, place))

    def _encode(self, ref: TokensRef, name: str) -> None:
        crops = self._plan.crops(ref.crops)
        if crops is None:
            raise RuntimeError(f"the crops of {name} are no longer in the store: run again")
        if len(crops) == 0:
            raise ValueError(f"no image of {ref.crops.sequence} can be used: see excluded.csv")
        from bench.stages import tokens

        start = time.perf_counter()
        fitted = self._network(ref, crops)
        self._progress.begin_images(name, len(crops))
        draft = self._store.draft("tokens", ref.key)
        try:
            tokens.encode(fitted, crops, crops.shapes[:, 0], draft, self._progress.images)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        note = made_by("tokens", ref, device=self._device, images=len(crops), seconds=time.perf_counter() - start)
        self._store.commit(draft, note)

    def _network(self, ref: TokensRef, crops: Crops) -> FittedEncoder:
        """The encoder ready to encode: built, or trained on the training patients of its fold and kept."""
        plugin: Encoder = self._plan.keys.plugin("encoders", ref.encoder).frozen()
        seed = identity.seed(self._plan.grid.protocol.seed, "encoder")
        nobody = np.zeros(0, dtype=str)
        if ref.part is None:
            if self._encoder is None or self._encoder[0] != plugin:
                self._encoder = None
                self._encoder = (plugin, plugin.fit([], None, groups=nobody, seed=seed, device=self._device))
            return self._encoder[1]
        folder = self._store.find("networks", ref.network)
        if folder is not None:
            return plugin.load(folder, device=self._device)
        rows = self._plan.rows(ref.crops)
        samples = np.flatnonzero(ref.part.train & (rows >= 0))
        entries, first = np.unique(rows[samples], return_index=True)
        groups = self._plan.patients[samples[first]]
        seed = identity.seed(self._plan.grid.protocol.seed, "encoder", ref.part.repeat, ref.part.fold)
        start = time.perf_counter()
        fitted = plugin.fit(Subset(crops, entries), None, groups=groups, seed=seed, device=self._device)

        def save(draft: Path) -> None:
            fitted.save(draft)
            for name, value in fitted.artifacts().items():
                if isinstance(value, np.ndarray):
                    np.save(draft / f"{name}.npy", value)
                else:
                    value.to_csv(draft / f"{name}.csv", index=False)

        note = made_by("network", ref, device=self._device, seconds=time.perf_counter() - start)
        self._store.put("networks", ref.network, save, note)
        return fitted

    def _fit_task(self, planned: PlannedCell, fit: Fit, before: tuple[Task, ...], place: int) -> Task:
        cell = planned.cell
        head = self._plan.keys.plugin("heads", cell["heads"])
        embedding, fold, balanced = self._share_keys(planned, fit)
        self._shared.expect(embedding, fold, balanced)
        null = "" if planned.view.null is None else f", null run {planned.view.null}"
        name = f"{cell['heads'].label()} on {cell['encoders'].label()}, {cell.target}{null}"
        if head.lane == "torch":
            import torch  # noqa: F401 (must be there before the task, which is given its number of threads)
        lane: Literal["torch", "cpu"] = "torch" if head.lane == "torch" and self._device == "cuda" else "cpu"
        null_run = -1 if planned.view.null is None else planned.view.null
        target = [target.name for target in self._plan.grid.targets].index(cell.target)
        order = (2, place, null_run, target, fit.part.repeat, fit.part.fold, _grouped(balanced))
        return Task(name, lambda: self._fit(planned, fit), lane, after=before, order=order)

    def _fit(self, planned: PlannedCell, fit: Fit) -> None:
        from bench.stages.fits import fit_and_predict
        from heads.base import Training

        cell, part = planned.cell, fit.part
        head = self._plan.keys.plugin("heads", cell["heads"])
        embedding, fold, balanced = self._share_keys(planned, fit)
        seed = self._plan.grid.protocol.seed
        y = planned.view.labels[cell.target].y
        start = time.perf_counter()
        try:
            X = self._shared.get(fold, lambda: self._features(planned, fit, embedding))

            def training() -> Training:
                return Training(
                    X[fit.rows.train],
                    y[fit.rows.train],
                    self._plan.patients[fit.rows.train],
                    len(planned.view.labels[cell.target].classes),
                    self._plan.keys.plugin("balance", cell["balance"]) if cell["balance"].name != "-" else None,
                    identity.seed(seed, "balance", part.repeat, part.fold),
                    None if part.inner is None else part.inner[fit.rows.train],
                )

            rows = self._shared.get(balanced, training)
            fit_seed = identity.seed(seed, "fit", part.repeat, part.fold)
            where = self._device if head.lane == "torch" or self._device == "cuda" else "cpu"
            p, chosen = fit_and_predict(head, rows, X[fit.rows.test], seed=fit_seed, threads=1, device=where)
        finally:
            self._shared.release(embedding, fold, balanced)

        def save(draft: Path) -> None:
            np.save(draft / "probabilities.npy", p)
            (draft / "chosen.json").write_text(json.dumps(chosen, default=str), encoding="utf-8")

        self._store.put("fits", fit.key, save, made_by("fit", cell.labels(), seconds=time.perf_counter() - start))

    def done(self, cells: list[PlannedCell]) -> None:
        """A fit of some cells is in the store."""
        for planned in cells:
            with self._lock:
                self._left[planned.key] -= 1
                last = self._left[planned.key] == 0
            if last:
                self._fitted(planned)

    def _features(self, planned: PlannedCell, fit: Fit, embedding: Hashable) -> Float32:
        """The standardised features of all samples, by what the training rows of a fold are like."""
        from bench.stages import features

        cell, plan = planned.cell, self._plan
        head = plan.keys.plugin("heads", cell["heads"])
        if head.features == "none":
            return np.zeros((len(plan.ids), 0), dtype=np.float32)
        if head.features == "location":
            return features.one_hot(plan.samples[list(plan.dataset.locations)], fit.rows.train)
        if self._learns_in_fold(planned):
            fused = self._fused(planned, fit)
        else:
            fused = self._shared.get(embedding, lambda: self._fused(planned, fit))
        table = plan.keys.plugin("tables", cell["tables"])
        seed = identity.seed(plan.grid.protocol.seed, "table", fit.part.repeat, fit.part.fold)
        clinical = plan.samples[list(plan.dataset.clinical)]
        joined = features.join_table(fused, table, clinical, fit.rows.train, seed=seed)
        return features.standardise(joined, fit.rows.train)

    def _fused(self, planned: PlannedCell, fit: Fit) -> Float32:
        from bench.stages import features

        cell, plan, part, train = planned.cell, self._plan, fit.part, fit.rows.train
        seed = identity.seed(plan.grid.protocol.seed, "fusion", part.repeat, part.fold)
        missing, fusion = plan.keys.plugin("missing", cell["missing"]), plan.keys.plugin("fusion", cell["fusion"])
        blocks = []
        for encoder, refs in zip(cell["encoders"].each, fit.tokens, strict=True):
            found = [self._read(ref) for ref in refs]
            projection = plan.keys.plugin("encoders", encoder).projection()
            if projection is not None:
                found = features.project(found, projection, train, seed=seed)
            y = planned.view.labels[cell.target].y[train] if fusion.learns == "labels" else None
            blocks.append(
                features.fuse(found, missing, fusion, train, y, plan.patients, seed=seed, device=self._device)
            )
        return np.hstack(blocks) if len(blocks) > 1 else blocks[0]

    def _read(self, ref: TokensRef) -> Tokens:
        from bench.stages import tokens

        folder = self._store.find("tokens", ref.key)
        if folder is None:
            raise RuntimeError(f"the tokens of {ref.encoder.label()} are no longer in the store: run again")
        return tokens.read(folder, self._plan.rows(ref.crops))

    def _learns_in_fold(self, planned: PlannedCell) -> bool:
        """Whether the fused vectors differ between folds."""
        cell, keys = planned.cell, self._plan.keys
        plugins = [keys.plugin("encoders", encoder) for encoder in cell["encoders"].each]
        several = len(cell["sequences"].each) > 1
        return (
            any(plugin.learns != "nothing" or plugin.projection() is not None for plugin in plugins)
            or (several and keys.plugin("missing", cell["missing"]).learns)
            or keys.plugin("fusion", cell["fusion"]).learns != "nothing"
        )

    def _embedding_key(self, planned: PlannedCell) -> Hashable:
        steps = planned.cell.steps
        head = self._plan.keys.plugin("heads", steps["heads"])
        if head.features != "all":
            return (head.features,)
        return tuple(step for axis, step in steps.items() if axis not in ("balance", "heads"))

    def _share_keys(self, planned: PlannedCell, fit: Fit) -> tuple[Hashable, Hashable, Hashable]:
        """What the embedding, the features of the fold and its training rows are shared by."""
        embedding = self._embedding_key(planned)
        fold = (embedding, fit.rows.key)
        head = self._plan.keys.plugin("heads", planned.cell["heads"])
        return embedding, fold, (fold, planned.cell["balance"] if head.balanced else "real rows")


def _grouped(key: Hashable) -> float:
    """A number by which tasks that share a value stand together."""
    return float(identity.seed(str(key)))


def made_by(kind: str, what: Any, **more: Any) -> dict[str, Any]:
    """A readable note of what made an entry, for people; keys decide, this does not."""
    from bench.provenance import versions

    if isinstance(what, TokensRef):
        what = {"encoder": what.encoder.label(), "sequence": what.crops.sequence, "images": what.crops.images.label()}
    elif isinstance(what, CropsRef):
        what = {"sequence": what.sequence, "region": what.region.label(), "images": what.images.label()}
    return {"kind": kind, "of": what, **more, "versions": versions()}

"""The work of a plan as a graph of tasks that embed and fit. Results go to the store."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bench.grid.cells import NONE
from bench.plan import identity
from bench.plan.plan import Plan
from bench.plan.references import CropsRef, Fit, Fold, PlannedCell, TokensRef
from bench.tasks.embed import Embed
from bench.tasks.find import Find
from bench.tasks.fuse import Fuse
from bench.tasks.local import Task, Watcher
from bench.tasks.locate import Locate
from bench.tasks.notes import made_by
from bench.tasks.shared import Shared
from bench.tasks.store import Store
from data.base import Float32
from heads.fitting.thresholds import ARGMAX

if TYPE_CHECKING:
    from heads.base import Training


@dataclass(frozen=True, eq=False)
class Branch:
    """What heads read of one branch of a fusion.

    Args:
        X: `(N, F)` features of all samples, standardised on the training rows.
        present: `(N,)` bool: which sample has this branch.
        refits: For features that were trained with labels the inner fold of each training row `(n,)`, and the training
            rows `(n, F)` by each inner refit.
    """

    X: Any
    present: NDArray[np.bool_]
    refits: tuple[NDArray[np.int64], list[Any]] | None = None

    @classmethod
    def of(cls, X: Float32) -> Branch:
        """One branch that every sample has."""
        return cls(X, np.ones(len(X), dtype=bool))


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
        self, plan: Plan, store: Store, *, device: str, progress: Watcher, fitted: Callable[[PlannedCell], None]
    ) -> None:
        self._plan = plan
        self._store = store
        self._device = device
        self._progress = progress
        self._fitted = fitted
        self._shared = Shared()
        self._embed = Embed(plan, store, device=device, progress=progress)
        self._locate = Locate(plan, store, device=device, progress=progress)
        self._find = Find(plan, store, device=device, progress=progress)
        self._cuts: dict[tuple[str, str], list[CropsRef]] = {}
        self.fuse = Fuse(plan, store, self._embed, device=device)
        self._left: Counter[str] = Counter()
        self._lock = threading.Lock()

    def tasks(
        self, cells: list[PlannedCell], stored: Collection[str]
    ) -> tuple[list[Task], dict[Task, list[PlannedCell]]]:
        """The tasks that some cells still need where some fits are stored, and the cells that each fit is of."""
        done = {kind: self._store.keys(kind) for kind in ("crops", "regions", "tokens", "fused", "fillings")}
        cut: dict[tuple[str, ...], Task] = {}
        encode: dict[str, Task] = {}
        fuse: dict[str, Task] = {}
        fill: dict[str, Task] = {}
        fits: dict[str, Task] = {}
        cells_of: dict[Task, list[PlannedCell]] = {}
        places: dict[Hashable, int] = {}
        for planned in cells:
            missing = [fit for fit in planned.fits if fit.key not in stored]
            self._left[planned.key] += len(missing)
            for fit in missing:
                if fit.key not in fits:
                    before = []
                    for ref in (ref for each in fit.tokens for ref in each):
                        if ref.key in done["tokens"]:
                            continue
                        if ref.key not in encode:
                            needs: tuple[Task, ...] = ()
                            if ref.crops.key not in done["crops"]:
                                needs = (self._cut_task(ref.crops, cut, done["regions"]),)
                            encode[ref.key] = self._encode_task(ref, needs, len(encode))
                        before.append(encode[ref.key])
                    for key in self._fused_keys(planned, fit):
                        if key in done["fused"]:
                            continue
                        if key not in fuse:
                            fuse[key] = self._fuse_task(planned, fit, key, tuple(dict.fromkeys(before)), len(fuse))
                        before.append(fuse[key])
                    if fit.filling and fit.filling not in done["fillings"] and fit.filling not in fill:
                        fill[fit.filling] = self._filling_task(planned, fit, tuple(dict.fromkeys(before)), len(fill))
                    place = places.setdefault(self.embedding_key(planned), len(places))
                    fits[fit.key] = self._fit_task(planned, fit, tuple(dict.fromkeys(before)), place)
                    cells_of[fits[fit.key]] = []
                cells_of[fits[fit.key]].append(planned)
        return [*cut.values(), *encode.values(), *fuse.values(), *fill.values(), *fits.values()], cells_of

    def _fused_keys(self, planned: PlannedCell, fit: Fit) -> list[str]:
        """The entries of a trained fusion that a fit needs; an uncalibrated `own` without threshold needs no refits."""
        if fit.fused is None:
            return []
        head = self._plan.keys.plugin("heads", planned.cell["heads"])
        refits = head.features == "all" or head.calibration != "none" or self._threshold(planned) != ARGMAX
        return [fit.fused.key, fit.fused.refits] if refits else [fit.fused.key]

    def _threshold(self, planned: PlannedCell) -> str:
        classes = planned.view.labels[planned.cell.target].classes
        return self._plan.keys.threshold(planned.cell, len(classes))

    def _cut_task(self, ref: CropsRef, cut: dict[tuple[str, ...], Task], fitted: Collection[str]) -> Task:
        """What makes the crops of a fitted region in a sequence; one task for all of its image chains.

        A region that finds points does so once for all sequences, before.
        """
        place = (ref.network, ref.sequence)
        refs = self._cuts.setdefault(place, [])
        if all(ref.key != other.key for other in refs):
            refs.append(ref)
        if place not in cut:
            name = f"region {ref.region.label()} on {ref.sequence}{_where(ref.fold)}"
            before: tuple[Task, ...] = ()
            write = self._locate.write
            if self._plan.keys.plugin("regions", ref.region).finds_points:
                write = self._find.write
                if ref.network not in fitted:
                    if (ref.network,) not in cut:
                        points = f"points of {ref.region.label()}{_where(ref.fold)}"
                        cut[ref.network,] = Task(points, lambda: self._find.find(ref, points), "torch", order=(-1, 0))
                    before = (cut[ref.network,],)
            cut[place] = Task(name, lambda: write(refs, name), "torch", after=before, order=(-1, len(cut)))
        return cut[place]

    def _encode_task(self, ref: TokensRef, before: tuple[Task, ...], place: int) -> Task:
        where = _where(ref.fold or ref.crops.fold)
        name = f"{ref.encoder.label()} on {ref.crops.sequence}, {ref.crops.images.label()}{where}"
        learns = float(ref.fold is not None)
        return Task(name, lambda: self._embed.write(ref, name), "torch", after=before, order=(learns, place))

    def _fuse_task(self, planned: PlannedCell, fit: Fit, key: str, before: tuple[Task, ...], place: int) -> Task:
        cell, ref = planned.cell, fit.fused
        assert ref is not None
        train, what = (self.fuse.train, "") if key == ref.key else (self.fuse.train_refits, " without inner folds")
        where = f"repeat {fit.fold.repeat} fold {fit.fold.number}"
        name = f"{cell['fusion'].label()} on {cell['encoders'].label()}, {cell.target}, {where}{what}"
        if self._device != "cuda":
            import torch  # noqa: F401 (as in `_fit_task`)
        lane: Literal["torch", "cpu"] = "torch" if self._device == "cuda" else "cpu"
        return Task(name, lambda: train(planned, fit, ref), lane, after=before, order=(1.5, place))

    def _filling_task(self, planned: PlannedCell, fit: Fit, before: tuple[Task, ...], place: int) -> Task:
        cell = planned.cell
        name = f"how good {cell['missing'].label()} fills on {cell['encoders'].label()}, {cell.target}"
        return Task(name, lambda: self.fuse.rate_filling(planned, fit), "cpu", after=before, order=(1.5, place))

    def _fit_task(self, planned: PlannedCell, fit: Fit, before: tuple[Task, ...], place: int) -> Task:
        cell = planned.cell
        head = self._plan.keys.plugin("heads", cell["heads"])
        embedding, features, balanced = self._share_keys(planned, fit)
        self._shared.expect(embedding, features, balanced)
        view = planned.view
        run = "" if view.kind == "real" else f", {view.kind} run {view.number}"
        name = f"{cell['heads'].label()} on {cell['encoders'].label()}, {cell.target}{run}"
        if head.lane == "torch":
            import torch  # noqa: F401 (must be there before the task, which is given its number of threads)
        lane: Literal["torch", "cpu"] = "torch" if head.lane == "torch" and self._device == "cuda" else "cpu"
        target = [target.name for target in self._plan.grid.targets].index(cell.target)
        which = (("real", "null", "refit").index(view.kind), view.number)
        order = (2, place, *which, target, fit.fold.repeat, fit.fold.number, _grouped(balanced))
        return Task(name, lambda: self._fit(planned, fit), lane, after=before, order=order)

    def _fit(self, planned: PlannedCell, fit: Fit) -> None:
        from bench.stages.fits import fit_and_predict

        cell, fold = planned.cell, fit.fold
        head = self._plan.keys.plugin("heads", cell["heads"])
        embedding, features, balanced = self._share_keys(planned, fit)
        start = time.perf_counter()
        try:
            branches: list[Branch] = self._shared.get(features, lambda: self.branches(planned, fit, embedding))
            training = self._shared.get(balanced, lambda: [self.training(planned, fit, one) for one in branches])
            test = fit.rows.test
            found = fit_and_predict(
                head,
                training,
                [branch.X[test] for branch in branches],
                np.stack([branch.present[test] for branch in branches]),
                seed=identity.seed(self._plan.grid.protocol.seed, "fit", fold.repeat, fold.number),
                threads=1,
                device=self._device if head.lane == "torch" or self._device == "cuda" else "cpu",
            )
        finally:
            self._shared.release(embedding, features, balanced)

        def save(draft: Path) -> None:
            np.save(draft / "probabilities.npy", found.P)
            if found.recalibrated is not None:
                np.save(draft / "recalibrated.npy", found.recalibrated)
            if found.threshold is not None:
                np.save(draft / "threshold.npy", found.threshold)
            (draft / "chosen.json").write_text(json.dumps(found.chosen, default=str), encoding="utf-8")

        self._store.put("fits", fit.key, save, made_by("fit", cell.labels(), seconds=time.perf_counter() - start))

    def training(self, planned: PlannedCell, fit: Fit, branch: Branch) -> Training:
        """The training rows of one branch, those that have it."""
        from heads.base import Refits, Training

        cell, fold = planned.cell, fit.fold
        labels = planned.view.labels[cell.target]
        here = branch.present[fit.rows.train]
        rows = fit.rows.train[here]
        refits = None
        if branch.refits is not None:
            refits = Refits(branch.refits[0][here], tuple(X[here] for X in branch.refits[1]))
        return Training(
            branch.X[rows],
            labels.y[rows],
            self._plan.patients[rows],
            len(labels.classes),
            self._plan.keys.plugin("balance", cell["balance"]) if cell["balance"] != NONE else None,
            identity.seed(self._plan.grid.protocol.seed, "balance", fold.repeat, fold.number),
            None if fold.inner is None else fold.inner[rows],
            refits,
            self._threshold(planned),
        )

    def done(self, cells: list[PlannedCell]) -> None:
        """A fit of some cells is in the store."""
        for planned in cells:
            with self._lock:
                self._left[planned.key] -= 1
                last = self._left[planned.key] == 0
            if last:
                self._fitted(planned)

    def branches(self, planned: PlannedCell, fit: Fit, embedding: Hashable) -> list[Branch]:
        """The features of all samples, by what the training rows of a fold are like."""
        from bench.stages import features
        from bench.stages.chain import told

        cell, plan, train = planned.cell, self._plan, fit.rows.train
        head = plan.keys.plugin("heads", cell["heads"])
        if head.features == "none":
            return [Branch.of(np.zeros((len(plan.ids), 0), dtype=np.float32))]
        if head.features == "presence":
            present = plan.present_in(cell)
            return [Branch.of(present.astype(np.float32))]
        if head.features == "location":
            columns = plan.samples[list(plan.dataset.locations)]
            return [Branch.of(features.one_hot(columns, train))]
        if self._learns_in_fold(planned):
            fused = self.fuse.vectors(planned, fit)
        else:
            fused = self._shared.get(embedding, lambda: self.fuse.vectors(planned, fit))
        refitted = self.fuse.refitted(fit) if len(self._fused_keys(planned, fit)) > 1 else None
        if head.features == "own":
            own = None if refitted is None else (refitted.fold_of, [one.probabilities for one in refitted.fused])
            assert fused.probabilities is not None
            return [Branch(fused.probabilities, told(fused.probabilities), own)]
        table = self._shared.get(("table", cell["tables"], fit.rows.key), lambda: self._table(planned, fit))
        branches = []
        for b, (vectors, present) in enumerate(zip(fused.vectors, fused.present, strict=True)):
            here = train[present[train]]
            refits = None
            if refitted is not None:
                inner = []
                for i, one in enumerate(refitted.fused):
                    rest = np.flatnonzero((refitted.fold_of != i) & present[train])
                    inner.append(features.standardise(features.join_table(one.vectors[b], table, train), rest))
                refits = (refitted.fold_of, inner)
            X = features.standardise(features.join_table(vectors, table), here)
            branches.append(Branch(X, present, refits))
        return branches

    def _table(self, planned: PlannedCell, fit: Fit) -> Float32 | None:
        """The table's features of all samples; kept to the end, since they are few and every embedding needs them."""
        from bench.stages import features

        plan, step = self._plan, planned.cell["tables"]
        seed = identity.seed(plan.grid.protocol.seed, "table", fit.fold.repeat, fit.fold.number)
        columns = plan.samples[plan.keys.table_columns(planned.cell)]
        fitted = features.fitted_table(plan.keys.plugin("tables", step), columns, fit.rows.train, seed=seed)
        return features.table_features(fitted, columns)

    def _learns_in_fold(self, planned: PlannedCell) -> bool:
        """Whether the fused vectors differ between folds."""
        cell, keys = planned.cell, self._plan.keys
        plugins = [keys.plugin("encoders", encoder) for encoder in cell["encoders"].each]
        return (
            keys.plugin("regions", cell["regions"]).learns
            or any(p.learns != "nothing" or p.measures or p.projection() is not None for p in plugins)
            or (cell["missing"] != NONE and keys.plugin("missing", cell["missing"]).learns)
            or keys.plugin("fusion", cell["fusion"]).learns != "nothing"
        )

    def embedding_key(self, planned: PlannedCell) -> Hashable:
        """What cells that read the same vectors of all samples share."""
        steps = planned.cell.steps
        head = self._plan.keys.plugin("heads", steps["heads"])
        if head.features == "presence":
            return (head.features, *planned.cell.of_samples())
        if head.features not in ("all", "own"):
            return (head.features,)
        return (head.features, *(step for axis, step in steps.items() if axis not in ("balance", "heads")))

    def _share_keys(self, planned: PlannedCell, fit: Fit) -> tuple[Hashable, Hashable, Hashable]:
        """What the embedding, the features of the fold and its training rows are shared by."""
        embedding = self.embedding_key(planned)
        features = (embedding, fit.rows.key, len(self._fused_keys(planned, fit)))
        head = self._plan.keys.plugin("heads", planned.cell["heads"])
        return embedding, features, (features, planned.cell["balance"] if head.balanced else "real rows")


def _where(fold: Fold | None) -> str:
    if fold is None:
        return ""
    return f", repeat {fold.repeat} fold {fold.number}" if fold.number >= 0 else ", all patients"


def _grouped(key: Hashable) -> float:
    """A number by which tasks that share a value stand together."""
    return float(identity.seed(str(key)))

"""From the vectors of cells to the predictions of their heads: features, training rows, fits."""

from __future__ import annotations

import json
import time
from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.grid.axes import names
from bench.grid.cells import NONE
from bench.grid.grid import reads
from bench.plan import identity
from bench.plan.plan import Plan
from bench.plan.references import Fit, PlannedCell
from bench.tasks.fuse import Fuse
from bench.tasks.notes import made_by
from bench.tasks.shared import Shared
from bench.tasks.store import Store
from data.base import Float32

if TYPE_CHECKING:
    from bench.stages.branches import Branch
    from heads.base import TrainingSet


class FitHeads:
    """Fits the heads of cells on their features and keeps their predictions.

    Features that several fits need are made once, shared, and freed after the last fit.

    Args:
        plan: The plan; its tokens are in the store.
        store: Where fits go.
        fuse: Gives vectors.
        device: `"cpu"` or `"cuda"`.
    """

    def __init__(self, plan: Plan, store: Store, fuse: Fuse, *, device: str) -> None:
        self._plan = plan
        self._store = store
        self._fuse = fuse
        self._device = device
        self._shared = Shared()

    def expect(self, planned: PlannedCell, fit: Fit) -> float:
        """Announces a fit; returns a number that fits on the same training rows have in common."""
        keys = self._share_keys(planned, fit)
        self._shared.expect(*keys)
        return float(identity.seed(str(keys[-1])))

    def fit(self, planned: PlannedCell, fit: Fit) -> None:
        """Fits one head and keeps its predictions for the test samples of the fold."""
        from bench.stages.fits import fit_and_predict

        cell, fold = planned.cell, fit.fold
        head = self._plan.keys.plugin("heads", cell["heads"])
        embedding, features, balanced = self._share_keys(planned, fit)
        try:
            branches: list[Branch] = self._shared.get(features, lambda: self.branches(planned, fit, embedding))
            training = self._shared.get(balanced, lambda: [self.training(planned, fit, one) for one in branches])
            test = fit.rows.test
            start = time.perf_counter()  # the work that cells share is counted for none of them
            found = fit_and_predict(
                head,
                training,
                [branch.X[test] for branch in branches],
                np.stack([branch.present[test] for branch in branches]),
                seed=identity.seed(self._plan.grid.protocol.seed, "fit", fold.repeat, fold.number),
                threads=1,
                device=self._device if head.lane == "torch" or self._device == "cuda" else "cpu",
            )
            seconds = time.perf_counter() - start
        finally:
            self._shared.release(embedding, features, balanced)

        def save(draft: Path) -> None:
            np.save(draft / "probabilities.npy", found.P)
            if found.recalibrated is not None:
                np.save(draft / "recalibrated.npy", found.recalibrated)
            if found.called is not None:
                np.save(draft / "called.npy", found.called)
            (draft / "chosen.json").write_text(json.dumps(found.chosen, default=str), encoding="utf-8")

        about = {"seconds": seconds, "amount": len(fit.rows.train), "device": self._device}
        self._store.put("fits", fit.key, save, made_by("fit", cell.labels(), **about))

    def training(self, planned: PlannedCell, fit: Fit, branch: Branch) -> TrainingSet:
        """The training rows that have a branch."""
        from heads.base import InnerRefits, TrainingSet

        cell, fold = planned.cell, fit.fold
        labels = planned.view.labels[cell.target]
        here = branch.present[fit.rows.train]
        rows = fit.rows.train[here]
        refits = None
        if branch.refits is not None:
            refits = InnerRefits(branch.refits[0][here], tuple(X[here] for X in branch.refits[1]))
        return TrainingSet(
            branch.X[rows],
            labels.y[rows],
            self._plan.groups[rows],
            len(labels.classes),
            self._plan.keys.plugin("balance", cell["balance"]) if cell["balance"] != NONE else None,
            identity.seed(self._plan.grid.protocol.seed, "balance", fold.repeat, fold.number),
            None if fold.inner is None else fold.inner[rows],
            refits,
            self._threshold(planned),
        )

    def branches(self, planned: PlannedCell, fit: Fit, embedding: Hashable) -> list[Branch]:
        """The features of all samples, from steps fitted on the training rows of a fold."""
        from bench.stages import features, inputs
        from bench.stages.branches import Branch, one_hot

        cell, plan, train = planned.cell, self._plan, fit.rows.train
        head, table_key = plan.keys.plugin("heads", cell["heads"]), ("table", cell["tables"], fit.rows.key)
        if head.reads_nothing():
            return [Branch.of(np.zeros((len(plan.ids), 0), dtype=np.float32))]
        if head.reads_presence:
            present = plan.present_in(cell)
            return [Branch.of(present.astype(np.float32))]
        if head.reads_locations:
            columns = plan.samples[list(plan.dataset.locations)]
            return [Branch.of(one_hot(columns, train))]
        if head.reads_clinical:
            clinical = self._shared.get(table_key, lambda: self._table(planned, fit))
            assert clinical is not None
            return [Branch.of(features.standardise(clinical, train))]
        if self._learns_in_fold(planned):
            fused = self._fuse.vectors(planned, fit)
        else:
            fused = self._shared.get(embedding, lambda: self._fuse.vectors(planned, fit))
        refitted = self._fuse.refitted(fit) if len(self.fused_keys(planned, fit)) > 1 else None
        if head.reads_own_probabilities:
            return [inputs.own(fused, refitted)]
        table = self._shared.get(table_key, lambda: self._table(planned, fit))
        return list(inputs.embedded(fused, table, train, refitted))

    def embedding_key(self, planned: PlannedCell) -> Hashable:
        """A key that cells have in common if they read the same vectors of all samples."""
        head = self._plan.keys.plugin("heads", planned.cell["heads"])
        if head.reads_presence:
            return (reads(head), *planned.cell.of_samples())
        axes = names("samples", "features") if head.reads_images() else ()
        return (reads(head), *(planned.cell[axis] for axis in axes))

    def fused_keys(self, planned: PlannedCell, fit: Fit) -> list[str]:
        """The store entries of a trained fusion that a fit needs; with refits only if the head needs them."""
        if fit.fused is None:
            return []
        head = self._plan.keys.plugin("heads", planned.cell["heads"])
        refits = head.needs_refits(self._threshold(planned))
        return [fit.fused.key, fit.fused.refits] if refits else [fit.fused.key]

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
            keys.plugin("regions", cell["regions"]).learns != "nothing"
            or any(p.learns != "nothing" or p.measures or p.projection() is not None for p in plugins)
            or (cell["missing"] != NONE and keys.plugin("missing", cell["missing"]).learns)
            or keys.plugin("fusion", cell["fusion"]).learns != "nothing"
        )

    def _threshold(self, planned: PlannedCell) -> str:
        classes = planned.view.labels[planned.cell.target].classes
        return self._plan.keys.threshold(planned.cell, len(classes))

    def _share_keys(self, planned: PlannedCell, fit: Fit) -> tuple[Hashable, Hashable, Hashable]:
        """The keys under which the embedding, the features of the fold and its training rows are shared."""
        embedding = self.embedding_key(planned)
        rest = [step for axis, step in planned.cell.steps.items() if axis not in ("balance", "heads")]
        features = (embedding, *rest, fit.rows.key, len(self.fused_keys(planned, fit)))
        head = self._plan.keys.plugin("heads", planned.cell["heads"])
        return embedding, features, (features, planned.cell["balance"] if head.balanced else "real rows")

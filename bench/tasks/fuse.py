"""From tokens to one vector for each sample and branch; a fusion that learns from labels is trained once per fold."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from bench.grid.cells import NONE
from bench.plan import identity
from bench.plan.plan import Plan
from bench.plan.references import Fit, FusedRef, PlannedCell, TokensRef
from bench.tasks.embed import Embed
from bench.tasks.notes import keep_artifacts, made_by
from bench.tasks.store import Store
from data.base import Float64
from data.describing.training import tell_progress
from encoders.base import FittedProjection, Tokens
from encoders.fusion.base import Fused, TrainedFuser

if TYPE_CHECKING:
    import pandas as pd

    from bench.stages.features import Measured
    from bench.stages.inputs import Refitted

Int64 = NDArray[np.int64]


class Fuse:
    """Fuses the tokens of cells.

    Args:
        plan: The plan.
        store: Where trained fusions go.
        embed: Reads tokens.
        device: `"cpu"` or `"cuda"`.
    """

    def __init__(self, plan: Plan, store: Store, embed: Embed, *, device: str) -> None:
        self._plan = plan
        self._store = store
        self._embed = embed
        self._device = device

    def vectors(self, planned: PlannedCell, fit: Fit) -> Fused:
        """The vectors of all N samples, from steps fitted on the training rows of the fold."""
        if fit.fused is not None:
            return _read(self.entry(fit.fused.key), "")
        return self._fuse(planned, fit, np.arange(len(self._plan.ids)), fit.rows.train)

    def refitted(self, fit: Fit) -> Refitted | None:
        """The training rows, fused by inner refits; None if the fusion learns nothing from labels."""
        from bench.stages.inputs import Refitted

        if fit.fused is None:
            return None
        folder = self.entry(fit.fused.refits)
        fold_of = np.load(folder / "fold_of.npy")
        return Refitted(fold_of, tuple(_read(folder, f"{i}_") for i in range(int(fold_of.max()) + 1)))

    def train(self, planned: PlannedCell, fit: Fit, ref: FusedRef) -> None:
        """Trains the fusion of a fold and keeps it, with the vectors of all samples."""
        import pandas as pd

        def save(draft: Path) -> None:
            everyone = np.arange(len(self._plan.ids))
            fused = self._fuse(planned, fit, everyone, fit.rows.train, keep=draft)
            _write(draft, "", fused)
            if "slices" in fused.weights and (tables := list(self._positions(planned, fit))):
                pd.concat(tables).to_csv(draft / "attention_positions.csv", index=False)

        self._keep(ref.key, planned, save)

    def train_refits(self, planned: PlannedCell, fit: Fit, ref: FusedRef) -> None:
        """Trains the fusion without each inner fold, so that heads are calibrated on rows that it has not seen."""
        fold_of = self._inner_folds(planned, fit)

        def save(draft: Path) -> None:
            np.save(draft / "fold_of.npy", fold_of)
            for i in range(int(fold_of.max()) + 1):
                tell_progress("inner fold", i, int(fold_of.max()) + 1)
                _write(draft, f"{i}_", self._fuse(planned, fit, fit.rows.train, np.flatnonzero(fold_of != i)))

        self._keep(ref.refits, planned, save)

    def rate_filling(self, planned: PlannedCell, fit: Fit) -> None:
        """Keeps how well the missing step, fitted on the training rows, fills sequences hidden from test rows."""
        import pandas as pd

        from bench.stages import features

        missing = self._plan.keys.plugin("missing", planned.cell["missing"])
        start = time.perf_counter()
        tables = []
        everyone = np.arange(len(self._plan.ids))
        found = self.tokens(planned, fit, everyone, fit.rows.train)
        for encoder, (tokens, *_) in zip(planned.cell["encoders"].each, found, strict=True):
            table = features.filling_quality(
                tokens, missing, fit.rows.train, fit.rows.test, self._plan.patients, seed=self.seed(fit)
            )
            names = [part.name for part in planned.cell["sequences"].each]
            tables.append(table.assign(encoder=encoder.label(), sequence=[names[i] for i in table["sequence"]]))
        note = made_by("filling", planned.cell.labels(), seconds=time.perf_counter() - start)
        table = pd.concat(tables)
        self._store.put("fillings", fit.filling, lambda to: table.to_csv(to / "quality.csv", index=False), note)

    def _keep(self, key: str, planned: PlannedCell, save: Callable[[Path], None]) -> None:
        start = time.perf_counter()
        note = made_by("fused", planned.cell.labels(), device=self._device, amount=len(self._plan.ids))

        def write(draft: Path) -> None:
            save(draft)
            note["seconds"] = time.perf_counter() - start

        self._store.put("fused", key, write, note)

    def _fuse(self, planned: PlannedCell, fit: Fit, samples: Int64, train: Int64, *, keep: Path | None = None) -> Fused:
        """Some samples, fused by steps fitted on those at the positions `train`."""
        from bench.stages import features

        cell, plan = planned.cell, self._plan
        missing = None if cell["missing"] == NONE else plan.keys.plugin("missing", cell["missing"])
        fusion = plan.keys.plugin("fusion", cell["fusion"])
        labels, groups = planned.view.labels[cell.target], plan.groups[samples]
        y = labels.y[samples][train] if fusion.learns == "labels" else None
        where: dict[str, Any] = {"classes": len(labels.classes), "seed": self.seed(fit), "device": self._device}
        blocks = []
        for i, (tokens, *_) in enumerate(self.tokens(planned, fit, samples, train)):
            fused, fuser = features.fuse(tokens, missing, fusion, train, y, groups, **where)
            if keep is not None:
                folder = keep / f"encoder_{i}"
                folder.mkdir()
                trained = cast(TrainedFuser, fuser)
                trained.save(folder)
                keep_artifacts(folder, trained.artifacts())
            if plan.keys.plugin("encoders", cell["encoders"].each[i]).classifies:
                own = self.classified(fit.tokens[i], tokens, len(labels.classes))
                fused = replace(fused, probabilities=own)
            blocks.append(fused)
        return features.joined(blocks)

    def _positions(self, planned: PlannedCell, fit: Fit) -> Iterator[pd.DataFrame]:
        """Which slices each weight of the attention over slices belongs to, by encoder (from 1) and sequence."""
        from bench.stages.positions import positions

        for number, refs in enumerate(fit.tokens, start=1):
            for part, ref, one in zip(planned.cell["sequences"].each, refs, self.stored(planned, refs), strict=True):
                crops = self._store.crops(ref.crops.key)
                if crops is None:  # the store may be cleaned of what is only needed to make tokens
                    continue
                table = positions(one.present.sum(axis=1), crops.shapes[:, 0])
                table.insert(0, "sequence", part.name)
                table.insert(0, "encoder", number)
                yield table

    def stored(self, planned: PlannedCell, refs: Sequence[TokensRef]) -> list[Tokens]:
        """The tokens of each sequence as an encoder gave them; dropped sequences are absent."""
        present = self._plan.present_in(planned.cell)
        return [self._embed.read(ref, present[:, i]) for i, ref in enumerate(refs)]

    def own(self, planned: PlannedCell, fit: Fit) -> list[Float64 | None]:
        """For each encoder its own probabilities `(N, K)` of all samples; None for an encoder that gives none."""
        classes = len(planned.view.labels[planned.cell.target].classes)
        found: list[Float64 | None] = []
        for step, refs in zip(planned.cell["encoders"].each, fit.tokens, strict=True):
            classifies = self._plan.keys.plugin("encoders", step).classifies
            found.append(self.classified(refs, self.stored(planned, refs), classes) if classifies else None)
        return found

    def classified(self, refs: Sequence[TokensRef], tokens: Sequence[Tokens], classes: int) -> Float64:
        """The probabilities `(N, K)` of an encoder trained with labels: the mean over the present sequences."""
        from bench.stages.own import probabilities

        return probabilities(tokens, [partial(self._embed.log_probabilities, ref) for ref in refs], classes)

    def tokens(
        self, planned: PlannedCell, fit: Fit, samples: Int64, train: Int64
    ) -> Iterator[tuple[list[Tokens], Measured | None, list[FittedProjection]]]:
        """For each encoder the projected tokens of each sequence, and the fitted steps that made them from stored ones.

        Dropped sequences are absent.
        """
        from bench.stages import features

        for encoder, refs in zip(planned.cell["encoders"].each, fit.tokens, strict=True):
            found = self.stored(planned, refs)
            plugin = self._plan.keys.plugin("encoders", encoder)
            measured = features.Measured.of(found, samples[train]) if plugin.measures else None
            found = found if measured is None else measured(found)
            projection, fitted = plugin.projection(), []
            if projection is not None:
                fitted = features.projections(found, projection, samples[train], seed=self.seed(fit))
                found = features.projected(found, fitted)
            yield [one.take(samples) for one in found], measured, fitted

    def seed(self, fit: Fit) -> int:
        """The seed of a fold's fusion."""
        return identity.seed(self._plan.grid.protocol.seed, "fusion", fit.fold.repeat, fit.fold.number)

    def _inner_folds(self, planned: PlannedCell, fit: Fit) -> Int64:
        """The inner fold of each training row, as heads would cut them."""
        from heads.fitting.training import TrainingSet

        labels, rows = planned.view.labels[planned.cell.target], fit.rows.train
        training = TrainingSet(
            np.zeros((len(rows), 0), dtype=np.float32),
            labels.y[rows],
            self._plan.groups[rows],
            len(labels.classes),
            seed=identity.seed(self._plan.grid.protocol.seed, "balance", fit.fold.repeat, fit.fold.number),
            validation=None if fit.fold.inner is None else fit.fold.inner[rows],
        )
        fold_of = np.full(len(rows), -1, dtype=np.int64)
        for i, (_, held) in enumerate(training.folds()):
            fold_of[held] = i
        return fold_of

    def entry(self, key: str) -> Path:
        """The folder of a fusion that is in the store."""
        folder = self._store.find("fused", key)
        if folder is None:
            raise RuntimeError("the vectors of a fusion are no longer in the store: run again")
        return folder


def _write(folder: Path, prefix: str, fused: Fused) -> None:
    np.save(folder / f"{prefix}vectors.npy", fused.vectors)
    np.save(folder / f"{prefix}present.npy", fused.present)
    np.save(folder / f"{prefix}probabilities.npy", np.asarray(fused.probabilities))
    if not prefix:
        for name, values in fused.weights.items():
            np.save(folder / f"attention_{name}.npy", values)


def _read(folder: Path, prefix: str) -> Fused:
    probabilities = np.load(folder / f"{prefix}probabilities.npy")
    return Fused(
        np.load(folder / f"{prefix}vectors.npy", mmap_mode="r"), np.load(folder / f"{prefix}present.npy"), probabilities
    )

"""A cell of a run as it was fitted in its folds, opened again to look at the samples that each fold tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.grid.cells import Step
from bench.models.chains import fit_chain
from bench.models.reopen import CellError, find_cell, load_encoder, open_plan
from bench.plan.plan import Plan
from bench.plan.references import Fit, PlannedCell, TokensRef
from bench.run.progress import Progress
from bench.stages import features
from bench.stages.crop_files import Subset
from bench.stages.occlusion import mean_crop
from bench.stages.scorer import CellScorer
from bench.stages.training_crops import training_crops
from bench.tasks.store import Store
from bench.tasks.work import Work
from data.base import Float32, Image
from encoders.base import FittedEncoder, Tokens
from results.run_sums import check_run_files

if TYPE_CHECKING:
    import pandas as pd

    from bench.stages.chain import Chain

CLOSE = 0.01  # how far a refitted head's probabilities may lie from those of the run
AVERAGED = 500  # crops whose mean replaces patches


class ReopenedCell:
    """A cell of a run, with the fits of its folds; nothing is trained again but heads, on the rows that they had.

    Args:
        run: A run folder.
        cell: The key of a cell, or its beginning.
        store: The store of the run.
        grid_file: The run's grid, if it is not the copy in the run folder.
        device: `"cpu"` or `"cuda"`.

    Raises:
        CellError: There is no such run or cell, or the cell reads no scan, or is not done.
        SumsError: A file of the run was changed after it.
    """

    def __init__(self, run: Path, cell: str, *, store: Path, grid_file: Path | None, device: str) -> None:
        self.store = Store(store)
        self.plan: Plan = open_plan(run, grid_file, self.store)
        self.planned: PlannedCell = find_cell(run, cell, self.plan, _reads_scans, "that read scans")
        self.file = run / "cells" / f"{self.planned.key}.parquet"
        self._device = device
        named = f"cell {self.planned.key[:8]} ({self.planned.cell['heads'].label()})"
        if not self.planned.fits[0].tokens:
            raise CellError(f"{named} reads no scan, so there is nothing to explain: name another cell")
        if self.planned.refused:
            raise CellError(f"{named} was refused: {self.planned.refused}: name another cell")
        if not self.file.is_file():
            raise CellError(f"{named} has no predictions in {run}: finish the run first")
        check_run_files(run, f"cells/{self.file.name}")
        silent = Progress(live=False, show=lambda line: None)
        self._work = Work(self.plan, self.store, device=device, progress=silent, fitted=lambda one: None)

    @property
    def fits(self) -> list[Fit]:
        """The fits of all folds and repeats."""
        return self.planned.fits

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the target's classes."""
        return self.planned.view.labels[self.planned.cell.target].classes

    @property
    def y(self) -> NDArray[np.int64]:
        """`(N,)`: the class of each sample, -1 where it has none."""
        return self.planned.view.labels[self.planned.cell.target].y

    def open(self, fit: Fit) -> ReopenedFold:
        """The fit of a fold, ready for the samples that it tested.

        Raises:
            CellError: The store no longer holds what is needed, or the head does not predict what it did in the run.
        """
        for ref in (ref for each in fit.tokens for ref in each):
            if self.store.find("tokens", ref.key) is None or self.store.crops(ref.crops.key, pixels=True) is None:
                raise self._gone(f"the tokens of {ref.encoder.label()} are")
        if fit.fused is not None and any(
            self.store.find("fused", key) is None for key in self._work.heads.fused_keys(self.planned, fit)
        ):
            raise self._gone(f"what {self.planned.cell['fusion'].label()} learnt is")
        chain = fit_chain(self.plan, self._work, self.planned, fit, device=self._device)
        fold = ReopenedFold(self.plan, self.store, self.planned, fit, chain, self._work, self._device)
        self._check(fold)
        return fold

    def _gone(self, what: str) -> CellError:
        return CellError(
            f"{what} no longer in {self.store.folder}: run the grid again, or name the store of the run with --store"
        )

    def _check(self, fold: ReopenedFold) -> None:
        """Demands that the fold predicts what the run kept: otherwise the explanation would be of another model."""
        where = self.store.find("fits", fold.fit.key)
        if where is None:
            raise self._gone("the predictions of a fold are")
        away = float(np.abs(fold.predict() - np.load(where / "probabilities.npy")).max())
        if away > CLOSE:
            raise CellError(
                f"a refitted head gives probabilities up to {away:.3f} from those of the run: libraries have changed "
                "since, so run the grid again"
            )


@dataclass(frozen=True, eq=False)
class ReopenedFold:
    """The fit of one fold.

    Args:
        plan: The plan.
        store: The store.
        planned: The cell.
        fit: What it fits in the fold; `fit.rows.test` are the samples that it tested.
        chain: From tokens to probabilities.
        work: Reads tokens.
        device: Where torch computes.
    """

    plan: Plan
    store: Store
    planned: PlannedCell
    fit: Fit
    chain: Chain
    work: Work
    device: str

    @cached_property
    def scorer(self) -> CellScorer:
        """The cell from crops to probabilities."""
        built: dict[tuple[Step, str], FittedEncoder] = {}

        def load(ref: TokensRef) -> FittedEncoder:
            key = ref.encoder, ref.network if ref.fold is not None else ""
            if key not in built:
                built[key] = load_encoder(ref, self.plan, self.store, self.device)
            return built[key]

        encoders = [[load(ref) for ref in each] for each in self.fit.tokens]
        widths = [[self.store.width(ref.key) or 0 for ref in each] for each in self.fit.tokens]
        return CellScorer(encoders, widths, self.chain, self.classes)

    @property
    def refs(self) -> tuple[TokensRef, ...]:
        """The tokens of the first encoder in each sequence; all encoders see the same crops."""
        return self.fit.tokens[0]

    def crops(self, sample: int) -> list[Image | None]:
        """The crops of a sample, by position, one for each sequence; None where it has none, or it is dropped."""
        present = self.plan.present_in(self.planned.cell)[sample]
        found: list[Image | None] = []
        for ref, have in zip(self.refs, present, strict=True):
            crops, entry = self.store.crops(ref.crops.key, pixels=True), int(self.plan.rows(ref.crops)[sample])
            found.append(crops[entry] if crops is not None and have and entry >= 0 else None)
        return found

    def columns(self, samples: Sequence[int]) -> pd.DataFrame:
        """The rows of some samples, with the columns that the table step reads."""
        found: pd.DataFrame = self.plan.samples[self.plan.keys.table_columns(self.planned.cell)].iloc[list(samples)]
        return found

    @cached_property
    def means(self) -> list[Float32]:
        """For each sequence the mean of the training crops, of up to 500 of them, evenly spread."""
        found = []
        for ref in self.refs:
            crops = self.store.crops(ref.crops.key, pixels=True)
            assert crops is not None
            entries, _ = training_crops(self.plan.rows(ref.crops), self.fit.rows.train, labelled=False)
            entries = np.unique(entries)
            spread = np.unique(np.linspace(0, len(entries) - 1, min(len(entries), AVERAGED)).round().astype(int))
            found.append(mean_crop(Subset(crops, entries[spread])))
        return found

    @cached_property
    def centre(self) -> list[list[Float32]]:
        """For each encoder and sequence the mean `(F,)` of the training samples' mean tokens."""
        train = self.fit.rows.train
        found = [[one.take(train).means() for one in each] for each in self.tokens]
        return [[values[have].mean(axis=0) for values, have in each] for each in found]

    @cached_property
    def spread(self) -> list[list[Float32]]:
        """For each encoder and sequence the standard deviation `(F,)` of the training samples' mean tokens."""
        train = self.fit.rows.train
        return [[one.take(train).means()[0].std(axis=0) for one in each] for each in self.tokens]

    @cached_property
    def tokens(self) -> list[list[Tokens]]:
        """For each encoder the stored tokens of each sequence, over all N samples; dropped sequences are absent."""
        return [self.work.fuse.stored(self.planned, refs) for refs in self.fit.tokens]

    def predict(
        self, tokens: Sequence[Sequence[Tokens]] | None = None, columns: pd.DataFrame | None = None, *, times: int = 1
    ) -> NDArray[np.float64]:
        """The probabilities `(times * m, K)` of the m samples that the fold tested, or of versions of them.

        Args:
            tokens: For each encoder their tokens of each sequence, for all versions; None for those stored.
            columns: Their rows, for all versions; None for the real ones.
            times: The number of versions.
        """
        rows = np.tile(self.fit.rows.test, times)
        if tokens is None:
            tokens = [[one.take(rows) for one in each] for each in self.tokens]
        own: list[NDArray[np.float64] | None] = []
        for step, refs, given in zip(self.planned.cell["encoders"].each, self.fit.tokens, tokens, strict=True):
            classifies = self.plan.keys.plugin("encoders", step).classifies
            own.append(self.work.fuse.classified(refs, given, self.classes) if classifies else None)
        if columns is not None:
            return self.chain.predict(tokens, own, columns).P
        known = None if self._table is None else _Known(np.tile(self._table, (times, 1)))
        return replace(self.chain, table=known).predict(tokens, own, self.columns(rows.tolist())).P

    @cached_property
    def _table(self) -> Float32 | None:
        """The table's features `(m, F)` of the samples that the fold tested; forests take long to fill gaps."""
        return features.table_features(self.chain.table, self.columns(self.fit.rows.test.tolist()))

    @property
    def classes(self) -> int:
        """K."""
        return len(self.planned.view.labels[self.planned.cell.target].classes)


@dataclass(frozen=True, eq=False)
class _Known:
    """A transformer whose result is known."""

    values: Float32

    def transform(self, columns: pd.DataFrame) -> Float32:
        return self.values


def _reads_scans(planned: PlannedCell) -> bool:
    return bool(planned.fits[0].tokens) and not planned.refused

"""What a grid needs: the samples, the folds, and every cell with the keys of its steps. No step is computed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.grid.cells import NONE, Cell, Step, is_floor
from bench.grid.grid import Grid
from bench.grid.misfit import check_sequences
from bench.plan import clinical, identity, labels, table_lines
from bench.plan.errors import PlanError
from bench.plan.file_memory import FileDigests
from bench.plan.keys import Keys
from bench.plan.near_duplicates import NearDuplicate, Sides, together
from bench.plan.references import CropsRef, Fit, Fold, PlannedCell, TokensRef, View
from bench.plan.refusals import Refusals
from bench.plan.sample_crops import SampleCrops
from bench.plan.stored import Stored, StoredCrops
from bench.plan.views import Views
from data.base import Dataset, Target

if TYPE_CHECKING:
    import pandas as pd


class Plan:
    """A grid on its dataset.

    Args:
        grid: What to combine.
        stored: The finished steps.
        dataset: Stands in for the dataset that the grid names.

    Attributes:
        samples: The samples that a target of the grid is about, in the order of their names.
        ids: `(N,)` names of the samples.
        patients: `(N,)` patient of each sample.
        groups: `(N,)` whom inner splits keep together: the patient, or the first of patients with near-duplicates.
        folds: The folds as a table: columns `patient`, `repeat`, `fold`.
        view: The real labels and folds.
        keys: The plug-ins of the grid, and the keys of all steps.

    Raises:
        PlanError, LabelError, SplitError, DataError: The grid does not fit the dataset.
        WeightsMisfitError: A file of weights is missing.
    """

    def __init__(self, grid: Grid, stored: Stored, dataset: Dataset | None = None) -> None:
        self.grid = grid
        self.stored = stored
        identity.remember(stored.folder)
        self.dataset: Dataset = grid.data.load("data") if dataset is None else dataset
        self._check_sequences()
        if dataset is None:
            self._check_references()
        targets = self.dataset.targets()
        # One order of rows, whatever that of the user's table: samplers and optimisers depend on it.
        self.samples: pd.DataFrame = _asked(grid, targets, self.dataset.samples()).sort_index()
        if self.samples.empty:
            raise PlanError(f"{grid.data.label()} gives no usable sample: {self._first_exclusion()}", "data")
        self.ids: NDArray[np.str_] = self.samples.index.to_numpy(dtype=str)
        self.patients: NDArray[np.str_] = self.samples["patient"].to_numpy(dtype=str)
        self.groups = self.patients
        named = partial(table_lines.where, self.dataset)
        self._views = Views(grid, targets, self.samples, stored, self.dataset.locations, named)
        self.folds = self._views.folds
        self.view = self._views.real
        self.keys = Keys(
            grid, self.dataset, self.samples, FileDigests(stored.folder / "files.json", anew=stored.verify)
        )
        self.keys.check_weights()
        official = grid.protocol.split == "official"
        self._refusals = Refusals(self.dataset, self.keys, self.samples, official=official)
        self._together: dict[str, str] = {}
        self.forget()

    def forget(self) -> None:
        """Forgets what was looked up in the store; call it after crops were added."""
        self._crops = SampleCrops(self.grid, self.keys, self.stored, self.samples)
        self._refusals.forget()
        self._pairs: Sequence[NearDuplicate] | None = None
        if self.grid.protocol.near_duplicates == "group":
            self._keep_together()

    def sequences(self) -> list[str]:
        """The sequences that the grid reads."""
        return list(dict.fromkeys(ref.sequence for ref in self.crops_refs()))

    def near_duplicates(self) -> Sequence[NearDuplicate] | None:
        """The near-duplicates among the scans that the grid reads; None if they were not looked for."""
        if self._pairs is None:
            self._pairs = self.stored.near_duplicates(self.keys.near_duplicates(self.sequences()))
        return self._pairs

    def sides(self) -> Sides:
        """Which patients the split can part."""
        drawn = self.grid.protocol.split == "patients"
        return Sides(self.folds, drawn=drawn, groups=self._together)

    def _keep_together(self) -> None:
        """Keeps patients with near-duplicates in one fold, once these are known."""
        self._together = together(self.near_duplicates() or ())
        groups = np.array([self._together.get(patient, patient) for patient in self.patients.tolist()], dtype=str)
        if not np.array_equal(groups, self.groups):
            self._views.keep_together(self._together)
            self.folds, self.view, self.groups = self._views.folds, self._views.real, groups
            self.keys.regroup(groups)

    def cells(self, view: View | None = None) -> Iterator[PlannedCell]:
        """Every cell with its keys, in the order of the grid."""
        for cell in self.grid.cells(located=bool(self.dataset.locations), clinical=bool(self.dataset.clinical)):
            yield self.plan_cell(cell, view or self.view)

    def crops_refs(self) -> list[CropsRef]:
        """See `SampleCrops.crops_refs`."""
        return self._crops.crops_refs()

    def crops(self, ref: CropsRef) -> StoredCrops | None:
        """The stored crops of a reference, or None."""
        return self._crops.crops(ref)

    def rows(self, ref: CropsRef) -> NDArray[np.int64]:
        """`(N,)`: the position of each sample's stored crop; -1 if it has none or must not be used."""
        return self._crops.rows(ref)

    def present(self, sequences: Step, region: Step, images: Step = NONE, drop: Step = NONE) -> NDArray[np.bool_]:
        """`(N, S)` bool: which of these sequences each sample has; see `SampleCrops.present`."""
        return self._crops.present(sequences, region, images, drop)

    def present_in(self, cell: Cell) -> NDArray[np.bool_]:
        """`(N, S)` bool: which of a cell's sequences each sample has."""
        return self.present(cell["sequences"], cell["regions"], cell["images"], cell["drop"])

    @cached_property
    def gives_away(self) -> dict[str, list[str]]:
        """For each target notes on clinical columns that give its labels away."""
        columns = [name for name in self.dataset.clinical if name in self.samples]
        return {name: list(clinical.gives_away(self.samples, columns, one)) for name, one in self.view.labels.items()}

    def null_view(self, k: int, within: str | None = None) -> View:
        """See `Views.null`."""
        return self._views.null(k, within)

    def refit_view(self, k: int, times: NDArray[np.int64]) -> View:
        """See `Views.refit`."""
        return self._views.refit(k, times)

    def read_faults(self) -> pd.DataFrame:
        """See `SampleCrops.read_faults`."""
        return self._crops.read_faults()

    def reading_notes(self) -> list[str]:
        """See `SampleCrops.reading_notes`; also how many scans that look alike were not compared."""
        return [*self._crops.reading_notes(), *filter(None, [self._uncompared()])]

    def _uncompared(self) -> str:
        left, every = self.stored.uncompared(self.keys.near_duplicates(self.sequences()))
        if not left:
            return ""
        return (
            f"{every} pairs of scans of different patients look alike; the {every - left} most alike were compared by "
            f"their pixels, and a copy among the other {left} would not be found."
        )

    def check_images(self) -> pd.DataFrame:
        """See `SampleCrops.check_images`."""
        return self._crops.check_images(self.sides(), self.near_duplicates() or ())

    def lying(self, ref: CropsRef) -> Counter[str]:
        """See `SampleCrops.lying`."""
        return self._crops.lying(ref)

    def check_shared_files(self) -> None:
        """See `SampleCrops.check_shared_files`."""
        self._crops.check_shared_files(self.dataset, self.sides())

    def leave_out_like(self, other: Plan) -> None:
        """See `SampleCrops.leave_out_like`."""
        self._crops.leave_out_like(other._crops)

    def plan_cell(self, cell: Cell, view: View) -> PlannedCell:
        """A cell with its keys, on the labels and folds of a view."""
        present = self.present_in(cell)
        refused = self._refusals.why(cell, np.asarray(present.any(axis=1)), view)
        planned = PlannedCell(cell, view, "", refused=refused)
        own = self.keys.head(cell, len(view.labels[cell.target].classes))
        planned.fits += [self._fit(cell, view, fold, present, own) for fold in view.folds]
        decides = [text for fit in planned.fits for text in (fit.key, fit.rows.answers)]
        planned.key = identity.combine(cell.target, *cell.own_labels(), *decides)
        return planned

    def _fit(self, cell: Cell, view: View, fold: Fold, present: NDArray[np.bool_], own: str) -> Fit:
        """What a cell fits in a fold; `own` is the key of its head."""
        rows = self.keys.rows(cell, present, fold, view)
        if not self.keys.plugin("heads", cell["heads"]).reads_images():
            return Fit(fold, rows, (), identity.combine(own, rows.key))
        tokens: tuple[tuple[TokensRef, ...], ...] = tuple(
            tuple(
                self.keys.tokens(cell, s.name, encoder, fold, view, present[:, i])
                for i, s in enumerate(cell["sequences"].each)
            )
            for encoder in cell["encoders"].each
        )
        fused = self.keys.fused(cell, rows, tokens)
        filling = self.keys.filling(cell, rows, tokens) if view.kind == "real" and not is_floor(cell) else ""
        keys = [ref.key for each in tokens for ref in each]
        return Fit(fold, rows, tokens, identity.combine(own, rows.key, *keys), fused, filling)

    def _check_sequences(self) -> None:
        if known := list(self.dataset.sequences):  # else there is no sample, which is the better message
            check_sequences(self.grid, known)

    def _check_references(self) -> None:
        """Refuses a comparison with a floor that the grid does not have on this dataset."""
        named = {family.against for family in self.grid.compare if isinstance(family.against, str)} - {"best"}
        if not named or not self.dataset.sequences:
            return
        cells = self.grid.cells(located=bool(self.dataset.locations), clinical=bool(self.dataset.clinical))
        floors = dict.fromkeys(cell["heads"].name for cell in cells if is_floor(cell))
        for against in named - set(floors):
            why = (
                f"there is no {against} in this grid on {self.grid.data.name}: use one of {', '.join(floors)}, or best"
            )
            raise PlanError(f"'compare' against {against}: {why}", "compare")

    def _first_exclusion(self) -> str:
        rows = self.dataset.excluded()
        return "it has no row" if rows.empty else f"{rows['file'].iloc[0]}: {rows['reason'].iloc[0]}"


def _asked(grid: Grid, targets: list[Target], samples: pd.DataFrame) -> pd.DataFrame:
    """The samples for which a target of the grid is defined; the others are neither read nor embedded."""
    names = [target.name for target in grid.targets]
    rows = [target.rows for target in targets if target.name in names]
    if not rows or not all(rows):
        return samples
    return samples[np.any([labels.defined(samples, one) for one in rows], axis=0)]

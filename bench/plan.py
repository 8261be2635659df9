"""What a grid needs: the samples, the folds, and every cell with the keys of its steps. Computes no step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench import guards, identity, labels, splits
from bench.grid import FLOORS, Cell, Grid, Step
from bench.keys import CropsRef, Fit, Keys, Part, TokensRef, View
from bench.plugins import nearest
from bench.stages.crops import Crops
from bench.store import Store
from data.base import Dataset, exclusions

if TYPE_CHECKING:
    import pandas as pd


class PlanError(Exception):
    """A grid that can't be run on this dataset, with what to do."""


@dataclass(eq=False)
class PlannedCell:
    """A cell with its fits; `key` names it by its target, its labels and everything that decides its result."""

    cell: Cell
    view: View
    key: str
    fits: list[Fit] = field(default_factory=list)
    refused: str = ""


class Plan:
    """A grid on its dataset.

    Args:
        grid: What to combine.
        store: Where finished steps lie.

    Raises:
        PlanError, LabelError, SplitError, DataError: The grid does not fit the dataset.
    """

    def __init__(self, grid: Grid, store: Store) -> None:
        self.grid = grid
        self.store = store
        self.dataset: Dataset = grid.data.load("data")
        self._check_sequences()
        self.samples: pd.DataFrame = self.dataset.samples()
        if self.samples.empty:
            raise PlanError(f"{grid.data.label()} gives no usable sample: {self._first_exclusion()}")
        self.ids: NDArray[np.str_] = self.samples.index.to_numpy(dtype=str)
        self.patients: NDArray[np.str_] = self.samples["patient"].to_numpy(dtype=str)
        self._targets = self.dataset.targets()
        chosen = [labels.choose(self._targets, self.samples, t.name, t.merge) for t in grid.targets]
        self.folds = self._folds()
        self.view = View({one.target.name: one for one in chosen}, self._parts(self.folds))
        self.keys = Keys(grid, self.dataset, self.samples, identity.FileDigests(store.folder / "files.json"))
        self.forget()

    def forget(self) -> None:
        """Forgets what was looked up in the store: call it when crops were added."""
        self._crops: dict[str, Crops] = {}
        self._available: dict[tuple[Step, Step], NDArray[np.bool_]] = {}
        self._refusals: dict[tuple[int | None, str, Step, Step], str] = {}
        self._second_images: dict[str, NDArray[np.bool_]] = {}

    def cells(self, view: View | None = None) -> Iterator[PlannedCell]:
        """Every cell with its keys, in the order of the grid."""
        floors = [name for name in FLOORS if name != "location" or self.dataset.locations]
        for cell in self.grid.cells(floors):
            yield self._plan_cell(cell, view or self.view)

    def crops_refs(self) -> list[CropsRef]:
        """All crops that the grid needs."""
        axes = self.grid.axes
        sequences = dict.fromkeys(part.name for step in axes["sequences"] for part in step.each)
        return [self.keys.crops(s, r, i) for s in sequences for r in axes["regions"] for i in axes["images"]]

    def crops(self, ref: CropsRef) -> Crops | None:
        """The crops where they are stored."""
        if ref.key not in self._crops:
            folder = self.store.find("crops", ref.key)
            if folder is None:
                return None
            self._crops[ref.key] = Crops(folder)
        return self._crops[ref.key]

    def rows(self, ref: CropsRef) -> NDArray[np.int64]:
        """`(N,)` from samples to crops that are stored; -1 where a sample has none or must not be used."""
        crops = self.crops(ref)
        if crops is None:
            raise PlanError(f"the crops of {ref.sequence} are not in the store")
        second = self._second_images.get(ref.sequence)
        return crops.rows if second is None else np.where(second, -1, crops.rows)

    def available(self, sequences: Step, region: Step) -> NDArray[np.bool_]:
        """`(N,)`: whether a sample has at least one of some sequences; all where nothing was read yet."""
        if (sequences, region) not in self._available:
            refs = [
                self.keys.crops(part.name, one, self.grid.axes["images"][0])
                for part in sequences.each
                for one in (self.grid.axes["regions"] if region.name == "-" else (region,))
            ]
            read = all(self.crops(ref) is not None for ref in refs)
            have = np.any([self.rows(ref) >= 0 for ref in refs], axis=0) if read else np.ones(len(self.ids), dtype=bool)
            self._available[sequences, region] = have
        return self._available[sequences, region]

    def null_view(self, k: int, within: str | None = None) -> View:
        """The labels permuted over samples and the folds drawn anew: null run k."""
        seed = self.grid.protocol.seed
        groups = None
        if within is not None:
            if within not in self.samples:
                raise PlanError(f"no column '{within}' to permute within{nearest(within, list(self.samples.columns))}")
            groups = self.samples[within].astype(str).to_numpy(dtype=str)
        permuted = {
            name: one.permuted(identity.seed(seed, "null", k, name), groups) for name, one in self.view.labels.items()
        }
        if self.grid.protocol.split != "patients":
            return View(permuted, self.view.parts, null=k)
        return View(permuted, self._parts(self._stored_folds(identity.seed(seed, "null folds", k))), null=k)

    def read_faults(self) -> pd.DataFrame:
        """What was left out while images were read, one row a sample and reason."""
        found: dict[tuple[str, str, str, str], None] = {}
        for ref in self.crops_refs():
            crops = self.crops(ref)
            for position, reason in crops.faults if crops is not None else []:
                file, colon, why = reason.partition(": ")
                row = (file, why) if colon else ("", reason)
                found[row[0], self.ids[position], ref.sequence, row[1]] = None
        return exclusions(list(found))

    def check_images(self) -> pd.DataFrame:
        """The guard against one image under two patients; gives the rows excluded where the grid asks for that.

        Raises:
            GuardError: An image stands under two patients.
        """
        excluded: list[tuple[str, str, str, str]] = []
        for ref in self.crops_refs():
            crops = self.crops(ref)
            if crops is None or ref.images != self.grid.axes["images"][0]:
                continue
            digests = [crops.digests[row] if row >= 0 else "" for row in crops.rows]
            if self.grid.protocol.identical_images == "refuse":
                guards.same_image(digests, self.patients.tolist(), self.ids.tolist())
                continue
            second = self._second_images.setdefault(ref.sequence, np.zeros(len(self.ids), dtype=bool))
            for row in guards.second_images(digests, self.patients.tolist()):
                if not second[row]:
                    second[row] = True
                    reason = "the image also stands under another patient"
                    excluded.append(("", self.ids[row], ref.sequence, reason))
        self._available.clear()
        return exclusions(excluded)

    def _plan_cell(self, cell: Cell, view: View) -> PlannedCell:
        head = self.keys.plugin("heads", cell["heads"])
        have = self.available(cell["sequences"], cell["regions"])
        planned = PlannedCell(cell, view, "", refused=self._refuses(cell, have, view))
        own = self.keys.head(cell)
        for part in view.parts:
            rows = self.keys.rows(cell, have, part, view)
            tokens: tuple[tuple[TokensRef, ...], ...] = ()
            if head.features == "all":
                tokens = tuple(
                    tuple(self.keys.tokens(cell, s.name, encoder, part, view) for s in cell["sequences"].each)
                    for encoder in cell["encoders"].each
                )
            keys = [ref.key for each in tokens for ref in each]
            planned.fits.append(Fit(part, rows, tokens, identity.combine(own, rows.key, *keys)))
        planned.key = identity.combine(cell.target, *cell.labels().values(), *(fit.key for fit in planned.fits))
        return planned

    def _refuses(self, cell: Cell, have: NDArray[np.bool_], view: View) -> str:
        """Why a cell is not run, or an empty text."""
        head = self.keys.plugin("heads", cell["heads"])
        if head.features == "location" and not self.dataset.locations:
            return "the dataset has no columns that locate a sample"
        if head.balanced:
            reason: str | None = head.refuses(self.keys.plugin("balance", cell["balance"]))
            if reason:
                return reason
        memo = (view.null, cell.target, cell["sequences"], cell["regions"])
        if memo not in self._refusals:
            one = view.labels[cell.target]
            labelled = (one.y >= 0) & have
            folds = max(2, len({part.fold for part in view.parts}))
            why = guards.rare_class(one.y[labelled], self.patients[labelled], one.classes, folds)
            self._refusals[memo] = why or ""
        return self._refusals[memo] or self._too_large(head, int(have.sum()))

    def _too_large(self, head: Any, samples: int) -> str:
        """Why a head's fit can't fit into memory whatever the embedding, or an empty text."""
        need = head.memory(samples, 1)
        if need < self._memory:
            return ""
        return (
            f"a fit on {samples} samples needs {need / 2**30:.0f} GiB, this machine has {self._memory / 2**30:.0f}: "
            "use a head whose cost does not grow with their square, such as nystroem"
        )

    @cached_property
    def _memory(self) -> int:
        import psutil

        return int(psutil.virtual_memory().total)

    def _check_sequences(self) -> None:
        known = list(self.dataset.sequences)
        for step in self.grid.axes["sequences"]:
            for part in step.each:
                if part.name not in known:
                    raise PlanError(f"no sequence '{part.name}' in {self.grid.data.name}{nearest(part.name, known)}")

    def _first_exclusion(self) -> str:
        rows = self.dataset.excluded()
        return "it has no row" if rows.empty else f"{rows['file'].iloc[0]}: {rows['reason'].iloc[0]}"

    def _folds(self) -> pd.DataFrame:
        protocol = self.grid.protocol
        if protocol.split == "official":
            return splits.official_folds(self.samples)
        if protocol.split != "patients":
            return splits.read_folds(protocol.split, self.samples)
        return self._stored_folds(protocol.seed)

    def _stored_folds(self, seed: int) -> pd.DataFrame:
        """Folds made once: they are kept in the store, so that a finished run imports no scikit-learn."""
        import pandas as pd

        protocol = self.grid.protocol
        stratify = protocol.stratify or self.grid.targets[0].name
        columns = {t.name: t.column for t in self._targets}
        if stratify not in columns:
            raise PlanError(f"protocol.stratify: no target '{stratify}'{nearest(stratify, list(columns))}")
        column = columns[stratify]
        text = [f"{p} {label}" for p, label in zip(self.patients, self.samples[column].astype(str), strict=True)]
        how = [identity.code("bench.splits"), seed, protocol.folds, protocol.repeats]
        key = identity.key("folds", identity.lines(text), *how)
        folder = self.store.find("folds", key)
        if folder is None:
            made = splits.make_folds(self.samples, column, folds=protocol.folds, repeats=protocol.repeats, seed=seed)
            made_by = {"stratify": stratify, "seed": seed}
            folder = self.store.put("folds", key, lambda to: made.to_csv(to / "folds.csv", index=False), made_by)
        return pd.read_csv(folder / "folds.csv", dtype={"patient": str})

    def _parts(self, folds: pd.DataFrame) -> list[Part]:
        parts = []
        inner = (self.samples["split"] == "val").to_numpy() if self.grid.protocol.split == "official" else None
        for repeat, table in folds.groupby("repeat"):
            place = dict(zip(table["patient"], table["fold"], strict=True))
            fold_of = np.array([place[patient] for patient in self.patients])
            for fold in sorted(set(fold_of) - {-1}):
                parts.append(Part(int(str(repeat)), int(fold), fold_of != fold, fold_of == fold, inner))
        return parts

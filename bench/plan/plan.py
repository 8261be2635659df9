"""What a grid needs: the samples, the folds, and every cell with the keys of its steps. Computes no step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.grid.cells import FLOORS, NONE, Cell, Grid, GridMisfitError, Step
from bench.plan import guards, identity, labels, splits
from bench.plan.keys import CropsRef, Fit, Fold, Keys, TokensRef, View
from bench.plan.labels import Labels
from bench.plugins import nearest
from bench.stages.crop_files import Crops
from bench.tasks.store import Store
from data.base import Dataset, exclusions
from heads.fitting.thresholds import ARGMAX
from preprocessing.regions.base import patient_digest

if TYPE_CHECKING:
    import pandas as pd


SEEN = ("sequences", "regions", "images", "drop")
"""The axes that decide which samples a cell has."""


class PlanError(GridMisfitError):
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
        WeightsMisfitError: A file of weights is not there.
    """

    def __init__(self, grid: Grid, store: Store) -> None:
        self.grid = grid
        self.store = store
        identity.remember(store.folder)
        self.dataset: Dataset = grid.data.load("data")
        self._check_sequences()
        self._targets = self.dataset.targets()
        self.samples: pd.DataFrame = self._asked(self.dataset.samples())
        if self.samples.empty:
            raise PlanError(f"{grid.data.label()} gives no usable sample: {self._first_exclusion()}", "data")
        self.ids: NDArray[np.str_] = self.samples.index.to_numpy(dtype=str)
        self.patients: NDArray[np.str_] = self.samples["patient"].to_numpy(dtype=str)
        chosen = [labels.choose(self._targets, self.samples, t.name, t.merge) for t in grid.targets]
        self.folds = self._folds()
        self.view = View({one.target.name: one for one in chosen}, self._as_folds(self.folds))
        self.keys = Keys(grid, self.dataset, self.samples, identity.FileDigests(store.folder / "files.json"))
        self.keys.check_weights()
        self.forget()

    def forget(self) -> None:
        """Forgets what was looked up in the store: call it when crops were added."""
        self._crops: dict[str, Crops] = {}
        self._present: dict[tuple[Step, ...], NDArray[np.bool_]] = {}
        self._refusals: dict[tuple[Any, ...], str] = {}
        self._second_images: dict[tuple[str, Step], NDArray[np.bool_]] = {}

    def cells(self, view: View | None = None) -> Iterator[PlannedCell]:
        """Every cell with its keys, in the order of the grid."""
        floors = [name for name in FLOORS if name != "location" or self.dataset.locations]
        for cell in self.grid.cells(floors):
            yield self.plan_cell(cell, view or self.view)

    def crops_refs(self) -> list[CropsRef]:
        """All crops that can be cut before anything is fitted, and of fitted regions what says who has a sequence."""
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
        second = self._second_images.get((ref.sequence, ref.region))
        return crops.rows if second is None else np.where(second, -1, crops.rows)

    def present(self, sequences: Step, region: Step, images: Step = NONE, drop: Step = NONE) -> NDArray[np.bool_]:
        """`(N, S)`: which of some sequences a sample has; all where nothing was read yet.

        What `drop` names is lost by a share of the patients, the same for every cell and nested over the shares; a
        sample that would be left with none of the sequences keeps what it has. Where the protocol asks for complete
        samples, the others have none.
        """
        memo = (sequences, region, images, drop)
        if memo not in self._present:
            have = np.stack([self._has(part.name, region, images) for part in sequences.each], axis=1)
            if self.grid.protocol.complete:
                names = dict.fromkeys(part.name for step in self.grid.axes["sequences"] for part in step.each)
                have &= np.all([self._has(name, region, images) for name in names], axis=0)[:, None]
            kept = have.copy()
            for name, rate in drop.fields:
                luck = {p: identity.seed(self.grid.protocol.seed, "drop", name, p) / 2**31 for p in set(self.patients)}
                lost = np.array([luck[p] < rate for p in self.patients])
                kept[lost, [part.name for part in sequences.each].index(name)] = False
            self._present[memo] = np.where(kept.any(axis=1, keepdims=True), kept, have)
        return self._present[memo]

    def _has(self, sequence: str, region: Step, images: Step) -> NDArray[np.bool_]:
        """`(N,)`: which sample has a crop of a sequence, under any of the steps where a floor names none."""
        regions = self.grid.axes["regions"] if region == NONE else (region,)
        chains = self.grid.axes["images"] if images == NONE else (images,)
        refs = [self.keys.crops(sequence, one, chain) for one in regions for chain in chains]
        if any(self.crops(ref) is None for ref in refs):
            return np.ones(len(self.ids), dtype=bool)
        return np.asarray(np.any([self.rows(ref) >= 0 for ref in refs], axis=0))

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
            return View(permuted, self.view.folds, "null", k)
        folds = self._stored_folds(identity.seed(seed, "null folds", k), permuted=permuted)
        return View(permuted, self._as_folds(folds), "null", k)

    def refit_view(self, k: int, times: NDArray[np.int64]) -> View:
        """Every sample as often as its patient was drawn, `times` `(N,)`, on folds drawn anew: refit k.

        All copies of a patient are in one fold. Folds that the dataset or a file gives stay.
        """
        if self.grid.protocol.split != "patients":
            return View(self.view.labels, [_drawn(fold, times) for fold in self.view.folds], "refit", k)
        seed = identity.seed(self.grid.protocol.seed, "refit folds", k)
        folds = self._stored_folds(seed, rows=np.repeat(np.arange(len(times)), times))
        return View(self.view.labels, [_drawn(fold, times) for fold in self._as_folds(folds)], "refit", k)

    def read_faults(self) -> pd.DataFrame:
        """What was left out while images were read, one row a sample and reason; no sample where a file is at fault."""
        found: dict[tuple[str, str, str, str], None] = {}
        for ref in self.crops_refs():
            crops = self.crops(ref)
            for position, file, why in crops.faults if crops is not None else []:
                found[file, self.ids[position] if position >= 0 else "", ref.sequence, why] = None
        return exclusions(list(found))

    def check_images(self) -> pd.DataFrame:
        """The guard against one image under two patients; gives the rows excluded where the grid asks for that.

        Raises:
            GuardError: An image stands under two patients.
        """
        excluded: list[tuple[str, str, str, str]] = []
        for ref in self.crops_refs():
            crops = self.crops(ref)
            if crops is None or (ref.images != self.grid.axes["images"][0] and not ref.thin):
                continue
            digests = [crops.digests[row] if row >= 0 else "" for row in crops.rows]
            if self.grid.protocol.identical_images == "refuse":
                guards.same_image(digests, self.patients.tolist(), self.ids.tolist())
                continue
            second = self._second_images.setdefault((ref.sequence, ref.region), np.zeros(len(self.ids), dtype=bool))
            for row in guards.second_images(digests, self.patients.tolist()):
                if not second[row]:
                    second[row] = True
                    reason = "the image also stands under another patient"
                    excluded.append(("", self.ids[row], ref.sequence, reason))
        self._present.clear()
        return exclusions(excluded)

    def plan_cell(self, cell: Cell, view: View) -> PlannedCell:
        """A cell with its keys, on the labels and folds of a view."""
        head = self.keys.plugin("heads", cell["heads"])
        present = self.present(*(cell[axis] for axis in SEEN))
        planned = PlannedCell(cell, view, "", refused=self._refuses(cell, np.asarray(present.any(axis=1)), view))
        own = self.keys.head(cell, len(view.labels[cell.target].classes))
        for fold in view.folds:
            rows = self.keys.rows(cell, present, fold, view)
            tokens: tuple[tuple[TokensRef, ...], ...] = ()
            fused, filling = None, ""
            if head.features in ("all", "own"):
                tokens = tuple(
                    tuple(
                        self.keys.tokens(cell, s.name, encoder, fold, view, present[:, i])
                        for i, s in enumerate(cell["sequences"].each)
                    )
                    for encoder in cell["encoders"].each
                )
                fused = self.keys.fused(cell, rows, tokens)
                filling = self.keys.filling(cell, rows, tokens) if view.kind == "real" else ""
            keys = [ref.key for each in tokens for ref in each]
            planned.fits.append(Fit(fold, rows, tokens, identity.combine(own, rows.key, *keys), fused, filling))
        decides = [text for fit in planned.fits for text in (fit.key, fit.rows.answers)]
        planned.key = identity.combine(cell.target, *cell.labels().values(), *decides)
        return planned

    def _refuses(self, cell: Cell, have: NDArray[np.bool_], view: View) -> str:
        """Why a cell is not run, or an empty text."""
        head = self.keys.plugin("heads", cell["heads"])
        if head.features == "location" and not self.dataset.locations:
            return "the dataset has no columns that locate a sample"
        if head.features in ("all", "own"):
            if cell["drop"].fields and self.keys.plugin("regions", cell["regions"]).joins_sequences:
                name = cell["regions"].label()
                return f"{name} looks for points in dropped sequences too: use region point with drop"
            if reason := self._seen_before(cell["regions"], view):
                return reason
        if reason := self._unfit(cell, head, len(view.labels[cell.target].classes)):
            return reason
        if head.balanced:
            why: str | None = head.refuses(self.keys.plugin("balance", cell["balance"]))
            if why:
                return why
        memo = (view, cell.target, *(cell[axis] for axis in SEEN))
        if memo not in self._refusals:
            one = view.labels[cell.target]
            labelled = (one.y >= 0) & have & np.any([fold.train | fold.test for fold in view.folds], axis=0)
            folds = max(2, len({fold.number for fold in view.folds}))
            why = guards.rare_class(one.y[labelled], self.patients[labelled], one.classes, folds)
            self._refusals[memo] = why or ""
        return self._refusals[memo] or self._too_large(head, int(have.sum()))

    def _seen_before(self, region: Step, view: View) -> str:
        """Why given weights of a region can't be scored on the patients of the folds, or an empty text."""
        memo = (view, "seen before", region)
        if memo not in self._refusals:
            learnt_from: frozenset[str] = self.keys.plugin("regions", region).learnt_from()
            tested = np.any([fold.test for fold in view.folds], axis=0)
            patients = set(self.patients[tested].tolist()) if learnt_from else set()
            n = sum(patient_digest(patient) in learnt_from for patient in patients)
            why = f"the weights of {region.label()} learnt from {n} of the patients tested here: train it instead"
            self._refusals[memo] = why if n else ""
        return self._refusals[memo]

    def _unfit(self, cell: Cell, head: Any, classes: int) -> str:
        """Why a head can't read what its encoders and fusion give, or an empty text."""
        if head.features not in ("all", "own"):
            return ""
        fusion, learns = cell["fusion"].label(), self.keys.plugin("fusion", cell["fusion"]).learns == "labels"
        encoders = cell["encoders"].each
        trained = [one.label() for one in encoders if self.keys.plugin("encoders", one).learns == "labels"]
        if not trained:
            own = head.features == "own" and not learns
            return f"fusion {fusion} learns from no labels, so it has no probabilities of its own" if own else ""
        saw = f"{trained[0]} is trained with the labels of all training rows"
        if learns:
            return f"{saw}, so fusion {fusion} can't learn from them on its features: use fusion mean"
        if head.features == "all":
            return f"{saw}, so nothing tells how far a head may trust its features: use head own"
        if len(trained) < len(encoders):
            return f"{saw}, the encoders beside it are not, and head own would not see them"
        if head.calibration != "none" or self.keys.threshold(cell, classes) != ARGMAX:
            return f"{saw}, so own has no row to learn a calibration or threshold on: it is calibrated in training"
        return ""

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

    def _asked(self, samples: pd.DataFrame) -> pd.DataFrame:
        """The samples that a target of the grid is about: those of other conditions are neither read nor embedded."""
        names = [target.name for target in self.grid.targets]
        rows = [target.rows for target in self._targets if target.name in names]
        if not rows or not all(rows):
            return samples
        return samples[np.any([labels.defined(samples, one) for one in rows], axis=0)]

    def _check_sequences(self) -> None:
        known = list(self.dataset.sequences)
        for step in self.grid.axes["sequences"]:
            for part in step.each:
                if part.name not in known:
                    text = f"no sequence '{part.name}' in {self.grid.data.name}{nearest(part.name, known)}"
                    raise PlanError(text, "sequences", step.label())

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

    def _stored_folds(
        self, seed: int, *, permuted: Mapping[str, Labels] | None = None, rows: NDArray[np.int64] | None = None
    ) -> pd.DataFrame:
        """Folds made once, kept in the store so that a finished run imports no scikit-learn.

        They are stratified on the labels at hand: those of a null run are `permuted`, those of a refit are of `rows`.
        """
        import pandas as pd

        protocol = self.grid.protocol
        stratify = protocol.stratify or self.grid.targets[0].name
        columns = {t.name: t.column for t in self._targets}
        if stratify not in columns:
            why = f"protocol.stratify: no target '{stratify}'{nearest(stratify, list(columns))}"
            raise PlanError(why, "protocol", "stratify")
        samples, column = self.samples, columns[stratify]
        if permuted is not None and stratify in permuted:
            samples = samples.assign(**{column: permuted[stratify].y})
        if rows is not None:
            samples = samples.iloc[rows]
        text = [f"{p} {label}" for p, label in zip(samples["patient"], samples[column].astype(str), strict=True)]
        how = [identity.code("bench.plan.splits"), seed, protocol.folds, protocol.repeats]
        key = identity.key("folds", identity.lines(text), *how)
        folder = self.store.find("folds", key)
        if folder is None:
            made = splits.make_folds(samples, column, folds=protocol.folds, repeats=protocol.repeats, seed=seed)
            made_by = {"stratify": stratify, "seed": seed}
            folder = self.store.put("folds", key, lambda to: made.to_csv(to / "folds.csv", index=False), made_by)
        return pd.read_csv(folder / "folds.csv", dtype={"patient": str})

    def _as_folds(self, folds: pd.DataFrame) -> list[Fold]:
        parts = []
        inner = (self.samples["split"] == "val").to_numpy() if self.grid.protocol.split == "official" else None
        if inner is not None and not inner.any():
            inner = None
        for repeat, table in folds.groupby("repeat"):
            place = dict(zip(table["patient"], table["fold"], strict=True))
            fold_of = np.array([place.get(patient, -1) for patient in self.patients])
            for fold in sorted(set(fold_of) - {-1}):
                parts.append(Fold(int(str(repeat)), int(fold), fold_of != fold, fold_of == fold, inner))
        return parts


def _drawn(fold: Fold, times: NDArray[np.int64]) -> Fold:
    """A fold of the patients that were drawn."""
    return replace(fold, train=fold.train & (times > 0), test=fold.test & (times > 0), times=times)

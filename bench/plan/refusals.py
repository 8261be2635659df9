"""Why a cell is not run."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.grid.cells import Cell, Step
from bench.plan import guards
from bench.plan.keys import Keys
from bench.plan.references import View
from data.base import Dataset
from heads.fitting.thresholds import ARGMAX
from preprocessing.regions.base import patient_digest

if TYPE_CHECKING:
    import pandas as pd


class Refusals:
    """Finds why cells are not run, once for all cells on the same samples.

    Args:
        dataset: The dataset, which gives the samples.
        keys: The plug-ins of the grid.
        samples: The samples of the plan.
        official: Whether the split is the dataset's own.
    """

    def __init__(self, dataset: Dataset, keys: Keys, samples: pd.DataFrame, *, official: bool = False) -> None:
        self._official = official
        self._dataset = dataset
        self._keys = keys
        self._patients: NDArray[np.str_] = samples["patient"].to_numpy(dtype=str)
        self._found: dict[tuple[Any, ...], str] = {}

    def forget(self) -> None:
        """Forgets what was found; call it after the samples with images have changed."""
        self._found.clear()

    def why(self, cell: Cell, have: NDArray[np.bool_], view: View) -> str:
        """Why a cell on the samples `have` `(N,)` bool is not run, or an empty text."""
        head = self._keys.plugin("heads", cell["heads"])
        if head.reads_locations and not self._dataset.locations:
            return "the dataset has no columns that locate a sample"
        if head.reads_clinical and not self._dataset.clinical:
            return "the dataset has no clinical columns"
        if head.reads_images():
            if cell["drop"].fields and self._keys.plugin("regions", cell["regions"]).joins_sequences:
                name = cell["regions"].label()
                return f"{name} also looks for points in dropped sequences: use region point with drop"
            if reason := self._lacks_masks(cell):
                return reason
            if reason := self._seen_before(cell["regions"], view):
                return reason
        if reason := self._unfit(cell, head, len(view.labels[cell.target].classes)):
            return reason
        if head.balanced:
            why: str | None = head.refuses(self._keys.plugin("balance", cell["balance"]))
            if why:
                return why
        return self._rare_class(cell, have, view) or self._too_large(head, int(have.sum()))

    def _rare_class(self, cell: Cell, have: NDArray[np.bool_], view: View) -> str:
        """Why the cell's target can't be split on its samples, or an empty text."""
        memo = (view, cell.target, *cell.of_samples())
        if memo not in self._found:
            one = view.labels[cell.target]
            labelled = (one.y >= 0) & have & np.any([fold.train | fold.test for fold in view.folds], axis=0)
            folds = max(2, len({fold.number for fold in view.folds}))
            patients = self._patients[labelled]
            why = guards.rare_class(one.y[labelled], patients, one.classes, folds, official=self._official)
            self._found[memo] = why or ""
        return self._found[memo]

    def _seen_before(self, region: Step, view: View) -> str:
        """Why given weights of a region can't be scored on the patients of the folds, or an empty text."""
        memo = (view, "seen before", region)
        if memo not in self._found:
            learnt_from: frozenset[str] = self._keys.plugin("regions", region).learnt_from()
            tested = np.any([fold.test for fold in view.folds], axis=0)
            patients = set(self._patients[tested].tolist()) if learnt_from else set()
            n = sum(patient_digest(patient) in learnt_from for patient in patients)
            why = f"the weights of {region.label()} learnt from {n} of the tested patients: train the region instead"
            self._found[memo] = why if n else ""
        return self._found[memo]

    def _lacks_masks(self, cell: Cell) -> str:
        """Why a cell that reads masks has none, or an empty text."""
        region, name = self._keys.plugin("regions", cell["regions"]), cell["regions"].label()
        masks = self._dataset.may_have_masks()
        readers = [one for one in cell["encoders"].each if self._keys.plugin("encoders", one).needs_structure()]
        if readers and not region.gives_structure():
            there = "use region mask on scans with masks" if masks else "the dataset has no masks"
            return f"{readers[0].label()} reads a structure of the mask, and region {name} gives none: {there}"
        if region.needs_masks() and not masks:
            return f"region {name} needs masks of the scans, and the dataset has none"
        return ""

    def _unfit(self, cell: Cell, head: Any, classes: int) -> str:
        """Why a head can't read what its encoders and fusion give, or an empty text."""
        if not head.reads_images():
            return ""
        fusion, learns = cell["fusion"].label(), self._keys.plugin("fusion", cell["fusion"]).learns == "labels"
        encoders = cell["encoders"].each
        trained = [one.label() for one in encoders if self._keys.plugin("encoders", one).learns == "labels"]
        if not trained:
            own = head.reads_own_probabilities and not learns
            return f"fusion {fusion} learns from no labels, so it has no probabilities of its own" if own else ""
        saw = f"{trained[0]} is trained with the labels of all training rows"
        if learns:
            return f"{saw}, so fusion {fusion} can't learn from them on its features: use fusion mean"
        if head.reads_embedding:
            return f"{saw}, so a head can't learn how far to trust its features: use head own"
        if len(trained) < len(encoders):
            return f"{saw}, but the other encoders are not, and head own would not read them"
        if head.calibration != "none" or self._keys.threshold(cell, classes) != ARGMAX:
            return (
                f"{saw}, so head own has no unseen row to learn a calibration or threshold from: leave these out, the "
                "encoder is calibrated in training"
            )
        return ""

    def _too_large(self, head: Any, samples: int) -> str:
        """Why a head's fit needs more memory than there is, whatever the embedding, or an empty text."""
        need = head.memory(samples, 1)
        if need < self._memory:
            return ""
        return (
            f"a fit on {samples} samples needs {need / 2**30:.0f} GiB, there are {self._memory / 2**30:.0f}: use a "
            "head whose memory does not grow with the square of the samples, such as nystroem"
        )

    @cached_property
    def _memory(self) -> int:
        import psutil

        return int(psutil.virtual_memory().total)

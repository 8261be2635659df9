"""Folds, and the views on them: the real labels, permuted labels, drawn patients."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.grid.grid import Grid
from bench.plan import identity, labels, splits
from bench.plan.errors import PlanError
from bench.plan.labels import Labels
from bench.plan.references import Fold, View
from bench.plan.stored import Stored
from data.base import Target
from data.text.names import nearest

if TYPE_CHECKING:
    import pandas as pd


class Views:
    """The real view of a grid on its samples, and the views of null runs and refits.

    Args:
        grid: The targets and the protocol.
        targets: What the dataset offers.
        samples: The samples of the plan.
        stored: The store, which keeps folds, so that a finished run imports no scikit-learn.
        locations: The columns that make up a place.
        named: Names a sample in a message.

    Attributes:
        folds: The real folds: columns `patient`, `repeat`, `fold`.
        real: The real labels on these folds.

    Raises:
        PlanError, LabelError, SplitError: The grid does not fit the samples.
    """

    def __init__(
        self,
        grid: Grid,
        targets: list[Target],
        samples: pd.DataFrame,
        stored: Stored,
        locations: Sequence[str] = (),
        named: Callable[[str], str] = str,
    ) -> None:
        self._named = named
        self._grid = grid
        self._locations = locations
        self._columns = {target.name: target.column for target in targets}
        self._samples = samples
        self._stored = stored
        self._together: Mapping[str, str] = {}
        chosen = [labels.choose(targets, samples, one.name, one.merge) for one in grid.targets]
        self.folds = self._real_folds()
        self.real = View({one.target.name: one for one in chosen}, self._as_folds(self.folds))

    def keep_together(self, patients: Mapping[str, str]) -> None:
        """Draws the real folds anew, with some patients in one fold: for each of them the first of his group."""
        self._together = patients
        self.folds = self._real_folds()
        self.real = View(self.real.labels, self._as_folds(self.folds))

    def null(self, k: int, within: str | None = None) -> View:
        """Null run k: patients exchange their labels place by place, and the folds are drawn anew.

        Args:
            k: Its number.
            within: A column; labels stay among samples with the same value in it, too.
        """
        seed = self._grid.protocol.seed
        if within is not None and within not in self._samples:
            raise PlanError(f"no column '{within}' to permute within{nearest(within, list(self._samples.columns))}")
        fixed = [*self._locations, *([within] if within is not None else [])]
        places = np.array([json.dumps(row) for row in self._samples[fixed].astype(str).to_numpy().tolist()], dtype=str)
        groups = self._groups().to_numpy(dtype=str)
        permuted = {
            name: one.exchanged(groups, places, seed=identity.seed(seed, "null", k, name))
            for name, one in self.real.labels.items()
        }
        if self._grid.protocol.split != "patients":
            return View(permuted, self.real.folds, "null", k)
        folds = self._stored_folds(identity.seed(seed, "null folds", k), permuted=permuted)
        return View(permuted, self._as_folds(folds), "null", k)

    def refit(self, k: int, times: NDArray[np.int64]) -> View:
        """Refit k: each sample occurs as often as its patient was drawn, `times` `(N,)`, and folds are drawn anew.

        All copies of a patient are in one fold. Folds that come from the dataset or a file stay.
        """
        if self._grid.protocol.split != "patients":
            return View(self.real.labels, [_drawn(fold, times) for fold in self.real.folds], "refit", k)
        seed = identity.seed(self._grid.protocol.seed, "refit folds", k)
        folds = self._stored_folds(seed, rows=np.repeat(np.arange(len(times)), times))
        return View(self.real.labels, [_drawn(fold, times) for fold in self._as_folds(folds)], "refit", k)

    def _real_folds(self) -> pd.DataFrame:
        protocol = self._grid.protocol
        if protocol.split == "official":
            return splits.official_folds(self._samples, self._named)
        if protocol.split != "patients":
            return splits.read_folds(protocol.split, self._samples)
        return self._stored_folds(protocol.seed)

    def _stored_folds(
        self, seed: int, *, permuted: Mapping[str, Labels] | None = None, rows: NDArray[np.int64] | None = None
    ) -> pd.DataFrame:
        """Folds made once and stored.

        They are stratified on the labels of the view: `permuted` for a null run, those of `rows` for a refit.
        """
        import pandas as pd

        protocol = self._grid.protocol
        stratify = protocol.stratify or self._grid.targets[0].name
        if stratify not in self._columns:
            why = f"protocol.stratify: no target '{stratify}'{nearest(stratify, list(self._columns))}"
            raise PlanError(why, "protocol", "stratify")
        samples, column = self._samples, self._columns[stratify]
        if permuted is not None and stratify in permuted:
            samples = samples.assign(**{column: permuted[stratify].y})
        if rows is not None:
            samples = samples.iloc[rows]
        groups = self._groups() if rows is None else self._groups().iloc[rows]
        pairs = zip(groups, samples[column].astype(str), strict=True)
        # A patient's name may hold a blank, which would hide where the label begins.
        text = [json.dumps([p, label]) if " " in p else f"{p} {label}" for p, label in pairs]
        how = [identity.code("bench.plan.splits"), seed, protocol.folds, protocol.repeats]
        if self._together:
            how.append(identity.lines(samples["patient"]))
        key = identity.key("folds", identity.lines(text), *how)

        def make() -> pd.DataFrame:
            grouped = samples.assign(patient=groups)
            folds = splits.make_folds(grouped, column, folds=protocol.folds, repeats=protocol.repeats, seed=seed)
            if not self._together:
                return folds
            members = pd.DataFrame({"patient": samples["patient"], "group": groups}).drop_duplicates()
            return folds.rename(columns={"patient": "group"}).merge(members, on="group")[["patient", "repeat", "fold"]]

        return self._stored.folds(key, make, {"stratify": stratify, "seed": seed})

    def _groups(self) -> pd.Series[str]:
        """Whom a split keeps together: the patient of each sample, or the first of patients with near-duplicates."""
        return self._samples["patient"].map(lambda patient: self._together.get(patient, patient))

    def _as_folds(self, folds: pd.DataFrame) -> list[Fold]:
        found = []
        inner = (self._samples["split"] == "val").to_numpy() if self._grid.protocol.split == "official" else None
        if inner is not None and not inner.any():
            inner = None
        patients: NDArray[np.str_] = self._samples["patient"].to_numpy(dtype=str)
        for repeat, table in folds.groupby("repeat"):
            place = dict(zip(table["patient"], table["fold"], strict=True))
            fold_of = np.array([place.get(patient, -1) for patient in patients])
            for fold in sorted(set(fold_of) - {-1}):
                found.append(Fold(int(str(repeat)), int(fold), fold_of != fold, fold_of == fold, inner))
        return found


def _drawn(fold: Fold, times: NDArray[np.int64]) -> Fold:
    """A fold of the patients that were drawn."""
    return replace(fold, train=fold.train & (times > 0), test=fold.test & (times > 0), times=times)

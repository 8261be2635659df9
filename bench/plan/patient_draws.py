"""Draws of patients before the folds, for the cells whose interval covers the whole procedure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.grid.cells import Cell, matches
from bench.plan import guards, identity
from bench.plan.errors import PlanError
from bench.plan.plan import Plan
from bench.plan.references import PlannedCell, View

ATTEMPTS = 100


class PatientDraws:
    """The cells that the grid's `interval` names, on patients drawn with replacement.

    A draw has as many patients as the samples; all copies of a patient are in one fold. If a draw leaves too few
    patients of a class for the folds, it is drawn again. Cells on the same samples have the same draws.

    Args:
        plan: The plan.
        cells: The cells of the plan.

    Attributes:
        redrawn: For each named cell, by key, how many draws were drawn again.

    Raises:
        PlanError: A class is so rare that hardly any draw can be split.

    References:
        W. Jiang, S. Varma and R. Simon, Calculating confidence intervals for prediction error in microarray
        classification using resampling, 2008, doi:10.2202/1544-6115.1322 (bootstrap case cross-validation).
    """

    def __init__(self, plan: Plan, cells: Sequence[PlannedCell]) -> None:
        self._plan = plan
        self._patients, self._patient = np.unique(plan.patients, return_inverse=True)
        self._times: dict[tuple[int, int], NDArray[np.int64]] = {}
        self._views: dict[tuple[int, int], View] = {}
        self._found: dict[tuple[Any, ...], tuple[list[View], int]] = {}
        rules = plan.grid.interval.cells
        named = [c for c in cells if not c.refused and any(matches(c.cell, rule) for rule in rules)]
        self.redrawn = {planned.key: self._draws(planned.cell)[1] for planned in named}

    def of(self, planned: PlannedCell) -> list[PlannedCell]:
        """A cell on each of its draws."""
        return [self._plan.plan_cell(planned.cell, view) for view in self._draws(planned.cell)[0]]

    def _draws(self, cell: Cell) -> tuple[list[View], int]:
        """The views on which a cell's samples can be split, and how many were drawn again."""
        memo = (cell.target, *cell.of_samples())
        if memo not in self._found:
            plan, wanted = self._plan, self._plan.grid.interval.refit
            present = plan.present_in(cell).any(axis=1)
            usable = (plan.view.labels[cell.target].y >= 0) & present
            attempts = [self._first(k, cell.target, usable) for k in range(wanted)]
            self._found[memo] = [self._view(k, attempt) for k, attempt in enumerate(attempts)], sum(attempts)
        return self._found[memo]

    def _first(self, k: int, target: str, usable: NDArray[np.bool_]) -> int:
        """The first attempt at draw k that can be split."""
        for attempt in range(ATTEMPTS):
            if self._can_be_split(k, attempt, target, usable):
                return attempt
        text = f"{ATTEMPTS} draws of patients in a row leave too few patients of a class of {target} for the folds"
        raise PlanError(f"{text}: merge classes, use fewer folds, or name no cell of this target", "interval")

    def _can_be_split(self, k: int, attempt: int, target: str, usable: NDArray[np.bool_]) -> bool:
        """Whether every class has a patient for each fold, and two to train on for the inner folds."""
        one, folds = self._plan.view.labels[target], {fold.number for fold in self._plan.view.folds}
        drawn = usable & (self._drawn(k, attempt) > 0)
        if guards.rare_class(one.y[drawn], self._plan.patients[drawn], one.classes, max(2, len(folds))):
            return False
        parts = self._view(k, attempt).folds
        tested = np.any([fold.test for fold in parts], axis=0)
        of_class = [drawn & (one.y == c) for c in range(len(one.classes))]
        return all(
            (rows & tested).any() and all(len(np.unique(self._patient[rows & fold.train])) > 1 for fold in parts)
            for rows in of_class
        )

    def _drawn(self, k: int, attempt: int) -> NDArray[np.int64]:
        """`(N,)`: how often each sample's patient is drawn."""
        if (k, attempt) not in self._times:
            seed = identity.seed(self._plan.grid.protocol.seed, "refit", k, attempt)
            n = len(self._patients)
            counts = np.bincount(np.random.default_rng(seed).integers(0, n, size=n), minlength=n)
            self._times[k, attempt] = counts[self._patient].astype(np.int64)
        return self._times[k, attempt]

    def _view(self, k: int, attempt: int) -> View:
        if (k, attempt) not in self._views:
            self._views[k, attempt] = self._plan.refit_view(k, self._drawn(k, attempt))
        return self._views[k, attempt]

"""The keys of a grid's steps: each is made from the step itself and from the keys of the steps before it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.grid.axes import names
from bench.grid.cells import NONE, Cell, Step, is_default
from bench.grid.grid import Grid
from bench.plan import guards, identity, labels
from bench.plan.file_memory import FileDigests
from bench.plan.image_keys import ImageKeys
from bench.plan.plugin_identity import PluginIdentities
from bench.plan.references import CropsRef, Fold, FusedRef, Split, TokensRef, View
from data.base import Dataset
from heads.fitting.class_weights import RULES
from heads.fitting.thresholds import ARGMAX

if TYPE_CHECKING:
    import pandas as pd


BY_RULE = ("sequences", "drop", "regions", "images", "encoders", "missing", "fusion", "tables", "balance", "heads")
"""The axes whose steps enter keys by a rule of this package; those of every other axis enter by `Keys._others`."""


class Keys:
    """Makes the keys of a grid on its dataset and remembers them.

    A key holds only the axes that its step uses. If a cell leaves an axis at its default and none of its steps asks for
    that axis, the axis is in none of the cell's keys.

    Args:
        grid: The steps and the protocol.
        dataset: The dataset, which gives the scans.
        samples: Its samples.
        of_file: A function that gives the digest of a file.
    """

    def __init__(self, grid: Grid, dataset: Dataset, samples: pd.DataFrame, of_file: FileDigests) -> None:
        self._grid = grid
        self._dataset = dataset
        self._samples = samples
        self._ids: NDArray[np.str_] = samples.index.to_numpy(dtype=str)
        self._patients: NDArray[np.str_] = samples["patient"].to_numpy(dtype=str)
        self._plugins = PluginIdentities()
        self._groups = self._patients
        self._images = ImageKeys(grid.protocol, dataset, samples, self._plugins, of_file)
        self._heads: dict[Any, str] = {}
        self._rows: dict[tuple[Any, ...], Split] = {}

    def plugin(self, kind: str, step: Step) -> Any:
        """The plug-in of a single step, made once."""
        return self._plugins.plugin(kind, step)

    def check_weights(self) -> None:
        """Checks the files of weights of all regions and encoders before any scan is read.

        Raises:
            WeightsMisfitError: A file is missing, or belongs to another network.
        """
        for kind in ("regions", "encoders"):
            for step in self._grid.axes[kind]:
                for one in step.each:
                    self._plugins.of(kind, one)

    def crops(
        self, sequence: str, region: Step, images: Step, fold: Fold | None = None, view: View | None = None
    ) -> CropsRef:
        """See `ImageKeys.crops`."""
        return self._images.crops(sequence, region, images, fold, view)

    def tokens(
        self, cell: Cell, sequence: str, encoder: Step, fold: Fold, view: View, present: NDArray[np.bool_]
    ) -> TokensRef:
        """See `ImageKeys.tokens`."""
        return self._images.tokens(cell, sequence, encoder, fold, view, present)

    def looks(self, sequence: str) -> str:
        """See `ImageKeys.looks`."""
        return self._images.looks(sequence)

    def near_duplicates(self, sequences: Iterable[str]) -> str:
        """See `ImageKeys.near_duplicates`."""
        return self._images.near_duplicates(sequences)

    def regroup(self, groups: NDArray[np.str_]) -> None:
        """See `ImageKeys.regroup`."""
        self._groups = groups
        self._images.regroup(groups)
        self._rows.clear()

    @property
    def places(self) -> pd.DataFrame:
        """See `ImageKeys.places`."""
        return self._images.places

    def head(self, cell: Cell, classes: int) -> str:
        """The key of what a cell fits for a target of so many classes, without its rows and tokens."""
        rule = self.threshold(cell, classes)
        memo = (*cell.steps.items(), rule)
        if memo not in self._heads:
            key = self._head(cell, self.plugin("heads", cell["heads"]))
            self._heads[memo] = key if rule == ARGMAX else identity.combine(key, rule)
        return self._heads[memo]

    def threshold(self, cell: Cell, classes: int) -> str:
        """How classes are called: argmax for a head that reads nothing, and where the rule is for two classes only."""
        rule = self._grid.protocol.threshold
        fits = classes == 2 or rule in RULES
        return rule if fits and not self.plugin("heads", cell["heads"]).reads_nothing() else ARGMAX

    def _head(self, cell: Cell, head: Any) -> str:
        read = "bench.stages.inputs" if head.reads_images() else "bench.stages.branches"
        parts: list[Any] = ["fit", identity.code(read), identity.code("bench.stages.fits")]
        parts.append(self._plugins.of("heads", cell["heads"]))
        if head.balanced:
            parts.append(self._plugins.of("balance", cell["balance"]))
        if head.reads_locations:
            parts.append(self._location)
        if head.reads_images():
            parts += [self._fusion(cell), *self._others(cell)]
        if cell["tables"] != NONE:
            parts += [self._plugins.of("tables", cell["tables"])]
            if cell["tables"].name != "none":
                parts.append(identity.rows(self._samples[self.table_columns(cell)]))
        return identity.key(*parts, self._grid.protocol.seed)

    def _fusion(self, cell: Cell) -> str:
        """The key of how tokens become vectors, whatever the tokens."""
        parts: list[Any] = [self._plugins.of(axis, cell[axis]) for axis in ("missing", "fusion") if cell[axis] != NONE]
        parts += [self._plugins.of("encoders", encoder) for encoder in cell["encoders"].each]
        if any(self.plugin("encoders", encoder).classifies for encoder in cell["encoders"].each):
            parts.append(identity.code("bench.stages.own"))
        parts += [identity.code("bench.stages.features"), len(cell["sequences"].each)]
        return identity.key("fusion", *parts, self._grid.protocol.seed)

    def _others(self, cell: Cell) -> list[Any]:
        """The steps on axes without a rule of their own, where they are not the default.

        So a new axis never reads what was computed without it.
        """
        axes = [axis for axis in names("samples", "features", "fit") if axis not in BY_RULE]
        used = [(axis, cell[axis]) for axis in axes if not is_default(axis, cell[axis])]
        return [(axis, [self._plugins.of(axis, one) for one in step.each]) for axis, step in used]

    def fused(self, cell: Cell, rows: Split, tokens: tuple[tuple[TokensRef, ...], ...]) -> FusedRef | None:
        """What a fusion that learns from labels makes from tokens in a fold; None if the fusion learns nothing."""
        if self.plugin("fusion", cell["fusion"]).learns == "nothing":
            return None
        key = identity.combine(self._fusion(cell), rows.key, *(ref.key for each in tokens for ref in each))
        return FusedRef(key, identity.combine(key, identity.code("heads.fitting.training")))

    def filling(self, cell: Cell, rows: Split, tokens: tuple[tuple[TokensRef, ...], ...]) -> str:
        """The key of the rating of a missing step in a fold; empty if the step fills nothing that it learnt."""
        if cell["missing"] == NONE or not self.plugin("missing", cell["missing"]).learns:
            return ""
        parts = [self._plugins.of("missing", cell["missing"]), self._grid.protocol.seed]
        parts += [self._plugins.of("encoders", encoder) for encoder in cell["encoders"].each]
        how = identity.key("filling", identity.code("bench.stages.features"), *parts)
        return identity.combine(how, rows.key, *(ref.key for each in tokens for ref in each))

    def table_columns(self, cell: Cell) -> list[str]:
        """The columns that a cell's table step reads."""
        if cell["tables"].name in ("none", NONE.name):
            return []
        locations = self._dataset.locations if self.plugin("tables", cell["tables"]).locations else ()
        return list(dict.fromkeys((*self._dataset.clinical, *locations)))

    def rows(self, cell: Cell, present: NDArray[np.bool_], fold: Fold, view: View) -> Split:
        """The rows of a fold: samples with a label and with one of the cell's sequences, `present` `(N, S)`."""
        one = view.labels[cell.target]
        presence = self.plugin("heads", cell["heads"]).reads_presence
        memo = (view, cell.target, *cell.of_samples(), presence, fold.repeat, fold.number)
        if memo not in self._rows:
            usable = (one.y >= 0) & present.any(axis=1)
            train, test = fold.rows(usable & fold.train), fold.rows(usable & fold.test)
            guards.same_patient(self._patients[train], self._patients[test])
            inner = "" if fold.inner is None else identity.lines(np.flatnonzero(fold.inner))
            learnt = labels.digest(self._ids, one.y, train)
            predicted = identity.lines(self._ids[test])
            owners = identity.lines(self._groups[train])
            mark = f"{fold.repeat} {fold.number} {len(one.classes)}"
            keys = [learnt, predicted, owners, inner, mark]
            if presence or cell["drop"].fields:
                keys.append(identity.lines(present.tolist()))
            answers = labels.digest(self._patients, one.y, test)
            self._rows[memo] = Split(train, test, identity.combine(*keys), answers)
        return self._rows[memo]

    @cached_property
    def _location(self) -> str:
        """The digest of the locating columns of all samples."""
        return identity.rows(self._samples[list(self._dataset.locations)])

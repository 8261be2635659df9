"""The keys of what is made from scans: crops, and the tokens of crops."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.grid.cells import NONE, Cell, Step
from bench.grid.grid import Protocol
from bench.grid.misfit import GridMisfitError
from bench.plan import identity, labels
from bench.plan.cross_fitting import parts_of
from bench.plan.file_memory import FileDigests
from bench.plan.plugin_identity import PluginIdentities
from bench.plan.references import CropsRef, Fold, TokensRef, View
from data.base import Dataset
from data.text.names import nearest
from encoders.base import Encoder
from preprocessing.regions.base import Region

if TYPE_CHECKING:
    import pandas as pd


class ImageKeys:
    """Makes the keys of crops and tokens and remembers them.

    Args:
        protocol: How the grid is split and seeded.
        dataset: The dataset, which gives the scans.
        samples: Its samples.
        plugins: The plug-ins of the grid.
        of_file: A function that gives the digest of a file.
    """

    def __init__(
        self,
        protocol: Protocol,
        dataset: Dataset,
        samples: pd.DataFrame,
        plugins: PluginIdentities,
        of_file: FileDigests,
    ) -> None:
        self._protocol = protocol
        self._dataset = dataset
        self._samples = samples
        self._plugins = plugins
        self._of_file = of_file
        self._ids: NDArray[np.str_] = samples.index.to_numpy(dtype=str)
        self._patients: NDArray[np.str_] = samples["patient"].to_numpy(dtype=str)
        self._crops: dict[tuple[Any, ...], CropsRef] = {}
        self._tokens: dict[tuple[Any, ...], TokensRef] = {}

    def crops(
        self, sequence: str, region: Step, images: Step, fold: Fold | None = None, view: View | None = None
    ) -> CropsRef:
        """The crops of a sequence; for a fitted region without a fold, thin crops that show which samples have it."""
        plugin: Region = self._plugins.plugin("regions", region)
        if not plugin.fixed and fold is None:
            images = NONE
        memo: tuple[Any, ...] = (sequence, region, images)
        if not plugin.fixed and fold is not None:
            memo += (view, fold.repeat, fold.number) if plugin.learns != "nothing" else ("fitted",)
        if memo not in self._crops:
            self._crops[memo] = self._crops_ref(sequence, region, images, None if plugin.fixed else fold)
        return self._crops[memo]

    def _crops_ref(self, sequence: str, region: Step, images: Step, fold: Fold | None) -> CropsRef:
        plugin: Region = self._plugins.plugin("regions", region)
        code = identity.code("bench.stages.crop_files")
        if not plugin.fixed and fold is None:
            return CropsRef(sequence, region, NONE, identity.key("thin", code, sequence, self._scans), thin=True)
        chain = [self._plugins.of("images", step) for step in images.each]
        key = identity.key("crops", code, sequence, self._plugins.of("regions", region), chain, self._scans)
        self._check_named(region, getattr(plugin, "anchored", {}))
        if fold is None:
            return CropsRef(sequence, region, images, key)
        learnt: list[Any] = []
        learns = plugin.learns != "nothing"
        if learns:
            train = fold.rows(fold.train)
            learnt = [identity.lines(self._ids[train]), identity.lines(self._patients[train])]
            learnt += [fold.repeat, fold.number]
        which = "points" if plugin.joins_sequences else sequence
        fitted = self._plugins.of("regions", region, frozen=True)
        network = identity.key("region", which, fitted, self._scans, self._protocol.seed, *learnt)
        parts = parts_of(plugin, fold, self._patients, network, seed=self._protocol.seed)
        cut_from = identity.combine(key, network)
        return CropsRef(sequence, region, images, cut_from, fold if learns else None, network, parts=parts)

    def _check_named(self, region: Step, named: Collection[str]) -> None:
        """Demands that the dataset has the studies that a region's file names."""
        if named and (unknown := sorted(set(named) - set(studies := self._dataset.samples()["study"].astype(str)))):
            raise GridMisfitError(
                f"regions/{region.name}: its file anchor names {len(unknown)} studies that the dataset lacks, such as "
                f"'{unknown[0]}'{nearest(unknown[0], dict.fromkeys(studies))}",
                "regions",
                region.name,
            )

    @cached_property
    def places(self) -> pd.DataFrame:
        """What regions know of the samples: their places, but neither labels nor clinical columns."""
        skip = {t.column for t in self._dataset.targets()} | {"split"} | set(self._dataset.clinical)
        return self._samples[[c for c in self._samples if c not in skip]]

    def looks(self, sequence: str) -> str:
        """The key of the looks of a sequence's scans."""
        return identity.key("looks", identity.code("bench.stages.looks"), sequence, self._scans)

    def near_duplicates(self, sequences: Iterable[str]) -> str:
        """The key of the near-duplicates among the scans of some sequences."""
        code = [identity.code(module) for module in ("bench.stages.copies", "bench.plan.likeness")]
        return identity.key("near duplicates", code, [self.looks(sequence) for sequence in sequences])

    def regroup(self, groups: NDArray[np.str_]) -> None:
        """Sets whom inner splits keep together, `(N,)`: a patient, or the first of patients with near-duplicates."""
        self._patients = groups
        self._crops.clear()
        self._tokens.clear()

    @cached_property
    def _scans(self) -> str:
        """The digest of every study's files, of the samples' places in them, and of the code that reads them."""
        rows = identity.rows(self.places)
        studies = dict.fromkeys(self._samples["study"].astype(str))
        files = identity.lines(f"{study} {self._dataset.digest(study, self._of_file)}" for study in studies)
        self._of_file.save()
        fields = {name: getattr(self._dataset, name) for name in self._dataset.reading_fields}
        return identity.key("scans", identity.code(type(self._dataset).__module__), fields, rows, files)

    def tokens(
        self, cell: Cell, sequence: str, encoder: Step, fold: Fold, view: View, present: NDArray[np.bool_]
    ) -> TokensRef:
        """The tokens of a sequence under an encoder; one entry serves all folds if the encoder learns nothing."""
        plugin: Encoder = self._plugins.plugin("encoders", encoder)
        crops = self.crops(sequence, cell["regions"], cell["images"], fold, view)
        memo: tuple[Any, ...] = (crops.key, encoder)
        if plugin.learns != "nothing":
            lost = (cell["sequences"], cell["drop"]) if cell["drop"].fields or self._protocol.complete else ()
            memo += (view, fold.repeat, fold.number, cell.target if plugin.learns == "labels" else "", lost)
        if memo not in self._tokens:
            if plugin.learns == "nothing":
                self._tokens[memo] = self._frozen_tokens(crops, encoder)
            else:
                seen = present if memo[-1] else None
                self._tokens[memo] = self._learnt_tokens(crops, encoder, fold, view, cell.target, seen)
        return self._tokens[memo]

    def _frozen_tokens(self, crops: CropsRef, encoder: Step) -> TokensRef:
        parts = [crops.key, self._plugins.of("encoders", encoder, frozen=True), self._protocol.seed]
        key = identity.key("tokens", identity.code("bench.stages.tokens"), *parts)
        return TokensRef(crops, encoder, None, key, "")

    def _learnt_tokens(
        self, crops: CropsRef, encoder: Step, fold: Fold, view: View, target: str, present: NDArray[np.bool_] | None
    ) -> TokensRef:
        y = view.labels[target].y if self._plugins.plugin("encoders", encoder).learns == "labels" else None
        ref = TokensRef(crops, encoder, fold, "", "", present, y)
        train = ref.learns_from
        parts: list[Any] = [crops.key, self._plugins.of("encoders", encoder, frozen=True)]
        parts.append(identity.code("bench.stages.training_crops"))
        parts += [identity.lines(self._ids[train]), identity.lines(self._patients[train])]
        parts += [self._protocol.seed, fold.repeat, fold.number]
        if y is not None:
            parts.append(labels.digest(self._ids, y, train))
        network = identity.key("network", *parts)
        return replace(ref, key=identity.combine(identity.code("bench.stages.tokens"), network), network=network)

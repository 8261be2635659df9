"""The keys of a grid's steps: each from what it is and from the keys of the steps before it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bench.grid.cells import NONE, Cell, Grid, GridMisfitError, Step
from bench.plan import guards, identity, labels
from bench.plan.labels import Labels
from data.base import Dataset
from encoders.base import Encoder
from encoders.networks.weights import WeightsError
from heads.fitting.thresholds import ARGMAX
from preprocessing.regions.base import Region

if TYPE_CHECKING:
    import pandas as pd


class WeightsMisfitError(GridMisfitError):
    """A file of weights that is not there, or not those of the network that a step names."""


@dataclass(frozen=True, eq=False)
class Fold:
    """One fold of one repeat: which samples' patients train and which are predicted, `(N,)` bool each.

    `times` `(N,)` int64 says how often each sample's patient was drawn; None where all are there once.
    """

    repeat: int
    number: int
    train: NDArray[np.bool_]
    test: NDArray[np.bool_]
    inner: NDArray[np.bool_] | None = None
    times: NDArray[np.int64] | None = None

    def rows(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The positions of the samples that are `chosen` `(N,)`, each as often as its patient was drawn."""
        rows = np.flatnonzero(chosen)
        return rows if self.times is None else np.repeat(rows, self.times[rows])


@dataclass(frozen=True, eq=False)
class View:
    """Labels and folds: the real ones, or those of a null run (labels permuted) or a refit (patients drawn)."""

    labels: dict[str, Labels]
    folds: list[Fold]
    kind: Literal["real", "null", "refit"] = "real"
    number: int = 0


@dataclass(frozen=True, eq=False)
class Split:
    """The samples that a fit learns from and those that it predicts, by position; copies of a patient repeat it.

    `key` is the digest of what it learns and whom it predicts, `answers` that of the labels and patients of the latter:
    they change no fit, but what is said of it.
    """

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    key: str
    answers: str


@dataclass(frozen=True, eq=False)
class CropsRef:
    """The crops of a sequence under a region and an image chain, in one fold where the region learns.

    `network` names what a fitted region is, trained in the fold or given; one for all sequences where it finds points.
    `thin` is what says which samples have the sequence before a region is fitted.
    """

    sequence: str
    region: Step
    images: Step
    key: str
    fold: Fold | None = None
    network: str = ""
    thin: bool = False


@dataclass(frozen=True, eq=False)
class TokensRef:
    """The tokens of some crops under an encoder, for one fold where it learns; `y` `(N,)` where it does from labels."""

    crops: CropsRef
    encoder: Step
    fold: Fold | None
    key: str
    network: str
    present: NDArray[np.bool_] | None = None
    y: NDArray[np.int64] | None = None

    @property
    def learns_from(self) -> NDArray[np.int64]:
        """The positions of the training samples, each as often as its patient was drawn."""
        assert self.fold is not None
        chosen = self.fold.train if self.present is None else self.fold.train & self.present
        return self.fold.rows(chosen if self.y is None else chosen & (self.y >= 0))


@dataclass(frozen=True)
class FusedRef:
    """What a fusion that learns from labels makes of a fold, and what it makes when refitted without inner folds."""

    key: str
    refits: str


@dataclass(eq=False)
class Fit:
    """One head fitted and its test samples predicted."""

    fold: Fold
    rows: Split
    tokens: tuple[tuple[TokensRef, ...], ...]
    key: str
    fused: FusedRef | None = None
    filling: str = ""


class Keys:
    """Makes keys and remembers them; one for a grid on its dataset.

    Args:
        grid: Steps and protocol.
        dataset: Where scans come from.
        samples: Its samples.
        of_file: Gives the digest of a file.
    """

    def __init__(self, grid: Grid, dataset: Dataset, samples: pd.DataFrame, of_file: identity.FileDigests) -> None:
        self._grid = grid
        self._dataset = dataset
        self._samples = samples
        self._of_file = of_file
        self._ids: NDArray[np.str_] = samples.index.to_numpy(dtype=str)
        self._patients: NDArray[np.str_] = samples["patient"].to_numpy(dtype=str)
        self._plugins: dict[tuple[str, Step], Any] = {}
        self._identities: dict[tuple[str, Step], dict[str, Any]] = {}
        self._crops: dict[tuple[Any, ...], CropsRef] = {}
        self._tokens: dict[tuple[Any, ...], TokensRef] = {}
        self._heads: dict[Any, str] = {}
        self._rows: dict[tuple[Any, ...], Split] = {}

    def plugin(self, kind: str, step: Step) -> Any:
        """The plug-in of a single step, made once."""
        if (kind, step) not in self._plugins:
            self._plugins[kind, step] = step.load(kind)
        return self._plugins[kind, step]

    def check_weights(self) -> None:
        """Looks for the files of weights of all regions and encoders, before any scan is read.

        Raises:
            WeightsMisfitError: One is not there, or is another network's.
        """
        for kind in ("regions", "encoders"):
            for step in self._grid.axes[kind]:
                for one in step.each:
                    self._identity(kind, one)

    def head(self, cell: Cell, classes: int) -> str:
        """The key of what a cell fits for a target of so many classes, without its rows and tokens."""
        rule = self.threshold(cell, classes)
        memo = (*cell.steps.items(), rule)
        if memo not in self._heads:
            key = self._head(cell, self.plugin("heads", cell["heads"]))
            self._heads[memo] = key if rule == ARGMAX else identity.combine(key, rule)
        return self._heads[memo]

    def threshold(self, cell: Cell, classes: int) -> str:
        """How class 1 of two is called; of more classes, and by a head that sees nothing, the most probable is."""
        chooses = classes == 2 and self.plugin("heads", cell["heads"]).features != "none"
        return self._grid.protocol.threshold if chooses else ARGMAX

    def _head(self, cell: Cell, head: Any) -> str:
        parts: list[Any] = ["fit", identity.code("bench.stages.fits"), self._identity("heads", cell["heads"])]
        if head.balanced:
            parts.append(self._identity("balance", cell["balance"]))
        if head.features == "location":
            parts.append(self._location)
        if head.features in ("all", "own"):
            parts += [self._fusion(cell)]
        if head.features == "all":
            parts += [self._identity("tables", cell["tables"])]
            if cell["tables"].name != "none":
                parts.append(identity.rows(self._samples[self.table_columns(cell)]))
        return identity.key(*parts, self._grid.protocol.seed)

    def _fusion(self, cell: Cell) -> str:
        """The key of how tokens become vectors, whatever the tokens."""
        parts: list[Any] = [self._identity(axis, cell[axis]) for axis in ("missing", "fusion") if cell[axis] != NONE]
        parts += [self._identity("encoders", encoder) for encoder in cell["encoders"].each]
        parts += [identity.code("bench.stages.features"), len(cell["sequences"].each)]
        return identity.key("fusion", *parts, self._grid.protocol.seed)

    def fused(self, cell: Cell, rows: Split, tokens: tuple[tuple[TokensRef, ...], ...]) -> FusedRef | None:
        """What a fusion that learns from labels makes of some tokens in a fold; None where it learns nothing."""
        if self.plugin("fusion", cell["fusion"]).learns == "nothing":
            return None
        key = identity.combine(self._fusion(cell), rows.key, *(ref.key for each in tokens for ref in each))
        return FusedRef(key, identity.combine(key, identity.code("heads.fitting.training")))

    def filling(self, cell: Cell, rows: Split, tokens: tuple[tuple[TokensRef, ...], ...]) -> str:
        """The key of how good a missing step fills in a fold; empty where it fills nothing that it learnt."""
        if cell["missing"] == NONE or not self.plugin("missing", cell["missing"]).learns:
            return ""
        parts = [self._identity("missing", cell["missing"]), self._grid.protocol.seed]
        parts += [self._identity("encoders", encoder) for encoder in cell["encoders"].each]
        how = identity.key("filling", identity.code("bench.stages.features"), *parts)
        return identity.combine(how, rows.key, *(ref.key for each in tokens for ref in each))

    def table_columns(self, cell: Cell) -> list[str]:
        """The columns that a cell's table step gets; none without one."""
        if cell["tables"] == NONE:
            return []
        locations = self._dataset.locations if self.plugin("tables", cell["tables"]).locations else ()
        return list(dict.fromkeys((*self._dataset.clinical, *locations)))

    def rows(self, cell: Cell, present: NDArray[np.bool_], fold: Fold, view: View) -> Split:
        """The rows of a fold: those samples that have a label and one of the cell's sequences, `present` `(N, S)`."""
        one = view.labels[cell.target]
        presence = self.plugin("heads", cell["heads"]).features == "presence"
        place = (view, cell.target, *(cell[axis] for axis in ("sequences", "drop", "regions", "images")))
        memo = (*place, presence, fold.repeat, fold.number)
        if memo not in self._rows:
            usable = (one.y >= 0) & present.any(axis=1)
            train, test = fold.rows(usable & fold.train), fold.rows(usable & fold.test)
            guards.same_patient(self._patients[train], self._patients[test])
            inner = "" if fold.inner is None else identity.lines(np.flatnonzero(fold.inner))
            learnt = labels.digest(self._ids, one.y, train)
            predicted = identity.lines(self._ids[test])
            owners = identity.lines(self._patients[train])
            mark = f"{fold.repeat} {fold.number} {len(one.classes)}"
            keys = [learnt, predicted, owners, inner, mark]
            if presence or cell["drop"].fields:
                keys.append(identity.lines(present.tolist()))
            answers = labels.digest(self._patients, one.y, test)
            self._rows[memo] = Split(train, test, identity.combine(*keys), answers)
        return self._rows[memo]

    def crops(
        self, sequence: str, region: Step, images: Step, fold: Fold | None = None, view: View | None = None
    ) -> CropsRef:
        """The crops of a sequence; without a fold, of a region that is fitted, what says who has the sequence."""
        plugin: Region = self.plugin("regions", region)
        if not plugin.fixed and fold is None:
            images = NONE
        memo: tuple[Any, ...] = (sequence, region, images)
        if not plugin.fixed and fold is not None:
            memo += (view, fold.repeat, fold.number) if plugin.learns != "nothing" else ("fitted",)
        if memo not in self._crops:
            self._crops[memo] = self._crops_ref(sequence, region, images, None if plugin.fixed else fold)
        return self._crops[memo]

    def _crops_ref(self, sequence: str, region: Step, images: Step, fold: Fold | None) -> CropsRef:
        plugin: Region = self.plugin("regions", region)
        code = identity.code("bench.stages.crop_files")
        if not plugin.fixed and fold is None:
            return CropsRef(sequence, region, NONE, identity.key("thin", code, sequence, self._scans), thin=True)
        chain = [self._identity("images", step) for step in images.each]
        key = identity.key("crops", code, sequence, self._identity("regions", region), chain, self._scans)
        if fold is None:
            return CropsRef(sequence, region, images, key)
        learnt: list[Any] = []
        learns = plugin.learns != "nothing"
        if learns:
            train = fold.rows(fold.train)
            learnt = [identity.lines(self._ids[train]), identity.lines(self._patients[train])]
            learnt += [fold.repeat, fold.number]
        seed = self._grid.protocol.seed
        which = "points" if plugin.joins_sequences else sequence
        fitted = self._identity("regions", region, frozen=True)
        network = identity.key("region", which, fitted, self._scans, seed, *learnt)
        return CropsRef(sequence, region, images, identity.combine(key, network), fold if learns else None, network)

    @cached_property
    def places(self) -> pd.DataFrame:
        """What regions know of the samples: where they are, and neither labels nor clinical columns."""
        skip = {t.column for t in self._dataset.targets()} | {"split"} | set(self._dataset.clinical)
        return self._samples[[c for c in self._samples if c not in skip]]

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
        """The tokens of a sequence under an encoder; one entry for all folds where it learns nothing."""
        plugin: Encoder = self.plugin("encoders", encoder)
        crops = self.crops(sequence, cell["regions"], cell["images"], fold, view)
        memo: tuple[Any, ...] = (crops.key, encoder)
        if plugin.learns != "nothing":
            lost = (cell["sequences"], cell["drop"]) if cell["drop"].fields or self._grid.protocol.complete else ()
            memo += (view, fold.repeat, fold.number, cell.target if plugin.learns == "labels" else "", lost)
        if memo not in self._tokens:
            if plugin.learns == "nothing":
                self._tokens[memo] = self._frozen_tokens(crops, encoder)
            else:
                seen = present if memo[-1] else None
                self._tokens[memo] = self._learnt_tokens(crops, encoder, fold, view, cell.target, seen)
        return self._tokens[memo]

    def _frozen_tokens(self, crops: CropsRef, encoder: Step) -> TokensRef:
        parts = [crops.key, self._identity("encoders", encoder, frozen=True), self._grid.protocol.seed]
        key = identity.key("tokens", identity.code("bench.stages.tokens"), *parts)
        return TokensRef(crops, encoder, None, key, "")

    def _learnt_tokens(
        self, crops: CropsRef, encoder: Step, fold: Fold, view: View, target: str, present: NDArray[np.bool_] | None
    ) -> TokensRef:
        y = view.labels[target].y if self.plugin("encoders", encoder).learns == "labels" else None
        ref = TokensRef(crops, encoder, fold, "", "", present, y)
        train = ref.learns_from
        parts: list[Any] = [crops.key, self._identity("encoders", encoder, frozen=True)]
        parts += [identity.lines(self._ids[train]), identity.lines(self._patients[train])]
        parts += [self._grid.protocol.seed, fold.repeat, fold.number]
        if y is not None:
            parts.append(labels.digest(self._ids, y, train))
        network = identity.key("network", *parts)
        return replace(ref, key=identity.combine(identity.code("bench.stages.tokens"), network), network=network)

    def _identity(self, kind: str, step: Step, *, frozen: bool = False) -> dict[str, Any]:
        memo = (kind + (" frozen" if frozen else ""), step)
        if memo not in self._identities:
            plugin = self.plugin(kind, step)
            if frozen:
                plugin = plugin.trained() if kind == "regions" else plugin.frozen()
            fields = {f.name: getattr(plugin, f.name) for f in dataclasses.fields(plugin)}
            digest = ""
            if kind in ("encoders", "regions"):
                try:
                    digest = plugin.weights_digest()
                except (OSError, ValueError, WeightsError) as error:
                    raise WeightsMisfitError(f"{kind}/{step.name}: {error}", kind, step.name) from error
            if digest:
                fields["weights"] = digest
            within = plugin.nested() if kind == "heads" else ()
            code = [identity.code(type(one).__module__) for one in (plugin, *within)]
            self._identities[memo] = {"name": step.name, "fields": fields, "code": code}
        found: dict[str, Any] = self._identities[memo]
        return found

    @cached_property
    def _location(self) -> str:
        """The digest of the locating columns of all samples."""
        return identity.rows(self._samples[list(self._dataset.locations)])

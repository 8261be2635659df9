"""The work of a plan as a graph: which tasks there are, and in which order."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from bench.plan import identity
from bench.plan.plan import Plan
from bench.plan.references import CropsRef, Fit, Fold, PlannedCell, TokensRef
from bench.tasks.embed import Embed
from bench.tasks.fuse import Fuse
from bench.tasks.heads import FitHeads
from bench.tasks.local import Task, Watcher
from bench.tasks.locate import Locate
from bench.tasks.reading import is_read, mend_crops
from bench.tasks.store import Store

MENDING, REGIONS, EMBEDDING, TRAINING = "reading again", "cutting what regions find", "embedding", "training encoders"
FUSIONS, FILLINGS, HEADS = "training fusions", "rating what was filled", "fitting heads"
"""The kinds of tasks, as progress names them."""


class Work:
    """The tasks of cells. They cut, encode, fuse and fit, and their results go to the store.

    Args:
        plan: The plan; its crops are in the store.
        store: Where results go.
        device: `"cpu"` or `"cuda"`.
        progress: Counts images.
        fitted: A function that is called with a cell when the last of its fits is in the store.
    """

    def __init__(
        self, plan: Plan, store: Store, *, device: str, progress: Watcher, fitted: Callable[[PlannedCell], None]
    ) -> None:
        self._plan = plan
        self._store = store
        self._device = device
        self._progress = progress
        self._fitted = fitted
        self._embed = Embed(plan, store, device=device, progress=progress)
        self._locate = Locate(plan, store, device=device, progress=progress)
        self._cuts: dict[tuple[str, str], list[CropsRef]] = {}
        self.fuse = Fuse(plan, store, self._embed, device=device)
        self.heads = FitHeads(plan, store, self.fuse, device=device)
        self._left: Counter[str] = Counter()
        self._lock = threading.Lock()

    def tasks(
        self, cells: list[PlannedCell], stored: Collection[str], lost: frozenset[tuple[str, str]] = frozenset()
    ) -> tuple[list[Task], dict[Task, list[PlannedCell]]]:
        """The tasks that cells still need, and the cells that share each fit.

        Args:
            cells: The cells.
            stored: The keys of the fits in the store.
            lost: Kind and key of entries that are made again, whether or not a fit needs them.
        """
        made = _Made()
        fits: dict[str, Task] = {}
        cells_of: dict[Task, list[PlannedCell]] = {}
        places: dict[Hashable, int] = {}
        for planned in cells:
            self._left[planned.key] += sum(fit.key not in stored for fit in planned.fits)
            for fit in planned.fits:
                is_missing = fit.key not in stored
                if fit.key not in fits and (is_missing or lost):
                    before = self._before(planned, fit, made, lost, is_missing=is_missing)
                    if is_missing:
                        place = places.setdefault(self.heads.embedding_key(planned), len(places))
                        fits[fit.key] = self._fit_task(planned, fit, before, place)
                        cells_of[fits[fit.key]] = []
                if is_missing:
                    cells_of[fits[fit.key]].append(planned)
        return [*made.tasks(), *fits.values()], cells_of

    def _before(
        self, planned: PlannedCell, fit: Fit, made: _Made, lost: frozenset[tuple[str, str]], *, is_missing: bool
    ) -> tuple[Task, ...]:
        """The tasks before a fit; how good a filling is can be rated beside it."""
        fused = self.heads.fused_keys(planned, fit)
        reads = is_missing or ("fillings", fit.filling) in lost or any(("fused", key) in lost for key in fused)
        before: list[Task] = []
        for ref in (ref for each in fit.tokens for ref in each):
            crops = ref.crops
            gone = reads and not self._store.holds("crops", crops.key)  # the rows of tokens are counted by crops
            recut = gone or not lost.isdisjoint(_of_crops(crops))
            again = ("tokens", ref.key) in lost or ("networks", ref.network) in lost
            needs = (self._cut_task(crops, made.cut),) if recut else ()
            before += needs
            if again or (reads and not self._has("tokens", ref.key)):
                if ref.key not in made.encode:
                    if not needs and not self._has("crops", crops.key):
                        needs = (self._cut_task(crops, made.cut),)
                    made.encode[ref.key] = self._encode_task(ref, needs, len(made.encode))
                before.append(made.encode[ref.key])
        for key in fused:
            if ("fused", key) in lost or (is_missing and not self._has("fused", key)):
                if key not in made.fuse:
                    tokens = tuple(dict.fromkeys(before))
                    made.fuse[key] = self._fuse_task(planned, fit, key, tokens, len(made.fuse))
                before.append(made.fuse[key])
        rates = (is_missing or lost) and fit.filling and fit.filling not in made.fill
        if rates and not self._has("fillings", fit.filling):
            tokens = tuple(dict.fromkeys(before))
            made.fill[fit.filling] = self._filling_task(planned, fit, tokens, len(made.fill))
        return tuple(dict.fromkeys(before))

    def _has(self, kind: str, key: str) -> bool:
        """Whether the store has an entry that is whole, as far as it is going to be read."""
        return self._store.find(kind, key) is not None

    def _cut_task(self, ref: CropsRef, cut: dict[tuple[str, ...], Task]) -> Task:
        """Makes the crops of fitted regions in a sequence: one task for all chains, and for regions that share a fit.

        If the region joins sequences, a task before it finds the points in all of them. Crops of other regions, which
        were damaged, are read again.
        """
        if is_read(self._plan, ref):
            if (ref.key,) not in cut:
                run = partial(mend_crops, self._plan, self._store, [ref], jobs=1, progress=self._progress)
                cut[ref.key,] = Task(f"reading {ref.sequence} again", run, "torch", order=(-1, len(cut)), kind=MENDING)
            return cut[ref.key,]
        place = (ref.network, ref.sequence)
        refs = self._cuts.setdefault(place, [])
        if all(ref.key != other.key for other in refs):
            refs.append(ref)
        if place not in cut:
            _import_torch(self._plan.keys.plugin("regions", ref.region))
            name = f"region {ref.region.label()} on {ref.sequence}{_where(ref.fold)}"
            before: tuple[Task, ...] = ()
            if self._plan.keys.plugin("regions", ref.region).joins_sequences and not self._has("regions", ref.network):
                before = (self._points_task(ref, cut),)
            run = partial(self._locate.write, refs, name)
            about: dict[str, Any] = {"kind": REGIONS, "like": ref.region.label()}
            cut[place] = Task(name, run, "torch", after=before, order=(-1, len(cut)), **about)
        return cut[place]

    def _points_task(self, ref: CropsRef, cut: dict[tuple[str, ...], Task]) -> Task:
        """Finds the points of a fold; tasks before it find those of the training patients, one task for each part."""
        if (ref.network,) not in cut:
            name = f"points of {ref.region.label()}{_where(ref.fold)}"
            before = []
            about: dict[str, Any] = {"kind": "finding points", "like": ref.region.label()}
            for part in ref.parts:
                if not self._has("regions", part.key):
                    of_part = f"{name}, part {part.number} of {part.of} of the training patients"
                    run = partial(self._locate.find_part, ref, part, of_part)
                    cut[part.key,] = Task(of_part, run, "torch", order=(-1, 0), **about)
                    before.append(cut[part.key,])
            run = partial(self._locate.find, ref, name)
            cut[ref.network,] = Task(name, run, "torch", after=tuple(before), order=(-1, 0), **about)
        return cut[ref.network,]

    def _encode_task(self, ref: TokensRef, before: tuple[Task, ...], place: int) -> Task:
        where = _where(ref.fold or ref.crops.fold)
        name = f"{ref.encoder.label()} on {ref.crops.sequence}, {ref.crops.images.label()}{where}"
        learns = float(ref.fold is not None)
        _import_torch(self._plan.keys.plugin("encoders", ref.encoder))
        lane: Literal["torch", "cpu"] = "torch"
        if ref.fold is not None and self._device != "cuda":
            lane = self._plan.keys.plugin("encoders", ref.encoder).lane
        about: dict[str, Any] = {"kind": TRAINING if learns else EMBEDDING, "like": ref.encoder.label()}
        return Task(name, lambda: self._embed.write(ref, name), lane, after=before, order=(learns, place), **about)

    def _fuse_task(self, planned: PlannedCell, fit: Fit, key: str, before: tuple[Task, ...], place: int) -> Task:
        cell, ref = planned.cell, fit.fused
        assert ref is not None
        train, what = (self.fuse.train, "") if key == ref.key else (self.fuse.train_refits, " without inner folds")
        where = f"repeat {fit.fold.repeat} fold {fit.fold.number}"
        name = f"{cell['fusion'].label()} on {cell['encoders'].label()}, {cell.target}, {where}{what}"
        if self._device != "cuda":
            import torch  # noqa: F401 (as in `_fit_task`)
        lane: Literal["torch", "cpu"] = "torch" if self._device == "cuda" else "cpu"
        about: dict[str, Any] = {
            "kind": FUSIONS,
            "like": f"{cell['fusion'].label()} on {cell['encoders'].label()}{what}",
        }
        return Task(name, lambda: train(planned, fit, ref), lane, after=before, order=(1.5, place), **about)

    def _filling_task(self, planned: PlannedCell, fit: Fit, before: tuple[Task, ...], place: int) -> Task:
        cell = planned.cell
        name = f"how good {cell['missing'].label()} fills on {cell['encoders'].label()}, {cell.target}"
        about: dict[str, Any] = {"order": (1.5, place), "kind": FILLINGS, "like": cell["missing"].label()}
        return Task(name, lambda: self.fuse.rate_filling(planned, fit), "cpu", after=before, **about)

    def _fit_task(self, planned: PlannedCell, fit: Fit, before: tuple[Task, ...], place: int) -> Task:
        cell = planned.cell
        head = self._plan.keys.plugin("heads", cell["heads"])
        grouped = self.heads.expect(planned, fit)
        view = planned.view
        run = "" if view.kind == "real" else f", {view.kind} run {view.number}"
        name = f"{cell.title()}{run}"
        if head.lane == "torch":
            import torch  # noqa: F401 (must be there before the task, which is given its number of threads)
        lane: Literal["torch", "cpu"] = "torch" if head.lane == "torch" and self._device == "cuda" else "cpu"
        target = [target.name for target in self._plan.grid.targets].index(cell.target)
        which = (("real", "null", "refit").index(view.kind), view.number)
        order = (2, place, *which, target, fit.fold.repeat, fit.fold.number, grouped)
        about: dict[str, Any] = {
            "kind": HEADS,
            "like": " ".join(cell[axis].label() for axis in ("heads", "balance", "encoders")),
        }
        return Task(name, lambda: self.heads.fit(planned, fit), lane, after=before, order=order, **about)

    def done(self, cells: list[PlannedCell]) -> None:
        """Notes that a fit of these cells is in the store."""
        for planned in cells:
            with self._lock:
                self._left[planned.key] -= 1
                last = self._left[planned.key] == 0
            if last:
                self._fitted(planned)


@dataclass
class _Made:
    """The tasks before fits, by what they make."""

    cut: dict[tuple[str, ...], Task] = field(default_factory=dict)
    encode: dict[str, Task] = field(default_factory=dict)
    fuse: dict[str, Task] = field(default_factory=dict)
    fill: dict[str, Task] = field(default_factory=dict)

    def tasks(self) -> list[Task]:
        return [task for each in (self.cut, self.encode, self.fuse, self.fill) for task in each.values()]


def _of_crops(ref: CropsRef) -> set[tuple[str, str]]:
    """What is made when crops of a fitted region are cut."""
    return {("crops", ref.key), ("qualities", ref.network), ("regions", ref.network)}


def _import_torch(plugin: Any) -> None:
    """Imports torch for a plug-in that uses it: before its first task, which otherwise computes with other threads.

    The bits of what is trained depend on the number of threads.
    """
    if any(name.split(".")[0] == "torch" for name in identity.libraries([type(plugin).__module__])):
        import torch  # noqa: F401


def _where(fold: Fold | None) -> str:
    if fold is None:
        return ""
    return f", repeat {fold.repeat} fold {fold.number}" if fold.number >= 0 else ", all patients"

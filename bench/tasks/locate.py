"""Crops of regions that are fitted: trained on the training patients of a fold, or built from given weights."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.plan import identity
from bench.plan.plan import Plan
from bench.plan.references import CropsRef, PointsPart
from bench.stages.crops import SharedLook
from bench.tasks.found_points import FoundPoints
from bench.tasks.local import Watcher
from bench.tasks.notes import keep_artifacts, made_by
from bench.tasks.reading import write_crops
from bench.tasks.region_studies import RegionStudies
from bench.tasks.store import Store
from preprocessing.regions.base import FittedRegion, Region

if TYPE_CHECKING:
    import pandas as pd

QUALITY = "quality.csv"


class Locate:
    """Fits regions, lets them look at the studies, and cuts what they find.

    Args:
        plan: The plan.
        store: Where crops, trained regions and found points go.
        device: `"cpu"` or `"cuda"`.
        progress: Counts studies.
    """

    def __init__(self, plan: Plan, store: Store, *, device: str, progress: Watcher) -> None:
        self._plan = plan
        self._store = store
        self._device = device
        self._progress = progress
        self._studies = RegionStudies(plan)
        self._points = FoundPoints(plan, store, self._studies, progress=progress)

    def find_part(self, ref: CropsRef, part: PointsPart, name: str) -> None:
        """Fits a region without a part of the training patients, and keeps the points that it finds in theirs.

        Args:
            ref: Any crops of the region in a fold.
            part: The part.
            name: The name of the work for progress.
        """
        start = time.perf_counter()
        fitted = self._fit(ref, self._studies.region(ref).trained(), part)
        write = self._points.of_part(ref, part, fitted, name)
        self._store.put("regions", part.key, write, self._note(ref, start))

    def find(self, ref: CropsRef, name: str) -> None:
        """Fits a region that joins sequences; keeps it with the points of every study, and how near they came.

        The points of training patients are those of the parts, if there are any: of fits that did not see them.

        Args:
            ref: Any crops of the region in a fold.
            name: The name of the work for progress.
        """
        start = time.perf_counter()
        fitted = self._fit(ref, self._studies.region(ref).trained())
        self._keep(ref, fitted, start, self._points.of_fold(ref, fitted, name))

    def write(self, refs: Sequence[CropsRef], name: str) -> None:
        """Makes the crops of regions that share a fit, in one sequence and for all of their image chains."""
        ref, write = refs[0], partial(write_crops, self._plan, self._store, refs)
        joins = self._studies.region(ref).joins_sequences
        points = self._points.read(ref) if joins else None
        fitted = {one.region: self._ready(one) for one in {each.region: each for each in refs}.values()}
        first = fitted[ref.region]
        called = f"region {ref.region.name}" if joins else first.name
        look = points or lru_cache(maxsize=1)(first.look)  # regions that differ in their boxes look once at a study
        shared = {region: SharedLook(one, called, look) for region, one in fitted.items()}
        rated = None if joins else partial(self._keep_quality, ref)
        write(name=name, jobs=1, progress=self._progress, fitted=shared, rated=rated)

    def _ready(self, ref: CropsRef) -> FittedRegion:
        """The fitted region: read from the store, built from its weights, or trained and kept."""
        plugin, folder = self._studies.region(ref), self._store.find("regions", ref.network)
        if folder is not None:
            return plugin.load(folder, device=self._device)
        start = time.perf_counter()
        fitted = self._fit(ref, plugin)
        if ref.fold is not None:
            self._keep(ref, fitted, start)
        return fitted

    def _fit(self, ref: CropsRef, plugin: Region, part: PointsPart | None = None) -> FittedRegion:
        """Fits a region on the training patients of its fold, without those of a part."""
        fold = ref.fold
        if fold is None:
            return plugin.fit([], seed=0, device=self._device)
        which: tuple[Any, ...] = (fold.repeat, fold.number) if part is None else (fold.repeat, fold.number, part.number)
        seed = identity.seed(self._plan.grid.protocol.seed, "region", *which)
        studies = list(self._studies.training(ref, None if part is None else part.held))
        return plugin.fit(studies, seed=seed, device=self._device)

    def _keep(
        self, ref: CropsRef, fitted: FittedRegion, start: float, more: Callable[[Path], None] = lambda draft: None
    ) -> None:
        def save(draft: Path) -> None:
            fitted.save(draft)
            keep_artifacts(draft, fitted.artifacts())
            more(draft)

        self._store.put("regions", ref.network, save, self._note(ref, start))

    def _note(self, ref: CropsRef, start: float) -> dict[str, Any]:
        return made_by("region", ref, device=self._device, seconds=time.perf_counter() - start)

    def _keep_quality(self, ref: CropsRef, ratings: Mapping[str, pd.DataFrame]) -> None:
        """Keeps how near the region came to the truth on the scans of test patients."""
        import pandas as pd

        patient = dict(zip(self._studies.names, self._plan.patients, strict=True))
        test = self._studies.tested(ref)
        found = [
            table.reset_index(drop=True).assign(study=study, patient=patient[study])
            for study, table in ratings.items()
            if study in test and len(table)
        ]
        table = pd.concat(found) if found else pd.DataFrame(columns=["study", "patient"])
        table = table[["study", "patient", *(c for c in table if c not in ("study", "patient"))]]
        note = made_by("quality", ref)
        self._store.put("qualities", ref.network, lambda to: table.to_csv(to / QUALITY, index=False), note)

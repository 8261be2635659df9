"""Crops of regions that are fitted: trained on the training patients of a fold, or built from given weights."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.plan import identity
from bench.plan.plan import Plan
from bench.plan.references import CropsRef
from bench.stages.crops import SharedLook
from bench.tasks.local import Watcher
from bench.tasks.notes import keep_artifacts, made_by
from bench.tasks.reading import write_crops
from bench.tasks.store import Store
from data.base import DataError, Image
from preprocessing.regions.base import FittedRegion, Region, Study

if TYPE_CHECKING:
    import pandas as pd

QUALITY, POINTS_QUALITY = "quality.csv", "points_quality.csv"
_POINTS = "points.parquet"


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
        self._studies: NDArray[np.str_] = plan.samples["study"].astype(str).to_numpy(dtype=str)

    def find(self, ref: CropsRef, name: str) -> None:
        """Fits a region that joins sequences; keeps the points of every study, and the errors for test patients.

        Args:
            ref: Any crops of the region in a fold.
            name: The name of the work for progress.
        """
        import pandas as pd

        start = time.perf_counter()
        fitted = self._fit(ref, self._region(ref).trained())
        studies = list(dict.fromkeys(self._studies.tolist()))
        test = self._tested(ref)
        self._progress.begin_images(name, len(studies))
        found, rated = [], []
        for study in self._ahead(ref, studies):
            seen = fitted.look(replace(study, points=None))
            assert seen.points is not None
            found.append(seen.points)
            if study.study in test:
                rated.append(fitted.rate(study, seen))
            self._progress.images()

        def save(draft: Path) -> None:
            pd.concat(found).to_parquet(draft / _POINTS)
            quality = pd.concat(rated) if rated else pd.DataFrame({"sample": []}).set_index("sample")
            quality.to_csv(draft / POINTS_QUALITY, index_label="sample")

        self._keep(ref, fitted, start, save)

    def write(self, refs: Sequence[CropsRef], name: str) -> None:
        """Makes the crops of regions that share a fit, in one sequence and for all of their image chains."""
        ref, write = refs[0], partial(write_crops, self._plan, self._store, refs)
        joins = self._region(ref).joins_sequences
        points = self._found_points(ref) if joins else None
        fitted = {one.region: self._ready(one) for one in {each.region: each for each in refs}.values()}
        first = fitted[ref.region]
        called = f"region {ref.region.name}" if joins else first.name
        look = points or lru_cache(maxsize=1)(first.look)  # regions that differ in their boxes look once at a study
        shared = {region: SharedLook(one, called, look) for region, one in fitted.items()}
        rated = None if joins else partial(self._keep_quality, ref)
        write(name=name, jobs=1, progress=self._progress, fitted=shared, rated=rated)

    def _region(self, ref: CropsRef) -> Region:
        plugin: Region = self._plan.keys.plugin("regions", ref.region)
        return plugin

    def _ready(self, ref: CropsRef) -> FittedRegion:
        """The fitted region: read from the store, built from its weights, or trained and kept."""
        plugin, folder = self._region(ref), self._store.find("regions", ref.network)
        if folder is not None:
            return plugin.load(folder, device=self._device)
        start = time.perf_counter()
        fitted = self._fit(ref, plugin)
        if ref.fold is not None:
            self._keep(ref, fitted, start)
        return fitted

    def _fit(self, ref: CropsRef, plugin: Region) -> FittedRegion:
        fold = ref.fold
        if fold is None:
            return plugin.fit([], seed=0, device=self._device)
        seed = identity.seed(self._plan.grid.protocol.seed, "region", fold.repeat, fold.number)
        return plugin.fit(list(self._training_studies(ref)), seed=seed, device=self._device)

    def _keep(
        self, ref: CropsRef, fitted: FittedRegion, start: float, more: Callable[[Path], None] = lambda draft: None
    ) -> None:
        def save(draft: Path) -> None:
            fitted.save(draft)
            keep_artifacts(draft, fitted.artifacts())
            more(draft)

        note = made_by("region", ref, device=self._device, seconds=time.perf_counter() - start)
        self._store.put("regions", ref.network, save, note)

    def _keep_quality(self, ref: CropsRef, ratings: Mapping[str, pd.DataFrame]) -> None:
        """Keeps how near the region came to the truth on the scans of test patients."""
        import pandas as pd

        test, patient = self._tested(ref), dict(zip(self._studies, self._plan.patients, strict=True))
        found = [
            table.reset_index(drop=True).assign(study=study, patient=patient[study])
            for study, table in ratings.items()
            if study in test and len(table)
        ]
        table = pd.concat(found) if found else pd.DataFrame(columns=["study", "patient"])
        table = table[["study", "patient", *(c for c in table if c not in ("study", "patient"))]]
        note = made_by("quality", ref)
        self._store.put("qualities", ref.network, lambda to: table.to_csv(to / QUALITY, index=False), note)

    def _tested(self, ref: CropsRef) -> set[str]:
        """The studies of test patients; all studies for a region that learns in no fold."""
        return set((self._studies if ref.fold is None else self._studies[ref.fold.test]).tolist())

    def _training_studies(self, ref: CropsRef) -> Iterator[Study]:
        """The studies of the training patients, each as often as its patient was drawn.

        A region with a fit for each sequence gets only studies that have the sequence.
        """
        plan, fold = self._plan, ref.fold
        assert fold is not None
        chosen, sequences = fold.train, plan.dataset.sequences
        if not self._region(ref).joins_sequences:
            have = plan.rows(plan.keys.crops(ref.sequence, ref.region, ref.images)) >= 0
            chosen, sequences = fold.train & have, (ref.sequence,)
        for name in dict.fromkeys(self._studies[chosen].tolist()):
            study = self._study(ref, name, sequences)
            times = 1 if fold.times is None else int(fold.times[np.flatnonzero(self._studies == name)[0]])
            yield from [study] * times

    def _study(self, ref: CropsRef, study: str, sequences: Sequence[str]) -> Study:
        rows = self._plan.keys.places[self._studies == study].reset_index()
        samples: list[dict[str, Any]] = rows.to_dict("records")
        images = {sequence: partial(self._read, study, sequence) for sequence in sequences}
        points = self._plan.dataset.points(study) if self._region(ref).uses_points else None
        return Study(study, str(rows["patient"].iloc[0]), images, samples, points)

    def _ahead(self, ref: CropsRef, studies: Sequence[str]) -> Iterator[Study]:
        """Yields the studies in order; the scans of the next two are read while the networks look at one."""
        with ThreadPoolExecutor(2, "read") as pool:

            def begun(name: str) -> Study:
                study = self._study(ref, name, self._plan.dataset.sequences)
                reading = {sequence: pool.submit(read) for sequence, read in study.images.items()}
                return replace(study, images={sequence: one.result for sequence, one in reading.items()})

            waiting = deque(begun(name) for name in studies[:3])
            for name in [*studies[3:], *[""] * 3]:
                if waiting:
                    yield waiting.popleft()
                if name:
                    waiting.append(begun(name))

    def _found_points(self, ref: CropsRef) -> Callable[[Study], Study]:
        """A function from a study to the study with the points that were found in it."""
        import pandas as pd

        folder = self._store.find("regions", ref.network)
        if folder is None:
            raise RuntimeError(f"the points of {ref.region.label()} are no longer in the store: run again")
        table = pd.read_parquet(folder / _POINTS)
        study_of = pd.Series(self._studies, index=self._plan.ids)
        by_study = {str(name): rows for name, rows in table.groupby(study_of.reindex(table.index).to_numpy())}
        return lambda study: replace(study, points=by_study.get(study.study, table.iloc[:0]))

    def _read(self, study: str, sequence: str) -> Image | None:
        try:
            return self._plan.dataset.load(study, sequence)
        except DataError:
            return None  # excluded.csv has named it since the scans were first read

"""Crops of regions that are fitted: a network looks for the samples, trained on the training patients of a fold."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.plan import identity
from bench.plan.plan import Plan
from bench.plan.references import CropsRef
from bench.tasks.local import Watcher
from bench.tasks.notes import keep_artifacts, made_by
from bench.tasks.reading import write_crops
from bench.tasks.store import Store
from data.base import DataError, Image
from preprocessing.regions.base import FittedRegion, Region, Scan

QUALITY = "quality.csv"


class Locate:
    """Fits regions and cuts what they find.

    Args:
        plan: The plan.
        store: Where crops and trained regions go.
        device: `"cpu"` or `"cuda"`.
        progress: Is told of scans.
    """

    def __init__(self, plan: Plan, store: Store, *, device: str, progress: Watcher) -> None:
        self._plan = plan
        self._store = store
        self._device = device
        self._progress = progress

    def write(self, refs: Sequence[CropsRef], name: str) -> None:
        """Makes the crops of one fitted region in one sequence, for all of its image chains."""
        ref = refs[0]
        fitted = self._fitted(ref)
        rated = partial(self._keep, ref)
        write_crops(self._plan, self._store, refs, fitted, name, jobs=1, progress=self._progress, rated=rated)

    def _keep(self, ref: CropsRef, ratings: Mapping[str, Mapping[str, float]]) -> None:
        """Keeps how near the region came on the scans of test patients."""
        import pandas as pd

        test = set(self._plan.samples["study"].astype(str)[ref.fold.test]) if ref.fold else set(ratings)
        patient = dict(zip(self._plan.samples["study"].astype(str), self._plan.patients, strict=True))
        rows = [{"study": s, "patient": patient[s], **found} for s, found in ratings.items() if s in test and found]
        note = made_by("quality", ref)
        table = pd.DataFrame(rows, columns=None if rows else ["study", "patient"])
        self._store.put("qualities", ref.network, lambda to: table.to_csv(to / QUALITY, index=False), note)

    def _fitted(self, ref: CropsRef) -> FittedRegion:
        """The region ready to look: read, or trained on the training patients of its fold and kept."""
        plan, fold = self._plan, ref.fold
        plugin: Region = plan.keys.plugin("regions", ref.region)
        if fold is None:
            return plugin.fit([], seed=0, device=self._device)
        folder = self._store.find("regions", ref.network)
        if folder is not None:
            return plugin.load(folder, device=self._device)
        seed = identity.seed(plan.grid.protocol.seed, "region", fold.repeat, fold.number)
        start = time.perf_counter()
        fitted = plugin.fit(self._scans(ref), seed=seed, device=self._device)

        def save(draft: Path) -> None:
            fitted.save(draft)
            keep_artifacts(draft, fitted.artifacts())

        note = made_by("region", ref, device=self._device, seconds=time.perf_counter() - start)
        self._store.put("regions", ref.network, save, note)
        return fitted

    def _scans(self, ref: CropsRef) -> list[Scan]:
        """The scans of the training patients, each as often as its patient was drawn."""
        plan, fold = self._plan, ref.fold
        assert fold is not None
        studies = plan.samples["study"].astype(str).to_numpy()
        have = plan.rows(plan.keys.crops(ref.sequence, ref.region, ref.images)) >= 0
        records: list[dict[str, Any]] = plan.keys.places.reset_index().to_dict("records")  # type: ignore[assignment]
        found = []
        for study in dict.fromkeys(studies[fold.train & have]):
            rows = np.flatnonzero(studies == study)
            scan = Scan(study, plan.patients[rows[0]], self._reader(study, ref.sequence), [records[i] for i in rows])
            found += [scan] * (1 if fold.times is None else int(fold.times[rows[0]]))
        return found

    def _reader(self, study: str, sequence: str) -> Any:
        def read() -> Image | None:
            try:
                return self._plan.dataset.load(study, sequence)
            except DataError:
                return None  # is in excluded.csv since the scans were first read

        return read

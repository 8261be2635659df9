"""Regions that find points: networks look for every sample in all sequences, trained on a fold's training patients."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.plan import identity
from bench.plan.plan import Plan
from bench.plan.references import CropsRef
from bench.tasks.local import Watcher
from bench.tasks.notes import keep_artifacts, made_by
from bench.tasks.reading import write_crops
from bench.tasks.store import Store
from data.base import DataError, Image
from preprocessing.regions.base import Region, Study

if TYPE_CHECKING:
    import pandas as pd

POINTS, QUALITY = "points.parquet", "points_quality.csv"


class Find:
    """Fits what finds points, lets it look at every study, and cuts around what it finds.

    Args:
        plan: The plan.
        store: Where crops, points and trained networks go.
        device: `"cpu"` or `"cuda"`.
        progress: Is told of studies.
    """

    def __init__(self, plan: Plan, store: Store, *, device: str, progress: Watcher) -> None:
        self._plan = plan
        self._store = store
        self._device = device
        self._progress = progress

    def find(self, ref: CropsRef, name: str) -> None:
        """Trains on the training patients of a fold and keeps the networks, every study's points and how near they are.

        How near is told of the test patients alone.
        """
        import pandas as pd

        plan, fold = self._plan, ref.fold
        plugin: Region = plan.keys.plugin("regions", ref.region).trained()
        train = np.ones(len(plan.ids), dtype=bool) if fold is None else fold.train
        repeat, number = (0, 0) if fold is None else (fold.repeat, fold.number)
        seed = identity.seed(plan.grid.protocol.seed, "region", repeat, number)
        start = time.perf_counter()
        fitted = plugin.fit_points(list(self._drawn(ref, train)), seed=seed, device=self._device)
        studies = list(dict.fromkeys(plan.samples["study"].astype(str)))
        test = set(plan.samples["study"].astype(str)[~train])
        self._progress.begin_images(name, len(studies))
        found, rated = [], []
        for study in self._ahead(studies):
            points = fitted.find(replace(study, points=study.points.iloc[:0]))
            found.append(points)
            if study.study in test:
                rated.append(fitted.rate(study, points))
            self._progress.images()

        def save(draft: Path) -> None:
            fitted.save(draft)
            keep_artifacts(draft, fitted.artifacts())
            pd.concat(found).to_parquet(draft / POINTS)
            quality = pd.concat(rated) if rated else pd.DataFrame({"sample": []}).set_index("sample")
            quality.to_csv(draft / QUALITY, index_label="sample")

        note = made_by("region", ref, device=self._device, seconds=time.perf_counter() - start)
        self._store.put("regions", ref.network, save, note)

    def write(self, refs: Sequence[CropsRef], name: str) -> None:
        """Makes the crops around found points in one sequence, for all of its image chains."""
        points = found_points(self._store, refs[0], self._plan.samples["study"].astype(str))
        write_crops(self._plan, self._store, refs, None, name, jobs=1, progress=self._progress, points=points)

    def _ahead(self, studies: Sequence[str]) -> Iterator[Study]:
        """The studies in order, the scans of the next two read while the networks look at one."""
        with ThreadPoolExecutor(2, "read") as pool:

            def begun(name: str) -> Study:
                study = self._study(name)
                reading = {sequence: pool.submit(read) for sequence, read in study.images.items()}
                return replace(study, images={sequence: one.result for sequence, one in reading.items()})

            waiting = deque(begun(name) for name in studies[:3])
            for name in [*studies[3:], *[""] * 3]:
                if waiting:
                    yield waiting.popleft()
                if name:
                    waiting.append(begun(name))

    def _drawn(self, ref: CropsRef, train: Any) -> Iterator[Study]:
        """The studies of the training patients, each as often as its patient was drawn."""
        studies = self._plan.samples["study"].astype(str).to_numpy()
        for name in dict.fromkeys(studies[train]):
            times = None if ref.fold is None else ref.fold.times
            study = self._study(name)
            yield from [study] * (1 if times is None else int(times[np.flatnonzero(studies == name)[0]]))

    def _study(self, study: str) -> Study:
        plan = self._plan
        places = plan.keys.places
        rows = places[plan.samples["study"].astype(str) == study].reset_index()
        records: list[dict[str, Any]] = rows.to_dict("records")  # type: ignore[assignment]
        images: dict[str, Callable[[], Image | None]] = {
            sequence: partial(self._read, study, sequence) for sequence in plan.dataset.sequences
        }
        return Study(study, str(rows["patient"].iloc[0]), images, records, plan.dataset.points(study))

    def _read(self, study: str, sequence: str) -> Image | None:
        try:
            return self._plan.dataset.load(study, sequence)
        except DataError:
            return None  # is in excluded.csv since the scans were first read


def found_points(store: Store, ref: CropsRef, studies: pd.Series) -> Callable[[str], pd.DataFrame]:
    """From a study to the points that were found in it; `studies` is each sample's."""
    import pandas as pd

    folder = store.find("regions", ref.network)
    if folder is None:
        raise RuntimeError(f"the points of {ref.region.label()} are no longer in the store: run again")
    table = pd.read_parquet(folder / POINTS)
    of_study = {str(name): rows for name, rows in table.groupby(studies.reindex(table.index).to_numpy())}
    return lambda study: of_study[study] if study in of_study else table.iloc[:0]

"""The studies of a plan as regions see them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.plan.plan import Plan
from bench.plan.references import CropsRef
from data.base import DataError, Image
from preprocessing.regions.base import Region, Study


class RegionStudies:
    """Makes a `Study` of each study of a plan.

    Args:
        plan: The plan.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.names: NDArray[np.str_] = plan.samples["study"].astype(str).to_numpy(dtype=str)
        """`(N,)` the study of each sample."""

    def region(self, ref: CropsRef) -> Region:
        """The plug-in of a region."""
        plugin: Region = self._plan.keys.plugin("regions", ref.region)
        return plugin

    def of(self, samples: NDArray[np.bool_]) -> list[str]:
        """The studies of samples `(N,)` bool, in order."""
        return list(dict.fromkeys(self.names[samples].tolist()))

    def tested(self, ref: CropsRef) -> set[str]:
        """The studies of test patients; all studies for a region that learns in no fold."""
        return set((self.names if ref.fold is None else self.names[ref.fold.test]).tolist())

    def training(self, ref: CropsRef, held: NDArray[np.bool_] | None = None) -> Iterator[Study]:
        """The studies of the training patients, each as often as its patient was drawn.

        A region with a fit for each sequence gets only studies that have the sequence.

        Args:
            ref: Crops of the region in a fold.
            held: `(N,)` bool of the samples of patients that are left out.
        """
        plan, fold = self._plan, ref.fold
        assert fold is not None
        chosen, sequences = fold.train, plan.dataset.sequences
        if not self.region(ref).joins_sequences:
            have = plan.rows(plan.keys.crops(ref.sequence, ref.region, ref.images)) >= 0
            chosen, sequences = fold.train & have, (ref.sequence,)
        for name in self.of(chosen if held is None else chosen & ~held):
            study = self._study(ref, name, sequences)
            times = 1 if fold.times is None else int(fold.times[np.flatnonzero(self.names == name)[0]])
            yield from [study] * times

    def ahead(self, ref: CropsRef, studies: Sequence[str]) -> Iterator[Study]:
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

    def _study(self, ref: CropsRef, study: str, sequences: Sequence[str]) -> Study:
        rows = self._plan.keys.places[self.names == study].reset_index()
        samples: list[dict[str, Any]] = rows.to_dict("records")
        images = {sequence: partial(self._read, study, sequence) for sequence in sequences}
        points = self._plan.dataset.points(study) if self.region(ref).uses_points else None
        return Study(study, str(rows["patient"].iloc[0]), images, samples, points)

    def _read(self, study: str, sequence: str) -> Image | None:
        try:
            return self._plan.dataset.load(study, sequence)
        except DataError:
            return None  # excluded.csv has named it since the scans were first read

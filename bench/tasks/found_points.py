"""The points that a region finds in the studies of a plan: made once per fold for all sequences, and read again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.plan.plan import Plan
from bench.plan.references import CropsRef, PointsPart
from bench.tasks.local import Watcher
from bench.tasks.region_studies import RegionStudies
from bench.tasks.store import Store
from data.text.csv_tables import read_csv
from preprocessing.regions.base import FittedRegion, Study

if TYPE_CHECKING:
    import pandas as pd

POINTS_QUALITY, TRAINING_QUALITY = "points_quality.csv", "training_points_quality.csv"

_POINTS = "points.parquet"


class FoundPoints:
    """Lets fitted regions look for points, rates what they find, and keeps it.

    Args:
        plan: The plan.
        store: Where the points lie, beside the trained region.
        studies: The studies of the plan.
        progress: Counts studies.
    """

    def __init__(self, plan: Plan, store: Store, studies: RegionStudies, *, progress: Watcher) -> None:
        self._plan = plan
        self._store = store
        self._studies = studies
        self._progress = progress

    def of_part(self, ref: CropsRef, part: PointsPart, fitted: FittedRegion, name: str) -> Callable[[Path], None]:
        """Looks at the training patients of a part, who were held out; returns a function that writes their points."""
        found, rated = self._look(ref, fitted, self._studies.of(part.held), name)
        return _writer(found, {TRAINING_QUALITY: list(rated.values())})

    def of_fold(self, ref: CropsRef, fitted: FittedRegion, name: str) -> Callable[[Path], None]:
        """Looks at all studies that are in no part; returns a function that writes their points and those of the parts.

        The points of test patients and those of training patients are rated apart.
        """
        import pandas as pd

        in_parts = {study for part in ref.parts for study in self._studies.of(part.held)}
        here = [study for study in dict.fromkeys(self._studies.names.tolist()) if study not in in_parts]
        found, rated = self._look(ref, fitted, here, name)
        tested = self._studies.tested(ref)
        test = [table for study, table in rated.items() if study in tested]
        training = [table for study, table in rated.items() if study not in tested]
        for part in ref.parts:
            folder = self._folder(part.key, ref)
            found.append(pd.read_parquet(folder / _POINTS))
            training.append(read_csv(folder / TRAINING_QUALITY).set_index("sample"))
        return _writer(found, {POINTS_QUALITY: test, TRAINING_QUALITY: training})

    def read(self, ref: CropsRef) -> Callable[[Study], Study]:
        """A function from a study to the study with the points that were found in it."""
        import pandas as pd

        table = pd.read_parquet(self._folder(ref.network, ref) / _POINTS)
        study_of = pd.Series(self._studies.names, index=self._plan.ids)
        by_study = {str(name): rows for name, rows in table.groupby(study_of.reindex(table.index).to_numpy())}
        return lambda study: replace(study, points=by_study.get(study.study, table.iloc[:0]))

    def _look(
        self, ref: CropsRef, fitted: FittedRegion, studies: Sequence[str], name: str
    ) -> tuple[list[pd.DataFrame], dict[str, pd.DataFrame]]:
        """The points of studies, and their ratings by study."""
        self._progress.begin_images(name, len(studies))
        found, rated = [], {}
        for study in self._studies.ahead(ref, studies):
            seen = fitted.look(replace(study, points=None))
            assert seen.points is not None
            found.append(seen.points)
            rated[study.study] = fitted.rate(study, seen)
            self._progress.images()
        return found, rated

    def _folder(self, key: str, ref: CropsRef) -> Path:
        folder = self._store.find("regions", key)
        if folder is None:
            raise RuntimeError(f"the points of {ref.region.label()} are no longer in the store: run again")
        return folder


def _writer(found: Sequence[pd.DataFrame], ratings: Mapping[str, Sequence[pd.DataFrame]]) -> Callable[[Path], None]:
    """A function that writes points, and tables of ratings by the name of their file."""
    import pandas as pd

    def write(draft: Path) -> None:
        pd.concat(found).to_parquet(draft / _POINTS)
        for name, tables in ratings.items():
            filled = [table for table in tables if len(table)] or [pd.DataFrame({"sample": []}).set_index("sample")]
            pd.concat(filled).to_csv(draft / name, index_label="sample")

    return write

"""Reads the scans of a plan into crops: the one place where images are opened."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any

from bench.plan.plan import Plan
from bench.plan.references import CropsRef
from bench.stages.crops import CropWriter, StudyCrops, cut_study
from bench.tasks.local import Watcher
from bench.tasks.notes import made_by
from bench.tasks.store import Store
from preprocessing.regions.base import FittedRegion

if TYPE_CHECKING:
    import pandas as pd


def make_crops(plan: Plan, store: Store, *, jobs: int, progress: Watcher) -> None:
    """Makes all crops that the store lacks and that need nothing fitted."""
    wanted = {ref.key: ref for ref in plan.crops_refs() if store.find("crops", ref.key) is None}
    for sequence in dict.fromkeys(ref.sequence for ref in wanted.values()):
        refs = [ref for ref in wanted.values() if ref.sequence == sequence]
        write_crops(plan, store, refs, None, f"reading {sequence}", jobs=jobs, progress=progress)
    plan.forget()


def write_crops(
    plan: Plan,
    store: Store,
    refs: Sequence[CropsRef],
    fitted: FittedRegion | None,
    name: str,
    *,
    jobs: int,
    progress: Watcher,
    points: Callable[[str], pd.DataFrame] | None = None,
    rated: Callable[[Mapping[str, Mapping[str, float]]], None] = lambda ratings: None,
) -> None:
    """Makes crops of one sequence; a series is read once for all regions and image chains.

    Memory does not grow with the number of studies: at most `jobs` + 2 are held at a time.

    Args:
        plan: The plan.
        store: Where crops go.
        refs: What is made.
        fitted: The region of all of them, where it is a fitted one.
        name: For progress.
        jobs: Studies at a time.
        progress: Is told of studies.
        points: Gives a study's points, if not the dataset.
        rated: Told for each study how near the fitted region came to what is given, before the crops are in the store.
    """
    studies: dict[str, list[int]] = {}
    for position, study in enumerate(plan.samples["study"].astype(str)):
        studies.setdefault(study, []).append(position)
    records: list[dict[str, Any]] = plan.keys.places.reset_index().to_dict("records")  # type: ignore[assignment]
    points = points or cache(plan.dataset.points)
    trace, is_empty = "", True
    ratings: dict[str, Mapping[str, float]] = {}
    progress.begin_images(name, len(studies))
    start = time.perf_counter()
    drafts = {ref.key: store.draft("crops", ref.key) for ref in refs}
    writers = {key: CropWriter(draft, len(plan.samples)) for key, draft in drafts.items()}
    variants = {ref.key: (_region(plan, ref, fitted), _chain(plan, ref)) for ref in refs}

    def cut(study: str) -> dict[str, StudyCrops]:
        rows = [records[i] for i in studies[study]]
        return cut_study(plan.dataset, study, refs[0].sequence, rows, variants, points)

    for study, found in _in_order(cut, list(studies), jobs):
        for key, crops in found.items():
            writers[key].add(studies[study], crops)
            trace, is_empty = trace or crops.trace, is_empty and not crops.images
            ratings[study] = crops.rating
        progress.images()
    rated(ratings)
    for ref in refs:
        writers[ref.key].close()
        store.commit(drafts[ref.key], made_by("crops", ref, seconds=time.perf_counter() - start))
    if trace and is_empty:
        progress.note(trace)


def _region(plan: Plan, ref: CropsRef, fitted: FittedRegion | None) -> Any:
    return None if ref.thin else fitted or plan.keys.plugin("regions", ref.region)


def _chain(plan: Plan, ref: CropsRef) -> tuple[Any, ...]:
    return () if ref.thin else tuple(plan.keys.plugin("images", step) for step in ref.images.each)


def _in_order(
    run: Callable[[str], dict[str, StudyCrops]], items: list[str], jobs: int
) -> Iterator[tuple[str, dict[str, StudyCrops]]]:
    """Runs in threads and yields `(item, result)` in order, with few results held at a time."""
    with ThreadPoolExecutor(jobs) as pool:
        ahead = [(item, pool.submit(run, item)) for item in items[: jobs + 2]]
        rest = iter(items[jobs + 2 :])
        while ahead:
            item, future = ahead.pop(0)
            yield item, future.result()
            for following in rest:
                ahead.append((following, pool.submit(run, following)))
                break

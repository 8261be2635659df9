"""Reads the scans of a plan into crops: the one place where images are opened."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from bench.grid.cells import Step
from bench.plan.plan import Plan
from bench.plan.references import CropsRef
from bench.stages.crop_files import CropWriter
from bench.stages.crops import StudyCrops, cut_study
from bench.tasks.local import Watcher
from bench.tasks.notes import made_by
from bench.tasks.store import INDEX, Store
from data.base import DataError, Dataset
from preprocessing.regions.base import FittedRegion, Region

if TYPE_CHECKING:
    import pandas as pd

Found = TypeVar("Found")


def make_crops(plan: Plan, store: Store, *, jobs: int, progress: Watcher, compared: bool = False) -> None:
    """Makes all crops that the store lacks and that need nothing fitted.

    Args:
        plan: The plan.
        store: Where crops go.
        jobs: How many studies are read at a time.
        progress: Counts studies.
        compared: Whether near-duplicates are looked for too, if that was not done before or the store is verified.
    """
    wanted = {ref.key: ref for ref in plan.crops_refs() if store.find("crops", ref.key, part=INDEX) is None}
    missing = compared and plan.near_duplicates() is None
    compared = missing or (compared and store.verify)
    for sequence in plan.sequences():
        refs = [ref for ref in wanted.values() if ref.sequence == sequence]
        looks = plan.keys.looks(sequence) if compared else ""
        if looks and store.find("looks", looks) is None:
            from bench.tasks.looks import LookingDataset

            dataset = LookingDataset(plan.dataset)
            if refs:
                write_crops(
                    plan, store, refs, name=f"reading {sequence}", jobs=jobs, progress=progress, dataset=dataset
                )
            else:
                _look(dataset, plan, sequence, jobs=jobs, progress=progress)
            dataset.keep(store, looks, list(dict.fromkeys(plan.samples["study"].astype(str))))
        elif refs:
            write_crops(plan, store, refs, name=f"reading {sequence}", jobs=jobs, progress=progress)
    if missing:
        from bench.tasks.looks import find_near_duplicates

        find_near_duplicates(plan, store, progress)
    plan.forget()


def mend_crops(plan: Plan, store: Store, refs: Sequence[CropsRef], *, jobs: int, progress: Watcher) -> None:
    """Makes those of some crops again whose pixels are damaged; the plan knows their index already."""
    damaged = [ref for ref in refs if is_read(plan, ref) and store.find("crops", ref.key) is None]
    _make(plan, store, damaged, jobs=jobs, progress=progress)


def is_read(plan: Plan, ref: CropsRef) -> bool:
    """Whether crops are made from scans alone; others need a fitted region."""
    return ref.thin or bool(plan.keys.plugin("regions", ref.region).fixed)


def _make(plan: Plan, store: Store, refs: Sequence[CropsRef], *, jobs: int, progress: Watcher) -> None:
    wanted = {ref.key: ref for ref in refs}
    for sequence in dict.fromkeys(ref.sequence for ref in wanted.values()):
        same = [ref for ref in wanted.values() if ref.sequence == sequence]
        write_crops(plan, store, same, name=f"reading {sequence}", jobs=jobs, progress=progress)


def write_crops(
    plan: Plan,
    store: Store,
    refs: Sequence[CropsRef],
    *,
    name: str,
    jobs: int,
    progress: Watcher,
    fitted: Mapping[Step, FittedRegion] = MappingProxyType({}),
    rated: Callable[[Mapping[str, pd.DataFrame]], None] | None = None,
    dataset: Dataset | None = None,
) -> None:
    """Makes crops of one sequence; a series is read once for all regions and image chains.

    Memory does not grow with the number of studies: at most `jobs` + 2 are held at a time.

    Args:
        plan: The plan.
        store: Where crops go.
        refs: The crops to make.
        name: The name of the work for progress.
        jobs: How many studies are read at a time.
        progress: Counts studies.
        fitted: The fitted regions of all these crops, if the regions are not fixed.
        rated: A function that gets the ratings of a fitted region by study, before the crops are in the store.
        dataset: What reads the scans; None for the dataset of the plan.
    """
    studies: dict[str, list[int]] = {}
    for position, study in enumerate(plan.samples["study"].astype(str)):
        studies.setdefault(study, []).append(position)
    records: list[dict[str, Any]] = plan.keys.places.reset_index().to_dict("records")  # type: ignore[assignment]
    trace, is_empty = "", True
    ratings: dict[str, pd.DataFrame] = {}
    progress.begin_images(name, len(studies))
    start = time.perf_counter()
    variants = {ref.key: (_region(plan, ref, fitted), _chain(plan, ref)) for ref in refs}

    def cut(study: str) -> dict[str, StudyCrops]:
        rows = [records[i] for i in studies[study]]
        return cut_study(dataset or plan.dataset, study, refs[0].sequence, rows, variants)

    with store.filling("crops", [ref.key for ref in refs]) as drafts:
        writers = {ref.key: CropWriter(draft, len(plan.samples)) for ref, draft in zip(refs, drafts, strict=True)}
        for study, found in in_order(cut, list(studies), jobs):
            for key, crops in found.items():
                writers[key].add(studies[study], crops)
                trace, is_empty = trace or crops.trace, is_empty and not crops.images
                if crops.rating is not None:
                    ratings[study] = crops.rating
            progress.images()
        if rated is not None:
            rated(ratings)
        for ref, draft in zip(refs, drafts, strict=True):
            writers[ref.key].close()
            store.commit(draft, made_by("crops", ref, amount=len(studies), seconds=time.perf_counter() - start))
    if trace and is_empty:
        progress.note(trace)


def _look(dataset: Dataset, plan: Plan, sequence: str, *, jobs: int, progress: Watcher) -> None:
    """Reads the scans of a sequence whose crops are made already."""

    def read(study: str) -> None:
        with suppress(DataError):  # the crops name the fault
            dataset.load(study, sequence)

    studies = list(dict.fromkeys(plan.samples["study"].astype(str)))
    progress.begin_images(f"looking at {sequence}", len(studies))
    for _ in in_order(read, studies, jobs):
        progress.images()


def _region(plan: Plan, ref: CropsRef, fitted: Mapping[Step, FittedRegion]) -> FittedRegion | None:
    if ref.thin:
        return None
    plugin: Region = plan.keys.plugin("regions", ref.region)
    return plugin.fit([], seed=0, device="cpu") if plugin.fixed else fitted[ref.region]


def _chain(plan: Plan, ref: CropsRef) -> tuple[Any, ...]:
    return () if ref.thin else tuple(plan.keys.plugin("images", step) for step in ref.images.each)


def in_order(run: Callable[[str], Found], items: list[str], jobs: int) -> Iterator[tuple[str, Found]]:
    """Runs a function in threads and yields `(item, result)` in order, with few results held at a time."""
    with ThreadPoolExecutor(jobs) as pool:
        ahead = [(item, pool.submit(run, item)) for item in items[: jobs + 2]]
        rest = iter(items[jobs + 2 :])
        while ahead:
            item, future = ahead.pop(0)
            yield item, future.result()
            for following in rest:
                ahead.append((following, pool.submit(run, following)))
                break

"""Digests of the pixels of scans, by which the same scan is known under another name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.plan import identity
from bench.plan.file_memory import FileDigests
from bench.plan.known import LearntFrom
from bench.plan.plan import Plan
from bench.plan.references import PlannedCell
from bench.tasks.local import Watcher
from bench.tasks.notes import made_by
from bench.tasks.reading import in_order
from bench.tasks.store import Store
from data.base import DataError, Dataset

FILE = "digests.json"


def scan_digests(
    dataset: Dataset, studies: Sequence[str], sequences: Sequence[str], store: Store, *, jobs: int, progress: Watcher
) -> Mapping[str, tuple[str, ...]]:
    """For each study the digests of the pixels of its scans, as the dataset reads them; kept in the store.

    A scan that can't be read, and one whose voxels are all equal, has no digest.

    Args:
        dataset: Gives the scans.
        studies: The studies.
        sequences: The sequences to read.
        store: Where the digests are kept, since every scan has to be read for them.
        jobs: How many studies are read at a time.
        progress: Counts studies.
    """
    of_file = FileDigests(store.folder / "files.json", anew=store.verify)
    named = [f"{study} {dataset.digest(study, of_file)}" for study in studies]
    of_file.save()
    fields = {name: getattr(dataset, name) for name in dataset.reading_fields}
    reads = identity.code(type(dataset).__module__)
    key = identity.key("scan digests", reads, fields, list(sequences), identity.lines(named))
    folder = store.find("scans", key)
    if folder is None:

        def digests(study: str) -> list[str]:
            found = (_digest(dataset, study, sequence) for sequence in sequences)
            return [digest for digest in found if digest]

        progress.begin_images("comparing scans", len(studies))
        made = {}
        for study, found in in_order(digests, list(studies), jobs):
            made[study] = found
            progress.images()

        def write(draft: Path) -> None:
            (draft / FILE).write_text(json.dumps(made), encoding="utf-8")

        folder = store.put("scans", key, write, made_by("scans", list(sequences)))
    known: dict[str, list[str]] = json.loads((folder / FILE).read_text(encoding="utf-8"))
    return {study: tuple(known[study]) for study in studies}


def learnt_from(
    plan: Plan, planned: Sequence[PlannedCell], store: Store, *, jobs: int, progress: Watcher
) -> LearntFrom:
    """The patients of the plan, with the scans that some cells read; and those whom given weights of regions name."""
    regions = [plan.keys.plugin("regions", one.cell["regions"]) for one in planned if one.fits[0].tokens]
    sequences = [part.name for one in planned for part in one.cell["sequences"].each]
    if any(region.joins_sequences for region in regions):
        sequences += plan.dataset.sequences
    studies = list(dict.fromkeys(plan.samples["study"].astype(str)))
    known = plan.dataset.patients_known
    wanted = list(dict.fromkeys(sequences))
    scans = scan_digests(plan.dataset, studies, wanted, store, jobs=jobs, progress=progress)
    found = LearntFrom.of(plan.patients.tolist(), (scan for each in scans.values() for scan in each), ids_known=known)
    return replace(found, patients=found.patients.union(*(region.learnt_from() for region in regions)))


def _digest(dataset: Dataset, study: str, sequence: str) -> str:
    try:
        image = dataset.load(study, sequence)
    except DataError:
        return ""
    if image is None or image.pixels.min() == image.pixels.max():
        return ""
    pixels = np.ascontiguousarray(image.pixels, dtype=np.float32)
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()[:32]

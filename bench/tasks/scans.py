"""Digests and looks of scans, by which the same scan or a changed copy is known under another name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.plan import identity
from bench.plan.file_memory import FileDigests
from bench.plan.known import LearntFrom, look_text
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
    known = _marks(dataset, studies, sequences, store, jobs=jobs, progress=progress)
    return {study: tuple(digest for digest, _ in known[study]) for study in studies}


def scan_looks(
    dataset: Dataset, studies: Sequence[str], sequences: Sequence[str], store: Store, *, jobs: int, progress: Watcher
) -> Mapping[str, tuple[str, ...]]:
    """For each study the looks of its scans, by which changed copies are known; as for `scan_digests`."""
    known = _marks(dataset, studies, sequences, store, jobs=jobs, progress=progress)
    return {study: tuple(look for _, look in known[study]) for study in studies}


def _marks(
    dataset: Dataset, studies: Sequence[str], sequences: Sequence[str], store: Store, *, jobs: int, progress: Watcher
) -> dict[str, list[tuple[str, str]]]:
    """For each study the digest and the look of each of its scans."""
    of_file = FileDigests(store.folder / "files.json", anew=store.verify)
    named = [f"{study} {dataset.digest(study, of_file)}" for study in studies]
    of_file.save()
    fields = {name: getattr(dataset, name) for name in dataset.reading_fields}
    reads = [identity.code(module) for module in (type(dataset).__module__, "bench.stages.looks")]
    key = identity.key("scan marks", reads, fields, list(sequences), identity.lines(named))
    folder = store.find("scans", key)
    if folder is None:

        def marks(study: str) -> list[tuple[str, str]]:
            found = (_mark(dataset, study, sequence) for sequence in sequences)
            return [mark for mark in found if mark is not None]

        progress.begin_images("comparing scans", len(studies), "study")
        made = {}
        for study, found in in_order(marks, list(studies), jobs):
            made[study] = found
            progress.images()

        def write(draft: Path) -> None:
            (draft / FILE).write_text(json.dumps(made), encoding="utf-8")

        folder = store.put("scans", key, write, made_by("scans", list(sequences)))
    known: dict[str, list[tuple[str, str]]] = json.loads((folder / FILE).read_text(encoding="utf-8"))
    return known


def learnt_from(
    plan: Plan, planned: Sequence[PlannedCell], store: Store, *, jobs: int, progress: Watcher
) -> LearntFrom:
    """The patients from whom some cells learn, with the scans that these read; and those whom given weights name."""
    regions = [plan.keys.plugin("regions", one.cell["regions"]) for one in planned if one.fits[0].tokens]
    sequences = [part.name for one in planned for part in one.cell["sequences"].each]
    if any(region.joins_sequences for region in regions):
        sequences += plan.dataset.sequences
    studies: NDArray[np.str_] = plan.samples["study"].astype(str).to_numpy(dtype=str)
    wanted = list(dict.fromkeys(sequences))
    known = _marks(plan.dataset, list(dict.fromkeys(studies.tolist())), wanted, store, jobs=jobs, progress=progress)
    used = np.isin(plan.patients, plan.patients[_learnt_rows(plan, planned)])
    marks = {study: known[study] for study in dict.fromkeys(studies[used].tolist())}
    scans, looks = ([mark[i] for each in marks.values() for mark in each] for i in (0, 1))
    found = LearntFrom.of(
        plan.patients[used].tolist(),
        scans,
        looks,
        ids_known=plan.dataset.patients_known,
        study_of={text: study for study, each in marks.items() for mark in each for text in mark},
    )
    return replace(found, patients=found.patients.union(*(region.learnt_from() for region in regions)))


def _learnt_rows(plan: Plan, planned: Sequence[PlannedCell]) -> NDArray[np.bool_]:
    """`(N,)`: the samples from which heads, or networks before them, learn: not those whose image is left out."""
    rows = np.zeros(len(plan.ids), dtype=bool)
    for fit in (fit for one in planned for fit in one.fits):
        rows[fit.rows.train] = True
        for ref in (ref for each in fit.tokens for ref in each):
            if ref.crops.fold is not None:  # a region that learns may read any scan of its training patients
                rows |= ref.crops.fold.train
            elif ref.fold is not None:
                learnt = ref.learns_from
                rows[learnt[plan.rows(ref.crops)[learnt] >= 0]] = True
    return rows


def _mark(dataset: Dataset, study: str, sequence: str) -> tuple[str, str] | None:
    """The digest and the look of a scan; None if it can't be read or its voxels are all equal."""
    from bench.stages.looks import look

    try:
        image = dataset.load(study, sequence)
    except DataError:
        return None
    if image is None or image.pixels.min() == image.pixels.max():
        return None
    pixels = np.ascontiguousarray(image.pixels, dtype=np.float32)
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(pixels.data)
    return digest.hexdigest()[:32], look_text(look(pixels))

"""Which sample has which crop: what was read, left out or dropped, and which images occur under two patients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.grid.cells import NONE, Step
from bench.grid.grid import Grid
from bench.plan import directions, guards, identity, table_lines
from bench.plan.errors import PlanError
from bench.plan.keys import Keys
from bench.plan.near_duplicates import NearDuplicate, Sides
from bench.plan.references import CropsRef
from bench.plan.stored import Stored, StoredCrops
from data.base import Dataset, Exclusion, exclusions

if TYPE_CHECKING:
    import pandas as pd


class SampleCrops:
    """The crops of a grid's samples, looked up in the store once.

    Args:
        grid: The grid.
        keys: The keys of the crops.
        stored: The finished steps.
        samples: The samples of the plan.
    """

    def __init__(self, grid: Grid, keys: Keys, stored: Stored, samples: pd.DataFrame) -> None:
        self._grid = grid
        self._keys = keys
        self._stored = stored
        self._samples = samples
        self._ids: NDArray[np.str_] = samples.index.to_numpy(dtype=str)
        self._patients: NDArray[np.str_] = samples["patient"].to_numpy(dtype=str)
        self._studies: NDArray[np.str_] = samples["study"].to_numpy(dtype=str)
        self._crops: dict[str, StoredCrops] = {}
        self._present: dict[tuple[Step, ...], NDArray[np.bool_]] = {}
        self._second_images: dict[tuple[str, Step], NDArray[np.bool_]] = {}

    def crops_refs(self) -> list[CropsRef]:
        """All crops that can be cut before anything is fitted, and the thin crops of fitted regions."""
        axes = self._grid.axes
        sequences = dict.fromkeys(part.name for step in axes["sequences"] for part in step.each)
        return [self._keys.crops(s, r, i) for s in sequences for r in axes["regions"] for i in axes["images"]]

    def crops(self, ref: CropsRef) -> StoredCrops | None:
        """The stored crops of a reference, or None."""
        if ref.key not in self._crops:
            found = self._stored.crops(ref.key)
            if found is None:
                return None
            self._crops[ref.key] = found
        return self._crops[ref.key]

    def rows(self, ref: CropsRef) -> NDArray[np.int64]:
        """`(N,)`: the position of each sample's stored crop; -1 if it has none or must not be used."""
        crops = self.crops(ref)
        if crops is None:
            raise PlanError(f"the crops of {ref.sequence} are not in the store")
        second = self._second_images.get((ref.sequence, ref.region))
        return crops.rows if second is None else np.where(second, -1, crops.rows)

    def present(self, sequences: Step, region: Step, images: Step = NONE, drop: Step = NONE) -> NDArray[np.bool_]:
        """`(N, S)` bool: which of these sequences each sample has; all of them if nothing was read yet.

        A share of the patients loses the sequences that `drop` names: the same patients in every cell, and those of a
        smaller share also at a larger one. A sample that would lose all of its sequences keeps them. If the protocol
        asks for complete samples, the others have no sequence.
        """
        memo = (sequences, region, images, drop)
        if memo not in self._present:
            have = np.stack([self._has(part.name, region, images) for part in sequences.each], axis=1)
            if self._grid.protocol.complete:
                names = dict.fromkeys(part.name for step in self._grid.axes["sequences"] for part in step.each)
                have &= np.all([self._has(name, region, images) for name in names], axis=0)[:, None]
            kept = have.copy()
            seed = self._grid.protocol.seed
            for name, rate in drop.fields:
                luck = {p: identity.seed(seed, "drop", name, p) / 2**31 for p in set(self._patients)}
                lost = np.array([luck[p] < rate for p in self._patients])
                kept[lost, [part.name for part in sequences.each].index(name)] = False
            self._present[memo] = np.where(kept.any(axis=1, keepdims=True), kept, have)
        return self._present[memo]

    def _has(self, sequence: str, region: Step, images: Step) -> NDArray[np.bool_]:
        """`(N,)` bool: which samples have a crop of a sequence; for a floor, which names no steps, under any steps."""
        regions = self._grid.axes["regions"] if region == NONE else (region,)
        chains = self._grid.axes["images"] if images == NONE else (images,)
        refs = [self._keys.crops(sequence, one, chain) for one in regions for chain in chains]
        if any(self.crops(ref) is None for ref in refs):
            return np.ones(len(self._ids), dtype=bool)
        return np.asarray(np.any([self.rows(ref) >= 0 for ref in refs], axis=0))

    def read_faults(self) -> pd.DataFrame:
        """What was left out while images were read: one row for each sample and reason.

        A row about a faulty file names no sample.
        """
        found: dict[tuple[str, str, str, str], None] = {}
        for ref in self.crops_refs():
            crops = self.crops(ref)
            for position, file, why in crops.faults if crops is not None else []:
                found[file, self._ids[position] if position >= 0 else "", ref.sequence, why] = None
        return exclusions(list(found))

    def lying(self, ref: CropsRef) -> Counter[str]:
        """How the scans of stored crops lie in the patient, see `directions.lying`; nothing if none are stored."""
        crops = self.crops(ref)
        if crops is None:
            return Counter()
        mirror = bool(getattr(self._keys.plugin("regions", ref.region), "mirror", False))
        return directions.lying(self._stored.affines(ref.key), crops.rows.tolist(), mirror, self._samples)

    def reading_notes(self) -> list[str]:
        """Notes on sequences whose scans do not lie alike, or are cut along another axis than the thick one.

        Each is known once the scans are read.
        """
        firsts = {ref.sequence: ref for ref in reversed(self.crops_refs())}
        mixed, across = [], {}
        for name, ref in sorted(firsts.items()):
            affines = self._stored.affines(ref.key)
            mixed.append(directions.mixed(name, self.lying(ref)))
            scans = self._stored.scans(self._keys.looks(name))
            grids = {study: _grid(numbers) for study, numbers in scans.items()}
            across[name] = directions.across(grids, affines[0] if len(affines) else None)
        return [*filter(None, mixed), *directions.joined(across)]

    def check_images(self, sides: Sides, pairs: Sequence[NearDuplicate]) -> pd.DataFrame:
        """Checks that the split parts no copies of an image; returns the rows that the grid asks to leave out for it.

        Args:
            sides: Which patients the split can part.
            pairs: The near-duplicates that were found.

        Raises:
            GuardError: It does.
        """
        excluded: list[tuple[str, str, str, str]] = []
        patients = self._patients.tolist()
        for ref in self.crops_refs():
            crops = self.crops(ref)
            if crops is None or (ref.images != self._grid.axes["images"][0] and not ref.thin):
                continue
            digests = [crops.digests[row] if row >= 0 else "" for row in crops.rows]
            if self._grid.protocol.identical_images == "refuse":
                guards.same_image(digests, patients, self._ids.tolist(), sides)
                continue
            second = self._second_images.setdefault((ref.sequence, ref.region), np.zeros(len(self._ids), dtype=bool))
            for row, other in guards.second_images(digests, patients, sides).items():
                if not second[row]:
                    second[row] = True
                    reason = (
                        f"another patient has the same image: sample {self._ids[other]} of patient {patients[other]}"
                    )
                    excluded.append(("", self._ids[row], ref.sequence, reason))
        if self._grid.protocol.near_duplicates != "allow":
            excluded += self._check_pairs(sides, pairs)
        self._present.clear()
        return exclusions(excluded)

    def check_shared_files(self, dataset: Dataset, sides: Sides) -> None:
        """Checks before images are read that the table gives no file to two patients whom the split can part.

        It refuses nothing that `check_images` would let pass: copies that are grouped or allowed are looked at there.

        Raises:
            GuardError: It does.
        """
        protocol = self._grid.protocol
        if protocol.identical_images != "refuse" or protocol.near_duplicates != "refuse":
            return
        shared = table_lines.shared_images(dataset)
        names = [table_lines.where(dataset, sample) for sample in self._ids.tolist()] if shared else []
        for sequence in dict.fromkeys(ref.sequence for ref in self.crops_refs()) if shared else ():
            files = [shared.get((study, sequence), "") for study in self._studies.tolist()]
            guards.same_image(files, self._patients.tolist(), names, sides, files=True)

    def leave_out_like(self, other: SampleCrops) -> None:
        """Leaves out the copies of images that another plan, with some of the same samples, leaves out."""
        for place, second in other._second_images.items():
            mine = np.isin(self._ids, other._ids[second])
            self._second_images[place] = self._second_images.get(place, np.zeros_like(mine)) | mine
        self._present.clear()

    def _check_pairs(self, sides: Sides, pairs: Sequence[NearDuplicate]) -> list[Exclusion]:
        """Checks near-duplicates of which neither was left out; under a given split, `group` leaves one out."""
        parted = [p for p in pairs if sides.parts(*p.patients) and all(map(self._used, p.studies, p.sequences))]
        if self._grid.protocol.near_duplicates == "refuse":
            guards.near_duplicates(parted, sides)
        excluded: dict[Exclusion, None] = {}
        for pair in parted:
            if not all(map(self._used, pair.studies, pair.sequences)):
                continue  # an earlier pair left one of the two out
            which = sides.surplus(pair.patients)[0]
            of_study = self._studies == pair.studies[which]
            for region in self._grid.axes["regions"]:
                nowhere = np.zeros(len(self._ids), dtype=bool)
                second = self._second_images.setdefault((pair.sequences[which], region), nowhere)
                second |= of_study
            why = f"patient {pair.patients[1 - which]} has a copy of the image"
            excluded |= {("", str(sample), pair.sequences[which], why): None for sample in self._ids[of_study]}
        return list(excluded)

    def _used(self, study: str, sequence: str) -> bool:
        """Whether a sample of a study still has a crop of a sequence."""
        of_study = self._studies == study
        refs = [ref for ref in self.crops_refs() if ref.sequence == sequence and self.crops(ref) is not None]
        return any(bool((self.rows(ref)[of_study] >= 0).any()) for ref in refs)


def _grid(numbers: Mapping[str, float]) -> directions.ScanGrid:
    """The voxels of a scan from what was noted when it was read."""
    shape = (int(numbers["slices"]), int(numbers["height"]), int(numbers["width"]))
    return directions.ScanGrid(shape, (numbers["slice_mm"], numbers["height_mm"], numbers["width_mm"]))

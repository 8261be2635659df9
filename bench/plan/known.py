"""Patients whom a model learnt from, as digests, and which patients of another dataset are among them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from data import ScangridError
from data.text.spelling import spelling
from preprocessing.regions.base import patient_digest


class KnownPatientError(ScangridError):
    """A dataset to be scored holds patients whom the model learnt from; the message gives the ways out."""


@dataclass(frozen=True)
class LearntFrom:
    """Whom a model learnt from. No id and no pixel can be read from it.

    Args:
        patients: Digests of the patients' ids.
        scans: Digests of the pixels of their scans.
        ids_known: False where the source gives no patient ids, so that ids mean nothing.
    """

    patients: frozenset[str]
    scans: frozenset[str]
    ids_known: bool = True

    @classmethod
    def of(cls, patients: Iterable[str], scans: Iterable[str], *, ids_known: bool) -> LearntFrom:
        """The digests of patients by id; those of scans are given."""
        digests = {patient_digest(spelling(patient)) for patient in patients} if ids_known else set()
        return cls(frozenset(digests), frozenset(scans), ids_known)

    def known(self, patients: Mapping[str, Iterable[str]], *, compare_ids: bool) -> Known:
        """Which patients are among those that the model learnt from.

        Args:
            patients: The digests of each patient's scans, by the patient's id.
            compare_ids: Whether equal ids mean the same patient.
        """
        by_id = [one for one in patients if compare_ids and self._has(one)]
        by_scan = [one for one, scans in patients.items() if not self.scans.isdisjoint(scans)]
        return Known(tuple(by_id), tuple(by_scan))

    def _has(self, patient: str) -> bool:
        return not self.patients.isdisjoint({patient_digest(spelling(patient)), patient_digest(patient)})


@dataclass(frozen=True)
class Known:
    """The patients of a dataset whom a model learnt from.

    Args:
        by_id: Those whose id the model's patients have.
        by_scan: Those who have a scan with the same pixels.
    """

    by_id: tuple[str, ...]
    by_scan: tuple[str, ...]

    @property
    def patients(self) -> list[str]:
        """All of them, each once."""
        return list(dict.fromkeys((*self.by_id, *self.by_scan)))

    def refuse(self, total: int, *, exclude: str, own_ids: str) -> None:
        """Raises if there are any.

        Args:
            total: The number of patients in the dataset.
            exclude: What a user has to write to leave them out, such as `use --exclude-known`.
            own_ids: What a user has to write to compare pixels alone.

        Raises:
            KnownPatientError: Names how many, and the ways out, but no patient.
        """
        if not self.patients:
            return
        alone = set(self.by_id).difference(self.by_scan)
        other = f"; {own_ids}, if the two sources count their patients independently" if alone else ""
        raise KnownPatientError(
            f"{len(self.patients)} of {total} patients were used in training ({len(self.by_id)} by id, "
            f"{len(self.by_scan)} by identical pixels), so scores on them would be too good: {exclude} to leave them "
            f"out{other}"
        )

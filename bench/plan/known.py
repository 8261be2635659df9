"""Patients whom a model learnt from, as digests, and which patients of another dataset are among them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.plan.likeness import SURE, Looks, alike
from data import ScangridError
from data.text.spelling import spelling
from preprocessing.regions.base import patient_digest


class KnownPatientError(ScangridError):
    """A dataset to be scored holds patients whom the model learnt from; the message gives the ways out."""


@dataclass(frozen=True)
class LearntFrom:
    """Whom a model learnt from. No id can be read from it, and of a scan no more than a blurred outline.

    Args:
        patients: Digests of the patients' ids.
        scans: Digests of the pixels of their scans.
        ids_known: False where the source gives no patient ids, so that ids mean nothing.
        looks: The looks of their scans, see `look_text`: signs of 256 low frequencies for each direction, with and
            without the border.
    """

    patients: frozenset[str]
    scans: frozenset[str]
    ids_known: bool = True
    looks: frozenset[str] = frozenset()

    @classmethod
    def of(cls, patients: Iterable[str], scans: Iterable[str], looks: Iterable[str], *, ids_known: bool) -> LearntFrom:
        """The digests of patients by id; those of scans, and their looks, are given."""
        digests = {patient_digest(spelling(patient)) for patient in patients} if ids_known else set()
        return cls(frozenset(digests), frozenset(scans), ids_known, frozenset(looks))

    def known(
        self, patients: Mapping[str, Iterable[str]], looks: Mapping[str, Iterable[str]], *, compare_ids: bool
    ) -> Known:
        """Which patients are among those that the model learnt from.

        Args:
            patients: The digests of each patient's scans, by the patient's id.
            looks: The looks of each patient's scans, by the patient's id.
            compare_ids: Whether equal ids mean the same patient.
        """
        by_id = [one for one in patients if compare_ids and self._has(one)]
        by_scan = [one for one, scans in patients.items() if not self.scans.isdisjoint(scans)]
        rest = [(one, text) for one, texts in looks.items() if one not in by_scan for text in texts]
        found = alike(_looks(text for _, text in rest), _looks(sorted(self.looks)), SURE)
        by_look = dict.fromkeys(rest[pair.first][0] for pair in found)
        return Known(tuple(by_id), tuple(by_scan), tuple(by_look))

    def _has(self, patient: str) -> bool:
        return not self.patients.isdisjoint({patient_digest(spelling(patient)), patient_digest(patient)})


@dataclass(frozen=True)
class Known:
    """The patients of a dataset whom a model learnt from.

    Args:
        by_id: Those whose id the model's patients have.
        by_scan: Those who have a scan with the same pixels.
        by_look: Of the others those who have a scan that looks like a changed copy.
    """

    by_id: tuple[str, ...]
    by_scan: tuple[str, ...]
    by_look: tuple[str, ...] = ()

    @property
    def patients(self) -> list[str]:
        """All of them, each once."""
        return list(dict.fromkeys((*self.by_id, *self.by_scan, *self.by_look)))

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
        alone = set(self.by_id).difference(self.by_scan, self.by_look)
        copies = f", {len(self.by_look)} by a changed copy of a scan" if self.by_look else ""
        other = f"; {own_ids}, if the two sources count their patients independently" if alone else ""
        raise KnownPatientError(
            f"{len(self.patients)} of {total} patients were used in training ({len(self.by_id)} by id, "
            f"{len(self.by_scan)} by identical pixels{copies}), so scores on them would be too good: {exclude} "
            f"to leave them out{other}"
        )


def look_text(look: NDArray[np.uint8]) -> str:
    """A look `(3, 2, 32)` as text: the directions from which the scan was seen, as hexadecimal digits."""
    return look[: 3 if look[1:].any() else 1].tobytes().hex()


def is_look(text: object) -> bool:
    """Whether a value is the text of a look."""
    return isinstance(text, str) and re.fullmatch(r"[0-9a-f]{128}|[0-9a-f]{384}", text) is not None


def _looks(texts: Iterable[str]) -> Looks:
    found = [np.frombuffer(bytes.fromhex(text), dtype=np.uint8).reshape(-1, 2, 32) for text in texts]
    looks = np.zeros((len(found), 3, 2, 32), dtype=np.uint8)
    for look, one in zip(looks, found, strict=True):
        look[: len(one)] = one
    return looks

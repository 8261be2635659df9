"""Patients whom a model learnt from, as digests, and which patients of another dataset are among them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bench.plan.likeness import SURE, Looks, alike
from data import ScangridError
from data.text.spelling import spelling
from preprocessing.regions.base import patient_digest

_SHOWN = 3


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
        study_of: The studies of digests and looks by their text, where messages may name them; a model holds none.
    """

    patients: frozenset[str]
    scans: frozenset[str]
    ids_known: bool = True
    looks: frozenset[str] = frozenset()
    study_of: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        patients: Iterable[str],
        scans: Iterable[str],
        looks: Iterable[str],
        *,
        ids_known: bool,
        study_of: Mapping[str, str] | None = None,
    ) -> LearntFrom:
        """The digests of patients by id; those of scans, and their looks, are given."""
        digests = {patient_digest(spelling(patient)) for patient in patients} if ids_known else set()
        return cls(frozenset(digests), frozenset(scans), ids_known, frozenset(looks), study_of or {})

    def known(
        self,
        patient_of: Mapping[str, str],
        scans: Mapping[str, Iterable[str]],
        looks: Mapping[str, Iterable[str]],
        *,
        compare_ids: bool,
    ) -> Known:
        """Which patients are, or may be, among those that the model learnt from.

        Args:
            patient_of: The patient of each study.
            scans: The digests of each study's scans.
            looks: The looks of each study's scans.
            compare_ids: Whether equal ids mean the same patient.
        """
        patients = list(dict.fromkeys(patient_of.values()))
        by_id = [one for one in patients if compare_ids and self.has(one)]
        by_scan: dict[str, FoundCopy] = {}
        for study, patient in patient_of.items():
            for digest in self.scans.intersection(scans[study]):
                by_scan.setdefault(patient, FoundCopy(patient, study, self.study_of.get(digest, "")))
        rest = [(study, text) for study, one in patient_of.items() if one not in by_scan for text in looks[study]]
        learnt = sorted(self.looks)
        by_look: dict[str, FoundCopy] = {}
        found = alike(_looks(text for _, text in rest), _looks(learnt), SURE)
        for pair in sorted(found, key=lambda pair: -pair.likeness):
            study = rest[pair.first][0]
            copy = FoundCopy(patient_of[study], study, self.study_of.get(learnt[pair.second], ""), pair.likeness)
            by_look.setdefault(copy.patient, copy)
        return Known(tuple(by_id), tuple(by_scan.values()), tuple(by_look.values()))

    def has(self, patient: str) -> bool:
        """Whether a patient has the id of one from whom the model learnt."""
        return not self.patients.isdisjoint({patient_digest(spelling(patient)), patient_digest(patient)})


@dataclass(frozen=True)
class FoundCopy:
    """A patient with a scan that is, or looks like, a scan of a patient whom the model learnt from.

    Args:
        patient: The patient.
        study: The study with the scan.
        original: The study of the other scan; empty where it is not known.
        likeness: How alike the two scans look, up to 1; None for the same pixels.
    """

    patient: str
    study: str
    original: str
    likeness: float | None = None

    def __str__(self) -> str:
        whose = f"patient {self.patient}" + (f", study {self.study}" if self.study != self.patient else "")
        if self.likeness is None:
            return f"{whose}: a scan of training study {self.original}" if self.original else whose
        other = f": like a scan of training study {self.original}" if self.original else ""
        return f"{whose}{other}, likeness {self.likeness:.2f}"


@dataclass(frozen=True)
class Known:
    """The patients of a dataset whom a model learnt from, or may have learnt from.

    Args:
        by_id: Those whose id the model's patients have.
        by_scan: Those who have a scan with the same pixels.
        by_look: Of the others those who have a scan that looks like a changed copy.
    """

    by_id: tuple[str, ...]
    by_scan: tuple[FoundCopy, ...]
    by_look: tuple[FoundCopy, ...] = ()

    @property
    def patients(self) -> list[str]:
        """All of them, each once."""
        return list(dict.fromkeys((*self.by_id, *(one.patient for one in (*self.by_scan, *self.by_look)))))

    @property
    def merely_alike(self) -> tuple[FoundCopy, ...]:
        """Those of whom nothing else is known than that a scan looks like one of training."""
        return tuple(one for one in self.by_look if one.patient not in self.by_id)

    def allowing(self, alike: bool) -> tuple[Known, tuple[FoundCopy, ...]]:
        """The patients to leave out, and those who stay; these are `merely_alike` if such patients are allowed."""
        if not alike:
            return self, ()
        others = tuple(one for one in self.by_look if one.patient in self.by_id)
        return Known(self.by_id, self.by_scan, others), self.merely_alike

    def refuse(self, total: int, *, exclude: str, own_ids: str, allow: str) -> None:
        """Raises if there are any.

        Args:
            total: The number of patients in the dataset.
            exclude: What a user has to write to leave them out, such as `--exclude-known`.
            own_ids: What a user has to write to compare pixels alone.
            allow: What a user has to write to keep scans that merely look like those of training.

        Raises:
            KnownPatientError: What was found, with the first patients of each kind, and the ways out.
        """
        if not self.patients:
            return
        ways = [f"use {exclude} to leave them out"]
        if set(self.by_id).difference(one.patient for one in (*self.by_scan, *self.by_look)):
            ways.append(f"{own_ids} to compare scans alone, if the two sources count their patients independently")
        if 2 * len(self.merely_alike) > total:
            most = f"use {allow} if they are others, since most scans here look like one of training"
            ways = [most, f"{exclude} to leave them out", *ways[1:]]
        elif self.merely_alike:
            ways.append(f"{allow} to keep those whose scans merely look alike, if they are no copies")
        raise KnownPatientError(
            f"{len(self.patients)} of {total} patients may be patients of the training data: {self.why()}. Scores on "
            f"patients of the training data are too good: {', or '.join(ways)}"
        )

    def why(self) -> str:
        """What was found, with the first patients of each kind."""
        kinds = (
            (self.by_id, "the id of a training patient"),
            (self.by_scan, "a scan with the pixels of a training scan"),
            (self.by_look, "a scan that looks like a changed copy of a training scan"),
        )
        return ", ".join(
            f"{len(found)} {'has' if len(found) == 1 else 'have'} {what} ({_first(found)})"
            for found, what in kinds
            if found
        )


def kept_note(kept: Sequence[FoundCopy], *, named: bool) -> list[str]:
    """A sentence on patients who are kept though a scan looks like one of training; none if there are none.

    Args:
        kept: These patients.
        named: Whether the first of them are named: not in captions, which are published.
    """
    if not kept:
        return []
    whom, are = ("1 patient has", "is") if len(kept) == 1 else (f"{len(kept)} patients have", "are")
    first = f": {_first(kept)}" if named else ""
    return [
        f"{whom} a scan that looks like a changed copy of a training scan, and {are} kept, since near-duplicates are "
        f"allowed{first}."
    ]


def left_out_note(left_out: Known) -> list[str]:
    """A sentence on patients who are left out; none if there are none."""
    n = len(left_out.patients)
    if not n:
        return []
    whom = "1 patient was" if n == 1 else f"{n} patients were"
    return [f"{whom} left out, who may be of the training data: {left_out.why()}."]


def _first(found: Sequence[object]) -> str:
    more = len(found) - _SHOWN
    return "; ".join(map(str, found[:_SHOWN])) + (f" and {more} more" if more > 0 else "")


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

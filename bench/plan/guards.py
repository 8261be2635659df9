"""Guards: checks that raise before anything is fitted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.plan.near_duplicates import NearDuplicate, Sides
from data import ScangridError

_WHICH = " to leave out the one that trains"


MANY_CLASSES = 20
"""Of more labels a message asks whether they are classes."""


class GuardError(ScangridError):
    """A leak that would make every number of the run wrong; the message gives a way out."""


def same_patient(train: NDArray[np.str_], test: NDArray[np.str_]) -> None:
    """Raises if a patient is in both the training and the test part.

    Raises:
        GuardError: Names a patient.
    """
    both = sorted(set(train) & set(test))
    if both:
        whose = f"patient {both[0]} is" if len(both) == 1 else f"{len(both)} patients, such as {both[0]}, are"
        raise GuardError(f"{whose} in both training and test: split by patient")


def same_image(
    digests: Sequence[str], patients: Sequence[str], names: Sequence[str], sides: Sides, *, files: bool = False
) -> None:
    """Raises if two patients who can be on both sides of a split have the same image.

    Args:
        digests: The digest of the pixels of each sample's crop, or with `files` its file; `""` if there is none.
        patients: The patient of each sample.
        names: The name of each sample.
        sides: Which patients the split can part.
        files: Whether the images are named by their files, since none was read yet.

    Raises:
        GuardError: Names the first pairs.
    """
    pairs = []
    for rows in _same(digests):
        if surplus := sides.surplus([patients[r] for r in rows]):
            out = rows[surplus[0]]
            pairs.append((next(r for r in rows if sides.parts(patients[r], patients[out])), out))
    if pairs:
        shown = "; ".join(
            f"{' and '.join(f'sample {names[i]} of patient {patients[i]}' for i in pair)}"
            + f", both with the file {digests[pair[0]]}" * files
            for pair in pairs[:3]
        )
        images = (
            "1 image belongs to two patients" if len(pairs) == 1 else f"{len(pairs)} images belong to two patients each"
        )
        where = " whom the split parts" if sides.given else ""
        raise GuardError(
            f"{images}{where} ({shown}): remove one of each, give both one patient, or set protocol.identical_images: "
            f"exclude{_WHICH if sides.given else ''}"
        )


def second_images(digests: Sequence[str], patients: Sequence[str], sides: Sides) -> dict[int, int]:
    """The rows that are left out since another patient has the same image, see `Sides.surplus`; each with a row of his.

    Of the other patient's rows, it is the first that the split can part from it.
    """
    found = {}
    for rows in _same(digests):
        for out in (rows[i] for i in sides.surplus([patients[r] for r in rows])):
            found[out] = next(r for r in rows if sides.parts(patients[r], patients[out]))
    return dict(sorted(found.items()))


def near_duplicates(pairs: Sequence[NearDuplicate], sides: Sides) -> None:
    """Raises if there are near-duplicates that the split can part.

    Args:
        pairs: The near-duplicates that the split can part.
        sides: Which patients the split can part.

    Raises:
        GuardError: Names the first pairs.
    """
    if not pairs:
        return
    shown = "; ".join(f"{pair.names[0]} and {pair.names[1]}: {pair.change}" for pair in pairs[:3])
    group = f"leave out{_WHICH.removeprefix(' to leave out')}" if sides.given else "keep such patients in one fold"
    scans = "1 scan is a copy" if len(pairs) == 1 else f"{len(pairs)} scans are copies"
    raise GuardError(
        f"{scans} of another patient's scan ({shown}); near_duplicates.csv in the run folder "
        f"lists them, and its folder near_duplicates shows them: remove one of each, give both one patient, or set "
        f"protocol.near_duplicates: group to {group}, or allow if they are no copies"
    )


def rare_class(
    y: NDArray[np.int64], patients: NDArray[np.str_], classes: Sequence[str], folds: int, *, official: bool = False
) -> str | None:
    """Why a target can't be split, or None: it has a single class, or a class with fewer patients than folds.

    An official split has no folds: `folds` is then the least patients of a class.
    """
    if len(classes) < 2:
        return f"every label is '{classes[0]}': a target needs two classes" if classes else "no sample has a label"
    counts: Counter[int] = Counter()
    for _, label in set(zip(patients.tolist(), y.tolist(), strict=True)):
        counts[label] += 1
    few = [(name, counts[i]) for i, name in enumerate(classes) if counts[i] < folds]
    if not few:
        return None
    if len(classes) > MANY_CLASSES:
        some = ", ".join(f"'{name}'" for name in classes[:3])
        return (
            f"{len(classes)} different labels, such as {some}: are they classes? A class needs at least {folds} "
            "patients: cut numbers into a few classes in a column of their own"
        )
    shown = ", ".join(f"'{name}' has {n}" for name, n in few[:5]) + (
        f" and {len(few) - 5} more" if len(few) > 5 else ""
    )
    typo = ", or mend its label if that is a typing error" if min(n for _, n in few) == 1 else ""
    if official:
        return f"a class needs at least {folds} patients ({shown}): merge classes{typo}"
    return f"folds ({folds}) must not exceed the patients of a class ({shown}): merge classes or use fewer folds{typo}"


def _same(digests: Sequence[str]) -> list[list[int]]:
    """The rows of each digest that several rows have."""
    by_digest: dict[str, list[int]] = defaultdict(list)
    for row, digest in enumerate(digests):
        if digest:
            by_digest[digest].append(row)
    return [rows for rows in by_digest.values() if len(rows) > 1]

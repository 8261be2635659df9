"""Guards: checks that raise before anything is fitted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from data import ScangridError


class GuardError(ScangridError):
    """A leak that would make every number of the run wrong; the message gives a way out."""


def same_patient(train: NDArray[np.str_], test: NDArray[np.str_]) -> None:
    """Raises if a patient is in both the training and the test part.

    Raises:
        GuardError: Names a patient.
    """
    both = sorted(set(train) & set(test))
    if both:
        raise GuardError(f"{len(both)} patients are in both training and test, such as {both[0]}: split by patient")


def same_image(digests: Sequence[str], patients: Sequence[str], names: Sequence[str]) -> None:
    """Raises if two patients have the same image, since it can then be on both sides of a fold.

    Args:
        digests: The digest of the pixels of each sample's crop; `""` if there is none.
        patients: The patient of each sample.
        names: The name of each sample.

    Raises:
        GuardError: Names the first pairs.
    """
    by_digest: dict[str, list[int]] = defaultdict(list)
    for row, digest in enumerate(digests):
        if digest:
            by_digest[digest].append(row)
    pairs = [
        (rows[0], next(r for r in rows if patients[r] != patients[rows[0]]))
        for rows in by_digest.values()
        if len({patients[r] for r in rows}) > 1
    ]
    if pairs:
        shown = "; ".join(f"{names[a]} = {names[b]}" for a, b in pairs[:3])
        raise GuardError(
            f"{len(pairs)} images belong to two patients each ({shown}): remove one of each, give both one patient, "
            "or set protocol.identical_images: exclude"
        )


def rare_class(y: NDArray[np.int64], patients: NDArray[np.str_], classes: Sequence[str], folds: int) -> str | None:
    """Why a target can't be split, or None: it has a single class, or a class with fewer patients than folds."""
    if len(classes) < 2:
        return f"every label is '{classes[0]}': a target needs two classes" if classes else "no sample has a label"
    counts: Counter[int] = Counter()
    for _, label in set(zip(patients.tolist(), y.tolist(), strict=True)):
        counts[label] += 1
    few = [(name, counts[i]) for i, name in enumerate(classes) if counts[i] < folds]
    if not few:
        return None
    shown = ", ".join(f"'{name}' has {n}" for name, n in few[:5]) + (
        f" and {len(few) - 5} more" if len(few) > 5 else ""
    )
    typo = ", or mend its label if that is a typing error" if min(n for _, n in few) == 1 else ""
    return f"folds ({folds}) must not exceed the patients of a class ({shown}): merge classes or use fewer folds{typo}"


def second_images(digests: Sequence[str], patients: Sequence[str]) -> list[int]:
    """The rows whose image already occurred under another patient."""
    first: dict[str, str] = {}
    return [row for row, d in enumerate(digests) if d and first.setdefault(d, patients[row]) != patients[row]]

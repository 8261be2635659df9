"""Labels for a run on permuted labels: patients exchange theirs, so that labels stay alike inside a patient."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def exchanged(
    y: NDArray[np.int64], patients: NDArray[np.str_], places: NDArray[np.str_], *, seed: int
) -> NDArray[np.int64]:
    """`(N,)`: each patient has the labels of another one, drawn at random, place by place.

    Patients with the same places exchange them whole. Where the other patient lacks a place, its label comes from the
    patient whose labels that one has, and so on. So every place keeps its labels, and every label is used once.
    Several samples of a patient at one place, as without places, are matched in random order.

    Args:
        y: `(N,)` class of each sample, -1 where it has none; these stay.
        patients: `(N,)` the patient of each sample.
        places: `(N,)` the place of each sample.
        seed: The seed of the draw.
    """
    random = np.random.default_rng(seed)
    names, patient = np.unique(patients, return_inverse=True)
    donor_of = random.permutation(len(names))
    rows = np.flatnonzero(y >= 0)
    order = rows[np.lexsort((random.permutation(len(rows)), places[rows], patient[rows]))]
    found = y.copy()
    turn = _turns(patient[order], places[order])
    places_of = np.unique(places[order], return_inverse=True)[1].ravel()
    for slot in np.unique(np.stack([places_of, turn]), axis=1).T:
        here = order[(places_of == slot[0]) & (turn == slot[1])]
        row_of = np.full(len(names), -1)
        row_of[patient[here]] = here
        donor = donor_of[patient[here]]
        while (lacking := row_of[donor] < 0).any():
            donor[lacking] = donor_of[donor[lacking]]
        found[here] = y[row_of[donor]]
    return found


def _turns(patient: NDArray[np.int64], places: NDArray[np.str_]) -> NDArray[np.int64]:
    """`(n,)`: how many rows of the same patient and place come before each row, where these are in one run."""
    at = np.arange(len(patient))
    new = np.ones(len(patient), dtype=bool)
    new[1:] = (patient[1:] != patient[:-1]) | (places[1:] != places[:-1])
    return at - np.maximum.accumulate(np.where(new, at, 0))

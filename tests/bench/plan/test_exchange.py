"""Null runs: patients exchange labels, and nothing else about labels changes."""

import numpy as np
from numpy.testing import assert_array_equal

from bench.plan.exchange import exchanged


def table(counts):
    patients = np.repeat([f"p{i:02d}" for i in range(len(counts))], counts)
    return patients, np.concatenate([np.arange(n) for n in counts]).astype(str)


def test_patients_with_the_same_places_exchange_all_their_labels():
    patients, places = table([5] * 40)
    y = np.random.default_rng(0).integers(3, size=200)
    before, after = y.reshape(40, 5).tolist(), exchanged(y, patients, places, seed=1).reshape(40, 5).tolist()
    assert sorted(before) == sorted(after) and before != after


def test_every_place_keeps_its_labels_and_samples_without_a_label_stay_so():
    random = np.random.default_rng(0)
    patients, places = table(random.integers(1, 8, size=30))
    y = random.integers(-1, 2, size=len(patients))
    found = exchanged(y, patients, places, seed=3)
    assert_array_equal(found < 0, y < 0)
    for place in np.unique(places):
        assert_array_equal(np.sort(found[places == place]), np.sort(y[places == place]))
    assert (found != y).any()


def test_without_places_labels_stay_alike_inside_a_patient():
    patients, _ = table([6] * 50)
    y = np.repeat(np.arange(50) % 2, 6)
    found = exchanged(y, patients, np.full(300, ""), seed=0).reshape(50, 6)
    assert (found == found[:, :1]).all() and found[:, 0].tolist() != y[::6].tolist()


def test_patients_of_one_sample_are_permuted():
    patients, places = table([1] * 60)
    y = np.arange(60)
    found = [exchanged(y, patients, places, seed=seed) for seed in range(2)]
    assert all(sorted(one) == sorted(y) for one in found) and (found[0] != found[1]).any()

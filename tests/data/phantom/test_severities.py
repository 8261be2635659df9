"""Severities are as frequent as in RSNA's table, and go together in a patient."""

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from data.phantom.rsna_files import CONDITIONS
from data.phantom.severities import COUNTS, Severities, draw_severities

# Normal, moderate and severe of the real train.csv.
REAL_COUNTS = {
    "spinal_canal_stenosis": (8664, 736, 470),
    "left_neural_foraminal_narrowing": (7672, 1794, 399),
    "right_neural_foraminal_narrowing": (7685, 1770, 380),
    "left_subarticular_stenosis": (6864, 1835, 913),
    "right_subarticular_stenosis": (6869, 1825, 927),
}


@pytest.fixture(scope="module")
def severities():
    """Severities of as many studies as RSNA has, `(1975, 5, 5)` each."""
    drawn = [draw_severities(np.random.default_rng([6, n])) for n in range(1975)]
    return Severities(*(np.array(values) for values in zip(*drawn, strict=True)))


def test_counts_by_level_add_up_to_those_of_the_real_table():
    assert {c: tuple(np.sum(levels, axis=0)) for c, levels in COUNTS.items()} == REAL_COUNTS


def test_gradings_are_as_frequent_as_in_the_real_table(severities):
    n = len(severities.grades)
    for i, condition in enumerate(CONDITIONS):
        for level in range(5):
            real = np.array(COUNTS[condition][level]) / sum(COUNTS[condition][level])
            drawn = [(severities.grades[:, i, level] == g).mean() for g in range(3)]
            assert_allclose(drawn, real, atol=4 * np.sqrt(0.25 / n))
            assert (np.abs(drawn - real) <= 4 * np.sqrt(real * (1 - real) / n)).all()


def test_gradings_go_together_in_a_patient(severities):
    ill = severities.grades > 0
    assert np.corrcoef(ill[:, 1, 3], ill[:, 2, 3])[0, 1] > 0.25
    assert np.corrcoef(ill[:, 0, 3], ill[:, 3, 3])[0, 1] > 0.1
    assert np.corrcoef(ill[:, 1, 3], ill[:, 1, 4])[0, 1] > 0.1


def test_a_severity_is_the_sum_of_two_independent_parts(severities):
    assert_array_equal(severities.grades, (severities.whole >= 1 / 3).astype(int) + (severities.whole >= 2 / 3))
    n = len(severities.whole)
    for condition, level in product(range(5), range(5)):
        lost = severities.whole, severities.first, severities.second
        whole, first, second = (part[:, condition, level] for part in lost)
        ranks = [np.argsort(np.argsort(part)) for part in (whole, first, second)]
        assert abs(np.corrcoef(ranks[1], ranks[2])[0, 1]) < 4 / np.sqrt(n)
        # Spearman's of normals with r = 1 / sqrt(2) is 6 / pi asin(r / 2); ties at 0 change it a little.
        for part in ranks[1:]:
            assert np.corrcoef(ranks[0], part)[0, 1] == pytest.approx(6 / np.pi * np.arcsin(0.5**1.5), abs=0.06)

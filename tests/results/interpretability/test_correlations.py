"""Correlations against scipy, hand regression and duplicated rows; p-values against clustered null data."""

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from scipy import stats
from statsmodels.stats.multitest import multipletests

from results.interpretability.correlations import _Weighable, correlations, false_discovery

PATIENTS, LEVELS = 30, 5


@pytest.fixture
def data():
    """Features `(150, 3)`, measures `(150, 4)` with ties and gaps, patients and levels."""
    rng = np.random.default_rng(0)
    patient, level = np.repeat(np.arange(PATIENTS), LEVELS), np.tile(np.arange(LEVELS), PATIENTS)
    x = rng.normal(size=(150, 3)) + level[:, None] + rng.normal(size=(PATIENTS, 3))[patient]
    y = 0.5 * x[:, [0, 1, 2, 0]] + rng.normal(size=(150, 4)) - 2 * level[:, None]
    y[:, 1] = np.round(y[:, 1])
    y[:, 2] = y[:, 2] > 0
    y[rng.random((150, 4)) < [0, 0.1, 0, 0.1]] = np.nan
    return x, y, patient, level


def found(data, method, *, pooled, **more):
    x, y, patient, level = data
    return correlations(x, y, patient, np.zeros_like(level) if pooled else level, method, **more)


@pytest.mark.parametrize(("method", "reference"), [("pearson", stats.pearsonr), ("spearman", stats.spearmanr)])
def test_pooled_equals_scipy(data, method, reference):
    x, y, patient, _ = data
    result = found(data, method, pooled=True, resamples=0, flips=0)
    for f, g in np.ndindex(3, 4):
        have = np.isfinite(y[:, g])
        assert_allclose(result.r[f, g], reference(x[have, f], y[have, g]).statistic, atol=1e-12)
        assert (result.n[g], result.patients[g]) == (have.sum(), len(set(patient[have])))


def test_pearson_within_level_is_that_of_the_residuals_of_a_regression_on_levels(data):
    x, y, _, level = data
    result = found(data, "pearson", pooled=False, resamples=0, flips=0)
    for f, g in np.ndindex(3, 4):
        have = np.isfinite(y[:, g])
        dummies = (level[have, None] == np.arange(LEVELS)).astype(float)
        left = [sm.OLS(values[have], dummies).fit().resid for values in (x[:, f], y[:, g])]
        assert_allclose(result.r[f, g], np.corrcoef(*left)[0, 1], atol=1e-12)


def test_spearman_within_level_compares_ranks_of_one_level(data):
    x, y, _, level = data
    result = found(data, "spearman", pooled=False, resamples=0, flips=0)
    shifted = found((np.exp(x + 100.0 * level[:, None]), y, *data[2:]), "spearman", pooled=False, resamples=0, flips=0)
    assert_allclose(result.r, shifted.r, atol=1e-12)
    for f, g in np.ndindex(3, 4):
        ranks = []
        for values in (x[:, f], y[:, g]):
            within = np.full(len(values), np.nan)
            for k in range(LEVELS):
                rows = (level == k) & np.isfinite(y[:, g])
                within[rows] = stats.rankdata(values[rows]) / rows.sum()
                within[rows] -= within[rows].mean()
            ranks.append(within[np.isfinite(within)])
        assert_allclose(result.r[f, g], np.corrcoef(*ranks)[0, 1], atol=1e-12)


@pytest.mark.parametrize("method", ["pearson", "spearman"])
@pytest.mark.parametrize("pooled", [True, False])
def test_a_draw_of_patients_is_the_correlation_of_repeated_rows(data, method, pooled):
    x, y, patient, level = data
    level = np.zeros_like(level) if pooled else level
    y = np.nan_to_num(y)
    counts = np.random.default_rng(1).multinomial(PATIENTS, np.full(PATIENTS, 1 / PATIENTS), size=3)[:, patient]
    drawn = _Weighable(x, y, level, method).correlate(counts.astype(float))
    for weights, r in zip(counts, drawn, strict=True):
        rows = np.repeat(np.arange(len(x)), weights)
        again = correlations(x[rows], y[rows], patient[rows], level[rows], method, resamples=0, flips=0)
        assert_allclose(r, again.r, atol=1e-12)


def test_intervals_cover_the_truth_of_clustered_samples():
    rng = np.random.default_rng(2)
    patient = np.repeat(np.arange(60), 4)
    measures = 300
    shared = rng.normal(size=(60, measures + 1))[patient] + rng.normal(size=(240, measures + 1))
    x, y = shared[:, :1], 0.6 * shared[:, :1] + 0.8 * shared[:, 1:]
    result = correlations(x, y, patient, np.zeros(240, dtype=int), "pearson", resamples=400, flips=0)
    covered = ((result.low < 0.6) & (result.high > 0.6)).mean()
    assert 0.85 < covered <= 0.98


def test_p_values_hold_their_level_where_samples_of_a_patient_are_alike():
    rng = np.random.default_rng(3)
    patient, level = np.repeat(np.arange(33), 7), np.tile(np.arange(7), 33)
    rejected, naive = [], []
    for _ in range(10):
        x, y = (rng.normal(size=(33, k))[patient] + 0.5 * rng.normal(size=(231, k)) for k in (1, 80))
        p = correlations(x, y, patient, level, "pearson", resamples=0, flips=999).p
        rejected += (p[0] < 0.05).tolist()
        naive += [stats.pearsonr(x[:, 0], column).pvalue < 0.05 for column in y.T]
    assert 0.02 < np.mean(rejected) < 0.09
    assert np.mean(naive) > 0.3


def test_signs_of_five_patients_that_agree_give_two_in_thirty_two():
    patient = np.repeat(np.arange(5), 2)
    x = np.tile([-1.0, 1.0], 5)[:, None] * np.repeat(np.arange(1, 6), 2)[:, None]
    p = correlations(x, x, patient, np.zeros(10, dtype=int), "pearson", resamples=0, flips=20000).p
    assert_allclose(p, 2 / 32, atol=0.005)


def test_constant_values_have_no_correlation(data):
    x, y, patient, level = data
    y[:, 0], y[:, 3] = 3.7, level
    result = correlations(x, y, patient, level, "pearson", resamples=5, flips=9)
    for values in (result.r, result.low, result.high, result.p):
        assert np.isnan(values[:, [0, 3]]).all() and np.isfinite(values[:, [1, 2]]).all()


def test_false_discovery_equals_statsmodels():
    p = np.random.default_rng(4).random((6, 5)) ** 3
    p[2, 3] = np.nan
    q = false_discovery(p)
    known = np.isfinite(p)
    assert_allclose(q[known], multipletests(p[known], method="fdr_bh")[1])
    assert np.isnan(q[2, 3]) and np.isnan(false_discovery(np.full(3, np.nan))).all()

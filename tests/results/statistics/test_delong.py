"""Clustered DeLong against published figures, double loops and the closed form of 1988."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from sklearn.metrics import roc_auc_score

from results.statistics.bootstrap import PatientBootstrap, PredictedRows
from results.statistics.delong import auc_test
from results.statistics.evaluate import evaluate
from results.statistics.metrics.auc import METRIC as AUC


def auc_variance(y, score, patient, block=None):
    """An AUC and its variance: a constant score has the AUC .5 whoever is drawn, and adds no variance."""
    test = auc_test(y, score, np.zeros(len(y)), patient, block=block)
    return test.difference + 0.5, test.standard_error**2


def scores(seed, *, n_patients=40, samples=7, decimals=1):
    """Rows of patients whose labels and two scores are alike inside a patient, with ties."""
    random = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n_patients), samples)
    n = len(patient)
    y = (random.normal(size=n_patients)[patient] + random.normal(size=n) > 0.5).astype(int)
    a, b = (np.round(y + random.normal(size=n_patients)[patient] + random.normal(size=n), decimals) for _ in range(2))
    return y, a, b, patient


def closed_form(y, a, b):
    """DeLong 1988: covariance matrices of placements, one kernel at a time."""
    placements = []
    for score in (a, b):
        positives, negatives = score[y == 1], score[y == 0]
        wins = (positives[:, None] > negatives) + 0.5 * (positives[:, None] == negatives)
        placements.append((wins.mean(axis=1), wins.mean(axis=0)))
    covariance = sum(np.cov([placement[k] for placement in placements]) / len(placements[0][k]) for k in (0, 1))
    contrast = np.array([1, -1])
    return placements[0][0].mean() - placements[1][0].mean(), math.sqrt(contrast @ covariance @ contrast), covariance


def double_loop(y, a, b, patient):
    """Obuchowski 1997, pair by pair and patient by patient; variance of a, of b and of a - b."""
    patients = sorted(set(patient))
    rows = {p: [i for i in range(len(y)) if patient[i] == p] for p in patients}
    positives, negatives = [i for i in range(len(y)) if y[i]], [i for i in range(len(y)) if not y[i]]
    sums = []
    for score in (a, b):

        def win(i, j, score=score):
            return 1.0 if score[i] > score[j] else 0.5 if score[i] == score[j] else 0.0

        theta = sum(win(i, j) for i in positives for j in negatives) / len(positives) / len(negatives)
        excess = {
            **{i: sum(win(i, j) for j in negatives) / len(negatives) - theta for i in positives},
            **{j: sum(win(i, j) for i in positives) / len(positives) - theta for j in negatives},
        }
        of_positives, of_negatives = ([sum(excess[i] for i in rows[p] if y[i] == k) for p in patients] for k in (1, 0))
        sums.append((of_positives, of_negatives))
    I10, I01 = (sum(any(y[i] == k for i in rows[p]) for p in patients) for k in (1, 0))
    n_patients, M, N = len(patients), len(positives), len(negatives)

    def covariance(r, s):
        S10 = I10 / ((I10 - 1) * M) * sum(u * v for u, v in zip(sums[r][0], sums[s][0], strict=True))
        S01 = I01 / ((I01 - 1) * N) * sum(u * v for u, v in zip(sums[r][1], sums[s][1], strict=True))
        S11 = n_patients / (n_patients - 1) * sum(u * v for u, v in zip(sums[r][0], sums[s][1], strict=True))
        S11_turned = n_patients / (n_patients - 1) * sum(u * v for u, v in zip(sums[s][0], sums[r][1], strict=True))
        return S10 / M + S01 / N + (S11 + S11_turned) / (M * N)

    return covariance(0, 0), covariance(1, 1), covariance(0, 0) + covariance(1, 1) - 2 * covariance(0, 1)


def test_the_ratings_of_hanley_and_mcneil_have_the_standard_error_that_stata_prints():
    """109 CT images, Radiology 1982, doi:10.1148/radiology.143.1.7063747; Stata's manual of roctab: .8932, .0307."""
    normal, abnormal = [33, 6, 6, 11, 2], [3, 2, 2, 11, 33]
    y = np.repeat([0, 1], [sum(normal), sum(abnormal)])
    rating = np.concatenate([np.repeat(np.arange(1.0, 6), counts) for counts in (normal, abnormal)])
    value, variance = auc_variance(y, rating, np.arange(109))
    assert_allclose([value, math.sqrt(variance)], [0.8932, 0.0307], rtol=0, atol=0.5e-4)


@pytest.mark.parametrize("seed", range(3))
def test_one_sample_per_patient_is_delong(seed):
    y, a, b, _ = scores(seed)
    test = auc_test(y, a, b, np.arange(len(y)))
    difference, error, covariance = closed_form(y, a, b)
    assert_allclose([test.difference, test.standard_error], [difference, error], rtol=1e-12)
    assert_allclose(test.p_value, 2 * stats.norm.sf(abs(difference) / error), rtol=1e-10)
    assert_allclose(auc_variance(y, a, np.arange(len(y)))[1], covariance[0, 0], rtol=1e-12)


@pytest.mark.parametrize("samples", [1, 3, 7])
def test_several_samples_per_patient_are_obuchowski(samples):
    y, a, b, patient = scores(4, n_patients=25, samples=samples)
    of_a, of_b, of_difference = double_loop(y, a, b, patient)
    assert_allclose(auc_variance(y, a, patient), [roc_auc_score(y, a), of_a], rtol=1e-12)
    assert_allclose(auc_variance(y, b, patient)[1], of_b, rtol=1e-12)
    test = auc_test(y, a, b, patient)
    assert_allclose(test.standard_error**2, of_difference, rtol=1e-12)
    assert_allclose(test.difference, roc_auc_score(y, a) - roc_auc_score(y, b), atol=1e-12)


def test_a_patient_copied_ten_times_counts_once():
    y, a, b, _ = scores(5, n_patients=80, samples=1)
    once = auc_test(y, a, b, np.arange(80))
    copied = auc_test(*(np.repeat(x, 10) for x in (y, a, b, np.arange(80))))
    assert_allclose([copied.difference, copied.standard_error], [once.difference, once.standard_error], rtol=1e-12)


def folds(patient, *, repeats, n_folds, seed):
    random = np.random.default_rng(seed)
    return np.concatenate([random.permutation(patient.max() + 1)[patient] % n_folds for _ in range(repeats)])


def test_over_folds_and_repeats_the_difference_is_that_of_the_tables_and_the_error_that_of_the_bootstrap():
    y, a, b, patient = scores(6, n_patients=150)
    repeat = np.repeat([0, 1], len(y))
    fold = folds(patient, repeats=2, n_folds=3, seed=0)
    y, a, b, patient = (np.tile(x, 2) for x in (y, a, b, patient))
    random = np.random.default_rng(1)
    a, b = (np.round(x + 0.3 * random.normal(size=len(x)) + 5 * fold, 1) for x in (a, b))
    P, other = (np.stack([1 - x, x], axis=1) for x in (a, b))
    test = auc_test(y, a, b, patient, block=10 * repeat + fold, repeat=repeat)
    values = [evaluate(AUC, y, x, repeat=repeat, fold=fold).value for x in (P, other)]
    assert_allclose(test.difference, values[0] - values[1], atol=1e-12)
    rows = PredictedRows(patient, repeat, fold, y, 2)
    draws = PatientBootstrap(150, resamples=4000).difference(AUC, rows, P, other)
    assert_allclose(test.standard_error, draws.std(), rtol=0.07)


def test_the_variance_over_folds_is_the_infinitesimal_jackknife_of_the_weighted_auc():
    """Each patient's weight is moved a little: sums of squares of the slopes, without the small-sample factors."""
    y, a, _, patient = scores(7, n_patients=12, samples=5)
    y[patient % 2 == 0] = 1
    y[patient % 2 == 1] = 0
    fold = patient // 4

    def weighted_auc(weight):
        wins = pairs = 0.0
        for i in np.flatnonzero(y == 1):
            for j in np.flatnonzero((y == 0) & (fold == fold[i])):
                both = weight[patient[i]] * weight[patient[j]]
                wins += both * ((a[i] > a[j]) + 0.5 * (a[i] == a[j]))
                pairs += both
        return wins / pairs

    step = 1e-5
    slopes = np.array([(weighted_auc(1 + step * e) - weighted_auc(1 - step * e)) / (2 * step) for e in np.eye(12)])
    # Six patients with positives only and six with negatives only: both factors are 6 / 5.
    value, variance = auc_variance(y, a, patient, block=fold)
    assert_allclose(value, weighted_auc(np.ones(12)), rtol=1e-12)
    assert_allclose(variance, 6 / 5 * slopes @ slopes, rtol=1e-7)


def test_labels_of_blocks_may_be_used_again_in_another_repeat():
    y, a, b, patient = scores(8)
    repeat, fold = np.repeat([0, 1], len(y)), folds(patient, repeats=2, n_folds=3, seed=3)
    both = [np.tile(x, 2) for x in (y, a, b, patient)]
    assert auc_test(*both, block=fold, repeat=repeat) == auc_test(*both, block=fold + 7 * repeat, repeat=repeat)


def test_it_is_antisymmetric_and_a_score_equals_itself():
    y, a, b, patient = scores(9)
    one, turned = auc_test(y, a, b, patient), auc_test(y, b, a, patient)
    assert_allclose([one.difference, one.standard_error, one.p_value],
                    [-turned.difference, turned.standard_error, turned.p_value], rtol=1e-12)  # fmt: skip
    assert auc_test(y, a, np.exp(a), patient).p_value == 1
    perfect = auc_test(y, y.astype(float), -y.astype(float), patient)
    assert perfect.difference == 1 and perfect.standard_error == 0 and math.isnan(perfect.p_value)


def test_a_fold_of_one_class_adds_nothing():
    y, a, b, patient = scores(10)
    lone = np.append(y, [1, 1]), np.append(a, [9.0, 8]), np.append(b, [0.0, 1]), np.append(patient, [50, 51])
    block = np.append(np.zeros(len(y), int), [1, 1])
    assert auc_test(*lone, block=block) == auc_test(y, a, b, patient)


def test_too_few_patients_are_refused():
    with pytest.raises(ValueError, match="1 patients have a positive and 2 a negative"):
        auc_variance(np.array([0, 1, 0]), np.array([0.1, 0.2, 0.3]), np.array([0, 1, 2]))
    with pytest.raises(ValueError, match="must meet in some block"):
        auc_variance(np.array([0, 1, 0, 1]), np.arange(4.0), np.arange(4), block=np.arange(4))

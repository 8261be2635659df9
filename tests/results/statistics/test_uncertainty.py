"""Intervals and tests of cross-validated scores against closed forms, SciPy and loops over patients and repeats."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.special import expit, logit
from sklearn.metrics import roc_auc_score

from results.statistics.bootstrap import PatientBootstrap, PredictedRows
from results.statistics.evaluate import evaluate
from results.statistics.metrics import METRICS
from results.statistics.uncertainty import difference, factor, interval, standard_error, widened


def study(n_patients=30, *, folds=5, repeats=1, ratio=None, samples=2, seed=0, y=None):
    """Patients with some samples each, in other folds in each repeat."""
    random = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n_patients), samples)
    labels = random.integers(0, 2, len(patient)) if y is None else np.repeat(y, samples)
    fold = np.concatenate([(random.permutation(n_patients) % folds)[patient] for _ in range(repeats)])
    repeat = np.repeat(np.arange(repeats), len(patient))
    return PredictedRows(np.tile(patient, repeats), repeat, fold, np.tile(labels, repeats), 2, ratio=ratio)


def predicted(rows, *, signal=1.0, seed=1):
    score = expit(signal * (2 * rows.y - 1) + np.random.default_rng(seed).normal(size=len(rows.y)))
    return np.stack([1 - score, score], axis=1)


def value_of(metric, rows, P):
    return evaluate(metric, rows.y, P, repeat=rows.repeat, fold=rows.fold).value


@pytest.mark.parametrize(
    ("folds", "repeats", "ratio", "of_pairs", "of_values"),
    [
        (5, 5, None, 1 / 5 + 5 / 4, 1 + 5 / 4),  # 1.45
        (5, 1, None, 1 + 5 / 4, 1 + 5 / 4),
        (5, 10, None, 1 / 5 + 5 / 4, 1 + 5 / 4),  # no more than five repeats count
        (10, 3, None, 1 / 3 + 10 / 9, 1 + 10 / 9),
        (1, 1, 0.25, 1 + 0.25, 1 + 0.25),  # an official split, a test part of a fourth of the training part
        (1, 1, 0.0, 1, 1),  # fitted elsewhere
        (1, 1, None, 1, 1),
    ],
)
def test_the_factor_is_one_over_repeats_plus_folds_times_test_over_train(folds, repeats, ratio, of_pairs, of_values):
    rows = study(40, folds=folds, repeats=repeats, ratio=ratio)
    for name in ("auc", "average_precision"):
        assert_allclose(factor(METRICS[name], rows), of_pairs, rtol=1e-12)
    for name in ("accuracy", "log_loss", "f1"):
        assert_allclose(factor(METRICS[name], rows), of_values, rtol=1e-12)


@pytest.mark.parametrize(("repeats", "counted"), [(1, 1), (2, 2), (5, 2)])
def test_with_more_than_two_classes_at_most_two_repeats_count(repeats, counted):
    rows = study(40, repeats=repeats, y=np.arange(40) % 3)
    several = PredictedRows(rows.patient, rows.repeat, rows.fold, rows.y, 3)
    assert_allclose(factor(METRICS["auc"], several), 1 / counted + 5 / 4, rtol=1e-12)
    assert_allclose(factor(METRICS["accuracy"], several), 1 + 5 / 4, rtol=1e-12)


def slow_auc(rows, P, counts, r):
    """The AUC of a repeat fold by fold, weighted by pairs, of rows that are really copied."""
    values, pairs = [], []
    for f in range(rows.fold.max() + 1):
        at = [
            i
            for i in np.flatnonzero((rows.repeat == r) & (rows.fold == f))
            for _ in range(int(counts[rows.patient[i]]))
        ]
        positives = int(rows.y[at].sum())
        if 0 < positives < len(at):
            values.append(roc_auc_score(rows.y[at], P[at, 1]))
            pairs.append(positives * (len(at) - positives))
    return np.average(values, weights=pairs)


def slow_accuracy(rows, P, counts, r):
    right = size = 0
    for i in np.flatnonzero(rows.repeat == r):
        right += counts[rows.patient[i]] * (P[i].argmax() == rows.y[i])
        size += counts[rows.patient[i]]
    return right / size


@pytest.mark.parametrize(("name", "slow", "repeats"), [("auc", slow_auc, 2), ("accuracy", slow_accuracy, 1)])
def test_the_standard_error_is_that_of_a_loop_over_patients_and_repeats(name, slow, repeats):
    rows = study(24, folds=3, repeats=2, samples=3)
    P, bootstrap, metric = predicted(rows), PatientBootstrap(24, resamples=40), METRICS[name]
    draws = bootstrap.by_repeat(metric, rows, P)
    variances = [np.var([slow(rows, P, counts, r) for counts in bootstrap.counts], ddof=1) for r in (0, 1)]
    expected = math.sqrt(np.mean(variances) * (1 / repeats + 3 * 1 / 2) * 24 / 23)
    assert_allclose(standard_error(metric, rows, draws), expected, rtol=1e-9)


def test_repeats_beyond_their_number_do_not_shrink_the_error_of_a_mean_over_patients():
    """Accuracy of models fitted elsewhere: the error is that of a mean over patients, s / sqrt(n)."""
    rows = study(50, folds=1, ratio=0.0, samples=1)
    P = predicted(rows)
    right = (P.argmax(axis=1) == rows.y).astype(float)
    draws = PatientBootstrap(50, resamples=20_000).by_repeat(METRICS["accuracy"], rows, P)
    assert_allclose(standard_error(METRICS["accuracy"], rows, draws), stats.sem(right), rtol=0.02)


def test_the_interval_of_a_share_is_students_on_the_logit_scale():
    rows, reach = study(30), stats.t.ppf(0.975, 29)
    expected = expit(logit(0.8) + np.array([-1, 1]) * reach * 0.05 / (0.8 * 0.2))
    assert_allclose(interval(METRICS["auc"], rows, 0.8, 0.05), expected, rtol=1e-10)
    narrower = expit(logit(0.8) + np.array([-1, 1]) * stats.t.ppf(0.95, 29) * 0.05 / (0.8 * 0.2))
    assert_allclose(interval(METRICS["auc"], rows, 0.8, 0.05, level=0.9), narrower, rtol=1e-10)


def test_from_minus_one_to_one_the_scale_is_fishers():
    """The logit between -1 and 1 is twice the inverse hyperbolic tangent."""
    rows, reach = study(30), stats.t.ppf(0.975, 29)
    expected = np.tanh(np.arctanh(0.3) + np.array([-1, 1]) * reach * 0.1 / (1 - 0.3**2))
    for name in ("mcc", "kappa"):
        assert_allclose(interval(METRICS[name], rows, 0.3, 0.1), expected, rtol=1e-10)


def test_a_loss_without_a_highest_value_has_an_interval_on_the_log_scale():
    rows, reach = study(30), stats.t.ppf(0.975, 29)
    expected = 0.6 * np.exp(np.array([-1, 1]) * reach * 0.2 / 0.6)
    for name in ("log_loss", "mae"):
        assert_allclose(interval(METRICS[name], rows, 0.6, 0.2), expected, rtol=1e-10)


def test_a_difference_has_students_interval_and_p():
    rows = study(40, repeats=2)
    draws = np.random.default_rng(3).normal(0.04, 0.03, (2, 400))
    found = difference(METRICS["auc"], rows, 0.04, draws)
    error = math.sqrt(draws.var(axis=1, ddof=1).mean() * (1 / 2 + 5 / 4) * 40 / 39)
    student = stats.t(39, loc=0.04, scale=error)
    assert_allclose([found.value, found.error], [0.04, error], rtol=1e-12)
    assert_allclose([found.low, found.high], student.interval(0.95), rtol=1e-9)
    assert_allclose(found.p_value, 2 * stats.t.sf(0.04 / error, 39), rtol=1e-9)


def test_p_is_below_5_percent_just_where_the_interval_does_not_hold_0():
    random, seen = np.random.default_rng(4), set()
    rows = study(25)
    for value in np.linspace(-0.15, 0.15, 61):
        found = difference(METRICS["auc"], rows, value, value + random.normal(0, 0.025, (1, 200)))
        apart = found.low > 0 or found.high < 0
        assert (found.p_value < 0.05) == apart
        seen.add(apart)
    assert seen == {True, False}


@pytest.mark.parametrize("repeats", [1, 3])
def test_a_perfect_accuracy_has_the_lower_end_of_clopper_and_pearson(repeats):
    """Of 24 patients none has an error; the correction divides their number by 1 + folds x test / train."""
    rows = study(24, folds=4, repeats=repeats)
    P, metric = np.eye(2)[rows.y], METRICS["accuracy"]
    draws = PatientBootstrap(24, resamples=100).by_repeat(metric, rows, P)
    found = interval(metric, rows, 1.0, standard_error(metric, rows, draws))
    assert_allclose(found, [0.025 ** ((1 + 4 / 3) / 24), 1], rtol=1e-12)


def test_a_perfect_accuracy_of_models_fitted_elsewhere_has_the_exact_interval():
    rows = study(24, folds=1, ratio=0.0, samples=1)
    draws = PatientBootstrap(24, resamples=100).by_repeat(METRICS["accuracy"], rows, np.eye(2)[rows.y])
    found = interval(METRICS["accuracy"], rows, 1.0, standard_error(METRICS["accuracy"], rows, draws))
    exact = stats.binomtest(24, 24).proportion_ci(0.95, method="exact")
    assert_allclose(found, [exact.low, exact.high], rtol=1e-9)


def test_a_perfect_auc_goes_by_the_class_in_the_fewest_patients_and_a_mean_over_classes_by_each():
    y = (np.arange(24) < 7).astype(int)
    rows = study(24, folds=3, repeats=2, y=y)
    P, ends = np.eye(2)[rows.y], {}
    for name in ("auc", "balanced_accuracy"):
        draws = PatientBootstrap(24, resamples=300).by_repeat(METRICS[name], rows, P)
        ends[name] = interval(METRICS[name], rows, 1.0, standard_error(METRICS[name], rows, draws))
        turned = PatientBootstrap(24, resamples=300).by_repeat(METRICS[name], rows, 1 - P)
        worst = interval(METRICS[name], rows, 0.0, standard_error(METRICS[name], rows, turned))
        assert_allclose(worst, 1 - np.array(ends[name])[::-1], rtol=1e-9)
    assert_allclose(ends["auc"], [0.025 ** ((1 / 2 + 3 / 2) / 7), 1], rtol=1e-12)
    classes = [0.025 ** ((1 + 3 / 2) / n) for n in (7, 17)]
    assert_allclose(ends["balanced_accuracy"], [np.mean(classes), 1], rtol=1e-12)


@pytest.mark.parametrize("name", [m for m in METRICS if not METRICS[m].ordinal and "within" not in m])
@pytest.mark.parametrize("kind", ["constant", "perfect", "wrong", "good"])
def test_no_interval_has_no_width(name, kind):
    """A constant AUC of .5 has none; what has one reaches to both sides, or from the end of the range."""
    rows, metric = study(20, folds=2, samples=2), METRICS[name]
    P = {
        "constant": np.tile([0.6, 0.4], (len(rows.y), 1)),
        "perfect": np.eye(2)[rows.y],
        "wrong": np.eye(2)[1 - rows.y],
        "good": predicted(rows),
    }[kind]
    value = value_of(metric, rows, P)
    draws = PatientBootstrap(20, resamples=200).by_repeat(metric, rows, P)
    low, high = interval(metric, rows, value, standard_error(metric, rows, draws))
    assert (math.isnan(low) and math.isnan(high)) or low <= value <= high
    assert not high - low <= 1e-9
    if name == "auc" and kind == "constant":
        assert value == 0.5 and math.isnan(low)
    if kind == "good":
        assert low < value < high
        assert metric.lowest <= low and high <= metric.highest


def test_below_ten_patients_there_is_no_error_and_no_interval():
    for n, known in ((9, False), (10, True)):
        rows = study(n, folds=2, samples=4)
        P, metric = predicted(rows), METRICS["auc"]
        draws = PatientBootstrap(n, resamples=200).by_repeat(metric, rows, P)
        error = standard_error(metric, rows, draws)
        assert math.isfinite(error) == known
        assert np.isfinite(interval(metric, rows, 0.7, error)).all() == known
        found = difference(metric, rows, 0.1, draws)
        assert np.isfinite([found.low, found.high, found.p_value]).all() == known


def test_draws_that_lack_a_class_are_left_out_of_the_error():
    """A class in 2 of 20 patients lacks in (1 - 2 / 20)^20 = 12 % of the draws."""
    rows = study(20, folds=1, ratio=0.0, samples=1, y=(np.arange(20) < 2).astype(int))
    P, bootstrap = predicted(rows, signal=0), PatientBootstrap(20, resamples=500)
    draws = bootstrap.by_repeat(METRICS["auc"], rows, P)
    lacking = bootstrap.counts[:, :2].sum(axis=1) == 0
    share = 0.9**20
    assert abs(lacking.mean() - share) < 4 * math.sqrt(share * (1 - share) / 500)
    values = [slow_auc(rows, P, counts, 0) for counts in bootstrap.counts[~lacking]]
    expected = np.std(values, ddof=1) * math.sqrt(20 / 19)
    assert expected > 0.01
    assert_allclose(standard_error(METRICS["auc"], rows, draws), expected, rtol=1e-9)


def test_if_half_of_the_draws_are_undefined_there_is_no_error():
    rows = study(20)
    draws = np.random.default_rng(0).normal(size=(1, 100))
    draws[0, :50] = np.nan
    expected = math.sqrt(draws[0, 50:].var(ddof=1) * (1 + 5 / 4) * 20 / 19)
    assert_allclose(standard_error(METRICS["auc"], rows, draws), expected, rtol=1e-12)
    draws[0, 50] = np.nan
    assert math.isnan(standard_error(METRICS["auc"], rows, draws))
    assert math.isnan(standard_error(METRICS["auc"], rows, np.empty((1, 0))))


def test_equal_cells_have_p_1_and_no_interval_and_a_perfect_score_differs_from_a_constant_by_its_exact_end():
    rows = study(20)
    same = difference(METRICS["auc"], rows, 0.0, np.zeros((1, 100)))
    assert (same.error, same.p_value) == (0, 1)
    assert np.isnan([same.low, same.high]).all()
    apart = difference(METRICS["auc"], rows, 0.5, np.full((1, 100), 0.5))
    carriers = min(len(np.unique(rows.patient[rows.y == k])) for k in (0, 1))
    reach = 1 - 0.025 ** (factor(METRICS["auc"], rows) / carriers)
    assert_allclose([apart.low, apart.high], [0.5 - reach, 0.5 + reach])
    freedom = len(np.unique(rows.patient)) - 1
    assert_allclose(apart.p_value, 2 * stats.t.sf(0.5 / (reach / stats.t.ppf(0.975, freedom)), freedom))
    assert np.isnan(difference(METRICS["log_loss"], rows, 0.2, np.full((1, 100), 0.2)).p_value)


def test_widened_draws_have_the_value_as_their_mean_and_the_error_as_their_spread():
    draws = np.append(np.random.default_rng(0).normal(3, 2, 50), np.nan)
    found = widened(draws, 0.7, 0.1)
    assert_allclose([np.nanmean(found), np.nanstd(found, ddof=1)], [0.7, 0.1], rtol=1e-12)
    assert_allclose(np.argsort(found[:-1]), np.argsort(draws[:-1]))
    assert_allclose(widened(draws, 0.7, math.nan), draws)


def test_a_score_just_below_perfect_reaches_no_farther_than_a_perfect_one():
    """With the logit alone its lower end would be far below that of a perfect score on the same patients."""
    rows = study(24)
    metric = METRICS["auc"]
    carriers = min(len(np.unique(rows.patient[rows.y == k])) for k in (0, 1))
    exact = 1 - 0.025 ** (factor(metric, rows) / carriers)
    low, high = interval(metric, rows, 0.9995, 0.002)
    alone = expit(logit(0.9995) - stats.t.ppf(0.975, 23) * 0.002 / (0.9995 * 0.0005))
    assert alone < 0.5 < low
    assert_allclose(low, 0.9995 - exact)
    assert 0.9995 < high < 1

"""The cells that may be the best, against double loops in steps, and on simulated tables."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import stats

from results.statistics.best_set import best_set
from results.statistics.bootstrap import PatientBootstrap, PredictedRows
from results.statistics.metrics import METRICS

AUC, LOSS = METRICS["auc"], METRICS["log_loss"]


def rows(n=40, *, folds=1, repeats=1, ratio=0.0):
    patient = np.tile(np.arange(n), repeats)
    return PredictedRows(patient, np.repeat(np.arange(repeats), n), patient % folds, patient % 2, 2, ratio=ratio)


def drawn(seed, *, C=6, R=2, B=80, spread=1.5):
    """Values of cells and draws around them that move together in part, in each of R repeats."""
    random = np.random.default_rng(seed)
    values = 0.7 + spread * 0.02 * random.normal(size=C)
    noise = 0.6 * random.normal(size=(1, R, B)) + random.normal(size=(C, R, B)) * random.uniform(0.3, 1.2, (C, 1, 1))
    return values, values[:, None, None] + 0.01 * noise


def by_loops(values, draws, n, factor, level, *, lower_is_better=False):
    """All pairs, step-down, one pair and one resample at a time; the distance in draws is given Student's tails."""
    C, R, B = draws.shape
    sign = -1 if lower_is_better else 1
    values, draws = sign * values, sign * draws

    def behind(i, j):
        """How far cell i is below cell j in standard errors, and in each resample beyond that."""
        variance = np.mean([np.var([draws[j, r, b] - draws[i, r, b] for b in range(B)], ddof=1) for r in range(R)])
        means = [np.mean([draws[j, r, b] - draws[i, r, b] for r in range(R)]) for b in range(B)]
        excess = [(m - (values[j] - values[i])) / np.std(means, ddof=1) for m in means]
        return (values[j] - values[i]) / np.sqrt(variance * factor * n / (n - 1)), excess

    pairs = {(i, j): behind(i, j) for i in range(C) for j in range(C) if i != j}
    kept = set(range(C))
    while True:
        largest = sorted(max(max(pairs[i, j][1][b] for j in range(C) if j != i) for i in kept) for b in range(B))
        critical = next(c for k, c in enumerate(largest) if k + 1 > (1 - level) * (B - 1))
        worse = set()
        for i in kept:
            t = max(pairs[i, j][0] for j in range(C) if j != i)
            if t > 0 and t > stats.t.isf(stats.norm.sf(critical), n - 1):
                worse.add(i)
        if not worse:
            return [i in kept for i in range(C)]
        kept -= worse


@pytest.mark.parametrize("level", [0.05, 0.2])
@pytest.mark.parametrize("lower_is_better", [False, True])
def test_equals_the_procedure_in_loops(lower_is_better, level):
    sizes = set()
    for seed in range(6):
        values, draws = drawn(seed)
        metric, factor = (LOSS, 1 + 4 / 3) if lower_is_better else (AUC, 1 / 2 + 4 / 3)
        found = best_set(metric, rows(folds=4, repeats=2, ratio=1 / 3), values, draws, level=level)
        assert_array_equal(found, by_loops(values, draws, 40, factor, level, lower_is_better=lower_is_better))
        sizes.add(int(found.sum()))
    assert len(sizes) > 1


def test_a_second_step_excludes_what_the_first_did_not():
    """Of 10 cells that vary alike the first threshold is Tukey's, 3.16; two remain, for which 2.95 is enough."""
    n = 5000
    first = stats.studentized_range.ppf(0.95, 10, np.inf) / np.sqrt(2)
    noise = np.random.default_rng(1).normal(size=(20_000, 10))
    second = np.quantile(noise.max(axis=1) - noise[:, :2].min(axis=1), 0.95) / np.sqrt(2)
    assert second + 0.05 < 2.95 < first - 0.05
    values = np.array([0.8, 0.8 - 2.95 * 0.01 * np.sqrt(2), *[0.5] * 8])
    noise = np.random.default_rng(0).normal(size=(10, 1, 20_000))
    noise = (noise - noise.mean(axis=2, keepdims=True)) / noise.std(axis=2, keepdims=True)
    noise[1] -= noise[0] * (noise[0] * noise[1]).mean()
    draws = values[:, None, None] + 0.01 * noise / noise.std(axis=2, keepdims=True)
    assert_array_equal(best_set(AUC, rows(n), values, draws), [True, *[False] * 9])
    values[2:], draws[2:] = values[2:] + 0.3, draws[2:] + 0.3  # now all ten remain
    assert_array_equal(best_set(AUC, rows(n), values, draws), [True] * 10)


def test_identical_cells_are_all_in():
    values, draws = drawn(0, C=1)
    same = np.repeat(values, 5), np.repeat(draws, 5, axis=0)
    assert best_set(AUC, rows(), *same).all()
    noise = np.random.default_rng(0).normal(size=(2, 2, 80))[[0, 1, 1]]
    values = np.array([0.7, 0.9, 0.9])
    assert_array_equal(best_set(AUC, rows(), values, values[:, None, None] + 0.01 * noise), [False, True, True])


def test_a_clearly_worse_cell_is_out_and_which_is_worse_depends_on_the_metric():
    values = np.array([0.70, 0.69, 0.40])
    draws = values[:, None, None] + 0.02 * np.random.default_rng(0).normal(size=(3, 1, 300))
    assert_array_equal(best_set(AUC, rows(), values, draws), [True, True, False])
    assert_array_equal(best_set(LOSS, rows(), values, draws), [False, False, True])


def test_the_order_of_cells_does_not_matter():
    values, draws = drawn(3, spread=3)
    order = np.array([4, 2, 0, 5, 1, 3])
    found = best_set(AUC, rows(), values, draws)
    assert not found.all()
    assert_array_equal(best_set(AUC, rows(), values[order], draws[order]), found[order])


def test_training_sets_widen_the_set():
    """Cells that vary alike: 1.96 standard errors exclude one; 2.5 over patients are 2.5 / 1.5 of procedures."""
    noise = np.random.default_rng(0).normal(size=(2, 1, 2000))
    values = np.array([0.8, 0.8 - 2.5 * 0.01 * np.sqrt(2)])
    draws = values[:, None, None] + 0.01 * noise
    assert_array_equal(best_set(AUC, rows(), values, draws), [True, False])
    assert best_set(AUC, rows(folds=5, ratio=None), values, draws).all()


def test_with_few_patients_or_draws_all_are_in():
    values, draws = np.array([0.9, 0.1]), np.array([0.9, 0.1])[:, None, None] + 0.01 * drawn(0, C=2)[1]
    assert_array_equal(best_set(AUC, rows(10), values, draws), [True, False])
    assert best_set(AUC, rows(9), values, draws).all()
    lacking = draws.copy()
    lacking[0, 0, :41] = np.nan
    assert best_set(AUC, rows(10), values, lacking).all()
    assert best_set(AUC, rows(10), values, draws[:, :, :0]).all()
    assert best_set(AUC, rows(10), values[:1], draws[:1]).all()


def test_draws_that_lack_a_class_are_left_out():
    values, draws = drawn(4, spread=3)
    holed = draws.copy()
    holed[2, 1, ::5] = np.nan
    whole = np.isfinite(holed).all(axis=(0, 1))
    assert whole.sum() == 64
    assert_array_equal(best_set(AUC, rows(), values, holed), best_set(AUC, rows(), values, draws[:, :, whole]))


def test_among_equally_good_cells_an_exclusion_is_as_rare_as_promised():
    """Fixed predictions that are each right in 3 of 4 patients: a table with any exclusion is wrong."""
    n, C, tables = 60, 4, 300
    accuracy, random = METRICS["accuracy"], np.random.default_rng(0)
    truth = rows(n)
    wrong = 0
    for table in range(tables):
        shared, own = random.random(n) < 0.75, random.random((C, n)) < 0.75
        right = np.where(random.random((C, n)) < 0.5, shared, own)
        cells = [np.eye(2)[np.where(one, truth.y, 1 - truth.y)] for one in right]
        bootstrap = PatientBootstrap(n, resamples=200, seed=table)
        draws = np.stack([bootstrap.by_repeat(accuracy, truth, P) for P in cells])
        wrong += not best_set(accuracy, truth, right.mean(axis=1), draws).all()
    assert 0 < wrong / tables < 0.05 + 3 * np.sqrt(0.05 * 0.95 / tables)

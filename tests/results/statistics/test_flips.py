"""Label noise against enumeration of every flip and closed forms."""

from itertools import combinations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import roc_auc_score

from results.statistics.evaluate import evaluate
from results.statistics.flips import flip, flipped_labels, scores_of_labels
from results.statistics.metrics import METRICS
from results.statistics.metrics.accuracy import METRIC as ACCURACY
from results.statistics.metrics.auc import METRIC as AUC


def flipped_scores(metric, y, P, *, sample, repeat, fold, within=None, **how):
    """The scores of a cell, each time with other labels flipped."""
    _, first, place = np.unique(sample, return_index=True, return_inverse=True)
    labels = flipped_labels(y[first], P.shape[1], **how)[:, place]
    return scores_of_labels(metric, labels, P, repeat=repeat, fold=fold, within=within)


@pytest.fixture
def cell():
    """12 samples of 2 classes in one fold."""
    random = np.random.default_rng(0)
    y = np.arange(12) % 2
    p = np.clip(0.35 + 0.3 * y + random.normal(0, 0.15, 12), 0.01, 0.99)
    return {
        "y": y,
        "P": np.column_stack([1 - p, p]),
        "sample": np.arange(12),
        "repeat": np.zeros(12, dtype=int),
        "fold": np.zeros(12, dtype=int),
    }


def test_the_mean_auc_is_that_over_every_flip(cell):
    values = []
    for pair in combinations(range(12), 2):
        y = cell["y"].copy()
        y[list(pair)] = 1 - y[list(pair)]
        values.append(roc_auc_score(y, cell["P"][:, 1]))
    found = flipped_scores(AUC, **cell, rate=2 / 12, times=3000, seed=1)
    assert_allclose(found.mean(), np.mean(values), atol=4 * np.std(values) / np.sqrt(3000))
    assert_allclose([found.min(), found.max()], [min(values), max(values)])


def test_accuracy_falls_as_it_must(cell):
    right = (cell["P"].argmax(axis=1) == cell["y"]).mean()
    found = flipped_scores(ACCURACY, **cell, rate=0.25, times=3000)
    assert_allclose(found.mean(), right * 0.75 + (1 - right) * 0.25, atol=0.01)
    assert_allclose(flipped_scores(ACCURACY, **cell, rate=1.0, times=3), 1 - right)


@pytest.mark.parametrize("name", ["auc", "log_loss", "f1"])
def test_no_noise_changes_nothing(cell, name):
    assert_allclose(flipped_scores(METRICS[name], **cell, rate=0.0, times=3), METRICS[name](cell["y"], cell["P"]))


def test_a_seed_repeats_itself(cell):
    assert_array_equal(*(flipped_scores(AUC, **cell, rate=0.2, times=20, seed=5) for _ in range(2)))
    assert (
        flipped_scores(AUC, **cell, rate=0.2, times=20, seed=6) != flipped_scores(AUC, **cell, rate=0.2, times=20)
    ).any()


def test_a_sample_has_one_label_in_all_repeats(cell):
    twice = {name: np.concatenate([values, values]) for name, values in cell.items()}
    twice["repeat"] = np.repeat([0, 1], 12)
    assert_allclose(flipped_scores(AUC, **twice, rate=0.2, times=20), flipped_scores(AUC, **cell, rate=0.2, times=20))


@pytest.mark.parametrize("ordinal", [False, True])
def test_the_number_of_flips_is_the_one_requested_and_classes_are_allowed_ones(ordinal):
    y = np.repeat([0, 1, 2, 3], 500)
    new = flip(y, 4, rate=0.3, random=np.random.default_rng(0), ordinal=ordinal)
    moved = new != y
    assert moved.sum() == 600
    assert_array_equal(np.unique(new), [0, 1, 2, 3])
    if ordinal:
        assert_array_equal(np.abs(new - y)[moved], 1)
    share = np.bincount(new[moved & (y == 1)], minlength=4) / (moved & (y == 1)).sum()
    assert_allclose(share, [0.5, 0, 0.5, 0] if ordinal else [1 / 3, 0, 1 / 3, 1 / 3], atol=0.15)


@pytest.mark.parametrize(("rate", "n_classes"), [(-0.1, 2), (5, 2), (0.05, 1)])
def test_impossible_flips_are_an_error(rate, n_classes):
    with pytest.raises(ValueError, match="0 to 1"):
        flip(np.zeros(4, dtype=int), n_classes, rate=rate, random=np.random.default_rng(0))


def test_ordinal_flips_move_a_perfect_prediction_by_one_class_each():
    y = np.repeat([0, 1, 2, 3], 10)
    rows = {"sample": np.arange(40), "repeat": np.zeros(40, dtype=int), "fold": np.zeros(40, dtype=int)}
    found = flipped_scores(METRICS["mae"], y, np.eye(4)[y], **rows, rate=0.25, times=10, ordinal=True)
    assert_allclose(found, 0.25)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", METRICS)
def test_scores_of_labels_are_those_of_each_labelling_by_itself(name, n_classes):
    random = np.random.default_rng(3)
    repeat, fold, within = np.repeat([0, 1], 30), random.integers(0, 3, 60), random.integers(0, 2, 60)
    P = np.round(random.dirichlet(np.ones(n_classes), 60), 1) + 0.01
    P /= P.sum(axis=1, keepdims=True)
    labels = random.integers(0, n_classes, (6, 60))
    labels[0, (fold == 1) & (repeat == 0)] = 0  # a fold of one class
    about = {"repeat": repeat, "fold": fold, "within": within}
    expected = [evaluate(METRICS[name], y, P, **about).value for y in labels]
    assert_allclose(scores_of_labels(METRICS[name], labels, P, **about), expected, atol=1e-12)


def test_labels_of_one_class_have_no_auc():
    P = np.full((4, 2), 0.5)
    found = scores_of_labels(AUC, np.zeros((2, 4), int), P, repeat=np.zeros(4, int), fold=np.zeros(4, int))
    assert np.isnan(found).all()

"""RSNA's score against hand-made cases, scikit-learn and closed forms of the real class counts."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import log_loss

from data.rsna_challenge.metric import CONDITIONS, rsna_log_loss

SPINAL, FORAMINAL, SUBARTICULAR = CONDITIONS
COUNTS = {  # normal, moderate, severe in the real train.csv, both sides together
    SPINAL: (8664, 736, 470),
    FORAMINAL: (7672 + 7685, 1794 + 1770, 399 + 380),
    SUBARTICULAR: (6864 + 6869, 1835 + 1825, 913 + 927),
}
WEIGHTS = np.array([1, 2, 4])


def random_predictions(*, studies=30, seed=0):
    rng = np.random.default_rng(seed)
    study = np.repeat(np.arange(studies), 25).astype(str)
    condition = np.tile(np.repeat([SPINAL, FORAMINAL, SUBARTICULAR], [5, 10, 10]), studies)
    kept = rng.random(len(study)) < 0.9
    y = rng.choice(3, size=len(study), p=[0.7, 0.2, 0.1])
    p = rng.dirichlet([3, 2, 1], size=len(study))
    return study[kept], condition[kept], y[kept], p[kept]


def by_the_book(study, condition, y, p):
    """The published metric, term by term through scikit-learn."""
    weight = WEIGHTS[y]
    terms = [
        log_loss(y[condition == c], p[condition == c], sample_weight=weight[condition == c], labels=[0, 1, 2])
        for c in CONDITIONS
    ]
    canal = condition == SPINAL
    any_severe = []
    for one in np.unique(study[canal]):
        rows = canal & (study == one)
        any_severe.append(((y[rows] == 2).any(), p[rows, 2].max(), weight[rows].max()))
    label, probability, heaviest = np.array(any_severe).T
    terms.append(log_loss(label, probability, sample_weight=heaviest, labels=[0, 1]))
    return terms


def test_equals_scikit_learn():
    study, condition, y, p = random_predictions()
    scores = rsna_log_loss(study, condition, y, p)
    terms = by_the_book(study, condition, y, p)
    assert list(scores) == ["rsna_log_loss", *CONDITIONS.values(), "rsna_any_severe_spinal"]
    assert_allclose([v.item() for v in scores.values()], [np.mean(terms), *terms])


def test_by_hand():
    """Two studies with two canal levels each, and a sample of every other condition."""
    study = np.array(["a", "a", "b", "b", "a", "b"])
    condition = np.array([SPINAL] * 4 + [FORAMINAL, SUBARTICULAR])
    y = np.array([0, 2, 1, 0, 0, 2])
    p = np.array(
        [[0.5, 0.25, 0.25], [0.25, 0.25, 0.5], [0.5, 0.25, 0.25], [1, 0, 0], [0.25, 0.25, 0.5], [0.5, 0.375, 0.125]]
    )
    half, quarter = np.log(2), np.log(4)
    spinal = (1 * half + 4 * half + 2 * quarter + 1 * 0) / 8
    any_severe = (4 * half + 2 * np.log(4 / 3)) / 6
    scores = rsna_log_loss(study, condition, y, p)
    assert_allclose(scores["rsna_spinal"], [spinal], atol=1e-15)
    assert_allclose(scores["rsna_foraminal"], [quarter])
    assert_allclose(scores["rsna_subarticular"], [np.log(8)])
    assert_allclose(scores["rsna_any_severe_spinal"], [any_severe])
    assert_allclose(scores["rsna_log_loss"], [(spinal + quarter + np.log(8) + any_severe) / 4])


@pytest.mark.parametrize("prior", ["uniform", "raw", "weight-adjusted"])
def test_closed_forms_of_the_real_counts(prior):
    """For a constant prediction q, a condition's term is the cross entropy of the weighted class shares and q."""
    condition = np.repeat(list(COUNTS), [sum(counts) for counts in COUNTS.values()])
    y = np.concatenate([np.repeat([0, 1, 2], counts) for counts in COUNTS.values()])
    p, expected = np.empty((len(y), 3)), {}
    for name, counts in COUNTS.items():
        weighted = WEIGHTS * counts / (WEIGHTS @ counts)
        q = {"uniform": np.full(3, 1 / 3), "raw": np.array(counts) / sum(counts), "weight-adjusted": weighted}[prior]
        p[condition == name] = q
        expected[CONDITIONS[name]] = -weighted @ np.log(q)
    scores = rsna_log_loss(np.arange(len(y)).astype(str), condition, y, p)
    for name, value in expected.items():
        assert_allclose(scores[name], [value], err_msg=name)
    if prior == "uniform":
        assert_allclose(scores["rsna_spinal"], np.log(3))


def test_resampled_studies_are_studies_repeated():
    study, condition, y, p = random_predictions(studies=8)
    counts = np.random.default_rng(1).multinomial(8, np.full(8, 1 / 8), size=5)
    weights = counts[:, study.astype(int)].astype(float)
    scores = rsna_log_loss(study, condition, y, p, weights)
    for r, times in enumerate(counts):
        drawn = [(k, np.flatnonzero(study == str(k))) for k in range(8) for _ in range(times[k])]
        rows = np.concatenate([rows for _, rows in drawn])
        copy = np.concatenate([np.full(len(rows), f"{i}", dtype="U8") for i, (_, rows) in enumerate(drawn)])
        once = rsna_log_loss(copy, condition[rows], y[rows], p[rows])
        for name, values in scores.items():
            assert values.shape == (5,)
            assert_allclose(values[r], once[name][0])


def test_rows_are_normalised_and_clipped():
    study, condition, y, p = random_predictions(studies=3)
    assert_allclose(
        rsna_log_loss(study, condition, y, 7 * p)["rsna_log_loss"],
        rsna_log_loss(study, condition, y, p)["rsna_log_loss"],
    )
    wrong = np.eye(3)[(y + 1) % 3]
    assert_allclose(rsna_log_loss(study, condition, y, wrong)["rsna_foraminal"], -np.log(np.finfo(float).eps))


def test_there_is_no_score_without_all_conditions():
    study, condition, y, p = random_predictions(studies=3)
    kept = condition != FORAMINAL
    assert rsna_log_loss(study[kept], condition[kept], y[kept], p[kept]) == {}

"""The simulation of average precision measures what it claims."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from results.statistics.bootstrap import PatientBootstrap, PredictedRows
from tests.studies import simulate_precision as simulated

STUDY = simulated.Study(40, 7, 0.09, 0.75)


def test_tied_copies_are_those_of_scikit_learn():
    random = np.random.default_rng(0)
    patient, y, score = np.repeat(np.arange(40), 3), np.tile([0, 0, 1, 0, 1], 24), random.normal(size=120)
    fold = patient % 5
    rows = PredictedRows(patient, np.zeros(120, int), fold, y, 2)
    counts = PatientBootstrap(40, resamples=3).counts
    for drawn, found in zip(counts[:, patient], simulated.copies_tied(counts, rows, score), strict=True):
        parts = []
        for f in range(5):
            truth, weight = y[fold == f], drawn[fold == f]
            events = weight @ truth
            value = average_precision_score(truth, score[fold == f], sample_weight=weight)
            parts.append((value, events * (weight.sum() - events)))
        values, pairs = zip(*parts, strict=True)
        assert found == pytest.approx(np.average(values, weights=pairs))


def test_the_average_precision_of_many_is_that_of_many():
    random = np.random.default_rng(1)
    many = simulated.Study(30_000, 7, STUDY.events, STUDY.auc)
    rows, P = simulated._drawn(random, many)
    assert average_precision_score(rows.y, P[:, 1]) == pytest.approx(simulated.true_average_precision(many), abs=0.008)


def test_copies_that_are_apart_have_less_bias_and_the_table_has_a_row_per_study():
    found = simulated.simulate(STUDY, 15)
    assert 0 < found["bias apart"].mean() < found["bias tied"].mean()
    drawn = simulated.table([(STUDY, found)]).splitlines()
    assert len(drawn) == 3 and drawn[2].count("|") == drawn[0].count("|")


def test_bias_correction_moves_the_ends_towards_the_value():
    draws = np.random.default_rng(2).normal(1, 1, 4000)
    assert simulated.bias_corrected(draws, 1.0) == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=0.1)
    assert simulated.bias_corrected(draws, 0.5)[1] < np.quantile(draws, 0.975) - 0.5

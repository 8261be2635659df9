"""Permutation importance: who lends values to whom, a second computation, and what the phantom shows narrowing by."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bench.models.explain import ExplainOptions, write_explanations
from bench.models.importance import donors
from results.interpretability.write_explanations import draw_explanations
from results.run_folder import read
from results.tables.presets.importance import importance as importance_sheets
from tests.bench.models.finished import finished, reopened


def test_patients_lend_values_as_a_whole():
    rng = np.random.default_rng(0)
    patients = np.repeat(["a", "b", "c", "d"], [1, 2, 3, 2])
    ages = np.repeat([50, 60, 70, 80], [1, 2, 3, 2])
    for _ in range(20):
        given = ages[donors(patients, None, rng)]
        assert all(len(set(given[patients == p])) == 1 for p in "abcd")
    places = np.array(["x", "y"] * 4)
    lent = donors(np.arange(8).astype(str), places, rng)
    assert (places[lent] == places).all() and sorted(lent) == list(range(8))


@pytest.fixture(scope="module")
def measured(phantom, tmp_path_factory):
    text = f"""
name: measured
data: {{spider: {{folder: {phantom}}}}}
targets: [narrowing]
sequences: [t2]
regions: [mask: {{slices: null, margin: 12.0}}]
encoders: [disc_geometry]
tables: [forest_onehot: {{trees: 5}}]
heads: [logistic]
protocol: {{folds: 2, seed: 1}}
"""
    return finished(text, tmp_path_factory.mktemp("measured"))


def test_importance_finds_what_the_phantom_shows_narrowing_by(measured):
    """The phantom narrows discs, so heights together matter; the scanner is drawn at random."""
    folder, store, keys = measured
    key = keys["t2 disc_geometry logistic"]
    options = ExplainOptions(methods=("importance",), permutations=5)
    to, _ = write_explanations(folder, key, options, store=store)
    (sheet,) = importance_sheets(read(folder))
    falls = {row.labels: row.scores[0].value for row in sheet.rows}
    heights = next(value for (name, kind), value in falls.items() if kind == "together" and "height_mean" in name)
    assert heights > 0.1 and heights > 2 * abs(falls["manufacturer", "column"])
    assert falls["all of disc_geometry", "block"] >= heights - 0.05
    by = {row.labels[0]: row.extras[0] for row in sheet.rows}
    assert by["age"] == "patients" and by["height_mean"] == "samples"
    assert any(
        note.startswith("Warning: ") and "permuted, the others still show the same" in note for note in sheet.notes
    )
    table = pd.read_csv(to / "importance.csv")
    assert set(table["adjustment"]) == {"over all samples", "within place"}
    assert "importance" in draw_explanations(folder, to)[-1].read_text()


def test_a_permuted_column_is_a_second_computation(measured):
    """A permuted measure is a permuted column of the head's matrix."""
    from sklearn.metrics import roc_auc_score

    from bench.models.importance import _Part, _permuted

    cell = reopened(measured, "t2 disc_geometry logistic")
    fold = cell.open(cell.fits[0])
    test = fold.fit.rows.test
    values = np.stack([fold.tokens[0][0].values[row, 0] for row in fold.tokens[0][0].rows])
    j = int(np.flatnonzero(~np.isnan(values).any(axis=0) & (values.std(axis=0) > 0))[0])  # measured in every disc
    given = np.random.default_rng(0).permutation(len(test))[None]
    P = _permuted(fold, [_Part("measure", "feature", 0, (0,), (j,))], given)[0]
    tokens = [[one.take(test) for one in each] for each in fold.tokens]
    X = fold.chain.inputs(fold.chain.fused(tokens, [None]), fold.columns(test.tolist()))[0][0].copy()
    X[:, j] = X[given[0], j]
    expected = fold.chain.heads.fits[0].predict_proba(X)
    assert_allclose(P, expected, atol=1e-5)
    assert roc_auc_score(cell.y[test], P[:, 1]) == pytest.approx(roc_auc_score(cell.y[test], expected[:, 1]))

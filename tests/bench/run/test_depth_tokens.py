"""Parts of the depth as tokens: every fusion reads them, and the run keeps which slices a weight belongs to."""

import numpy as np
import pandas as pd

from results.artifacts import read_artifacts
from results.figures.attention_over_slices import attention_over_slices
from results.run_folder import read

GRID = """
name: depths
data: {{rsna: {{folder: {folder}, clinical: [age, sex, weight]}}}}
targets: [neural_foraminal_narrowing: {{merge: {{Severe: Moderate}}}}]
sequences: [sagittal_t1 + sagittal_t2 + axial_t2]
regions: [point: {{size: [60.0, 60.0], slices: {slices}}}]
images: [grayscale]
encoders:
  - medicalnet: {{depth: 10, weights: random, size: [16, 24, 24], tokens: depth}}
fusion: [mean, concat, attention: {{epochs: 2, starts: 1}}, per_sequence: {{epochs: 2, starts: 1}}]
tables: [forest_onehot: {{trees: 5}}]
heads: [logistic]
protocol: {{folds: 2}}
"""


def test_every_fusion_reads_them_and_attention_names_the_slices_of_each_weight(go, rsna_phantom):
    outcome = go(GRID.format(folder=rsna_phantom, slices=3))
    assert not outcome.failures
    run = read(outcome.folder)
    assert len([cell for cell in run.cells if not cell.floor]) == 4
    left = [one for one in read_artifacts(run.folder) if "attention_slices" in one.files]
    assert len(left) == 2 * 2  # attention and per_sequence, in two folds
    for one in left:
        weights = np.load(one.files["attention_slices"][0])
        assert weights.shape == (len(pd.read_parquet(run.folder / "samples.parquet")), 3, 2)
        np.testing.assert_allclose(weights.sum(axis=2)[weights.any(axis=2)], 1, atol=1e-5)
        table = pd.read_csv(one.files["attention_positions"][0])
        assert table["sequence"].tolist() == np.repeat(one.sequences, 2).tolist()
        assert table[["slice_from", "slice_to"]].to_numpy().tolist() == [[1, 2], [2, 3]] * 3
    figure = attention_over_slices(run, "neural_foraminal_narrowing")
    panel = figure.axes[0]
    assert panel.get_xlabel() == "Part of the depth (slices)"
    assert [tick.get_text() for tick in panel.get_xticklabels()] == ["1-2", "2-3"]
    assert "looks beyond" in figure.caption


def test_there_may_be_more_parts_than_slices(go, rsna_phantom):
    outcome = go(
        GRID.format(folder=rsna_phantom, slices=1)
        .replace("mean, concat, ", "")
        .replace(", per_sequence: {epochs: 2, starts: 1}", "")
    )
    assert not outcome.failures
    (one, _) = (one for one in read_artifacts(outcome.folder) if "attention_slices" in one.files)
    table = pd.read_csv(one.files["attention_positions"][0])
    assert (table[["slice_from", "slice_to"]] == 1).all(axis=None)

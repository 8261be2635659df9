"""The grid of the models' tests, and what a model gives for studies."""

from bench.models.diagnose import grade

GRID = """
name: spines
data: {{rsna: {{folder: {folder}}}}}
targets: [{targets}]
sequences: [sagittal_t1 + sagittal_t2 + axial_t2]
regions: [{region}]
encoders: [raw_pixels: {{size: 6}}]
missing: [neighbours: {{k: 30}}]
fusion: [{fusion}]
tables: [forest_onehot]
heads: [{heads}]
protocol: {{folds: 2, seed: 1}}
"""


def probabilities(model, spines, studies):
    folders = [spines / "train_images" / study for study in studies]
    found = grade(model, folders, spines / "train_series_descriptions.csv", keep_names=True, device="cpu")
    return {one.study: one for one in found if not isinstance(one, Exception)}

"""The file of lowest levels: what it may hold, and what a grid and a region say about a wrong one."""

import pytest

from bench.grid.file import read_grid
from bench.grid.misfit import GridMisfitError
from bench.plan.plan import Plan
from bench.tasks.store import Store
from preprocessing.regions.localisation.anchors import AnchorError, check_levels, read_anchors
from preprocessing.regions.predicted import Predicted

GRID = """
name: anchored
data: {{rsna: {{folder: {folder}}}}}
targets: [spinal_canal_stenosis]
sequences: [sagittal_t2]
regions: [predicted: {{anchor: {anchor}}}]
encoders: [raw_pixels]
heads: [logistic]
protocol: {{folds: 2}}
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "anchors.csv"

    def write(text):
        path.write_text(text)
        return str(path)

    return write


def test_a_level_is_read_for_each_study(file):
    assert read_anchors(file("level,study,note\nL4/L5, 007 ,cut off\nL5/S1,8,\n")) == {"007": "L4/L5", "8": "L5/S1"}
    assert read_anchors("") == {}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("study,lowest\n1,L5/S1\n", "has the columns study, lowest: it must have study and level"),
        ("study,level\n1,L5/S1\n2,\n", "line 3: a study needs a name and its lowest level"),
        ("study,level\n1,L5/S1\n1,L4/L5\n", "study 1 has the levels L5/S1 and L4/L5: keep one"),
    ],
)
def test_a_wrong_file_is_refused(file, text, why):
    path = file(text)
    with pytest.raises(AnchorError, match=why):
        read_anchors(path)
    with pytest.raises(ValueError, match=why):
        Predicted(anchor=path).weights_digest()


def test_an_unknown_level_gets_the_nearest(file):
    path = file("study,level\n1,L5/S2\n")
    with pytest.raises(AnchorError, match=r"study 1 has the level 'L5/S2', .*: did you mean 'L5/S1'\?"):
        check_levels(path, read_anchors(path), {"L5/S1", "L1/L2"})


def test_a_missing_or_empty_file_and_regression_are_refused(file):
    with pytest.raises(AnchorError, match=r"anchor .* can't be read as a CSV file: No columns to parse"):
        read_anchors(str(file("")))
    with pytest.raises(AnchorError, match=r"anchor 'nowhere\.csv' is not a file"):
        Predicted(anchor="nowhere.csv").weights_digest()
    with pytest.raises(ValueError, match=r"anchor \(a\.csv\) needs heat maps"):
        Predicted(anchor="a.csv", coordinates="regression")


def test_a_grid_refuses_a_study_that_the_dataset_lacks_before_anything_is_trained(file, rsna_phantom, tmp_path):
    def networks(text):
        grid = tmp_path / "grid.yaml"
        grid.write_text(GRID.format(folder=rsna_phantom, anchor=file(text)))
        cells = Plan(read_grid(grid, []), Store(tmp_path / "store")).cells()
        refs = (ref for cell in cells for fit in cell.fits for each in fit.tokens for ref in each)
        return {ref.crops.network for ref in refs if ref.crops.network}

    study = next((rsna_phantom / "train_images").iterdir()).name
    known, other = networks(f"study,level\n{study},L4/L5\n"), networks(f"study,level\n{study},L5/S1\n")
    assert known
    assert not known & other
    with pytest.raises(GridMisfitError, match=f"names 1 studies that the dataset lacks, such as '{study}9': did you"):
        networks(f"study,level\n{study}9,L5/S1\n")

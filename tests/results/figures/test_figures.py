"""The picture of a run is drawn for grids of any shape."""

import matplotlib.image
import pytest

from bench.grid.axes import NAMES
from results.figures import leaderboard
from results.run_folder import ResultsError, read
from results.scores.scores import scores


@pytest.mark.parametrize(
    "axes", [{}, {"images": ["a", "b"]}, {"images": ["a", "b", "c"], "balance": ["none", "smote"]}]
)
def test_draws_every_cell(new_run, tmp_path, axes):
    writer = new_run()
    writer.add_grid(
        encoders=["resnet50", "raw_pixels", "cae_2d", "medicalnet", "geometry"], heads=["svc", "knn"], **axes
    )
    writer.add_floors()
    leaderboard(scores(read(writer.finish()), ["auc"], resamples=20), "narrowing", tmp_path / "board.png", axes=NAMES)
    picture = matplotlib.image.imread(tmp_path / "board.png")
    assert min(picture.shape[:2]) > 300
    assert picture[..., :3].min() < 0.5


def test_draws_without_floors_or_intervals_and_as_pdf(new_run, tmp_path):
    writer = new_run(locations=[])
    writer.add(writer.signal, heads="svc")
    leaderboard(scores(read(writer.finish()), ["auc"], resamples=0), "narrowing", tmp_path / "board.pdf", axes=NAMES)
    assert (tmp_path / "board.pdf").read_bytes().startswith(b"%PDF")


def test_nothing_to_draw(grid_run, tmp_path):
    with pytest.raises(ResultsError, match="no cell of target 'bulging' is done"):
        found = scores(read(grid_run.finish()), ["auc"], resamples=0)
        leaderboard(found, "bulging", tmp_path / "board.png", axes=NAMES)

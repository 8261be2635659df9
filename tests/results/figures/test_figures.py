"""The picture of a run is drawn for grids of any shape."""

import matplotlib.image
import pandas as pd
import pytest

from results.figures.leaderboard import leaderboard
from results.run_folder import ResultsError, read


@pytest.mark.parametrize(
    "axes", [{}, {"images": ["a", "b"]}, {"images": ["a", "b", "c"], "balance": ["none", "smote"]}]
)
def test_draws_every_cell(new_run, tmp_path, axes):
    writer = new_run()
    writer.add_grid(
        encoders=["resnet50", "raw_pixels", "cae_2d", "medicalnet", "geometry"], heads=["svc", "knn"], **axes
    )
    writer.add_floors()
    leaderboard(read(writer.finish()), "narrowing").savefig(tmp_path / "board.png")
    picture = matplotlib.image.imread(tmp_path / "board.png")
    assert min(picture.shape[:2]) > 300
    assert picture[..., :3].min() < 0.5


def test_draws_without_floors_or_intervals_and_as_pdf(new_run, tmp_path):
    """Two patients: hardly any draw holds both classes."""
    writer = new_run(locations=[], n_patients=4)
    writer.y = (writer.of_patient == 0).astype(int)
    samples = pd.read_parquet(writer.folder / "samples.parquet")
    samples.assign(narrowing=writer.y).to_parquet(writer.folder / "samples.parquet")
    writer.add(writer.signal, heads="svc")
    leaderboard(read(writer.finish()), "narrowing").savefig(tmp_path / "board.pdf")
    assert (tmp_path / "board.pdf").read_bytes().startswith(b"%PDF")


def test_nothing_to_draw(grid_run):
    with pytest.raises(ResultsError, match="no cell of target 'bulging' is done"):
        leaderboard(read(grid_run.finish()), "bulging")

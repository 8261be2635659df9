"""Finished runs in their own folders, and their cells opened again."""

from bench.grid.file import read_grid
from bench.models.cell_folds import ReopenedCell
from bench.run.progress import Progress
from bench.run.run import Options, run
from results.run_folder import read


def finished(text, base):
    """Runs a grid in its own folders: the run folder, the store, and the key of each cell by its words."""
    (base / "grid.yaml").write_text(text)
    options = Options(base / "runs", base / "store", "cpu", 1)
    grid = read_grid(base / "grid.yaml", [])
    folder = run(grid, base / "grid.yaml", [], options, Progress(live=False, show=lambda line: None)).folder
    words = ("sequences", "encoders", "heads")
    keys = {" ".join(c.axes[a].split("(")[0] for a in words): c.key for c in read(folder).cells if not c.floor}
    return folder, base / "store", keys


def reopened(done, words):
    folder, store, keys = done
    return ReopenedCell(folder, keys[words], store=store, grid_file=None, device="cpu")

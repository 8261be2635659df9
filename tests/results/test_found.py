"""A metric, a figure and a preset in a user's folder appear in help, tables, figures and report by existing."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import balanced_accuracy_score

from results import ResultsError
from results.figures import FIGURES
from results.found import Found
from results.statistics.metrics import METRICS
from results.statistics.metrics.base import Metric
from results.tables.presets import PRESETS

ROOT = Path(__file__).resolve().parents[2]

METRIC = '''
"""Youden's index."""

from results.statistics.metrics.base import OfCounts


def _youden(counts):
    share = counts / counts.sum(-1, keepdims=True)
    return share[..., 0, 0] + share[..., 1, 1] - 1


METRIC = OfCounts("Youden", meaning="How much better than chance the classes are found.", binary=True, formula=_youden)
'''

FIGURE = '''
"""Cells by state."""

from results.figures.base import PaperFigure
from results.figures.drawing.style import Drawing, styled


@styled
def draw(run, target, *, width="double"):
    figure = Drawing(width, 40.0)
    figure.subplots().bar(["done"], [sum(c.status == "done" and c.target == target for c in run.cells)])
    figure.caption = f"Cells of {target} that are done."
    return figure


FIGURE = PaperFigure("Cells by state", draw, order=15)
'''

PRESET = '''
"""The best cell."""

from results.scores.scores import scores
from results.tables.formats import Row, Score, Sheet
from results.tables.presets.base import Preset


def best(run, metric):
    rows = [Row((target,), (Score(float(of_target[metric].max())),))
            for target, of_target in scores(run, [metric]).groupby("target")]
    return [Sheet("best", "The best cells", ("label",), (metric,), (), tuple(rows), ())]


PRESET = Preset("The best score of each target.", best, argument="METRIC", example="auc")
'''

USE = """
import json, sys
from pathlib import Path
from results.statistics.metrics import METRICS
assert "youden" not in METRICS  # it was read before the folder was added
from bench.plugins import add_folder
folder, run_folder = map(Path, sys.argv[1:])
add_folder(folder)
from results.figures import draw_all
from results.report import write_report
from results.run_folder import read
from results.scores.scores import scores
from results.tables import presets
from results.tables.files import printed
from results.tables.main import draw, table
run = read(run_folder)
drawn = draw_all(run, run_folder / "figures")
report = write_report(run, run_folder, figures=run_folder / "figures")
found = {
    "help": presets.help_lines(),
    "preset": draw(presets.of(run, "best-cell:youden"), "csv"),
    "table": table(run, metrics=["youden"], format="csv"),
    "main": table(run, format="md"),
    "printed": printed(run_folder),
    "captions": (run_folder / "figures/captions.md").read_text(),
    "drawn": [path.name for path in drawn],
    "report": report.read_text(),
}
print(json.dumps(found))
"""


@pytest.fixture
def folder(tmp_path):
    """A folder outside the project with one file of each kind."""
    mine = tmp_path / "mine"
    for place, text in (
        ("results/statistics/metrics/youden.py", METRIC),
        ("results/figures/cell_states.py", FIGURE),
        ("results/tables/presets/best_cell.py", PRESET),
    ):
        (mine / place).parent.mkdir(parents=True)
        (mine / place).write_text(text)
    return mine


def test_files_in_a_users_folder_appear_everywhere(folder, grid_run):
    before = {path: path.read_bytes() for path in folder.rglob("*.py")}
    run = grid_run.finish()
    done = subprocess.run([sys.executable, "-c", USE, folder, run], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert ["best-cell:METRIC", "The best score of each target."] in found["help"]
    stored = pd.read_parquet(run / "cells" / "cell0.parquet")
    expected = 2 * balanced_accuracy_score(stored.y, stored.p_1 > 0.5) - 1
    table = pd.read_csv(io.StringIO(found["table"])).set_index("key")
    assert_allclose(table.loc["cell0", "youden"], expected)
    best = table["youden"].max()
    assert found["preset"].splitlines()[1] == f"best,False,narrowing,{float(best)!r}"
    assert "| Youden |" in " ".join(found["main"].split()) and "Youden" in found["printed"]
    assert found["drawn"].index("cell_states_narrowing.png") < found["drawn"].index("forest_narrowing.png")
    assert "**cell_states_narrowing.** Cells of narrowing that are done." in found["captions"]
    assert "<figcaption>Cells of narrowing that are done." in found["report"]
    assert "<dt>Youden</dt><dd>How much better than chance the classes are found.</dd>" in found["report"]
    assert {path: path.read_bytes() for path in folder.rglob("*.py")} == before


def test_a_binary_metric_means_nothing_for_three_classes(folder, new_run):
    run = new_run(n_classes=3)
    run.add(run.signal, heads="svc")
    code = (
        "import sys; from pathlib import Path\n"
        "from bench.plugins import add_folder; from results.run_folder import read\n"
        "from results.tables.main import table\n"
        "add_folder(Path(sys.argv[1])); table(read(Path(sys.argv[2])), metrics=['youden'], resamples=0)"
    )
    done = subprocess.run([sys.executable, "-c", code, folder, run.finish()], cwd=ROOT, capture_output=True, text=True)
    assert "Youden is for targets with two classes, and narrowing has 3" in done.stderr


def test_a_file_without_its_record_is_named(tmp_path, monkeypatch):
    package = tmp_path / "odd_metrics"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "empty.py").write_text('"""Nothing."""\n')
    monkeypatch.syspath_prepend(tmp_path)
    found = Found("odd_metrics", "METRIC", (Metric,), "metric")
    with pytest.raises(ResultsError, match=r"empty\.py must hold METRIC = Metric\(\.\.\.\)"):
        list(found)


@pytest.mark.parametrize("found", [METRICS, FIGURES, PRESETS], ids=["metrics", "figures", "presets"])
def test_records_are_sorted_by_their_order(found):
    orders = [record.order for record in found.values() if record.order != 1000]
    assert orders == sorted(set(orders))


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_explains_itself_and_knows_its_direction(name):
    """Certain and right predictions are the best, certain and wrong ones are not."""
    metric = METRICS[name]
    assert metric.label and metric.meaning.endswith(".")
    y = np.array([0, 1, 1, 0, 1, 0])
    right, wrong = np.eye(2)[y], np.eye(2)[1 - y]
    assert (metric(y, right) < metric(y, wrong)) == metric.lower_is_better

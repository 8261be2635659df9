"""The libraries that tasks need are loaded before the first task starts."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """
import sys
from pathlib import Path
from bench.grid.file import read_grid
from bench.plan.plan import Plan
from bench.run.progress import Progress
from bench.tasks.store import Store
from bench.tasks.work import Work

for encoder in ("raw_pixels", "finetuned: {weights: random}"):
    grid = read_grid(Path("grid.yaml"), [f"encoders=[{{{encoder}}}]" if ":" in encoder else f"encoders=[{encoder}]"])
    store = Store(Path("store"))
    plan = Plan(grid, store)
    progress = Progress(live=False, show=lambda line: None)
    work = Work(plan, store, device="cpu", progress=progress, fitted=lambda planned: None)
    work.tasks(list(plan.cells()), set())
    print("torch" in sys.modules)
"""


def test_torch_is_imported_before_the_first_task_if_a_task_uses_it(small, tmp_path):
    (tmp_path / "grid.yaml").write_text(small)
    where = {"cwd": tmp_path, "env": {"PYTHONPATH": str(ROOT), "PATH": ""}}
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, **where)
    assert done.stdout.split() == ["False", "True"], done.stderr

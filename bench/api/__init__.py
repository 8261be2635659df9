"""The commands as functions, for notebooks and for the command line.

A grid is a file, or a dict with the keys of such a file. Heavy modules, such as torch, are imported on call.

Examples:
    Run a grid and look at its results:

    >>> from bench import api
    >>> run = api.run("grids/demo.yaml")
    >>> run.table(rows=["encoders"], columns=["heads"], metrics=["auc"])
    >>> run.figure("roc", "narrowing")
    >>> run.report()

    Open a run that is finished:

    >>> run = api.open("runs/demo")
    >>> run.cells
    >>> run.predictions(run.cells["key"][0])
"""

from bench.api.comparison import compare
from bench.api.errors import ArgumentError
from bench.api.explanations import explain
from bench.api.first_grid import WrittenGrid, init
from bench.api.grids import plan, run
from bench.api.machine import doctor
from bench.api.models import Diagnosed, ModelFiles, diagnose, fit, latents
from bench.api.phantoms import phantom
from bench.api.plug_ins import Checked, check, plugins, presets
from bench.api.prediction import PredictedDataset, predict
from bench.api.previews import Previewed, preview
from bench.api.results import Results
from bench.api.results import open_results as open  # noqa: A004 (api.open reads as what it does)
from bench.api.threads import limit_threads

__all__ = [
    "ArgumentError",
    "Checked",
    "Diagnosed",
    "ModelFiles",
    "PredictedDataset",
    "Previewed",
    "Results",
    "WrittenGrid",
    "check",
    "compare",
    "diagnose",
    "doctor",
    "explain",
    "fit",
    "init",
    "latents",
    "limit_threads",
    "open",
    "phantom",
    "plan",
    "plugins",
    "predict",
    "presets",
    "preview",
    "run",
]

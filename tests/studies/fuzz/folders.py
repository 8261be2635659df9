"""A small finished project: pictures, tables, a grid, a run and a model, whose files are damaged."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

GRID = """\
name: small
data:
  image_table: {{table: "{table}", locations: [level], clinical: [age], labels: [narrowed]}}
targets: [narrowed]
sequences: [t2]
images: [grayscale]
encoders: [raw_pixels: {{size: 8}}]
heads: [logistic, knn: {{neighbours: 3}}]
panels: 2
protocol: {{folds: 2, repeats: 1, seed: 0}}
"""
PATIENTS = 24


def make(folder: Path) -> None:
    """Writes the pictures, `table.csv`, `table.xlsx`, `grid.yaml`, and the folders `run` and `model`."""
    import cv2
    import pandas as pd

    from bench import api

    rng = np.random.default_rng(0)
    rows = []
    for patient in range(PATIENTS):
        for level in ("L4/L5", "L5/S1"):
            narrowed = int(rng.random() < 0.5)
            picture = rng.normal(100, 20, (16, 16))
            picture[6:10] -= 60 * narrowed
            name = f"p{patient}_{level.replace('/', '')}.png"
            cv2.imwrite(str(folder / name), picture.clip(0, 255).astype(np.uint8))
            rows.append((name, f"p{patient}", "t2", level, 40 + patient, narrowed))
    table = pd.DataFrame(rows, columns=["image", "patient", "sequence", "level", "age", "narrowed"])
    table.to_csv(folder / "table.csv", index=False)
    table.to_excel(folder / "table.xlsx", index=False)
    (folder / "new").mkdir()
    for name in table["image"][:8]:
        picture = cv2.imread(str(folder / name), cv2.IMREAD_GRAYSCALE)
        cv2.imwrite(str(folder / "new" / name), rng.permuted(picture, axis=1))
    table[:8].assign(patient=[f"new{i}" for i in range(8)]).to_csv(folder / "new" / "table.csv", index=False)
    (folder / "grid.yaml").write_text(GRID.format(table=folder / "table.csv"), encoding="utf-8")
    where: dict[str, Any] = {"store": folder / "store", "device": "cpu", "jobs": 1}
    made = api.run(folder / "grid.yaml", runs=folder / "runs", quiet=True, **where)
    (made.folder / "scores.parquet").unlink()  # a cache, which the first reading makes again
    made.folder.rename(folder / "run")
    api.fit(folder / "run", "heads=logistic", folder / "model", **where)


def read_table(path: Path) -> str:
    """The samples of a table with their labels, as text."""
    from data.image_table import ImageTable

    found = ImageTable(table=str(path), locations=("level",), clinical=("age",), labels=("narrowed",))
    rows = found.samples().to_dict("records")
    out = sum("longer than a file's name" in reason for reason in found.excluded()["reason"])
    return _lines((row["patient"], row["level"], row["narrowed"]) for row in rows) + f"\n{out} left out"


def table_by_hand(data: bytes) -> str:
    """What `read_table` gives for a table without faults, by Python's csv module; raises on ragged lines."""
    lines = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    if any(None in line or None in line.values() for line in lines):
        raise ValueError("ragged")
    kept = [line for line in lines if len(line["image"].strip().encode()) <= 255]
    rows = _lines((line["patient"].strip(), line["level"].strip(), line["narrowed"].strip()) for line in kept)
    return f"{rows}\n{len(lines) - len(kept)} left out"


def _lines(rows: Iterable[tuple[object, object, object]]) -> str:
    """The labelled rows as text; whole numbers are written alike whatever their column holds."""
    found = []
    for patient, level, label in rows:
        words = str(label)
        with contextlib.suppress(ValueError):
            words = f"{float(words):g}"
        if words not in ("", "nan", "None", "<NA>"):
            found.append(f"{patient} {level} {words}")
    return "\n".join(sorted(found))


def read_grid(path: Path) -> str:
    """The plan of a grid, as text."""
    from bench import api

    return str(api.plan(path, store=path.parent / "no_store"))


def read_run(folder: Path) -> str:
    """The scores of a run, as text."""
    import pandas as pd

    from bench import api

    table = pd.read_csv(io.StringIO(api.open(folder).tables(metrics=["auc", "accuracy"], format="csv")))
    return str(table[["key", "status", "n_samples", "auc", "auc_low", "auc_high", "accuracy"]].to_csv(index=False))


def read_model(folder: Path) -> str:
    """Opens a model, as predictions do."""
    from bench.models.model import read_learnt_from, read_model

    read_learnt_from(folder)
    return f"{len(read_model(folder, device='cpu').cells)} cells"


def read_whole_run(folder: Path) -> str:
    """Tables, methods, page and pictures of cases of a run, as far as they read its files."""
    from bench import api
    from results.figures import draw_one
    from results.figures.drawing.style import NothingToDrawError
    from results.report import write_report

    opened = api.open(folder)
    opened.tables(metrics=["auc"], format="csv")
    opened.tables(preset="per-class")
    opened.methods()
    with contextlib.suppress(NothingToDrawError):
        draw_one(opened.opened, "best_and_worst_cases", opened.opened.targets[0])
    with contextlib.suppress(NothingToDrawError):
        draw_one(opened.opened, "flow", opened.opened.targets[0])
    write_report(opened.opened, folder.parent / "page.html")
    return ""


def use_model(folder: Path) -> str:
    """Lets a model predict new pictures and scores it."""
    import shutil

    from bench import api
    from results.plug_ins import read_plug_ins

    read_plug_ins(folder)
    table = folder.parent / "project" / "new" / "table.csv"
    if not table.is_file():
        table = folder.parent / "new" / "table.csv"
    data = {"image_table": {"table": str(table), "locations": ["level"], "clinical": ["age"], "labels": ["narrowed"]}}
    shutil.rmtree(folder.parent / "predicted", ignore_errors=True)
    where: dict[str, Any] = {"out": folder.parent / "predicted", "store": folder.parent / "of_predict", "device": "cpu"}
    return str(api.predict(folder, data, **where))

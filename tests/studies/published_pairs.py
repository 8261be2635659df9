"""Which differences between the rows of a published table a run shows too.

`python -m tests.studies.published_pairs RUN CSV` compares every two published rows that differ in one step: by AUC pair
by pair, and by all metrics in counts. CSV is the file of `tables --published`. A row of ours below a published one
(without figures) gives the same difference with other weights.

A difference holds if the 95 % interval of ours lies on the published side of 0, is reversed if it lies on the other
side, and is open if it covers 0. Intervals are from one bootstrap over patients, cover training sets too (Nadeau and
Bengio), and are not corrected for the number of pairs.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from results.run_folder import Run, read
from results.scores.alignment import Alignment
from results.scores.named import the_cell
from results.statistics.bootstrap import PatientBootstrap
from results.statistics.evaluate import evaluate
from results.statistics.metrics import METRICS
from results.statistics.uncertainty import difference

PUBLISHED = "published_"
NOTHING = "random"
Line = dict[str, str]


def parts(line: Line) -> Line:
    """The steps of a row by axis, without fields; an encoder's number of features is a step of its own."""
    axes = {axis: name for axis, name in line.items() if axis != "row" and not axis.startswith(PUBLISHED)}
    encoder = axes.pop("encoders")
    projected = re.search(r"project=([1-9]\d*)", encoder)
    return axes | {"encoders": encoder.partition("(")[0], "features": projected[1] if projected else "all"}


def pairs(lines: list[Line]) -> Iterator[tuple[str, tuple[Line, Line], tuple[Line, Line] | None]]:
    """The axis on which two published rows differ, the rows, and our rows below both; each pair once."""
    figures = [name for name in lines[0] if name.startswith(PUBLISHED)]
    below: list[tuple[Line, Line | None]] = []
    for line in lines:
        if all(line[name] for name in figures):
            below.append((line, None))
        else:
            below[-1] = (below[-1][0], line)
    kept = [(line, ours) for line, ours in below if line["heads"] != NOTHING]
    for (a, ours_a), (b, ours_b) in combinations(kept, 2):
        differ = [axis for axis, step in parts(a).items() if step != parts(b)[axis]]
        if len(differ) == 1:
            yield differ[0], (a, b), None if ours_a is None or ours_b is None else (ours_a, ours_b)


def compared(run: Run, lines: list[Line], *, resamples: int = 2000) -> pd.DataFrame:
    """A row for each pair and metric: `axis`, `step` (B for A), `same` (the other steps), `published`, `here`, `low`,
    `high`, `verdict`, and the last four again with `_ours` for our rows."""
    cells = [cell for cell in run.cells if cell.status == "done"]
    metrics = [name.removeprefix(PUBLISHED) for name in lines[0] if name.startswith(PUBLISHED)]
    axes = [name for name in lines[0] if name != "row" and not name.startswith(PUBLISHED)]
    key = {line["row"]: the_cell(cells, {a: line[a] for a in axes if line[a]}).key for line in lines}
    predictions = {cell.key: run.predictions(cell) for cell in cells if cell.key in key.values()}
    alignment = Alignment(predictions, n_classes=len(cells[0].classes), places=run.places)
    bootstrap = PatientBootstrap(alignment.n_patients, resamples=resamples)
    found = {}
    for name in metrics:
        for one, p in predictions.items():
            rows, P = alignment.rows[one], p.scored_by(METRICS[name])
            value = evaluate(METRICS[name], rows.y, P, repeat=rows.repeat, fold=rows.fold, within=rows.within).value
            found[name, one] = value, bootstrap.by_repeat(METRICS[name], rows, P)
    steps = [parts(line) for line in lines if line["heads"] != NOTHING]
    varying = [axis for axis in steps[0] if len({step[axis] for step in steps}) > 1]
    out = []
    for axis, (a, b), ours in pairs(lines):
        same = ", ".join(_short(step) for one, step in parts(a).items() if one != axis and one in varying)
        for name in metrics:
            published = float(b[PUBLISHED + name]) - float(a[PUBLISHED + name])
            row = {
                "axis": axis,
                "step": f"{_short(parts(b)[axis])} for {_short(parts(a)[axis])}",
                "same": same,
                "metric": name,
                "published": published,
            }
            for end, both in (("", (a, b)), ("_ours", ours)):
                if both is None:
                    continue
                (value_a, draws_a), (value_b, draws_b) = (found[name, key[line["row"]]] for line in both)
                rows = alignment.shared(*(key[line["row"]] for line in both))[0]
                gain = difference(METRICS[name], rows, value_b - value_a, draws_b - draws_a)
                low, high = gain.low, gain.high
                side = np.sign(low) if low * high > 0 else 0
                verdict = (
                    "open" if side == 0 or published == 0 else "holds" if side == np.sign(published) else "reversed"
                )
                row |= {f"here{end}": value_b - value_a, f"low{end}": low, f"high{end}": high}
                row[f"verdict{end}"] = verdict
            out.append(row)
    return pd.DataFrame(out)


def _short(step: str) -> str:
    return step.partition("(")[0]


def counted(table: pd.DataFrame) -> pd.DataFrame:
    """For each step and metric: pairs, in how many the published figure rises, and the verdicts."""
    rows = []
    for (axis, step, metric), part in table.groupby(["axis", "step", "metric"], sort=False):
        row = {"Axis": axis, "Step": step, "Metric": METRICS[metric].title(""), "Pairs": len(part)}
        row["Published: rises"] = int((part["published"] > 0).sum())
        for end, where in (("", "here"), ("_ours", "ImageNet rows")):
            counts = part[f"verdict{end}"].value_counts()
            row[f"{where}: holds / open / reversed"] = (
                " / ".join(str(counts.get(word, 0)) for word in ("holds", "open", "reversed")) if len(counts) else ""
            )
        rows.append(row)
    return pd.DataFrame(rows)


def listed(table: pd.DataFrame, metric: str = "auc") -> pd.DataFrame:
    """The pairs of one metric, with intervals in words."""

    def words(row: pd.Series, end: str) -> str:
        if pd.isna(row[f"here{end}"]):
            return ""
        return f"{row[f'here{end}']:+.2f} [{row[f'low{end}']:+.2f}, {row[f'high{end}']:+.2f}] {row[f'verdict{end}']}"

    part = table[table["metric"] == metric]
    return pd.DataFrame(
        {
            "Step": part["step"],
            "Other steps": part["same"],
            "Published": part["published"].map("{:+.2f}".format),
            "Here": [words(row, "") for _, row in part.iterrows()],
            "ImageNet rows": [words(row, "_ours") for _, row in part.iterrows()],
        }
    )


if __name__ == "__main__":
    with Path(sys.argv[2]).open(encoding="utf-8", newline="") as file:
        every = compared(read(Path(sys.argv[1])), list(csv.DictReader(file)))
    print(counted(every).to_markdown(index=False), "\n")
    print(listed(every).to_markdown(index=False))

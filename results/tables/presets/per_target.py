"""One table over all targets."""

from __future__ import annotations

import numpy as np

from results.run_folder import Run
from results.scores.labels import shorten
from results.scores.reconstruction import collapsed, marked
from results.scores.records import Record, records
from results.scores.scores import scores
from results.statistics.metrics import METRICS
from results.tables import notes
from results.tables.formats import Row, Score, Sheet
from results.tables.leading import stored_score
from results.tables.presets.base import Preset


def per_target(run: Run, *, metric: str = "auc", resamples: int = 2000) -> list[Sheet]:
    """One table with a row for each cell, a column for each target, and the mean over targets.

    Args:
        run: A run folder.
        metric: A name in `results.statistics.metrics.METRICS`.
        resamples: Draws of the bootstrap.
    """
    measure = METRICS.named(metric)
    every = records(scores(run, [metric], resamples=resamples))
    cells = [r for r in every if not r["floor"]]
    varying = [axis for axis in run.axes if len({r[axis] for r in cells}) > 1 or axis == "heads"]
    by_steps: dict[tuple[str, ...], dict[str, Record]] = {}
    for record in every:
        by_steps.setdefault(tuple(record[axis] for axis in run.axes), {})[record["target"]] = record
    short = {axis: shorten(str(r[axis]) for r in cells) for axis in varying}
    failed = collapsed(run)
    rows: list[tuple[bool, Row]] = []
    for of_target in by_steps.values():
        one = next(iter(of_target.values()))
        done = {t: r for t, r in of_target.items() if r["status"] == "done" and np.isfinite(r[metric])}
        drawn = [stored_score(done.get(target), metric) for target in run.targets]
        mean = Score(float(np.mean([r[metric] for r in done.values()]))) if len(done) == len(run.targets) else None
        named = {a: "" if one["floor"] and one[a] == "none" else str(one[a]) for a in varying}
        keys = [record["key"] for record in of_target.values()]
        labels = marked([short[a].get(word, word) for a, word in named.items()], varying, keys, failed)
        rows.append((bool(one["floor"]), Row(labels, (*drawn, mean))))
    sign = 1 if measure.lower_is_better else -1
    rows.sort(key=lambda row: sign * row[1].scores[-1].value if row[1].scores[-1] else float("inf"))
    return [
        Sheet(
            target="all targets",
            title=f"{measure.title(run.within)} by target: {run.dataset}, run {run.name}",
            labels=tuple(varying),
            headers=(*run.targets, "Mean"),
            extras=(),
            rows=tuple(row for floor, row in rows if not floor),
            floors=tuple(row for floor, row in rows if floor),
            notes=(
                "The mean is empty where a target is not done.",
                *notes.beside_targets(run, every, varying=varying, resamples=resamples),
            ),
        )
    ]


PRESET = Preset("AUC of every cell on every target, and its mean.", per_target, order=60)

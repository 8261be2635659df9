"""What a table must say beside its numbers: on whom, how, and what is not in it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from results.run_folder import Run
from results.scores.scores import EXPLORATORY
from results.statistics.metrics import METRICS, OfCounts

if TYPE_CHECKING:
    import pandas as pd

Record = dict[str, Any]
LISTED = 8


def of_target(
    run: Run,
    frame: pd.DataFrame,
    records: list[Record],
    *,
    varying: Sequence[str],
    metrics: Sequence[str],
    missing: Mapping[str, list[str]],
    over: str,
    averaged: Sequence[str] = (),
) -> Iterator[str]:
    """The notes of one target, a sentence or two each.

    Args:
        run: The run.
        frame: Its scores.
        records: The rows of the frame on this target.
        varying: The axes that have more than one value.
        metrics: The metrics that the table shows.
        missing: For each empty place of a pivot, the cells that its mean lacks.
        over: What gains are over.
        averaged: The axes that a number of the table is a mean over.
    """
    done = [r for r in records if r["status"] == "done"]
    if done:
        yield from _who(run, done)
    yield from _fixed(run, records, varying)
    yield _folds(run)
    calls = any(isinstance(METRICS.get(metric), OfCounts) for metric in metrics)
    if calls and run.protocol.get("threshold", "argmax") != "argmax":
        yield calling(run, next(cell.classes for cell in run.cells if cell.target == records[0]["target"]))
    if done:
        yield from _uncertainty(frame, done, metrics, averaged)
    yield from _warnings(run, done, metrics, over)
    if missing:
        places = [f"{place or 'the mean'} (lacks {_some(lacking)})" for place, lacking in missing.items()]
        yield f"Empty, since a mean is given only over all its cells: {_some(places, '; ')}."
    yield from _undone(records, varying)


def calling(run: Run, classes: Sequence[str]) -> str:
    """Which class a row is called."""
    rule = str(run.protocol.get("threshold", "argmax"))
    if rule == "argmax" or len(classes) != 2:
        return "The class called is the most probable one."
    reached = rule.partition("=")[2]
    where = f"of a sensitivity of {float(reached):g}" if reached else "of Youden's index"
    return f"Class {classes[1]} is called at the threshold {where}, chosen on inner folds of the training patients."


def corrected(best: Record, cells: int) -> str:
    """What follows a sentence on the best of several cells: its AUC corrected for the choice; empty where unknown.

    Args:
        best: The row of the best cell in the table of scores.
        cells: The number of cells it was picked from.
    """
    among = best.get("auc_corrected_among")
    if not _finite(best.get("auc_corrected")) or not _finite(among) or among is None or among < 2:
        return ""
    value = f"{best['auc_corrected']:.2f} [{best['auc_corrected_low']:.2f}, {best['auc_corrected_high']:.2f}]"
    which = "" if among == cells else f" among the {int(among)} cells on its samples"
    none = " (no optimism shows)" if best["auc_corrected"] >= best.get("auc", 1) else ""
    return f"; corrected for that{which} (BBC-CV: chosen in the bag, scored out of the bag) its AUC is {value}{none}"


def beside(
    run: Run, records: list[Record], *, varying: Sequence[str], resamples: int = 0, redrawn: int = 0
) -> Iterator[str]:
    """What every table of one target must say: on whom, how, what intervals cover, what is not in it.

    Args:
        run: The run.
        records: The cells of the target, floors included, as `results.scores.scores.described` or `scores` gives them.
        varying: The axes that tell cells apart.
        resamples: Draws of the bootstrap; 0 if the table shows no such intervals.
        redrawn: Draws that lacked a class.
    """
    done = [r for r in records if r["status"] == "done"]
    if done:
        yield from _who(run, done)
    yield from _fixed(run, records, varying)
    yield _folds(run)
    if resamples:
        yield covers(resamples, redrawn)
    if len(run.devices) > 1:
        yield f"Computed on more than one device: {', '.join(run.devices)}."
    yield from _undone(records, varying)


def beside_targets(run: Run, records: list[Record], *, varying: Sequence[str], resamples: int = 0) -> Iterator[str]:
    """As `beside`, of a table over all targets."""
    yield from _fixed(run, records, varying)
    yield _folds(run)
    for target in run.targets:
        of_target = [r for r in records if r["target"] == target]
        done = [r for r in of_target if r["status"] == "done"]
        for note in (*(_who(run, done) if done else ()), *_undone(of_target, varying)):
            yield f"{target}: {note}"
    if resamples:
        yield covers(resamples, 0)


def covers(resamples: int, redrawn: int) -> str:
    """What an interval is, and what it covers."""
    again = f"; {redrawn} draws lacked a class and were drawn again" if redrawn else ""
    return (
        f"[ ]: 95 % percentile bootstrap over patients ({resamples} resamples, the same for all rows{again}), "
        "conditional on the fitted models: it covers the sampling of patients, not of training sets."
    )


def _who(run: Run, done: list[Record]) -> Iterator[str]:
    classes = next(cell.classes for cell in run.cells if cell.target == done[0]["target"])
    by_class = f"by class ({'/'.join(classes)})"
    counts = sorted({(int(r["n_patients"]), int(r["n_samples"]), r["n_events"]) for r in done})
    excluded = f"; {run.n_excluded} excluded, see excluded.csv" if run.n_excluded else "; none excluded"
    if len(counts) == 1:
        patients, samples, events = counts[0]
        yield f"{patients} patients, {samples} samples, {by_class} {events}{excluded}."
    else:
        low, high = counts[0], counts[-1]
        yield f"{low[0]} to {high[0]} patients, {low[1]} to {high[1]} samples, not the same in every row{excluded}."
    if not run.patients_known:
        yield (
            "The source gives no patient ids: each sample counts as a patient, so samples of one patient may lie in "
            "training and test, and intervals may be too narrow."
        )
    rarest = int(min(r["rarest_class_patients"] for r in done))
    if rarest < EXPLORATORY:
        yield f"EXPLORATORY: the rarest class is seen in {rarest} patients, fewer than {EXPLORATORY}; no p-values."


def _fixed(run: Run, records: list[Record], varying: Sequence[str]) -> Iterator[str]:
    axes = [axis for axis in run.axes if axis not in ("drop", "heads")]
    cell = next((r for r in records if not r["floor"]), None)
    if cell is not None:
        same = [f"{axis} {cell[axis]}" for axis in axes if axis in cell and axis not in varying]
        yield f"All rows but the floors: {', '.join(same)}."
    tuned = {bool(r["tuned"]) for r in records if not r["floor"]}
    if len(tuned) == 1:
        yield "All heads are tuned on inner folds." if tuned.pop() else "All heads are default (not tuned)."


def _folds(run: Run) -> str:
    protocol = run.protocol
    complete = " Only samples that have every sequence." if protocol.get("complete") else ""
    if protocol.get("split") == "official":
        inner = "validation is the inner split of what stops early, calibrates or is tuned"
        if not protocol.get("validation", True):
            inner = "it names no validation part, so inner splits are cut by patient"
        return f"Official split: fitted on all but its test part ({inner}), which is predicted once.{complete}"
    repeats, folds = int(protocol.get("repeats", 1)), protocol.get("folds")
    if protocol.get("split") == "file":
        return f"Folds: {folds} by patient in {repeats} repeats, as {protocol.get('split_file')} gives them.{complete}"
    stratified = f", stratified on {protocol['stratify']}" if protocol.get("stratify") else ""
    repeated = "once" if repeats == 1 else f"{repeats} times"
    return f"Folds: {folds} by patient{stratified}, drawn {repeated} with seed {protocol.get('seed')}.{complete}"


def _uncertainty(
    frame: pd.DataFrame, done: list[Record], metrics: Sequence[str], averaged: Sequence[str]
) -> Iterator[str]:
    resamples = int(frame.attrs["resamples"])
    if resamples:
        yield covers(resamples, int(done[0]["redrawn"]))
        if "average_precision" in metrics:
            yield (
                "Average precision in resamples: the copies of a row come one after another and are no ties; its mean "
                "over small folds lies above that of many samples, so it compares rows of this table only."
            )
    cells = [r for r in done if not r["floor"] and _finite(r.get("auc"))]
    if averaged:
        yield f"Numbers are means over {', '.join(averaged)}; floors are single rows."
    elif cells and "auc" in metrics:
        best = max(cells, key=lambda r: float(r["auc"]))
        spread = [
            f"{best[f'auc_{of}_sd']:.3f} over {of}s" for of in ("fold", "repeat") if _finite(best[f"auc_{of}_sd"])
        ]
        once = "" if _finite(best["auc_repeat_sd"]) else " (one repeat: none over repeats)"
        if spread:
            yield f"SD of the best row's AUC: {', '.join(spread)}{once}."
        if len(cells) > 1:
            worth = corrected(best, len(cells))
            yield f"The best of {len(cells)} cells was picked by this table, so its score is optimistic{worth}."
    if any(name in metrics for name in ("auc", "auc_within_level", "gain", "average_precision")):
        more = any(str(r["n_events"]).count("/") > 1 for r in done)
        macro = ", mean over the classes against the rest" if more else ""
        yield f"AUC compares samples of one fold with each other{macro}."


def _warnings(run: Run, done: list[Record], metrics: Sequence[str], over: str) -> Iterator[str]:
    if not run.locations:
        yield "The dataset has no locating columns: there is no location row, no gain over it, no AUC within level."
    elif "auc_within_level" in metrics:
        yield f"AUC within level: samples of one {run.level_column}."
    if "gain" in metrics and (run.locations or over != "location"):
        yield f"Gain: AUC minus that of {over}, on the samples that both predict, interval from the same resamples."
    left_out = max((int(r["folds_left_out"]) for r in done), default=0)
    if left_out:
        yield f"{left_out} folds lack a class and are left out of means and SDs over folds."
    nulls = [int(r["null_runs"]) for r in done if _finite(r.get("null_runs"))]
    if nulls:
        within = f" within {run.null_within} (so .5 is not expected)" if run.null_within else ""
        yield f"Null: the cell on labels permuted{within}, {max(nulls)} runs; p = (1 + runs at or above) / (runs + 1)."
    if len(run.devices) > 1:
        yield f"Computed on more than one device: {', '.join(run.devices)}."


def _undone(records: list[Record], varying: Sequence[str]) -> Iterator[str]:
    """What failed or was refused, by reason, and what is still to do."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for record in records:
        if record["status"] != "done":
            name = ", ".join(str(record[axis]) for axis in varying or ["heads"])
            reasons.setdefault((record["status"], record["reason"] or ""), []).append(name)
    for (status, reason), names in reasons.items():
        cells = "1 cell" if len(names) == 1 else f"{len(names)} cells"
        because = f": {reason}" if reason else ""
        yield f"{status.upper()}, {cells}{because} [{_some(names, '; ')}]."


def _some(names: list[str], between: str = ", ") -> str:
    rest = len(names) - LISTED
    return between.join(names[:LISTED]) + (f" and {rest} more" if rest > 0 else "")


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)

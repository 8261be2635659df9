"""Summarises a run that just ended, in lines of text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from data.text.command import command
from results.flow import counted, whose, written
from results.json_files import read_json
from results.run_records import CellRecord

if TYPE_CHECKING:
    from bench.run.run import RunOutcome

REASONS, FAILURES, NOTES = 5, 20, 12


def summary(outcome: RunOutcome) -> Iterator[str]:
    """Lines with the number of cells in each state, what was excluded, and where the tables are."""
    counts = ", ".join(f"{n} {state}" for state, n in outcome.counts.items())
    yield f"cells: {counts}; {outcome.computed} fits computed; run folder: {outcome.folder}"
    if len(outcome.excluded):
        faults = f"{len(outcome.excluded)} fault{'s' * (len(outcome.excluded) > 1)}"
        yield f"found while reading: {faults}, listed in {outcome.folder / 'excluded.csv'}"
        for why, count in outcome.excluded["reason"].value_counts().head(REASONS).items():
            yield f"  {count} x {why}"
    axes = {cell.key: cell.axes for cell in read_json(outcome.folder / "cells.json", list[CellRecord])}
    for target, ways in written(outcome.folder).items():
        names = whose(axes, list(ways.values())) if len(ways) > 1 else [""]
        for way, name in zip(ways, names, strict=True):
            samples, patients = way.left()
            whom = f"{counted(samples, 'sample')} of {counted(patients, 'patient')}"
            yield f"{target}{f', {name}' if name else ''}: {whom} to predict. {way.text()}"
    yield from (f"note: {note}" for note in outcome.notes[:NOTES])
    if len(outcome.notes) > NOTES:
        yield f"  and {len(outcome.notes) - NOTES} more notes, in {outcome.folder / 'run.json'}"
    if (outcome.folder / "tables.md").exists():
        yield f"tables and pictures: {outcome.folder}/tables.md, .csv, .tex, leaderboard_*.png"
        again = "report.html is from before this run; to make it and its figures again"
        made = again if (outcome.folder / "report.html").exists() else "figures and a report in one file"
        yield f"{made}: {command('report', outcome.folder)}"


def failed(outcome: RunOutcome) -> Iterator[str]:
    """Lines about the cells that failed, with their reasons; none if no cell failed."""
    if outcome.failures:
        yield f"failed: {_kinds(outcome.failures)} (tracebacks in {outcome.folder / 'failures'}):"
    alike: dict[str, list[Any]] = {}
    for planned, reason in outcome.failures:
        alike.setdefault(reason, []).append(planned)
    for reason, (first, *others) in list(alike.items())[:FAILURES]:
        view = "" if first.view.kind == "real" else f", {first.view.kind} {first.view.number}"
        what = f"{first.cell['heads'].label()} on {first.cell['encoders'].label()}, {first.cell.target}{view}"
        yield f"  {first.key[:8]} {what}{f', and {len(others)} more' if others else ''}: {reason}"


def _kinds(failures: list[Any]) -> str:
    """What failed, in words such as `2 cells, 3 refits of 1 cell`."""
    words = []
    for kind, word in (("real", "cell"), ("null", "null run"), ("refit", "refit")):
        found = [planned for planned, _ in failures if planned.view.kind == kind]
        cells = len({(planned.cell.target, tuple(planned.cell.steps.items())) for planned in found})
        if found:
            of_cells = "" if kind == "real" else f" of {cells} cell{'s' * (cells > 1)}"
            words.append(f"{len(found)} {word}{'s' * (len(found) > 1)}{of_cells}")
    return ", ".join(words)

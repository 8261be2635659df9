"""Checks of a run's stored predictions, with their outcomes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from results.near_duplicates import copied_scans
from results.report.leaderboard import Leaderboard
from results.report.reading import Read
from results.run_folder import Predictions, Run, head_name
from results.scores.choice import EXPLORATORY
from results.scores.records import Record, is_number


@dataclass(frozen=True)
class Guard:
    """One check.

    Args:
        rule: What should hold.
        state: `held`, `not held` or `not run`.
        found: The numbers behind the state.
    """

    rule: str
    state: str
    found: str


def guards(run: Run, board: Leaderboard, read: Read) -> list[Guard]:
    """The checks of one target."""
    done = [line.record for line in board.lines if line.record["status"] == "done"]
    return [*_of_rows(run, read), *_of_scores(run, done), _null(run, done)]


def _of_rows(run: Run, read: Read) -> Iterator[Guard]:
    split = sum(_patients_in_two_folds(p) for p in read.row_sets)
    once = "A patient is in one test fold of a repeat" if run.crossed else "A patient is in the test part once"
    if run.patients_known:
        yield _guard(once, split == 0, f"patients in more than one: {split}")
    else:
        yield Guard(once, "not run", "the source gives no patient ids")
    yield _copies(run)
    twice = sum(len(p.sample) - len(set(zip(p.sample, p.repeat.tolist(), strict=True))) for p in read.row_sets)
    yield _guard("A sample is predicted once in every repeat", twice == 0, f"superfluous predictions: {twice}")
    bad = len(read.improper)
    yield _guard(
        "Probabilities are finite and sum to 1", bad == 0, f"cells that break it: {bad} of {len(read.fold_auc)}"
    )
    sets = len(read.row_sets)
    yield _guard("All cells are scored on the same samples and folds", sets == 1, f"sets of samples and folds: {sets}")


def _of_scores(run: Run, done: list[Record]) -> Iterator[Guard]:
    floors = {head_name(str(r["heads"])) for r in done if r["floor"]}
    for floor, reads in run.floors.items():
        rule = f"The cells come with the floor {floor}"
        if reads in ("presence", "clinical") and floor not in floors:
            continue  # only cells of several sequences, or datasets with clinical columns, come with it
        if reads == "locations" and not run.locations:
            yield Guard(rule, "not run", "the dataset has no locating columns")
        else:
            yield _guard(rule, floor in floors, f"floors: {', '.join(sorted(floors)) or 'none'}")
    rarest = min((int(r["rarest_class_patients"]) for r in done), default=0)
    yield _guard(
        f"Every class is seen in {EXPLORATORY} patients or more", rarest >= EXPLORATORY, f"the rarest in {rarest}"
    )
    devices = ", ".join(run.devices)
    if "unknown" in run.devices:
        yield Guard("Computed on one kind of device", "not run", "the store does not name the device of every fit")
    else:
        yield _guard("Computed on one kind of device", len(run.devices) == 1, devices or "not recorded")


def _null(run: Run, done: list[Record]) -> Guard:
    """Whether the mean AUC of null runs, among samples of one place, differs from 0.5, by Student's t for each cell."""
    rule = f"On exchanged labels AUC{' within place' if run.locations else ''} is 0.5"
    found = [r for r in done if is_number(r.get("null_within_sd"))]
    if not found:
        return Guard(rule, "not run", "no cell has two runs on exchanged labels")
    if run.null_within and run.null_within not in run.locations:
        return Guard(rule, "not run", f"labels stayed within {run.null_within}, so 0.5 is not expected")
    off = [r for r in found if _differs(r, len(found))]
    low, high = (pick(float(r["null_within_auc"]) for r in found) for pick in (min, max))
    seen = f"{len(off)} of {len(found)} cells differ from it at 5 %, corrected for their number"
    return _guard(rule, not off, f"{seen}; means from {low:.3f} to {high:.3f}")


def _differs(record: Record, cells: int) -> bool:
    """Whether the mean of a cell's null runs differs from 0.5 at 5 %, with Bonferroni's correction for the cells."""
    from scipy.special import stdtrit

    runs = int(record["null_runs"])
    reach = float(stdtrit(runs - 1, 1 - 0.025 / cells)) * record["null_within_sd"] / math.sqrt(runs)
    return bool(abs(record["null_within_auc"] - 0.5) > reach)


def _copies(run: Run) -> Guard:
    """Whether no tested scan has a copy among the training scans."""
    rule = "No scan is tested on a copy of it, as far as copies were found"
    if "near_duplicates" not in run.protocol:
        return Guard(rule, "not run", "this version looks for copies, the one that wrote the run did not")
    pairs = copied_scans(run)
    parted = sum(pair.outcome == "parted" for pair in pairs)
    return _guard(rule, parted == 0, f"parted pairs: {parted}; on one side, or one left out: {len(pairs) - parted}")


def _guard(rule: str, held: bool, found: str) -> Guard:
    return Guard(rule, "held" if held else "not held", found)


def _patients_in_two_folds(p: Predictions) -> int:
    places = set(zip(p.repeat.tolist(), p.patient, p.fold.tolist(), strict=True))
    return len(places) - len({(repeat, patient) for repeat, patient, _ in places})

"""The notes on whom a table is about: patients, samples, classes, and what was left out at which step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from results.faults import target_faults
from results.flow import counted, flows, span, whose
from results.near_duplicates import copied_scans
from results.reading_notes import gives_away
from results.run_folder import Run
from results.scores.choice import EXPLORATORY
from results.scores.labels import by_class, merging
from results.scores.records import Record


def who(run: Run, done: Sequence[Record]) -> Iterator[str]:
    """The notes on the patients and samples of some rows of one target.

    Args:
        run: The run.
        done: The rows, all of them done.
    """
    target = done[0]["target"]
    classes = next(cell.classes for cell in run.cells if cell.target == target)
    merged = merging(run.merged.get(target, {}))
    patients, samples = ([int(r[name]) for r in done] for name in ("n_patients", "n_samples"))
    events = {r["n_events"] for r in done}
    whom = f"{span(patients)} patients, {span(samples)} samples"
    if len(events) == len(set(patients)) == len(set(samples)) == 1:
        whom = f"{whom} ({by_class(classes, events.pop())})"
    else:
        whom = f"{whom}, not the same for every cell"
    yield f"{whom}; {left_out(run, target, [r['key'] for r in done])}.{merged}"
    if not run.patients_known:
        yield (
            "The source gives no patient ids: each sample counts as a patient, so samples of one patient may lie in "
            "training and test, and intervals may be too narrow."
        )
    yield from gives_away(run, target)
    if parted := sum(pair.outcome == "parted" for pair in copied_scans(run)):
        copies = "1 scan is a copy" if parted == 1 else f"{parted} scans are copies"
        yield f"{copies} of another patient's and may be tested on it, see near_duplicates.csv."
    yield from exploratory(run, done)


def exploratory(run: Run, done: Sequence[Record]) -> Iterator[str]:
    """Which rows of one target have a class in so few patients that they are not tested; none if no cell has."""
    cells = [r for r in done if not r["floor"]] or done
    few = [r for r in cells if int(r["rarest_class_patients"]) < EXPLORATORY]
    if not few:
        return
    rarest = int(min(r["rarest_class_patients"] for r in few))
    why = f"the rarest class is seen in {counted(rarest, 'patient')}, fewer than {EXPLORATORY}"
    if len(few) == len(cells):
        yield f"EXPLORATORY: {why}: nothing is tested, so no cell is shown to beat a floor or another cell."
        return
    some = {r["key"] for r in few}
    groups = [tuple(r["key"] for r in cells if (r["key"] in some) == first) for first in (True, False)]
    which = whose({r["key"]: {axis: str(r[axis]) for axis in run.axes if axis in r} for r in cells}, groups)[0]
    yield f"EXPLORATORY for {which}: {why}: these cells are not tested."


def left_out(run: Run, target: str, keys: Sequence[str]) -> str:
    """What of the dataset some cells of a target do not predict, in words without a full stop."""
    ways = list(flows(run, target, keys))
    others = target_faults(run, target).others
    own = counted(run.n_excluded - others, "fault") if run.n_excluded > others else ""
    other = f"{others if own else counted(others, 'fault')} of other targets" if others else ""
    faults = f"; excluded.csv lists {' and '.join(filter(None, [own, other]))}" if own or other else ""
    learns = f". {ways[0].learns}".rstrip(". ") if len(ways) == 1 else ""
    if not any(way.left_out for way in ways):
        known = run.protocol.get("split") == "external" and run.protocol["external"]["left_out"]
        none = "no other sample left out" if known else "no sample left out" if faults else "none excluded"
        return f"{none}{learns}"
    if len(ways) == 1:
        (way,) = ways
        lost = ", ".join(one.text() for one in way.left_out)
        of = f"{counted(way.samples, 'sample')} of {counted(way.patients, 'patient')}"
        return f"left out of {of}: {lost}{faults}{learns}"
    lost_samples = [way.samples - way.left(tested=False)[0] for way in ways]
    return f"{span(lost_samples)} of {ways[0].samples} samples left out, see flow.json{faults}"

"""Which cells of a target beat which floors, in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from results.flow import counted
from results.inner_splits import listed
from results.run_folder import Run, head_name
from results.scores.choice import EXPLORATORY
from results.scores.records import NOTHING, Record, is_number

LISTED = 4
BELOW_CHANCE = 0.495


def any_exploratory(records: Sequence[Record]) -> bool:
    """Whether a class of a target is in too few patients for tests; records are those of the table of scores."""
    done = [r for r in records if r["status"] == "done"]
    return any(int(r["rarest_class_patients"]) < EXPLORATORY for r in done)


def plainly(run: Run, records: Sequence[Record], varying: Sequence[str]) -> Iterator[str]:
    """What the table of a target shows, in a sentence on the floors and one on the best cells.

    Exploratory cells are left out; nothing is said where there are no others.

    Args:
        run: The run.
        records: The rows of one target in the table of scores, floors included.
        varying: The axes on which cells differ.
    """
    done = [r for r in records if r["status"] == "done"]
    floors = [head for head in run.floors if any(r["floor"] and head_name(r["heads"]) == head for r in done)]
    cells = [r for r in done if not r["floor"] and isinstance(r.get("floors_beaten"), str)]
    if cells and floors:
        every = [cell for cell in cells if _beaten(cell) >= _named(cell["floors_over"])]
        counts = []
        for head in floors:
            n, of = (sum(head in _named(cell[field]) for cell in cells) for field in ("floors_beaten", "floors_over"))
            among = "" if of == len(cells) else f" of {of}"
            counts.append(f"{n or 'none'}{among} {'beats' if n < 2 else 'beat'} {head}")
        if every:
            named = f": {_names(every, varying)}" if len(cells) > 1 else ""
            are = "is" if len(every) == 1 else "are"
            which = "The cell is" if len(cells) == 1 else f"{len(every)} of {len(cells)} cells {are}"
            yield f"{which} shown to beat every floor by AUC{named}."
        elif len(cells) == 1:
            shown = [head for head in floors if head in _beaten(cells[0])]
            only = f"only {listed(shown)}" if shown else "nor any of them"
            yield f"The cell is not shown to beat every floor by AUC, {only}."
        else:
            yield f"None of the {len(cells)} cells is shown to beat every floor by AUC: {', '.join(counts)}."
    compared = [r for r in cells if str(r.get("auc_in_best_set")) in ("True", "False") and r["alike"] == r["key"]]
    if len(compared) > 1:
        best, n = sum(bool(r["auc_in_best_set"]) for r in compared), len(compared)
        on = _which(compared, cells, varying)
        keys = {r["key"] for r in compared}
        copies = sum(r["alike"] in keys and r["key"] not in keys for r in cells)
        same = (
            f" {counted(copies, 'more cell')} {'predicts' if copies == 1 else 'predict'} the same as one of the others."
        )
        same = same if copies else ""
        if best == n:
            yield f"The {n} cells{on} can't be told apart by AUC.{same}"
        elif best == 1:
            worse = "The other one" if n == 2 else "Each of the others"
            yield f"1 of {n} cells{on} may be the best by AUC. {worse} is shown to be worse than some cell.{same}"
        else:
            rest = "The other one" if n - best == 1 else f"Each of the other {n - best}"
            yield f"{best} of {n} cells{on} may be the best by AUC. {rest} is shown to be worse than some cell.{same}"


def beaten(records: Sequence[Record], said: Sequence[str]) -> Iterator[str]:
    """What "shown" means, where it is said; and the floors whose AUC is below .5.

    Args:
        records: The rows of one target in the table of scores, floors included.
        said: The sentences of `plainly` that the table has.
    """
    done = [r for r in records if r["status"] == "done"]
    if any("shown to beat" in sentence for sentence in said):
        yield (
            "Shown to beat a floor: the gain in AUC lies above 0 at 5 %, corrected for the number of cells (step-down "
            "max-|t|). A cell beats every floor if it beats each of them."
        )
    values: dict[str, list[float]] = {}
    for record in done:
        if record["floor"] and is_number(record.get("auc")):
            values.setdefault(record["heads"], []).append(float(record["auc"]))
    for head, each in values.items():
        yield from below_chance(head, each)


def below_chance(floor: str, values: Iterable[float]) -> Iterator[str]:
    """A warning if a floor's AUC is below .5, with all such values of it."""
    if low := sorted({f"{value:.2f}" for value in values if value < BELOW_CHANCE}):
        these = low[0] if len(low) == 1 else f"{low[0]} to {low[-1]}"
        yield f"The AUC of {floor} is {these}, below 0.5: a gain over it alone shows nothing."


def _which(compared: Sequence[Record], cells: Sequence[Record], varying: Sequence[str]) -> str:
    """Which cells were compared, by the first step that they share and the others lack; empty if all were."""
    keys = {r["key"] for r in compared}
    others = [r for r in cells if r["key"] not in keys and r["alike"] not in keys]
    if not others:
        return ""
    for axis in varying:
        (first, *more) = {r[axis] for r in compared}
        if not more and first not in {r[axis] for r in others}:
            return f" on the samples of the best ({axis} {first})"
    return " on the samples of the best"


def _beaten(cell: Record) -> set[str]:
    return _named(cell["floors_beaten"])


def _named(floors: str) -> set[str]:
    return set(filter(None, floors.split(", ")))


def _names(cells: Sequence[Record], varying: Sequence[str]) -> str:
    axes = list(varying) or ["heads"]
    names = [", ".join(str(cell[axis]) for axis in axes if cell[axis] not in NOTHING) for cell in cells]
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return "; ".join(names[:LISTED]) + more

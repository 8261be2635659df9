"""Which cells of a target beat which floors, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from results.run_folder import Run, head_name
from results.scores.records import NOTHING, Record, is_number

LISTED = 4
BELOW_CHANCE = 0.495


def beaten(run: Run, records: Sequence[Record], varying: Sequence[str]) -> Iterator[str]:
    """The cells that beat every floor, how many beat each floor, and the floors whose AUC is below .5.

    A cell beats a floor if the 95 % interval of its gain in AUC over the floor lies above 0.

    Args:
        run: The run.
        records: The rows of one target in the table of scores, floors included.
        varying: The axes on which cells differ.
    """
    done = [r for r in records if r["status"] == "done"]
    floors = [head for head in run.floors if any(r["floor"] and head_name(r["heads"]) == head for r in done)]
    cells = [r for r in done if not r["floor"] and isinstance(r.get("floors_beaten"), str)]
    if cells and floors:
        counts = {head: sum(head in _beaten(cell) for cell in cells) for head in floors}
        every = [cell for cell in cells if _beaten(cell) >= set(floors)]
        named = f" ({_names(every, varying)})" if every and len(cells) > 1 else ""
        yield (
            f"A cell beats a floor if the interval of its gain in AUC lies above 0; this is not corrected for the "
            f"number of cells. {len(every)} of {len(cells)} beat every floor{named}; "
            f"{', '.join(f'{n} beat {head}' for head, n in counts.items())}."
        )
    for record in done:
        if record["floor"] and is_number(record.get("auc")) and record["auc"] < BELOW_CHANCE:
            yield (
                f"The AUC of {record['heads']} is {record['auc']:.2f}, below .5: a gain over it alone shows nothing."
            )


def _beaten(cell: Record) -> set[str]:
    return set(filter(None, cell["floors_beaten"].split(", ")))


def _names(cells: Sequence[Record], varying: Sequence[str]) -> str:
    axes = list(varying) or ["heads"]
    names = [", ".join(str(cell[axis]) for axis in axes if cell[axis] not in NOTHING) for cell in cells]
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return "; ".join(names[:LISTED]) + more

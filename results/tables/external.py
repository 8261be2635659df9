"""Scores on a second dataset, of cells that were fitted once on all patients of the first, with the floors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from results import ResultsError, cache
from results.run_folder import Run, RunCell, read
from results.scores.labels import shorten
from results.scores.reconstruction import failed_trainings
from results.scores.records import Record, floor_labels, is_number, records, varying
from results.scores.scores import scores
from results.tables import notes
from results.tables.columns import GAINS, own_gain
from results.tables.columns import columns as known_columns
from results.tables.formats import Row, Score, Sheet
from results.tables.held_out import patients_by_cell
from results.tables.numbered import with_numbers

if TYPE_CHECKING:
    import pandas as pd

FIRST = ("auc", *GAINS)
"""The scores that stand first and keep their intervals in a narrow table."""
CROSS = "AUC\ncross-validated"


def external_run(run: Run) -> Run | None:
    """The external test of a run; None if it has none, or none of its cells is done.

    A run folder that itself holds an external test, such as the scores of `predict`, is its own.
    """
    if run.protocol.get("split") == "external":
        return run
    folder = run.folder / cache.EXTERNAL
    if not (folder / "run.json").is_file():
        return None
    try:
        return read(folder)
    except ResultsError:
        return None


def external_sheets(run: Run) -> list[Sheet]:
    """A table for each target: the cross-validated AUC and the scores on the external dataset.

    Args:
        run: A run with an external test, or the folder of such a test.

    Raises:
        ResultsError: The run has no external test that is done.
    """
    outside = external_run(run)
    if outside is None:
        raise ResultsError(
            f"{run.folder} has no external test: name a second dataset in the grid's key `external`, then run it again"
        )
    inside = None if outside is run else scores(run)
    return [_sheet(outside, run, inside, target) for target in outside.targets if _done(outside, target)]


def _done(outside: Run, target: str) -> list[RunCell]:
    return [cell for cell in outside.cells if cell.target == target and cell.status == "done"]


def _sheet(outside: Run, run: Run, inside: pd.DataFrame | None, target: str) -> Sheet:
    frame = scores(outside)
    of_target = records(frame, target)
    cells, floors = [one for one in of_target if not one["floor"]], [one for one in of_target if one["floor"]]
    differing = varying(outside.axes, cells)
    labels = [axis for axis in outside.axes if axis in differing or axis == "heads"]
    shown = [name for name, column in known_columns().items() if column.shown and _any(of_target, name)]
    shown.sort(key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
    crossed = {str(one["key"]): _crossed(outside, run, inside, one) for one in of_target}
    words = {axis: shorten(str(one[axis]) for one in cells) for axis in labels}
    long = [label for axis in labels for label, short in words[axis].items() if label != short]
    has_crossed = any(crossed.values())

    def row(one: Record) -> Row:
        named = tuple(words[axis].get(str(one[axis]), str(one[axis])) for axis in labels)
        if one["floor"]:
            named = tuple(floor_labels(one, floors, labels))
        of_cell = [None if name == own_gain(outside, one) else _score(one, name) for name in shown]
        extras = tuple(f"{n:.0f}" for n in counts[str(one["key"])]) if differ else ()
        return Row(named, (*([crossed[str(one["key"])]] if has_crossed else []), *of_cell), extras)

    done = [one for one in cells if one["status"] == "done"]
    learnt = patients_by_cell(outside)
    counts = {str(one["key"]): (learnt[str(one["key"])], one["n_patients"], one["n_samples"]) for one in of_target}
    differ = len({counts[str(one["key"])] for one in done}) > 1
    ranked = sorted(done, key=lambda one: -one["auc"] if is_number(one.get("auc")) else 1.0)
    shown_floors = [one for one in floors if one["status"] == "done"]
    sheet = Sheet(
        target=target,
        title=f"{target}, external test: {outside.dataset}, run {outside.name}",
        labels=tuple(labels),
        headers=(*([CROSS] if has_crossed else []), *(_header(outside, name) for name in shown)),
        extras=("Patients\nfitted", "Patients\nscored", "Samples\nscored") if differ else (),
        rows=tuple(map(row, ranked)),
        floors=tuple(map(row, shown_floors)),
        always=frozenset(range(has_crossed + sum(name in FIRST for name in shown))),
        notes=(
            *_notes(outside, frame, of_target, target, differing, shown, crossed=has_crossed),
            *_autoencoders(outside, run),
            *([f"In full: {'; '.join(long)}."] if long else []),
        ),
        metrics=(*(["auc"] if has_crossed else []), *shown),
    )
    numbered = any(cell.number for cell in outside.cells)
    return with_numbers(outside, sheet, [str(one["key"]) for one in (*ranked, *shown_floors)]) if numbered else sheet


def _notes(
    outside: Run,
    frame: pd.DataFrame,
    of_target: list[Record],
    target: str,
    differing: Sequence[str],
    shown: Sequence[str],
    *,
    crossed: bool,
) -> list[str]:
    found = list(notes.of_target(outside, frame, of_target, varying=differing, metrics=shown))
    if crossed:
        found.append(
            "AUC cross-validated: of the training data, by models that were fitted on fewer patients; its interval "
            "also covers the sampling of training sets."
        )
    return [*found, *outside.protocol["external"]["notes"].get(target, [])]


def _autoencoders(outside: Run, run: Run) -> Iterator[str]:
    """That autoencoders were trained anew for this test, if some collapsed in the run itself."""
    if outside is not run:
        for sentence in failed_trainings(run):
            yield (
                "Autoencoders were trained anew for this test, and these trainings were not rated. In the run itself, "
                f"{sentence.replace('`', '')}"
            )


def _crossed(outside: Run, run: Run, inside: pd.DataFrame | None, one: Record) -> Score | None:
    """The cross-validated AUC of a cell."""
    if inside is None:
        found = outside.protocol["external"]["cross_validated"].get(str(one["key"]))
        return Score(*found) if found and is_number(found[0]) else None
    same = [
        other
        for other in records(inside, str(one["target"]))
        if all(str(other[axis]) == str(one[axis]) for axis in outside.axes)
    ]
    return _score(same[0], "auc") if same else None


def _header(outside: Run, name: str) -> str:
    title = known_columns()[name].title(outside.within)
    return {"auc": f"{title}\nexternal", "gain": f"{title} over\n{outside.location}"}.get(name, title)


def _score(one: Record, name: str) -> Score | None:
    value, column = one.get(name), known_columns()[name]
    if not is_number(value):
        return None
    low, high = one.get(f"{name}_low"), one.get(f"{name}_high")
    if not is_number(low) or not is_number(high):
        low, high = None, None
    return Score(value, low, high, name in GAINS, column.decimals, int(one["n_samples"]))


def _any(of_target: Sequence[Record], name: str) -> bool:
    return any(is_number(one.get(name)) for one in of_target)

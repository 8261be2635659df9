"""How the dataset of a fit was read, as fields, so that new data of the same kind are read alike."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.grid.cells import Step
from bench.grid.file import read_data
from bench.grid.values import plain
from bench.plugins import plugin_class
from data.base import Dataset
from data.describing.known_columns import only

if TYPE_CHECKING:
    from bench.plan.plan import Plan


@dataclass(frozen=True)
class ReadAlike:
    """New data with the fields that they get from known data.

    Args:
        step: The new dataset with all fields.
        notes: Sentences on how scans are read, and on those that are read otherwise than the known ones.
        columns: A sentence on the fields for columns that it got; empty if it got none.
    """

    step: Step
    notes: tuple[str, ...] = ()
    columns: str = ""


def kept_fields(data: Step, dataset: Dataset, targets: Collection[str]) -> dict[str, Any]:
    """The fields of a dataset that say how its scans are read and which columns it has: no folder, and no patient.

    For labels in words the order of their classes is among them, also where the dataset guessed it.

    Args:
        data: The dataset as a grid names it.
        dataset: The same, loaded.
        targets: The targets that were fitted. The labels of others are left out.
    """
    fitted = {target.column for target in dataset.targets() if target.name in targets}
    others = {target.column for target in dataset.targets()} - fitted
    found = {}
    for name, value in data.fields:
        if name in dataset.reading_fields:
            found[name] = plain(value)
        elif name in dataset.column_fields:
            found[name] = only(plain(value), lambda column: column not in others)
    if "classes" in dataset.column_fields:  # so that new data need not guess which of two words is the finding
        ordered = {one.column: one.classes for one in dataset.targets() if one.column in fitted}
        words = {name: list(each) for name, each in ordered.items() if isinstance(each[0], str)}
        found |= {"classes": words | found.get("classes", {})} if words else {}
    return found


def read_alike(data: Step, *, like: str, fields: Mapping[str, Any] | None, here: str, known: str) -> ReadAlike:
    """A dataset with the fields that it shares with known data of the same plug-in; the fields that it names win.

    Scans that are read otherwise than those of the fit, such as by slices of another orientation, give nonsense without
    any error. So a field that changes how scans are read is taken from the known data. Another value that the user
    names stays, with a note, and is not refused: files of another hospital may lie otherwise, and need another value to
    be read alike. Fields for columns are taken for columns that the new table has and to which the user gives no other
    role.

    Args:
        data: The new dataset.
        like: The plug-in of the known data.
        fields: Its `kept_fields`; None where a model does not hold them.
        here: What messages call the fields of the new dataset, such as `--data`.
        known: What they call the known data, such as `the model's data`.

    Raises:
        DataError: The new table can't be read.
        GridError: The fields of the known data are none of the plug-in.
    """
    kind, said = plugin_class("data", data.name), dict(data.fields)
    if data.name != like:
        if not (kind.reading_fields or plugin_class("data", like).reading_fields):
            return ReadAlike(data)
        mine = {name: getattr(data.load("data"), name) for name in kind.reading_fields}
        theirs = {name: v for name, v in (fields or {}).items() if name in plugin_class("data", like).reading_fields}
        how = f"{data.name} reads these scans{_with(mine)}, and {like} read those of {known}{_with(theirs)}"
        return ReadAlike(data, (f"{how}: check that their slices lie alike.",))
    if fields is None:
        unsaid = [name for name in kind.reading_fields if name not in said]
        why = f"The model does not say how its scans were read: name {', '.join(unsaid)} in {here} as in its grid."
        return ReadAlike(data, (why,) if unsaid else ())
    may = {name: value for name, value in fields.items() if name in (*kind.reading_fields, *kind.column_fields)}
    theirs = plain(dict(read_data({data.name: may}, f"a field of {known}").fields))  # a model's file may hold anything
    scans = {name: value for name, value in theirs.items() if name in kind.reading_fields and name not in said}
    columns = {name: value for name, value in theirs.items() if name in kind.column_fields and name not in said}
    columns = data.load("data").fitting_fields(columns, said) if columns else {}
    taken = read_data({data.name: scans | columns}, f"a field of {known}")
    usual = {name: getattr(kind(), name) for name in kind.reading_fields}
    notes = [
        f"Scans are read with {_written({n: v})}, as in {known}." for n, v in scans.items() if v != plain(usual[n])
    ]
    for name in (name for name in kind.reading_fields if name in said):
        other = theirs.get(name, plain(usual[name]))
        if plain(said[name]) != other:
            words = (
                f"{_written({name: said[name]})}, as {here} says, but those of {known} with {_written({name: other})}"
            )
            notes.append(f"Scans are read with {words}.")
    got = f"Fields that {here} does not name are those of {known}: {_written(columns)}." if columns else ""
    return ReadAlike(Step(data.name, (*taken.fields, *data.fields)), tuple(notes), got)


def read_external(plan: Plan) -> ReadAlike:
    """The second dataset of a grid, read like the first."""
    grid = plan.grid
    assert grid.external is not None
    fields = kept_fields(grid.data, plan.dataset, [one.name for one in grid.targets])
    return read_alike(grid.external, like=grid.data.name, fields=fields, here="`external`", known="`data`")


def _with(fields: Mapping[str, Any]) -> str:
    return f" with {_written(fields)}" if fields else ""


def _written(fields: Mapping[str, Any]) -> str:
    """Fields as a grid file writes them."""
    return ", ".join(f"{name}: {_value(value)}" for name, value in fields.items())


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + _written(value) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return str(value) if value != "" else "''"

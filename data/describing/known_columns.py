"""Which fields for columns of known data fit a new table. No key of a result depends on this file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any


def fitting(fields: Mapping[str, Any], taken: Collection[str], exists: Callable[[str], bool]) -> dict[str, Any]:
    """Those fields, and parts of them, that name columns of the new table; no empty field.

    Args:
        fields: Each names a column, a list of columns, or a mapping by column. A mapping keeps the columns that have a
            role in the other fields, or are in `taken`.
        taken: Columns that have another role, which they keep.
        exists: Whether the new table has a column.
    """
    roles = {column.casefold() for column in taken}
    found = {
        name: only(value, lambda column: exists(column) and column.casefold() not in roles)
        for name, value in fields.items()
        if not isinstance(value, Mapping)
    }
    roles |= {column.casefold() for value in found.values() for column in _columns(value)}
    for name, value in fields.items():
        if isinstance(value, Mapping):
            found[name] = only(value, lambda column: exists(column) and column.casefold() in roles)
    return {name: value for name, value in found.items() if value}


def only(value: Any, keep: Callable[[str], bool]) -> Any:
    """The part of a field that names columns to keep."""
    if isinstance(value, Mapping):
        return {column: one for column, one in value.items() if keep(column)}
    if isinstance(value, list | tuple):
        return [column for column in value if keep(column)]
    return value if value and keep(value) else ""


def _columns(value: Any) -> Iterator[str]:
    yield from ([value] if value else []) if isinstance(value, str) else value

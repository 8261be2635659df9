"""Which fields of known data fit a new table of images."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.base import DataError
from data.describing.known_columns import fitting
from data.reading.tables import spreadsheets
from data.text.spelling import word

if TYPE_CHECKING:
    from data.image_table import ImageTable


def fitting_fields(dataset: ImageTable, fields: Mapping[str, Any], said: Collection[str]) -> dict[str, Any]:
    """The fields whose columns the table has; see `PlugIn.fitting_fields`.

    Who names `labels` names all labels: others that have an order are not taken. A class that occurs in the new table
    but not in `classes` is added after those, since a label that a model does not know is no error.
    """
    if not dataset.table:
        return {}
    path = Path(dataset.table)
    table = spreadsheets.read(path, [])
    lists = [column for name in ("locations", "clinical", "labels", "ordinal") for column in getattr(dataset, name)]
    ones = [getattr(dataset, name) for name in ("image", "patient", "sequence", "mask") if name in said]
    fields = {name: value for name, value in fields.items() if name != "ordinal" or "labels" not in said}
    taken = [*lists, *filter(None, ones)]
    found = fitting(fields, taken, lambda name: spreadsheets.find(table, name, path) is not None)
    labels = {*dataset.labels, *dataset.ordinal, *found.get("labels", ()), *found.get("ordinal", ())}
    classes = {name: order for name, order in found.pop("classes", {}).items() if name in labels}
    one_sample = {name: value for name, value in found.items() if name in ("image", "patient", "sequence", "locations")}
    for name, order in classes.items():
        missing = {name: found.get("missing", dataset.missing).get(name, [])}
        plain: dict[str, Any] = {
            "labels": (name,),
            "ordinal": (),
            "clinical": (),
            "classes": {},
            "types": {},
            "missing": missing,
        }
        alone = replace(dataset, **plain, **{key: _frozen(value) for key, value in one_sample.items()})
        try:
            there = [str(one) for one in alone.samples()[name].dropna().unique()]
        except DataError:  # the table is read again with all fields, which gives the better message
            there = []
        listed = {word(str(one)) for one in order}
        found.setdefault("classes", {})[name] = [*order, *(one for one in there if word(one) not in listed)]
    return found


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value

"""Whether values fit the fields of a plug-in. The type that a field declares is what its readers are told."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping, Sequence
from functools import cache
from types import NoneType
from typing import Any, Literal

from data.text.names import nearest

WORDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    NoneType: "null",
}


def unfit(cls: Any, given: Mapping[str, Any]) -> str:
    """The first value that does not fit its field, and what would fit; an empty text if all fit.

    The values that `tune` lists must fit the fields that they are for. A field whose type can't be looked up, as in a
    plug-in that imports it for type checkers alone, takes any value.

    Args:
        cls: The class of a plug-in.
        given: Values of its fields.
    """
    hints = types(cls)
    tuned = given.get("tune")
    every = [(name, value) for name, value in given.items() if name in hints]
    if isinstance(tuned, Mapping):
        names = [field.name for field in dataclasses.fields(cls) if field.name not in ("calibration", "tune")]
        if odd := [name for name in tuned if name not in names]:
            return f"no field '{odd[0]}' to tune{nearest(odd[0], names)}"
        lists = ((name, values) for name, values in tuned.items() if name in hints and isinstance(values, list | tuple))
        every += [(name, value) for name, values in lists for value in values]
    return next((f"{name} {why}" for name, value in every if (why := fault(cls, name, value))), "")


def fault(cls: Any, name: str, value: Any) -> str:
    """What a field must be, if a value does not fit it; an empty text if it fits, or if its type is not known."""
    from pydantic import ValidationError

    try:
        if name in types(cls):
            _adapter(cls, name).validate_python(value)
    except ValidationError:
        return f"must be {_words(types(cls)[name])}, not {value!r}"
    return ""


@cache
def types(cls: Any) -> dict[str, Any]:
    """The types of the fields of a plug-in; none if one of them can't be looked up."""
    try:
        return typing.get_type_hints(cls)
    except NameError:
        return {}


@cache
def _adapter(cls: Any, name: str) -> Any:
    from pydantic import ConfigDict, TypeAdapter

    return TypeAdapter(types(cls)[name], config=ConfigDict(strict=True, arbitrary_types_allowed=True))


def _words(hint: Any) -> str:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return _or([repr(one) if one == "" else str(one) for one in inner])
    if hint in WORDS:
        return WORDS[hint]
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "a mapping"
    if isinstance(origin, type) and issubclass(origin, Sequence):
        of = [one for one in inner if one is not Ellipsis]
        many = "" if Ellipsis in inner or origin is not tuple else f"{len(of)} "
        return "a list" if Any in of else f"a list of {many}{_plural(of)}"
    return _or([_words(one) for one in inner]) if inner else getattr(hint, "__name__", str(hint))


def _plural(hints: Sequence[Any]) -> str:
    """What the elements of a list must be: `numbers`, `texts or whole numbers`."""
    words = list(dict.fromkeys(_words(one) for one in hints))
    return _or([f"{one.removeprefix('a ')}s" if one.startswith("a ") else one for one in words])


def _or(names: Sequence[str]) -> str:
    return " or ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else ""

"""Values of a grid file: as plain values, checked against a field's default, and made hashable."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any


def plain(tree: Any) -> Any:
    """A tree of YAML, or of Python values, as plain dicts, lists and values; keys become text."""
    if isinstance(tree, Mapping):
        return {str(k): plain(v) for k, v in tree.items()}
    if isinstance(tree, list | tuple):
        return [plain(v) for v in tree]
    if isinstance(tree, bool) or tree is None:
        return tree
    for kind in (int, float, str):
        if isinstance(tree, kind):
            return kind(tree)
    return str(tree)


def default(field: dataclasses.Field[Any]) -> Any:
    """The default of a field; None if it has none."""
    if field.default is not dataclasses.MISSING:
        return field.default
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else None


def is_one_value(value: list[Any], default: Any) -> bool:
    """Whether a list is one value of a field that holds a tuple, and not several values to try."""
    return isinstance(default, tuple) and not any(isinstance(v, list) for v in value)


def frozen(value: Any) -> Any:
    """Lists as tuples and mappings as sorted tuples of pairs, so that a step can be a key."""
    if isinstance(value, list):
        return tuple(frozen(v) for v in value)
    return FrozenDict({k: frozen(v) for k, v in value.items()}) if isinstance(value, dict) else value


class FrozenDict(dict[str, Any]):
    """A mapping that can be hashed; it is never changed after it was read."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(sorted((k, str(v)) for k, v in self.items())))

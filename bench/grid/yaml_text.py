"""Reads YAML of bounded size and depth."""

from __future__ import annotations

from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

MOST_VALUES, DEEPEST = 20_000, 50


def load(text: str, *, typ: str) -> Any:
    """The values of a YAML text.

    Values that are repeated by aliases count as often as they occur, so a few lines can't become billions of values.

    Args:
        text: The text.
        typ: `"rt"` keeps lines for messages, `"safe"` gives plain values.

    Raises:
        YAMLError: It is no YAML, is nested too deep, or holds too many values.
    """
    _check(text)
    return YAML(typ=typ).load(text)


def _check(text: str) -> None:
    """Counts the values of a text from its events, before any of them is built."""
    sizes: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = []
    total = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        if isinstance(event, ScalarEvent):
            total += 1
            if event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, AliasEvent):
            if event.anchor not in sizes:
                raise YAMLError(f"the alias *{event.anchor} stands inside of what it names, or names nothing")
            total += sizes[event.anchor]
        elif isinstance(event, SequenceStartEvent | MappingStartEvent):
            open_nodes.append((event.anchor, total))
            total += 1
            if len(open_nodes) > DEEPEST:
                raise YAMLError(f"it is nested deeper than {DEEPEST} levels")
        elif isinstance(event, SequenceEndEvent | MappingEndEvent):
            anchor, before = open_nodes.pop()
            if anchor:
                sizes[anchor] = total - before
        if total > MOST_VALUES:
            raise YAMLError(f"it holds more than {MOST_VALUES} values, aliases counted as often as they are used")

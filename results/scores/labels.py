"""Labels of steps, as short as possible while they still differ; and labels that count as others."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

ALWAYS = {"weights"}
ParsedStep = tuple[str, dict[str, str]]


def shorten(labels: Iterable[str]) -> dict[str, str]:
    """The short form of each label of an axis: the fields that differ between steps of one name, and `weights`.

    With `svc(C=1, kernel=linear)` on the same axis, `svc(C=1, kernel=rbf)` becomes `svc(kernel=rbf)`; without, `svc`.
    """
    parsed = {
        label: [parse_step(part) for part in split_outside_brackets(label, " + ")] for label in dict.fromkeys(labels)
    }
    seen: dict[str, dict[str, set[str | None]]] = defaultdict(lambda: defaultdict(set))
    fields: dict[str, set[str]] = defaultdict(set)
    for parts in parsed.values():
        for name, given in parts:
            fields[name] |= set(given)
    for parts in parsed.values():
        for name, given in parts:
            for field in fields[name]:
                seen[name][field].add(given.get(field))
    short = {label: " + ".join(_spell(part, seen) for part in parts) for label, parts in parsed.items()}
    return short if len(set(short.values())) == len(short) else {label: label for label in parsed}


def parse_step(part: str) -> ParsedStep:
    """A step's name with its mark (` (tuned)`, ` (default)`), and its fields: `svc(C=1)` is `svc` and `C: 1`."""
    match = re.fullmatch(r"([^()]*)\((.*)\)", part.removesuffix(" (tuned)").removesuffix(" (default)"))
    if not match:
        return part, {}
    pairs = (field.partition("=") for field in split_outside_brackets(match[2], ", "))
    mark = next((m for m in (" (tuned)", " (default)") if part.endswith(m)), "")
    return match[1] + mark, {name: value for name, _, value in pairs}


def split_outside_brackets(text: str, between: str) -> list[str]:
    """The parts of a text, cut only where no bracket is open: `a(x + y) + b` by ` + ` is `a(x + y)` and `b`."""
    parts, depth, start, i = [], 0, 0, 0
    while i < len(text):
        depth += (text[i] in "([{") - (text[i] in ")]}")
        if depth == 0 and text.startswith(between, i):
            parts.append(text[start:i])
            i = start = i + len(between)
        else:
            i += 1
    return [*parts, text[start:]]


def _spell(part: ParsedStep, seen: dict[str, dict[str, set[str | None]]]) -> str:
    name, given = part
    kept = [f"{f}={v}" for f, v in given.items() if f in ALWAYS or len(seen[name][f]) > 1]
    bare, space, mark = name.partition(" ")
    return f"{bare}({', '.join(kept)}){space}{mark}" if kept else name


def by_class(classes: Sequence[str], counts: str | Iterable[int]) -> str:
    """How many samples each class has, with its name: `0: 360, 1: 146`.

    Args:
        classes: The names of the classes.
        counts: Their samples, as numbers or as the column `n_events` of the table of scores has them (`360/146`).
    """
    numbers = counts.split("/") if isinstance(counts, str) else counts
    return ", ".join(f"{name}: {n}" for name, n in zip(classes, numbers, strict=True))


def in_order(labels: Iterable[str]) -> list[str]:
    """Labels as people sort them: T9/T10 before T10/T11, and T12/L1 before L1/L2, which begins where the first ends."""
    rest = sorted(set(labels), key=_natural)
    found: list[str] = []
    while rest:
        ends = {label.partition("/")[2] for label in rest}
        one = next((label for label in rest if label.partition("/")[0] not in ends), rest[0])
        while one:
            rest.remove(one)
            found.append(one)
            end = one.partition("/")[2]
            one = next((label for label in rest if end and label.partition("/")[0] == end), "")
    return found


def _natural(label: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", label)]


def merging(merged: Mapping[str, str]) -> str:
    """Which labels of a target count as others, as a sentence with a blank before it; empty if none does."""
    pairs = [f"{label} counts as {other}" for label, other in merged.items()]
    return f" Merged: {', '.join(pairs)}." if pairs else ""

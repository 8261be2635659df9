"""What encoders and fusions kept in `artifacts/` while they were trained: a folder per step, with one per fold."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from results.run_folder import Run
from results.scores.labels import shorten
from results.scores.records import NOTHING

BEFORE_TABLES = ("sequences", "drop", "regions", "images", "encoders", "missing", "fusion")


@dataclass(frozen=True)
class Artifacts:
    """The folders of one trained step.

    Args:
        name: What tells the step from the others.
        words: The steps that it is named by.
        parts: `(repeat, fold, folder)` of each fold.
    """

    name: str
    words: tuple[str, ...]
    parts: tuple[tuple[int, int, Path], ...]


def artifacts(run: Run, target: str, pattern: str) -> list[Artifacts]:
    """The steps of a target (and those trained without labels) that left files of a name, by their names.

    Args:
        run: A run folder.
        target: One of its targets.
        pattern: Of the files in the folder of a fold.
    """
    found: dict[tuple[str, ...], tuple[tuple[int, int, Path], ...]] = {}
    for folder in sorted((run.folder / "artifacts").glob("*")):
        words = _words(folder)
        if words[0] in run.targets and words[0] != target.replace("/", "_"):
            continue
        parts = []
        for part in sorted(folder.glob("repeat*_fold*")):
            match = re.fullmatch(r"repeat(\d+)_fold(\d+)", part.name)
            if match and any(part.glob(pattern)):
                parts.append((int(match[1]), int(match[2]), part))
        if parts:
            found[tuple(word for word in words if word not in NOTHING)] = tuple(parts)
    return [
        Artifacts(name, words, parts) for name, (words, parts) in zip(_names(list(found)), found.items(), strict=True)
    ]


def split(name: str) -> tuple[str, ...]:
    """`a t1 + t2 net(size=3, depth=2)` to `a`, `t1 + t2`, `net(size=3, depth=2)`."""
    words: list[str] = []
    depth, joined = 0, False
    for word in name.split(" "):
        if words and (depth > 0 or joined or word == "+"):
            words[-1] += f" {word}"
        else:
            words.append(word)
        joined = word == "+"
        depth += word.count("(") - word.count(")")
    return tuple(words)


def _words(folder: Path) -> tuple[str, ...]:
    """The steps in the name of a folder; where it was cut to fit the disk, those that `made_by.json` tells."""
    words = split(folder.name)
    note = next(folder.glob("*/made_by.json"), None)
    if note is None or folder.name.count("(") == folder.name.count(")"):
        return words
    of = json.loads(note.read_text(encoding="utf-8")).get("of")
    return (words[0], *(str(of[axis]) for axis in BEFORE_TABLES if axis in of)) if isinstance(of, dict) else words


def _names(steps: list[tuple[str, ...]]) -> list[str]:
    """What differs, as short as it can be told apart."""
    if len({len(words) for words in steps}) != 1:
        return [", ".join(words) for words in steps]
    kept = []
    for place in zip(*steps, strict=True):
        if len(set(place)) > 1:
            short = shorten(place)
            kept.append([short[word] for word in place])
    if not kept:
        return [shorten([words[-1]])[words[-1]] for words in steps]
    return [", ".join(words) for words in zip(*kept, strict=True)]

"""The plug-ins of a run or of a model, as `plugins.json` describes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from data.describing.plug_in import Description
from results.run_folder import ResultsError
from results.scores.labels import split_outside_brackets

FILE = "plugins.json"


@dataclass(frozen=True, kw_only=True, eq=False)
class UsedPlugIn(Description):
    """A plug-in with its fields and its description.

    Args:
        kind: Its axis, or `data`.
        name: The name of its file.
        label: What `cells.json` calls it; a chain or a join there is several labels with ` + ` between them.
        fields: All fields with their values, defaults too.
        given: The fields that the grid gave, as a table shows their values.
    """

    kind: str
    name: str
    label: str
    fields: dict[str, Any] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class PlugIns:
    """The plug-ins of a run or of a model.

    Args:
        used: Each once, the dataset first.
        references: From a key to its BibTeX entry.
        packages: From a distribution to its name in prose and the key that it is cited by, or "".
    """

    used: tuple[UsedPlugIn, ...]
    references: Mapping[str, str]
    packages: Mapping[str, tuple[str, str]]

    @property
    def dataset(self) -> UsedPlugIn:
        """The dataset."""
        return next(one for one in self.used if one.kind == "data")

    def of(self, axis: str, label: str) -> list[UsedPlugIn]:
        """The plug-ins of a cell's step, several for a chain or a join; none for `none`.

        Raises:
            ResultsError: The folder does not describe one.
        """
        known = {one.label: one for one in self.used if one.kind == axis}
        if label == "none":
            return []
        try:
            return [known[part] for part in split_outside_brackets(label, " + ")]
        except KeyError as error:
            raise ResultsError(f"{FILE} does not describe {axis} {error}: run the grid again") from None


def read_plug_ins(folder: Path) -> PlugIns:
    """Reads `plugins.json` of a run or of a model.

    Raises:
        ResultsError: There is no such file, as in runs of earlier versions, or it does not hold what it should.
    """
    path = folder / FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        known = {f.name for f in fields(UsedPlugIn)}
        used = []
        for one in found["plugins"]:
            facts: dict[str, Any] = {name: value for name, value in one.items() if name in known}
            used.append(UsedPlugIn(**facts | {name: tuple(facts[name]) for name in ("cites", "packages")}))
        packages = {name: (one["title"], one["cite"]) for name, one in found["packages"].items()}
        return PlugIns(tuple(used), found["references"], packages)
    except FileNotFoundError:
        raise ResultsError(
            f"{folder} has no {FILE}, which describes its plug-ins: run the grid again (what is done is kept)"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ResultsError(f"{path} does not describe plug-ins ({error}): delete it and run the grid again") from error


def shown(value: Any) -> str:
    """A field's value for a reader; of a path its last part; `""` for an empty text."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {shown(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(shown, value)) + "]"
    if isinstance(value, str):
        return value.rsplit("/", 1)[-1] or '""'
    return f"{value:g}" if isinstance(value, float) else str(value)

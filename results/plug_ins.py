"""The plug-ins of a run or of a model, as `plugins.json` describes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, StrictBool, StrictStr

from data.describing.plug_in import Description, LearnsFrom, WeightsFrom
from results import ResultsError
from results.json_files import one_line, read_json
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
            raise ResultsError(
                f"{FILE} does not describe {axis} {one_line(error)}, which cells.json names: run the grid again"
            ) from None


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore")


class PlugInRecord(_Record):
    """A plug-in, as `UsedPlugIn` describes it."""

    kind: StrictStr
    name: StrictStr
    label: StrictStr
    fields: dict[str, Any] = {}
    given: dict[str, StrictStr] = {}
    words: StrictStr = ""
    summary: StrictStr = ""
    cites: tuple[StrictStr, ...]
    packages: tuple[StrictStr, ...]
    learns: LearnsFrom = "nothing"
    stops_early: StrictBool = False
    weights: WeightsFrom = ""
    licence: StrictStr = ""
    projected: StrictBool = False
    averages: StrictBool = False
    resamples: StrictBool = False


class PackageRecord(_Record):
    """A distribution: its name in prose, and the key that it is cited by."""

    title: StrictStr
    cite: StrictStr = ""


class PlugInsRecord(_Record):
    """What `plugins.json` holds."""

    plugins: list[PlugInRecord]
    references: dict[str, StrictStr]
    packages: dict[str, PackageRecord]


def read_plug_ins(folder: Path) -> PlugIns:
    """Reads `plugins.json` of a run or of a model.

    Raises:
        ResultsError: There is no such file, as in runs of earlier versions, or it does not hold what it should.
    """
    path, out = folder / FILE, "delete it and run the grid again"
    try:
        found = read_json(path, PlugInsRecord, out=out)
    except FileNotFoundError:
        raise ResultsError(
            f"{folder} has no {FILE}, which describes its plug-ins: run the grid again (what is done is kept)"
        ) from None
    used = [UsedPlugIn(**dict(one)) for one in found.plugins]
    packages = {name: (one.title, one.cite) for name, one in found.packages.items()}
    cited = {*(key for one in used for key in one.cites), *(key for _, key in packages.values() if key)}
    lost = [*(cited - found.references.keys()), *({name for one in used for name in one.packages} - packages.keys())]
    if lost or all(one.kind != "data" for one in used):
        why = f"it does not describe '{min(lost):.60}'" if lost else "it describes no dataset"
        raise ResultsError(f"{path}: {why}: {out}")
    return PlugIns(tuple(used), found.references, packages)


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

"""A model: cells of a run, fitted on all patients, in a folder that `predict` and `diagnose` read.

`model.json` lists its parts; `networks/` holds what was trained through pixels, `fusions/` trained fusions, and
`chain_TARGET.skops` what was fitted on tokens. `learnt_from.json` holds digests of the training patients' ids and
scans. Nothing is unpickled: a skops file may hold only known types.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from bench.models.anchors import Anchors
from bench.models.records import LearntFromRecord, ModelRecord
from bench.models.reopen import CellError
from bench.models.sums import check_sums
from bench.models.trust import SkopsFile
from bench.plan import identity
from bench.plan.known import LearntFrom
from bench.plugins import UnknownPluginError, load, plugin_class
from bench.tasks.versions import versions
from data.base import DataError
from data.files.sums import SumsError
from results import ResultsError
from results.json_files import lacks, one_line, read_json

if TYPE_CHECKING:
    from bench.stages.chain import Chain
    from encoders.base import Encoder, FittedEncoder
    from preprocessing.regions.base import FittedRegion, Region

FORMAT = 4
FILE, LEARNT_FROM = "model.json", "learnt_from.json"
NUMERICAL = ("lightgbm", "scikit-learn", "torch", "xgboost")


class ModelError(CellError):
    """A model that can't be made or read, with the way out."""


@dataclass(frozen=True, eq=False)
class FittedCell:
    """A cell that is ready for new studies.

    Args:
        about: Its part of `model.json`.
        regions: For each sequence the region that locates.
        finder: The region that first looks for points in all sequences; None if each sequence has its own fit.
        images: The image steps.
        encoders: For each encoder its fitted form for each sequence.
        chain: From their tokens to probabilities.
        floors: Those of its floors that need more than `about`: a cell that reads pixels, a chain on clinical columns.
    """

    about: dict[str, Any]
    regions: dict[str, FittedRegion]
    finder: FittedRegion | None
    images: tuple[Any, ...]
    encoders: tuple[tuple[FittedEncoder, ...], ...]
    chain: Chain
    floors: dict[str, FittedCell | Chain]

    @property
    def sequences(self) -> list[str]:
        """The sequences that it reads."""
        return [step["name"] for step in self.about["steps"]["sequences"]]

    @property
    def columns(self) -> list[str]:
        """The columns of samples that it reads."""
        return [] if self.chain.table is None else list(self.about["columns"])


@dataclass(frozen=True, eq=False)
class Model:
    """Cells that are ready for new studies.

    Args:
        about: `model.json`.
        cells: One cell for each target.
        warnings: Lines about code and libraries that have changed since the model was fitted.
        anchors: The lowest levels that are given.
    """

    about: dict[str, Any]
    cells: tuple[FittedCell, ...]
    warnings: tuple[str, ...] = ()
    anchors: Anchors = field(default_factory=Anchors)


def base_rates(folder: Path, column: str) -> dict[str, list[float]]:
    """The shares of the classes among the training samples of a target, by the values of a column.

    If several targets have samples with a value, the last target counts.

    Args:
        folder: A model.
        column: A locating column of its dataset, such as `condition`.
    """
    about = read_about(folder)
    rates: dict[str, list[float]] = {}
    for cell in about["cells"]:
        shares = [n / cell["n_samples"] for n in cell["n_by_class"]]
        rates |= dict.fromkeys(cell["places"].get(column, []), shares)
    return rates


def read_model(folder: Path, *, device: str, anchor: str = "") -> Model:
    """Opens a model.

    Args:
        folder: What `fit_model` wrote.
        device: `"cpu"` or `"cuda"`.
        anchor: A table with the columns `study` and `level`: the lowest level that a new study shows.

    Raises:
        ModelError: The folder is no model or has another format; a file is missing or holds what no model holds; or the
            pretrained weights here are not those that the model was fitted with.
    """
    about, anchors = read_about(folder), Anchors(anchor)
    try:
        check_sums(folder, about)
        if not about["cells"]:
            raise ModelError(f"{folder} holds no cell: fit it again")
        reader = _ModelReader(folder, about, device, anchors)
        cells = tuple(reader.cell(one) for one in about["cells"])
    except ModelError:
        raise
    except (DataError, SumsError, ResultsError) as error:
        raise ModelError(str(error)) from error
    except Exception as error:  # zipfile, skops, safetensors, torch and plug-ins each have their own
        raise ModelError(_unread(folder / FILE, error)) from error
    anchors.check_taken(folder)
    return Model(about, cells, model_warnings(folder), anchors)


def model_warnings(folder: Path) -> tuple[str, ...]:
    """A line for each step whose code, and each library whose version, has changed since the model was fitted.

    Raises:
        ModelError: As in `read_model`, for `model.json` alone.
    """
    about = read_about(folder)
    try:
        here = versions()
        found = [
            f"{name} is {here[name]} here, but the model was fitted with {about['versions'].get(name, 'none')}"
            for name in NUMERICAL
            if _minor(here[name]) != _minor(about["versions"].get(name, ""))
        ]
        for cell in about["cells"]:
            for axis, steps in cell["steps"].items():
                found += [
                    f"{axis}/{step['name']} is not the code that the model was fitted with: fit it again, or use "
                    f"{about['code'].get('commit', 'the code of then')}"
                    for step in steps
                    if axis != "sequences" and step.get("code") != step_code(axis, step["name"])
                ]
    except Exception as error:
        raise ModelError(_unread(folder / FILE, error)) from error
    return tuple(dict.fromkeys(found))


def step_code(axis: str, name: str) -> str:
    """The digest of a plug-in's code and of what it imports."""
    return identity.code(plugin_class(axis, name).__module__)


def read_about(folder: Path) -> dict[str, Any]:
    """The `model.json` of a model.

    Raises:
        ModelError: The folder is no model, or has another format.
    """
    path = folder / FILE
    if not path.is_file():
        raise ModelError(f"{folder} is no model: {lacks(folder, FILE)}; `fit` writes one")
    about: dict[str, Any] = _record(path, dict[str, Any])
    if (found := about.get("format")) != FORMAT:
        raise ModelError(f"{folder} has format {found!s:.20}, this version reads {FORMAT}: fit it again from its run")
    _record(path, ModelRecord)
    return about


def read_learnt_from(folder: Path) -> LearntFrom:
    """Whom a model learnt from.

    Raises:
        ModelError: The file is missing or broken.
    """
    found = _record(folder / LEARNT_FROM, LearntFromRecord)
    return LearntFrom(frozenset(found.patients), frozenset(found.scans), found.ids_known, frozenset(found.looks))


def _record(path: Path, shape: Any) -> Any:
    try:
        return read_json(path, shape, out="fit the model again")
    except (FileNotFoundError, ResultsError) as error:
        raise ModelError(str(error) if isinstance(error, ResultsError) else f"{path}: no such file: fit it") from error


def _unread(path: Path, error: Exception) -> str:
    said = f"{path}: can't be read ({type(error).__name__}: {one_line(error)}): fit it again"
    return error.of(path.parent) if isinstance(error, UnknownPluginError) else said


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def read_chain(path: Path) -> Chain:
    """Reads what was fitted on tokens.

    Raises:
        ModelError: The file holds something that no chain holds, and nothing is built from it; or a tree is broken.
    """
    from skops import io

    file = SkopsFile(data := path.read_bytes())
    if found := file.foreign():
        raise ModelError(f"{path}: holds {found}, which no model of this project holds: do not open it")
    wild = ModelError(f"{path}: holds a tree that leads out of its bounds: do not use it")
    if file.wild_boosters():
        raise wild
    chain: Chain = io.loads(data, trusted=file.unknown)
    if file.wild_trees(chain.table):
        raise wild
    return chain


class _ModelReader:
    """Reads the parts of a model; what several cells share is read once."""

    def __init__(self, folder: Path, about: dict[str, Any], device: str, anchors: Anchors) -> None:
        self._folder, self._about, self._device, self._anchors = folder, about, device, anchors
        self._known: dict[tuple[str, str, str], Any] = {}

    def cell(self, about: dict[str, Any]) -> FittedCell:
        steps, where = about["steps"], {"device": self._device}
        region = _plugin("regions", self._anchors.step(steps["regions"][0]))
        self._anchors.note(region)
        regions = {sequence: self.region(region, name) for sequence, name in about["regions"].items()}
        finder = next(iter(regions.values())) if region.joins_sequences else None
        encoders = [
            tuple(self._encoder(_plugin("encoders", step).frozen(), one) for one in each)
            for step, each in zip(steps["encoders"], about["networks"], strict=True)
        ]
        chain = read_chain(self._inside(about["chain"]))
        if about["fusions"]:
            fusion = _plugin("fusion", steps["fusion"][0])
            loaded = [fusion.load(self._inside(name), **where) for name in about["fusions"]]
            pairs = zip(chain.encoders, loaded, strict=True)
            fused = [replace(one, fusion=replace(one.fusion, fuser=fuser)) for one, fuser in pairs]
            chain = replace(chain, encoders=tuple(fused))
        images = tuple(_plugin("images", step) for step in steps["images"])
        floors: dict[str, FittedCell | Chain] = {}
        for name, one in about["floors"].items():
            if "cell" in one:
                floors[name] = self.cell(one["cell"])
            elif "chain" in one:
                floors[name] = read_chain(self._inside(one["chain"]))
        return FittedCell(about, regions, finder, images, tuple(encoders), chain, floors)

    def region(self, region: Region, name: str) -> FittedRegion:
        """The fitted region: read from its folder, built from its weights, or the plug-in itself if it is fixed."""
        read = partial(region.load, self._inside(name)) if name else partial(region.fit, [], seed=0)
        return cast("FittedRegion", self._once(("region", name, repr(region)), partial(read, device=self._device)))

    def _encoder(self, plugin: Encoder, kept: dict[str, str]) -> FittedEncoder:
        if "folder" in kept:
            read = partial(plugin.load, self._inside(kept["folder"]), device=self._device)
            return cast("FittedEncoder", self._once(("encoder", kept["folder"], repr(plugin)), read))
        if plugin.weights_digest() != kept["weights"]:
            raise ModelError(
                f"{type(plugin).__name__}: its pretrained weights here are not those that the model was fitted with"
            )
        seed = identity.seed(self._about["seed"], "encoder")
        nobody = np.zeros(0, dtype=str)
        build = partial(plugin.fit, [], None, groups=nobody, seed=seed, device=self._device)
        return cast("FittedEncoder", self._once(("encoder", "", repr(plugin)), build))

    def _inside(self, name: str) -> Path:
        path = (self._folder / name).resolve()
        if self._folder.resolve() not in path.parents:
            raise ModelError(f"{self._folder}: {FILE} names {name}, which is not in this folder: do not open it")
        return path

    def _once(self, key: tuple[str, str, str], read: Callable[[], Any]) -> Any:
        if key not in self._known:
            self._known[key] = read()
        return self._known[key]


def _plugin(kind: str, step: dict[str, Any]) -> Any:
    return load(kind, step["name"], **step["fields"])

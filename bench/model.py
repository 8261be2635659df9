"""A model: cells of a run, fitted on all patients, in a folder that `diagnose` reads.

`model.json` says what it is made of; `networks/` holds what was trained through pixels, `fusions/` trained fusions, and
`chain_TARGET.skops` what was fitted on tokens. Nothing is unpickled: a skops file may hold known types alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from bench import identity
from bench.plugins import load
from bench.reopen import CellError
from bench.trust import foreign

if TYPE_CHECKING:
    from bench.stages.chain import Chain
    from encoders.base import Encoder, FittedEncoder
    from preprocessing.regions.base import FittedPoints

FORMAT = 1
FILE = "model.json"


class ModelError(CellError):
    """A model that can't be made or read, with the way out."""


@dataclass(frozen=True, eq=False)
class FittedCell:
    """A cell that is ready for new studies.

    Args:
        about: Its part of `model.json`.
        regions: For each sequence what finds boxes.
        finder: Finds points first; None for a region that needs none.
        images: The image steps.
        encoders: For each encoder one ready for each sequence.
        chain: From their tokens to probabilities.
    """

    about: dict[str, Any]
    regions: dict[str, Any]
    finder: FittedPoints | None
    images: tuple[Any, ...]
    encoders: tuple[tuple[FittedEncoder, ...], ...]
    chain: Chain


@dataclass(frozen=True, eq=False)
class Model:
    """Cells that are ready for new studies.

    Args:
        about: `model.json`.
        cells: One a target.
    """

    about: dict[str, Any]
    cells: tuple[FittedCell, ...]


def base_rates(folder: Path) -> dict[str, list[float]]:
    """The shares of the classes in training, by condition, where a target is of one; else of the last pooled one."""
    about = json.loads((folder / FILE).read_text(encoding="utf-8"))
    rates: dict[str, list[float]] = {}
    for cell in about["cells"]:
        shares = [n / cell["n_samples"] for n in cell["n_by_class"]]
        conditions = [cell["rows"]["condition"]] if "condition" in cell["rows"] else cell["conditions"]
        rates |= dict.fromkeys(conditions, shares)
    return rates


def read_model(folder: Path, *, device: str) -> Model:
    """Opens a model.

    Args:
        folder: What `fit_model` wrote.
        device: `"cpu"` or `"cuda"`.

    Raises:
        ModelError: No model, one of another format, a file that is missing or holds what no model holds, or pretrained
            weights that are not those it was fitted with.
    """
    path = folder / FILE
    if not path.is_file():
        raise ModelError(f"{folder} is no model: it has no {FILE}; run_benchmark.py fit writes one")
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        if about["format"] != FORMAT:
            raise ModelError(f"{folder} has format {about['format']}, this version reads {FORMAT}: fit it again")
        reader = _Reader(folder, about, device)
        return Model(about, tuple(reader.cell(one) for one in about["cells"]))
    except (KeyError, ValueError, OSError) as error:
        raise ModelError(f"{folder}: can't be read ({type(error).__name__}: {error}): fit it again") from error


def read_chain(path: Path) -> Chain:
    """What was fitted on tokens.

    Raises:
        ModelError: The file holds what no chain holds; nothing of it is built then.
    """
    from skops import io

    data = path.read_bytes()
    if found := foreign(data):
        raise ModelError(f"{path}: holds {found}, which no model of this project holds: do not open it")
    chain: Chain = io.loads(data, trusted=io.get_untrusted_types(data=data))
    return chain


class _Reader:
    """Reads the parts of a model; what several cells share once."""

    def __init__(self, folder: Path, about: dict[str, Any], device: str) -> None:
        self._folder, self._about, self._device = folder, about, device
        self._known: dict[str, Any] = {}

    def cell(self, about: dict[str, Any]) -> FittedCell:
        steps, where = about["steps"], {"device": self._device}
        region = _plugin("regions", steps["regions"][0])
        regions, finder = {}, None
        for sequence, name in about["regions"].items():
            regions[sequence] = region
            if region.finds_points:
                finder = self._once(name, partial(region.load_points, self._folder / name, **where))
            elif region.fitted:
                read = partial(region.load, self._folder / name) if name else partial(region.fit, [], seed=0)
                regions[sequence] = self._once(name or "given", partial(read, **where))
        encoders = [
            tuple(self._encoder(_plugin("encoders", step).frozen(), one) for one in each)
            for step, each in zip(steps["encoders"], about["networks"], strict=True)
        ]
        chain = read_chain(self._folder / about["chain"])
        if about["fusions"]:
            fusion = _plugin("fusion", steps["fusion"][0])
            loaded = [fusion.load(self._folder / name, **where) for name in about["fusions"]]
            pairs = zip(chain.encoders, loaded, strict=True)
            fused = [replace(one, fusion=replace(one.fusion, fuser=fuser)) for one, fuser in pairs]
            chain = replace(chain, encoders=tuple(fused))
        images = tuple(_plugin("images", step) for step in steps["images"])
        return FittedCell(about, regions, finder, images, tuple(encoders), chain)

    def _encoder(self, plugin: Encoder, kept: dict[str, str]) -> FittedEncoder:
        if "folder" in kept:
            read = partial(plugin.load, self._folder / kept["folder"], device=self._device)
            return cast("FittedEncoder", self._once(kept["folder"], read))
        if plugin.weights_digest() != kept["weights"]:
            raise ModelError(
                f"{type(plugin).__name__}: its pretrained weights here are not those that the model was fitted with"
            )
        seed = identity.seed(self._about["seed"], "encoder")
        nobody = np.zeros(0, dtype=str)
        build = partial(plugin.fit, [], None, groups=nobody, seed=seed, device=self._device)
        return cast("FittedEncoder", self._once(repr(plugin), build))

    def _once(self, name: str, read: Callable[[], Any]) -> Any:
        if name not in self._known:
            self._known[name] = read()
        return self._known[name]


def _plugin(kind: str, told: dict[str, Any]) -> Any:
    return load(kind, told["name"], **told["fields"])

"""The rules of every region."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data.base import Box, Image
from data.phantom import example_discs
from preprocessing.regions.base import FittedRegion, Region, Study


def gives_a_box_or_none(plugin: Region) -> None:
    """A box is finite, has a size above 0, orthonormal directions and at least one slice."""
    for box in _boxes(_fitted(plugin)):
        if box is None:
            continue
        assert np.isfinite([*box.centre, *box.size]).all(), f"{box} is not finite"
        assert min(box.size) > 0, f"size {box.size} must be above 0 mm"
        turn = np.asarray(box.directions)
        assert np.allclose(turn @ turn.T, np.eye(3), atol=1e-6), f"directions {box.directions} are not orthonormal"
        assert box.slices is None or box.slices >= 1, f"slices ({box.slices}) must be 1 or more, or None"


def reaches_into_the_image(plugin: Region) -> None:
    """The centre of a box lies no further from the image than the box is long."""
    for (image, _), box in zip(_examples(), _boxes(_fitted(plugin)), strict=True):
        if box is not None:
            index = image.index(box.centre)
            nearest = image.position(np.clip(index, 0, np.asarray(image.pixels.shape) - 1))
            away = float(np.linalg.norm(nearest - box.centre))
            assert away < max(box.size), f"the box lies {away:.0f} mm from the image"


def gives_the_same_twice(plugin: Region) -> None:
    """The same scan and sample get the same box, also from a region that is fitted again with the same seed."""
    assert _boxes(_fitted(plugin)) == _boxes(_fitted(plugin)), "two calls gave different boxes"
    assert _boxes(_fit(plugin)) == _boxes(_fitted(plugin)), "one seed gave different boxes"


def keeps_what_it_learnt(plugin: Region) -> None:
    """A region that learns finds the same boxes after `save` and `load`; its artifacts are tables and arrays."""
    fitted = _fitted(plugin)
    if plugin.learns != "nothing":
        with tempfile.TemporaryDirectory() as folder:
            fitted.save(Path(folder))
            again = _short(plugin).load(Path(folder), device="cpu")
        assert _boxes(again) == _boxes(fitted), "boxes differ after save and load"
    for name, value in fitted.artifacts().items():
        assert isinstance(value, pd.DataFrame | np.ndarray), f"artifact {name} is a {type(value).__name__}"


def is_fixed_or_fitted(plugin: Region) -> None:
    """A fixed region learns nothing, and `fit` returns it; one that joins sequences uses points and is not fixed."""
    if plugin.fixed:
        assert plugin.learns == "nothing", "a fixed region learns"
        assert id(plugin.fit([], seed=0, device="cpu")) == id(plugin), "fit of a fixed region returns another region"
    if plugin.joins_sequences:
        assert plugin.uses_points and not plugin.fixed, "a region joins sequences, but finds no points"


def says_whether_it_gives_a_structure(plugin: Region) -> None:
    """Boxes are around a structure exactly if `gives_structure` says so."""
    given = {box.structure is not None for box in _boxes(_fitted(plugin)) if box is not None}
    assert given <= {plugin.gives_structure()}, f"gives_structure() is {plugin.gives_structure()}, boxes differ"


def leaves_the_image_as_it_was(plugin: Region) -> None:
    """Pixels, affine and mask are not changed."""
    fitted = _fitted(plugin)
    for (image, sample), (untouched, _) in zip(_examples(), _examples(), strict=True):
        _box(fitted, image, sample)
        assert np.array_equal(image.pixels, untouched.pixels), "the region changed the pixels"
        assert np.array_equal(image.affine, untouched.affine), "the region changed the affine"
        for name in ("mask", "planes"):
            before, after = getattr(untouched, name), getattr(image, name)
            assert before is None or np.array_equal(before, after), f"the region changed the {name}"


def finds_points_of_other_patients(plugin: Region) -> None:
    """A region that joins sequences finds a place in a slice for every sample, or gives a reason; twice the same."""
    if not plugin.joins_sequences:
        return
    studies = _studies()
    given, bare = studies[-1], replace(studies[-1], points=None)
    missing = replace(bare, images={"t2": lambda: None})
    fitted = _short(plugin).fit(studies[:-1], seed=0, device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        fitted.save(Path(folder))
        again = _short(plugin).load(Path(folder), device="cpu")
    for study in (bare, missing):
        found = fitted.look(study).points
        assert found is not None, "look gives no points of a study"
        kept = again.look(study).points
        assert kept is not None and found.equals(kept), "points differ after save and load"
        assert list(found.index) == [row["sample"] for row in study.samples], "a sample has no row"
        assert set(found.columns) >= {"sequence", "x", "y", "z", "fault", "slice"}, f"columns {list(found.columns)}"
        here = (found["fault"] == "").to_numpy()
        assert np.array_equal(here, found[["x", "y", "z"]].notna().all(axis=1)), "a sample has a place or a fault"
        assert np.array_equal(here, found["slice"] >= 0), "a sample has a slice or a fault"
        assert here.all() == (study is bare), "points must be found in a study with scans, and in no other"
    rated = fitted.rate(given, fitted.look(bare))
    annotated = [] if given.points is None else list(given.points.index)
    assert list(rated.index) == annotated, "an annotated sample is not rated"
    assert np.isfinite(rated.to_numpy(dtype=float)).all(), "a point that was found has no error"
    assert fitted.rate(given, fitted.look(missing)).isna().all(axis=None), "a missing point has an error"


def _studies() -> list[Study]:
    """Twelve studies that share one small scan with a mask; each has a point in the middle slice."""
    images, _, patients = example_discs(12)
    studies = []
    for i, (image, patient) in enumerate(zip(images, patients, strict=True)):
        where = {"condition": "a", "level": "middle", "mask_label": image.structure}
        sample = {"sample": f"s{i}_a", "patient": str(patient), "study": f"s{i}", **where}
        place = image.position([len(image.pixels) // 2, *(np.asarray(image.pixels.shape[1:]) / 3)])
        row = ("t2", *map(float, place), "")
        points = pd.DataFrame(
            [row], columns=["sequence", "x", "y", "z", "fault"], index=pd.Index([sample["sample"]], name="sample")
        )
        studies.append(Study(f"s{i}", str(patient), {"t2": partial(_same, image)}, [sample], points))
    return studies


def _same(image: Image) -> Image:
    return image


@lru_cache(maxsize=1)
def _fitted(plugin: Region) -> FittedRegion:
    """The plug-in, ready to locate."""
    return _fit(plugin)


def _fit(plugin: Region) -> FittedRegion:
    """The plug-in, fitted on twelve small studies."""
    studies = _studies() if plugin.learns != "nothing" else []
    if not plugin.uses_points:
        studies = [replace(study, points=None) for study in studies]
    return _short(plugin).fit(studies, seed=0, device="cpu")


def _short(plugin: Region) -> Region:
    """The region with one epoch, one step and one patch, if it has these fields."""
    known = {field.name for field in dataclasses.fields(plugin)}  # type: ignore[arg-type]
    short: Region = dataclasses.replace(plugin, **dict.fromkeys(known & {"epochs", "least_steps", "patches"}, 1))  # type: ignore[type-var]
    return plugin if short == plugin else short


def _boxes(fitted: FittedRegion) -> list[Box | None]:
    return [_box(fitted, image, sample) for image, sample in _examples()]


def _box(fitted: FittedRegion, image: Image, sample: dict[str, Any]) -> Box | None:
    study = Study(sample["study"], sample["patient"], {"t2": partial(_same, image)}, [sample])
    seen = fitted.look(study).images["t2"]()
    assert seen is not None, "the region lost the scan"
    return fitted.locate(seen, sample)


def _examples() -> Iterator[tuple[Image, dict[str, Any]]]:
    """A volume, a picture, and a scan without a mask, each with the row of its disc and a point in it."""
    for image in (*example_discs(2)[0], *example_discs(1, slices=1)[0]):
        label = int(np.max(np.asarray(image.mask)))
        sample: dict[str, Any] = {"sample": "p000_a", "patient": "p000", "study": "p000"}
        sample |= {"level": "middle", "side": "left", "condition": ""}
        sample |= {"mask_label": label, "point": image.position((np.asarray(image.pixels.shape) - 1) / 2)}
        planes = np.repeat(image.affine[None], len(image.pixels), axis=0)
        planes[:, :3, 3] = [image.position((d, 0, 0)) for d in range(len(planes))]
        yield image, sample
        yield replace(image, planes=planes), sample
        yield replace(image, mask=None), sample
        yield image, {**sample, "mask_label": np.nan, "point": None}

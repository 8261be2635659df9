"""What every region must hold."""

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
from preprocessing.regions.base import FittedRegion, Region, Scan, Study


def gives_a_box_or_none(plugin: Region) -> None:
    """A box is finite, has a size above 0, orthonormal directions and at least one slice."""
    for box in _boxes(_ready(plugin)):
        if box is None:
            continue
        assert np.isfinite([*box.centre, *box.size]).all(), f"{box} is not finite"
        assert min(box.size) > 0, f"size {box.size} must be above 0 mm"
        turn = np.asarray(box.directions)
        assert np.allclose(turn @ turn.T, np.eye(3), atol=1e-6), f"directions {box.directions} are not orthonormal"
        assert box.slices is None or box.slices >= 1, f"slices ({box.slices}) must be 1 or more, or None"


def reaches_into_the_image(plugin: Region) -> None:
    """The centre of a box lies no further from the image than the box is long."""
    ready = _ready(plugin)
    for (image, _), box in zip(_examples(), _boxes(ready), strict=True):
        if box is not None:
            index = image.index(box.centre)
            nearest = image.position(np.clip(index, 0, np.asarray(image.pixels.shape) - 1))
            away = float(np.linalg.norm(nearest - box.centre))
            assert away < max(box.size), f"the box lies {away:.0f} mm from the image"


def gives_the_same_twice(plugin: Region) -> None:
    """The same scan and sample have the same box, of a region fitted twice with one seed too."""
    assert _boxes(_ready(plugin)) == _boxes(_ready(plugin)), "two calls gave different boxes"
    again = _fit(plugin) if plugin.fitted and not plugin.finds_points else plugin
    assert again is plugin or _boxes(again) == _boxes(_ready(plugin)), "one seed gave different boxes"


def keeps_what_it_learnt(plugin: Region) -> None:
    """A region that learns finds the same after `save` and `load`; its artifacts are tables and arrays."""
    if not plugin.learns or plugin.finds_points:
        return
    ready: Any = _ready(plugin)
    with tempfile.TemporaryDirectory() as folder:
        ready.save(Path(folder))
        assert _boxes(plugin.load(Path(folder), device="cpu")) == _boxes(ready), "boxes differ after save and load"
    for name, value in ready.artifacts().items():
        assert isinstance(value, pd.DataFrame | np.ndarray), f"artifact {name} is a {type(value).__name__}"


def leaves_the_image_as_it_was(plugin: Region) -> None:
    """Pixels, affine and mask are not changed."""
    ready = _ready(plugin)
    for (image, sample), (untouched, _) in zip(_examples(), _examples(), strict=True):
        ready.locate(image if isinstance(ready, Region) else ready.prepare(image), sample)
        assert np.array_equal(image.pixels, untouched.pixels), "the region changed the pixels"
        assert np.array_equal(image.affine, untouched.affine), "the region changed the affine"
        for name in ("mask", "planes"):
            before, after = getattr(untouched, name), getattr(image, name)
            assert before is None or np.array_equal(before, after), f"the region changed the {name}"


def finds_points_of_other_patients(plugin: Region) -> None:
    """A region that finds points gives every sample of a study a place in a slice or a reason, twice the same."""
    if not plugin.finds_points:
        return
    studies = _studies()
    fitted = _short(plugin).fit_points(studies[:-1], seed=0, device="cpu")
    bare = replace(studies[-1], points=studies[-1].points.iloc[:0])
    missing = replace(bare, images={"t2": lambda: None})
    with tempfile.TemporaryDirectory() as folder:
        fitted.save(Path(folder))
        again = plugin.load_points(Path(folder), device="cpu")
    for study in (bare, missing):
        found = fitted.find(study)
        pd.testing.assert_frame_equal(found, again.find(study))
        assert list(found.index) == [row["sample"] for row in study.samples], "a sample has no row"
        assert set(found.columns) >= {"sequence", "x", "y", "z", "fault", "slice"}, f"columns {list(found.columns)}"
        here = (found["fault"] == "").to_numpy()
        assert np.array_equal(here, found[["x", "y", "z"]].notna().all(axis=1)), "a fault and a place, or neither"
        assert np.array_equal(here, found["slice"] >= 0), "a fault and a slice, or neither"
        assert here.all() == (study is bare), "points are found where there is a scan"
    rated = fitted.rate(studies[-1], fitted.find(bare))
    assert list(rated.index) == list(studies[-1].points.index), "an annotated sample is not rated"
    assert np.isfinite(rated.to_numpy(dtype=float)).all(), "a point that was found has no error"
    assert fitted.rate(studies[-1], fitted.find(missing)).isna().all(axis=None), "a missing point has an error"


def _studies() -> list[Study]:
    """Twelve studies of one small scan with a point in its middle slice."""
    studies = []
    for i, image in enumerate(example_discs(12)[0]):
        name = f"s{i}"
        sample = {"sample": f"{name}_a", "patient": f"p{i}", "study": name, "condition": "a", "level": "L4/L5"}
        place = image.position([len(image.pixels) // 2, *(np.asarray(image.pixels.shape[1:]) / 3)])
        row = ("t2", *map(float, place), "")
        index = pd.Index([sample["sample"]], name="sample")
        points = pd.DataFrame([row], columns=["sequence", "x", "y", "z", "fault"], index=index)
        studies.append(Study(name, f"p{i}", {"t2": partial(_same, image)}, [sample], points))
    return studies


def _same(image: Image) -> Image:
    return image


@lru_cache(maxsize=1)
def _ready(plugin: Region) -> Region | FittedRegion:
    """What locates."""
    return _fit(plugin) if plugin.fitted and not plugin.finds_points else plugin


def _short(plugin: Region) -> Any:
    """The region with one epoch and one patch, where it counts them."""
    known = {field.name for field in dataclasses.fields(plugin)}  # type: ignore[arg-type]
    return dataclasses.replace(plugin, **dict.fromkeys(known & {"epochs", "patches"}, 1))  # type: ignore[type-var]


def _fit(plugin: Region) -> FittedRegion:
    """Fitted on twelve small scans."""
    short = _short(plugin)
    images, _, patients = example_discs(12)
    scans = [
        Scan(str(i), str(patients[i]), partial(images.__getitem__, i), [{"study": str(i), "mask_label": one.structure}])
        for i, one in enumerate(images)
    ]
    fitted: FittedRegion = short.fit(scans if plugin.learns else [], seed=0, device="cpu")
    return fitted


def _boxes(ready: Region | FittedRegion) -> list[Box | None]:
    if isinstance(ready, Region):
        return [ready.locate(image, sample) for image, sample in _examples()]
    return [ready.locate(ready.prepare(image), sample) for image, sample in _examples()]


def _examples() -> Iterator[tuple[Image, dict[str, Any]]]:
    """A volume, a picture, and a scan without a mask, each with the row of its disc and a point in it."""
    for image in (*example_discs(2)[0], *example_discs(1, slices=1)[0]):
        label = int(np.max(np.asarray(image.mask)))
        sample: dict[str, Any] = {"patient": "p000", "study": "p000", "level": "L4/L5", "side": "left", "condition": ""}
        sample |= {"mask_label": label, "point": image.position((np.asarray(image.pixels.shape) - 1) / 2)}
        planes = np.repeat(image.affine[None], len(image.pixels), axis=0)
        planes[:, :3, 3] = [image.position((d, 0, 0)) for d in range(len(planes))]
        yield image, sample
        yield replace(image, planes=planes), sample
        yield replace(image, mask=None), sample
        yield image, {**sample, "mask_label": np.nan, "point": None}

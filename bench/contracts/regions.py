"""What every region must hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from data.base import Image
from data.phantom import example_discs
from preprocessing.regions.base import Region


def gives_a_box_or_none(plugin: Region) -> None:
    """A box is finite, has a size above 0, orthonormal directions and at least one slice."""
    for image, sample in _examples():
        box = plugin.locate(image, sample)
        if box is None:
            continue
        assert np.isfinite([*box.centre, *box.size]).all(), f"{box} is not finite"
        assert min(box.size) > 0, f"size {box.size} must be above 0 mm"
        turn = np.asarray(box.directions)
        assert np.allclose(turn @ turn.T, np.eye(3), atol=1e-6), f"directions {box.directions} are not orthonormal"
        assert box.slices is None or box.slices >= 1, f"slices ({box.slices}) must be 1 or more, or None"


def reaches_into_the_image(plugin: Region) -> None:
    """The centre of a box lies no further from the image than the box is long."""
    for image, sample in _examples():
        box = plugin.locate(image, sample)
        if box is not None:
            index = image.index(box.centre)
            nearest = image.position(np.clip(index, 0, np.asarray(image.pixels.shape) - 1))
            away = float(np.linalg.norm(nearest - box.centre))
            assert away < max(box.size), f"the box lies {away:.0f} mm from the image"


def gives_the_same_twice(plugin: Region) -> None:
    """The same scan and sample have the same box."""
    for image, sample in _examples():
        assert plugin.locate(image, sample) == plugin.locate(image, sample), "two calls gave different boxes"


def leaves_the_image_as_it_was(plugin: Region) -> None:
    """Pixels, affine and mask are not changed."""
    for (image, sample), (untouched, _) in zip(_examples(), _examples(), strict=True):
        plugin.locate(image, sample)
        assert np.array_equal(image.pixels, untouched.pixels), "the region changed the pixels"
        assert np.array_equal(image.affine, untouched.affine), "the region changed the affine"
        for name in ("mask", "planes"):
            before, after = getattr(untouched, name), getattr(image, name)
            assert before is None or np.array_equal(before, after), f"the region changed the {name}"


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

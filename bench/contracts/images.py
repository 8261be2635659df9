"""The rules of every image step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from data.base import Image
from data.phantom import example_discs
from preprocessing.images.base import ImageStep


def gives_finite_float32_volumes(plugin: ImageStep) -> None:
    """Pictures, volumes and negative units come out as `(D, H, W)` finite float32."""
    for image in _examples():
        pixels = plugin(image).pixels
        assert pixels.ndim == 3, f"pixels of shape {pixels.shape} are not (D, H, W)"
        assert pixels.dtype == np.float32, f"pixels are {pixels.dtype}, not float32"
        assert np.isfinite(pixels).all(), "pixels are not finite"


def copes_with_a_constant_image(plugin: ImageStep) -> None:
    """An image of one value stays finite."""
    for image in _examples():
        for value in (0.0, 700.0, -1000.0):
            pixels = plugin(replace(image, pixels=np.full_like(image.pixels, value))).pixels
            assert np.isfinite(pixels).all(), f"a constant image of {value} does not stay finite"


def leaves_its_input_as_it_was(plugin: ImageStep) -> None:
    """A step is pure: the pixels, affine and mask of its input stay as they are."""
    for image, untouched in zip(_examples(), _examples(), strict=True):
        plugin(image)
        assert np.array_equal(image.pixels, untouched.pixels), "the step changed the pixels of its input"
        assert np.array_equal(image.affine, untouched.affine), "the step changed the affine of its input"
        assert image.mask is None or np.array_equal(image.mask, np.asarray(untouched.mask)), "the step changed the mask"


def gives_the_same_twice(plugin: ImageStep) -> None:
    """A step gives the same result for the same image."""
    for image in _examples():
        first, second = plugin(image), plugin(image)
        assert np.array_equal(first.pixels, second.pixels), "two calls gave different pixels"
        assert np.array_equal(first.affine, second.affine), "two calls gave different affines"


def keeps_the_mask_on_the_pixels(plugin: ImageStep) -> None:
    """A mask stays an int16 mask of the pixels' shape without new labels; an image without mask gets none."""
    for image in _examples():
        after = plugin(image)
        assert (image.mask is None) == (after.mask is None), "the step made or lost the mask"
        if image.mask is not None and after.mask is not None:
            assert after.mask.shape == after.pixels.shape, f"mask {after.mask.shape} on pixels {after.pixels.shape}"
            assert after.mask.dtype == np.int16, f"the mask is {after.mask.dtype}, not int16"
            assert np.isin(after.mask, image.mask).all(), "the mask has new labels"


def keeps_planes_and_faults(plugin: ImageStep) -> None:
    """Slices with planes of their own keep their number and their centres; faults stay."""
    volume = example_discs(1, size=40)[0][0]
    planes = np.repeat(volume.affine[None], len(volume.pixels), axis=0)
    planes[:, :3, 3] = [volume.position((d * d, 0, 0)) for d in range(len(planes))]
    image = replace(volume, planes=planes, faults=("file: broken",))
    after = plugin(image)
    assert after.faults == image.faults, f"the step changed the faults {image.faults} to {after.faults}"
    assert after.planes is not None and after.planes.shape == planes.shape, "the step lost the planes"
    for d in range(len(planes)):
        middles = [one.position((d, *(np.asarray(one.pixels.shape[1:]) - 1) / 2)) for one in (image, after)]
        moved = float(np.linalg.norm(middles[1] - middles[0]))
        assert moved < min(image.spacing) / 2, f"the middle of slice {d} moved by {moved:.2f} mm"


def keeps_the_centre_in_place(plugin: ImageStep) -> None:
    """The centre of the image moves by less than half a voxel in patient space."""
    for image in _examples():
        after = plugin(image)
        assert after.affine.shape == (4, 4), f"affine of shape {after.affine.shape}"
        moved = float(np.linalg.norm(_centre(after) - _centre(image)))
        assert moved < min(image.spacing) / 2, f"the centre moved by {moved:.2f} mm"


def _centre(image: Image) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return image.position((np.asarray(image.pixels.shape) - 1) / 2)


def _examples() -> Iterator[Image]:
    volume, other = example_discs(2, size=40)[0]
    picture = example_discs(1, size=41, slices=1)[0][0]
    yield volume
    yield picture
    yield replace(other, pixels=other.pixels * 2 - 1000, mask=None)

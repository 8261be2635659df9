"""The region `segmented` learns to draw the mask, keeps its weights, and takes images of any orientation."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from data.base import Image
from encoders.networks.weights import WeightsError
from preprocessing.regions.base import Study
from preprocessing.regions.mask import Mask
from preprocessing.regions.segmentation.classes import classes_of
from preprocessing.regions.segmentation.voxel_grid import VoxelGrid
from preprocessing.regions.segmented import Segmented

AFFINE = np.array([[4.0, 0, 0, -20], [0, 0, 1.5, -50], [0, -1.5, 0, 200], [0, 0, 0, 1]])  # D left, H feet, W back
SMALL = {"network": "unet", "width": 8, "patch": (64, 48), "spacing": (0.0, 1.5, 1.5), "patches": 8}
SMALL |= {"epochs": 6, "batch_size": 4, "learning_rate": 0.01}


def bright_spine(seed):
    """Two vertebrae of 1, discs of 2 and a canal of 3, with noise."""
    mask = np.zeros((4, 64, 40), dtype=np.int16)
    rng = np.random.default_rng(seed)
    top = int(rng.integers(4))
    mask[:, top : top + 20, 8:24], mask[:, top + 28 : top + 48, 8:24] = 2, 1
    mask[:, top + 20 : top + 28, 8:24], mask[:, top + 48 : top + 56, 8:24] = 202, 201
    mask[:, 2:62, 28:34] = 100
    level = np.array([0.0, 1.0, 3.0, 2.0])[classes_of(mask)]
    return Image((level + rng.normal(0, 0.2, mask.shape)).astype(np.float32), AFFINE, mask)


def study(name, read):
    return Study(name, name, {"t2": read}, [])


def studies(n):
    return [study(str(i), partial(bright_spine, i)) for i in range(n)]


@pytest.fixture(scope="module")
def fitted():
    return Segmented(**SMALL).fit(studies(4), seed=0, device="cpu")


def test_draws_the_mask_of_a_patient_it_has_not_seen(fitted):
    image = bright_spine(9)
    prepared = fitted.draw(replace(image, mask=None))
    assert prepared.mask.dtype == np.int16
    for label in (201, 202, 100):
        found, given = prepared.mask == label, image.mask == label
        assert 2 * (found & given).sum() / (found.sum() + given.sum()) > 0.8
    assert_array_equal(prepared.pixels, image.pixels)


def test_finds_the_box_that_mask_finds_in_the_same_mask(fitted):
    prepared = fitted.draw(bright_spine(9))
    for sample in ({"mask_label": 201}, {"mask_label": 209}, {"mask_label": np.nan}):
        assert fitted.locate(prepared, sample) == Mask().locate(prepared, sample)


def test_the_given_mask_of_a_patient_changes_nothing(fitted):
    image = bright_spine(9)
    assert_array_equal(fitted.draw(image).mask, fitted.draw(replace(image, mask=None)).mask)


def test_saved_and_loaded_or_used_as_weights_gives_the_same_mask(fitted, tmp_path):
    fitted.save(tmp_path)
    image = bright_spine(9)
    again = Segmented(**SMALL).load(tmp_path, device="cpu")
    from_file = Segmented(**SMALL, weights=str(tmp_path / "network.safetensors"))
    nothing_learnt = from_file.fit([], seed=5, device="cpu")
    for other in (again, nothing_learnt):
        assert_array_equal(other.draw(image).mask, fitted.draw(image).mask)
    assert len(again.artifacts()["learning_curve"]) == 6
    assert len(from_file.weights_digest()) == 64


def test_weights_of_another_network_are_refused(fitted, tmp_path):
    fitted.save(tmp_path)
    path = str(tmp_path / "network.safetensors")
    other = Segmented(**SMALL | {"width": 16}, weights=path)
    for use in (other.weights_digest, partial(other.fit, [], seed=0, device="cpu")):
        with pytest.raises(WeightsError, match="width is 8, not 16"):
            use()
    (tmp_path / "text").write_text("no weights")
    with pytest.raises(WeightsError, match=r"is no \.safetensors file"):
        Segmented(weights=str(tmp_path / "text")).weights_digest()
    with pytest.raises(WeightsError, match="is not a file"):
        Segmented(weights="nowhere.safetensors").fit([], seed=0, device="cpu")


def test_the_same_seed_gives_the_same_network():
    region = Segmented(**SMALL | {"epochs": 1, "patches": 1})
    one, other, third = (region.fit(studies(2), seed=seed, device="cpu") for seed in (1, 1, 2))
    assert one.artifacts()["learning_curve"].equals(other.artifacts()["learning_curve"])
    assert not one.artifacts()["learning_curve"].equals(third.artifacts()["learning_curve"])


def test_the_learning_curve_has_the_dice_of_inner_patients():
    curve = (
        Segmented(**SMALL | {"epochs": 3, "validation": 0.5, "patches": 2})
        .fit(studies(4), seed=0, device="cpu")
        .artifacts()["learning_curve"]
    )
    assert list(curve.columns) == ["epoch", "train_loss", "validation_dice"]
    assert curve["validation_dice"].between(0, 1).all()
    assert curve["train_loss"].is_monotonic_decreasing


@pytest.mark.long
@pytest.mark.parametrize("network", ["segresnet", "unet"])
def test_every_network_learns_to_see_discs_on_slices(network):
    region = Segmented(**SMALL | {"network": network, "epochs": 12})
    found = region.fit(studies(3), seed=0, device="cpu").draw(bright_spine(9)).mask > 200
    given = bright_spine(9).mask > 200
    assert 2 * (found & given).sum() / (found.sum() + given.sum()) > 0.8


def test_three_dimensions():
    region = Segmented(network="unet", width=4, patch=(16, 32, 32), spacing=(0, 3, 3), epochs=1, patches=1)
    assert region.fit(studies(2), seed=0, device="cpu").draw(bright_spine(9)).mask.shape == (4, 64, 40)


def test_scans_without_a_mask_teach_nothing():
    bare = [study("a", lambda: replace(bright_spine(0), mask=None)), study("b", lambda: None)]
    with pytest.raises(ValueError, match="none of 2 training scans has a mask"):
        Segmented(**SMALL).fit(bare, seed=0, device="cpu")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"patch": (100, 96)}, "multiples of 8"),
        ({"patch": (96,)}, r"\(H, W\) or \(D, H, W\)"),
        ({"network": "vnet"}, "none of segresnet"),
        ({"width": 12}, "multiple of 8"),
        ({"network": "unet", "patch": (40, 64)}, "multiples of 16"),
        ({"network": "unet", "patch": (16, 16)}, "one voxel to normalise by"),
        ({"spacing": (1.0, 1.0)}, "three lengths"),
        ({"patience": 0}, r"patience \(0\) must be 1 or more"),
        ({"learning_rate": 0.0}, r"learning_rate \(0.0\) must be above 0"),
        ({"validation": 1.0}, r"validation \(1.0\) must be from 0 to below 1"),
    ],
)
def test_a_network_that_cannot_be_built_is_refused(fields, why):
    with pytest.raises(ValueError, match=why):
        Segmented(**fields)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
@pytest.mark.parametrize("flips", [(), (0, 2), (1,)])
def test_the_grid_is_the_same_for_any_order_and_direction_of_axes(order, flips):
    image = bright_spine(3)
    affine = AFFINE[:, [*order, 3]].copy()
    pixels, mask = (np.flip(array.transpose(order), flips) for array in (image.pixels, image.mask))
    for axis in flips:
        affine[:, 3] += affine[:, axis] * (pixels.shape[axis] - 1)
        affine[:, axis] *= -1
    turned = Image(np.ascontiguousarray(pixels), affine, mask)
    grid, straight = VoxelGrid.of(turned, (0.0, 2.0, 2.0)), VoxelGrid.of(image, (0.0, 2.0, 2.0))
    assert grid.shape == straight.shape == (4, 48, 30)
    assert_allclose(grid.pixels(turned), straight.pixels(image), atol=1e-6)
    assert_array_equal(grid.labels(classes_of(mask)), straight.labels(classes_of(image.mask)))


def test_classes_come_back_to_where_they_were():
    image = bright_spine(3)
    turned = Image(image.pixels.transpose(2, 0, 1).copy(), AFFINE[:, [2, 0, 1, 3]], image.mask.transpose(2, 0, 1))
    grid = VoxelGrid.of(turned, (0.0, 0.75, 0.75))
    classes = classes_of(turned.mask)
    one_hot = np.eye(4, dtype=np.float32)[grid.labels(classes)].transpose(3, 0, 1, 2)
    assert_array_equal(grid.classes(one_hot), classes)


def test_a_picture_without_a_place_is_taken_as_it_is():
    picture = Image(np.arange(12, dtype=np.float32).reshape(1, 3, 4), np.eye(4)[[2, 1, 0, 3]])
    grid = VoxelGrid.of(picture, (0.0, 1.0, 1.0))
    assert (grid.axes, grid.flipped, grid.shape) == ((0, 1, 2), (), (1, 3, 4))

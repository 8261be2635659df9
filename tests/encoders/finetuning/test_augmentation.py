"""Augmentation keeps left and right apart, and moves points by its matrices."""

import pytest
import torch
from numpy.testing import assert_allclose

from encoders.finetuning.augmentation import augment
from encoders.networks.placings import placings


@pytest.mark.parametrize("strength", [1.0, 3.0])
def test_augmentation_never_mirrors(strength):
    generator = torch.Generator().manual_seed(0)
    matrices = placings(2000, strength, generator)
    assert (torch.linalg.det(matrices[:, :, :2]) > 0).all()
    marked = torch.rand(200, 1, 32, 32, generator=generator) * 0.1
    marked[:, :, 12:20, 3:11] += 1  # left of the middle
    changed = augment(marked, torch.arange(200), strength, generator)
    left, right = changed[..., :16].mean(dim=(1, 2, 3)), changed[..., 16:].mean(dim=(1, 2, 3))
    assert (left > right).all()
    assert not torch.allclose(changed, marked, atol=0.1)


def test_augmentation_turns_about_the_middle_by_a_known_angle():
    """A point is found where the inverse of its crop's own matrix puts it."""
    generator = torch.Generator().manual_seed(3)
    matrix = placings(1, 1.0, torch.Generator().manual_seed(3))[0].double()
    picture = torch.zeros(1, 1, 65, 65)
    picture[0, 0, 20:23, 44:47] = 1  # its centre at (21, 45)
    changed = augment(picture, torch.zeros(1, dtype=torch.long), 1.0, generator)[0, 0].clamp(min=0)
    changed = torch.where(changed > 0.5 * changed.max(), changed, 0).double()
    rows, columns = torch.meshgrid(torch.arange(65.0), torch.arange(65.0), indexing="ij")
    found = torch.stack([(columns * changed).sum(), (rows * changed).sum()]) / changed.sum()
    start = (torch.tensor([45.0, 21.0]).double() + 0.5) * 2 / 65 - 1
    expected = torch.linalg.solve(matrix[:, :2], start - matrix[:, 2])
    assert_allclose(found, ((expected + 1) * 65 / 2 - 0.5).numpy(), atol=0.5)


def test_slices_of_a_crop_move_together_and_strength_0_changes_nothing():
    generator = torch.Generator().manual_seed(0)
    one = torch.rand(1, 1, 32, 32, generator=generator)
    crop_of = torch.tensor([0, 0, 1])
    changed = augment(one.expand(3, 1, 32, 32), crop_of, 1.0, generator).flatten(1)
    alike = torch.corrcoef(changed)
    assert alike[0, 1] > alike[0, 2] + 0.1
    assert torch.equal(augment(one, crop_of[:1], 0.0, generator), one)

"""The masks of phantom discs have their true geometry."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from data.phantom.anatomy import draw_anatomy
from data.phantom.gradings import draw_gradings
from data.phantom.scan import scan
from data.phantom.shapes import measure


def patient(number, effect, discs=6):
    gradings, _ = draw_gradings(np.random.default_rng([7, number, 0]), discs)
    return gradings, draw_anatomy(np.random.default_rng([7, number, 1]), gradings, effect)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_mask_has_the_true_geometry_to_half_a_voxel(number):
    _, anatomy = patient(number, 0.5)
    assert np.abs(anatomy.pose[:3, :3] - np.eye(3)).max() > 0.03
    disc = anatomy.discs[2]
    truth = measure(disc, anatomy.pose)
    step = 0.5
    affine = np.eye(4)
    affine[:3, :3] = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]]) * step
    shape = (128, 72, 104)
    centre = anatomy.pose[:3, :3] @ disc.centre + anatomy.pose[:3, 3]
    affine[:3, 3] = centre - affine[:3, :3] @ np.array(shape) / 2
    image = scan(np.random.default_rng(0), anatomy, affine, shape, ("t2",), parts=1)["t2"]
    found = np.argwhere(image.mask == disc.label)
    positions = image.position(found)
    assert_allclose(positions.mean(axis=0), [truth["x"], truth["y"], truth["z"]], atol=step / 2)
    assert_allclose(len(found) * step**3, truth["volume"], rtol=0.02)

    def length(axis):
        """The mask's length along one of the disc's own axes, through its centre."""
        along = np.arange(-40, 40, 0.02)
        line = centre + along[:, None] * (anatomy.pose[:3, :3] @ disc.axes[:, axis])
        index = np.rint(image.index(line)).astype(int)
        inside = ((index >= 0) & (index < shape)).all(axis=1)
        return 0.02 * (image.mask[tuple(index[inside].T)] == disc.label).sum()

    assert length(0) == pytest.approx(truth["lateral_width"], abs=step)
    assert length(1) == pytest.approx(truth["ap_width"], abs=step)
    assert length(2) == pytest.approx(truth["height"], abs=step)
    # A disc is widest from left to right: its first principal axis.
    left = np.linalg.svd(positions - positions.mean(axis=0), full_matrices=False)[2][0]
    left *= np.sign(left[0])
    assert np.degrees(np.arctan2(left[2], left[0])) == pytest.approx(truth["coronal_angle"], abs=1.5)
    assert np.degrees(np.arctan2(left[1], left[0])) == pytest.approx(truth["axial_angle"], abs=1.5)


def test_the_volume_of_a_disc_without_dents_is_that_of_the_oval_times_the_height():
    from dataclasses import replace
    from math import gamma

    from data.phantom.shapes import Endplate

    _, anatomy = patient(1, 0.0)
    flat = Endplate(dome=0)
    disc = replace(anatomy.discs[0], upper=flat, lower=flat, wedge=0, tilt=0, front=0, back=0, height=10.0)
    # The oval is sqrt(1 - |x|^3) deep, and the integral of that from 0 to 1 is Beta(1/3, 3/2) / 3.
    area = 4 * (disc.ap / 2) * (disc.lateral / 2) * gamma(1 / 3) * gamma(3 / 2) / gamma(1 / 3 + 3 / 2) / 3
    assert measure(disc, anatomy.pose)["volume"] == pytest.approx(10 * area, rel=0.01)

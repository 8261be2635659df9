"""Changed copies look alike and agree in their pixels; scans of two patients do not."""

import numpy as np
import pytest

from bench.plan.likeness import LIKELY, alike
from bench.stages.copies import compare
from bench.stages.looks import inside, look
from data.spider import Spider
from tests.copying import CHANGES


@pytest.fixture(scope="module")
def spines(phantom):
    """The t2 scans of six phantom patients, 0 to 255."""
    dataset = Spider(folder=str(phantom))
    scans = [dataset.load(study, "t2").pixels for study in dataset.samples()["study"].unique()[:6]]
    return [np.clip(scan / np.percentile(scan, 99.5) * 255, 0, 255).astype(np.uint8) for scan in scans]


def copied(first, second):
    """Whether the second scan is found to be a copy of the first."""
    first, second = (np.ascontiguousarray(scan, dtype=np.float32) for scan in (first, second))
    found = list(alike(look(first)[None], look(second)[None], LIKELY))
    return bool(found) and compare(first, second, found[0].placement).copied


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_picture_is_found_and_another_patient_is_not(spines, change):
    pictures = [scan[len(scan) // 2] for scan in spines]
    changed = CHANGES[change](pictures[0])
    assert copied(pictures[0][None], changed[None])
    assert not any(copied(other[None], changed[None]) for other in pictures[1:])


def test_one_pattern_with_noise_of_its_own_is_no_copy_and_with_the_same_noise_it_is():
    ramp = np.add.outer(np.linspace(0, 60, 64), np.linspace(0, 60, 80))
    ramp[8:20, 10:26], ramp[40:52, 50:70] = 220, 140  # edges that all pictures share
    first, second = (ramp + np.random.default_rng(seed).normal(0, 4, ramp.shape) for seed in range(2))
    assert not copied(first[None], second[None])
    assert copied(first[None], 0.7 * first[None] + 20)


def test_a_small_picture_with_noise_of_its_own_is_no_copy_though_edges_are_everywhere():
    pattern = 3 * np.add.outer(np.arange(20.0), np.arange(24.0))
    pattern[6:14, 8:17] = 235
    noisy = [(pattern + np.random.default_rng(seed).normal(0, 2.5, pattern.shape))[None] for seed in range(5)]
    assert not any(copied(noisy[i], noisy[j]) for i in range(5) for j in range(i))
    assert all(copied(one, 0.8 * one[:, ::-1] + 9) for one in noisy)


def test_masks_of_similar_shapes_are_no_copies_and_the_same_mask_is():
    away = np.hypot(*np.mgrid[-48:48, -48:48])
    discs = [(255.0 * (away < radius))[None] for radius in (20, 21, 22)]
    assert not any(copied(discs[i], discs[j]) for i, j in ((0, 1), (1, 2), (0, 2)))
    ragged = discs[0] * (np.random.default_rng(2).uniform(0, 1, (12, 12)) > 0.3).repeat(8, axis=0).repeat(8, axis=1)
    assert copied(ragged, 1 - ragged[:, ::-1, ::2])


VOLUMES = {
    "slices in reverse": lambda scan: scan[::-1],
    "all axes reversed": lambda scan: scan[::-1, ::-1, ::-1],
    "blank slices before it": lambda scan: np.pad(scan, ((3, 0), (0, 0), (0, 0))),
    "padded on all sides": lambda scan: np.pad(scan, ((2, 1), (9, 4), (0, 12))),
    "half the size": lambda scan: np.stack([CHANGES["half the size"](one) for one in scan]),
    "brighter": lambda scan: np.clip(scan * 1.3 + 20, 0, 255),
}


@pytest.mark.parametrize("change", VOLUMES)
def test_a_changed_volume_is_found_and_another_patient_is_not(spines, change):
    changed = VOLUMES[change](spines[0])
    assert copied(spines[0], changed)
    assert not copied(spines[1], changed)


@pytest.mark.parametrize("slices", [1, 4, 12, 13])
def test_reversed_slices_are_compared_with_themselves(slices):
    scan = np.random.default_rng(0).uniform(0, 1, (slices, 40, 40)).astype(np.float32)
    assert compare(scan, scan[::-1], (False, False, False, False)).detail > 0.95


@pytest.mark.parametrize("change", ["slices in reverse", "all axes reversed", "padded on all sides"])
def test_thick_scans_are_seen_from_three_directions(spines, change):
    thick = [np.repeat(scan[:, :64, :64], 8, axis=0)[:40] for scan in spines[:2]]
    assert look(thick[0].astype(np.float32)).any(axis=(1, 2)).all()
    assert copied(thick[0], VOLUMES[change](thick[0]))
    assert not copied(thick[1], VOLUMES[change](thick[0]))


def test_a_plain_border_is_cut_off_and_a_plain_picture_is_left():
    random = np.random.default_rng(0)
    picture = random.uniform(0, 1, (40, 30)).astype(np.float32)
    padded = np.pad(picture, ((7, 2), (0, 9)), constant_values=0.5)
    assert inside(padded) == (slice(7, 47), slice(0, 30))
    assert inside(np.zeros((20, 10), dtype=np.float32)) == (slice(0, 20), slice(0, 10))


@pytest.mark.parametrize("slices", [1, 5, 40])
def test_a_blank_scan_looks_like_no_other(slices):
    assert not look(np.full((slices, 50, 37), 1031.7, dtype=np.float32)).any()


def test_flips_only_reorder_the_signs():
    random = np.random.default_rng(1)
    picture = random.uniform(0, 1, (1, 64, 64)).astype(np.float32)
    for turned in (picture[:, ::-1], picture[:, :, ::-1], picture.swapaxes(1, 2), -picture[:, ::-1, ::-1]):
        found = list(alike(look(picture)[None], look(np.ascontiguousarray(turned))[None], (0.0, 0.0)))
        assert found[0].likeness == pytest.approx(1)

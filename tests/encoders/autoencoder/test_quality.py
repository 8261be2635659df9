"""The rating of an autoencoder against a second computation, and against cases whose answer is known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from encoders.autoencoder.quality import dice, rate
from encoders.cae_2d import Cae2d
from tests.encoders.test_cae_2d import SMALL, blobs


def test_errors_are_those_of_a_singular_value_decomposition():
    random = np.random.default_rng(0)
    seen, unseen = (random.random((n, 1, 6, 5)).astype(np.float32) for n in (40, 15))
    rebuilt = unseen + random.normal(0, 0.1, unseen.shape).astype(np.float32)
    row = rate(seen, unseen, rebuilt, ("intensity",), 4).iloc[0]
    flat, other = seen.reshape(40, -1).astype(float), unseen.reshape(15, -1).astype(float)
    mean = flat.mean(axis=0)
    axes = np.linalg.svd(flat - mean, full_matrices=False)[2][:4]
    projected = mean + (other - mean) @ axes.T @ axes
    assert_allclose(row["rmse_pca"], np.sqrt(((projected - other) ** 2).mean()), rtol=1e-5)
    assert_allclose(row["rmse_mean"], np.sqrt(((mean - other) ** 2).mean()), rtol=1e-5)
    assert_allclose(row["rmse"], np.sqrt(((rebuilt - unseen) ** 2).mean()), rtol=1e-5)
    assert_allclose(row["spread"], rebuilt.var(axis=0).mean() / unseen.var(axis=0).mean(), rtol=1e-4)
    assert (row["n_inputs"], row["components"]) == (15, 4) and np.isnan(row["dice"])


def test_as_many_components_as_inputs_allow():
    random = np.random.default_rng(0)
    seen, unseen = (random.random((n, 1, 3, 3)).astype(np.float32) for n in (3, 2))
    assert rate(seen, unseen, unseen, ("intensity",), 8).iloc[0]["components"] == 2
    alone = rate(seen[:1], unseen, unseen, ("intensity",), 8).iloc[0]
    assert alone["components"] == 0 and alone["rmse_pca"] == alone["rmse_mean"]


def test_dice_of_masks_that_are_known():
    masks = np.array([[1, 1, 0, 0], [0.9, 0.2, 0, 0], [0, 0, 0, 0]])
    truth = np.array([[1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    assert_allclose(dice(masks, truth), [2 / 3, 1, 1])


def test_both_channels_have_a_row_and_only_masks_a_dice():
    random = np.random.default_rng(1)
    seen, unseen = (random.random((n, 2, 4, 4)).astype(np.float32) for n in (9, 5))
    found = rate(seen, unseen, unseen, ("intensity", "mask"), 2).set_index("channel")
    assert found["dice"].isna().tolist() == [True, False]
    assert found.loc["mask", "dice"] == 1 and found["spread"].tolist() == pytest.approx([1, 1])


def test_a_network_that_learnt_rebuilds_unseen_patients_better_than_the_mean_and_one_without_a_step_does_not():
    images, groups = blobs(160)
    others = blobs(40, seed=1)[0]
    rows = {}
    for steps in (1, 300):
        encoder = Cae2d(**SMALL | {"steps": steps})
        fitted = encoder.fit(images, None, groups=groups, seed=0, device="cpu")
        rows[steps] = fitted.rate(images, others).iloc[0]
        inputs = np.concatenate([encoder.prepare(image) for image in others])
        rebuilt = fitted.decode(np.concatenate(list(fitted.encode(others))))
        assert_allclose(rows[steps]["rmse"], np.sqrt(((inputs - rebuilt) ** 2).mean()), rtol=1e-5)
    assert rows[1]["rmse"] > 0.9 * rows[1]["rmse_mean"] and rows[1]["spread"] < 0.2
    assert rows[300]["rmse"] < 0.6 * rows[300]["rmse_mean"] and rows[300]["spread"] > 0.5

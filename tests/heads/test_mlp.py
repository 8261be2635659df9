"""The network keeps its best epoch, and draws from its own generator."""

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from heads.mlp import Mlp


def test_the_best_epoch_is_kept(problem):
    training, _, _ = problem(apart=1.0)
    _, held_out = training.whole().stopping()
    losses = []
    for epochs in (1, 2, 4, 8, 12, 16, 20):
        fitted = Mlp(epochs=epochs).fit(training, seed=0)
        losses.append(log_loss(training.y[held_out], fitted.predict_proba(training.X[held_out])))
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] == losses[-2] < losses[0], "the last epochs got worse and must not be kept"


def test_fits_what_no_linear_head_can():
    from heads.base import Training

    rng = np.random.default_rng(0)
    X = rng.standard_normal((600, 2)).astype(np.float32)
    y = (X[:, 0] * X[:, 1] > 0).astype(np.int64)
    training = Training(X[:400], y[:400], np.arange(400).astype(str), 2)
    p = Mlp().fit(training, seed=0).predict_proba(X[400:])
    assert roc_auc_score(y[400:], p[:, 1]) > 0.97


@pytest.mark.parametrize("seed", [0, 1])
def test_first_weights_are_those_of_a_linear_layer(problem, seed):
    import torch

    network = Mlp().build(seed=seed, threads=1, device="cpu")
    weight, bias = network._layer(500, 200, torch.Generator().manual_seed(seed))
    weight, bias, reference = weight.detach(), bias.detach(), torch.nn.Linear(500, 200).requires_grad_(False)
    assert weight.shape == reference.weight.shape and bias.shape == reference.bias.shape
    assert float(weight.std()) == pytest.approx(float(reference.weight.std()), rel=0.02)
    assert float(weight.abs().max()) <= 500**-0.5

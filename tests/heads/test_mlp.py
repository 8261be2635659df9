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
    from heads.base import TrainingSet

    rng = np.random.default_rng(0)
    X = rng.standard_normal((600, 2)).astype(np.float32)
    y = (X[:, 0] * X[:, 1] > 0).astype(np.int64)
    training = TrainingSet(X[:400], y[:400], np.arange(400).astype(str), 2)
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


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_sigmoid_loss_is_torchs_binary_cross_entropy_of_every_class(classes, weighted):
    import torch

    from heads.base import LabelledRows

    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((50, 6)).astype(np.float32), rng.integers(classes, size=50)
    weights = rng.uniform(0.5, 3, size=50) if weighted else None
    network = Mlp(loss="sigmoid", epochs=2, patience=0).build(seed=0, threads=1, device="cpu").fit(X, y, weights)
    own = network._loss(*network._tensors(LabelledRows(X, y, weights)))
    each = torch.as_tensor(np.ones(50) if weights is None else weights / weights.mean(), dtype=torch.float32)
    bce = torch.nn.BCELoss(weight=each[:, None].expand(-1, classes))
    outputs = network._logits(torch.as_tensor(X)).sigmoid()
    expected = bce(outputs, torch.eye(classes)[torch.as_tensor(y)])
    assert own.item() == pytest.approx(expected.item(), rel=1e-5)
    p = network.predict_proba(X)
    np.testing.assert_allclose(p, (outputs / outputs.sum(dim=1, keepdim=True)).detach(), rtol=1e-5)


@pytest.mark.parametrize("loss", ["softmax", "sigmoid"])
def test_both_losses_learn_the_rate_of_a_feature(loss):
    """A network without hidden layers on one-hot rows reaches the class frequencies of each row's value."""
    from heads.base import TrainingSet

    rates = np.array([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]])
    value = np.repeat([0, 1], 1000)
    y = np.concatenate([np.repeat([0, 1, 2], (1000 * r).astype(int)) for r in rates])
    training = TrainingSet(np.eye(2, dtype=np.float32)[value], y, np.arange(2000).astype(str), 3)
    head = Mlp(loss=loss, hidden=(), learning_rate=0.02, batch=500, epochs=300, patience=0)
    p = head.fit(training, seed=0).predict_proba(np.eye(2, dtype=np.float32))
    np.testing.assert_allclose(p, rates, atol=0.02)


def test_an_unknown_loss_is_refused():
    assert Mlp(loss="bce").refuses(None) == "mlp: loss (bce) must be softmax or sigmoid"

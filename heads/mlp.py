"""A small neural network."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, Literal

import numpy as np

from heads.base import Float32, Float64, Head, Labels, Rows


@dataclass(frozen=True, kw_only=True)
class Mlp(Head):
    """Fully connected network with ReLU, softmax and cross-entropy, stopped early by rows of other patients.

    The weights of the best epoch are kept. Weights and batches are drawn from a generator of its own.

    Args:
        hidden: Units of each hidden layer.
        learning_rate: Of Adam.
        batch: Rows a step.
        epochs: The most passes over the training rows.
        patience: Epochs without progress before the fit stops.

    References:
        D. Kingma, J. Ba, Adam: a method for stochastic optimization, ICLR 2015, arXiv:1412.6980.
    """

    lane: ClassVar[Literal["cpu", "torch"]] = "torch"

    hidden: tuple[int, ...] = (256, 128, 64)
    learning_rate: float = 1e-3
    batch: int = 64
    epochs: int = 100
    patience: int = 10

    @property
    def stops(self) -> bool:
        """See `Head.stops`."""
        return True

    def build(self, *, seed: int, threads: int, device: str) -> Any:
        """See `Head.build`."""
        return _Network(self, seed, device)

    def train(self, classifier: Any, rows: Rows, validation: Rows | None) -> None:
        """See `Head.train`."""
        classifier.fit(*rows, validation=validation)


class _Network:
    def __init__(self, head: Mlp, seed: int, device: str) -> None:
        self.head, self.seed, self.device = head, seed, device

    def fit(
        self, X: Float32, y: Labels, sample_weight: Float64 | None = None, *, validation: Rows | None = None
    ) -> _Network:
        import torch

        generator = torch.Generator().manual_seed(self.seed)
        self.classes_ = np.unique(y)
        sizes = (X.shape[1], *self.head.hidden, len(self.classes_))
        self.layers = [self._layer(a, b, generator) for a, b in pairwise(sizes)]
        parameters = [p for layer in self.layers for p in layer]
        adam = torch.optim.Adam(parameters, lr=self.head.learning_rate, fused=True)
        rows = self._tensors(Rows(X, y, sample_weight))
        held_out = rows if validation is None else self._tensors(validation)
        best, best_loss, waited = parameters, float("inf"), 0
        for _ in range(self.head.epochs):
            order = torch.randperm(len(y), generator=generator).to(self.device)
            for step in torch.split(order, self.head.batch):
                adam.zero_grad()
                self._loss(*(t[step] for t in rows)).backward()
                adam.step()
            with torch.no_grad():
                loss = float(self._loss(*held_out))
            waited += 1
            if loss < best_loss:
                best, best_loss, waited = [p.detach().clone() for p in parameters], loss, 0
            if waited == self.head.patience:
                break
        self.layers = list(zip(best[::2], best[1::2], strict=True))
        return self

    def predict_proba(self, X: Float32) -> Float64:
        import torch

        with torch.no_grad():
            logits = self._logits(torch.as_tensor(X, device=self.device))
            return np.asarray(logits.double().softmax(dim=1).cpu().numpy())

    def _layer(self, inputs: int, outputs: int, generator: Any) -> tuple[Any, Any]:
        """Weight `(outputs, inputs)` and bias as torch.nn.Linear draws them, but from our generator."""
        import torch

        def draw(*shape: int) -> Any:
            values = (torch.rand(shape, generator=generator) * 2 - 1) / inputs**0.5
            return values.to(self.device).requires_grad_()

        return draw(outputs, inputs), draw(outputs)

    def _tensors(self, rows: Rows) -> tuple[Any, Any, Any]:
        import torch

        weights = np.ones(len(rows.y)) if rows.weights is None else rows.weights
        arrays = (rows.X, rows.y, weights.astype(np.float32))
        return tuple(torch.as_tensor(a, device=self.device) for a in arrays)  # type: ignore[return-value]

    def _logits(self, X: Any) -> Any:
        from torch.nn.functional import linear

        for depth, (weight, bias) in enumerate(self.layers):
            X = linear(X if depth == 0 else X.relu(), weight, bias)
        return X

    def _loss(self, X: Any, y: Any, weights: Any) -> Any:
        """The weighted mean cross-entropy."""
        from torch.nn.functional import cross_entropy

        return (cross_entropy(self._logits(X), y, reduction="none") * weights).sum() / weights.sum()

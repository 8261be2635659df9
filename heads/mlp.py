"""A small neural network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, ClassVar, Literal

import numpy as np

from data.describing.plug_in import Description
from heads.base import BalanceStep, Float32, Float64, Head, Int64, LabelledRows


@dataclass(frozen=True, kw_only=True)
class Mlp(Head):
    """Fully connected network with ReLU, stopped early by rows of other patients.

    It keeps the weights of the best epoch. Weights and batches are drawn from a generator of its own.

    Args:
        loss: `"softmax"` is the cross-entropy; `"sigmoid"` gives each class an output of its own, takes the mean binary
            cross-entropy over rows and classes as loss, and divides the probabilities by their sum. Class weights
            become weights of the rows.
        hidden: Units of each hidden layer.
        learning_rate: Learning rate of Adam.
        batch: Rows in each step.
        epochs: Largest number of passes over the training rows.
        patience: The fit stops after so many epochs without progress; 0 takes all epochs and rows, and keeps the last
            epoch.

    References:
        D. Kingma, J. Ba, Adam: a method for stochastic optimization, ICLR 2015, arXiv:1412.6980.
    """

    words = "a fully connected network"
    cites = ("kingma2015", "paszke2019")
    packages = ("torch",)

    lane: ClassVar[Literal["cpu", "torch"]] = "torch"

    loss: Literal["softmax", "sigmoid"] = "softmax"
    hidden: tuple[int, ...] = (256, 128, 64)
    learning_rate: float = 1e-3
    batch: int = 64
    epochs: int = 100
    patience: int = 10

    @property
    def stops(self) -> bool:
        """See `Head.stops`."""
        return self.patience > 0

    def stopped_at(self, classifier: Any) -> Mapping[str, Any]:
        """See `Head.stopped_at`."""
        return {"epochs": classifier.epoch, "patience": 0}

    def refuses(self, balance: BalanceStep | None) -> str | None:
        """See `Head.refuses`."""
        if self.loss not in ("softmax", "sigmoid"):
            return f"mlp: loss ({self.loss}) must be softmax or sigmoid"
        return super().refuses(balance)

    def build(self, *, seed: int, threads: int, device: str) -> Any:
        """See `Head.build`."""
        return _Network(self, seed, device)

    def train(self, classifier: Any, rows: LabelledRows, validation: LabelledRows | None) -> None:
        """See `Head.train`."""
        classifier.fit(*rows, validation=validation)

    def describe(self) -> Description:
        """The description: the head is a network."""
        return replace(super().describe(), weights="random")


class _Network:
    def __init__(self, head: Mlp, seed: int, device: str) -> None:
        self.head, self.seed, self.device = head, seed, device

    def fit(
        self, X: Float32, y: Int64, sample_weight: Float64 | None = None, *, validation: LabelledRows | None = None
    ) -> _Network:
        import torch

        generator = torch.Generator().manual_seed(self.seed)
        self.classes_ = np.unique(y)
        sizes = (X.shape[1], *self.head.hidden, len(self.classes_))
        self.layers = [self._layer(a, b, generator) for a, b in pairwise(sizes)]
        parameters = [p for layer in self.layers for p in layer]
        adam = torch.optim.Adam(parameters, lr=self.head.learning_rate, fused=True)
        rows = self._tensors(LabelledRows(X, y, sample_weight))
        held_out = None if validation is None else self._tensors(validation)
        best, best_loss = parameters, float("inf")
        for epoch in range(1, self.head.epochs + 1):
            order = torch.randperm(len(y), generator=generator).to(self.device)
            for step in torch.split(order, self.head.batch):
                adam.zero_grad()
                self._loss(*(t[step] for t in rows)).backward()
                adam.step()
            if held_out is None:
                continue
            with torch.no_grad():
                loss = float(self._loss(*held_out))
            if loss < best_loss:
                best, best_loss, self.epoch = [p.detach().clone() for p in parameters], loss, epoch
            if epoch == self.epoch + self.head.patience:
                break
        self.layers = list(zip(best[::2], best[1::2], strict=True))
        return self

    def predict_proba(self, X: Float32) -> Float64:
        import torch

        with torch.no_grad():
            logits = self._logits(torch.as_tensor(X, device=self.device)).double()
            if self.head.loss == "sigmoid":
                logits = torch.nn.functional.logsigmoid(logits)  # its softmax is each sigmoid divided by the sum of all
            return np.asarray(logits.softmax(dim=1).cpu().numpy())

    def __getstate__(self) -> dict[str, Any]:
        """The state with arrays for tensors, to be stored without pickle; once read back it predicts on the CPU."""
        layers = [tuple(p.detach().cpu().numpy() for p in layer) for layer in self.layers]
        return {**self.__dict__, "layers": layers, "device": "cpu"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        import torch

        layers = [tuple(map(torch.as_tensor, layer)) for layer in state["layers"]]
        self.__dict__.update({**state, "layers": layers})

    def _layer(self, inputs: int, outputs: int, generator: Any) -> tuple[Any, Any]:
        """Weight `(outputs, inputs)` and bias, drawn as in torch.nn.Linear but from our generator."""
        import torch

        def draw(*shape: int) -> Any:
            values = (torch.rand(shape, generator=generator) * 2 - 1) / inputs**0.5
            return values.to(self.device).requires_grad_()

        return draw(outputs, inputs), draw(outputs)

    def _tensors(self, rows: LabelledRows) -> tuple[Any, Any, Any]:
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
        """The weighted mean over the rows."""
        from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, one_hot

        logits = self._logits(X)
        if self.head.loss == "softmax":
            each = cross_entropy(logits, y, reduction="none")
        else:
            own = one_hot(y, len(self.classes_)).to(logits.dtype)
            each = binary_cross_entropy_with_logits(logits, own, reduction="none").mean(dim=1)
        return (each * weights).sum() / weights.sum()

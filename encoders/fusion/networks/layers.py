"""The layers of trained fusions: gated attention over slices and sequences present, convolutions over sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn


def gated_attention(features: int, hidden: int, sequences: int) -> nn.ModuleDict:
    """The layers that score embeddings: sequences share the hidden layer, and each has its own last layer.

    References:
        M. Ilse, J. Tomczak, M. Welling, Attention-based deep multiple instance learning, ICML 2018, arXiv:1802.04712.
    """
    from torch import nn

    return nn.ModuleDict({"hidden": nn.Linear(features, 2 * hidden), "score": nn.Linear(hidden, sequences)})


def over_slices(attention: Any, x: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
    """Slices `(B, S, T, F)` to the embedding of each sequence `(B, S, F)` and the weights `(B, S, T)`."""
    weights = _softmax(_scores(attention, x), present)
    return (weights[:, :, None] @ x)[:, :, 0], weights


def over_sequences(attention: Any, x: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
    """Sequences `(B, S, F)` to one embedding `(B, F)` and the weights `(B, S)`."""
    weights = _softmax(_scores(attention, x[:, :, None])[:, :, 0], present)
    return (weights[:, None] @ x)[:, 0], weights


def convolutions(sequences: int, channels: int, kernel: int) -> nn.Sequential:
    """Embeddings with the sequences as channels, `(B, S, F)`, to one `(B, 1, F)`."""
    from torch import nn

    return nn.Sequential(
        nn.Conv1d(sequences, channels, kernel, padding=kernel // 2),
        nn.ReLU(),
        nn.Conv1d(channels, 1, kernel, padding=kernel // 2),
    )


def stack(fusion: nn.Module, x: Tensor, filled: Tensor, present: Tensor) -> Tensor:
    """The convolutions over embeddings, present or filled, followed by S indicators of presence: `(B, F + S)`."""
    import torch

    fused = fusion(torch.where(present[..., None], x, filled))[:, 0]
    return torch.cat([fused, present.to(fused.dtype)], dim=1)


def perceptron(features: int, hidden: int, classes: int) -> nn.Sequential:
    """A network with one hidden layer."""
    from torch import nn

    return nn.Sequential(nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, classes))


def _scores(attention: Any, x: Tensor) -> Tensor:
    """One score for each slice: `(B, S, T, F)` to `(B, S, T)`."""
    content, gate = attention["hidden"](x).chunk(2, dim=-1)
    score = attention["score"]
    scores: Tensor = ((content.tanh() * gate.sigmoid()) * score.weight[:, None]).sum(dim=-1) + score.bias[:, None]
    return scores


def _softmax(scores: Tensor, present: Tensor) -> Tensor:
    """The softmax over the last axis and the entries present; zeros where nothing is present."""
    import torch

    smallest = torch.finfo(scores.dtype).min
    return scores.masked_fill(~present, smallest).softmax(dim=-1) * present

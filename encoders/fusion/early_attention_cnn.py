"""Attention over slices, then a 1D CNN over the sequences' embeddings, then several networks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from data.describing.plug_in import Description
from encoders.fusion.networks.layers import convolutions, gated_attention, over_slices, perceptron, stack
from encoders.fusion.networks.reading import Batch
from encoders.fusion.networks.training import Drop, FusionOutput, Shape, TrainedFusion

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class EarlyAttentionCnn(TrainedFusion):
    """One vector of F (or `project`) + S features: a 1D CNN over the attention-pooled embeddings of S sequences.

    Attention over slices gives one embedding for each sequence; the missing step fills the absent ones. The CNN runs
    over the features with the sequences as channels. S indicators (1 present, 0 absent) end the vector. Several
    networks read it, each with one hidden layer, its own dropout and its own initial weights; the fusion's own
    probabilities are their mean. The run keeps the weights of `slices` `(N, S, T)`.

    Args:
        project: Features of a learnt linear projection before the attention, such as 512; 0 keeps all F.
        hidden: Hidden units of the attention and of each network.
        channels: Channels between the two convolutions of the CNN.
        kernel: Number of features that a convolution spans; odd.
        networks: Number of networks that are averaged.
        dropout: Share of the vector's features that is dropped in training.
        learning_rate: Learning rate of AdamW for layers of up to 128 inputs; proportionally less for wider ones.
        decay: Weight decay of AdamW.
        epochs: Largest number of epochs.
        patience: Training stops after so many epochs without a fall of the held-out loss.
        batch: Samples in each training step.
        validation: Share of the training patients held out to stop early.
        weighted: Whether every class has the same weight in the loss, however many samples it has.
        starts: Number of trainings from different initial weights; the one with the lowest held-out loss is kept.

    References:
        M. Ilse, J. Tomczak, M. Welling, Attention-based deep multiple instance learning, ICML 2018, arXiv:1802.04712.
    """

    words = "attention over slices, then a 1D convolutional network over the sequences"
    cites = ("ilse2018", "loshchilov2019")
    packages = ("torch",)

    project: int = 0
    hidden: int = 64
    channels: int = 16
    kernel: int = 3
    networks: int = 3
    dropout: float = 0.5
    learning_rate: float = 3e-3
    decay: float = 0.01
    epochs: int = 40
    patience: int = 5
    batch: int = 64
    validation: float = 0.2
    weighted: bool = False
    starts: int = 3

    def build(self, shape: Shape) -> nn.ModuleDict:
        """The projection, the attention, the CNN and the networks."""
        from torch import nn

        width = self.project or shape.features
        networks = [perceptron(width + shape.sequences, self.hidden, shape.classes) for _ in range(self.networks)]
        return nn.ModuleDict(
            {
                "project": nn.Linear(shape.features, self.project) if self.project else nn.Identity(),
                "slices": gated_attention(width, self.hidden, shape.sequences),
                "fusion": convolutions(shape.sequences, self.channels, self.kernel),
                "networks": nn.ModuleList(networks),
            }
        )

    def forward(self, layers: nn.ModuleDict, batch: Batch, drop: Drop) -> FusionOutput:
        """See `TrainedFusion.forward`."""
        import torch

        x, slices = over_slices(layers["slices"], layers["project"](batch.tokens), batch.slices)
        vectors = stack(layers["fusion"], x, layers["project"](batch.filled), batch.sequences)
        networks: Any = layers["networks"]
        logits = torch.stack([network(drop(vectors)) for network in networks], dim=1)
        return FusionOutput(vectors, logits, {"slices": slices})

    def describe(self) -> Description:
        """The description: several networks are averaged."""
        return replace(super().describe(), averages=self.networks > 1)

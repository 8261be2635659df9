"""Gated attention over slices, then over sequences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from encoders.fusion.networks.layers import gated_attention, over_sequences, over_slices
from encoders.fusion.networks.reading import Batch
from encoders.fusion.networks.training import Drop, FusionOutput, Shape, TrainedFusion

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Attention(TrainedFusion):
    """One vector of F or `project` features: attention-weighted sums over slices, then over the sequences present.

    A linear layer on the vector gives the fusion's own probabilities. The run keeps the weights of `slices` `(N, S, T)`
    and `sequences` `(N, S)`.

    Args:
        project: Features of a learnt linear projection before the attention, such as 512; 0 keeps all F.
        hidden: Hidden units of each attention.
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

    words = "gated attention over slices, then over sequences"
    cites = ("ilse2018", "loshchilov2019")
    packages = ("torch",)

    uses_filled: ClassVar[bool] = False

    project: int = 0
    hidden: int = 32
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
        """The projection, the two attentions and the classifier."""
        from torch import nn

        width = self.project or shape.features
        return nn.ModuleDict(
            {
                "project": nn.Linear(shape.features, self.project) if self.project else nn.Identity(),
                "slices": gated_attention(width, self.hidden, shape.sequences),
                "sequences": gated_attention(width, self.hidden, shape.sequences),
                "classifier": nn.Linear(width, shape.classes),
            }
        )

    def forward(self, layers: nn.ModuleDict, batch: Batch, drop: Drop) -> FusionOutput:
        """See `TrainedFusion.forward`."""
        x, slices = over_slices(layers["slices"], layers["project"](batch.tokens), batch.slices)
        vectors, sequences = over_sequences(layers["sequences"], x, batch.sequences)
        logits = layers["classifier"](drop(vectors))
        return FusionOutput(vectors, logits[:, None], {"slices": slices, "sequences": sequences})

"""Gated attention over slices, then over sequences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from encoders.fusion.networks.layers import gated_attention, over_sequences, over_slices
from encoders.fusion.networks.reading import Batch
from encoders.fusion.networks.training import Drop, Outcome, Shape, TrainedFusion

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Attention(TrainedFusion):
    """One vector of F or `project` features: the sum of slices, then of sequences present, weighted by what they show.

    A linear layer on the vector gives the fusion's own probabilities. The weights of `slices` `(N, S, T)` and
    `sequences` `(N, S)` are kept.

    Args:
        project: Features of a learnt linear projection ahead of the attention, such as 512; 0 keeps all F.
        hidden: Units of each attention.
        dropout: Share of the vector's features that are dropped in training.
        learning_rate: Of AdamW for layers of up to 128 inputs; less for wider ones, in proportion.
        decay: Weight decay of AdamW.
        epochs: At most.
        patience: Epochs without a fall of the loss on held-out patients before training stops.
        batch: Samples a training step.
        validation: Share of the training patients held out to stop early.
        weighted: Whether every class weighs the same in the loss, however many samples it has.
        starts: Trainings from other initial weights; the one with the lowest loss on held-out patients is kept.

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
        """Projection, the two attentions, the classifier."""
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

    def forward(self, layers: nn.ModuleDict, batch: Batch, drop: Drop) -> Outcome:
        """See `TrainedFusion.forward`."""
        x, slices = over_slices(layers["slices"], layers["project"](batch.tokens), batch.slices)
        vectors, sequences = over_sequences(layers["sequences"], x, batch.sequences)
        logits = layers["classifier"](drop(vectors))
        return Outcome(vectors, logits[:, None], {"slices": slices, "sequences": sequences})

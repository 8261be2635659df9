"""One vector for each sequence, each with its own model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from data.base import Float32
from data.describing.plug_in import Description
from encoders.base import Tokens
from encoders.fusion.attention import Attention
from encoders.fusion.base import Fused, Fuser, Fusion, one_width, sequences_present
from encoders.fusion.networks.training import NetworkFuser
from encoders.networks.weighting import class_weights

if TYPE_CHECKING:
    import pandas as pd

Pool = Literal["mean", "attention"]


@dataclass(frozen=True, kw_only=True)
class PerSequence(Fusion):
    """One branch for each sequence, of F or `project` features: a head is fitted on each, and probabilities averaged.

    A branch is absent where a sample lacks the sequence, and for all samples where no training sample has it. With
    attention, a linear layer on each branch gives probabilities. The fusion's own probabilities are their mean over the
    branches present, or the base rates where there is none. The run keeps the weights of `slices` `(N, S, T)`.

    Args:
        pool: `"mean"` over slices learns nothing; `"attention"` over slices is trained with labels, for each sequence
            by itself. The other fields are for attention.
        project: Features of a learnt linear projection before the attention, such as 512; 0 keeps all F.
        hidden: Hidden units of the attention.
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

    words = "the slice mean of each sequence, with a classifier for each whose probabilities are averaged"
    alone = "the mean over its slices"

    uses_filled: ClassVar[bool] = False

    pool: Pool = "attention"
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

    def __post_init__(self) -> None:
        if self.pool not in get_args(Pool):
            raise ValueError(f"pool ({self.pool}) must be {' or '.join(get_args(Pool))}")
        self._model()

    @property
    def learns(self) -> Literal["nothing", "labels"]:
        """From labels where slices are pooled by attention."""
        return "labels" if self.pool == "attention" else "nothing"

    def fit(
        self,
        tokens: Sequence[Tokens],
        filled: Float32,
        y: NDArray[np.int64] | None,
        *,
        classes: int,
        groups: NDArray[np.str_],
        seed: int,
        device: str,
    ) -> Fuser:
        """Trains one `attention` for each sequence, on the samples that have it.

        Raises:
            ValueError: The sequences differ in their number of features, or no sample has any.
        """
        one_width(tokens)
        present = sequences_present(tokens)
        if y is None or self.pool == "mean":
            return partial(_means, learnt=np.asarray(present.any(axis=0)))
        if not present.any():
            raise ValueError(f"none of the {len(y)} training samples has a sequence: exclude them, or use pool=mean")
        _, prior = class_weights(y[present.any(axis=1)], classes, weighted=self.weighted)
        models: list[NetworkFuser | None] = []
        for sequence, one in enumerate(tokens):
            have = np.flatnonzero(present[:, sequence])
            where: dict[str, Any] = {"classes": classes, "groups": groups[have], "seed": seed, "device": device}
            model = self._model().fit([one.take(have)], filled[have], y[have], **where) if len(have) else None
            models.append(model)
        return FittedBranches(models, prior.tolist())

    def load(self, folder: Path, *, device: str) -> FittedBranches:
        """What `FittedBranches.save` wrote."""
        facts = json.loads((folder / "branches.json").read_text())
        models = [
            self._model().load(folder / f"sequence_{sequence}", device=device) if trained else None
            for sequence, trained in enumerate(facts["trained"])
        ]
        return FittedBranches(models, facts["prior"])

    def _model(self) -> Attention:
        return Attention(**{field.name: getattr(self, field.name) for field in fields(Attention)})

    def describe(self) -> Description:
        """The description of the slice means, or of the attention, which is trained."""
        found = replace(super().describe(), averages=True)
        if self.pool == "mean":
            return found
        return replace(
            found,
            words="gated attention over the slices of each sequence, with a classifier for each whose probabilities "
            "are averaged",
            cites=Attention.cites,
            packages=Attention.packages,
            stops_early=self.validation > 0,
            weights="random",
            alone="",
        )


class FittedBranches:
    """A trained model for each sequence, None for one without training samples, as a `TrainedFuser`."""

    def __init__(self, models: list[NetworkFuser | None], prior: list[float]) -> None:
        self._models, self._prior = models, prior

    def __call__(self, tokens: Sequence[Tokens], filled: Float32) -> Fused:
        """As in `Fuser`."""
        fused = [None if m is None else m([one], filled) for m, one in zip(self._models, tokens, strict=True)]
        samples, slices = len(filled), max(one.values.shape[1] for one in tokens)
        width = next(f.vectors.shape[2] for f in fused if f)
        vectors = np.zeros((len(tokens), samples, width), dtype=np.float32)
        present = np.zeros((len(tokens), samples), dtype=bool)
        weights = np.zeros((samples, len(tokens), slices), dtype=np.float32)
        total = np.zeros((samples, len(self._prior)))
        for sequence, one in enumerate(fused):
            if one is not None and one.probabilities is not None:
                vectors[sequence], present[sequence] = one.vectors[0], one.present[0]
                weights[:, sequence, : one.weights["slices"].shape[2]] = one.weights["slices"][:, 0]
                total += one.probabilities * one.present[0][:, None]
        count = present.sum(axis=0)[:, None]
        probabilities = np.where(count > 0, total / np.maximum(count, 1), self._prior)
        return Fused(vectors, present, probabilities, {"slices": weights})

    def save(self, folder: Path) -> None:
        """A folder for each sequence, and `branches.json` with the base rates."""
        for sequence, model in enumerate(self._models):
            if model is not None:
                inside = folder / f"sequence_{sequence}"
                inside.mkdir()
                model.save(inside)
        facts = {"trained": [model is not None for model in self._models], "prior": self._prior}
        (folder / "branches.json").write_text(json.dumps(facts, indent=1))

    def artifacts(self) -> Mapping[str, pd.DataFrame | NDArray[Any]]:
        """`learning_curve` (sequence, start, epoch, train_loss, validation_loss)."""
        import pandas as pd

        curves = {s: pd.DataFrame(m.curve) for s, m in enumerate(self._models) if m is not None}
        return {"learning_curve": pd.concat(curves, names=["sequence"]).reset_index("sequence")}


def _means(tokens: Sequence[Tokens], filled: Float32, *, learnt: NDArray[np.bool_]) -> Fused:
    vectors, present = zip(*(one.means() for one in tokens), strict=True)
    return Fused(np.stack(vectors), np.stack(present) & learnt[:, None])

"""Sequences that a sample lacks, predicted from those that it has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from data.base import Float32
from data.describing.plug_in import Description
from encoders.missing.base import Filler, Missing
from encoders.missing.filling import vae
from encoders.missing.filling.ridge import RidgeFiller
from encoders.scaling.sequences import SequenceScales

Model = Literal["ridge", "vae"]


@dataclass(frozen=True, kw_only=True)
class PseudoModality(Missing):
    """An absent sequence is predicted from those present, by a model of the training samples that have both.

    `"ridge"` fits a regression for each absent sequence and each set of present ones, on the training samples that have
    them all; predictions are shrunk towards their mean. `"vae"` trains one multimodal variational autoencoder, a
    product of experts, with sequences left out at random; training stops early by its predictions for held-out training
    patients. A sample without any sequence gets the training means.

    Args:
        model: `"ridge"` or `"vae"`.
        alpha: Penalty of the ridge regression, in multiples of the sum of the variances of the standardised predictors.

    References:
        A. Hoerl, R. Kennard, Ridge regression, Technometrics 1970, doi:10.1080/00401706.1970.10488634.
        M. Wu, N. Goodman, Multimodal generative models for scalable weakly-supervised learning, NeurIPS 2018,
        arXiv:1802.05335.
    """

    words = "a prediction from the sequences present by ridge regression"
    cites = ("hoerl1970",)

    learns: ClassVar[bool] = True

    model: Model = "ridge"
    alpha: float = 1.0

    def __post_init__(self) -> None:
        if self.model not in get_args(Model):
            raise ValueError(f"model ({self.model}) must be {' or '.join(get_args(Model))}")

    def fit(self, values: Float32, present: NDArray[np.bool_], *, groups: NDArray[np.str_], seed: int) -> Filler:
        """Keeps the training samples, or trains the autoencoder."""
        scales = SequenceScales.of_means(values, present)
        if self.model == "vae":
            return vae.train(values, present, scales, groups, seed)
        return RidgeFiller(self.alpha, values, present, scales)

    def describe(self) -> Description:
        """The description of the ridge regression, or of the autoencoder, which is a network."""
        found = super().describe()
        if self.model == "ridge":
            return found
        return replace(
            found,
            words="a prediction from the sequences present by a multimodal variational autoencoder",
            cites=("wu2018", "loshchilov2019"),
            packages=("torch",),
            stops_early=True,
            weights="random",
        )

"""A 2D convolutional autoencoder, trained on the training images of the fold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from encoders.autoencoder.base import Autoencoder
from encoders.autoencoder.recipe import DISC, DISC_SMALL, KNEE, Recipe
from encoders.base import Encoder


@dataclass(frozen=True, kw_only=True)
class Cae2d(Autoencoder, Encoder):
    """A convolutional autoencoder."""

    presets: ClassVar[Mapping[str, Recipe]] = {
        "knee": replace(KNEE, shape=(64, 64), spacing_mm=(2.2, 2.2), latent=100, batch_size=128, epochs=100),
        "disc": replace(DISC, shape=(64, 64), spacing_mm=(1.0, 1.0)),
        "disc_small": replace(DISC_SMALL, shape=(32, 32), spacing_mm=(2.0, 2.0)),
    }

    size: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """A square."""
        return (self.size, self.size) if self.size else ()

"""A 3D convolutional autoencoder, trained on the training volumes of the fold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from encoders.autoencoder.base import Autoencoder
from encoders.autoencoder.recipe import DISC, DISC_SMALL, KNEE, Recipe
from encoders.base import Encoder


@dataclass(frozen=True, kw_only=True)
class Cae3d(Autoencoder, Encoder):
    """A convolutional autoencoder of volumes."""

    presets: ClassVar[Mapping[str, Recipe]] = {"knee": KNEE, "disc": DISC, "disc_small": DISC_SMALL}

    size: tuple[int, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """As given."""
        return self.size
